"""Measure the lines around licences of components: *Software licensed under the MIT License: 1. torch, Copyright …*.

Publishers collect the licences of parts in one file, each text behind a heading that names it and lists its parts.
These lines grant and forbid nothing: a name in them is that of a text in the same file, or has no word of terms. A line
that points to the terms of parts elsewhere is none of them.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.attributions import is_part_of_heading
from modelaudit.licenses.recognition.name_words import (
    asks_reader,
    is_hyphenated,
    is_in_address,
    is_name_word,
    is_term_word,
    match_phrase,
    names_readers,
)
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.discovery import WEIGHT_ENDINGS
from modelaudit.model.lazy_pattern import defer_pattern

_Phrases = frozenset[tuple[str, ...]]

_MOST_WORDS: Final = 64
_NAME: Final = r"(?P<name>\S+(?: \S+){0,11}?)"
_THERE: Final = r"and other licenses of the third party components therein"
_PARTY: Final = r"(?:[a-z]+ )?(?:[a-z0-9]+ )?(?:limited|inc|ltd|llc)"
_LINES: Final = tuple(
    defer_pattern(rf"{pattern}(?= |$)")
    for pattern in (
        rf"(?:open source (?:software|model)s? )?licensed? under the (?:the )?{_NAME}(?: {_THERE})?(?=$)",
        rf"terms of the (?:the )?{_NAME}(?=$)",
        rf"a copy of the {_NAME} is included in this file",
        rf"(?:dependency |third party )?license for {_NAME}(?=$)",
        rf"dependency license {_NAME}(?=$)",
        r"other dependencies and licenses",
        r"the following sets forth attribution notices for third party software that may be included in portions of"
        rf" (?:this (?:sample )?(?:code|software|project)|{_NAME})(?=$)",
        r"the below (?:software|model)(?: and or models)? in this distribution may have been modified by"
        rf" {_PARTY} tencent modifications",
        rf"all tencent modifications are(?= copyright c? ?(?:[0-9]+ )?{_PARTY})",
        r"please note this software has been modified by tencent in this distribution",
        rf"some of {_NAME} code is derived from others? projects? which (?:is|are) subject to the following copyright"
        r" notices?",
        r"(?:the )?original (?:model|software) is available at http \S+(?: \S+){0,12}?(?=$)",
    )
)
_STATEMENTS: Final = tuple(
    defer_pattern(rf"{pattern}(?= |$)")
    for pattern in (
        r"the views and conclusions contained in the software and documentation are those of the authors and should"
        r" not be interpreted as representing official policies either expressed or implied of"
        r" (?:the )?(?P<name>\S+(?: \S+){0,4}?)"
        r"(?: project| foundation| organi[sz]ation| developers|$)",
        r"depending on how it is built this (?:package|distribution|library|software) (?:may|can) distribute"
        r" (?P<others>the|a) (?P<name>\S+(?: \S+){0,3}?) library(?: partially or in its (?:integrality|entirety))?"
        r"(?: in source or binary form)? its licen[cs]e is reproduced below",
        r"(?:this (?:software|package|project|library) forks the (?:\S+ ){0,2}?(?:package|library|project) \S+ )?"
        r"licen[cs]e(?: and copyright)? information for (?P<name>\S+(?: \S+){0,4}?) (?:can be|is) found in"
        r" (?:the )?(?:file )?(?:copying|notice|licen[cs]es?)(?: txt| md)?",
        r"here are the licenses applicable to the use of the (?P<name>\S+) library",
        r"this (?:binary )?(?:distribution|package) of (?P<name>\S+) (?:can )?also bundles? the following software"
        r"(?: depending on the build)?",
        r"(?P<others>parts|portions) of (?P<name>\S+(?: \S+){0,4}?) are licen[cs]ed under different licen[cs]es?"
        r"(?: like the \S+(?: \S+){0,3}? licen[cs]e)?(?: (?:as )?reproduced below)?",
        r"the (?:following )?(?P<others>files?) (?P<name>\S+(?: \S+){0,24}?) (?:is|are) licen[cs]ed under the"
        r" \S+(?: \S+){0,4}? licen[cs]e (?:as )?reproduced below",
    )
)
"""Whole sentences, which may be on several lines. Behind one with a group ``others``, the licences of parts follow."""
_FIRST_WORDS: Final = ("the", "here", "this", "parts", "portions", "depending", "license", "licence")
_TITLED: Final = (0, 1, 2)
"""The numbers of the lines whose name must be that of a text in the file."""
_OF_OTHERS: Final = defer_pattern(
    r"open source software|(?:dependency |third party )?license for|dependency license"
    r"|the following sets forth attribution|some of .* code is derived"
)
_LINE: Final = defer_pattern(r"[^\n]*")
_ITEM: Final = defer_pattern(
    r"[ \t]*(?:\d{1,3}[.)]|[-*])[ \t]+(?P<name>[^\n;]{1,60})(?:\n|;\s)\s*(?:From [^\n]{1,40}:\s*)?Copyright\b"
)
_FIELD: Final = defer_pattern(
    r"[ \t]*(?P<label>name|files?|functions?|licen[cs]e|copyright|description|availability|source|homepage|url"
    r"|repository|version|(?:original )?authors?|maintainers?|format|upstream-name|upstream-contact)"
    r"[ \t]*:"
    r"(?P<value>[^\n]*(?:\n[ \t]+\S[^\n]*)*)",
    re.IGNORECASE,
)
"""A line of a table of parts, with the indented lines that continue it."""
_PATH: Final = defer_pattern(r"and|[\w+@~-]*[./*][\w.+@~*/:-]*")
_PATH_ENDS: Final = defer_pattern(r"[\s,;]+")
_ADDRESS: Final = defer_pattern(r"\s*<?https?://\S+>?\s*")
_VERSION: Final = defer_pattern(r"\s*v?\d[\w.+-]{0,20}\s*")
_KIND: Final = defer_pattern(r"runtime|librar(?:y|ies)|compiler|headers?|fonts?|toolkit|modules?|packages?")
_JOINED: Final = defer_pattern(r"\s*[\w.+]+(?:-[\w.+]+)*\s*")
"""A name in lower case is one word, in which hyphens may join several."""
_PEOPLE: Final = ("author", "authors", "maintainer", "maintainers", "upstream-contact")
_TOOLS: Final = defer_pattern(r"gcc|g|clang|llvm|msvc|mingw|cmake|gfortran|flang|cython|nvcc|cuda")
_OPENERS: Final = ("for", "to", "in", "within", "only")
_WEIGHTS: Final = defer_pattern(
    rf"(?:{'|'.join(map(re.escape, WEIGHT_ENDINGS))})(?!\w)|(?:^|/)(?:models?|weights?|checkpoints?|adapters?)(?:/|$)"
    r"|(?:^|/)(?:\w+_)?(?:models?|weights?|checkpoints?|adapters?|consolidated)\b[^/]*\*",
    re.IGNORECASE,
)
_ALL_FILES: Final = ("*", "./*", "*.*")
_WHOLE: Final = defer_pattern(r"^[ \t]*files?:[ \t]*\*[ \t]*$", re.IGNORECASE | re.MULTILINE)
_NAME_ENDS: Final = defer_pattern(r"[,;()<>\n]")
_MOST_JOINED_WORDS: Final = 4
_MOST_PLAIN_ITEM_WORDS: Final = 3
_EXCEPTION: Final = defer_pattern(r" with (?:gcc|llvm) exception(?: [0-9]){0,2}$")
"""An exception adds permissions to those of its licence."""
_OTHER_IDS: Final = {"expat": "mit", "python": "psf20"}
"""Ids of Debian's copyright files whose licences SPDX names otherwise."""
_MODEL: Final = defer_pattern(
    r"models?|weights?|checkpoints?|adapters?|outputs?|everything|all|work|this"
    r"|tensors?|safetensors?|networks?|llms?|loras?|gguf|ggml|ckpt|[0-9x]{1,6}[bm]"
)
_MOST_NAME_WORDS: Final = 6
_MOST_DESCRIPTION_WORDS: Final = 16
_MOST_PLAIN_HOLDERS: Final = 2
_REMARK: Final = defer_pattern(r"\([^()\n]{1,80}\)")
_FROM: Final = defer_pattern(r"[ \t]*From [\w .+-]{1,40}:[ \t]*\n\s*Copyright\b")


