"""Lay out the defects of files as subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelaudit.model.catalogue import Subject
from modelaudit.model.outline import Outline
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.reading import Structure
from modelaudit.model.skops import SkopsSchema
from modelaudit.model.structure import ArchiveListing, Defect, Document, ModelCard, UnreadReason

DEFECT: Final = "defect"
"""The kind of these subjects."""


def build_defect_subjects(structures: Sequence[tuple[str, Structure]]) -> Iterator[Subject]:
    """Yield the subjects of the defects of each structure alone, which need no list of names."""
    for address, structure in structures:
        match structure:
            case Outline() | ArchiveListing() | Document():
                yield from build_format_defects(address, structure.format, structure.defects)
            case PickleProgram():
                yield from build_format_defects(address, "pickle", structure.defects)
            case SkopsSchema():
                yield from build_format_defects(address, "skops", structure.defects)
            case ModelCard():
                yield from build_format_defects(address, "card", structure.defects)
            case _:
                pass


def build_format_defects(artifact: str, format_: str, defects: Iterable[Defect]) -> Iterator[Subject]:
    """Yield one subject for every defect; the absence ``unjudged-defect`` remains where no rule matches it."""
    for defect in defects:
        absence_if_unmatched = None if defect.kind.harmless else UnreadReason.UNJUDGED
        fields = {
            "format": format_,
            "kind": defect.kind,
            "detail": defect.detail,
            "default": "unjudged" if absence_if_unmatched is not None else "harmless",
        }
        place = "" if defect.where.offset is None else f"byte {defect.where.offset}: "
        key = f"{defect.kind} {defect.where.offset} {defect.where.key}"
        yield Subject(
            DEFECT, artifact, fields, key, defect.where, (f"{place}{defect.detail}",), (), None, absence_if_unmatched
        )
