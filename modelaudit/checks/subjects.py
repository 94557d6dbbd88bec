"""Lay facts out as subjects for rules to match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, assert_never

from modelaudit.checks.mentions import subjects_of_outline
from modelaudit.checks.pickle import subjects_of_program
from modelaudit.checks.skops import subjects_of_schema
from modelaudit.checks.torch import subjects_of_torch
from modelaudit.checks.torch_storages import subjects_of_storages
from modelaudit.model.catalogue import Catalogue, Scalar, Subject
from modelaudit.model.evidence import Prose, Statements
from modelaudit.model.outline import Outline, References
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.reading import Structure
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.skops import SkopsSchema
from modelaudit.model.structure import (
    ArchiveListing,
    Defect,
    Document,
    Location,
    ModelCard,
    TensorData,
    Unread,
    UnreadReason,
)
from modelaudit.model.torch import TorchProgram

_FORMATS: Final[dict[type[Structure], str]] = {
    ModelCard: "card",
}


def subjects_of(
    structures: Sequence[tuple[str, Structure]], unread: Iterable[tuple[str, Unread]], catalogue: Catalogue
) -> Iterator[Subject]:
    """Lay out one artifact with all its members: first each structure for itself, then relations between them.

    Args:
        structures: with the address of the member that holds each, in the order of the bytes.
        unread: absences with their addresses.
        catalogue: the lists that judge names.
    """
    for address, structure in structures:
        yield from _subjects_of_structure(address, structure, catalogue)
    yield from subjects_of_torch(structures, unread, catalogue)
    yield from subjects_of_storages(structures)


def _subjects_of_structure(address: str, structure: Structure, catalogue: Catalogue) -> Iterator[Subject]:
    match structure:
        case PickleProgram():
            yield from subjects_of_program(address, structure, catalogue.callables)
            yield from _subjects_of_defects(address, "pickle", structure.defects)
        case Outline():
            yield from _subjects_of_defects(address, structure.format, structure.defects)
            yield from subjects_of_outline(address, structure, catalogue)
        case ArchiveListing() | Document():
            yield from _subjects_of_defects(address, structure.format, structure.defects)
            for tag, line in structure.tags if isinstance(structure, Document) else ():
                yield _subject_of_tag(address, structure.format, tag, line)
        case SkopsSchema():
            yield from _subjects_of_defects(address, "skops", structure.defects)
            yield from subjects_of_schema(address, structure, catalogue)
        case ModelCard():
            yield from _subjects_of_defects(address, _FORMATS[type(structure)], structure.defects)
        case TensorData() | TorchProgram() | References() | Prose() | Statements():
            return
        case _:
            assert_never(structure)


def subjects_of_unread(artifact: str, unread: Iterable[Unread]) -> Iterator[Subject]:
    """One subject for every part that was not read."""
    for absence in unread:
        fields = {"reason": absence.reason.value, "detail": absence.detail}
        key = f"{absence.reason} {absence.where.offset} {absence.where.key}"
        yield Subject("unread", artifact, fields, key, absence.where, (absence.detail,))


def subjects_of_record(record: ArtifactRecord) -> Iterator[Subject]:
    """How an artifact's digests stand against those that its source claims."""
    claimed = ", ".join(f"{digest.algorithm} {digest.value}" for digest in record.claimed)
    computed = ", ".join(f"{digest.algorithm} {digest.value}" for digest in record.digests)
    fields = {"state": record.digest_state.value, "claimed": claimed, "computed": computed}
    yield Subject(
        "digest", record.path, fields, "digest", evidence=(f"claimed: {claimed or 'nothing'}", f"computed: {computed}")
    )


def _subject_of_tag(artifact: str, format_: str, tag: str, line: int) -> Subject:
    # YAML writes its own tags as tag:yaml.org,2002:NAME, or !!NAME for short; PyYAML puts the object after a colon.
    short = tag.removeprefix("tag:yaml.org,2002:").removeprefix("!!")
    fields: dict[str, Scalar] = {"format": format_, "tag": tag, "family": short.partition(":")[0], "line": line}
    return Subject("document-tag", artifact, fields, tag, Location(line=line), (f"line {line}: {tag}",))


def _subjects_of_defects(artifact: str, format_: str, defects: Iterable[Defect]) -> Iterator[Subject]:
    for defect in defects:
        default = None if defect.kind.harmless else UnreadReason.UNJUDGED
        fields = {
            "format": format_,
            "kind": defect.kind,
            "detail": defect.detail,
            "default": "unjudged" if default is not None else "harmless",
        }
        place = "" if defect.where.offset is None else f"byte {defect.where.offset}: "
        key = f"{defect.kind} {defect.where.offset} {defect.where.key}"
        yield Subject("defect", artifact, fields, key, defect.where, (f"{place}{defect.detail}",), (), None, default)
