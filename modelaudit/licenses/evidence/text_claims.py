"""Extract claims from texts: recognised licence texts, use policies, and licence names in running text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from modelaudit.licenses.evidence.fields import (
    CLAIM_LIMIT,
    FILE_NAME,
    NOTICE,
    POLICY,
    STATEMENT,
    TAG,
    TERMS,
    TEXT,
    Resolver,
    truncate_quotation,
)
from modelaudit.licenses.evidence.license_statements import DENYING_CATEGORIES, StatedLicense, find_stated_license
from modelaudit.licenses.evidence.named_licenses import find_named_license
from modelaudit.licenses.evidence.scope import explain_other_work, is_license_text, speaks_of_model
from modelaudit.licenses.evidence.text_references import (
    find_identifier_lines,
    find_sentence_base_models,
    find_template_base_models,
    resolve_reference,
)
from modelaudit.licenses.recognition import Likeness, TextMatch, TextRole, find_references, recognise_texts
from modelaudit.licenses.recognition.name_words import is_term_word, names_readers
from modelaudit.licenses.recognition.standard import list_pattern_words
from modelaudit.licenses.recognition.terms_likeness import find_terms
from modelaudit.licenses.recognition.words import split_words
from modelaudit.model.address import is_member, member_path
from modelaudit.model.copies import replace
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.fingerprint import Fingerprints
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import Basis, ClaimKind, LicenseClaim
from modelaudit.model.structure import Location
from modelaudit.model.term_words import TermWords
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseEntry, Relation

_MAX_REPEATED_CLAIMS = 5
"""How many equal claims of source files with one ending are kept."""
_MAX_QUOTATION = 160
_MAX_SEARCHED_CHARACTERS = 400_000
"""Characters that are searched for names; a claim of the collector represents the rest of the text."""
# Every licence text in a European language has at least three of these stems, even the shortest standard licence.
_STEMS = defer_pattern(
    r"licen[cs]|permi[ts]|warrant|liab|grant|redistribut|distribut|copyright|domain|modif|conditions|restrict|copies"
    r"|prohibit|unlawful|agree",
    re.IGNORECASE,
)
_MIN_STEMS = 3
_LEAST_PERMISSIVE_LIKENESS = 0.9
"""The share of words from which a changed text resembles a permissive licence.

