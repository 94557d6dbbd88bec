"""Find the keys that a shape knows at a place, to suggest one for a misspelt key."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

if TYPE_CHECKING:
    from modelaudit.catalogue.document import Place


def suggest_word(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" for the known word that resembles ``word`` most, whatever its case; else nothing."""
    by_folded = {each.casefold(): each for each in known}
    nearest = difflib.get_close_matches(word.casefold(), by_folded, 1)
    return f"; did you mean {by_folded[nearest[0]]}?" if nearest else ""


def list_known_keys(shape: type, place: Place) -> Collection[str]:
    """List the keys of the mapping at ``place`` in documents of ``shape``; nothing where any key is allowed."""
    parts = list(_unwrap(shape))
    for step in place:
        parts = [each for part in parts for each in _descend(part, step)]
    return sorted(key for part in parts for key, _ in _list_fields(part))


def _descend(part: object, step: str | int) -> Iterator[object]:
    """Yield the types that the child ``step`` of a value of type ``part`` may have."""
    arguments = get_args(part)
    if get_origin(part) is list and isinstance(step, int):
        yield from _unwrap(arguments[0])
    if get_origin(part) is dict:
        yield from _unwrap(arguments[1])
    for key, annotation in _list_fields(part):
        if key == step:
            yield from _unwrap(annotation)


def _unwrap(annotation: object) -> Iterator[object]:
    """Yield the alternatives of a union, without the metadata of ``Annotated``."""
    if get_origin(annotation) is Annotated:
        yield from _unwrap(get_args(annotation)[0])
    elif get_origin(annotation) in (None, list, dict):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from _unwrap(each)


def _list_fields(part: object) -> Iterator[tuple[str, Any]]:
    """Yield (key, type) of every field of a dataclass of pydantic; nothing for another type."""
    # pydantic documents this attribute for its dataclasses; its type is not public there.
    for name, info in getattr(part, "__pydantic_fields__", {}).items():
        yield info.alias or name, info.annotation
