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
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from operator import xor

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

TEXT_LIMIT = 400_000
"""Characters beyond which a text is cut; cut text cannot be accounted for."""
_CACHE_LIMIT = 60_000
"""Words whose hashes are cached."""
_MAX_WALKED_WORDS = 200
"""Words that are found by walking from the beginning; later ones need the index ``Words.starts``."""

# An item number, such as "1.", "(2)", "3.1.2.", "a)", "(c)" or "iv.". It is dropped anywhere in a line, because other
# line breaks move it. A number after a currency sign or after "version" is an amount or a version, and is kept.
_NUMBER = r"\(?(?:[0-9]{1,2}(?:\.[0-9]{1,2}){0,3}|[a-z]|[ivx]{1,5})[.)](?=[\s*_]|$)"
_CJK_CHARACTERS = "\u3400-\u9fff\uf900-\ufaff"
"""Chinese characters; each one counts as a word."""
# Either an item number, which leaves group 1 empty, or a word in group 1: one Chinese character, or consecutive letters
# and digits. An item number begins behind a space, a mark of Markdown or an opening bracket.
_TOKEN = defer_pattern(
    rf"(?:(?<![^\s*_#>(])(?<!version )(?<!v )(?:{_NUMBER}))|([{_CJK_CHARACTERS}]|[^\W_{_CJK_CHARACTERS}]+)"
)
# Four item numbers in a row, such as "n. o. t. x.": words spelled letter by letter, which _TOKEN would drop unseen.
_SPELLED_OUT = defer_pattern(rf"(?:(?:^|(?<=[\s(])){_NUMBER}\s+){{4}}")
# What two of them have between them; few texts have it, and looking for it is faster.
_TWO_NUMBERS = defer_pattern(
    r"[.)](?:(?<=[0-9ivx].)|(?<=[\s(][a-z].)|(?<=\A[a-z].))\s+\(?(?:[0-9.]{1,11}|[a-z]|[ivx]{1,5})[.)]"
)
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
_TAG = defer_pattern(
    rf"</?(?:{_TAGS}){_ATTRIBUTE}{{0,8}}\s{{0,3}}/?>|<!doctype(?:\s+[\w.:/\"-]{{1,80}}){{0,6}}>|<!--|-->", re.IGNORECASE
)
# The target of a Markdown link, such as "](https://example.org)", "](#anchor)" or "](LICENSE.md)".
_LINK_TARGET = defer_pattern(r"\]\((?:https?://|mailto:|#|[\w.-]{0,40}/|[\w-]{1,40}\.)[^()\s]{0,500}\)")
# Character references to a line break: decoding them would move the lines after them.
_LINE_BREAK_REFERENCE = defer_pattern(r"&(?:NewLine;|#0*1[03](?!\d);?|#[xX]0*[adAD](?![\da-fA-F]);?)")
# Zero-width and bidirectional characters, the mark of a byte that is no text, and letters whose lower case is an ASCII
# letter (Kelvin sign, dotted I).
_HIDDEN = defer_pattern(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\u212a\u0130\ufffd]"
)
# What makes a sign a coloured picture, or joins two pictures: nothing beside a picture is hidden by it.
_PICTURE = "[\u203c\u2049\u2139-\u21aa\u2300-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\U0001f000-\U0001faff]"
_PICTURE_JOINER = defer_pattern(
    f"(?<={_PICTURE})\ufe0f|(?<={_PICTURE})\u200d(?={_PICTURE})|(?<=[0-9#*])\ufe0f(?=\u20e3)"
)
# An apostrophe that an editor lost: "Licensor\ufffds" and "affiliates\ufffd names".
_LOST_APOSTROPHE = defer_pattern("(?<=[a-z])\ufffd(?=s\\b)|(?<=s)\ufffd(?=\\s)")

# The word behind the marks of a code fence, which rendering drops.
_FENCE = defer_pattern(
    r"^([ \t]*(?:`{3,}|~{3,}))[ \t]*(?:text|plaintext|plain|txt|markdown|md|license|none)[ \t]*$", re.MULTILINE
)
# The dotted capital I of Turkish in the name of a holder.
_TURKISH_HOLDER = defer_pattern("(?:copyright|\u00a9)[^\n]{0,120}", re.IGNORECASE)

_word_hashes: dict[str, tuple[int, int, int]] = {}


