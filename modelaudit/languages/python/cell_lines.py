"""Find the lines of a notebook cell that begin a statement, as IPython does: by tokens, not by the text of one line.

A line that lies within a string or in brackets, or continues the line above, is Python whatever it begins with.

Source: ``make_tokens_by_line`` in ``IPython/core/inputtransformer2.py``; PEP 701 for strings in replacement fields.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct, field

from modelaudit.model.lazy_pattern import defer_pattern

# Python ends lines here only. ``str.splitlines`` also splits at U+2028 and others, which are text in a comment.
_LINE_END: Final = defer_pattern(r"\r\n|\r(?!\r\n)|\n")
_RETURN_AFTER_BACKSLASH: Final = defer_pattern(r"\\\r\n?")
# IPython ends magics, commands and help here as well: the other line ends of ``str.splitlines``.
_OTHER_LINE_END: Final = defer_pattern(r"[\v\f\x1c-\x1e\x85\u2028\u2029]")
_STRING_START: Final = defer_pattern(r"(?<!\w)([A-Za-z]{0,2})(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')")
# What takes one step of the scan within code, apart from the start of a string.
_CODE_STEP: Final = defer_pattern(r"[^\W\d]\w*|[^\w\"'#()\[\]{}:]+|\d\w*|.", re.DOTALL)
# Text of a string that can neither end it nor open a replacement field.
_PLAIN_TEXT: Final = defer_pattern(r"[^\\{}\"']+")
_MASK: Final = "_"
_BRACKETS: Final = "([{"
# Frames of an open construct, apart from a bracket and the quotes of a string.
_REPLACEMENT: Final = "replacement"  # ``{value}`` of an f-string
_FORMAT: Final = "format"  # ``:>10`` in ``{value:>10}``
_MAX_OPEN: Final = 500  # Python itself allows 200 brackets and 150 f-strings


class _Frame(Struct):
    """A string, bracket or replacement field that is open.

    Attributes:
        kind: the quotes of a string, an opening bracket, ``replacement`` or ``format``.
        has_fields: whether it is a string with replacement fields.
    """

    kind: str
    has_fields: bool = False


class LineScanner(Struct):
    """Follows Python from line to line, and knows what is open at the start of each."""

    _frames: list[_Frame] = field(default_factory=list)
    _is_continued: bool = False

    @property
    def begins_statement(self) -> bool:
        """Whether the next line begins a statement: neither a string nor a bracket is open, and no backslash."""
        return not self._frames and not self._is_continued

    def scan(self, line: str) -> str:
        """Go over the next line of Python.

        Args:
            line: its text without the end of the line.

        Returns:
            The line, as long as before, with ``_`` in place of each character of a string or comment.
        """
        line = line.removesuffix("\r")
        masked: list[str] = []
        self._is_continued = False
        position = 0
        while position < len(line):
            if self._is_in_text():
                end = self._scan_text(line, position)
                masked.append(_MASK * (end - position))
            else:
                end = self._scan_code(line, position, masked)
            position = end
        self._end_line(line)
        return "".join(masked)

    def _is_in_text(self) -> bool:
        """Whether the next character is text of a string, and not code."""
        return bool(self._frames) and self._frames[-1].kind not in (*_BRACKETS, _REPLACEMENT)

    def _scan_code(self, line: str, position: int, masked: list[str]) -> int:
        """Go over one step of code, append it to ``masked``, and return the position behind it."""
        string = _STRING_START.match(line, position)
        if string is not None:
            prefix, quotes = string[1] or "", string[2] or string[3]
            self._open(_Frame(quotes, has_fields=bool({"f", "t"} & set(prefix.lower()))))
            masked.append(_MASK * len(string[0]))
            return string.end()
        step = _CODE_STEP.match(line, position)
        text = step[0] if step is not None else line[position]
        if text == "#":
            masked.append(_MASK * (len(line) - position))
            return len(line)
        top = self._frames[-1].kind if self._frames else ""
        if text in _BRACKETS:
            self._open(_Frame(text))
        elif text in ")]}" and top:
            self._frames.pop()
        elif text == ":" and top == _REPLACEMENT:
            self._open(_Frame(_FORMAT))
        elif text.endswith("\\") and position + len(text) == len(line):
            self._is_continued = True
        masked.append(text)
        return position + len(text)

    def _scan_text(self, line: str, position: int) -> int:
        """Go over one step of the text of a string, and return the position behind it."""
        frame = self._frames[-1]
        plain_text = _PLAIN_TEXT.match(line, position)
        if plain_text is not None:
            return plain_text.end()
        character = line[position]
        if frame.kind == _FORMAT:
            if character == "{":
                self._open(_Frame(_REPLACEMENT))
            elif character == "}":
                del self._frames[-2:]  # the format and its replacement field
            return position + 1
        if character == "\\":
            if position + 1 == len(line):
                self._is_continued = True
            # A backslash does not hide the brace of a replacement field.
            hides_next = not (frame.has_fields and line[position + 1 : position + 2] == "{")
            return min(len(line), position + 2) if hides_next else position + 1
        if line.startswith(frame.kind, position):
            self._frames.pop()
            return position + len(frame.kind)
        if frame.has_fields and character == "{":
            if line.startswith("{{", position):
                return position + 2
            self._open(_Frame(_REPLACEMENT))
        return position + 1

    def _open(self, frame: _Frame) -> None:
        """Note that ``frame`` is open. Deeper than Python allows, text cannot be a program, and is not counted."""
        if len(self._frames) < _MAX_OPEN:
            self._frames.append(frame)

    def _end_line(self, line: str) -> None:
        """Close a string in single quotes that the line leaves open: Python refuses it, unless a backslash ends it."""
        if self._is_continued and not line.endswith("\\"):
            self._is_continued = False
        outermost = next((index for index, frame in enumerate(self._frames) if frame.kind in ("'", '"')), None)
        is_in_field = any(frame.kind in (*_BRACKETS, _REPLACEMENT) for frame in self._frames[outermost or 0 :])
        if outermost is not None and not self._is_continued and not is_in_field:
            del self._frames[outermost:]


def split_lines(source: str) -> list[str]:
    """Split the source of a cell into the lines that Python reads, without their ends.

    A carriage return stays behind a backslash: IPython continues a magic or command only where a line feed follows it.
    """
    lines = _LINE_END.split(_RETURN_AFTER_BACKSLASH.sub("\\\\\r\r\n", source))
    return lines if lines[-1] else lines[:-1]


def cut_line(line: str) -> tuple[str, str | None]:
    """Split a line where IPython ends a magic, command or help; the text behind is ``None`` if the line ends there."""
    end = _OTHER_LINE_END.search(line)
    return (line, None) if end is None else (line[: end.start()], line[end.end() :])
