"""Models of TensorFlow Lite: the operators that they call by name, and whether indices and offsets stay inside.

Source: tensorflow/compiler/mlir/lite/schema/schema.fbs; tensorflow/lite/delegates/flex/kernel.cc for what Flex runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.tflite import TfliteDefect
from modelaudit.formats.graphs.tflite.flex import operator_of
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Defect, Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.flatbuffers import FlatBuffer, Table

VOCABULARY: Final = "tflite-operators"
OF_TENSORFLOW: Final = "tensorflow-operators"
_CUSTOM: Final = 32
_DELEGATE: Final = 51
_PLACEHOLDER: Final = 127
_NEWEST: Final = 209
_FLEX: Final = "Flex"
_MOST_NAMES: Final = 10_000
_MOST_DEFECTS: Final = 200
_MOST_FACTS: Final = 64
_MOST_BYTES: Final = 2**63 - 1
_MOST_OPTIONS: Final = 8 * MIB
_INLINE: Final = 1
"""An offset of a buffer up to this one says that its bytes stand in the buffer itself."""


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline and the files that it names.

    Raises:
        DamagedError: an offset leads nowhere; what stands before is yielded first.
        LimitReachedError: it holds more than is followed.
        WindowError: from the window.
    """
    walk = _Walk(FlatBuffer(window, limits))
    broken: DamagedError | WindowError | None = None
    try:
        walk.model(walk.buffer.read_root())
        broken = walk.cut
    except (DamagedError, WindowError) as error:
        broken = error
    yield Outline("tflite", tuple(walk.mentions.values()), tuple(walk.facts), tuple(walk.defects))
    if walk.references:
        yield References("tflite", tuple(walk.references.values()))
    if broken is not None:
        raise broken


