"""Find contradictions between pieces of evidence, and evidence that is missing where a licence requires it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.licenses.conclusion.agreement import describe_variant
from modelaudit.licenses.conclusion.compared_evidence import (
    ComparedEvidence,
    format_claim_evidence,
    list_declared_claims,
)
from modelaudit.licenses.conclusion.missing_duties import find_missing_duties
from modelaudit.licenses.conclusion.stricter_words import (
    find_foreign_fixed_words,
    find_stricter_mentions,
    find_uncovered_policies,
    find_uncovered_restrictions,
)
from modelaudit.licenses.evidence.alternatives import list_license_ids
from modelaudit.licenses.evidence.names import is_version_of, shares_text
from modelaudit.licenses.evidence.scope import (
    ClaimScope,
    determine_scope,
    get_claim_path,
    is_license_text,
    is_variant_text,
)
from modelaudit.licenses.evidence.text_claims import may_add_terms
from modelaudit.licenses.evidence.unrecognised import is_set_apart, list_unrecognised_texts
from modelaudit.licenses.lineage.binding_licenses import is_hub_id
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.licenses.obligations.comparison import (
    DroppedTerms,
    format_clause_titles,
    list_dropped_clauses,
    rate_dropped_terms,
)
from modelaudit.model.license import (
    ClaimKind,
    ConclusionState,
    Conflict,
    DatasetClaim,
    OriginState,
)
from modelaudit.model.structure import NOWHERE
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseCategory

_MOST_VERSIONS: Final = 6
"""Versions of a licence that a sentence names; more are counted alone."""


def find_conflicts(compared: ComparedEvidence) -> tuple[Conflict, ...]:
    """Find every conflict, in the order of a reader's questions: the model, its texts, its base models, its data."""
    found = (
        *_find_text_conflicts(compared),
        *find_stricter_mentions(compared),
        *find_uncovered_restrictions(compared),
        *find_uncovered_policies(compared),
        *find_foreign_fixed_words(compared),
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


def _find_text_conflicts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find licence texts at the root that belong to no declared licence."""
    named_ids = list_license_ids(compared.own.declared)
    if compared.own.state is not ConclusionState.CONTRADICTORY or not named_ids:
        return
    declared = list_declared_claims(compared)
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


def _find_variant_texts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find variants of licence texts. Under a permissive name, a variant may hide an added restriction."""
    declared = compared.list_entries(list_license_ids(compared.own.declared))
    is_permissive = bool(declared) and all(entry.category in PERMISSIVE_CATEGORIES for entry in declared)
    for claim in compared.claims:
        if not is_variant_text(claim) or is_set_apart(claim, compared.places, compared.rules.licenses):
            continue
        entry = compared.rules.licenses.get(claim.entry or "")
        may_restrict = is_permissive and determine_scope(claim) is ClaimScope.MODEL
        may_restrict = may_restrict and may_add_terms(claim, compared.rules.licenses)
        yield Conflict(
            "variant-text",
            describe_variant(claim, compared.rules),
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
    """Find identifiers that fit several versions of a licence, with no text that shows the version; one for each."""
    found: set[str] = set()
    for claim in list_declared_claims(compared):
        for id_ in list_license_ids(compared.names.resolve_claim(claim)):
            others = compared.rules.licenses if id_.startswith("LicenseRef-") else ()  # see ``is_version_of``
            versions = [other for other in others if other != id_ and is_version_of(other, id_)]
            # Only the id without a date fits several versions, and it is the shortest of them.
            if not versions or len(id_) > min(map(len, versions)):
                continue
            if id_ in found or any(is_version_of(text, id_) for text in compared.own.texts):
                continue
            found.add(id_)
            entry = compared.rules.licenses[id_]
            version = f", {entry.version}," if entry.version else ""
            dated = [compared.rules.licenses[each].version for each in (*sorted(versions), id_)]
            named = f" ({'; '.join(dated)})" if all(dated) and len(dated) <= _MOST_VERSIONS else ""
            yield Conflict(
                "version-dependent",
                f"“{' '.join(claim.quotation.split())}” fits {len(versions) + 1} versions of {entry.name}{named};"
                f" the current one{version} is assumed, and no text in the repository shows another.",
                (id_, *sorted(versions)),
                claim.artifact,
                claim.location,
                (format_claim_evidence(claim),),
            )


def _find_base_model_conflicts(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find base models whose licence requires more than the model's own."""
    if compared.own.state is ConclusionState.UNDECLARED:
        return
    declared = list_declared_claims(compared)
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
