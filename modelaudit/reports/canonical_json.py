"""Encode JSON values in the canonical form that ``json_report`` describes.

Compiled code writes the items of long lists. It keeps the order of keys, and writes some numbers otherwise, so that
keys are sorted before, and a list with such a number is written here.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from json.encoder import encode_basestring
from typing import Final, TypeAlias, TypeVar

from pydantic_core import to_json

from modelaudit.model.lazy_pattern import defer_pattern

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_Item = TypeVar("_Item")

# DEL, the C1 controls, and the categories Cf, Zl and Zp. The list is fixed: with unicodedata the canonical bytes would
# depend on the interpreter's version of Unicode. The JSON encoder itself escapes the C0 controls.
_UNPRINTABLE = defer_pattern(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
    r"|#(?=#\w*\[)"
)
_ITEMS_A_BATCH: Final = 64
_CHARACTERS_A_PART: Final = 100_000
_CONSTANTS: Final = {None: "null", True: "true", False: "false"}


class LazyList(list[Json]):
    """A list whose items are made one by one, so that a large document needs little memory.

    It is the value of a key, or an item of a plain list; no item of it contains another one.

    Args:
        items: the items, which can be read once.
        length: their number.
    """

    def __init__(self, items: Iterable[Json], length: int) -> None:
        super().__init__()
        self._items = items
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Json]:
        return iter(self._items)

    def encode_batches(self, change: Callable[[str], str]) -> Iterator[str]:
        """Yield the canonical form of batches of items, as that of a list of them; each string value is changed."""
        return (encode_items(batch, change) for batch in split_batches(self._items))


class LazyText(LazyList):
    """A ``LazyList`` with batches that are encoded already.

    Args:
        batches: canonical forms of lists, without empty ones.
        length: the number of all items.
    """

    def __init__(self, batches: Iterable[str], length: int) -> None:
        super().__init__((), length)
        self._batches = batches

    def encode_batches(self, change: Callable[[str], str]) -> Iterator[str]:
        """Yield the batches as they are."""
        yield from self._batches


class _OtherFormError(Exception):
    """A value that compiled code writes in another form, or not at all."""


def encode_canonical(value: Json, change: Callable[[str], str] = str) -> bytes:
    """Encode a JSON value in the canonical form; ``change`` is applied to each string value.

    ``change`` leaves a string of ASCII as it is.

    Raises:
        TypeError: a value is none of JSON.
        ValueError: a number is infinite or not a number, or a string contains a surrogate.
    """
    return join_parts(encode_parts(value, change))


def split_batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Yield the items in lists of a moderate length; none is empty."""
    rest = iter(items)
    while batch := list(islice(rest, _ITEMS_A_BATCH)):
        yield batch


def encode_items(items: list[Json], change: Callable[[str], str]) -> str:
    """Return the canonical form of a list that is not empty, without the escapes of invisible characters."""
    try:
        return to_json(_sort_keys(items, change), indent=2).decode()
    except _OtherFormError:
        return _encode_value(items, "\n", change)


def join_parts(parts: Iterable[bytes]) -> bytes:
    """Join parts without a list of them, which would need their memory a second time."""
    buffer = io.BytesIO()
    for part in parts:
        buffer.write(part)
    return buffer.getvalue()


def encode_parts(value: Json, change: Callable[[str], str] = str) -> Iterator[bytes]:
    """Yield the canonical form of a JSON value in parts, as ``encode_canonical`` joins them."""
    pending: list[str] = []
    length = 0
    for piece in _iterate_pieces(value, "\n", change):
        pending.append(piece)
        length += len(piece)
        if length >= _CHARACTERS_A_PART:
            yield _encode_text("".join(pending))
            pending, length = [], 0
    yield _encode_text("".join(pending))
    yield b"\n"


def _encode_text(text: str) -> bytes:
    """Encode JSON as UTF-8, with the characters that have an effect on a terminal as escapes."""
    if not text.isascii() or "\x7f" in text or "##" in text:
        # Outside strings, JSON is printable ASCII only, so every match is inside a string.
        text = _UNPRINTABLE.sub(_escape_as_json, text)
    return text.encode()


