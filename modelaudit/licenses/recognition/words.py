"""A text as the words that count, and each three of them that follow one another as one hash.

What a licence says does not depend on how its lines are wrapped, on the marks of Markdown and HTML, on the form of
quotes and bullets, or on the numbers of its items, which rendering drops. All of that is left out here, and nothing
else is: a number within a sentence is a word, and so is a letter that only looks like another one.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import xor

TEXT_LIMIT = 400_000
"""Characters beyond which a text is cut; what is cut cannot be accounted for."""
_CACHE_LIMIT = 60_000
_EARLY = 200

# An item's number is dropped wherever it stands, since other line breaks make it the first or the last of a line. What
# a currency or a word such as "version" stands before is an amount, or names what it counts.
_NUMBER = r"\(?(?:[0-9]{1,2}(?:\.[0-9]{1,2}){0,3}|[a-z]|[ivx]{1,5})[.)](?=[\s*_]|$)"
_CJK_CHARACTERS = "\u3400-\u9fff\uf900-\ufaff"
"""Chinese characters, each of which counts as a word."""
_TOKEN = re.compile(
    rf"(?:(?<![^\s*_#>(])(?<!version )(?<!v )(?:{_NUMBER}))|([{_CJK_CHARACTERS}]|[^\W_{_CJK_CHARACTERS}]+)"
)
_SPELLED_OUT = re.compile(rf"(?:(?:^|(?<=[\s(])){_NUMBER}\s+){{4}}")
_TAGS = (
    "a|abbr|article|b|blockquote|body|br|center|code|dd|div|dl|dt|em|font|footer|h[1-6]|head|header|hr|html|i|li|link|"
    "main|meta|nav|ol|p|pre|s|section|small|span|strong|sub|sup|table|tbody|td|th|thead|title|tr|u|ul"
)
# In a file that is read as plain text a tag shows, and all that stands in it: what may be a sentence stays.
_ATTRIBUTE = (
    r"(?:\s+(?:href|src|id|name|lang|xml:lang|dir|charset|rel|target|align|type|width|height|border|xmlns|http-equiv)"
    r"=(?:\"[^\s\"<>]{0,400}\"|'[^\s'<>]{0,400}'|[\w.%#-]{1,40})"
    r"|\s+(?:class|style|content)=\"(?![^\"]*\b(?:no|not|non|only|never|use|any)\b)[\w\s:;.,#%/=()-]{0,120}\")"
)
_TAG = re.compile(
    rf"</?(?:{_TAGS}){_ATTRIBUTE}{{0,8}}\s{{0,3}}/?>|<!doctype(?:\s+[\w.:/\"-]{{1,80}}){{0,6}}>|<!--|-->", re.IGNORECASE
)
_TARGET = re.compile(r"\]\((?:https?://|mailto:|#|[\w.-]{0,40}/|[\w-]{1,40}\.)[^()\s]{0,500}\)")
# Characters without a width or with an order of their own, and signs that lower to a letter of ASCII.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\u212a\u0130]"
)

_word_hashes: dict[str, tuple[int, int, int]] = {}


@dataclass(frozen=True)
class Words:
    """The words of one text.

    Attributes:
        text: what the words were taken from; as many line breaks as the text had.
        words: in lower case.
        hidden: whether the text has characters that do not show, or that turn into others.
        cut: whether it went on.
    """

    text: str
    words: Sequence[str]
    hidden: bool
    cut: bool

    @cached_property
    def is_plain(self) -> bool:
        """Whether nothing stands there that was not looked at: hidden characters, what was cut, letters one by one."""
        return not (self.hidden or self.cut or _SPELLED_OUT.search(_lower_text(self.text)))

    @cached_property
    def triples(self) -> array[int]:
        """The hash of the words number i, i+1 and i+2, for each i."""
        return hash_triples(self.words)

    @cached_property
    def distinct(self) -> frozenset[int]:
        """Its triples, without their order."""
        return frozenset(self.triples)

    @cached_property
    def starts(self) -> array[int]:
        """Where each word begins in ``text``."""
        return array("I", (found.start(1) for found in _TOKEN.finditer(_lower_text(self.text)) if found[1]))

    def find_start(self, word: int) -> int:
        """Where one word begins; what stands early is found without the others."""
        if word >= _EARLY or "starts" in self.__dict__:
            return self.starts[word]
        found = (each.start(1) for each in _TOKEN.finditer(_lower_text(self.text)) if each[1])
        return next(islice(found, word, None))

    def find_line(self, word: int) -> int:
        """The line, from 1, on which a word stands."""
        if not self.words:
            return 1
        return self.text.count("\n", 0, self.find_start(min(word, len(self.words) - 1))) + 1

    def quote(self, first: int, end: int, limit: int) -> str:
        """The words from ``first`` up to ``end`` as they stand there, on one line, bounded by ``limit`` characters."""
        if first >= end or first >= len(self.words):
            return ""
        begin = self.find_start(first)
        last = min(end, first + limit, len(self.words)) - 1
        whole = self.text[begin : min(self.find_start(last) + len(self.words[last]), begin + 4 * limit)]
        flat = " ".join(whole.split())
        return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"

    def get_spelling(self, word: int) -> str:
        """One word with its capitals."""
        start = self.find_start(word)
        return self.text[start : start + len(self.words[word])]


def split_words(text: str) -> Words:
    """The words of ``text``, of which no more than ``TEXT_LIMIT`` characters are looked at."""
    cut = len(text) > TEXT_LIMIT
    text = text[:TEXT_LIMIT].removeprefix("\ufeff")
    hidden = False
    if not text.isascii():
        hidden = _HIDDEN.search(text) is not None
        text = unicodedata.normalize("NFC", text)
    if "<" in text:
        text = _TAG.sub(_replace_tag, text)
    if "&" in text:
        text = html.unescape(text)
    if "](" in text:
        text = _TARGET.sub("]", text)
    text = text.replace("https://", "http://")
    text = text.replace("\\", "") if "\\" in text else text
    return Words(text, [word for word in _TOKEN.findall(_lower_text(text)) if word], hidden, cut)


def _replace_tag(tag: re.Match[str]) -> str:
    """What stands for a tag: its line breaks, so that lines keep their numbers."""
    return "\n" * tag[0].count("\n") or " "


def _lower_text(text: str) -> str:
    """``text`` in lower case, character by character."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(each.lower()[:1] for each in text)


def hash_triples(words: Sequence[str]) -> array[int]:
    """One 32-bit number for each three words. Each word counts by another number in each of the three places.

    So a word that stands for another one would have to agree with it in 96 bits to go unnoticed.
    """
    known = _word_hashes
    if len(known) > _CACHE_LIMIT:
        known.clear()
    for word in set(words).difference(known):
        known[word] = _hash_word(word)
    if len(words) < 3:
        return array("I")
    first, second, third = zip(*map(known.__getitem__, words), strict=True)
    return array("I", map(xor, map(xor, first, second[1:]), third[2:]))


def _hash_word(word: str) -> tuple[int, int, int]:
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return int.from_bytes(digest[:4]), int.from_bytes(digest[4:8]), int.from_bytes(digest[8:])
