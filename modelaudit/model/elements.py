"""Minimum elements of a bill of materials, and whether a report holds each of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RUN: Final = "run"
"""The confidence of a fact of this scan itself."""


class ElementState(StrEnum):
    """The state of one element."""

    PRESENT = "present"
    PARTLY = "partly-present"
    """Some parts of it are stated, and others are not."""
    ABSENT = "absent"
    NOT_AUTOMATABLE = "not-automatable"
    """It describes the deployed system or the organisation, which no file of a model states."""


@dataclass(frozen=True, slots=True)
class ElementSource:
    """A source of an element.

    Attributes:
        value: bounded, one line.
        confidence: a word of ``description.Confidence``, or ``run`` for a fact of this scan itself.
        place: the file with its line or key, or the record that states it.
    """

    value: str
    confidence: str
    place: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a list, judged for one model.

    Attributes:
        id: of the list in the rule set: ``G7AI-MD-01``.
        group: its cluster or category.
        sources: what makes it present, the strongest first; empty unless it is present, or partly.
        why: for one that is absent, or present in part, where a publisher would state the rest; for one that is not
            automatable, the reason.
        missing_parts: the parts that no source states, where others are stated.
    """

    id: str
    group: str
    name: str
    state: ElementState
    sources: tuple[ElementSource, ...] = ()
    why: str = ""
    missing_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ElementList:
    """A published list of elements.

    Attributes:
        id: ``g7``, ``eu-ai-act``, ``owasp``.
        title: of the publication, with its edition.
        date: ISO date of the edition.
        checked: ISO date on which the entries were compared with their source.
        score: by the formula of the list, from 0 to 100; ``None`` for a list without one.
        profile: the profile of the formula that the score reaches; empty if none.
        notes: sentences of the rule set on what the list covers, and on what the score leaves out.
    """

    id: str
    title: str
    date: str
    checked: str
    elements: tuple[Element, ...] = ()
    score: float | None = None
    profile: str = ""
    notes: tuple[str, ...] = ()

    def count(self, state: ElementState) -> int:
        """The number of elements in a state."""
        return sum(element.state is state for element in self.elements)
