"""Read TensorFlow checkpoints: the index, the shards of data, and the file ``checkpoint`` that names the newest one.

The index is a LevelDB table. It maps the name of each tensor to its shard, offset and size. Sources:
tensorflow/core/util/tensor_bundle/tensor_bundle.h, tensorflow/core/lib/io/{format,block}.cc,
tensorflow/core/protobuf/tensor_bundle.proto, tensorflow/python/training/checkpoint_state.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location, TensorData
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.protobuf import VARINT, Message
from modelaudit.wire.protobuf_text import parse_text_fields
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.text import get_file_name, looks_like_text

FORMAT: Final = "tensorflow"
_MAGIC: Final = bytes.fromhex("57fb808b247547db")
_FOOTER_BYTES: Final = 48
# After each block: one byte for its compression, four for a checksum.
_TRAILER_BYTES: Final = 5
_MOST_BLOCK_BYTES: Final = 16 * 1024 * 1024 - _TRAILER_BYTES
_MOST_KEY_BYTES: Final = 65_536
_MOST_ENTRIES: Final = 2_000_000
_MOST_SHARDS: Final = 100_000
_SHARD_NAME: Final = re.compile(r"\.data-\d{5}-of-\d{5}\Z")
# The field model_checkpoint_path or all_model_checkpoint_paths, after blanks and comments.
_STATE_START: Final = re.compile(rb"(?:\s|#[^\n]*+(?:\n|\Z))*+(?:all_)?model_checkpoint_path\s*+:")
_PATH_FIELDS: Final = frozenset({"model_checkpoint_path", "all_model_checkpoint_paths"})
_MOST_PATHS: Final = 1000


class _BytesWindow:
    """A window over bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes from ``offset``; fewer than ``length`` only at the end."""
        return self.data[offset : offset + length]


@dataclass(slots=True)
class _Index:
    """The entries of an index that were read so far.

    Attributes:
        tensors: the number of tensors.
        shards: the number of shards that the header states.
        needed_bytes: how many bytes each shard must have, by its number.
    """

    tensors: int = 0
    shards: int = 1
    needed_bytes: dict[int, int] = field(default_factory=dict)

    def read_entry(self, key: bytes, value: bytes, offset: int) -> None:
        """Read one entry of the table: the header or a tensor.

        The empty key has a BundleHeader with the number of shards (1). Any other key is the name of a tensor and has a
        BundleEntryProto with the shard (3), offset (4) and size (5) of its data.

        Args:
            key: the key of the entry.
            value: the message of the entry.
            offset: the offset of its block, for errors.

        Raises:
            DamagedError: the tensor is in no shard, or its offset or size is negative.
            LimitReachedError: there are too many tensors or shards.
        """
        numbers = {
            each.number: each.value for each in Message.from_window(_BytesWindow(value)).fields() if each.wire == VARINT
        }
        if not key:
            self.shards = numbers.get(1, 1)
            return
        self.tensors += 1
        if self.tensors > _MOST_ENTRIES:
            raise LimitReachedError(f"the index lists more than {_MOST_ENTRIES} tensors", offset)
        shard, start, size = numbers.get(3, 0), numbers.get(4, 0), numbers.get(5, 0)
        if start >> 63 or size >> 63 or shard >= self.shards:
            name = key.decode("utf-8", "backslashreplace")[:200]
            raise DamagedError(f"the tensor {name!r} has an impossible shard, offset or size", offset)
        self.needed_bytes[shard] = max(self.needed_bytes.get(shard, 0), start + size)
        if len(self.needed_bytes) > _MOST_SHARDS:
            raise LimitReachedError(f"its tensors are in more than {_MOST_SHARDS} shards", offset)


def recognises_index(head: Head) -> bool:
    """Whether the name ends with ``.index`` and the last bytes are the magic number of a LevelDB table."""
    if head.content is not None or head.window.size < _FOOTER_BYTES:
        return False
    return get_file_name(head.path).endswith(".index") and head.window.read(head.window.size - 8, 8) == _MAGIC


def read_index(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the counts of the index, and references to its shards with the size that each must have.

    Raises:
        DamagedError: a block breaks off or is compressed, or a tensor has an impossible place.
        LimitReachedError: a block is too large, or there are too many tensors or shards.
    """
    index = _Index()
    failure: DamagedError | None = None
    try:
        for key, value, offset in _iter_table(window):
            index.read_entry(key, value, offset)
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=(("tensors", str(index.tensors)), ("shards", str(index.shards))))
    stem = artifact.path.rpartition("/")[2].removesuffix(".index")
    if index.needed_bytes:
        yield References(
            FORMAT,
            tuple(
                Reference(ReferenceKind.DATA, f"{stem}.data-{shard:05d}-of-{index.shards:05d}", "checkpoint", size)
                for shard, size in sorted(index.needed_bytes.items())
            ),
        )
    if failure is not None:
        raise failure


