"""Whether bytes are an ONNX model. The format has no magic number, so its structure has to tell."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError, Head
from modelaudit.wire.protobuf import BYTES, VARINT, Message
from modelaudit.wire.sniff import name_format

IR_VERSION: Final = 1
GRAPH: Final = 7
_FIELDS: Final = 20_000
_LOOKED_AT: Final = 64
_LENGTH_BYTES: Final = 10
_CONTROL: Final = frozenset(range(9))
# Of a graph, the fields that a writer puts first: node, name, initializer, text, inputs, outputs, types of values.
_OF_GRAPH: Final = {1, 2, 5, 10, 11, 12, 13, 14, 15, 16}
_NODE: Final = 1
_OF_NODE: Final = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
_OPERATOR: Final = 4
_NAME: Final = 256
_NAMED: Final = re.compile(rb"[A-Za-z_]\w{0,254}+", re.ASCII)
_TENSOR: Final = 5
_OF_TENSOR: Final = set(range(1, 17))


def recognises(head: Head) -> bool:
    """A message with a graph in it, that is one to its end or states a version beside it.

    What is called ``.onnx`` and is nothing else that has a name is read too, to say what is wrong with it.
    """
    if head.content is not None or not head.data:
        return False
    if _has_graph(head.window):
        return True
    is_binary = any(byte in _CONTROL for byte in head.data[:_LOOKED_AT])
    return head.path.lower().endswith(".onnx") and is_binary and name_format(head.data, "") is None


def _has_graph(window: Window) -> bool:
    has_version = has_graph = False
    try:
        for count, field in enumerate(Message.from_window(window).fields()):
            if field.number == IR_VERSION and field.wire == VARINT:
                has_version = 0 < field.value < _LOOKED_AT
            elif field.number == GRAPH and field.wire == BYTES:
                has_graph = has_graph or _is_graph(field.body)
            if (has_graph and has_version) or count >= _FIELDS:
                break
    except DamagedError as error:
        # A graph that breaks off where the file does: what stands before it may still tell.
        rest = cut_graph(window, error.offset) if has_version else None
        return rest is not None and _is_graph(rest)
    return has_graph


def cut_graph(window: Window, offset: int | None) -> Message | None:
    """What is there of a graph whose field begins at ``offset`` and ends beyond the file; ``None`` for other fields."""
    if offset is None or window.read(offset, 1) != bytes([GRAPH << 3 | BYTES]):
        return None
    start = offset + 1
    for byte in window.read(start, _LENGTH_BYTES):
        start += 1
        if byte < 0x80:
            return Message(window, start, window.size)
    return None


def _is_graph(message: Message) -> bool:
    """Whether one of its first fields is a node or a tensor; or all are those of a graph, which may hold neither."""
    foreign = 0
    try:
        for count, field in enumerate(message.fields()):
            known = field.number in _OF_GRAPH and field.wire == BYTES
            if known and field.number == _NODE and _is_node(field.body, bool(foreign)):
                return True
            if known and field.number == _TENSOR and not foreign and _holds(field.body, _OF_TENSOR, 2):
                return True
            foreign += not known
            if count >= (_FIELDS if foreign else _LOOKED_AT):
                break
    except DamagedError:
        return False
    return not foreign and message.size > 0


def _is_node(message: Message, strictly: bool) -> bool:
    """A node; beside fields that no graph has, only one whose operator has a name: a parser passes over the others."""
    if not strictly and _holds(message, _OF_NODE, _OPERATOR):
        return True
    name = b""
    try:
        for field in message.fields():
            if field.number == _OPERATOR and field.wire == BYTES:
                name = field.body.raw(_NAME)
    except DamagedError:
        return False
    return _NAMED.fullmatch(name) is not None


def _holds(message: Message, numbers: set[int], wanted: int) -> bool:
    found = False
    try:
        for count, field in enumerate(message.fields()):
            if field.number not in numbers:
                return False
            found = found or field.number == wanted
            if count >= _LOOKED_AT:
                break
    except DamagedError:
        return False
    return found
