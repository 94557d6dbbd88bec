"""Decide the verdict: the answer to *load* from coverage and findings, the answer to *use* from the licences."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.model.acceptance import Acceptance
from modelaudit.model.comparison import LockComparison
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.policy import LicenseListing, Policy, Requirement
from modelaudit.model.report import Absence, Coverage, Decision
from modelaudit.model.signature import Signature
from modelaudit.model.signoff import SignOff
from modelaudit.model.structure import UnreadReason
from modelaudit.model.terms import Answer, Group
from modelaudit.model.verdict import CHECK_FIRST, Cause, CauseKind, Question, Ruling, Verdict
from modelaudit.policy.accepted import count_noun, describe_accepted
from modelaudit.policy.instruction_reviews import find_reviews
from modelaudit.policy.outcomes import breaks_gate
from modelaudit.policy.permissions import describe_permission
from modelaudit.policy.requirements import RulesAge, find_unmet_conditions

NO_USE: Final = "No planned use is stated, so the licences were not judged for one."
"""The reason of the answer to *use* where neither the policy nor an option states a use."""

_MAX_NAMED_FINDINGS: Final = 3
_MAX_NAMED_LICENSES: Final = 3
_MAX_NAMED_ABSENCES: Final = 2
_MAX_NAMED_DECISIONS: Final = 2
_MAX_NAMED_ANSWERS: Final = 2
_WORST_FIRST: Final = (Verdict.FAIL, Verdict.INCOMPLETE, Verdict.REVIEW)
_UNREAD_PHRASES: Final = {
    UnreadReason.NO_READER: "in a format without a reader",
    UnreadReason.PROGRAM: "of program code",
    UnreadReason.UNVERIFIED: "with an unverified name",
    UnreadReason.UNJUDGED: "with a defect that no rule judges",
    UnreadReason.UNCLAIMED: "with bytes that no reader parses",
    UnreadReason.DAMAGED: "damaged",
    UnreadReason.LIMIT: "over a limit",
    UnreadReason.ENCRYPTED: "encrypted",
    UnreadReason.UNREADABLE: "unreadable",
    UnreadReason.NOT_REGULAR: "of a special kind such as a pipe or a device",
    UnreadReason.LINK_OUTSIDE: "behind a link out of the model",
    UnreadReason.LINK_DANGLING: "behind a link to nowhere",
    UnreadReason.CONTENT_ABSENT: "listed and not delivered",
    UnreadReason.CHANGED: "changed while it was read",
    UnreadReason.UNVERIFIED_BYTES: "read and not verified",
    UnreadReason.EMPTY: "empty",
    UnreadReason.READER_FAILED: "where a reader failed",
}
"""The phrase that follows the number of unread parts, in singular and plural."""
_ABSENCE_CAUSES: Final = {
    UnreadReason.UNCLAIMED: CauseKind.UNCLAIMED_BYTES,
    UnreadReason.UNVERIFIED: CauseKind.UNVERIFIED_TYPE,
    UnreadReason.UNVERIFIED_BYTES: CauseKind.UNVERIFIED_BYTES,
}
"""The kinds of causes of absences; every other reason is ``unread``."""


class Evidence(Struct, frozen=True):
    """All that a verdict follows from.

    Attributes:
        coverage: every file that was opened, or that could not be.
        terms: of these, the files that may state terms.
        findings: most severe first; an accepted one does not gate.
        families: the families that have rules; the reasons name each that the policy leaves out.
        failed_look_ups: a sentence for each base model whose look-up failed although the licence depends on it.
        listing: the licences beside the lists of the policy.
        moving_revision: the branch or tag of the Hub that names the model; empty if a commit or a path does.
        comparison: of the model with a lock; ``None`` if none was given.
        refusals: what people refused by a decision; the baseline and other decisions change nothing about it.
        signatures: of the model, with the result of each check.
        rules: the age of the rule set.
        signoffs: on the model, with their states.
        reviewed_rules: the ids of the rules whose findings a person has to read.
    """

    coverage: Coverage
    terms: Coverage
    findings: Sequence[Finding]
    license: LicenseConclusion
    policy: Policy
    families: Collection[CheckFamily] = ()
    failed_look_ups: Sequence[str] = ()
    listing: LicenseListing = LicenseListing()
    moving_revision: str = ""
    comparison: LockComparison | None = None
    refusals: Sequence[Refusal] = ()
    signatures: Sequence[Signature] = ()
    rules: RulesAge | None = None
    signoffs: Sequence[SignOff] = ()
    reviewed_rules: Collection[str] = ()


class Refusal(Struct, frozen=True):
    """The refusal by a decision, with the question that it answers and one sentence on who refused and why.

    Attributes:
        is_reopened: it expired, or the bytes changed or are gone, so that a person must decide again.
    """

    question: Question
    reason: str
    is_reopened: bool = False


class _Point(Struct, frozen=True):
    """A cause with examples for a person, and whether the policy gates on it."""

    cause: Cause
    examples: tuple[str, ...] = ()
    gates: bool = True


def decide_verdict(evidence: Evidence) -> Decision:
    """Decide both answers and the verdict.

    *Load* fails on findings of security, integrity or provenance at or above the threshold, and is incomplete with an
    open absence. *Use* fails on findings of the licence or a denial, is incomplete if a base model was not read, and
    for review where a licence leaves the use open or no use is stated.
    """
    policy = evidence.policy
    # The license check alone opens only the files that may state terms, and answers on the use alone.
    is_on_load = not {CheckFamily.SECURITY, CheckFamily.INTEGRITY, CheckFamily.PROVENANCE}.isdisjoint(policy.checks)
    load_points = list(_find_load_points(evidence)) if is_on_load else []
    license_points = _find_license_points(evidence)
    use_points = [
        *_find_refusals(evidence, Question.USE),
        *_find_failures(evidence, Question.USE),
        *(license_points if policy.gate_use else (replace(each, gates=False) for each in license_points)),
    ]
    points = sorted(
        (point for point in (*load_points, *use_points) if point.gates),
        key=lambda point: _WORST_FIRST.index(point.cause.verdict),
    )
    causes = tuple(point.cause for point in points)
    # One file may keep both answers open, and is named once.
    reasons = list(dict.fromkeys(line for point in points for line in (point.cause.reason, *point.examples)))
    left_out = sorted(family for family in evidence.families if family not in policy.checks)
    if left_out:
        reasons.append(f"checked for {', '.join(policy.checks)} only; not for {', '.join(left_out)}")
    load = _answer_load(evidence, load_points)
    if not causes:
        reasons.insert(0, load.reason)
    return Decision(
        causes[0].verdict if causes else Verdict.PASS,
        load,
        _answer_use(evidence, use_points),
        tuple(reasons),
        evidence.coverage,
        causes,
    )


def _find_load_points(evidence: Evidence) -> Iterator[_Point]:
    """Yield the points on loading the model."""
    yield from _find_refusals(evidence, Question.LOAD)
    yield from _find_failures(evidence, Question.LOAD)
    yield from _find_unread_parts(evidence.coverage, Question.LOAD)
    yield from itertools.starmap(_Point, find_reviews(evidence.findings, evidence.policy, evidence.reviewed_rules))
    unmet = find_unmet_conditions(
        evidence.policy,
        evidence.coverage.artifacts,
        evidence.moving_revision,
        evidence.comparison,
        evidence.signatures,
        evidence.rules,
        evidence.signoffs,
    )
    yield from itertools.starmap(_Point, unmet)


def _find_refusals(evidence: Evidence, question: Question) -> Iterator[_Point]:
    """Yield a point for the refusals that answer the question, and one for those to decide again."""
    own = [each for each in evidence.refusals if each.question is question]
    reasons = tuple(each.reason for each in own if not each.is_reopened)
    if reasons:
        reason = f"{count_noun(len(reasons), 'decision refuses', 'decisions refuse')} it: {reasons[0]}"
        yield _Point(Cause(CauseKind.REFUSED, question, Verdict.FAIL, len(reasons), reason), reasons[1:])
    reopened = tuple(each.reason for each in own if each.is_reopened)
    if reopened:
        reason = f"{count_noun(len(reopened), 'refusal')} to decide again: {reopened[0]}"
        yield _Point(Cause(CauseKind.REFUSAL_REOPENED, question, Verdict.REVIEW, len(reopened), reason), reopened[1:])


def _find_failures(evidence: Evidence, question: Question) -> Iterator[_Point]:
    """Yield a point for the findings that break the policy and belong to the question."""
    gates = evidence.policy.gates
    failing = _list_failing(evidence, question)
    if not failing:
        return
    # The sentence on a licence that denies the use says more than one on the statements about licences.
    denials = tuple(each.because for each in evidence.license.open_answers if each.answer is Answer.DENY)
    failing.sort(key=lambda each: not each.message.endswith(denials))
    counts = Counter(finding.severity for finding in failing)
    by_severity = ", ".join(f"{counts[level]:,} {level}" for level in reversed(Severity) if counts[level])
    thresholds = {gates[finding.check] for finding in failing}
    threshold = thresholds.pop() if len(thresholds) == 1 else "the gates of their checks"
    reason = f"{count_noun(len(failing), 'finding')} at or above {threshold}: {by_severity}"
    if question is Question.LOAD and (by_hand := evidence.coverage.list_started_by_hand(failing)):
        acts = f"does not run {by_hand[0]}" if len(by_hand) == 1 else f"runs none of these {len(by_hand):,} files"
        reason += f". Loading alone {acts}; a person who follows the repository does"
    # The licences concern the model as a whole, whatever file states them.
    is_on_use = question is Question.USE
    examples = [
        each.message if is_on_use else f"{each.artifact or 'the model'}: {each.message}"
        for each in failing[:_MAX_NAMED_FINDINGS]
    ]
    yield _Point(Cause(CauseKind.FINDINGS, question, Verdict.FAIL, len(failing), reason), tuple(examples))


def _list_failing(evidence: Evidence, question: Question) -> list[Finding]:
    """List the findings that break the policy, that nothing accepts, and that belong to the question."""
    return [
        finding
        for finding in evidence.findings
        if finding.acceptance is None
        and breaks_gate(finding, evidence.policy.gates)
        and (finding.check is CheckFamily.LICENSE) is (question is Question.USE)
    ]


def _find_unread_parts(coverage: Coverage, question: Question) -> Iterator[_Point]:
    """Yield a point for each kind of open absence, and one if nothing was examined."""
    whose = " that may state terms" if question is Question.USE else ""
    if not coverage.anything_examined:
        reason = "there was nothing to scan" if not coverage.artifacts else "no file could be examined"
        yield _Point(Cause(CauseKind.NOTHING_SCANNED, question, Verdict.INCOMPLETE, 0, reason))
    by_kind: dict[CauseKind, list[tuple[str, Absence]]] = {}
    for address, absence in coverage.open_absences:
        kind = _ABSENCE_CAUSES.get(absence.unread.reason, CauseKind.UNREAD)
        by_kind.setdefault(kind, []).append((address, absence))
    for kind, absences in by_kind.items():
        counts: Counter[UnreadReason] = Counter()
        for _, absence in absences:
            counts[absence.unread.reason] += 1 + absence.unread.further_files
        by_reason = ", ".join(f"{count:,} {_UNREAD_PHRASES[reason]}" for reason, count in sorted(counts.items()))
        number = f"{count_noun(counts.total(), 'part')}{whose}"
        reason = f"{number} not examined: {by_reason}"
        if kind is not CauseKind.UNREAD:
            # The rest of the part was examined: another reason counts a part that was not.
            reason = f"{number}{',' if whose else ''} {_UNREAD_PHRASES[absences[0][1].unread.reason]}"
        examples = [f"{address}: {absence.unread.detail}" for address, absence in absences[:_MAX_NAMED_ABSENCES]]
        yield _Point(Cause(kind, question, Verdict.INCOMPLETE, counts.total(), reason), tuple(examples))


def _find_license_points(evidence: Evidence) -> Iterator[_Point]:
    """Yield the points of the licences for the planned use, and those without one."""
    if CheckFamily.LICENSE not in evidence.policy.checks:
        return
    license_ = evidence.license
    yield from _find_listed_licenses(evidence)
    permission = license_.open_permission
    # Files that state no terms by their names are left unopened on purpose.
    is_nothing_there = not (evidence.coverage.anything_examined or evidence.coverage.unopened)
    is_counted = bool(evidence.terms.artifacts) or is_nothing_there
    unread = list(_find_unread_parts(evidence.terms, Question.USE)) if is_counted else []
    yield from unread
    if permission is None:
        is_required = Requirement.STATED_USE in evidence.policy.require
        yield _Point(Cause(CauseKind.USE_NOT_STATED, Question.USE, Verdict.REVIEW, 1, NO_USE), gates=is_required)
    elif permission is not Answer.ALLOW:
        yield from itertools.starmap(_Point, describe_permission(license_, are_unread_named=bool(unread)))
    if evidence.failed_look_ups and license_.acceptance is None:
        number = count_noun(len(evidence.failed_look_ups), "base model")
        reason = f"{number} not looked up: scan again when the Hub delivers all, or with --offline to ask for none"
        cause = Cause(
            CauseKind.BASE_MODEL_UNREAD, Question.USE, Verdict.INCOMPLETE, len(evidence.failed_look_ups), reason
        )
        yield _Point(cause, tuple(evidence.failed_look_ups[:_MAX_NAMED_ABSENCES]))


def _find_listed_licenses(evidence: Evidence) -> Iterator[_Point]:
    """Yield a point for the licences that the policy denies, and one for those that it does not allow."""
    listing = evidence.listing
    if listing.denials:
        cause = Cause(
            CauseKind.LICENCE_DENIED, Question.USE, Verdict.FAIL, len(listing.denials), "the policy denies the licence"
        )
        yield _Point(cause, listing.denials[:_MAX_NAMED_LICENSES])
    if listing.objections and evidence.license.acceptance is None:
        cause = Cause(
            CauseKind.LICENCE_REVIEW,
            Question.USE,
            Verdict.REVIEW,
            len(listing.objections),
            "the policy does not list the licence as allowed",
        )
        yield _Point(cause, listing.objections[:_MAX_NAMED_LICENSES])


def _answer_load(evidence: Evidence, points: Sequence[_Point]) -> Ruling:
    """Answer whether the model may be loaded."""
    if CheckFamily.SECURITY not in evidence.policy.checks:
        return Ruling(Verdict.INCOMPLETE, "The security check did not run, so attacks were not searched for.")
    if points:
        return _take_worst(points)
    breaking = [finding for finding in evidence.findings if breaks_gate(finding, evidence.policy.gates)]
    gating = [finding for finding in breaking if finding.check is not CheckFamily.LICENSE]
    sentences = describe_accepted(gating, evidence.coverage)
    if sentences:
        return Ruling(Verdict.PASS, " ".join((*sentences, "Nothing else breaks the policy.")))
    files = count_noun(evidence.coverage.file_count, "file")
    # A finding on the licences answers the other question.
    finding = "finding" if len(breaking) == len(gating) else "finding that concerns loading"
    return Ruling(Verdict.PASS, f"{files} examined, and no {finding} breaks the policy.")


def _answer_use(evidence: Evidence, points: Sequence[_Point]) -> Ruling:
    """Answer whether the licences permit the planned use."""
    license_ = evidence.license
    if CheckFamily.LICENSE not in evidence.policy.checks:
        return Ruling(Verdict.INCOMPLETE, "The license check did not run, so no permission was looked for.")
    if points:
        return _take_worst(points)
    if license_.acceptance is not None:
        return Ruling(Verdict.PASS, _describe_decided_use(license_))
    subject = f"The licence of each of {len(license_.models)} parts" if license_.models else license_.expression
    permission = f"{subject or 'The licence'} permits the planned use{_name_duties(license_)}."
    conflict = next((each.detail for each in license_.conflicts if each.is_open_point), "")
    return Ruling(Verdict.PASS, f"{permission}{CHECK_FIRST}{conflict}" if conflict else permission)


def _describe_decided_use(license_: LicenseConclusion) -> str:
    """Describe whose agreements and acceptances settle the licences, and until when, in one sentence each."""
    decided = [each.acceptance for each in license_.answers if each.acceptance is not None]
    if license_.acceptance is not None and license_.acceptance not in decided:
        # A decision on the list of the policy, or on a base model that was not read.
        decided.append(license_.acceptance)
    agreements = [each for each in dict.fromkeys(decided) if each.reference]
    others = [each for each in dict.fromkeys(decided) if not each.reference]
    return " ".join(
        [
            f"Allowed under agreement {each.reference} until {each.expires}, recorded by {each.by}, approved by "
            f"{each.approved_by}."
            for each in agreements[:_MAX_NAMED_DECISIONS]
        ]
        + [
            f"{each.by}, approved by {each.approved_by}, accepted {_name_accepted(license_, each)}"
            for each in others[:_MAX_NAMED_DECISIONS]
        ]
    )


def _name_accepted(license_: LicenseConclusion, acceptance: Acceptance) -> str:
    """Name the questions of the licences that an acceptance answers, one sentence each, behind its last day."""
    settled = [each.because for each in license_.answers if each.acceptance == acceptance]
    questions = list(dict.fromkeys(settled))
    more = len(questions) - _MAX_NAMED_ANSWERS
    rest = [f"{count_noun(more, 'further question')} in the annex on the licence."] if more > 0 else []
    named = " ".join([*questions[:_MAX_NAMED_ANSWERS], *rest])
    these = "these" if questions else "the"
    return f"{these} open questions of the licences until {acceptance.expires}. {named}".rstrip()


def _name_duties(license_: LicenseConclusion) -> str:
    """Count the duties, such as ``, with up to 2 duties`` where some depend on acts that the use does not state."""
    # Two base models under one licence bring in the same duty, which is counted once.
    duties = {
        (duty.kind, duty.group, duty.license, duty.text, duty.section, duty.words)
        for duty in license_.duties
        if duty.group is not Group.WATCH
    }
    stated = license_.intent.uses if license_.intent is not None else {}
    depending = any(duty.depends_on(stated) for duty in license_.duties if duty.group is not Group.WATCH)
    up_to = "up to " if depending else ""
    return f", with {up_to}{count_noun(len(duties), 'duty', 'duties')}" if duties else ""


def _take_worst(points: Sequence[_Point]) -> Ruling:
    """Return the ruling of the worst point, with its first example."""
    worst = min(points, key=lambda point: _WORST_FIRST.index(point.cause.verdict))
    reason = worst.cause.reason
    text = f"{reason[:1].upper()}{reason[1:]}"
    is_on_license = worst.cause.question is Question.USE and worst.cause.verdict is not Verdict.INCOMPLETE
    if is_on_license and worst.examples:
        text = worst.examples[0]
    return Ruling(worst.cause.verdict, text if text.endswith((".", "!", "?")) else f"{text}.")
