"""Read ``rules/edition.yaml``: the number and the date of a rule set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Shape, require_match
from modelaudit.model.catalogue import Edition

_Date = Annotated[str, require_match(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "a date such as 2026-01-31")]


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
