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
    """Yield a sentence for each unread source; each one keeps a permission from being shown.

    Sources are the pages that licence links lead to, and base models that are only named by a local path.

    Args:
        evidence: everything that was read.
        claims: all claims, those of file names and links included.
        own: the model's own licence; its links count only if it is concluded.
        origins: all base models.
        names: the licence names of the rule set.
        rules: the rule set.
    """
    if own.state is ConclusionState.CONCLUDED:
        yield from describe_unread_links(claims, evidence.paths, evidence.repository, own.ids, names, rules)
    for derived_model in dict.fromkeys(origin.made for origin in origins):
        base_models = [origin for origin in origins if origin.made == derived_model]
        # A Hub id that the same model names is looked up, and its licence counts instead of the local paths.
        if any(is_hub_id(origin.name) for origin in base_models):
            continue
        for origin in base_models:
            # Loaders record a path for every model, even for one without a base model, so it raises no doubt.
            if origin.claim is not None and origin.claim.field not in LOADER_PATH_FIELDS:
                made = derived_model or "the model"
                yield f"{origin.name}, the base model of {made}, cannot be looked up: {origin.detail.rstrip('.')}."
