"""Find the well-known name that a name imitates: by case, by characters that look alike, or by one letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.provenance import KnownNames
from modelaudit.model.spelling import normalize_appearance

# In the order of application. "I" and "l" are one shape, and so are the digits that people write for letters.
_SHAPES: Final = (("rn", "m"), ("vv", "w"))
_LETTERS: Final = str.maketrans("i1|0345789!", "lllo" + "east" + "bgl")
_SEPARATORS: Final = defer_pattern(r"[-_.]+")
_LEAST_SHAPE: Final = 5
"""Letters of a name whose shape is compared; shorter names look alike by chance."""
_LEAST_CONTRIVED_SHAPE: Final = 4
"""As before, of a name with characters that occur in their place by intent alone."""
_CONTRIVED: Final = defer_pattern(r"[A-Za-z][0134578]|[0134578][A-Za-z]|vv|rn", re.IGNORECASE)
_VERTICAL: Final = str.maketrans("I1|", "lll")
_LEAST_TYPO: Final = 6
"""Letters of a name that may differ by one letter."""


def find_imitated_publisher(name: str, known: KnownNames) -> tuple[str, str] | None:
    """Return the publisher that an account imitates, and how; ``None`` for a listed name and for an unrelated one."""
    if name in known.publishers:
        return None
    shape = _draw_shape(name)
    for publisher in sorted(known.publishers):
        if normalize_appearance(name) == publisher.casefold():
            return publisher, "by upper and lower case" if name.isascii() else "by characters of another script"
    for publisher in sorted(known.publishers):
        other = _draw_shape(publisher)
        is_contrived = _CONTRIVED.search(name) or name.translate(_VERTICAL) == publisher.translate(_VERTICAL)
        if len(other) >= (_LEAST_CONTRIVED_SHAPE if is_contrived else _LEAST_SHAPE) and shape == other:
            return publisher, "by characters that look alike"
        if len(other) >= _LEAST_TYPO and _differs_by_one_edit(shape, other):
            return publisher, "by one letter"
    return None


def find_imitated_model(name: str, known: KnownNames) -> tuple[str, str] | None:
    """Return the family that a word of the name of a repository imitates, and how; ``None`` without one.

    A true name of a family, in any case, is not an imitation: everybody names what a model derives from.
    """
    families = {_draw_shape(each): each for each in known.models if len(_draw_shape(each)) >= _LEAST_SHAPE}
    for word in _list_words(name):
        family = families.get(_draw_shape(word))
        if family is not None and word.casefold() != family.casefold():
            return family, "by characters that look alike"
    return None


def _list_words(name: str) -> Iterator[str]:
    """Yield the words of a name, each also less the number at its end: ``Llama3`` is a Llama."""
    for word in _SEPARATORS.split(name):
        yield from dict.fromkeys((word, word.rstrip("0123456789")))


def _draw_shape(name: str) -> str:
    """Return a form in which names that look alike are equal. Use it only to add suspicion."""
    shape = _SEPARATORS.sub("", normalize_appearance(name))
    for pair, letter in _SHAPES:
        shape = shape.replace(pair, letter)
    return shape.translate(_LETTERS)


def _differs_by_one_edit(first: str, second: str) -> bool:
    """Whether one letter is added, left out or replaced, or two neighbours are swapped (Damerau-Levenshtein of 1)."""
    if first == second or abs(len(first) - len(second)) > 1:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(map(len, (first, second)))
    )
    rest, other = first[start:], second[start:]
    is_swap = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:] or is_swap
