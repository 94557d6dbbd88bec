"""Decide which words beside a licence text are insignificant: the copyright holder, a title, a heading.

Every other word is a difference. A copyright statement consists of names and years alone. A word that permits, forbids
or requires ends it, so that "Copyright 2024 Acme, no commercial use" never passes as a name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from operator import itemgetter

from modelaudit.licenses.recognition.alignment import Gap
from modelaudit.licenses.recognition.attributions import measure_attribution, measure_heading
from modelaudit.licenses.recognition.choices import measure_origin_note, measure_remark
from modelaudit.licenses.recognition.components import measure_component_line, measure_field
from modelaudit.licenses.recognition.foreign_names import is_foreign_name
from modelaudit.licenses.recognition.holders import (
    is_care_of,
    measure_contact,
    measure_contributors,
    measure_developers,
    measure_holders_of_parts,
)
from modelaudit.licenses.recognition.introductions import (
    measure_address,
    measure_introduction,
    measure_license_address,
    measure_name_of_work,
)
from modelaudit.licenses.recognition.name_words import (
    begins_paragraph,
    ends_name,
    is_hyphenated,
    is_name_word,
    is_term_word,
    leads_to_lab,
    match_phrase,
    names_readers,
)
from modelaudit.licenses.recognition.notices import measure_notice_frame
from modelaudit.licenses.recognition.pointers import measure_pointer
from modelaudit.licenses.recognition.remarks import RemarkKind, measure_listed_remark
from modelaudit.licenses.recognition.respelling import is_respelled, is_respelled_beside_name
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Fingerprint, Span
from modelaudit.model.lazy_pattern import defer_pattern

_YEAR = defer_pattern(r"(?:19|20)[0-9]{2}|yyyy|year")
_NOTICE_WORDS = frozenset(("copyright", "copyrighted", "copyrights", "portions", "c", "by", "the", "present"))
_HOLDER_LIMIT, _CAPITALS_LIMIT = 300, 10
"""Maximum words of a copyright statement, and of one in capitals alone, where capitals do not mark names."""
_PLAIN_LIMIT = 2
"""Lower-case words in a name that are on no list: some people and projects write themselves so."""
_CJK_NAME_LIMIT = 4
_CARE_OF_LIMIT = 6
"""The same where the statement holds the name of a house: "(c/o acme, …)"."""
_SLOT_LIMIT, _PLAIN_SLOT_LIMIT = 12, 3
"""Maximum words, and maximum lower-case words on no list, in the place of a slot."""
_WORK = defer_pattern(r"software|project|package|library|program|work|module|organi[sz]ation")
_GAP_LIMIT = 400
"""Words beyond which a span is rejected unread: no title and no list of holders is that long."""

_MOST_PUBLISHER_WORDS = 3
_BARE_ADDRESS = defer_pattern(
    r"https?://(?:www\.)?(?P<host>[\w-]{2,40})\.[a-z]{2,10}(?:\.[a-z]{2})?/?(?=\s|\Z)", re.IGNORECASE
)

_HEADINGS = tuple(
    tuple(phrase.split())
    for phrase in (
        "all rights reserved", "license", "licence", "the license", "licenses", "license agreement", "copying",
        "license text", "full license text", "legal code", "text", "open source license", "copyright and license",
        "this license is approved by the osi and fsf as gpl compatible", "copyright notice",
        "and others that have contributed code to the public domain", "end of terms and conditions",
        "some rights reserved", "original version", "the original version", "license information", "licensing",
        "licensing terms", "license terms", "copyright information", "copyrights and licenses", "legal notice",
        "begin license text", "end license text", "begin license block", "end license block",
        "license copyright unknown", "license license unknown", "license contact unknown", "spdx short identifier",
        "spdx license identifier", "further resources",
        "the license is an osi approved open source license and is gpl compatible",
        "the license is an osi approved open source license and is gpl compatible 1",
        "this license has been certified as open source", "copyright notice and statement",
        "original javascript version", "original js version", "original python version", "original c version",
        "original version in javascript", "original implementation",
        "modified work", "original work", "original code", "modifications", "port to typescript",
        "based on original work", "based on original work by",
        "other authors listed in authors", "all authors listed in authors", "other contributors listed in contributors",
        "except where noted", "copyright and permission notice",
        "additional copyrights may follow", "header", "additional copyrights may follow header",
        "subject to receipt of any required approvals from the u s dept of energy",
    )
)  # fmt: skip


class SpanPart(StrEnum):
    """What a part of the words beside a licence text is."""

    PHRASE = "phrase"
    INTRODUCTION = "introduction"
    CODE_INTRODUCTION = "code-introduction"
    """It states that the code is under the licence."""
    NOTICE_FRAME = "notice-frame"
    ATTRIBUTION = "attribution"
    PART_INTRODUCTION = "part-introduction"
    """It states that the licence of a part follows."""
    PARTS_INTRODUCTION = "parts-introduction"
    """It states that the licences of parts follow, with names and addresses."""
    COPYRIGHT = "copyright"


_PART_OF_REMARK = {
    RemarkKind.ANYTHING: SpanPart.PHRASE,
    RemarkKind.PART: SpanPart.PART_INTRODUCTION,
    RemarkKind.PARTS: SpanPart.PARTS_INTRODUCTION,
}


def is_accounted_for(words: Words, span: Span, items: Collection[Fingerprint]) -> bool:
    """Whether the words of ``span`` only name the work, these licences and the holders of the copyright."""
    return explain_words(words, span, items) is not None


def explain_words(words: Words, span: Span, items: Collection[Fingerprint]) -> frozenset[SpanPart] | None:
    """Explain the words beside licence texts: titles, headings, introductions, attributions, copyright statements.

    Args:
        words: the words of the text.
        span: the words to explain.
        items: the fingerprints of the licences in the text.

    Returns:
        The parts that ``span`` consists of; ``None`` if it holds a word that is none of them.
    """
    position, end = span
    if end - position > _GAP_LIMIT:
        return None
    named = tuple((item.license_id, item.titles) for item in items)
    ids = _collect_ids(named)
    phrases, titles = _collect_phrases(named), _collect_titles(named) | ids
    own_names = frozenset(id_[1:] for id_ in ids if id_[0] == "licenseref" and len(id_) > 1)
    is_first = position == 0
    has_notice = any(item.is_notice for item in items)
    found: set[SpanPart] = set()
    # Consume the span phrase by phrase. One unexplained word is enough to reject it, since a single "not" matters.
    while position < end:
        introduction, is_about_code = measure_introduction(words, position, end, titles)
        part, explained = max(
            (SpanPart.PHRASE, match_phrase(words, position, end, phrases)),
            (SpanPart.CODE_INTRODUCTION if is_about_code else SpanPart.INTRODUCTION, introduction),
            (SpanPart.NOTICE_FRAME, measure_notice_frame(words, position, end) if has_notice else 0),
            (SpanPart.PHRASE, measure_license_address(words, position, end)),
            (SpanPart.PHRASE, measure_pointer(words, position, end, titles)),
            (SpanPart.PHRASE, measure_remark(words, position, end, titles)),
            (SpanPart.COPYRIGHT, _measure_holders(words, position, end)),
            key=itemgetter(1),
        )
        if explained == 0:
            part, explained = SpanPart.COPYRIGHT, _measure_copyright(words, position, end, phrases)
        component, is_of_others = max(
            measure_component_line(words, position, end, titles | own_names),
            measure_field(words, position, end, ids, is_first=is_first),
        )
        if component > explained:
            part, explained = SpanPart.ATTRIBUTION if is_of_others else SpanPart.PHRASE, component
        remark, kind = measure_listed_remark(
            words, (position, end), titles | own_names, is_first=is_first, is_only=len(dict(named)) == 1
        )
        if remark > explained:
            part, explained = _PART_OF_REMARK[kind], remark
        attribution = measure_attribution(words, position, end, titles, is_first=is_first)
        if attribution > explained:
            part, explained = SpanPart.ATTRIBUTION, attribution
        if explained == 0 and not is_first:
            part, explained = SpanPart.ATTRIBUTION, _measure_attributed(words, position, end, found)
        if explained == 0:
            name = measure_name_of_work(words, position, end, titles)
            part, explained = SpanPart.PHRASE, name or measure_origin_note(words, position, end, titles)
        if explained == 0:
            return None
        found.add(part)
        position += explained
    return frozenset(found)


def _measure_holders(words: Words, first: int, end: int) -> int:
    """Count the words of a statement on holders, beside a copyright line, that begins at ``first``; 0 for any other."""
    return max(
        _measure_publisher(words, first, end),
        _measure_holder_address(words, first, end),
        measure_contact(words, first, end),
        measure_holders_of_parts(words, first, end),
        measure_contributors(words, first, end),
        measure_developers(words, first, end),
    )


def _measure_attributed(words: Words, first: int, end: int, found: Collection[SpanPart]) -> int:
    """Count the words of a line that names the work whose licence text follows, or of its address; 0 for any other.

    Behind the last text, and at an address of terms, they would be those of a licence that is not in the text.
    """
    if end == len(words.words):
        return 0
    is_attributed = SpanPart.ATTRIBUTION in found or SpanPart.PARTS_INTRODUCTION in found
    heading = measure_heading(words, first, end, is_attributed=is_attributed)
    address = measure_address(words, first, end) if is_attributed and not heading else 0
    has_terms = any(words.words[each].startswith("licen") for each in range(first, first + address))
    return 0 if has_terms else heading or address


_Named = tuple[tuple[str, tuple[str, ...]], ...]
"""The ids and titles of licences."""


@lru_cache(maxsize=64)
def _collect_phrases(named: _Named) -> frozenset[tuple[str, ...]]:
    """Collect the titles and identifiers of the licences, and headings, as tuples of words."""
    titles, ids = _collect_titles(named), _collect_ids(named)
    return frozenset(titles | ids | {("spdx", "license", "identifier", *id_) for id_ in ids} | set(_HEADINGS))


@lru_cache(maxsize=64)
def _collect_ids(named: _Named) -> frozenset[tuple[str, ...]]:
    """Collect the identifiers of the licences as tuples of words: *apache 2 0*.

    They come without the version too, because the version at the end of a sentence looks like an item number.
    """
    ids = [re.findall(r"[a-z0-9]+", id_.lower()) for id_, _ in named]
    return frozenset((*map(tuple, ids), *(tuple(word for word in id_ if not word.isdigit()) for id_ in ids)))


@lru_cache(maxsize=64)
def _collect_titles(named: _Named) -> frozenset[tuple[str, ...]]:
    """Collect the titles of the licences as tuples of words, with and without an article, in both spellings."""
    titles = {title.removeprefix("the ") for _, own in named for title in own}
    titles |= {f"the {title}" for title in titles}
    titles |= {title.replace("license", "licence") for title in titles}
    return frozenset(tuple(title.split()) for title in titles)


def _measure_copyright(words: Words, first: int, end: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the copyright statement that begins at ``first``; 0 if none begins there.

    It ends before a phrase of ``phrases``, the next "copyright", a word that permits, forbids or requires, a word of
    places or readers behind a name, the paragraph after the one with a name, and the third lower-case
    word that joins no names.
    """
    opening = words.words[first]
    # A year alone opens a statement too, because "(c)" is dropped as an item number: "(c) 2024 Acme".
    if not (opening in ("copyright", "copyrighted", "copyrights", "portions") or _YEAR.fullmatch(opening)):
        return 0
    limit = min(end, first + _HOLDER_LIMIT)
    # In an all-capitals line every word looks like a name, so such a statement gets a much lower limit.
    if all(words.get_spelling(at).isupper() for at in range(first, limit) if words.words[at].isalpha()):
        limit = min(limit, first + _CAPITALS_LIMIT)
    position, plain_words, most = first + 1, 0, _PLAIN_LIMIT
    while position < limit and not _begins_phrase(words, position, end, phrases):
        word = words.words[position]
        if word == "until" and (address := measure_address(words, position + 1, limit)):
            position += 1 + address  # the change with which a holder left
            continue
        is_over = word == "copyright" or is_term_word(words, position) or ends_name(words, position, limit)
        if is_over or _begins_other_part(words, position, (first, end)):
            break
        if not is_name_word(words, position):
            plain_words += not is_hyphenated(words, position)
            if is_foreign_name(words, position):
                position, plain_words = position + 1, plain_words - 1
                continue
            # The stems of ``is_term_word`` are ASCII, so a word beyond ASCII may be a condition in another language.
            is_between = _is_between_names(words, position, limit)
            if plain_words > (_CJK_NAME_LIMIT if is_between else most) or not (word.isascii() or is_between):
                break
        elif word == "o" and is_care_of(words, position):
            most = _CARE_OF_LIMIT
        position += 1
    return position - first


