"""What a text shows to people, told from the characters that it is made of."""

from __future__ import annotations

import re
import unicodedata

_HYPHENS = re.compile("[\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_UNSEEN = re.compile("[\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
_WORD = re.compile(r"[^\W\d_]+")
# Letters of Cyrillic and Greek that look like those of ASCII (Unicode TR 39, confusables), in lower case.
_ALIKE = str.maketrans("аеорсхуіјѕԁһӏкмтвноιανορτυχ", "aeopcxyijsdhlkmtbhoiavoptux")


def shown_as(text: str) -> str:
    """``text`` in lower case with one kind of hyphen, without what does not show, full-width letters as narrow ones.

    In a word that mixes ASCII with other letters, those that look like ASCII become what they look like. Never to be
    used where a name permits something: what merely looks like a name is not that name.
    """
    if text.isascii():
        return text.casefold()
    text = _HYPHENS.sub("-", unicodedata.normalize("NFKC", _HYPHENS.sub("-", text)))
    return _WORD.sub(_plain, _UNSEEN.sub("", text).casefold().replace("\u2019", "'"))


def _plain(word: re.Match[str]) -> str:
    letters = word[0]
    mixed = not letters.isascii() and any(letter.isascii() for letter in letters)
    return letters.translate(_ALIKE) if mixed else letters