class _Walk:
    """Goes through a model and notes what is found. All methods raise ``DamagedError`` and ``WindowError``.

    Attributes:
        cut: the first stretch that lies beyond the end of the file, as in one that was not fetched whole.
    """

    def __init__(self, buffer: FlatBuffer) -> None:
        self.buffer = buffer
        self.mentions: dict[tuple[str, str], Mention] = {}
        self.references: dict[str, Reference] = {}
        self.facts: list[tuple[str, str]] = []
        self.defects: list[Defect] = []
        self.cut: DamagedError | None = None
        self._codes: list[str] = []
        self._buffers = 0

    def model(self, model: Table) -> None:
        """The whole file."""
        self.facts.append(("schema", str(model.number(0, "I"))))
        description = model.text(3)
        if description:
            self.facts.append(("description", description))
        for code in model.tables(1):
            self._codes.append(self._code(code))
        self._buffers = model.count(4)
        nodes = sum(self._subgraph(graph, index) for index, graph in enumerate(model.tables(2)))
        self.facts += [("nodes", str(nodes)), ("buffers", str(self._buffers))]
        for buffer in model.tables(4):
            self._buffer(buffer)
        for entry in model.tables(6):
            if entry.number(1, "I") >= self._buffers:
                self._outside(f"the metadata {entry.text(0)!r} are buffer {entry.number(1, 'I')}", entry.position)
            if len(self.facts) < _MOST_FACTS:
                self.facts.append(("metadata", entry.text(0)))
        self._external(model)

    def _code(self, code: Table) -> str:
        """Note an operator; returns the name of a custom one, empty for those that are built in."""
        number = max(code.number(0, "b"), code.number(3, "i"))
        if number == _CUSTOM:
            name = code.text(1)
            self._mention("flex-operator" if name.startswith(_FLEX) else "custom-operator", name, code.position)
            return name
        if number in (_DELEGATE, _PLACEHOLDER) or not 0 <= number <= _NEWEST:
            self._mention("custom-operator", f"builtin-{number}", code.position)
        return ""

    def _mention(self, use: str, name: str, offset: int, detail: str = "") -> None:
        where = Location(offset=offset)
        if len(self.mentions) >= _MOST_NAMES:
            raise LimitReachedError(f"more than {_MOST_NAMES} distinct operators", offset)
        self.mentions.setdefault((VOCABULARY, name), Mention(VOCABULARY, use, name, where, detail))
        if use == "flex-operator":
            inner = name.removeprefix(_FLEX)
            self.mentions.setdefault((OF_TENSORFLOW, inner), Mention(OF_TENSORFLOW, use, inner, where, detail))

    def _subgraph(self, graph: Table, index: int) -> int:
        """Check one graph; returns how many operators it has."""
        tensors = graph.count(0)
        for tensor in graph.tables(0):
            buffer = tensor.number(2, "I")
            if buffer >= self._buffers and buffer:
                self._outside(f"the tensor {tensor.text(3, 80)!r} is buffer {buffer}", tensor.position)
            shape = tensor.vector(0)
            if shape is not None and any(size < -1 for size in shape.numbers("i")):
                detail = f"the tensor {tensor.text(3, 80)!r} has a shape with a size below zero"
                self._defect(TfliteDefect.NEGATIVE_LENGTH, detail, tensor.position)
        for slot in (1, 2):
            self._indices(graph, slot, tensors, f"subgraph {index}")
        nodes = 0
        for operator in graph.tables(3):
            nodes += 1
            self._operator(operator, tensors)
        return nodes

    def _operator(self, operator: Table, tensors: int) -> None:
        code = operator.number(0, "I")
        if code >= len(self._codes):
            self._outside(f"an operator is number {code} of {len(self._codes)}", operator.position)
        elif self._codes[code].startswith(_FLEX):
            inner = operator_of(self._options(operator))
            if inner and _FLEX + inner != self._codes[code]:
                # The delegate goes by the definition, whatever the operator is called.
                self._mention("flex-operator", _FLEX + inner, operator.position, f"under {self._codes[code]}")
        for slot in (1, 2, 8):
            self._indices(operator, slot, tensors, "an operator")
        self._beyond(operator.number(9, "Q"), operator.number(10, "Q"), "the options of an operator", operator.position)

    def _options(self, operator: Table) -> bytes:
        options = operator.vector(5, 1)
        offset, size = operator.number(9, "Q"), operator.number(10, "Q")
        if offset <= _INLINE:
            size = options.count if options is not None else 0
        if size > _MOST_OPTIONS:
            raise LimitReachedError(f"the options of an operator take {size} bytes", operator.position)
        if offset > _INLINE:
            return self.buffer.read_bytes(offset, size)
        return options.raw(size) if options is not None else b""

    def _indices(self, table: Table, slot: int, tensors: int, what: str) -> None:
        vector = table.vector(slot)
        for number in vector.numbers("i") if vector is not None else ():
            # One below zero stands for an input that is left out.
            if not -1 <= number < tensors:
                self._outside(f"{what} names tensor {number} of {tensors}", table.position)
                return

    def _buffer(self, buffer: Table) -> None:
        buffer.vector(0, 1)
        offset = buffer.number(1, "Q")
        if offset > _INLINE:
            self._beyond(offset, buffer.number(2, "Q"), "a buffer", buffer.position)

    def _external(self, model: Table) -> None:
        """Buffers that lie in files beside the model, by groups that name the files."""
        groups = [group.text(0, 4096) for group in model.tables(8)]
        for buffer in model.tables(9):
            group, needs = buffer.number(1, "I"), buffer.number(2, "Q") + buffer.number(3, "Q")
            if group >= len(groups):
                self._outside(f"an external buffer is of group {group} of {len(groups)}", buffer.position)
                continue
            target = groups[group]
            known = self.references.get(target)
            if target and (known is None or known.needs < needs):
                where = Location(offset=buffer.position)
                self.references[target] = Reference(ReferenceKind.DATA, target, "an external buffer", needs, where)

    def _beyond(self, offset: int, size: int, what: str, position: int) -> None:
        detail = f"{what} of {size} bytes lies at {offset} of {self.buffer.size}"
        if offset + size > _MOST_BYTES:
            self._outside(detail, position)
        elif offset + size > self.buffer.size:
            self.cut = self.cut or DamagedError(detail, position)

    def _outside(self, detail: str, position: int) -> None:
        self._defect(TfliteDefect.INDEX_OUTSIDE, detail, position)

    def _defect(self, kind: DefectKind, detail: str, position: int) -> None:
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(Defect(kind, detail, Location(offset=position)))
