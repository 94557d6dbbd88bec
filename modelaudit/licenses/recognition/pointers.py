"""Measure a sentence that only points elsewhere: *See AUTHORS for more details*, *The text can be found here:* address.

Such a sentence names a list of people, or a publisher of licences, and no other place: the terms of another file would
be terms that were not read.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.introductions import measure_address, measure_license_address
from modelaudit.licenses.recognition.name_words import match_phrase
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_PEOPLE: Final = defer_pattern(
    r"see (?:the )?(?:file )?(?:authors|contributors|credits|maintainers)(?: (?:txt|md|rst|file)){0,2}"
    r"(?: for (?:an? |the )?(?:more |full |complete |further )?(?:details|information|info|list|names)"
    r"(?: of (?:all )?(?:authors|contributors|names|people))?)?(?= |$)"
)
_LIST_OF_PEOPLE: Final = defer_pattern(
    r"(?:the|a) (?:full |complete )?list of (?:all )?(?:authors|contributors) (?:can be found|is available)"
    r"(?: at| here)?(?= http )"
)
_PEOPLE_WORDS: Final = frozenset(("authors", "contributors", "credits", "maintainers"))
_LICENSE: Final = defer_pattern(
    r"(?:(?:the )?(?:full|complete|entire) (?:licen[cs]e text|text)"
    r"|you (?:can|may) (?:obtain|find) (?:a copy|it|the license)(?: of the license)? (?:at|here)"
    r"|(?:the|a)(?: full| complete)?(?: copy of the)? licen[cs]e(?: text)? (?:can also be|can be|is)"
    r" (?:found|available|obtained)"
    r"(?: here| at)?|see(?: also)?)(?= http )"
)
_TITLED: Final = defer_pattern(r"(?:the )?(?:full|complete|entire) (?:text of the )?(?=\w)")
_BEHIND_TITLE: Final = defer_pattern(
    r"(?:licen[cs]e )?(?:text )?(?:v(?:ersion)? ?\d(?: \d)? )?(?:is|can be) (?:found|available)(?: here| at)?(?= http )"
)
_MOST_WORDS: Final = 16
_FILE: Final = r"licen[cs]e[-.][\w-]{1,30}(?:\.(?:txt|md|rst))?"
_SIBLINGS: Final = defer_pattern(
    r"(?:this|the) (?:software|project|package|work|library|model) is (?:made available|available|licensed|released"
    r"|distributed) under the terms of (?:either|any|one|both) of the (?:two )?licen[cs]es (?:found|included) in"
    rf" (?P<names>{_FILE}(?:, {_FILE}){{0,3}},? (?:or|and) {_FILE})\."
    r"(?: contributions to (?:(?:this [a-z]{1,12}|[\w.-]{1,40}) )?(?:is|are) made under the terms of both (?:of )?these"
    r" licen[cs]es\.)?",
    re.IGNORECASE,
)
_MOST_POINTER_CHARACTERS: Final = 600


def measure_pointer(words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]] = frozenset()) -> int:
    """Count the words of the pointer that begins at the word ``first``; 0 if none begins there.

    Args:
        words: the words of the text.
        first: the word where the pointer would begin.
        end: the word before which it ends.
        titles: the titles of the licences in the text, as tuples of words.
    """
    if words.words[first] not in ("see", "you", "the", "a", "full", "complete", "entire"):
        return 0
    phrase = " ".join(words.words[first : min(end, first + _MOST_WORDS)])
    people = _PEOPLE.match(phrase)
    if people:
        return people[0].count(" ") + 1
    if listed := _LIST_OF_PEOPLE.match(phrase):
        at = first + listed[0].count(" ") + 1
        address = measure_address(words, at, end)
        # The page of an address that names no people may hold terms.
        return at + address - first if address and words.words[at + address - 1] in _PEOPLE_WORDS else 0
    license = _LICENSE.match(phrase)
    if license is None:
        return _measure_titled_pointer(words, first, end, titles)
    at = first + license[0].count(" ") + 1
    address = measure_license_address(words, at, end)
    return at + address - first if address else 0


def _measure_titled_pointer(words: Words, first: int, end: int, titles: frozenset[tuple[str, ...]]) -> int:
    """Count the words of *The complete GNU General Public License is available at* with an address of a publisher."""
    head = _TITLED.match(" ".join(words.words[first : min(end, first + _MOST_WORDS)]))
    at = first + head[0].count(" ") if head else first
    title = match_phrase(words, at, end, titles) if at > first else 0
    behind = _BEHIND_TITLE.match(" ".join(words.words[at + title : min(end, at + title + _MOST_WORDS)]))
    if not title or behind is None:
        return 0
    at += title + behind[0].count(" ") + 1
    address = measure_license_address(words, at, end)
    return at + address - first if address else 0


def find_sibling_files(text: str) -> tuple[str, ...]:
    """Return the names of the licence files that a text points to, if it says nothing else.

    An example is *made available under the terms of either of the licenses found in LICENSE.APACHE or LICENSE.BSD*.
    """
    if len(text) > _MOST_POINTER_CHARACTERS:
        return ()
    match = _SIBLINGS.fullmatch(" ".join(text.replace("*", "").replace("`", "").split()))
    return tuple(re.findall(_FILE, match["names"], re.IGNORECASE)) if match else ()
