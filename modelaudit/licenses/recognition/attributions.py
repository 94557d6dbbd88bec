"""Measure a sentence that states whose work follows: *Acme includes code from the Foo project, licensed as follows*.

Such a sentence consists of names, things such as files and modules, a verb of descent, and the words that lead to the
licence below. It restricts nothing, because no word of it may permit, forbid or require, and it is never about a model.
The text that follows it is a third-party notice.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.licenses.recognition.name_words import is_name_word, is_term_word, match_phrase
from modelaudit.licenses.recognition.words import Words
from modelaudit.model.lazy_pattern import defer_pattern

_Phrases = frozenset[tuple[str, ...]]

_MOST_WORDS: Final = 60
_APPLIES_TO, _MOST_FILES = ("following", "applies", "to"), 400
"""The beginning of a list of files, and its greatest number of words."""
_MOST_PLAIN_WORDS: Final = 3
_THING: Final = (
    r"(?:files?|modules?|codes?|libraries|library|packages?|projects?|software|distribution|portions?|parts?|patches"
    r"|submodules?|director(?:y|ies)|functions?|scripts?|implementations?|versions?|works?|extensions?|binary|copy"
    r"|components?|sections?|source|page|api|inspiration|snippets?|content|documentation|repository|repositories|git)"
)
_LINK: Final = (
    r"(?:this|that|the|these|some|a|an|all|following|its|original|other|of|and|in|by|at|under|bulk|vendored|vendorized|third"
    r"|party|externally|maintained|much|most)"
)
_NOUNS: Final = rf"(?:(?:{_THING}|{_LINK}|N|p) ){{1,24}}"
_ADDRESS: Final = r"(?:\w+ ){1,40}"
_ADVERB: Final = r"(?:(?:directly|partly|partially|originally|also|heavily|loosely) )*"
_DESCENDED: Final = (
    r"(?:derived|adapted|modified|taken|copied|extracted|based|generated|borrowed|ported|forked"
    r"|forks|copies)"
)
_DERIVES: Final = rf"(?:(?:that|which) )?(?:is |are |was |were )?{_ADVERB}{_DESCENDED} (?:from|on|off) "
_INCLUDES: Final = rf"(?:can )?{_ADVERB}(?:includes?|contains?|incorporates?|bundles?|embeds?) "
_CAME: Final = rf"(?:for )?{_NOUNS}(?:came|comes|come) from "
_DEPENDS: Final = r"has an optional dependency on "
_IN_PARTICULAR: Final = rf"(?:in particular {_NOUNS}(?:(?:contained|found) in )?{_NOUNS})?"
_MAKER: Final = rf"(?:(?:developed|written|maintained) by {_NOUNS})?"
# "T" is the title of a licence of the text, "the license" one that follows.
_BELOW: Final = r"(?:(?:as )?(?:follows|below|(?:reproduced|given|quoted) below) )?"
_UNDER: Final = (
    rf"(?:under|by) (?:the )?(?:terms of (?:the )?)?"
    rf"(?:following (?:licenses?|terms) |T (?:licenses? )?){_BELOW}"
)
_LICENSED: Final = (
    rf"(?:(?:and|which|that) )?(?:(?:is|are|was|were) )?(?:also )?(?:made )?"
    rf"(?:licensed|licenced|available|released|distributed|covered|provided|published) "
    rf"(?:as follows |as below |as |below |{_UNDER})"
)
_DESCENT: Final = (
    rf"{_NOUNS}{_IN_PARTICULAR}(?:{_INCLUDES}(?:{_NOUNS})?(?:{_DERIVES}|from )|{_DERIVES}|{_DEPENDS})"
    rf"{_NOUNS}(?:or {_NOUNS}from {_NOUNS})?{_MAKER}"
)
_BEFORE_FIRST: Final = defer_pattern(_DESCENT)
"""Before the first text, a sentence may state the origin of the work. It may not state whose licence the text is."""
_BETWEEN: Final = defer_pattern(
    rf"{_DESCENT}(?:{_LICENSED}|{_UNDER})?|{_NOUNS}{_LICENSED}|{_NOUNS}{_CAME}{_NOUNS}|copyright notice from {_NOUNS}"
    rf"|for {_NOUNS}from {_NOUNS}(?:where used )?|following applies to (?:N ){{1,400}}"
    rf"|{_NOUNS}(?:is|are|comes?|was|were) from {_NOUNS}(?:{_ADDRESS})?|the licenses? is from {_ADDRESS}"
    rf"|{_NOUNS}from which {_NOUNS}(?:is|are) derived (?:is|are) |{_NOUNS}{_INCLUDES}(?:the )?following software "
    rf"|{_LICENSED}"
)
_END: Final = defer_pattern(
    r"[\s*_`\"')\]/]*(?:[.:](?=\s|$)|\n\s*\n|\n\s*[-*=`\"~]{3,}|\n[\s*#/]*copyright\b|$)", re.IGNORECASE
)
_PARAGRAPH: Final = defer_pattern(r"[^\w\n]*(?:\n\s*\n|$)")
"""The end of a sentence: a full stop or a colon, a blank line, a rule, or the copyright line of what follows."""
_VOCABULARY: Final = defer_pattern(
    rf"has|optional|dependency|{_THING}|{_LINK}|directly|partly|partially|originally|also|heavily|loosely|{_DESCENDED}|that|which|is|are|was|were"
    r"|from|on|off|or|can|particular|contained|found|published|includes?|contains?|incorporates?|bundles?|embeds?|developed|written|maintained|made|licen[sc]ed"
    r"|available|released|distributed|covered|provided|as|follows|reproduced|given|quoted|below|terms|licenses?|applies|to"
    r"|came|comes?|copyright|notice|for|where|used"
)
_MARKS: Final = " \t#*=`-~:_\"'"
_LICENSE_PATH: Final = defer_pattern(
    r"(?:[\w.@+-]{1,60}/){1,12}(?:[\w.-]{1,40}\.)?(?:LICEN[CS]ES?|COPYING|NOTICE)(?:[.-][\w.-]{1,20})?"
    r"|[\w-]{1,40}\.LICEN[CS]E",
    re.IGNORECASE,
)
_NAMED_LICENSE: Final = defer_pattern(r"[\w.+-]{1,40}(?: [A-Z][\w.+-]{0,40}){0,3} Licen[cs]e")
_NO_CODE: Final = defer_pattern(
    r"models?|weights?|checkpoints?|parameters?|data|datasets?|outputs?|users?|companies|anyone|customers?|everyone"
    r"|governments?|countries|territor(?:y|ies)|regions?|members?|partners?|students?|teachers?|hobby\w*|persons?"
    r"|employees?|testers?|contractors?|firms?|charit(?:y|ies)|church(?:es)?|subscribers?|staff"
)
"""Words for a model and for people: a sentence about them may be a term."""


def measure_attribution(words: Words, first: int, end: int, titles: _Phrases, *, is_first: bool) -> int:
    """Count the words of the attribution that begins at the word ``first``; 0 if none begins there.

    Args:
        words: the words of the text.
        first: the word where the sentence would begin.
        end: the word before which it ends.
        titles: the titles of the licences in the text, as tuples of words.
        is_first: whether no licence text is before the sentence.
    """
    kinds: list[str] = []
    sizes: list[int] = []
    at = first
    is_list = tuple(words.words[first : first + 3]) == _APPLIES_TO
    most, ends = (_MOST_FILES, _PARAGRAPH) if is_list else (_MOST_WORDS, _END)
    while at < end and len(kinds) < most:
        title = match_phrase(words, at, end, titles)
        kind = "T" if title else _classify_word(words, at)
        if not kind:
            break
        kinds.append(kind)
        sizes.append(title or 1)
        at += title or 1
        if ends_sentence(words, at, ends):
            break
    if at == first or (at < end and not ends_sentence(words, at, ends)):
        return 0
    grammar = _BEFORE_FIRST if is_first else _BETWEEN
    sentence = "".join(f"{kind} " for kind in kinds)
    is_attribution = kinds.count("p") <= _MOST_PLAIN_WORDS and grammar.fullmatch(sentence)
    return sum(sizes) if is_attribution else 0


def measure_heading(words: Words, first: int, end: int, *, is_attributed: bool) -> int:
    """Count the words of a line that names the work whose licence follows; 0 if ``first`` does not begin one.

    Args:
        words: the words of the text.
        first: the word where the line would begin.
        end: the word before which it ends.
        is_attributed: whether a sentence before it states whose work follows; then a name suffices. Else the line is
            the path of a licence file.
    """
    start = words.find_start(first)
    line_start, line_end = words.text.rfind("\n", 0, start) + 1, words.text.find("\n", start)
    line_end = line_end if line_end >= 0 else len(words.text)
    if words.text[line_start:start].strip(_MARKS):
        return 0
    at = first
    while at < end and words.find_start(at) < line_end:
        at += 1
    line = words.text[start:line_end].strip(_MARKS)
    form = _NAMED_LICENSE if is_attributed else _LICENSE_PATH
    if form.fullmatch(line) is None or not all(is_part_of_heading(words, each) for each in range(first, at)):
        return 0
    return at - first


def is_part_of_heading(words: Words, position: int) -> bool:
    """Whether a word of a heading is no term and names no reader, or is "license"."""
    word = words.words[position]
    return word.startswith("licen") or not (is_term_word(words, position) or _NO_CODE.fullmatch(word))


def ends_sentence(words: Words, position: int, ends: re.Pattern[str] = _END) -> bool:
    """Whether a sentence ends before the word ``position``."""
    last = position - 1
    return ends.match(words.text, words.find_start(last) + len(words.words[last])) is not None


def _classify_word(words: Words, position: int) -> str:
    """Return the word if the grammar has it, ``N`` for a name, ``p`` for another word, nothing for one that is none."""
    word = words.words[position]
    if _VOCABULARY.fullmatch(word):
        return word
    if is_term_word(words, position) or _NO_CODE.fullmatch(word):
        return ""
    if is_name_word(words, position):
        return "N"
    return "p" if word.isascii() else ""
