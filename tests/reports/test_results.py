"""Results: findings, absences and causes in one list, each with its effect on the verdict."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.cases import check_each

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Coverage, Extent
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.verdict import Cause, CauseKind, Question, Ruling, Verdict
from modelaudit.reports.cause_words import CAUSES
from modelaudit.reports.results import Outcome, Result, ResultKind, describe_rule, list_results

ACCEPTANCE = Acceptance(AcceptanceSource.POLICY, "default", "images carry no weights")
CUT = Unread(UnreadReason.DAMAGED, "the file is cut", Location(offset=7))
STATES_CUT = Finding(
    "coverage/damaged",
    Severity.MEDIUM,
    CheckFamily.SECURITY,
    "a.bin",
    "Not examined: the file is cut.",
    Location(offset=7),
)
MEMORY_SCRIPT = """
import os, pathlib, re, sys
from modelaudit.model.copies import replace
from reports.conftest import build_fail_report
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.report import Absence, ArtifactRecord, Coverage, Extent
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.reports import render

def build_record(number):
    path = f"dir/{number:06d}/data.bin"
    absence = Absence(Unread(UnreadReason.DAMAGED, f"cut at byte {number}", Location(offset=number)))
    return ArtifactRecord(path, 1, Extent.PARTLY, ("zip",), absences=((path, absence),))

