"""Render the report as JUnit XML: one suite for each family of checks, for the coverage, and for the two answers.

A result that fails the policy is a failure, one that keeps the verdict open an error, and an accepted or known one is
skipped. A result below the threshold passes, with its text as output, so that a pipeline that passes shows no failed
test.

Source: the XML Schema of the xUnit plug-in of Jenkins, and "Unit test reports" of GitLab.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct

from modelaudit.model.finding import CheckFamily, Rule
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import Question, Verdict
from modelaudit.reports.answers import list_rulings
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.results import Outcome, Result, describe_rule, list_results
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.view import FAMILIES_WITHOUT_RULES, get_heading
from modelaudit.reports.wording import count_noun, describe_acceptance, describe_place

_MAX_CHARACTERS: Final = 2_000
_MAX_EVIDENCE_LINES: Final = 20
_COVERAGE: Final = "coverage"
_ELEMENTS: Final = {
    Outcome.FAILS: "failure",
    Outcome.OPEN: "error",
    Outcome.ACCEPTED: "skipped",
    Outcome.KNOWN: "skipped",
}
_OUTCOME_BY_VERDICT: Final = {
    Verdict.PASS: Outcome.NOTED,
    Verdict.FAIL: Outcome.FAILS,
    Verdict.REVIEW: Outcome.OPEN,
    Verdict.INCOMPLETE: Outcome.OPEN,
}


class _Case(Struct, frozen=True):
    """One test case: ``detail`` is the text of its failure, its error or its output."""

    group: str
    name: str
    outcome: Outcome
    type: str
    message: str
    detail: str = ""
    properties: tuple[tuple[str, str], ...] = ()


class _Suite(Struct, frozen=True):
    """One test suite: cases that are there in any report, then a case for each result."""

    name: str
    fixed: tuple[_Case, ...]
    results: Sequence[Result] = ()
    properties: tuple[tuple[str, str], ...] = ()

    def count(self) -> dict[str, int]:
        """Return the attributes of a suite with numbers of cases."""
        outcomes = [case.outcome for case in self.fixed] + [result.outcome for result in self.results]
        return {
            "tests": len(outcomes),
            "failures": outcomes.count(Outcome.FAILS),
            "errors": outcomes.count(Outcome.OPEN),
            "skipped": sum(_ELEMENTS.get(each) == "skipped" for each in outcomes),
        }


def render_junit(report: AuditReport, model: str = "") -> bytes:
    """Render the test suites. The suite of a family that was not checked holds one skipped case.

    In a run of several models, ``model`` is part of the name of each suite and each class: GitLab and Jenkins collect
    the cases of all files, and take two of one name for one.
    """
    report = name_licenses(report)
    suites = list(_build_suites(report))
    counts = [suite.count() for suite in suites]
    totals = {name: sum(each[name] for each in counts) for name in counts[0]}
    rules = {rule.id: rule for rule in report.rules}
    out = io.BytesIO()
    out.write(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    name = f"modelaudit {model or get_heading(report.target)}"
    out.write(f"<testsuites {_write_attributes(name=name, **totals)}>\n".encode())
    for suite, numbers in zip(suites, counts, strict=True):
        attributes = _write_attributes(
            name=f"modelaudit {f'{model} ' if model else ''}{suite.name}",
            **numbers,
            timestamp=_format_time(report.created),
            time=0,
        )
        out.write(f"  <testsuite {attributes}>\n".encode())
        out.writelines(f"{line}\n".encode() for line in _write_properties(suite.properties, "    "))
        for case in chain(suite.fixed, (_convert_result(report, rules, each) for each in suite.results)):
            out.writelines(f"{line}\n".encode() for line in _write_case(case, model))
        out.write(b"  </testsuite>\n")
    out.write(b"</testsuites>\n")
    return out.getvalue()


def _format_time(created: str) -> str:
    """Format the time of the report in UTC without an offset, as the schema of JUnit wants it."""
    return datetime.fromisoformat(created).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _build_suites(report: AuditReport) -> Iterator[_Suite]:
    """Yield the suite of the two answers, that of each family of checks, and that of the coverage."""
    results: dict[str, list[Result]] = {name: [] for name in (*CheckFamily, _COVERAGE)}
    for result in list_results(report):
        is_coverage = result.rule.startswith(f"{_COVERAGE}/")
        results[_COVERAGE if is_coverage else result.check.value].append(result)
    tool = ("tool", f"{report.tool.name} {report.tool.version}"), ("rules", report.tool.edition)
    yield _Suite("verdict", tuple(_build_answer(report, question) for question in Question), properties=tool)
    for family in CheckFamily:
        if family in FAMILIES_WITHOUT_RULES and not results[family]:
            continue
        fixed: tuple[_Case, ...] = ()
        if family not in report.policy.checks:
            fixed = (
                _Case(family, "not checked", Outcome.ACCEPTED, "not-checked", "The policy leaves this check out."),
            )
        elif not results[family]:
            fixed = (_build_empty_case(report, family, "no findings", "No rule matched."),)
        yield _Suite(family, fixed, results[family])
    files = count_noun(report.coverage.file_count, "file")
    complete = (_build_empty_case(report, _COVERAGE, files, f"{files} examined."),)
    yield _Suite(_COVERAGE, () if results[_COVERAGE] else complete, results[_COVERAGE])


def _build_empty_case(report: AuditReport, group: str, name: str, message: str) -> _Case:
    """Build the case of a suite without results. It never passes where nothing was examined."""
    if report.coverage.anything_examined:
        return _Case(group, name, Outcome.NOTED, "", message)
    return _Case(group, name, Outcome.ACCEPTED, "nothing-examined", "Nothing was examined.")


def _build_answer(report: AuditReport, question: Question) -> _Case:
    """Build the case of one answer. An answer that the policy does not gate on is skipped."""
    ruling = dict(list_rulings(report))[question]
    outcome = _OUTCOME_BY_VERDICT[ruling.verdict]
    if outcome is not Outcome.NOTED and all(cause.question is not question for cause in report.decision.causes):
        outcome = Outcome.ACCEPTED
    lines = [f"{ruling.verdict}: {ruling.reason}", *(f"note: {note}" for note in report.target.notes)]
    detail = "\n".join(escape_unprintable(line, _MAX_CHARACTERS) for line in lines)
    return _Case("verdict", question, outcome, ruling.verdict, ruling.reason, detail)


def _convert_result(report: AuditReport, rules: Mapping[str, Rule], result: Result) -> _Case:
    """Convert a result to a case. Its name stays the same while the result does, because GitLab compares by names."""
    where = result.location
    address = result.address or "the model as a whole"
    number = f" number {result.number}" if result.number > 1 else ""
    title, rule = describe_rule(result.rule, [rules[result.rule]] if result.rule in rules else [])
    place = f"{address}, {describe_place(where)}".removesuffix(", ")
    lines = [f"{result.rule}: {title}", f"{place} [{result.fingerprint}]", result.message]
    lines += result.evidence[:_MAX_EVIDENCE_LINES]
    if rule is not None:
        lines.append(rule.fix)
    accepted = describe_acceptance(result.acceptance) if result.acceptance else ""
    properties = {
        "rule": result.rule,
        "severity": result.severity,
        "fingerprint": result.fingerprint,
        "path": result.address,
        "line": "" if where.line is None else str(where.line),
        "outcome": result.outcome,
    }
    return _Case(
        result.rule,
        f"{address} [{result.fingerprint}]{number}",
        result.outcome,
        result.severity,
        accepted or result.message,
        "\n".join(escape_unprintable(line, _MAX_CHARACTERS) for line in lines),
        tuple((name, value) for name, value in properties.items() if value),
    )


def _write_case(case: _Case, model: str) -> Iterator[str]:
    """Yield the lines of a test case."""
    group = f"{model}: {case.group}" if model else case.group
    yield f"    <testcase {_write_attributes(classname=group, name=case.name, time=0)}>"
    yield from _write_properties(case.properties, "      ")
    detail = escape(case.detail or escape_unprintable(case.message, _MAX_CHARACTERS))
    element = _ELEMENTS.get(case.outcome)
    if element is None:
        yield f"      <system-out>{detail}</system-out>"
    else:
        yield f"      <{element} {_write_attributes(type=case.type, message=case.message)}>{detail}</{element}>"
    yield "    </testcase>"


def _write_properties(properties: Sequence[tuple[str, str]], indent: str) -> Iterator[str]:
    """Yield the lines of properties; none without any."""
    if properties:
        yield f"{indent}<properties>"
        for name, value in properties:
            yield f"{indent}  <property {_write_attributes(name=name, value=value)}/>"
        yield f"{indent}</properties>"


def _write_attributes(**values: str | int) -> str:
    """Write the attributes of an element; a text is escaped and cut."""
    return " ".join(
        f"{name}={quoteattr(escape_unprintable(str(value), _MAX_CHARACTERS))}" for name, value in values.items()
    )
