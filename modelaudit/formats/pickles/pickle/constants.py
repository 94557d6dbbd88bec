"""Decode the constants of a pickle: numbers, text and bytes."""

from __future__ import annotations

import codecs
from typing import Final

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.recorder import Recorder
from modelaudit.formats.pickles.pickle.values import StackValue, TruncatedConstant
from modelaudit.model.pickle import Unknown

# CPython's unpickler in C reads a number as far as its zero byte; the one in Python raises.
_ZERO_BYTE: Final = "with a zero byte in it"
_START_KEPT: Final = 40  # bytes of a constant too long to keep


def decode_line(recorder: Recorder, kind: str, line: bytes) -> StackValue:
    """Decode the line after an opcode of protocol 0; ``kind`` is ``int``, ``float``, ``str`` or ``quoted``.

    A line that is not valid for its kind is recorded as a defect and becomes an ``Unknown``.
    """
    try:
        if kind == "str":
            return line.decode("raw-unicode-escape")
        if kind == "quoted":
            return _decode_quoted(line)
        number, zero_byte, _ = line.partition(b"\0")
        if zero_byte:
            # The unpickler in C takes an integer without any digit for 0.
            number = number.strip() or b"0"
            recorder.record_defect(PickleDefect.AMBIGUOUS_NUMBER, f"a {kind} literal {_ZERO_BYTE}")
        text = number.decode("ascii", "replace")
        return float(text) if kind == "float" else _decode_integer(text)
    except ValueError:
        recorder.record_defect(PickleDefect.LITERAL_INVALID, f"a {kind} literal cannot be read")
        return Unknown(f"a {kind} literal that cannot be read")


def decode_constant(recorder: Recorder, kind: str, data: bytes) -> StackValue:
    """Decode the bytes of a constant whose length precedes it; ``kind`` is ``int``, ``bytes``, ``str`` or ``latin``.

    ``str`` is text in UTF-8, and ``latin`` a string of Python 2. Invalid UTF-8 is recorded as a defect and becomes an
    ``Unknown``.
    """
    if kind == "str":
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            recorder.record_defect(PickleDefect.TEXT_INVALID, "text that is not UTF-8")
            return Unknown("text that is not UTF-8")
    if kind == "bytes":
        return data
    if kind == "int":
        return int.from_bytes(data, "little", signed=True)
    return data.decode("latin-1")


def decode_memo_index(recorder: Recorder, line: bytes) -> int:
    """Decode the memo index of GET and PUT, a line of decimal digits.

    A line that is not a number is recorded as a defect and gives -1.
    """
    number, zero_byte, _ = line.partition(b"\0")
    if zero_byte:
        recorder.record_defect(PickleDefect.AMBIGUOUS_NUMBER, f"a memo index {_ZERO_BYTE}")
    try:
        return int(number)
    except ValueError:
        recorder.record_defect(PickleDefect.LITERAL_INVALID, "a memo index that is not a number")
        return -1


def truncate_constant(kind: str, data: bytes) -> TruncatedConstant:
    """Return the value that represents a constant too long to keep, which begins with ``data``."""
    start = data[:_START_KEPT]
    if kind == "int":
        return TruncatedConstant(kind, "<int of many bits>")
    # The quote at the end goes, because the text goes on.
    if kind == "bytes":
        return TruncatedConstant(kind, repr(start)[:-1])
    return TruncatedConstant("str", repr(start.decode("latin-1"))[:-1])


def _decode_integer(text: str) -> int | bool:
    """Decode the line of INT or LONG as the unpicklers of CPython do, or raise ``ValueError``."""
    if text in ("00", "01"):
        return text == "01"  # the booleans of protocol 1 (PEP 285)
    digits = text.strip().rstrip("L")  # the line of LONG ends with an L
    try:
        return int(digits, 0)
    except ValueError:
        # The unpickler in C uses strtol, which takes a leading zero for octal.
        return int(digits, 8)


def _decode_quoted(line: bytes) -> str:
    """Decode a STRING literal by the rule of CPython, or raise ``ValueError``.

    The rule is one pair of quotes, with the escapes of a bytes literal between them.
    """
    text = line.rstrip()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("no quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin-1")
