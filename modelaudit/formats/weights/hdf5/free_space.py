"""Claim the free-space manager of a fractal heap: a header, and the list of the free sections.

Source: HDF5 File Format Specification 3.0, III.F and III.G; ``src/H5FSsection.c`` and ``src/H5HFsection.c``.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.weights.hdf5.checksums import CHECKSUM_BYTES
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError, LimitReachedError

_SINGLE_SECTION: Final = 0
"""The type of a section within one direct block; sections of rows and of indirect blocks have further fields."""

_POSITION_BYTES: Final = 6
"""Row, column and number of entries of a section of rows or of indirect blocks, two bytes each."""


def claim_free_space(source: StructureSource, address: int, offset_width: int) -> None:
    """Claim the manager at ``address`` and its sections. What contradicts the format remains without a claim.

    Args:
        source: the structures of the file.
        address: of the header of the manager.
        offset_width: the bytes of an offset in the heap.

    Raises:
        LimitReachedError: the structures take too many bytes.
        WindowError: the window could not return the requested bytes.
    """
    length = source.widths.length
    # The fields that are taken below.
    header_bytes = 14 + 7 * length + source.widths.address + CHECKSUM_BYTES
    try:
        header = source.read_piece(address, header_bytes, short=True)
        header.expect_signature(b"FSHD", "manager of free space")
        header.skip(2)  # version and client
        header.skip(2 * length)  # free space, and the number of all sections
        total = header.take_length()  # sections in the list
        header.skip(length + 6)  # sections not in the list; then in two bytes each: classes, and two percentages
        address_bits = header.take_number(2)
        max_section = header.take_length()
        sections, used_bytes = header.take_address(), header.take_length()
        header.take_length()  # the allocated size of the list
        source.claim_verified(header, "the header of a manager of free space")
        if sections is not None:
            source.verify_checksum(sections, used_bytes, "a list of free sections")
            piece = source.read_piece(sections, used_bytes)
            _consume_sections(piece, total, -(-address_bits // 8), _count_bytes(max_section), offset_width)
            piece.skip(CHECKSUM_BYTES)
            source.claim(piece)
    except LimitReachedError:
        # A subclass of ``DamagedError``, but a bound holds for the whole file.
        raise
    except DamagedError:
        # Nothing depends on the manager, and its bytes are reported because they have no claim.
        return


def _count_bytes(number: int) -> int:
    """Return how many bytes encode every number up to ``number``."""
    return (max(number, 1).bit_length() + 7) // 8


def _consume_sections(piece: Piece, total: int, address_width: int, size_width: int, offset_width: int) -> None:
    """Consume the list of ``total`` sections, which are grouped by their size, up to its checksum.

    Raises:
        DamagedError: the list is truncated.
    """
    piece.expect_signature(b"FSSE", "list of free sections")
    piece.skip(1 + piece.widths.address)
    count_width = _count_bytes(total)
    left = total
    while left > 0:
        count = piece.take_number(count_width)
        piece.skip(size_width)
        for _ in range(count):
            piece.skip(address_width)
            if piece.take_number(1) != _SINGLE_SECTION:
                piece.skip(offset_width + _POSITION_BYTES)
        # Without this check, a list with an empty group would never end.
        if not count:
            break
        left -= count
