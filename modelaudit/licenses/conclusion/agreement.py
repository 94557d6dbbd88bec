"""What all places of one repository state together. Only agreement concludes; doubt never becomes permission."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from modelaudit.licenses.conclusion.links import link_claims, unread_links
from modelaudit.licenses.evidence.alternatives import Alternatives, ids_of, joined
from modelaudit.licenses.evidence.claims import LINK_TARGET, file_claims, holds_license_text
from modelaudit.licenses.evidence.names import belongs_to, has_same_text, is_version_of
from modelaudit.licenses.evidence.restriction_sentences import loose_policies, unmet
from modelaudit.licenses.evidence.scope import (
    ROOT_CARD,
    RUNNING_TEXT,
    Part,
    is_policy,
    is_text,
    is_variant,
    part_of,
    path_of,
)
from modelaudit.licenses.evidence.statements import EMPTY_FAMILIES, Names, Statement, weigh_statement
from modelaudit.licenses.obligations.answers import Bound
from modelaudit.licenses.obligations.comparison import Loss, loss_of
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim

_WEAKEST_FIRST = (
    ConclusionState.CONTRADICTORY,
    ConclusionState.UNRECOGNISED,
    ConclusionState.VAGUE,
    ConclusionState.CONCLUDED,
)


@dataclass(frozen=True, slots=True)
class Own:
    """What one repository says of itself, its origins left out.

    Attributes:
        choices: what was concluded, or else all that was claimed.
        texts: ids of the licences whose texts stand in the part that is about the model.
        declared: what card, tags and metadata concluded together, before any text was held against it.
    """

    state: ConclusionState
    choices: Alternatives
    reasoning: tuple[str, ...]
    texts: tuple[str, ...] = ()
    declared: Alternatives = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every licence concluded or claimed."""
        return ids_of(self.choices)


_LATEST: list[Agreement] = []


def agreement_by(rules: Catalogue) -> Agreement:
    """The agreement by a rule set; the one that was asked for last is kept, for it is in use throughout a scan."""
    if not _LATEST or _LATEST[-1].rules is not rules:
        _LATEST[:] = [Agreement(rules)]
    return _LATEST[-1]


