"""Measure sentences beside licence texts that say which of them apply, and notes of the program that wrote the file.

*This software is dual-licensed under the ISC and MIT licenses. You may use it under either of the following licenses.*
Such a sentence consists of the titles of the texts in the file and of words that grant a choice; no other word is in
it, so that it can neither limit the choice nor say who has it.
"""

from __future__ import annotations

from typing import Final

from modelaudit.licenses.recognition.name_words import match_phrase
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_WORDS_OF_CHOICE: Final = defer_pattern(
    r"this|the|it|is|are|software|project|package|library|program|work|code|dual|dually|double|multi|licen[cs]ed?|licen[cs]es"
    r"|released|distributed|available|made|provided|under|into|public|domain|with|of|by|to|at|as|in|alternatively|also"
    r"|you|may|can|choose|select|use|either|any|or|and|both|one|two|following|these|those|terms|below|your|option|choice"
    r"|want|prefer|that|so|be|used"
)
_GRANTS_CHOICE: Final = defer_pattern(
    r"(?:dual|dually|double|multi) licen[cs]ed\b"
    r"|\b(?:either|any|one) (?:one )?of the (?:following|two|licen[cs]es|below)"
    r"|\balternatively it is\b|\bat your (?:option|choice)\b"
)
_MOST_WORDS: Final = 40
_SENTENCE_MARKS: Final = ".:;\n"
_NOTE: Final = defer_pattern(
    r"(?:note )?this file (?:is|was) (?:automatically |auto )?(?:added|generated|created|managed)(?: automatically)? by"
    r"(?: (?!not\b|for\b|to\b|only\b|and\b)[\w.]{2,30}){1,5}? do not edit"
    r"(?: (?:it|this file))?(?: (?:by hand|manually|directly))?(?= |$)"
)


def measure_choice(words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the sentences that grant a choice between the licences in the text; 0 if none begins there.

    Args:
        words: the words of the text.
        first: the word where the sentences would begin.
        end: the word before which they end.
        titles: the titles and ids of the licences in the text, as tuples of words.
    """
    at, last = first, first
    while at < min(end, first + _MOST_WORDS):
        title = match_phrase(words, at, end, titles)
        if not title and not _WORDS_OF_CHOICE.fullmatch(words.words[at]):
            break
        at += title or 1
        if _ends_sentence(words, at):
            last = at
    return last - first if _GRANTS_CHOICE.search(" ".join(words.words[first:last])) else 0


def measure_note(words: Words, first: int, end: int) -> int:
    """Count the words of *This file is automatically added by Acme. Do not edit.*; 0 if no such note begins there."""
    note = (
        _NOTE.match(" ".join(words.words[first : min(end, first + _MOST_WORDS)]))
        if words.words[first] in ("this", "note")
        else None
    )
    return note[0].count(" ") + 1 if note else 0


def _ends_sentence(words: Words, position: int) -> bool:
    """Whether a mark of the end of a sentence, or the end of the text, is behind the word before ``position``."""
    start = words.find_start(position - 1) + len(words.words[position - 1])
    stop = words.find_start(position) if position < len(words.words) else len(words.text)
    return position >= len(words.words) or any(mark in words.text[start:stop] for mark in _SENTENCE_MARKS)
