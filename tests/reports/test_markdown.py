"""Markdown: its order, its size, the marker of a comment, and that no text of a model has an effect in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports.conftest import HOSTILE, build_fail_report
from support.cases import check_each

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState, RecordedDecision
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.report import AuditReport
from modelaudit.reports.markdown import COMMENT_BYTES, SUMMARY_BYTES, make_slug, render_comment, render_markdown
from modelaudit.reports.markdown_text import write_code, write_row, write_text

ACCEPTANCE = Acceptance(AcceptanceSource.DECISION, "decisions.yaml:3", "known", "ann", "bob", "2027-01-01")
TRICKS = (
    "**bold** _it_ ~~gone~~", "![x](https://evil.example/x.png)", "[x](https://evil.example)", "<img src=x>", "<!-- -->",
    "@everyone", "see #123", "acme/repo#1", "GH-12", "https://evil.example", "www.evil.example", "a@evil.example",
    ":smile:", "$x$", "$$y$$", "a | b | c", "a \\| b", "`code` ``` x", "``", "`", "&amp; &#64;", "1. one", "12) two", "- item",
    "+ item", "> quote", "# title", "===", "---", "    code", "```\nfence\n```", "~~~", "<details>", "[^1]: note", "[x]: /y",
    "\\", "\\`x\\`", "line\n# two", "a  \nb", "{{ x }}", "|---|---|", "%7B", "/close", "!12", "~label", "&5", "^", "'<b>'",
    '"<b>"', "'a`b'", "::set-output name=x::y", "##[error]", HOSTILE, "(http://x.y)", "*", "_", "5*3*2", "a_b_c",
)  # fmt: skip
"""Texts that would be markup, or that GitHub or GitLab would turn into links, names, images or commands."""
INERT_TEXT = re.compile(r"[\w\s.,;:!?()'\"“”‘’…–—-]*")  # noqa: RUF001
ACTIVE_TEXT = re.compile(r"[@#$~^/]|:\w+:|www\.\w|://|GH-\d")


def parse(text: str) -> list[Any]:
    """Return the tokens of Markdown with tables and strikethrough, as GitHub reads it; the reader is the real one."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def iterate_inline(tokens: list[Any]) -> Iterator[Any]:
    """Yield every token inside a line."""
    for token in tokens:
        yield from token.children or ()


def check_inert(tokens: list[Any]) -> None:
    """Fail if a line holds more than plain words and code."""
    for token in iterate_inline(tokens):
        assert token.type in ("text", "code_inline", "softbreak"), f"{token.type}: {token.content!r}"
        if token.type == "text":
            assert INERT_TEXT.fullmatch(token.content), token.content
            assert not ACTIVE_TEXT.search(token.content), token.content


