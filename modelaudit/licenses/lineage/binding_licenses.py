"""List the licences that bind besides the model's own: those of its base models and of its components."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product

from modelaudit.licenses.evidence.hub_ids import drop_revision, fold_hub_id, parse_hub_id
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import (
    ClaimScope,
    PlacesApart,
    determine_scope,
    get_claim_path,
    is_license_text,
    is_variant_text,
)
from modelaudit.licenses.evidence.statements import LicenseNames
from modelaudit.licenses.evidence.unrecognised import is_set_apart, list_unrecognised_texts
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, Origin, OriginState
from modelaudit.model.term_files import classify_text_file
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, KnownModel, LicenseEntry, Relation

_latest_index: list[tuple[tuple[KnownModel, ...], Mapping[str, Sequence[KnownModel]]]] = []


def is_hub_id(name: str) -> bool:
    """Whether a name can be a Hub repository; a local path cannot."""
    return parse_hub_id(name) is not None


def find_known_model(name: str, rules: Catalogue) -> KnownModel | None:
    """Find the first entry of the rule set that covers a model's name; ``None`` if there is none."""
    repository = drop_revision(name)
    publisher = repository.casefold().partition("/")[0]
    models = _index_by_publisher(rules.known_models).get(publisher, ())
    return next((model for model in models if model.covers(repository)), None)


def _index_by_publisher(models: tuple[KnownModel, ...]) -> Mapping[str, Sequence[KnownModel]]:
    """Index the entries by the publisher in lower case, which every pattern spells out.

    The index of the last rule set is cached, because one rule set is in use throughout a scan.
    """
    if not _latest_index or _latest_index[-1][0] is not models:
        index: dict[str, list[KnownModel]] = {}
        for model in models:
            index.setdefault(model.pattern.casefold().partition("/")[0], []).append(model)
        _latest_index[:] = [(models, index)]
    return _latest_index[-1][1]


def complete_from_known_models(origins: Iterable[Origin], rules: Catalogue) -> tuple[Origin, ...]:
    """Complete base models that could not be read with the licence on record for their name."""
    return tuple(_complete_base_model(origin, rules) for origin in origins)


def _complete_base_model(origin: Origin, rules: Catalogue) -> Origin:
    """Add the licence on record to a base model that could not be read, or whose Hub tags alone were read."""
    # A base model in a cycle needs none: it is the model itself, or was met before.
    needs_no_record = (OriginState.READ, OriginState.CYCLE, OriginState.KNOWN)
    is_concluded_from_files = origin.state is ConclusionState.CONCLUDED and origin.look is not OriginState.GATED
    if origin.look in needs_no_record or is_concluded_from_files:
        return origin
    known_model = find_known_model(origin.name, rules)
    if known_model is None or known_model.license not in rules.licenses:
        return origin
    license_name = rules.licenses[known_model.license].name
    detail = f"{origin.detail.rstrip('.')}; by its name it is under {license_name}".lstrip("; ")  # without a detail
    entries = tuple(dict.fromkeys((*origin.entries, known_model.license)))
    return replace(origin, look=OriginState.KNOWN, entries=entries, detail=detail)


def list_inherited_licenses(
    origins: Sequence[Origin], modalities: Mapping[str, bool], rules: Catalogue
) -> list[tuple[Origin, BindingLicense]]:
    """List each licence of a base model with the steps that lead from that model to this one.

    Where several chains lead to this model, the licence is listed for each that lets other clauses through.
    A licence that reaches the model by the same steps from several base models is listed for the first of them.

    Args:
        origins: as returned by ``complete_from_known_models``.
        modalities: whether a base model handles more than text, by its case-folded name.
        rules: the rule set.
    """
    inherited = []
    seen: set[tuple[str, tuple[Relation, ...]]] = set()
    for origin, chains in zip(origins, list_chains(origins), strict=True):
        multimodal = _look_up_modality(origin, modalities, rules)
        for id_, relations in product(origin.entries, chains):
            if (id_, relations) in seen or id_ not in rules.licenses:
                continue
            seen.add((id_, relations))
            inherited.append((origin, BindingLicense(rules.licenses[id_], origin.name, relations, multimodal)))
    return inherited


def determine_modality(evidence: Evidence, origins: Sequence[Origin], rules: Catalogue) -> bool | None:
    """Determine whether the model handles more than text, from its own files or from its base models.

    A model made from a multimodal one may be multimodal too. Only a quantized copy or an adapter of a text-only model
    is known to be text-only.

    Returns:
        ``None`` if it is unknown.
    """
    if evidence.multimodal is not None:
        return evidence.multimodal
    nearest = [origin for origin in origins if origin.depth == 1]
    modalities = [_look_up_modality(origin, evidence.modalities, rules) for origin in nearest]
    if any(modalities):
        return True
    keeps_modality = all(origin.relation in (Relation.QUANTIZED, Relation.ADAPTER) for origin in nearest)
    all_text_only = all(multimodal is False for multimodal in modalities)
    return False if nearest and keeps_modality and all_text_only else None


