"""Read ONNX models from the protobuf wire format: graphs, subgraphs, functions and training, without the weights.

A protobuf parser merges a message field that occurs twice, so every occurrence is read here. The bytes of tensors are
skipped. Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from modelaudit.formats.graphs.onnx.collector import STANDARD_DOMAIN, ModelCollector
from modelaudit.formats.graphs.onnx.ports import INPUT, OUTPUT
from modelaudit.formats.graphs.onnx.recognition import GRAPH, IR_VERSION, find_truncated_graph
from modelaudit.formats.graphs.onnx.tensors import Tensor, check_tensor
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema

# Fields of ModelProto.
_OPSETS, _METADATA, _TRAINING, _FUNCTIONS = 8, 14, 20, 25
_DESCRIPTION: Final = 6
_FACTS: Final = {2: "producer", 3: "producer version"}
# Its texts (producer_name, producer_version, domain, doc_string) and the device configuration. The bytes of any other
# field are searched for embedded content, because the schema does not define its content.
_KNOWN_FIELDS: Final = frozenset({2, 3, 4, 6, 26})
# Parsers of protocol buffers refuse 100 nested messages, and each nested graph takes three (node, attribute, graph).
_MOST_NESTED_GRAPHS: Final = 40
_NAME_BYTES: Final = 256
_JSON_SEARCH_BYTES: Final = 64
"""Bytes searched for the first character of JSON, behind blanks."""
# Attributes that decide which code or file a node uses.
_QUOTED_ATTRIBUTES: Final = frozenset({"module", "class_name", "func_name", "operator", "ep_cache_context"})
# The operator with the compiled graph of an accelerator; the attribute is 0 when that graph is in another file.
_CONTEXT_OPERATOR: Final = "EPContext"
_EMBED_MODE: Final = "embed_mode"


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the model, references to external data, and embedded content.

    Raises:
        DamagedError: the bytes break off or contradict the wire format; the part before is yielded first.
        LimitReachedError: there are too many fields, operators or files, or graphs nest too deep.
        WindowError: the window could not return the requested bytes.
    """
    collector = ModelCollector("onnx", artifact.path, window, limits)
    failure: DamagedError | WindowError | None = None
    reader = _ModelReader(collector, limits)
    try:
        message = Message.from_window(window)
        reader.read_model(message)
        claim_message(message, load_message_schema(Path(__file__).parent), limits.document_nodes)
    except (DamagedError, WindowError) as error:
        failure = error
    # A message that ends after the file does is damaged, and its fields were not read.
    if isinstance(failure, DamagedError):
        reader.read_truncated_graph(find_truncated_graph(window, failure.offset))
    yield from collector.build_readings(artifact)
    yield from collector.graph.build_readings("onnx", is_complete=failure is None)
    if failure is not None:
        raise failure


# The fields of an AttributeProto that are read; its numbers are data.
_ATTRIBUTE_FIELDS: Final = frozenset({(3, VARINT), *((number, BYTES) for number in (1, 4, 5, 6, 9, 10, 11, 22, 23))})


