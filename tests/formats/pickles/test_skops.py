from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.model.limits import Limits
from modelaudit.model.skops import SkopsNode, SkopsSchema
from modelaudit.model.structure import ArchiveListing, Document, UnreadReason

PATH = "m.skops!schema.json"


def node(loader: str, name: str, **more: object) -> dict[str, object]:
    module, _, last = name.rpartition(".")
    return {"__class__": last, "__module__": module, "__loader__": loader, **more}


def nodes(read_bytes, root: object) -> set[SkopsNode]:
    (schema,) = read_bytes(json.dumps(root).encode(), PATH).of(SkopsSchema)
    return set(schema.nodes)


STR = node("TypeNode", "builtins.str")
RUN = node("FunctionNode", "pkg.run")


@pytest.mark.parametrize(
    ("root", "role"),
    [
        (node("PartialNode", "functools.partial", content={"func": RUN, "args": STR}), "PartialNode.func"),
        (node("DefaultDictNode", "collections.defaultdict", content={"default_factory": RUN}), "DefaultDictNode.default_factory"),
        (node("DictNode", "builtins.dict", content={}, key_types=node("ListNode", "builtins.list", content=[RUN])), "DictNode.key_types"),
        (node("DictNode", "builtins.dict", content={"__setstate__": RUN}), "DictNode.__setstate__"),
    ],
)  # fmt: skip
def test_called_nodes_have_a_role(read_bytes, root: object, role: str) -> None:
    assert SkopsNode("FunctionNode", "pkg", "run", role) in nodes(read_bytes, root)


def test_every_node_is_kept_once_at_any_depth(read_bytes) -> None:
    root: object = RUN
    for _ in range(20):
        root = node("ListNode", "builtins.list", content=[root, STR, STR])
    assert {(each.loader, each.name) for each in nodes(read_bytes, root)} == {
        ("FunctionNode", "run"),
        ("TypeNode", "str"),
        ("ListNode", "list"),
    }


def test_method_node_keeps_attribute_and_class(read_bytes) -> None:
    root = node("MethodNode", "a.A", content={"func": "go", "obj": node("ObjectNode", "b.B")})
    assert SkopsNode("MethodNode", "a", "A", member="go", bound="b.B") in nodes(read_bytes, root)


def test_function_node_of_protocol_0_is_named_by_its_content(read_bytes) -> None:
    root = node("FunctionNode", "numpy.log", content={"module_path": "os", "function": "system"})
    assert SkopsNode("FunctionNode", "os", "system") in nodes(read_bytes, root)


@pytest.mark.parametrize("name", ["PCG64", "set_state"])
def test_generator_is_read_from_both_spellings(read_bytes, name: str) -> None:
    text = node("JsonNode", "builtins.str", content=json.dumps(name))
    new = {"bit_generator": node("DictNode", "builtins.dict", content={"bit_generator": text})}
    old = {"bit_generator": {"bit_generator": name, "state": {"state": 1}}}
    for content in (new, old):
        found = nodes(read_bytes, node("RandomGeneratorNode", "numpy.random._generator.Generator", content=content))
        assert SkopsNode("RandomGeneratorNode", "numpy.random._generator", "Generator", member=name) in found


def test_two_types_with_one_id_are_defect(read_bytes) -> None:
    root = node("ListNode", "builtins.list", content=[{**STR, "__id__": 5}, {**RUN, "__id__": 5}, {**RUN, "__id__": 6}])
    assert read_bytes(json.dumps(root).encode(), PATH).kinds() == {"duplicate-node-id"}
    again = node("ListNode", "builtins.list", content=[{**RUN, "__id__": 5}, {**RUN, "__id__": 5}])
    assert not read_bytes(json.dumps(again).encode(), PATH).kinds()


def test_schema_json_without_nodes_is_read_as_json(read_bytes) -> None:
    reading = read_bytes(b'{"type": "object", "_target_": {}}', "m.zip!schema.json")
    assert [document.keys for document in reading.of(Document)] == [("type", "_target_")]
    assert reading.unread == []
    assert read_bytes(b'{"a": 1}', "schema.json").formats == {"schema.json": ["json"]}


def test_nodes_before_syntax_error_are_kept(read_bytes) -> None:
    reading = read_bytes(b'{"a": ' + json.dumps(RUN).encode() + b', "b": {"__loader__"', PATH)
    assert reading.of(SkopsSchema)[0].nodes == (SkopsNode("FunctionNode", "pkg", "run"),)
    assert reading.unread == [(PATH, UnreadReason.DAMAGED)]


def test_schema_beyond_limits_is_reported_as_limit(read_bytes) -> None:
    deep = b'{"__loader__":' * 1000
    assert read_bytes(deep, PATH).reasons() == {UnreadReason.LIMIT}
    many = json.dumps([RUN] * 100).encode()
    assert read_bytes(many, PATH, Limits(document_nodes=50)).reasons() == {UnreadReason.LIMIT}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["__loader__", "__class__", "__module__", "__id__", "content", "obj", "func"]), inner),
        max_leaves=12,
    )
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_tree_ends_in_result(read_bytes, root: object) -> None:
    assert read_bytes(json.dumps(root).encode(), PATH).unread == []


@given(st.binary(max_size=100))
@settings(max_examples=100, deadline=None)
def test_any_bytes_end_in_result(read_bytes, data: bytes) -> None:
    assert read_bytes(data, PATH).reasons() is not None


def test_layout_is_reported(read_fixture) -> None:
    assert read_fixture("skops/benign/scaler.skops").of(ArchiveListing)[0].layout == "skops"


def test_file_written_by_skops_is_read(read_bytes) -> None:
    skops = pytest.importorskip("skops.io", reason="a library that only writes samples")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    reading = read_bytes(skops.dumps(model), "m.skops")
    (schema,) = reading.of(SkopsSchema)
    assert schema.protocol == 2
    assert SkopsNode("ObjectNode", "sklearn.linear_model._logistic", "LogisticRegression") in schema.nodes
    assert not schema.defects
    assert reading.unread == []
