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
from modelaudit.languages.shell.expansions import decode_printed_text
from modelaudit.languages.shell.program_names import normalize_program_name, unwrap_command
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError

_MAX_TEXT_LENGTH: Final = 200_000
_PRINTED_FIELD: Final = defer_pattern(r"%[sb]")
_ESCAPED_PERCENT: Final = "\0"  # ``%%`` waits as a character that no argument can hold


def evaluate_printed_text(command: Command) -> str | None:
    """Return the text that the command prints if it is a constant, otherwise ``None``."""
    words = unwrap_command(command.words)
    name = normalize_program_name(words[0]) if words else ""
    if name == "cat" and command.input_text is not None:
        return command.input_text
    if name not in ("echo", "printf") or command.substitutions:
        return None
    arguments = [word for word in words[1:] if name != "echo" or word not in ("-n", "-e", "-ne", "-en")]
    if name == "printf" and len(arguments) > 1 and "%" in arguments[0]:
        return _fill_printed_format(arguments[0], arguments[1:])
    text = (" " if name == "echo" else "").join(arguments)
    return decode_printed_text(text)


def _fill_printed_format(template: str, arguments: list[str]) -> str | None:
    """Return what ``printf`` prints for a format whose fields are all ``%s`` or ``%b``; ``None`` for any other format.

    POSIX: the format is used again until no argument is left; arguments that are missing then are empty.
    """
    pieces = _PRINTED_FIELD.split(template.replace("%%", _ESCAPED_PERCENT))
    if len(pieces) == 1 or any("%" in piece for piece in pieces):
        return None
    printed: list[str] = []
    remaining = list(reversed(arguments))
    while remaining:
        printed.append(pieces[0])
        for piece in pieces[1:]:
            printed += (remaining.pop() if remaining else "", piece)
    return decode_printed_text("".join(printed).replace(_ESCAPED_PERCENT, "%"))


def evaluate_pipeline_output(commands: list[Command]) -> str | None:
    """Return the output of a pipeline that begins with a constant; ``None`` if any of its steps is unknown.

    Raises:
        LimitReachedError: the constant, or what a step makes of it, is too long to be evaluated.
    """
    if not commands:
        return None
    first_command = commands[0]
    words = unwrap_command(first_command.words)
    text = evaluate_printed_text(first_command)
    steps = commands[1:]
    # A here-document is the input of the first command, which is itself a step then: ``base64 -d <<< text``.
    if text is None and words and first_command.input_text is not None:
        text, steps = first_command.input_text, commands
    if text is None or not steps:
        return text
    _check_length(text)
    for step in steps:
        text = _apply_step(text, unwrap_command(step.words))
        if text is None:
            return None
    return text


def _check_length(text: str) -> None:
    """Raise ``LimitReachedError`` if a text is too long: what the rest of it runs would be unknown."""
    if len(text) > _MAX_TEXT_LENGTH:
        raise LimitReachedError(f"a constant text of more than {_MAX_TEXT_LENGTH} characters was not evaluated")


def _apply_step(text: str, words: list[str]) -> str | None:
    """Return the output of one command of a pipeline for the input ``text``; ``None`` if it is not modelled or fails.

    Bytes are kept as characters of Latin-1, which maps each byte to one character. Raises ``LimitReachedError`` if the
    output is too long.
    """
    name = normalize_program_name(words[0]) if words else ""
    stripped_bytes = text.strip().encode("latin-1", "replace")
    try:
        if name == "base64" and any(word in ("-d", "-D", "--decode", "-di") for word in words[1:]):
            return base64.b64decode(stripped_bytes, validate=False).decode("latin-1")
        if name == "openssl" and "-d" in words and any("base64" in word for word in words):
            return base64.b64decode(stripped_bytes, validate=False).decode("latin-1")
        if name == "base32" and any(word in ("-d", "-D", "--decode", "-di") for word in words[1:]):
            return base64.b32decode(stripped_bytes).decode("latin-1")
        if name == "xxd" and any("r" in word for word in words[1:]):
            return bytes.fromhex(text).decode("latin-1")
        if name in ("gunzip", "zcat") or (name == "gzip" and any("d" in word for word in words[1:])):
            # 31: the largest window (15), and a gzip header (16).
            output = zlib.decompressobj(31).decompress(text.encode("latin-1"), _MAX_TEXT_LENGTH + 1).decode("latin-1")
            _check_length(output)
            return output
    except (ValueError, binascii.Error, zlib.error):
        return None
    if name == "rev":
        return "\n".join(line[::-1] for line in text.splitlines())
    if name in ("cat", "tee"):
        return text
    if name == "tr" and len(words) == 3:
        return _translate_letters(text, words[1], words[2])
    return None


def _translate_letters(text: str, letters: str, replacements: str) -> str | None:
    """Apply ``tr`` with two sets of equal length, such as those of ROT13; ``None`` for sets of other lengths."""
    from_letters, to_letters = _expand_ranges(letters), _expand_ranges(replacements)
    if len(from_letters) != len(to_letters):
        return None
    # Of a letter that is given twice, the last replacement counts.
    return text.translate(dict(zip(map(ord, from_letters), to_letters, strict=True)))


def _expand_ranges(letters: str) -> str:
    """Replace each range by its letters: ``a-d`` becomes ``abcd``."""
    return re.sub(r"(\w)-(\w)", _expand_range, letters, flags=re.ASCII)


def _expand_range(match: re.Match[str]) -> str:
    """Return the letters from the first to the last of a range such as ``a-d``."""
    return "".join(chr(code) for code in range(ord(match[1]), ord(match[2]) + 1))
