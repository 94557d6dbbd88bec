"""Read ``rules/licenses/_origins.yaml``: models whose licence is on record.

A record can be older than the publisher's current statement. It is therefore used only for a base model that cannot be
read, and only to add restrictions: an entry with a permissive licence is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import CONFIG, IsoDate, Shape, Text, require_match
from modelaudit.model.terms import PERMISSIVE_CATEGORIES, KnownModel, LicenseEntry

_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._*-]*[A-Za-z0-9][A-Za-z0-9._*-]*"

Pattern = Annotated[
    str,
    require_match(_PATTERN, "a publisher, a slash and a name with a letter or digit, in which * matches any text"),
]


@dataclass(config=CONFIG)
class OriginFile:
    """One entry of ``origins``; ``read`` dates the publisher's statement, or the copy of it that was seen."""

    pattern: Pattern
    license: Text
    why: Text
    read: IsoDate = ""
    multimodal: bool | None = None


@dataclass(config=CONFIG)
class OriginsFile:
    """``rules/licenses/_origins.yaml``."""

    origins: Annotated[list[OriginFile], Field(min_length=1)]


_FILE = Shape(OriginsFile)


def read_origins(documents: Iterable[Document], licenses: Mapping[str, LicenseEntry]) -> tuple[KnownModel, ...]:
    """Read the entries in their order; the first matching pattern counts, and several files add up.

    Args:
        documents: the files.
        licenses: the licences by id that entries can name.

    Raises:
        ConfigurationError: a pattern is listed twice, in any case, or after one that covers it; or an entry names a
            licence that is unknown or permissive.
    """
    models: list[KnownModel] = []
    first_places: dict[str, tuple[Document, Place]] = {}
    for document in documents:
        for index, entry in enumerate(_FILE.read(document).origins):
            place: Place = ("origins", index, "pattern")
            folded = entry.pattern.casefold()
            if folded in first_places:
                first_document, first_place = first_places[folded]
                where = f"{first_document.label}:{first_document.line_of(first_place)}"
                raise document.error(f"origins.{index}.pattern: {entry.pattern!r} is listed already, in {where}", place)
            first_places[folded] = (document, place)
            # A test holds that no entry of this installation lies behind a broader one: comparing all takes long.
            earlier = models if not document.is_installed else ()
            broader = next((model for model in earlier if model.covers(entry.pattern)), None)
            if broader is not None:
                why = f"{broader.pattern!r} precedes it and covers all of it; put the narrower one first"
                raise document.error(f"origins.{index}.pattern: {entry.pattern!r} can never match: {why}", place)
            _check_license(entry, licenses, document, index)
            models.append(KnownModel(entry.pattern, entry.license, entry.multimodal, entry.why, entry.read))
    return tuple(models)


def _check_license(entry: OriginFile, licenses: Mapping[str, LicenseEntry], document: Document, index: int) -> None:
    """Check that an entry names a known licence that restricts the use."""
    place: Place = ("origins", index, "license")
    known = licenses.get(entry.license)
    if known is None:
        raise document.error(
            f"origins.{index}.license: {entry.license!r} has no file in licenses/; add the file first", place
        )
    if known.category in PERMISSIVE_CATEGORIES:
        raise document.error(
            f"origins.{index}.license: {entry.license} is {known.category} and adds no restriction; remove the origin",
            place,
        )
