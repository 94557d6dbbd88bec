"""The coverage of the files that may state terms, and the doubt that an unread one leaves about the licence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from modelaudit.model.copies import replace
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import LicenseConclusion, UseAnswer
from modelaudit.model.report import ArtifactRecord, Coverage, Extent, UnopenedFile
from modelaudit.model.structure import MARRED_TEXT, Unread, UnreadReason
from modelaudit.model.term_files import classify_text_file
from modelaudit.model.terms import UNREAD_TERMS, Answer

_MAX_NAMED_ABSENCES: Final = 2
_HIDING_NO_TERMS: Final = frozenset({UnreadReason.PROGRAM, UnreadReason.UNJUDGED, UnreadReason.UNVERIFIED})


def limit_to_terms(
    records: Iterable[ArtifactRecord],
    unread: Mapping[str, Collection[Unread]],
    unopened: tuple[UnopenedFile, ...] = (),
) -> Coverage:
    """Return the coverage of files that may state terms, with only those absences that may hide terms.

    An absence that a rule leaves hides none, such as that of another file: the text was read.

    Args:
        records: the files that may state terms.
        unread: the absences from reading each file, by its path.
        unopened: the other files.
    """
    files = (record for record in records if not record.lacks_digests_alone)
    limited = tuple(_limit_record_to_terms(each, unread.get(each.path, ())) for each in files)
    return Coverage(limited, len(unopened), unopened)


def _limit_record_to_terms(record: ArtifactRecord, unread: Collection[Unread]) -> ArtifactRecord:
    """Return the record without absences that hide no terms; one of a file without any content stays as it is.

    An empty card is no card, and control characters in a text hide none of its words.
    """
    reasons = {absence.unread.reason for _, absence in record.absences}
    if reasons == {UnreadReason.EMPTY} and _is_without_promise(record.path):
        return replace(record, absences=(), extent=Extent.EXAMINED)
    if record.extent is Extent.NOT:
        return record
    is_marred = MARRED_TEXT in unread
    hiding = tuple(
        (address, absence)
        for address, absence in record.absences
        if absence.unread in unread
        and absence.unread.reason not in _HIDING_NO_TERMS
        and not (is_marred and absence.unread.reason in (UnreadReason.DAMAGED, UnreadReason.UNCLAIMED))
    )
    extent = Extent.PARTLY if hiding else Extent.EXAMINED
    is_same = hiding == record.absences and extent is record.extent
    return record if is_same else replace(record, absences=hiding, extent=extent)


def _is_without_promise(path: str) -> bool:
    """Whether the name of a file promises no licence, notice or use policy."""
    return classify_text_file(path) in (None, ProseKind.CARD)


def require_review_if_unread(license_: LicenseConclusion, coverage: Coverage) -> LicenseConclusion:
    """Return the conclusion with ``review`` in place of ``allow`` where an unread file may state other terms.

    Args:
        license_: the conclusion from the files that were read.
        coverage: the files that may state terms.
    """
    if license_.permission is not Answer.ALLOW:
        return license_
    unopened = {record.path for record in coverage.artifacts if record.extent is Extent.NOT}
    doubts = [
        f"{address} {'could not be read' if address in unopened else 'was not read to its end'}, and may state other "
        f"terms: {absence.unread.detail}"
        for address, absence in coverage.open_absences[:_MAX_NAMED_ABSENCES]
    ]
    if not doubts and not coverage.anything_examined:
        doubts = ["No file could be examined, so the terms that the files state are unknown."]
    if not doubts:
        return license_
    answers = tuple(UseAnswer(Answer.REVIEW, "", UNREAD_TERMS, each) for each in doubts)
    return replace(license_, permission=Answer.REVIEW, answers=(*answers, *license_.answers))
