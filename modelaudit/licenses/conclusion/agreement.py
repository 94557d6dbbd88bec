"""Compare all statements and texts of one repository, and conclude its own licence if they agree.

Doubt never becomes permission: a contradiction, an unknown text or a vague word keeps the repository from a conclusion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from modelaudit.licenses.conclusion.links import claim_link_targets, describe_unread_links
from modelaudit.licenses.evidence.alternatives import Alternatives, combine_alternatives, list_license_ids
from modelaudit.licenses.evidence.claims import LINK_TARGET, claim_license_files, is_license_file_name
from modelaudit.licenses.evidence.names import is_in_family, is_version_of, shares_text
from modelaudit.licenses.evidence.restriction_sentences import list_uncovered_policies, list_uncovered_restrictions
from modelaudit.licenses.evidence.scope import (
    ROOT_CARD,
    RUNNING_TEXT,
    ClaimScope,
    determine_scope,
    get_claim_path,
    is_license_text,
    is_policy_text,
    is_variant_text,
)
from modelaudit.licenses.evidence.statements import (
    PLACEHOLDER_NAMES,
    LicenseNames,
    ResolvedStatement,
    resolve_statement,
)
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.licenses.obligations.comparison import DroppedTerms, rate_dropped_terms
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim

_WEAKEST_FIRST = (
    ConclusionState.CONTRADICTORY,
    ConclusionState.UNRECOGNISED,
    ConclusionState.VAGUE,
    ConclusionState.CONCLUDED,
)


@dataclass(frozen=True, slots=True)
class OwnLicense:
    """The licence of one repository by itself, without its base models.

    Attributes:
        state: ``concluded``, or the reason why there is no conclusion.
        choices: the concluded alternatives, or all claimed licences.
        reasoning: one sentence each.
        texts: ids of the licence texts in the part of the repository that is about the model.
        declared: the alternatives from card, tags and metadata together, before they are compared with texts.
    """

    state: ConclusionState
    choices: Alternatives
    reasoning: tuple[str, ...]
    texts: tuple[str, ...] = ()
    declared: Alternatives = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every licence concluded or claimed."""
        return list_license_ids(self.choices)


_latest_checker: list[AgreementChecker] = []


def get_agreement_checker(rules: Catalogue) -> AgreementChecker:
    """Return the checker of a rule set; the last one is cached, because one rule set is in use throughout a scan."""
    if not _latest_checker or _latest_checker[-1].rules is not rules:
        _latest_checker[:] = [AgreementChecker(rules)]
    return _latest_checker[-1]


