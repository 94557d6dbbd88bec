"""Values that may be any of many texts: the items of a table of models, of a list, of a loop.

The evaluator keeps few alternatives of a value, because each multiplies the work of what uses it. A name of a model is
only listed, so that here a tuple of texts represents any one of them, however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

from modelaudit.languages.python.values import (
    UNKNOWN,
    Alternatives,
    Constant,
    Container,
    Value,
    join_values,
    list_alternatives,
)

_MOST_TEXTS: Final = 64
_DEPTH: Final = 4


def merge_items(items: Sequence[Value], depth: int = _DEPTH) -> Value:
    """Return a value that may be any of the items: a tuple of texts, or a mapping with such a tuple for each key."""
    if not items:
        return UNKNOWN
    if all(isinstance(each, Constant) and isinstance(each.value, str) for each in items):
        return Constant(tuple(each.value for each in items if isinstance(each, Constant)))  # type: ignore[misc]
    mappings = [each for each in items if isinstance(each, Container) and len(each.keys) == len(each.values)]
    if depth and len(mappings) == len(items) and all(each.keys for each in mappings):
        by_key: dict[object, list[Value]] = {}
        for mapping in mappings:
            for key, value in zip(mapping.keys, mapping.values, strict=True):
                by_key.setdefault(key, []).append(value)
        merged = tuple(merge_items(values, depth - 1) for values in by_key.values())
        return Container(merged, tuple(by_key))  # type: ignore[arg-type]
    return join_values(*items)


def list_items(value: Value) -> list[Value] | None:
    """List the items over which a loop goes: those of a sequence, or the keys of a mapping; ``None`` if not known."""
    if isinstance(value, Constant) and isinstance(value.value, tuple) and value.value:
        return [Constant(each) for each in value.value]
    if isinstance(value, Container) and value.keys and len(value.keys) == len(value.values):
        return [Constant(key) for key in value.keys if isinstance(key, str)]
    return list(value.values) if isinstance(value, Container) and value.values else None


def select_texts(base: Value, key: Value) -> Value | None:
    """Return what ``base[key]`` may be if the key is not known; ``None`` if it is, or if the items are not."""
    if isinstance(base, Constant) and isinstance(base.value, tuple) and not isinstance(key, Constant):
        return base if base.value and all(isinstance(each, str) for each in base.value) else None
    if not isinstance(base, Container) or not base.values:
        return None
    is_mapping = len(base.keys) == len(base.values)
    if isinstance(key, Constant):
        wanted = key.value if isinstance(key.value, tuple) else (key.value,)
        if not isinstance(key.value, tuple) or not is_mapping:
            return None
        selected = [value for name, value in zip(base.keys, base.values, strict=True) if name in wanted]
        return merge_items(selected) if selected else merge_items(base.values)
    return merge_items(base.values)


def collect_any(base: Value, method: str) -> Value | None:
    """Return what ``values``, ``keys`` or ``items`` of a mapping gives; ``None`` if the mapping is not known."""
    if not isinstance(base, Container) or not base.keys or len(base.keys) != len(base.values):
        return None
    keys = Constant(tuple(key for key in base.keys if isinstance(key, str)))
    merged = merge_items(base.values)
    if method == "keys":
        return keys
    if method == "values":
        return merged if isinstance(merged, Constant) else Container((merged,))
    return Container((Container((keys, merged)),))


def join_any(parts: Sequence[Value]) -> Value | None:
    """Return each text that parts may make together; ``None`` if a part is not known, or if there is only one text."""
    choices: list[list[str]] = []
    total = 1
    for part in parts:
        texts = list_texts(part)
        if texts is None:
            return None
        choices.append(texts)
        total *= len(texts)
        if total > _MOST_TEXTS:
            return None
    if total < 2:
        return None
    return Constant(tuple("".join(each) for each in product(*choices)))


def list_texts(value: Value) -> list[str] | None:
    """List the texts that a value may be; ``None`` if it may be something else."""
    texts: list[str] = []
    for each in list_alternatives(value) if isinstance(value, Alternatives) else (value,):
        if not isinstance(each, Constant):
            # What is not known leaves the texts that are.
            if isinstance(value, Alternatives):
                continue
            return None
        items = each.value if isinstance(each.value, tuple) else (each.value,)
        texts += [str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool)]
    return texts or None
