"""Compare the checksums of HDF5 structures with the bytes of the structures.

The HDF5 library refuses a structure that does not match its checksum, so no program reads what such a file declares.
Other programs ignore the checksums. A mismatch is therefore recorded, and the structure is read all the same.
Source: HDF5 File Format Specification 3.0, the field "Checksum" of each structure; ``src/H5checksum.c``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from modelaudit.model.limits import MIB
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.checksums import compute_lookup3

CHECKSUM_BYTES: Final = 4
"""The bytes of the checksum that ends structures of newer versions."""

_MAX_VERIFIED_BYTES: Final = 32 * MIB
"""The most bytes verified in one file, which take some seconds. An index of a million chunks has half of that."""
_LEAST_COUNTED_BYTES: Final = 64
"""A structure counts at least so many bytes, so that many small ones end at the bound too."""
_MAX_MISMATCHES: Final = 20
"""The most mismatches that are listed one by one."""
_MAX_COUNTED_MISMATCHES: Final = 10_000
"""The most mismatches that are told apart by their offsets; these take about a megabyte."""


class ChecksumLog:
    """The structures of one file whose checksums were verified, and those that do not match.

    Attributes:
        verified: by the offset of each verified structure in the artifact, its length, both in bytes.
    """

    def __init__(self) -> None:
        self.verified: dict[int, int] = {}
        self._mismatches: dict[int, str] = {}  # structures in words, by offset
        self._bytes_left = _MAX_VERIFIED_BYTES
        self._unverified_offset: int | None = None

    def must_verify(self, offset: int, length: int) -> bool:
        """Whether the structure at ``offset`` was not verified yet and the bound on all structures allows it.

        The first structure beyond the bound is recorded for the report.

        Args:
            offset: of the structure in the artifact, in bytes.
            length: of the structure with its checksum, in bytes.
        """
        if self.verified.get(offset) == length:
            return False
        if self._bytes_left < length:
            if self._unverified_offset is None:
                self._unverified_offset = offset
            return False
        return True

    def verify(self, structure: bytes, offset: int, what: str, checksum_start: int | None = None) -> None:
        """Verify the checksum of a structure, once for each structure, and record a mismatch.

        Args:
            structure: its bytes, with the checksum.
            offset: of the structure in the artifact, in bytes.
            what: the structure in words.
            checksum_start: where the checksum begins in the structure, whose checksum counts these bytes as zeros;
                ``None`` for a checksum at the end, which counts the bytes before.

        Raises:
            LimitReachedError: no time is left.
        """
        if not self.must_verify(offset, len(structure)):
            return
        self.verified[offset] = len(structure)
        self._bytes_left -= max(len(structure), _LEAST_COUNTED_BYTES)
        if checksum_start is None:
            content, stored = structure[:-CHECKSUM_BYTES], structure[-CHECKSUM_BYTES:]
        else:
            checksum_end = checksum_start + CHECKSUM_BYTES
            stored = structure[checksum_start:checksum_end]
            content = structure[:checksum_start] + bytes(CHECKSUM_BYTES) + structure[checksum_end:]
        if compute_lookup3(content).to_bytes(CHECKSUM_BYTES, "little") != stored:
            self.record_mismatch(offset, what)

    def record_mismatch(self, offset: int, what: str) -> None:
        """Record a structure (``what``, in words) that does not match its checksum, once for each offset."""
        if len(self._mismatches) < _MAX_COUNTED_MISMATCHES:
            self._mismatches.setdefault(offset, what)

    def list_absences(self) -> Iterator[Unread]:
        """Yield an absence for each of the first twenty mismatches, one for the others, and one for the bound."""
        for offset, what in islice(self._mismatches.items(), _MAX_MISMATCHES):
            detail = f"{what} at byte {offset} does not match its checksum, so the HDF5 library refuses it"
            yield Unread(UnreadReason.DAMAGED, detail, Location(offset=offset))
        further = len(self._mismatches) - _MAX_MISMATCHES
        if further > 0:
            least = "at least " if len(self._mismatches) == _MAX_COUNTED_MISMATCHES else ""
            yield Unread(UnreadReason.DAMAGED, f"{least}{further} more structures do not match their checksums")
        if self._unverified_offset is not None:
            detail = f"only the checksums of the first {_MAX_VERIFIED_BYTES} bytes of structures were verified"
            yield Unread(UnreadReason.LIMIT, detail, Location(offset=self._unverified_offset))
