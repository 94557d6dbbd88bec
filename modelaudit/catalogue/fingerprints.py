"""Read ``rules/fingerprints/<id>.yaml``: hashes of the known licence texts."""

from __future__ import annotations

import binascii
import functools
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.directory import rules_directory
from modelaudit.catalogue.document import Document, read_document
from modelaudit.catalogue.schema import CONFIG, IsoDate, Shape, Text, matching
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.fingerprint import Fingerprint, Fingerprints, Span, sort_fingerprints

FOLDER = "fingerprints"
_MAX_WORDS = 100_000

Part = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


@dataclass(config=CONFIG)
class FingerprintFile:
    """One text. ``triples`` and ``marks`` are 32-bit numbers in network order, in base64."""

    id: Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9.+-]*", "letters, digits, dots, plus signs and hyphens")]
    of: Text
    words: Annotated[int, Field(ge=3, le=_MAX_WORDS)]
    source: Text
    date: IsoDate
    triples: Text
    marks: str = ""
    policy: bool = False
    certain: bool = True
    titles: list[Text] = Field(default_factory=list)
    versions: list[Text] = Field(default_factory=list)
    optional: list[Part] = Field(default_factory=list)
    slots: list[Part] = Field(default_factory=list)


_FILE = Shape(FingerprintFile)


def load_fingerprints(directory: Path | None = None, extra: Sequence[Path] = ()) -> Fingerprints:
    """Load the fingerprints of a rule set and of further rule folders; the result is cached per list of folders.

    They are loaded apart from the catalogue, because only models with a possible licence text need them. A fingerprint
    whose licence is in no rule set is no error, and its matches are left out.

    Args:
        directory: the rule set; by default the one of this installation. Its ``fingerprints/`` may be missing.
        extra: further folders of the same layout.

    Raises:
        ConfigurationError: a file is no fingerprint, contradicts itself, has another name than its id, or is listed
            twice.
    """
    return _load_folders((directory if directory is not None else rules_directory(), *extra))


@functools.lru_cache(maxsize=4)
def _load_folders(directories: tuple[Path, ...]) -> Fingerprints:
    found: dict[str, Fingerprint] = {}
    for directory in directories:
        for path in sorted((directory / FOLDER).glob("*.yaml")):
            if path.name.startswith("_"):
                continue
            item = _read_fingerprint(path)
            if item.id in found:
                raise ConfigurationError(f"{FOLDER}/{path.name}: another rule set has a fingerprint of this name")
            found[item.id] = item
    return sort_fingerprints(found.values())


def _read_fingerprint(path: Path) -> Fingerprint:
    label = f"{FOLDER}/{path.name}"
    document = read_document(path, label)
    file = _FILE.read(document)
    if file.id != path.stem:
        raise document.error(f"id: {file.id!r} is not the file's name", ("id",))
    triples = _unpack_numbers(file.triples, document, "triples")
    if len(triples) != file.words - 2:
        raise document.error(f"words: {file.words} words have {file.words - 2} triples, not {len(triples)}", ("words",))
    return Fingerprint(
        id=file.id,
        of=file.of,
        policy=file.policy,
        triples=triples,
        marks=tuple(_unpack_numbers(file.marks, document, "marks")),
        titles=tuple(file.titles),
        versions=tuple(file.versions),
        optional=_check_spans(file.optional, file, document, "optional"),
        slots=_check_spans(file.slots, file, document, "slots"),
        certain=file.certain,
        source=file.source,
        date=file.date,
    )


def _unpack_numbers(text: str, document: Document, key: str) -> array[int]:
    """Decode base64 into 32-bit numbers in network order."""
    try:
        data = binascii.a2b_base64(text, strict_mode=False)
    except binascii.Error as error:
        raise document.error(f"{key}: is not base64: {error}", (key,)) from None
    if len(data) % 4:
        raise document.error(f"{key}: does not end with a whole number of 32 bits", (key,))
    numbers = array("I", data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _check_spans(parts: list[list[int]], file: FingerprintFile, document: Document, key: str) -> tuple[Span, ...]:
    """Check that each span lies within the text, and return them as tuples."""
    for number, (first, end) in enumerate(parts):
        if not first < end <= file.words:
            raise document.error(f"{key}: {first} to {end} is no part of {file.words} words", (key, number))
    return tuple((first, end) for first, end in parts)
