"""Resolve the licence statements made in one place: a model card, the metadata of a file, or Hub tags.

One place can state a licence in several fields (``license``, ``license_name``, ``license_link``). This module merges
them into one ``ResolvedStatement``: concluded if they agree, otherwise contradictory, vague, unrecognised or
undeclared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from modelaudit.licenses.evidence.alternatives import (
    Alternatives,
    format_expression,
    list_license_ids,
    parse_alternatives,
)
from modelaudit.licenses.evidence.fields import FRONT_MATTER
from modelaudit.licenses.evidence.names import index_license_names, is_in_family
from modelaudit.licenses.evidence.stated_choices import offers_choice
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import NAME_LIMIT, ConclusionState, LicenseClaim, fold_license_name
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseEntry

PLACEHOLDER_NAMES = frozenset({"other", "unknown", "custom", "proprietary", "opensource"})
"""Words that name no licence family, folded: any name or text beside them completes them."""

# license_name, general.license.name, licenseUrl. In card data from the Hub, the key of the location holds this name.
_NAME_FIELD = defer_pattern(r"licen[cs]e[._-]?name$", re.IGNORECASE)
LINK_FIELD = defer_pattern(r"licen[cs]e[._-]?(?:link|url)$", re.IGNORECASE)


_MAX_CACHED_NAMES = 1000
"""How many resolved names are cached; cards repeat the same few."""


class ResolvedStatement(Struct, frozen=True):
    """The licence statement that one place makes.

    Attributes:
        choices: the licences as alternatives; all names that were given if ``state`` is not concluded.
        reasoning: one sentence each.
        family: the vague word of the statement, folded; empty if there is none.
        has_unknown_name: whether it gives a name that the rule set does not know.
        source: path of the file; empty for the Hub.
    """

    state: ConclusionState
    choices: Alternatives = ()
    reasoning: tuple[str, ...] = ()
    family: str = ""
    has_unknown_name: bool = False
    source: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """Every licence id of the statement."""
        return list_license_ids(self.choices)


class LicenseNames:
    """The licence names and the vague words of a rule set."""

    def __init__(self, licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]) -> None:
        self.licenses = licenses
        self._choices: dict[str, Alternatives] = {}
        self._names = index_license_names(licenses)
        self._families = {fold_license_name(word): why for word, why in vague.items()}

    def resolve_name(self, text: str) -> str | None:
        """Resolve a name to a licence id; ``None`` for a vague word and for an unknown name."""
        key = fold_license_name(text)
        return None if key in self._families else self._names.get(key)

    def explain_vague_name(self, text: str) -> str | None:
        """Explain why a word names no single licence; ``None`` if it is not vague."""
        return self._families.get(fold_license_name(text))

    def resolve_claim(self, claim: LicenseClaim) -> Alternatives:
        """Resolve a claim, which may be an expression, to alternatives; empty if it does not resolve."""
        if claim.entry is not None:
            return ((claim.entry,),) if claim.entry in self.licenses else ()
        choices = self._choices.get(claim.quotation)
        if choices is None:
            if len(self._choices) > _MAX_CACHED_NAMES:
                self._choices.clear()
            choices = self._choices[claim.quotation] = parse_alternatives(claim.quotation, self.resolve_name) or ()
        return choices


def resolve_statement(
    claims: Sequence[LicenseClaim], names: LicenseNames, sentences: Sequence[str] = ()
) -> ResolvedStatement:
    """Merge the declared claims of one artifact into one statement.

    ``sentences`` are those of the card that name licences: one may offer the listed licences as a choice.

    An unresolved link decides nothing, because it is an address and no name. An unresolved name prevents a conclusion,
    because it may mean other terms than the identifier beside it.
    """
    stated_licenses = _drop_respelled_licenses(claims, names)
    distinct = drop_repeated_claims(claims, names)
    stated_names = [claim for claim in distinct if _matches_field(_NAME_FIELD, claim)]
    links = [claim for claim in distinct if _matches_field(LINK_FIELD, claim) and names.resolve_claim(claim)]
    deciding = (*stated_licenses, *stated_names, *links)
    unread = next((claim for claim in claims if claim.field == FRONT_MATTER), None)  # part of the front matter
    resolved = [(claim, names.resolve_claim(claim)) for claim in deciding]
    ids = tuple(dict.fromkeys(id_ for _, choices in resolved for id_ in list_license_ids(choices)))
    # Where the fields leave the licence open, every licence that they name counts, as if all of them bound.
    all_named: Alternatives = (ids,) if ids else ()
    if not deciding:
        if unread is not None:
            return ResolvedStatement(
                ConclusionState.UNRECOGNISED, (), (_describe_unread_front_matter(unread),), has_unknown_name=True
            )
        return ResolvedStatement(ConclusionState.UNDECLARED)
    if len(stated_licenses) > 1 and _are_permissive(stated_licenses, names):
        listed = ", ".join(quote_claim(claim) for claim in stated_licenses)
        text = f"{describe_source(stated_licenses[0])} lists {listed}, which are permissive: the duties of each apply."
        if unread is None and all(choices for _, choices in resolved):
            if all(len(choices) == 1 for _, choices in resolved) and offers_choice(sentences, ids, names.resolve_name):
                text = f"{describe_source(stated_licenses[0])} lists {listed}, and a sentence offers them as a choice."
                return ResolvedStatement(ConclusionState.CONCLUDED, tuple((id_,) for id_ in ids), (text,))
            return ResolvedStatement(ConclusionState.CONCLUDED, all_named, (text,))
    if len(stated_licenses) > 1:
        listed = ", ".join(quote_claim(claim) for claim in stated_licenses)
        # The first words about a card are a part of permanent keys.
        first = stated_licenses[0]
        source = "The card" if first.artifact == "README.md" else describe_source(first)
        count = len(stated_licenses)
        text = f"{source} lists {count} licences ({listed}) and does not state which one applies to which part."
        return ResolvedStatement(ConclusionState.CONTRADICTORY, all_named, (text,))
    # Compared as sets: "MIT OR Apache-2.0" and "Apache-2.0 OR MIT" do not contradict each other.
    different = {frozenset(map(frozenset, choices)) for _, choices in resolved if choices}
    if len(different) > 1:
        listed = "; ".join(f"{claim.field} says {quote_claim(claim)}" for claim, choices in resolved if choices)
        text = f"{describe_source(deciding[0])} names different licences: {listed}."
        return ResolvedStatement(ConclusionState.CONTRADICTORY, all_named, (text,))
    if unread is not None:
        return ResolvedStatement(
            ConclusionState.UNRECOGNISED, all_named, (_describe_unread_front_matter(unread),), has_unknown_name=True
        )
    return _resolve_agreeing_fields(resolved, names, all_named)


def _are_permissive(claims: Sequence[LicenseClaim], names: LicenseNames) -> bool:
    """Whether each claim names permissive licences alone: who meets all their duties need not know which applies."""
    ids = [list_license_ids(names.resolve_claim(claim)) for claim in claims]
    return all(each and all(names.licenses[id_].category in PERMISSIVE_CATEGORIES for id_ in each) for each in ids)


def _resolve_agreeing_fields(
    resolved: Sequence[tuple[LicenseClaim, Alternatives]], names: LicenseNames, all_named: Alternatives
) -> ResolvedStatement:
    """Resolve fields that do not contradict each other: concluded, vague, or with an unknown name.

    Args:
        resolved: the claim of each field with its licences; none for a vague word or an unknown name.
        names: the names of the rule set.
        all_named: every licence of ``resolved``, as one alternative.
    """
    unresolved = [claim for claim, choices in resolved if not choices]
    vague = [claim for claim in unresolved if names.explain_vague_name(claim.quotation) is not None]
    # An unknown name comes first: it may mean other terms, whatever the other fields name.
    for claim in unresolved:
        if claim not in vague:
            hint = describe_non_ascii_letters(claim)
            text = f"{claim.field} says {quote_claim(claim)}, which is not a licence of the rule set.{hint}"
            family = fold_license_name(vague[0].quotation) if vague else ""
            return ResolvedStatement(ConclusionState.UNRECOGNISED, all_named, (text,), family, has_unknown_name=True)
    # From here on every unresolved name is a vague word. One that names a family is more specific than a placeholder.
    families = [claim for claim in vague if fold_license_name(claim.quotation) not in PLACEHOLDER_NAMES]
    family_claim = next(iter(families or vague), None)
    family = fold_license_name(family_claim.quotation) if family_claim is not None else ""
    source = describe_source(resolved[0][0])
    if not all_named:
        assert family_claim is not None
        why = names.explain_vague_name(family_claim.quotation)
        return ResolvedStatement(ConclusionState.VAGUE, (), (f"{quote_claim(family_claim)}: {why}",), family)
    if families:
        for entry in (names.licenses[id_] for id_ in list_license_ids(all_named)):
            if not is_in_family(entry, family):
                quoted = quote_claim(families[0])
                text = f"{source} says {quoted} and names {entry.name}, which is not of that family."
                return ResolvedStatement(ConclusionState.CONTRADICTORY, all_named, (text,))
    choices = next(choices for _, choices in resolved if choices)
    fields = " and ".join(dict.fromkeys(claim.field for claim, found in resolved if found))
    ids = list_license_ids(choices)
    if len(ids) == 1:
        entry = names.licenses[ids[0]]
        text = f"{source} names {entry.name} ({entry.id}) in its field {fields}."
    else:
        text = f"{source} names the expression {format_expression(choices)} in its field {fields}."
    return ResolvedStatement(ConclusionState.CONCLUDED, choices, (text,))


def _drop_respelled_licenses(claims: Sequence[LicenseClaim], names: LicenseNames) -> list[LicenseClaim]:
    """Return the first claim of each licence in the licence fields, ordered by the last mention of each.

    Unlike ``drop_repeated_claims``, this ignores the field: two fields that state one licence count once. The order is
    published: sentences list the licences in it.
    """
    unique: dict[object, LicenseClaim] = {}
    for claim in reversed(claims):
        if is_license_field(claim):
            # A key keeps the place of its last mention, while an earlier claim replaces the value.
            unique[_build_comparison_key(claim, names)] = claim
    return list(unique.values())[::-1]


def is_license_field(claim: LicenseClaim) -> bool:
    """Whether the field states the licence itself, as opposed to its name or its link."""
    return claim.field != FRONT_MATTER and not any(map(_is_name_or_link, (claim.field, claim.location.key)))


def _matches_field(pattern: re.Pattern[str], claim: LicenseClaim) -> bool:
    """Whether the claim's field matches; in card data from the Hub, the key of the location holds the field's name."""
    return any(pattern.search(name) for name in (claim.field, claim.location.key or ""))


@lru_cache(maxsize=512)
def _is_name_or_link(field: str | None) -> bool:
    """Whether the name of a field is that of the name or the link of a licence."""
    return field is not None and (_NAME_FIELD.search(field) is not None or LINK_FIELD.search(field) is not None)


def drop_repeated_claims(claims: Sequence[LicenseClaim], names: LicenseNames) -> list[LicenseClaim]:
    """Drop claims that repeat an earlier one of the same field in another spelling."""
    unique: dict[tuple[str, object], LicenseClaim] = {}
    for claim in claims:
        unique.setdefault((claim.field, _build_comparison_key(claim, names)), claim)
    return list(unique.values())


def _build_comparison_key(claim: LicenseClaim, names: LicenseNames) -> object:
    """Build a key that equal licences share: the resolved alternatives, or else the folded name."""
    # A name of punctuation alone folds to nothing, so its own words are the key.
    return names.resolve_claim(claim) or fold_license_name(claim.quotation) or claim.quotation


def describe_source(claim: LicenseClaim) -> str:
    """Name the source of a claim as the beginning of a sentence."""
    if claim.artifact == "README.md":
        return "The model card"
    return claim.artifact or "The Hub"


def quote_claim(claim: LicenseClaim) -> str:
    """Quote the claim on one line, bounded for use in a sentence."""
    text = " ".join(claim.quotation.split())
    return f"“{text}”" if len(text) <= 80 else f"“{text[:80]}…”"


def describe_non_ascii_letters(claim: LicenseClaim) -> str:
    """List letters beyond ASCII, which may imitate those of a known licence name; empty if there are none."""
    letters = dict.fromkeys(letter for letter in claim.quotation[:NAME_LIMIT] if not letter.isascii())
    if not letters:
        return ""
    return f" It holds letters beyond ASCII: {', '.join(f'U+{ord(letter):04X}' for letter in list(letters)[:5])}."


def _describe_unread_front_matter(claim: LicenseClaim) -> str:
    """Write the sentence about a part of the front matter that could not be parsed."""
    return f"Part of the front matter could not be parsed and may concern the licence: {quote_claim(claim)}."
