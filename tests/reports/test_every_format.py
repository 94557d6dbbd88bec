"""What every format owes its reader, so that one that is added cannot leave it out."""

from __future__ import annotations

import html
import re
import unicodedata

import pytest

from modelaudit.model.report import AuditReport
from modelaudit.reports import REPORTS, render_report
from modelaudit.reports.wording import UNREAD


def words_of(content: bytes) -> str:
    """The text without markup, and without case and spaces, which a format may change."""
    text = html.unescape(re.sub(r"<[^>]*>", "", content.decode()))
    return squeezed(text)


def squeezed(text: str) -> str:
    return "".join(text.casefold().split())


@pytest.mark.parametrize("format", list(REPORTS))
def test_every_open_absence_is_told_with_its_address_and_reason(format: str, failing: AuditReport) -> None:
    text = words_of(render_report(failing, format))
    assert len(failing.coverage.open_absences) == 3
    for address, absence in failing.coverage.open_absences:
        assert squeezed(address) in text
        assert squeezed(absence.unread.detail) in text
        assert absence.unread.reason in text or squeezed(UNREAD[absence.unread.reason]) in text


@pytest.mark.parametrize("format", list(REPORTS))
def test_every_finding_is_told_with_its_fingerprint_and_the_verdict_comes_along(
    format: str, failing: AuditReport
) -> None:
    text = words_of(render_report(failing, format))
    for finding in failing.findings:
        assert finding.fingerprint in text
        assert finding.rule in text
        assert squeezed(finding.message) in text
    assert failing.decision.verdict in text


@pytest.mark.parametrize("format", list(REPORTS))
def test_nothing_that_a_model_says_stands_in_a_report_raw(format: str, hostile: AuditReport) -> None:
    text = render_report(hostile, format).decode()
    hidden = {each for each in hostile.target.name if unicodedata.category(each)[0] in "CZ"} - {"\n", " "}
    assert len(hidden) > 15
    assert set(map(ascii, hidden & set(text))) == set()
