"""The evidence on one model, laid out for the checks that find conflicts in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from modelaudit.licenses.conclusion.agreement import OwnLicense
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import PlacesApart
from modelaudit.licenses.evidence.statements import LicenseNames
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import ClaimKind, LicenseClaim, Origin
from modelaudit.model.terms import LicenseEntry


class ComparedEvidence(Struct, frozen=True):
    """The evidence that the checks for conflicts compare.

    Attributes:
        evidence: everything that was read.
        own: the model's own licence.
        chosen: the alternative of the model's own licence that all answers are for.
        claims: all claims, those of file names and links included.
        inherited: each base model with a licence that reaches the model from it.
        origins: all base models.
        rules: the rule set.
        names: the licence names of the rule set.
        places: the places whose texts cover something else than the model.
        denials: the claims with sentences that forbid a part of the planned use, each with a sentence that says so.
        unplanned: the claims with sentences that forbid nothing but unplanned acts, with words for the acts.
    """

    evidence: Evidence
    own: OwnLicense
    chosen: Sequence[str]
    claims: Sequence[LicenseClaim]
    inherited: Sequence[tuple[Origin, BindingLicense]]
    origins: Sequence[Origin]
    rules: Catalogue
    names: LicenseNames
    places: PlacesApart
    denials: Mapping[LicenseClaim, str] = field(default_factory=dict)
    unplanned: Mapping[LicenseClaim, str] = field(default_factory=dict)

    def list_entries(self, ids: Sequence[str]) -> list[LicenseEntry]:
        """List licences by their ids."""
        return [self.rules.licenses[each] for each in ids]


def format_claim_evidence(claim: LicenseClaim) -> str:
    """Format a claim as a line of evidence: place, field and words."""
    line = f":{claim.location.line}" if claim.location.line else ""
    return f"{claim.artifact or 'the Hub'}{line}: {claim.field}: {' '.join(claim.quotation.split())}"


def list_declared_claims(compared: ComparedEvidence) -> list[LicenseClaim]:
    """List the claims that name the licence of the model itself."""
    return [
        claim
        for claim in compared.claims
        if claim.kind is ClaimKind.DECLARED and not claim.is_in_running_text and compared.names.resolve_claim(claim)
    ]


def list_binding_entries(compared: ComparedEvidence) -> list[LicenseEntry]:
    """List the licences that bind: the chosen alternative of the model's own, and those of its base models."""
    return [*compared.list_entries(compared.chosen), *(bound.entry for _, bound in compared.inherited)]
