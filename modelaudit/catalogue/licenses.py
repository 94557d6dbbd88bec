"""``rules/licenses/``: one licence a file, and the identifiers that name none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import LicenseFile, Shape, VagueFile
from modelaudit.model.license import LicenseEntry, Obligation

_FILE = Shape(LicenseFile)
_VAGUE = Shape(VagueFile)


def read_licenses(documents: Iterable[tuple[str, Document]]) -> Mapping[str, LicenseEntry]:
    """Read the licences, in order of their ids.

    Args:
        documents: the name of each file without its ending, and the file.

    Raises:
        ConfigurationError: a file is not a licence, or two of them claim one identifier or name.
    """
    entries: dict[str, LicenseEntry] = {}
    claimed: dict[str, str] = {}
    for stem, document in documents:
        file = _FILE.read(document)
        if file.id.casefold() != stem.casefold():
            raise document.error(f"id: {file.id!r} does not follow from the file's name, which says {stem!r}", ("id",))
        if file.id in entries:
            raise document.error(f"id: {file.id!r} is taken by another file", ("id",))
        _claim(file, document, claimed)
        entries[file.id] = LicenseEntry(
            id=file.id,
            name=file.name,
            category=file.category,
            hub_ids=tuple(file.hub_ids),
            aliases=tuple(file.aliases),
            obligations=tuple(Obligation(entry.kind, entry.text, entry.clause) for entry in file.obligations),
            url=file.url,
            read=file.read,
        )
    return dict(sorted(entries.items()))


def read_vague(documents: Iterable[Document], entries: Mapping[str, LicenseEntry]) -> Mapping[str, str]:
    """Read the Hub identifiers that name a family only, with the reason. Raises ``ConfigurationError``."""
    exact = {hub_id: entry.id for entry in entries.values() for hub_id in entry.hub_ids}
    vague: dict[str, str] = {}
    for document in documents:
        for hub_id, why in _VAGUE.read(document).hub_ids.items():
            if hub_id in exact:
                raise document.error(f"{hub_id!r} cannot be vague: it means {exact[hub_id]}", ("hub-ids", hub_id))
            if hub_id in vague:
                raise document.error(f"{hub_id!r} is listed already", ("hub-ids", hub_id))
            vague[hub_id] = why
    return vague


def _claim(file: LicenseFile, document: Document, claimed: dict[str, str]) -> None:
    """Each identifier and each name leads to one licence; case, spaces and punctuation make no difference."""
    names: list[tuple[str, str, Place]] = [("hub:" + text, text, ("hub-ids", i)) for i, text in enumerate(file.hub_ids)]
    names += [("alias:" + _folded(text), text, ("aliases", i)) for i, text in enumerate(file.aliases)]
    for key, text, place in names:
        if key in claimed:
            raise document.error(f"{text!r} already means {claimed[key]}", place)
        claimed[key] = file.id


def _folded(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
