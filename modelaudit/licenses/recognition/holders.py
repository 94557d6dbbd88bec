"""Measure statements on the holders beside a copyright line: how to reach them, and who holds which part."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.name_words import (
    asks_reader,
    is_in_address,
    is_name_word,
    is_term_word,
    names_readers,
)
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_CONTACT: Final = defer_pattern(
    r"(?:e-?mail|mail|contact|author|maintainer|web ?site|web|home ?page|url|github|gitlab|repository)[ \t]*:"
    r"[ \t]*<?(?:[\w.+-]{1,60}@[\w-]{1,40}(?:\.[\w-]{1,20}){1,4}"
    r"|(?:https?://)?[\w-]{1,40}(?:\.[\w-]{1,20}){1,4}(?:/[\w.~@-]{1,60}){0,4}/?)"
    r">?[ \t]*(?=\n|\Z)",
    re.IGNORECASE,
)
"""A line with the address of a person or a project alone."""
_CONTRIBUTORS: Final = defer_pattern(
    r"(?:with )?(?:contributions (?:from|by)|contributors|authors)[ \t]*:[ \t]*"
    r"(?:\n[ \t#/]*[-*\u2022][ \t]+[^\n]{1,60}){1,100}(?=\n|\Z)",
    re.IGNORECASE,
)
"""A line such as *With contributions from:*, and a list of names."""
_ITEM_MARK: Final = defer_pattern(r"[ \t#/]*[-*\u2022][ \t]+\Z")
_DEVELOPED: Final = defer_pattern(r"developed by[ \t]*:", re.IGNORECASE)
_MOST_DEVELOPER_WORDS: Final = 32
_MOST_NAME_WORDS: Final = 5
_MOST_WORDS: Final = 48
_PROJECT: Final = r"(?:the )?(?:projects? )?N(?: project| library)?"
_HOLDS: Final = r"(?:is|are) (?:held|owned) by N(?: as part of (?:the )?(?:projects? )?N(?: project)?)?"
_OF_PARTS: Final = defer_pattern(
    rf"(?:copyrights? (?:for|of|to) (?:some |the )?(?:portions|parts) of {_PROJECT}"
    rf"|(?:all|any) (?:other|remaining) copyrights?(?: (?:for|of|to|in) {_PROJECT})?) {_HOLDS}"
)
_JOINTS: Final = frozenset(
    (
        *(
            "copyright",
            "copyrights",
            "for",
            "of",
            "to",
            "in",
            "some",
            "the",
            "portions",
            "parts",
            "project",
            "projects",
        ),
        *("library", "all", "any", "other", "remaining", "is", "are", "held", "owned", "by", "as", "part"),
    )
)


def measure_contact(words: Words, first: int, end: int) -> int:
    """Count the words of a line with the address of a holder, as in *Email:* with an address; 0 for any other."""
    start = words.find_start(first)
    line_start = words.text.rfind("\n", 0, start) + 1
    match = _CONTACT.match(words.text, start)
    if match is None or words.text[line_start:start].strip(" \t*-"):
        return 0
    at = first
    while at < end and words.find_start(at) < match.end():
        if at > first and (is_term_word(words, at) or names_readers(words.words[at])):
            return 0
        at += 1
    return at - first


def measure_contributors(words: Words, first: int, end: int) -> int:
    """Count the words of *With contributions from:* and a list with a name in each line; 0 if none begins there.

    Every word of an item is part of a name, so that no item can permit, forbid or require anything.
    """
    if words.words[first] not in ("with", "contributions", "contributors", "authors"):
        return 0
    start = words.find_start(first)
    match = _CONTRIBUTORS.match(words.text, start)
    if match is None or words.text[words.text.rfind("\n", 0, start) + 1 : start].strip(" \t#/*-"):
        return 0
    at, first_name = first, words.text.index("\n", start)
    names = 0
    while at < end and words.find_start(at) < match.end():
        if words.find_start(at) > first_name:
            line = words.text.rfind("\n", 0, words.find_start(at)) + 1
            names = 1 if _ITEM_MARK.fullmatch(words.text[line : words.find_start(at)]) else names + 1
            is_name = is_name_word(words, at) and not is_term_word(words, at) and not names_readers(words.words[at])
            if names > _MOST_NAME_WORDS or not is_name:
                return 0
        at += 1
    return at - first


def measure_developers(words: Words, first: int, end: int) -> int:
    """Count the words of *Developed by:* with names and addresses, on one line or several; 0 if none begins there."""
    if words.words[first] != "developed" or _DEVELOPED.match(words.text, words.find_start(first)) is None:
        return 0
    at = first + 2
    while at < min(end, first + _MOST_DEVELOPER_WORDS) and (
        (_classify_word(words, at) in ("N", "of", "the", "for") and not asks_reader(words.words[at]))
        or _is_in_host(words, at)
    ):
        at += 1
    is_line = at == end or "\n" in words.text[words.find_start(at - 1) : words.find_start(at)]
    return at - first if at > first + 2 and is_line else 0


def _is_in_host(words: Words, position: int) -> bool:
    """Whether a word is in an address and no term: the *uk* of a host."""
    return is_in_address(words, position) and not is_term_word(words, position)


def measure_holders_of_parts(words: Words, first: int, end: int) -> int:
    """Count the words of *Copyright for portions of Acme are held by Foo as part of Bar*; 0 if none begins there.

    It names works and holders, and states no term for the parts.
    """
    if words.words[first] not in ("copyright", "copyrights", "all", "any"):
        return 0
    kinds: list[str] = []
    sizes: list[int] = []
    best = 0
    for at in range(first, min(end, first + _MOST_WORDS)):
        kind = _classify_word(words, at)
        if not kind:
            break
        # Words of one name are one name for the grammar.
        if kind == "N" and kinds and kinds[-1] == "N":
            sizes[-1] += 1
        else:
            kinds.append(kind)
            sizes.append(1)
        if _OF_PARTS.fullmatch(" ".join(kinds)) and _ends_here(words, at, end):
            best = sum(sizes)
    return best


def _ends_here(words: Words, position: int, end: int) -> bool:
    """Whether a sentence ends behind a word."""
    stop = words.find_start(position) + len(words.words[position])
    return (
        position + 1 == end
        or re.match(r"\.?[)\"']?\s*(?:\n|\Z|(?<=\.)\s|\.\s)|\.\s", words.text[stop : stop + 8]) is not None
    )


def _classify_word(words: Words, position: int) -> str:
    """Return the word if the grammar has it, ``N`` for a part of a name, nothing for any other."""
    word = words.words[position]
    if word in _JOINTS:
        return word
    # The name of a project may be in lower case, behind the word.
    is_project = words.words[position - 1] in ("project", "projects") and word.isascii()
    if is_term_word(words, position) or names_readers(word) or not (is_project or is_name_word(words, position)):
        return ""
    return "N"


def is_care_of(words: Words, position: int) -> bool:
    """Whether a word is the *o* of *c/o*."""
    start = words.find_start(position)
    return words.text[max(0, start - 2) : start].lower() == "c/"