class Agreement:
    """Weighs repositories by the rules of one catalogue."""

    def __init__(self, rules: Catalogue) -> None:
        self.rules = rules
        self.names = Names(rules.licenses, rules.vague_licenses)

    def weigh(
        self, claims: Collection[LicenseClaim], paths: Collection[str]
    ) -> tuple[ConclusionState, tuple[str, ...]]:
        """The state of one repository and the licences concluded or claimed for it."""
        own = self.own(completed(claims, paths), paths)
        binding = [self.rules.licenses[name] for name in own.ids]
        if own.state is ConclusionState.CONCLUDED and (
            unmet(claims, binding, self.rules.restrictions)
            or loose_policies(claims, binding)
            or any(unread_links(claims, paths, None, own.ids, self.names, self.rules))
        ):
            return ConclusionState.CONTRADICTORY, own.ids
        return own.state, own.ids

    def own(self, claims: Iterable[LicenseClaim], paths: Collection[str]) -> Own:
        """What a repository says of its own licence.

        The card at the root, tags of the Hub, metadata and texts at the root speak for the model. Cards and metadata
        in subfolders only add: a further licence binds too, a further doubt makes the whole doubtful, a further
        permission changes nothing.

        Args:
            claims: all claims, those of files and links included.
            paths: the files of the repository.
        """
        every = list(claims)
        model = self._statements(every, Part.MODEL)
        has_card = ROOT_CARD in paths or any(claim.artifact == ROOT_CARD for claim in every)
        declared = self._declared(model, has_card=has_card)
        whole = self._with_texts(declared, every)
        added = [each for each in self._statements(every, Part.ADDED) if each.state is not ConclusionState.UNDECLARED]
        if not added:
            return whole
        state = whole.state
        if state is not ConclusionState.UNDECLARED:
            state = min((state, *(each.state for each in added)), key=_WEAKEST_FIRST.index)
        reasoning = (
            *whole.reasoning,
            *(f"{each.source}: {sentence}" for each in added for sentence in each.reasoning),
        )
        choices = joined(whole.choices, *(each.choices for each in added))
        return Own(state, choices, reasoning, whole.texts, whole.declared)

    def _statements(self, claims: Sequence[LicenseClaim], part: Part) -> list[Statement]:
        """One statement for each place that declares, the root card's first."""
        groups: dict[str, list[LicenseClaim]] = {}
        for claim in claims:
            if claim.kind is ClaimKind.DECLARED and claim.field not in RUNNING_TEXT and part_of(claim) is part:
                groups.setdefault(claim.artifact, []).append(claim)
        found = []
        for artifact in sorted(groups, key=lambda path: (path != ROOT_CARD, path)):
            each = weigh_statement(groups[artifact], self.names)
            if each.state is not ConclusionState.UNDECLARED:
                found.append(Statement(each.state, each.choices, each.reasoning, each.family, each.unknown, artifact))
        return found

    def _declared(self, statements: Sequence[Statement], *, has_card: bool) -> Statement:
        """All statements about the model as one."""
        # "other" in a tag or in metadata says nothing where another place names the licence.
        telling = [each for each in statements if each.family not in EMPTY_FAMILIES or each.choices or each.unknown]
        telling = telling or list(statements)
        if not telling:
            missing = "The model card states no licence that could be read."
            return Statement(
                ConclusionState.UNDECLARED,
                (),
                (missing if has_card else "There is no model card that could state a licence.",),
            )
        reasoning = tuple(dict.fromkeys(sentence for each in telling for sentence in each.reasoning))
        state = min((each.state for each in telling), key=_WEAKEST_FIRST.index)
        named = [each for each in telling if each.choices]
        family = next((each.family for each in telling if each.family), "")
        unknown = any(each.unknown for each in telling)
        first = named[0].choices if named else ()
        if all(self._same(each.choices, first) for each in named[1:]):
            return Statement(state, first, reasoning, family, unknown)
        listed = "; ".join(f"{each.source or 'the Hub'}: {self._listed(each.ids)}" for each in named)
        text = f"Different places name different licences: {listed}."
        every = tuple(dict.fromkeys(name for each in named for name in each.ids))
        return Statement(ConclusionState.CONTRADICTORY, (every,), (text, *reasoning), family, unknown)

    def _with_texts(self, declared: Statement, claims: Sequence[LicenseClaim]) -> Own:
        """The statements held against the texts that were found at the root."""
        here = [claim for claim in claims if claim.kind is ClaimKind.FOUND and part_of(claim) is Part.MODEL]
        texts = tuple(dict.fromkeys(claim.entry for claim in here if is_text(claim) and claim.entry))
        every = joined(declared.choices, ((texts,) if texts else ()))
        doubts = [*_variants(here), *unrecognised(here)]
        if doubts:
            state = declared.state if declared.state is ConclusionState.CONTRADICTORY else ConclusionState.UNRECOGNISED
            return Own(state, every, (*doubts, *declared.reasoning), texts, declared.choices)
        if not texts:
            return Own(declared.state, declared.choices, declared.reasoning, (), declared.choices)
        where = self._where(here)
        if declared.state is ConclusionState.CONCLUDED:
            return self._compared(declared, texts, where)
        if declared.state is ConclusionState.UNDECLARED:
            text = f"{declared.reasoning[0]} {where}, which is taken as its licence."
            return Own(ConclusionState.CONCLUDED, (texts,), (text,), texts)
        if self._completes(declared, texts, here, claims):
            text = f"{declared.reasoning[0]} {where}, which completes it."
            return Own(ConclusionState.CONCLUDED, (texts,), (text,), texts)
        if declared.state is ConclusionState.VAGUE:
            text = f"{where}, which is no licence of the family that is named."
            return Own(ConclusionState.CONTRADICTORY, every, (*declared.reasoning, text), texts, declared.choices)
        return Own(declared.state, every, (*declared.reasoning, f"{where}."), texts, declared.choices)

    def _compared(self, declared: Statement, texts: tuple[str, ...], where: str) -> Own:
        """A conclusion from names, and texts: the texts may confirm it, make it exact, add to it or contradict it."""
        named = declared.ids
        choices = declared.choices
        agree = [
            text for text in texts if any(is_version_of(text, name) or has_same_text(text, name) for name in named)
        ]
        for text in agree:
            if not any(text == name or has_same_text(text, name) for name in named):
                choices = tuple(tuple(text if is_version_of(text, name) else name for name in each) for each in choices)
        more = [text for text in texts if text not in agree]
        if not agree or any(self._drops(text, ids_of(choices)) for text in more):
            reason = f"{declared.reasoning[0]} Against that, {where}: the words of another one."
            every = joined(choices, (tuple(more),))
            return Own(ConclusionState.CONTRADICTORY, every, (reason, *declared.reasoning[1:]), texts, declared.choices)
        said = (*declared.reasoning, f"{where}, which agrees." if not more else f"{where}; all of it binds.")
        return Own(
            ConclusionState.CONCLUDED, joined(choices, (tuple(more),) if more else ()), said, texts, declared.choices
        )

    def _completes(
        self, declared: Statement, texts: tuple[str, ...], here: Sequence[LicenseClaim], claims: Sequence[LicenseClaim]
    ) -> bool:
        """Whether a text says what a vague or unknown name leaves open.

        A name that nobody knows is what the publisher calls the text only where the card links to that very file.
        """
        if declared.choices or declared.state not in (ConclusionState.VAGUE, ConclusionState.UNRECOGNISED):
            return False
        family = declared.family
        entries = [self.rules.licenses[text] for text in texts]
        fits = family in EMPTY_FAMILIES or not family or all(belongs_to(entry, family) for entry in entries)
        if not declared.unknown:
            return fits
        linked = {claim.quotation for claim in claims if claim.field == LINK_TARGET}
        unreadable = any(claim.field == "front-matter" for claim in claims)
        return (
            fits
            and not unreadable
            and len(texts) == 1
            and all(path_of(claim) in linked for claim in here if is_text(claim))
        )

    def _drops(self, text: str, named: Sequence[str]) -> bool:
        licenses = self.rules.licenses
        own = [licenses[name] for name in named]
        return loss_of(Bound(licenses[text]), own, self.rules.clauses) is Loss.RESTRICTIONS

    def _same(self, one: Alternatives, other: Alternatives) -> bool:
        return set(map(frozenset, one)) == set(map(frozenset, other))

    def _where(self, here: Sequence[LicenseClaim]) -> str:
        found = dict.fromkeys((path_of(claim), claim.entry) for claim in here if is_text(claim) and claim.entry)
        listed = [f"{path} holds the text of {self._listed((entry,))}" for path, entry in found if entry]
        return " and ".join(listed[:4])

    def _listed(self, ids: Iterable[str]) -> str:
        return ", ".join(f"{self.rules.licenses[each].name} ({each})" for each in ids)


