"""List the files that hold terms and no known licence, and the texts that are set apart because of their place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from modelaudit.licenses.evidence.claims import LINK_TARGET, is_license_file_name
from modelaudit.licenses.evidence.scope import (
    ClaimScope,
    PlacesApart,
    determine_scope,
    get_claim_path,
    grants_license,
    is_license_text,
    is_use_policy_text,
    is_variant_text,
)
from modelaudit.model.license import Basis, ClaimKind, LicenseClaim
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseEntry

_MAX_SET_APART = 5


def list_unrecognised_texts(claims: Iterable[LicenseClaim]) -> dict[str, str]:
    """List the files that are named or linked as a licence, or read like terms, and hold no known licence text.

    Returns:
        The path of each file, with a sentence that asks a person to read it; sorted by path.
    """
    claims = list(claims)
    found = [claim for claim in claims if claim.kind is ClaimKind.FOUND]
    recognised = {
        get_claim_path(claim)
        for claim in claims
        if grants_license(claim) or is_variant_text(claim) or is_use_policy_text(claim)
    }
    unread = {get_claim_path(claim) for claim in found if claim.basis is Basis.FILE_NAME}
    named = {get_claim_path(claim) for claim in found if claim.basis in (Basis.NO_MATCH, Basis.NAME)} | unread
    with_terms = {get_claim_path(claim) for claim in found if claim.basis is Basis.WORDS}
    linked = {claim.quotation for claim in claims if claim.field == LINK_TARGET}
    texts = {}
    for path in sorted((named | with_terms) - recognised):
        if path in unread and is_license_file_name(path):
            texts[path] = f"{path} is named as a licence, and no text of it was read: a person must read it."
        elif is_license_file_name(path) or path in linked:
            texts[path] = f"{path} holds no licence text of the rule set: a person must read it."
        elif path in with_terms:
            texts[path] = f"{path} reads like terms and holds no licence text of the rule set: a person must read it."
    return texts


def is_set_apart(claim: LicenseClaim, places: PlacesApart, licenses: Mapping[str, LicenseEntry]) -> bool:
    """Whether a text in a sub-folder covers something else than the model by its place, and limits or may limit that.

    The duties of a permissive licence count wherever its text lies.
    """
    if claim.kind is not ClaimKind.FOUND or determine_scope(claim) is ClaimScope.MODEL or not places.explain(claim):
        return False
    entry = licenses.get(claim.entry or "")
    return not (is_license_text(claim) and entry is not None and entry.category in PERMISSIVE_CATEGORIES)


def describe_texts_apart(
    claims: Collection[LicenseClaim], places: PlacesApart, licenses: Mapping[str, LicenseEntry]
) -> Iterator[str]:
    """Yield a sentence for each text that is set apart, with the reason; one more counts those beyond five."""
    unrecognised = list_unrecognised_texts(claims)
    reasons: dict[str, str] = {}
    for claim in claims:
        path = get_claim_path(claim)
        if path in reasons or not is_set_apart(claim, places, licenses):
            continue
        entry = licenses.get(claim.entry or "")
        if is_license_text(claim) and entry is not None:
            found = f"holds the text of {entry.name} ({entry.id})"
        elif is_variant_text(claim):
            found = f"resembles {claim.entry or 'a known licence'} but differs from it"
        elif is_use_policy_text(claim):
            found = "holds a use policy"
        elif path in unrecognised:
            found = "holds terms that are no licence of the rule set"
        else:
            continue
        reasons[path] = f"{path} {found}, and it is set apart from the model: {places.explain(claim)}."
    yield from list(reasons.values())[:_MAX_SET_APART]
    if len(reasons) > _MAX_SET_APART:
        yield f"{len(reasons) - _MAX_SET_APART} more texts are set apart from the model because of their place."
