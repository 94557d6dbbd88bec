"""Read ``rules/publishers.yaml``: the names of publishers and of families of models that others imitate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Shape, require_match
from modelaudit.model.provenance import KnownNames

_Name = Annotated[str, require_match(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", "a name of the Hub")]


@dataclass(config=CONFIG)
class PublishersFile:
    """``rules/publishers.yaml``."""

    publishers: list[_Name] = Field(default_factory=list)
    models: list[_Name] = Field(default_factory=list)


_FILE = Shape(PublishersFile)


def read_publishers(documents: Iterable[Document]) -> KnownNames:
    """Read the names; several files add up.

    Raises:
        ConfigurationError: a name is listed twice.
    """
    known: dict[str, list[str]] = {"publishers": [], "models": []}
    for document in documents:
        file = _FILE.read(document)
        for key, names in (("publishers", file.publishers), ("models", file.models)):
            for index, name in enumerate(names):
                if name in known[key]:
                    raise document.error(f"{key}: {name!r} is listed already; remove one entry", (key, index))
                known[key].append(name)
    return KnownNames(frozenset(known["publishers"]), frozenset(known["models"]))
