"""Describe sources that the repository refers to and that could not be read: linked terms and local models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelaudit.licenses.conclusion.agreement import OwnLicense
from modelaudit.licenses.conclusion.links import describe_unread_links
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.statements import LicenseNames
from modelaudit.licenses.lineage.base_models import LOADER_PATH_FIELDS
from modelaudit.licenses.lineage.binding_licenses import is_hub_id
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import ConclusionState, LicenseClaim, Origin


def describe_unread_sources(
    evidence: Evidence,
    claims: Sequence[LicenseClaim],
    own: OwnLicense,
    origins: Sequence[Origin],
    names: LicenseNames,
    rules: Catalogue,
) -> Iterator[str]:
    """Yield a sentence for each unread source; each one keeps a permission from being shown."""
    if own.state is ConclusionState.CONCLUDED:
        yield from describe_unread_links(claims, evidence.paths, evidence.repository, own.ids, names, rules)
    for made in dict.fromkeys(origin.derived_model for origin in origins):
        named = [origin for origin in origins if origin.derived_model == made]
        if any(is_hub_id(origin.name) for origin in named):
            continue
        for origin in named:
            if origin.claim is not None and origin.claim.field not in LOADER_PATH_FIELDS:
                of = made or "the model"
                yield f"{origin.name}, the base model of {of}, cannot be looked up: {origin.detail.rstrip('.')}."
