"""Find the sentence of a licence text that states a clause, in the words of the copy at hand.

The section of the clause narrows the search, the key words of its kind decide, and the words that the sentence shares
with the paraphrase choose between several. Where no sentence has the key words, nothing is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from modelaudit.licenses.recognition.sections import Sentence, parse_sections, split_sentences
from modelaudit.model.evidence import Prose, ProseKind
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
_WORD: Final = re.compile(r"[a-z]{4,}")
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

_Place = tuple[str, Prose, Sentence]
"""A sentence with its text and the path of that."""


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
        for clause in entry.clauses:
            quotation = _quote_clause(clause, entry, texts.get(entry.id, ()), vocabulary)
            if quotation is not None:
                yield quotation


def _quote_clause(
    clause: Clause, entry: LicenseEntry, texts: Sequence[tuple[str, Prose]], vocabulary: Vocabulary
) -> ClauseQuotation | None:
    """Find the best sentence for one clause in the texts of its licence; ``None`` if none has its key words."""
    patterns = _compile_key_words(vocabulary.kinds[clause.kind].key_words) if clause.kind in vocabulary.kinds else ()
    wanted = _list_stems(clause.text)
    is_of_policy = "policy" in clause.section and not clause.section.startswith("section")
    sections = parse_sections(clause.section)
    sentences = [
        (path, prose, sentence)
        for path, prose in texts
        # A clause of the use policy is in that text alone.
        if is_of_policy == (prose.kind is ProseKind.POLICY)
        for sentence in _split(prose.text)
    ]
    best = None
    while best is None and any(sections):
        inside = [each for each in sentences if any(map(each[2].lies_in, sections))]
        best = _find_best(inside, _MIN_SHARED_INSIDE, clause, patterns, wanted)
        # A copy may have lost the letters of its lists.
        sections = tuple(each[:-1] for each in sections if len(each) > 1)
    best = best or _find_best(sentences, _MIN_SHARED, clause, patterns, wanted)
    if best is None:
        return None
    path, prose, sentence = best
    line = sentence.line + prose.first_line - 1
    return ClauseQuotation(entry.id, clause.kind, clause.section, path, line, _shorten(sentence.text))


def _find_best(
    places: Iterable[_Place], least: int, clause: Clause, patterns: Sequence[re.Pattern[str]], wanted: frozenset[str]
) -> _Place | None:
    """Find the first sentence that shares the most with a clause; ``None`` if none shares ``least``."""
    best: tuple[int, _Place] | None = None
    for place in places:
        shared = _count_shared(place[2], clause, patterns, wanted)
        if shared >= least and (best is None or shared > best[0]):
            best = (shared, place)
    return None if best is None else best[1]


def _count_shared(
    sentence: Sentence, clause: Clause, patterns: Sequence[re.Pattern[str]], wanted: frozenset[str]
) -> int:
    """Count what a sentence shares with the paraphrase; 0 if it lacks a key word of the kind, or is a heading.

    The exact words that a clause fixes replace the key words, and count as five; its figure counts as three.
    """
    lowered = sentence.text.lower()
    if len(lowered.split()) < _FEWEST_WORDS and lowered.isascii():
        return 0
    has_fixed_words = any(words.lower().strip() in lowered for words in clause.words if len(words) > _MIN_WORD)
    if not has_fixed_words and not (patterns and all(pattern.search(lowered) for pattern in patterns)):
        return 0
    return len(wanted & _list_stems(sentence.text)) + 5 * has_fixed_words + 3 * _has_number(clause, lowered)


def _has_number(clause: Clause, lowered: str) -> bool:
    """Whether a sentence has the figure of a clause: ``700 million``, ``700,000,000``."""
    if clause.number is None:
        return False
    number = int(clause.number)
    spellings = [f"{number:,}", str(number)]
    if number % 1_000_000 == 0:
        spellings.append(f"{number // 1_000_000} million")
    return any(spelling in lowered for spelling in spellings)


@lru_cache(maxsize=256)
def _compile_key_words(key_words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Compile the beginnings of words of each entry."""
    return tuple(
        re.compile("|".join(rf"(?<![a-z]){re.escape(each)}" for each in entry.split("|"))) for entry in key_words
    )


@lru_cache(maxsize=64)
def _split(text: str) -> tuple[Sentence, ...]:
    """Split a text, and keep the result: repositories ship the same texts again and again."""
    return split_sentences(text)


@lru_cache(maxsize=4096)
def _list_stems(text: str) -> frozenset[str]:
    """List the beginnings of the longer words of a text."""
    return frozenset(word[:_STEM] for word in _WORD.findall(text.lower()) if word not in _COMMON)


def _shorten(text: str) -> str:
    """Shorten a sentence to a bounded quotation."""
    return text if len(text) <= _MAX_QUOTATION else f"{text[: _MAX_QUOTATION - 1]}…"
