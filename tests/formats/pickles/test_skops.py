from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelaudit.formats.pickles.skops import reader
from modelaudit.model.limits import Limits
from modelaudit.model.skops import SkopsNode, SkopsSchema
from modelaudit.model.structure import ArchiveListing, Document, UnreadReason

PATH = "m.skops!schema.json"


def build_node(loader: str, qualified_name: str, **fields: object) -> dict[str, object]:
    """Return a node of a schema as JSON values, for the class or function of that name."""
    module, _, name = qualified_name.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, **fields}


def read_nodes(read_bytes, root: object) -> set[SkopsNode]:
    """Return the nodes that the reader finds in a schema."""
    (schema,) = read_bytes(json.dumps(root).encode(), PATH).of(SkopsSchema)
    return set(schema.nodes)


STRING_TYPE = build_node("TypeNode", "builtins.str")
FUNCTION = build_node("FunctionNode", "pkg.run")


@pytest.mark.parametrize(
    ("root", "role"),
    [
        (build_node("PartialNode", "functools.partial", content={"func": FUNCTION, "args": STRING_TYPE}), "PartialNode.func"),
        (build_node("DefaultDictNode", "collections.defaultdict", content={"default_factory": FUNCTION}), "DefaultDictNode.default_factory"),
        (build_node("DictNode", "builtins.dict", content={}, key_types=build_node("ListNode", "builtins.list", content=[FUNCTION])), "DictNode.key_types"),
        (build_node("DictNode", "builtins.dict", content={"__setstate__": FUNCTION}), "DictNode.__setstate__"),
    ],
)  # fmt: skip
def test_skops_node_whose_function_the_loader_calls_states_its_role(read_bytes, root: object, role: str) -> None:
    assert SkopsNode("FunctionNode", "pkg", "run", role) in read_nodes(read_bytes, root)


def test_equal_skops_nodes_nested_in_twenty_lists_are_recorded_once(read_bytes) -> None:
    root: object = FUNCTION
    for _ in range(20):
        root = build_node("ListNode", "builtins.list", content=[root, STRING_TYPE, STRING_TYPE])
    (schema,) = read_bytes(json.dumps(root).encode(), PATH).of(SkopsSchema)
    assert sorted((each.loader, each.name) for each in schema.nodes) == [
        ("FunctionNode", "run"),
        ("ListNode", "list"),
        ("TypeNode", "str"),
    ]


def test_skops_method_node_is_recorded_with_its_attribute_and_the_class_of_its_object(read_bytes) -> None:
    root = build_node("MethodNode", "a.A", content={"func": "go", "obj": build_node("ObjectNode", "b.B")})
    assert SkopsNode("MethodNode", "a", "A", member="go", bound="b.B") in read_nodes(read_bytes, root)


def test_skops_function_node_is_named_by_its_content_if_that_names_a_function(read_bytes) -> None:
    root = build_node("FunctionNode", "numpy.log", content={"module_path": "os", "function": "system"})
    assert SkopsNode("FunctionNode", "os", "system") in read_nodes(read_bytes, root)


def test_skops_function_node_is_named_by_its_class_if_its_content_names_no_function(read_bytes) -> None:
    root = build_node("FunctionNode", "os.system", content={"other": 1})
    assert SkopsNode("FunctionNode", "os", "system") in read_nodes(read_bytes, root)


def test_long_name_of_a_skops_function_node_is_cut_to_200_characters(read_bytes) -> None:
    content = {"module_path": "m" * 5000, "function": "f" * 5000}
    root = build_node("FunctionNode", "numpy.log", content=content)
    assert SkopsNode("FunctionNode", "m" * 200, "f" * 200) in read_nodes(read_bytes, root)


def test_skops_protocol_number_with_too_many_digits_is_recorded_as_unknown(read_bytes) -> None:
    (schema,) = read_bytes(json.dumps({**STRING_TYPE, "protocol": 10**12}).encode(), PATH).of(SkopsSchema)
    assert schema.protocol is None


