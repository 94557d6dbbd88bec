"""Split a text into the words that matter for recognition, and hash each three consecutive words.

The meaning of a licence does not depend on line breaks, Markdown and HTML markup, the style of quotes and bullets, or
item numbers, which rendering drops. All of that is dropped here, and nothing else: a number within a sentence is a
word, and so is a letter that only looks like another one.
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
"""Characters beyond which a text is cut; cut text cannot be accounted for."""
_CACHE_LIMIT = 60_000
_EARLY = 200


# An item number is dropped anywhere in a line, because different line breaks move it. A number after a currency sign or
# after "version" is an amount or a version, and is kept.
_NUMBER = r"\(?(?:[0-9]{1,2}(?:\.[0-9]{1,2}){0,3}|[a-z]|[ivx]{1,5})[.)](?=[\s*_]|$)"
_CJK_CHARACTERS = "\u3400-\u9fff\uf900-\ufaff"
"""Chinese characters; each one counts as a word."""
_TOKEN = re.compile(
    rf"(?:(?<![^\s*_#>(])(?<!version )(?<!v )(?:{_NUMBER}))|([{_CJK_CHARACTERS}]|[^\W_{_CJK_CHARACTERS}]+)"
)
_SPELLED_OUT = re.compile(rf"(?:(?:^|(?<=[\s(])){_NUMBER}\s+){{4}}")
_TAGS = (
    "a|abbr|article|b|blockquote|body|br|center|code|dd|div|dl|dt|em|font|footer|h[1-6]|head|header|hr|html|i|li|link|"
    "main|meta|nav|ol|p|pre|s|section|small|span|strong|sub|sup|table|tbody|td|th|thead|title|tr|u|ul"
)
# In a plain text file a tag and its attributes are visible, so an attribute that may be a sentence is kept.
_ATTRIBUTE = (
    r"(?:\s+(?:href|src|id|name|lang|xml:lang|dir|charset|rel|target|align|type|width|height|border|xmlns|http-equiv)"
    r"=(?:\"[^\s\"<>]{0,400}\"|'[^\s'<>]{0,400}'|[\w.%#-]{1,40})"
    r"|\s+(?:class|style|content)=\"(?![^\"]*\b(?:no|not|non|only|never|use|any)\b)[\w\s:;.,#%/=()-]{0,120}\")"
)
_TAG = re.compile(
    rf"</?(?:{_TAGS}){_ATTRIBUTE}{{0,8}}\s{{0,3}}/?>|<!doctype(?:\s+[\w.:/\"-]{{1,80}}){{0,6}}>|<!--|-->", re.IGNORECASE
)
_TARGET = re.compile(r"\]\((?:https?://|mailto:|#|[\w.-]{0,40}/|[\w-]{1,40}\.)[^()\s]{0,500}\)")
# Zero-width and bidirectional characters, and letters whose lower case is an ASCII letter (Kelvin sign, dotted I).
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\u212a\u0130]"
)

_word_hashes: dict[str, tuple[int, int, int]] = {}


@dataclass(frozen=True)
class Words:
    """The words of one text.

    Attributes:
        text: the text after normalization, with the same line breaks as the original.
        words: in lower case.
        hidden: whether the original has invisible characters, or characters that turn into others.
        cut: whether the original was longer.
    """

    text: str
    words: Sequence[str]
    hidden: bool
    cut: bool

    @cached_property
    def is_plain(self) -> bool:
        """Whether the words represent the whole text: nothing hidden or cut, no words spelled letter by letter."""
        return not (self.hidden or self.cut or _SPELLED_OUT.search(_lower_text(self.text)))

    @cached_property
    def triples(self) -> array[int]:
        """The hash of the words i, i+1 and i+2, for each i."""
        return hash_triples(self.words)

    @cached_property
    def distinct(self) -> frozenset[int]:
        """The set of triples."""
        return frozenset(self.triples)

    @cached_property
    def starts(self) -> array[int]:
        """The offset of each word in ``text``."""
        return array("I", (found.start(1) for found in _TOKEN.finditer(_lower_text(self.text)) if found[1]))

    def find_start(self, word: int) -> int:
        """Find the offset of one word; early words are found without indexing the others."""
        if word >= _EARLY or "starts" in self.__dict__:
            return self.starts[word]
        found = (each.start(1) for each in _TOKEN.finditer(_lower_text(self.text)) if each[1])
        return next(islice(found, word, None))

    def find_line(self, word: int) -> int:
        """Find the line, from 1, of a word."""
        if not self.words:
            return 1
        return self.text.count("\n", 0, self.find_start(min(word, len(self.words) - 1))) + 1

    def quote(self, first: int, end: int, limit: int) -> str:
        """Quote the words from ``first`` up to ``end`` as written, on one line of at most ``limit`` characters."""
        if first >= end or first >= len(self.words):
            return ""
        begin = self.find_start(first)
        last = min(end, first + limit, len(self.words)) - 1
        whole = self.text[begin : min(self.find_start(last) + len(self.words[last]), begin + 4 * limit)]
        flat = " ".join(whole.split())
        return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"

    def get_spelling(self, word: int) -> str:
        """Return one word with its capitals."""
        start = self.find_start(word)
        return self.text[start : start + len(self.words[word])]


def split_words(text: str) -> Words:
    """Split ``text`` into words, after normalization; at most ``TEXT_LIMIT`` characters are read."""
    # Every step here drops characters that no reader of the file would take for words. Each one must keep line breaks,
    # because claims quote line numbers.
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
    # Copies of one licence differ in the scheme of their addresses and in Markdown escapes.
    text = text.replace("https://", "http://")
    text = text.replace("\\", "") if "\\" in text else text
    return Words(text, [word for word in _TOKEN.findall(_lower_text(text)) if word], hidden, cut)


def _replace_tag(tag: re.Match[str]) -> str:
    """Replace a tag by its line breaks, which keeps the line numbers."""
    return "\n" * tag[0].count("\n") or " "


def _lower_text(text: str) -> str:
    """Lower ``text`` without changing its length, so that offsets stay valid."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(each.lower()[:1] for each in text)


def hash_triples(words: Sequence[str]) -> array[int]:
    """Hash each three consecutive words to one 32-bit number.

    A word has a different number in each of the three positions. A replaced word is part of three triples, each time in
    another position, so it goes unnoticed only if it agrees with the original in 96 bits.
    """
    # Words repeat across all licence texts, so their digests are cached; the cache is emptied when it is full.
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
