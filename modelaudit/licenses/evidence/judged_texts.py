"""Judge one text: the licences that it holds or names, and the sentences that limit the use.

The models that one process reads share many texts, so the judgements of short ones are kept.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import Final

from msgspec import Struct

from modelaudit.licenses.evidence.card_labels import find_stated_licenses
from modelaudit.licenses.evidence.fields import RESTRICTION, STATEMENT, Resolver
from modelaudit.licenses.evidence.headed_limits import find_headed_limits
from modelaudit.licenses.evidence.license_statements import find_further_terms
from modelaudit.licenses.evidence.plain_limits import find_plain_limits
from modelaudit.licenses.evidence.prohibitions import find_prohibitions
from modelaudit.licenses.evidence.restriction_sentences import MAX_RESTRICTIONS, find_restrictions
from modelaudit.licenses.evidence.scope import is_license_text
from modelaudit.licenses.evidence.text_claims import extract_text_claims, list_words_beside
from modelaudit.licenses.evidence.unsearched_texts import claim_uncompared_text
from modelaudit.licenses.recognition.known_sentences import is_known_sentence
from modelaudit.licenses.recognition.pointers import find_sibling_files
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.fingerprint import Fingerprints
from modelaudit.model.license import Basis, LicenseClaim
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, LicenseCategory

# Texts whose single sentences may restrict the use. Licence texts and use policies are compared as a whole instead.
_RESTRICTING_KINDS: Final = frozenset(
    {ProseKind.NOTICE, ProseKind.CARD, ProseKind.CODE, ProseKind.DOCUMENT, ProseKind.INSTRUCTIONS, ProseKind.STRINGS}
)
_COPYLEFT: Final = (LicenseCategory.COPYLEFT, LicenseCategory.WEAK_COPYLEFT)
_MOST_KEPT: Final = 1_000
_LONGEST_KEPT: Final = 256 * 1024
"""Characters of a text, which its key replaces by a digest."""
_MOST_CLAIMS_OF_TEXT: Final = 100
_MOST_CLAIMS: Final = 10_000


class JudgedText(Struct, frozen=True):
    """The judgement of one text.

    Attributes:
        licenses: the claims of the licences and policies that it holds or names.
        limits: the claims of the sentences that limit the use, behind that of an unread part.
        siblings: the names of the files to which a licence file points.
    """

    licenses: tuple[LicenseClaim, ...]
    limits: tuple[LicenseClaim, ...]
    siblings: tuple[str, ...]


class JudgedTexts:
    """The latest judgements, of one rule set: those of another replace them."""

    def __init__(self) -> None:
        self._judged: OrderedDict[Hashable, JudgedText] = OrderedDict()
        self._claims = 0
        self._rules: Catalogue | None = None
        self._lock = Lock()

    def find(self, rules: Catalogue, key: Hashable) -> JudgedText | None:
        """Return the judgement of an equal text under the same rules; ``None`` if there is none."""
        with self._lock:
            judged = self._judged.get(key) if self._rules is rules else None
            if judged is not None:
                self._judged.move_to_end(key)
            return judged

    def keep(self, rules: Catalogue, key: Hashable, judged: JudgedText) -> None:
        """Keep a judgement, and drop those that were used longest ago beyond the bounds."""
        if _count_claims(judged) > _MOST_CLAIMS_OF_TEXT:
            return
        with self._lock:
            if self._rules is not rules:
                self._judged.clear()
                self._claims, self._rules = 0, rules
            replaced = self._judged.pop(key, None)
            self._claims += _count_claims(judged) - (_count_claims(replaced) if replaced is not None else 0)
            self._judged[key] = judged
            while len(self._judged) > _MOST_KEPT or self._claims > _MOST_CLAIMS:
                _, dropped = self._judged.popitem(last=False)
                self._claims -= _count_claims(dropped)


def _count_claims(judged: JudgedText) -> int:
    """Count the claims of a judgement, which take its memory."""
    return len(judged.licenses) + len(judged.limits)


_JUDGED: Final = JudgedTexts()


def judge_text(
    prose: Prose, address: str, rules: Catalogue, fingerprints: Fingerprints, restrictions: int
) -> JudgedText:
    """Judge one text.

    Args:
        prose: the text.
        address: of the file or member that holds it.
        rules: the rule set.
        fingerprints: of the known texts.
        restrictions: the number of sentences that limit the use in the texts before it at this address.
    """
    if len(prose.text) > _LONGEST_KEPT:
        return _TextJudge(prose, address, rules, fingerprints, restrictions).judge()
    digest = hashlib.blake2b(prose.text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    key = (digest, prose.kind, prose.first_line, prose.unread, address, fingerprints, restrictions)
    judged = _JUDGED.find(rules, key)
    if judged is None:
        judged = _TextJudge(prose, address, rules, fingerprints, restrictions).judge()
        _JUDGED.keep(rules, key, judged)
    return judged


class _TextJudge(Struct, dict=True):
    """Judges one text; ``judge_text`` documents the attributes."""

    prose: Prose
    address: str
    rules: Catalogue
    fingerprints: Fingerprints
    restrictions: int

    def judge(self) -> JudgedText:
        """Judge the text."""
        prose = self.prose
        licenses = extract_text_claims(
            prose, self.address, self.rules.licenses, self.fingerprints, self.rules.term_words
        )
        limits = [*self._claim_unread(licenses), *self._find_limits(licenses)]
        limits += self._find_prohibitions(licenses, limits)
        siblings = find_sibling_files(prose.text) if prose.kind is ProseKind.LICENSE else ()
        return JudgedText(licenses, tuple(limits), siblings)

    def _claim_unread(self, licenses: Sequence[LicenseClaim]) -> Iterator[LicenseClaim]:
        """Yield the claim of the part that was not read.

        Of a large document it matters if the rest reads like terms. The rest of other prose comes without text.
        """
        prose = self.prose
        if prose.unread and (licenses or prose.kind is not ProseKind.DOCUMENT or not prose.text):
            yield claim_uncompared_text(self.address, prose.unread)

    def _find_limits(self, licenses: Sequence[LicenseClaim]) -> Iterator[LicenseClaim]:
        """Yield the sentences that limit the use, beside the licences that the text holds or names."""
        prose, address, rules = self.prose, self.address, self.rules
        stated = next((each for each in licenses if each.field == STATEMENT), None)
        if stated is not None:
            entry = rules.licenses[stated.entry or ""]
            yield from find_further_terms(prose, address, entry, Resolver.from_rules(rules.licenses, {}))
        if any(is_license_text(claim) and claim.differs for claim in licenses):
            # What is written beside the texts of a licence file is judged as the sentences of a card are.
            for line, words in list_words_beside(prose, rules.licenses, self.fingerprints):
                yield from find_restrictions(words, line, address, rules.restrictions)
        # Of a text that is a licence word for word, no sentence is left to judge.
        is_judged = prose.kind in _RESTRICTING_KINDS or stated is not None
        if is_judged and not any(map(is_license_text, licenses)):
            kind = prose.kind if stated is None else ProseKind.CARD
            yield from find_restrictions(
                prose.text, prose.first_line, address, rules.restrictions, kind, is_known=self._is_known_sentence
            )
            if prose.kind is ProseKind.CARD:
                yield from find_stated_licenses(
                    prose.text, prose.first_line, address, rules.restrictions, rules.licenses
                )
                if (layout := rules.restrictions.layout) is not None:
                    yield from find_headed_limits(prose.text, prose.first_line, address, layout.limits)
        elif prose.kind is ProseKind.LICENSE and self._is_unknown_text(licenses):
            is_changed = any(claim.basis is Basis.VARIANT for claim in licenses)
            yield from find_plain_limits(
                prose.text, prose.first_line, address, rules.restrictions, is_changed=is_changed
            )

    def _find_prohibitions(
        self, licenses: Sequence[LicenseClaim], limits: Sequence[LicenseClaim]
    ) -> Iterator[LicenseClaim]:
        """Yield the sentences that forbid a use from a text whose sentences are not, or not all, claims."""
        prose = self.prose
        is_exact = any(claim.basis is Basis.TEXT and claim.entry is not None for claim in licenses)
        if is_exact or prose.kind in (ProseKind.CODE, ProseKind.STRINGS):
            return
        is_whole = prose.kind is ProseKind.POLICY or (
            prose.kind is ProseKind.LICENSE and self._is_unknown_text(licenses)
        )
        if prose.kind is ProseKind.LICENSE and not is_whole:
            return
        count = self.restrictions + sum(each.field == RESTRICTION for each in (*licenses, *limits))
        only_listed = not is_whole and count <= MAX_RESTRICTIONS
        yield from find_prohibitions(
            prose.text, prose.first_line, self.address, self.rules.restrictions, only_listed=only_listed
        )

    def _is_known_sentence(self, sentence: str) -> bool:
        """Whether a sentence is one of a permissive licence."""
        return is_known_sentence(sentence, self.fingerprints, self._permissive_ids)

    @cached_property
    def _permissive_ids(self) -> frozenset[str]:
        """The permissive licences of the rule set that have an SPDX identifier of their own."""
        return frozenset(
            each.id
            for each in self.rules.licenses.values()
            if each.category in PERMISSIVE_CATEGORIES and not each.id.startswith("LicenseRef-")
        )

    def _is_unknown_text(self, licenses: Sequence[LicenseClaim]) -> bool:
        """Whether a licence file holds no known text, or a changed one of a licence that shares under equal terms."""
        entries = [self.rules.licenses.get(claim.entry or "") for claim in licenses if claim.basis is Basis.VARIANT]
        is_copyleft = any(entry is not None and entry.category in _COPYLEFT for entry in entries)
        return not is_copyleft and all(claim.basis is not Basis.TEXT for claim in licenses)