@pytest.mark.parametrize("name", ["PCG64", "set_state"])
def test_name_of_a_skops_random_generator_is_read_in_both_layouts(read_bytes, name: str) -> None:
    name_node = build_node("JsonNode", "builtins.str", content=json.dumps(name))
    new_layout = {"bit_generator": build_node("DictNode", "builtins.dict", content={"bit_generator": name_node})}
    old_layout = {"bit_generator": {"bit_generator": name, "state": {"state": 1}}}
    for content in (new_layout, old_layout):
        found = read_nodes(
            read_bytes, build_node("RandomGeneratorNode", "numpy.random._generator.Generator", content=content)
        )
        assert SkopsNode("RandomGeneratorNode", "numpy.random._generator", "Generator", member=name) in found


def test_skops_nodes_of_different_types_with_the_same_id_are_a_defect(read_bytes) -> None:
    root = build_node(
        "ListNode",
        "builtins.list",
        content=[{**STRING_TYPE, "__id__": 5}, {**FUNCTION, "__id__": 5}, {**FUNCTION, "__id__": 6}],
    )
    assert read_bytes(json.dumps(root).encode(), PATH).kinds() == {"duplicate-node-id"}
    same_node_twice = build_node("ListNode", "builtins.list", content=[{**FUNCTION, "__id__": 5}] * 2)
    assert not read_bytes(json.dumps(same_node_twice).encode(), PATH).kinds()


def test_schema_json_without_nodes_is_read_as_json(read_bytes) -> None:
    reading = read_bytes(b'{"type": "object", "_target_": {}}', "m.zip!schema.json")
    assert [document.keys for document in reading.of(Document)] == [("type", "_target_")]
    assert reading.unread == []
    assert read_bytes(b'{"a": 1}', "schema.json").formats == {"schema.json": ["json"]}


def test_skops_nodes_before_a_syntax_error_are_recorded(read_bytes) -> None:
    reading = read_bytes(b'{"a": ' + json.dumps(FUNCTION).encode() + b', "b": {"__loader__"', PATH)
    assert reading.of(SkopsSchema)[0].nodes == (SkopsNode("FunctionNode", "pkg", "run"),)
    assert reading.unread == [(PATH, UnreadReason.DAMAGED)]


@pytest.mark.parametrize("character, most", [("a", 4000), ("\U0001f600", 1000)])
def test_skops_schema_is_read_up_to_a_bound_on_the_memory_of_its_text(read_bytes, monkeypatch, character, most) -> None:
    monkeypatch.setattr(reader, "_MOST_MEMORY", 4000)
    node = json.dumps({"__loader__": "a", "__module__": "b", "__class__": "c", "text": character}, ensure_ascii=False)
    for filling in (most - len(node) - 2, most - len(node) - 1):
        reading = read_bytes(f"[{node}]{' ' * filling}".encode(), PATH)
        assert reading.of(SkopsSchema)[0].nodes == (SkopsNode("a", "b", "c"),)
        assert reading.reasons() == ({UnreadReason.LIMIT} if filling + len(node) + 2 > most else set())


def test_skops_schema_over_a_limit_is_reported_as_unread(read_bytes) -> None:
    deep = b'{"__loader__":' * 1000
    assert read_bytes(deep, PATH).reasons() == {UnreadReason.LIMIT}
    many = json.dumps([FUNCTION] * 100).encode()
    assert read_bytes(many, PATH, Limits(document_nodes=50)).reasons() == {UnreadReason.LIMIT}
    assert read_bytes(json.dumps([0] * 1_000_001).encode(), PATH).reasons() == {UnreadReason.LIMIT}


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["__loader__", "__class__", "__module__", "__id__", "content", "obj", "func"]), inner),
        max_leaves=12,
    )
)  # fmt: skip
@example(root=34)  # the bytes of an empty group of protocol buffers
@settings(max_examples=200, deadline=None)
def test_skops_schema_of_any_json_tree_is_read_completely(read_bytes, root: object) -> None:
    assert read_bytes(json.dumps(root).encode(), PATH).unread == []


@given(st.binary(max_size=100))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_as_a_skops_schema_raise_no_exception(read_bytes, data: bytes) -> None:
    # The test fails if this raises.
    read_bytes(data, PATH)


def test_archive_of_a_skops_model_is_listed_with_the_layout_skops(read_fixture) -> None:
    assert read_fixture("skops/benign/scaler.skops").of(ArchiveListing)[0].layout == "skops"


def test_file_that_skops_writes_is_read_completely_and_without_a_defect(read_bytes) -> None:
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
