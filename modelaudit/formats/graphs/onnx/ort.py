"""The format of ONNX Runtime for small devices: the same graphs in a FlatBuffer.

Source: onnxruntime/core/flatbuffers/schema/ort.fbs of ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.onnx.findings import STANDARD, Found
from modelaudit.formats.graphs.onnx.tensors import Tensor, judge
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.flatbuffers import FlatBuffer, Table, Vector
from modelaudit.wire.protobuf import Message

_DEEPEST: Final = 40
_TOLD: Final = frozenset({"module", "class_name", "func_name", "operator"})


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, then what its texts hold, as artifacts. Raises ``DamagedError`` and ``WindowError``."""
    found = Found("ort", artifact.path, window, limits)
    broken: DamagedError | WindowError | None = None
    try:
        _session(FlatBuffer(window, limits).read_root(), found)
    except (DamagedError, WindowError) as error:
        broken = error
    yield from found.readings(artifact)
    if broken is not None:
        raise broken


def _session(session: Table, found: Found) -> None:
    found.fact("ort_version", session.text(0))
    model = session.table(1)
    graph = model.table(7) if model is not None else None
    if model is None or graph is None:
        raise DamagedError("there is no graph in it", session.position)
    found.fact("producer", model.text(2))
    found.fact("producer version", model.text(3))
    for opset in model.tables(1):
        found.fact(f"opset {opset.text(0) or STANDARD}", str(opset.number(1, "q")))
    for entry in model.tables(9):
        value = entry.vector(1, 1)
        if value is not None:
            found.note(entry.text(0), Message(found.window, value.start, value.start + value.count))
    _graph(graph, 1, found)


def _graph(graph: Table, depth: int, found: Found) -> None:
    if depth > _DEEPEST:
        raise LimitReachedError(f"graphs lie in each other more than {_DEEPEST} deep", graph.position)
    for tensor in graph.tables(0):
        _tensor(tensor, found)
    for node in graph.tables(2):
        told: dict[str, str] = {}
        for attribute in node.tables(10):
            told |= _attribute(attribute, depth, found)
        detail = " ".join(f"{key}={value}" for key, value in told.items())
        found.call(node.text(2), node.text(5), "", Location(offset=node.position), detail)
    for sparse in graph.tables(7):
        _tensor(sparse.table(0), found)
        _tensor(sparse.table(1), found)


def _attribute(attribute: Table, depth: int, found: Found) -> dict[str, str]:
    name = attribute.text(0)
    _text(name, attribute.vector(5, 1), found)
    _tensor(attribute.table(6), found)
    for tensor in attribute.tables(11):
        _tensor(tensor, found)
    graph = attribute.table(7)
    for inner in (*([graph] if graph is not None else []), *attribute.tables(12)):
        _graph(inner, depth + 1, found)
    return {name: attribute.text(5)} if name in _TOLD else {}


def _tensor(table: Table | None, found: Found) -> None:
    if table is None:
        return
    tensor = Tensor(Location(offset=table.position), table.text(0, 120), type=table.number(3, "i"))
    dims, raw = table.vector(2, 8), table.vector(4, 1)
    for size in dims.numbers("q") if dims is not None else ():
        tensor.dimension(size & (1 << 64) - 1)
    tensor.raw = raw.count if raw is not None else None
    judge(tensor, "", found)


def _text(name: str, text: Vector | None, found: Found) -> None:
    if text is not None:
        found.text(name, Message(found.window, text.start, text.start + text.count))
