"""Measure a sentence that only points elsewhere: *See AUTHORS for more details*, *The text can be found here:* address.

Such a sentence names a list of people, or a publisher of licences, and no other place: the terms of another file would
be terms that were not read.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.introductions import measure_license_address
from modelaudit.licenses.recognition.words import Words

_PEOPLE: Final = re.compile(
    r"see (?:the )?(?:file )?(?:authors|contributors|credits|maintainers)(?: (?:txt|md|rst|file)){0,2}"
    r"(?: for (?:an? |the )?(?:more |full |complete |further )?(?:details|information|info|list|names)"
    r"(?: of (?:all )?(?:authors|contributors|names|people))?)?(?= |$)"
)
_LICENSE: Final = re.compile(
    r"(?:you (?:can|may) (?:obtain|find) (?:a copy|it|the license)(?: of the license)? (?:at|here)"
    r"|(?:the|a)(?: full| complete)?(?: copy of the)? licen[cs]e(?: text)? (?:can also be|can be|is)"
    r" (?:found|available|obtained)"
    r"(?: here| at)?|see(?: also)?)(?= http )"
)
_MOST_WORDS: Final = 16


def measure_pointer(words: Words, first: int, end: int) -> int:
    """Count the words of the pointer that begins at the word ``first``; 0 if none begins there."""
    if words.words[first] not in ("see", "you", "the", "a"):
        return 0
    phrase = " ".join(words.words[first : min(end, first + _MOST_WORDS)])
    people = _PEOPLE.match(phrase)
    if people:
        return people[0].count(" ") + 1
    license = _LICENSE.match(phrase)
    if license is None:
        return 0
    at = first + license[0].count(" ") + 1
    address = measure_license_address(words, at, end)
    return at + address - first if address else 0
