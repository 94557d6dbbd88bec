"""Whether the storages of a checkpoint are what its pickle claims: their bytes, their type, their tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.model.address import split_member
from modelaudit.model.catalogue import Scalar, Subject
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.reading import Structure
from modelaudit.model.structure import ArchiveListing, Location, UnreadReason
from modelaudit.model.torch import StorageClaim

_TOLD: Final = 100
# Pickles of one archive may share their storages, which are then in the folder of any of them.
_FOLDERS: Final = ("data", "constants", "tensors")
# What a listing says of its own end; a record that is not there may then have been cut off.
_CUT: Final = frozenset({"directory-missing", "directory-damaged", "truncated-member"})


def subjects_of_storages(structures: Sequence[tuple[str, Structure]]) -> Iterator[Subject]:
    """One subject for every contradiction between a storage as a pickle claims it and the bytes that are there."""
    archives = {
        address: each
        for address, each in structures
        if isinstance(each, ArchiveListing) and each.layout in ("torch-zip", "torchscript")
    }
    for address, each in structures:
        if not isinstance(each, PickleProgram) or not each.storages:
            continue
        archive, member = split_member(address)
        records = _Records.beside(member, archives.get(archive))
        for count, subject in enumerate(_contradictions(address, each, records)):
            if count == _TOLD:
                break
            yield subject


class _Records:
    """The records in which torch looks for the storages of one pickle: ``data/0`` for ``data.pkl``."""

    def __init__(self, sizes: dict[str, int], folder: str, whole: bool) -> None:
        self._sizes = sizes
        self._folder = folder
        self._root = folder[: folder.rfind("/") + 1]
        self.whole = whole

    @classmethod
    def beside(cls, member: str, listing: ArchiveListing | None) -> _Records | None:
        """Those beside a member; ``None`` where it lies in no archive of torch, or torch would not look there."""
        if listing is None or not member.lower().endswith(".pkl"):
            return None
        # torch looks names up without case.
        sizes = {entry.name.lower(): entry.size for entry in listing.members}
        whole = not any(defect.kind in _CUT for defect in listing.defects)
        return cls(sizes, member.lower().removesuffix(".pkl"), whole)

    @property
    def are_kept(self) -> bool:
        """Whether torch writes every record; of the inputs that a model was traced with it leaves out the numbers."""
        return not self._folder.endswith("/traced_inputs")

    def size_of(self, key: str) -> int | None:
        """Bytes of the record of a storage."""
        places = (self._folder, *(f"{self._root}{folder}" for folder in _FOLDERS))
        sizes = (self._sizes.get(f"{place}/{key.lower()}") for place in places)
        size = next((size for size in sizes if size is not None), None)
        return size if size or self.are_kept else None


def _contradictions(address: str, program: PickleProgram, records: _Records | None) -> Iterator[Subject]:
    for claim in program.storages:
        if len(claim.types) > 1 or len(claim.counts) > 1:
            told = ", ".join((*claim.types, *map(str, claim.counts)))
            yield _subject(address, claim, "two-types", f"storage {claim.key!r} is claimed as {told}")
        if claim.item_size is None or not claim.counts:
            continue
        claimed = claim.counts[0] * claim.item_size
        stored = claim.stored if records is None else records.size_of(claim.key)
        if claim.reach > claimed > 0:
            detail = f"a tensor reaches {claim.reach} bytes into storage {claim.key!r}, which is claimed as {claimed}"
            yield _subject(address, claim, "tensor-beyond-storage", detail)
        if stored is None:
            if records is not None and records.whole and records.are_kept:
                detail = f"storage {claim.key!r} is claimed and there is no record of it"
                yield _subject(address, claim, "record-missing", detail)
        elif stored < claimed or claimed < 0:
            if records is None or records.whole:
                detail = f"storage {claim.key!r} is claimed as {claimed} bytes where {stored} are there"
                yield _subject(address, claim, "record-smaller", detail)
        elif stored - claimed >= claim.item_size:
            # A storage of bytes may hold more of them than make whole elements.
            detail = f"storage {claim.key!r} is claimed as {claimed} bytes where {stored} are there"
            yield _subject(address, claim, "record-larger", detail)


def _subject(address: str, claim: StorageClaim, kind: str, detail: str) -> Subject:
    fields: dict[str, Scalar] = {"kind": kind, "detail": detail}
    place = f"byte {claim.offset}: "
    return Subject(
        "torch-storage",
        address,
        fields,
        f"{kind} {claim.key}",
        Location(offset=claim.offset),
        (place + detail,),
        default=UnreadReason.UNJUDGED,
    )