def _begins_phrase(words: Words, position: int, end: int, phrases: frozenset[tuple[str, ...]]) -> bool:
    """Whether a phrase ends a copyright statement; *MIT* before the name of a laboratory is one: *2023 MIT HAN Lab*."""
    size = match_phrase(words, position, end, phrases)
    return size > 0 and not (size == 1 and leads_to_lab(words, position, end))


def _begins_other_part(words: Words, position: int, span: Span) -> bool:
    """Whether a statement ends before a word: a pointer or, once the statement has a name, a paragraph begins."""
    if words.words[position] == "see" and measure_pointer(words, position, span[1]):
        return True
    return begins_paragraph(words, position) and _has_name(words, span[0], position)


def _measure_publisher(words: Words, first: int, end: int) -> int:
    """Count the words of the publisher's name alone on the first line, which the copyright line below repeats."""
    size = next(
        (at for at in range(first, min(end, first + _MOST_PUBLISHER_WORDS + 1)) if words.words[at] == "copyright"), 0
    )
    if first or size == 0:
        return 0
    line_end = words.text.find("\n", words.find_start(size))
    below = words.text[words.find_start(size) : line_end if line_end >= 0 else None].lower()
    return size if all(words.words[at] in below and not is_term_word(words, at) for at in range(size)) else 0


