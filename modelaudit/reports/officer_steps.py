"""State the next steps of a report: the step of the person who signs, then the command for an engineer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import LicenseConclusion, UseAnswer
from modelaudit.model.report import COVERAGE_RULES, AuditReport
from modelaudit.model.restrictions import is_unsearched
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import SHARED_WEIGHTS, Answer
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.reports import answers, view
from modelaudit.reports.decision_words import is_acceptable
from modelaudit.reports.inventory import has_claimed_digests
from modelaudit.reports.license_fields import list_clauses_on_fields
from modelaudit.reports.license_parts import list_model_rows
from modelaudit.reports.next_step import (
    find_missing_statements,
    list_base_models_to_look_up,
    list_open_answers,
    list_places,
    list_requests,
    list_reviewable_answers,
)
from modelaudit.reports.open_names import find_unread
from modelaudit.reports.wording import format_sentence, join_first, join_phrases

_MOST_STEPS: Final = 10
_MOST_PLACES: Final = 2
_MOST_NAMES: Final = 3
_DECIDE: Final = "modelaudit decide {} --report report.json"
_CHECKS_TO_RUN: Final = {
    CheckFamily.SECURITY: ("Run the security check before anyone loads it.", "modelaudit scan {}"),
    CheckFamily.LICENSE: ("Run the licence check before anyone uses it.", "modelaudit license {}"),
}
"""The step for each check without which a question has no answer."""
_DAMAGED: Final = frozenset(
    {
        UnreadReason.DAMAGED,
        UnreadReason.EMPTY,
        UnreadReason.UNREADABLE,
        UnreadReason.CHANGED,
        UnreadReason.CONTENT_ABSENT,
        UnreadReason.LINK_DANGLING,
    }
)
"""The reasons for which a second download may deliver the part whole."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a sentence for the person who signs, and one for an engineer, which may be empty."""

    person: str
    engineer: str = ""


_STEPS: Final = {
    CauseKind.UNREAD: Step(
        "Ask whether the model works without the parts that were not examined, or decide to accept them.",
        "remove or fetch the part again; see modelaudit decide.",
    ),
    CauseKind.UNCLAIMED_BYTES: Step(
        "Ask an engineer for the purpose of the extra bytes, then decide.", "they may be a second file."
    ),
    CauseKind.UNVERIFIED_TYPE: Step(
        "Ask an engineer what the unverified name does, then record that you accept or refuse it."
    ),
    CauseKind.UNVERIFIED_BYTES: Step("Fetch the model from its publisher again, or decide to accept these files."),
    CauseKind.NOTHING_SCANNED: Step("Ask for the right files.", "check the target and the permissions of its files."),
    CauseKind.INSTRUCTIONS_REVIEW: Step("Read the instructions before anyone follows them."),
    CauseKind.USE_NOT_STATED: Step("State the planned use for a new report.", "scan with --use."),
    CauseKind.REFUSED: Step("Read why a person refused it, or choose another model."),
    CauseKind.REFUSAL_REOPENED: Step("Decide again on what was refused.", "modelaudit decide --help"),
    CauseKind.UNPINNED: Step("Ask for a new report on one fixed version.", "name the commit after the @."),
    CauseKind.LOCK: Step(
        "Ask whether the change of the files is wanted.", "compare with --lock, then modelaudit lock."
    ),
    CauseKind.RULES_AGE: Step("Ask for a new report with newer rules.", "install a newer modelaudit."),
    CauseKind.SIGNER: Step("Ask the publisher for a signature.", "name who may sign in trusted-signers of the policy."),
    CauseKind.SIGNOFF: Step("Read the report, and sign it or refuse.", _DECIDE.format("model") + " --answer approve"),
}
_COMPROMISED: Final = "Treat machines that loaded it as compromised."
_EXCEPTION: Final = "As an exception, the policy lets a person accept a finding until a date."


def find_forbidding(report: AuditReport) -> list[Finding]:
    """Find the critical findings that no person accepted and that forbid to load the model, in their order."""
    return [
        each
        for each in report.findings
        if each.severity is Severity.CRITICAL and each.acceptance is None and each.check is not CheckFamily.LICENSE
    ]


