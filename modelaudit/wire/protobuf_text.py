"""Parse the text format of protocol buffers to a stream of fields, without a schema.

The text arrives in pieces, and no more of it is in memory than the longest token takes.

Source: https://protobuf.dev/reference/protobuf/textformat-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import DamagedError, Head, LimitReachedError
from modelaudit.wire.deadline import check_deadline

_TOKEN: Final = defer_pattern(
    r"(?P<space>(?:[ \t\r\n\f\v]|\#[^\n]*+)++)"
    r"|(?P<text>\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+')"
    r"|(?P<extension>\[[\w./%\- ]*+\](?=\s*+[:{<]))"
    r"|(?P<word>[A-Za-z_][\w.]*+)"
    r"|(?P<number>[.\d][\w.]*+(?:(?<=[eE])[+-]\d++[fF]?+)?+)"
    r"|(?P<sign>[:{}<>\[\],;-])",
    re.DOTALL,
)
_ESCAPE: Final = defer_pattern(
    rb"\\(?:([0-7]{1,3})|[xX]([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL
)
_ESCAPED_BYTES: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
# The text may begin with a message: white space and comments, then a name with ":", "{" or "<", or only comments.
_RECOGNITION_BYTES: Final = MIB
_POSSIBLE_START: Final = defer_pattern(rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+(?:[a-z_]++\s*+[:{<]|\Z)")
_CLOSING_SIGNS: Final = {"{": "}", "<": ">"}
_LONGEST_WORD: Final = MIB
"""Characters of a name, a number or an extension."""
_LONGEST_TEXT: Final = 8 * MIB
"""Characters of a quoted text, and bytes of a value, that are kept; the rest is passed over."""
# With two characters behind it, a number cannot go on: of ``1e+5``, ``1e`` is a number by itself.
_LOOKAHEAD: Final = 2
# An extension that may go on behind the text in memory; until it ends, it looks like the start of a list.
_UNFINISHED_EXTENSION: Final = defer_pattern(r"\[[\w./%\- ]*+(?:\]\s*+)?+\Z")
# The inside of a quoted text, by its quotes.
_INSIDE_OF_TEXT: Final = {
    '"': defer_pattern(r"(?:[^\"\\\n]++|\\.)*+", re.DOTALL),
    "'": defer_pattern(r"(?:[^'\\\n]++|\\.)*+", re.DOTALL),
}


def read_recognition_bytes(head: Head) -> bytes:
    """Return the bytes for recognition: 1 MiB if the head may be this format, because it may be all comments."""
    return head.window.read(0, _RECOGNITION_BYTES) if _POSSIBLE_START.match(head.data) else head.data


class TextField(Struct, frozen=True):
    """One event of a text: a message begins, a message ends, or a field has a value.

    Attributes:
        name: the name of the field; empty where a message ends.
        value: the bytes of a single value; ``None`` where a message begins or ends.
        quoted: whether the value is a quoted text.
        line: line number, from 1.
    """

    name: str
    value: bytes | None
    quoted: bool
    line: int


class _Token(Struct):
    """A word, number, text or sign as written; ``kind`` is a group of ``_TOKEN``, or ``end``."""

    kind: str
    text: str
    line: int


class _Tokens:
    """The tokens of a text.

    Attributes:
        next: the next one, without consuming it.
        shortened_line: the line of the first value whose beginning alone is kept; 0 without such a value.
    """

    def __init__(self, pieces: Iterable[str], limits: Limits) -> None:
        self._pieces = filter(None, pieces)
        self._is_complete = False
        self._text = ""
        self._characters_before = 0  # of ``_text``
        self._position = 0
        self._line = 1
        self.shortened_line = 0
        self._most = limits.document_nodes
        self._count = 0
        self.next = self._read_token()

    def take_token(self) -> _Token:
        """Consume and return the next token."""
        token = self.next
        self.next = self._read_token()
        return token

    def take_sign(self, *signs: str) -> str:
        """Consume and return the next token if it is one of ``signs``; otherwise return an empty text."""
        return self.take_token().text if self.next.kind == "sign" and self.next.text in signs else ""

    def _read_token(self) -> _Token:
        """Return the token at the current position, behind spaces and comments; its kind is ``end`` at the end."""
        while self._position < len(self._text) or self._read_more():
            check_deadline()
            line = self._line
            match = self._match_token()
            if match is not None and match.lastgroup == "space":
                self._pass_over(match.end())
                self._continue_comment(match.group())
                continue
            self._count += 1
            if self._count > self._most:
                raise LimitReachedError(f"it holds more than {self._most} words", self._get_offset())
            if match is None:
                return _Token("text", self._shorten_text(), line)
            self._pass_over(match.end())
            return _Token(match.lastgroup or "", match.group(), line)
        return _Token("end", "", self._line)

    def _match_token(self) -> re.Match[str] | None:
        """Match the token at the current position as a whole; return ``None`` for a quoted text that is too long."""
        while True:
            match = _TOKEN.match(self._text, self._position)
            if self._is_complete or (match is not None and self._is_whole(match)):
                break
            length = len(self._text) - self._position
            if self._text[self._position] in _INSIDE_OF_TEXT:
                if length > _LONGEST_TEXT:
                    return None
            elif match is None:
                break
            elif length > _LONGEST_WORD:
                raise LimitReachedError(
                    f"line {self._line} has a word of more than {_LONGEST_WORD} characters", self._get_offset()
                )
            self._read_more()
        if match is None:
            raise self._make_error()
        return match

    def _is_whole(self, match: re.Match[str]) -> bool:
        """Whether a token that was matched does not go on behind the text in memory."""
        if match.lastgroup in ("space", "text"):
            return True
        if match.group() == "[":
            return not _UNFINISHED_EXTENSION.match(self._text, self._position)
        return match.end() + _LOOKAHEAD <= len(self._text)

    def _pass_over(self, end: int) -> None:
        """Continue at ``end``, and count the lines up to there."""
        self._line += self._text.count("\n", self._position, end)
        self._position = end

    def _continue_comment(self, space: str) -> None:
        """Read on if the comment at the end of ``space``, which was passed over, may go on in the next piece."""
        ends_in_comment = self._position == len(self._text) and "#" in space.rpartition("\n")[2]
        if ends_in_comment and self._read_more():
            self._text = f"#{self._text}"
            self._characters_before -= 1

    def _shorten_text(self) -> str:
        """Pass over a quoted text that is too long, and return its beginning with a quote at the end."""
        quote = self._text[self._position]
        beginning = self._text[self._position : self._position + _LONGEST_TEXT]
        self.shortened_line = self.shortened_line or self._line
        self._position += 1
        while True:
            inside = _INSIDE_OF_TEXT[quote].match(self._text, self._position)
            assert inside is not None  # it may be empty
            self._pass_over(inside.end())
            # What ends a text is a quote, or by error a line break. A backslash waits for the next character.
            has_end = self._text[self._position : self._position + 1] not in ("", "\\")
            if has_end or not self._read_more():
                break
        if self._text[self._position : self._position + 1] != quote:
            raise self._make_error()
        self._position += 1
        return beginning + quote

    def _read_more(self) -> bool:
        """Drop the text before the current position, and read about as much as is left; return whether there was any.

        A long token is thus matched again only each time that the text has doubled.
        """
        parts = [self._text[self._position :]]
        self._characters_before += self._position
        left = max(len(parts[0]), 1)
        while left > 0 and not self._is_complete:
            piece = next(self._pieces, None)
            self._is_complete = piece is None
            parts.append(piece or "")
            left -= len(parts[-1])
        self._text, self._position = "".join(parts), 0
        return len(self._text) > len(parts[0])

    def _get_offset(self) -> int:
        """Return the number of characters before the current position."""
        return self._characters_before + self._position

    def _make_error(self) -> DamagedError:
        """Return the error for characters that are no token."""
        return DamagedError(f"line {self._line} is not in the text format of protocol buffers", self._get_offset())


def parse_text_fields(pieces: Iterable[str], limits: Limits) -> Iterator[TextField]:
    """Yield the fields of a text in order; a message yields one event at its begin and one at its end.

    Args:
        pieces: the text, divided anywhere.
        limits: bounds on it.

    Raises:
        DamagedError: the text is not a message in text format; the fields before the error were yielded.
        LimitReachedError: it holds too many words or nests too deep; or, after all fields, one value was shortened.
    """
    tokens = _Tokens(pieces, limits)
    closing_signs: list[str] = []
    while tokens.next.kind != "end" or closing_signs:
        yield from _parse_next(tokens, closing_signs, limits)
    if tokens.shortened_line:
        raise LimitReachedError(
            f"of the text in line {tokens.shortened_line}, only the first {_LONGEST_TEXT} characters were read"
        )


def _parse_field(name: _Token, tokens: _Tokens, closing_signs: list[str], limits: Limits) -> Iterator[TextField]:
    """Yield the field ``name``: one value, one message, or each element of a list as a field of its own.

    Args:
        name: the token of the field's name, which was consumed.
        tokens: the tokens behind it.
        closing_signs: the sign that ends each open message, outermost first.
        limits: the bound on nested messages.
    """
    colon = tokens.take_sign(":")
    opening_sign = tokens.take_sign("{", "<")
    if opening_sign:
        yield _open_message(name, opening_sign, closing_signs, limits)
        return
    if not tokens.take_sign("["):
        if not colon:
            raise DamagedError(f"the field {name.text[:50]!r} in line {name.line} has no value")
        yield _parse_value(name, tokens)
        tokens.take_sign(",", ";")
        return
    while not tokens.take_sign("]"):
        opening_sign = tokens.take_sign("{", "<")
        if opening_sign:
            # The list can go on only when this message ends, so its fields are parsed here.
            depth = len(closing_signs)
            yield _open_message(name, opening_sign, closing_signs, limits)
            # ``_parse_next`` ends the inner messages; without an open one, the next sign is the end of this element.
            while len(closing_signs) > depth + 1 or not tokens.take_sign(closing_signs[-1]):
                yield from _parse_next(tokens, closing_signs, limits)
            closing_signs.pop()
            yield _make_end_of_message(tokens.next.line)
        else:
            yield _parse_value(name, tokens)
        if not tokens.take_sign(",") and not (tokens.next.kind == "sign" and tokens.next.text == "]"):
            raise DamagedError(f"a list is neither continued nor closed in line {tokens.next.line}")
    tokens.take_sign(",", ";")


def _parse_next(tokens: _Tokens, closing_signs: list[str], limits: Limits) -> Iterator[TextField]:
    """Yield the end of the innermost open message if it comes next, a field otherwise."""
    if closing_signs and tokens.take_sign(closing_signs[-1]):
        closing_signs.pop()
        tokens.take_sign(",", ";")
        yield _make_end_of_message(tokens.next.line)
        return
    name = tokens.take_token()
    if name.kind not in ("word", "extension"):
        raise DamagedError(f"line {name.line} has {name.text[:20]!r} instead of a field name")
    yield from _parse_field(name, tokens, closing_signs, limits)


def _open_message(name: _Token, opening_sign: str, closing_signs: list[str], limits: Limits) -> TextField:
    """Return the event of a message that begins, and append the sign that ends it to ``closing_signs``."""
    if len(closing_signs) >= limits.document_depth:
        raise LimitReachedError(f"messages nest more than {limits.document_depth} deep")
    closing_signs.append(_CLOSING_SIGNS[opening_sign])
    return TextField(name.text, None, False, name.line)


def _make_end_of_message(line: int) -> TextField:
    """Return the event of a message that ends in ``line``."""
    return TextField("", None, False, line)


def _parse_value(name: _Token, tokens: _Tokens) -> TextField:
    """Parse one value; adjacent quoted texts are one text, as in C."""
    token = tokens.take_token()
    if token.kind == "text":
        return TextField(name.text, _join_texts(token, tokens), True, name.line)
    sign = ""
    if token.kind == "sign" and token.text == "-":
        sign, token = "-", tokens.take_token()
    if token.kind not in ("word", "number"):
        raise DamagedError(f"the field {name.text[:50]!r} in line {name.line} has no value")
    return TextField(name.text, (sign + token.text).encode(), False, name.line)


def _join_texts(first: _Token, tokens: _Tokens) -> bytes:
    """Consume the quoted texts behind ``first``, and return the bytes of all; of too many, the first ones."""
    value = bytearray(_unquote_text(first.text))
    while tokens.next.kind == "text":
        following = tokens.take_token()
        if len(value) < _LONGEST_TEXT:
            value += _unquote_text(following.text)
        else:
            tokens.shortened_line = tokens.shortened_line or following.line
    return bytes(value)


def _unquote_text(text: str) -> bytes:
    """Return the bytes of a quoted text, without its quotes and with its escapes decoded."""
    return _ESCAPE.sub(_decode_escape, text[1:-1].encode("utf-8", "surrogatepass"))


def _decode_escape(match: re.Match[bytes]) -> bytes:
    """Return the bytes of an escape in a quoted text: octal, hexadecimal, Unicode, or a letter such as ``n``."""
    octal, byte, short, long, other = match.groups()
    if octal is not None:
        return bytes([int(octal, 8) & 0xFF])
    if byte is not None:
        return bytes([int(byte, 16)])
    if other is not None:
        return _ESCAPED_BYTES.get(other, other)
    code = int(short or long, 16)
    return chr(code).encode("utf-8", "surrogatepass") if code <= 0x10FFFF else b"?"
