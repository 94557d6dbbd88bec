"""Conclude: all evidence in, one licence conclusion out, with reasons, answers and duties."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

from modelaudit.licenses.conclusion.agreement import OwnLicense, complete_claims, get_agreement_checker
from modelaudit.licenses.conclusion.compared_evidence import ComparedEvidence, list_binding_entries
from modelaudit.licenses.conclusion.conflicts import find_conflicts
from modelaudit.licenses.conclusion.likely_denials import DenialFinder, list_forbidding_claims
from modelaudit.licenses.conclusion.openness import rate_openness, withhold_openness
from modelaudit.licenses.conclusion.undeclared_bases import UNDECLARED, find_undeclared_bases
from modelaudit.licenses.conclusion.unread_sources import describe_unread_sources
from modelaudit.licenses.evidence.alternatives import format_expression
from modelaudit.licenses.evidence.fields import PROHIBITION
from modelaudit.licenses.evidence.hub_ids import drop_revision
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.scope import PlacesApart, describe_licenses_apart, get_claim_path
from modelaudit.licenses.evidence.unrecognised import describe_texts_apart
from modelaudit.licenses.lineage.binding_licenses import (
    complete_from_known_models,
    determine_modality,
    is_hub_id,
    list_component_licenses,
    list_inherited_licenses,
    list_unclear_components,
)
from modelaudit.licenses.lineage.kinship import find_kinships
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.licenses.obligations.comparison import has_binding_clauses
from modelaudit.licenses.obligations.original_words import quote_clauses
from modelaudit.licenses.obligations.permission import BindingTerms, add_doubts, determine_permission, mark_met_duties
from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.license import (
    ConclusionState,
    Conflict,
    LicenseClaim,
    LicenseConclusion,
    Origin,
    OriginState,
    UseAnswer,
)
from modelaudit.model.lineage import Kinship
from modelaudit.model.terms import Answer, Intent, LicenseCategory, LicenseEntry, Relation

_NO_LICENSE = "No licence is declared, so there is no permission to use it"
_DOUBTFUL_CONFLICTS = frozenset({"declared-found", "declared-inherited", "declared-prose", UNDECLARED})
"""Conflicts that keep any permission from being shown."""


def conclude(evidence: Evidence, rules: Catalogue, intent: Intent | None = None) -> LicenseConclusion:
    """Conclude the licence of a model from its claims and its base models, and answer the intended use.

    The expression holds the model's own licence, and the licence of each base model whose clauses reach the model.
    Without agreement there is no expression; then all claimed licences are listed, and their clauses answer.

    Args:
        evidence: everything that was read.
        rules: the rule set.
        intent: the intended use; ``None`` if none is stated, and then no clause is answered.
    """
    agreement = get_agreement_checker(rules)
    files = [path for path in evidence.paths if not is_member(path)]
    claims = complete_claims(evidence.claims, files, evidence.repository, evidence.read)
    own = agreement.resolve_own_license(claims, files)
    origins = complete_from_known_models(_exclude_model_itself(evidence), rules)
    inherited = _list_binding_bases(origins, evidence, rules)
    multimodal = determine_modality(evidence, origins, rules)
    places = PlacesApart.from_paths(files, claims, evidence.unnamed_weights)
    components = list_component_licenses(claims, agreement.names, own.ids, places)
    others = [*(bound for _, bound in inherited), *components]
    # The clauses choose an alternative, which decides the conflicts. These are doubts, which the permission includes.
    by_clauses = determine_permission(BindingTerms(own.choices, others, multimodal), intent, rules)
    chosen = by_clauses.chosen
    compared = ComparedEvidence(evidence, own, chosen, claims, inherited, origins, rules, agreement.names, places)
    denials, unplanned = _compare_with_use(compared, intent, by_clauses.answers)
    compared = replace(compared, denials=denials, unplanned=unplanned)
    kinships = _find_kinships(compared)
    conflicts = (
        *find_conflicts(compared),
        *find_undeclared_bases(kinships, [rules.licenses[id_] for id_ in chosen], rules),
    )
    likely = tuple(dict.fromkeys(compared.denials.values()))
    doubts = dict.fromkeys(each for each in _list_doubts(compared, conflicts) if each not in likely)
    permission = add_doubts(by_clauses, tuple(doubts), likely)
    openness = rate_openness(evidence, own, [bound.entry for _, bound in inherited], claims, agreement.names, rules)
    is_concluded = own.state is ConclusionState.CONCLUDED
    inherited_ids = [bound.entry.id for _, bound in inherited]
    # Components are apart from the model, so they do not set its category.
    binding = [rules.licenses[id_] for id_ in (*chosen, *inherited_ids)]
    all_ids = dict.fromkeys((*own.ids, *inherited_ids, *(bound.entry.id for bound in components)))
    entries = tuple(rules.licenses[id_] for id_ in all_ids)
    return LicenseConclusion(
        state=own.state,
        category=_find_strictest_category(binding) if is_concluded else LicenseCategory.UNKNOWN,
        claims=_list_shown_claims(claims, compared.denials),
        entries=entries,
        reasoning=_explain_conclusion(compared, components),
        expression=format_expression(own.choices, inherited_ids) if is_concluded else "",
        own=chosen if is_concluded else own.ids,
        origins=origins,
        datasets=tuple(evidence.datasets),
        conflicts=conflicts,
        intent=intent,
        permission=permission.answer,
        answers=permission.answers,
        duties=mark_met_duties(permission.duties, claims, evidence.texts),
        openness=withhold_openness(openness, rules) if doubts or likely else openness,
        multimodal=multimodal,
        kinships=kinships,
        quotations=tuple(quote_clauses(entries, evidence.license_texts, rules.clauses)),
    )


def _list_shown_claims(claims: Iterable[LicenseClaim], denials: Container[LicenseClaim]) -> tuple[LicenseClaim, ...]:
    """List the claims without the prohibitions of a long text, but with those that forbid the planned use.

    One pointer to the text covers its other prohibitions.
    """
    return tuple(each for each in claims if each.field != PROHIBITION or each in denials)


def _list_binding_bases(
    origins: Sequence[Origin], evidence: Evidence, rules: Catalogue
) -> list[tuple[Origin, BindingLicense]]:
    """List the base models whose licences have clauses that reach the model, each with its licence."""
    inherited = list_inherited_licenses(origins, evidence.modalities, rules)
    return [(origin, bound) for origin, bound in inherited if has_binding_clauses(bound, rules.clauses)]


def _find_kinships(compared: ComparedEvidence) -> tuple[Kinship, ...]:
    """Find the base models that the facts of the files show, and whether the claims name them."""
    evidence = compared.evidence
    # Anyone can publish a copy under the name of a base model and other terms, so a base model that has terms of its
    # own counts by those, and the model itself by its exact id.
    names = {drop_revision(origin.name) for origin in compared.origins if not origin.entries}
    licenses = {*compared.own.ids, *(bound.entry.id for _, bound in compared.inherited)}
    return find_kinships(evidence.traits, evidence.base_models, names, licenses, evidence.repository or "")


def _list_doubts(compared: ComparedEvidence, conflicts: Sequence[Conflict]) -> tuple[str, ...]:
    """List the sentences that keep a permission from being shown."""
    evidence, claims, own, origins = compared.evidence, compared.claims, compared.own, compared.origins
    return (
        *_iter_doubts(own, origins, conflicts, claims),
        *_describe_unclear_components(claims, compared.rules, compared.places),
        *_describe_unread_files(evidence),
        *_describe_weights_elsewhere(evidence),
        *describe_unread_sources(evidence, claims, own, origins, compared.names, compared.rules),
    )


def _explain_conclusion(compared: ComparedEvidence, components: Sequence[BindingLicense]) -> tuple[str, ...]:
    """Explain the conclusion in sentences."""
    own = compared.own
    return (
        *own.reasoning,
        *_describe_choice(own, compared.chosen),
        *_describe_lineage(compared.origins, compared.inherited),
        # An undeclared licence is explained by the same files.
        *(_describe_components(components) if own.state is not ConclusionState.UNDECLARED else ()),
        *describe_texts_apart(compared.claims, compared.places, compared.rules.licenses),
    )


def _exclude_model_itself(evidence: Evidence) -> list[Origin]:
    """List the base models without the model itself, which some metadata names as its own base.

    A deeper origin with the model's id stays: it shows a cycle of base models.
    """
    itself = (evidence.repository or "").casefold()
    return [origin for origin in evidence.origins if origin.depth > 1 or origin.name.casefold() != itself]


def _iter_doubts(
    own: OwnLicense, origins: Sequence[Origin], conflicts: Sequence[Conflict], claims: Sequence[LicenseClaim]
) -> Iterator[str]:
    """Yield a sentence for each doubt about the model's own licence, its base models and their agreement.

    Each one keeps a permission from being shown.
    """
    if own.state is ConclusionState.UNDECLARED:
        apart = describe_licenses_apart(claims)
        found = f"{apart[:-1]}, so no permission can be shown" if apart else _NO_LICENSE
        yield f"{found}: ask the author to state one in writing."
    elif own.state is not ConclusionState.CONCLUDED:
        lacking = "".join(f" {each.detail.partition('. ')[2]}" for each in conflicts if _is_explained(each, own))
        yield f"No licence could be determined, so no permission can be shown. {own.reasoning[0]}{lacking.rstrip()}"
    for origin in origins:
        doubt = _describe_doubt(origin, own)
        if doubt:
            yield doubt
    for conflict in conflicts:
        if conflict.kind in _DOUBTFUL_CONFLICTS and not _is_explained(conflict, own):
            yield conflict.detail


def _is_explained(conflict: Conflict, own: OwnLicense) -> bool:
    """Whether the reason for having no conclusion repeats a conflict between a declared name and a text."""
    return bool(conflict.held_text) and conflict.held_text in own.reasoning[0]


def _compare_with_use(
    compared: ComparedEvidence, intent: Intent | None, answers: Sequence[UseAnswer]
) -> tuple[dict[LicenseClaim, str], dict[LicenseClaim, str]]:
    """Find the claims that forbid a part of the planned use, and those that forbid unplanned acts alone.

    The first have a sentence that says so, the second words for the acts. ``answers`` are those of the clauses alone.
    """
    if intent is None:
        return {}, {}
    rules = compared.rules
    is_denied = any(each.answer is Answer.DENY for each in answers)
    claims = list_forbidding_claims(
        compared.claims, list_binding_entries(compared), rules.restrictions, compared.places, is_denied
    )
    finder = DenialFinder(intent, rules.restrictions, rules.clauses)
    denials = finder.describe_likely_denials(claims)
    acts = {each: finder.name_unplanned_acts(each) for each in claims if each not in denials}
    return denials, {each: words for each, words in acts.items() if words}


def _describe_unclear_components(
    claims: Sequence[LicenseClaim], rules: Catalogue, places: PlacesApart
) -> Iterator[str]:
    """Yield one sentence that names the components whose terms are unknown, if there are any."""
    unclear = list_unclear_components(claims, rules.licenses, places)
    paths = list(dict.fromkeys(map(get_claim_path, unclear)))
    if paths:
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        yield f"No known licence, or a text that resembles one and is not it: {', '.join(paths[:3])}{more}."


def _describe_unread_files(evidence: Evidence) -> Iterator[str]:
    """Yield one sentence that names the unread licence files: each may bind a part of the repository, or all of it."""
    if evidence.unread:
        more = f" and {len(evidence.unread) - 3} more" if len(evidence.unread) > 3 else ""
        yield f"Not read, and named as a licence: {', '.join(evidence.unread[:3])}{more}."


def _describe_weights_elsewhere(evidence: Evidence) -> Iterator[str]:
    """Yield one sentence if the folder in question holds no weights and another one does."""
    weights = evidence.weights_elsewhere
    if weights:
        place = weights.rpartition("/")[0]
        next_step = f"repeat with --path {place}" if place else "repeat without --path"
        place_of_weights = f"those of the repository lie in {weights}"
        yield f"The folder holds no weights; {place_of_weights}, and terms beside them were not read: {next_step}."


def _describe_doubt(origin: Origin, own: OwnLicense) -> str:
    """Describe the doubt about one base model; empty if there is none."""
    reason = origin.detail.rstrip(".") or str(origin.look).replace("-", " ")
    if origin.look is OriginState.KNOWN:
        # A model that has every licence on record for its base model leaves no doubt. The record does not cover a
        # named revision.
        if set(origin.entries) <= set(own.ids) and drop_revision(origin.name) == origin.name:
            return ""
        return f"{origin.name} could not be read; the licence on record for that name is assumed: {reason}."
    is_concluded = origin.state is ConclusionState.CONCLUDED
    if is_concluded and origin.look is OriginState.READ:
        return ""
    # The Hub shows the declared licence even of a gated repository. The files behind the gate may say otherwise: a
    # licence text, a notice, a sentence of the card, or a setting that names another base model.
    if is_concluded and origin.look is OriginState.GATED:
        return f"The files of the base model {origin.name}, which may hold other terms, could not be read: {reason}."
    if origin.look is OriginState.READ:
        return f"The licence of the base model {origin.name} could not be determined: {reason}."
    if is_hub_id(origin.name):
        return f"The base model {origin.name} could not be looked up: {reason}."
    # A local path: ``describe_unread_sources`` decides whether it raises a doubt.
    return ""


def _find_strictest_category(entries: Sequence[LicenseEntry]) -> LicenseCategory:
    """Find the strictest category of the licences; ``unknown`` for none."""
    from_freest_to_strictest = list(LicenseCategory)
    categories = (entry.category for entry in entries)
    return max(categories, key=from_freest_to_strictest.index, default=LicenseCategory.UNKNOWN)


def _describe_choice(own: OwnLicense, chosen: Sequence[str]) -> Iterator[str]:
    """Yield a sentence that names the chosen alternative, if there are several."""
    if own.state is ConclusionState.CONCLUDED and len(own.choices) > 1:
        yield f"You may choose between the alternatives; the following is for {' AND '.join(chosen)}."


def _describe_lineage(origins: Sequence[Origin], inherited: Sequence[tuple[Origin, BindingLicense]]) -> Iterator[str]:
    """Yield a sentence for each licence that base models bring in, and one for the base models that were not read."""
    for origin, bound in inherited:
        base_model = f"{origin.name} by way of {origin.made}" if origin.depth > 1 else origin.name
        step = "relation not stated" if origin.relation is Relation.UNSTATED else origin.relation
        licence = f"{bound.entry.name} ({bound.entry.id})"
        if origin.look is OriginState.KNOWN:
            yield f"The base model {base_model} ({step}) was not read; {licence} is on record for its name."
        else:
            yield f"{licence} is inherited from the base model {base_model} ({step})."
    unread = [origin.name for origin in origins if origin.look not in (OriginState.READ, OriginState.KNOWN)]
    if unread:
        more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
        whose = "its licence" if len(unread) == 1 else "their licences"
        yield f"Not read: {', '.join(unread[:5])}{more}; {whose} may bind you too."


def _describe_components(components: Sequence[BindingLicense]) -> Iterator[str]:
    """Yield a sentence for each component with a licence of its own, at most five."""
    for bound in components[:5]:
        yield f"{bound.via} is under {bound.entry.name} ({bound.entry.id}), apart from the model."
