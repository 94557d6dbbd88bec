"""Fold calls of ``zip`` and ``sorted`` on known items, by which code puts a name together in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.languages.python import name_resolution
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import (
    UNKNOWN,
    Alternatives,
    Constant,
    Container,
    Provenance,
    Value,
    join_choices,
    join_values,
    open_constant,
)
from modelaudit.model.copies import replace

_MOST_ITEMS: Final = 256


def zip_items(call: Call) -> Value | None:
    """Return the tuples that ``zip`` makes of known sequences; ``None`` if one of them is not known."""
    columns = [list_items(each) for each in call.args]
    if not columns or call.keywords or any(column is None for column in columns):
        return None
    rows = zip(*(column for column in columns if column is not None), strict=False)
    return Container(tuple(Container(tuple(row)) for row in rows))


def sort_items(call: Call) -> Value | None:
    """Return the sorted texts or numbers of a known sequence or mapping; ``None`` for any other call of ``sorted``."""
    items = list_items(call.args[0]) if len(call.args) == 1 and not set(call.keywords) - {"reverse"} else None
    if not items:
        return None
    plain = [each.value for each in items if isinstance(each, Constant)]
    is_reversed = call.keywords.get("reverse", Constant(False))
    if len(plain) < len(items) or not isinstance(is_reversed, Constant):
        return None
    texts = [each for each in plain if isinstance(each, str)]
    numbers = [each for each in plain if isinstance(each, int)]
    ordered: list[str] | list[int] = sorted(texts) if texts else sorted(numbers)
    if len(ordered) < len(plain):
        return None
    is_open = any(isinstance(each, Constant) and each.is_open for each in items)
    return Constant(tuple(reversed(ordered) if is_reversed.value else ordered), Provenance.COMPUTED, is_open)


def replace_item(sequence: Value, key: Value, value: Value) -> Value | None:
    """Return a list of known items after one of them was set; ``None`` for any other value.

    Under a key that is not known, the value may be any of the items.
    """
    items = list_items(sequence) if not isinstance(sequence, Container) or not sequence.keys else None
    if not items:
        return None
    if isinstance(key, Constant) and isinstance(key.value, int) and -len(items) <= key.value < len(items):
        position = key.value % len(items)
        return Container((*items[:position], value, *items[position + 1 :]))
    given = list_items(value) or [value]  # of a slice
    return Container(tuple(join_values(each, *given) for each in items))


def list_items(value: Value) -> Sequence[Value] | None:
    """Return the items over which a known text, tuple, list or mapping iterates; ``None`` for any other value."""
    if isinstance(value, Container):
        items: Sequence[Value] = [Constant(each) for each in value.keys] if value.keys else value.values
        items = list(map(open_constant, items)) if value.is_open else items
    elif isinstance(value, Constant) and isinstance(value.value, str | bytes | tuple):
        items = [Constant(each, value.provenance, value.is_open) for each in value.value[:_MOST_ITEMS]]
    else:
        return None
    return items if len(items) < _MOST_ITEMS else None


def slice_items(items: Container, bounds: Sequence[Value | None]) -> Container:
    """Return a slice of a list; with bounds that are not known, each item may be any of the list.

    Args:
        items: the list.
        bounds: start, stop and step; ``None`` for each that is left out.
    """
    numbers = [each.value if isinstance(each, Constant) and not each.is_open else each for each in bounds]
    known = [each for each in numbers if isinstance(each, int | None)]
    if len(known) == len(bounds) == 3 and known[2] != 0:
        return replace(items, values=items.values[known[0] : known[1] : known[2]])
    return replace(items, values=(join_choices(*items.values),) * len(items.values)) if items.values else items


def take_any(value: Value) -> Value:
    """Return a value that may be any item over which a known list or mapping iterates; of a mapping, the keys too."""
    if isinstance(value, Alternatives):
        return join_choices(*map(take_any, value.values))
    item = name_resolution.resolve_item(value, UNKNOWN)
    if not isinstance(value, Container) or not value.keys:
        return item
    keys = (UNKNOWN if each is None else open_constant(Constant(each)) for each in value.keys)
    return join_choices(*keys, item)


def pair_keys(mapping: Container) -> Container:
    """Return the pairs of ``mapping.items()``."""
    pairs = zip(mapping.keys, mapping.values, strict=True)
    rows = (Container((UNKNOWN if key is None else Constant(key), value), is_tuple=True) for key, value in pairs)
    return Container(tuple(rows), is_open=mapping.is_open)
