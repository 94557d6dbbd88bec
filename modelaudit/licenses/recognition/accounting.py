"""Which words beside those of a licence say nothing about its terms: the holder's name, a title, a heading.

Whatever is not plainly one of these is a difference. A statement of copyright is names and years; words with which one
permits, forbids or conditions make it more than that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from modelaudit.licenses.recognition.alignment import Gap
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Fingerprint, Span

_YEAR = re.compile(r"(?:19|20)[0-9]{2}|yyyy|year")
_HOLDER_LIMIT = 24
"""Words of one statement of copyright."""
_SLOT_LIMIT = 12
_GAP_LIMIT = 400

# Words that may stand in a name of a holder in lower case; the other words of a name have a capital or a number.
_JOINING = frozenset(
    "a al and as aka affiliates at author authors by c company co com contributors copyright corporation de des developers"
    " dot du et foundation from fullname holder holders inc its io its llc ltd members mailto name names net of or org"
    " others owner portions present present project reserved respective rights see subsidiaries team the their to und"
    " university van von www year yyyy http https github all file".split()
)
# Words with which one says what may be done. No name is a reason to read over one of them.
_TERMS = frozenset(
    "academic agree agreement any are ban banned bans be can cannot cc commercial commercially compete condition"
    " conditions consent contact cost deny deployment derivative do does educational except excluding exempt fee fees"
    " forbidden forbids free grant granted grants if illegal is it license licence licensed limited may military must"
    " nc nd no non noncommercial nonprofit not only pay payment permission permit permits permitted prior prohibited"
    " prohibits provided purpose purposes require required requires research restricted restriction restrictions sa"
    " sell shall should sold sublicense subject terms that this unless until use used users uses using violates void"
    " when which who will with within without written you your".split()
)
_HEADINGS = tuple(
    tuple(phrase.split())
    for phrase in (
        "all rights reserved", "license", "licence", "the license", "licenses", "license agreement", "copying",
        "license text", "full license text", "legal code", "text",
    )
)  # fmt: skip


def is_accounted(words: Words, span: Span, items: Collection[Fingerprint]) -> bool:
    """Whether the words of ``span`` are titles of these licences, headings and statements of copyright alone."""
    first, end = span
    if end - first > _GAP_LIMIT:
        return False
    phrases = {tuple(title.split()) for item in items for title in item.titles}
    ids = {tuple(re.findall(r"[a-z0-9]+", item.of.lower())) for item in items}
    phrases |= ids | {("spdx", "license", "identifier", *id_) for id_ in ids} | set(_HEADINGS)
    longest = max(len(phrase) for phrase in phrases)
    while first < end:
        phrase = next(
            (size for size in range(min(longest, end - first), 0, -1) if tuple(words.words[first : first + size]) in phrases),
            0,
        )
        taken = phrase or _copyright(words, first, end, phrases)
        if not taken:
            return False
        first += taken
    return True


def _copyright(words: Words, first: int, end: int, phrases: Collection[tuple[str, ...]]) -> int:
    """How many words from ``first`` on are a statement of copyright; 0 where none begins."""
    begin = words.words[first]
    if not (begin in ("copyright", "copyrights", "portions") or _YEAR.fullmatch(begin)):
        return 0
    # A name is short where capitals cannot tell it from a sentence.
    limit = min(end, first + _HOLDER_LIMIT)
    loud = all(words.spelled(position).isupper() for position in range(first, limit) if words.words[position].isalpha())
    limit = min(limit, first + 9) if loud else limit
    position = first + 1
    while position < limit and _is_of_a_name(words, position):
        position += 1
        if tuple(words.words[position : position + 1]) == ("copyright",):
            break
    return position - first


def _is_of_a_name(words: Words, position: int) -> bool:
    word = words.words[position]
    if word in _TERMS:
        return False
    spelled = words.spelled(position)
    return word in _JOINING or spelled != word or word[0].isdigit() or not word.isascii() or _in_address(words, position)


def _in_address(words: Words, position: int) -> bool:
    """Whether a word is a part of an address of the net or of mail."""
    begin = words.starts[position]
    end = begin + len(words.words[position])
    return words.text[begin - 1 : begin] in ("@", "/", ".", "-") or words.text[end : end + 1] in ("@", "/", ".") and (
        words.text[end + 1 : end + 2].isalnum()
    )


def is_like(words: Words, gap: Gap, item: Fingerprint) -> bool:
    """Whether a gap changes nothing: an optional part that is missing, a slot with another name, a copyright."""
    first, end = gap.print
    missing_is_optional = first >= end or _within(gap.print, item.optional)
    if missing_is_optional and (gap.text[0] >= gap.text[1] or is_accounted(words, gap.text, (item,))):
        return True
    if not _within(gap.print, item.slots) or gap.text[1] - gap.text[0] > _SLOT_LIMIT:
        return False
    return all(_is_of_a_name(words, position) for position in range(*gap.text))


def _within(span: Span, parts: Sequence[Span]) -> bool:
    """Whether the parts, side by side, hold all of ``span``."""
    position, end = span
    for first, last in sorted(parts):
        if first <= position < last:
            position = last
    return position >= end
