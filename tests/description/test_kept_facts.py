"""Tests for the facts that equal texts and files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelaudit.description.kept_facts import KeptFacts
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Fact, Topic
from modelaudit.model.description_rules import DescriptionRules
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.stated import StatedValue, StatedValues

_RULES = DescriptionRules()
_TEXT = Prose(ProseKind.CARD, "# Acme\n", 5)
_VALUES = StatedValues("config.json", (StatedValue(("model_type",), "llama"),))


class Reading:
    """A reader that counts its calls."""

    def __init__(self, value: str = "acme", facts: int = 1) -> None:
        self.calls = 0
        self._fact = Fact(Topic.NAME, value, Confidence.DECLARED)
        self._count = facts

    def __call__(self) -> Iterator[Fact]:
        self.calls += 1
        yield from [self._fact] * self._count


@pytest.mark.parametrize("structure", [_TEXT, _VALUES], ids=["text", "values"])
def test_an_equal_structure_is_read_once(structure: Prose | StatedValues) -> None:
    kept, reading = KeptFacts(), Reading()
    first = list(kept.read(structure, "README.md", _RULES, reading))
    assert first == list(kept.read(replace(structure), "README.md", _RULES, reading)) != []
    assert reading.calls == 1


@pytest.mark.parametrize(
    ("structure", "address", "rules"),
    [
        (replace(_TEXT, text="# Other\n"), "README.md", _RULES),
        (replace(_TEXT, first_line=6), "README.md", _RULES),
        (replace(_TEXT, kind=ProseKind.NOTICE), "README.md", _RULES),
        (replace(_TEXT, unread="it is too long"), "README.md", _RULES),
        (_TEXT, "other/README.md", _RULES),
        (_TEXT, "README.md", DescriptionRules()),
    ],
    ids=["text", "line", "kind", "unread", "address", "rules"],
)
def test_another_structure_is_read_anew(structure: Prose, address: str, rules: DescriptionRules) -> None:
    kept, first, second = KeptFacts(), Reading(), Reading("other")
    list(kept.read(_TEXT, "README.md", _RULES, first))
    assert [fact.value for fact in kept.read(structure, address, rules, second)] == ["other"]


def test_a_large_structure_and_many_facts_are_not_kept() -> None:
    kept = KeptFacts()
    for structure, reading in (
        (replace(_TEXT, text="a" * (64 * 1024 + 1)), Reading()),
        (replace(_VALUES, items=_VALUES.items * 41), Reading()),
        (replace(_VALUES, items=(StatedValue(("key",), "a" * 32 * 1024),)), Reading()),
        (_TEXT, Reading(facts=100)),
    ):
        for _ in range(2):
            list(kept.read(structure, "README.md", _RULES, reading))
        assert reading.calls == 2


def test_the_facts_kept_have_a_bound_and_the_latest_used_stay() -> None:
    kept, readings = KeptFacts(), [Reading() for _ in range(2_000)]
    for number, reading in enumerate(readings):
        list(kept.read(_TEXT, f"{number}/README.md", _RULES, reading))
        list(kept.read(_TEXT, "0/README.md", _RULES, readings[0]))
    for number in (0, 1, 1_999):
        list(kept.read(_TEXT, f"{number}/README.md", _RULES, readings[number]))
    assert [readings[number].calls for number in (0, 1, 1_999)] == [1, 2, 1]
