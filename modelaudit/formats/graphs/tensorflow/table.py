"""Read LevelDB tables, where TensorFlow stores the index of a checkpoint.

A table is a row of blocks and a footer. TensorFlow refuses a block that does not match its checksum, and finds a name
by a search that needs the keys in order; so both are checked. Sources: tensorflow/core/lib/io/{format,block}.cc,
https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.checksums import compute_crc32c
from modelaudit.wire.ledger import claim_name, claim_parsed
from modelaudit.wire.protobuf import Message

_MAGIC: Final = bytes.fromhex("57fb808b247547db")
_FOOTER_BYTES: Final = 48
_CHECKSUM_BYTES: Final = 4
# After each block: one byte for its compression, and a checksum.
_TRAILER_BYTES: Final = 1 + _CHECKSUM_BYTES
_MOST_BLOCK_BYTES: Final = 16 * 1024 * 1024 - _TRAILER_BYTES
_MOST_KEY_BYTES: Final = 65_536
_OFFSET_BYTES: Final = 4
# A checksum is stored rotated by 15 bits and with this number added (``crc32c::Mask``).
_MASK_DELTA: Final = 0xA282EAD8
_LOWEST_32_BITS: Final = (1 << 32) - 1
_SLICE_KEY_START: Final = b"\0"
"""The key of a slice of a tensor begins with this byte, and its numbers are binary (``EncodeTensorNameSlice``)."""


def ends_as_table(window: Window) -> bool:
    """Whether the last bytes are the magic number of a table. Raises ``WindowError``."""
    return window.size >= _FOOTER_BYTES and window.read(window.size - len(_MAGIC), len(_MAGIC)) == _MAGIC


def iterate_table(window: Window) -> Iterator[tuple[bytes, Message]]:
    """Yield the key and the value of each entry, and claim all of the table except for the values.

    The footer has two handles, each an offset and a size: of the metaindex, which is unused, and of the index block.
    Each entry of the index block is the handle of a data block.

    Raises:
        DamagedError: a block is truncated, is compressed, or contradicts itself or its checksum.
        LimitReachedError: a block is too large.
        WindowError: the window could not return the requested bytes.
    """
    footer_start = window.size - _FOOTER_BYTES
    footer = window.read(footer_start, _FOOTER_BYTES)
    metaindex_start, metaindex_size, position = _read_handle(footer, 0)
    index_start, index_size, position = _read_handle(footer, position)
    # The padding between the handles and the magic number stays unclaimed.
    claim_parsed(window, footer_start, footer_start + position)
    claim_parsed(window, window.size - len(_MAGIC))
    for _, value in _iterate_block(window, metaindex_start, metaindex_size):
        claim_parsed(window, value.start, value.end)
    for _, value in _iterate_block(window, index_start, index_size):
        start, size, handle_bytes = _read_handle(value.raw(value.size), 0)
        claim_parsed(window, value.start, value.start + handle_bytes)
        yield from _iterate_block(window, start, size)


def _read_handle(data: bytes, position: int) -> tuple[int, int, int]:
    """Read the handle of a block; return the offset of the block, its size, and the position after the handle."""
    start, position = _read_varint(data, position)
    size, position = _read_varint(data, position)
    return start, size, position


def _iterate_block(window: Window, start: int, size: int) -> Iterator[tuple[bytes, Message]]:
    """Yield the key and the value of each entry of one block, and claim all of the block except for the values.

    An entry has three lengths (varints), of the prefix that its key shares with the key before, of the rest of the key,
    and of the value; then the rest of the key, and the value.
    """
    data, entries_end, restarts = _load_block(window, start, size)
    whole_keys = [0]
    position = 0
    last_key: bytes | None = None
    while position < entries_end:
        entry_start = position
        prefix_length, position = _read_varint(data, position)
        suffix_length, position = _read_varint(data, position)
        value_length, position = _read_varint(data, position)
        value_start = position + suffix_length
        value_end = value_start + value_length
        # Names of tensors are far shorter than 64 KiB; the bound keeps a hostile block from growing keys.
        has_invalid_length = prefix_length > len(last_key or b"") or prefix_length + suffix_length > _MOST_KEY_BYTES
        if has_invalid_length or value_end > entries_end:
            raise DamagedError("an entry exceeds its block, or states an invalid key length", start)
        suffix = data[position:value_start]
        key = (last_key or b"")[:prefix_length] + suffix
        if last_key is not None and key <= last_key:
            raise DamagedError("the keys of a block are not in order", start)
        if prefix_length == 0 and entry_start:
            whole_keys.append(entry_start)
        claim_parsed(window, start + entry_start, start + position)
        if key.startswith(_SLICE_KEY_START):
            claim_parsed(window, start + position, start + value_start)
        else:
            claim_name(window, start + position, suffix)
        yield key, Message(window, start + value_start, start + value_end, data, start)
        last_key, position = key, value_end
    if restarts[:1] != [0] or any(restart <= before for before, restart in pairwise(restarts)):
        raise DamagedError("the restarts of a block are not in order", start)
    if not set(restarts) <= set(whole_keys):
        raise DamagedError("a restart of a block points to an entry that lacks a part of its key", start)
    claim_parsed(window, start + entries_end, start + size + _TRAILER_BYTES)


def _load_block(window: Window, start: int, size: int) -> tuple[bytes, int, list[int]]:
    """Return the bytes of a block, the position where its entries end, and its restarts.

    At the end of a block are the restarts, which are the offsets of entries with a whole key, and their number.
    """
    if size > _MOST_BLOCK_BYTES:
        raise LimitReachedError(f"a block of {size} bytes exceeds the limit of {_MOST_BLOCK_BYTES}", start)
    data = window.read(start, size + _TRAILER_BYTES)
    if size < _OFFSET_BYTES:
        raise DamagedError(f"a block of {size} bytes is too short for the number of its restarts", start)
    if len(data) < size + _TRAILER_BYTES:
        raise DamagedError(f"a block of {size} bytes ends outside the file", start)
    if data[size]:
        raise DamagedError("a block is compressed, which TensorFlow never does", start)
    checksum = compute_crc32c(data[:-_CHECKSUM_BYTES])
    masked = ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & _LOWEST_32_BITS
    if masked != int.from_bytes(data[-_CHECKSUM_BYTES:], "little"):
        raise DamagedError("a block does not match its CRC-32C, so TensorFlow refuses it", start)
    restart_count = int.from_bytes(data[size - _OFFSET_BYTES : size], "little")
    entries_end = size - _OFFSET_BYTES - _OFFSET_BYTES * restart_count
    if entries_end < 0:
        raise DamagedError(f"a block of {size} bytes states {restart_count} restarts, more than it can hold", start)
    ends = range(entries_end + _OFFSET_BYTES, size, _OFFSET_BYTES)
    return data, entries_end, [int.from_bytes(data[end - _OFFSET_BYTES : end], "little") for end in ends]


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a number in base 128, the lowest seven bits first; return it and the position after it.

    Raises:
        DamagedError: the data end within the number, or it has more than ten bytes.
    """
    value = shift = 0
    for index in range(position, min(position + 10, len(data))):
        value |= (data[index] & 0x7F) << shift
        if data[index] < 0x80:
            return value, index + 1
        shift += 7
    raise DamagedError("a number in the table is truncated or too long")
