"""The absences of hashed files whose bytes nothing confirms, and of claims that were not compared."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.digest import find_uncompared_claims
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.model.wording import describe_uncompared_claim


def find_unverified_bytes(record: ArtifactRecord, *, is_listed: bool, expects_claims: bool) -> Iterator[Unread]:
    """Yield an absence if nothing shows that the bytes of a hashed file belong to the model, and for each open claim.

    Args:
        record: the file with its claims and its digests.
        is_listed: whether the listing of its source names it, if there is one.
        expects_claims: whether its source should state a digest of each file.
    """
    if not record.digests:
        return  # it was not hashed, which has an absence of its own
    if not is_listed and not record.is_confirmed_from_outside:
        # Its blob in the cache may have a digest for a name, which anyone can give it.
        detail = "no listing of the model names it, so nothing shows that its bytes belong to the model"
        yield Unread(UnreadReason.UNVERIFIED_BYTES, detail)
    elif expects_claims and not record.claims:
        yield Unread(UnreadReason.UNVERIFIED_BYTES, "no source states a digest of its bytes")
    for claim in find_uncompared_claims(record.claims, record.digests):
        yield Unread(UnreadReason.UNVERIFIED_BYTES, describe_uncompared_claim(claim))
