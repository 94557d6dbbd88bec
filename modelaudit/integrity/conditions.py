"""Accept the attestation of a verdict: by its signer, its result, its age, and the conditions of who deploys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from modelaudit.integrity.attestation import (
    PASSED,
    Attestation,
    list_causes,
    read_attestation,
    split_attestation,
)
from modelaudit.integrity.comparison import ATTESTATION, RecordWords, adopt_unknown_modes, compare_trees
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.integrity.verifiers import ATTEST, Verifier, require_signer
from modelaudit.model.errors import Refusal, RefusedModelError, SignatureError
from modelaudit.model.tree import EntryKind, TreeEntry
from modelaudit.model.verification import DifferenceKind, TreeDifference

_FEW_BYTES: Final = 1024 * 1024 * 1024
"""So many bytes are hashed in any case, so that each difference of a small model is named."""
_CLOCK_MINUTES: Final = 10
"""How much the clocks of two machines may differ."""


class Conditions(Struct, frozen=True):
    """What a verdict has to state beside that the model passed; ``None`` accepts every value.

    Attributes:
        verifier: the URI of the one who answers for it.
        policy_digest: SHA-256 of the policy.
        resource: the URI of the model.
        not_older_than: the time since the verdict.
    """

    verifier: str | None = None
    policy_digest: str | None = None
    resource: str | None = None
    not_older_than: timedelta | None = None


def accept_attestation(
    data: bytes, verifiers: Sequence[Verifier], conditions: Conditions, now: datetime | None = None
) -> Attestation:
    """Accept an attestation whose verdict passed, before it is compared with a model.

    Args:
        data: two lines of JSON, as ``modelaudit attest`` writes them.
        verifiers: of those who may attest.
        conditions: what the verdict has to state.
        now: the time of the check, with a time zone; by default this moment.

    Raises:
        SignatureError: it is refused; the message is one clause.
    """
    bundles = split_attestation(data)
    for bundle in bundles:
        require_signer(bundle, verifiers, ATTEST, now)
    attestation = read_attestation(*bundles)
    refusals = list(_list_refusals(attestation, conditions, now or datetime.now(UTC)))
    if refusals:
        raise RefusedModelError(refusals[0].sentence, refusals)
    return attestation


def require_model(attestation: Attestation, entries: Sequence[TreeEntry], unread: Collection[str] = ()) -> None:
    """Raise ``SignatureError`` for the first difference between the entries of a model and the attested ones.

    Args:
        attestation: of the model.
        entries: of the model on disk, with the digests of the files that could be read.
        unread: the paths of the others.
    """
    refuse_differences(compare_trees(attestation.entries, entries, unread, ATTESTATION))
    if unread:
        return  # the caller names them
    if compute_tree_digest(adopt_unknown_modes(entries, attestation.entries)) != attestation.tree_digest:
        raise SignatureError("the tree digest differs")


def refuse_flood(recorded: Sequence[TreeEntry], sizes: Mapping[str, int], words: RecordWords = ATTESTATION) -> None:
    """Refuse a folder before it is hashed if what cannot fit would take longer to hash than what can.

    Whoever can write into the storage of models could otherwise let a start wait for terabytes of zeros.

    Args:
        recorded: the entries of the attestation or of the seal.
        sizes: of the files that would be hashed, by path; also under the names of links to them.
        words: for the record, in the message.

    Raises:
        SignatureError: files that are not recorded, or have another size, hold more bytes than all recorded ones.
    """
    expected = {entry.path: entry.size or 0 for entry in recorded if entry.kind is EntryKind.FILE}
    others = {entry.path for entry in recorded if entry.kind is not EntryKind.FILE}
    misfits = {path: size for path, size in sizes.items() if size != expected.get(path) and path not in others}
    total = sum(misfits.values())
    if total > max(sum(expected.values()), _FEW_BYTES):
        largest = max(misfits, key=lambda path: misfits[path])
        raise SignatureError(
            f"{total:,} bytes are not {words.participle}, the most of them in {largest}; nothing was hashed"
        )


def refuse_differences(differences: Sequence[TreeDifference]) -> None:
    """Raise ``RefusedModelError`` with the first difference and the number of the others as its message."""
    # A change of bytes is worse than the others.
    ordered = sorted(differences, key=lambda each: each.kind is not DifferenceKind.CHANGED)
    refusals = [Refusal(f"{each.kind}: {each.path}: {each.detail}", each.kind, each.path) for each in ordered]
    if refusals:
        count = len(refusals) - 1
        more = f"; and {count:,} more difference{'' if count == 1 else 's'}" if count else ""
        raise RefusedModelError(refusals[0].sentence + more, refusals)


def _list_refusals(attestation: Attestation, conditions: Conditions, now: datetime) -> Iterator[Refusal]:
    """Yield why a verdict does not count."""
    summary = attestation.summary
    if summary.result != PASSED:
        causes = ", ".join(map(shorten, list_causes(attestation.evidence)))
        yield Refusal(f"the verdict is {summary.result}: {causes}", "result")
    for noun, stated, wanted in (
        ("verifier", summary.verifier, conditions.verifier),
        ("policy", summary.policy_digest, conditions.policy_digest),
        ("model", summary.resource, conditions.resource),
    ):
        if wanted is not None and stated != wanted:
            yield Refusal(f"the {noun} is {shorten(stated)}, and {shorten(wanted)} is required", noun)
    time = _parse_time(summary.time)
    if time > now + timedelta(minutes=_CLOCK_MINUTES):
        yield Refusal(f"the verdict is of {summary.time}, which lies in the future", "time")
    if conditions.not_older_than is not None and now - time > conditions.not_older_than:
        yield Refusal(f"the verdict is of {summary.time}, which is older than allowed", "time")
    if summary.expires is not None and now > _parse_time(summary.expires):
        yield Refusal(f"the verdict expired at {summary.expires}", "time")


def _parse_time(text: str) -> datetime:
    """Parse a time that has the form of ``TIME_FORMAT``. Raises ``SignatureError`` for a day that does not exist.

    Nothing else needs the module that reads a format, and it takes a while to load.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise SignatureError(f"{shorten(text)} is not a time") from error
