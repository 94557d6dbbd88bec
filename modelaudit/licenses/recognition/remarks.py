"""Measure a sentence beside licences that grants and forbids nothing: *Foo is a trademark of Acme*.

Such a sentence credits people, names the holders of parts, or states the origin of code. Its words are fixed but for
slots, and the form of each slot leaves no room for a condition. A slot is a capital letter alone: ``W`` the name of a
program, ``H`` names of holders, ``T`` the title of a licence in the same text, ``P`` the path of a file, ``D`` a date.

A new sentence is a line of ``_REMARKS``, or of ``_REMARKS_ON_PART`` or ``_REMARKS_ON_PARTS`` if the licence of a part
has to follow. It is an expression over words as ``words.split_words`` splits them: in lower case, without punctuation,
*project's* as ``project s``. It contains no wildcard, because any word in its place could be a condition. Add the
sentence to ``tests/licenses/recognition/test_remarks.py``, with a twin that limits the use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from modelaudit.licenses.recognition.attributions import ends_sentence, is_part_of_heading
from modelaudit.licenses.recognition.components import is_weights_path
from modelaudit.licenses.recognition.name_words import (
    asks_reader,
    is_hyphenated,
    is_name_word,
    is_term_word,
    match_phrase,
    names_readers,
)
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.fingerprint import Span
from modelaudit.model.lazy_pattern import defer_pattern

_Phrases = frozenset[tuple[str, ...]]

_MOST_WORDS: Final = 64
_MOST_ENDS: Final = 3
"""A full stop behind *Inc* or *U.S* ends no sentence, so that a few ends are tried."""
_SLOT: Final = defer_pattern(r"\b[WHTPD]\b")
_MOST_SLOT_WORDS: Final = {"W": 6, "H": 14, "T": 8, "P": 8, "D": 3}
_THIS: Final = r"(?:this|the) (?:project|software|code|package|library|repository|distribution|program)"
_REMARKS: Final = (
    # Credits.
    r"W (?:was|were|is|are) (?:originally |first )?(?:created|written|developed|designed|started|maintained) by H",
    r"W (?:is|are) (?:an? )?(?:registered )?trademarks? (?:of|owned by) H",
    r"W and the W logo are (?:registered )?trademarks of H",
    # Holders.
    rf"(?:note )?portions of (?:{_THIS}(?: s code)?|W) are copyrighted by H",
    r"W uses a shared copyright model",
    r"each contributor (?:maintains|retains|keeps) (?:the )?copyright (?:over|on|to|of) their (?:own )?contributions"
    rf"(?: to (?:{_THIS}|W))?",
    r"each contributor holds copyright over their respective contributions",
    r"the project versioning git records all such contribution source information",
    r"this software is osi certified open source software",
    r"osi certified is a certification mark of the open source initiative",
    r"(?:all )?contributors retain (?:the )?copyright (?:to|of|on|over) their (?:own )?contributions",
    # Contributions.
    r"the above T applies to all code even that also covered by T",
    r"(?:some|parts|portions) (?:of the )?code in this (?:project|software|package|library|repository|distribution)"
    r" (?:comes?|is taken|are taken) from other projects",
    r"where applicable the original copyright and licen[cs]e are noted"
    r"(?: and any modifications made are released dual licensed with the original license)?",
    r"a gpl compatible licen[cs]e makes it possible to combine W with other software that is released under the gpl it"
    r" does not mean that we re distributing W under the gpl licen[cs]e the bsd licen[cs]e unlike the gpl lets? you"
    r" distribute a modified version without making your changes open source",
    r"in applying this licen[cs]e cern does not waive the privileges and immunities granted to it by virtue of its"
    r" status as an intergovernmental organization or submit itself to any jurisdiction",
    # Pointers to files on contributions and changes.
    r"please (?:also )?refer to (?:also )?(?:the )?(?:file )?"
    r"(?=(?:\S+ ){0,4}contributing )P which clarifies (?:the )?licensing of external"
    r" contributions to this project(?: including patches pull requests etc)?",
    r"as per item(?: 3)? we are required to provide a brief summary of changes"
    r"(?: for this see (?:the )?comments in P)?",
    # Parts under a licence whose text is here.
    r"W (?:crates|packages|modules|bindings|tests) are licensed under (?:the )?(?:terms of the )?T"
    r"(?: (?:as )?(?:reproduced|found|included) in (?=(?:\S+ ){0,6}?(?:licen[cs]es?|copying)\b)P)?",
    r"W as a whole is licensed under (?:the )?(?:following )?(?:standard )?T",
)
_REMARKS_ON_PART: Final = (
    r"this license applies to W (?:binary|binaries|library|libraries)(?: in the (?:directory|folder) P)?",
    r"W (?:includes|contains|bundles) W which (?:is|are) under (?:the )?T",
    r"the W (?:repository|source tree)(?: and (?:source|binary) distributions?)? (?:bundles?|includes?|contains?)"
    r" (?:several |vendored |some |other )?libraries governed by the following licenses",
    r"for files under P",
    r"some files in this codebase contain code from W",
    r"in such cases it is explicitly stated in the file header",
    r"this licen[cs]e only applies to the relevant code in such cases",
    r"W and its dependencies (?:has|have|is under|are under) the following licen[cs]es?",
    r"W (?:contains|includes) code that is licensed by third party developers",
    r"W (?:libraries |library )?(?:is|are) redistributed (?:within|with|in) (?:all )?W"
    r" (?:packages|wheels|distributions)",
    r"the W (?:repository|source tree)(?: and (?:source|binary) distributions?)? (?:bundles?|includes?|contains?)"
    r" (?:several|vendored|some|other)(?: bundled| vendored)? libraries that are compatibly licensed",
    r"we list these here",
    r"applies to",
    # The text that follows is that of the other contributions.
    r"the above licen[cs]e applies to all contributions (?:made )?(?:after|since) D"
    r" as well as all contributions that have been re licensed"
    r"(?: see authors file for the list of contributors who have re licensed their code)?",
)
"""Sentences behind which the licence of a part follows. No address may be between: it would be that of the licence."""
_REMARKS_ON_PARTS: Final = (
    r"third party licen[cs]es",
    r"this project includes code derived from the following third party (?:projects|sources)",
    r"(?:this|the) (?:project|product|software|package) (?:includes|bundles) (?:code from the following|various)"
    r" third party (?:sources|components)(?: under other open source licen[cs]es)?",
    r"this section summarizes those components and their licen[cs]es",
    r"see licen[cs]es for text of these licen[cs]es",
    r"(?:the )?software from third parties included in (?:the )?W",
    r"the W contains third party software which is under different license terms",
    r"all such code will be identified clearly using at least one of two mechanisms",
    r"it will be in a separate directory tree with its own license txt or license file at the top containing the"
    r" specific license and restrictions which apply to that software or"
    r" it will contain specific license and restriction terms at the top of every file",
)
"""Sentences behind which the licences of parts follow, with their names and addresses."""
_PATH: Final = defer_pattern(r"(?!\S*://)\S*[./]\S*")
_DATE: Final = defer_pattern(r"(?:19|20)[0-9]{2}(?: [0-9]{1,2}){0,2}")
_NO_WORK: Final = defer_pattern(
    r"models?|weights?|checkpoints?|adapters?|outputs?|everything|every|each|all|work|works|we|you|it|they|copies|files?"
    r"|tensors?|safetensors?|networks?|llms?|loras?|gguf|ggml|ckpt|pth|pt|bin|onnx|embeddings?|[0-9x]{1,6}[bm]"
    r"|codes?|sources?|scripts?|tests?"
    r"|contracts?|rules?|conduct|prices?|rates?|policy|policies|guidelines?|charter|agreements?"
)
"""Words for the weights, and for texts that would govern them."""
_KINDS: Final = defer_pattern(
    r"the|and|of|library|libraries|packages?|project|projects|logo|crates?|modules?|binary|binaries|software|framework|linux"
    r"|windows|macos|wheels?"
)
"""Words in lower case beside the name of a program."""
_MOST_PLAIN_WORDS: Final = 1
_MOST_CAPITALS: Final = 4
_NO_HOLDER: Final = defer_pattern(r"see|file|http|for|in|to|within|contracts?|rules|conduct|prices?")
_ITEM_BELOW: Final = defer_pattern(r"[\s:*_]*\n[ \t]*(?:\d{1,3}[.)]|[-*])[ \t]+[^\n;]{1,60}(?:\n|;\s)\s*Copyright\b")
"""The first item of a list of parts, which a sentence such as *Applies to:* introduces."""


class RemarkKind(StrEnum):
    """What follows a remark."""

    ANYTHING = "anything"
    PART = "part"
    """The licence of one part follows directly."""
    PARTS = "parts"
    """The licences of parts follow, with their names and addresses."""


class _Remark(NamedTuple):
    """A sentence with slots, as an expression over words."""

    pattern: re.Pattern[str]
    kind: RemarkKind


def _compile(template: str, kind: RemarkKind) -> _Remark:
    """Compile a sentence: each capital letter alone becomes a group of words, whose name is the letter and a number."""
    numbers: dict[str, int] = {}

    def make_group(match: re.Match[str]) -> str:
        letter = match[0]
        numbers[letter] = numbers.get(letter, 0) + 1
        return rf"(?P<{letter}{numbers[letter]}>\S+(?: \S+){{0,{_MOST_SLOT_WORDS[letter] - 1}}}?)"

    return _Remark(defer_pattern(_SLOT.sub(make_group, template)), kind)


_COMPILED: Final = (
    *(_compile(each, RemarkKind.ANYTHING) for each in _REMARKS),
    *(_compile(each, RemarkKind.PART) for each in _REMARKS_ON_PART),
    *(_compile(each, RemarkKind.PARTS) for each in _REMARKS_ON_PARTS),
)


def measure_listed_remark(
    words: Words, span: Span, titles: _Phrases, *, is_first: bool, is_only: bool
) -> tuple[int, RemarkKind]:
    """Count the words of the listed sentence at the beginning of ``span``; 0 if none begins there.

    Args:
        words: the words of the text.
        span: the words from that sentence up to the next licence text, or to the end of the text.
        titles: the titles and ids of the licences in the text, as tuples of words.
        is_first: whether no licence text is before the sentence.
        is_only: whether the text has one licence.

    Returns:
        (number of words; what follows the sentence).
    """
    first, end = span
    for stop in _iter_sentence_ends(words, first, end):
        sentence = " ".join(words.words[first:stop])
        for remark in _COMPILED:
            match = remark.pattern.fullmatch(sentence)
            if match is None or not _fills_slots(words, first, match, titles):
                continue
            # Without a text before and behind it, a sentence on a part would state the scope of the only text.
            if remark.kind is not RemarkKind.ANYTHING and (is_first or end == len(words.words)):
                continue
            if sentence == "applies to" and not _introduces_items(words, first):
                continue
            if "also covered by" in sentence and is_only:
                continue
            return stop - first, remark.kind
    return 0, RemarkKind.ANYTHING


def _introduces_items(words: Words, first: int) -> bool:
    """Whether the two words from ``first`` on are alone on their line, and a list of parts with holders is below.

    Behind the title of a licence, they would state the scope of that licence.
    """
    start, last = words.find_start(first), first + 1
    is_alone = not words.text[words.text.rfind("\n", 0, start) + 1 : start].strip(" \t#*")
    return is_alone and _ITEM_BELOW.match(words.text, words.find_start(last) + len(words.words[last])) is not None


def _iter_sentence_ends(words: Words, first: int, end: int) -> Iterator[int]:
    """Yield the words before which the sentence that begins at ``first`` may end, the nearest first."""
    ends = 0
    for stop in range(first + 1, min(end, first + _MOST_WORDS) + 1):
        if stop == end or ends_sentence(words, stop):
            yield stop
            ends += 1
            if ends == _MOST_ENDS:
                return


def _fills_slots(words: Words, first: int, match: re.Match[str], titles: _Phrases) -> bool:
    """Whether each slot of a sentence holds what its kind allows."""
    for name, value in match.groupdict().items():
        if value is None:
            continue
        begin = first + match.string[: match.start(name)].count(" ")
        span = range(begin, begin + value.count(" ") + 1)
        is_filled = _is_title(words, span, titles) if name[0] == "T" else _SLOT_KINDS[name[0]](words, span)
        if not is_filled:
            return False
    return True


def _is_title(words: Words, span: range, titles: _Phrases) -> bool:
    """Whether words are the title of a licence of the text, with or without *license* behind it."""
    size = match_phrase(words, span.start, span.stop, titles)
    rest = words.words[span.start + size : span.stop]
    return size > 0 and (not rest or (len(rest) == 1 and rest[0] in ("license", "licence")))


def _is_path(words: Words, span: range) -> bool:
    """Whether words are one path of a file, without a word that could be a term other than *licence*."""
    begin = words.find_start(span.start)
    stop = words.find_start(span.stop - 1) + len(words.words[span.stop - 1])
    stop += words.text[stop : stop + 1] == "/"
    path = words.text[begin:stop]
    is_path = _PATH.fullmatch(path) is not None and not is_weights_path(path)
    return is_path and all(
        is_part_of_heading(words, each) or words.words[each].startswith("contribut") for each in span
    )


def _is_work(words: Words, span: range) -> bool:
    """Whether words name a program. At most one is in lower case, apart from kinds such as *library*."""
    plain = [
        each
        for each in span
        if not (
            is_name_word(words, each) or _KINDS.fullmatch(words.words[each]) is not None or is_hyphenated(words, each)
        )
    ]
    is_named = not all(_KINDS.fullmatch(words.words[each]) for each in span)
    return is_named and len(plain) <= _MOST_PLAIN_WORDS and all(_is_part_of_work(words, each) for each in span)


def _is_part_of_work(words: Words, position: int) -> bool:
    """Whether a word may be one of the name of a program: no term, no reader, and not the model."""
    word = words.words[position]
    return (
        word.isascii()
        and is_part_of_heading(words, position)
        and not (names_readers(word) or is_term_word(words, position) or _NO_WORK.fullmatch(word))
    )


def _is_holder(words: Words, span: range) -> bool:
    """Whether words are names of holders.

    In capitals alone, a sentence looks like a name, so such names are short.
    """
    is_in_capitals = all(words.get_spelling(each).isupper() for each in span if words.words[each].isalpha())
    return not (is_in_capitals and len(span) > _MOST_CAPITALS) and all(
        is_name_word(words, each)
        and not (is_term_word(words, each) or names_readers(words.words[each]) or asks_reader(words.words[each]))
        and _NO_HOLDER.fullmatch(words.words[each]) is None
        for each in span
    )


def _is_date(words: Words, span: range) -> bool:
    """Whether words are a year, with or without a month and a day."""
    return _DATE.fullmatch(" ".join(words.words[span.start : span.stop])) is not None


_SLOT_KINDS: Final[dict[str, Callable[[Words, range], bool]]] = {
    "W": _is_work,
    "H": _is_holder,
    "D": _is_date,
    "P": _is_path,
}
