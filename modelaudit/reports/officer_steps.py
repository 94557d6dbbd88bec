"""State the next steps of a report: first what the person does who signs, then what an engineer runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import UnreadReason
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.reports import answers
from modelaudit.reports.next_step import list_open_answers, list_places
from modelaudit.reports.open_names import find_unread
from modelaudit.reports.wording import format_sentence

_MOST_STEPS: Final = 3
_MOST_PLACES: Final = 2
DO_NOT_LOAD: Final = "Do not load this model."
_DECIDE: Final = "modelaudit decide {} --report report.json"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a sentence for the person who signs, and one for an engineer, which may be empty."""

    person: str
    engineer: str = ""


_STEPS: Final = {
    CauseKind.LICENCE_DENIED: Step("Ask the licensor for an agreement, plan another use, or choose another model."),
    CauseKind.UNREAD: Step(
        "Ask whether the model works without the parts that were not examined, or decide to accept them.",
        "remove or fetch the part again; see modelaudit decide.",
    ),
    CauseKind.UNCLAIMED_BYTES: Step(
        "Ask an engineer for the purpose of the extra bytes, then decide.", "they may be a second file."
    ),
    CauseKind.UNVERIFIED_TYPE: Step("Ask an engineer what the unverified name does, then accept or refuse it."),
    CauseKind.UNVERIFIED_BYTES: Step("Fetch the model from its publisher again, or decide to accept these files."),
    CauseKind.NOTHING_SCANNED: Step("Ask for the right files.", "check the target and the permissions of its files."),
    CauseKind.INSTRUCTIONS_REVIEW: Step("Read the instructions before anyone follows them."),
    CauseKind.USE_NOT_STATED: Step("State the planned use, and have this report made again.", "scan with --use."),
    CauseKind.BASE_MODEL_UNREAD: Step(
        "Read the licence of the base model yourself.", "scan again with a connection, so that it is read."
    ),
    CauseKind.REFUSED: Step("Read why a person refused it, or choose another model."),
    CauseKind.REFUSAL_REOPENED: Step("Decide again on what was refused.", "modelaudit decide --help"),
    CauseKind.UNPINNED: Step("Have this report made again for one version.", "name the commit after the @."),
    CauseKind.LOCK: Step(
        "Ask whether the change of the files is wanted.", "compare with --lock, then modelaudit lock."
    ),
    CauseKind.RULES_AGE: Step("Have this report made again with newer rules.", "install a newer modelaudit."),
    CauseKind.SIGNER: Step("Ask the publisher for a signature.", "name who may sign in trusted-signers of the policy."),
    CauseKind.SIGNOFF: Step("Read the report, and sign it or refuse.", _DECIDE.format("model") + " --answer approve"),
}
_NOTHING_OPEN: Final = Step("Keep this report with the model.")
_FINDINGS_ON_USE: Final = Step(
    "Ask the author of the model to mend what it states on its licence, or decide to accept it."
)
_FINDINGS_ON_LOAD: Final = Step("Have the files mended or replaced, or decide on each finding.")


def find_forbidding(report: AuditReport) -> list[Finding]:
    """Find the critical findings that no person accepted and that forbid to load the model, in their order."""
    return [
        each
        for each in report.findings
        if each.severity is Severity.CRITICAL and each.acceptance is None and each.check is not CheckFamily.LICENSE
    ]


def list_steps(report: AuditReport) -> tuple[Step, ...]:
    """List the next step of each kind of cause, each once; with nothing open, to keep the report."""
    steps = tuple(dict.fromkeys(_iterate_steps(report)))
    return steps[:_MOST_STEPS] or (_NOTHING_OPEN,)


def _iterate_steps(report: AuditReport) -> Iterator[Step]:
    if find_forbidding(report):
        yield Step(_forbid(report))
    on_use = {each.kind for each in report.decision.causes if each.question is Question.USE}
    for kind, _ in answers.count_causes(report):
        if kind is CauseKind.FINDINGS:
            if not find_forbidding(report) and any(
                each.kind is kind and each.question is Question.LOAD for each in report.decision.causes
            ):
                yield _FINDINGS_ON_LOAD
            if kind in on_use and CauseKind.LICENCE_DENIED not in on_use:
                yield _FINDINGS_ON_USE
        elif kind is CauseKind.LICENCE_REVIEW:
            yield _review(report)
        elif kind is CauseKind.UNVERIFIED_TYPE:
            yield replace(_STEPS[kind], engineer=_decide_first(find_unread(report, UnreadReason.UNVERIFIED)))
        else:
            yield _STEPS[kind]
    is_use_unstated = report.license.intent is None or not report.license.intent.is_stated
    if (
        is_use_unstated
        and CheckFamily.LICENSE in report.policy.checks
        and report.decision.use.verdict is Verdict.REVIEW
    ):
        yield _STEPS[CauseKind.USE_NOT_STATED]


def _decide_first(names: list[str]) -> str:
    """Write the command for the first of several subjects; empty without any."""
    if not names:
        return ""
    others = f", and so for each of the {len(names):,} in the annex on findings" if len(names) > 1 else ""
    return f"{_DECIDE.format(shlex.quote(names[0]))}{others}."


def _forbid(report: AuditReport) -> str:
    """State that the model must not be loaded, and what the fix of the first critical rule adds to it."""
    worst = find_forbidding(report)[0].rule
    fix = next((rule.fix for rule in report.rules if rule.id == worst), "")
    sentence, _, rest = fix.partition(". ")
    # The first sentence of a fix says the same of the file.
    added = rest if sentence.startswith("Do not ") else fix
    return f"{DO_NOT_LOAD} {format_sentence(added)}" if added else DO_NOT_LOAD


def _review(report: AuditReport) -> Step:
    """Name the places to read, and the command that records the answer; one sentence each."""
    license_ = report.license
    places = list_places(license_)
    more = f" and {len(places) - _MOST_PLACES:,} more" if len(places) > _MOST_PLACES else ""
    if places:
        person = f"Read {', '.join(places[:_MOST_PLACES])}{more}, and decide whether these terms permit your use."
    elif license_.entries:
        person = "Decide whether the terms in the annex on the licence permit your use."
    else:
        person = "Ask the author of the model for its licence in writing, or choose another model."
    ids = list_open_answers(license_)
    return Step(person, _DECIDE.format(f"licence:{ids[0]}") if ids else "")
