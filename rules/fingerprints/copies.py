"""Learn from several copies of one licence text which words vary: dates, names, labels, and headings that may lack.

The copies come from different hands. A word that varies between them is a slot only if it is a part of a date or of a
name in each of them; a part that a copy lacks is optional only if it is a label or a heading. Any other difference
makes the copy a text of its own. A number with a meaning, a territory or a word that permits, forbids or requires is
never a slot.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

from modelaudit.licenses.recognition.accounting import is_accounted_for, is_harmless_gap
from modelaudit.licenses.recognition.alignment import Gap
from modelaudit.licenses.recognition.likeness import explain_text
from modelaudit.licenses.recognition.notation import is_date_word, is_in_mail_address, is_label
from modelaudit.licenses.recognition.words import Words, hash_word
from modelaudit.model.fingerprint import Fingerprint, Fingerprints, Span

_LEAST_LIKENESS = 0.6
"""The share of word triples that two copies of one text have in common at least."""
_LONGEST_DIFFERENCE = 14
_TERRITORIES = re.compile(
    r"european|union|europe|eu|eea|kingdom|uk|britain|england|wales|scotland|ireland|korea|china|chinese"
    r"|prc|hong|kong|macau|taiwan|states|us|usa|america|japan|russia|russian|germany|france|italy|spain"
    r"|switzerland|india|brazil|canada|australia|singapore|israel|iran|cuba|syria|ukraine|turkey|mexico"
    r"|republic|federation|delaware|california|washington|york|beijing|shanghai|hangzhou|shenzhen|seoul"
    r"|territory|territories|worldwide|country|countries"
)
_CLOSE_WORDS = 4
_HEADING_WORDS, _TITLE_LINE_WORDS, _TITLE_LINES = 25, 14, 4
# A date behind such a word is a term: the day on which a right begins or ends.
_TERM_DATE = re.compile(r"until|expires?|expiry|change|before|after|through|by|since|within|than|ends?|starting|from")
# A number before such a word is an amount.
_UNIT = re.compile(
    r"million|billion|thousand|users?|percent|usd|dollars?|eur|euros?|rmb|yuan|months?|years?|days?|hours?|monthly"
    r"|active|employees|copies|万|亿|元|人|天|个|名"
)
# Day, month and year in the orders in which people write them, or a year alone.
_DATE_SHAPE = re.compile(r"DMY|MDY|MY|YCDCDC|YCDC|YDD|DDY|Y")
_FUNCTION_WORDS = re.compile(
    r"all|and|any|as|at|be|but|each|either|else|every|from|he|if|into|is|it|its|may|nor|or|other|our|out"
    r"|over|per|shall|she|some|such|than|that|their|them|then|there|these|they|this|those|under|up|upon|us"
    r"|was|we|were|when|where|which|who|will|you|your|licensor|licensee|contributor|section|article"
    r"|agreement|licence|license|materials"
)
_TITLE_JOINERS = frozenset(["a", "an", "and", "by", "for", "in", "of", "on", "the", "to", "v", "version", "with"])
_HEADING_TERM = re.compile(
    r"not|no|non\w*|only|must|shall|may|prohibit\w*|restrict\w*|forbid\w*|except|exclud\w*|commercial|research|military"
    r"|unless|without|require\w*|limited"
)


@dataclass
class Parts:
    """The spans of a text that may vary, by kind."""

    optional: set[Span] = field(default_factory=set)
    slots: set[Span] = field(default_factory=set)
    dates: set[Span] = field(default_factory=set)

    def add(self, other: Parts) -> None:
        """Take over the spans of another copy."""
        self.optional |= other.optional
        self.slots |= other.slots
        self.dates |= other.dates


@dataclass
class LearnedText:
    """A text with what its copies show to vary.

    Attributes:
        name: of the copy that the fingerprint is made from.
        words: of that copy.
        parts: the spans of it that may vary.
        names: of all copies that it stands for, its own first.
    """

    name: str
    words: Words
    parts: Parts
    names: list[str]


def learn_texts(copies: Sequence[tuple[str, Words]], titles: Sequence[str] = ()) -> list[LearnedText]:
    """Group the copies of one licence into as few texts as explain them all, most copies first.

    Args:
        copies: the name and the words of each.
        titles: phrases that may be present or missing at the head.
    """
    left = list({tuple(words.words): (name, words) for name, words in reversed(copies)}.values())
    learned: list[LearnedText] = []
    while left:
        # The likest to all others first: a copy with a page around it explains none of them.
        likeness = {name: sum(_measure_likeness(words, other) for _, other in left) for name, words in left}
        chosen = max(
            (_learn_text(name, words, left, titles) for name, words in left),
            key=lambda text: (len(text.names), round(likeness[text.name], 6), text.name),
        )
        learned.append(chosen)
        left = [(name, words) for name, words in left if name not in chosen.names]
    return learned


def _measure_likeness(one: Words, other: Words) -> float:
    """Return the share of word triples that two copies have in common, 0 to 1."""
    return len(one.distinct & other.distinct) / max(1, len(one.distinct | other.distinct))


def build_fingerprint(
    text: LearnedText, titles: Sequence[str] = (), license_id: str = "LicenseRef-X", *, is_use_policy: bool = False
) -> Fingerprint:
    """Build the fingerprint of a learned text."""
    return Fingerprint(
        id=text.name,
        license_id=license_id,
        is_use_policy=is_use_policy,
        triples=array("I", text.words.triples),
        titles=tuple(titles),
        optional=tuple(sorted(text.parts.optional)),
        slots=tuple(sorted(text.parts.slots)),
        dates=tuple(sorted(text.parts.dates)),
        anchors=find_anchors(text),
    )


def find_anchors(text: LearnedText) -> dict[int, int]:
    """Hash the single words of optional lines, and those between parts that vary and lie close to each other."""
    words, parts = text.words.words, text.parts
    variable = {position for span in (*parts.optional, *parts.slots, *parts.dates) for position in range(*span)}
    fixed = {position for span in parts.optional for position in range(*span)}
    bounds = sorted({-1, len(words), *variable})
    for before, after in pairwise(bounds):
        if 1 < after - before <= _CLOSE_WORDS + 1:
            fixed |= set(range(before + 1, after))
    return {position: hash_word(words[position]) for position in sorted(fixed)}


def _learn_text(name: str, words: Words, copies: Iterable[tuple[str, Words]], titles: Sequence[str]) -> LearnedText:
    """Make a text of one copy, and learn from each other copy that differs from it by nothing but parts that vary."""
    text = LearnedText(name, words, find_own_parts(words), [name])
    for other_name, other in copies:
        if other_name == name:
            continue
        learned = compare_copies(words, other)
        if learned is None:
            continue
        wider = Parts(set(text.parts.optional), set(text.parts.slots), set(text.parts.dates))
        wider.add(learned)
        candidate = LearnedText(name, words, wider, [*text.names, other_name])
        if is_exact_copy(other, build_fingerprint(candidate, titles)):
            text = candidate
    return text


def is_exact_copy(words: Words, item: Fingerprint) -> bool:
    """Whether the recognition accounts for every word of a copy."""
    explanation = explain_text(words, Fingerprints((item,)))
    is_explained = not explanation.loose and all(not place.differing_gaps for place in explanation.places)
    return bool(explanation.places) and is_explained


def find_own_parts(words: Words) -> Parts:
    """Find the parts that may vary without a second copy: labels of items, dates that are no terms, title lines."""
    parts = Parts()
    for position in range(len(words.words)):
        if is_label(words, position):
            parts.optional.add(slide_span((position, position + 1), words.words))
    parts.dates |= set(_find_dates(words))
    parts.optional |= set(find_title_lines(words))
    parts.slots |= set(_find_holders(words))
    return parts


def _find_holders(words: Words) -> Iterator[Span]:
    """Yield the spans behind the word "copyright" in lines that are nothing but a copyright statement."""
    for position, word in enumerate(words.words):
        start = words.find_start(position)
        line_start = words.text.rfind("\n", 0, start) + 1
        if word != "copyright" or not re.fullmatch(r"[\W_]*", words.text[line_start:start]):
            continue
        line_end = words.text.find("\n", start)
        last = position + 1
        while last < len(words.words) and (line_end < 0 or words.find_start(last) < line_end):
            last += 1
        empty = Fingerprint("x", "LicenseRef-X", False, array("I"))
        if 1 < last - position <= _HEADING_WORDS and is_accounted_for(words, (position, last), (empty,)):
            yield position + 1, last


def find_title_lines(words: Words) -> list[Span]:
    """Find the lines of the title: short lines at the head whose words have capitals; empty without such a line."""
    lines = []
    for first, last in _iter_lines(words, 0, _TITLE_LINES):
        stop = words.find_start(last - 1) + len(words.words[last - 1])
        is_sentence = last - first > _TITLE_LINE_WORDS or words.text[stop : stop + 1] in tuple(
            ".:;,\u3002\uff0c\uff1b\uff1a"
        )
        plain = sum(
            1
            for position in range(first, last)
            if words.get_spelling(position)[:1].islower() and words.words[position] not in _TITLE_JOINERS
        )
        if is_sentence or plain > 1 or _is_terms(words.words[first:last]) or is_label(words, first):
            break
        lines.append((first, last))
    # The whole text may be short lines; a title is a small part of it.
    return lines if lines and lines[-1][1] * 4 < len(words.words) else []


def _iter_lines(words: Words, start: int, most: int) -> Iterator[Span]:
    """Yield the spans of the first lines with words."""
    first = start
    for _ in range(most):
        if first >= len(words.words):
            return
        newline = words.text.find("\n", words.find_start(first))
        last = first
        while last < len(words.words) and (newline < 0 or words.find_start(last) < newline):
            last += 1
        yield first, last
        first = last


def _find_dates(words: Words) -> Iterator[Span]:
    """Yield the spans of dates with a year, and of years in copyright lines, unless a word makes the date a term."""
    shape = "".join(map(_find_date_shape, words.words))
    for match in _DATE_SHAPE.finditer(shape):
        first, end = match.span()
        before = words.words[max(0, first - 3) : first]
        if end - first == 1 and "copyright" not in words.words[max(0, first - 12) : first]:
            continue
        if not any(_TERM_DATE.fullmatch(word) for word in before):
            yield first, end


def _find_date_shape(word: str) -> str:
    """Return a letter for the role of a word in a date: year, day or number of a month, month, sign; or a dot."""
    if re.fullmatch(r"(?:19|20)[0-9]{2}", word):
        return "Y"
    if word in "年月日":
        return "C"
    if is_date_word(word) and word != "may":
        return "D" if word[0].isdigit() else "M"
    return "M" if word == "may" else "."


def compare_copies(base: Words, other: Words) -> Parts | None:
    """Compare two copies of one text.

    Returns:
        The spans of ``base`` that vary; ``None`` if a difference is more than a date, a name, a label or a heading.
    """
    parts, own = Parts(), find_own_parts(base)
    if _measure_likeness(base, other) < _LEAST_LIKENESS:
        return None
    titles, others = find_title_lines(base), find_title_lines(other)
    matcher = SequenceMatcher(None, base.words, other.words, autojunk=False)
    renamed: set[tuple[Sequence[str], Sequence[str]]] = set()
    unclear: list[tuple[Span, Span]] = []
    for tag, first, last, other_first, other_last in matcher.get_opcodes():
        span, other_span = (first, last), (other_first, other_last)
        if tag == "equal" or _is_other_holder(base, span, other, other_span, own):
            continue
        if _is_other_title(base, span, titles) and _is_other_title(other, other_span, others):
            found: Parts | None = Parts(slots={span})
        else:
            found = _judge_difference(base, span, other, other_span)
        if found is None:
            unclear.append((span, other_span))
            continue
        parts.add(found)
        if span in found.slots:
            renamed.add((tuple(base.words[first:last]), tuple(other.words[other_first:other_last])))
    # Where all words have capitals, only the same exchange elsewhere shows a name.
    if any((tuple(base.words[a:b]), tuple(other.words[c:d])) not in renamed for (a, b), (c, d) in unclear):
        return None
    parts.slots |= {span for span, _ in unclear}
    return parts


def explain_difference(base: Words, other: Words) -> str:
    """Explain why a copy may have other terms than ``base``: a number, a term word or many words; empty if it has none.

    Links and names may differ, for they are no terms.
    """
    if _measure_likeness(base, other) < _LEAST_LIKENESS:
        return "has too few words in common with the first text"
    matcher = SequenceMatcher(None, base.words, other.words, autojunk=False)
    for tag, first, last, other_first, other_last in matcher.get_opcodes():
        mine, theirs = base.words[first:last], other.words[other_first:other_last]
        if tag == "equal" or _judge_difference(base, (first, last), other, (other_first, other_last)) is not None:
            continue
        changed = [*mine, *theirs]
        is_limit = any(word.isdigit() or _UNIT.fullmatch(word) or _HEADING_TERM.fullmatch(word) for word in changed)
        if is_limit or len(changed) > _LONGEST_DIFFERENCE or any(_TERRITORIES.fullmatch(word) for word in changed):
            return f"“{' '.join(mine)[:80]}” against “{' '.join(theirs)[:80]}”"
    return ""


def _is_other_holder(base: Words, span: Span, other: Words, other_span: Span, own: Parts) -> bool:
    """Whether a difference is another name in a slot that the text has by itself."""
    slot = next((slot for slot in own.slots if slot[0] <= span[0] and span[1] <= slot[1]), None)
    probe = Fingerprint("x", "LicenseRef-X", False, array("I"), slots=tuple(own.slots))
    return slot is not None and is_harmless_gap(other, Gap(other_span, slot), probe)


def _is_other_title(words: Words, span: Span, titles: Sequence[Span]) -> bool:
    """Whether the words are a product's name within a line of the title, where every word may have capitals."""
    inside = words.words[span[0] : span[1]]
    is_name = any(not word.isdigit() and word not in _TITLE_JOINERS for word in inside)
    return is_name and any(first <= span[0] and span[1] <= last for first, last in titles)


