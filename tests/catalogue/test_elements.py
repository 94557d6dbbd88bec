"""The shipped lists of minimum elements, and the mistakes in such a list that are refused with file and line."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue import load_catalogue
from modelaudit.model.element_rules import ElementListRules
from modelaudit.model.errors import ConfigurationError

GROUPS = {
    "g7": {"metadata": 10, "system": 9, "models": 13, "datasets": 10, "infrastructure": 2, "security": 4, "key performance indicators": 2},
    "eu-ai-act": {"Annex XI, section 1": 11, "Annex XI, section 2": 3, "Annex XII": 11},
    "owasp": {
        "required_fields": 4, "metadata": 5, "component_basic": 7, "component_model_card": 28, "external_references": 4,
    },
}  # fmt: skip
"""The numbers of elements that each publication has."""


@pytest.fixture(scope="module")
def lists() -> dict[str, ElementListRules]:
    return {each.id: each for each in load_shipped().element_lists}


def test_shipped_lists_are_complete(lists: dict[str, ElementListRules]) -> None:
    counts = {id_: dict(Counter(element.group for element in each.elements)) for id_, each in lists.items()}
    assert counts == GROUPS
    assert sum(counts["g7"].values()) == 50
    assert sum(counts["owasp"].values()) == 48
    assert sum(each.counts_if_present for each in lists["owasp"].elements) == 11


def test_every_element_has_a_matcher_with_the_place_to_state_it_or_a_reason(
    lists: dict[str, ElementListRules],
) -> None:
    for each in lists.values():
        assert each.source.startswith("https://")
        assert each.checked
        for element in each.elements:
            assert bool(element.parts) is not bool(element.reason), element.id
            assert bool(element.parts) is bool(element.where), element.id
            assert all(part.matchers for part in element.parts), element.id
            assert all(part.name for part in element.parts) is (len(element.parts) != 1), element.id


def test_every_date_in_a_note_carries_the_day_on_which_it_was_looked_up(lists: dict[str, ElementListRules]) -> None:
    dated = [note for note in lists["eu-ai-act"].notes if re.search(r"\d{4}-\d\d-\d\d", note)]
    assert len(dated) == 6
    assert all(re.search(r"read on 2026-11-2\d", note) for note in dated)


def test_no_list_says_that_something_complies(lists: dict[str, ElementListRules]) -> None:
    for path in Path("rules/elements").glob("*.yaml"):
        assert not re.search(r"\b(compliant|safe|clean)\b", path.read_text("utf-8"), re.IGNORECASE), path


ELEMENT = "elements:\n  A-1:\n    group: g\n    name: n\n"
HEAD = "title: t\nsource: https://example.org/\ndate: ''\nchecked: '2026-01-31'\n"
WHERE = "    where: w\n"


@check_each(
    "text, expected",
    [
        (HEAD, "a.yaml:1: elements: is missing"),
        (HEAD + "elements: {}\n", r"a.yaml:5: elements: "),
        (HEAD + ELEMENT, "a.yaml:6: elements.A-1: needs one of match, parts and not-automatable"),
        (HEAD + ELEMENT + "    match: [task]\n    not-automatable: r\n" + WHERE, "needs one of match"),
        (HEAD + ELEMENT + "    match: [task]\n", "a.yaml:6: elements.A-1: where is missing"),
        (HEAD + ELEMENT + "    match: [tasc]\n" + WHERE, "a.yaml:9: elements.A-1.match.0.fact: 'tasc' is not one of"),
        (HEAD + ELEMENT + "    match: [{topic: tasc}]\n" + WHERE, "a.yaml:9: .*'tasc' is not one of"),
        (HEAD + ELEMENT + "    match: [{topic: task, fact: files}]\n" + WHERE, "a matcher needs one of topic, fact"),
        (HEAD + ELEMENT + "    match: [{}]\n" + WHERE, "a matcher needs one of topic, fact and files"),
        (HEAD + ELEMENT + "    match: [{fact: files, take: x}]\n" + WHERE, "take need a topic"),
        (HEAD + ELEMENT + "    match: [{topic: task, when: '('}]\n" + WHERE, "when is not a regular expression"),
        (HEAD + ELEMENT + "    match: [task]\n    parts: {a: [task], b: [paper]}\n" + WHERE, "needs one of match"),
        (HEAD + ELEMENT + "    parts: {a: [task]}\n" + WHERE, "parts needs two or more names"),
        (HEAD + ELEMENT + "    parts: {a: [task], b: []}\n" + WHERE, "parts needs two or more names"),
        (HEAD + ELEMENT + "    match: [task]\n    wher: w\n", "a.yaml:10: elements.A-1.wher: is not a known key"),
        (
            HEAD + "score: {weights: {h: 100}}\n" + ELEMENT + "    match: [task]\n" + WHERE,
            "a.yaml:5: score.weights: needs exactly the groups of the elements",
        ),
        (
            HEAD + "score: {weights: {g: 99}}\n" + ELEMENT + "    match: [task]\n" + WHERE,
            "a.yaml:5: score.weights: the weights do not add up to 100",
        ),
        (
            HEAD + "score:\n  weights: {g: 100}\n  penalties:\n    - {tier: t, least: 1, factor: 0.5}\n" + ELEMENT
            + "    match: [task]\n" + WHERE,
            "a.yaml:8: no element has the tier 't'",
        ),
        (
            HEAD + "score:\n  weights: {g: 100}\n  profiles:\n    - {name: p, least: 1, elements: [B-1]}\n" + ELEMENT
            + "    match: [task]\n" + WHERE,
            "a.yaml:8: the list has no element 'B-1'",
        ),
    ],
)  # fmt: skip
def test_wrong_list_is_refused_with_its_line(rules: Path, text: str, expected: str) -> None:
    (rules / "elements").mkdir(exist_ok=True)
    (rules / "elements/a.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=expected):
        load_catalogue(rules)


def test_list_of_a_further_folder_is_added_and_none_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elements").mkdir()
    text = HEAD + ELEMENT + "    match: [task]\n" + WHERE
    (tmp_path / "elements/own.yaml").write_text(text)
    assert [each.id for each in load_catalogue(extra=[tmp_path]).element_lists] == ["eu-ai-act", "g7", "owasp", "own"]
    (tmp_path / "elements/g7.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"the list 'g7' is there already"):
        load_catalogue(extra=[tmp_path])
