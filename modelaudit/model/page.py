"""A page of reference text, such as the description of a rule or a licence, apart from the way it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. Words between backticks are code; nothing else in it is markup."""

    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: an optional emphasised ``label``, the text, and the address that it leads to."""

    text: str
    label: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines that are shown exactly as they are: a quotation of a report or of a licence."""

    lines: tuple[str, ...]


Block = Paragraph | Item | Listing


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with the blocks below it; adjacent items form one list."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        name: the identifier under which ``modelaudit explain`` finds the page.
        title: a line that names the rule or licence in words.
        facts: short properties, such as the severity, in the order of the page.
    """

    name: str
    title: str
    facts: tuple[str, ...]
    sections: tuple[Section, ...]
