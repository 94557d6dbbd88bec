"""Compare the lists of names that a card and files state: the labels of a classifier, the modules of an adapter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from modelaudit.description.values import LONGEST_NAME, bound_value
from modelaudit.model.copies import replace
from modelaudit.model.description import Fact
from modelaudit.model.description_rules import Comparison
from modelaudit.model.lazy_pattern import defer_pattern

_Pair = tuple[Fact, Fact]
_MODULE: Final = defer_pattern(r"(?<![\w.])(?:\w{1,40}\.){0,8}(\w{0,40}_\w{1,40}|fc\d)(?![\w.])")
"""The name of a module in a text: one with an underscore, for words such as "query" may be a description."""
_WITH_ID: Final = defer_pattern(
    r"\W*(?:label[ _])?(?P<id>\d{1,4})[\"'`]?\s*(?:->|=>|=|\u2192|:|-|\.|\))+\s*(?P<name>.+)", re.IGNORECASE
)
_BEFORE_ID: Final = defer_pattern(r"(?P<name>[^()]+)\((?P<id>\d{1,4})\)\W*\Z")
_TAG_PREFIX: Final = defer_pattern(r"^[BIESLU]-(?=\w)")
"""Of a label for the tokens of an entity: its beginning, inside, end."""
_NO_ENTITY: Final = "o"
_SHORTEST_PREFIX: Final = 3


def find_unknown_members(stated: Sequence[Fact], found: Sequence[Fact], _: Comparison) -> _Pair | None:
    """Return a fact with the stated modules and one with those of the files, if one of the former is not there.

    A card may list a part of the modules.
    """
    known = {name for fact in found for name in _MODULE.findall(fact.value)}
    names = [name for fact in stated for name in _MODULE.findall(fact.value)]
    if not known or all(name in known for name in names):
        return None
    return _join(stated[0], names), _join(found[0], [each.value for each in found])


class _Label(Struct, frozen=True):
    """A label, its number if one is stated, and its name in lower case without the tag of a token."""

    id: str
    name: str

    def agrees(self, other: _Label) -> bool:
        """Whether both are one label; one of them may be shortened."""
        short, long = sorted((self.name, other.name), key=len)
        return short == long or (len(short) >= _SHORTEST_PREFIX and long.startswith(short))


def find_other_labels(stated: Sequence[Fact], found: Sequence[Fact], comparison: Comparison) -> _Pair | None:
    """Return a fact with the labels of a card and one with those of the files, if they are plainly others.

    No label agrees and their number differs, which leaves out names in another language; or they are the same with
    other numbers.
    """
    mine = [_read_label(part) for fact in stated for part in fact.value.split("/")]
    theirs = [replace(_read_label(fact.value), id=fact.get("id")) for fact in found]
    mine, theirs = (_drop_repeated(labels) for labels in (mine, theirs))
    are_labels = all(each.id or any(word.declared.fullmatch(each.name) for word in comparison.words) for each in mine)
    if len(mine) < 2 or not theirs or not are_labels:
        return None
    numbers = len({each.name for each in mine}), len({each.name for each in theirs})
    is_other = numbers[0] != numbers[1] and not any(each.agrees(other) for each in mine for other in theirs)
    if not is_other and not _is_renumbered(mine, theirs):
        return None
    return _join(stated[0], [each.value for each in stated]), _join(found[0], [each.value for each in found])


def _drop_repeated(labels: Sequence[_Label]) -> list[_Label]:
    """Return the labels, each once, without the one for tokens of no entity."""
    return list(dict.fromkeys(each for each in labels if each.name != _NO_ENTITY))


def _is_renumbered(mine: Sequence[_Label], theirs: Sequence[_Label]) -> bool:
    """Whether the labels are the same, and their numbers too, in another order."""
    same_names = {each.name for each in mine} == {each.name for each in theirs}
    same_numbers = {each.id for each in mine} == {each.id for each in theirs}
    return same_names and same_numbers and len(mine) == len(theirs) and set(mine) != set(theirs)


def _read_label(text: str) -> _Label:
    """Read a label: ``0 -> Negative``, ``Negative (0)``, ``B-PER`` or a bare name."""
    match = _WITH_ID.fullmatch(text.strip()) or _BEFORE_ID.fullmatch(text.strip())
    name = match["name"] if match is not None else text
    bare = _TAG_PREFIX.sub("", name.strip(" \t\"'`*.()"))
    return _Label(match["id"] if match is not None else "", " ".join(bare.lower().replace("_", " ").split()))


def _join(fact: Fact, names: Sequence[str]) -> Fact:
    """Return a fact with names as its value, each once and bounded, and without the number of the first."""
    return replace(fact, value=bound_value(", ".join(dict.fromkeys(names)), LONGEST_NAME))
