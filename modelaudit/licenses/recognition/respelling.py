"""Recognise a gap that only spells the words of a licence in another way.

A fingerprint holds hashes and no words. A gap of the text is therefore rewritten by each pair of spellings, with the
two words on either side, and agrees if the hashes of the rewritten words are those of the fingerprint.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from modelaudit.licenses.recognition.alignment import Gap
from modelaudit.licenses.recognition.words import Words, hash_triples
from modelaudit.model.fingerprint import Fingerprint, Span

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
    ("http www", "http"),
    ("neither the names of", "neither the name of"), ("names of other contributors", "names of its contributors"),
    ("holders nor those", "holder nor the names"),
    ("philosophy", "licenses"), ("nor those of", "nor the names of"), ("any of the contributors", "its contributors"),
    ("any contributors", "its contributors"), ("names of any contributors", "name of the author"),
    ("holders and contributors be", "owner or contributors be"),
    ("this is provided", "this software is provided"), ("this even", "this software even"),
    ("ma 02111", "ma 02111 1307"),
    ("59 temple place suite 330 boston ma 02111", "51 franklin street fifth floor boston ma 02110 1301"),
    ("59 temple place suite 330 boston ma 02111 1307", "51 franklin street fifth floor boston ma 02110 1301"),
    ("the licensor", "licensor"), ("any notices that", "those notices that"), ("expressed", "express"),
    ("tortuous", "tortious"), ("fulfil", "fulfill"), ("acknowledgement", "acknowledgment"),
    ("judgement", "judgment"), ("whilst", "while"), ("organisation", "organization"), ("authorised", "authorized"),
    ("do not", "don t"), ("does not", "doesn t"), ("is not", "isn t"), ("cannot", "can t"), ("cannot", "can not"),
)  # fmt: skip
"""Pairs that mean the same wherever a licence uses them; an empty one means that the words may be missing."""


_SPELLINGS: Final = [(one.split(), other.split()) for pair in _PAIRS for one, other in (pair, pair[::-1])]
_MOST_GROWTH: Final = max(len(other) - len(one) for one, other in _SPELLINGS)
_SPELLINGS_BY_GROWTH: Final = {
    growth: [(one, other) for one, other in _SPELLINGS if len(other) - len(one) == growth]
    for growth in range(-_MOST_GROWTH, _MOST_GROWTH + 1)
}
"""The spellings by the number of words that they add."""


def is_respelled(words: Words, gap: Gap, item: Fingerprint) -> bool:
    """Whether the words of a gap agree with the fingerprint once one or two pairs of spellings are unified."""
    first, end = gap.text[0] - _CONTEXT, gap.text[1] + _CONTEXT
    print_first, print_end = gap.fingerprint[0] - _CONTEXT, gap.fingerprint[1]
    if first < 0 or print_first < 0 or end > len(words.words) or gap.text[1] - gap.text[0] > _MOST_WORDS:
        return False
    wanted = item.triples[print_first:print_end]
    written = list(words.words[first:end])
    growth = len(wanted) + _CONTEXT - len(written)
    if abs(growth) > 2 * _MOST_GROWTH:
        return False
    triples = words.triples[first : end - 2]
    # A spelling and its reverse leave the words as they are.
    if triples == wanted or _agrees_once_respelled(written, triples, wanted):
        return True
    for one, other in _SPELLINGS:
        # Adding words that may be missing and dropping them again changes nothing.
        rest = growth - len(other) + len(one)
        if rest not in _SPELLINGS_BY_GROWTH or (not one and rest == -len(other)):
            continue
        for at in _find_places(written, one):
            once = [*written[:at], *other, *written[at + len(one) :]]
            if _agrees_once_respelled(once, hash_triples(once), wanted):
                return True
    return False


def is_respelled_beside_name(words: Words, gap: Gap, item: Fingerprint, may_be_name: Callable[[Span], bool]) -> bool:
    """Whether a gap is another name in a slot, and another spelling of the words directly behind the slot.

    An example is *copyright holders, nor those* for *organization nor the names*.

    Args:
        words: the words of the text.
        gap: the gap.
        item: the fingerprint.
        may_be_name: whether words of the text may be in place of the slot.
    """
    slot_end = next((end for first, end in item.slots if first <= gap.fingerprint[0] < end < gap.fingerprint[1]), 0)
    first, end = gap.text
    behind = gap.fingerprint[1] + _CONTEXT
    if not slot_end or end - first > _MOST_WORDS or behind > item.words or end + _CONTEXT > len(words.words):
        return False
    wanted = item.triples[slot_end : behind - _CONTEXT]
    for start in range(first + 1, end):
        written = list(words.words[start : end + _CONTEXT])
        if _agrees_once_respelled(written, hash_triples(written), wanted) and may_be_name((first, start)):
            return True
    return False


def _agrees_once_respelled(written: Sequence[str], triples: array[int], wanted: array[int]) -> bool:
    """Whether one spelling in place of the other of its pair turns words with these triples into the wanted ones."""
    size, shorter = len(written), min(len(triples), len(wanted))
    spellings = _SPELLINGS_BY_GROWTH.get(len(wanted) - len(triples), ())
    # The words before and behind the replaced ones stay, so their triples must agree already.
    same_before = next((at for at in range(shorter) if triples[at] != wanted[at]), shorter)
    same_behind = next((at for at in range(shorter) if triples[-1 - at] != wanted[-1 - at]), shorter)
    for one, other in spellings:
        for at in _find_places(written, one):
            if at <= same_before + _CONTEXT and at + len(one) >= size - same_behind - _CONTEXT:
                respelled = [*written[:at], *other, *written[at + len(one) :]]
                if hash_triples(respelled) == wanted:
                    return True
    return False


def _find_places(written: Sequence[str], one: Sequence[str]) -> Iterator[int]:
    """Yield the numbers of the words at which a spelling begins; an empty one fits anywhere between two words."""
    if not one:
        yield from range(len(written) + 1)
    elif one[0] in written:
        for at in range(len(written) - len(one) + 1):
            if written[at] == one[0] and written[at : at + len(one)] == one:
                yield at
