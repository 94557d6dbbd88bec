"""Read RTen models: a header, a graph in a FlatBuffer, and the numbers of its constants.

The operators are numbers of a list that the library was built with. None of them reaches a file, the network or a
program.
Sources: ``docs/rten-file-format.md``, ``rten-model-file/src/schema.fbs`` and ``docs/security.md`` of
https://github.com/robertknight/rten
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Final

from modelaudit.formats.metadata_text import MetadataEntry, collect_mentions, read_metadata
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import KIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.flatbuffer_schema import claim_flatbuffer, load_flat_schema
from modelaudit.wire.flatbuffers import FlatBuffer, Table
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.windows import SubWindow, get_budget

FORMAT: Final = "rten"
# The magic word and the version; then the offset and the length of the graph, and the offset of the numbers.
_MAGIC: Final = b"RTEN\2\0\0\0"
_HEADER: Final = struct.Struct("<8s3Q")
_MOST_DEPTH: Final = 16
_MOST_DIMENSIONS: Final = 64
_MOST_TEXT_BYTES: Final = 64 * KIB
_GRAPH, _METADATA = 1, 2
_NODES, _INPUTS, _OUTPUTS, _CAPTURES = range(4)
_KIND, _NODE = 1, 2
_OPERATOR, _CONSTANT, _VALUE = 1, 2, 3
# Slots of OperatorNode, and of ConstantNode.
_TYPE, _ATTRIBUTE_KIND, _ATTRIBUTES, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS = range(5)
_SHAPE, _INLINE, _NUMBER_TYPE, _DATA_OFFSET = 0, 2, 3, 4
_OPERATORS: Final = 145
"""The operators of the list; a library with a longer one refuses no number below its length."""
_NUMBER_BYTES: Final = {0: 4, 1: 4, 2: 1, 3: 1}
_KEYS: Final = (
    *("onnx_hash", "description", "license", "commit"),
    *("code_repository", "model_repository", "run_id", "run_url"),
)
"""The texts of the metadata, by their slots."""


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, and what the metadata say.

    Raises:
        DamagedError: an offset or an index is out of range, an operator is unknown, or numbers end behind the file.
        LimitReachedError: there are too many tables, or graphs nest too deep.
        WindowError: the window could not return the requested bytes.
    """
    reader = _ModelReader(window, limits)
    damage: DamagedError | None = None
    try:
        reader.read_model()
    except DamagedError as error:
        damage = error
    facts = (("nodes", str(reader.nodes)), ("operators", str(reader.operators)))
    mentions, absences = collect_mentions(reader.metadata)
    yield Outline(FORMAT, mentions, facts)
    yield from absences
    yield from read_metadata(artifact, window, reader.metadata, limits)
    if damage is not None:
        raise damage


