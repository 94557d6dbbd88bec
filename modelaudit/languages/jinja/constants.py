"""Compute operators, filters and methods of Jinja on constants.

Each result is bounded before it is computed: a template must not make the scanner build a huge text. An operation that
is not supported, or too large, gives ``UNKNOWN``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

MAX_ITEMS: Final = 256
_MAX_TEXT_LENGTH: Final = 4096
_INTEGER_BOUND: Final = 1 << 128
_MAX_DIGITS: Final = 29
_MAX_REPLACED_LENGTH: Final = 1 << 16
# A field of ``%`` formatting: group 1 is its type; without the group the field has a width, or another type.
_PERCENT: Final = defer_pattern(r"%(?:([scdxXo%])|.|\Z)", re.DOTALL)


class Mapping(Struct, frozen=True):
    """A dictionary as key and value pairs; ``UNKNOWN`` replaces values known only at run time."""

    pairs: tuple[tuple[Value, Value], ...]


class Unknown:
    """A value that is not known."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()

Value = str | int | float | bool | None | tuple["Value", ...] | Mapping | Unknown


def is_within_bounds(value: object) -> bool:
    """Whether a value has a supported type and is within the size limits."""
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT_LENGTH
    if isinstance(value, int):
        return abs(value) < _INTEGER_BOUND
    if isinstance(value, tuple):
        return len(value) <= MAX_ITEMS
    return value is None or isinstance(value, float | Mapping | Unknown)


def format_value(value: Value) -> str | Unknown:
    """Return the text that a template prints for the value; unknown for lists and mappings, which are not modelled."""
    if isinstance(value, tuple | Mapping | Unknown):
        return UNKNOWN
    # One character more than the limit, so that ``is_within_bounds`` notices the excess.
    return str(value)[: _MAX_TEXT_LENGTH + 1]


def iterate_items(value: Value) -> Iterator[Value]:
    """Yield the items of a loop over the value."""
    if isinstance(value, str):
        yield from value[:MAX_ITEMS]
    elif isinstance(value, tuple):
        yield from value
    elif isinstance(value, Mapping):
        yield from (key for key, _ in value.pairs)


def iterate_elements(value: Value) -> Iterator[Value]:
    """Yield each item that ``value[key]`` can be if the key is unknown."""
    if isinstance(value, Mapping):
        yield from (each for _, each in value.pairs)
    elif isinstance(value, tuple):
        yield from value


def get_item(value: Value, key: Value) -> Value:
    """Return ``value[key]``, or ``UNKNOWN`` if there is no such item."""
    if isinstance(value, Mapping):
        # Of a key that is given twice, the last value counts.
        return next((each for name, each in reversed(value.pairs) if name == key), UNKNOWN)
    if isinstance(value, str | tuple) and type(key) is int and -len(value) <= key < len(value):
        return value[key]
    return UNKNOWN


def slice_value(value: Value, start: Value, stop: Value, step: Value) -> Value:
    """Return ``value[start:stop:step]``, or ``UNKNOWN`` for a value that has no slices."""
    # A bound of another type is missing in this list.
    bounds = [part for part in (start, stop, step) if part is None or type(part) is int]
    if not isinstance(value, str | tuple) or len(bounds) < 3 or bounds[2] == 0:
        return UNKNOWN
    start_index, stop_index, step_size = bounds
    return value[start_index:stop_index:step_size]


def make_range(bounds: list[Value]) -> Value:
    """Return ``range(*bounds)`` as a tuple if it has at most ``MAX_ITEMS`` items, otherwise ``UNKNOWN``."""
    numbers = [bound for bound in bounds if type(bound) is int]
    if not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and numbers[2] == 0):
        return UNKNOWN
    items = range(*numbers)
    # ``len`` fails on a range of more than 2**63 items.
    return tuple(items) if items[:MAX_ITEMS] == items else UNKNOWN