@pytest.mark.counterpart
@check_each("text", TRICKS)
def test_text_of_a_model_is_words_and_code_that_say_the_same(text: str) -> None:
    for write in (write_text, write_code):
        for line in (f"- {write(text)}", write(text), f"## {write(text)}"):
            tokens = parse(line)
            check_inert(tokens)
            kinds = {token.type for token in tokens} - {"bullet_list_open", "bullet_list_close", "list_item_open"}
            assert kinds <= {
                "list_item_close",
                "paragraph_open",
                "paragraph_close",
                "inline",
                "heading_open",
                "heading_close",
            }
    tokens = parse(f"| a | b |\n|---|---|\n{write_row(write_text(text), write_code(text))}")
    check_inert(tokens)
    cells = [tokens[index + 1] for index, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 2
    shown = "".join(token.content for token in cells[1].children)
    assert shown.replace("\\x7c", "|").replace(" ", "") == read_shown(text)


def read_shown(text: str) -> str:
    """Return what a code span of the text shows, without spaces."""
    from modelaudit.reports.text import escape_unprintable

    return escape_unprintable(text, 300).replace("\\|", "|").replace(" ", "")


@check_each(
    "text, written",
    [
        ("It calls posix.system, which runs a.sh.", "It calls `posix.system`, which runs `a.sh`."),
        ("(with socket.create_connection).", "(with `socket.create_connection`)."),
        ("section 4(a)", "section `4(a)`"),
        ("The argument is 'curl x | sh'.", "The argument is `'curl x | sh'`."),
        ("3 files, 1,024 bytes, 5.5 of them", "3 files, 1,024 bytes, 5.5 of them"),
        ("1. one", "`1`. one"),
        ("...", "`...`"),
        ("a well-known name", "a well-known name"),
    ],
)
def test_only_names_and_commands_of_a_sentence_become_code(text: str, written: str) -> None:
    assert write_text(text) == written


@pytest.mark.counterpart
@given(st.text(st.sampled_from("ab1.,:;!?()'\"`*_~<>[]{}|\\/@#$%^&+=- \n\té\u2018\u201d\u2026"), max_size=40))
def test_any_text_is_inert_in_a_row(text: str) -> None:
    tokens = parse(f"| a | b |\n|---|---|\n{write_row(write_text(text), write_code(text))}\n\n- {write_text(text)}")
    check_inert(tokens)
    assert [token.type for token in tokens].count("td_open") == 2


@pytest.mark.counterpart
@check_each("name", ["fail", "pass", "incomplete", "allowed", "conflicting", "hostile", "crowded"])
@check_each("render", [render_markdown, render_comment])
def test_page_holds_words_code_and_tables_only(
    name: str, render: Callable[[AuditReport], bytes], examples: dict[str, Callable[[], AuditReport]]
) -> None:
    text = render(examples[name]()).decode()
    tokens = parse(text)
    check_inert(tokens)
    html = [token.content for token in tokens if token.type == "html_block"]
    assert len(html) == (render is render_comment)
    assert all(re.fullmatch(r"<!-- modelaudit:[A-Za-z0-9._/-]+ -->\n?", each) for each in html)
    assert not {token.type for token in tokens} & {"fence", "code_block", "blockquote_open", "hr", "ordered_list_open"}


@pytest.mark.counterpart
def test_tables_list_every_finding_and_absence(failing: AuditReport) -> None:
    tokens = parse(render_markdown(failing).decode())
    cells = [
        "".join(child.content for child in tokens[index + 1].children)
        for index, token in enumerate(tokens)
        if token.type == "td_open"
    ]
    for finding in failing.findings:
        assert {finding.rule, finding.fingerprint, str(finding.severity)} <= set(cells)
        assert finding.message in cells
    for address, _ in failing.coverage.open_absences:
        assert any(cell.startswith(address) for cell in cells)


def test_answers_come_first_then_causes_findings_absences_and_what_is_accepted(failing: AuditReport) -> None:
    findings = (*failing.findings[:-1], replace(failing.findings[-1], acceptance=ACCEPTANCE))
    lines = render_markdown(replace(failing, findings=findings)).decode().splitlines()
    assert lines[0] == "## modelaudit: fail `acme/tiny-llama`"
    assert lines[4].startswith("| load | fail | 3 findings")
    headings = [line for line in lines if line.startswith("### ")]
    assert headings == ["### Causes", "### Findings: 5 open of 6", "### Not examined: 3 parts", "### Accepted: 2"]
    assert any("until `2027-01-01" in line and "ann, approved by bob" in line for line in lines)


def test_duties_of_the_licences_are_listed_with_what_meets_them(conflicting: AuditReport) -> None:
    text = render_comment(conflicting).decode()
    assert "### Duties of the licences" in text
    assert "- Ship with every copy: " in text


def test_decisions_that_expired_or_do_nothing_are_listed(failing: AuditReport) -> None:
    decision = RecordedDecision(
        *("decisions.yaml:9", "finding 0123456789abcdef", "commit:abc", "accept", "known", "ann", "bob", "2026-01-01"),
        DecisionState.EXPIRED,
        "It ended.",
    )
    assert "| `decisions.yaml:9` | finding `0123456789abcdef` | Expired." in (
        render_markdown(replace(failing, decisions=(decision,))).decode()
    )


def test_equal_absences_share_a_row(failing: AuditReport) -> None:
    records = tuple(
        replace(record, path=f"{number}.gguf", absences=tuple((f"{number}.gguf", each) for _, each in record.absences))
        for number in range(50)
        for record in failing.coverage.artifacts[3:4]
    )
    coverage = replace(failing.coverage, artifacts=records)
    text = render_markdown(replace(failing, decision=replace(failing.decision, coverage=coverage))).decode()
    (row,) = (line for line in text.splitlines() if "coverage/no-reader" in line)
    assert row.startswith("| 50 | ")
    assert "and 47 more" in row


@check_each("name", ["fail", "hostile", "crowded"])
def test_page_is_within_the_limits_of_github_and_counts_what_is_left_out(
    name: str, examples: dict[str, Callable[[], AuditReport]]
) -> None:
    report = examples[name]()
    long = replace(report, findings=tuple(replace(each, message="€|`" * 1000) for each in report.findings * 30))
    assert len(render_markdown(long)) <= SUMMARY_BYTES == 1_048_576
    comment = render_comment(long).decode()
    assert len(comment) <= COMMENT_BYTES == 65_536
    assert name == "hostile" or re.search(r"\nand [0-9,]+ more, in the JSON and HTML reports\n", comment)


def test_marker_of_a_comment_is_the_same_in_every_run_on_the_model(failing: AuditReport, passing: AuditReport) -> None:
    first = render_comment(failing).decode().splitlines()[0]
    other_run = replace(passing, target=replace(failing.target, commit="0" * 40))
    assert first == "<!-- modelaudit:acme/tiny-llama -->" == render_comment(other_run).decode().splitlines()[0]


def test_names_of_different_models_differ() -> None:
    names = ["a/b", "a--b", "a b", "a-b", "-->", "a/b ", "ä", "ö", "A" * 300, "A" * 301, HOSTILE]
    slugs = [make_slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]{1,120}", slug) and "--" not in slug for slug in slugs)
    report = build_fail_report()
    folder = replace(report.target, kind=RefKind.FOLDER, name="/home/ann/tiny", origin="/home/ann/tiny")
    assert render_comment(replace(report, target=folder)).startswith(b"<!-- modelaudit:tiny -->\n")
