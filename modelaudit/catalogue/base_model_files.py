"""Read ``rules/lineage/bases.yaml``: the base models on record, with their dimensions and vocabularies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.directory import LINEAGE, FolderFiles, find_installed_rules
from modelaudit.catalogue.document import Document, Place, read_document
from modelaudit.catalogue.schema import CONFIG, Kebab, Shape, Text, require_match
from modelaudit.model.lineage import BaseModel, BaseModels, Dimension, VocabularyRecord

_HEX = r"[0-9a-f]+( [0-9a-f]+)*"

Digests = Annotated[str, require_match(_HEX, "digests in hexadecimal, separated by spaces")]
Size = Annotated[int, Field(strict=True, ge=1)]


@dataclass(config=CONFIG)
class VocabularyEntry:
    """One vocabulary; without ``segments`` no copy of it was at hand."""

    tokens: Size
    source: Text
    segments: Digests = ""
    special_tokens: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class ShapeEntry:
    """The dimensions of a base model."""

    hidden: Size
    layers: Size
    query: Size | None = None
    key: Size | None = None
    intermediate: Size | None = None
    vocabulary: Size | None = None
    experts: Size | None = None


@dataclass(config=CONFIG)
class BaseEntry:
    """One base model."""

    id: Text
    license: Text
    architecture: Text
    shape: ShapeEntry
    source: Text
    vocabulary: str = ""
    context: int = 0
    template: str = ""
    names: list[Text] = Field(default_factory=list)


@dataclass(config=CONFIG)
class BaseModelsFile:
    """The base models of one file, with the vocabularies and templates that they name."""

    bases: Annotated[list[BaseEntry], Field(min_length=1)]
    vocabularies: dict[Kebab, VocabularyEntry] = Field(default_factory=dict)
    templates: dict[Kebab, Digests] = Field(default_factory=dict)


_FILE = Shape(BaseModelsFile)


def read_base_models(folders: tuple[FolderFiles, ...]) -> BaseModels:
    """Read every file of ``lineage/`` in the folders; files that begin with ``_`` are input of ``derive.py``."""
    models: dict[str, BaseModel] = {}
    vocabularies: dict[str, VocabularyRecord] = {}
    for directory in (each.folder for each in folders):
        for path in sorted((directory / LINEAGE).glob("*.yaml")):
            if path.name.startswith("_"):
                continue
            document = read_document(path, f"{LINEAGE}/{path.name}", is_shared=directory != find_installed_rules())
            file = _FILE.read(document)
            for name, entry in file.vocabularies.items():
                segments, tokens = tuple(entry.segments.split()), tuple(entry.special_tokens)
                vocabularies[name] = VocabularyRecord(name, entry.tokens, segments, tokens, entry.source)
            for number, base in enumerate(file.bases):
                place: Place = ("bases", number)
                if base.id in models:
                    raise document.error(f"id: {base.id!r} is listed already, in this rule set or another", place)
                models[base.id] = _build_model(base, vocabularies, file.templates, document, place)
    return BaseModels(tuple(models.values()), vocabularies)


def _build_model(
    entry: BaseEntry,
    vocabularies: Mapping[str, VocabularyRecord],
    templates: Mapping[str, str],
    document: Document,
    place: Place,
) -> BaseModel:
    """Build one base model.

    Raises:
        ConfigurationError: it names a vocabulary or template that no file lists.
    """
    for key, name, known in (
        ("vocabulary", entry.vocabulary, vocabularies.keys()),
        ("template", entry.template, templates.keys()),
    ):
        if name and name not in known:
            raise document.error(f"{key}: {name!r} is not listed; use one of: {', '.join(known)}", (*place, key))
    stated = {each: getattr(entry.shape, each.value, None) for each in Dimension}
    return BaseModel(
        entry.id,
        tuple(entry.names),
        entry.license,
        entry.architecture,
        {dimension: value for dimension, value in stated.items() if value is not None},
        vocabularies.get(entry.vocabulary),
        entry.context,
        frozenset(templates.get(entry.template, "").split()),
        entry.source,
    )