What two texts share below it is mostly their disclaimer: terms for research alone reach 0.79 beside BSD-3-Clause, the
terms of strangers 0.86 beside MIT and 0.75 beside a sample licence; true variants begin at 0.93.
"""
_MISSING = defer_pattern(r"[0-9]+ words of the licence are missing")
_MOST_HARMLESS_WORDS = 12
_UNNAMED_KINDS = (ProseKind.DOCUMENT, ProseKind.INSTRUCTIONS, ProseKind.STRINGS)
_BLANK_LINE = defer_pattern(r"[\s#*=_~<>|-]*\Z")


def extract_text_claims(
    prose: Prose,
    artifact: str,
    licenses: Mapping[str, LicenseEntry],
    fingerprints: Fingerprints,
    term_words: TermWords | None = None,
) -> tuple[LicenseClaim, ...]:
    """Extract the claims of one text.

    A recognised text becomes a claim with the basis ``text`` or ``variant`` and the field ``text``; a use policy has
    the field ``use-policy``, because it grants nothing. Licence names count too: always in a card, where they are
    declared; in any other file only without a licence text, where they are found. An unknown use policy is a claim that
    resolves to nothing. An unknown licence file makes no claim here, because its name already makes one
    (``claims.claim_license_files``). A text with any other name that reads like terms and is no known licence makes one
    with the basis ``words``.

    Args:
        prose: the text, with its first line number.
        artifact: path of its file.
        licenses: the licences of the rule set by id.
        fingerprints: the fingerprints of known texts.
        term_words: the words by which a text with any name reads like terms.
    """
    matches = _recognise(prose, licenses, fingerprints) if _may_hold_terms(prose) else ()
    matches = _rank_likenesses(_settle_framed_texts(matches, prose, licenses), licenses)
    # Anywhere else a notice is about that file alone, and names the licence as any sentence does.
    kept = tuple(each for each in matches if each.role is not TextRole.NOTICE or prose.kind is ProseKind.LICENSE)
    claims = tuple(_TextClaimExtractor(prose, artifact, licenses).extract(kept))
    if prose.kind is ProseKind.LICENSE and not kept:
        named_id = find_named_license(prose.text, Resolver.from_rules(licenses, {}))
        if named_id is not None:
            return (_claim_name_alone(prose, artifact, named_id),)
        stated = find_stated_license(prose.text, Resolver.from_rules(licenses, {}), licenses)
        if stated is not None:
            claims = (_claim_statement(prose, artifact, stated), *(each for each in claims if each.entry != stated.id))
    if prose.kind is ProseKind.LICENSE and not kept and is_member(artifact):
        # The names of members are in no listing of files.
        named = LicenseClaim(ClaimKind.FOUND, artifact, FILE_NAME, artifact, None, basis=Basis.NO_MATCH)
        return (*claims, named)
    if prose.kind not in _UNNAMED_KINDS or kept or term_words is None:
        return claims
    place = find_terms(prose.text, term_words)
    if place is None:
        return claims
    line = Location(line=prose.locate_line(place.line))
    return (
        *claims,
        LicenseClaim(ClaimKind.FOUND, artifact, TERMS, place.quotation, None, line, basis=Basis.WORDS),
    )


def _recognise(prose: Prose, licenses: Mapping[str, LicenseEntry], fingerprints: Fingerprints) -> tuple[TextMatch, ...]:
    """Recognise the texts of licences in a text."""
    return recognise_texts(prose.text, fingerprints, licenses.keys(), list_pattern_words(licenses, fingerprints))


def _settle_framed_texts(
    matches: Sequence[TextMatch], prose: Prose, licenses: Mapping[str, LicenseEntry]
) -> tuple[TextMatch, ...]:
    """Settle whether texts with sentences beside them are those licences.

    They are in a licence file, if the first of them forbids commercial use: the sentences are then judged as those of a
    card. A sentence beside any other licence may revoke a permission, so the text is a variant.
    """
    first = min(matches, key=lambda match: match.line, default=None)
    entry = None if first is None or first.policy else licenses.get(first.id)
    is_denying = entry is not None and entry.category in DENYING_CATEGORIES
    settled = Likeness.EXACT if is_denying and prose.kind is ProseKind.LICENSE else Likeness.VARIANT
    return tuple(replace(each, likeness=settled) if each.beside else each for each in matches)


def list_words_beside(
    prose: Prose, licenses: Mapping[str, LicenseEntry], fingerprints: Fingerprints
) -> tuple[tuple[int, str], ...]:
    """List what a licence file says beside the texts of its licences, each part with its line in the file.

    Lines count from 1, and are 0 in a file without lines.
    """
    matches = _settle_framed_texts(_recognise(prose, licenses, fingerprints), prose, licenses)
    framed = next((each for each in matches if each.likeness is Likeness.EXACT and each.beside), None)
    return tuple((prose.locate_line(line) or 0, words) for line, words in framed.beside) if framed else ()


def _rank_likenesses(matches: Sequence[TextMatch], licenses: Mapping[str, LicenseEntry]) -> tuple[TextMatch, ...]:
    """Put the permissive licences that a changed text resembles behind all others, and leave out the doubtful ones.

    A reader takes the first likeness for the terms, and the disclaimer that most licences share is none of them.
    """

    def is_permissive_variant(match: TextMatch) -> bool:
        entry = licenses.get(match.id)
        is_permissive = entry is not None and entry.category in PERMISSIVE_CATEGORIES
        return match.likeness is Likeness.VARIANT and is_permissive

    kept = [match for match in matches if match.share >= _LEAST_PERMISSIVE_LIKENESS or not is_permissive_variant(match)]
    return tuple(sorted(kept, key=is_permissive_variant))


def _claim_name_alone(prose: Prose, artifact: str, license_id: str) -> LicenseClaim:
    """Make the claim of a licence file that names a licence and holds nothing else."""
    words = " ".join(prose.text.split())[:_MAX_QUOTATION]
    place = Location(line=prose.first_line)
    return LicenseClaim(ClaimKind.FOUND, artifact, NOTICE, words, license_id, place, basis=Basis.NAME)


def _claim_statement(prose: Prose, artifact: str, stated: StatedLicense) -> LicenseClaim:
    """Make the claim of a licence file that states the licence of the model in a sentence."""
    place = Location(line=prose.locate_line(stated.line))
    quotation = truncate_quotation(stated.quotation)
    return LicenseClaim(ClaimKind.FOUND, artifact, STATEMENT, quotation, stated.id, place, basis=Basis.NAME)


def _may_hold_terms(prose: Prose) -> bool:
    """Whether a text may hold licence terms. Most cards and code heads hold none, and recognition is slow."""
    if prose.kind not in (ProseKind.CARD, ProseKind.CODE, *_UNNAMED_KINDS):
        return True
    # The stems are those of European languages, so a text in another script cannot be ruled out.
    if sum(not letter.isascii() for letter in prose.text) > len(prose.text) // 4:
        return True
    return len({match[0].lower() for match in _STEMS.finditer(prose.text)}) >= _MIN_STEMS


def may_add_terms(claim: LicenseClaim, licenses: Mapping[str, LicenseEntry]) -> bool:
    """Whether the words in which a text differs from a licence may limit it: a misspelt or missing word does not.

    Args:
        claim: of a text that differs from a licence.
        licenses: the licences of the rule set by id.
    """
    entry = licenses.get(claim.entry or "")
    if entry is None or entry.category not in PERMISSIVE_CATEGORIES:
        return True
    return any(map(_may_be_term, claim.differs))


def _may_be_term(line: str) -> bool:
    """Whether a line of ``describe_differences`` may add a term; the number of missing words alone adds none."""
    if _MISSING.fullmatch(line):
        return False
    words = split_words(line)
    return len(words.words) > _MOST_HARMLESS_WORDS or not all(
        word.isascii() and word.isalpha() and not is_term_word(words, at) and not names_readers(word)
        for at, word in enumerate(words.words)
    )


def mark_claims_on_model(prose: Prose, artifact: str, claims: Sequence[LicenseClaim]) -> list[LicenseClaim]:
    """Mark the claims of a text that speaks of the model, although its path names something else.

    A known licence, word for word, speaks of the work that it was written for. A licence file without a claim gets one.
    """
    is_known = any(is_license_text(each) and each.entry is not None for each in claims) and not any(
        each.basis is Basis.VARIANT for each in claims
    )
    if is_known or not explain_other_work(artifact) or not speaks_of_model(prose.text, artifact):
        return list(claims)
    if prose.kind is ProseKind.LICENSE and all(each.kind is not ClaimKind.FOUND for each in claims):
        named = LicenseClaim(ClaimKind.FOUND, artifact, FILE_NAME, artifact, None, basis=Basis.NO_MATCH)
        claims = (*claims, named)
    return [replace(each, is_about_model=True) for each in claims]


def drop_repeated_code_claims(claims: Iterable[LicenseClaim]) -> tuple[LicenseClaim, ...]:
    """Keep the first few of equal claims from source files: a library repeats its licence head in each file."""
    kept: list[LicenseClaim] = []
    counts: dict[tuple[object, ...], int] = {}
    for claim in claims:
        if claim.kind is ClaimKind.FOUND and claim.field in (TEXT, TAG) and claim.basis is not Basis.FILE_NAME:
            suffix = posixpath.splitext(member_path(claim.artifact))[1]
            # Claims of one licence are equal whatever their words; unresolved ones are equal if their words are.
            words = claim.quotation if claim.entry is None else ""
            key = (suffix, claim.field, claim.basis, claim.entry, words)
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > _MAX_REPEATED_CLAIMS and _is_code_suffix(suffix):
                continue
        kept.append(claim)
    return tuple(kept)


def _is_code_suffix(suffix: str) -> bool:
    """Whether a suffix, such as ``.py``, is that of a source file, and not of a document; an empty one is not."""
    return suffix.lower() not in ("", ".txt", ".md", ".markdown", ".rst", ".html", ".htm")


class _TextClaimExtractor(Struct, frozen=True):
    """Builds the claims of one text."""

    prose: Prose
    artifact: str
    licenses: Mapping[str, LicenseEntry]

    def extract(self, matches: Sequence[TextMatch]) -> Iterator[LicenseClaim]:
        """Yield claims from recognised texts, then from names: in a card always, elsewhere without a licence text."""
        yield from (self._claim_text(match) for match in matches)
        is_policy = self.prose.kind is ProseKind.POLICY
        is_card = self.prose.kind is ProseKind.CARD
        is_named = self.prose.kind not in _UNNAMED_KINDS
        if is_card or (is_named and all(match.policy for match in matches) and not is_policy):
            yield from self._claim_names()
        if is_card:
            yield from self._claim_base_models()
        if is_policy and not matches:
            line, words = self._find_first_line()
            yield LicenseClaim(
                ClaimKind.FOUND, self.artifact, POLICY, words, None, Location(line=line), basis=Basis.TEXT
            )

    def _claim_text(self, match: TextMatch) -> LicenseClaim:
        """Make the claim of one recognised text."""
        # A use policy may bear a name of its own, which is not a licence of the rule set.
        license_id = match.id if match.id in self.licenses else None
        basis = Basis.TEXT if match.likeness is Likeness.EXACT else Basis.VARIANT
        return LicenseClaim(
            ClaimKind.FOUND,
            self.artifact,
            POLICY if match.policy else str(match.role),
            truncate_quotation(match.quotation),
            license_id,
            self._locate_line(match.line),
            Basis.NAME if match.role is TextRole.NOTICE else basis,
            match.differs,
            changes=match.changes,
        )

    def _claim_names(self) -> Iterator[LicenseClaim]:
        """Yield claims from sentences that name a licence.

        Unresolved names count in cards and SPDX tags only, and at most ``CLAIM_LIMIT`` of them: one is a doubt already.
        """
        # Without vague words: in running text, a name such as "gemma" identifies no licence.
        resolver = Resolver.from_rules(self.licenses, {})
        text = self.prose.text[:_MAX_SEARCHED_CHARACTERS]
        is_card = self.prose.kind is ProseKind.CARD
        kind = ClaimKind.DECLARED if is_card else ClaimKind.FOUND
        seen: set[tuple[str | None, str]] = set()
        unresolved_count = 0
        for reference in (*find_references(text), *find_identifier_lines(text, resolver)):
            entry = resolve_reference(reference, resolver)
            if entry is None and not (reference.tag or is_card):
                continue
            # One claim for each licence, and one for each unresolved name.
            key = (entry, "" if entry else reference.name)
            if key in seen or (entry is None and unresolved_count == CLAIM_LIMIT):
                continue
            seen.add(key)
            unresolved_count += entry is None
            yield LicenseClaim(
                kind,
                self.artifact,
                TAG if reference.tag and not is_card else TEXT,
                truncate_quotation(reference.name if reference.tag else reference.quotation),
                entry,
                self._locate_line(reference.line),
            )

    def _claim_base_models(self) -> Iterator[LicenseClaim]:
        """Yield the base models that a card names in template lines and sentences, each with its first mention."""
        text = self.prose.text[:_MAX_SEARCHED_CHARACTERS]
        mentions: dict[str, tuple[int, Relation]] = {}
        for line, hub_id, relation in (*find_template_base_models(text), *find_sentence_base_models(text)):
            mentions.setdefault(hub_id, (line, relation))
        for hub_id, (line, relation) in mentions.items():
            place = self._locate_line(line)
            yield LicenseClaim(ClaimKind.INHERITED, self.artifact, TEXT, hub_id, None, place, relation=relation)

    def _locate_line(self, line: int) -> Location:
        """Return the place in the file of a line of the text; both count from 1."""
        return Location(line=self.prose.locate_line(line))

    def _find_first_line(self) -> tuple[int, str]:
        """Find the first line that holds words, which is usually the title."""
        for number, line in enumerate(self.prose.text.splitlines(), self.prose.first_line):
            if not _BLANK_LINE.match(line):
                return number, " ".join(line.split())[:_MAX_QUOTATION]
        return self.prose.first_line, ""
