"""The report as JUnit XML: one suite for each family, and a case for each result that the real reader lists."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from support.cases import check_each

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import Cause, CauseKind, Question, Ruling, Verdict
from modelaudit.reports.junit import render_junit

ACCEPTANCE = Acceptance(AcceptanceSource.DECISION, "decisions.yaml:3", "known", "ann", "bob", "2027-01-01")


def parse_cases(report: AuditReport) -> dict[tuple[str, str], ElementTree.Element]:
    """Render the report and return its cases by group and name."""
    root = ElementTree.fromstring(render_junit(report))
    return {(case.attrib["classname"], case.attrib["name"]): case for case in root.iter("testcase")}


def get_outcomes(report: AuditReport) -> dict[str, str]:
    """Return the element that states the outcome of each case, by its group."""
    return {group: case[-1].tag for (group, _), case in parse_cases(report).items()}


def test_findings_that_break_the_policy_fail_and_others_pass(failing: AuditReport) -> None:
    outcomes = get_outcomes(failing)
    assert outcomes["pickle/dangerous-call"] == outcomes["pickle/unlisted-call"] == "failure"
    assert outcomes["license/contradiction"] == outcomes["safetensors/hole"] == "system-out"
    never = replace(failing, policy=replace(failing.policy, gates={}))
    assert get_outcomes(never)["pickle/dangerous-call"] == "system-out"


def test_open_absence_is_an_error_and_an_accepted_result_is_skipped(failing: AuditReport) -> None:
    cases = parse_cases(failing)
    tags = {name: case[-1].tag for (group, name), case in cases.items() if group.startswith("coverage/")}
    assert sorted(tags.values()) == ["error", "error", "error", "skipped"]
    findings = tuple(replace(each, acceptance=ACCEPTANCE) for each in failing.findings)
    accepted = parse_cases(replace(failing, findings=findings))
    (skipped,) = (case[-1] for (group, _), case in accepted.items() if group == "pickle/dangerous-call")
    assert skipped.tag == "skipped"
    assert "ann" in skipped.attrib["message"]
    assert "2027-01-01" in skipped.attrib["message"]


def test_answer_that_no_policy_gates_on_is_skipped(failing: AuditReport) -> None:
    open_use = Ruling(Verdict.REVIEW, "No planned use is stated.")
    assert parse_cases(failing)["verdict", "load"][-1].tag == "failure"
    ungated = replace(failing, decision=replace(failing.decision, use=open_use))
    assert parse_cases(ungated)["verdict", "use"][-1].tag == "skipped"
    cause = Cause(CauseKind.LICENCE_REVIEW, Question.USE, Verdict.REVIEW, 1, "licences leave open the planned use")
    causes = (*failing.decision.causes, cause)
    gated = replace(failing, decision=replace(failing.decision, use=open_use, causes=causes))
    assert parse_cases(gated)["verdict", "use"][-1].tag == "error"
    assert get_outcomes(gated)["decision/licence-review"] == "error"


def test_family_that_was_not_checked_is_skipped_and_one_without_rules_has_no_suite(passing: AuditReport) -> None:
    cases = parse_cases(replace(passing, policy=replace(passing.policy, checks=(CheckFamily.SECURITY,))))
    assert cases["security", "no findings"][-1].tag == "system-out"
    assert cases["license", "not checked"][-1].tag == "skipped"
    assert not any(group == CheckFamily.TRANSPARENCY for group, _ in cases)


def test_no_suite_passes_where_nothing_was_examined(incomplete: AuditReport) -> None:
    tags = {key: case[-1].tag for key, case in parse_cases(incomplete).items()}
    assert tags["security", "no findings"] == tags["coverage", "0 files"] == "skipped"
    assert tags["verdict", "load"] == "error"


def test_case_keeps_its_name_while_severity_and_wording_change(failing: AuditReport) -> None:
    findings = tuple(replace(each, severity=Severity.LOW, message="other words") for each in failing.findings)
    assert parse_cases(replace(failing, findings=findings)).keys() == parse_cases(failing).keys()


def test_equal_findings_have_different_names(hostile: AuditReport) -> None:
    root = ElementTree.fromstring(render_junit(hostile))
    names = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


@check_each("name", ["fail", "pass", "incomplete", "hostile", "crowded"])
def test_counts_of_suites_are_those_of_their_cases(name: str, examples: dict) -> None:  # type: ignore[type-arg]
    root = ElementTree.fromstring(render_junit(examples[name]()))
    tags = {"failures": "failure", "errors": "error", "skipped": "skipped", "tests": "testcase"}
    for element in (root, *root.iter("testsuite")):
        assert {key: len(list(element.iter(tag))) for key, tag in tags.items()} == {
            key: int(element.attrib[key]) for key in tags
        }


@pytest.mark.counterpart
def test_junitparser_reads_the_same_results(crowded: AuditReport) -> None:
    import junitparser

    suites = junitparser.JUnitXml.fromstring(render_junit(crowded))
    read = {(case.classname, case.name): case.result for suite in suites for case in suite}
    assert read.keys() == parse_cases(crowded).keys()
    kinds = {junitparser.Failure: "failure", junitparser.Error: "error", junitparser.Skipped: "skipped"}
    for key, case in parse_cases(crowded).items():
        expected = case[-1].tag if case[-1].tag != "system-out" else None
        assert [kinds[type(each)] for each in read[key]] == ([expected] if expected else [])
    suites.update_statistics()
    stated = ElementTree.fromstring(render_junit(crowded)).attrib
    for name in ("tests", "failures", "errors", "skipped"):
        assert getattr(suites, name) == int(stated[name])
