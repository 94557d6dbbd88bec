"""Which licences bind besides the model's own: those of its origins and of its parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from modelaudit.licenses.evidence.claims import holds_license_text
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import Part, is_text, is_variant, part_of, path_of
from modelaudit.licenses.evidence.statements import Names
from modelaudit.licenses.lineage.base_models import hub_id
from modelaudit.licenses.obligations.answers import Bound
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim, Origin, OriginState
from modelaudit.model.term_files import kind_of_text
from modelaudit.model.terms import LicenseCategory, LicenseEntry, OriginRule, Relation

FREE = (LicenseCategory.PERMISSIVE, LicenseCategory.PUBLIC_DOMAIN)


def is_hub_id(name: str) -> bool:
    """Whether a name can be a repository of the Hub, and not the path of somebody's folder."""
    return hub_id(name) is not None


def origin_rule(name: str, rules: Catalogue) -> OriginRule | None:
    """What the rule set knows of a model by its name; the first pattern that fits."""
    return next((rule for rule in rules.origins if rule.covers(name)), None)


def known_by_name(origins: Iterable[Origin], rules: Catalogue) -> tuple[Origin, ...]:
    """The origins, those that could not be read completed by what is known of their name."""
    return tuple(_known(origin, rules) for origin in origins)


def _known(origin: Origin, rules: Catalogue) -> Origin:
    known = (OriginState.READ, OriginState.RING, OriginState.KNOWN)
    if origin.look in known or origin.state is ConclusionState.CONCLUDED:
        return origin
    rule = origin_rule(origin.name, rules)
    if rule is None or rule.license not in rules.licenses:
        return origin
    name = rules.licenses[rule.license].name
    detail = f"{origin.detail.rstrip('.')}; by its name it is under {name}".lstrip("; ")
    return replace(
        origin, look=OriginState.KNOWN, entries=tuple(dict.fromkeys((*origin.entries, rule.license))), detail=detail
    )


def origin_bounds(
    origins: Sequence[Origin], modalities: Mapping[str, bool], rules: Catalogue
) -> list[tuple[Origin, Bound]]:
    """Each licence of an origin with the steps that lead from it to the model.

    Args:
        origins: as ``known_by_name`` leaves them.
        modalities: whether an origin that was read handles more than text, by its name without case.
        rules: the rule set.
    """
    found = []
    seen: set[tuple[str, tuple[Relation, ...]]] = set()
    for origin in origins:
        relations = relations_of(origin, origins)
        modality = _modality(origin, modalities, rules)
        for name in origin.entries:
            if (name, relations) in seen or name not in rules.licenses:
                continue
            seen.add((name, relations))
            found.append((origin, Bound(rules.licenses[name], origin.name, relations, modality)))
    return found


def modality_of(evidence: Evidence, origins: Sequence[Origin], rules: Catalogue) -> bool | None:
    """Whether the model handles more than text: as its own files say, or as follows from what it was made from.

    What was made from a model that does may do so too; only a copy or an adapter of one that does not is known not to.
    """
    if evidence.multimodal is not None:
        return evidence.multimodal
    nearest = [
        (origin.relation, _modality(origin, evidence.modalities, rules)) for origin in origins if origin.depth == 1
    ]
    if any(modality for _, modality in nearest):
        return True
    same = (Relation.QUANTIZED, Relation.ADAPTER)
    return False if nearest and all(step in same and known is False for step, known in nearest) else None


def _modality(origin: Origin, modalities: Mapping[str, bool], rules: Catalogue) -> bool | None:
    rule = origin_rule(origin.name, rules)
    return modalities.get(origin.name.casefold(), rule.multimodal if rule else None)


def relations_of(origin: Origin, origins: Sequence[Origin]) -> tuple[Relation, ...]:
    """How the model was made from an origin, step by step, the origin's own step first."""
    steps = [origin.relation]
    made, depth = origin.made, origin.depth
    while made and depth > 1:
        depth -= 1
        between = next((each for each in origins if each.name == made and each.depth == depth), None)
        if between is None:
            break
        steps.append(between.relation)
        made = between.made
    return tuple(steps)


def component_bounds(claims: Iterable[LicenseClaim], names: Names, own: Collection[str]) -> list[Bound]:
    """The licences of parts that have terms of their own, each with the file that says so."""
    found: dict[str, Bound] = {}
    for claim in claims:
        if part_of(claim) not in (Part.COMPONENT, Part.CODE) or claim.kind is ClaimKind.INHERITED:
            continue
        if claim.kind is ClaimKind.FOUND and not is_text(claim):
            continue
        for alternative in names.choices(claim)[:1]:
            for name in alternative:
                if name not in own:
                    found.setdefault(name, Bound(names.licenses[name], path_of(claim)))
    return list(found.values())


def unclear_components(claims: Collection[LicenseClaim], licenses: Mapping[str, LicenseEntry]) -> list[LicenseClaim]:
    """The claims of parts whose terms are not known: a text that resembles a licence and is not it, or no known one.

    Around the texts in a notice there are always other words, which take nothing from what is permissive.
    """
    known = {path_of(claim) for claim in claims if claim.kind is ClaimKind.FOUND and claim.basis is not Basis.FILE_NAME}
    return [
        claim
        for claim in claims
        if claim.kind is ClaimKind.FOUND
        and part_of(claim) is not Part.MODEL
        and (
            _is_unclear_variant(claim, licenses) or (holds_license_text(claim.artifact) and path_of(claim) not in known)
        )
    ]


def _is_unclear_variant(claim: LicenseClaim, licenses: Mapping[str, LicenseEntry]) -> bool:
    entry = licenses.get(claim.entry or "")
    in_notice = kind_of_text(path_of(claim)) is ProseKind.NOTICE
    return is_variant(claim) and not (in_notice and entry is not None and entry.category in FREE)
