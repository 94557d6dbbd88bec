"""Write the numbers that a text states in English or Chinese words in digits."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_SMALL: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS: Final = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES: Final = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_WORD: Final = "|".join((*_TENS, *sorted(_SMALL, key=len, reverse=True), "hundred", *_SCALES))
_PHRASE: Final = defer_pattern(rf"\b(?:{_WORD})(?:(?:[ -]|[ -]and[ -])(?:{_WORD}|a[ -]half)){{0,12}}\b", re.IGNORECASE)
"""A number in English words: ``one hundred and ten million``, ``one and a half billion``."""
_ALONE: Final = frozenset({"one", "hundred", *_SCALES})
"""Words that are no number when alone: ``one of them``, ``a hundred``, ``7 billion``."""
_HALF: Final = Decimal("0.5")

_CHINESE_DIGITS: Final = {each: number for number, each in enumerate("零一二三四五六七八九")} | {"两": 2, "\u3007": 0}
_CHINESE_PLACES: Final = {"十": 10, "百": 100, "千": 1000}
_CHINESE: Final = defer_pattern(
    r"(?<![几数上第零\u3007一二两三四五六七八九十百千])[零\u3007一二两三四五六七八九十][零\u3007一二两三四五六七八九十百千]{0,11}(?P<unit>万亿|[万亿])?"
)
"""A Chinese number; one such as ``几十`` or ``千亿`` gives only an order of magnitude."""
_TEN_THOUSAND_OF_UNIT: Final = {"万亿": (10_000, "亿")}
"""Units that figures do not know, in those that they know: ``三万亿`` is 30,000 ``亿``."""


def write_digits(text: str) -> str:
    """Return a text with its numbers in words written in digits; a number in digits stays as it is.

    ``thirty-two layers`` gives ``32 layers``, and ``七十亿参数`` gives ``70亿参数``.
    """
    if text.isascii():
        return _PHRASE.sub(_convert_english, text)
    return _CHINESE.sub(_convert_chinese, _PHRASE.sub(_convert_english, text))


def _convert_english(match: re.Match[str]) -> str:
    """Return a number of English words in digits; the words themselves where they state no single number."""
    words = [each for each in re.split(r"[ -]", match[0].lower()) if each not in ("and", "a")]
    if words == ["one"] or words[0] in _ALONE - {"one"}:
        return match[0]
    total, group, least = Decimal(0), Decimal(0), 10**15
    previous = ""
    for word in words:
        if word == "half":
            group += _HALF
        elif word in _SCALES:
            if _SCALES[word] >= least:
                return match[0]
            least = _SCALES[word]
            total, group = total + group * least, Decimal(0)
        elif word == "hundred":
            group *= 100
        elif (word in _SMALL and previous in _SMALL) or (word in _TENS and previous in (*_SMALL, *_TENS)):
            return match[0]  # A list such as "one two", and no number.
        else:
            group += _SMALL.get(word) or _TENS[word]
        previous = word
    number = total + group
    return f"{number:f}" if number != number.to_integral_value() else f"{number:.0f}"


def _convert_chinese(match: re.Match[str]) -> str:
    """Return a Chinese number in digits, with its unit of ten thousands."""
    unit = match["unit"] or ""
    total, digit = 0, 0
    for each in match[0].removesuffix(unit):
        if each in _CHINESE_PLACES:
            total, digit = total + (digit or 1) * _CHINESE_PLACES[each], 0
        else:
            digit = 10 * digit + _CHINESE_DIGITS[each]
    factor, name = _TEN_THOUSAND_OF_UNIT.get(unit, (1, unit))
    return f"{(total + digit) * factor}{name}"
