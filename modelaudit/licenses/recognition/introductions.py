"""Measure the sentence that introduces a licence text: *Acme is released under the MIT License, reproduced below*.

Such a sentence changes nothing if it is made of three parts alone: names of what is licensed, a verb that licenses, and
the title of the licence that follows. Any other word is a difference, and so is a name behind the title: it may say to
whom the licence applies. A sentence about the code is reported as such, because the weights may have other terms.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.name_words import is_in_address, is_name_word, is_term_word, match_phrase
from modelaudit.licenses.recognition.words import Words

_Phrases = frozenset[tuple[str, ...]]


def _list_phrases(text: str) -> frozenset[tuple[str, ...]]:
    """List the phrases of a text, which commas separate, as tuples of words."""
    return frozenset(tuple(phrase.split()) for phrase in text.split(","))


_RESERVATIONS: Final = _list_phrases(
    "unless otherwise noted,unless otherwise indicated,unless otherwise specified,unless otherwise stated,"
    "except where otherwise noted,except where noted otherwise,except where explicitly noted otherwise"
)
_THINGS: Final = re.compile(
    r"this|all|entire|whole|software|project|package|library|program|module|repository|distribution|work|works|model"
    r"|models|weights|files?|everything|as|itself|it|and"
)
_CODE: Final = re.compile(r"code|codes|source|sources|scripts?")
_PARTS: Final = re.compile(r"documentation|docs|data|datasets?|examples?|parts?|portions?")
"""A part of the work alone: the rest may have other terms."""
_VERBS: Final = _list_phrases(
    "is licensed under,are licensed under,is licenced under,are licenced under,is released under,are released under,"
    "is distributed under,are distributed under,is available under,are available under,is made available under,"
    "are made available under,is provided under,are provided under,is published under,is covered by,is governed by,"
    "is under,are under,is free software released under,is open source software released under,"
    "is open source under,licensed under,licenced under,released under,distributed under,available under,uses,is,"
    "is distributed with,are distributed with,is released with,is provided with,is subject to"
)
_ARTICLES: Final = _list_phrases("the,a,the terms of the,terms of the,the terms and conditions of the,the following")
_ENDS: Final = _list_phrases(
    "as follows,below,reproduced below,which is reproduced below,given below,included below,stated below,see below,"
    "shown below,whose text follows,the text follows,the text of the license follows"
)
_PUBLISHERS: Final = frozenset(("opensource", "spdx", "apache", "gnu", "mozilla", "creativecommons", "choosealicense"))
_DESCRIPTION: Final = re.compile(r"[\w. +-]{1,40}(?: -{1,3} |: | \u2013 | \u2014 )(?:an?|the)\s", re.IGNORECASE)
_PURPOSES: Final = re.compile(
    r"students?|teachers?|hobby\w*|nonprofits?|members?|partners?|customers?|models?|weights?"
)
_MOST_DESCRIPTION_WORDS: Final = 14
_ALIASES: Final = _list_phrases("also known as,aka,also called,known as")
_NAME_OF_LICENSE: Final = re.compile(
    r"the|or|and|new|revised|modified|simplified|expat|mit|bsd|isc|x11|apache|clause|2|3|two|three|0|licen[cs]e"
)
_MOST_SUBJECT_WORDS: Final = 12
_MOST_NAME_WORDS: Final = 6
_MOST_PLAIN_WORDS: Final = 2


def measure_introduction(words: Words, first: int, end: int, titles: _Phrases) -> tuple[int, bool]:
    """Count the words of the introduction that begins at the word ``first``, and say whether it is about code.

    Args:
        words: the words of the text.
        first: the word where the introduction would begin.
        end: the word before which it ends.
        titles: the titles of the licences in the text, as tuples of words.

    Returns:
        (number of words, 0 if none begins there; whether code is what is licensed).
    """
    at = first + match_phrase(words, first, end, _RESERVATIONS) if first < end else first
    subject = at
    at = _skip_subject(words, at, end)
    is_about_code = any(_CODE.fullmatch(words.words[each]) for each in range(subject, at))
    verb = _match(words, at, end, _VERBS)
    if verb == 0:
        return max(_measure_title_of_work(words, first, end, titles), _measure_description(words, first, end)), False
    at += verb
    at += _match(words, at, end, _ARTICLES)
    title = _match(words, at, end, titles)
    if title == 0:
        return 0, False
    at += title
    at += _measure_other_names(words, at, end)
    at += _match(words, at, end, _ENDS)
    return at + _measure_address(words, at, end) - first, is_about_code


def _measure_other_names(words: Words, first: int, end: int) -> int:
    """Count the words of *also known as* with other names of a licence; 0 if none begins at ``first``."""
    known = _match(words, first, end, _ALIASES)
    at = first + known
    while known and at < end and _NAME_OF_LICENSE.fullmatch(words.words[at]):
        at += 1
    return at - first


def _measure_address(words: Words, first: int, end: int) -> int:
    """Count the words of the web address that begins at ``first``; 0 if it has a word that could be a term."""
    at = first
    if at >= end or words.words[at] != "http":
        return 0
    while at < end and (at == first or is_in_address(words, at)):
        if is_term_word(words, at) and not words.words[at].startswith(("licen", "http")):
            return 0
        at += 1
    return at - first


def measure_license_address(words: Words, first: int, end: int) -> int:
    """Count the words of the address of a licence at a publisher of licences, alone; 0 if none begins at ``first``."""
    host = {*words.words[first + 1 : min(end, first + 3)]}
    return _measure_address(words, first, end) if host & _PUBLISHERS else 0


def _measure_description(words: Words, first: int, end: int) -> int:
    """Count the words of the first line of the text if it is the name of the work with a description.

    An example is *acme -- A parser in Python*. No word of it may be a term, and an article begins the description.
    """
    if first:
        return 0
    stop = words.text.find("\n", words.find_start(0))
    line = words.text[: stop if stop >= 0 else len(words.text)]
    match = _DESCRIPTION.match(line.strip())
    at = 0
    while match and at < min(end, _MOST_DESCRIPTION_WORDS) and words.find_start(at) < len(line):
        if is_term_word(words, at) or not words.words[at].isascii() or _PURPOSES.fullmatch(words.words[at]):
            return 0
        at += 1
    return at if match and (at == end or words.find_start(at) >= len(line)) else 0


def _measure_title_of_work(words: Words, first: int, end: int, titles: _Phrases) -> int:
    """Count the words of a title with the name of the work: *BSD License for Acme software*."""
    title = _match(words, first, end, titles)
    at = first + title
    if title == 0 or at >= end or words.words[at] != "for":
        return 0
    for position in range(at + 1, min(end, at + 1 + _MOST_NAME_WORDS)):
        word = words.words[position]
        if word in ("software", "package", "library", "project"):
            return position + 1 - first
        if is_term_word(words, position) or not is_name_word(words, position):
            return 0
    return 0


def _skip_subject(words: Words, first: int, end: int) -> int:
    """Return the number of the word behind the names of what is licensed, at most twelve words."""
    position, plain = first, 0
    while position < min(end, first + _MOST_SUBJECT_WORDS):
        word = words.words[position]
        if _match(words, position, end, _VERBS):
            break
        if not _THINGS.fullmatch(word):
            plain += not is_name_word(words, position)
            if _CODE.fullmatch(word):
                plain -= not is_name_word(words, position)
            elif is_term_word(words, position) or _PARTS.fullmatch(word) or plain > _MOST_PLAIN_WORDS:
                break
        position += 1
    return position


def _match(words: Words, position: int, end: int, phrases: _Phrases) -> int:
    """Count the words of the longest phrase that begins at ``position``; 0 if none does or the span has ended."""
    return match_phrase(words, position, end, phrases) if position < end else 0
