"""Parse the Python literal at the start of a ``.npy`` file.

Python's own parser is not used, because deep nesting can crash it.

The grammar covers strings, whole numbers (also with the ``L`` of Python 2), ``True``, ``False``, ``None``, tuples,
lists and dictionaries with strings for keys. NumPy has never written anything else there.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError

Literal = str | bytes | int | None | tuple["Literal", ...] | list["Literal"] | dict[str, "Literal"]

DEEPEST_LITERAL: Final = 32
_LONGEST_NUMBER: Final = 40
_TOKEN: Final = defer_pattern(
    r"""[ \t\r\n\f]*+(?:
        (?P<string>[bBuUrR]{0,2}(?!'''|\"\"\")(?:'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+"))
        |(?P<number>[0-9]++)[lL]?
        |(?P<word>True|False|None)\b
        |(?P<mark>[][(){},:+-])
        |(?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
# A string token: b'text' has the prefix "b" and the body "text".
_STRING: Final = defer_pattern(r"(?P<prefix>\w*)(['\"])(?P<body>.*)\2", re.DOTALL)
# The body of a string, with these escapes only: \n and other letters, \x00, octal \000, and in text \u0000, \U00000000.
# Other escapes are rejected: Python warns about unknown ones, and ``\N{...}`` needs a table of character names.
_ESCAPES_OF_BYTES: Final = r"[\\'\"abfnrtv\n]|x[0-9a-fA-F]{2}|[0-3]?[0-7]{1,2}"
_ESCAPES_OF_TEXT: Final = _ESCAPES_OF_BYTES + r"|u[0-9a-fA-F]{4}|U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}"
_BYTES_WITH_KNOWN_ESCAPES: Final = defer_pattern(rf"(?:[\x00-\x5b\x5d-\x7f]|\\(?:{_ESCAPES_OF_BYTES}))*+")
_TEXT_WITH_KNOWN_ESCAPES: Final = defer_pattern(rf"(?:[^\\]|\\(?:{_ESCAPES_OF_TEXT}))*+")
_WORD_VALUES: Final[dict[str, Literal]] = {"True": True, "False": False, "None": None}


def parse_literal(text: str) -> tuple[Literal, frozenset[str]]:
    """Return the value of ``text``, and the duplicate keys of its dictionaries. The last value of a key counts.

    Raises:
        DamagedError: it is not a literal of the grammar above.
    """
    parser = _LiteralParser(text)
    value = parser.parse_value(0)
    if parser.kind != "end":
        raise parser.make_error("more text follows the literal")
    return value, frozenset(parser.duplicate_keys)


class _LiteralParser:
    """A recursive-descent parser of a literal.

    Attributes:
        kind: of the current token: ``string``, ``number``, ``word``, ``mark`` or ``end``.
        text: the current token as written.
        duplicate_keys: keys that occur twice in one dictionary.
    """

    def __init__(self, text: str) -> None:
        self._source = text
        self._position = 0
        self.duplicate_keys: set[str] = set()
        self.kind = ""
        self.text = ""
        self._read_token()

    def make_error(self, what: str) -> DamagedError:
        """Return the error to raise: ``what`` is wrong, and at which character the current token ends."""
        return DamagedError(f"the header is not a literal as NumPy writes it, at character {self._position}: {what}")

    def _read_token(self) -> None:
        """Make the next token the current one."""
        match = _TOKEN.match(self._source, self._position)
        if match is None or match.lastgroup is None:
            raise self.make_error("an unknown token")
        self._position = match.end()
        self.kind, self.text = match.lastgroup, match[match.lastgroup]

    def _skip_mark(self, mark: str) -> bool:
        """Skip the current token if it is ``mark``; return whether it was."""
        is_mark = self.kind == "mark" and self.text == mark
        if is_mark:
            self._read_token()
        return is_mark

    def parse_value(self, depth: int) -> Literal:
        """Parse the value that begins at the current token; it lies in ``depth`` containers."""
        if depth > DEEPEST_LITERAL:
            raise self.make_error(f"it nests more than {DEEPEST_LITERAL} deep")
        if self.kind == "string":
            return self._parse_strings()
        if self.kind == "word":
            word = _WORD_VALUES[self.text]
            self._read_token()
            return word
        if self._skip_mark("-"):
            return -self._parse_number()
        if self._skip_mark("("):
            values, has_comma = self._parse_values(")", depth)
            # One value in brackets is itself; only a comma makes a tuple of it.
            return values[0] if len(values) == 1 and not has_comma else tuple(values)
        if self._skip_mark("["):
            return self._parse_values("]", depth)[0]
        if self._skip_mark("{"):
            return self._parse_mapping(depth)
        return self._parse_number()

    def _parse_number(self) -> int:
        """Parse a number; it is the last possibility for a value, so anything else is an error."""
        text = self.text
        if self.kind != "number":
            raise self.make_error("a value is missing")
        if len(text) > _LONGEST_NUMBER:
            raise self.make_error("a number has too many digits")
        self._read_token()
        return int(text)

    def _parse_strings(self) -> str | bytes:
        """Parse a string, or adjacent strings, which are one."""
        parts: list[str] = []
        are_bytes: set[bool] = set()
        while self.kind == "string":
            match = _STRING.fullmatch(self.text)
            prefix, body = (match["prefix"].lower(), match["body"]) if match else ("", "")
            known_body = _BYTES_WITH_KNOWN_ESCAPES if "b" in prefix else _TEXT_WITH_KNOWN_ESCAPES
            if not known_body.fullmatch(body):
                raise self.make_error("a string that cannot be read")
            if "r" not in prefix:  # not a raw string, so its escapes count
                # ``unicode_escape`` reads Latin-1, so characters outside of it become escapes first.
                body = body.encode("latin-1", "backslashreplace").decode("unicode_escape")
            parts.append(body)
            are_bytes.add("b" in prefix)
            self._read_token()
        if len(are_bytes) > 1:
            raise self.make_error("text and bytes side by side")
        text = "".join(parts)
        return text.encode("latin-1", "replace") if are_bytes == {True} else text

    def _parse_values(self, closing: str, depth: int) -> tuple[list[Literal], bool]:
        """Parse the values up to the mark ``closing``; also return whether a comma precedes it."""
        values: list[Literal] = []
        has_comma = True  # none is needed before the first value
        while not self._skip_mark(closing):
            if not has_comma:
                raise self.make_error("a comma is missing")
            values.append(self.parse_value(depth + 1))
            has_comma = self._skip_mark(",")
        return values, has_comma

    def _parse_mapping(self, depth: int) -> dict[str, Literal]:
        """Parse a dictionary behind its opening brace."""
        mapping: dict[str, Literal] = {}
        has_comma = True  # none is needed before the first key
        while not self._skip_mark("}"):
            key = self.parse_value(depth + 1)
            if not has_comma or not isinstance(key, str) or not self._skip_mark(":"):
                raise self.make_error("a comma, a key that is text, or a colon is missing")
            if key in mapping:
                self.duplicate_keys.add(key)
            mapping[key] = self.parse_value(depth + 1)
            has_comma = self._skip_mark(",")
        return mapping
