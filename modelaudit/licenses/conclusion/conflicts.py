"""Find contradictions between pieces of evidence, and evidence that is missing where a licence requires it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelaudit.licenses.conclusion.agreement import OwnLicense
from modelaudit.licenses.conclusion.missing_duties import find_missing_duties, iter_fixed_words
from modelaudit.licenses.evidence.alternatives import list_license_ids
from modelaudit.licenses.evidence.names import is_version_of, shares_text
from modelaudit.licenses.evidence.record import Evidence
from modelaudit.licenses.evidence.restriction_sentences import (
    RESTRICTED_BASE,
    list_uncovered_policies,
    list_uncovered_restrictions,
)
from modelaudit.licenses.evidence.scope import (
    ClaimScope,
    PlacesApart,
    determine_scope,
    get_claim_path,
    is_card_mention,
    is_license_text,
    is_variant_text,
)
from modelaudit.licenses.evidence.statements import LicenseNames
from modelaudit.licenses.evidence.text_claims import may_add_terms
from modelaudit.licenses.evidence.unrecognised import is_set_apart, list_unrecognised_texts
from modelaudit.licenses.evidence.unsearched_texts import OVER_LIMIT, is_over_limit
from modelaudit.licenses.lineage.binding_licenses import is_hub_id
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.licenses.obligations.comparison import (
    DroppedTerms,
    format_clause_titles,
    format_likely_restrictions,
    list_dropped_clauses,
    rate_dropped_terms,
)
from modelaudit.licenses.obligations.permission import flatten_text
from modelaudit.licenses.recognition.likeness import quote_difference
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import (
    ClaimKind,
    ConclusionState,
    Conflict,
    DatasetClaim,
    LicenseClaim,
    Origin,
    OriginState,
)
from modelaudit.model.restrictions import is_unsearched
from modelaudit.model.structure import NOWHERE
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseCategory, LicenseEntry

# The cached result of ``_index_fixed_words``, with the licences that it was built from.
_latest_fixed_words: list[tuple[Mapping[str, LicenseEntry], list[tuple[LicenseEntry, str, str]]]] = []


@dataclass(frozen=True, slots=True)
class ComparedEvidence:
    """The evidence that the checks of this module compare.

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

    def list_entries(self, ids: Sequence[str]) -> list[LicenseEntry]:
        """List licences by their ids."""
        return [self.rules.licenses[each] for each in ids]


def find_conflicts(compared: ComparedEvidence) -> tuple[Conflict, ...]:
    """Find every conflict, in the order of a reader's questions: the model, its texts, its base models, its data."""
    found = (
        *_find_text_conflicts(compared),
        *_find_stricter_mentions(compared),
        *_find_uncovered_restrictions(compared),
        *_find_uncovered_policies(compared),
        *_find_foreign_fixed_words(compared),
        *_find_variant_texts(compared),
        *_find_unrecognised_texts(compared),
        *_find_ambiguous_versions(compared),
        *_find_base_model_conflicts(compared),
        *_find_unknown_base_models(compared),
        *find_missing_duties(
            compared.evidence, compared.own, compared.chosen, compared.claims, compared.inherited, compared.rules
        ),
        *_find_dataset_conflicts(compared),
    )
    return tuple(dict.fromkeys(found))


def format_claim_evidence(claim: LicenseClaim) -> str:
    """Format a claim as a line of evidence: place, field and words."""
    line = f":{claim.location.line}" if claim.location.line else ""
    return f"{claim.artifact or 'the Hub'}{line}: {claim.field}: {' '.join(claim.quotation.split())}"


def _list_declared_claims(compared: ComparedEvidence) -> list[LicenseClaim]:
    """List the claims that name the licence of the model itself."""
    return [
        claim
        for claim in compared.claims
        if claim.kind is ClaimKind.DECLARED and not claim.is_in_running_text and compared.names.resolve_claim(claim)
    ]


