"""Find sentences that forbid a field, a territory or an act, in texts that are compared as a whole.

A use policy or an unknown licence text is a list of prohibitions, and one pointer to the file covers all of them.
Its sentences are kept as claims, so that a conclusion can show first the one that forbids the planned use itself. An
item of a list is read together with the words before the list: "You may not use it for:".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from modelaudit.licenses.evidence.fields import PROHIBITION
from modelaudit.licenses.evidence.kept_judgements import keep_judgements
from modelaudit.licenses.evidence.restriction_sentences import has_restriction_stem, match_restriction_sign
from modelaudit.licenses.evidence.sentence_cues import find_own_words, find_topics, match_cues
from modelaudit.licenses.evidence.sentences import fold_sentence, split_sentences
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.restrictions import Cues, Restrictions
from modelaudit.model.structure import Location

FORBIDDING = frozenset({"forbid", "must-not", "cannot", "not-for"})
"""The vocabularies of ``rules/cues.yaml`` with words that forbid."""
EXCEPTING, WITHOUT_PAY = "excepting", "without-pay"
"""Topics of ``rules/cues.yaml`` that are no fact of a planned use."""
RESEARCH_ONLY = "research-only"
"""The kind of a sentence that permits research alone."""
LISTED = "listed"
"""The kind of a prohibition that is an item of a list; other prohibitions have a kind of restriction, or ``single``."""
_SINGLE = "single"
_FORBIDDING_WORDS = "forbidding"
"""The topic of words that forbid before a list, and only ask for something elsewhere."""
_MAX_CHARACTERS = 400_000
_MAX_CLAIMS = 100
_MAX_QUOTATION = 240
_MAX_LEAD = 120
_HEADING = defer_pattern(r"[ \t]{0,3}#{1,6}[ \t]")
_ITEM = defer_pattern(r"[ \t]*(?:[-*+\u2022]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)])[ \t]+")
_CONTINUATION = defer_pattern(r"[ \t]")
_OPENS_LIST = defer_pattern(r"[:\uff1a][*_ \t]*\Z")


@keep_judgements
def forbids(sentence: str, cues: Cues) -> bool:
    """Whether a folded sentence has words that forbid, outside of what agrees with an ordinary licence."""
    words = find_own_words(sentence, cues)
    return bool(words & FORBIDDING) or _FORBIDDING_WORDS in find_topics(sentence, cues)


def find_prohibitions(
    text: str, first_line: int, artifact: str, restrictions: Restrictions, *, only_listed: bool = False
) -> Iterator[LicenseClaim]:
    """Yield a claim for each sentence or item that forbids what a planned use can state; at most 100.

    Args:
        text: running text; only its first 400,000 characters are searched.
        first_line: line number, from 1, of the text's first line in the file; 0 in a file without lines.
        artifact: path of the file.
        restrictions: the signs and words of the rule set.
        only_listed: whether only items of lists count: the sentences of a card are judged one by one elsewhere.
    """
    text = text[:_MAX_CHARACTERS]
    found = _iter_prohibitions(text, restrictions, only_listed=only_listed)
    line, position = first_line, 0
    for start, quotation, kind in islice(found, _MAX_CLAIMS):
        line += text.count("\n", position, start)
        position = start
        place = Location(line=line if first_line else None, key=kind)
        yield LicenseClaim(ClaimKind.DECLARED, artifact, PROHIBITION, quotation, None, place)


def _iter_prohibitions(text: str, restrictions: Restrictions, *, only_listed: bool) -> Iterator[tuple[int, str, str]]:
    """Yield (offset, quotation, kind) for each sentence or item that forbids something with a topic."""
    lead, is_first, cues = "", True, restrictions.cues
    for start, raw in split_sentences(text):
        begin = text.rfind("\n", 0, start) + 1
        words, folded = " ".join(raw.split()), fold_sentence(raw)
        is_item = _ITEM.match(text, begin) is not None
        is_heading = _HEADING.match(text, begin) is not None
        below = lead if lead.startswith("#") and not is_heading else ""
        if is_heading or (not is_item and _OPENS_LIST.search(words)):
            lead, is_first = (words if forbids(folded, cues) else below), not is_heading
            continue
        if not is_item and not _CONTINUATION.match(text, begin):
            lead = below
        if is_item and lead:
            if any(":" in each for each in find_topics(folded, cues)):
                yield start, _shorten(_join(lead, words, is_first)), LISTED
        elif not only_listed and (kind := _classify(folded, restrictions)):
            yield start, _shorten(words), kind
        is_first = is_first and not is_item


@keep_judgements
def _classify(sentence: str, restrictions: Restrictions) -> str:
    """Return the kind of prohibition of a folded sentence; empty if it forbids nothing that a planned use can state."""
    cues = restrictions.cues
    # Every sign needs a stem, and looking for the stems is far faster.
    sign = match_restriction_sign(sentence, restrictions) if has_restriction_stem(sentence, restrictions) else None
    topics = find_topics(sentence, cues)
    if sign == RESEARCH_ONLY or not topics:
        return sign if sign == RESEARCH_ONLY else ""
    words = find_own_words(sentence, cues)
    is_limited = "only" in words or EXCEPTING in topics
    is_prohibition = (
        forbids(sentence, cues)
        or WITHOUT_PAY in topics
        or (is_limited and any(each.startswith("place:") for each in topics))
        or ("size" in words and any(each.startswith("amount:") for each in topics))
    )
    return (sign or match_cues(sentence, cues) or _SINGLE) if is_prohibition else ""


def _join(lead: str, item: str, is_first: bool) -> str:
    """Join the words before a list with an item of it; a mark replaces the items in between."""
    lead, item = lead.lstrip("# "), _ITEM.sub("", item, count=1)
    lead = lead if len(lead) <= _MAX_LEAD else f"…{lead[-_MAX_LEAD:]}"
    return f"{lead} {item}" if is_first else f"{lead} […] {item}"


def _shorten(words: str) -> str:
    return words if len(words) <= _MAX_QUOTATION else f"{words[: _MAX_QUOTATION - 1]}…"
