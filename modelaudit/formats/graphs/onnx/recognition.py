"""Recognise ONNX models by their structure, because the format has no magic number."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.formats.graphs.ydf.recognition import is_whole_message
from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import DamagedError, Head
from modelaudit.wire.protobuf import BYTES, VARINT, Message
from modelaudit.wire.sniff import name_format

IR_VERSION: Final = 1
GRAPH: Final = 7
_FIRST_FIELDS: Final = 64
_FIRST_BYTES: Final = 64
# The version of the format counts up by one, and is far below this bound.
_MOST_IR_VERSION: Final = 64
_LENGTH_BYTES: Final = 10
_CONTROL_BYTES: Final = frozenset(range(9))
# GraphProto: node, name, initializer, doc_string, inputs, outputs, value_info, quantization, sparse tensors, metadata.
_GRAPH_FIELDS: Final = {1, 2, 5, 10, 11, 12, 13, 14, 15, 16}
_NODE: Final = 1
_MODEL_FIELDS: Final = frozenset({(IR_VERSION, VARINT), (GRAPH, BYTES)})
_NODE_FIELDS: Final = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
_OPERATOR: Final = 4
_NAME_BYTES: Final = 256
_OPERATOR_NAME: Final = defer_pattern(rb"[A-Za-z_]\w{0,254}+", re.ASCII)
_TENSOR: Final = 5
_TENSOR_FIELDS: Final = set(range(1, 17))
_TENSOR_TYPE: Final = 2


def recognises(head: Head) -> bool:
    """Whether the message has a graph, and either parses to its end or states a version.

    A binary file named ``.onnx`` that begins as no other known format is accepted too, so that the reader reports
    its damage.
    """
    if head.content is not None or not head.data or is_whole_message(head):
        return False
    if _has_graph(head.window):
        return True
    is_binary = any(byte in _CONTROL_BYTES for byte in head.data[:_FIRST_BYTES])
    return head.path.lower().endswith(".onnx") and is_binary and name_format(head.data, "") is None


def _has_graph(window: Window) -> bool:
    """Whether the file is a message that has a graph, and that parses to its end or has a version too."""
    has_version = has_graph = False
    try:
        for field in Message.from_window(window).first_fields(_MODEL_FIELDS):
            if field.number == IR_VERSION:
                has_version = 0 < field.value < _MOST_IR_VERSION
            else:
                has_graph = has_graph or _is_graph(field.body)
            if has_graph and has_version:
                break
    except DamagedError as error:
        # The file may be truncated within the graph: with a version before it, the first part of the graph suffices.
        available_graph = find_truncated_graph(window, error.offset) if has_version else None
        return available_graph is not None and _is_graph(available_graph)
    return has_graph


def find_truncated_graph(window: Window, offset: int | None) -> Message | None:
    """Return the available part of a graph that ends after the file does.

    Args:
        window: the whole file.
        offset: the offset of the field that breaks off.

    Returns:
        The bytes of the graph up to the end of the file; ``None`` when the field at ``offset`` is not a graph.
    """
    wire_key = bytes([GRAPH << 3 | BYTES])
    if offset is None or window.read(offset, 1) != wire_key:
        return None
    start = offset + 1
    # The graph begins after its length, a varint, whose last byte has the highest bit clear.
    for byte in window.read(start, _LENGTH_BYTES):
        start += 1
        if byte < 0x80:
            return Message(window, start, window.size)
    return None


def _is_graph(message: Message) -> bool:
    """Whether one of the first fields is a node or a tensor, or all first fields are those of a graph.

    A parser skips unknown fields, so a hostile file may put many before the first node. Behind unknown fields, only a
    node with a valid operator name counts.
    """
    has_unknown_field = False
    try:
        for count, field in enumerate(message.first_fields()):
            is_known = field.number in _GRAPH_FIELDS and field.wire == BYTES
            if is_known and field.number == _NODE and _is_node(field.body, needs_name=has_unknown_field):
                return True
            if is_known and field.number == _TENSOR and not has_unknown_field and _is_tensor(field.body):
                return True
            has_unknown_field = has_unknown_field or not is_known
            if count >= _FIRST_FIELDS and not has_unknown_field:
                break
    except DamagedError:
        return False
    return not has_unknown_field and message.size > 0


def _is_tensor(message: Message) -> bool:
    """Whether the first fields are all fields of a tensor, and its element type is one of them."""
    return _has_only_fields(message, _TENSOR_FIELDS, _TENSOR_TYPE)


def _is_node(message: Message, needs_name: bool) -> bool:
    """Whether the message is a node: by its fields alone, or with ``needs_name`` by a valid name of its operator."""
    if not needs_name and _has_only_fields(message, _NODE_FIELDS, _OPERATOR):
        return True
    name = b""
    try:
        for field in message.first_fields():
            if field.number == _OPERATOR and field.wire == BYTES:
                name = field.body.raw(_NAME_BYTES)
    except DamagedError:
        return False
    return _OPERATOR_NAME.fullmatch(name) is not None


def _has_only_fields(message: Message, numbers: set[int], required: int) -> bool:
    """Whether the first fields all have one of these numbers, and one has the required number."""
    has_required = False
    try:
        for count, field in enumerate(message.first_fields()):
            if field.number not in numbers:
                return False
            has_required = has_required or field.number == required
            if count >= _FIRST_FIELDS:
                break
    except DamagedError:
        return False
    return has_required
