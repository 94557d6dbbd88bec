"""Accept files without a recognisable format that another file refers to as its tensor data.

Raw tensor data and the chunks of an array have no header, so that readers recognise nothing and leave an absence. A
graph that names such a file as external data, or the metadata of an array, shows that a loader reads it as numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set

from modelaudit.checks.chunks import ChunkGrids
from modelaudit.checks.formats import find_run_key
from modelaudit.model.artifact import TENSOR_STORAGE
from modelaudit.model.catalogue import Subject
from modelaudit.model.copies import replace
from modelaudit.model.outline import References
from modelaudit.model.report import ArtifactRecord, ByteCounts, Extent
from modelaudit.model.structure import Unread, UnreadReason


def is_unrecognised(unread: Unread) -> bool:
    """Whether no reader and no known signature matched these bytes."""
    return unread.reason is UnreadReason.NO_READER and not unread.format


def _may_be_in_chunk(unread: Unread) -> bool:
    """Whether the absence may be about the bytes of a chunk, or about the index of a shard after a compressed chunk."""
    return is_unrecognised(unread) or unread.reason is UnreadReason.UNCLAIMED


def is_trailing_data(subject: Subject) -> bool:
    """Whether the subject is about bytes after a compressed stream, which is normal for a chunk in a shard."""
    if subject.kind != "defect":
        return False
    return subject.fields["format"] == "compressed" and subject.fields["kind"] == "trailing-data"


def resolve_references(
    records: Sequence[ArtifactRecord],
    unrecognised_subjects: Iterable[Subject],
    data_paths: Set[str],
    references: Iterable[tuple[str, References]],
    run_names: Collection[str] = (),
) -> tuple[list[ArtifactRecord], list[Subject], set[str]]:
    """Close the absences of files that other files name as tensor data.

    A loader reads the external data of a graph and the chunks of an array as numbers, whatever the bytes are. A file
    that another one names as such therefore counts as examined. A file with a recognised format or with members keeps
    its absences, because a loader may read it as more than numbers. So does a file with a name that a shell, browser
    or interpreter runs: program text between numbers runs as well.

    Args:
        records: of every artifact of the snapshot.
        unrecognised_subjects: those of absences for which ``is_unrecognised`` holds, and those for which
            ``is_trailing_data`` holds; they were not judged yet.
        data_paths: the files that references name as data, as ``collect_referenced_paths`` returns them.
        references: the references as read, with the address of the file that contains them.
        run_names: the extensions and the names of files that a program runs.

    Returns:
        the records without the closed absences, those of ``unrecognised_subjects`` that are still to be judged, and the
        addresses of the closed absences.
    """
    chunks = ChunkGrids(references)
    closed: set[str] = set()
    new_records = []
    for record in records:
        if find_run_key(record.path) in run_names:
            new_records.append(record)
            continue
        is_data_file = record.path in data_paths and _is_unrecognised_file(record)
        closed_of_record = {
            address
            for address, absence in record.absences
            if (is_data_file and is_unrecognised(absence.unread))
            or (_may_be_in_chunk(absence.unread) and chunks.includes_address(address))
        }
        closed |= closed_of_record
        new_records.append(_close_absences(record, closed_of_record) if closed_of_record else record)
    remaining = []
    for subject in unrecognised_subjects:
        is_index_of_shard = is_trailing_data(subject) and chunks.includes_address(subject.artifact)
        if subject.artifact not in closed and not is_index_of_shard:
            remaining.append(subject)
    return new_records, remaining, closed


def _close_absences(record: ArtifactRecord, addresses: set[str]) -> ArtifactRecord:
    """Return ``record`` without the absences at ``addresses``, which turned out to be tensor data.

    The file counts as examined if no other absence remains.
    """
    absences = tuple(
        (address, absence)
        for address, absence in record.absences
        if address not in addresses or not _may_be_in_chunk(absence.unread)
    )
    counts = record.byte_counts
    if counts is not None and record.path in addresses:
        # The bytes that no reader claimed are numbers, too.
        counts = ByteCounts(counts.parsed, counts.data + counts.unclaimed)
    return replace(
        record,
        extent=record.extent if absences else Extent.EXAMINED,
        formats=record.formats or (TENSOR_STORAGE,),
        absences=absences,
        byte_counts=counts,
    )


def _is_unrecognised_file(record: ArtifactRecord) -> bool:
    """Whether no reader recognised any part of the file."""
    return (
        not record.members and not record.formats and all(is_unrecognised(each.unread) for _, each in record.absences)
    )
