"""Compare all statements and texts of one repository, and conclude its own licence if they agree.

Doubt never becomes permission: a contradiction, an unknown text or a vague word keeps the repository from a conclusion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from modelaudit.licenses.conclusion.links import claim_link_targets, describe_unread_links
from modelaudit.licenses.evidence.alternatives import Alternatives, combine_alternatives, list_license_ids
from modelaudit.licenses.evidence.claims import (
    FRONT_MATTER,
    LINK_TARGET,
    claim_license_files,
)
from modelaudit.licenses.evidence.fields import TEXT
from modelaudit.licenses.evidence.names import is_in_family, is_version_of, shares_text
from modelaudit.licenses.evidence.restriction_sentences import list_uncovered_policies, list_uncovered_restrictions
from modelaudit.licenses.evidence.scope import (
    ROOT_CARD,
    ClaimScope,
    PlacesApart,
    describe_licenses_apart,
    determine_scope,
    get_claim_path,
    grants_license,
    is_license_notice,
    is_license_text,
    is_variant_text,
)
from modelaudit.licenses.evidence.statements import (
    PLACEHOLDER_NAMES,
    LicenseNames,
    ResolvedStatement,
    resolve_statement,
)
from modelaudit.licenses.evidence.unrecognised import list_unrecognised_texts
from modelaudit.licenses.obligations.answers import BindingLicense
from modelaudit.licenses.obligations.comparison import DroppedTerms, format_likely_restrictions, rate_dropped_terms
from modelaudit.licenses.recognition.likeness import quote_difference
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim

_WEAKEST_FIRST = (
    ConclusionState.CONTRADICTORY,
    ConclusionState.UNRECOGNISED,
    ConclusionState.VAGUE,
    ConclusionState.CONCLUDED,
)


class OwnLicense(Struct, frozen=True):
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
        """Assess one repository without its base models: the state of its licence, and the ids concluded or claimed.

        A conclusion that a restriction, a use policy or an unread link puts in doubt becomes contradictory.
        """
        own = self.resolve_own_license(complete_claims(claims, paths), paths)
        if own.state is not ConclusionState.CONCLUDED:
            return own.state, own.ids
        binding = [self.rules.licenses[id_] for id_ in own.ids]
        places = PlacesApart.from_paths(paths, claims)
        is_doubtful = (
            list_uncovered_restrictions(claims, binding, self.rules.restrictions, places)
            or list_uncovered_policies(claims, binding, places)
            or any(describe_unread_links(claims, paths, None, own.ids, self.names, self.rules))
        )
        return ConclusionState.CONTRADICTORY if is_doubtful else own.state, own.ids

    def resolve_own_license(self, claims: Iterable[LicenseClaim], paths: Collection[str]) -> OwnLicense:
        """Conclude the licence of the repository itself.

        The root card, Hub tags, metadata and texts at the root state the licence of the model. Cards and metadata in
        subfolders can only add: a further licence binds too, a further doubt makes the whole doubtful, a further
        permission is ignored.

        Args:
            claims: all claims, those of files and links included.
            paths: the files of the repository.
        """
        all_claims = list(claims)
        has_card = ROOT_CARD in paths or any(claim.artifact == ROOT_CARD for claim in all_claims)
        declared = self._combine_statements(self._resolve_statements(all_claims, ClaimScope.MODEL), has_card=has_card)
        root_license = self._compare_with_texts(declared, all_claims)
        if root_license.state is ConclusionState.UNDECLARED:
            apart = describe_licenses_apart(all_claims)
            root_license = replace(root_license, reasoning=(apart,) if apart else root_license.reasoning)
        added = self._resolve_statements(all_claims, ClaimScope.ADDED)
        if not added:
            return root_license
        state = root_license.state
        # A card in a subfolder cannot declare the licence of an undeclared model, which would be a permission.
        if state is not ConclusionState.UNDECLARED:
            state = min((state, *(statement.state for statement in added)), key=_WEAKEST_FIRST.index)
        reasoning = list(root_license.reasoning)
        for statement in added:
            reasoning += (f"{statement.source}: {sentence}" for sentence in statement.reasoning)
        choices = combine_alternatives(root_license.choices, *(statement.choices for statement in added))
        return OwnLicense(state, choices, tuple(reasoning), root_license.texts, root_license.declared)

    def _resolve_statements(self, claims: Sequence[LicenseClaim], scope: ClaimScope) -> list[ResolvedStatement]:
        """Resolve one statement for each file of ``scope`` that declares a licence, the root card first.

        A file whose fields name no licence at all (``undeclared``) is left out.
        """
        by_file: dict[str, list[LicenseClaim]] = {}
        for claim in claims:
            is_declared = claim.kind is ClaimKind.DECLARED and not claim.is_in_running_text
            if is_declared and determine_scope(claim) is scope:
                by_file.setdefault(claim.artifact, []).append(claim)
        # A card in a subfolder cannot turn licences that all bind into a choice.
        is_root = scope is ClaimScope.MODEL
        sentences = [each.quotation for each in claims if is_root and each.artifact == ROOT_CARD and each.field == TEXT]
        statements = []
        for artifact in sorted(by_file, key=lambda path: (path != ROOT_CARD, path)):
            statement = resolve_statement(by_file[artifact], self.names, sentences)
            if statement.state is not ConclusionState.UNDECLARED:
                statements.append(replace(statement, source=artifact))
        return statements

    def _combine_statements(self, statements: Sequence[ResolvedStatement], *, has_card: bool) -> ResolvedStatement:
        """Combine all statements about the model into one, which is contradictory if they name different licences."""
        if not statements:
            missing = "The model card states no licence that could be read."
            no_card = "There is no model card that could state a licence."
            return ResolvedStatement(ConclusionState.UNDECLARED, (), (missing if has_card else no_card,))
        # "other" in a tag or in metadata adds nothing if another place names the licence.
        informative = [
            each for each in statements if each.family not in PLACEHOLDER_NAMES or each.choices or each.has_unknown_name
        ]
        informative = informative or list(statements)
        reasoning = tuple(dict.fromkeys(sentence for each in informative for sentence in each.reasoning))
        state = min((each.state for each in informative), key=_WEAKEST_FIRST.index)
        family = next((each.family for each in informative if each.family), "")
        has_unknown_name = any(each.has_unknown_name for each in informative)
        with_choices = [each for each in informative if each.choices]
        first = with_choices[0].choices if with_choices else ()
        if all(self._are_same_choices(each.choices, first) for each in with_choices[1:]):
            return ResolvedStatement(state, first, reasoning, family, has_unknown_name)
        listed = "; ".join(f"{each.source or 'the Hub'}: {self._format_licenses(each.ids)}" for each in with_choices)
        reason = f"Different places name different licences: {listed}."
        all_named = tuple(dict.fromkeys(id_ for each in with_choices for id_ in each.ids))
        return ResolvedStatement(
            ConclusionState.CONTRADICTORY, (all_named,), (reason, *reasoning), family, has_unknown_name
        )

    def _compare_with_texts(self, declared: ResolvedStatement, claims: Sequence[LicenseClaim]) -> OwnLicense:
        """Compare the combined statement with the licence texts at the root.

        A text confirms or completes the statement, replaces a missing one, or contradicts it. A text that is not a
        licence of the rule set, or only resembles one, prevents a conclusion.
        """
        at_root = [
            claim for claim in claims if claim.kind is ClaimKind.FOUND and determine_scope(claim) is ClaimScope.MODEL
        ]
        texts = self._drop_incorporated(
            tuple(dict.fromkeys(claim.entry for claim in at_root if grants_license(claim) and claim.entry)),
            declared.ids,
        )
        choices = combine_alternatives(declared.choices, ((texts,) if texts else ()))
        # Texts outweigh names: a variant or an unknown text at the root prevents any conclusion.
        doubts = [
            *(describe_variant(each, self.rules) for each in at_root if is_variant_text(each)),
            *list_unrecognised_texts(at_root).values(),
        ]
        if doubts:
            is_contradictory = declared.state is ConclusionState.CONTRADICTORY
            state = ConclusionState.CONTRADICTORY if is_contradictory else ConclusionState.UNRECOGNISED
            return OwnLicense(state, choices, (*doubts, *declared.reasoning), texts, declared.choices)
        if not texts:
            return OwnLicense(declared.state, declared.choices, declared.reasoning, (), declared.choices)
        found_texts = self._describe_texts(at_root)
        if declared.state is ConclusionState.CONCLUDED:
            return self._compare_conclusion(declared, texts, found_texts)
        if declared.state is ConclusionState.UNDECLARED:
            reason = f"{declared.reasoning[0]} {found_texts}, which is taken as its licence."
            return OwnLicense(ConclusionState.CONCLUDED, (texts,), (reason,), texts)
        if self._is_completed_by_text(declared, texts, at_root, claims):
            reason = f"{declared.reasoning[0]} {found_texts}, which completes it."
            return OwnLicense(ConclusionState.CONCLUDED, (texts,), (reason,), texts)
        if declared.state is ConclusionState.VAGUE:
            reasoning = (*declared.reasoning, f"{found_texts}, which is not of the named family.")
            return OwnLicense(ConclusionState.CONTRADICTORY, choices, reasoning, texts, declared.choices)
        return OwnLicense(declared.state, choices, (*declared.reasoning, f"{found_texts}."), texts, declared.choices)

    def _drop_incorporated(self, texts: tuple[str, ...], named: Sequence[str]) -> tuple[str, ...]:
        """Drop the texts that are a part of another one, as the GNU GPL 3 is of the GNU LGPL 3; ``named`` ones stay."""
        parts = {part for text in texts for part in self.rules.licenses[text].incorporates}.difference(named)
        return tuple(text for text in texts if text not in parts)

    def _compare_conclusion(self, declared: ResolvedStatement, texts: tuple[str, ...], found_texts: str) -> OwnLicense:
        """Compare a concluded statement with texts, which confirm it, make it exact, add to it, or contradict it.

        Args:
            declared: the concluded statement.
            texts: ids of the licence texts at the root.
            found_texts: the sentence on which file holds which text, without its full stop.
        """
        named = declared.ids
        choices = declared.choices
        agreeing = [text for text in texts if any(is_version_of(text, id_) or shares_text(text, id_) for id_ in named)]
        # A text of another version replaces the declared name: "gemma" beside the text of 2024 means that text.
        for text in agreeing:
            if not any(shares_text(text, id_) for id_ in named):
                choices = tuple(
                    tuple(text if is_version_of(text, id_) else id_ for id_ in alternative) for alternative in choices
                )
        # Further texts may add duties. One that adds a restriction contradicts the declared name.
        further = tuple(text for text in texts if text not in agreeing)
        if not agreeing or any(self._adds_restrictions(text, list_license_ids(choices)) for text in further):
            reason = f"{declared.reasoning[0]} But {found_texts}, which is another licence."
            return OwnLicense(
                ConclusionState.CONTRADICTORY,
                combine_alternatives(choices, (further,)),
                (reason, *declared.reasoning[1:]),
                texts,
                declared.choices,
            )
        if not further:
            reasoning = (*declared.reasoning, f"{found_texts}, which agrees.")
            # One text may have replaced two names, which leaves repeated ids and alternatives. Combining the choices
            # with nothing else drops the repetitions.
            choices = combine_alternatives(choices)
            return OwnLicense(ConclusionState.CONCLUDED, choices, reasoning, texts, declared.choices)
        reasoning = (*declared.reasoning, f"{found_texts}; all of them bind.")
        binding = combine_alternatives(choices, (further,))
        return OwnLicense(ConclusionState.CONCLUDED, binding, reasoning, texts, declared.choices)

    def _is_completed_by_text(
        self,
        declared: ResolvedStatement,
        texts: tuple[str, ...],
        at_root: Sequence[LicenseClaim],
        claims: Sequence[LicenseClaim],
    ) -> bool:
        """Whether the texts identify the licence that a vague or unknown name leaves open.

        A vague word needs texts of its family, and a placeholder (``other``) takes any texts. An unknown name needs a
        single text, in a file that the card links to.

        Args:
            declared: the combined statement.
            texts: ids of the licence texts at the root.
            at_root: the claims of the files at the root.
            claims: all claims.
        """
        if declared.choices or declared.state not in (ConclusionState.VAGUE, ConclusionState.UNRECOGNISED):
            return False
        family = declared.family
        has_family = bool(family) and family not in PLACEHOLDER_NAMES
        if has_family and not all(is_in_family(self.rules.licenses[text], family) for text in texts):
            return False
        if not declared.has_unknown_name:
            return True
        # Unread front matter may have held the name, so no text can be taken to complete it.
        if len(texts) > 1 or any(claim.field == FRONT_MATTER for claim in claims):
            return False
        linked = {claim.quotation for claim in claims if claim.field == LINK_TARGET}
        return all(get_claim_path(claim) in linked for claim in at_root if is_license_text(claim))

    def _adds_restrictions(self, text: str, named: Sequence[str]) -> bool:
        """Whether the licence ``text`` has restrictions that the licences ``named`` lack; all are ids."""
        licenses = self.rules.licenses
        own = [licenses[id_] for id_ in named]
        return rate_dropped_terms(BindingLicense(licenses[text]), own, self.rules.clauses) is DroppedTerms.RESTRICTIONS

    def _are_same_choices(self, one: Alternatives, other: Alternatives) -> bool:
        """Whether two choices offer the same alternatives, in whatever order."""
        return set(map(frozenset, one)) == set(map(frozenset, other))

    def _describe_texts(self, at_root: Sequence[LicenseClaim]) -> str:
        """Describe which file holds which licence text, at most four, without a full stop."""
        holders = dict.fromkeys(
            (get_claim_path(claim), "notice" if is_license_notice(claim) else "text", claim.entry)
            for claim in at_root
            if grants_license(claim)
        )
        listed = [f"{path} holds the {part} of {self._format_licenses((id_,))}" for path, part, id_ in holders if id_]
        return " and ".join(listed[:4])

    def _format_licenses(self, ids: Iterable[str]) -> str:
        """Join licences with their names: ``MIT License (MIT), ISC License (ISC)``."""
        return ", ".join(f"{self.rules.licenses[id_].name} ({id_})" for id_ in ids)


def complete_claims(
    claims: Collection[LicenseClaim],
    paths: Collection[str],
    repository: str | None = None,
    read: Collection[str] = (),
) -> tuple[LicenseClaim, ...]:
    """Add the claims that follow from file names and from link targets; ``read`` are the files that gave text."""
    seen = {claim.artifact for claim in claims if claim.kind is ClaimKind.FOUND}
    by_name = claim_license_files((path for path in paths if path not in seen), read)
    return (*claims, *by_name, *claim_link_targets(tuple(claims), paths, repository))


def describe_variant(claim: LicenseClaim, rules: Catalogue) -> str:
    """Describe a file that resembles a licence text: the words in which it differs, and its likely restrictions."""
    entry = rules.licenses.get(claim.entry or "")
    name = entry.name if entry else "a known licence"
    words = "; ".join(map(quote_difference, claim.differs[:3]))
    differs = f" It differs by: {words}." if words else ""
    likely = format_likely_restrictions(entry, rules.clauses)
    return f"{get_claim_path(claim)} resembles the text of {name} but differs from it.{differs}{likely}"
