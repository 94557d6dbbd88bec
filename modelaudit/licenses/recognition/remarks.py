"""Measure a sentence beside licences that grants and forbids nothing: *Foo is a trademark of Acme*.

Such a sentence credits people, names the holders of parts, or says whence code comes. Its words are fixed but for
names, paths and titles, and each of these has a form that leaves no room for a condition. ``_REMARKS`` lists the
sentences; a new one is a line there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from modelaudit.licenses.recognition.attributions import ends_sentence, is_part_of_heading
from modelaudit.licenses.recognition.name_words import is_name_word, is_term_word, match_phrase, tells_readers
from modelaudit.licenses.recognition.words import Words
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
    # Contributions, whose licences are all in the text.
    r"the above licen[cs]e applies to all contributions (?:made )?(?:before|after|since|until) D"
    r"(?: as well as all contributions that have been re licensed"
    r"(?: see authors file for the list of contributors who have re licensed their code)?)?",
    r"the above T applies to all code even that also covered by T",
    r"(?:some|parts|portions) (?:of the )?code in this (?:project|software|package|library|repository|distribution)"
    r" (?:comes?|is taken|are taken) from other projects",
    r"where applicable the original copyright and licen[cs]e are noted"
    r"(?: and any modifications made are released dual licensed with the original license)?",
    r"you can obtain a copy at http (?:www )?(?:mozilla|apache|gnu|opensource|creativecommons) org \S+(?: \S+){0,5}",
    r"a gpl compatible licen[cs]e makes it possible to combine W with other software that is released under the gpl it"
    r" does not mean that we re distributing W under the gpl licen[cs]e the bsd licen[cs]e unlike the gpl lets? you"
    r" distribute a modified version without making your changes open source",
    # Pointers to files on contributions and changes.
    r"please (?:also )?refer to (?:also )?(?:the )?(?:file )?P which clarifies (?:the )?licensing of external"
    r" contributions to this project(?: including patches pull requests etc)?",
    r"as per item \(?3\)? we are required to provide a brief summary of changes",
    r"for this see (?:the )?comments in P",
    # Parts under a licence whose text is here.
    r"W (?:crates|packages|modules|bindings|tests) are licensed under (?:the )?(?:terms of the )?T"
    r"(?: (?:as )?(?:reproduced|found|included) in P)?",
)
_REMARKS_ON_OTHERS: Final = (
    r"W (?:contains|includes) code that is licensed by third party developers",
    r"W (?:libraries |library )?(?:is|are) redistributed (?:within|with|in) (?:all )?W",
    r"this license applies to W (?:binary|binaries|library|libraries|files?)(?: in the (?:directory|folder) P)?",
    r"(?:the )?software from third parties included in (?:the )?W",
    r"W (?:includes|contains|bundles) W which (?:is|are) under (?:the )?T",
    r"for files under P",
    r"W as a whole is licensed under (?:the )?(?:following )?(?:standard )?T",
    r"the W (?:repository|source tree)(?: and (?:source|binary) distributions?)? (?:bundles?|includes?|contains?)"
    r" (?:several|vendored|some|other)(?: bundled| vendored)? libraries that are compatibly licensed",
    r"the W (?:repository|source tree)(?: and (?:source|binary) distributions?)? (?:bundles?|includes?|contains?)"
    r" (?:several |vendored |some |other )?libraries governed by the following licenses",
    r"we list these here",
    r"third party licen[cs]es",
    r"(?:this|the) (?:project|product|software|package) (?:includes|bundles) (?:code from the following|various)"
    r" third party (?:sources|components)(?: under other open source licen[cs]es)?",
    r"this section summarizes those components and their licen[cs]es",
    r"see licen[cs]es for text of these licen[cs]es",
    r"some files in this codebase contain code from W",
    r"in such cases it is explicitly stated in the file header",
    r"this licen[cs]e only applies to the relevant code in such cases",
    r"W (?:and its dependencies )?(?:has|have|is under|are under) the following licen[cs]es?",
    r"the W contains third party software which is under different license terms",
    r"all such code will be identified clearly using at least one of two mechanisms",
    r"it will be in a separate directory tree with its own license txt or license file at the top containing the"
    r" specific license and restrictions which apply to that software or"
    r" it will contain specific license and restriction terms at the top of every file",
    r"T applies to",
    r"applies to",
)
"""Sentences behind which the licences of parts follow."""
_PATH: Final = defer_pattern(r"\S*[./]\S*")
_DATE: Final = defer_pattern(r"(?:19|20)[0-9]{2}(?: [0-9]{1,2}){0,2}")
_MODEL: Final = defer_pattern(
    r"models?|weights?|checkpoints?|adapters?|outputs?|everything|all|work|works|we|you|it|they"
)


class _Remark(NamedTuple):
    """A sentence with slots, as an expression over words."""

    pattern: re.Pattern[str]
    is_of_others: bool


def _compile(template: str, *, is_of_others: bool) -> _Remark:
    """Compile a sentence: each capital letter alone becomes a group of words, whose name is the letter and a number."""
    numbers: dict[str, int] = {}

    def make_group(match: re.Match[str]) -> str:
        kind = match[0]
        numbers[kind] = numbers.get(kind, 0) + 1
        return rf"(?P<{kind}{numbers[kind]}>\S+(?: \S+){{0,{_MOST_SLOT_WORDS[kind] - 1}}}?)"

    return _Remark(defer_pattern(_SLOT.sub(make_group, template)), is_of_others)


_COMPILED: Final = (
    *(_compile(each, is_of_others=False) for each in _REMARKS),
    *(_compile(each, is_of_others=True) for each in _REMARKS_ON_OTHERS),
)


def measure_listed_remark(words: Words, first: int, end: int, titles: _Phrases) -> tuple[int, bool]:
    """Count the words of the listed sentence that begins at the word ``first``; 0 if none begins there.

    The second value is whether it says that software of others follows.

    Args:
        words: the words of the text.
        first: the word where the sentence would begin.
        end: the word before which it ends.
        titles: the titles and ids of the licences in the text, as tuples of words.
    """
    for stop in _iter_sentence_ends(words, first, end):
        sentence = " ".join(words.words[first:stop])
        for remark in _COMPILED:
            match = remark.pattern.fullmatch(sentence)
            if match is not None and _fills_slots(words, first, match, titles):
                return stop - first, remark.is_of_others
    return 0, False


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
        if name[0] == "T":
            if not _is_title(words, span, titles):
                return False
        elif name[0] == "D":
            if _DATE.fullmatch(value) is None:
                return False
        elif name[0] == "P":
            if not _is_path(words, span):
                return False
        elif not all(_SLOT_WORDS[name[0]](words, each) for each in span):
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
    return _PATH.fullmatch(words.text[begin:stop]) is not None and all(
        is_part_of_heading(words, each) or words.words[each].startswith("contribut") for each in span
    )


def _is_part_of_work(words: Words, position: int) -> bool:
    """Whether a word may be one of the name of a program: no term, no reader, and not the model."""
    word = words.words[position]
    return (
        word.isascii()
        and is_part_of_heading(words, position)
        and not (tells_readers(word) or is_term_word(words, position) or _MODEL.fullmatch(word))
    )


def _is_part_of_holder(words: Words, position: int) -> bool:
    """Whether a word may be one of the name of a holder."""
    return (
        is_name_word(words, position) and not is_term_word(words, position) and not tells_readers(words.words[position])
    )


_SLOT_WORDS: Final[dict[str, Callable[[Words, int], bool]]] = {"W": _is_part_of_work, "H": _is_part_of_holder}