def _judge_difference(base: Words, span: Span, other: Words, other_span: Span) -> Parts | None:
    """Return the part that varies in one place; ``None`` if the difference may change the terms."""
    left = _drop_labels(base, span)
    other_left = _drop_labels(other, other_span)
    labels = {(position, position + 1) for position in range(*span) if position not in left}
    parts = Parts(optional={slide_span(label, base.words) for label in labels})
    if not left and not other_left:
        return parts
    mine = [base.words[position] for position in left]
    theirs = [other.words[position] for position in other_left]
    if not mine or not theirs:
        wider = _widen_name(base, span, other, other_span)
        if wider is not None:
            parts.slots.add(wider)
            return parts
    if mine and theirs:
        core = (left[0], left[-1] + 1)
        is_term_date = any(_TERM_DATE.fullmatch(word) for word in base.words[max(0, core[0] - 3) : core[0]])
        if all(map(is_date_word, (*mine, *theirs))) and not is_term_date:
            parts.dates.add(core)
            return parts
        if _is_name(base, core) and _is_name(other, (other_left[0], other_left[-1] + 1)):
            parts.slots.add(core)
            return parts
        return None
    if mine:
        is_heading = span[0] == 0 and len(mine) <= _HEADING_WORDS and not _is_terms(mine)
        if is_heading:
            parts.optional = {slide_span(span, base.words)}
            return parts
        return None
    empty = Fingerprint("x", "LicenseRef-X", False, array("I"))
    return parts if is_accounted_for(other, other_span, (empty,)) else None


