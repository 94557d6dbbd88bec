"""Read a file that is one tensor of ONNX, such as an input or output that ONNX keeps beside a model for its tests.

A ``TensorProto`` has no magic number. A file counts as one if it is named ``.pb``, has no field but a shape, an element
type, a name and raw data, and the raw data have exactly the bytes that the shape and the type demand.

Source: ``TensorProto`` in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.formats.graphs.onnx.collector import ModelCollector
from modelaudit.formats.graphs.onnx.tensors import Tensor, check_tensor, compute_size
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema

_EXTENSION: Final = ".pb"
# Fields of TensorProto that such a file may have: dims, one by one or packed, data_type, name and raw_data.
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9
_FIELDS: Final = frozenset({(_DIMS, VARINT), (_DIMS, BYTES), (_TYPE, VARINT), (_NAME, BYTES), (_RAW, BYTES)})
_MOST_FIELDS: Final = 70
"""Enough for 64 dimensions and the other three fields."""
_MOST_NAME_BYTES: Final = 120


def recognises(head: Head) -> bool:
    """Whether the file is one tensor with exactly the bytes that it states."""
    if head.content is not None or not head.path.lower().endswith(_EXTENSION):
        return False
    try:
        fields = _list_fields(head.window)
        tensor = _read_tensor(fields)
    except DamagedError:
        return False
    counts = Counter(each.number for each in fields if each.number != _DIMS)
    is_single = counts[_TYPE] == counts[_RAW] == 1 and counts[_NAME] <= 1
    is_known = all((each.number, each.wire) in _FIELDS for each in fields)
    is_short = all(each.body.size <= _MOST_NAME_BYTES for each in fields if each.number == _NAME)
    return is_single and is_known and is_short and tensor.raw_size == compute_size(tensor.dims, tensor.type)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the tensor.

    Raises:
        DamagedError: the bytes changed after they were recognised.
        WindowError: the window could not return the requested bytes.
    """
    collector = ModelCollector("onnx", artifact.path, window, limits)
    check_tensor(_read_tensor(_list_fields(window)), "", collector)
    schema = load_message_schema(Path(__file__).parent)
    claim_message(Message.from_window(window), schema, limits.document_nodes, "TensorProto")
    yield from collector.build_readings(artifact)


def _list_fields(window: Window) -> list[Field]:
    """Return the fields of the message that is the whole file. Raises ``LimitReachedError`` if there are too many."""
    fields: list[Field] = []
    for each in Message.from_window(window).fields(_MOST_FIELDS + 1):
        if len(fields) == _MOST_FIELDS:
            raise LimitReachedError(f"a tensor has more than {_MOST_FIELDS} fields", each.offset)
        fields.append(each)
    return fields


def _read_tensor(fields: list[Field]) -> Tensor:
    """Read the shape, the type, the name and the data of the tensor."""
    tensor = Tensor(Location(offset=0))
    for each in fields:
        tensor.read_field(each)
    return tensor