class _ModelReader:
    """Reads the messages of a model into a collector. All methods raise ``DamagedError`` and ``WindowError``."""

    def __init__(self, collector: ModelCollector, limits: Limits) -> None:
        self._collector = collector
        self._most_fields = limits.document_nodes
        self._field_count = 0

    def _iter_fields(self, message: Message, wanted: Container[tuple[int, int]] | None = None) -> Iterator[Field]:
        """Iterate over the fields of a message; one bound holds for the fields of all messages together.

        Args:
            message: the message.
            wanted: the numbers and wire types of the fields; the others are skipped, and do not count.
        """
        for field in message.fields(wanted=wanted):
            self._field_count += 1
            if self._field_count > self._most_fields:
                raise LimitReachedError(f"the model has more than {self._most_fields} fields", field.offset)
            yield field

    def read_model(self, message: Message) -> None:
        """Read a ModelProto, the message that is the whole file."""
        readers_by_field = {
            _OPSETS: self._read_opset,
            _METADATA: self._read_metadata,
            _TRAINING: self._read_training,
            _FUNCTIONS: self._read_function,
        }
        has_graph = False
        for field in self._iter_fields(message):
            number, body = field.number, field.body
            if number == IR_VERSION and field.wire == VARINT:
                self._collector.record_fact("ir_version", str(field.value))
            if field.wire != BYTES:
                continue
            if number == _DESCRIPTION:
                self._collector.record_description(body)
            elif number in _FACTS:
                self._collector.record_fact(_FACTS[number], body.text(_NAME_BYTES))
            elif number == GRAPH:
                has_graph = True
                self._read_graph(body, 1)
            elif number in readers_by_field:
                readers_by_field[number](body)
            elif number not in _KNOWN_FIELDS:
                self._collector.search_text(body)
        if not has_graph:
            raise DamagedError("the model has no graph", 0)

    def read_truncated_graph(self, graph: Message | None) -> None:
        """Read the available part of a graph whose declared end lies beyond the end of the file."""
        if graph is not None:
            # The caller reports that the enclosing message is truncated.
            with suppress(DamagedError, WindowError):
                self._read_graph(graph, 1)

    def _read_opset(self, message: Message) -> None:
        """Read an OperatorSetIdProto: domain (1) and version (2)."""
        domain, version = "", 0
        for field in self._iter_fields(message):
            if field.number == 1 and field.wire == BYTES:
                domain = field.body.text(_NAME_BYTES)
            elif field.number == 2 and field.wire == VARINT:
                version = field.value
        self._collector.record_fact(f"opset {domain or STANDARD_DOMAIN}", str(version))

    def _read_metadata(self, message: Message, is_of_part: bool = False) -> None:
        """Record one metadata entry (StringStringEntryProto): a key (1) with a value (2).

        An entry of a node or tensor (``is_of_part``) is recorded only when the value may be JSON, and is otherwise
        searched for embedded content, so that a large graph does not use up the bound on metadata.
        """
        key = ""
        value: Message | None = None
        for field in self._iter_fields(message):
            if field.number == 1 and field.wire == BYTES:
                key = field.body.text(_NAME_BYTES)
            elif field.number == 2 and field.wire == BYTES:
                value = field.body
        if value is None:
            return
        start = value.raw(_JSON_SEARCH_BYTES).lstrip()
        may_be_json = start.startswith((b"{", b"[")) or (not start and value.size > _JSON_SEARCH_BYTES)
        if is_of_part and not may_be_json:
            self._collector.search_text(value)
        else:
            self._collector.record_metadata(key, value)

    def _read_training(self, message: Message) -> None:
        """Read a TrainingInfoProto: the graphs of initialization (1) and algorithm (2)."""
        for field in self._iter_fields(message):
            if field.number in (1, 2) and field.wire == BYTES:
                self._read_graph(field.body, 1)

    def _read_function(self, message: Message) -> None:
        """Read a FunctionProto: name (1), domain (10), overload (13), nodes (7), attributes (11) and metadata (14).

        The attributes are those with a default value.
        """
        texts = {1: "", 10: "", 13: ""}
        for field in self._iter_fields(message):
            if field.wire != BYTES:
                continue
            if field.number in texts:
                texts[field.number] = field.body.text(_NAME_BYTES)
            elif field.number == 7:
                self._read_node(field, 1)
            elif field.number == 11:
                self._read_attribute(field.body, 1)
            elif field.number == 14:
                self._read_metadata(field.body)
        name, domain, overload = texts[1], texts[10], texts[13]
        self._collector.record_function(domain, name, overload, message.start)

    def _read_graph(self, message: Message, depth: int) -> None:
        """Read a GraphProto: nodes (1), initializers (5), ports (11, 12), sparse initializers (15), metadata (16)."""
        if depth > _MOST_NESTED_GRAPHS:
            raise LimitReachedError(f"graphs nest more than {_MOST_NESTED_GRAPHS} deep", message.start)
        for field in self._iter_fields(message):
            if field.wire != BYTES:
                continue
            if field.number == 1:
                self._read_node(field, depth)
            elif field.number == 5:
                tensor = self._read_tensor(field)
                if depth == 1:
                    self._collector.graph.record_tensor(tensor.name, tensor.type, tensor.dims)
            elif field.number in (INPUT, OUTPUT) and depth == 1:
                self._collector.graph.record_port(field.number, field.body)
            elif field.number == 15:
                self._read_sparse_tensor(field.body)
            elif field.number == 16:
                self._read_metadata(field.body)

    def _read_node(self, node: Field, depth: int) -> None:
        """Read a NodeProto: operator (4), attributes (5), domain (7), overload (8) and metadata (9)."""
        texts = {4: "", 7: "", 8: ""}
        quoted: dict[str, str] = {}
        for field in self._iter_fields(node.body):
            if field.wire != BYTES:
                continue
            if field.number in texts:
                texts[field.number] = field.body.text(_NAME_BYTES)
            elif field.number == 5:
                quoted |= self._read_attribute(field.body, depth)
            elif field.number == 9:
                self._read_metadata(field.body, is_of_part=True)
        operator, domain, overload = texts[4], texts[7], texts[8]
        where = Location(offset=node.offset)
        embed_mode, context = quoted.pop(_EMBED_MODE, "1"), quoted.get("ep_cache_context")
        if operator == _CONTEXT_OPERATOR and embed_mode == "0" and context:
            # Not embedded: the compiled graph of an accelerator is in a file of its own, named by the context.
            self._collector.record_reference(context, 0, _CONTEXT_OPERATOR, where)
        detail = " ".join(f"{key}={value}" for key, value in quoted.items() if key != "ep_cache_context")
        self._collector.record_call(domain, operator, overload, where, detail)

    def _read_attribute(self, message: Message, depth: int) -> dict[str, str]:
        """Read an AttributeProto: name (1), i (3), s (4), strings (9), and its tensors and graphs.

        Returns:
            The value by the name, if findings quote this attribute; otherwise an empty mapping.
        """
        name, number, text = "", "", ""
        for field in self._iter_fields(message, _ATTRIBUTE_FIELDS):
            if field.number == 3:
                number = str(field.value)
            elif field.number == 1:
                name = field.body.text(_NAME_BYTES)
            elif field.number == 4:
                text = field.body.text(_NAME_BYTES)
                self._collector.search_text(field.body)
            elif field.number == 9:
                self._collector.search_text(field.body)
            else:
                self._read_attribute_value(name, field, depth)
        # Fields come in any order and the last name counts, so the name is known only after all fields.
        if name == _EMBED_MODE:
            return {name: number or "0"}
        return {name: text} if name in _QUOTED_ATTRIBUTES else {}

    def _read_attribute_value(self, name: str, field: Field, depth: int) -> None:
        """Read a value of the attribute ``name``: tensors (5, 10), graphs (6, 11) or sparse tensors (22, 23)."""
        if field.number in (5, 10):
            self._read_tensor(field, name)
        elif field.number in (6, 11):
            self._read_graph(field.body, depth + 1)
        elif field.number in (22, 23):
            self._read_sparse_tensor(field.body)

    def _read_sparse_tensor(self, message: Message) -> None:
        """Read a SparseTensorProto: values (1) and indices (2)."""
        for field in self._iter_fields(message):
            if field.number in (1, 2) and field.wire == BYTES:
                self._read_tensor(field)

    def _read_tensor(self, tensor_field: Field, attribute: str = "") -> Tensor:
        """Read and check a TensorProto with its metadata (16); ``attribute`` names the attribute around it, if any."""
        tensor = Tensor(Location(offset=tensor_field.offset))
        for field in self._iter_fields(tensor_field.body):
            tensor.read_field(field)
            if field.number == 16 and field.wire == BYTES:
                self._read_metadata(field.body, is_of_part=True)
        check_tensor(tensor, attribute, self._collector)
        return tensor
