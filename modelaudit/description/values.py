"""Turn text of a card or of a configuration into the value of a fact: one line, without markup, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Final

from modelaudit.description.libraries import parse_requirements
from modelaudit.model.description import Confidence, Fact
from modelaudit.model.description_rules import FactRule, Form
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.model.wording import escape_unprintable

LONGEST_NAME: Final = 300
LONGEST_PROSE: Final = 2_000
_MOST_NAMES: Final = 200
_COMMENT: Final = re.compile(r"<!--.{0,4000}?(?:-->|\Z)", re.DOTALL)
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_IMAGE: Final = re.compile(r"!\[[^\[\]]{0,300}\]\([^()\s]{0,500}[^()]{0,200}\)")
_LINK: Final = re.compile(r"\[([^\[\]]{0,500})\]\(([^()\s]{0,500})[^()]{0,200}\)")
_EMPHASIS: Final = re.compile(r"\*{1,3}|`{1,3}|(?<!\w)_{1,2}(?=\S)|(?<=\S)_{1,2}(?!\w)|~~")
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'\])}|]{1,500}")
_MARKS: Final = " \t\n:;,-\u2013\u2014*_|"
_DIVIDER: Final = re.compile(r"[,;\uff0c\u3001\uff1b]| and |\s[&|/]\s")


def strip_markup(text: str) -> str:
    """Return a text of Markdown on one line without comments, tags, pictures, addresses of links and emphasis."""
    if "<" in text:
        text = _TAG.sub(" ", _COMMENT.sub(" ", text))
    if "](" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub(" ", text))
    return " ".join(_EMPHASIS.sub("", text).split())


def find_address(text: str) -> str:
    """Return the first web address in a text, without the punctuation behind it; empty if there is none."""
    match = _ADDRESS.search(text)
    return match[0].rstrip(".,;:!?") if match else ""


def bound_value(text: str, longest: int) -> str:
    """Return a text on one line, cut with an ellipsis."""
    line = escape_unprintable(" ".join(text[: 4 * longest].split())[: longest + 1])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


_NUMBER: Final = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?![\d.])|\d{1,15}(?:\.\d{1,6})?)[ \t-]?"
    r"(?P<unit>billion|bn|million|mio|mn|thousand|trillion|[kmbtg](?![a-z])|\u4ebf|\u767e\u4e07|\u5343\u4e07|\u4e07)?"
    r"(?![\d.]*\d)",
    re.IGNORECASE,
)
_MIXTURE: Final = re.compile(r"(?<![\w.])(\d{1,3})\s?[x\u00d7]\s?(?=\d)", re.IGNORECASE)
_UNITS: Final = {
    "": 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "mio": 10**6, "mn": 10**6, "b": 10**9,
    "g": 10**9, "bn": 10**9, "billion": 10**9, "t": 10**12, "trillion": 10**12, "\u4ebf": 10**8, "\u767e\u4e07": 10**6,
    "\u5343\u4e07": 10**7, "\u4e07": 10**4,
}  # fmt: skip
_MOST_NUMBERS: Final = 20
_LARGEST: Final = 10**18


def parse_numbers(text: str) -> Iterator[int]:
    """Yield the whole numbers in a text, with the factors that follow them: ``32k`` is 32,000."""
    for match in islice(_NUMBER.finditer(text), _MOST_NUMBERS):
        digits = re.sub(r"[^\d.]", "", match["digits"])
        number = Decimal(digits) * _UNITS[(match["unit"] or "").lower()]
        if number == number.to_integral_value() and number <= _LARGEST:
            yield int(number)


def parse_counts(text: str) -> Iterator[int]:
    """Yield the numbers of parameters in a text; ``8x7B`` gives the range of the whole too."""
    text = _PART_COUNT.sub(" ", text)
    mixture = _MIXTURE.search(text)
    for number in parse_numbers(_MIXTURE.sub("", text)):
        if number >= _SMALLEST_COUNT:
            yield number
            if mixture is not None:
                # The experts share their attention, so that the whole is smaller than the product.
                yield from (number * int(mixture[1]) * 4 // 5, number * int(mixture[1]))


_PART_COUNT: Final = re.compile(
    r"[\d.,]+ ?(?:[kmbt]|million|billion)?\b"
    r"(?= ?(?:\w+ )?(?:active|activated|trainable|non-embedding|per token|tokens))",
    re.IGNORECASE,
)
_SMALLEST_COUNT: Final = 1_000
"""Smaller numbers beside a label such as "size" count something else than parameters."""


class FactMaker:
    """Makes facts of texts by rules, and drops placeholders."""

    def __init__(self, placeholders: re.Pattern[str]) -> None:
        self._placeholders = placeholders

    def states_nothing(self, text: str) -> bool:
        """Whether a text is empty or a placeholder."""
        bare = text.strip(_MARKS + ".\"'").lower()[:LONGEST_PROSE]
        return not bare or self._placeholders.fullmatch(bare) is not None

    def make(
        self,
        rule: FactRule,
        text: str,
        artifact: str,
        where: Location = NOWHERE,
        qualifiers: tuple[tuple[str, str], ...] = (),
        confidence: Confidence | None = None,
    ) -> Iterator[Fact]:
        """Yield the facts that a text states by a rule; none for a placeholder.

        Args:
            rule: of its key, heading or label.
            text: as the file has it.
            artifact: the address of the file.
            where: its place.
            qualifiers: those of the rule, with their values; placeholders among them are dropped.
            confidence: in place of that of the rule.
        """
        if rule.form is Form.REQUIREMENTS:
            for name, stated in parse_requirements(text):
                yield Fact(rule.topic, name, confidence or rule.confidence, artifact, where, stated)
            return
        for value in self._read_values(rule, text):
            if self.states_nothing(value):
                continue
            kept = ((name, bound_value(each, LONGEST_NAME)) for name, each in qualifiers if not self._is_empty(each))
            longest = LONGEST_PROSE if rule.form is Form.PROSE else LONGEST_NAME
            yield Fact(
                rule.topic,
                bound_value(value, longest),
                confidence or rule.confidence,
                artifact,
                where,
                tuple(sorted(kept)),
            )

    def _is_empty(self, text: str) -> bool:
        """Whether a qualifier states nothing; a single figure does."""
        return not text.strip() or (self.states_nothing(text) and not text.strip().isdigit())

    def _read_values(self, rule: FactRule, text: str) -> Iterator[str]:
        """Yield the values in a text, by the form of its rule."""
        match = rule.when.fullmatch(text.strip()) if rule.when is not None else None
        if rule.when is not None:
            if match is None:
                return
            text = match["value"] if "value" in rule.when.groupindex else text
            if rule.value:
                yield rule.value
                return
        text = rule.values.get(text.strip(), text)
        if self.states_nothing(text) or self.states_nothing(strip_markup(text)):
            return
        if rule.value:
            yield rule.value
        elif rule.form is Form.ADDRESS:
            yield find_address(text) or strip_markup(text)
        elif rule.form is Form.NUMBERS:
            yield from dict.fromkeys(map(str, parse_numbers(strip_markup(text))))
        elif rule.form is Form.COUNTS:
            yield from dict.fromkeys(map(str, parse_counts(strip_markup(text))))
        elif rule.form is Form.NAMES:
            yield from (each.strip() for each in _DIVIDER.split(strip_markup(text))[:_MOST_NAMES])
        else:
            yield strip_markup(text).strip(_MARKS if rule.form is Form.NAME else " ")
