"""Recognise the files of YDF by their names and first fields, because messages have no magic number."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.graphs.ydf import NODES
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB
from modelaudit.wire.base import DamagedError, Head
from modelaudit.wire.protobuf import BYTES, VARINT, Message
from modelaudit.wire.text import get_file_name

MODEL_NAMES: Final = ("RANDOM_FOREST", "GRADIENT_BOOSTED_TREES", "ISOLATION_FOREST", "MULTITASKER")
"""The models that the library registers, as ``header.pb`` names them."""

HEADER: Final = "AbstractModel"
COLUMNS: Final = "DataSpecification"
_FILES: Final = {
    "random_forest_header.pb": "RandomForestHeader",
    "gradient_boosted_trees_header.pb": "GradientBoostedTreesHeader",
    "isolation_forest_header.pb": "IsolationForestHeader",
    "multitasker.pb": "MultitaskerHeader",
    "data_spec.pb": COLUMNS,
    "header.pb": HEADER,
}
"""The message in each file; a name may have a prefix. The last one is the end of others."""

MOST_BYTES: Final = 64 * MIB
"""The longest message that is read."""

_CONTROLS: Final = bytes(range(0x20)) + b"\x7f"
_FIRST_NAME: Final = 1
_MOST_COLUMN_TYPE: Final = 11


def find_type(path: str) -> str:
    """Return the type of message in a file of this name; empty for others."""
    name = get_file_name(path).lower()
    return next((type_ for ending, type_ in _FILES.items() if name.endswith(ending)), "")


def recognises(head: Head) -> bool:
    """Whether the name is that of a file of YDF, and the first fields are those of its message."""
    type_ = find_type(head.path)
    if head.content is not None or not type_:
        return False
    try:
        fields = Message.from_window(head.window).first_fields()
        first = next(fields, None)
        if first is None or first.number != _FIRST_NAME:
            return False
        if type_ == HEADER:
            return first.wire == BYTES and first.body.text(64) in MODEL_NAMES
        if type_ == COLUMNS:
            column = next(first.body.first_fields(), None) if first.wire == BYTES else None
            is_type = column is not None and (column.number, column.wire) == (_FIRST_NAME, VARINT)
            return is_type and column is not None and column.value <= _MOST_COLUMN_TYPE
        return first.wire == VARINT
    except (DamagedError, WindowError):
        return False


def recognises_content(head: Head) -> bool:
    """Whether the bytes are the decompressed nodes of a forest."""
    return head.content == NODES


def is_whole_message(head: Head) -> bool:
    """Whether the file is the header of a model, or a description of columns, and nothing else.

    Neither can be a graph that another library loads. A node of TensorFlow has its name in the field 1, which is a
    number in a column; a library of functions is the field 2, which is a number in the description. A model of ONNX
    needs sets of operators in its field 8, which is a number in the header; and its graph would be texts of the header,
    where a node with inputs or outputs needs control characters.
    """
    type_ = find_type(head.path)
    if type_ not in (HEADER, COLUMNS) or not recognises(head) or head.window.size > MOST_BYTES:
        return False
    from modelaudit.formats.graphs.ydf.messages import MessageCheck  # other readers ask here for every file

    data = head.window.read(0, head.window.size)
    check = MessageCheck(data)
    try:
        check.check(type_, 0, len(data))
    except DamagedError:
        return False
    texts = (data[start:end] for _, _, start, end, is_text in check.contents if is_text)
    return type_ == COLUMNS or all(len(text.translate(None, _CONTROLS)) == len(text) for text in texts)
