"""Decide which differences from a licence text are notation: item labels, dates, word joints and spelling.

Copies by different hands number their items in other ways, state another date of release, and join or divide words.
None of that changes the terms. A number within a sentence is never notation: it may be a limit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import combinations, islice

from modelaudit.licenses.recognition.accounting import is_harmless_gap
from modelaudit.licenses.recognition.alignment import Alignment, Gap
from modelaudit.licenses.recognition.words import Words, hash_triples, hash_word
from modelaudit.model.copies import replace
from modelaudit.model.fingerprint import Fingerprint, Span
from modelaudit.model.lazy_pattern import defer_pattern

_MOST_WORDS = 24
"""Words beyond which a gap is more than notation."""
_LABEL = r"(?:[0-9]{1,2}|[a-z]|[ivx]{1,5})"
# Everything of the line before the end of a label: marks of Markdown, an opening bracket, the levels above it.
_LABEL_LINE = defer_pattern(
    rf"[\s*_>#|•·\u2013-]*(?:(?:section|article|clause)\s+|§+\s*)?[(\[]?{_LABEL}(?:[.)-]{_LABEL})*", re.IGNORECASE
)
_LABEL_WORD = defer_pattern(rf"{_LABEL}|section|article|clause", re.IGNORECASE)
_LABEL_CLOSED = defer_pattern(r"[.):\]、]")
# A label without a mark: its line follows a finished one, and its heading has a capital.
_LABEL_OPEN = defer_pattern(r"[.]?\s+[\"“'*_]*[^\W\d_a-z]")
_FINISHED_LINE = defer_pattern(r"(?:\A|[.;:,!?)\"”*_。\uff1b\uff1a]|\n[ \t]*)\s*\Z")
_ADDRESS = defer_pattern(r"http://[^\s<>\"\])]{4,300}")
_ORIGINAL = frozenset(("original", "copied", "copy", "source", "retrieved", "downloaded", "obtained"))
_NOTE_WORDS = defer_pattern(
    r"a|an|and|are|at|can|be|by|english|faq|faqs|file|following|for|found|from|full|here|in|is|it|licence"
    r"|license|link|of|official|on|online|page|please|refer|see|text|the|this|to|url|version|visit|was"
    r"|website"
)
_MAIL = defer_pattern(r"[\w.+-]{1,60}@[\w-]{1,40}(?:\.[\w-]{1,20}){1,4}")
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_DATE_WORD = defer_pattern(rf"{_MONTHS}|(?:0?[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)?|(?:19|20)[0-9]{{2}}|[年月日]")
_MOST_DATE_WORDS = 8
_MOST_JOINED_WORDS, _MOST_JOINTS, _MOST_CANDIDATES = 8, 2, 200
_MOST_HEADING_DIGITS = 2
_UNDERLINE = defer_pattern(r"[ \t]*\n[ \t]*([=~^\"'-])\1{3,}[ \t]*(?:\n|\Z)")
_LIGATURES = defer_pattern("[\ufb00-\ufb06]")
_SPELLINGS = (("licence", "license"), ("labour", "labor"), ("isation", "ization"), ("favour", "favor"))


def is_notation_gap(words: Words, gap: Gap, item: Fingerprint) -> bool:
    """Whether a gap consists of labels, dates, names in their slots, and other joints or spellings of equal words."""
    (first, end), (print_first, print_end) = gap.text, gap.fingerprint
    if end - first > _MOST_WORDS or print_end - print_first > 2 * _MOST_WORDS:
        return False
    slot = _find_name_slot(gap.fingerprint, item)
    if slot is not None and (first == end or _is_name(words, gap.text, item, slot)):
        # The rest of the name agrees, so words of it may lack, and further ones may be there.
        return True
    if print_first == print_end and first + 1 == end and _ends_underlined_heading(words, first):
        return True
    return _GapMatcher(words, gap, item).matches(first, print_first) or _is_respelled(words, gap, item)


def _ends_underlined_heading(words: Words, position: int) -> bool:
    """Whether a number ends a heading with a line of marks below: a full stop behind it makes it a label."""
    if not words.words[position].isdigit() or len(words.words[position]) > _MOST_HEADING_DIGITS:
        return False
    return _UNDERLINE.match(words.text, words.find_start(position) + len(words.words[position])) is not None


def extend_ends(words: Words, alignment: Alignment, item: Fingerprint) -> Alignment:
    """Extend an alignment over the words before and after it that are the head and the tail of the fingerprint.

    The title holds the name of the product, so it may have no three words in common with the fingerprint.
    """
    (start, stop), gaps = alignment.text, list(alignment.gaps)
    if gaps and gaps[0].fingerprint[0] == 0 and gaps[0].text == (start, start):
        for first in range(max(0, start - _MOST_WORDS), start):
            gap = Gap((first, start), gaps[0].fingerprint)
            if is_notation_gap(words, gap, item):
                gaps[0], start = gap, first
                break
    if gaps and gaps[-1].fingerprint[1] == item.words and gaps[-1].text == (stop, stop):
        for end in range(min(len(words.words), stop + _MOST_WORDS), stop, -1):
            gap = Gap((stop, end), gaps[-1].fingerprint)
            if is_notation_gap(words, gap, item):
                gaps[-1], stop = gap, end
                break
    return replace(alignment, text=(start, stop), gaps=tuple(gaps))


def is_source_note(words: Words, span: Span) -> bool:
    """Whether words beside a text only state where its original is, as in "For the original copy, see" an address."""
    first, end = span
    if not 0 < end - first <= _MOST_WORDS:
        return False
    addresses = [match.span() for match in _ADDRESS.finditer(words.text, words.find_start(first))][:4]
    plain = []
    for position in range(first, end):
        start = words.find_start(position)
        if not any(begin <= start < stop for begin, stop in addresses):
            plain.append(words.words[position])
    return bool(_ORIGINAL.intersection(plain)) and all(
        word in _ORIGINAL or _NOTE_WORDS.fullmatch(word) for word in plain
    )


class _GapMatcher:
    """Matches the words of a gap with the parts of the fingerprint in their place: each is tried in its order."""

    def __init__(self, words: Words, gap: Gap, item: Fingerprint) -> None:
        self._words = words
        self._item = item
        self._end, self._print_end = gap.text[1], gap.fingerprint[1]
        self._first = gap.fingerprint[0]
        self._optional = dict(item.optional)
        self._failed: set[Span] = set()

    def matches(self, at: int, print_at: int) -> bool:
        """Whether the words from ``at`` on match the fingerprint from ``print_at`` on, to the ends of both."""
        if at == self._end and print_at == self._print_end:
            return True
        if (at, print_at) in self._failed:
            return False
        if any(self.matches(*step) for step in self._iter_steps(at, print_at)):
            return True
        self._failed.add((at, print_at))
        return False

    def _iter_steps(self, at: int, print_at: int) -> Iterator[Span]:
        """Yield the places behind one part of the fingerprint and the words that may be in its place."""
        if at < self._end and is_label(self._words, at):
            yield at + 1, print_at
        if print_at >= self._print_end:
            return
        anchor = self._item.anchors.get(print_at)
        if anchor is not None and at < self._end and anchor == hash_word(self._words.words[at]):
            yield at + 1, print_at + 1
        optional_end = self._optional.get(print_at, self._print_end + 1)
        if optional_end <= self._print_end:
            yield at, optional_end
        for spans, kind in ((self._item.dates, "date"), (self._item.slots, "name")):
            for first, last in spans:
                if first <= print_at < last:
                    # A part of a date or a name may lack if the rest of it agrees.
                    is_partial = first < self._first or last > self._print_end
                    for size in self._list_sizes(at, kind, (first, last), 0 if is_partial else 1):
                        yield at + size, min(last, self._print_end)

    def _list_sizes(self, at: int, kind: str, slot: Span, least: int) -> Iterator[int]:
        """Yield how many words from ``at`` on may be in place of a slot, most first."""
        for size in range(min(self._end - at, _MOST_WORDS), least - 1, -1):
            span = (at, at + size)
            if (
                size == 0
                or (kind == "name" and _is_name(self._words, span, self._item, slot))
                or (
                    kind == "date"
                    and size <= _MOST_DATE_WORDS
                    and all(map(is_date_word, self._words.words[at : at + size]))
                )
            ):
                yield size


def _is_name(words: Words, span: Span, item: Fingerprint, slot: Span) -> bool:
    """Whether the words are a name by the rules of slots, or a mail address."""
    if all(is_in_mail_address(words, position) for position in range(*span)):
        return True
    return is_harmless_gap(words, Gap(span, slot), item)


def _find_name_slot(span: Span, item: Fingerprint) -> Span | None:
    """Find the slot of a name that holds the span as a part or an edge, and not as the whole."""
    first, end = span
    return next((slot for slot in item.slots if slot != span and slot[0] <= first and end <= slot[1]), None)


def is_label(words: Words, position: int) -> bool:
    """Whether a word is the label of an item or heading, such as ``1.1`` or ``(iv)``, and not a part of a sentence."""
    if not _LABEL_WORD.fullmatch(words.words[position]):
        return False
    start = words.find_start(position)
    end = start + len(words.words[position])
    before, after = words.text[max(0, start - 1) : start], words.text[end : end + 1]
    if before in ("(", "[") and after in (")", "]"):
        return True
    line_start = words.text.rfind("\n", 0, start) + 1
    if start - line_start > 40 or not _LABEL_LINE.fullmatch(words.text, line_start, end):
        # "Section" alone is a label only together with the number behind it.
        return bool(
            start - line_start <= 40
            and not words.words[position].isdigit()
            and len(words.words[position]) > 5
            and position + 1 < len(words.words)
            and is_label(words, position + 1)
        )
    if _LABEL_CLOSED.match(after):
        return True
    return bool(
        _LABEL_OPEN.match(words.text, end) and _FINISHED_LINE.search(words.text[max(0, line_start - 80) : line_start])
    )


def is_in_mail_address(words: Words, position: int) -> bool:
    """Whether a word is a part of a mail address."""
    start = words.find_start(position)
    for match in _MAIL.finditer(words.text, max(0, start - 80), start + 120):
        if match.start() <= start < match.end():
            return True
    return False


def is_date_word(word: str) -> bool:
    """Whether a word in lower case can be a part of a date: a month, a day or a year."""
    return _DATE_WORD.fullmatch(word) is not None


def _is_respelled(words: Words, gap: Gap, item: Fingerprint) -> bool:
    """Whether the words of the text are those of the fingerprint, joined, divided or spelled in another way.

    The fingerprint has only hashes, so each possible spelling is hashed with the words around the gap.
    """
    (first, end), (print_first, print_end) = gap.text, gap.fingerprint
    given, wanted = words.words[first:end], print_end - print_first
    if not given or not wanted or max(len(given), wanted) > _MOST_JOINED_WORDS:
        return False
    if abs(len(given) - wanted) > _MOST_JOINTS or print_first < 2 or first < 2 or print_end + 2 > item.words:
        return False
    expected = item.triples[print_first - 2 : print_end]
    before, after = list(words.words[first - 2 : first]), list(words.words[end : end + 2])
    return any(
        hash_triples([*before, *spelling, *after]) == expected
        for spelling in islice(_iter_spellings(given, wanted), _MOST_CANDIDATES)
    )


def _iter_spellings(given: Sequence[str], wanted: int) -> Iterator[list[str]]:
    """Yield other spellings of the words that have the wanted number of words."""
    plain = [_LIGATURES.sub(lambda letter: unicodedata.normalize("NFKC", letter[0]), word) for word in given]
    joints = len(plain) - wanted
    if joints > 0:
        # "non commercial" for "noncommercial": each choice of places where two words are one.
        for places in combinations(range(1, len(plain)), joints):
            joined = [plain[0]]
            for position, word in enumerate(plain[1:], 1):
                if position in places:
                    joined[-1] += word
                else:
                    joined.append(word)
            yield joined
    elif joints == -1:
        for position, word in enumerate(plain):
            for at in range(1, len(word)):
                yield [*plain[:position], word[:at], word[at:], *plain[position + 1 :]]
    elif joints == 0:
        yield plain
        for one, other in _SPELLINGS:
            yield [word.replace(one, other) for word in plain]
            yield [word.replace(other, one) for word in plain]
