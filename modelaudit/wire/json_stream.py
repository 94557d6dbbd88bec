"""Parse JSON text that arrives in pieces, so that a document takes no more memory than its longest value.

The parser of Python needs a value as a whole. Here a value that ends within the pieces in memory is parsed by it. A
longer array or object is opened instead, and its items are parsed one by one or in batches. Source: RFC 8259.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.json_structure import count_separators, exceeds_depth, remove_strings

# An array or object of more characters is opened.
_WHOLE_VALUE: Final = 256 * KIB
# Memory in bytes of text without the end of a string, after which no more of it is read. A character takes one, two or
# four bytes. Text is read in steps of its own size.
_STRING_MEMORY: Final = 16 * MIB
_MOST_NUMBER_CHARACTERS: Final = MIB
# A number may go on behind the characters in memory: of ``1e+``, ``1`` is parsed, and two characters (``e+``) are not.
# With at least this many characters behind a value, it cannot go on.
_NUMBER_LOOKAHEAD: Final = 4
# The longest escape, ``\ud83d\ude00``, takes 12 characters.
_ESCAPE_LOOKAHEAD: Final = 16
# A comma in a string or in an inner array ends no item. The last commas are tried in turn.
_COMMAS_TRIED: Final = 3
_BLANKS: Final = defer_pattern(r"[ \t\n\r]*+")
_BLANKS_OF_ROW: Final = defer_pattern(r"[ \t\r]*+")
_NUMBER_STARTS: Final = frozenset("-0123456789")


class JsonHandler(Protocol):
    """Receives the values of a document.

    Attributes:
        decoder: parses the values that end within the pieces in memory.
    """

    decoder: json.JSONDecoder

    def begin_row(self, number: int) -> None:
        """Handle the start of a row of JSON lines, counted from 0."""

    def begin_container(self, is_object: bool) -> None:
        """Handle the start of an array or object whose items follow one by one."""

    def end_container(self) -> None:
        """Handle the end of the innermost array or object."""

    def add_key(self, key: str) -> None:
        """Handle a key of the innermost object whose value follows alone; ``add_batch`` gets whole pairs."""

    def discard_ended_object(self) -> None:
        """Forget what ``decoder`` parsed last: its text is parsed again, in another division."""

    def add_value(self, value: object) -> None:
        """Handle a whole value, as ``decoder`` returns it."""

    def add_batch(self, value: object) -> None:
        """Handle several items or pairs of the innermost array or object, as ``decoder`` returns an array or object."""


class JsonStream:
    """The parser of one text. Its methods raise ``json.JSONDecodeError`` and ``LimitReachedError``."""

    def __init__(self, pieces: Iterable[str], handler: JsonHandler, limits: Limits) -> None:
        self._pieces: Iterator[str] = iter(pieces)
        self._handler = handler
        self._limits = limits
        self._scan_once: Callable[[str, int], tuple[object, int]] = handler.decoder.scan_once  # type: ignore[attr-defined]  # it has no stub
        self._text = ""
        self._position = 0
        self._is_complete = False
        self._allows_batch = False
        self._blanks = _BLANKS
        # For messages: the characters and lines before ``_text``, and the characters of the line in which it begins.
        self._characters_before = self._lines_before = self._column_before = 0
        self._values = 1
        self._closing_signs: list[str] = []  # "]" or "}" for each open array or object, outermost first

    def parse_document(self) -> None:
        """Parse the text as one value."""
        self._fill(_WHOLE_VALUE)
        self._parse_tree()
        if self._peek():
            raise self._make_error("Extra data")

    def parse_rows(self) -> None:
        """Parse the text as JSON lines: one value on each line that is not blank.

        Raises:
            ValueError: a line is not JSON, or there are fewer than two.
        """
        self._fill(_WHOLE_VALUE)
        rows = 0
        while True:
            self._blanks = _BLANKS
            if not self._peek():
                break
            self._blanks = _BLANKS_OF_ROW
            self._handler.begin_row(rows)
            self._parse_tree()
            rows += 1
            self._count_values(1)
            if self._peek() not in ("", "\n"):
                raise ValueError("a line holds more than one value")
        if rows < 2:
            raise ValueError("one line is not a sequence of rows")

    def _parse_tree(self) -> None:
        """Parse one value, and the items of each array or object that is opened."""
        self._parse_value()
        is_first = True
        while self._closing_signs:
            depth = len(self._closing_signs)
            if self._next_item(is_first):
                self._parse_value()
            is_first = len(self._closing_signs) > depth  # a container was opened, and its first item comes next

    def _parse_value(self) -> None:
        """Parse the next value; open it if it does not end within the text in memory, or reaches a bound."""
        check_deadline()
        while True:
            first = self._peek()
            failure = self._parse_whole_value(self._position)
            if failure is None:
                return
            self._handler.discard_ended_object()
            available = len(self._text) - self._position
            is_container = first in ("[", "{")
            if isinstance(failure, LimitReachedError):
                if not is_container:  # only a container can be read in parts, up to the bound
                    raise failure
            elif self._is_complete:
                raise failure
            elif available < _WHOLE_VALUE:
                self._fill(_WHOLE_VALUE)
                continue
            elif not is_container:
                self._extend_scalar(first, failure)
                continue
            self._open_container(first == "{")
            return

    def _parse_whole_value(self, start: int) -> json.JSONDecodeError | LimitReachedError | None:
        """Parse the value at ``start``; return the error if it is wrong, cut off or beyond a bound."""
        try:
            value, end = self._scan_once(self._text, start)
        except json.JSONDecodeError as error:
            return self._make_error(error.msg, error.pos)
        except StopIteration as error:
            return self._make_error("Expecting value", error.value)
        except RecursionError:
            return LimitReachedError("it nests deeper than the parser goes")
        if not self._is_complete and len(self._text) - end < _NUMBER_LOOKAHEAD:  # a number may go on
            return self._make_error("Expecting value", end)
        reached_limit = self._check_piece(start, end, self._text[start] in "[{")
        if reached_limit is None:
            self._handler.add_value(value)
            self._position = end
        return reached_limit

    def _open_container(self, is_object: bool) -> None:
        """Open the array or object at the current position."""
        self._closing_signs.append("}" if is_object else "]")
        if len(self._closing_signs) > self._limits.document_depth:
            raise self._make_depth_error()
        self._count_values(1)
        self._position += 1
        self._handler.begin_container(is_object)

    def _extend_scalar(self, first: str, failure: json.JSONDecodeError) -> None:
        """Read more of a long string or number; raise ``failure`` if the end of the text in memory did not cause it."""
        text_end = self._characters_before + len(self._text)
        is_near_end = failure.pos >= text_end - _ESCAPE_LOOKAHEAD  # where an escape or a number may be cut
        is_cut = failure.msg.startswith("Unterminated string") or is_near_end
        available = len(self._text) - self._position
        if not is_cut or not (first == '"' or first in _NUMBER_STARTS):
            raise failure
        if first != '"' and available > _MOST_NUMBER_CHARACTERS:
            raise LimitReachedError(f"a number has more than {_MOST_NUMBER_CHARACTERS} characters")
        if sys.getsizeof(self._text) > _STRING_MEMORY:
            detail = f"the string in line {failure.lineno} takes more than {_STRING_MEMORY} bytes of memory"
            raise LimitReachedError(f"{detail}; the text from there on was not parsed")
        self._fill(2 * available)

    def _next_item(self, is_first: bool) -> bool:
        """Go to the next value of the innermost container, and pass its key on; at its end close it, return false."""
        closing = self._closing_signs[-1]
        is_object = closing == "}"
        following = self._peek()
        if following == closing:
            self._close_container()
            return False
        if not is_first:
            if following != ",":
                raise self._make_error("Expecting ',' delimiter")
            self._position += 1
            self._count_values(1)
        self._parse_batch(is_object)
        if is_object:
            self._parse_key()
        return True

    def _close_container(self) -> None:
        """Go behind the closing sign of the innermost array or object, and report its end to the handler."""
        self._position += 1
        self._closing_signs.pop()
        self._handler.end_container()

    def _parse_batch(self, is_object: bool) -> None:
        """Parse all items up to one of the last commas in memory at once, which is much faster than one by one."""
        is_text_nearly_used = len(self._text) - self._position < _WHOLE_VALUE // 4
        if is_text_nearly_used and not self._is_complete:
            self._fill(_WHOLE_VALUE)
        if not self._allows_batch:  # one attempt for each text in memory
            return
        self._allows_batch = False
        opening, closing = "{}" if is_object else "[]"
        start, end = self._position, len(self._text)
        for _ in range(_COMMAS_TRIED):
            end = self._text.rfind(",", start, end)
            if end < 0 or not self._text[start:end].strip():
                return
            batch = f"{opening}{self._text[start:end]}{closing}"
            try:
                value, parsed = self._scan_once(batch, 0)
            except (ValueError, StopIteration, RecursionError):
                parsed = 0
            if parsed != len(batch) or self._check_piece(start, end, True) is not None:
                self._handler.discard_ended_object()
                continue
            self._count_values(1)
            self._handler.add_batch(value)
            self._position = end + 1
            return

    def _parse_key(self) -> None:
        """Parse a key and the colon behind it, and pass the key on."""
        if self._peek() != '"':
            raise self._make_error("Expecting property name enclosed in double quotes")
        while True:
            try:
                key, end = self._scan_once(self._text, self._position)
                break
            except json.JSONDecodeError as error:
                failure = self._make_error(error.msg, error.pos)
                if self._is_complete:
                    raise failure from None
                self._extend_scalar('"', failure)
        self._check_piece(self._position, end, False)
        self._position = end
        if self._peek() != ":":
            raise self._make_error("Expecting ':' delimiter")
        self._position += 1
        self._handler.add_key(str(key))

    def _check_piece(self, start: int, end: int, has_brackets: bool) -> LimitReachedError | None:
        """Count the values of a parsed piece of text, or return the bound that they pass.

        Raises:
            json.JSONDecodeError: the piece is part of a row of JSON lines, and breaks the line.
        """
        if self._blanks is _BLANKS_OF_ROW and self._text.find("\n", start, end) >= 0:
            raise self._make_error("Expecting value", self._text.find("\n", start, end))
        if not has_brackets:
            return None
        piece = self._text[start:end]
        bare = "".join(remove_strings(piece)) if '"' in piece else piece
        count = count_separators(bare)
        if self._values + count > self._limits.document_nodes:
            return self._make_count_error()
        if exceeds_depth(bare, self._limits.document_depth - len(self._closing_signs)):
            return self._make_depth_error()
        self._values += count
        return None

    def _make_count_error(self) -> LimitReachedError:
        return LimitReachedError(f"it holds more than {self._limits.document_nodes} values")

    def _make_depth_error(self) -> LimitReachedError:
        return LimitReachedError(f"it nests deeper than {self._limits.document_depth} levels")

    def _count_values(self, count: int) -> None:
        """Add to the number of values. Raises ``LimitReachedError`` beyond the bound."""
        self._values += count
        if self._values > self._limits.document_nodes:
            raise self._make_count_error()

    def _peek(self) -> str:
        """Skip blanks, and return the next character; empty at the end of the text."""
        while True:
            match = self._blanks.match(self._text, self._position)
            self._position = match.end() if match is not None else self._position
            if self._position < len(self._text) or self._is_complete:
                return self._text[self._position : self._position + 1]
            self._fill(_WHOLE_VALUE)

    def _fill(self, characters: int) -> None:
        """Drop the text before the current position, and read pieces until more than ``characters`` are in memory."""
        check_deadline()
        dropped = self._position
        breaks = self._text.count("\n", 0, dropped)
        self._characters_before += dropped
        self._lines_before += breaks
        last_break = self._text.rfind("\n", 0, dropped)
        self._column_before = dropped - last_break - 1 if breaks else self._column_before + dropped
        remaining = self._text[dropped:]
        self._text, self._position = "", 0
        parts, length = [remaining] if remaining else [], len(remaining)
        del remaining
        while length <= characters:
            piece = next(self._pieces, None)
            if piece is None:
                self._is_complete = True
                break
            parts.append(piece)
            length += len(piece)
        self._text = "".join(parts)  # without a copy if there is one part
        self._allows_batch = True

    def _make_error(self, message: str, position: int | None = None) -> json.JSONDecodeError:
        """Return the error at a position of the text in memory, with the place in the whole text."""
        at = self._position if position is None else position
        error = json.JSONDecodeError(message, "", 0)
        line = self._lines_before + self._text.count("\n", 0, at) + 1
        last_break = self._text.rfind("\n", 0, at)
        column = at - last_break if last_break >= 0 else self._column_before + at + 1
        error.pos, error.lineno, error.colno = self._characters_before + at, line, column
        error.args = (f"{message}: line {line} column {column} (char {error.pos})",)
        return error
