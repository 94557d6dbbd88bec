"""Evaluate pipelines of constants, such as ``echo … | base64 -d``, to analyse the hidden script.

Only known decoders are applied, each to bounded text. Nothing is executed.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.escapes import decode_printed_text
from modelaudit.languages.shell.program_names import normalize_program_name, unwrap_command

_MAX_TEXT_LENGTH: Final = 200_000


def evaluate_printed_text(command: Command) -> str | None:
    """Return the text that the command prints if it is a constant, otherwise ``None``."""
    words = unwrap_command(command.words)
    name = normalize_program_name(words[0]) if words else ""
    if name == "cat" and command.input_text is not None:
        return command.input_text
    if name not in ("echo", "printf") or command.substitutions:
        return None
    arguments = [word for word in words[1:] if name != "echo" or word not in ("-n", "-e", "-ne", "-en")]
    text = (" " if name == "echo" else "").join(arguments)
    return decode_printed_text(text)


def evaluate_pipeline_output(commands: list[Command]) -> str | None:
    """Return the output of a pipeline that begins with a constant; ``None`` if any of its steps is unknown."""
    if not commands:
        return None
    first = commands[0]
    words = unwrap_command(first.words)
    text = evaluate_printed_text(first)
    steps = commands[1:]
    if text is None and words and first.input_text is not None:
        text, steps = first.input_text, commands
    if text is None or len(text) > _MAX_TEXT_LENGTH:
        return None
    for step in steps:
        text = _apply_step(text, unwrap_command(step.words))
        if text is None:
            return None
    return text


def _apply_step(text: str, words: list[str]) -> str | None:
    name = normalize_program_name(words[0]) if words else ""
    data = text.strip().encode("latin-1", "replace")
    try:
        if name == "base64" and any(word in ("-d", "-D", "--decode", "-di") for word in words[1:]):
            return base64.b64decode(data, validate=False)[:_MAX_TEXT_LENGTH].decode("latin-1")
        if name == "openssl" and "-d" in words and any("base64" in word for word in words):
            return base64.b64decode(data, validate=False)[:_MAX_TEXT_LENGTH].decode("latin-1")
        if name == "base32":
            return base64.b32decode(data)[:_MAX_TEXT_LENGTH].decode("latin-1")
        if name == "xxd" and any("r" in word for word in words[1:]):
            return bytes.fromhex(text)[:_MAX_TEXT_LENGTH].decode("latin-1")
        if name in ("gunzip", "zcat") or (name == "gzip" and any("d" in word for word in words[1:])):
            return zlib.decompressobj(31).decompress(text.encode("latin-1"), _MAX_TEXT_LENGTH).decode("latin-1")
    except (ValueError, binascii.Error, zlib.error):
        return None
    if name == "rev":
        return "\n".join(line[::-1] for line in text.splitlines())
    if name in ("cat", "tee"):
        return text
    if name == "tr" and len(words) == 3:
        return _translate_letters(text, words[1], words[2])
    return None


def _translate_letters(text: str, before: str, after: str) -> str | None:
    """Apply ``tr`` with two sets of equal length, such as those of ROT13."""
    left, right = _expand_ranges(before), _expand_ranges(after)
    return text.translate(dict(zip(map(ord, left), right, strict=False))) if len(left) == len(right) else None


def _expand_ranges(letters: str) -> str:
    return re.sub(r"(\w)-(\w)", lambda match: "".join(map(chr, range(ord(match[1]), ord(match[2]) + 1))), letters)
