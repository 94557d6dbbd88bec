"""The place of a fact or a claim, in the short form of lists and in the long form of sentences."""

from __future__ import annotations

from typing import Final

from modelaudit.model.description import Fact
from modelaudit.model.structure import Location
from modelaudit.reports.wording import describe_place

HUB_RECORD: Final = "record of the Hub"
"""The place of a statement of the Hub, which no file holds."""
_COMPUTED: Final = ("shapes of all tensors", "types of the tensors")
"""Keys of values that are computed from all tensors: no entry of the file."""


def name_place(artifact: str, where: Location) -> str:
    """Name a place for a list: ``README.md:7``, ``config.json, hidden_size``, or the record of the Hub."""
    if not artifact:
        return HUB_RECORD
    if where.line is not None:
        return f"{artifact}:{where.line}"
    return f"{artifact}, {where.key}" if where.key is not None else artifact


def describe_source(fact: Fact) -> str:
    """Describe the source of a fact for a sentence: ``README.md, line 3``, or the record of the Hub."""
    place = f"by the {fact.where.key}" if fact.where.key in _COMPUTED else describe_place(fact.where)
    return ", ".join(filter(None, (fact.artifact or HUB_RECORD, place)))
