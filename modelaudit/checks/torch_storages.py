"""Check the storages of a checkpoint against the claims of its pickle: their bytes, types and tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.model.address import split_member
from modelaudit.model.catalogue import Scalar, Subject
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.reading import Structure
from modelaudit.model.structure import ArchiveListing, Location, UnreadReason
from modelaudit.model.torch import StorageClaim

_MOST_REPORTED: Final = 100
# Pickles of one archive may share their storages, which are then in the folder of any of them.
_SHARED_FOLDERS: Final = ("data", "constants", "tensors")
# Defects of an archive that is cut off; a missing record may then be in the part that is lost.
_CUT_OFF_DEFECTS: Final = frozenset({"directory-missing", "directory-damaged", "truncated-member"})


def build_storage_subjects(structures: Sequence[tuple[str, Structure]]) -> Iterator[Subject]:
    """Yield a subject for every contradiction between the claims about a storage and the bytes of its record."""
    archives = {
        address: structure
        for address, structure in structures
        if isinstance(structure, ArchiveListing) and structure.layout in ("torch-zip", "torchscript")
    }
    for address, structure in structures:
        if not isinstance(structure, PickleProgram) or not structure.storages:
            continue
        archive, member = split_member(address)
        records = _StorageRecords.locate(member, archives.get(archive))
        for count, subject in enumerate(_find_contradictions(address, structure, records)):
            if count == _MOST_REPORTED:
                break
            yield subject


class _StorageRecords:
    """The records that torch reads the storages of one pickle from, such as ``data/0`` for ``data.pkl``.

    Attributes:
        is_complete: whether the archive is whole, so that a missing record was never written.
    """

    def __init__(self, sizes: dict[str, int], folder: str, is_complete: bool) -> None:
        """Create the records of one pickle.

        Args:
            sizes: bytes of each member of the archive, by its name in lower case.
            folder: name of the pickle in lower case without ``.pkl``, which is the folder of its records.
            is_complete: see the attribute.
        """
        self._sizes = sizes
        self._folder = folder
        # The folder above, with its final slash; empty at the top of the archive.
        self._root = folder[: folder.rfind("/") + 1]
        self.is_complete = is_complete

    @classmethod
    def locate(cls, member: str, listing: ArchiveListing | None) -> _StorageRecords | None:
        """Return the records of the pickle ``member``; ``None`` outside torch archives, or where torch reads none."""
        if listing is None or not member.lower().endswith(".pkl"):
            return None
        # torch looks up names without regard to case.
        sizes = {entry.name.lower(): entry.size for entry in listing.members}
        is_complete = not any(defect.kind in _CUT_OFF_DEFECTS for defect in listing.defects)
        return cls(sizes, member.lower().removesuffix(".pkl"), is_complete)

    @property
    def are_always_written(self) -> bool:
        """Whether torch writes every record; it omits the numbers of the inputs that a model was traced with."""
        return not self._folder.endswith("/traced_inputs")

    def find_size(self, key: str) -> int | None:
        """Return the bytes of the record of a storage; ``None`` where there is none, or where torch left it empty."""
        folders = (self._folder, *(f"{self._root}{folder}" for folder in _SHARED_FOLDERS))
        sizes = (self._sizes.get(f"{place}/{key.lower()}") for place in folders)
        size = next((size for size in sizes if size is not None), None)
        is_left_out = size == 0 and not self.are_always_written
        return None if is_left_out else size


def _find_contradictions(address: str, program: PickleProgram, records: _StorageRecords | None) -> Iterator[Subject]:
    """Yield each contradiction between claims on a storage, and between its claims and its stored bytes.

    Args:
        address: of the pickle.
        program: the pickle, which claims the storages.
        records: the records of the archive; ``None`` where the storages lie behind the pickle itself.
    """
    for claim in program.storages:
        if len(claim.types) > 1 or len(claim.counts) > 1:
            claims = ", ".join((*claim.types, *map(str, claim.counts)))
            yield _make_subject(address, claim, "two-types", f"storage {claim.key!r} is claimed as {claims}")
        if claim.item_size is None or not claim.counts:
            continue
        claimed_size = claim.counts[0] * claim.item_size
        stored_size = claim.stored_size if records is None else records.find_size(claim.key)
        if claim.tensor_end > claimed_size > 0:
            detail = (
                f"a tensor reaches {claim.tensor_end} bytes into storage {claim.key!r}, "
                f"which is claimed as {claimed_size}"
            )
            yield _make_subject(address, claim, "tensor-beyond-storage", detail)
        if stored_size is None:
            if records is not None and records.is_complete and records.are_always_written:
                detail = f"storage {claim.key!r} is claimed and has no record"
                yield _make_subject(address, claim, "record-missing", detail)
        # A negative count is below what any record holds.
        elif stored_size < claimed_size or claimed_size < 0:
            if records is None or records.is_complete:
                detail = f"storage {claim.key!r} is claimed as {claimed_size} bytes, and its record has {stored_size}"
                yield _make_subject(address, claim, "record-smaller", detail)
        elif stored_size - claimed_size >= claim.item_size:
            # A record may end with a part of an element; only a whole one more is a contradiction.
            detail = f"storage {claim.key!r} is claimed as {claimed_size} bytes, and its record has {stored_size}"
            yield _make_subject(address, claim, "record-larger", detail)


def _make_subject(address: str, claim: StorageClaim, kind: str, detail: str) -> Subject:
    """Return the subject of a contradiction about one storage."""
    fields: dict[str, Scalar] = {"kind": kind, "detail": detail}
    place = f"byte {claim.offset}: "
    return Subject(
        "torch-storage",
        address,
        fields,
        f"{kind} {claim.key}",
        Location(offset=claim.offset),
        (place + detail,),
        absence_if_unmatched=UnreadReason.UNJUDGED,
    )
