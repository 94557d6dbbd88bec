"""Split a licence text into its sentences, each with its line and the number of its section.

Copies of one text differ in markup, line breaks and the style of numbers: ``1.b.i``, ``1. (b) i)`` and ``## 1`` are the
same section. A copy that lost its numbers has sentences without a section.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern

_MAX_CHARACTERS: Final = 200_000
_MAX_SENTENCES: Final = 4000
_MAX_SENTENCE: Final = 2000
_TAIL: Final = 10
# A number at the beginning of a line: "3.1", "(b)", "ii.", "Section 2", "Article 5", "第三条".
_MARKER: Final = defer_pattern(
    r"^(?P<indent>[ \t>]{0,24})[#*_\-+•\t ]{0,8}(?P<heading>(?:section|article|clause|paragraph)\s{1,3})?"
    r"\(?(?:(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})|(?P<letter>[a-zA-Z]{1,5}))"
    r"(?P<mark>[.):]|(?=\s)(?<=\d))(?=[\s*_]|$)[\s*_]{0,6}",
    re.IGNORECASE,
)
_HEADING: Final = "heading"
_DOTTED: Final = "dotted"
_ROMAN: Final = defer_pattern(r"[ivx]{1,5}")
_FULL_WIDTH: Final = "\u3002\uff01\uff1f\uff1b"  # the marks that end a Chinese sentence
_END: Final = defer_pattern(rf"[.!?;:{_FULL_WIDTH}][\"\u201d\u2019)\]*_]{{0,3}}(?=\s|$)|[{_FULL_WIDTH}]")
_ABBREVIATION: Final = defer_pattern(
    r"(?:\b(?:e\.g|i\.e|etc|inc|no|sec|u\.s|cf|ltd)|^\W{0,4}\(?\w{1,3})\.\W{0,2}\Z", re.IGNORECASE
)
_WORDS: Final = defer_pattern(r"\w")
_SECTION_NUMBER: Final = defer_pattern(r"\d{1,2}(?:\.\d{1,2})*(?:[.(]{1,2}[a-zA-Z0-9]{1,4}\)?)*")
_STEP: Final = defer_pattern(r"[0-9]+|[a-z]+")


class Sentence(Struct, frozen=True):
    """One sentence of a text.

    Attributes:
        text: as written, on one line.
        line: of its beginning in the text, from 1.
        section: the steps of its number, such as ``("1", "b", "i")``; empty before the first number.
    """

    text: str
    line: int
    section: tuple[str, ...]

    def lies_in(self, section: tuple[str, ...]) -> bool:
        """Whether the sentence lies in a section; a part around it, such as ``Section II``, does not count."""
        steps = self.section
        while steps and section[:1] and section[0].isdigit() and not steps[0].isdigit():
            steps = steps[1:]
        return bool(section) and steps[: len(section)] == section


def split_sentences(text: str) -> tuple[Sentence, ...]:
    """Split a text into its sentences; of a longer one, the first 200,000 characters and 4,000 sentences."""
    sentences: list[Sentence] = []
    numbering = _Numbering()
    pending: list[str] = []
    start = 1

    def flush() -> None:
        joined = " ".join(" ".join(pending).split())
        if _WORDS.search(joined) and len(sentences) < _MAX_SENTENCES:
            sentences.append(Sentence(joined[:_MAX_SENTENCE], start, numbering.section))
        pending.clear()

    for number, line in enumerate(text[:_MAX_CHARACTERS].splitlines(), 1):
        marker = _MARKER.match(line)
        if marker is not None or not line.strip():
            flush()
        rest = line
        if marker is not None:
            numbering.advance(marker)
            rest = line[marker.end() :]
        for piece in _split_line(rest):
            if not pending:
                start = number
            pending.append(piece)
            if _END.search(piece[-4:]) and not _ABBREVIATION.search(piece[-_TAIL:]):
                flush()
    flush()
    return tuple(sentences)


def _split_line(line: str) -> Iterator[str]:
    """Yield the parts of a line that end with a sentence, and the rest."""
    position = 0
    for end in _END.finditer(line):
        # The last characters decide, so that a line of abbreviations alone costs no more than its length.
        tail = line[max(position, end.end() - _TAIL) : end.end()]
        if not _ABBREVIATION.search(tail):
            yield line[position : end.end()]
            position = end.end()
    if line[position:].strip():
        yield line[position:]


class _Numbering:
    """Follows the numbers at the beginnings of lines.

    A number in a style that is open already continues its list, and one in a new style opens a list below.
    """

    def __init__(self) -> None:
        """Begin before the first number."""
        self._open: list[tuple[str, int, str]] = []

    @property
    def section(self) -> tuple[str, ...]:
        """The steps of the current number."""
        return tuple(value for _, _, value in self._open)

    def advance(self, marker: re.Match[str]) -> None:
        """Go on to the number of a line."""
        value = (marker["number"] or marker["letter"]).lower()
        if "." in value:
            self._open = [(_DOTTED, 0, step) for step in value.split(".")]
            return
        indent = len(marker["indent"].expandtabs())
        style = self._find_style(marker, value, indent)
        if not style:
            return
        depth = next((at for at, each in enumerate(self._open) if each[:2] == (style, indent)), None)
        if depth is None:
            # A list that is set farther to the right has ended. The steps of "3.1" have no place of their own.
            self._open = [each for each in self._open if each[1] <= indent or each[0] == _DOTTED]
            depth = 0 if style == _HEADING else len(self._open)
        self._open[depth:] = [(style, indent, value)]

    def _find_style(self, marker: re.Match[str], value: str, indent: int) -> str:
        """Find the style of a number; empty for a short word that looks like one."""
        if marker["heading"]:
            return _HEADING
        if value.isdigit():
            return f"1{marker['mark']}"
        letters = f"{'A' if marker['letter'].isupper() else 'a'}{marker['mark']}"
        last = next((each[2] for each in self._open if each[:2] == (letters, indent)), "")
        # "i" is a Roman number, but the letter behind "h"; "v" and "x" likewise.
        is_next_letter = len(value) == 1 and ord(value) == (ord(last) + 1 if len(last) == 1 else ord("a"))
        if _ROMAN.fullmatch(value) and not is_next_letter:
            return f"i{marker['mark']}"
        return letters if len(value) == 1 else ""


def parse_sections(reference: str) -> tuple[tuple[str, ...], ...]:
    """Parse the numbers of a reference such as ``section 1.b.i and 2`` or ``sections 4(c) and 4(d)``."""
    return tuple(tuple(_STEP.findall(each.lower())) for each in _SECTION_NUMBER.findall(reference))
