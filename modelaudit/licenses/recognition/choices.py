"""Measure sentences beside licence texts: which of them apply, where the work comes from, and which program wrote it.

*This software is dual-licensed under the ISC and MIT licenses. You may use it under either of the following licenses.*
Such a sentence consists of the titles of the texts in the file and of words that grant a choice; no other word is in
it, so that it can neither limit the choice nor say who has it.

*This library is a fork of 'acme' by Jo Doe, extended and distributed under the terms of the MIT license above* adds
names of works and people, and tells no reader anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from modelaudit.licenses.recognition.name_words import (
    is_hyphenated,
    is_name_word,
    is_term_word,
    match_phrase,
    names_readers,
)
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_WORDS_OF_CHOICE: Final = defer_pattern(
    r"this|the|it|is|are|software|project|package|library|program|work|code|dual|dually"
    r"|double|multi|licen[cs]ed?|licen[cs]es"
    r"|released|distributed|available|made|provided|under|into|public|domain|with|of|by|to|at|as|in|alternatively|also"
    r"|you|may|can|choose|select|use|either|any|or|and|both|one|two|following|these|those|terms|below"
    r"|your|option|choice"
    r"|want|prefer|that|so|be|used"
)
_GRANTS_CHOICE: Final = defer_pattern(
    r"(?:dual|dually|double|multi) licen[cs]ed\b"
    r"|\b(?:either|any|one) (?:one )?of the (?:following|two|licen[cs]es|below)"
    r"|\balternatively it is\b|\bat your (?:option|choice)\b"
)
_WORDS_OF_ORIGIN: Final = defer_pattern(
    r"this|the|it|is|are|was|were|has|have|been|a|an|note|software|project|package|library|program|work|works"
    r"|code|files?"
    r"|some|all|these|derivative|derived|fork|port|ported|based|taken|created|written|modified|extended|modifications"
    r"|contributions?|towards|on|of|from|by|and|therefore|both|dual|standard|original|distributed|released|licen[cs]ed"
    r"|under|terms|licen[cs]es?|above|below|following"
)
_TELLS_ORIGIN: Final = defer_pattern(
    r"\b(?:derivative work|derived from|fork of|port of|ported from|based on|taken from|created by"
    r"|contributions? (?:towards|to))\b"
)
_TITLE_OF_TEXT: Final = defer_pattern(r"[^\n]{1,40}\bsoftware licen[cs]e\s*\n\s*copyright", re.IGNORECASE)
_OWN_FILES: Final = defer_pattern(
    r"all (?:packages|files|modules|libraries|code|software) (?:under|in|below) [\w ]{1,40}?(?:is|are) licen[cs]ed"
    r" (?:according to|under) the terms in their (?:own|respective) licen[cs]e(?: or licen[cs]e)?(?: md| txt)? files?"
    r" the (?:remainder|rest) of (?:this|the) (?:project|package|software|repository) is licen[cs]ed under (?:the )?"
)
"""Parts with licence files of their own, which are read by themselves; the title of the text follows."""
_MOST_WORDS: Final = 40
_OPENERS: Final = frozenset(("for", "in", "to", "only", "within", "outside", "with"))
"""Words that join names, and that would say for whom or where something is."""
_QUOTES: Final = ("'", '"', "`")
_SENTENCE_MARKS: Final = ".:;\n"
_NOTE: Final = defer_pattern(
    r"mode \w{2,20}(?: vim? (?:set )?ft \w{2,20})?(?= |$)"
    r"|vim? (?:set )?ft \w{2,20}(?= |$)"
    r"|(?:note )?this file (?:is|was) (?:automatically |auto )?(?:added|generated|created|managed)"
    r"(?: automatically)? by(?: (?!not\b|for\b|to\b|only\b|and\b)[\w.]{2,30}){1,5}? do not edit"
    r"(?: (?:it|this file))?(?: (?:by hand|manually|directly))?(?= |$)"
)


def measure_remark(words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the remark beside a licence text that begins at ``first``: the longest one; 0 without any.

    Args:
        words: the words of the text.
        first: the word where the remark would begin.
        end: the word before which it ends.
        titles: the titles and ids of the licences in the text, as tuples of words.
    """
    return max(
        _measure_note(words, first, end),
        _measure_choice(words, first, end, titles),
        _measure_title_of_text(words, first, end),
        _measure_own_files(words, first, end, titles),
    )


