"""Recognise a gap that only spells the words of a licence in another way.

A fingerprint holds hashes and no words. A gap of the text is therefore rewritten by each pair of spellings, with the
two words on either side, and agrees if the hashes of the rewritten words are those of the fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.licenses.recognition.alignment import Gap
from modelaudit.licenses.recognition.words import Words, hash_triples
from modelaudit.model.fingerprint import Fingerprint

_CONTEXT: Final = 2
"""Words on each side of a gap: a triple that holds a word of the gap holds at most two others."""
_MOST_WORDS: Final = 12
"""Words of a gap beyond which it is more than another spelling."""
_PAIRS: Final = (
    ("licence", "license"), ("licences", "licenses"), ("non infringement", "noninfringement"),
    ("sub license", "sublicense"), ("merchantibility", "merchantability"), ("including the next paragraph", ""),
    ("copyright holder", "copyright holders"), ("copyright owner", "copyright holder"),
    ("holder s", "holders"), ("holder s", "holder"), ("owner s", "owners"), ("author s", "authors"),
    ("authors or copyright holder", "authors or copyright holders"),
    ("street", "st"), ("fifth floor", "suite 500"), ("library", "lesser"), ("lesser", "library"),
    ("temple place suite 330", "temple place"), ("http", "https"), ("ca", "california"), ("ma", "massachusetts"),
    ("1335", "1301"), ("software and its documentation", "software"),
    ("holders nor those", "holder nor the names"),
    ("philosophy", "licenses"), ("nor those of", "nor the names of"), ("any of the contributors", "its contributors"),
    ("any contributors", "its contributors"),
    ("fulfil", "fulfill"), ("acknowledgement", "acknowledgment"),
    ("judgement", "judgment"), ("whilst", "while"), ("organisation", "organization"), ("authorised", "authorized"),
)  # fmt: skip
"""Pairs that mean the same wherever a licence uses them; an empty one means that the words may be missing."""


def is_respelled(words: Words, gap: Gap, item: Fingerprint) -> bool:
    """Whether the words of a gap agree with the fingerprint once one or two pairs of spellings are unified."""
    first, end = gap.text[0] - _CONTEXT, gap.text[1] + _CONTEXT
    print_first, print_end = gap.fingerprint[0] - _CONTEXT, gap.fingerprint[1]
    if first < 0 or print_first < 0 or end > len(words.words) or gap.text[1] - gap.text[0] > _MOST_WORDS:
        return False
    wanted = item.triples[print_first:print_end]
    size = len(wanted) + _CONTEXT
    once = list(_respell(list(words.words[first:end])))
    return any(
        len(each) == size and hash_triples(each) == wanted
        for each in (*once, *(twice for each in once for twice in _respell(each)))
    )


def _respell(written: Sequence[str]) -> Iterator[list[str]]:
    """Yield the words with one occurrence of one spelling replaced by the other of its pair."""
    for one, other in _SPELLINGS:
        for at in range(len(written) - len(one) + 1):
            # An empty spelling fits anywhere between two words.
            if list(written[at : at + len(one)]) == one:
                yield [*written[:at], *other, *written[at + len(one) :]]


_SPELLINGS: Final = [(one.split(), other.split()) for pair in _PAIRS for one, other in (pair, pair[::-1])]
