from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.pickles.torch import graph
from modelaudit.model.artifact import TORCH_EXPORT, TORCH_WEIGHT
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.structure import ArchiveListing, TensorData, UnreadReason
from modelaudit.model.torch import TorchProgram
from modelaudit.wire import documents, json_stream

PATH = "m.pt2!m/models/model.json"


def list_mentions(read_bytes, value: object) -> set[tuple[str, str]]:
    """Return (use, name) of each mention in a graph with this JSON value."""
    reading = read_bytes(json.dumps(value).encode(), PATH, content=TORCH_EXPORT)
    return {(item.use.value, item.name) for program in reading.of(TorchProgram) for item in program.mentions}


@check_each(
    "value, expected",
    [
        ({"target": "torch.ops.aten.add.Tensor"}, ("operator", "aten::add")),
        ({"target": "torch.ops.higher_order.cond"}, ("operator", "higher_order::cond")),
        ({"target": "torch.os.system"}, ("operator", "torch.os.system")),
        ([[{"a": {"as_operator": "_operator.add"}}]], ("operator", "_operator.add")),
        ({"expr_str": "s0 + eval('1')"}, ("expression", "eval")),
        ({"expr_str": "`id`"}, ("expression", "`")),
        ({"guards_code": ["L['x'].size()[0] > 1", "exec('1')"]}, ("expression", "exec")),
        ({"name": "x=1"}, ("identifier", "x=1")),
        ({"forward_arg_names": ["x", "y: int = 1"]}, ("identifier", "y: int = 1")),
        ({"default_factory_module": "os", "default_factory_name": "getcwd"}, ("import", "os.getcwd")),
        ({"__enum__": True, "fqn": "mod:Kind.A", "name": "A"}, ("import", "mod.Kind.A")),
        ({"class_fqn": "__torch__.torch.classes.a.B"}, ("type", "__torch__.torch.classes.a.B")),
        ({"in_spec": json.dumps([1, {"context": json.dumps({"__enum__": 1, "fqn": "a:b"})}])}, ("import", "a.b")),
        ({"context": "{not json"}, ("unresolved", "a tree of inputs that is not JSON")),
    ],
)
def test_name_on_which_torch_acts_when_it_loads_a_graph_is_mentioned(
    read_bytes, value: object, expected: tuple[str, str]
) -> None:
    assert expected in list_mentions(read_bytes, value)


def test_symbolic_expressions_and_plain_names_of_a_torch_graph_give_no_mentions(read_bytes) -> None:
    value = {"expr_str": "2*s77 + (u0//3)", "name": "p_l_weight", "guards_code": ["'a' == \"b\""], "context": "null"}
    assert not list_mentions(read_bytes, value)


def test_torch_graph_json_nested_in_too_many_strings_is_reported_as_unread(read_bytes) -> None:
    value: object = []
    for _ in range(8):
        value = {"context": json.dumps([value])}
    reading = read_bytes(json.dumps(value).encode(), PATH, content=TORCH_EXPORT)
    assert reading.unread == [(PATH, UnreadReason.LIMIT)]


def test_names_in_a_truncated_torch_graph_are_mentioned(read_bytes) -> None:
    reading = read_bytes(b'[{"target": "torch.ops.aten.save"}, {"target"', PATH, content=TORCH_EXPORT)
    assert [item.name for item in reading.of(TorchProgram)[0].mentions] == ["aten::save"]
    assert reading.unread == [(PATH, UnreadReason.DAMAGED)]


def test_names_in_a_long_torch_graph_are_mentioned_although_its_objects_are_read_in_parts(
    read_bytes, monkeypatch
) -> None:
    monkeypatch.setattr(documents, "_PIECE_BYTES", 16_384)
    monkeypatch.setattr(json_stream, "_WHOLE_VALUE", 16_384)
    filling = {f"k{number:06}": [number] for number in range(2500)}
    value = {
        "default_factory_module": "os",
        "a": filling,
        **filling,
        "forward_arg_names": [*(f"x{number}" for number in range(6000)), "y: int = 1"],
        "default_factory_name": "getcwd",
        "name": "x=1",
        "b": [filling, {"__enum__": 1, "fqn": "a:B"}, filling, {"class_fqn": "C"}, *([[1]] * 6000)],
    }
    expected = {("import", "os.getcwd"), ("import", "a.B"), ("type", "C"), ("identifier", "x=1")}
    assert list_mentions(read_bytes, value) == expected | {("identifier", "y: int = 1")}


def test_torch_graph_of_many_lists_is_never_in_memory_as_a_whole(read_bytes, monkeypatch) -> None:
    lengths = []

    class RecordingSearch(graph._GraphSearch):
        def add_value(self, value: object) -> None:
            lengths.append(len(value) if isinstance(value, list) else 1)
            super().add_value(value)

        def add_batch(self, value: object) -> None:
            lengths.append(len(value) if isinstance(value, list) else 1)
            super().add_batch(value)

    monkeypatch.setattr(graph, "_GraphSearch", RecordingSearch)
    monkeypatch.setattr(documents, "_PIECE_BYTES", 16_384)
    monkeypatch.setattr(json_stream, "_WHOLE_VALUE", 16_384)
    reading = read_bytes(b'{"a":[' + b"[]," * 60_000 + b"[]]}", PATH, content=TORCH_EXPORT)
    assert reading.unread == []
    assert sum(lengths) > 30_000
    assert max(lengths) < 18_000


def test_torch_graph_over_a_limit_is_reported_as_unread(read_bytes) -> None:
    reading = read_bytes(b"[" * 1000 + b"]" * 1000, PATH, content=TORCH_EXPORT)
    assert reading.reasons() == {UnreadReason.LIMIT}
    reading = read_bytes(b"[" + b"1," * 1000 + b"1]", PATH, Limits(document_nodes=100), content=TORCH_EXPORT)
    assert reading.reasons() == {UnreadReason.LIMIT}


def test_torch_weight_is_read_as_a_pickle_only_if_the_pickle_imports_or_calls(read_bytes) -> None:
    path = "m.pt2!m/data/weights/weight_0"
    # Numbers that begin like a pickle that pushes 1.
    numbers = read_bytes(b"\x80\x02K\x01" + bytes(60), path, content=TORCH_WEIGHT)
    assert (len(numbers.of(TensorData)), numbers.of(PickleProgram), numbers.unread) == (1, [], [])
    importing_pickle = read_bytes(b"\x80\x02cos\nsystem\n.", path, content=TORCH_WEIGHT)
    assert len(importing_pickle.of(PickleProgram)) == 1


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_torch_graph_or_weight_of_any_bytes_is_read_without_error(read_bytes, data: bytes) -> None:
    # The test fails if one of these raises.
    read_bytes(data, PATH, content=TORCH_EXPORT)
    read_bytes(data, "m.pt2!m/data/weights/weight_0", content=TORCH_WEIGHT)


@pytest.mark.filterwarnings("ignore")
def test_operators_of_a_program_that_torch_export_saves_are_mentioned(read_bytes) -> None:
    torch = pytest.importorskip("torch", reason="installed by make test unless TORCH= leaves it out")
    program = torch.export.export(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()), (torch.ones(4, 3),))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    reading = read_bytes(buffer.getvalue(), "m.pt2")
    assert reading.of(ArchiveListing)[0].layout == "torch-export"
    (graph,) = reading.of(TorchProgram)
    assert {"aten::linear", "aten::relu"} <= {item.name for item in graph.mentions}
    assert reading.unread == []
