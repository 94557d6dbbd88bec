"""Every report format shows the verdict, all findings and all open absences, and escapes hostile text.

The table of files has a row for each file instead, and counts both. The lists of elements are about neither.
"""

from __future__ import annotations

import html
import re
import unicodedata

import pytest
from support.cases import check_each

from modelaudit.model.report import AuditReport
from modelaudit.reports import REPORTS, render
from modelaudit.reports.wording import UNREAD

WITH_TEXTS = [name for name, format in REPORTS.items() if not format.is_partial]
"""The formats that show the text of each finding and each absence."""


def extract_words(content: bytes) -> str:
    """Return the text of a report without markup, in lower case and without spaces, which a format may change."""
    text = html.unescape(re.sub(r"<[^>]*>", "", content.decode()))
    return remove_spaces(text.replace("`", "").replace("\\|", "|"))


def remove_spaces(text: str) -> str:
    """Return a text in lower case and without white space."""
    return "".join(text.casefold().split())


@check_each("format", list(REPORTS))
def test_each_output_format_renders_the_same_report_to_the_same_bytes(format: str, any_report: AuditReport) -> None:
    first = render(any_report, format)
    assert first == render(any_report, format)
    assert first.decode("utf-8").endswith("\n")


@pytest.mark.parametrize("format", WITH_TEXTS)
def test_every_output_shows_each_open_absence_with_address_and_reason(format: str, failing: AuditReport) -> None:
    text = extract_words(render(failing, format))
    assert len(failing.coverage.open_absences) == 3
    for address, absence in failing.coverage.open_absences:
        assert remove_spaces(address) in text
        assert remove_spaces(absence.unread.detail) in text
        assert absence.unread.reason in text or remove_spaces(UNREAD[absence.unread.reason]) in text


@pytest.mark.parametrize("format", WITH_TEXTS)
def test_every_output_shows_the_verdict_and_each_finding_with_its_fingerprint(
    format: str, failing: AuditReport
) -> None:
    text = extract_words(render(failing, format))
    for finding in failing.findings:
        assert finding.fingerprint in text
        assert finding.rule in text
        assert remove_spaces(finding.message) in text
    assert failing.decision.verdict in text


@pytest.mark.parametrize("format", list(REPORTS))
def test_every_output_escapes_the_unprintable_characters_of_hostile_text(format: str, hostile: AuditReport) -> None:
    text = render(hostile, format).decode()
    # The control and format characters, the unassigned ones and the separators (categories C and Z of Unicode).
    unprintable = {each for each in hostile.target.name if unicodedata.category(each)[0] in "CZ"} - {"\n", " "}
    text = text.replace("\r\n", "\n")  # the line break of CSV
    assert len(unprintable) > 15
    assert set(map(ascii, unprintable & set(text))) == set()
