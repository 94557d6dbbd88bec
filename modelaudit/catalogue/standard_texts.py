"""Read ``rules/standard_texts.yaml``: the packages that ship the standard text of a licence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.known_keys import suggest_word
from modelaudit.catalogue.schema import CONFIG, Shape, Text, require_match
from modelaudit.model.notices import StandardText


@dataclass(config=CONFIG)
class TextFile:
    """One text."""

    package: Text
    file: Text
    sha256: Annotated[str, require_match(r"[0-9a-f]{64}", "64 hexadecimal digits")]
    start: Annotated[Text, Field(alias="from")] = ""


@dataclass(config=CONFIG)
class TextsFile:
    """``rules/standard_texts.yaml``."""

    texts: dict[Text, TextFile]


_SHAPE: Final = Shape(TextsFile)


def read_standard_texts(documents: Iterable[Document], licenses: Collection[str]) -> Mapping[str, StandardText]:
    """Read the texts by the ids of their licences.

    Raises:
        ConfigurationError: a licence is unknown or listed twice.
    """
    texts: dict[str, StandardText] = {}
    for document in documents:
        for id_, file in _SHAPE.read(document).texts.items():
            if id_ not in licenses:
                hint = suggest_word(id_, licenses)
                raise document.error(f"texts: {id_!r} is not a licence of the rule set{hint}", ("texts", id_))
            if id_ in texts:
                raise document.error(f"texts: {id_!r} is listed already; remove one entry", ("texts", id_))
            texts[id_] = StandardText(file.package, file.file, file.sha256, file.start)
    return texts