def list_steps(report: AuditReport) -> tuple[Step, ...]:
    """List the next steps, each once: forbidden acts, then missing inputs; else to keep the report."""
    steps = tuple(dict.fromkeys(_iterate_steps(report)))
    if not steps and report.decision.verdict is not Verdict.PASS:
        return (Step("Read the reasons above, and decide."),)
    return steps[:_MOST_STEPS] or (Step(f"Keep this report with the {view.name_subject(report)}."),)


def _iterate_steps(report: AuditReport) -> Iterator[Step]:
    on_use = {each.kind for each in report.decision.causes if each.question is Question.USE}
    is_denied = CauseKind.LICENCE_DENIED in on_use
    yield from _answer_load(report)
    if is_denied:
        yield _answer_denial(report)
    missing = (words for family, words in _CHECKS_TO_RUN.items() if family not in report.policy.checks)
    yield from (Step(person, command.format(_name_target(report))) for person, command in missing)
    if report.decision.load.verdict is Verdict.PASS:
        yield from _fix_quiet_defects(report)
    if CauseKind.FINDINGS in on_use and not is_denied:
        yield _correct_licence(report)
    for kind, _ in answers.count_causes(report):
        if kind is CauseKind.UNREAD:
            yield from _fetch_or_decide(report)
        elif kind is CauseKind.UNVERIFIED_TYPE:
            yield replace(_STEPS[kind], engineer=_decide_first(find_unread(report, UnreadReason.UNVERIFIED)))
        elif kind in _STEPS:
            yield _STEPS[kind]
    if CheckFamily.LICENSE in report.policy.checks and (not is_denied or list_reviewable_answers(report.license)):
        yield from _settle_use(report)


def _decide_first(names: list[str]) -> str:
    """Write the command for the first of several subjects; empty without any."""
    if not names:
        return ""
    others = f", and so for each of the {len(names):,} in the annex on findings" if len(names) > 1 else ""
    return f"{_DECIDE.format(shlex.quote(names[0]))}{others}."


def _correct_licence(report: AuditReport) -> Step:
    """State what ends findings of the licence check that the policy rejects."""
    rejected = _list_rejected(report, CheckFamily.LICENSE)
    words = f"Do not use this {view.name_subject(report)} before its author corrects what it states on its licence."
    return Step(f"{words} {_EXCEPTION}" if any(is_acceptable(each, report.policy) for each in rejected) else words)


def _list_rejected(report: AuditReport, *families: CheckFamily) -> list[Finding]:
    """List the findings of these checks that the policy rejects and that nothing accepts."""
    rejected = (each for each in report.findings if each.acceptance is None and report.policy.rejects(each))
    return [each for each in rejected if each.check in families]


def _answer_load(report: AuditReport) -> Iterator[Step]:
    """Yield that the model must not be loaded, or not yet."""
    verdict = report.decision.load.verdict
    if verdict is Verdict.FAIL:
        yield from _forbid(report)
    elif verdict is not Verdict.PASS and CheckFamily.SECURITY in report.policy.checks:
        yield Step(f"Do not load this {view.name_subject(report)} before each point below on its files is settled.")


def _forbid(report: AuditReport) -> Iterator[Step]:
    """Yield that the model must not be loaded, with what the fix of the worst rule adds, and who may permit it."""
    if not any(each.kind is CauseKind.FINDINGS and each.question is Question.LOAD for each in report.decision.causes):
        return
    families = (each for each in CheckFamily if each is not CheckFamily.LICENSE)
    rejected = _list_rejected(report, *families)
    words = f"Do not load this {view.name_subject(report)}."
    forbidding = find_forbidding(report)
    if forbidding:
        fix = next((rule.fix for rule in report.rules if rule.id == forbidding[0].rule), "")
        sentence, _, rest = fix.partition(". ")
        # The first sentence of a fix repeats this for the file.
        added = rest if sentence.startswith("Do not ") else fix
        if "compromised" not in added:
            added = f"{format_sentence(added)} {_COMPROMISED}" if added else _COMPROMISED
    else:
        added = "ask for corrected files first"
    accepts = bool(rejected) and all(is_acceptable(each, report.policy) for each in rejected)
    exception = f" {_EXCEPTION}" if accepts else ""
    yield Step(f"{words} {format_sentence(added)}{exception}" if added else f"{words}{exception}")