def _measure_holder_address(words: Words, first: int, end: int) -> int:
    """Count the words of the bare address of a holder, which is a paragraph below the copyright line with the name."""
    start = words.find_start(first)
    address = _BARE_ADDRESS.match(words.text, start)
    before = words.text[:start].rstrip().rpartition("\n")[2].lower()
    if address is None or "copyright" not in before:
        return 0
    name = "".join(re.findall(r"[a-z0-9]", before))
    if re.sub(r"[^a-z0-9]", "", address["host"].lower()) not in name:
        return 0
    return sum(1 for at in range(first, end) if words.find_start(at) < address.end())


def _has_name(words: Words, first: int, end: int) -> bool:
    """Whether the words from ``first`` up to ``end`` hold more than years and words of a copyright line."""
    return any(
        word.isalpha() and not _YEAR.fullmatch(word) and word not in _NOTICE_WORDS for word in words.words[first:end]
    )


def _is_between_names(words: Words, position: int, end: int) -> bool:
    """Whether a word of Latin letters is between two words with a capital, as in "Ingy döt Net"."""
    is_latin = all("LATIN" in unicodedata.name(letter, "") for letter in words.words[position])
    around = (position - 1, position + 1)
    return is_latin and all(
        0 <= each < end and words.get_spelling(each) != words.words[each] and not is_term_word(words, each)
        for each in around
    )


