"""Read TensorFlow checkpoints: the index, the shards of data, and the file ``checkpoint`` that names the newest one.

The index is a LevelDB table. It maps the name of each tensor to its shard, offset and size. Sources:
tensorflow/core/util/tensor_bundle/tensor_bundle.h, tensorflow/core/protobuf/tensor_bundle.proto,
tensorflow/python/training/checkpoint_state.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.graphs.tensorflow.table import ends_as_table, iterate_table
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location, TensorData
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import check_text
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.protobuf import VARINT, Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema
from modelaudit.wire.protobuf_text import parse_text_fields
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.text import get_file_name, looks_like_text

FORMAT: Final = "tensorflow"
_MOST_FIELDS: Final = 1000
"""Fields of one value of the table; a tensor with many slices has three for each."""
_MOST_ENTRIES: Final = 2_000_000
_MOST_SHARDS: Final = 100_000
_SHARD_NAME: Final = defer_pattern(r"\.data-\d{5}-of-\d{5}\Z")
# The field model_checkpoint_path or all_model_checkpoint_paths, after blanks and comments.
_STATE_START: Final = defer_pattern(rb"(?:\s|#[^\n]*+(?:\n|\Z))*+(?:all_)?model_checkpoint_path\s*+:")
_PATH_FIELDS: Final = frozenset({"model_checkpoint_path", "all_model_checkpoint_paths"})
_MOST_PATHS: Final = 1000


class _Index(Struct):
    """The entries of an index that were read so far.

    Attributes:
        tensors: the number of tensors.
        shards: the number of shards that the header states.
        needed_bytes: how many bytes each shard must have, by its number.
    """

    tensors: int = 0
    shards: int = 1
    needed_bytes: dict[int, int] = field(default_factory=dict)

    def read_entry(self, key: bytes, value: Message) -> None:
        """Read one entry of the table, the header or a tensor, and claim its value.

        The empty key has a BundleHeader with the number of shards (1). Any other key is the name of a tensor and has a
        BundleEntryProto with the shard (3), offset (4) and size (5) of its data.

        Args:
            key: the key of the entry.
            value: the message of the entry.

        Raises:
            DamagedError: the tensor is in no shard, or its offset or size is negative.
            LimitReachedError: there are too many tensors or shards.
        """
        offset = value.start
        numbers = {each.number: each.value for each in value.fields() if each.wire == VARINT}
        message = "BundleEntryProto" if key else "BundleHeaderProto"
        claim_message(value, load_message_schema(Path(__file__).parent), _MOST_FIELDS, message)
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
    return head.content is None and get_file_name(head.path).endswith(".index") and ends_as_table(head.window)


def read_index(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the counts of the index, and references to its shards with the size that each must have.

    Raises:
        DamagedError: a block breaks off, is compressed or contradicts itself, or a tensor has an impossible place.
        LimitReachedError: a block is too large, or there are too many tensors or shards.
    """
    index = _Index()
    failure: DamagedError | None = None
    try:
        for key, value in iterate_table(window):
            index.read_entry(key, value)
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
    text = check_text(window, limits)
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