class AgreementChecker:
    """Concludes the licences of repositories by one rule set."""

    def __init__(self, rules: Catalogue) -> None:
        self.rules = rules
        self.names = LicenseNames(rules.licenses, rules.vague_licenses)

    def assess(
        self, claims: Collection[LicenseClaim], paths: Collection[str]
    ) -> tuple[ConclusionState, tuple[str, ...]]:
        """Assess one repository alone: the state of its licence, and the ids concluded or claimed."""
        own = self.resolve_own_license(complete_claims(claims, paths), paths)
        binding = [self.rules.licenses[name] for name in own.ids]
        if own.state is ConclusionState.CONCLUDED and (
            list_uncovered_restrictions(claims, binding, self.rules.restrictions)
            or list_uncovered_policies(claims, binding)
            or any(describe_unread_links(claims, paths, None, own.ids, self.names, self.rules))
        ):
            return ConclusionState.CONTRADICTORY, own.ids
        return own.state, own.ids

    def resolve_own_license(self, claims: Iterable[LicenseClaim], paths: Collection[str]) -> OwnLicense:
        """Conclude the licence of the repository itself.

        The root card, Hub tags, metadata and texts at the root state the licence of the model. Cards and metadata in
        subfolders can only add: a further licence binds too, a further doubt makes the whole doubtful, a further
        permission is ignored.

        Args:
            claims: all claims, those of files and links included.
            paths: the files of the repository.
        """
        every = list(claims)
        model = self._resolve_statements(every, ClaimScope.MODEL)
        has_card = ROOT_CARD in paths or any(claim.artifact == ROOT_CARD for claim in every)
        declared = self._combine_statements(model, has_card=has_card)
        whole = self._compare_with_texts(declared, every)
        added = [
            each
            for each in self._resolve_statements(every, ClaimScope.ADDED)
            if each.state is not ConclusionState.UNDECLARED
        ]
        if not added:
            return whole
        state = whole.state
        if state is not ConclusionState.UNDECLARED:
            state = min((state, *(each.state for each in added)), key=_WEAKEST_FIRST.index)
        reasoning = (
            *whole.reasoning,
            *(f"{each.source}: {sentence}" for each in added for sentence in each.reasoning),
        )
        choices = combine_alternatives(whole.choices, *(each.choices for each in added))
        return OwnLicense(state, choices, reasoning, whole.texts, whole.declared)

    def _resolve_statements(self, claims: Sequence[LicenseClaim], part: ClaimScope) -> list[ResolvedStatement]:
        """Resolve one statement for each place that declares a licence, the root card first."""
        groups: dict[str, list[LicenseClaim]] = {}
        for claim in claims:
            if claim.kind is ClaimKind.DECLARED and claim.field not in RUNNING_TEXT and determine_scope(claim) is part:
                groups.setdefault(claim.artifact, []).append(claim)
        found = []
        for artifact in sorted(groups, key=lambda path: (path != ROOT_CARD, path)):
            each = resolve_statement(groups[artifact], self.names)
            if each.state is not ConclusionState.UNDECLARED:
                found.append(
                    ResolvedStatement(each.state, each.choices, each.reasoning, each.family, each.unknown, artifact)
                )
        return found

    def _combine_statements(self, statements: Sequence[ResolvedStatement], *, has_card: bool) -> ResolvedStatement:
        """Combine all statements about the model into one."""
        # "other" in a tag or in metadata adds nothing if another place names the licence.
        informative = [
            each for each in statements if each.family not in PLACEHOLDER_NAMES or each.choices or each.unknown
        ]
        informative = informative or list(statements)
        if not informative:
            missing = "The model card states no licence that could be read."
            return ResolvedStatement(
                ConclusionState.UNDECLARED,
                (),
                (missing if has_card else "There is no model card that could state a licence.",),
            )
        reasoning = tuple(dict.fromkeys(sentence for each in informative for sentence in each.reasoning))
        state = min((each.state for each in informative), key=_WEAKEST_FIRST.index)
        naming = [each for each in informative if each.choices]
        family = next((each.family for each in informative if each.family), "")
        unknown = any(each.unknown for each in informative)
        first = naming[0].choices if naming else ()
        if all(self._are_same_choices(each.choices, first) for each in naming[1:]):
            return ResolvedStatement(state, first, reasoning, family, unknown)
        listed = "; ".join(f"{each.source or 'the Hub'}: {self._format_licenses(each.ids)}" for each in naming)
        text = f"Different places name different licences: {listed}."
        every = tuple(dict.fromkeys(name for each in naming for name in each.ids))
        return ResolvedStatement(ConclusionState.CONTRADICTORY, (every,), (text, *reasoning), family, unknown)

    def _compare_with_texts(self, declared: ResolvedStatement, claims: Sequence[LicenseClaim]) -> OwnLicense:
        """Compare the combined statement with the licence texts at the root."""
        found = [
            claim for claim in claims if claim.kind is ClaimKind.FOUND and determine_scope(claim) is ClaimScope.MODEL
        ]
        texts = tuple(dict.fromkeys(claim.entry for claim in found if is_license_text(claim) and claim.entry))
        choices = combine_alternatives(declared.choices, ((texts,) if texts else ()))
        # Texts outweigh names: a variant or an unknown text at the root prevents any conclusion.
        doubts = [*_describe_variants(found), *describe_unrecognised_texts(found)]
        if doubts:
            state = declared.state if declared.state is ConclusionState.CONTRADICTORY else ConclusionState.UNRECOGNISED
            return OwnLicense(state, choices, (*doubts, *declared.reasoning), texts, declared.choices)
        if not texts:
            return OwnLicense(declared.state, declared.choices, declared.reasoning, (), declared.choices)
        where = self._describe_texts(found)
        if declared.state is ConclusionState.CONCLUDED:
            return self._compare_conclusion(declared, texts, where)
        if declared.state is ConclusionState.UNDECLARED:
            text = f"{declared.reasoning[0]} {where}, which is taken as its licence."
            return OwnLicense(ConclusionState.CONCLUDED, (texts,), (text,), texts)
        if self._is_completed_by_text(declared, texts, found, claims):
            text = f"{declared.reasoning[0]} {where}, which completes it."
            return OwnLicense(ConclusionState.CONCLUDED, (texts,), (text,), texts)
        if declared.state is ConclusionState.VAGUE:
            text = f"{where}, which is not of the named family."
            return OwnLicense(
                ConclusionState.CONTRADICTORY, choices, (*declared.reasoning, text), texts, declared.choices
            )
        return OwnLicense(declared.state, choices, (*declared.reasoning, f"{where}."), texts, declared.choices)

    def _compare_conclusion(self, declared: ResolvedStatement, texts: tuple[str, ...], where: str) -> OwnLicense:
        """Compare a concluded statement with texts, which confirm it, make it exact, add to it, or contradict it."""
        named = declared.ids
        choices = declared.choices
        agreeing = [
            text for text in texts if any(is_version_of(text, name) or shares_text(text, name) for name in named)
        ]
        for text in agreeing:
            if not any(text == name or shares_text(text, name) for name in named):
                choices = tuple(tuple(text if is_version_of(text, name) else name for name in each) for each in choices)
        # Further texts may add duties. One that adds a restriction contradicts the declared name.
        further = [text for text in texts if text not in agreeing]
        if not agreeing or any(self._drops_restrictions(text, list_license_ids(choices)) for text in further):
            reason = f"{declared.reasoning[0]} But {where}, which is another licence."
            every = combine_alternatives(choices, (tuple(further),))
            return OwnLicense(
                ConclusionState.CONTRADICTORY, every, (reason, *declared.reasoning[1:]), texts, declared.choices
            )
        reasoning = (*declared.reasoning, f"{where}, which agrees." if not further else f"{where}; all of them bind.")
        return OwnLicense(
            ConclusionState.CONCLUDED,
            combine_alternatives(choices, (tuple(further),) if further else ()),
            reasoning,
            texts,
            declared.choices,
        )

    def _is_completed_by_text(
        self,
        declared: ResolvedStatement,
        texts: tuple[str, ...],
        found_claims: Sequence[LicenseClaim],
        claims: Sequence[LicenseClaim],
    ) -> bool:
        """Whether a text identifies the licence that a vague or unknown name leaves open.

        An unknown name identifies a text only if the card links to that very file.
        """
        if declared.choices or declared.state not in (ConclusionState.VAGUE, ConclusionState.UNRECOGNISED):
            return False
        family = declared.family
        entries = [self.rules.licenses[text] for text in texts]
        fits = family in PLACEHOLDER_NAMES or not family or all(is_in_family(entry, family) for entry in entries)
        if not declared.unknown:
            return fits
        linked = {claim.quotation for claim in claims if claim.field == LINK_TARGET}
        unreadable = any(claim.field == "front-matter" for claim in claims)
        return (
            fits
            and not unreadable
            and len(texts) == 1
            and all(get_claim_path(claim) in linked for claim in found_claims if is_license_text(claim))
        )

    def _drops_restrictions(self, text: str, named: Sequence[str]) -> bool:
        licenses = self.rules.licenses
        own = [licenses[name] for name in named]
        return rate_dropped_terms(BindingLicense(licenses[text]), own, self.rules.clauses) is DroppedTerms.RESTRICTIONS

    def _are_same_choices(self, one: Alternatives, other: Alternatives) -> bool:
        return set(map(frozenset, one)) == set(map(frozenset, other))

    def _describe_texts(self, found_claims: Sequence[LicenseClaim]) -> str:
        found = dict.fromkeys(
            (get_claim_path(claim), claim.entry) for claim in found_claims if is_license_text(claim) and claim.entry
        )
        listed = [f"{path} holds the text of {self._format_licenses((entry,))}" for path, entry in found if entry]
        return " and ".join(listed[:4])

    def _format_licenses(self, ids: Iterable[str]) -> str:
        return ", ".join(f"{self.rules.licenses[each].name} ({each})" for each in ids)


