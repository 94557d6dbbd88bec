from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.model.address import write_file_address
from modelaudit.model.copies import replace
from modelaudit.model.report import AuditReport
from modelaudit.reports import REPORTS, render
from modelaudit.reports.text import escape_name, escape_unprintable, guard_lines, validate_https_link

ANY_TEXT = st.text(alphabet=st.characters())


@check_each(
    "text, escaped",
    [
        ("model.bin", "model.bin"),
        ("naïve 模型 🦙", "naïve 模型 🦙"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31m\x00\x7f", "\\x1b[31m\\x00\\x7f"),
        ("\x9b31m", "\\u009b31m"),  # the control sequence introducer as one character
        ("\u202ecod.exe", "\\u202ecod.exe"),  # an override of the writing direction
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),  # a zero-width space and a byte order mark
        ("caf\udce9", "caf\\xe9"),  # a byte of a file name that is not UTF-8
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),  # a tag character
        ("\u3164\u2800", "\\u3164\\u2800"),  # letters that look like spaces
        ("a\u00a0b", "a\\u00a0b"),
        ("e\u0301", "e\u0301"),
        # At most three combining characters remain on one letter.
        ("e" + "\u0301" * 5, "e\u0301\u0301\u0301\\u0301\\u0301"),
    ],
)
def test_invisible_characters_and_excess_combining_marks_are_escaped_and_visible_text_stays(
    text: str, escaped: str
) -> None:
    assert escape_unprintable(text) == escaped


@given(ANY_TEXT)
def test_any_text_becomes_visible_characters_on_one_line(text: str) -> None:
    shown = escape_unprintable(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert all(unicodedata.category(each)[0] not in "CZ" or each == " " for each in shown)
    assert escape_unprintable(shown) == shown


# A name that invites a collision: invisible characters, and the characters of their escapes.
_NAME_PIECES = (
    "a",
    "\n",
    "\\n",
    "\udcff",
    "\\xff",
    "xff",
    "\\",
    "\u202e",
    "\\u202e",
    "\U000e0041",
    "::",
    "##[",
    "%5C",
    "!",
)
NAMES = st.lists(st.sampled_from(_NAME_PIECES), min_size=1, max_size=6).map("".join)


@given(NAMES, NAMES)
def test_no_two_names_of_files_look_equal(first: str, second: str) -> None:
    names = {first, second}
    # The nearest name is what a report shows for the first one.
    names |= {escape_unprintable(first), escape_name(first), write_file_address(first)}
    assert len({escape_unprintable(write_file_address(each)) for each in names}) == len(names)
    assert len({escape_name(each) for each in names}) == len(names)


def test_every_report_tells_a_byte_in_a_name_from_the_text_of_its_escape(passing: AuditReport) -> None:
    (record,) = passing.coverage.artifacts[:1]
    paths = [write_file_address(name) for name in ("a\udcff.pkl", "a\\xff.pkl")]
    records = tuple(replace(record, path=path) for path in paths)
    report = replace(passing, decision=replace(passing.decision, coverage=replace(passing.coverage, artifacts=records)))
    for format_ in ("html", "csv", "cyclonedx", "spdx"):
        text = render(report, format_).decode().replace("\\\\", "\\")
        assert "a\\xff.pkl" in text, format_
        assert "a%5Cxff.pkl" in text or "a\\x5cxff.pkl" in text, format_


def test_text_over_the_limit_ends_with_the_count_of_omitted_characters() -> None:
    assert escape_unprintable("a" * 12_345, limit=3) == "aaa… (12,342 more characters, see the JSON report)"
    assert escape_unprintable("abc", limit=3) == "abc"


@pytest.mark.parametrize(
    "address",
    ["https://docs.python.org/3/library/pickle.html", "https://example.org", "https://h.example:8443/a?b=c&d=%20#e"],
)
def test_plain_https_address_is_accepted_as_a_link_target(address: str) -> None:
    assert validate_https_link(address) == address


@check_each(
    "address",
    [
        "",
        "http://example.org/",
        "javascript:alert(1)",
        "HTTPS://example.org/",
        " https://example.org/",
        "https://example.org/\n",
        'https://example.org/"onmouseover=x',
        "https://user:password@example.org/",
        "https://example.org/a b",
        "https://example.org/%zz",
        "https://example.org/#a#b",
        "https://exämple.org/",
        "https://example.org/" + "a" * 3000,
    ],
)
def test_address_that_is_not_plain_https_is_refused_as_a_link_target(address: str) -> None:
    assert validate_https_link(address) is None


@check_each(
    "text, shown",
    [
        ("::set-output name=x::y", "\\x3a:set-output name=x::y"),
        ("  ::stop-commands::x", "  \\x3a:stop-commands::x"),
        ("aten::add", "aten::add"),
        ("a ##[group]b", "a \\x23#[group]b"),
        ("##vso[task.setvariable]", "\\x23#vso[task.setvariable]"),
        ("###teamcity[x]", "#\\x23#teamcity[x]"),
        ("## A title [1]", "## A title [1]"),
    ],
)
def test_mark_of_a_command_of_a_pipeline_is_escaped(text: str, shown: str) -> None:
    assert escape_unprintable(text) == shown


@check_each("format", list(REPORTS))
def test_no_line_of_an_output_is_a_command_of_a_pipeline(format: str, failing: AuditReport) -> None:
    # A long word in front makes the terminal wrap the text before the mark.
    texts = (
        "::set-output name=x::y",
        "##[error]x",
        "##vso[task.setvariable]x",
        *("A" * n + "::debug::x" for n in range(110)),
    )
    findings = tuple(
        replace(failing.findings[0], message=text, evidence=(text, f"a\n{text}"), artifact=text, rule=text, key=text)
        for text in texts
    )
    target = replace(failing.target, name=texts[0], requested=texts[0], notes=texts)
    content = render(replace(failing, findings=findings, target=target), format).decode()
    assert not re.search(r"##\w*\[", content)
    own = re.compile(r"::(error|warning|notice) [^:]*::")
    lines = [line.strip() for line in content.splitlines() if line.strip().startswith("::")]
    assert all(format == "annotations" and own.match(line) for line in lines)


def test_mark_of_a_command_at_the_start_of_a_line_of_an_output_is_escaped() -> None:
    assert guard_lines("a ::b\n  ::error::x\n::debug::y") == "a ::b\n  \\x3a:error::x\n\\x3a:debug::y"
