"""Render the worst results as annotations of GitHub Actions: workflow commands that a runner reads from stdout.

GitHub keeps ten annotations of a level for each step, and the rest is counted in a line of the log.

Source: "Workflow commands for GitHub Actions", and ``ActionCommand`` of the runner for the escapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from modelaudit.model.finding import Severity
from modelaudit.model.report import AuditReport
from modelaudit.model.verdict import CauseKind
from modelaudit.reports.answers import describe_verdict
from modelaudit.reports.decision_words import describe_attention, list_decided
from modelaudit.reports.license_names import name_licenses
from modelaudit.reports.results import Outcome, Result, count_settled, list_results
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.view import get_heading
from modelaudit.reports.wording import count_noun, describe_place, lower_first

MAX_ANNOTATIONS: Final = 10

_REFUSAL_CAUSES: Final = (f"decision/{CauseKind.REFUSED}", f"decision/{CauseKind.REFUSAL_REOPENED}")
_MAX_TITLE_CHARACTERS: Final = 200
_MAX_MESSAGE_CHARACTERS: Final = 1000
_COMMANDS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}
_STATING_CAUSES: Final = frozenset({"decision/licence-review", "decision/licence-denied"})
_RESTATING_RULES: Final = frozenset({"license/undeclared", "license/use-for-review"})
_DATA_ESCAPES: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY_ESCAPES: Final = _DATA_ESCAPES | str.maketrans({":": "%3A", ",": "%2C"})


def render_annotations(report: AuditReport, model: str = "") -> bytes:
    """Render at most ten annotations, worst first, after a line with the verdict.

    Accepted results are counted, and the decisions in force are annotations too if all fit into the ten.
    """
    report = name_licenses(report)
    results = list_results(report)
    open_results = list(_leave_out_restated([result for result in results if not result.is_settled]))
    # What a person refused must not be lost behind ten findings.
    open_results.sort(key=lambda result: result.rule not in _REFUSAL_CAUSES)
    decision = report.decision
    # A command begins a line, so every line begins with words of our own.
    model = model or get_heading(report.target)
    name = _escape(model, _MAX_TITLE_CHARACTERS, _DATA_ESCAPES)
    verdict = lower_first(describe_verdict(report))
    lines = [f"modelaudit: {verdict} (load {decision.load.verdict}, use {decision.use.verdict}): {name}"]
    lines += [_write_annotation(report, model, result) for result in islice(open_results, MAX_ANNOTATIONS)]
    more = len(open_results) - MAX_ANNOTATIONS
    if more > 0:
        lines.append(f"modelaudit: and {count_noun(more, 'more result')}, in the other reports")
    settled = count_settled(results)
    if settled:
        decided = list_decided(report)
        attention = _escape(describe_attention(report), _MAX_TITLE_CHARACTERS, _DATA_ESCAPES)
        endings = [attention] if attention else []
        if len(open_results) + len(decided) <= MAX_ANNOTATIONS:
            texts = (_escape(each, _MAX_MESSAGE_CHARACTERS, _DATA_ESCAPES) for each in decided)
            lines += [f"::notice title=Decision::{text}" for text in texts]
        elif decided:
            number = count_noun(len(decided), "decision")
            endings.append(f"the summary of the job names {number} with who decided and until when")
        ending = f": {'; '.join(endings)}" if endings else ""
        lines.append(f"modelaudit: {settled}, not shown here{ending}")
    elif attention := describe_attention(report):
        lines.append(f"modelaudit: {_escape(attention, _MAX_TITLE_CHARACTERS, _DATA_ESCAPES)}")
    notes = (_escape(note, _MAX_MESSAGE_CHARACTERS, _DATA_ESCAPES) for note in report.target.notes)
    lines += [f"modelaudit: note: {note}" for note in notes]
    return "".join(f"{line}\n" for line in lines).encode()


def _leave_out_restated(results: Sequence[Result]) -> Iterator[Result]:
    """Yield the results without findings that repeat the cause of the same verdict."""
    is_stated = any(result.rule in _STATING_CAUSES for result in results)
    for result in results:
        if not (is_stated and result.rule in _RESTATING_RULES and result.outcome is Outcome.NOTED):
            yield result


def _write_annotation(report: AuditReport, name: str, result: Result) -> str:
    """Write the workflow command of a result, at the line that names the model if one is known."""
    properties = []
    if report.target.anchors:
        # Files of the model are not in the repository of the workflow, so only an anchor is a place there.
        anchor = report.target.anchors[0]
        properties = [f"file={_escape(anchor.path, _MAX_TITLE_CHARACTERS, _PROPERTY_ESCAPES)}", f"line={anchor.line}"]
    rule = _escape(result.rule, _MAX_TITLE_CHARACTERS, _PROPERTY_ESCAPES)
    properties.append(f"title={result.severity}%3A {rule} ({result.fingerprint})")
    # A step may scan several models, and GitHub shows its annotations in one list.
    model = [] if name == result.address else [escape_unprintable(name, _MAX_TITLE_CHARACTERS)]
    place = ", ".join(filter(None, [result.address or "the model as a whole", describe_place(result.location)]))
    message = _escape(": ".join([*model, place, result.message]), _MAX_MESSAGE_CHARACTERS, _DATA_ESCAPES)
    return f"::{_COMMANDS[result.severity]} {','.join(properties)}::{message}"


def _escape(text: str, limit: int, escapes: dict[int, str]) -> str:
    """Escape a text for a place in a workflow command."""
    return escape_unprintable(text, limit).translate(escapes)
