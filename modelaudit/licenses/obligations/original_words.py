"""Find the sentence of a licence text that states a clause, in the words of the copy at hand.

The section of the clause narrows the search, the key words of its kind decide, and the words that the sentence shares
with the paraphrase choose between several. Where no sentence has the key words, nothing is claimed.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

from modelaudit.licenses.recognition.sections import Sentence, parse_sections, split_sentences
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClauseQuotation
from modelaudit.model.terms import Clause, LicenseEntry, Vocabulary

_MAX_QUOTATION: Final = 400
_MIN_WORD: Final = 4
_STEM: Final = 4
_FEWEST_WORDS: Final = 5
"""A shorter sentence is a heading."""
_MIN_SHARED: Final = 4
"""Words of the paraphrase that a sentence outside of the section has to share: a copy may have lost its numbers."""
_MIN_SHARED_INSIDE: Final = 1
_WORD: Final = defer_pattern(r"[a-z]{4,}")
_COMMON: Final = frozenset(
    [
        "this",
        "that",
        "with",
        "from",
        "have",
        "such",
        "must",
        "they",
        "them",
        "their",
        "your",
        "model",
        "models",
        "which",
        "when",
        "where",
        "under",
        "licen",
        "other",
        "than",
        "only",
        "those",
        "these",
        "what",
        "into",
        "been",
        "more",
        "most",
        "also",
        "give",
        "given",
        "made",
        "make",
        "shall",
    ]
)


class _Candidate(Struct, frozen=True):
    """A sentence that may state a clause, with what is compared, which is the same for each clause.

    Attributes:
        sentence: as written.
        lowered: its text in lower case.
        stems: the beginnings of its longer words.
    """

    sentence: Sentence
    lowered: str
    stems: frozenset[str]


_Place = tuple[int, _Candidate]
"""A sentence with the number of its text."""


def quote_clauses(
    entries: Iterable[LicenseEntry], texts: Mapping[str, Sequence[tuple[str, Prose]]], vocabulary: Vocabulary
) -> Iterator[ClauseQuotation]:
    """Yield the sentence of each clause that the texts of its licence show.

    Args:
        entries: the licences.
        texts: by the id of a licence, its texts with their paths; use policies belong to their licence.
        vocabulary: the kinds of clauses, with their key words.
    """
    for entry in entries:
        own = texts.get(entry.id, ())
        for found in _find_sentences(entry, [prose for _, prose in own], vocabulary) if own else ():
            path, prose = own[found.text]
            line = found.line + prose.first_line - 1
            yield ClauseQuotation(entry.id, found.clause.kind, found.clause.section, path, line, found.words)


class _Found(Struct, frozen=True):
    """The sentence of a clause: the number of its text, its line there from 1, and its words, bounded."""

    clause: Clause
    text: int
    line: int
    words: str


_MAX_CACHED: Final = 1024
"""Licences with their texts whose sentences are kept: repositories ship the same texts again and again."""
_cached_sentences: OrderedDict[tuple[str, bytes], tuple[LicenseEntry, Vocabulary, tuple[_Found, ...]]] = OrderedDict()


def _find_sentences(entry: LicenseEntry, texts: Sequence[Prose], vocabulary: Vocabulary) -> tuple[_Found, ...]:
    """Find the best sentence for each clause of a licence that the texts show."""
    # The key holds a digest, because the texts themselves would take much memory.
    digest = hashlib.blake2b(digest_size=16)
    for prose in texts:
        data = prose.text.encode("utf-8", "surrogatepass")
        digest.update(f"{prose.kind} {len(data)} ".encode())
        digest.update(data)
    key = (entry.id, digest.digest())
    kept = _cached_sentences.get(key)
    if kept is None or kept[0] is not entry or kept[1] is not vocabulary:
        # A clause of the use policy is in that text alone.
        parts = {is_policy: _Part.split(texts, is_policy=is_policy) for is_policy in (False, True)}
        found = (_find_sentence(clause, parts[_is_of_policy(clause)], vocabulary) for clause in entry.clauses)
        kept = _cached_sentences[key] = (entry, vocabulary, tuple(each for each in found if each is not None))
    _cached_sentences.move_to_end(key)
    if len(_cached_sentences) > _MAX_CACHED:
        _cached_sentences.popitem(last=False)
    return kept[2]


class _Part(Struct, frozen=True):
    """The sentences of the licence, or those of its use policy.

    Attributes:
        places: all sentences.
        by_section: those of each section.
    """

    places: Sequence[_Place]
    by_section: Mapping[tuple[str, ...], Sequence[_Place]]

    @classmethod
    def split(cls, texts: Sequence[Prose], *, is_policy: bool) -> _Part:
        """Split the texts of the licence, or those of its use policy."""
        places = [
            (number, candidate)
            for number, prose in enumerate(texts)
            if is_policy == (prose.kind is ProseKind.POLICY)
            for candidate in _split(prose.text)
        ]
        by_section: dict[tuple[str, ...], list[_Place]] = {}
        for place in places:
            by_section.setdefault(place[1].sentence.section, []).append(place)
        return cls(places, by_section)

    def list_inside(self, sections: Sequence[tuple[str, ...]]) -> list[_Place]:
        """List the sentences that lie in one of the sections, in their order."""
        within = {
            section for section, places in self.by_section.items() if any(map(places[0][1].sentence.lies_in, sections))
        }
        return [each for each in self.places if each[1].sentence.section in within] if within else []


def _is_of_policy(clause: Clause) -> bool:
    """Whether a clause is one of the use policy of its licence."""
    return "policy" in clause.section and not clause.section.startswith("section")


def _find_sentence(clause: Clause, part: _Part, vocabulary: Vocabulary) -> _Found | None:
    """Find the best sentence for one clause; ``None`` if none has its key words."""
    patterns = _compile_key_words(vocabulary.kinds[clause.kind].key_words) if clause.kind in vocabulary.kinds else ()
    wanted = _list_stems(clause.text)
    sections = parse_sections(clause.section)
    best = None
    while best is None and any(sections):
        best = _find_best(part.list_inside(sections), _MIN_SHARED_INSIDE, clause, patterns, wanted)
        # A copy may have lost the letters of its lists.
        sections = tuple(each[:-1] for each in sections if len(each) > 1)
    best = best or _find_best(part.places, _MIN_SHARED, clause, patterns, wanted)
    if best is None:
        return None
    number, candidate = best
    return _Found(clause, number, candidate.sentence.line, _shorten(candidate.sentence.text))


def _find_best(
    places: Iterable[_Place], least: int, clause: Clause, patterns: Sequence[re.Pattern[str]], wanted: frozenset[str]
) -> _Place | None:
    """Find the first sentence that shares the most with a clause; ``None`` if none shares ``least``."""
    best: _Place | None = None
    most = least - 1
    fixed_words = [words.lower().strip() for words in clause.words if len(words) > _MIN_WORD]
    figures = _spell_number(clause)
    for place in places:
        candidate = place[1]
        shared = _count_shared(candidate, wanted, fixed_words, figures)
        # The key words are looked at last, because that is slow.
        if shared > most and _has_key_words(candidate.lowered, fixed_words, patterns):
            best, most = place, shared
    return best


def _count_shared(
    candidate: _Candidate, wanted: frozenset[str], fixed_words: Sequence[str], figures: Sequence[str]
) -> int:
    """Count what a sentence shares with the paraphrase.

    The exact words that a clause fixes count as five; its figure counts as three.
    """
    shared = len(wanted & candidate.stems)
    if fixed_words and any(words in candidate.lowered for words in fixed_words):
        shared += 5
    if figures and any(figure in candidate.lowered for figure in figures):
        shared += 3
    return shared


def _has_key_words(lowered: str, fixed_words: Sequence[str], patterns: Sequence[re.Pattern[str]]) -> bool:
    """Whether a sentence has the exact words that the clause fixes, or else each key word of its kind."""
    if any(words in lowered for words in fixed_words):
        return True
    return bool(patterns) and all(pattern.search(lowered) for pattern in patterns)


def _spell_number(clause: Clause) -> list[str]:
    """Spell the figure of a clause as sentences do: ``700 million``, ``700,000,000``."""
    if clause.number is None:
        return []
    number = int(clause.number)
    millions = [f"{number // 1_000_000} million"] if number % 1_000_000 == 0 else []
    return [f"{number:,}", str(number), *millions]


@lru_cache(maxsize=256)
def _compile_key_words(key_words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Compile the beginnings of words of each entry."""
    return tuple(
        re.compile("|".join(rf"(?<![a-z]){re.escape(each)}" for each in entry.split("|"))) for entry in key_words
    )


def _split(text: str) -> tuple[_Candidate, ...]:
    """Split a text without its headings."""
    candidates = []
    for sentence in split_sentences(text):
        lowered = sentence.text.lower()
        if not lowered.isascii() or len(lowered.split(maxsplit=_FEWEST_WORDS)) >= _FEWEST_WORDS:
            candidates.append(_Candidate(sentence, lowered, _list_stems(lowered)))
    return tuple(candidates)


def _list_stems(text: str) -> frozenset[str]:
    """List the beginnings of the longer words of a text."""
    return frozenset(word[:_STEM] for word in _WORD.findall(text.lower()) if word not in _COMMON)


def _shorten(text: str) -> str:
    """Shorten a sentence to a bounded quotation."""
    return text if len(text) <= _MAX_QUOTATION else f"{text[: _MAX_QUOTATION - 1]}…"
