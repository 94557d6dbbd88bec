"""Find words that are stricter than the licences that bind: licences, sentences and policies that no field names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from modelaudit.licenses.conclusion.compared_evidence import (
    ComparedEvidence,
    format_claim_evidence,
    list_binding_entries,
    list_declared_claims,
)
from modelaudit.licenses.conclusion.missing_duties import iter_fixed_words
from modelaudit.licenses.evidence.alternatives import list_license_ids
from modelaudit.licenses.evidence.restriction_sentences import (
    RESTRICTED_BASE,
    list_gists,
    list_uncovered_policies,
    list_uncovered_restrictions,
)
from modelaudit.licenses.evidence.scope import ClaimScope, determine_scope, get_claim_path, is_card_mention
from modelaudit.licenses.evidence.unsearched_texts import OVER_LIMIT, is_over_limit
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.licenses.obligations.comparison import DroppedTerms, rate_dropped_terms
from modelaudit.licenses.obligations.permission import flatten_text
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import Conflict, LicenseClaim
from modelaudit.model.restrictions import Restrictions, is_unsearched
from modelaudit.model.structure import NOWHERE
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseEntry
from modelaudit.model.written_language import name_foreign_language

# The cached result of ``_index_fixed_words``, with the licences that it was built from.
_latest_fixed_words: list[tuple[Mapping[str, LicenseEntry], list[tuple[LicenseEntry, str, str]]]] = []


def find_stricter_mentions(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find licences that only the root card's running text names and that are stricter than the concluded one."""
    own = compared.list_entries(compared.chosen)
    # A licence that a base model brings in binds anyway, so naming it contradicts nothing.
    inherited = {bound.entry.id for _, bound in compared.inherited}
    declared = list_declared_claims(compared)
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


def find_uncovered_restrictions(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find sentences that restrict the use beyond every binding licence, and texts that were not searched for any.

    A sentence that forbids a part of the planned use says so, whatever text it is in.
    """
    declared = list_declared_claims(compared)
    binding = list_binding_entries(compared)
    uncovered = list_uncovered_restrictions(compared.claims, binding, compared.rules.restrictions, compared.places)
    for claim in dict.fromkeys((*uncovered, *compared.denials)):
        unplanned = compared.unplanned.get(claim, "")
        detail = compared.denials.get(claim) or _describe_restriction(
            claim, bool(binding), unplanned, compared.rules.restrictions
        )
        yield Conflict(
            "unplanned-prose" if unplanned else "declared-prose",
            detail,
            tuple(compared.own.ids),
            claim.artifact,
            claim.location,
            tuple(format_claim_evidence(each) for each in (claim, *declared[:2]) if each.quotation),
        )


def _describe_restriction(claim: LicenseClaim, is_licensed: bool, unplanned: str, restrictions: Restrictions) -> str:
    """Describe a sentence that may limit the use, or nothing but unplanned acts, or a text that was not searched.

    Of a sentence in another language than English, our words name the language and the kinds of limits that it states.
    """
    words = " ".join(claim.quotation.split())
    if is_unsearched(claim.location):
        extent = "" if not words or is_over_limit(claim) else " to its end"
        return f"{claim.artifact} was not searched for terms{extent}: {words or OVER_LIMIT}."
    language = name_foreign_language(words)
    line = f" at line {claim.location.line}" if claim.location.line else ""
    line += f", in {language}," if language else ""
    if claim.location.key == RESTRICTED_BASE:
        return f"{claim.artifact or 'the Hub'} states{line} “{words}”, and no field declares this base model."
    if unplanned:
        return f"{claim.artifact or 'the Hub'} states{line} “{words}”, and {unplanned} is not planned."
    beyond = " beyond the licence" if is_licensed else ""
    kinds = "; ".join(list_gists(claim, restrictions)) if language else ""
    gist = f" By its words, {kinds}." if kinds else ""
    return f"{claim.artifact or 'the Hub'} states{line} “{words}”, which may limit the use{beyond}.{gist}"


def find_uncovered_policies(compared: ComparedEvidence) -> Iterator[Conflict]:
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


def find_foreign_fixed_words(compared: ComparedEvidence) -> Iterator[Conflict]:
    """Find the fixed notice or display words of a licence that does not bind: its model may be included."""
    texts = compared.evidence.select_texts(ProseKind.CARD, ProseKind.NOTICE)
    if not texts:
        return
    binding = {words for entry in list_binding_entries(compared) for words in iter_fixed_words(entry)}
    joined = "\n".join(texts.values())
    for entry, words, flattened in _index_fixed_words(compared.rules.licenses):
        # A substring test first, because it is much faster than a pattern and most words occur nowhere.
        if flattened not in joined or words in binding:
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