def measure_component_line(words: Words, first: int, end: int, titles: _Phrases) -> tuple[int, bool]:
    """Count the words of the line on components that begins at the word ``first``; 0 if none begins there.

    The second value is whether the line announces software of others. A model of others, which the weights are
    made from, is none: its licence binds the whole.

    Args:
        words: the words of the text.
        first: the word where the line would begin.
        end: the word before which it ends.
        titles: the titles and ids of the licences in the text, as tuples of words.
    """
    start = words.find_start(first)
    line_start = words.text.rfind("\n", 0, start) + 1
    if item := _measure_item(words, first, end, line_start):
        return item, False
    line_end = start + len(_LINE.match(words.text, start)[0])  # type: ignore[index]
    size = next(
        (at for at in range(first, min(end, first + _MOST_WORDS)) if words.find_start(at) >= line_end),
        min(end, first + _MOST_WORDS),
    )
    statement, is_of_others = _measure_statement(words, first, end)
    if statement:
        return statement, is_of_others
    line = " ".join(words.words[first:size])
    for number, pattern in enumerate(_LINES):
        match = pattern.match(line)
        if match is None:
            continue
        taken = match[0].count(" ") + 1
        name = (match["name"] or "").split() if "name" in pattern.groupindex else []
        place = first + match[0][: match.start("name") - match.start()].count(" ") if name else first
        if number in _TITLED and not _names_text(words, place, place + len(name), titles):
            continue
        if number not in _TITLED and not all(is_part_of_heading(words, at) for at in range(place, place + len(name))):
            continue
        return taken, _OF_OTHERS.match(match[0]) is not None
    return 0, False