class Words(Struct, frozen=True, dict=True):
    """The words of one text.

    Attributes:
        text: the text after normalization, with the same line breaks as the original.
        words: in lower case.
        has_hidden_characters: whether the original has invisible characters, or characters that turn into others.
        is_cut: whether the original was longer than ``TEXT_LIMIT``.
    """

    text: str
    words: Sequence[str]
    has_hidden_characters: bool
    is_cut: bool

    @cached_property
    def is_plain(self) -> bool:
        """Whether the words represent the whole text: nothing hidden or cut, no words spelled letter by letter."""
        if self.has_hidden_characters or self.is_cut:
            return False
        lowered = _lower_text(self.text)
        return _TWO_NUMBERS.search(lowered) is None or _SPELLED_OUT.search(lowered) is None

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
        """The offset of each word in ``text``, by word number."""
        # A token without group 1 is an item number and no word.
        return array("I", self._iter_starts())

    @cached_property
    def _first_starts(self) -> array[int]:
        """The offsets of the first words."""
        return array("I", islice(self._iter_starts(), _MAX_WALKED_WORDS))

    def _iter_starts(self) -> Iterator[int]:
        return (token.start(1) for token in _TOKEN.finditer(_lower_text(self.text)) if token[1])

    def find_start(self, word: int) -> int:
        """Find the offset in ``text`` of the word with this number; early words are found without the index."""
        # A ``cached_property`` lies in the instance's dictionary once it is computed.
        if word >= _MAX_WALKED_WORDS or "starts" in self.__dict__:
            return self.starts[word]
        return self._first_starts[word]

    def find_line(self, word: int) -> int:
        """Find the line, from 1, of the word with this number; a number past the end gives the last word's line."""
        if not self.words:
            return 1
        return self.text.count("\n", 0, self.find_start(min(word, len(self.words) - 1))) + 1

    def quote(self, first: int, end: int, limit: int) -> str:
        """Quote the words from ``first`` up to ``end`` as written, on one line of at most ``limit`` characters."""
        if first >= end or first >= len(self.words):
            return ""
        start = self.find_start(first)
        # Each word takes at least one character, so no word after the next ``limit`` can be shown.
        last = min(end, first + limit, len(self.words)) - 1
        stop = self.find_start(last) + len(self.words[last])
        # Runs of spaces shrink to one; four times the limit leaves room for them and bounds the work.
        line = " ".join(self.text[start : min(stop, start + 4 * limit)].split())
        return line if len(line) <= limit else f"{line[: limit - 1]}…"

    def spell_span(self, first: int, end: int) -> str:
        """Return the words from ``first`` up to ``end`` as written, with the marks and line breaks behind them."""
        stop = self.find_start(end) if end < len(self.words) else len(self.text)
        return self.text[self.find_start(first) : stop]

    def get_spelling(self, word: int) -> str:
        """Return the word with this number as written, with its capitals."""
        start = self.find_start(word)
        return self.text[start : start + len(self.words[word])]


def split_words(text: str) -> Words:
    """Split ``text`` into words, after normalization; at most ``TEXT_LIMIT`` characters are read."""
    # Every step here removes or unifies what does not distinguish words for a reader. Each one must keep the number of
    # line breaks, because claims quote line numbers.
    is_cut = len(text) > TEXT_LIMIT
    text = text[:TEXT_LIMIT].removeprefix("\ufeff")
    has_hidden_characters = False
    if not text.isascii():
        if "\ufe0f" in text or "\u200d" in text:
            text = _PICTURE_JOINER.sub("", text)
        if "\ufffd" in text:
            text = _LOST_APOSTROPHE.sub("'", text)
        beside_holders = _TURKISH_HOLDER.sub(_drop_dotted_capital, text) if "\u0130" in text else text
        has_hidden_characters = _HIDDEN.search(beside_holders) is not None
        text = unicodedata.normalize("NFC", text)
    if "```" in text or "~~~" in text:
        text = _FENCE.sub(r"\1", text)
    if "<" in text:
        text = _TAG.sub(_replace_tag, text)
    if "&" in text:
        text = _LINE_BREAK_REFERENCE.sub(" ", text)
        text = html.unescape(text)
    if "](" in text:
        text = _LINK_TARGET.sub("]", text)
    # Copies of one licence differ in the scheme of their addresses and in Markdown escapes.
    text = text.replace("https://", "http://")
    text = text.replace("\\", "")
    return Words(text, [word for word in _TOKEN.findall(_lower_text(text)) if word], has_hidden_characters, is_cut)


def _drop_dotted_capital(line: re.Match[str]) -> str:
    """Drop the dotted capitals I of a copyright line, which are no hidden characters there."""
    return line[0].replace("\u0130", "")


def _replace_tag(tag: re.Match[str]) -> str:
    """Replace a tag by its line breaks, which keeps the line numbers."""
    return "\n" * tag[0].count("\n") or " "


def _lower_text(text: str) -> str:
    """Lower ``text`` without changing its length, so that offsets stay valid."""
    lowered = text.lower()
    # Few letters become two characters, such as the dotted capital I of Turkish; only their first one is kept.
    return lowered if len(lowered) == len(text) else "".join(letter.lower()[:1] for letter in text)


def hash_triples(words: Sequence[str]) -> array[int]:
    """Hash each three consecutive words to one 32-bit number; a text of n words has n - 2 of them.

    A word has a different number in each of the three positions. A replaced word is part of three triples, each time in
    another position, so it goes unnoticed only if it agrees with the original in 96 bits.
    """
    # Words repeat across all licence texts, so their digests are cached; the cache is emptied when it is full.
    if len(_word_hashes) > _CACHE_LIMIT:
        _word_hashes.clear()
    for word in set(words).difference(_word_hashes):
        _word_hashes[word] = _hash_word(word)
    if len(words) < 3:
        return array("I")
    # ``firsts[i]`` is the number of word i in the first position. The hash is the exclusive or of the three numbers;
    # ``map`` ends with the shortest list, so the last two words begin no triple.
    firsts, seconds, thirds = zip(*map(_word_hashes.__getitem__, words), strict=True)
    return array("I", map(xor, map(xor, firsts, seconds[1:]), thirds[2:]))


def hash_word(word: str) -> int:
    """Hash one word to a 32-bit number."""
    return _hash_word(word)[0]


def _hash_word(word: str) -> tuple[int, int, int]:
    """Hash one word to three 32-bit numbers, one for each position in a triple."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return int.from_bytes(digest[:4]), int.from_bytes(digest[4:8]), int.from_bytes(digest[8:])