def completed(
    claims: Collection[LicenseClaim], paths: Collection[str], repository: str | None = None
) -> tuple[LicenseClaim, ...]:
    """The claims with those that follow from the names of files and from where links lead."""
    seen = {claim.artifact for claim in claims if claim.kind is ClaimKind.FOUND}
    by_name = (claim for claim in file_claims(paths) if claim.artifact not in seen)
    return (*claims, *by_name, *link_claims(tuple(claims), paths, repository))


def _variants(here: Sequence[LicenseClaim]) -> list[str]:
    return [
        f"{path_of(claim)} resembles {claim.entry or 'a known licence'} and is not it: its terms must be read."
        for claim in here
        if is_variant(claim)
    ]


def unrecognised(here: Iterable[LicenseClaim]) -> list[str]:
    """A sentence for each file that is named as a licence and in which no known text was found."""
    every = list(here)
    known = {path_of(claim) for claim in every if is_text(claim) or is_variant(claim) or is_policy(claim)}
    named = {
        path_of(claim)
        for claim in every
        if claim.kind is ClaimKind.FOUND and claim.basis in (Basis.FILE_NAME, Basis.NAME)
    }
    linked = {claim.quotation for claim in every if claim.field == LINK_TARGET}
    return [
        f"{path} holds no text of a licence that the rule set knows: a person must read it."
        for path in sorted(named - known)
        if holds_license_text(path) or path in linked
    ]
