"""Read ORT models, the format of ONNX Runtime for small devices: an ONNX graph in a FlatBuffer.

Source: onnxruntime/core/flatbuffers/schema/ort.fbs of ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.formats.graphs.onnx.collector import STANDARD_DOMAIN, ModelCollector
from modelaudit.formats.graphs.onnx.tensors import Tensor, check_tensor
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.flatbuffer_schema import claim_flatbuffer, load_flat_schema
from modelaudit.wire.flatbuffers import FlatBuffer, Table, Vector
from modelaudit.wire.protobuf import Message

_MOST_NESTED_GRAPHS: Final = 40
_QUOTED_ATTRIBUTES: Final = frozenset({"module", "class_name", "func_name", "operator"})


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the model, references to external data, and embedded content.

    Raises:
        DamagedError: an offset is invalid or there is no graph; the part before is yielded first.
        LimitReachedError: there are too many operators, or graphs nest too deep.
        WindowError: the window could not return the requested bytes.
    """
    collector = ModelCollector("ort", artifact.path, window, limits)
    failure: DamagedError | WindowError | None = None
    try:
        _read_session(FlatBuffer(window, limits).read_root(), collector)
        claim_flatbuffer(FlatBuffer(window, limits), load_flat_schema(Path(__file__).parent, "ort_schema.txt"))
    except (DamagedError, WindowError) as error:
        failure = error
    yield from collector.build_readings(artifact)
    if failure is not None:
        raise failure


def _read_session(session: Table, collector: ModelCollector) -> None:
    """Read an InferenceSession, the root table: the version (0) and the model (1).

    Slots of the model: opsets (1), producer (2), its version (3), main graph (7) and metadata (9), pairs of a key (0)
    and a value (1).
    """
    collector.record_fact("ort_version", session.text(0))
    model = session.table(1)
    graph = model.table(7) if model is not None else None
    if model is None or graph is None:
        raise DamagedError("the session holds no model with a graph", session.position)
    collector.record_fact("producer", model.text(2))
    collector.record_fact("producer version", model.text(3))
    for opset in model.tables(1):
        collector.record_fact(f"opset {opset.text(0) or STANDARD_DOMAIN}", str(opset.number(1, "q")))
    for entry in model.tables(9):
        value = entry.vector(1, 1)
        if value is not None:
            collector.record_metadata(entry.text(0), Message(collector.window, value.start, value.start + value.count))
    _read_graph(graph, 1, collector)


def _read_graph(graph: Table, depth: int, collector: ModelCollector) -> None:
    """Read a Graph: initializers (0), nodes (2) and sparse initializers (7), each with values (0) and indices (1).

    Slots of a node: domain (2), operator (5) and attributes (10).
    """
    if depth > _MOST_NESTED_GRAPHS:
        raise LimitReachedError(f"graphs nest more than {_MOST_NESTED_GRAPHS} deep", graph.position)
    for tensor in graph.tables(0):
        _read_tensor(tensor, collector)
    for node in graph.tables(2):
        quoted: dict[str, str] = {}
        for attribute in node.tables(10):
            quoted |= _read_attribute(attribute, depth, collector)
        detail = " ".join(f"{key}={value}" for key, value in quoted.items())
        collector.record_call(node.text(2), node.text(5), "", Location(offset=node.position), detail)
    for sparse in graph.tables(7):
        _read_tensor(sparse.table(0), collector)
        _read_tensor(sparse.table(1), collector)


def _read_attribute(attribute: Table, depth: int, collector: ModelCollector) -> dict[str, str]:
    """Read an attribute: name (0), text (5), tensors (6, 11) and graphs (7, 12).

    Returns:
        The value by the name, if findings quote this attribute; otherwise an empty mapping.
    """
    name = attribute.text(0)
    _search_text(attribute.vector(5, 1), collector)
    _read_tensor(attribute.table(6), collector)
    for tensor in attribute.tables(11):
        _read_tensor(tensor, collector)
    graph = attribute.table(7)
    if graph is not None:
        _read_graph(graph, depth + 1, collector)
    for listed_graph in attribute.tables(12):
        _read_graph(listed_graph, depth + 1, collector)
    return {name: attribute.text(5)} if name in _QUOTED_ATTRIBUTES else {}


def _read_tensor(table: Table | None, collector: ModelCollector) -> None:
    """Read and check a Tensor: name (0), dims (2), data type (3) and raw data (4)."""
    if table is None:
        return
    tensor = Tensor(Location(offset=table.position), table.text(0, 120), type=table.number(3, "i"))
    dims, raw_data = table.vector(2, 8), table.vector(4, 1)
    for size in dims.numbers("q") if dims is not None else ():
        tensor.add_dimension(size & 0xFFFF_FFFF_FFFF_FFFF)  # it expects the unsigned form
    tensor.raw_size = raw_data.count if raw_data is not None else None
    check_tensor(tensor, "", collector)


def _search_text(text: Vector | None, collector: ModelCollector) -> None:
    """Search a text, if there is one, for an embedded pickle or archive."""
    if text is not None:
        collector.search_text(Message(collector.window, text.start, text.start + text.count))
