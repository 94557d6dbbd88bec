"""Join the lines of a sentence in the source of a card, and find the line of a place in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.description.number_words import write_digits
from modelaudit.description.values import strip_markup
from modelaudit.model.lazy_pattern import defer_pattern

_LONGEST: Final = 4_000
"""Characters of the lines that are read together."""
_LONGEST_END: Final = 40
_SENTENCE_END: Final = defer_pattern(r"(?<=[.!?\u3002\uff01\uff1f])\s+|(?<=[\u3002\uff01\uff1f])")
_CLOSED: Final = defer_pattern(r"(?:[.!?:;|\u3002\uff01\uff1f\uff1a\uff1b][)\"'*_]*|<br ?/?>|\\|  )\Z", re.IGNORECASE)
"""The end of a line whose sentence does not go on in the next one: a mark, or a break that Markdown keeps."""
_GOES_ON: Final = defer_pattern(r"\s*[(\"'`*_\[]*[a-z\d\u3040-\u9fff]")
"""The start of a line that goes on with a sentence; others begin one, unless the last word asks for more."""
_ASKS_FOR_MORE: Final = defer_pattern(
    r"\b(?:the|an?|of|with|in|and|or|to|by|uses?|is|are|was|has|have|for|from|on|at|its|as|into|about|over)\Z"
)


class Sentence(Struct, frozen=True):
    """A sentence of a card.

    Attributes:
        text: without markup, with numbers in digits.
        is_first: of its paragraph.
    """

    text: str
    is_first: bool
    _start: int
    _starts: tuple[int, ...]
    _numbers: tuple[int, ...]

    def find_line(self, position: int) -> int:
        """Return the number of the line with a position in the text."""
        return self._numbers[bisect_right(self._starts, self._start + position) - 1]


class Paragraph(Struct):
    """Lines that belong together, and where each begins in the text of all."""

    text: str = ""
    last: str = ""
    starts: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def goes_on_in(self, line: str) -> bool:
        """Whether the last sentence so far goes on in a line, which begins no item of its own."""
        if (
            not self.numbers
            or _CLOSED.search(self.last[-_LONGEST_END:]) is not None
            or len(self.text) + len(line) > _LONGEST
        ):
            return False
        return _GOES_ON.match(line) is not None or _ASKS_FOR_MORE.search(self.last[-_LONGEST_END:]) is not None

    def add(self, line: str, number: int) -> None:
        """Add a line as the source has it, with the spaces at its end."""
        text = write_digits(strip_markup(line))
        self.starts.append(len(self.text) + bool(self.text))
        self.numbers.append(number)
        self.text = f"{self.text} {text}" if self.text else text
        self.last = line

    def list_sentences(self) -> Iterator[Sentence]:
        """Yield the sentences in their order."""
        start = 0
        ends = [(match.start(), match.end()) for match in _SENTENCE_END.finditer(self.text)]
        for end, following in (*ends, (len(self.text), len(self.text))):
            yield Sentence(self.text[start:end], not start, start, tuple(self.starts), tuple(self.numbers))
            start = following
