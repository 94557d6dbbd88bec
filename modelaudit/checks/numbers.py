"""Files that are numbers because another file says so: their bytes have no format that could tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from modelaudit.model.artifact import TENSOR_STORAGE
from modelaudit.model.catalogue import Subject
from modelaudit.model.outline import ReferenceKind
from modelaudit.model.report import ArtifactRecord, Extent
from modelaudit.model.structure import Unread, UnreadReason


def is_unknown(unread: Unread) -> bool:
    """Whether the absence is that of bytes which begin as nothing that has a name."""
    return unread.reason is UnreadReason.NO_READER and not unread.format


def settle(
    records: Sequence[ArtifactRecord], unknown: Iterable[Subject], references: Iterable[Subject]
) -> tuple[list[ArtifactRecord], list[Subject]]:
    """The records, and the subjects of ``unknown`` that stay.

    A loader takes the external data of a graph for numbers whatever they are, so a file of unknown bytes that one names
    as such was examined: there is nothing in it to read. One in which anything was found keeps what was found.

    Args:
        records: of every artifact of the snapshot.
        unknown: subjects of absences that ``is_unknown`` held back.
        references: what files name of other files, as ``checks.references`` tells.
    """
    named = {
        subject.fields["path"]
        for subject in references
        if subject.fields["kind"] == ReferenceKind.DATA
        and subject.fields["state"] in ("present", "too-short", "hard-link")
    }
    taken = {record.path for record in records if record.path in named and _is_nothing_else(record)}
    settled = [
        replace(record, extent=Extent.EXAMINED, formats=(TENSOR_STORAGE,), absences=())
        if record.path in taken
        else record
        for record in records
    ]
    return settled, [subject for subject in unknown if subject.artifact not in taken]


def _is_nothing_else(record: ArtifactRecord) -> bool:
    return not record.members and not record.formats and all(is_unknown(each.unread) for _, each in record.absences)
