"""Keep the facts of short texts and small files, because the models that one process reads share many of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Final

from modelaudit.model.description import Fact
from modelaudit.model.description_rules import DescriptionRules
from modelaudit.model.evidence import Prose
from modelaudit.model.limits import KIB
from modelaudit.model.stated import StatedValues

_LONGEST_TEXT: Final = 64 * KIB
_MOST_VALUES: Final = 40
_LARGEST_COST: Final = 32 * KIB
_MOST_COST: Final = 512 * KIB
_COST_OF_FACT: Final = 512
"""Characters that a fact costs beside its own."""


class KeptFacts:
    """The facts of the latest structures, of one rule set: those of another replace them."""

    def __init__(self) -> None:
        self._facts: OrderedDict[Hashable, tuple[tuple[Fact, ...], int]] = OrderedDict()
        self._cost = 0
        self._rules: DescriptionRules | None = None
        self._lock = Lock()

    def read(
        self, structure: Prose | StatedValues, address: str, rules: DescriptionRules, read: Callable[[], Iterable[Fact]]
    ) -> Iterable[Fact]:
        """Return the kept facts of an equal structure at the same address; without such, read and keep them.

        The facts have to follow from the structure, the address and the rules alone.
        """
        key = _make_key(structure, address)
        if key is None:
            return read()
        with self._lock:
            if self._rules is not rules:
                self._facts.clear()
                self._cost, self._rules = 0, rules
            kept = self._facts.get(key)
            if kept is not None:
                self._facts.move_to_end(key)
                return kept[0]
        facts = tuple(read())
        cost = _estimate_cost_of_key(structure) + sum(map(_estimate_cost, facts))
        if cost <= _LARGEST_COST:
            self._keep(key, facts, cost, rules)
        return facts

    def _keep(self, key: Hashable, facts: tuple[Fact, ...], cost: int, rules: DescriptionRules) -> None:
        """Keep facts, and drop those that were used longest ago beyond the bound."""
        with self._lock:
            if self._rules is not rules or key in self._facts:
                return  # another thread began with other rules, or kept the same
            self._facts[key] = facts, cost
            self._cost += cost
            while self._cost > _MOST_COST:
                _, (_, dropped) = self._facts.popitem(last=False)
                self._cost -= dropped


def _make_key(structure: Prose | StatedValues, address: str) -> Hashable | None:
    """Make the key that equal structures share; ``None`` for a large one."""
    if isinstance(structure, StatedValues):
        return (address, structure) if len(structure.items) <= _MOST_VALUES else None
    if len(structure.text) > _LONGEST_TEXT:
        return None
    digest = hashlib.sha256(structure.text.encode("utf-8", "surrogatepass")).digest()
    return (address, digest, structure.kind, structure.first_line, structure.unread)


def _estimate_cost_of_key(structure: Prose | StatedValues) -> int:
    """Estimate the characters that the key of a structure takes in memory; of a text, a digest alone."""
    items = structure.items if isinstance(structure, StatedValues) else ()
    return _COST_OF_FACT * (1 + len(items)) + sum(len(each.value) + sum(map(len, each.path)) for each in items)


def _estimate_cost(fact: Fact) -> int:
    """Estimate the characters that a fact takes in memory."""
    return _COST_OF_FACT + len(fact.value) + sum(len(name) + len(text) for name, text in fact.qualifiers)