def _answer_denial(report: AuditReport) -> Step:
    """State what ends a denial: for each part of the repository apart, where the answers to them differ."""
    rows = list_model_rows(report.license)
    lost = [row.name for row in rows if row.answer is Answer.DENY]
    free = [f"{row.name} ({row.terms})" for row in rows if row.answer is Answer.ALLOW]
    noun = view.name_subject(report)
    if not lost or len(lost) == len(rows):
        words = f"ask the licensor for an agreement, plan another use, or choose another {noun}."
        return Step(f"Do not use this {noun} as planned: {words}")
    words = f"Do not use {_join_names(lost)} as planned: ask the licensor for an agreement, or leave it out."
    # The licence of a part permits nothing where the whole must not be loaded.
    may_use = free and report.decision.load.verdict is Verdict.PASS
    return Step(f"{words} You may use {_join_names(free)}." if may_use else words)


def _fix_quiet_defects(report: AuditReport) -> Iterator[Step]:
    """Yield the fix of the finding below the threshold that page 1 quotes beside the permission to load."""
    worst = answers.find_worst_quiet_finding(report)
    fix = next((rule.fix for rule in report.rules if worst is not None and rule.id == worst.rule), "")
    if worst is not None and fix:
        sentence = fix.partition(". ")[0].rstrip(".")
        line = f", line {worst.location.line:,}" if worst.location.line else ""
        place = f" ({worst.artifact}{line})" if worst.artifact and worst.artifact not in sentence else ""
        yield Step(format_sentence(f"{sentence}{place}"))


def _fetch_or_decide(report: AuditReport) -> Iterator[Step]:
    """Yield to download damaged files again, and to decide on the other parts that were not examined."""
    unread = [(address, absence.unread.reason) for address, absence in report.coverage.open_absences]
    fixes = {each.id: each.fix for each in report.rules}
    again = "compare their digests, and scan again." if has_claimed_digests(report) else "scan again."
    damaged = []
    for address, absence in report.coverage.open_absences:
        if absence.unread.reason not in _DAMAGED:
            continue
        # The fix of a rule of the format names the files: an index is whole where its data are cut.
        rules = [each.rule for each in report.findings if absence.is_stated_by(each, address)]
        fix = next((fixes[each] for each in rules if each in fixes and not each.startswith(f"{COVERAGE_RULES}/")), "")
        sentence = fix.partition(". ")[0]
        if sentence.startswith("Download "):
            yield Step(format_sentence(sentence), again)
        else:
            damaged.append(address)
    if damaged:
        yield Step(f"Download the files again: {_join_names(damaged)}.", again)
    apart = (UnreadReason.UNCLAIMED, UnreadReason.UNVERIFIED, UnreadReason.UNVERIFIED_BYTES)
    if not unread or any(reason not in _DAMAGED and reason not in apart for _, reason in unread):
        yield _STEPS[CauseKind.UNREAD]


