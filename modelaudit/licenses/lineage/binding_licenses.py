"""List the licences that bind besides the model's own: those of its base models and of its components."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from modelaudit.licenses.evidence.claims import is_license_file_name
from modelaudit.licenses.evidence.hub_ids import parse_hub_id
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import (
    ClaimScope,
    determine_scope,
    get_claim_path,
    is_license_text,
    is_variant_text,
)
from modelaudit.licenses.evidence.statements import LicenseNames
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim, Origin, OriginState
from modelaudit.model.term_files import classify_text_file
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, KnownModel, LicenseEntry, Relation


def is_hub_id(name: str) -> bool:
    """Whether a name can be a Hub repository; a local path cannot."""
    return parse_hub_id(name) is not None


def find_known_model(name: str, rules: Catalogue) -> KnownModel | None:
    """Find the first entry of the rule set that covers a model's name; ``None`` if there is none."""
    return next((rule for rule in rules.origins if rule.covers(name)), None)


def complete_from_known_models(origins: Iterable[Origin], rules: Catalogue) -> tuple[Origin, ...]:
    """Complete base models that could not be read with the licence on record for their name."""
    return tuple(_complete_base_model(origin, rules) for origin in origins)


def _complete_base_model(origin: Origin, rules: Catalogue) -> Origin:
    """Add the licence on record to a base model that could not be read and has no conclusion."""
    known = (OriginState.READ, OriginState.RING, OriginState.KNOWN)
    if origin.lookup in known or origin.state is ConclusionState.CONCLUDED:
        return origin
    rule = find_known_model(origin.name, rules)
    if rule is None or rule.license not in rules.licenses:
        return origin
    name = rules.licenses[rule.license].name
    detail = f"{origin.detail.rstrip('.')}; by its name it is under {name}".lstrip("; ")
    return replace(
        origin, lookup=OriginState.KNOWN, entries=tuple(dict.fromkeys((*origin.entries, rule.license))), detail=detail
    )


def list_inherited_licenses(
    origins: Sequence[Origin], modalities: Mapping[str, bool], rules: Catalogue
) -> list[tuple[Origin, BindingLicense]]:
    """List each licence of a base model with the steps that lead from that model to this one.

    Args:
        origins: as returned by ``complete_from_known_models``.
        modalities: whether a base model handles more than text, by its case-folded name.
        rules: the rule set.
    """
    found = []
    seen: set[tuple[str, tuple[Relation, ...]]] = set()
    for origin in origins:
        relations = trace_relations(origin, origins)
        modality = _look_up_modality(origin, modalities, rules)
        for name in origin.entries:
            if (name, relations) in seen or name not in rules.licenses:
                continue
            seen.add((name, relations))
            found.append((origin, BindingLicense(rules.licenses[name], origin.name, relations, modality)))
    return found


def determine_modality(evidence: Evidence, origins: Sequence[Origin], rules: Catalogue) -> bool | None:
    """Determine whether the model handles more than text, from its own files or from its base models.

    A model made from a multimodal one may be multimodal too. Only a quantized copy or an adapter of a text-only model
    is known to be text-only.

    Returns:
        ``None`` if it is unknown.
    """
    if evidence.multimodal is not None:
        return evidence.multimodal
    nearest = [
        (origin.relation, _look_up_modality(origin, evidence.modalities, rules))
        for origin in origins
        if origin.depth == 1
    ]
    if any(modality for _, modality in nearest):
        return True
    same = (Relation.QUANTIZED, Relation.ADAPTER)
    return False if nearest and all(step in same and known is False for step, known in nearest) else None


def _look_up_modality(origin: Origin, modalities: Mapping[str, bool], rules: Catalogue) -> bool | None:
    rule = find_known_model(origin.name, rules)
    return modalities.get(origin.name.casefold(), rule.multimodal if rule else None)


def trace_relations(origin: Origin, origins: Sequence[Origin]) -> tuple[Relation, ...]:
    """Trace the steps from a base model to the model, the base model's own step first."""
    steps = [origin.relation]
    made, depth = origin.derived_model, origin.depth
    while made and depth > 1:
        depth -= 1
        between = next((each for each in origins if each.name == made and each.depth == depth), None)
        if between is None:
            break
        steps.append(between.relation)
        made = between.derived_model
    return tuple(steps)


def list_component_licenses(
    claims: Iterable[LicenseClaim], names: LicenseNames, own: Collection[str]
) -> list[BindingLicense]:
    """List the licences of components with their own terms, each with the file that states it."""
    found: dict[str, BindingLicense] = {}
    for claim in claims:
        if determine_scope(claim) not in (ClaimScope.COMPONENT, ClaimScope.CODE) or claim.kind is ClaimKind.INHERITED:
            continue
        if claim.kind is ClaimKind.FOUND and not is_license_text(claim):
            continue
        for alternative in names.resolve_claim(claim)[:1]:
            for name in alternative:
                if name not in own:
                    found.setdefault(name, BindingLicense(names.licenses[name], get_claim_path(claim)))
    return list(found.values())


def list_unclear_components(
    claims: Collection[LicenseClaim], licenses: Mapping[str, LicenseEntry]
) -> list[LicenseClaim]:
    """List the claims of components whose terms are unknown: a variant of a licence text, or an unknown text.

    A notice always holds other words around its licence texts. They take nothing from a permissive licence, so a
    permissive variant in a notice is not unclear.
    """
    known = {
        get_claim_path(claim)
        for claim in claims
        if claim.kind is ClaimKind.FOUND and claim.basis is not Basis.FILE_NAME
    }
    return [
        claim
        for claim in claims
        if claim.kind is ClaimKind.FOUND
        and determine_scope(claim) is not ClaimScope.MODEL
        and (
            _is_unclear_variant(claim, licenses)
            or (is_license_file_name(claim.artifact) and get_claim_path(claim) not in known)
        )
    ]


def _is_unclear_variant(claim: LicenseClaim, licenses: Mapping[str, LicenseEntry]) -> bool:
    entry = licenses.get(claim.entry or "")
    in_notice = classify_text_file(get_claim_path(claim)) is ProseKind.NOTICE
    return is_variant_text(claim) and not (in_notice and entry is not None and entry.category in PERMISSIVE_CATEGORIES)
