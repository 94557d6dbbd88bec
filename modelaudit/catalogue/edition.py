"""Read ``rules/edition.yaml``: the number and the date of a rule set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Shape, require_match
from modelaudit.model.catalogue import Edition


def _require_day(text: str) -> str:
    """Refuse a day that no month has, such as 2026-02-30."""
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the calendar") from None
    return text


_Date = Annotated[
    str, require_match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date such as 2026-01-31"), AfterValidator(_require_day)
]


@dataclass(config=CONFIG)
class EditionFile:
    """``rules/edition.yaml``."""

    number: Annotated[int, Field(strict=True, ge=1)]
    date: _Date


_FILE = Shape(EditionFile)


def read_edition(documents: Sequence[Document]) -> Edition | None:
    """Read the edition of a rule set; ``None`` without one.

    Raises:
        ConfigurationError: a further rule folder has one of its own.
    """
    if not documents:
        return None
    for document in documents[1:]:
        raise document.error("only the rule set itself has an edition; remove this file", ())
    file = _FILE.read(documents[0])
    return Edition(file.number, file.date)