def _measure_statement(words: Words, first: int, end: int) -> tuple[int, bool]:
    """Count the words of a known sentence with the name of a work or of files, which grants and forbids nothing.

    The second value is whether it announces software of others.
    """
    if words.words[first] not in _FIRST_WORDS:
        return 0, False
    sentence = " ".join(words.words[first : min(end, first + _MOST_WORDS)])
    match = next((found for found in (pattern.match(sentence) for pattern in _STATEMENTS) if found), None)
    if match is None:
        return 0, False
    place = first + match[0][: match.start("name")].count(" ")
    names = range(place, place + match["name"].count(" ") + 1)
    is_of_others = "others" in match.re.groupindex
    is_named = all(_is_part_of_code(words, each) if is_of_others else is_part_of_heading(words, each) for each in names)
    return (match[0].count(" ") + 1, is_of_others) if is_named else (0, False)


def _is_part_of_code(words: Words, position: int) -> bool:
    """Whether a word may be one of the name of a program or a path: no term, no reader, and not the model."""
    word = words.words[position]
    return not (is_term_word(words, position) or names_readers(word) or _MODEL.fullmatch(word))


def _names_text(words: Words, first: int, end: int, titles: _Phrases) -> bool:
    """Whether a name holds the title or the id of a text in the file, and no term beside *license*."""
    is_titled = any(match_phrase(words, at, end, titles) for at in range(first, end))
    return is_titled and not any(
        is_term_word(words, at) and not words.words[at].startswith(("licen", "agreement", "communit"))
        for at in range(first, end)
    )


def measure_field(words: Words, first: int, end: int, ids: _Phrases, *, is_first: bool) -> tuple[int, bool]:
    """Count the words of a line of a table of parts: *Name: foo*, *Files: lib/foo.so*, *License: MIT*.

    The licence is one of the texts in the file, files are paths, and an address is nothing else. The second value is
    whether software of others follows. Before the first text, such a line would state the scope of that text,
    unless a line on all files precedes it.

    Args:
        words: the words of the text.
        first: the word where the line would begin.
        end: the word before which it ends.
        ids: the ids of the licences in the text, as tuples of words.
        is_first: whether no licence text is before the line.
    """
    start = words.find_start(first)
    match = _FIELD.match(words.text, words.text.rfind("\n", 0, start) + 1)
    if match is None or match.start("label") != start:
        return 0, False
    at = first
    while at < end and words.find_start(at) < match.end():
        at += 1
    label, value, inside = match["label"].lower(), match["value"], range(first + 1, at)
    if label.startswith("licen"):
        stated = _EXCEPTION.sub("", " ".join(words.words[first + 1 : at])).replace(" ", "")
        is_field = _OTHER_IDS.get(stated, stated.replace("lv", "l")) in {
            "".join(word for word in id_ if word not in ("only", "or", "later")) for id_ in ids
        }
    elif label.startswith(("file", "function")):
        paths = _PATH_ENDS.split(value.strip())
        is_field = all(map(_PATH.fullmatch, paths)) and not any(map(is_weights_path, paths))
    elif label in ("name", "upstream-name"):
        is_name = 0 < len(inside) <= _MOST_NAME_WORDS and words.words[inside[0]] not in _OPENERS
        is_field = is_name and all(
            _is_part_of_code(words, each)
            and not asks_reader(words.words[each])
            and (
                _KIND.fullmatch(words.words[each]) or is_name_word(words, each) or _is_joined_name(words, inside, value)
            )
            for each in inside
        )
    elif label.endswith(_PEOPLE):
        is_field = _names_people(words, inside)
    elif label == "copyright":
        is_field = _names_holders(words, inside)
    elif label == "description":
        is_field = len(inside) <= _MOST_DESCRIPTION_WORDS and all(
            words.words[each].isascii() and (is_part_of_heading(words, each) or _is_tool(words, each))
            for each in inside
        )
    else:
        is_field = (_VERSION if label == "version" else _ADDRESS).fullmatch(value) is not None
    is_of_others = label in ("name", "function") or (label.startswith("file") and value.strip() not in _ALL_FILES)
    if is_first and is_of_others and not _WHOLE.search(words.text, 0, start):
        return 0, False
    return (at - first, is_of_others) if is_field else (0, False)


