"""The conditions of ``require`` that concern the bytes and the origin of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from modelaudit.model.address import read_file_path
from modelaudit.model.comparison import LockComparison
from modelaudit.model.digest import ClaimSource
from modelaudit.model.policy import Policy, Requirement, SignOffTerms
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.signature import Signature
from modelaudit.model.signoff import SignOff
from modelaudit.model.structure import UnreadReason
from modelaudit.model.tree import is_git_setting
from modelaudit.model.verdict import Cause, CauseKind, Question, Verdict
from modelaudit.policy.signoffs import describe_required_signoff, explain_missing_approval

UnmetCondition = tuple[Cause, tuple[str, ...]]
"""A cause, with examples for a person."""

_MOST_NAMED: Final = 2


def find_unmet_conditions(
    policy: Policy,
    records: Sequence[ArtifactRecord],
    moving_revision: str,
    comparison: LockComparison | None,
    signatures: Sequence[Signature] = (),
    rules: RulesAge | None = None,
    signoffs: Sequence[SignOff] = (),
) -> Iterator[UnmetCondition]:
    """Yield a cause for each condition that the policy requires and that the model does not meet.

    Args:
        policy: states the conditions.
        records: every file.
        moving_revision: the branch or tag that names the model; empty if a commit or a path does.
        comparison: with the lock; ``None`` if none was given.
        signatures: of the model.
        rules: the age of the rule set.
        signoffs: on the model, with their states.
    """
    conditions = {
        Requirement.PINNED_REVISIONS: _find_moving_revision(moving_revision),
        Requirement.VERIFIED_BYTES: _find_unverified_files(records),
        Requirement.LOCK: _find_lock_problem(records, comparison),
        Requirement.SIGNER: _find_signer_problem(policy, records, signatures),
        Requirement.RULES_AGE: _find_old_rules(policy, rules),
        Requirement.SIGNOFF: _find_missing_signoff(signoffs, policy.signoff_terms),
    }
    for requirement, unmet in conditions.items():
        if requirement in policy.require and unmet is not None:
            kind, verdict, count, reason, examples = unmet
            origin = policy.origins.get(f"require.{requirement}", policy.name)
            yield Cause(kind, Question.LOAD, verdict, count, f"{reason} ({origin})"), examples


class RulesAge(Struct, frozen=True):
    """The date of the rule set, empty if it states none, and today, both as ``2026-11-28``."""

    stated: str
    today: str


_Unmet = tuple[CauseKind, Verdict, int, str, tuple[str, ...]]


def _find_moving_revision(revision: str) -> _Unmet | None:
    """Return the problem of a model that is named by a branch or tag."""
    if not revision:
        return None
    reason = f"the revision {revision} can move, and the policy requires a commit"
    return CauseKind.UNPINNED, Verdict.REVIEW, 1, reason, ()


def _find_unverified_files(records: Sequence[ArtifactRecord]) -> _Unmet | None:
    """Return the problem of files that no source stronger than a file of checksums confirms, or that one contradicts.

    Settings of git are not files of the model, and a scan judges them. A file that is named as unverified already is
    left out.
    """
    unverified = [each for each in records if not (is_git_setting(read_file_path(each.path)) or _is_verified(each))]
    if not unverified:
        return None
    noun = "file is" if len(unverified) == 1 else "files are"
    reason = f"{len(unverified)} {noun} not verified, and the policy requires verified bytes"
    if any(each.agreeing_claims for each in unverified):
        reason += ", for which a file of checksums does not count; name a lock with --lock FILE"
    examples = tuple(
        f"{record.path}: {'a source contradicts its bytes' if record.contradicting_claims else 'no source confirms it'}"
        for record in unverified[:_MOST_NAMED]
    )
    return CauseKind.UNVERIFIED_BYTES, Verdict.INCOMPLETE, len(unverified), reason, examples


def _is_verified(record: ArtifactRecord) -> bool:
    """Whether a strong source confirms the bytes of a file and none contradicts them, or another cause covers this."""
    if any(absence.unread.reason is UnreadReason.UNVERIFIED_BYTES for _, absence in record.absences):
        return True
    is_confirmed = any(claim.source.rank < ClaimSource.SIDECAR.rank for claim in record.agreeing_claims)
    return is_confirmed and not record.contradicting_claims


def _find_lock_problem(records: Sequence[ArtifactRecord], comparison: LockComparison | None) -> _Unmet | None:
    """Return the problem of a scan without a lock, or of a model that does not fit its lock."""
    if comparison is None:
        reason = "no lock was given, and the policy requires one: --lock FILE"
        return CauseKind.LOCK, Verdict.INCOMPLETE, 1, reason, ()
    examples = [f"{each.path}: {each.kind}: {each.detail}" for each in comparison.differences]
    named = {each.path for each in comparison.differences}
    for record in records:
        is_locked = any(claim.source is ClaimSource.LOCK for claim in record.claims)
        if any(claim.source is ClaimSource.LOCK for claim in record.contradicting_claims):
            examples.append(f"{record.path}: other bytes than in the lock")
        # A file with an absence that the policy accepts does not fit for that.
        elif is_locked and not record.digests and read_file_path(record.path) not in named:
            examples.append(f"{record.path}: its bytes were not compared with the lock")
    if not examples:
        return None
    reason = f"{len(examples)} differences from {comparison.lock}, and the policy requires that the model fits it"
    if len(examples) == 1:
        reason = reason.replace("differences", "difference", 1)
    return CauseKind.LOCK, Verdict.FAIL, len(examples), reason, tuple(examples[:_MOST_NAMED])


def _find_signer_problem(
    policy: Policy, records: Sequence[ArtifactRecord], signatures: Sequence[Signature]
) -> _Unmet | None:
    """Return the problem of a model without a verified signature of a trusted signer, or with files that differ.

    If the policy itself requires a signer and names some, only those count.
    """
    is_of_option = policy.origins.get(f"require.{Requirement.SIGNER}", "").startswith("--")
    named = set() if is_of_option else {signer.origin for signer in policy.trusted_signers}
    verified = [each for each in signatures if each.signer is not None and (not named or each.signer.trust in named)]
    if not verified:
        others = tuple(f"{each.record}: {each.reason or 'it is of no signer of the policy'}" for each in signatures)
        reason = "no signature of a trusted signer was verified, and one is required"
        return CauseKind.SIGNER, Verdict.INCOMPLETE, 1, reason, others[:_MOST_NAMED] or ("the model has no signature",)
    differing = [
        f"{record.path}: other bytes than were signed"
        for record in records
        for claim in record.contradicting_claims
        if claim.source is ClaimSource.SIGNATURE
    ]
    ranges = sorted({path for each in verified for path in each.differing})
    differing += [f"{path}: other ranges of bytes than were signed" for path in ranges]
    differing += [
        f"{record.path}: it was signed, and is not there"
        for record in records
        if not record.digests and any(claim.source is ClaimSource.SIGNATURE for claim in record.claims)
    ]
    uncovered = frozenset.intersection(*(frozenset(each.uncovered) for each in verified))
    differing += [f"{path}: it is not signed" for path in sorted(uncovered)]
    if not differing:
        return None
    noun = "file does" if len(differing) == 1 else "files do"
    reason = f"{len(differing)} {noun} not fit the signature, and a trusted signer is required"
    return CauseKind.SIGNER, Verdict.FAIL, len(differing), reason, tuple(differing[:_MOST_NAMED])


def _find_old_rules(policy: Policy, rules: RulesAge | None) -> _Unmet | None:
    """Return the problem of a rule set without a date, or with one that lies too many days back."""
    if rules is None or policy.rules_days is None:
        return None
    if not rules.stated:
        reason = "the rule set states no date, and the policy requires newer rules"
        return CauseKind.RULES_AGE, Verdict.INCOMPLETE, 1, reason, ()
    days = (date.fromisoformat(rules.today) - date.fromisoformat(rules.stated)).days
    if days <= policy.rules_days:
        return None
    reason = f"the rules are of {rules.stated}, {days} days old, and the policy allows {policy.rules_days}"
    return CauseKind.RULES_AGE, Verdict.INCOMPLETE, 1, reason, ()


def _find_missing_signoff(signoffs: Sequence[SignOff], terms: SignOffTerms) -> _Unmet | None:
    """Return the problem of a model that no person signed off with this judgement; a refusal is a cause of its own."""
    missing = explain_missing_approval(signoffs, terms)
    if not missing:
        return None
    reason = f"the policy requires {describe_required_signoff(terms)}, and {missing}"
    return CauseKind.SIGNOFF, Verdict.REVIEW, 1, reason, ()
