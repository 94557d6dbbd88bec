"""Normalise text to its visual appearance, so that look-alike characters compare equal."""

from __future__ import annotations

import html
import re
import unicodedata

from modelaudit.model.lazy_pattern import defer_pattern

_HYPHENS = defer_pattern("[\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_INVISIBLE = defer_pattern(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2060-\u2064\u2066-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
_WORD = defer_pattern(r"[^\W\d_]+")
_MIXED_LETTERS = defer_pattern(r"[a-z][^\W\d_a-z]|[^\W\d_a-z][a-z]")
"""A letter of ASCII beside another letter, in text without capitals. Without such a pair, no word is mixed."""
_ESCAPE = defer_pattern(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
"""The escape of an invisible character, as outputs write it."""
# Letters of Cyrillic and Greek that look like those of ASCII (Unicode TR 39, confusables), in lower case.
_LOOKALIKE_LETTERS = "аеорсхуіјѕԁһӏкмтвноιανορτυχ"
_LOOKALIKES = str.maketrans(_LOOKALIKE_LETTERS, "aeopcxyijsdhlkmtbhoiavoptux")
_LOOKALIKE = defer_pattern(f"[{_LOOKALIKE_LETTERS}]")


def normalize_appearance(text: str) -> str:
    """Fold case, hyphens and full-width letters, and drop invisible characters.

    In a word that mixes ASCII with other letters, letters that look like ASCII become the ASCII letter. Use the result
    only to add suspicion: a look-alike of a trusted name is not the trusted name.
    """
    if text.isascii():
        return text.casefold()
    # NFKC makes hyphens of some other characters, such as vertical dashes, so they are replaced after it too.
    text = _HYPHENS.sub("-", unicodedata.normalize("NFKC", _HYPHENS.sub("-", text)))
    shown = _INVISIBLE.sub("", text).casefold().replace("\u2019", "'")
    # Most texts with other letters have no such word, and replacing each word takes many times these searches.
    is_mixed = _LOOKALIKE.search(shown) is not None and _MIXED_LETTERS.search(shown) is not None
    return _WORD.sub(_replace_lookalikes, shown) if is_mixed else shown


def uncover_text(text: str) -> str:
    """Return the text that a reader sees: entities of HTML decoded, invisible characters and their escapes dropped."""
    shown = _ESCAPE.sub("", html.unescape(text)) if "\\" in text or "&" in text else text
    return shown if shown.isascii() else _INVISIBLE.sub("", shown)


def _replace_lookalikes(word: re.Match[str]) -> str:
    """Replace letters that look like ASCII in a word that also has ASCII letters; a word all in Cyrillic is genuine."""
    letters = word[0]
    is_mixed = not letters.isascii() and any(letter.isascii() for letter in letters)
    return letters.translate(_LOOKALIKES) if is_mixed else letters
