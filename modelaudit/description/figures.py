"""Parse the numbers, counts of parameters, masses and energies that people write in cards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Final

from modelaudit.model.description_rules import Form
from modelaudit.model.lazy_pattern import defer_pattern

_NUMBER: Final = defer_pattern(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?![\d.])|\d{1,15}(?:\.\d{1,6})?)[ \t-]?"
    r"(?P<unit>billion|bn|million|mio|mn|thousand|trillion|[kmbtg](?![a-z])|k(?=hz)|\u4ebf|\u767e\u4e07|\u5343\u4e07|\u4e07|\u5343)?"
    r"(?![\d.]*\d)",
    re.IGNORECASE,
)
_MIXTURE: Final = defer_pattern(r"(?<![\w.])(\d{1,3})\s?[x\u00d7]\s?(?=\d)", re.IGNORECASE)
_UNITS: Final = {
    "": 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "mio": 10**6, "mn": 10**6, "b": 10**9,
    "g": 10**9, "bn": 10**9, "billion": 10**9, "t": 10**12, "trillion": 10**12, "\u4ebf": 10**8, "\u767e\u4e07": 10**6,
    "\u5343\u4e07": 10**7, "\u4e07": 10**4, "\u5343": 1000,
}  # fmt: skip
_PART_COUNT: Final = defer_pattern(
    r"(?<![\d.,])[\d.,]{1,20} ?(?:[kmbt]|million|billion)?\b"
    r"(?= ?(?:\w{1,20} )?(?:active|activated|trainable|non-embedding|per token|tokens))",
    re.IGNORECASE,
)
_SMALLEST_COUNT: Final = 1_000
"""Smaller numbers beside a label such as "size" count something else than parameters."""
_MOST_NUMBERS: Final = 20
_LARGEST: Final = 10**18


def _parse_numbers(text: str) -> Iterator[int]:
    """Yield the whole numbers in a text, with the factors that follow them: ``32k`` is 32,000."""
    for match in islice(_NUMBER.finditer(text), _MOST_NUMBERS):
        digits = re.sub(r"[^\d.]", "", match["digits"])
        number = Decimal(digits) * _UNITS[(match["unit"] or "").lower()]
        if number == number.to_integral_value() and number <= _LARGEST:
            yield int(number)


def _parse_counts(text: str) -> Iterator[int]:
    """Yield the numbers of parameters in a text; ``8x7B`` gives the range of the whole too."""
    text = _PART_COUNT.sub(" ", text)
    mixture = _MIXTURE.search(text)
    for number in _parse_numbers(_MIXTURE.sub("", text)):
        if number >= _SMALLEST_COUNT:
            yield number
            if mixture is not None:
                # The experts share their attention, so that the whole is smaller than the product.
                yield from (number * int(mixture[1]) * 4 // 5, number * int(mixture[1]))


_QUANTITIES: Final[dict[Form, tuple[re.Pattern[str], dict[str, int]]]] = {
    Form.GRAMS: (
        defer_pattern(
            r"(?<![\w.])(\d[\d,]{0,14}(?:\.\d{1,6})?) ?(kg|g|t|kilograms?|grams?|tons?|tonnes?)(?:\b|co2|eq)", re.I
        ),
        {"g": 1, "gram": 1, "k": 1000, "kg": 1000, "kilogram": 1000, "t": 10**6, "ton": 10**6, "tonne": 10**6},
    ),
    Form.KILOWATT_HOURS: (
        defer_pattern(r"(?<![\w.])(\d[\d,]{0,14}(?:\.\d{1,6})?) ?(kwh|mwh|gwh|wh)\b", re.I),
        {"kwh": 1000, "mwh": 10**6, "gwh": 10**9, "wh": 1},
    ),
}


def _parse_quantity(text: str, pattern: re.Pattern[str], units: dict[str, int]) -> Iterator[str]:
    """Yield the first quantity in a text, in the unit of its form; none without a unit."""
    match = pattern.search(text)
    if match is not None:
        unit = match[2].lower()
        number = Decimal(match[1].replace(",", "")) * units[unit if unit in units else unit.rstrip("s")]
        if "wh" in unit:
            number /= 1000
        yield f"{number.normalize():f}"


def parse_figures(form: Form, text: str) -> Iterator[str]:
    """Yield the figures in a text in decimal digits, each once; none for a form that has no figures."""
    if form is Form.NUMBERS:
        yield from dict.fromkeys(map(str, _parse_numbers(text)))
    elif form is Form.COUNTS:
        yield from dict.fromkeys(map(str, _parse_counts(text)))
    elif form in _QUANTITIES:
        yield from _parse_quantity(text, *_QUANTITIES[form])
