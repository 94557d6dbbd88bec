"""Files that are numbers because another file says so: their bytes have no format that could tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from modelaudit.checks.chunks import Chunks
from modelaudit.model.artifact import TENSOR_STORAGE
from modelaudit.model.catalogue import Subject
from modelaudit.model.outline import ReferenceKind, References
from modelaudit.model.report import ArtifactRecord, Extent
from modelaudit.model.structure import Unread, UnreadReason


def is_unknown(unread: Unread) -> bool:
    """Whether the absence is that of bytes which begin as nothing that has a name."""
    return unread.reason is UnreadReason.NO_READER and not unread.format


def is_surplus(subject: Subject) -> bool:
    """Whether the subject is that bytes follow compressed ones, which is how a chunk in shards ends."""
    return subject.kind == "defect" and (subject.fields["format"], subject.fields["kind"]) == (
        "compressed",
        "trailing-data",
    )


def settle(
    records: Sequence[ArtifactRecord],
    unknown: Iterable[Subject],
    subjects: Iterable[Subject],
    references: Iterable[tuple[str, References]],
) -> tuple[list[ArtifactRecord], list[Subject]]:
    """The records, and the subjects of ``unknown`` that stay.

    A loader takes the external data of a graph for numbers whatever they are, and the chunks of an array, so a file of
    unknown bytes that one names as such was examined: there is nothing in it to read. One in which anything was found
    keeps what was found.

    Args:
        records: of every artifact of the snapshot.
        unknown: subjects that ``is_unknown`` and ``is_surplus`` held back.
        subjects: what files name of other files, as ``checks.references`` tells.
        references: the same as it was read, with the address of each file that says so.
    """
    named = {
        subject.fields["path"]
        for subject in subjects
        if subject.fields["kind"] == ReferenceKind.DATA
        and subject.fields["state"] in ("present", "too-short", "hard-link")
    }
    chunks = Chunks(references)
    taken: set[str] = set()
    settled = []
    for record in records:
        open_ = [address for address, absence in record.absences if is_unknown(absence.unread)]
        whole = record.path in named and _is_nothing_else(record)
        of_record = {address for address in open_ if whole or chunks.hold(address)}
        taken |= of_record
        settled.append(_without(record, of_record) if of_record else record)
    return settled, [
        subject
        for subject in unknown
        if subject.artifact not in taken and not (is_surplus(subject) and chunks.hold(subject.artifact))
    ]


def _without(record: ArtifactRecord, taken: set[str]) -> ArtifactRecord:
    absences = tuple(each for each in record.absences if each[0] not in taken or not is_unknown(each[1].unread))
    formats = record.formats or (TENSOR_STORAGE,)
    return replace(record, extent=record.extent if absences else Extent.EXAMINED, formats=formats, absences=absences)


def _is_nothing_else(record: ArtifactRecord) -> bool:
    return not record.members and not record.formats and all(is_unknown(each.unread) for _, each in record.absences)