def _find_text_conflicts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find licence texts at the root that belong to no declared licence."""
    named_ids = list_license_ids(compared.own.declared)
    if compared.own.state is not ConclusionState.CONTRADICTORY or not named_ids:
        return
    declared = _list_declared_claims(compared)
    named = compared.list_entries(named_ids)
    names = ", ".join(entry.name for entry in named)
    for text in compared.own.texts:
        if any(is_version_of(text, id_) or shares_text(text, id_) for id_ in named_ids):
            continue
        entry = compared.rules.licenses[text]
        bound = BindingLicense(entry)
        dropped = list_dropped_clauses(bound, named, compared.rules.clauses)
        titles = format_clause_titles(dropped, compared.rules.clauses)
        lacking = f" The declared licence lacks {titles}." if dropped else ""
        found = [claim for claim in compared.claims if is_license_text(claim) and claim.entry == text]
        holder = get_claim_path(found[0]) if found else "a file"
        yield Conflict(
            "declared-found",
            f"{names} is declared, and {holder} holds the text of {entry.name}.{lacking}",
            (*named_ids, text),
            declared[0].artifact if declared else holder,
            declared[0].location if declared else NOWHERE,
            tuple(format_claim_evidence(claim) for claim in (*declared[:3], *found[:3])),
            str(rate_dropped_terms(bound, named, compared.rules.clauses)),
        )


def _find_stricter_mentions(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find licences that only the root card's running text names and that are stricter than the concluded one."""
    own = compared.list_entries(compared.chosen)
    # A licence that a base model brings in binds anyway, so naming it contradicts nothing.
    inherited = {bound.entry.id for _, bound in compared.inherited}
    declared = _list_declared_claims(compared)
    for claim in compared.claims:
        if not is_card_mention(claim) or determine_scope(claim) is not ClaimScope.MODEL:
            continue
        for id_ in list_license_ids(compared.names.resolve_claim(claim)):
            entry = compared.rules.licenses[id_]
            rating = rate_dropped_terms(BindingLicense(entry), own, compared.rules.clauses)
            if id_ in inherited or rating is not DroppedTerms.RESTRICTIONS:
                continue
            yield Conflict(
                "declared-prose",
                f"The text of {claim.artifact} names {entry.name}, which is stricter than the declared licence.",
                (*compared.own.ids, id_),
                claim.artifact,
                claim.location,
                tuple(format_claim_evidence(each) for each in (claim, *declared[:2])),
            )


