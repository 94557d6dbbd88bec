"""Recognise sentences of a card that offer its licences as a choice.

*Licensed under either of MIT or Apache-2.0 at your option.* The whole sentence has to consist of words that grant a
choice and of names of licences, so that no other word can limit the choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_MOST_CHARACTERS: Final = 300
_SENTENCE: Final = defer_pattern(
    r"(?:(?:this|the|our|these)\s(?:model\s)?(?:models?|weights|checkpoints?|work|project|repository|package)\s(?:is|are)\s)?"
    r"(?:(?:dual|dually|double|multi)[- ])?"
    r"(?:(?:licen[cs]ed|released|distributed|available|provided|published)\s)?under\s"
    r"(?:the\sterms\sof\s)?(?:(?:either|any|one)\s(?:one\s)?(?:of\s)?)?(?P<names>.+?)"
    r"(?:,?\s\(?at\syour\s(?:own\s)?(?:option|choice|discretion)\)?)?\.",
    re.IGNORECASE,
)
_OR: Final = defer_pattern(r"\s*,?\s+or\s+(?:under\s+)?|\s*,\s+", re.IGNORECASE)
_ARTICLE: Final = defer_pattern(r"(?:the|an?)\s+", re.IGNORECASE)
_NOUN: Final = defer_pattern(r"\s+licen[cs]es?", re.IGNORECASE)
_LINK: Final = defer_pattern(r"\[([^\[\]]{1,80})\]\([^()\s]{1,200}\)")
_MARKS: Final = "*_`\"'“”>-• \t"


def find_offered_choice(sentence: str, resolve: Callable[[str], str | None]) -> frozenset[str]:
    """Find the licences among which a sentence offers a choice; empty if it says anything else.

    Args:
        sentence: the whole sentence, with marks of Markdown.
        resolve: maps a name to a licence id, or to ``None`` where the rule set does not know it.
    """
    if len(sentence) > _MOST_CHARACTERS:
        return frozenset()
    words = _LINK.sub(r"\1", " ".join(sentence.split())).strip(_MARKS)
    match = _SENTENCE.fullmatch(words)
    # The words are those of one line: without a capital and a full stop, the sentence has further words.
    if match is None or not words[0].isupper() or " or " not in match["names"].lower():
        return frozenset()
    ids = {_resolve_name(name, resolve) for name in _OR.split(match["names"])}
    return frozenset(id_ for id_ in ids if id_) if None not in ids and len(ids) > 1 else frozenset()


def offers_choice(sentences: Iterable[str], ids: Iterable[str], resolve: Callable[[str], str | None]) -> bool:
    """Whether the sentences that offer a choice all offer it among these licences, and one does."""
    offered = {choice for sentence in sentences if (choice := find_offered_choice(sentence, resolve))}
    return offered == {frozenset(ids)}


def _resolve_name(name: str, resolve: Callable[[str], str | None]) -> str | None:
    """Resolve a name with its article and the noun after it."""
    bare = _ARTICLE.sub("", name.strip(_MARKS), count=1).strip(_MARKS)
    return resolve(bare) or resolve(_NOUN.sub("", bare))