def _look_up_modality(origin: Origin, modalities: Mapping[str, bool], rules: Catalogue) -> bool | None:
    """Look up whether a base model handles more than text: by its files, else by the record; ``None`` if unknown."""
    known_model = find_known_model(origin.name, rules)
    on_record = known_model.multimodal if known_model else None
    return modalities.get(fold_hub_id(origin.name), on_record)


def list_chains(origins: Sequence[Origin]) -> list[tuple[tuple[Relation, ...], ...]]:
    """List for each base model the chains of steps from it to the model, its own step first.

    A clause reaches the model by a chain if it flows through the relation of every step. So of two chains, one whose
    relations are all in the other lets every clause of the other through, and only the first is kept. At most 20 of
    the 64 sets of relations remain for one model, however many paths lead from it to the scanned one.
    """
    # ``made`` of a direct base model is empty: the scanned model itself was made from it, by no further step.
    chains: dict[str, list[tuple[Relation, ...]]] = {"": [()]}
    by_derived_model: dict[str, list[Origin]] = {}
    for origin in origins:
        by_derived_model.setdefault(fold_hub_id(origin.made), []).append(origin)
    waiting = deque([""])
    while waiting:
        derived_model = waiting.popleft()
        for origin in by_derived_model.get(derived_model, ()):
            base_model = fold_hub_id(origin.name)
            known = chains.setdefault(base_model, [])
            extended = _extend_chains(origin.relation, chains[derived_model])
            if _add_minimal_chains(known, extended):
                waiting.append(base_model)
    result = []
    for origin in origins:
        own_chains: list[tuple[Relation, ...]] = []
        _add_minimal_chains(own_chains, _extend_chains(origin.relation, chains.get(fold_hub_id(origin.made), ())))
        result.append(tuple(own_chains) or ((origin.relation,),))
    return result


def _extend_chains(relation: Relation, chains: Iterable[tuple[Relation, ...]]) -> list[tuple[Relation, ...]]:
    """Put one more step before each chain."""
    return [(relation, *chain) for chain in chains]


def _add_minimal_chains(known: list[tuple[Relation, ...]], chains: Iterable[tuple[Relation, ...]]) -> bool:
    """Add the chains that no known one makes needless, and drop those that they make needless.

    Returns:
        Whether any chain was added.
    """
    is_changed = False
    for chain in chains:
        if any(set(each) <= set(chain) for each in known):
            continue
        known[:] = [each for each in known if not set(chain) <= set(each)]
        known.append(chain)
        is_changed = True
    return is_changed


def list_component_licenses(
    claims: Iterable[LicenseClaim], names: LicenseNames, own: Collection[str], places: PlacesApart
) -> list[BindingLicense]:
    """List the licences of components and code with their own terms, each with the first file that states it.

    Args:
        claims: all claims.
        names: the licence names of the rule set.
        own: ids of the model's own licence, which are left out.
        places: the places whose texts cover something else; a restrictive licence there is left out.
    """
    licenses: dict[str, BindingLicense] = {}
    for claim in claims:
        if determine_scope(claim) not in (ClaimScope.COMPONENT, ClaimScope.CODE) or claim.kind is ClaimKind.INHERITED:
            continue
        if claim.kind is ClaimKind.FOUND and not is_license_text(claim):
            continue
        if is_set_apart(claim, places, names.licenses):
            continue
        # The first alternative of an expression: any one suffices for the component.
        first_alternative = next(iter(names.resolve_claim(claim)), ())
        for id_ in first_alternative:
            if id_ not in own:
                licenses.setdefault(id_, BindingLicense(names.licenses[id_], get_claim_path(claim)))
    return list(licenses.values())


def list_unclear_components(
    claims: Collection[LicenseClaim], licenses: Mapping[str, LicenseEntry], places: PlacesApart
) -> list[LicenseClaim]:
    """List the claims of components whose terms are unknown: a variant of a licence text, or an unknown text.

    Texts in places that are set apart are left out.

    A notice always holds other words around its licence texts. They take nothing from a permissive licence, so a
    permissive variant in a notice is not unclear.
    """
    found = [claim for claim in claims if claim.kind is ClaimKind.FOUND]
    unrecognised = list_unrecognised_texts(claims)
    unclear = []
    for claim in found:
        if determine_scope(claim) is ClaimScope.MODEL or is_set_apart(claim, places, licenses):
            continue
        if get_claim_path(claim) in unrecognised or _is_unclear_variant(claim, licenses):
            unclear.append(claim)
    return unclear


def _is_unclear_variant(claim: LicenseClaim, licenses: Mapping[str, LicenseEntry]) -> bool:
    """Whether the claim found a variant of a licence text, except one of a permissive licence in a notice."""
    if not is_variant_text(claim):
        return False
    entry = licenses.get(claim.entry or "")
    is_in_notice = classify_text_file(get_claim_path(claim)) is ProseKind.NOTICE
    return not (is_in_notice and entry is not None and entry.category in PERMISSIVE_CATEGORIES)