plain = build_fail_report()
decision = replace(plain.decision, coverage=Coverage(tuple(map(build_record, range(50_000)))))
report = replace(plain, decision=decision)
for format in sys.argv[1:]:
    if os.fork() == 0:
        size = len(render(report, format))
        # On Linux, ru_maxrss of a process begins with the value of its parent; VmHWM begins with the size of the report.
        peak = re.search("VmHWM:[^0-9]+([0-9]+)", pathlib.Path("/proc/self/status").read_text())[1]
        print(format, size, int(peak) // 1024)
        break
    os.wait()
"""


def build_report(plain: AuditReport, absences: tuple[Absence, ...], *findings: Finding) -> AuditReport:
    """Return the report with one file, which has these absences, and other findings."""
    pairs = tuple(("a.bin", absence) for absence in absences)
    coverage = Coverage((ArtifactRecord("a.bin", 9, Extent.PARTLY, absences=pairs),))
    return replace(plain, findings=findings, decision=replace(plain.decision, coverage=coverage))


def list_without_causes(report: AuditReport) -> list[Result]:
    return [each for each in list_results(report) if each.kind is not ResultKind.CAUSE]


def test_results_are_sorted_by_severity_then_by_their_effect(crowded: AuditReport) -> None:
    results = list_results(crowded)
    keys = [(-each.severity.rank, list(Outcome).index(each.outcome)) for each in results]
    assert keys == sorted(keys)
    assert len(results) == len(crowded.findings) + 4


def test_absence_that_a_finding_states_is_one_result_with_it(failing: AuditReport) -> None:
    (result,) = list_without_causes(build_report(failing, (Absence(CUT),), STATES_CUT))
    assert (result.fingerprint, result.kind, result.outcome) == (
        STATES_CUT.fingerprint,
        ResultKind.ABSENCE,
        Outcome.OPEN,
    )
    other = replace(CUT, detail="another member is cut", where=Location(offset=99))
    results = list_without_causes(build_report(failing, (Absence(CUT), Absence(other)), STATES_CUT))
    assert sorted(each.location.offset or 0 for each in results) == [7, 99]


@check_each(
    "finding, absence, outcome",
    [
        (STATES_CUT, Absence(CUT, ACCEPTANCE), Outcome.ACCEPTED),
        (replace(STATES_CUT, acceptance=ACCEPTANCE), Absence(CUT), Outcome.ACCEPTED),
        (replace(STATES_CUT, severity=Severity.HIGH), Absence(CUT, ACCEPTANCE), Outcome.FAILS),
        (replace(STATES_CUT, severity=Severity.HIGH, acceptance=ACCEPTANCE), Absence(CUT), Outcome.ACCEPTED),
    ],
)
def test_outcome_follows_the_gate_and_then_the_acceptance(
    finding: Finding, absence: Absence, outcome: Outcome, failing: AuditReport
) -> None:
    (result,) = list_without_causes(build_report(failing, (absence,), finding))
    assert result.outcome is outcome
    assert (result.acceptance is not None) is (outcome is Outcome.ACCEPTED)


def test_absence_without_a_finding_has_a_fingerprint_of_its_reason_and_place(failing: AuditReport) -> None:
    (first,) = list_without_causes(build_report(failing, (Absence(CUT),)))
    (reworded,) = list_without_causes(build_report(failing, (Absence(replace(CUT, detail="other words")),)))
    (moved,) = list_without_causes(build_report(failing, (Absence(replace(CUT, where=Location(offset=8))),)))
    assert first.fingerprint == reworded.fingerprint != moved.fingerprint
    assert first.rule == "coverage/damaged"


def test_equal_fingerprints_are_numbered(failing: AuditReport) -> None:
    results = list_without_causes(build_report(failing, (Absence(CUT), Absence(CUT), Absence(CUT))))
    assert [each.number for each in results] == [1, 2, 3]


def test_cause_without_finding_and_absence_is_a_result_with_the_reason_of_its_answer(passing: AuditReport) -> None:
    cause = Cause(CauseKind.LICENCE_REVIEW, Question.USE, Verdict.REVIEW, 2, "licences leave open the planned use")
    use = Ruling(Verdict.REVIEW, "Section 2 asks for a licence above 700 million users.")
    decision = replace(passing.decision, verdict=Verdict.REVIEW, use=use, causes=(cause,))
    (result,) = list_results(replace(passing, decision=decision))
    assert (result.rule, result.check, result.outcome) == (
        "decision/licence-review",
        CheckFamily.LICENSE,
        Outcome.OPEN,
    )
    assert result.message == f"{use.reason} Next: {CAUSES[CauseKind.LICENCE_REVIEW][1]}"
    denied = replace(cause, kind=CauseKind.LICENCE_DENIED, verdict=Verdict.FAIL)
    decision = replace(decision, verdict=Verdict.FAIL, causes=(denied, cause))
    results = list_results(replace(passing, decision=decision))
    assert [(each.severity, each.outcome) for each in results] == [
        (Severity.HIGH, Outcome.FAILS),
        (Severity.MEDIUM, Outcome.OPEN),
    ]


def test_cause_of_both_answers_is_one_result(incomplete: AuditReport) -> None:
    load = Cause(CauseKind.NOTHING_SCANNED, Question.LOAD, Verdict.INCOMPLETE, 0, "there was nothing to scan")
    decision = replace(incomplete.decision, causes=(load, replace(load, question=Question.USE)))
    (result,) = list_results(replace(incomplete, decision=decision))
    assert result.rule == "decision/nothing-scanned"


def test_absence_counts_the_files_that_it_does_not_list(failing: AuditReport) -> None:
    folder = Absence(replace(CUT, further_files=500))
    assert [each.parts for each in list_without_causes(build_report(failing, (folder,)))] == [501]
    assert [each.parts for each in list_without_causes(build_report(failing, (folder,), STATES_CUT))] == [501]


@check_each("kind", list(CauseKind))
def test_every_cause_that_can_be_a_result_has_a_title(kind: CauseKind, passing: AuditReport) -> None:
    cause = Cause(kind, Question.LOAD, Verdict.REVIEW, 1, "a reason")
    decision = replace(passing.decision, verdict=Verdict.REVIEW, causes=(cause,))
    for result in list_results(replace(passing, decision=decision)):
        assert describe_rule(result.rule, ())[0] != result.rule


@pytest.mark.slow
def test_report_on_50_000_files_takes_at_most_180_mib() -> None:
    formats = ["sarif-all", "junit", "markdown", "csv"]
    command = [sys.executable, "-c", MEMORY_SCRIPT, *formats]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": "tests", "PATH": ""})
    measured = [line.split() for line in done.stdout.splitlines()]
    assert [format for format, _, _ in measured] == formats
    for format, size, peak in measured:
        assert int(size) > 10_000, format
        assert int(peak) <= 180, format
