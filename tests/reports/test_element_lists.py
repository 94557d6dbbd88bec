"""The lists of minimum elements as text and as JSON."""

from __future__ import annotations

import json
import re

import pytest
from reports.conftest import HOSTILE, build_fail_report, build_pass_report
from reports.test_spdx import build_described_report
from support.catalogue import load_shipped

from modelaudit.elements import judge_elements
from modelaudit.model.copies import replace
from modelaudit.model.elements import Element, ElementList, ElementSource, ElementState
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.report import AuditReport
from modelaudit.reports import render
from modelaudit.reports.element_lists import NO_LISTS, count_shares, summarize_list


def build_judged_report() -> AuditReport:
    """Build a report whose description answers many elements."""
    report = build_described_report()
    return replace(report, elements=judge_elements(report, load_shipped().element_lists))


def test_text_lists_every_element_within_80_columns() -> None:
    report = build_judged_report()
    text = render(report, "elements").decode()
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    for each in report.elements:
        assert each.title in words
        for element in each.elements:
            # A name wraps beside its sources, an id does not.
            assert f"\n    {element.id}" in text, element.id


def test_summary_shows_verified_and_found_elements_apart_from_declared_ones() -> None:
    def element(id_: str, state: ElementState, *confidences: str) -> Element:
        sources = tuple(ElementSource("v", confidence, "p") for confidence in confidences)
        return Element(id_, "g", id_, state, sources)

    present = ElementState.PRESENT
    each = ElementList(
        "x", "X", "", "2026-01-31",
        (
            element("a", present, "verified", "declared"), element("b", present, "found"),
            element("c", present, "declared"), element("d", present, "run"),
            element("e", ElementState.ABSENT), element("f", ElementState.NOT_AUTOMATABLE),
            replace(element("g", ElementState.PARTLY, "found"), missing_parts=("the date",)),
        ),
        score=41.25, profile="basic",
    )  # fmt: skip
    shares = count_shares(each)
    assert (shares.examined, shares.declared, shares.run, shares.present) == (2, 1, 1, 4)
    assert summarize_list(each) == (
        "Score 41.2 of 100, weighted by the list, profile basic. 4 of 7 present: verified or found 2 (29 %), declared 1 (14 %), "
        "by this run 1 (14 %). 1 partly present, 1 absent, 1 for a person to state."
    )
    report = replace(build_pass_report(), elements=(each,))
    counts = json.loads(render(report, "elements-json"))["lists"][0]
    assert (counts["counts"]["present"], counts["counts"]["partly-present"]) == (4, 1)
    assert counts["elements"][-1]["missing"] == ["the date"]
    for format in ("elements", "html"):
        text = " ".join(re.sub(r"<[^>]*>", " ", render(report, format).decode()).split())
        assert re.search(r"partly present:? v \(found, p\)\. Missing: the date\.", text), format


def test_page_states_the_date_of_a_list_once() -> None:
    for each in build_judged_report().elements:
        assert not each.date or each.date not in each.title, each.id


def test_score_names_the_list_that_it_is_of() -> None:
    text = " ".join(render(build_judged_report(), "elements").decode().split())
    assert "OWASP list 7ea9a6c, 48 fields" in text
    assert "Score " in text.partition("OWASP list 7ea9a6c, 48 fields")[2]


def test_contradictions_between_card_and_files_come_first() -> None:
    report = build_judged_report()
    sentence = report.description.contradictions[0].sentence
    text = " ".join(render(report, "elements").decode().split())
    assert text.index(sentence) < text.index("present:")
    assert json.loads(render(report, "elements-json"))["contradictions"] == [sentence]


def test_json_has_the_same_elements_and_numbers() -> None:
    report = build_judged_report()
    lists = json.loads(render(report, "elements-json"))["lists"]
    assert [each["id"] for each in lists] == ["eu-ai-act", "g7", "owasp"]
    for each, judged in zip(lists, report.elements, strict=True):
        assert each["counts"]["present"] == sum(element["state"] == "present" for element in each["elements"])
        assert each["counts"]["total"] == len(judged.elements) == len(each["elements"])
        assert each["score"] == judged.score


def test_one_list_alone_is_rendered_and_an_unknown_one_is_refused_with_the_known_ones() -> None:
    report = build_judged_report()
    for each in report.elements:
        text = render(report, f"elements:{each.id}").decode()
        assert [other.title in " ".join(text.split()) for other in report.elements].count(True) == 1
        assert [found["id"] for found in json.loads(render(report, f"elements-json:{each.id}"))["lists"]] == [each.id]
    with pytest.raises(ConfigurationError, match="elements:g8: the report has no such list; choose one of: eu-ai-act"):
        render(report, "elements:g8")
    for format in ("html:g7", "elements:", "elemnts:g7"):
        with pytest.raises(ConfigurationError, match="no report format"):
            render(report, format)


def test_report_without_lists_says_so() -> None:
    assert NO_LISTS in " ".join(render(build_pass_report(), "elements").decode().split())
    assert json.loads(render(build_fail_report(), "elements-json"))["lists"] == []


def test_text_of_a_model_is_escaped() -> None:
    report = build_pass_report()
    element = Element("a", "g", "a", ElementState.PRESENT, (ElementSource(HOSTILE, "declared", HOSTILE),))
    report = replace(report, elements=(ElementList("x", "X", "", "2026-01-31", (element,)),))
    for format in ("elements", "elements-json"):
        text = render(report, format).decode()
        assert "\x1b" not in text
        assert "\u202e" not in text
