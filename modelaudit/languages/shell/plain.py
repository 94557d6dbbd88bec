"""What commands print whose words are constants: ``echo … | base64 -d`` taken off, so that what it hides is read."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Final

from modelaudit.languages.shell.lexer import Command
from modelaudit.languages.shell.words import base_name, unwrapped

_LONGEST: Final = 200_000
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|([ntr\\]))")
_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def printed(command: Command) -> str | None:
    """What the command prints, where that is a constant."""
    words = unwrapped(command.words)
    name = base_name(words[0]) if words else ""
    if name == "cat" and command.reads is not None:
        return command.reads
    if name not in ("echo", "printf") or command.inner:
        return None
    arguments = [word for word in words[1:] if name != "echo" or word not in ("-n", "-e", "-ne", "-en")]
    text = (" " if name == "echo" else "").join(arguments)
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def decoded(commands: list[Command]) -> str | None:
    """What comes out of a pipeline that begins with a constant, as far as every step of it is known."""
    if not commands:
        return None
    first = commands[0]
    words = unwrapped(first.words)
    text = printed(first)
    steps = commands[1:]
    if text is None and words and first.reads is not None:
        text, steps = first.reads, commands
    if text is None or len(text) > _LONGEST:
        return None
    for step in steps:
        text = _step(text, unwrapped(step.words))
        if text is None:
            return None
    return text


def _step(text: str, words: list[str]) -> str | None:
    name = base_name(words[0]) if words else ""
    data = text.strip().encode("latin-1", "replace")
    try:
        if name == "base64" and any(word in ("-d", "-D", "--decode", "-di") for word in words[1:]):
            return base64.b64decode(data, validate=False)[:_LONGEST].decode("latin-1")
        if name == "openssl" and "-d" in words and any("base64" in word for word in words):
            return base64.b64decode(data, validate=False)[:_LONGEST].decode("latin-1")
        if name == "base32":
            return base64.b32decode(data)[:_LONGEST].decode("latin-1")
        if name == "xxd" and any("r" in word for word in words[1:]):
            return bytes.fromhex(text)[:_LONGEST].decode("latin-1")
        if name in ("gunzip", "zcat") or (name == "gzip" and any("d" in word for word in words[1:])):
            return zlib.decompressobj(31).decompress(text.encode("latin-1"), _LONGEST).decode("latin-1")
    except (ValueError, binascii.Error, zlib.error):
        return None
    if name == "rev":
        return "\n".join(line[::-1] for line in text.splitlines())
    if name in ("cat", "tee"):
        return text
    if name == "tr" and len(words) == 3:
        return _translated(text, words[1], words[2])
    return None


def _translated(text: str, before: str, after: str) -> str | None:
    """``tr`` of two ranges of letters, such as ROT13."""
    left, right = _spread(before), _spread(after)
    return text.translate(dict(zip(map(ord, left), right, strict=False))) if len(left) == len(right) else None


def _spread(letters: str) -> str:
    return re.sub(r"(\w)-(\w)", lambda match: "".join(map(chr, range(ord(match[1]), ord(match[2]) + 1))), letters)


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return chr(int(match[2], 8) & 0xFF) if match[2] else _LETTERS[match[3]]