def _iterate_pieces(value: Json, line_break: str, change: Callable[[str], str]) -> Iterator[str]:
    """Yield the pieces of a JSON value: a list is read item by item, because it may be a ``LazyList``.

    ``line_break`` is a line feed and the indent of the value.
    """
    inner_break = line_break + "  "
    separator = inner_break
    if isinstance(value, dict) and value:
        yield "{"
        for key in sorted(value):
            yield f"{separator}{encode_basestring(key)}: "
            yield from _iterate_item(value[key], inner_break, change)
            separator = "," + inner_break
        yield line_break + "}"
    elif isinstance(value, LazyList) and len(value):
        comma = "["
        for batch in value.encode_batches(change):
            # Each line feed is one of the layout, and the lines of all items begin with two blanks or more.
            yield comma + batch[1:-2].replace("\n  ", inner_break)
            comma = ","
        yield line_break + "]"
    elif isinstance(value, (list, tuple)) and len(value):
        yield "["
        for item in value:
            yield separator
            yield from _iterate_item(item, inner_break, change)
            separator = "," + inner_break
        yield line_break + "]"
    else:
        yield _encode_value(value, line_break, change)


def _iterate_item(value: Json, line_break: str, change: Callable[[str], str]) -> Iterable[str]:
    """Return the pieces of a value inside another one: a single piece where compiled code can write it.

    A long list is not written at once, because that takes several times the memory of its items.
    """
    if not isinstance(value, (dict, list, tuple)):
        return (_encode_value(value, line_break, change),)
    if len(value) <= _ITEMS_A_BATCH:
        try:
            return (to_json(_sort_keys(value, change), indent=2).decode().replace("\n", line_break),)
        except _OtherFormError:
            pass
    return _iterate_pieces(value, line_break, change)


def _sort_keys(value: Json | tuple[Json, ...], change: Callable[[str], str]) -> Json:
    """Return a value with sorted keys and changed strings.

    Raises:
        _OtherFormError: it contains a number with a fraction or an exponent, a ``LazyList``, or no value of JSON.
    """
    if isinstance(value, LazyList):
        raise _OtherFormError  # its items can be read once
    if isinstance(value, dict):
        return {
            key: each if type(each := value[key]) is str and each.isascii() else _sort_keys(each, change)
            for key in sorted(value)
        }
    if isinstance(value, (list, tuple)):
        return [each if type(each) is str and each.isascii() else _sort_keys(each, change) for each in value]
    if isinstance(value, str):
        return change(str(value))
    if value is None or isinstance(value, int):
        return value
    raise _OtherFormError


def _encode_value(value: Json | tuple[Json, ...], line_break: str, change: Callable[[str], str]) -> str:
    """Return the JSON of a value. This takes a third of the time of ``json``, which does not indent in compiled code.

    Raises:
        TypeError: a value is none of JSON.
        ValueError: a number is infinite or not a number.
    """
    if isinstance(value, str):
        return encode_basestring(change(value))
    if value is None or value is True or value is False:
        return _CONSTANTS[value]
    if isinstance(value, (int, float)):
        return json.dumps(value, allow_nan=False)
    inner_break = line_break + "  "
    separator = "," + inner_break
    if isinstance(value, dict):
        pairs = [f"{encode_basestring(key)}: {_encode_value(value[key], inner_break, change)}" for key in sorted(value)]
        return f"{{{inner_break}{separator.join(pairs)}{line_break}}}" if pairs else "{}"
    if isinstance(value, (list, tuple)):
        items = [_encode_value(item, inner_break, change) for item in value]
        return f"[{inner_break}{separator.join(items)}{line_break}]" if items else "[]"
    raise TypeError(f"{type(value).__name__} is not a type of JSON")


def _escape_as_json(match: re.Match[str]) -> str:
    r"""Return the JSON escape of a character: ``\u202e``, or a pair of surrogate escapes above U+FFFF."""
    if match[0].isascii():
        # ``json`` leaves DEL and printable characters as they are.
        return f"\\u{ord(match[0]):04x}"
    return json.dumps(match[0]).strip('"')
