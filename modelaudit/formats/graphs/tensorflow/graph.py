"""Read a GraphDef: the operators of the main graph and of the functions in its library, with their inputs.

Sources: tensorflow/core/framework/{graph,function,node_def,attr_value,tensor,op_def}.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Final

from msgspec import Struct, field

from modelaudit.model.limits import MIB
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message
from modelaudit.wire.windows import iterate_chunks

MOST_NODES: Final = 500_000
# Bytes of memory that the nodes may take, estimated from their texts. A graph in text form is in memory beside them.
_MOST_NODE_BYTES: Final = 64 * MIB
_NODE_OVERHEAD: Final = 270
_POINTER_SIZE: Final = 8
_TEXT_OVERHEAD: Final = 60
# Of one node or signature, whose memory is counted only when it is read.
_MOST_PARTS: Final = 100_000
_MOST_PART_BYTES: Final = 16 * MIB
_MOST_TEXTS: Final = 64
_TEXT_BYTES: Final = 1024
_PACKED_BYTES: Final = 4096
_OPERATOR_NAME_BYTES: Final = 1024
_NODE_NAME_BYTES: Final = 16 * 1024  # nested scopes give long names
_SHORTENED: Final = "...@"
_DT_STRING: Final = 7
CONSTANTS: Final = frozenset({"Const", "HostConst", "_EagerConst"})
"""Operators whose output is the tensor in their attribute ``value``."""
# JAX compiles a callback into Python to a custom call of this name.
_CALLBACK: Final = b"python_cpu_callback"
FILE_ATTRIBUTES: Final = {
    "PrintV2": "output_stream",
    "FixedUnigramCandidateSampler": "vocab_file",
    "ImmutableConst": "memory_region_name",
    "DecodeProtoV2": "descriptor_source",
    "EncodeProto": "descriptor_source",
    "XlaCallModule": "module",
}
"""The attribute that names a file or a stream, or holds a compiled program, by operator."""
# The attribute whose text an operator inserts into the text that it outputs.
_INSERTED_TEXT: Final = {
    "StringJoin": "separator",
    "ReduceJoin": "separator",
    "StaticRegexReplace": "rewrite",
    "StringFormat": "template",
    "AsString": "fill",
}
# Takes the place of the texts of a constant after the first ones. Like any text that no saver writes, it makes a path
# fixed.
_MORE_TEXTS: Final = b"(more texts)"
# The value of an attribute that the caller of a function supplies; like any address, it counts as a file.
_FROM_CALLER: Final = b"any://given by the caller of the function"


class Node(Struct):
    """One node of a graph.

    Attributes:
        name: the name of the node.
        op: the name of its operator.
        inputs: in order, the nodes or function arguments whose outputs are its inputs, without control inputs.
        texts: the texts of a constant, or the attribute in ``FILE_ATTRIBUTES``; ``None`` where there is neither.
        inserted: the texts that the operator inserts into the text that it makes from its inputs.
        functions: the functions among its attributes.
        offset: its offset in the file.
    """

    name: str = ""
    op: str = ""
    inputs: tuple[str, ...] = ()
    texts: tuple[bytes, ...] | None = None
    inserted: tuple[bytes, ...] = ()
    functions: tuple[str, ...] = ()
    offset: int = 0


class Graph(Struct):
    """The main graph or a function.

    Attributes:
        name: the name of the function; empty for the main graph.
        arguments: the arguments of the function, in order.
        results: the nodes or arguments that the function returns.
        nodes: all nodes, in the order of the file.
        by_name: the last node of each name.
    """

    name: str = ""
    arguments: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    by_name: dict[str, Node] = field(default_factory=dict)

    def share_name(self, name: str) -> str:
        """Return the text of the node with this name; ``name`` itself if no node before has it."""
        known = self.by_name.get(name)
        return name if known is None else known.name

    def add_node(self, node: Node) -> None:
        """Add a node; of two with the same name, ``by_name`` has the last."""
        self.nodes.append(node)
        self.by_name[node.name] = node


class Graphs(Struct):
    """All graphs of one file.

    Attributes:
        graphs: the main graphs and the functions, in the order of the file.
        node_count: the number of nodes in all of them.
    """

    graphs: list[Graph] = field(default_factory=list)
    node_count: int = 0
    _kept: KeptItems = field(default_factory=lambda: KeptItems("operators and functions", MOST_NODES, _MOST_NODE_BYTES))
    _operators: dict[str, str] = field(default_factory=dict)
    """Each name of an operator, so that all nodes with it share one text."""

    def read_graph(self, message: Message) -> None:
        """Read one GraphDef: its nodes (1), and the functions (1) of its library (2).

        Raises:
            DamagedError: the message breaks off; the nodes before are kept.
            LimitReachedError: there are more nodes than are kept.
            WindowError: the window could not return the requested bytes.
        """
        main = Graph()
        self.graphs.append(main)
        for each in message.fields():
            if each.wire == BYTES and each.number == 1:
                self._read_node(main, each)
            elif each.wire == BYTES and each.number == 2:
                for function in each.body.fields():
                    if function.number == 1 and function.wire == BYTES:
                        self._read_function(function.body)

    def _read_function(self, message: Message) -> None:
        """Read a FunctionDef: signature (1), nodes in the old (2) and the new field (3), and what it returns (4)."""
        self._kept.count(message.start, _NODE_OVERHEAD)
        graph = Graph()
        self.graphs.append(graph)
        for each in message.fields():
            if each.wire != BYTES:
                continue
            if each.number == 1:
                graph.name, arguments = _read_signature(each.body)
                self._kept.count(each.offset, sum(len(argument) + _TEXT_OVERHEAD for argument in arguments))
                graph.arguments += arguments
            elif each.number in (2, 3):
                self._read_node(graph, each)
            elif each.number == 4:
                result = _read_result(each.body)
                self._kept.count(each.offset, len(result) + _TEXT_OVERHEAD)
                graph.results.append(result)

    def _read_node(self, graph: Graph, field_: Field) -> None:
        """Read one node into a graph, and count it; raise ``LimitReachedError`` when there are too many."""
        self.node_count += 1
        node = read_node(field_.body, field_.offset)
        self._kept.count(field_.offset, self._estimate_memory(graph, node))
        node.op = self._operators.setdefault(node.op, node.op)
        node.inputs = tuple(graph.share_name(source) for source in node.inputs)
        graph.add_node(node)

    def _estimate_memory(self, graph: Graph, node: Node) -> int:
        """Return about the bytes of memory that a node will take in ``graph``, where equal names are shared."""
        new_operators = [node.op] if node.op not in self._operators else []
        new_inputs = [source for source in node.inputs if source not in graph.by_name]
        texts = (node.name, *new_operators, *new_inputs, *node.functions, *node.inserted, *(node.texts or ()))
        pointers = _POINTER_SIZE * len(node.inputs)
        return _NODE_OVERHEAD + pointers + sum(len(text) + _TEXT_OVERHEAD for text in texts)


def read_name(message: Message, most_bytes: int = _OPERATOR_NAME_BYTES) -> str:
    """Return a name; one of more than ``most_bytes`` is cut and followed by its offset, so that it equals no other.

    Without the offset, an input could name one node, and be taken for another whose name begins alike.
    """
    name = message.text(most_bytes)
    return name if message.size <= most_bytes else f"{name}{_SHORTENED}{message.start}"


def read_node_name(message: Message) -> str:
    """Return the name of a node or of an argument; see ``read_name``."""
    return read_name(message, _NODE_NAME_BYTES)


def is_shortened(name: str) -> bool:
    """Whether ``read_name`` may have shortened the name, so that it does not lead to its node."""
    return _SHORTENED in name


def _read_signature(message: Message) -> tuple[str, list[str]]:
    """Return the name (1) of an OpDef, and the name (1) of each of its input arguments (2)."""
    name = ""
    arguments = []
    kept = _start_parts()
    for each in message.fields():
        if each.number == 1 and each.wire == BYTES:
            name = read_name(each.body)
        elif each.number == 2 and each.wire == BYTES:
            argument = next((read_node_name(part.body) for part in each.body.fields() if part.number == 1), "")
            kept.count(each.offset, len(argument))
            arguments.append(argument)
    return name, arguments


def _read_result(message: Message) -> str:
    """Return the node or argument that one entry of the results of a function names (2), without its output."""
    sources = [read_node_name(each.body) for each in message.fields() if each.number == 2 and each.wire == BYTES]
    return sources[-1].partition(":")[0] if sources else ""


def _start_parts() -> KeptItems:
    """Return a count of the inputs, attributes and functions of one node, or of the arguments of one function."""
    return KeptItems("inputs, attributes and functions in one operator", _MOST_PARTS, _MOST_PART_BYTES)


def read_node(message: Message, offset: int = 0) -> Node:
    """Read one NodeDef at ``offset`` of the file: name (1), operator (2), inputs (3) and attributes (5).

    Raises:
        DamagedError: the message is damaged.
        LimitReachedError: it has too many inputs, attributes or functions.
        WindowError: the window could not return the requested bytes.
    """
    node = Node(offset=offset)
    inputs: list[str] = []
    functions: list[str] = []
    attributes = []
    kept = _start_parts()
    for each in message.fields():
        if each.wire != BYTES:
            continue
        if each.number == 1:
            node.name = read_node_name(each.body)
        elif each.number == 2:
            node.op = read_name(each.body)
        elif each.number == 3:
            # An input is "node", "node:number of the output", or "^node" for a control input, which has no value.
            source = read_node_name(each.body)
            if not source.startswith("^"):
                kept.count(each.offset, len(source))
                inputs.append(source.partition(":")[0])
        elif each.number == 5:
            kept.count(each.offset)
            attributes.append(each.body)
    # The operator decides which attributes matter, and its field may come after them.
    for attribute in attributes:
        for function in _read_attribute(attribute, node):
            kept.count(offset, len(function))
            functions.append(function)
    node.inputs, node.functions = tuple(inputs), tuple(functions)
    return node


def _read_attribute(message: Message, node: Node) -> Iterator[str]:
    """Read one attribute, a map entry of a key (1) and an AttrValue (2); yield the functions in it."""
    key = ""
    values = []
    for each in message.fields():
        if each.number == 1 and each.wire == BYTES:
            key = each.body.text(_OPERATOR_NAME_BYTES)
        elif each.number == 2 and each.wire == BYTES:
            values.append(each.body)
    # The key decides which part of a value is read, and may come after it.
    for value in values:
        for each in value.fields():
            if each.wire == BYTES:
                yield from _read_attribute_value(each, key, node)


def _read_attribute_value(value: Field, key: str, node: Node) -> Iterator[str]:
    """Record one field of an AttrValue in ``node``, if the tracing of paths needs it; yield the functions in it.

    Yields functions (func (10), or func (9) in a list (1)). Records the tensor (8) of a constant, and the text (s, 2)
    of an attribute in ``FILE_ATTRIBUTES`` or of one that the operator inserts. A placeholder (9) takes the place of a
    text that the caller supplies.
    """
    if value.number == 10:
        yield from _iter_function_names(value.body)
    elif value.number == 1:
        for item in value.body.fields():
            if item.number == 9 and item.wire == BYTES:
                yield from _iter_function_names(item.body)
    elif value.number == 8 and key == "value" and node.op in CONSTANTS:
        node.texts = _join_texts(node.texts or (), _read_texts(value.body))
    elif value.number == 2 and key == FILE_ATTRIBUTES.get(node.op):
        node.texts = (_read_file_attribute(value.body, node.op),)
    elif value.number == 9 and key == FILE_ATTRIBUTES.get(node.op):
        node.texts = (_FROM_CALLER,)
    elif value.number == 2 and key == _INSERTED_TEXT.get(node.op) and value.body.size:
        node.inserted = (_read_text(value.body),)


def _join_texts(texts: tuple[bytes, ...], further: list[bytes]) -> tuple[bytes, ...]:
    """Return the texts of a constant whose tensor occurs again, with ``_MORE_TEXTS`` in place of those over a bound."""
    if texts[-1:] == (_MORE_TEXTS,) and len(texts) > _MOST_TEXTS:
        return texts
    joined = (*texts, *further)
    return joined if len(joined) <= _MOST_TEXTS + 1 else (*joined[:_MOST_TEXTS], _MORE_TEXTS)


def _read_file_attribute(message: Message, op: str) -> bytes:
    """Return the first 1,024 bytes of an attribute; of a compiled program, only the callback into Python if any."""
    if op != "XlaCallModule":
        return message.raw(_TEXT_BYTES)
    return _CALLBACK if _calls_back(message) else b""


def _calls_back(program: Message) -> bool:
    """Whether a compiled program calls back into Python."""
    end_of_last = b""  # the callback may begin in one chunk and end in the next
    for chunk in iterate_chunks(program.window, program.start, program.end):
        searched = end_of_last + chunk
        if _CALLBACK in searched:
            return True
        end_of_last = searched[-(len(_CALLBACK) - 1) :]
    return False


def _iter_function_names(message: Message) -> Iterator[str]:
    """Yield every occurrence of field 1, the name, of a NameAttrList: hostile bytes may repeat it."""
    for each in message.fields():
        if each.number == 1 and each.wire == BYTES:
            yield read_name(each.body)


def _read_texts(message: Message) -> list[bytes]:
    """Return the first 64 texts of a TensorProto whose type (1) is string; an empty list for another type.

    The texts are fields of their own (``string_val``, 8) or packed into ``tensor_content`` (4). A string tensor
    without either holds empty texts. ``_MORE_TEXTS`` follows if there are more texts.
    """
    texts: list[bytes] = []
    is_text = has_more = False
    packed = b""
    for each in message.fields():
        if each.number == 1 and each.wire == VARINT:
            is_text = each.value == _DT_STRING
        elif each.number == 8 and each.wire == BYTES and len(texts) < _MOST_TEXTS:
            texts.append(_read_text(each.body))
        elif each.number == 8 and each.wire == BYTES:
            has_more = True
        elif each.number == 4 and each.wire == BYTES and each.body.size:
            packed = each.body.raw(_PACKED_BYTES)
            has_more = has_more or each.body.size > _PACKED_BYTES
    if not is_text:
        return []
    more = [_MORE_TEXTS] if has_more else []
    return [*texts, *_split_packed_texts(packed), *more] or [b""]


def _read_text(message: Message) -> bytes:
    """Return a text; of one of more than 1,024 bytes, the beginning with three dots, which no saver writes."""
    text = message.raw(_TEXT_BYTES)
    return text if message.size <= _TEXT_BYTES else text + b"..."


def _split_packed_texts(packed: bytes) -> list[bytes]:
    """Split packed texts, which follow their lengths (varints); return one text where lengths and texts disagree.

    The number of texts depends on the shape. Instead of the shape, lengths are read until the rest of the bytes is as
    long as all lengths together.
    """
    lengths: list[int] = []
    position = total = 0
    while position + total < len(packed) and len(lengths) < _MOST_TEXTS:
        # Read one length in base 128, the lowest seven bits first.
        length = shift = 0
        while position < len(packed):
            byte = packed[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift > 63:
                break
        lengths.append(length)
        total += length
    if position + total != len(packed):
        return [packed[:_TEXT_BYTES]] if packed else []
    boundaries = accumulate(lengths, initial=position)
    return [packed[start:end] for start, end in pairwise(boundaries)]
