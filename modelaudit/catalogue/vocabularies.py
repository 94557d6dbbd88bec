"""``rules/vocabularies/``: what the names mean that files of a format hand to their loader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import Shape, Text, among
from modelaudit.model.catalogue import EFFECTS, MORE_EFFECTS, CallableEntry, Standing

_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True)

Effect = Annotated[str, among((*EFFECTS, *MORE_EFFECTS))]


def _as_entry(value: object) -> object:
    return {"why": value} if isinstance(value, str) else value


@dataclass(config=_CONFIG)
class DangerousNameFile:
    """A dangerous name: what it does, and the family of harm where the file's own is not it."""

    why: Text
    effect: Effect | None = None


@dataclass(config=_CONFIG)
class DangerousAlikeFile(DangerousNameFile):
    """Dangerous names that share their reason."""

    names: Annotated[list[Text], Field(min_length=1)] = Field(kw_only=True)


@dataclass(config=_CONFIG)
class DangerousFile:
    """The dangerous names of one file; ``effect`` holds for every entry without its own."""

    effect: Effect
    names: dict[Text, Annotated[DangerousNameFile, BeforeValidator(_as_entry)]] = field(default_factory=dict)
    alike: list[DangerousAlikeFile] = field(default_factory=list)


@dataclass(config=_CONFIG)
class TrustedAlikeFile:
    """Trusted names that share their reason."""

    why: Text
    names: Annotated[list[Text], Field(min_length=1)]


@dataclass(config=_CONFIG)
class TrustedFile:
    """The trusted names of one file, each with its reason."""

    names: dict[Text, Text] = field(default_factory=dict)
    alike: list[TrustedAlikeFile] = field(default_factory=list)


@dataclass(config=_CONFIG)
class VocabularyFile:
    """``rules/vocabularies/<vocabulary>/<name>.yaml``. A name on neither list is unlisted."""

    library: Text
    trusted: TrustedFile | None = None
    dangerous: list[DangerousFile] = field(default_factory=list)


_SHAPE = Shape(VocabularyFile)


def read_vocabularies(documents: Iterable[tuple[str, Document]]) -> Mapping[str, Mapping[str, CallableEntry]]:
    """Read the lists, by vocabulary and exact name.

    Args:
        documents: the vocabulary that each file's place gives, and the file.

    Raises:
        ConfigurationError: a file is not a list, or a name stands twice in one vocabulary.
    """
    vocabularies: dict[str, dict[str, CallableEntry]] = {}
    for vocabulary, document in documents:
        entries = vocabularies.setdefault(vocabulary, {})
        for entry, place in _entries(_SHAPE.read(document)):
            other = entries.get(entry.name)
            if other is not None:
                raise document.error(f"{entry.name} is listed already, as {other.standing}", place)
            entries[entry.name] = entry
    return vocabularies


def _entries(file: VocabularyFile) -> Iterator[tuple[CallableEntry, Place]]:
    for index, part in enumerate(file.dangerous):
        place: Place = ("dangerous", index)
        for name, listed in part.names.items():
            yield _dangerous(file, part, listed, name), (*place, "names", name)
        for number, alike in enumerate(part.alike):
            for position, name in enumerate(alike.names):
                yield _dangerous(file, part, alike, name), (*place, "alike", number, "names", position)
    trusted = file.trusted or TrustedFile()
    for name, why in trusted.names.items():
        yield CallableEntry(name, Standing.TRUSTED, why, file.library), ("trusted", "names", name)
    for number, same in enumerate(trusted.alike):
        for position, name in enumerate(same.names):
            entry = CallableEntry(name, Standing.TRUSTED, same.why, file.library)
            yield entry, ("trusted", "alike", number, "names", position)


def _dangerous(file: VocabularyFile, part: DangerousFile, listed: DangerousNameFile, name: str) -> CallableEntry:
    return CallableEntry(name, Standing.DANGEROUS, listed.why, file.library, listed.effect or part.effect)
