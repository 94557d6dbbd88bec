"""Claim the elements of datasets and attributes as data, with the values to which they refer, and read chunks.

Elements of variable length are references into the global heap. A reference in a chunk is found only if its filters
are known here; otherwise the collections to which it leads remain without a claim.
Source: HDF5 File Format Specification 3.0, III.E, IV.A.2.d, IV.A.2.i and IV.A.2.l.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.weights.hdf5.attributes import Attribute
from modelaudit.formats.weights.hdf5.chunks import list_chunks
from modelaudit.formats.weights.hdf5.datasets import CHUNKED, COMPACT, CONTIGUOUS, SHUFFLE, Dataset
from modelaudit.formats.weights.hdf5.datatypes import VARIABLE, Datatype
from modelaudit.formats.weights.hdf5.heaps import GlobalHeaps
from modelaudit.formats.weights.hdf5.source import StructureSource
from modelaudit.model.limits import KIB, MIB
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import check_deadline

# Filters of the HDF5 library (IV.A.2.l) that are undone here: gzip, the shuffling of bytes, and a checksum. h5py adds
# LZF, whose number is registered with the HDF Group.
_DEFLATE: Final = 1
_FLETCHER32: Final = 3
_LZF: Final = 32000
UNDONE_FILTERS: Final = frozenset({_DEFLATE, SHUFFLE, _FLETCHER32, _LZF})
_FLETCHER32_BYTES: Final = 4
_LZF_FIRST_REFERENCE: Final = 32
_LZF_LONG_REFERENCE: Final = 7
_BLOCK_BYTES: Final = 4 * MIB
_MAX_CHUNK_BYTES: Final = 8 * MIB
_COMPRESSION_OVERHEAD_BYTES: Final = 64 * KIB


def claim_elements(source: StructureSource, heaps: GlobalHeaps, dataset: Dataset) -> None:
    """Claim the elements of a dataset, the index of its chunks, and the collections that the elements refer to.

    Raises:
        DamagedError: the index of the chunks contradicts itself.
        LimitReachedError: the structures take too many bytes.
        WindowError: the window could not return the requested bytes.
    """
    if dataset.type is None:
        return
    if dataset.layout == COMPACT:
        _claim_collections(source, heaps, dataset.type, dataset.compact)
    elif dataset.layout == CONTIGUOUS and dataset.address is not None:
        # An old layout states no size.
        size = dataset.declared_bytes if dataset.size is None else dataset.size
        source.claim_data(dataset.address, size)
        if dataset.type.has_references:
            # Each block has whole elements, so that no reference is cut.
            element_bytes = dataset.type.size
            block_bytes = max(1, _BLOCK_BYTES // element_bytes) * element_bytes
            for start in range(0, min(size, source.bytes_after_base - dataset.address), block_bytes):
                piece = source.read_piece(dataset.address + start, min(block_bytes, size - start), short=True)
                _claim_collections(source, heaps, dataset.type, piece.data)
    elif dataset.layout == CHUNKED and dataset.chunks is not None:
        shape = dataset.space.shape if dataset.space else None
        for address, size in list_chunks(source, dataset.chunks, shape or ()):
            source.spend()
            source.claim_data(address, size)
            if dataset.type.has_references and size <= _MAX_CHUNK_BYTES:
                stored = source.read_piece(address, size, short=True).data
                elements = _undo_filters(stored, size, dataset, _MAX_CHUNK_BYTES)
                _claim_collections(source, heaps, dataset.type, elements, is_nested=True)


def read_chunks(source: StructureSource, dataset: Dataset, most_bytes: int) -> bytes:
    """Return the first ``most_bytes`` bytes of the elements in the chunks of a dataset, in the order of its index.

    In one dimension that is the order of the elements. The result ends before a chunk whose filter is not known here or
    fails.

    Raises:
        DamagedError: the index of the chunks contradicts itself.
        LimitReachedError: the structures take too many bytes.
        WindowError: the window could not return the requested bytes.
    """
    if dataset.chunks is None:
        return b""
    shape = dataset.space.shape if dataset.space else None
    wanted_bytes = min(dataset.declared_bytes, most_bytes)
    # A shuffled chunk is needed as a whole, because each part has bytes of all elements. Of any other chunk the start
    # is enough. Compression may have made it longer than its elements, but hardly by more than the overhead.
    is_shuffled = SHUFFLE in dataset.filters and dataset.shuffled_bytes > 1
    most_stored_bytes = max(_MAX_CHUNK_BYTES if is_shuffled else 0, most_bytes + _COMPRESSION_OVERHEAD_BYTES)
    elements = bytearray()
    for address, size in list_chunks(source, dataset.chunks, shape or ()):
        source.spend()
        stored = source.window.read(source.base_address + address, min(size, most_stored_bytes))
        chunk = _undo_filters(stored, size, dataset, max(_MAX_CHUNK_BYTES, most_bytes))
        elements += chunk
        if not chunk or len(elements) >= wanted_bytes:
            break
    return bytes(elements[:wanted_bytes])


def claim_attribute_values(source: StructureSource, heaps: GlobalHeaps, attribute: Attribute) -> None:
    """Claim the collections to which the elements of an attribute refer; its parser claimed the elements themselves.

    Raises:
        LimitReachedError: the structures take too many bytes.
        WindowError: the window could not return the requested bytes.
    """
    if attribute.type.has_references:
        _claim_collections(source, heaps, attribute.type, attribute.read_elements(source))


def _claim_collections(
    source: StructureSource, heaps: GlobalHeaps, type_: Datatype, elements: bytes, *, is_nested: bool = False
) -> None:
    """Claim each collection of the global heap to which an element refers, up to the first that is damaged.

    Collections are recorded for a search of their values if parts of elements refer to them, or if ``is_nested``: the
    reader of the elements follows no other references than those that are whole elements outside of chunks.
    """
    if not type_.has_references:
        return
    source.spend(len(elements))
    for address in _list_collections(source, type_, elements):
        if is_nested or type_.kind != VARIABLE:
            heaps.nested_collections[address] = None
        try:
            heaps.open_collection(address)
        except LimitReachedError:
            raise
        except DamagedError:
            # The reader of the values reports references that lead nowhere.
            return


def _list_collections(source: StructureSource, type_: Datatype, elements: bytes) -> Iterator[int]:
    """Yield the address of the collection to which each reference leads; once for equal addresses in succession."""
    last = 0
    for start in range(0, len(elements) - type_.size + 1, type_.size):
        element = elements[start : start + type_.size]
        for reference_offset in type_.references:
            address = int.from_bytes(element[reference_offset : reference_offset + source.widths.address], "little")
            # A reference without a value has the address 0.
            if address and address != last:
                yield address
            last = address


def _undo_filters(data: bytes, stored_size: int, dataset: Dataset, most_bytes: int) -> bytes:
    """Return the elements of a chunk, expanded up to a bound; nothing if a filter is unknown or refuses the bytes.

    ``data`` is the start of the chunk, which takes ``stored_size`` bytes in the file.
    """
    for number in reversed(dataset.filters):
        if number == _DEFLATE:
            try:
                data = zlib.decompressobj().decompress(data, most_bytes)
            except zlib.error:
                # The library leaves the compression out for a chunk that it does not make smaller (IV.A.2.l).
                if dataset.chunks is None or stored_size < dataset.chunks.chunk_bytes:
                    return b""
        elif number == _LZF:
            # h5py leaves the compression out in the same case.
            if dataset.chunks is None or stored_size < dataset.chunks.chunk_bytes:
                data = expand_lzf(data, most_bytes)
        elif number == SHUFFLE:
            data = _undo_shuffle(data, max(dataset.shuffled_bytes, 1))
        elif number == _FLETCHER32:
            data = data[:-_FLETCHER32_BYTES]
        else:
            return b""
    return data


def expand_lzf(data: bytes, most_bytes: int) -> bytes:
    """Return the first ``most_bytes`` bytes that LZF compressed, up to the first reference that leads nowhere.

    A byte below 32 announces so many bytes and one more, as they are. Any other is a reference to bytes that were
    expanded before: its upper three bits are the length minus 2, in which 7 means that a further byte is added, and its
    lower five bits with the next byte are the distance minus 1. Source: ``lzf_d.c`` of LibLZF 3.6.
    """
    expanded = bytearray()
    position = 0
    while position < len(data) and len(expanded) < most_bytes:
        check_deadline()
        control = data[position]
        position += 1
        if control < _LZF_FIRST_REFERENCE:
            expanded += data[position : position + control + 1]
            position += control + 1
            continue
        is_long = control >> 5 == _LZF_LONG_REFERENCE
        operands = data[position : position + 1 + is_long]
        position += len(operands)
        if len(operands) < 1 + is_long:  # the data are only the start of a chunk
            break
        length = (control >> 5) + 2 + (operands[0] if is_long else 0)
        start = len(expanded) - ((control & 0x1F) << 8) - operands[-1] - 1
        if start < 0:
            break
        # A reference may overlap with the bytes that it makes, which repeats them.
        period = expanded[start : start + length]
        expanded += (period * (length // len(period) + 1))[:length]
    return bytes(expanded[:most_bytes])


def _undo_shuffle(data: bytes, element_bytes: int) -> bytes:
    """Return the elements of ``data``, which has the first bytes of all elements, then all second bytes, and so on."""
    count = len(data) // element_bytes
    elements = bytearray(data)
    for position in range(element_bytes):
        elements[position : count * element_bytes : element_bytes] = data[position * count : (position + 1) * count]
    return bytes(elements)
