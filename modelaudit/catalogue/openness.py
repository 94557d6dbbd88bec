"""Read ``rules/openness.yaml``: the components of a release, and the files, words and fields that show each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.cues import compile_pattern
from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text, require_word
from modelaudit.model.copies import replace
from modelaudit.model.terms import OpennessPart

_KINDS = ("model", "code", "data", "document")


@dataclass(config=CONFIG)
class PartFile:
    """One part."""

    title: Text
    level: Annotated[int, Field(ge=1, le=3)]
    kind: Annotated[str, require_word(_KINDS)]
    files: list[Text] = Field(default_factory=list)
    unless: list[Text] = Field(default_factory=list)
    paths: list[Text] = Field(default_factory=list)
    unless_part: str = ""
    words: list[Text] = Field(default_factory=list)
    fields: list[Text] = Field(default_factory=list)
    elsewhere: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class OpennessFile:
    """``rules/openness.yaml``."""

    components: dict[Kebab, PartFile]


_FILE = Shape(OpennessFile)


def read_openness(documents: Iterable[Document]) -> tuple[OpennessPart, ...]:
    """Read the components in the order of the files.

    Raises:
        ConfigurationError: a component is listed twice, nothing could show it, or ``unless-part`` names none.
    """
    parts: dict[str, OpennessPart] = {}
    others: dict[str, tuple[str, Document]] = {}
    for document in documents:
        for id_, part in _FILE.read(document).components.items():
            place = ("components", id_)
            if id_ in parts:
                raise document.error(f"components: {id_!r} is listed already; remove one entry", place)
            for each in part.paths:
                compile_pattern(each, document, place)
            if part.unless_part:
                others[id_] = (part.unless_part, document)
            if not (part.files or part.paths or part.words or part.fields):
                raise document.error(
                    f"components.{id_}: names no files, words or fields that would show that the component is present",
                    place,
                )
            parts[id_] = OpennessPart(
                id_,
                part.title,
                part.level,
                part.kind,
                tuple(part.files),
                tuple(part.words),
                tuple(part.fields),
                tuple(part.unless),
                tuple(part.elsewhere),
                tuple(part.paths),
            )
    # A part may come before the one that it names.
    for id_, (other, document) in others.items():
        if other not in parts:
            raise document.error(
                f"components.{id_}: unless-part: the list has no component {other!r}", ("components", id_)
            )
        parts[id_] = replace(parts[id_], apart=other)
    return tuple(parts.values())
