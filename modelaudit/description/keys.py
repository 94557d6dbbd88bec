"""Read facts from the values of a file by the rules of its keys."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.description.values import FactMaker
from modelaudit.model.copies import replace
from modelaudit.model.description import Fact
from modelaudit.model.description_rules import FactRule, KeyRules
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.stated import StatedValue, StatedValues

HISTORY: Final = "history"
_REFERENCE: Final = defer_pattern(r"\$\$|\$([\w#-][\w#.-]*)?")


def read_keys(stated: StatedValues, address: str, rules: Mapping[str, KeyRules], maker: FactMaker) -> Iterator[Fact]:
    """Yield the facts that the values of a file state, in its order."""
    known = rules.get(stated.source)
    if known is None:
        return
    values = {each.path: each.value for each in stated.items}
    made: Counter[int] = Counter()
    for each in stated.items:
        pattern = tuple("#" if step.isdigit() else step for step in each.path)
        for rule in _list_rules(pattern, each.path, known):
            if rule.most:
                made[id(rule)] += 1
                if made[id(rule)] > rule.most:
                    continue
            if "$" in rule.value:
                rule = replace(rule, value=_resolve(rule.value, each, values).strip())
            qualifiers = tuple((name, _resolve(text, each, values)) for name, text in rule.qualifiers)
            if not stated.is_complete and ("record", HISTORY) in qualifiers:
                continue  # The value of the card may be one that was left out.
            yield from maker.make(rule, each.value, address, each.where, qualifiers)


def _list_rules(pattern: tuple[str, ...], path: tuple[str, ...], known: KeyRules) -> Iterator[FactRule]:
    """Yield the rules of a key; ``pattern`` has ``#`` for a position in a list, and an exact position comes first."""
    key = ".".join(pattern)
    yield from known.exact.get(key, ())
    exact_key = ".".join(path)
    if exact_key != key:
        yield from known.exact.get(exact_key, ())
    for steps, rule in known.wild:
        if _matches(pattern, steps):
            yield rule


def _matches(path: Sequence[str], steps: Sequence[str]) -> bool:
    """Whether a path matches steps with ``*`` for any one, and ``**`` at the end for one or more."""
    if steps[-1] == "**":
        return len(path) >= len(steps) and _matches(path[: len(steps) - 1], steps[:-1]) if len(steps) > 1 else True
    return len(path) == len(steps) and all(expected in ("*", step) for step, expected in zip(path, steps, strict=True))


def _resolve(text: str, stated: StatedValue, values: Mapping[tuple[str, ...], str]) -> str:
    """Return the text of a qualifier with its references replaced by the values that they name."""

    def find(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return stated.path[-1]
        return stated.value if match[1] is None else values.get(_locate(match[1], stated.path), "")

    return _REFERENCE.sub(find, text)


def _locate(key: str, path: Sequence[str]) -> tuple[str, ...]:
    """Return the path of another key with the positions in lists that ``path`` has."""
    positions = iter([step for step in path if step.isdigit()])
    return tuple(next(positions, step) if step == "#" else step for step in key.split("."))
