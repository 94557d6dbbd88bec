"""Accept files without a recognisable format that another file refers to as its tensor data.

Raw tensor data and the chunks of an array have no header, so that readers recognise nothing and leave an absence. A
graph that names such a file as external data, or the metadata of an array, shows that a loader reads it as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from modelaudit.checks.chunks import ChunkGrids
from modelaudit.model.artifact import TENSOR_STORAGE
from modelaudit.model.catalogue import Subject
from modelaudit.model.outline import ReferenceKind, References
from modelaudit.model.report import ArtifactRecord, Extent
from modelaudit.model.structure import Unread, UnreadReason


def is_unrecognised(unread: Unread) -> bool:
    """Whether no reader and no known signature matched these bytes."""
    return unread.reason is UnreadReason.NO_READER and not unread.format


def is_trailing_data(subject: Subject) -> bool:
    """Whether the subject is about bytes after a compressed stream, as a chunk in a shard has them."""
    return subject.kind == "defect" and (subject.fields["format"], subject.fields["kind"]) == (
        "compressed",
        "trailing-data",
    )


def resolve_references(
    records: Sequence[ArtifactRecord],
    unknown: Iterable[Subject],
    subjects: Iterable[Subject],
    references: Iterable[tuple[str, References]],
) -> tuple[list[ArtifactRecord], list[Subject]]:
    """Close the absences of tensor data, and return the records and the subjects of ``unknown`` that remain.

    A loader reads the external data of a graph and the chunks of an array as numbers, whatever the bytes are. A file
    that another one names as such therefore counts as examined. A file with a recognised format or with members keeps
    its absences, because a loader may read it as more than numbers.

    Args:
        records: of every artifact of the snapshot.
        unknown: subjects that ``is_unrecognised`` and ``is_trailing_data`` held back.
        subjects: references compared with the snapshot, as ``build_reference_subjects`` returns them.
        references: the same references as read, with the address of the file that contains them.

    Returns:
        the records without the absences that are closed, and the subjects that are still to be judged.
    """
    named = {
        subject.fields["path"]
        for subject in subjects
        if subject.fields["kind"] == ReferenceKind.DATA
        and subject.fields["state"] in ("present", "too-short", "hard-link")
    }
    chunks = ChunkGrids(references)
    taken: set[str] = set()
    settled = []
    for record in records:
        open_ = [address for address, absence in record.absences if is_unrecognised(absence.unread)]
        whole = record.path in named and _is_unrecognised_file(record)
        of_record = {address for address in open_ if whole or chunks.includes_address(address)}
        taken |= of_record
        settled.append(_drop_unrecognised_absences(record, of_record) if of_record else record)
    return settled, [
        subject
        for subject in unknown
        if subject.artifact not in taken
        and not (is_trailing_data(subject) and chunks.includes_address(subject.artifact))
    ]


def _drop_unrecognised_absences(record: ArtifactRecord, taken: set[str]) -> ArtifactRecord:
    absences = tuple(each for each in record.absences if each[0] not in taken or not is_unrecognised(each[1].unread))
    formats = record.formats or (TENSOR_STORAGE,)
    return replace(record, extent=record.extent if absences else Extent.EXAMINED, formats=formats, absences=absences)


def _is_unrecognised_file(record: ArtifactRecord) -> bool:
    return (
        not record.members and not record.formats and all(is_unrecognised(each.unread) for _, each in record.absences)
    )
