"""Decide the verdict from coverage, findings and the licence answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from modelaudit.model.catalogue import Policy
from modelaudit.model.finding import CheckFamily, Finding, Severity
from modelaudit.model.license import LicenseConclusion, UseAnswer
from modelaudit.model.report import Absence, Coverage, Decision, Verdict
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.terms import Answer

_MAX_NAMED_FINDINGS: Final = 3
_MAX_NAMED_ANSWERS: Final = 3
_MAX_NAMED_ABSENCES: Final = 2
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
    UnreadReason.EMPTY: "empty",
    UnreadReason.READER_FAILED: "where a reader failed",
}
"""The phrase that follows the number of unread parts, in singular and plural."""


def apply_policy(address: str, unread: Unread, policy: Policy) -> Absence:
    """Return the absence ``unread``, accepted by the first entry of the policy that fits.

    An entry fits by reason, path and format; for unclaimed bytes also by their number. An absence that no entry fits
    stays open, and so does the failure of a reader.
    """
    for entry in policy.allow_unread:
        # An entry without formats fits any format.
        formats = entry.formats or (unread.format,)
        is_too_large = unread.reason is UnreadReason.UNCLAIMED and unread.unclaimed_bytes > entry.most_bytes
        is_at_path = fnmatchcase(address, entry.paths)
        if unread.further_files:
            is_at_path = _fits_whole_folder(entry.paths, address)
        is_listed = unread.reason in entry.reasons and is_at_path and unread.format in formats
        if is_listed and not is_too_large and unread.reason is not UnreadReason.READER_FAILED:
            return Absence(unread, f"{policy.name}: {entry.why}")
    return Absence(unread)


def _fits_whole_folder(pattern: str, address: str) -> bool:
    """Whether ``pattern`` fits every file of the folder of ``address``: it is literal text before one final ``*``."""
    start = pattern.removesuffix("*")
    folder = address[: address.rfind("/") + 1]
    return start != pattern and not set("*?[") & set(start) and folder.startswith(start)


def decide_verdict(
    coverage: Coverage,
    findings: Sequence[Finding],
    policy: Policy,
    families: Collection[CheckFamily] = (),
    permission: Answer | None = None,
    failed_look_ups: Sequence[str] = (),
) -> Decision:
    """Decide the verdict: fail on a finding at or above the threshold, else incomplete on an open question, else pass.

    An open question is an absence that the policy does not accept, an intended use that the licences do not permit, or
    a base model whose look-up failed although the licence depends on it.

    Args:
        coverage: every artifact.
        findings: most severe first.
        policy: the threshold and the checks.
        families: the families that have rules; the reasons name each that the policy leaves out.
        permission: the answer of the licences to the intended use; ``None`` where the policy states no use.
        failed_look_ups: a sentence for each such base model.
    """
    failing = [finding for finding in findings if _reaches_threshold(finding, policy.fail_on)]
    open_absences = coverage.open_absences
    reasons = []
    if failing:
        counts = Counter(finding.severity for finding in failing)
        by_severity = ", ".join(f"{counts[level]} {level}" for level in reversed(Severity) if counts[level])
        reasons.append(f"{_count_noun(len(failing), 'finding')} at or above {policy.fail_on}: {by_severity}")
        named = failing[:_MAX_NAMED_FINDINGS]
        reasons += [f"{finding.artifact or 'the model'}: {finding.message}" for finding in named]
    if not coverage.anything_examined:
        reasons.append("there was nothing to scan" if not coverage.artifacts else "no file could be examined")
    if open_absences:
        kinds: Counter[UnreadReason] = Counter()
        for _, absence in open_absences:
            kinds[absence.unread.reason] += 1 + absence.unread.further_files
        by_reason = ", ".join(f"{count} {_UNREAD_PHRASES[reason]}" for reason, count in sorted(kinds.items()))
        reasons.append(f"{_count_noun(kinds.total(), 'part')} not examined: {by_reason}")
        reasons += [f"{address}: {absence.unread.detail}" for address, absence in open_absences[:_MAX_NAMED_ABSENCES]]
    is_use_open = permission not in (None, Answer.ALLOW)
    if is_use_open:
        reasons.append(f"licences {'deny' if permission is Answer.DENY else 'leave open'} the intended use")
    if failed_look_ups:
        number = _count_noun(len(failed_look_ups), "base model")
        reasons.append(
            f"{number} not looked up: scan again when the Hub delivers all, or with --offline to ask for none"
        )
        reasons += failed_look_ups[:_MAX_NAMED_ABSENCES]
    if failing:
        verdict = Verdict.FAIL
    elif open_absences or is_use_open or failed_look_ups or not coverage.anything_examined:
        verdict = Verdict.INCOMPLETE
    else:
        verdict = Verdict.PASS
        threshold = (
            f"no finding at or above {policy.fail_on}" if policy.fail_on else "the policy never fails on findings"
        )
        reasons.append(f"{_count_noun(coverage.file_count, 'file')} examined, {threshold}")
    left_out = sorted(family for family in families if family not in policy.checks)
    if left_out:
        reasons.append(f"checked for {', '.join(policy.checks)} only; not for {', '.join(left_out)}")
    return Decision(verdict, tuple(reasons), coverage)


def require_review_if_unread(license_: LicenseConclusion, coverage: Coverage) -> LicenseConclusion:
    """Return the conclusion with ``review`` in place of ``allow`` where an unread file may state other terms.

    Args:
        license_: the conclusion from the files that were read.
        coverage: the files that were examined for it.
    """
    if license_.permission is not Answer.ALLOW:
        return license_
    doubts = [
        f"{address} could not be read and may state other terms: {absence.unread.detail}"
        for address, absence in coverage.open_absences[:_MAX_NAMED_ABSENCES]
    ]
    if not doubts and not coverage.anything_examined:
        doubts = ["No file could be examined, so the terms that the files state are unknown."]
    if not doubts:
        return license_
    answers = tuple(UseAnswer(Answer.REVIEW, "", "conclusion", each) for each in doubts)
    return replace(license_, permission=Answer.REVIEW, answers=(*answers, *license_.answers))


def decide_use(license_: LicenseConclusion, coverage: Coverage) -> Decision:
    """Decide on the intended use alone: pass where it is allowed, fail where a licence denies it, else incomplete.

    Args:
        license_: the conclusion with its answers.
        coverage: the files that were examined for it.
    """
    permission = license_.permission
    decisive = [answer for answer in license_.answers if answer.answer is permission]
    if permission is Answer.ALLOW:
        decisive = []  # a permission needs no reasons
    reasons = [answer.because for answer in decisive[:_MAX_NAMED_ANSWERS]]
    if permission is Answer.DENY:
        return Decision(Verdict.FAIL, tuple(reasons), coverage)
    if permission is None:
        reasons.append("no use is stated, so none is allowed: name a policy, or state the use")
    open_absences = coverage.open_absences
    answer_reasons = tuple(reasons)
    for address, absence in open_absences[:_MAX_NAMED_ABSENCES]:
        # ``require_review_if_unread`` has already turned this absence into a reason.
        is_in_answer = any(absence.unread.detail in reason for reason in answer_reasons)
        if not is_in_answer:
            reasons.append(f"{address}: {absence.unread.detail}")
    if permission is not Answer.ALLOW or open_absences or not coverage.anything_examined:
        if not coverage.anything_examined:
            reasons.append("no file could be examined")
        return Decision(Verdict.INCOMPLETE, tuple(reasons), coverage)
    return Decision(Verdict.PASS, ("every licence that was found to bind allows the use",), coverage)


def _reaches_threshold(finding: Finding, fail_on: Severity | None) -> bool:
    return fail_on is not None and finding.severity.rank >= fail_on.rank


def _count_noun(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
