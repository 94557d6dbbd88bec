"""Score a sentence by weights that were learned from example sentences.

``rules/sentences/`` holds examples of sentences that restrict a use and of sentences that only look like it, and
``weights.yaml`` the weights that ``derive.py`` learned from them: a logistic regression over words, pairs of words,
characters of Chinese and Japanese, and the vocabularies of ``rules/cues.yaml`` whose words occur. It finds restrictions
whose wording no list foresees; it never permits anything.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from itertools import combinations

from modelaudit.licenses.evidence.sentence_cues import (
    CUT,
    build_cue_index,
    cut_agreements,
    find_cues,
    name_ordinary_licenses,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.restrictions import Cues, SentenceWeights

_SCRIPTS = "\u3040-\u30ff\u3400-\u9fff"
_WORD = defer_pattern(rf"[^\W_{_SCRIPTS}\uac00-\ud7af]+(?:'t\b)?|[{_SCRIPTS}]+|[\uac00-\ud7af]+")
_SCRIPT = defer_pattern(rf"[{_SCRIPTS}]")
_STEM_LETTERS = 6
"""Letters of a longer word that count, so that its inflections share a weight."""
_MOST_CHARACTERS_TOGETHER = 3
_LEAST_WORDS = 4
_NUMBER, _SCRIPT_MARK, _CUE_MARK, _AGREEMENT_MARK = "#", "~", "=", "@agrees"


def _iter_word_features(sentence: str) -> Iterator[str]:
    """Yield the features of a folded sentence, repeated ones included.

    A feature is a word, two adjacent words, two words with one between them, or up to three characters of a script
    without spaces. A long word is cut to its stem, and every number is the same word.
    """
    before = before_that = ""
    for match in _WORD.finditer(sentence):
        word = match[0]
        if _SCRIPT.match(word):
            for size in range(1, _MOST_CHARACTERS_TOGETHER + 1):
                yield from (word[at : at + size] for at in range(len(word) - size + 1))
            before_that, before = before, _SCRIPT_MARK
            continue
        if word.isdigit():
            word = _NUMBER
        elif len(word) > _STEM_LETTERS:
            word = f"{word[:_STEM_LETTERS]}*"
        yield word
        if before:
            yield f"{before} {word}"
        if before_that:
            yield f"{before_that} _ {word}"
        before_that, before = before, word


def list_features(sentence: str, cues: Cues) -> frozenset[str]:
    """List the features of a folded sentence: its words, and each vocabulary of cues and pair of them that occurs.

    The name of an ordinary licence is one word. Vocabularies count only outside of the words that agree with an
    ordinary licence; that there are such words is a feature of its own.
    """
    words = frozenset(_iter_word_features(name_ordinary_licenses(sentence, cues)))
    return words.union(_list_rest_features(sentence, cues))


def _list_rest_features(sentence: str, cues: Cues) -> list[str]:
    """List the vocabularies outside of agreements, and the mark of those."""
    rest = cut_agreements(sentence, cues)
    return [*_iter_vocabulary_features(rest, cues), *([_AGREEMENT_MARK] if CUT in rest else ())]


def _iter_vocabulary_features(sentence: str, cues: Cues) -> Iterator[str]:
    """Yield the vocabularies that occur in a folded sentence, and their pairs."""
    names = sorted(find_cues(sentence, build_cue_index(cues)))
    yield from (f"{_CUE_MARK}{name}" for name in names)
    yield from (f"{_CUE_MARK}{one}+{other}" for one, other in combinations(names, 2))


def score_features(features: Collection[str], weights: SentenceWeights) -> float:
    """Score a sentence by its features: above ``weights.threshold`` it reads like a restriction.

    The sum is divided by the root of the number of features, so that length alone does not win.
    """
    known = weights.weights
    return weights.bias + sum(known.get(each, 0.0) for each in features) / math.sqrt(max(1, len(features)))


def score_sentence(sentence: str, weights: SentenceWeights, cues: Cues, least: float) -> float:
    """Score a folded sentence; return minus infinity for fewer than four words, or if the score is not above ``least``.

    Fewer words, such as a heading or the name of an ordinary licence in a table, say too little to be scored.
    """
    if not weights.weights or _count_words(sentence) < _LEAST_WORDS:
        return -math.inf
    named = name_ordinary_licenses(sentence, cues)
    words = frozenset(_iter_word_features(named))
    # Cutting agreements costs the most time and leaves fewer vocabularies, so these bound the score from above.
    if _bound_score(words, _iter_vocabulary_features(named, cues), weights) <= least:
        return -math.inf
    score = score_features(words.union(_list_rest_features(sentence, cues)), weights)
    return score if score > least else -math.inf


def measure_known_share(sentence: str, weights: SentenceWeights) -> float:
    """Measure the share of the words of a folded sentence that have a weight, characters and pairs of them included."""
    words = [each for each in _iter_word_features(sentence) if " " not in each]
    return sum(each in weights.weights for each in words) / max(1, len(words))


def _bound_score(words: Collection[str], vocabularies: Iterable[str], weights: SentenceWeights) -> float:
    """Bound the score of a sentence with these words and any of these vocabularies, if it exceeds the bias."""
    known = weights.weights
    most = sum(known.get(each, 0.0) for each in words) + sum(max(0.0, known.get(each, 0.0)) for each in vocabularies)
    return weights.bias + max(0.0, most) / math.sqrt(max(1, len(words)))


def _count_words(sentence: str) -> int:
    """Count the words of a sentence; two characters of a script without spaces count as one."""
    return sum(max(1, len(each) // 2) if _SCRIPT.match(each) else 1 for each in _WORD.findall(sentence))
