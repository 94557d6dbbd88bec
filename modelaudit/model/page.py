"""A page of reference text, such as the description of a rule or a licence, apart from the way it is shown."""

from __future__ import annotations

from msgspec import Struct


class Paragraph(Struct, frozen=True):
    """Running text. Words between backticks are code; nothing else in it is markup."""

    text: str


class Item(Struct, frozen=True):
    """One line of a list: an optional emphasised ``label``, the text, and the address that it leads to."""

    text: str
    label: str = ""
    url: str = ""


class Listing(Struct, frozen=True):
    """Lines that are shown exactly as they are: a quotation of a report or of a licence."""

    lines: tuple[str, ...]


Block = Paragraph | Item | Listing


class Section(Struct, frozen=True):
    """A heading with the blocks below it; adjacent items form one list."""

    heading: str
    blocks: tuple[Block, ...]


class Page(Struct, frozen=True):
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
