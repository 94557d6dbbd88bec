"""Graphs of TensorFlow: the operators of a GraphDef and of the functions in its library, with what feeds them.

Source: tensorflow/core/framework/{graph,function,node_def,attr_value,tensor,op_def}.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final

from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message

MOST_NODES: Final = 500_000
_MOST_TEXTS: Final = 64
_TEXT: Final = 1024
_JOINED: Final = 4096
_NAME: Final = 1024
_STRING: Final = 7
CONSTANTS: Final = frozenset({"Const", "HostConst", "_EagerConst"})
_CALLBACK: Final = b"python_cpu_callback"
_MODULE: Final = 4 * 1024 * 1024
# Attributes that name a file or a stream, by operator.
NAMED: Final = {
    "PrintV2": "output_stream",
    "FixedUnigramCandidateSampler": "vocab_file",
    "ImmutableConst": "memory_region_name",
    "DecodeProtoV2": "descriptor_source",
    "EncodeProto": "descriptor_source",
    "XlaCallModule": "module",
}
# Attributes whose text an operator puts into the text that it makes.
_PUTS_IN: Final = {
    "StringJoin": "separator",
    "ReduceJoin": "separator",
    "StaticRegexReplace": "rewrite",
    "StringFormat": "template",
    "AsString": "fill",
}
_FROM_CALLER: Final = b"any://what a caller of the function gives"


@dataclass(slots=True)
class Node:
    """One operator of a graph.

    Attributes:
        inputs: names of the nodes, or arguments of the function, whose outputs it is given, in order.
        texts: of a constant, its texts; of an operator in ``NAMED``, that attribute; ``None`` where there is none.
        puts_in: what the operator itself adds to the text that it makes of its inputs.
        functions: names of the functions that it is given.
    """

    name: str = ""
    op: str = ""
    inputs: list[str] = field(default_factory=list)
    texts: list[bytes] | None = None
    puts_in: list[bytes] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    offset: int = 0


@dataclass(slots=True)
class Graph:
    """The main graph, whose name is empty, or a function.

    Attributes:
        arguments: of a function, in order.
    """

    name: str = ""
    arguments: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    by_name: dict[str, Node] = field(default_factory=dict)

    def add(self, node: Node) -> None:
        """Take one more node; of two with one name, the last is found by it."""
        self.nodes.append(node)
        self.by_name[node.name] = node


@dataclass(slots=True)
class Graphs:
    """All graphs of one file, with a count that bounds them."""

    graphs: list[Graph] = field(default_factory=list)
    count: int = 0

    def read(self, message: Message) -> None:
        """Read one GraphDef: its nodes, and the functions of its library.

        Raises:
            DamagedError: the bytes are none; what was read before stays.
            LimitReachedError: there are more nodes than are followed.
            WindowError: from the window.
        """
        main = Graph()
        self.graphs.append(main)
        for each in message.fields():
            if each.wire == BYTES and each.number == 1:
                self._node(main, each)
            elif each.wire == BYTES and each.number == 2:
                for function in each.body.fields():
                    if function.number == 1 and function.wire == BYTES:
                        self._function(function.body)

    def _function(self, message: Message) -> None:
        graph = Graph()
        self.graphs.append(graph)
        for each in message.fields():
            if each.wire != BYTES:
                continue
            if each.number == 1:
                graph.name, arguments = _signature(each.body)
                graph.arguments += arguments
            elif each.number in (2, 3):
                self._node(graph, each)

    def _node(self, graph: Graph, found: Field) -> None:
        self.count += 1
        if self.count > MOST_NODES:
            raise LimitReachedError(f"its graphs hold more than {MOST_NODES} operators", found.offset)
        graph.add(read_node(found.body, found.offset))


def _signature(message: Message) -> tuple[str, list[str]]:
    name = ""
    arguments = []
    for each in message.fields():
        if each.number == 1 and each.wire == BYTES:
            name = each.body.text(_NAME)
        elif each.number == 2 and each.wire == BYTES:
            arguments.append(next((part.body.text(_NAME) for part in each.body.fields() if part.number == 1), ""))
    return name, arguments


def read_node(message: Message, offset: int = 0) -> Node:
    """One NodeDef. Raises ``DamagedError`` and ``WindowError``."""
    node = Node(offset=offset)
    attributes = []
    for each in message.fields():
        if each.wire != BYTES:
            continue
        if each.number == 1:
            node.name = each.body.text(_NAME)
        elif each.number == 2:
            node.op = each.body.text(_NAME)
        elif each.number == 3:
            source = each.body.text(_NAME)
            if not source.startswith("^"):
                node.inputs.append(source.partition(":")[0])
        elif each.number == 5:
            attributes.append(each.body)
    for attribute in attributes:
        _attribute(attribute, node)
    return node


def _attribute(message: Message, node: Node) -> None:
    key = ""
    values = []
    for each in message.fields():
        if each.number == 1 and each.wire == BYTES:
            key = each.body.text(_NAME)
        elif each.number == 2 and each.wire == BYTES:
            values.append(each.body)
    for value in values:
        for each in value.fields():
            if each.wire == BYTES:
                _value(each, key, node)


def _value(each: Field, key: str, node: Node) -> None:
    """Note one field of an AttrValue: functions, texts of a constant, the name of a file."""
    if each.number == 10:
        node.functions += _function_names(each.body)
    elif each.number == 1:
        for item in each.body.fields():
            if item.number == 9 and item.wire == BYTES:
                node.functions += _function_names(item.body)
    elif each.number == 8 and key == "value" and node.op in CONSTANTS:
        node.texts = (node.texts or []) + _strings(each.body)
    elif each.number == 2 and key == NAMED.get(node.op):
        node.texts = [_kept(each.body, node.op)]
    elif each.number == 9 and key == NAMED.get(node.op):
        node.texts = [_FROM_CALLER]
    elif each.number == 2 and key == _PUTS_IN.get(node.op) and each.body.size:
        node.puts_in = [each.body.raw(_TEXT)]


def _kept(message: Message, op: str) -> bytes:
    """What is kept of an attribute: its beginning, or of a compiled program what it calls back."""
    if op != "XlaCallModule":
        return message.raw(_TEXT)
    return _CALLBACK if _CALLBACK in message.raw(_MODULE) else b""


def _function_names(message: Message) -> Iterator[str]:
    """The name of a NameAttrList."""
    for each in message.fields():
        if each.number == 1 and each.wire == BYTES:
            yield each.body.text(_NAME)


def _strings(message: Message) -> list[bytes]:
    """The first texts of a tensor, if it is one of texts; they stand one by one, or joined with their lengths first."""
    texts: list[bytes] = []
    is_text = False
    joined = b""
    for each in message.fields():
        if each.number == 1 and each.wire == VARINT:
            is_text = each.value == _STRING
        elif each.number == 8 and each.wire == BYTES and len(texts) < _MOST_TEXTS:
            texts.append(each.body.raw(_TEXT))
        elif each.number == 4 and each.wire == BYTES and each.body.size:
            joined = each.body.raw(_JOINED)
    return (texts + _split(joined) or [b""]) if is_text else []


def _split(joined: bytes) -> list[bytes]:
    """Texts that stand one after the other behind all of their lengths; the whole where that is not so."""
    lengths: list[int] = []
    position = total = 0
    while position + total < len(joined) and len(lengths) < _MOST_TEXTS:
        length = shift = 0
        while position < len(joined):
            byte = joined[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift > 63:
                break
        lengths.append(length)
        total += length
    if position + total != len(joined):
        return [joined[:_TEXT]] if joined else []
    ends = list(accumulate(lengths, initial=position))
    return [joined[start:end] for start, end in pairwise(ends)]
