"""Compare the licences that bind a model with those that the policy allows and denies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelaudit.licenses.evidence.alternatives import list_license_ids, parse_alternatives
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.policy import LicenseListing, Policy
from modelaudit.model.terms import LicenseEntry

_IDS = defer_pattern(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


def compare_with_lists(license_: LicenseConclusion, policy: Policy) -> LicenseListing:
    """Compare the licences of the model, of its base models and of its components with the lists of the policy.

    Of several alternatives, such as ``MIT OR GPL-3.0-only``, the one with the fewest objections counts, because the
    user may choose it. Without a conclusion, every claimed licence counts, also one that the rule set does not have.
    """
    if not (policy.allowed_licenses or policy.denied_licenses):
        return LicenseListing()
    entries = {entry.id: entry for entry in license_.entries}
    listings = [_judge(choice, entries, policy) for choice in _list_alternatives(license_, entries)]
    best = min(listings, key=lambda each: (len(each.denials), len(each.objections)))
    claimed = tuple(_deny_unknown_claims(license_, policy))
    objections = best.objections
    if policy.allowed_licenses and license_.state is not ConclusionState.CONCLUDED:
        place = _find_first_origin("licenses.allow.", policy)
        objections += (f"The policy allows only the licences on its list ({place}), and no licence was determined.",)
    return LicenseListing((*best.denials, *claimed), objections)


def _list_alternatives(license_: LicenseConclusion, entries: dict[str, LicenseEntry]) -> list[Sequence[str]]:
    """List alternative sets of licences, any one of them sufficient; the licences of components are in all of them."""
    by_folded = {id_.casefold(): id_ for id_ in entries}
    alternatives = parse_alternatives(license_.expression, lambda name: by_folded.get(name.casefold()))
    if alternatives is None:
        return [list(entries)]
    everywhere = set(entries) - set(list_license_ids(alternatives))
    return [[*choice, *sorted(everywhere)] for choice in alternatives]


def _judge(ids: Sequence[str], entries: dict[str, LicenseEntry], policy: Policy) -> LicenseListing:
    """Judge licences that bind together."""
    denials, objections = [], []
    for id_ in ids:
        category = str(entries[id_].category)
        if id_ in policy.denied_licenses:
            denials.append(f"The policy denies {id_} ({policy.origins[f'licenses.deny.{id_}']}).")
        elif category in policy.denied_licenses:
            place = policy.origins[f"licenses.deny.{category}"]
            denials.append(f"The policy denies {category} licences ({place}), and {id_} is one.")
        elif policy.allowed_licenses and not {id_, category} & policy.allowed_licenses:
            place = _find_first_origin("licenses.allow.", policy)
            objections.append(f"{id_} is not on the list of licences that the policy allows ({place}).")
    return LicenseListing(tuple(denials), tuple(objections))


def _deny_unknown_claims(license_: LicenseConclusion, policy: Policy) -> Iterator[str]:
    """Yield a denial for each denied id of SPDX that a claim names, and for which the rule set has no entry."""
    named = {
        word.casefold()
        for claim in license_.claims
        if claim.entry is None and not claim.is_in_running_text
        for word in _IDS.findall(claim.quotation)
    }
    known = {entry.id for entry in license_.entries}
    for id_ in sorted(policy.denied_licenses - known):
        if id_.casefold() in named:
            yield f"The policy denies {id_} ({policy.origins[f'licenses.deny.{id_}']})."


def _find_first_origin(prefix: str, policy: Policy) -> str:
    """Return the place of the first entry of a list."""
    return next(place for key, place in policy.origins.items() if key.startswith(prefix))
