"""ONNX models, walked over the wire format: graphs in graphs, functions and training, without the weights.

Parsers merge what occurs twice, so every occurrence counts here. Bytes of tensors are passed over, whatever their size.
Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from modelaudit.formats.graphs.onnx.findings import STANDARD, Found
from modelaudit.formats.graphs.onnx.recognition import GRAPH, IR_VERSION, cut_graph
from modelaudit.formats.graphs.onnx.tensors import Tensor, judge
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message

_OPSETS, _METADATA, _TRAINING, _FUNCTIONS = 8, 14, 20, 25
# Texts and what devices a model is meant for; of any other field, only its bytes can tell what it is for.
_KNOWN: Final = frozenset({2, 3, 4, 6, 26})
_TEXTS: Final = {2: "producer", 3: "producer version"}
# Parsers of protocol buffers refuse a hundred messages in each other, and a graph in a graph takes three.
_DEEPEST: Final = 40
_NAME_BYTES: Final = 256
_BLANKS: Final = 64
_TOLD: Final = frozenset({"module", "class_name", "func_name", "operator", "ep_cache_context"})
_DESCRIPTION: Final = 6
_EMBEDDED: Final = "embed_mode"
_CONTEXT: Final = "EPContext"


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline and the files that it names, then what its texts hold, as artifacts.

    Raises:
        DamagedError: the bytes break off or contradict the wire format; what stands before is yielded first.
        LimitReachedError: it holds more than is followed.
        WindowError: from the window.
    """
    found = Found("onnx", artifact.path, window, limits)
    broken: DamagedError | WindowError | None = None
    walk = _Walk(found, limits)
    try:
        walk.model(Message.from_window(window))
    except (DamagedError, WindowError) as error:
        broken = error
    if isinstance(broken, DamagedError):
        walk.cut(cut_graph(window, broken.offset))
    yield from found.readings(artifact)
    if broken is not None:
        raise broken


