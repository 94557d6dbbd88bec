"""Claims that represent texts which were not, or not to their end, searched for terms."""

from __future__ import annotations

from collections.abc import Sequence

from modelaudit.licenses.evidence.fields import RESTRICTION
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location

NOT_COMPARED = "not-compared"
OVER_LIMIT = "the model has more texts than the limit of one check"
"""Why a text was not searched for terms at all."""


def claim_uncompared_text(artifact: str, bound: str = "") -> LicenseClaim:
    """Make the claim that represents a text over the limit: it was not searched and may restrict the use.

    ``bound`` states the part that was searched, if any.
    """
    return LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, bound, None, Location(key=NOT_COMPARED))


def claim_unsearched_texts(artifacts: Sequence[str]) -> LicenseClaim:
    """Make the claim that represents all texts behind the limit on the texts of one model, in the order of the scan."""
    first, *others = artifacts
    more = f"; {len(artifacts):,} texts were not searched, the last of them {others[-1]}" if others else ""
    return claim_uncompared_text(first, f"{OVER_LIMIT}{more}")


def is_over_limit(claim: LicenseClaim) -> bool:
    """Whether a claim is that of ``claim_unsearched_texts``."""
    return claim.location.key == NOT_COMPARED and claim.quotation.startswith(OVER_LIMIT)