def _measure_choice(words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the sentences that grant a choice between the licences in the text; 0 if none begins there.

    Args:
        words: the words of the text.
        first: the word where the sentences would begin.
        end: the word before which they end.
        titles: the titles and ids of the licences in the text, as tuples of words.
    """
    last = _find_end_of_sentences(words, first, end, titles, lambda at: _matches(_WORDS_OF_CHOICE, words, at))
    return last - first if _GRANTS_CHOICE.search(" ".join(words.words[first:last])) else 0


def _measure_own_files(words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]]) -> int:
    """Count the words of *All files under lib … The remainder of this project is licensed under the* title.

    Args:
        words: the words of the text.
        first: the word where the sentences would begin.
        end: the word before which they end.
        titles: the titles and ids of the licences in the text, as tuples of words.
    """
    if words.words[first] != "all":
        return 0
    head = _OWN_FILES.match(" ".join(words.words[first : min(end, first + _MOST_WORDS)]) + " ")
    at = first + head[0].count(" ") if head else first
    title = match_phrase(words, at, end, titles) if head else 0
    follows = tuple(words.words[at + title : min(end, at + title + 2)]) == ("as", "follows")
    return at + title + 2 * follows - first if title else 0


def measure_origin_note(words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]]) -> int:
    """Count the words of sentences that name the works and the people behind a work; 0 if none begins there.

    Args:
        words: the words of the text.
        first: the word where the sentences would begin.
        end: the word before which they end.
        titles: the titles and ids of the licences in the text, as tuples of words.
    """

    def fits(at: int) -> bool:
        if _matches(_WORDS_OF_ORIGIN, words, at):
            return True
        if words.words[at] in _OPENERS:
            return words.words[at] == "to" and words.words[at - 1].startswith(("port", "contribution"))
        is_name = is_name_word(words, at) or is_hyphenated(words, at) or _is_quoted(words, at)
        return is_name and not is_term_word(words, at) and not names_readers(words.words[at])

    last = _find_end_of_sentences(words, first, end, titles, fits)
    return last - first if _TELLS_ORIGIN.search(" ".join(words.words[first:last])) else 0


def _measure_title_of_text(words: Words, first: int, end: int) -> int:
    """Count the words of *Acme Software License* above the copyright line, at the beginning of the text alone."""
    title = None if first else _TITLE_OF_TEXT.match(words.text)
    if title is None:
        return 0
    size = next((at for at in range(first, end) if words.words[at] == "copyright"), first)
    names = range(first, max(first, size - 2))
    return size - first if all(is_name_word(words, at) and not is_term_word(words, at) for at in names) else 0


def _find_end_of_sentences(
    words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]], fits: Callable[[int], bool]
) -> int:
    """Return the end of the last whole sentence that consists of titles and words that fit; ``first`` without one."""
    at, last = first, first
    while at < min(end, first + _MOST_WORDS):
        title = match_phrase(words, at, end, titles)
        if not title and not fits(at):
            break
        at += title or 1
        if _ends_sentence(words, at):
            last = at
    return last


def _matches(pattern: re.Pattern[str], words: Words, position: int) -> bool:
    """Whether a word is one of a list."""
    return pattern.fullmatch(words.words[position]) is not None


def _is_quoted(words: Words, position: int) -> bool:
    """Whether quotation marks are around a word, as around the name of a work in lower case."""
    start = words.find_start(position)
    stop = start + len(words.words[position])
    return words.text[start - 1 : start] in _QUOTES and words.text[stop : stop + 1] in _QUOTES


def _measure_note(words: Words, first: int, end: int) -> int:
    """Count the words of *This file is automatically added by Acme. Do not edit.*, or of a line for an editor."""
    if words.words[first] not in ("this", "note", "mode", "vi", "vim"):
        return 0
    note = _NOTE.match(" ".join(words.words[first : min(end, first + _MOST_WORDS)]))
    return note[0].count(" ") + 1 if note else 0


def _ends_sentence(words: Words, position: int) -> bool:
    """Whether a mark of the end of a sentence, or the end of the text, is behind the word before ``position``."""
    start = words.find_start(position - 1) + len(words.words[position - 1])
    stop = words.find_start(position) if position < len(words.words) else len(words.text)
    return position >= len(words.words) or any(mark in words.text[start:stop] for mark in _SENTENCE_MARKS)
