"""What one place of a repository states about the licence: a card, the metadata of a file, a tag of the Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelaudit.licenses.evidence.alternatives import Alternatives, alternatives_of, expression_of, ids_of
from modelaudit.licenses.evidence.fields import FRONT_MATTER
from modelaudit.licenses.evidence.names import belongs_to, names_of
from modelaudit.model.license import NAME_LIMIT, ConclusionState, LicenseClaim, folded
from modelaudit.model.terms import LicenseEntry

EMPTY_FAMILIES = frozenset({"other", "unknown", "custom", "proprietary", "opensource"})
"""Words that name no family, so that any name or text beside them completes them; as ``folded`` leaves them."""

# license_name, general.license.name, licenseUrl; of the Hub's card data, the key says which field it is.
_NAME_FIELD = re.compile(r"licen[cs]e[._-]?name$", re.IGNORECASE)
LINK_FIELD = re.compile(r"licen[cs]e[._-]?(?:link|url)$", re.IGNORECASE)


_MOST_KEPT = 1000
"""Names whose meaning is kept; cards give the same ones again and again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one place amounts to.

    Attributes:
        choices: the licences it names by alternatives; where the state is not concluded, all that were named.
        family: the vague word that it gives, folded; empty for none.
        unknown: whether it names what is no licence that the rule set knows.
    """

    state: ConclusionState
    choices: Alternatives = ()
    reasoning: tuple[str, ...] = field(default=())
    family: str = ""
    unknown: bool = False
    source: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """Every licence that it names."""
        return ids_of(self.choices)


class Names:
    """The names of licences and the vague words of a rule set."""

    def __init__(self, licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]) -> None:
        self.licenses = licenses
        self._choices: dict[str, Alternatives] = {}
        self._names = names_of(licenses)
        self._families = {folded(word): why for word, why in vague.items()}

    def resolve(self, text: str) -> str | None:
        """The licence that a name means; ``None`` for a vague word and for what nobody knows."""
        key = folded(text)
        return None if key in self._families else self._names.get(key)

    def why_vague(self, text: str) -> str | None:
        """Why a word names no single licence; ``None`` if it is not vague."""
        return self._families.get(folded(text))

    def choices(self, claim: LicenseClaim) -> Alternatives:
        """What a claim names, an expression included; empty where it resolves to nothing."""
        if claim.entry is not None:
            return ((claim.entry,),) if claim.entry in self.licenses else ()
        found = self._choices.get(claim.quotation)
        if found is None:
            if len(self._choices) > _MOST_KEPT:
                self._choices.clear()
            found = self._choices[claim.quotation] = alternatives_of(claim.quotation, self.resolve) or ()
        return found


def weigh_statement(claims: Sequence[LicenseClaim], names: Names) -> Statement:
    """The statement that the declared claims of one artifact make together.

    A link that resolves to nothing decides nothing, because it is an address and not a name; a name that does so
    prevents a conclusion, because it may well mean other terms than the identifier.
    """
    links = [each for each in distinct(claims, names) if _fits(LINK_FIELD, each) and names.choices(each)]
    given = [each for each in distinct(claims, names) if _fits(_NAME_FIELD, each)]
    stated = list({_meaning(each, names): each for each in reversed(claims) if states_license(each)}.values())[::-1]
    every = (*stated, *given, *links)
    unread = next((claim for claim in claims if claim.field == FRONT_MATTER), None)
    named = [(claim, names.choices(claim)) for claim in every]
    ids = tuple(dict.fromkeys(name for _, choices in named for name in ids_of(choices)))
    whole: Alternatives = (ids,) if ids else ()
    if not every:
        if unread is not None:
            return Statement(ConclusionState.UNRECOGNISED, (), (_unread(unread),), unknown=True)
        return Statement(ConclusionState.UNDECLARED)
    if len(stated) > 1:
        listed = ", ".join(shown(claim) for claim in stated)
        text = f"The card lists {len(stated)} licences ({listed}) and does not say which of them applies to what."
        return Statement(ConclusionState.CONTRADICTORY, whole, (text,))
    different = {frozenset(map(frozenset, choices)) for _, choices in named if choices}
    if len(different) > 1:
        listed = "; ".join(f"{claim.field} says {shown(claim)}" for claim, choices in named if choices)
        text = f"{place_of_claim(every[0])} names different licences: {listed}."
        return Statement(ConclusionState.CONTRADICTORY, whole, (text,))
    if unread is not None:
        return Statement(ConclusionState.UNRECOGNISED, whole, (_unread(unread),), unknown=True)
    return _agreeing(every, named, names, whole)


def _agreeing(
    every: Sequence[LicenseClaim],
    named: Sequence[tuple[LicenseClaim, Alternatives]],
    names: Names,
    whole: Alternatives,
) -> Statement:
    """The statement of fields that do not name different licences: concluded, vague, or a name nobody knows."""
    open_ = [claim for claim, choices in named if not choices]
    for claim in open_:
        if names.why_vague(claim.quotation) is None:
            text = f"{claim.field} says {shown(claim)}, which is no licence that the rule set knows.{strange(claim)}"
            family = next((folded(each.quotation) for each in open_ if names.why_vague(each.quotation)), "")
            return Statement(ConclusionState.UNRECOGNISED, whole, (text,), family, unknown=True)
    words = [folded(claim.quotation) for claim in open_]
    family = next((word for word in words if word not in EMPTY_FAMILIES), words[0] if words else "")
    if not whole:
        vague = next(claim for claim in open_ if folded(claim.quotation) == family)
        why = names.why_vague(vague.quotation)
        return Statement(ConclusionState.VAGUE, (), (f"{shown(vague)}: {why}",), family)
    if family and family not in EMPTY_FAMILIES:
        for entry in (names.licenses[name] for name in ids_of(whole)):
            if not belongs_to(entry, family):
                said = shown(next(claim for claim in open_ if folded(claim.quotation) == family))
                text = f"{place_of_claim(every[0])} says {said} and names {entry.name}, which is no such licence."
                return Statement(ConclusionState.CONTRADICTORY, whole, (text,))
    choices = next(choices for _, choices in named if choices)
    fields = " and ".join(dict.fromkeys(claim.field for claim, found in named if found))
    if len(ids_of(choices)) == 1:
        entry = names.licenses[ids_of(choices)[0]]
        text = f"{place_of_claim(every[0])} names {entry.name} ({entry.id}) in {fields}."
    else:
        text = f"{place_of_claim(every[0])} names the expression {expression_of(choices)} in {fields}."
    return Statement(ConclusionState.CONCLUDED, choices, (text,))


def states_license(claim: LicenseClaim) -> bool:
    """Whether the field is one for the licence itself, whatever a format calls it."""
    return claim.field != FRONT_MATTER and not _fits(_NAME_FIELD, claim) and not _fits(LINK_FIELD, claim)


def _fits(pattern: re.Pattern[str], claim: LicenseClaim) -> bool:
    return any(pattern.search(name) for name in (claim.field, claim.location.key or ""))


def distinct(claims: Sequence[LicenseClaim], names: Names) -> list[LicenseClaim]:
    """The claims without those that only repeat an earlier one of their field in another spelling."""
    unique: dict[tuple[str, object], LicenseClaim] = {}
    for claim in claims:
        unique.setdefault((claim.field, _meaning(claim, names)), claim)
    return list(unique.values())


def _meaning(claim: LicenseClaim, names: Names) -> object:
    return names.choices(claim) or folded(claim.quotation) or claim.quotation


def place_of_claim(claim: LicenseClaim) -> str:
    """The place of a claim as the beginning of a sentence."""
    if claim.artifact == "README.md":
        return "The model card"
    return claim.artifact or "The Hub"


def shown(claim: LicenseClaim) -> str:
    """The quotation on one line, short enough for a sentence."""
    text = " ".join(claim.quotation.split())
    return f"“{text}”" if len(text) <= 80 else f"“{text[:80]}…”"


def strange(claim: LicenseClaim) -> str:
    """A hint at letters that may only look like those of a known name."""
    letters = dict.fromkeys(letter for letter in claim.quotation[:NAME_LIMIT] if not letter.isascii())
    if not letters:
        return ""
    return f" It holds letters beyond ASCII: {', '.join(f'U+{ord(letter):04X}' for letter in list(letters)[:5])}."


def _unread(claim: LicenseClaim) -> str:
    return f"Part of the front matter could not be read and may speak of the licence: {shown(claim)}."
