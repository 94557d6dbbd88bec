"""State the next steps of a report: the step of the person who signs, then the command for an engineer."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.address import file_of
from modelaudit.model.finding import CheckFamily, Exposure, Finding, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import AuditReport
from modelaudit.model.structure import UnreadReason
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.reports import answers, view
from modelaudit.reports.addressees import name_author, name_owner
from modelaudit.reports.closing_steps import keep_report, list_closing_steps
from modelaudit.reports.decision_words import FAMILIES_ON_LOAD, find_refusal, list_rejected, permits_exception
from modelaudit.reports.fetch_steps import DAMAGED, PRONOUNS, decide_first, fetch_or_decide
from modelaudit.reports.next_step import list_places, list_reviewable_answers
from modelaudit.reports.open_names import find_unread
from modelaudit.reports.results import list_findings_to_review
from modelaudit.reports.signoff_need import find_later_approval
from modelaudit.reports.use_steps import DECIDE, Step, answer_denial, join_names, settle_use
from modelaudit.reports.wording import format_sentence, join_phrases, lower_first, name_people

_MOST_STEPS: Final = 10
_MOST_FURTHER_FIXES: Final = 2
_WORD: Final = defer_pattern(r"[\w/.-]*\w")
"""A word of a sentence that may be the path of a file, without the full stop after it."""
_LOADING: Final = defer_pattern(r"(?:\A|[.;,:] |\b(?:and|or|then) )(?:load|install|run)\b", re.IGNORECASE)
"""The beginning of a clause that tells to load something."""
_CHECKS_TO_RUN: Final = {
    CheckFamily.SECURITY: ("Run the security check before anyone loads it.", "modelaudit scan {}"),
    CheckFamily.LICENSE: ("Run the licence check before anyone uses it.", "modelaudit license {}"),
}
"""The step for each check without which a question has no answer."""

_STEPS: Final = {
    CauseKind.UNCLAIMED_BYTES: Step(
        "Ask an engineer for the purpose of the extra bytes in {}, then decide.", "they may be a second file."
    ),
    CauseKind.UNVERIFIED_TYPE: Step(
        "Ask an engineer what the unverified {1} in {0} {2}, then record that you accept or refuse {3}. "
        "A refusal fails the model."
    ),
    CauseKind.UNVERIFIED_BYTES: Step(
        "Fetch the model from its publisher again, or decide to accept the bytes of {0}, for which no source states a "
        "digest."
    ),
    CauseKind.NOTHING_SCANNED: Step("Ask for the right files.", "check the target and the permissions of its files."),
    CauseKind.USE_NOT_STATED: Step("State the planned use for a new report.", "scan with --use."),
    CauseKind.REFUSED: Step("Read why a person refused it, or choose another model."),
    CauseKind.REFUSAL_REOPENED: Step("Decide again on what was refused.", "record it with modelaudit decide."),
    CauseKind.UNPINNED: Step("Ask for a new report on one fixed version.", "name the commit after the @."),
    CauseKind.LOCK: Step(
        "Ask whether the change of the files is wanted.", "compare with --lock, then modelaudit lock."
    ),
    CauseKind.RULES_AGE: Step("Ask for a new report with newer rules.", "install a newer modelaudit."),
    CauseKind.SIGNER: Step(
        "Ask the publisher for a signature by a signer that the policy trusts.",
        "put the signature into the folder, and scan again; trusted-signers of the policy states who may sign.",
    ),
    CauseKind.SIGNOFF: Step(
        "Read the report, and sign it or refuse.",
        f'record it with {DECIDE.format("model")} --answer approve --reason "TEXT" --by "NAME" --role "ROLE", or '
        "--answer refuse.",
    ),
}
_PARTS: Final = {
    CauseKind.UNVERIFIED_TYPE: UnreadReason.UNVERIFIED,
    CauseKind.UNCLAIMED_BYTES: UnreadReason.UNCLAIMED,
    CauseKind.UNVERIFIED_BYTES: UnreadReason.UNVERIFIED_BYTES,
}
"""The kinds of causes on which a person decides part by part."""
_BEFORE_LOADING: Final = {
    CauseKind.SIGNOFF: "a person has signed it off",
    CauseKind.SIGNER: "a scan verified the signature of a trusted signer",
    CauseKind.UNPINNED: "one version of it is fixed",
    CauseKind.RULES_AGE: "newer rules have judged it",
}
"""What has to happen before the loading where a cause is on no file."""
_EXPOSED: Final = {
    Exposure.MACHINE: ("compromised", "Treat machines that {} as compromised."),
    Exposure.SECRETS: (
        "replace every",
        "If a machine with a network {}, replace every secret that the process could read.",
    ),
}
"""For what a finding exposes: the words by which a fix states the step already, and the step."""
_LATER: Final = "Scan again when the files that fail are replaced, and decide then on the {}."
_MATTERS: Final = {
    CauseKind.UNVERIFIED_TYPE: "unverified {0} in {1}",
    CauseKind.UNCLAIMED_BYTES: "extra bytes in {1}",
    CauseKind.UNVERIFIED_BYTES: "bytes of {1}, for which no source states a digest",
}
"""What a person decides on part by part."""
_POSTPONING: Final = defer_pattern(r"\bdo not (?:use|load) th(?:is|e)\b", re.IGNORECASE)
"""The words by which a step forbids the use or the loading already."""
_NUMBER: Final = (("name", "does", "it"), ("names", "do", "them"))
"""The words of a step on names in one part, and in several."""
_EXCEPTION: Final = "As an exception, the policy lets a person accept a finding until a date."
_EXCEPTION_AFTER_READING: Final = (
    "As an exception, the policy lets a person who has read the terms accept the finding until a date."
)


def tells_to_load(fix: str) -> bool:
    """Whether a sentence of a fix tells to load, install or run something."""
    return _LOADING.search(fix) is not None


def find_forbidding(report: AuditReport) -> list[Finding]:
    """Find the critical findings that no person accepted and that forbid to load the model, in their order."""
    return [
        each
        for each in report.findings
        if each.severity is Severity.CRITICAL and each.acceptance is None and each.check is not CheckFamily.LICENSE
    ]


def list_steps(report: AuditReport) -> tuple[Step, ...]:
    """List the next steps, each once: forbidden acts, then missing inputs; else to keep the report.

    Of steps with one command for an engineer, the last states it.
    """
    listed = list(dict.fromkeys((*_iterate_steps(report), *list_closing_steps(report))))
    listed[:0] = _postpone_use(report, listed)
    last = {each.engineer: number for number, each in enumerate(listed)}
    steps = tuple(
        each if last[each.engineer] == number else Step(each.person, "") for number, each in enumerate(listed)
    )
    if not steps and report.decision.verdict is not Verdict.PASS:
        return (Step("Read the reasons above, and decide."),)
    return steps[:_MOST_STEPS] or (keep_report(report),)


def _postpone_use(report: AuditReport, steps: Iterable[Step]) -> Iterator[Step]:
    """Yield not to use the model yet, where the answer on the use is open and no step says so."""
    intent = report.license.intent
    is_open = report.decision.use.verdict in (Verdict.REVIEW, Verdict.INCOMPLETE)
    if (
        is_open
        and intent is not None
        and intent.is_stated
        and not any(_POSTPONING.search(each.person) for each in steps)
    ):
        yield Step(f"Do not use this {view.name_subject(report)} before the answer on the use is Pass.")


def _iterate_steps(report: AuditReport) -> Iterator[Step]:
    on_use = {each.kind for each in report.decision.causes if each.question is Question.USE}
    is_denied = CauseKind.LICENCE_DENIED in on_use
    yield from _repeat_refusal(report)
    yield from _answer_load(report)
    if is_denied:
        yield answer_denial(report)
    missing = (words for family, words in _CHECKS_TO_RUN.items() if family not in report.policy.checks)
    yield from (Step(person, command.format(_name_target(report))) for person, command in missing)
    if report.decision.load.verdict is Verdict.PASS:
        yield from _fix_quiet_defects(report)
        yield from _prepare_loading(report)
    if CauseKind.FINDINGS in on_use and not is_denied:
        yield _correct_licence(report)
    for kind, _ in answers.count_causes(report):
        yield from _settle_cause(report, kind)
    if CheckFamily.LICENSE in report.policy.checks and (not is_denied or list_reviewable_answers(report.license)):
        yield from settle_use(report, _STEPS[CauseKind.USE_NOT_STATED])


def _settle_cause(report: AuditReport, kind: CauseKind) -> Iterator[Step]:
    """Yield the steps that settle one kind of cause on the files."""
    if kind is CauseKind.UNREAD:
        yield from fetch_or_decide(report)
    elif kind in _PARTS:
        yield from _name_parts(report, kind, _PARTS[kind])
    elif kind is CauseKind.INSTRUCTIONS_REVIEW:
        yield _read_instructions(report)
    elif kind is CauseKind.SIGNOFF and (approval := find_later_approval(report)):
        yield Step(f"Scan again: {approval.by} approved since, and the new report has the answer.")
    elif kind in _STEPS and not (kind is CauseKind.REFUSED and find_refusal(report)):
        yield _STEPS[kind]


def _repeat_refusal(report: AuditReport) -> Iterator[Step]:
    """Yield that a person refused the model, until when, and what ends the refusal; nothing without a refusal."""
    if refusal := find_refusal(report):
        yield Step(
            f"{name_people(refusal)} refused this {view.name_subject(report)} until {refusal.expires}: do not use it. "
            "Only a new answer of a person changes that."
        )


def _name_parts(report: AuditReport, kind: CauseKind, reason: UnreadReason) -> Iterator[Step]:
    """Yield the step for parts with one reason: it names the first of them, with the command for an engineer.

    A file that fails, or that is fetched again, needs no decision on its parts. Beside files that fail, the decision on
    the others waits for the files that replace them.
    """
    replaced = {file_of(each.artifact) for each in find_forbidding(report)}
    replaced |= {file_of(each) for each, absence in report.coverage.open_absences if absence.unread.reason in DAMAGED}
    names = [each for each in find_unread(report, reason) if file_of(each.partition(":")[2]) not in replaced]
    if names:
        step, parts = _STEPS[kind], list(dict.fromkeys(each.partition(":")[2] for each in names))
        if report.decision.load.verdict is Verdict.FAIL:
            yield Step(_LATER.format(_MATTERS[kind].format(_NUMBER[len(parts) > 1][0], join_names(parts))))
            return
        person = step.person.format(join_names(parts), *_NUMBER[len(parts) > 1])
        yield Step(person, "; ".join(filter(None, (step.engineer.rstrip("."), decide_first(names)))))


def _read_instructions(report: AuditReport) -> Step:
    """State to read the instructions that a person has to read, with the command that records the decision."""
    asked = list_findings_to_review(report)
    named = f" in {join_names([each.artifact for each in asked])}" if asked else ""
    record = decide_first([each.fingerprint for each in asked])
    return Step(f"Read the instructions{named} before anyone follows them, and decide whether you accept them.", record)


def _correct_licence(report: AuditReport) -> Step:
    """State what ends findings of the licence check that the policy rejects."""
    rejected = list_rejected(report, (CheckFamily.LICENSE,))
    noun, author = view.name_subject(report), name_owner(report)
    places = list_places(report.license) if any(each.artifact for each in rejected) else []
    where = f" ({join_names(places)})" if places else ""
    words = f"Do not use this {noun} before {author} corrects what it states on its licence{where}."
    can_accept = permits_exception(report, (CheckFamily.LICENSE,))
    return Step(f"{words} {_EXCEPTION_AFTER_READING}" if can_accept else words)


def _answer_load(report: AuditReport) -> Iterator[Step]:
    """Yield that the model must not be loaded, or not yet."""
    verdict = report.decision.load.verdict
    if verdict is Verdict.FAIL:
        yield from _forbid(report)
    elif verdict is not Verdict.PASS and CheckFamily.SECURITY in report.policy.checks:
        kinds = [each.kind for each in report.decision.causes if each.question is Question.LOAD]
        settled = {CauseKind.SIGNOFF: "a new scan passes"} if find_later_approval(report) else {}
        before = [(_BEFORE_LOADING | settled).get(each, "each point below on its files is settled") for each in kinds]
        # One condition that is on no file says more than all points.
        until = join_phrases(before) if before else "each point below is settled"
        yield Step(f"Do not load this {view.name_subject(report)} before {until}.")


def _forbid(report: AuditReport) -> Iterator[Step]:
    """Yield that the model must not be loaded, with what the fix of the worst rule adds, and who may permit it."""
    if not any(each.kind is CauseKind.FINDINGS and each.question is Question.LOAD for each in report.decision.causes):
        return
    rejected = list_rejected(report, FAMILIES_ON_LOAD)
    noun = view.name_subject(report)
    words, did = f"Do not load this {noun}.", "loaded it"
    if by_hand := report.coverage.list_started_by_hand(rejected):
        files = join_names(by_hand)
        words = f"Do not run {files}, and do not load this {noun} from a copy that holds {PRONOUNS[len(by_hand) > 1]}."
        did = f"ran {PRONOUNS[len(by_hand) > 1]}"
    forbidding = find_forbidding(report)
    if forbidding:
        fix = next((rule.fix for rule in report.rules if rule.id == forbidding[0].rule), "")
        added = _drop_prohibition(fix).replace("its author", name_author(report))
    else:
        added = f"ask {name_author(report)} for corrected files first"
    exception = _EXCEPTION if permits_exception(report, FAMILIES_ON_LOAD) else ""
    sentences = (words, added and format_sentence(added), *_undo_loading(report, added, did), exception)
    yield Step(" ".join(filter(None, sentences)))
    yield from _fix_other_rules(report, added)


def _drop_prohibition(fix: str) -> str:
    """Drop the first sentence of a fix if it forbids to load the file: the step forbids to load the model."""
    sentence, _, rest = fix.partition(". ")
    return rest if sentence.startswith(("Do not load ", "Do not run ")) else fix


def _fix_other_rules(report: AuditReport, stated: str) -> Iterator[Step]:
    """Yield the first act of the fix of the next critical rules, with their files; one act of several rules once.

    Args:
        report: of a model that fails.
        stated: the fix of the first rule, which page 1 quotes whole.
    """
    author = name_author(report)
    fixes = {
        rule.id: _drop_prohibition(rule.fix).partition(". ")[0].rstrip(".").replace("its author", author)
        for rule in report.rules
    }
    forbidding = find_forbidding(report)
    files: dict[str, list[str]] = {}
    for each in forbidding:
        act = fixes.get(each.rule, "")
        if act and each.rule != forbidding[0].rule and act not in stated:
            files.setdefault(act, []).append(file_of(each.artifact))
    for act, paths in [*files.items()][:_MOST_FURTHER_FIXES]:
        yield Step(format_sentence(f"{join_names(paths)}: {lower_first(act)}"))


def find_exposures(report: AuditReport) -> list[Exposure]:
    """Find what is in danger where files that fail the answer to load were loaded before, the machine first."""
    stated = {each.id: each.exposes for each in report.rules}
    exposed = {stated.get(each.rule, Exposure.BY_SEVERITY) for each in list_rejected(report, FAMILIES_ON_LOAD)}
    is_usual = any(
        stated.get(each.rule, Exposure.BY_SEVERITY) is Exposure.BY_SEVERITY for each in find_forbidding(report)
    )
    exposed |= {Exposure.MACHINE} if is_usual else set()
    return [each for each in _EXPOSED if each in exposed]


def _undo_loading(report: AuditReport, stated: str, did: str) -> Iterator[str]:
    """Yield what to do where the files were loaded before, by what their findings expose and no fix states.

    Args:
        report: of a model that fails.
        stated: the fix that page 1 quotes.
        did: what people did with the files, in the past.
    """
    for exposure in find_exposures(report):
        known, words = _EXPOSED[exposure]
        if known not in stated:
            yield words.format(did)


def _fix_quiet_defects(report: AuditReport) -> Iterator[Step]:
    """Yield the fix of the finding below the threshold that page 1 quotes beside the permission to load."""
    worst = answers.find_worst_quiet_finding(report)
    fix = next((rule.fix for rule in report.rules if worst is not None and rule.id == worst.rule), "")
    if worst is not None and fix:
        sentence = fix.partition(". ")[0].rstrip(".")
        line = f", line {worst.location.line:,}" if worst.location.line else ""
        place = f" ({worst.artifact}{line})" if worst.artifact and worst.artifact not in sentence else ""
        yield Step(format_sentence(f"{sentence}{place}"))


def _prepare_loading(report: AuditReport) -> Iterator[Step]:
    """Yield the step before loading that each rule states, with the files that its findings name."""
    paths = {each.path for each in report.coverage.artifacts}
    for rule in report.rules:
        if not rule.before_loading:
            continue
        own = [each for each in report.findings if each.rule == rule.id and each.acceptance is None]
        named = []
        for finding in own:
            folder = posixpath.dirname(file_of(finding.artifact))
            words = [posixpath.join(folder, each) for each in _WORD.findall(finding.message)]
            named += [each for each in words if each in paths] or [file_of(finding.artifact)]
        if named:
            yield Step(rule.before_loading.replace("{files}", join_names(named)))


def _name_target(report: AuditReport) -> str:
    """Name the target as a command takes it; of a folder on disk the report keeps the last part of its path."""
    return shlex.quote(view.get_heading(report.target))
