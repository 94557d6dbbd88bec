"""Score a sentence by weights that were learned from example sentences.

``rules/sentences/`` holds examples of sentences that restrict a use and of sentences that only look like it, and
``weights.yaml`` the weights that ``derive.py`` learned from them: a logistic regression over words, pairs of words,
characters of Chinese and Japanese, and the vocabularies of ``rules/cues.yaml`` whose words occur. It finds restrictions
whose wording no list foresees; it never permits anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from itertools import combinations

from modelaudit.licenses.evidence.sentence_cues import (
    build_cue_index,
    cut_agreements,
    denies_plainly,
    find_cues,
    name_ordinary_licenses,
)
from modelaudit.model.restrictions import Cues, SentenceWeights

_SCRIPTS = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[^\W_{_SCRIPTS}\uac00-\ud7af]+(?:'t\b)?|[{_SCRIPTS}]+|[\uac00-\ud7af]+")
_SCRIPT = re.compile(rf"[{_SCRIPTS}]")
_STEM_LETTERS = 6
"""Letters of a longer word that count, so that its inflections share a weight."""
_MOST_CHARACTERS_TOGETHER = 3
_LEAST_WORDS = 4
_NUMBER, _SCRIPT_MARK, _CUE_MARK = "#", "~", "="


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

    What agrees with an ordinary licence is cut out first, and the name of such a licence is one word.
    """
    return _list_rest_features(cut_agreements(sentence, cues), cues)


def _list_rest_features(rest: str, cues: Cues) -> frozenset[str]:
    """List the features of the rest of a folded sentence."""
    vocabularies = find_cues(rest, build_cue_index(cues))
    names = sorted(vocabularies)
    return frozenset(
        (
            *_iter_word_features(rest),
            *(f"{_CUE_MARK}{name}" for name in names),
            *(f"{_CUE_MARK}{one}+{other}" for one, other in combinations(names, 2)),
        )
    )


def score_features(features: Collection[str], weights: SentenceWeights) -> float:
    """Score a sentence by its features: above ``weights.threshold`` it reads like a restriction.

    The sum is divided by the root of the number of features, so that length alone does not win.
    """
    known = weights.weights
    return weights.bias + sum(known.get(each, 0.0) for each in features) / math.sqrt(max(1, len(features)))


def reads_like_restriction(sentence: str, weights: SentenceWeights, cues: Cues, margin: float = 0.0) -> bool:
    """Whether a folded sentence of four words or more exceeds the threshold by ``margin``; without weights none does.

    A sentence that forbids plainly is also scored whole, with the words that agree with an ordinary licence.

    Fewer words, such as a heading or the name of an ordinary licence in a table, say too little to be scored.
    """
    if not weights.weights or _count_words(sentence) < _LEAST_WORDS:
        return False
    features = list_features(sentence, cues)
    if score_features(features, weights) > weights.threshold + margin:
        return True
    whole = name_ordinary_licenses(sentence, cues)
    return denies_plainly(whole, cues) and (
        score_features(_list_rest_features(whole, cues), weights) > weights.threshold + margin
    )


def _count_words(sentence: str) -> int:
    """Count the words of a sentence; two characters of a script without spaces count as one."""
    return sum(max(1, len(each) // 2) if _SCRIPT.match(each) else 1 for each in _WORD.findall(sentence))