class _Walk:
    """Goes through a model and notes what is found. All methods raise ``DamagedError`` and ``WindowError``."""

    def __init__(self, found: Found, limits: Limits) -> None:
        self._found = found
        self._most = limits.document_nodes
        self._steps = 0

    def _fields(self, message: Message) -> Iterator[Field]:
        for field in message.fields():
            self._steps += 1
            if self._steps > self._most:
                raise LimitReachedError(f"the model holds more than {self._most} fields", field.offset)
            yield field

    def model(self, message: Message) -> None:
        """The whole file."""
        parts = {_OPSETS: self._opset, _METADATA: self._metadata, _TRAINING: self._training, _FUNCTIONS: self._function}
        seen = False
        for field in self._fields(message):
            number, body = field.number, field.body
            if number == IR_VERSION and field.wire == VARINT:
                self._found.fact("ir_version", str(field.value))
            if field.wire != BYTES:
                continue
            if number == _DESCRIPTION:
                self._found.describe(body)
            elif number in _TEXTS:
                self._found.fact(_TEXTS[number], body.text(_NAME_BYTES))
            elif number == GRAPH:
                seen = True
                self._graph(body, 1)
            elif number in parts:
                parts[number](body)
            elif number not in _KNOWN:
                self._found.text(str(number), body)
        if not seen:
            raise DamagedError("there is no graph in it", 0)

    def cut(self, graph: Message | None) -> None:
        """What is there of a graph that breaks off with the file; where exactly it does is known already."""
        if graph is not None:
            with suppress(DamagedError, WindowError):
                self._graph(graph, 1)

    def _opset(self, message: Message) -> None:
        domain, version = "", 0
        for field in self._fields(message):
            if field.number == 1 and field.wire == BYTES:
                domain = field.body.text(_NAME_BYTES)
            elif field.number == 2 and field.wire == VARINT:
                version = field.value
        self._found.fact(f"opset {domain or STANDARD}", str(version))

    def _metadata(self, message: Message, is_of_many: bool = False) -> None:
        """A pair of the metadata. Of nodes and tensors, each of which has some, only documents are more than text."""
        key = ""
        value: Message | None = None
        for field in self._fields(message):
            if field.number == 1 and field.wire == BYTES:
                key = field.body.text(_NAME_BYTES)
            elif field.number == 2 and field.wire == BYTES:
                value = field.body
        if value is None:
            return
        if is_of_many and not value.raw(_BLANKS).lstrip().startswith((b"{", b"[")):
            self._found.text(key, value)
        else:
            self._found.note(key, value)

    def _training(self, message: Message) -> None:
        for field in self._fields(message):
            if field.number in (1, 2) and field.wire == BYTES:
                self._graph(field.body, 1)

    def _function(self, message: Message) -> None:
        names = {1: "", 10: "", 13: ""}
        for field in self._fields(message):
            if field.wire != BYTES:
                continue
            if field.number in names:
                names[field.number] = field.body.text(_NAME_BYTES)
            elif field.number == 7:
                self._node(field, 1)
            elif field.number == 11:
                self._attribute(field.body, 1)
            elif field.number == 14:
                self._metadata(field.body)
        self._found.functions.add((names[10] or STANDARD, names[1], names[13]))

    def _graph(self, message: Message, depth: int) -> None:
        if depth > _DEEPEST:
            raise LimitReachedError(f"graphs lie in each other more than {_DEEPEST} deep", message.start)
        for field in self._fields(message):
            if field.wire != BYTES:
                continue
            if field.number == 1:
                self._node(field, depth)
            elif field.number == 5:
                self._tensor(field)
            elif field.number == 15:
                self._sparse(field.body)
            elif field.number == 16:
                self._metadata(field.body)

    def _node(self, node: Field, depth: int) -> None:
        names = {4: "", 7: "", 8: ""}
        told: dict[str, str] = {}
        for field in self._fields(node.body):
            if field.wire != BYTES:
                continue
            if field.number in names:
                names[field.number] = field.body.text(_NAME_BYTES)
            elif field.number == 5:
                told |= self._attribute(field.body, depth)
            elif field.number == 9:
                self._metadata(field.body, is_of_many=True)
        where = Location(offset=node.offset)
        embedded, context = told.pop(_EMBEDDED, "1"), told.get("ep_cache_context")
        if names[4] == _CONTEXT and embedded == "0" and context:
            # The compiled graph of an accelerator lies in a file of its own; this is its name.
            self._found.refer(context, 0, _CONTEXT, where)
        detail = " ".join(f"{key}={value}" for key, value in told.items() if key != "ep_cache_context")
        self._found.call(names[7], names[4], names[8], where, detail)

    def _attribute(self, message: Message, depth: int) -> dict[str, str]:
        """Walk what an attribute holds; of the few whose value tells what a node does, name and value."""
        name, number, text = "", "", ""
        for field in self._fields(message):
            if field.number == 3 and field.wire == VARINT:
                number = str(field.value)
            elif field.wire != BYTES:
                continue
            elif field.number == 1:
                name = field.body.text(_NAME_BYTES)
            elif field.number == 4:
                text = field.body.text(_NAME_BYTES)
                self._found.text(name, field.body)
            elif field.number == 9:
                self._found.text(name, field.body)
            else:
                self._value(name, field, depth)
        # Only now, since fields come in any order, and of the name the last counts.
        if name == _EMBEDDED:
            return {name: number or "0"}
        return {name: text} if name in _TOLD else {}

    def _value(self, name: str, field: Field, depth: int) -> None:
        if field.number in (5, 10):
            self._tensor(field, name)
        elif field.number in (6, 11):
            self._graph(field.body, depth + 1)
        elif field.number in (22, 23):
            self._sparse(field.body)

    def _sparse(self, message: Message) -> None:
        for field in self._fields(message):
            if field.number in (1, 2) and field.wire == BYTES:
                self._tensor(field)

    def _tensor(self, holder: Field, by: str = "") -> None:
        tensor = Tensor(Location(offset=holder.offset))
        for field in self._fields(holder.body):
            tensor.take(field)
            if field.number == 16 and field.wire == BYTES:
                self._metadata(field.body, is_of_many=True)
        judge(tensor, by, self._found)