def is_harmless_gap(words: Words, gap: Gap, item: Fingerprint) -> bool:
    """Whether a gap changes nothing: a missing optional part, another name in a slot, another copyright line."""
    added = range(*gap.text)
    # An appendix that someone filled in: the explanation of it is missing, and another holder is in the slot.
    lacking = _strip_whole_parts(gap.fingerprint, item.optional)
    is_in_slot = lacking[0] < lacking[1] and _lies_within(lacking, item.slots)
    is_explained = not added or is_accounted_for(words, gap.text, (item,))
    if is_explained and (lacking[0] >= lacking[1] or is_in_slot):
        return not is_in_slot or bool(added) or not _empties_slot(lacking, item.slots)
    if is_respelled(words, gap, item):
        return True
    if is_in_slot:
        return _may_be_name(words, gap.text)
    return is_respelled_beside_name(words, gap, item, partial(_may_be_name, words))


def _may_be_name(words: Words, span: Span) -> bool:
    """Whether words may be in place of a slot: a name of any kind, never a word that permits, forbids or requires."""
    added = range(*span)
    if len(added) > _SLOT_LIMIT:
        return False
    plain_words = sum(1 for position in added if not is_name_word(words, position))
    has_term = any(is_term_word(words, each) and not _names_all(words, each) for each in added)
    return plain_words <= _PLAIN_SLOT_LIMIT and not has_term


def _names_all(words: Words, position: int) -> bool:
    """Whether a word is part of "any contributors" or "this project", which replace a name in a slot.

    *Nor* joins two names there, as in "neither the name Acme, nor Foo, nor the names of its contributors".
    """
    word, after = words.words[position], words.words[position + 1 : position + 2]
    if word == "nor" and after:
        around = (position - 1, position + 1)
        return not names_readers(after[0]) and all(
            is_name_word(words, each) and not is_term_word(words, each) for each in around
        )
    return word == "any" or (word == "this" and bool(after) and _WORK.fullmatch(after[0]) is not None)


def _strip_whole_parts(span: Span, parts: Sequence[Span]) -> Span:
    """Strip the parts that lie at the beginning of ``span`` from end to end, one behind the other."""
    end_by_first = dict(parts)
    position, end = span
    while position < end and end_by_first.get(position, end + 1) <= end:
        position = end_by_first[position]
    return position, end


def _empties_slot(span: Span, slots: Sequence[Span]) -> bool:
    """Whether nothing of the name in a slot is left: "copyright holders" remains of "… and contributors"."""
    return any(span[0] <= first and end <= span[1] for first, end in slots)


def _lies_within(span: Span, parts: Sequence[Span]) -> bool:
    """Whether the parts together contain all of ``span``."""
    position, end = span
    for first, last in sorted(parts):
        if first <= position < last:
            position = last
    return position >= end
