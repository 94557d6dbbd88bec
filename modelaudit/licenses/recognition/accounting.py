"""Decide which words beside a licence text are insignificant: the copyright holder, a title, a heading.

Every other word is a difference. A copyright statement consists of names and years alone. A word that permits, forbids
or requires ends it, so that "Copyright 2024 Acme, no commercial use" never passes as a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from modelaudit.licenses.recognition.alignment import Gap
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Fingerprint, Span

_YEAR = re.compile(r"(?:19|20)[0-9]{2}|yyyy|year")
_HOLDER_LIMIT, _CAPITALS_LIMIT = 60, 10
"""Maximum words of a copyright statement, and of one in capitals alone, where capitals do not mark names."""
_PLAIN_LIMIT = 2
"""Lower-case words in a name that are on no list: some people and projects write themselves so."""
_SLOT_LIMIT, _PLAIN_SLOT_LIMIT = 12, 3
"""Maximum words, and maximum lower-case words on no list, in the place of a slot."""
_GAP_LIMIT = 400
"""Words beyond which a span is rejected unread: no title and no list of holders is that long."""

_NAME_JOINERS = re.compile(
    r"a|al|all|an|and|as|aka|affiliates|at|author|authors|by|c|co|com|company|contributors|copyright"
    r"|corporation|de|des|developers|dot|du|et|file|for|foundation|from|fullname|github|group|holder"
    r"|holders|http|inc|individual|io|its|jr|la|llc|ltd|mailto|member|members|name|names|net|of|on|or|org"
    r"|others|owner|owners|portions|present|project|reserved|respective|rights|s|see|software|subsidiaries"
    r"|t|team|the|their|to|und|university|van|von|www|year|yyyy"
)
"""Words that join the parts of names."""
# Words that permit, forbid or require, by their stems. Even within a name, such a word ends the copyright statement:
# rejecting an odd name only makes a variant, but accepting a condition would lose it.
_TERM_WORDS = re.compile(
    r"(?:academ|agree|allow|ban(?:s|ned)?$|cannot|cc$|commerc|compet|condition|consent|cost|den(?:y|ied|ies)|deploy"
    r"|derivativ|disallow|distribut|educat|exclu|exempt|except|fees?$|forbid|free|grant|illegal|licen[cs]|limit|may$"
    r"|militar|modif|must|nc$|nd$|no$|non|nor$|not$|oblig|only|pay|permi|prior$|prohib|provid|purpos|refus|requir|resear"
    r"|resell|restrict|revok|sell|sale|shall|should|sublicen|subject|surveil|terminat|terms?$|this$|train|unauth|unless"
    r"|until|us(?:e|es|ed|er|ers|ing)$|violat|void|warrant|weapon|without|written|you|is$|are$|be$|can$|if$|when"
    r"|confident|propriet|evaluat|trial|internal|personal|privat|secret|verbot|untersag|nicht|kein|kommerz|interdi|prohib"
    r"|proib|sans$|pas$|sauf|solo$|sin$|which|who$|with$|any$|that$|do$|does$|it$)"
)
_HEADINGS = tuple(
    tuple(phrase.split())
    for phrase in (
        "all rights reserved", "license", "licence", "the license", "licenses", "license agreement", "copying",
        "license text", "full license text", "legal code", "text",
    )
)  # fmt: skip


def is_accounted_for(words: Words, span: Span, items: Collection[Fingerprint]) -> bool:
    """Whether the words of ``span`` are only titles of these licences, headings and copyright statements."""
    position, end = span
    if end - position > _GAP_LIMIT:
        return False
    phrases = _collect_phrases(items)
    # Consume the span phrase by phrase. One unexplained word is enough to reject it, since a single "not" matters.
    while position < end:
        explained = _match_phrase(words, position, end, phrases) or _measure_copyright(words, position, end, phrases)
        if explained == 0:
            return False
        position += explained
    return True


def _collect_phrases(items: Collection[Fingerprint]) -> frozenset[tuple[str, ...]]:
    """Collect the titles and identifiers of the licences, and headings, as tuples of words."""
    titles = {tuple(title.split()) for item in items for title in item.titles}
    ids = {tuple(re.findall(r"[a-z0-9]+", item.license_id.lower())) for item in items}
    return frozenset(titles | ids | {("spdx", "license", "identifier", *id_) for id_ in ids} | set(_HEADINGS))


def _measure_copyright(words: Words, first: int, end: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the copyright statement that begins at ``first``; 0 if none begins there.

    It ends before a phrase of ``phrases``, the next "copyright", a word that permits, forbids or requires, and the
    third lower-case word that joins no names.
    """
    opening = words.words[first]
    # A year alone opens a statement too, because "(c)" is dropped as an item number: "(c) 2024 Acme".
    if not (opening in ("copyright", "copyrights", "portions") or _YEAR.fullmatch(opening)):
        return 0
    limit = min(end, first + _HOLDER_LIMIT)
    # In an all-capitals line every word looks like a name, so such a statement gets a much lower limit.
    if all(words.get_spelling(at).isupper() for at in range(first, limit) if words.words[at].isalpha()):
        limit = min(limit, first + _CAPITALS_LIMIT)
    position, plain_words = first + 1, 0
    while position < limit and not _match_phrase(words, position, end, phrases):
        word = words.words[position]
        if word == "copyright" or _TERM_WORDS.match(word):
            break
        if not _is_name_word(words, position):
            plain_words += 1
            # The stems of ``_TERM_WORDS`` are ASCII, so a word beyond ASCII may be a condition in another language.
            if plain_words > _PLAIN_LIMIT or not word.isascii():
                break
        position += 1
    return position - first


