"""Test the readers of XGBoost, LightGBM and CatBoost models."""

from __future__ import annotations

import json
import pickle
import struct
from contextlib import nullcontext
from sys import getsizeof

import pytest
from builders.flatbuffer_writer import Numbers, Table, build_flatbuffer
from builders.tree_models import (
    build_catboost,
    build_lightgbm,
    build_xgboost_binary,
    build_xgboost_learner,
    encode_ubjson,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from modelaudit.formats.graphs.boosters.catboost import read_integers
from modelaudit.formats.graphs.boosters.trees import read_learner
from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Document, UnreadReason
from modelaudit.pipeline import ArtifactReading
from modelaudit.wire.byte_ranges import ByteClass
from modelaudit.wire.flatbuffers import FlatBuffer

WRITERS = [(lambda model: json.dumps(model).encode(), "model.json"), (encode_ubjson, "model.ubj")]
MODELS = [
    encode_ubjson(build_xgboost_learner()),
    build_xgboost_binary(),
    build_lightgbm().encode(),
    build_catboost(),
    json.dumps(build_xgboost_learner()).encode(),
]


@check_each("write, name", WRITERS)
@check_each(
    "model, kind",
    [
        (build_xgboost_learner(), None),
        # The left child of the root is after the last node, before the first, or the root itself.
        (build_xgboost_learner((3, -1, -1)), "tree-invalid"),
        (build_xgboost_learner((-2, -1, -1)), "tree-invalid"),
        (build_xgboost_learner((0, -1, -1)), "tree-invalid"),
        # Both children of the root are the same node.
        (build_xgboost_learner((1, -1, -1), (1, -1, -1)), "tree-invalid"),
        # The model states fewer nodes or more trees than it has.
        (build_xgboost_learner(nodes=2), "tree-size"),
        (build_xgboost_learner(trees=2), "tree-size"),
        # The lists of children have two nodes, the other lists three.
        (build_xgboost_learner((1, -1), (-1, -1), nodes=2), "tree-size"),
        (build_xgboost_learner(features=-1), "number-absurd"),
        (build_xgboost_learner(features=1 << 31), "number-absurd"),
    ],
)
def test_xgboost_model_has_a_defect_only_if_a_tree_or_a_stated_number_is_invalid(write, name, model, kind, read_bytes):
    assert read_bytes(write(model), name).kinds() == ({kind} if kind else set())


def test_xgboost_split_on_a_feature_out_of_range_is_a_defect(read_bytes):
    model = build_xgboost_learner()  # of four features, 0 to 3
    model["learner"]["gradient_booster"]["model"]["trees"][0]["split_indices"] = [4, 0, 0]
    assert read_bytes(json.dumps(model).encode(), "m.json").kinds() == {"tree-invalid"}


@check_each("tail", [b"\n{}\n", b"{}", b"\n[1]", b" x"])
def test_xgboost_json_model_is_checked_whatever_text_follows_its_first_value(tail, read_bytes):
    model = json.dumps(build_xgboost_learner((0, -1, -1))).encode()
    result = read_bytes(model + tail, "m.json")
    assert "tree-invalid" in result.kinds() or result.unread


def test_xgboost_json_model_before_another_line_of_json_has_its_defects(read_bytes):
    model = json.dumps(build_xgboost_learner((0, -1, -1))).encode()
    assert "tree-invalid" in read_bytes(model + b"\n{}\n", "m.json").kinds()


def test_xgboost_json_model_with_an_auto_map_is_also_read_by_the_json_reader(read_bytes):
    # The key auto_map makes the file a configuration that names code, which only the reader of JSON reports.
    document = {**build_xgboost_learner(), "auto_map": {"AutoModel": "a.B"}}
    reading = read_bytes(json.dumps(document).encode(), "config.json")
    assert [each.format for each in reading.of(Document)] == ["json"]
    assert "auto_map" in reading.of(Document)[0].keys


@pytest.mark.parametrize(
    ("marker", "number_format"), [(b"i", ">b"), (b"U", ">B"), (b"I", ">h"), (b"l", ">i"), (b"L", ">q")]
)
def test_ubjson_length_of_every_integer_type_is_decoded(marker, number_format, read_bytes):
    # An object with the key "abc", whose length the integer states, and the value null ("Z").
    reading = read_bytes(b"{" + marker + struct.pack(number_format, len(b"abc")) + b"abcZ}")
    assert (list(reading.formats.values()), reading.unread) == ([["ubjson"]], [])


@pytest.mark.parametrize(
    "value",
    [
        b"[$l#L" + struct.pack(">q", -1),  # a list of -1 integers
        b"[$l",  # a list with a type and no number of items
        b"[#S",  # a list whose number of items is a text
        b"Zi\1b$",  # after a first pair, the marker of a type where the value of the key "b" must begin
        b"SL" + struct.pack(">q", 1 << 62),  # a text that is longer than the file
    ],
)
def test_invalid_ubjson_value_is_reported_as_damaged(value, read_bytes):
    assert read_bytes(b"{L" + struct.pack(">q", 1) + b"a" + value).reasons() == {UnreadReason.DAMAGED}


def test_ubjson_list_of_numbers_under_an_unknown_key_is_skipped(read_bytes):
    number_count = 1 << 20
    # A list "[" of floats "$d" whose number "#" is an integer of eight bytes "L".
    numbers = b"[$d#L" + struct.pack(">q", number_count) + bytes(4 * number_count)
    assert read_bytes(b"{L" + struct.pack(">q", 1) + b"a" + numbers + b"}").unread == []


# The magic number, the header, two names after their lengths, the parameters of the trees and of the first tree.
XGBOOST_NODES = 4 + 136 + 8 + len("reg:squarederror") + 8 + len("gbtree") + 160 + 148
"""Offset of the first node of ``build_xgboost_binary``; a node has 20 bytes."""


# With its magic bytes "binf", and without.
@pytest.mark.parametrize("model", [build_xgboost_binary(), build_xgboost_binary()[4:]])
def test_binary_xgboost_model_is_read_to_its_end(model, read_bytes):
    reading = read_bytes(model)
    assert (list(reading.formats.values()), reading.unread, reading.kinds()) == ([["xgboost-binary"]], [], set())
    appended_pickle = b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."
    assert ["pickle"] in read_bytes(model + appended_pickle).formats.values()


@check_each(
    "position, replaced",
    [
        (XGBOOST_NODES, struct.pack("<i", 1)),  # the root has a parent
        (XGBOOST_NODES + 20, struct.pack("<i", 1)),  # the left child is marked as a right one
        (XGBOOST_NODES + 2 * 20 + 12, struct.pack("<i", 9)),  # a leaf names a feature that does not exist
    ],
)
def test_binary_xgboost_tree_with_a_contradictory_node_is_reported_as_damaged(position, replaced, read_bytes):
    model = build_xgboost_binary()
    changed = model[:position] + replaced + model[position + len(replaced) :]
    assert UnreadReason.DAMAGED in read_bytes(changed).reasons()


def test_last_value_and_the_statistics_of_a_binary_xgboost_tree_are_declared_data(bytes_window):
    model = build_xgboost_binary()
    reading = ArtifactReading(Limits(), keep_ledgers=True)
    window = bytes_window(model)
    reading.run(Artifact("m.model", len(model), lambda: nullcontext(window)))
    ledgers = [(start, end, class_) for start, end, class_ in reading.ledgers[0]]
    nodes_end = XGBOOST_NODES + 3 * 20
    assert (nodes_end - 4, len(model), ByteClass.DATA) in ledgers


@check_each(
    "position, length",
    [
        (4 + 12, 4),  # a flag that is neither 0 nor 1
        (XGBOOST_NODES - 148 - 160 + 12, 20),  # fields of the group of trees that XGBoost 2 writes as zeros
        (XGBOOST_NODES - 148 + 24, 25),  # reserved fields of the tree
    ],
)
def test_field_of_a_binary_xgboost_model_is_unclaimed_if_it_holds_what_xgboost_never_writes(
    position, length, read_bytes
):
    model = build_xgboost_binary()
    changed = model[:position] + b"\x80\x7f" * (length // 2) + model[position + length // 2 * 2 :]
    assert read_bytes(changed).unclaimed().startswith(str(position))


@pytest.mark.parametrize("data", [build_xgboost_binary((5, -1, -1)), build_xgboost_binary(feature=4)])
def test_node_of_a_binary_xgboost_tree_with_a_child_or_feature_out_of_range_is_a_defect(data, read_bytes):
    assert read_bytes(data).kinds() == {"tree-invalid"}


@check_each(
    "text, kinds",
    [
        (build_lightgbm(), set()),
        (build_lightgbm().replace("\n", "\r\n"), set()),
        (build_lightgbm(extra=1), {"tree-size"}),  # the tree has one byte less than the head states
        (build_lightgbm("5"), {"tree-invalid"}),  # its left child does not exist
        (build_lightgbm("0"), {"tree-invalid"}),  # its left child is its root
        (build_lightgbm("-2"), {"tree-invalid"}),  # both of its children are one leaf
        (build_lightgbm("-1 -2"), {"tree-size"}),  # two left children in a tree with one inner node
        (build_lightgbm().replace("split_feature=1", "split_feature=9"), {"tree-invalid"}),  # of features 0 to 3
        (build_lightgbm(classes=1 << 40), {"number-absurd"}),
    ],
)
def test_lightgbm_model_has_a_defect_only_if_a_tree_or_a_stated_number_is_invalid(text, kinds, read_bytes):
    assert read_bytes(text.encode(), "model.txt").kinds() == kinds


def test_lightgbm_text_named_yaml_is_read_as_yaml(read_bytes):
    assert ["yaml"] in read_bytes(build_lightgbm().encode(), "model.yaml").formats.values()


@pytest.mark.parametrize("split_count", [2, -1, 1 << 30])
def test_catboost_tree_that_states_more_splits_than_the_model_has_or_a_negative_number_is_a_defect(
    split_count, read_bytes
):
    assert read_bytes(build_catboost(split_count)).kinds() == {"tree-invalid"}  # the model has one split


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(MODELS), st.data())
def test_mutated_booster_model_is_parsed_or_reported_as_unread(read_bytes, model, data):
    mutated = bytearray(model)
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    kept_length = data.draw(st.integers(20, len(mutated)))
    reading = read_bytes(bytes(mutated[:kept_length]), "model")
    expected = {UnreadReason.DAMAGED, UnreadReason.LIMIT, UnreadReason.UNCLAIMED}
    if not {"lightgbm", "xgboost", "catboost"}.intersection(*reading.formats.values()):
        expected.add(UnreadReason.PROGRAM)  # a text of no known format under a name that no table lists
    assert reading.reasons() <= expected


@check_each(
    "model, ending",
    [
        (build_lightgbm().encode(), ""),
        (build_lightgbm().encode(), "end of"),
        (b'{"learner": {"attributes": {}}}', ""),
        (b'{"learner": {"attributes": {', "cut"),
    ],
)
def test_booster_model_in_text_under_a_name_that_no_table_lists_is_no_program(model, ending, read_bytes):
    assert UnreadReason.PROGRAM not in read_bytes(model + ending.encode(), "booster.unlisted").reasons()


def make_long_tree(nodes: int, **lists: list[object]) -> dict[str, object]:
    """Return a tree whose lists have ``nodes`` items, each a leaf, with the given lists in their place."""
    keys = ("left_children", "right_children", "parents", "split_conditions", "default_left")
    parameters = {"num_nodes": str(nodes), "num_feature": "3"}
    return {"tree_param": parameters, "split_indices": [0] * nodes} | {key: [-1] * nodes for key in keys} | lists


@pytest.fixture(params=[16, 1 << 18])
def step(request, monkeypatch):
    """The characters of JSON that are decoded at once: fewer than a list of a tree takes, or all."""
    monkeypatch.setattr("modelaudit.wire.json_stream._WHOLE_VALUE", request.param)
    monkeypatch.setattr("modelaudit.wire.documents._PIECE_BYTES", request.param)
    return request.param


@pytest.mark.parametrize(
    ("lists", "detail"),
    [
        ({}, ""),
        ({"left_children": [99] + [-1] * 39}, "refers to node 99, but there are only 40"),
        ({"left_children": [5, 5] + [-1] * 38}, "has node 5 twice"),
        ({"split_indices": ["a"] + [-1] * 39}, "lacks a list of integers for its children or features"),
        ({"split_indices": [True] + [-1] * 39}, "lacks a list of integers for its children or features"),
        ({"split_indices": [[]] + [-1] * 39}, "lacks a list of integers for its children or features"),
        ({"parents": [-1] * 39}, "40 nodes and 39 parents"),
        ({"split_indices": [9] * 40, "left_children": [1] + [-1] * 39}, "out of the range of 3"),
        ({"tree_param": {"num_nodes": "7"}}, "states 7 nodes and has 40"),
    ],
)
def test_xgboost_tree_is_checked_wherever_its_text_is_divided(lists, detail, step, read_bytes):
    model = build_xgboost_learner()
    parts = model["learner"]["gradient_booster"]["model"]
    parts["trees"] = [make_long_tree(40, **lists), *[make_long_tree(1)] * 3]
    parts["tree_info"] = [0] * 4
    parts["gbtree_model_param"]["num_trees"] = "4"
    (outline,) = (
        each for each in read_bytes(json.dumps(model).encode(), "m.json").of(Outline) if each.format == "xgboost"
    )
    details = [each.detail for each in outline.defects]
    assert len(details) == bool(detail)
    assert all(each.startswith("tree 0 ") and detail in each for each in details)


def test_index_in_a_long_xgboost_tree_that_exceeds_64_bits_is_a_defect(step, read_bytes):
    model = build_xgboost_learner()
    model["learner"]["gradient_booster"]["model"]["trees"] = [make_long_tree(40, left_children=[10**30] + [-1] * 39)]
    assert read_bytes(json.dumps(model).encode(), "m.json").kinds() == {"tree-invalid"}


def test_xgboost_values_that_nothing_checks_are_not_kept(step, read_bytes, monkeypatch):
    kept = []

    def measure_model(learner, defects):
        kept.append(len(pickle.dumps(learner)))
        return read_learner(learner, defects)

    monkeypatch.setattr("modelaudit.formats.graphs.boosters.xgboost_text.read_learner", measure_model)
    model = build_xgboost_learner()
    model["learner"] |= {"other": [["a"]] * 500, "name": ["a"] * 500, "trees": [[{}]] * 500}
    assert read_bytes(json.dumps(model).encode(), "m.json").kinds() == set()
    assert kept[0] < 1_000


def test_json_document_with_an_xgboost_learner_is_recognised_as_xgboost(read_bytes):
    assert ["xgboost"] in read_bytes(json.dumps(build_xgboost_learner()).encode(), "model.json").formats.values()


@check_each("tree_count", [0, 1])
def test_binary_dart_model_is_read_with_tree_weights_only_if_it_has_trees(tree_count, read_bytes):
    model = build_xgboost_binary()
    model = model.replace(struct.pack("<Q", 6) + b"gbtree", struct.pack("<Q", 4) + b"dart")
    # The fourth number of the header states that the model ends with attributes.
    model = model[:16] + struct.pack("<i", 1) + model[20:]
    # One attribute: its key "best" and its value "1", each after its length.
    attributes = struct.pack("<2Q", 1, 4) + b"best" + struct.pack("<Q", 1) + b"1"
    if tree_count:
        tree_weights = struct.pack("<Qf", 1, 1.0)
        model += tree_weights + attributes
    else:
        # The parameters of the group of trees follow the name "dart": no tree, one root.
        learner = model[: model.index(b"dart") + len(b"dart")]
        model = learner + struct.pack("<2i", 0, 1).ljust(160, b"\0") + attributes
    reading = read_bytes(model)
    assert (list(reading.formats.values()), reading.unread, reading.kinds()) == ([["xgboost-binary"]], [], set())


@check_each("bound, model", [("ubjson._MOST_KEPT", MODELS[0]), ("xgboost_binary._MOST_NODES", MODELS[1])])
def test_booster_tree_over_the_bound_on_checked_nodes_is_reported_as_unread_and_has_no_defect(
    bound, model, read_bytes, monkeypatch
):
    # The tree has three nodes.
    monkeypatch.setattr(f"modelaudit.formats.graphs.boosters.{bound}", 2)
    reading = read_bytes(model)
    assert (reading.reasons(), reading.kinds()) == ({UnreadReason.LIMIT}, set())


def test_catboost_integers_of_trees_are_not_objects_in_memory(bytes_window):
    count = 10_000
    root = FlatBuffer(
        bytes_window(build_flatbuffer(b"CBM1", Table({2: Numbers("i", range(count))}))), Limits()
    ).read_root()
    integers = read_integers(root, 2)
    assert list(integers) == list(range(count))
    assert getsizeof(integers) < 6 * count  # a tuple takes 36 bytes for each


def test_catboost_trees_over_the_bound_are_reported_as_unread(read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.boosters.catboost._MOST_TREES", 0)
    assert read_bytes(build_catboost()).reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


# At most 64 parts are read.
@check_each("parts, is_limit_reached", [(0, False), (1, False), (64, False), (65, True)])
def test_catboost_parts_over_the_bound_are_reported_as_unread_and_the_trees_are_checked(
    parts, is_limit_reached, read_bytes
):
    # The tree states two splits and has one, which is the defect.
    reading = read_bytes(build_catboost(2, parts=parts))
    (outline,) = reading.of(Outline)
    assert {mention.name for mention in outline.mentions} == ({"part"} if parts else set())
    assert (UnreadReason.LIMIT in reading.reasons()) == is_limit_reached
    assert reading.kinds() == {"tree-invalid"}


@pytest.mark.parametrize("item", [b"U\x64" + b"k" * 100 + b"Z", b"U\x01aSU\x64" + b"s" * 100])
def test_ubjson_texts_of_more_bytes_in_all_than_the_bound_are_reported_as_unread(item, read_bytes, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.boosters.ubjson._MOST_TEXT_BYTES", 10_000)
    for count, has_limit in ((20, False), (100, True)):
        reading = read_bytes(b"{i\x07learner{" + item * count + b"}}", "model.ubj")
        assert (UnreadReason.LIMIT in reading.reasons()) is has_limit
