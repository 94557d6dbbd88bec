"""Judge a sentence by the words of ``rules/cues.yaml``: what it limits, after all that agrees is cut out.

A sentence is read as a row of words. Each vocabulary marks the places of its words, and a combination holds where one
word of each of its vocabularies occurs within a distance. The work grows with the length of the sentence alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct, field

from modelaudit.licenses.evidence.kept_judgements import keep_judgements
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.restrictions import ORDINARY_NAME, Combination, Cues

_GAP = "..."
_MAX_GAP = 4
_MAX_CACHED_WORDS = 20_000
_SCRIPTS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = defer_pattern(rf"[^\W_{_SCRIPTS}]+(?:'t\b)?|[{_SCRIPTS}]+")
_SCRIPT = defer_pattern(rf"[{_SCRIPTS}]")
_SCRIPT_LETTERS_PER_WORD = 2
CUT = " ; "
"""Replaces the words that agree with an ordinary licence."""


class _Phrase(Struct, frozen=True):
    """The words of a phrase as alternatives, and the vocabulary that it belongs to."""

    words: tuple[tuple[str, ...], ...]
    vocabulary: str

    @property
    def has_gap(self) -> bool:
        """Whether up to four words may stand between its first word and the next one."""
        return self.words[1:2] == ((_GAP,),)


_Numbered = tuple[int, _Phrase]
"""A phrase with its number among those that may begin with one word."""


class _Beginnings(Struct, frozen=True):
    """The phrases that may begin with one word, numbered in their order.

    Attributes:
        single: those of one word.
        direct: those whose next word follows at once.
        gapped: those whose next word may be farther away.
    """

    single: tuple[_Numbered, ...]
    direct: tuple[_Numbered, ...]
    gapped: tuple[_Numbered, ...]


_NONE = _Beginnings((), (), ())


class CueIndex(Struct):
    """The vocabularies, laid out for one pass over the words of a sentence.

    Attributes:
        exact: first word -> phrases.
        stems: first stem, without its ``*`` -> phrases.
        written: words of scripts without spaces, with their vocabularies.
        known: the phrases that may begin with a word, for the words seen so far.
        followers: those of them that may go on with another word, for the pairs of words seen so far: by its side, and
            behind a gap.
    """

    exact: dict[str, list[_Phrase]] = field(default_factory=dict)
    stems: dict[str, list[_Phrase]] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)
    known: dict[str, _Beginnings] = field(default_factory=dict)
    followers: dict[tuple[str, str], tuple[tuple[_Numbered, ...], tuple[_Numbered, ...]]] = field(default_factory=dict)

    def add(self, phrase: str, vocabulary: str) -> None:
        """Add one phrase of a vocabulary."""
        if _SCRIPT.search(phrase):
            self.written.append((phrase, vocabulary))
            return
        words = tuple(tuple(word.split("|")) for word in phrase.split())
        for first in words[0]:
            index = self.stems if first.endswith("*") else self.exact
            index.setdefault(first.rstrip("*"), []).append(_Phrase(words, vocabulary))

    def find_phrases(self, words: Sequence[str], start: int) -> Iterator[_Phrase]:
        """Yield the phrases that begin at the word ``start``, in their order."""
        beginnings = self._find_beginnings(words[start])
        if beginnings is _NONE:
            return
        found = dict(beginnings.single)
        for place in range(start + 1, min(start + _MAX_GAP + 2 if beginnings.gapped else start + 2, len(words))):
            direct, gapped = self._find_followers(words[start], words[place], beginnings)
            # The next word alone rules out most phrases; the others are looked at word by word.
            for number, phrase in (*direct, *gapped) if place == start + 1 else gapped:
                if number not in found and _continues(phrase.words, words, start):
                    found[number] = phrase
        yield from (found[number] for number in sorted(found))

    def _find_beginnings(self, word: str) -> _Beginnings:
        """Find the phrases whose first word fits ``word``."""
        found = self.known.get(word)
        if found is None:
            if len(self.known) >= _MAX_CACHED_WORDS:
                self.known.clear()
            stems = (self.stems.get(word[:end], ()) for end in range(2, len(word) + 1))
            phrases = list(enumerate((*self.exact.get(word, ()), *(phrase for each in stems for phrase in each))))
            single = tuple(each for each in phrases if len(each[1].words) == 1)
            gapped = tuple(each for each in phrases if each[1].has_gap)
            direct = tuple(each for each in phrases if len(each[1].words) > 1 and not each[1].has_gap)
            found = self.known[word] = _Beginnings(single, direct, gapped) if phrases else _NONE
        return found

    def _find_followers(
        self, word: str, other: str, beginnings: _Beginnings
    ) -> tuple[tuple[_Numbered, ...], tuple[_Numbered, ...]]:
        """Find the phrases that begin with ``word`` and may go on with ``other``: at once, and behind a gap."""
        found = self.followers.get((word, other))
        if found is None:
            if len(self.followers) >= _MAX_CACHED_WORDS:
                self.followers.clear()
            direct = tuple(each for each in beginnings.direct if _fits_any(other, each[1].words[1]))
            gapped = tuple(each for each in beginnings.gapped if _fits_any(other, each[1].words[2]))
            found = self.followers[word, other] = (direct, gapped)
        return found


@lru_cache(maxsize=4)
def build_cue_index(cues: Cues) -> CueIndex:
    """Build the index of the vocabularies of a rule set."""
    return _build_index(cues.vocabularies)


@lru_cache(maxsize=4)
def _build_topic_index(cues: Cues) -> CueIndex:
    """Build the index of the topics of a rule set."""
    return _build_index(cues.topics)


def _build_index(vocabularies: Sequence[tuple[str, tuple[str, ...]]]) -> CueIndex:
    """Build the index of named phrases."""
    index = CueIndex()
    for name, phrases in vocabularies:
        for phrase in phrases:
            index.add(phrase, name)
    return index


def find_vocabularies(sentence: str, cues: Cues) -> frozenset[str]:
    """Find the names of the vocabularies with a word in a folded sentence."""
    return frozenset(find_cues(sentence, build_cue_index(cues)))


@keep_judgements
def find_own_words(sentence: str, cues: Cues) -> frozenset[str]:
    """As ``find_vocabularies``, without the words that agree with an ordinary licence."""
    return find_vocabularies(cut_agreements(sentence, cues), cues)


@keep_judgements
def find_topics(sentence: str, cues: Cues) -> frozenset[str]:
    """Find the names of the topics with a word in a folded sentence, such as ``place:EU``."""
    return frozenset(find_cues(sentence, _build_topic_index(cues)))


def find_cues(sentence: str, index: CueIndex) -> dict[str, list[int]]:
    """Find the places of the words of each vocabulary in a folded sentence, as numbers of words from 0."""
    places: dict[str, list[int]] = {}
    words: list[str] = []
    position = 0
    positions: list[int] = []
    for match in _WORD.finditer(sentence):
        word = match[0]
        words.append(word)
        positions.append(position)
        if _SCRIPT.match(word):
            for written, vocabulary in index.written:
                start = word.find(written)
                while start >= 0:
                    places.setdefault(vocabulary, []).append(position + start // _SCRIPT_LETTERS_PER_WORD)
                    start = word.find(written, start + 1)
            position += len(word) // _SCRIPT_LETTERS_PER_WORD
        position += 1
    for number, position in enumerate(positions):
        for phrase in index.find_phrases(words, number):
            places.setdefault(phrase.vocabulary, []).append(position)
    return places


def _continues(pattern: Sequence[Sequence[str]], words: Sequence[str], start: int) -> bool:
    """Whether the words from ``start`` on, whose first one fits, go on like the phrase."""
    ends = {start + 1}
    position = 1
    while position < len(pattern) and ends:
        reach = 0
        if pattern[position] == (_GAP,):
            reach, position = _MAX_GAP, position + 1
        alternatives = pattern[position]
        ends = {
            place + 1
            for end in ends
            for place in range(end, min(end + reach + 1, len(words)))
            if _fits_any(words[place], alternatives)
        }
        position += 1
    return bool(ends)


def _fits_any(word: str, patterns: Sequence[str]) -> bool:
    """Whether a word is one of the alternatives at a place of a phrase."""
    return any(_fits(word, each) for each in patterns)


def _fits(word: str, pattern: str) -> bool:
    """Whether a word is the one of a phrase, or begins with its stem."""
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


def match_cues(sentence: str, cues: Cues) -> str | None:
    """Match a folded sentence against the combinations; return the kind of the first one, or ``None``.

    Words that agree with an ordinary licence are cut out first, which is done only where the whole sentence matches.
    """
    index = build_cue_index(cues)
    if next(_iter_kinds(find_cues(sentence, index), cues), None) is None:
        return None
    if any(pattern.search(sentence) for pattern in cues.exempt):
        return None
    return next(_iter_kinds(find_cues(cut_agreements(sentence, cues), index), cues), None)


def cut_agreements(sentence: str, cues: Cues) -> str:
    """Cut all that agrees with an ordinary licence out of a folded sentence.

    Words that forbid plainly stay, with all that an agreement matches together with them: a question, a comparison or
    thanks must not hide them.
    """
    sentence = name_ordinary_licenses(sentence, cues)
    has_denial = denies_plainly(sentence, cues)
    for pattern in cues.agreements:
        sentence = _cut_beside_denials(sentence, pattern, cues) if has_denial else pattern.sub(CUT, sentence)
    return sentence


def name_ordinary_licenses(sentence: str, cues: Cues) -> str:
    """Replace the names of ordinary licences in a folded sentence by one word."""
    for pattern in cues.ordinary:
        sentence = pattern.sub(f" {ORDINARY_NAME} ", sentence)
    return sentence


def denies_plainly(sentence: str, cues: Cues) -> bool:
    """Whether a folded sentence, in which ordinary licences are one word, holds words that forbid plainly."""
    return any(pattern.search(sentence) for pattern in cues.denials)


def _cut_beside_denials(sentence: str, pattern: re.Pattern[str], cues: Cues) -> str:
    """Cut the words of an agreement, unless it overlaps or touches words that forbid plainly."""
    denials = [match.span() for each in cues.denials for match in each.finditer(sentence)]

    def cut(match: re.Match[str]) -> str:
        return match[0] if any(match.start() <= end and start <= match.end() for start, end in denials) else CUT

    return pattern.sub(cut, sentence)


def _iter_kinds(places: dict[str, list[int]], cues: Cues) -> Iterator[str]:
    """Yield the kind of each combination that holds."""
    for combination in cues.combinations:
        if _holds(combination, places):
            yield combination.kind


def _holds(combination: Combination, places: dict[str, list[int]]) -> bool:
    """Whether each group of the combination has a word, all within its distance."""
    for group in combination.groups:
        if places.keys().isdisjoint(group):
            return False
    if not places.keys().isdisjoint(combination.absent):
        return False
    if combination.distance is None:
        return True
    groups = [[place for name in group for place in places.get(name, ())] for group in combination.groups]
    return _is_near(groups, combination.distance)


def _is_near(groups: Sequence[Sequence[int]], distance: int) -> bool:
    """Whether one place of each group lies within a window of ``distance`` words."""
    marks = sorted((place, number) for number, group in enumerate(groups) for place in group)
    latest: dict[int, int] = {}
    for place, number in marks:
        latest[number] = place
        if len(latest) == len(groups) and place - min(latest.values()) <= distance:
            return True
    return False
