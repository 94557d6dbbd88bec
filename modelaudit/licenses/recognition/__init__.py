"""Recognise licence texts by their fingerprints: exact texts, variants of them, or nothing.

A fingerprint holds hashes of each three consecutive words of a known text (``model.fingerprint``). A text is exact only
if every word is accounted for. Any word that was added, left out or replaced makes it a variant, with the words that
differ. Licence names in running text are found apart (``references``): they are claims by name.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection
from enum import StrEnum

from msgspec import Struct

from modelaudit.licenses.recognition.accounting import SpanPart, explain_words
from modelaudit.licenses.recognition.changes import list_changes
from modelaudit.licenses.recognition.likeness import (
    LARGEST_VARIANT_SHARE,
    Likeness,
    PlacedFingerprint,
    TextExplanation,
    describe_differences,
    explain_text,
)
from modelaudit.licenses.recognition.references import LicenseReference, find_references
from modelaudit.licenses.recognition.standard import find_standard_licenses
from modelaudit.licenses.recognition.words import Words, split_words
from modelaudit.model.fingerprint import Fingerprints
from modelaudit.model.license_text import TextChange

__all__ = ["LicenseReference", "Likeness", "TextMatch", "TextRole", "find_references", "recognise_texts"]

_MAX_QUOTATION = 160
_MOST_BESIDE = 0.3
"""The largest share of a text that sentences beside the licences make up; more of them are terms of their own."""
_MAX_CACHED = 1024
"""Texts whose matches are cached: repositories ship the same texts again and again."""

_OF_OTHERS = frozenset((SpanPart.ATTRIBUTION, SpanPart.PART_INTRODUCTION, SpanPart.PARTS_INTRODUCTION))

_cached_matches: OrderedDict[tuple[Fingerprints, frozenset[str] | None, bytes], tuple[TextMatch, ...]] = OrderedDict()


class TextRole(StrEnum):
    """The role of a text in its file. The value is the field of its claim."""

    MAIN = "text"
    NOTICE = "license-notice"
    """The notice that a licence prescribes for the works under it: it names the licence and holds none of its terms."""
    THIRD_PARTY = "third-party-text"
    """It follows words that state whose work is under it."""
    CODE = "code-text"
    """A sentence before it states that the code is under it, and the weights may not be."""


class TextMatch(Struct, frozen=True):
    """A licence text, or a variant of one, in a longer text.

    Attributes:
        id: of a ``LicenseEntry``; for a use policy, of the licence that it belongs to, or the policy's own name.
        share: share of the words of both texts that agree, 0 to 1; 1 only if all words of this part agree.
        differs: bounded excerpts of added words, and notes on missing ones; empty for an exact text.
        policy: whether it is a use policy, which grants nothing.
        line: number of its first line, from 1.
        quotation: its first words, bounded.
        role: the part of an exact text in its file.
        changes: the first places at which it differs, each with the words around it.
        beside: of a variant whose licence is complete, and so are all others in the text, what is written beside them,
            each part with its line number, from 1.
    """

    id: str
    likeness: Likeness
    share: float
    differs: tuple[str, ...]
    policy: bool
    line: int
    quotation: str
    role: TextRole = TextRole.MAIN
    changes: tuple[TextChange, ...] = ()
    beside: tuple[tuple[int, str], ...] = ()


def recognise_texts(
    text: str, fingerprints: Fingerprints, known: Collection[str], pattern_words: frozenset[str] | None = None
) -> tuple[TextMatch, ...]:
    """Recognise every licence text and use policy in ``text``, best match first.

    A text is exact only if the file holds nothing else: a sentence beside a permissive licence may revoke its
    permissions.

    Args:
        text: the decoded text; a longer text than the limit is cut, and then nothing in it is exact.
        fingerprints: from ``catalogue.fingerprints.load_fingerprints``.
        known: ids of the rule set's licences; texts of other licences are left out, use policies are kept, because a
            policy may have a name of its own.
        pattern_words: of the licences in ``known`` without a fingerprint, as ``list_pattern_words`` returns them.
    """
    # The key holds a digest, because keeping the texts themselves would keep up to 100 MB alive.
    key = (fingerprints, pattern_words, hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    found = _cached_matches.get(key)
    if found is None:
        found = _cached_matches[key] = tuple(_match_texts(text, fingerprints, pattern_words))
        if len(_cached_matches) > _MAX_CACHED:
            _cached_matches.popitem(last=False)
    else:
        _cached_matches.move_to_end(key)
    return tuple(match for match in found if match.policy or match.id in known)


def _match_texts(text: str, fingerprints: Fingerprints, pattern_words: frozenset[str] | None) -> list[TextMatch]:
    """Match the text with all fingerprints, then its unexplained spans with the patterns of standard licences."""
    words = split_words(text)
    if len(words.words) < 3:  # a fingerprint hashes three words together
        return []
    explanation = explain_text(words, fingerprints)
    matches = [_build_match(words, placed, explanation) for placed in explanation.places]
    # Without all its words accounted for, a notice is a name in running text.
    matches = [match for match in matches if match.role is not TextRole.NOTICE or match.likeness is Likeness.EXACT]
    # Without any match the explanation has no loose spans, so the whole text is searched.
    unexplained = explanation.loose if matches else ((0, len(words.words)),)
    for span in unexplained:
        for part in find_standard_licenses(words, span, pattern_words):
            if part.id in fingerprints.licenses:
                continue  # Its fingerprint did not match: this is its notice, or too little of its text.
            matches.append(
                TextMatch(
                    part.id,
                    Likeness.VARIANT,
                    part.share,
                    ("its words were compared with a pattern of the licence, which has room for others",),
                    False,
                    words.find_line(part.span[0]),
                    words.quote(*part.span, _MAX_QUOTATION),
                )
            )
    return matches


def _build_match(words: Words, placed: PlacedFingerprint, explanation: TextExplanation) -> TextMatch:
    """Build the match of one fingerprint; it is exact only if every word of the whole text is accounted for."""
    is_text_explained = not explanation.loose and all(not each.differing_gaps for each in explanation.places)
    is_exact = is_text_explained and words.is_plain and placed.item.is_from_owner
    beside = () if is_exact else _list_words_beside(words, explanation)
    first, end = placed.alignment.text
    return TextMatch(
        id=placed.item.license_id,
        likeness=Likeness.EXACT if is_exact else Likeness.VARIANT,
        share=1.0 if is_exact else min(placed.share, LARGEST_VARIANT_SHARE),
        differs=() if is_exact else describe_differences(words, placed, explanation.loose),
        policy=placed.item.is_use_policy,
        line=words.find_line(first),
        quotation=words.quote(first, end, _MAX_QUOTATION),
        role=_determine_role(words, placed, explanation) if is_exact or placed.item.is_notice else TextRole.MAIN,
        changes=() if is_exact else list_changes(words, placed, explanation.loose),
        beside=beside,
    )


def _list_words_beside(words: Words, explanation: TextExplanation) -> tuple[tuple[int, str], ...]:
    """List what is written beside licences that are complete; nothing if one differs, or if it is too much."""
    is_complete = all(not each.differing_gaps and each.item.is_from_owner for each in explanation.places)
    count = sum(end - first for first, end in explanation.loose)
    if not is_complete or not words.is_plain or count > _MOST_BESIDE * len(words.words):
        return ()
    return tuple((words.find_line(first), words.spell_span(first, end)) for first, end in explanation.loose)


def _determine_role(words: Words, placed: PlacedFingerprint, explanation: TextExplanation) -> TextRole:
    """Determine the role of a text by its kind and by the words between it and the text before it."""
    first = placed.alignment.text[0]
    before = max((each.alignment.text[1] for each in explanation.places if each.alignment.text[1] <= first), default=0)
    explained = explain_words(words, (before, first), [each.item for each in explanation.places]) or ()
    # The first text is that of the whole, even if an attribution precedes it.
    if before and not _OF_OTHERS.isdisjoint(explained):
        return TextRole.THIRD_PARTY
    if placed.item.is_notice:
        return TextRole.NOTICE
    last, size = placed.alignment.text[1], len(words.words)
    is_last = all(each.alignment.text[0] < last for each in explanation.places)
    behind = explain_words(words, (last, size), [each.item for each in explanation.places]) if is_last else None
    is_of_code = SpanPart.CODE_INTRODUCTION in explained or SpanPart.CODE_INTRODUCTION in (behind or ())
    return TextRole.CODE if is_of_code else TextRole.MAIN
