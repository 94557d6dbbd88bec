"""Facts on licences over all kinds of reports: one outcome, one sentence, and an annex with all of page 1."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

import pytest
from reports.test_html import parse_page
from support.cases import check_each
from support.officer_kinds import KINDS

from modelaudit.model.license import ConclusionState
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import CauseKind, Question
from modelaudit.reports import front_page, render
from modelaudit.reports.answers import describe_conclusion, list_reasons_on_use
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.license_view import list_unread, list_unsaid_conflicts
from modelaudit.reports.license_words import describe_answer

pytestmark = pytest.mark.xdist_group("kinds of reports")


def fold(text: str) -> str:
    return " ".join(html.unescape(text).split()).casefold()


@check_each("name", list(KINDS))
def test_fact_has_one_outcome(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    failing = [fold(each.message) for each in report.findings if report.policy.rejects(each) and not each.acceptance]
    for reason in list_reasons_on_use(report):
        because = fold(reason.answer.because).rstrip(".")
        if any(because in each or each.rstrip(".") in because for each in failing):
            assert describe_answer(reason.answer) in ("FAILS THE POLICY", "DENIED")
    # A fact that fails is no point for a person to decide too, and no cause counts more than its list shows.
    waiting = [each for each in list_reasons_on_use(report) if each.is_open and not each.fails]
    counts = {each.kind: each.count for each in report.decision.causes if each.question is Question.USE}
    assert counts.get(CauseKind.LICENCE_REVIEW, 0) <= len(waiting)


@check_each("name", list(KINDS))
def test_annex_holds_every_reason_of_page_1_and_page_1_counts_the_others(
    name: str, reports: Mapping[str, AuditReport]
) -> None:
    report = reports[name]
    page = parse_page(report).text
    annexes = fold(page.partition("Annex A")[2])
    named = name_licenses(report)
    shown = front_page.list_reasons(named, Question.USE)
    front = fold(" ".join((named.decision.use.reason, *shown.lines)))
    reasons = [fold(each.answer.because).rstrip(".") for each in list_reasons_on_use(named)]
    assert all(each in annexes for each in reasons)
    unnamed = [each for each, reason in zip(reasons, list_reasons_on_use(named), strict=True) if reason.is_open]
    cut = "no licence could be determined, so no permission can be shown."
    absent = [each for each in unnamed if each not in front and not (each.startswith(cut) and cut in front)]
    # A failing finding may state the fact behind it.
    absent = [each for each in absent if each.removeprefix(cut).strip() not in front]
    assert len(absent) <= shown.more


@check_each("name", list(KINDS))
def test_place_and_sentence_are_one_reason(name: str, reports: Mapping[str, AuditReport]) -> None:
    license_ = reports[name].license
    because = [each.because for each in license_.answers]
    quoted = [found for each in because for found in set(re.findall(r"“[^”]{12,}”", each))]
    assert len(quoted) == len(set(quoted)), quoted
    said = " ".join(because)
    assert not any(each.held_text and each.held_text in said for each in list_unsaid_conflicts(license_))
    # A text that was compared and matches no licence is no unread source.
    unread = " ".join(list_unread(license_))
    assert not any(f"{each.artifact}: its text" in unread for each in license_.claims if each.basis == "no-match")


@check_each("name", list(KINDS))
def test_reasons_hold_no_command_in_any_output(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    because = [each.because for each in report.license.answers]
    assert not [each for each in because if re.search(r"(?<!\w)--[a-z]|\bmodelaudit [a-z]", each)]
    for form in ("html", "markdown", "junit"):
        assert "state it with --" not in render(report, form).decode()


@check_each("name", list(KINDS))
def test_licence_that_is_not_determined_is_only_named(name: str, reports: Mapping[str, AuditReport]) -> None:
    report = reports[name]
    heading = fold(parse_page(report).text.partition("May it be loaded?")[0])
    if report.license.state is not ConclusionState.CONCLUDED:
        assert "licence:" not in heading and "licences:" not in heading


def test_alternative_that_the_answers_are_not_for_is_no_licence_of_a_part(reports: Mapping[str, AuditReport]) -> None:
    license_ = reports["either"].license
    assert license_.expression == "Apache-2.0 OR MIT"
    assert describe_conclusion(license_).startswith("Apache-2.0 OR MIT, stated in README.md:")