def apply_operator(left: Value, operator: str, right: Value) -> Value:
    """Return the result of a binary operator, or ``UNKNOWN`` if it is not supported for these types or too large."""
    if operator == "%" and isinstance(left, str):
        return format_percent(left, right if isinstance(right, tuple) else (right,))
    if operator == "*":
        if isinstance(right, str | tuple):
            left, right = right, left
        if isinstance(left, str | tuple) and type(right) is int:
            return left * right if len(left) * right <= _MAX_TEXT_LENGTH else UNKNOWN
    if operator == "+":
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(left, tuple) and isinstance(right, tuple):
            return left + right
    if type(left) is int and type(right) is int:
        return _apply_integer_operator(left, operator, right)
    return UNKNOWN


def _apply_integer_operator(left: int, operator: str, right: int) -> Value:
    """Return the result of an operator on integers; a power is bounded to 128 times 32 bits before it is computed."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//" if right:
            return left // right
        case "%" if right:
            return left % right
        case "**" if 0 <= right <= 128 and abs(left) <= 1 << 32:
            return int(left**right)
        case _:
            return UNKNOWN


def format_percent(template: str, values: tuple[Value, ...]) -> Value:
    """Return ``template % values``; ``UNKNOWN`` for a width, a precision or too many fields."""
    remaining_values = list(values)
    pieces: list[str] = []
    end = 0
    for field in _PERCENT.finditer(template):
        kind = field[1]
        if len(pieces) > MAX_ITEMS:
            return UNKNOWN
        pieces.append(template[end : field.start()])
        end = field.end()
        if kind == "%":
            pieces.append("%")
            continue
        if kind is None or not remaining_values:
            return UNKNOWN
        piece = _format_percent_field(kind, remaining_values.pop(0))
        if isinstance(piece, Unknown):
            return UNKNOWN
        pieces.append(piece)
    return "".join((*pieces, template[end:]))


def _format_percent_field(kind: str, value: Value) -> str | Unknown:
    """Return the text of one field of the type ``kind``, such as ``s``; unknown if the value does not fit it."""
    if kind == "s":
        return format_value(value)
    if kind == "c":
        if isinstance(value, str):
            return value[:1]
        return chr(value) if type(value) is int and 0 <= value < 0x110000 else UNKNOWN
    return format(value, kind) if type(value) is int and is_within_bounds(value) else UNKNOWN


def _replace_text(value: str, arguments: list[Value]) -> Value:
    """Apply the filter or method ``replace``; ``UNKNOWN`` if the result could be too large."""
    old, new = [*arguments, UNKNOWN, UNKNOWN][:2]  # arguments that are missing are unknown
    count = _read_count(arguments, 2)
    if not isinstance(old, str) or not isinstance(new, str) or count is None:
        return UNKNOWN
    # An empty text to replace occurs before every character and at the end.
    largest_length = (len(value) + 1) * (len(new) + 1)
    return value.replace(old, new, count) if largest_length <= _MAX_REPLACED_LENGTH else UNKNOWN


def _read_count(arguments: list[Value], position: int) -> int | None:
    """Return the most replacements or splits, -1 if there is no such argument; ``None`` if the arguments do not fit."""
    if len(arguments) > position + 1:
        return None
    count = arguments[position] if len(arguments) > position else -1
    if count is None:  # the default of the filter ``replace``
        return -1
    # No text has more characters than the bound, so that a larger count changes nothing.
    return max(-1, min(count, 2 * _MAX_TEXT_LENGTH)) if type(count) is int else None


def _strip_text(value: str, arguments: list[Value], strip: Callable[[str, str | None], str]) -> Value:
    """Apply ``str.strip``, ``str.lstrip`` or ``str.rstrip``, with the characters to remove as optional argument."""
    characters = arguments[0] if arguments else None
    return strip(value, characters) if characters is None or isinstance(characters, str) else UNKNOWN


def _split_text(value: str, arguments: list[Value]) -> Value:
    """Split a text at a separator, or at white space without one."""
    separator = arguments[0] if arguments else None
    count = _read_count(arguments, 1)
    if count is None or separator == "" or not isinstance(separator, str | None):
        return UNKNOWN
    return tuple(value.split(separator, count))


def _join_items(value: Value, arguments: list[Value]) -> Value:
    """Join the items of a value with a separator; ``UNKNOWN`` if an item is unknown or the text is too long."""
    separator = arguments[0] if arguments else ""
    formatted = [format_value(piece) for piece in iterate_items(value)]
    pieces = [piece for piece in formatted if isinstance(piece, str)]
    # The second argument of the filter is an attribute of each item to join.
    if not isinstance(separator, str) or len(pieces) < len(formatted) or len(arguments) > 1:
        return UNKNOWN
    if sum(len(piece) + len(separator) for piece in pieces) > _MAX_TEXT_LENGTH:
        return UNKNOWN
    return separator.join(pieces)


_TEXT_FILTERS: Final[dict[str, Callable[[str, list[Value]], Value]]] = {
    "lower": lambda value, _: value.lower(),
    "upper": lambda value, _: value.upper(),
    "casefold": lambda value, _: value.casefold(),
    "swapcase": lambda value, _: value.swapcase(),
    "title": lambda value, _: value.title(),
    "capitalize": lambda value, _: value.capitalize(),
    "trim": lambda value, given: _strip_text(value, given, str.strip),
    "strip": lambda value, given: _strip_text(value, given, str.strip),
    "lstrip": lambda value, given: _strip_text(value, given, str.lstrip),
    "rstrip": lambda value, given: _strip_text(value, given, str.rstrip),
    "replace": _replace_text,
    "split": _split_text,
    "format": lambda value, given: format_percent(value, tuple(given)),
    "removeprefix": lambda value, given: value.removeprefix(str(given[0])) if given else UNKNOWN,
    "removesuffix": lambda value, given: value.removesuffix(str(given[0])) if given else UNKNOWN,
}


def apply_filter(name: str, value: Value, arguments: list[Value]) -> Value:
    """Apply the filter or method ``name`` to ``value``; return ``UNKNOWN`` if it is not supported for the type."""
    if isinstance(value, str) and name in _TEXT_FILTERS:
        return _TEXT_FILTERS[name](value, arguments)
    match name:
        case "join" if isinstance(value, str) and arguments and isinstance(arguments[0], tuple | Mapping):
            return _join_items(arguments[0], [value])  # the method of a text, not the filter
        case "join":
            return _join_items(value, arguments)
        case "string":
            return format_value(value)
        case "reverse" if isinstance(value, str | tuple):
            return value[::-1]
        case "first" | "last" | "list" | "keys" | "length" | "count":
            return _apply_item_filter(name, [*iterate_items(value)])
        case "items" | "values" | "get" if isinstance(value, Mapping):
            return _call_mapping_method(name, value, arguments)
        case "int" if not arguments:  # with arguments, it has a default and a base
            return _convert_to_integer(value)
        case _:
            return UNKNOWN


def _convert_to_integer(value: Value) -> Value:
    """Apply the filter ``int`` to an integer or a text of digits; ``UNKNOWN`` for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    return value if type(value) is int else UNKNOWN


def _call_mapping_method(name: str, mapping: Mapping, arguments: list[Value]) -> Value:
    """Call ``items``, ``values`` or ``get`` of a dictionary."""
    if name == "get":
        if len(arguments) == 2 and all(key != arguments[0] for key, _ in mapping.pairs):
            return arguments[1]
        return get_item(mapping, arguments[0]) if arguments else UNKNOWN
    return tuple(pair if name == "items" else pair[1] for pair in mapping.pairs)


def _apply_item_filter(name: str, items: list[Value]) -> Value:
    """Apply ``length``, ``count``, ``list``, ``keys``, ``first`` or ``last`` to the items of a value."""
    if name in ("length", "count"):
        return len(items)
    if name in ("list", "keys"):
        return tuple(items)
    return items[0 if name == "first" else -1] if items else UNKNOWN


def map_filter(name: str, value: Value, arguments: list[Value]) -> Value:
    """Apply the filter ``map(name, *arguments)`` to ``value``; ``UNKNOWN`` if it has no items."""
    if not isinstance(value, tuple | Mapping):
        return UNKNOWN
    return tuple(apply_filter(name, each, arguments) for each in iterate_items(value))