def _find_uncovered_restrictions(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find sentences that restrict the use beyond every binding licence, and texts that were not searched for any."""
    declared = _list_declared_claims(compared)
    binding = list_binding_entries(compared)
    for claim in list_uncovered_restrictions(compared.claims, binding, compared.rules.restrictions, compared.places):
        yield Conflict(
            "declared-prose",
            describe_restriction(claim),
            tuple(compared.own.ids),
            claim.artifact,
            claim.location,
            tuple(format_claim_evidence(each) for each in (claim, *declared[:2]) if each.quotation),
        )


def describe_restriction(claim: LicenseClaim) -> str:
    """Describe a sentence that may limit the use, or a text that was not searched for any."""
    words = " ".join(claim.quotation.split())
    if is_unsearched(claim.location):
        extent = "" if not words or is_over_limit(claim) else " to its end"
        return f"{claim.artifact} was not searched for terms{extent}: {words or OVER_LIMIT}."
    line = f" at line {claim.location.line}" if claim.location.line else ""
    if claim.location.key == RESTRICTED_BASE:
        return f"{claim.artifact or 'the Hub'} states{line} “{words}”, and no field declares this base model."
    return f"{claim.artifact or 'the Hub'} states{line} “{words}”, which may limit the use beyond the licence."


def _find_uncovered_policies(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find use policies beside licences that refer to none: they limit the use all the same."""
    for claim in list_uncovered_policies(compared.claims, list_binding_entries(compared), compared.places):
        yield Conflict(
            "declared-prose",
            f"{get_claim_path(claim)} holds a use policy, and no binding licence refers to one.",
            tuple(compared.own.ids),
            get_claim_path(claim),
            claim.location,
            (format_claim_evidence(claim),),
        )


def _find_foreign_fixed_words(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find the fixed notice or display words of a licence that does not bind: its model may be included."""
    texts = compared.evidence.select_texts(ProseKind.CARD, ProseKind.NOTICE)
    if not texts:
        return
    binding = {words for entry in list_binding_entries(compared) for words in iter_fixed_words(entry)}
    for entry, words, flattened in _index_fixed_words(compared.rules.licenses):
        # A substring test first, because it is much faster than a pattern and most words occur nowhere.
        if words in binding or not any(flattened in text for text in texts.values()):
            continue
        # Whole words only: "Built with Llama" must not match inside "Built with Llama-Guard".
        pattern = re.compile(rf"(?<!\w){re.escape(flattened)}(?!\w|[-.]\w)")
        holder = next((path for path, text in texts.items() if pattern.search(text)), "")
        if holder:
            shown = " ".join(words.split())
            yield Conflict(
                "declared-prose",
                f"{holder} holds the words “{shown}”, which {entry.name} requires, but that licence is not declared.",
                (*compared.own.ids, entry.id),
                holder,
                NOWHERE,
                (f"{holder}: {shown}",),
            )


def _index_fixed_words(licenses: Mapping[str, LicenseEntry]) -> list[tuple[LicenseEntry, str, str]]:
    """List (licence, sentence as written, sentence flattened) for each sentence that a limiting licence fixes.

    The list of the last rule set is cached, because one rule set is in use throughout a scan.
    """
    if not _latest_fixed_words or _latest_fixed_words[-1][0] is not licenses:
        fixed = [
            (entry, words, flatten_text(words))
            for entry in licenses.values()
            if entry.category not in PERMISSIVE_CATEGORIES
            for words in dict.fromkeys(iter_fixed_words(entry))
        ]
        _latest_fixed_words[:] = [(licenses, fixed)]
    return _latest_fixed_words[-1][1]


def list_binding_entries(compared: ComparedEvidence) -> list[LicenseEntry]:
    """List the licences that bind: the chosen alternative of the model's own, and those of its base models."""
    return [*compared.list_entries(compared.chosen), *(bound.entry for _, bound in compared.inherited)]


def _find_variant_texts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find variants of licence texts. Under a permissive name, a variant may hide an added restriction."""
    declared = compared.list_entries(list_license_ids(compared.own.declared))
    is_permissive = bool(declared) and all(entry.category in PERMISSIVE_CATEGORIES for entry in declared)
    for claim in compared.claims:
        if not is_variant_text(claim) or is_set_apart(claim, compared.places, compared.rules.licenses):
            continue
        entry = compared.rules.licenses.get(claim.entry or "")
        name = entry.name if entry else "a known licence"
        words = "; ".join(map(quote_difference, claim.differs[:3]))
        differs = f" It differs by: {words}." if words else ""
        likely = format_likely_restrictions(entry, compared.rules.clauses)
        may_restrict = is_permissive and determine_scope(claim) is ClaimScope.MODEL
        may_restrict = may_restrict and may_add_terms(claim, compared.rules.licenses)
        yield Conflict(
            "variant-text",
            f"{get_claim_path(claim)} resembles the text of {name} but differs from it.{differs}{likely}",
            (entry.id,) if entry else (),
            get_claim_path(claim),
            claim.location,
            (format_claim_evidence(claim), *claim.differs[:5]),
            # The declared name lacks any restriction that the variant adds.
            drops=str(DroppedTerms.RESTRICTIONS if may_restrict else DroppedTerms.NOTHING),
        )


def _find_unrecognised_texts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find files that are named as licences or read like terms, and hold no known licence text."""
    found = [claim for claim in compared.claims if claim.kind is ClaimKind.FOUND]
    texts = list_unrecognised_texts(found)
    apart = {get_claim_path(each) for each in found if is_set_apart(each, compared.places, compared.rules.licenses)}
    # The order is published in reports: a later claim comes first.
    for path in dict.fromkeys(get_claim_path(claim) for claim in reversed(found)):
        if path in texts and path not in apart:
            yield Conflict("text-not-recognised", texts[path], (), path, NOWHERE, (path,))


def _find_ambiguous_versions(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find identifiers that fit several versions of a licence, with no text that shows the version."""
    for claim in _list_declared_claims(compared):
        for id_ in list_license_ids(compared.names.resolve_claim(claim)):
            others = compared.rules.licenses if id_.startswith("LicenseRef-") else ()  # see ``is_version_of``
            versions = [other for other in others if other != id_ and is_version_of(other, id_)]
            # Only the id without a date fits several versions, and it is the shortest of them.
            if not versions or len(id_) > min(map(len, versions)):
                continue
            if any(is_version_of(text, id_) for text in compared.own.texts):
                continue
            entry = compared.rules.licenses[id_]
            version = f", {entry.version}" if entry.version else ""
            yield Conflict(
                "version-dependent",
                f"“{' '.join(claim.quotation.split())}” fits {len(versions) + 1} versions of {entry.name}; the current"
                f" one{version} is assumed, and no text in the repository shows another.",
                (id_, *sorted(versions)),
                claim.artifact,
                claim.location,
                (format_claim_evidence(claim),),
            )


def _find_base_model_conflicts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find base models whose licence requires more than the model's own."""
    if compared.own.state is ConclusionState.UNDECLARED:
        return
    declared = _list_declared_claims(compared)
    own = compared.list_entries(compared.chosen)
    own_names = ", ".join(entry.name for entry in own) or "no known licence"
    for origin, bound in compared.inherited:
        rating = rate_dropped_terms(bound, own, compared.rules.clauses)
        if rating is DroppedTerms.NOTHING:
            continue
        clauses = list_dropped_clauses(bound, own, compared.rules.clauses)
        # Without a dropped clause, the terms of the base model's licence are unverified and may hold any.
        titles = format_clause_titles(clauses, compared.rules.clauses)
        lost_terms = titles or "terms that are not verified for this rule set"
        claims = (*declared[:2], *([origin.claim] if origin.claim else []))
        on_record = " (on record)" if origin.look is OriginState.KNOWN else ""
        yield Conflict(
            "declared-inherited",
            f"{own_names} is declared, but the base model {origin.name} is under {bound.entry.name}{on_record}: the "
            f"declared licence drops {lost_terms}.",
            (*compared.chosen, bound.entry.id),
            declared[0].artifact if declared else "",
            declared[0].location if declared else NOWHERE,
            (*map(format_claim_evidence, claims), f"{origin.name}: {origin.detail}"),
            str(rating),
        )


def _find_unknown_base_models(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find base models whose licence is neither concluded nor on record."""
    for origin in compared.origins:
        if origin.state is ConclusionState.CONCLUDED or origin.look is OriginState.KNOWN:
            continue
        claim = origin.claim
        reason = origin.detail.rstrip(".") or str(origin.look).replace("-", " ")
        yield Conflict(
            "origin-unknown" if is_hub_id(origin.name) else "origin-local",
            f"The licence of {origin.name} is not known: {reason}.",
            (),
            claim.artifact if claim else "",
            claim.location if claim else NOWHERE,
            (format_claim_evidence(claim),) if claim else (),
        )


def _find_dataset_conflicts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find data sets under stricter terms than the model; they concern the data, not the model's licence."""
    strict_categories = (LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY, LicenseCategory.COPYLEFT)
    rank = {category: place for place, category in enumerate(LicenseCategory)}  # From the freest to the strictest.
    own_ranks = [rank[entry.category] for entry in compared.list_entries(compared.chosen)]
    for data in compared.evidence.datasets:
        if data.look is not OriginState.READ or not data.entries:
            yield _build_dataset_conflict(
                data, "dataset-unknown", f"The licence of the data set {data.name} is not known: {data.detail}"
            )
            continue
        known = [id_ for id_ in data.entries if id_ in compared.rules.licenses]
        for entry in compared.list_entries(known):
            is_stricter = bool(own_ranks) and max(own_ranks) < rank[entry.category]
            if is_stricter and entry.category in strict_categories:
                sentence = (
                    f"The data set {data.name} is under {entry.name}, which is stricter than the model's own licence."
                )
                yield _build_dataset_conflict(data, "dataset-stricter", sentence, entry.id)


def _build_dataset_conflict(data: DatasetClaim, kind: str, detail: str, entry: str = "") -> Conflict:
    """Build a conflict about a data set of the card; ``entry`` is the id of its licence, empty if it has none."""
    line = f"README.md:{data.location.line}: " if data.location.line else ""
    evidence = (f"{line}datasets: {data.name}",)
    return Conflict(kind, detail.rstrip(".") + ".", (entry,) if entry else (), "README.md", data.location, evidence)
