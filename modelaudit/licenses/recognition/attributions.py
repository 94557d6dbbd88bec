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

_Phrases = frozenset[tuple[str, ...]]

_MOST_WORDS: Final = 60
_MOST_PLAIN_WORDS: Final = 3
_THING: Final = (
    r"(?:files?|modules?|code|libraries|library|packages?|projects?|software|distribution|portions?|parts?|patches"
    r"|submodules?|director(?:y|ies)|functions?|scripts?|implementations?|versions?|works?|extensions?|binary|copy"
    r"|components?|source|page)"
)
_LINK: Final = r"(?:this|the|these|some|a|an|all|following|its|original|other|of|and|in|by|at|under|bulk)"
_NOUNS: Final = rf"(?:(?:{_THING}|{_LINK}|N|p) ){{1,24}}"
_ADVERB: Final = r"(?:(?:directly|partly|partially|originally|also|heavily|loosely) )*"
_DESCENDED: Final = r"(?:derived|adapted|taken|copied|extracted|based|generated|borrowed|ported|forked)"
_DERIVES: Final = rf"(?:(?:that|which) )?(?:is |are |was |were )?{_ADVERB}{_DESCENDED} (?:from|on) "
_INCLUDES: Final = rf"(?:can )?{_ADVERB}(?:includes?|contains?|incorporates?|bundles?|embeds?) "
_DEPENDS: Final = r"has an optional dependency on "
_MAKER: Final = rf"(?:(?:developed|written|maintained) by {_NOUNS})?"
# "T" is the title of a licence of the text, "the license" one that follows.
_BELOW: Final = r"(?:(?:as )?(?:follows|below) )?"
_LICENSED: Final = (
    rf"(?:(?:and|which|that) )?(?:(?:is|are|was|were) )?(?:also )?(?:made )?"
    rf"(?:licensed|licenced|available|released|distributed|covered|provided) "
    rf"(?:as follows |as below |as |below |(?:under|by) (?:the )?(?:terms of the )?"
    rf"(?:following (?:licenses?|terms) |T (?:licenses? )?){_BELOW})"
)
_DESCENT: Final = rf"{_NOUNS}(?:{_INCLUDES}(?:{_NOUNS})?(?:{_DERIVES}|from )|{_DERIVES}|{_DEPENDS}){_NOUNS}{_MAKER}"
_BEFORE_FIRST: Final = re.compile(_DESCENT)
"""Before the first text, a sentence may say whence the work comes. It may not say whose licence the text is."""
_BETWEEN: Final = re.compile(rf"{_DESCENT}(?:{_LICENSED})?|{_NOUNS}{_LICENSED}|following applies to (?:N ){{1,40}}")
_END: Final = re.compile(
    r"[\s*_`\"')\]]*(?:[.:](?=\s|$)|\n\s*\n|\n\s*[-*=`\"~]{3,}|\n[\s*#/]*copyright\b|$)", re.IGNORECASE
)
"""The end of a sentence: a full stop or a colon, a blank line, a rule, or the copyright line of what follows."""
_VOCABULARY: Final = re.compile(
    rf"has|optional|dependency|{_THING}|{_LINK}|directly|partly|partially|originally|also|heavily|loosely|{_DESCENDED}|that|which|is|are|was|were"
    r"|from|on|can|includes?|contains?|incorporates?|bundles?|embeds?|developed|written|maintained|made|licen[sc]ed"
    r"|available|released|distributed|covered|provided|as|follows|below|terms|licenses?|applies|to"
)
_NO_CODE: Final = re.compile(
    r"models?|weights?|checkpoints?|parameters?|data|datasets?|outputs?|users?|companies|anyone|customers?|everyone"
    r"|governments?|countries|territor(?:y|ies)|regions?|members?|partners?|students?|teachers?|hobby\w*|persons?"
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
    while at < end and len(kinds) < _MOST_WORDS:
        title = match_phrase(words, at, end, titles)
        kind = "T" if title else _classify_word(words, at)
        if not kind:
            break
        kinds.append(kind)
        sizes.append(title or 1)
        at += title or 1
        if _ends_sentence(words, at):
            break
    if at == first or (at < end and not _ends_sentence(words, at)):
        return 0
    grammar = _BEFORE_FIRST if is_first else _BETWEEN
    sentence = "".join(f"{kind} " for kind in kinds)
    is_attribution = kinds.count("p") <= _MOST_PLAIN_WORDS and grammar.fullmatch(sentence)
    return sum(sizes) if is_attribution else 0


def _ends_sentence(words: Words, position: int) -> bool:
    """Whether a sentence ends before the word ``position``."""
    last = position - 1
    return _END.match(words.text, words.find_start(last) + len(words.words[last])) is not None


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