def _settle_use(report: AuditReport) -> Iterator[Step]:
    """Yield the statements, look-ups and texts to read where the answer to the use is open."""
    license_ = report.license
    is_open = report.decision.use.verdict is not Verdict.PASS
    if is_open and (license_.intent is None or not license_.intent.is_stated):
        yield _STEPS[CauseKind.USE_NOT_STATED]
    yield from (Step(each, f"add {option}.") for each, option in find_missing_statements(license_))
    if is_open and (clauses := list_clauses_on_fields(license_)):
        words = f"State your field of use if it is one that {join_phrases(clauses)} permits under conditions alone."
        yield Step(words, "add --field FIELD.")
    yield from (Step(each) for each in list_requests(license_))
    yield from _ask_about_shared_weights(license_)
    base_models = list_base_models_to_look_up(license_)
    causes = {each.kind for each in report.decision.causes}
    is_denied_in_part = CauseKind.LICENCE_DENIED in causes and bool(list_reviewable_answers(license_))
    is_for_review = CauseKind.LICENCE_REVIEW in causes or is_denied_in_part
    readings = tuple(_review(report, base_models)) if is_for_review else ()
    if base_models:
        whose = "the licence of the base model" if len(base_models) == 1 else "the licences of the base models"
        ids = list_open_answers(license_)
        record = f", or {_DECIDE.format(f'licence:{ids[0]}')}" if ids and not readings else ""
        yield Step(
            f"Look up {whose} {_join_names(base_models)}, and whether your use is permitted.",
            f"scan again with a connection{record}",
        )
    yield from readings


def _ask_about_shared_weights(license_: LicenseConclusion) -> Iterator[Step]:
    """Yield to ask which of several licences covers weights that two models of the repository hold."""
    shared = [each for each in license_.conflicts if each.kind == SHARED_WEIGHTS]
    if not shared:
        return
    is_doubtful = any(_is_about_shared_weights(each, license_) for each in license_.open_answers)
    before = ", and do not use it before" if is_doubtful else ""
    names = _join_names([each.artifact for each in shared])
    yield Step(f"Ask the author which licence covers {names}, which also lies under other terms{before}.")


def _has_shared_weights(license_: LicenseConclusion) -> bool:
    return any(each.kind == SHARED_WEIGHTS for each in license_.conflicts)


def _is_about_shared_weights(answer: UseAnswer, license_: LicenseConclusion) -> bool:
    """Whether an answer is the doubt that a conflict on shared weights states, which a step of its own settles."""
    # A conflict names the folder first.
    return any(each.kind == SHARED_WEIGHTS and each.detail.endswith(answer.because) for each in license_.conflicts)


def _review(report: AuditReport, base_models: list[str]) -> Iterator[Step]:
    """Yield the places to read, and the command that records the answer; nothing where a statement may settle it."""
    license_ = report.license
    places = list_places(license_)
    waiting = [
        each
        for each in list_reviewable_answers(license_)
        if not each.unstated and not _is_about_shared_weights(each, license_)
    ]
    # The licence of a base model is looked up.
    waiting = [each for each in waiting if each.license or not any(name in each.because for name in base_models)]
    ids = list_open_answers(license_)
    record = _DECIDE.format(f"licence:{ids[0]}") if ids else ""
    if places:
        # A text that was not searched may hold no terms.
        unsearched = {each.artifact for each in license_.conflicts if is_unsearched(each.location)}
        terms = "any terms in it permit" if set(places) <= unsearched else "these terms permit"
        person = f"Read {join_first(places, _MOST_PLACES)}, and decide whether {terms} your use."
        if view.list_over_limit(report):
            person = f"Have the texts that were not searched read, or leave them out. {person}"
            record = f"scan their folders one by one, or {record}" if record else "scan their folders one by one."
    elif not license_.entries:
        person = (
            f"Do not use this {view.name_subject(report)} before its author states a licence in writing, or choose "
            "another."
        )
    elif clauses := [f"{each.license}, {each.section}" for each in waiting if each.license and each.section]:
        person = f"Read {_join_names(clauses)}, and decide whether your use meets the clause."
    elif waiting or not (base_models or find_missing_statements(license_) or _has_shared_weights(license_)):
        person = "Decide whether the terms in the annex on the licence permit your use."
    else:
        return
    yield Step(person, record)


def _name_target(report: AuditReport) -> str:
    """Name the target as a command takes it; of a folder on disk the report keeps the last part of its path."""
    return shlex.quote(view.get_heading(report.target))


def _join_names(names: list[str]) -> str:
    """Join the first names, each once, and count the others."""
    return join_first(names, _MOST_NAMES) if len(set(names)) > _MOST_NAMES else join_phrases(names)
