"""The summary of a report in a notebook."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from modelaudit.model.copies import replace
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.reports.text import escape_unprintable

ALLOWED = {"div", "p", "strong", "table", "tr", "th", "td", "ul", "li", "code"}


class Tags(HTMLParser):
    """The tags, attributes and texts of a fragment."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def display(report: AuditReport) -> str:
    """Return what a notebook shows as HTML.

    The formatter of IPython takes the method of the class, unless the value accepts any name as an attribute
    (``IPython.utils.dir2.get_real_method``). IPython itself needs another psutil than the locked packages of the suite.
    """
    assert getattr(report, "_ipython_canary_method_should_not_exist_", None) is None
    html = type(report)._repr_html_(report)
    assert isinstance(html, str)
    return html


def test_notebook_shows_verdict_answers_licence_findings_and_gaps_of_every_report(any_report: AuditReport) -> None:
    shown = Tags(display(any_report))
    decision = any_report.decision
    policy = escape_unprintable(any_report.policy.name)
    for words in (decision.verdict.upper(), decision.load.verdict, decision.use.verdict, policy):
        assert words in shown.text, words
    if any_report.findings:
        assert escape_unprintable(any_report.findings[0].rule) in shown.text
    assert shown.open == []
    assert len(display(any_report)) < 10_000


def test_summary_is_one_element_without_scripts_links_or_styles_of_the_page(hostile: AuditReport) -> None:
    shown = Tags(display(hostile))
    assert shown.tags <= ALLOWED
    assert shown.attributes <= {"style", "scope"}
    assert "<script>" in shown.text, "the text of the model is there as text"
    assert "\u202e" not in shown.text


def test_summary_names_who_signed_off_and_no_sign_off_of_another_report(passing: AuditReport) -> None:
    answer = SignOff("0" * 64, SignOffAnswer.APPROVE, "read", "Jane <b>Roe", "", "", "2026-11-29", "2027-11-29",
                     SignOffState.VALID, "decisions.yaml:4")  # fmt: skip
    assert "approve by Jane <b>Roe until 2027-11-29" in Tags(display(replace(passing, signoffs=(answer,)))).text
    other = replace(answer, state=SignOffState.OTHER_REPORT)
    assert "Jane" not in display(replace(passing, signoffs=(other,)))


@pytest.mark.parametrize("number", [5, 6])
def test_summary_counts_the_findings_that_it_leaves_out(failing: AuditReport, number: int) -> None:
    report = replace(failing, findings=(failing.findings[0],) * number)
    assert ("1 further finding" in display(report)) is (number == 6)