def _match_phrase(words: Words, position: int, end: int, phrases: frozenset[tuple[str, ...]]) -> int:
    """Count the words of the longest phrase that begins at ``position``; 0 if none does."""
    sizes = {len(phrase) for phrase in phrases if phrase[0] == words.words[position]}
    for size in sorted(sizes, reverse=True):
        if position + size <= end and tuple(words.words[position : position + size]) in phrases:
            return size
    return 0


def _is_name_word(words: Words, position: int) -> bool:
    """Whether a word has a capital, is a number or a part of an address, or joins names."""
    word = words.words[position]
    return (
        bool(_NAME_JOINERS.fullmatch(word))
        or words.get_spelling(position) != word  # words are in lower case, so the spelling has a capital
        or word[0].isdigit()
        or _is_in_address(words, position)
    )


def _is_in_address(words: Words, position: int) -> bool:
    """Whether a word is part of a web or mail address: a separator joins it to the text before or after it."""
    start = words.find_start(position)
    end = start + len(words.words[position])
    before, after, next_after = words.text[start - 1 : start], words.text[end : end + 1], words.text[end + 1 : end + 2]
    # A full stop ends a sentence if no letter or digit follows it, so both characters after the word count.
    return before in ("@", "/", ".", "-") or (after in ("@", "/", ".") and next_after.isalnum())


def is_harmless_gap(words: Words, gap: Gap, item: Fingerprint) -> bool:
    """Whether a gap changes nothing: a missing optional part, another name in a slot, another copyright line."""
    added = range(*gap.text)
    is_complete = gap.fingerprint[0] >= gap.fingerprint[1]
    lacks_only_optional_words = is_complete or _covers_whole_parts(gap.fingerprint, item.optional)
    if lacks_only_optional_words and (not added or is_accounted_for(words, gap.text, (item,))):
        return True
    if is_complete or not _lies_within(gap.fingerprint, item.slots) or len(added) > _SLOT_LIMIT:
        return False
    # A slot takes a name of any kind, but never a word that permits, forbids or requires.
    plain_words = sum(1 for position in added if not _is_name_word(words, position))
    has_term = any(_TERM_WORDS.match(words.words[position]) for position in added)
    return plain_words <= _PLAIN_SLOT_LIMIT and not has_term


def _covers_whole_parts(span: Span, parts: Sequence[Span]) -> bool:
    """Whether ``span`` is one of the parts, or several adjacent ones, from end to end."""
    end_by_first = dict(parts)
    position, end = span
    while position < end and position in end_by_first:
        position = end_by_first[position]
    return position == end


def _lies_within(span: Span, parts: Sequence[Span]) -> bool:
    """Whether the parts together contain all of ``span``."""
    position, end = span
    for first, last in sorted(parts):
        if first <= position < last:
            position = last
    return position >= end