def _iter_table(window: Window) -> Iterator[tuple[bytes, bytes, int]]:
    """Iterate over the entries of a table as (key, value, offset of the block).

    The footer has two handles, each an offset and a size: of the metaindex, which is unused, and of the index block.
    Each entry of the index block is the handle of a data block.
    """
    footer = window.read(window.size - _FOOTER_BYTES, _FOOTER_BYTES)
    claim_parsed(window, window.size - _FOOTER_BYTES)
    metaindex_start, metaindex_size, position = _read_handle(footer, 0)
    for _ in _iter_block(window, metaindex_start, metaindex_size):
        pass  # iterated only to check the block and to claim its bytes
    index_start, index_size, _ = _read_handle(footer, position)
    for _, handle in _iter_block(window, index_start, index_size):
        start, size, _ = _read_handle(handle, 0)
        for key, value in _iter_block(window, start, size):
            yield key, value, start


def _read_handle(data: bytes, position: int) -> tuple[int, int, int]:
    """Read the handle of a block; return the offset of the block, its size, and the position after the handle."""
    start, position = _read_varint(data, position)
    size, position = _read_varint(data, position)
    return start, size, position


def _iter_block(window: Window, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over the entries of one block as (key, value).

    An entry has three lengths (varints), of the prefix that its key shares with the key before, of the rest of the key,
    and of the value; then the rest of the key, and the value.
    """
    if size > _MOST_BLOCK_BYTES:
        raise LimitReachedError(f"a block of {size} bytes exceeds the limit of {_MOST_BLOCK_BYTES}", start)
    data = window.read(start, size + _TRAILER_BYTES)
    if len(data) < size + _TRAILER_BYTES or size < 4:
        raise DamagedError(f"a block of {size} bytes ends outside the file", start)
    if data[size]:
        raise DamagedError("a block is compressed, which TensorFlow never does", start)
    claim_parsed(window, start, start + size + _TRAILER_BYTES)
    # At the end of a block: the offsets of entries with a whole key, four bytes each, and the number of these offsets.
    offset_count = int.from_bytes(data[size - 4 : size], "little")
    entries_end = size - 4 - 4 * offset_count
    position = 0
    key = b""
    while position < entries_end:
        prefix_length, position = _read_varint(data, position)
        suffix_length, position = _read_varint(data, position)
        value_length, position = _read_varint(data, position)
        ends_outside = position + suffix_length + value_length > entries_end
        # Names of tensors are far shorter than 64 KiB; the bound keeps a hostile block from growing keys.
        if prefix_length > len(key) or ends_outside or prefix_length + suffix_length > _MOST_KEY_BYTES:
            raise DamagedError("an entry exceeds its block, or states an invalid key length", start)
        key = key[:prefix_length] + data[position : position + suffix_length]
        position += suffix_length
        yield key, data[position : position + value_length]
        position += value_length


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


def recognises_data(head: Head) -> bool:
    """Whether the name is that of a shard, and the content does not begin with the magic number of another format."""
    return (
        head.content is None
        and bool(_SHARD_NAME.search(get_file_name(head.path)))
        and detect_strong_magic(head.data) is None
    )


def read_data(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size of the shard; only the index describes the tensors in it."""
    claim_data(window)
    yield TensorData(window.size)


def recognises_state(head: Head) -> bool:
    """Whether the text begins with a path of a CheckpointState."""
    return bool(_STATE_START.match(head.data)) and looks_like_text(head)


def read_state(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield references to the index of each checkpoint that the file ``checkpoint`` names.

    Raises:
        DamagedError: the text cannot be parsed; the references before are yielded first.
        LimitReachedError: there are too many checkpoints; the first ones are yielded first.
        WindowError: the window could not return the requested bytes.
    """
    text, _, _ = read_whole_text(window, limits)
    line_by_path: dict[str, int] = {}
    failure: DamagedError | None = None
    try:
        for each in parse_text_fields(text, limits):
            if each.name in _PATH_FIELDS and each.value:
                line_by_path.setdefault(each.value.decode("utf-8", "backslashreplace"), each.line)
                if len(line_by_path) > _MOST_PATHS:
                    raise LimitReachedError(f"it names more than {_MOST_PATHS} checkpoints")
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=(("message", "CheckpointState"), ("checkpoints", str(len(line_by_path)))))
    yield References(
        FORMAT,
        tuple(
            Reference(ReferenceKind.MODEL, f"{path}.index", "checkpoint state", where=Location(line=line))
            for path, line in line_by_path.items()
        ),
    )
    if failure is not None:
        raise failure