class _ModelReader:
    """Reads the graphs of a model. All methods raise as ``read``.

    Attributes:
        nodes: how many nodes were read.
        operators: how many of them are operators.
        metadata: the texts about the model.
    """

    def __init__(self, window: Window, limits: Limits) -> None:
        self._window = window
        self._limits = limits
        self._numbers_start = 0
        self._numbers: list[tuple[int, int]] = []
        self._schema = load_flat_schema(Path(__file__).parent)
        self._attributes = self._schema.unions[f"OperatorNode.{_ATTRIBUTES}"]
        self.nodes = 0
        self.operators = 0
        self.metadata: list[MetadataEntry] = []

    def read_model(self) -> None:
        """Read the header, the graphs and the metadata, and claim their bytes and the numbers."""
        header = self._window.read(0, _HEADER.size)
        if len(header) < _HEADER.size:
            raise DamagedError("the header is truncated", len(header))
        _, start, length, self._numbers_start = _HEADER.unpack(header)
        claim_parsed(self._window, 0, _HEADER.size)
        size = self._window.size
        if not _HEADER.size <= start <= start + length <= self._numbers_start <= size:
            order = f"{start}, {start + length} and {self._numbers_start} of {size} bytes"
            raise DamagedError(f"the graph and the numbers do not follow each other: {order}", len(_MAGIC))
        part = SubWindow(self._window, start, length, get_budget(self._window, self._limits))
        model = FlatBuffer(part, self._limits).read_root()
        graph = model.table(_GRAPH)
        if graph is None:
            raise DamagedError("the model has no graph", start)
        metadata = model.table(_METADATA)
        if metadata is not None:
            texts = ((key, metadata.text(slot, _MOST_TEXT_BYTES)) for slot, key in enumerate(_KEYS))
            self.metadata = [MetadataEntry(key, text.encode()) for key, text in texts if text]
        self._read_graph(graph, 0)
        claim_flatbuffer(FlatBuffer(part, self._limits), self._schema)
        self._claim_numbers()

    def _claim_numbers(self) -> None:
        """Claim the numbers of the constants, which have to lie one after the other up to the end of the file."""
        end = self._numbers_start
        for first, last in sorted(set(self._numbers)):
            if first < end:
                raise DamagedError("the numbers of two constants share bytes", first)
            claim_data(self._window, first, last)
            end = last
        if end != self._window.size:
            raise DamagedError(f"{self._window.size - end} bytes follow the last constant", end)

    def _read_graph(self, graph: Table, depth: int) -> None:
        """Read the nodes of a graph, and the graphs in their attributes."""
        if depth > _MOST_DEPTH:
            raise LimitReachedError(f"graphs nest more than {_MOST_DEPTH} deep", graph.position)
        count = graph.count(_NODES)
        for node in graph.tables(_NODES):
            self.nodes += 1
            kind, content = node.number(_KIND, "B"), node.table(_NODE)
            if content is None or kind not in (_OPERATOR, _CONSTANT, _VALUE):
                raise DamagedError(f"a node has the unknown kind {kind}, or no content", node.position)
            if kind == _OPERATOR:
                self._read_operator(content, count, depth)
            elif kind == _CONSTANT:
                self._read_constant(content)
        for slot in (_INPUTS, _OUTPUTS, _CAPTURES):
            _check_indices(graph, slot, "I", count)

    def _read_operator(self, operator: Table, count: int, depth: int) -> None:
        """Check an operator in a graph of ``count`` nodes, and read the graphs in its attributes."""
        self.operators += 1
        number, kind = operator.number(_TYPE, "B"), operator.number(_ATTRIBUTE_KIND, "B")
        if number >= _OPERATORS or (kind and kind not in self._attributes):
            raise DamagedError(f"operator {number} with attributes {kind} is unknown", operator.position)
        for slot in (_OPERATOR_INPUTS, _OPERATOR_OUTPUTS):
            _check_indices(operator, slot, "i", count)
        attributes = operator.table(_ATTRIBUTES)
        slots = {"IfAttrs": (0, 1), "LoopAttrs": (0,)}.get(self._attributes.get(kind, ""), ())
        for slot in slots:
            graph = attributes.table(slot) if attributes is not None else None
            if graph is not None:
                self._read_graph(graph, depth + 1)

    def _read_constant(self, constant: Table) -> None:
        """Record the place of the numbers of a constant, unless they lie in the graph."""
        if not constant.find_field(_DATA_OFFSET):
            if constant.table(_INLINE) is None:
                raise DamagedError("a constant has no numbers", constant.position)
            return
        shape = constant.vector(_SHAPE)
        if shape is None or shape.count > _MOST_DIMENSIONS or not constant.find_field(_NUMBER_TYPE):
            raise DamagedError("a constant has no shape, too many dimensions, or no type", constant.position)
        width = _NUMBER_BYTES.get(constant.number(_NUMBER_TYPE, "H"))
        if width is None:
            raise DamagedError("a constant has an unknown type", constant.position)
        start = self._numbers_start + constant.number(_DATA_OFFSET, "Q")
        end = start + width * prod(shape.numbers("I"))
        if end > self._window.size:
            detail = f"the numbers of a constant end at {end}, in a file of {self._window.size} bytes"
            raise DamagedError(detail, constant.position)
        if end > start:
            self._numbers.append((start, end))


def _check_indices(table: Table, slot: int, code: str, count: int) -> None:
    """Check that each index in a list is that of a node; a negative one is for none. Raises ``DamagedError``."""
    vector = table.vector(slot)
    if vector is not None and any(index >= count for index in vector.numbers(code)):
        raise DamagedError(f"a list refers to more than the {count} nodes", table.position)