def complete_claims(
    claims: Collection[LicenseClaim], paths: Collection[str], repository: str | None = None
) -> tuple[LicenseClaim, ...]:
    """Add the claims that follow from file names and from link targets."""
    seen = {claim.artifact for claim in claims if claim.kind is ClaimKind.FOUND}
    by_name = (claim for claim in claim_license_files(paths) if claim.artifact not in seen)
    return (*claims, *by_name, *claim_link_targets(tuple(claims), paths, repository))


def _describe_variants(found_claims: Sequence[LicenseClaim]) -> list[str]:
    return [
        f"{get_claim_path(claim)} resembles {claim.entry or 'a known licence'} but differs from it: read its terms."
        for claim in found_claims
        if is_variant_text(claim)
    ]


def describe_unrecognised_texts(found_claims: Iterable[LicenseClaim]) -> list[str]:
    """Yield a sentence for each file that is named as a licence and holds no known licence text."""
    every = list(found_claims)
    known = {
        get_claim_path(claim)
        for claim in every
        if is_license_text(claim) or is_variant_text(claim) or is_policy_text(claim)
    }
    named = {
        get_claim_path(claim)
        for claim in every
        if claim.kind is ClaimKind.FOUND and claim.basis in (Basis.FILE_NAME, Basis.NAME)
    }
    linked = {claim.quotation for claim in every if claim.field == LINK_TARGET}
    return [
        f"{path} holds no licence text of the rule set: a person must read it."
        for path in sorted(named - known)
        if is_license_file_name(path) or path in linked
    ]