def _widen_name(base: Words, span: Span, other: Words, other_span: Span) -> Span | None:
    """Widen a short addition to a name, such as a version, by the word of the name before it."""
    if span[0] == 0 or other_span[0] == 0 or max(span[1] - span[0], other_span[1] - other_span[0]) > 4:
        return None
    wider, other_wider = (span[0] - 1, span[1]), (other_span[0] - 1, other_span[1])
    has_name = base.get_spelling(span[0] - 1)[:1].isupper()
    return wider if has_name and _is_name(base, wider) and _is_name(other, other_wider) else None


def _drop_labels(words: Words, span: Span) -> list[int]:
    """List the positions of the words that are no labels of items."""
    return [position for position in range(*span) if not is_label(words, position)]


def _is_terms(words: Sequence[str]) -> bool:
    """Whether a word permits, forbids, limits or requires."""
    return any(_HEADING_TERM.fullmatch(word) for word in words)


def _is_name(words: Words, span: Span) -> bool:
    """Whether the words are a name, with its version, by the measure of the recognition; a mail address is one too."""
    first, end = span
    inside = words.words[first:end]
    if all(is_in_mail_address(words, position) for position in range(first, end)):
        return True
    if words.words[end : end + 1] and _UNIT.fullmatch(words.words[end]):
        return False
    if any(_UNIT.fullmatch(word) or _TERRITORIES.fullmatch(word) for word in inside):
        return False
    numbers = [word for word in inside if word.isdigit()]
    # A number alone is a version only behind a name or the word "version".
    if numbers and len(numbers) == len(inside):
        spelling = words.get_spelling(first - 1) if first else ""
        is_behind_name = spelling[:1].isupper() or spelling.lower() in ("v", "version") or spelling.isdigit()
        if not is_behind_name or any(len(number) > 2 for number in numbers):
            return False
    elif not any(_is_proper(words, position) for position in range(first, end)):
        return False
    probe = Fingerprint("x", "LicenseRef-X", False, array("I"), slots=((first, end),))
    return is_harmless_gap(words, Gap(span, span), probe)


def _is_proper(words: Words, position: int) -> bool:
    """Whether a word is a proper name: it mixes letters and digits, or has a capital and its neighbours have none."""
    word, spelling = words.words[position], words.get_spelling(position)
    if not word.isdigit() and any(letter.isdigit() for letter in word):
        return True
    if word in _TITLE_JOINERS or _FUNCTION_WORDS.fullmatch(word) or not spelling[:1].isupper():
        return False
    around = [words.get_spelling(at) for at in (*range(position - 4, position), *range(position + 1, position + 5))
              if 0 <= at < len(words.words)]  # fmt: skip
    return any(each[:1].islower() for each in around) or not spelling.isupper()


def slide_span(span: Span, words: Sequence[str]) -> Span:
    """Move a span to the last place with the same words around it, where the alignment finds it."""
    first, end = span
    while end < len(words) and words[first] == words[end]:
        first, end = first + 1, end + 1
    return first, end
