"""Checkpoints of TensorFlow: the index, a table of LevelDB that says where each tensor stands, and the data beside it.

Source: tensorflow/core/util/tensor_bundle/tensor_bundle.h, tensorflow/core/lib/io/{format,block}.cc,
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
from modelaudit.wire.protobuf import VARINT, Message
from modelaudit.wire.protobuf_text import parse_text_fields
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.text import get_file_name, looks_like_text

FORMAT: Final = "tensorflow"
_MAGIC: Final = bytes.fromhex("57fb808b247547db")
_FOOTER: Final = 48
_TRAILER: Final = 5
_BLOCK: Final = 16 * 1024 * 1024 - _TRAILER
_MOST_ENTRIES: Final = 2_000_000
_MOST_SHARDS: Final = 100_000
_SHARD: Final = re.compile(r"\.data-\d{5}-of-\d{5}\Z")
_STATE: Final = re.compile(rb"(?:\s|#[^\n]*+(?:\n|\Z))*+(?:all_)?model_checkpoint_path\s*+:")
_PATHS: Final = frozenset({"model_checkpoint_path", "all_model_checkpoint_paths"})
_MOST_PATHS: Final = 1000


class _Bytes:
    """Bytes of a block as a window."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


@dataclass(slots=True)
class _Index:
    """What an index says so far: tensors, shards, and the bytes that each shard has to have."""

    tensors: int = 0
    shards: int = 1
    needs: dict[int, int] = field(default_factory=dict)

    def take(self, key: bytes, value: bytes, offset: int) -> None:
        numbers = {
            each.number: each.value for each in Message.from_window(_Bytes(value)).fields() if each.wire == VARINT
        }
        if not key:
            self.shards = numbers.get(1, 1)
            return
        self.tensors += 1
        if self.tensors > _MOST_ENTRIES:
            raise LimitReachedError(f"it lists more than {_MOST_ENTRIES} tensors", offset)
        shard, start, size = numbers.get(3, 0), numbers.get(4, 0), numbers.get(5, 0)
        if start >> 63 or size >> 63 or shard >= self.shards:
            name = key.decode("utf-8", "backslashreplace")[:200]
            raise DamagedError(f"the tensor {name!r} stands at no place that there can be", offset)
        if shard in self.needs or len(self.needs) < _MOST_SHARDS:
            self.needs[shard] = max(self.needs.get(shard, 0), start + size)


def recognises_index(head: Head) -> bool:
    """Whether the name and the footer are those of an index."""
    if head.content is not None or head.window.size < _FOOTER:
        return False
    return get_file_name(head.path).endswith(".index") and head.window.read(head.window.size - 8, 8) == _MAGIC


def read_index(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what the index says, and the files of data with the bytes that they have to have.

    Raises:
        DamagedError: a block breaks off, or a tensor stands nowhere.
    """
    index = _Index()
    failure: DamagedError | None = None
    try:
        for key, value, offset in _table(window):
            index.take(key, value, offset)
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=(("tensors", str(index.tensors)), ("shards", str(index.shards))))
    stem = artifact.path.rpartition("/")[2].removesuffix(".index")
    if index.needs:
        yield References(
            FORMAT,
            tuple(
                Reference(ReferenceKind.DATA, f"{stem}.data-{shard:05d}-of-{index.shards:05d}", "checkpoint", needs)
                for shard, needs in sorted(index.needs.items())
            ),
        )
    if failure is not None:
        raise failure


def _table(window: Window) -> Iterator[tuple[bytes, bytes, int]]:
    """The entries of a table, with the offset of the block that they stand in."""
    footer = window.read(window.size - _FOOTER, _FOOTER)
    position = 0
    handle = []
    for _ in range(4):
        value, position = _varint(footer, position)
        handle.append(value)
    for _, place in _block(window, handle[2], handle[3]):
        start, position = _varint(place, 0)
        size, _ = _varint(place, position)
        for key, inner in _block(window, start, size):
            yield key, inner, start


def _block(window: Window, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of one block; each key gives what it does not share with the one before."""
    if size > _BLOCK:
        raise LimitReachedError(f"a block of {size} bytes", start)
    data = window.read(start, size + _TRAILER)
    if len(data) < size + _TRAILER or size < 4:
        raise DamagedError(f"a block of {size} bytes is not there", start)
    if data[size]:
        raise DamagedError("a block is compressed, which TensorFlow never does", start)
    end = size - 4 - 4 * int.from_bytes(data[size - 4 : size], "little")
    position = 0
    key = b""
    while position < end:
        shared, position = _varint(data, position)
        unshared, position = _varint(data, position)
        length, position = _varint(data, position)
        if shared > len(key) or position + unshared + length > end or shared + unshared > 65_536:
            raise DamagedError("an entry of a block breaks off", start)
        key = key[:shared] + data[position : position + unshared]
        position += unshared
        yield key, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    for place in range(position, min(position + 10, len(data))):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    raise DamagedError("a number of the table breaks off")


def recognises_data(head: Head) -> bool:
    """The name says so, and the bytes do not begin as something that another loader would take."""
    return (
        head.content is None
        and bool(_SHARD.search(get_file_name(head.path)))
        and detect_strong_magic(head.data) is None
    )


def read_data(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the size: the numbers of tensors, which nothing but the index describes."""
    yield TensorData(window.size)


def recognises_state(head: Head) -> bool:
    """Whether the text begins with the state of a checkpoint."""
    return bool(_STATE.match(head.data)) and looks_like_text(head)


def read_state(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield which checkpoints the file ``checkpoint`` names, each by the path of its index without the ending."""
    text, _, _ = read_whole_text(window, limits)
    found: dict[str, int] = {}
    failure: DamagedError | None = None
    try:
        for each in parse_text_fields(text, limits):
            if each.name in _PATHS and each.value and len(found) < _MOST_PATHS:
                found.setdefault(each.value.decode("utf-8", "backslashreplace"), each.line)
    except DamagedError as error:
        failure = error
    yield Outline(FORMAT, facts=(("message", "CheckpointState"), ("checkpoints", str(len(found)))))
    yield References(
        FORMAT,
        tuple(
            Reference(ReferenceKind.MODEL, f"{path}.index", "checkpoint state", where=Location(line=line))
            for path, line in found.items()
        ),
    )
    if failure is not None:
        raise failure