def _is_tool(words: Words, position: int) -> bool:
    """Whether a word is the *with* of *compiled with gcc*."""
    return (
        words.words[position] == "with"
        and words.words[position - 1] in ("built", "compiled", "linked")
        and any(map(_TOOLS.fullmatch, words.words[position + 1 : position + 2]))
    )


def is_weights_path(path: str) -> bool:
    """Whether a path or a pattern of paths may lead to weights: they are no part with a licence of its own."""
    return _WEIGHTS.search(path) is not None


def _is_joined_name(words: Words, inside: range, value: str) -> bool:
    """Whether the value of a field is one word in lower case, in which hyphens may join a few words."""
    return len(inside) <= _MOST_JOINED_WORDS and _JOINED.fullmatch(value) is not None


def _names_people(words: Words, inside: range) -> bool:
    """Whether the words of a field are names of people, with addresses: no word asks the reader for something."""
    plain, size = 0, 0
    for each in inside:
        if is_term_word(words, each) or names_readers(words.words[each]) or asks_reader(words.words[each]):
            return False
        plain += not is_name_word(words, each)
        last = each - 1
        between = words.text[words.find_start(last) + len(words.words[last]) : words.find_start(each)]
        is_new = words.words[each] == "and" or _NAME_ENDS.search(between) is not None
        size = 1 if is_new else size + (not is_in_address(words, each))
        if size > _MOST_NAME_WORDS:
            return False
    return plain == 0 or (plain == 1 and len(inside) == 1)


def _names_holders(words: Words, inside: range) -> bool:
    """Whether the words of a field are years and names of holders; two of them may be in lower case.

    A remark in brackets names the part that a holder made, and no word of it may be a term.
    """
    remarks = (
        _REMARK.finditer(words.text, words.find_start(inside[0]), words.find_start(inside[-1]) + 80) if inside else ()
    )
    spans = [remark.span() for remark in remarks]
    plain = [
        each
        for each in inside
        if not is_name_word(words, each) and not any(begin < words.find_start(each) < stop for begin, stop in spans)
    ]
    return len(plain) <= _MOST_PLAIN_HOLDERS and not any(
        is_term_word(words, each) or names_readers(words.words[each]) for each in inside
    )


def _measure_item(words: Words, first: int, end: int, line_start: int) -> int:
    """Count the words of a part in a list, directly above its copyright line: *1. torch*, *From PyTorch:*."""
    start = words.find_start(first)
    match = _ITEM.match(words.text, line_start)
    if match is None or words.text[line_start:start].strip(" \t0123456789.)-*"):
        match = _FROM.match(words.text, line_start)
        if match is None or words.text[line_start:start].strip():
            return 0
        stop = words.text.index("\n", start)
    else:
        stop = match.end("name")
    at = first
    while at < end and words.find_start(at) < stop:
        at += 1
    names = range(first, at)
    plain = sum(not (is_name_word(words, each) or is_hyphenated(words, each)) for each in names)
    is_name = plain <= _MOST_PLAIN_ITEM_WORDS and all(
        is_part_of_heading(words, each) and not asks_reader(words.words[each]) for each in names
    )
    return at - first if is_name else 0
