"""The licences of the model, kept apart: declared, found in its files, and concluded from both.

CycloneDX marks a licence as declared or concluded by ``acknowledgement``. Licences that files hold are evidence, each
with an occurrence for its file and line. In version 1.6 the licences of a component are either a list or one
expression: where the conclusion has a choice or an exception, it is the expression, and the declared ones are evidence
too. Version 1.7 accepts both beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cyclonedx.model import XsUri
from cyclonedx.model.component_evidence import ComponentEvidence, Identity, Occurrence
from cyclonedx.model.license import (
    DisjunctiveLicense,
    LicenseAcknowledgement,
    LicenseExpression,
    LicenseExpressionDetails,
)
from cyclonedx.spdx import is_expression, is_supported_id

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.reports.cyclonedx.properties import build_properties
from modelaudit.reports.fact_places import HUB_RECORD
from modelaudit.reports.license_view import list_declared_claims
from modelaudit.reports.text import escape_unprintable, validate_https_link
from modelaudit.reports.wording import describe_place

AnyLicense = DisjunctiveLicense | LicenseExpression
DECLARED, CONCLUDED = LicenseAcknowledgement.DECLARED, LicenseAcknowledgement.CONCLUDED

_SINGLE_ID = defer_pattern(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
"""One licence identifier, without an operator or parentheses."""
_NO_NAME = "not stated"


def build_licenses(conclusion: LicenseConclusion) -> list[AnyLicense]:
    """Build the declared and concluded licences; if the conclusion is an expression, build only that."""
    concluded = _build_concluded(conclusion)
    return concluded if _is_expression(concluded) else [*build_declared(conclusion), *concluded]


def list_declared_beside_expression(conclusion: LicenseConclusion) -> list[DisjunctiveLicense]:
    """List the declared licences that ``build_licenses`` leaves out because the conclusion is an expression."""
    return build_declared(conclusion) if _is_expression(_build_concluded(conclusion)) else []


def build_evidence(conclusion: LicenseConclusion, identity: Identity | None) -> ComponentEvidence | None:
    """Build the licences that files hold or name, with their places, and the evidence of the identity.

    The declared licences are among them if the conclusion is an expression.
    """
    found = [claim for claim in conclusion.claims if claim.kind is ClaimKind.FOUND]
    named = (claim for claim in found if claim.entry is not None and claim.basis in (Basis.TEXT, Basis.NAME))
    licenses = [*_build_each(conclusion, named, None), *list_declared_beside_expression(conclusion)]
    occurrences = {(each.location, each.line, each.symbol): each for each in map(_build_occurrence, found) if each}
    if not licenses and not occurrences and identity is None:
        return None
    identities = [identity] if identity is not None else None
    return ComponentEvidence(licenses=licenses, occurrences=occurrences.values(), identity=identities)


def _build_occurrence(claim: LicenseClaim) -> Occurrence | None:
    """Build the place at which a file holds or names terms; ``None`` for a record of the Hub, which is no file."""
    if not claim.artifact:
        return None
    relation = "which resembles" if claim.basis is Basis.VARIANT else "read as"
    read_as = f", {relation} {claim.entry}" if claim.entry else ""
    return Occurrence(
        location=escape_unprintable(claim.artifact),
        line=claim.location.line,
        offset=claim.location.offset,
        symbol=escape_unprintable(claim.field) or None,
        additional_context=escape_unprintable(f"licence by {claim.basis}{read_as}: {claim.quotation}"),
    )


def build_declared(conclusion: LicenseConclusion) -> list[DisjunctiveLicense]:
    """Build the declared licences: an SPDX identifier if the schema has it, else the author's own words."""
    return list(_build_each(conclusion, list_declared_claims(conclusion), DECLARED))


def _build_each(
    conclusion: LicenseConclusion, claims: Iterable[LicenseClaim], acknowledgement: LicenseAcknowledgement | None
) -> Iterator[DisjunctiveLicense]:
    """Build one licence for each licence that claims name, with the places of all of them."""
    claims_by_name: dict[tuple[str, bool], list[LicenseClaim]] = {}
    for claim in claims:
        named = claim.entry or escape_unprintable(claim.quotation) or _NO_NAME
        claims_by_name.setdefault((named, claim.entry is not None), []).append(claim)
    for (named, is_known), same in claims_by_name.items():
        sources = [("source", _describe_source(claim)) for claim in same]
        yield build_license(named, conclusion, acknowledgement, sources, is_known=is_known)


def _build_concluded(conclusion: LicenseConclusion) -> list[AnyLicense]:
    """Build one licence per part of an ``AND`` expression; any other expression is kept as one."""
    if conclusion.state is not ConclusionState.CONCLUDED or not conclusion.expression:
        return []
    ids = conclusion.expression.split(" AND ")
    if all(_SINGLE_ID.fullmatch(id_) for id_ in ids):
        return [build_license(id_, conclusion, CONCLUDED) for id_ in dict.fromkeys(ids)]
    if is_expression(conclusion.expression):
        details = list(_list_details(conclusion))
        return [LicenseExpression(conclusion.expression, acknowledgement=CONCLUDED, details=details)]
    return [DisjunctiveLicense(name=escape_unprintable(conclusion.expression), acknowledgement=CONCLUDED)]


def _list_details(conclusion: LicenseConclusion) -> Iterator[LicenseExpressionDetails]:
    """Yield the address of the text of each licence of the expression; only version 1.7 has a place for it."""
    names = frozenset(_SINGLE_ID.findall(conclusion.expression))
    for entry in conclusion.entries:
        url = validate_https_link(entry.url)
        if entry.id in names and url is not None:
            yield LicenseExpressionDetails(entry.id, url=XsUri(url))


def _is_expression(licenses: Iterable[AnyLicense]) -> bool:
    """Whether one of the licences is an expression, which version 1.6 accepts only alone."""
    return any(isinstance(each, LicenseExpression) for each in licenses)


def build_license(
    id_: str,
    conclusion: LicenseConclusion,
    acknowledgement: LicenseAcknowledgement | None = None,
    facts: Iterable[tuple[str, object]] = (),
    is_known: bool = True,
) -> DisjunctiveLicense:
    """Build one licence, with the address of its text if the conclusion contains its entry.

    Args:
        id_: the identifier of a licence of the rule set, or the author's words for another.
        conclusion: the conclusion with the entries of its licences.
        acknowledgement: whether the licence is declared or concluded; ``None`` for evidence.
        facts: name and value of its properties.
        is_known: whether ``id_`` is an identifier; the author's words are never read as one.
    """
    entry = next((each for each in conclusion.entries if each.id == id_), None) if is_known else None
    is_spdx_id = is_known and is_supported_id(id_)
    url = validate_https_link(entry.url) if entry else None
    name = escape_unprintable(id_) or _NO_NAME
    return DisjunctiveLicense(
        id=id_ if is_spdx_id else None,
        name=None if is_spdx_id else name,
        url=XsUri(url) if url else None,
        acknowledgement=acknowledgement,
        properties=build_properties(*facts),
    )


def _describe_source(claim: LicenseClaim) -> str:
    """Describe who states a licence, and where: ``declared: apache-2.0 (README.md, license, line 2)``."""
    place = (claim.artifact or HUB_RECORD, claim.field, describe_place(claim.location))
    return f"{claim.kind}: {claim.quotation} ({', '.join(filter(None, place))})"
