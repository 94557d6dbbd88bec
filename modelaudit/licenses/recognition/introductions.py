"""Measure the sentence that introduces a licence text: *Acme is released under the MIT License, reproduced below*.

Such a sentence changes nothing if it is made of three parts alone: names of what is licensed, a verb that licenses, and
the title of the licence that follows. Any other word is a difference, and so is a name behind the title: the licence
may apply to that party alone. A sentence about the code is reported as such, because the weights may have other terms.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.name_words import (
    is_in_address,
    is_name_word,
    is_term_word,
    match_phrase,
    names_readers,
)
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_Phrases = frozenset[tuple[str, ...]]


def _list_phrases(text: str) -> frozenset[tuple[str, ...]]:
    """List the phrases of a text, which commas separate, as tuples of words."""
    return frozenset(tuple(phrase.split()) for phrase in text.split(","))


_RESERVATIONS: Final = _list_phrases(
    "unless otherwise noted,unless otherwise indicated,unless otherwise specified,unless otherwise stated,"
    "unless noted otherwise,unless stated otherwise,"
    "unless stated otherwise in the source files,unless specified otherwise,unless indicated otherwise,"
    "except where otherwise noted,except where noted otherwise,except where explicitly noted otherwise,"
    "except where otherwise stated,except when otherwise stated,except where stated otherwise"
)
_NOTES_ON_FILES: Final = _list_phrases(
    "look for license files in directories or information at the beginning of each file,"
    "look at the beginning of each file,see the head of each file,see the header of each file"
)
_WHOLE: Final = defer_pattern(r"all|this|entire|whole")
_WORKS: Final = defer_pattern(r"software|project|package|library|repository|program|everything|distribution")
_WITH_DOCUMENTATION: Final = _list_phrases(
    "and documentation,and its documentation,and the documentation,and associated documentation,"
    "and its associated documentation,and its unit tests"
)
_THINGS: Final = defer_pattern(
    r"this|all|entire|whole|software|project|package|library|program|module|repository|distribution|work|works|model"
    r"|models|weights|files?|everything|as|itself|it|and"
)
_CODE: Final = defer_pattern(r"code|codes|source|sources|scripts?|tests?|bindings?|crates?|modules")
_PARTS: Final = defer_pattern(r"documentation|docs|data|datasets?|examples?|parts?|portions?")
"""A part of the work alone: the rest may have other terms."""
_VERBS: Final = _list_phrases(
    "is licensed under,are licensed under,is licenced under,are licenced under,is released under,are released under,"
    "is distributed under,are distributed under,is available under,are available under,is made available under,"
    "are made available under,is provided under,are provided under,is published under,is covered by,is governed by,"
    "is under,are under,is free software released under,is open source software released under,"
    "is open source under,licensed under,licenced under,released under,distributed under,available under,uses,is,"
    "is free software you can redistribute it and or modify it under,"
    "is distributed with,are distributed with,is released with,is provided with,is subject to"
)
_ARTICLES: Final = _list_phrases("the,a,the terms of the,terms of the,the terms and conditions of the,the following")
_ENDS: Final = _list_phrases(
    "as follows,below,reproduced below,quoted below,"
    "which is reproduced below,as reproduced below,found below,reproduced here,"
    "a copy of which is reproduced below,a copy of which is included below,given below,"
    "included below,stated below,see below,see below for details,"
    "shown below,whose text follows,the text follows,the text of the license follows,the text of the licence follows,"
    "the full text of the license is given below,the full text of the license is reproduced below,"
    "the full text of the license is included below,the full text of the license follows,"
    "the full text of the licence follows,the full license text follows,the license text follows,"
    "the full license text is given below,the full license text is included below,see the full text below"
)
_PUBLISHERS: Final = frozenset(("opensource", "spdx", "apache", "gnu", "mozilla", "creativecommons", "choosealicense"))
_DESCRIPTION: Final = defer_pattern(
    r"[\w. +-]{1,40}(?:(?: -{1,3} |: | \u2013 | \u2014 )(?:an?|the)\s"
    r"| is (?:an? )(?=(?:[\w+-]+ ){0,3}(?:library|package|module|extension|plugin|wrapper|parser|tool)\b[^,;]*$)"
    r"|(?:,| -{1,3}) (?=(?:[\w+-]+ ){0,6}(?:library|package|module|tool|toolkit|framework|parser|client|wrapper"
    r"|bindings|extension|plugin|server|implementation|utility|utilities|compiler|interpreter|system|engine"
    r"|program|application)\b))",
    re.IGNORECASE,
)
_SENTENCE_END: Final = defer_pattern(r"[\s*_`\"')\]]*(?:[.:](?=\s|$)|\n\s*\n|$)")
_PURPOSES: Final = defer_pattern(
    r"students?|teachers?|hobby\w*|nonprofits?|members?|partners?|customers?|models?|weights?"
)
_BUSINESS: Final = defer_pattern(r"contact|contracts?|negotiate|pricing")
_MOST_DESCRIPTION_WORDS: Final = 22
_ALIASES: Final = _list_phrases("also known as,aka,also called,known as")
_NAME_OF_LICENSE: Final = defer_pattern(
    r"the|or|and|new|revised|modified|simplified|expat|mit|bsd|isc|x11|apache|clause|2|3|two|three|0|licen[cs]e"
)
_CLAUSES: Final = _list_phrases("2 clause,3 clause,two clause,three clause")
_IS_LICENSED_AS_FOLLOWS: Final = defer_pattern(r"(?:is|are) (?:licen[cs]ed|released|distributed) as follows")
_AS_FOLLOWS: Final = 4
"""The number of its words."""
_COPYRIGHTED: Final = ("copyrighted", "by")
_DERIVED: Final = _list_phrases("as code derived from,as it is derived from,as a work derived from")
_HEADS: Final = _list_phrases("license,licence,copyright notice,copyright notice and statement,copyright and license")
_WORK_OF_TITLE: Final = defer_pattern(
    r"software|package|library|project|utilities|module|filter|extension|toolkit|framework"
)
_LICENSE_WORD: Final = defer_pattern(r"licen[cs]e|licensing")
_TERMS_OF_NAME: Final = _list_phrases("licensing terms,license terms")
_MOST_TITLE_NAME: Final = 3
_MOST_JOINED_NAME: Final = 5
_OPENERS: Final = frozenset(("for", "in", "to", "only", "within", "outside"))
_MOST_HEADING_WORDS: Final = 7
_LONGEST_HEADING: Final = 160
"""Characters of a line in which the name of a work is looked for."""
_HEADING_MARKS: Final = " \t#*=_~`-\"'\u201c\u201d"
_HOST_BEHIND_NAME: Final = defer_pattern(
    r"(?::[ \t]+|[ \t]+[(<])https?://(?:www\.)?[\w-]{2,40}\.[a-z]{2,10}/?[)>]?[ \t]*(?=\n|\Z)"
)
"""The bare address of a work behind its name; a path of it could be that of terms."""
_NO_HEADING: Final = defer_pattern(
    r"[al]?gpl\w*|mit|bsd\w*|apache|mpl\w*|epl|cddl|eupl|cc\w*|isc|rail\w*|openrail\w*|unlicense|wtfpl|zlib|boost|commons"
    r"|public|domain|artistic|community|open|agreement|policy|addendum|appendix|exceptions?|codes?|sources?|scripts?"
    r"|documentation|docs|data|datasets?|examples?|parts?|portions?|models?|weights?|checkpoints?|outputs?|users?|tests?"
    r"|compan(?:y|ies)|enterprise|business|governments?|hospitals?|files?|safetensors|gguf|beta|alpha|draft|notes?|warning|important|notice"
)
"""Words of a heading that names a part of the work, a reader, a place or another licence."""
_MOST_SUBJECT_WORDS: Final = 12
_MOST_NAME_WORDS: Final = 6
_MOST_PLAIN_WORDS: Final = 2


def measure_introduction(words: Words, first: int, end: int, titles: _Phrases) -> tuple[int, bool]:
    """Count the words of the introduction that begins at the word ``first``, and return whether it is about code.

    Args:
        words: the words of the text.
        first: the word where the introduction would begin.
        end: the word before which it ends.
        titles: the titles of the licences in the text, as tuples of words.

    Returns:
        (number of words, 0 if none begins there; whether code is what is licensed).
    """
    at = first + match_phrase(words, first, end, _RESERVATIONS) if first < end else first
    at += _match(words, at, end, _NOTES_ON_FILES)
    subject = at
    at = _skip_subject(words, at, end)
    is_about_code = any(_CODE.fullmatch(words.words[each]) for each in range(subject, at))
    if _licenses_whole_as_follows(words, subject, at, end):
        return at + _AS_FOLLOWS - first, is_about_code
    if at + 2 < end and at > subject and tuple(words.words[at + 1 : at + 3]) == _COPYRIGHTED:
        return at + 1 - first, False  # The holders follow, as in a copyright line.
    if at > subject and words.words[at : at + 2] == ["is", "copyright"]:
        return at + 1 - first, False
    if at > subject:
        at += _match(words, at, end, _RESERVATIONS)
    verb = _match(words, at, end, _VERBS)
    at += verb
    at += _match(words, at, end, _ARTICLES)
    title = _match(words, at, end, titles) if verb else 0
    if title == 0:
        return max(_measure_title_of_work(words, first, end, titles), _measure_description(words, first, end)), False
    at += title
    at += _measure_other_names(words, at, end)
    at += _match(words, at, end, _ENDS) or _measure_origin(words, at, end)
    return at + measure_address(words, at, end) - first, is_about_code


def _licenses_whole_as_follows(words: Words, subject: int, verb: int, end: int) -> bool:
    """Whether the whole work is *licensed as follows*; a file or a part may be, and the rest is not."""
    things = words.words[subject:verb]
    if not (any(map(_WHOLE.fullmatch, things)) and any(map(_WORKS.fullmatch, things))):
        return False
    if any(names_readers(word) or _PURPOSES.fullmatch(word) for word in things):
        return False
    return (
        verb + _AS_FOLLOWS <= end
        and _IS_LICENSED_AS_FOLLOWS.fullmatch(" ".join(words.words[verb : verb + _AS_FOLLOWS])) is not None
    )


def _measure_other_names(words: Words, first: int, end: int) -> int:
    """Count the words of *also known as* with other names of a licence; 0 if none begins at ``first``.

    The number of clauses may be before it: *The BSD License (3 Clause, also known as the new BSD license)*.
    """
    clauses = _match(words, first, end, _CLAUSES)
    known = _match(words, first + clauses, end, _ALIASES)
    if not known:
        return 0
    at = first + clauses + known
    while at < end and not _ends_sentence(words, at) and _NAME_OF_LICENSE.fullmatch(words.words[at]):
        at += 1
    return at - first


def _measure_origin(words: Words, first: int, end: int) -> int:
    """Count the words of *as code derived from Acme*; 0 if none begins at ``first``."""
    at = first + _match(words, first, end, _DERIVED)
    last = at
    while first < at and last < min(end, at + _MOST_NAME_WORDS) and _is_plain_name(words, last):
        last += 1
        if _ends_sentence(words, last):
            break
    return last - first if last > at else 0


def _is_plain_name(words: Words, position: int) -> bool:
    """Whether a word is part of a name, and neither a term nor a reader or a place."""
    word = words.words[position]
    return (
        word not in _OPENERS
        and is_name_word(words, position)
        and not is_term_word(words, position)
        and not _PURPOSES.fullmatch(word)
        and not names_readers(word)
    )


def _ends_sentence(words: Words, position: int) -> bool:
    """Whether a full stop with a blank, or a blank line, is before the word ``position``."""
    last = position - 1
    start = words.find_start(last) + len(words.words[last])
    return _SENTENCE_END.match(words.text, start) is not None


def measure_address(words: Words, first: int, end: int) -> int:
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
    return measure_address(words, first, end) if host & _PUBLISHERS else 0


def _measure_description(words: Words, first: int, end: int, *, is_behind_title: bool = False) -> int:
    """Count the words of a line of the text if it is the name of the work with a description.

    An example is *acme -- A parser in Python*. No word of it may be a term, and an article begins the description. The
    title of the licence may be before it: *BSD License for acme - a parser*.
    """
    start = words.find_start(first)
    before = words.text[words.text.rfind("\n", 0, start) + 1 : start].strip(" \t#*")
    if words.words[first] in _OPENERS or (before and not is_behind_title):
        return 0
    stop = words.text.find("\n", start)
    stop = stop if stop >= 0 else len(words.text)
    match = _DESCRIPTION.match(words.text[start:stop].strip())
    at = first
    while match and at < min(end, first + _MOST_DESCRIPTION_WORDS) and words.find_start(at) < stop:
        is_joint = words.words[at] == "with" or words.words[at : at + 2] in (["is", "a"], ["is", "an"], ["is", "the"])
        is_term = is_term_word(words, at) and not is_joint
        word = words.words[at]
        if is_term or not word.isascii() or _PURPOSES.fullmatch(word) or _BUSINESS.fullmatch(word):
            return 0
        if names_readers(words.words[at]) or words.words[at] in ("see", "http", "visit"):
            return 0
        at += 1
    return at - first if match and (at == end or words.find_start(at) >= stop) else 0


def measure_name_of_work(words: Words, first: int, end: int, titles: _Phrases) -> int:
    """Count the words of the name of the work on a line of its own, as a heading: *# Acme Parser*.

    A part of the work, a place, a reader or another licence is no such name: the heading states the scope of the text,
    its readers, or another text.
    """
    start = words.find_start(first)
    begin, stop = words.text.rfind("\n", 0, start) + 1, words.text.find("\n", start)
    stop = stop if stop >= 0 else len(words.text)
    at, limit = first, min(end, first + _MOST_HEADING_WORDS)
    while at < limit and words.find_start(at) < stop and words.words[at] != "copyright":
        at += 1
    # A copyright line may be behind the name on the same line: *Acme Copyright (c) 2024 Jo Acme*.
    is_followed = at < len(words.words) and words.words[at] == "copyright"
    is_line = is_followed or at == len(words.words) or words.find_start(at) >= stop
    is_line = is_line and not words.text[begin:start].strip(_HEADING_MARKS)
    whole = at
    if is_line and (host := _HOST_BEHIND_NAME.search(words.text[start : min(stop, start + _LONGEST_HEADING)])):
        at = next((each for each in range(first, at) if words.find_start(each) >= start + host.start()), at)
    names = [each for each in range(first, at) if any(map(str.isalpha, words.words[each]))]
    is_long = is_joined = at > first and _is_joined(words, first, at)
    is_long = is_long or (whole < len(words.words) and words.words[whole] == "copyright")
    most = _MOST_JOINED_NAME if is_long else _MOST_TITLE_NAME
    if not is_line or not 0 < len(names) <= most or any(map(_NO_HEADING.fullmatch, words.words[first:at])):
        return 0
    # A name in lower case is one if a copyright line or the title of a licence of the text follows it.
    is_one = len(names) == 1 or is_joined
    is_followed = is_followed or (at < end and match_phrase(words, at, end, titles) > 0)
    is_name = (
        is_one
        and (is_followed or (first == 0 and len(names) > 1))
        and all(_is_part_of_name(words, each) for each in range(first, at))
    )
    is_name = is_name or all(_is_plain_name(words, each) for each in range(first, at))
    return whole - first if is_name and not any(map(names_readers, words.words[first:at])) else 0


def _is_joined(words: Words, first: int, end: int) -> bool:
    """Whether hyphens or underscores make one name of several words: *acme_of_the_masses*."""
    stop = words.find_start(end - 1) + len(words.words[end - 1])
    return re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+)+", words.text[words.find_start(first) : stop]) is not None


def _is_part_of_name(words: Words, position: int) -> bool:
    """Whether a word in lower case can be part of a name, as one that is no term and no reader."""
    word = words.words[position]
    return word.isascii() and not is_term_word(words, position) and not _PURPOSES.fullmatch(word)


def _measure_title_of_work(words: Words, first: int, end: int, titles: _Phrases) -> int:
    """Count the words of a title with the name of the work.

    Examples are *BSD License for Acme software*, *The Acme licensing terms* and *Acme License (MIT)*.
    """
    title = _match(words, first, end, titles) or _match(words, first, end, _HEADS)
    at = first + title
    if title == 0 or at >= end or words.words[at] != "for":
        return _measure_title_behind_name(words, first, end, titles)
    described = _measure_description(words, at + 1, end, is_behind_title=True) if at + 1 < end else 0
    if described:
        return at + 1 + described - first
    last = 0
    for position in range(at + 1, min(end, at + 1 + _MOST_NAME_WORDS)):
        word = words.words[position]
        if _WORK_OF_TITLE.fullmatch(word):
            last = position + 1
        elif is_term_word(words, position) or not (
            is_name_word(words, position) or any(map(str.isdigit, word)) or _is_name_before_kind(words, position, end)
        ):
            break
        elif _PURPOSES.fullmatch(word) or names_readers(word):
            return 0
    return last - first if last else 0


def _is_name_before_kind(words: Words, position: int, end: int) -> bool:
    """Whether a word in lower case is the name of a work, directly before its kind: *for acme package*."""
    is_behind_title = words.words[position - 1] in ("for", "the")
    is_before_kind = position + 1 < end and _WORK_OF_TITLE.fullmatch(words.words[position + 1]) is not None
    return is_behind_title and is_before_kind and words.words[position].isascii()


def _measure_title_behind_name(words: Words, first: int, end: int, titles: _Phrases) -> int:
    """Count the words of *The Acme licensing terms* or *Acme License (MIT)*; 0 if none begins at ``first``."""
    at = first + (words.words[first] == "the")
    name = at
    while at < min(end, name + _MOST_TITLE_NAME) and not _LICENSE_WORD.fullmatch(words.words[at]):
        if not _is_plain_name(words, at):
            return 0
        at += 1
    if name in (at, end) or at >= end:
        return 0
    terms = _match(words, at, end, _TERMS_OF_NAME)
    if name > first and terms:
        return at + terms - first
    title = _match(words, at + 1, end, titles) if at + 1 < end else 0
    is_in_brackets = title and words.text[words.find_start(at + 1) - 1] == "("
    return at + 1 + title - first if is_in_brackets else 0


def _skip_subject(words: Words, first: int, end: int) -> int:
    """Return the number of the word behind the names of what is licensed, at most twelve words."""
    position, plain = first, 0
    while position < min(end, first + _MOST_SUBJECT_WORDS):
        word = words.words[position]
        if _match(words, position, end, _VERBS):
            break
        documentation = _match(words, position, end, _WITH_DOCUMENTATION) if position > first else 0
        if documentation:
            position += documentation
            continue
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
