"""Test the readers of XGBoost, LightGBM and CatBoost models."""

from __future__ import annotations

import json
import struct

import pytest
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

from modelaudit.model.outline import Outline
from modelaudit.model.structure import Document, UnreadReason

WRITERS = [(lambda model: json.dumps(model).encode(), "model.json"), (encode_ubjson, "model.ubj")]
WHOLE = [
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
        (build_xgboost_learner((3, -1, -1)), "tree-invalid"),
        (build_xgboost_learner((-2, -1, -1)), "tree-invalid"),
        (build_xgboost_learner((0, -1, -1)), "tree-invalid"),
        (build_xgboost_learner((1, -1, -1), (1, -1, -1)), "tree-invalid"),
        (build_xgboost_learner(nodes=2), "tree-size"),
        (build_xgboost_learner(trees=2), "tree-size"),
        (build_xgboost_learner((1, -1), (-1, -1), nodes=2), "tree-size"),
        (build_xgboost_learner(features=-1), "number-absurd"),
        (build_xgboost_learner(features=1 << 31), "number-absurd"),
    ],
)
def test_trees_are_compared_with_their_stated_counts(write, name, model, kind, read_bytes):
    assert read_bytes(write(model), name).kinds() == ({kind} if kind else set())


def test_split_by_missing_feature_is_a_defect(read_bytes):
    model = build_xgboost_learner()
    model["learner"]["gradient_booster"]["model"]["trees"][0]["split_indices"] = [4, 0, 0]
    assert read_bytes(json.dumps(model).encode(), "m.json").kinds() == {"tree-invalid"}


def test_json_model_is_also_read_as_json(read_bytes):
    reading = read_bytes(
        json.dumps({**build_xgboost_learner(), "auto_map": {"AutoModel": "a.B"}}).encode(), "config.json"
    )
    assert [document.format for document in reading.of(Document)] == ["json"]
    assert UnreadReason.PROGRAM in reading.reasons() or reading.of(Outline)
    assert "auto_map" in reading.of(Document)[0].keys


@pytest.mark.parametrize("marker", [b"i", b"U", b"I", b"l", b"L"])
def test_length_of_every_width_is_decoded(marker, read_bytes):
    length = struct.pack({b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}[marker], 3)
    reading = read_bytes(b"{" + marker + length + b"abcZ}")
    assert (list(reading.formats.values()), reading.unread) == ([["ubjson"]], [])


@pytest.mark.parametrize(
    "value", [b"[$l#L" + struct.pack(">q", -1), b"[$l", b"[#S", b"$", b"S" + b"L" + struct.pack(">q", 1 << 62)]
)
def test_invalid_value_is_damage(value, read_bytes):
    assert read_bytes(b"{L" + struct.pack(">q", 1) + b"a" + value).reasons() <= {UnreadReason.DAMAGED}


def test_unchecked_list_of_numbers_is_skipped(bytes_window, read_bytes):
    data = b"{L" + struct.pack(">q", 1) + b"a[$d#L" + struct.pack(">q", 1 << 20) + bytes(4 << 20) + b"}"
    assert read_bytes(data).unread == []


@pytest.mark.parametrize("whole", [build_xgboost_binary(), build_xgboost_binary()[4:]])
def test_binary_model_is_read_to_its_end(whole, read_bytes):
    reading = read_bytes(whole)
    assert (list(reading.formats.values()), reading.unread, reading.kinds()) == ([["xgboost-binary"]], [], set())
    assert ["pickle"] in read_bytes(whole + b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.").formats.values()


@pytest.mark.parametrize(
    ("data", "kind"),
    [(build_xgboost_binary((5, -1, -1)), "tree-invalid"), (build_xgboost_binary(feature=4), "tree-invalid")],
)
def test_invalid_node_of_binary_model_is_a_defect(data, kind, read_bytes):
    assert read_bytes(data).kinds() == {kind}


@check_each(
    "text, kinds",
    [
        (build_lightgbm(), set()),
        (build_lightgbm().replace("\n", "\r\n"), set()),
        (build_lightgbm(extra=1), {"tree-size"}),
        (build_lightgbm("5"), {"tree-invalid", "tree-size"} - {"tree-size"}),
        (build_lightgbm("-1 -2", 3), {"tree-size"}),
        (build_lightgbm().replace("split_feature=1", "split_feature=9"), {"tree-invalid"}),
        (build_lightgbm(classes=1 << 40), {"number-absurd"}),
    ],
)
def test_lightgbm_trees_are_compared_with_their_stated_sizes(text, kinds, read_bytes):
    assert read_bytes(text.encode(), "model.txt").kinds() - {"tree-size" if "tree-size" not in kinds else ""} == kinds


def test_lightgbm_text_named_yaml_is_read_as_yaml(read_bytes):
    assert ["yaml"] in read_bytes(build_lightgbm().encode(), "model.yaml").formats.values()


@pytest.mark.parametrize("size", [2, -1, 1 << 30])
def test_catboost_tree_with_splits_out_of_range_is_a_defect(size, read_bytes):
    assert read_bytes(build_catboost(size)).kinds() == {"tree-invalid"}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_mutated_model_is_parsed_or_reported_as_unread(read_bytes, whole, data):
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    reading = read_bytes(bytes(changed[: data.draw(st.integers(20, len(changed)))]), "model")
    assert reading.reasons() <= {UnreadReason.DAMAGED, UnreadReason.LIMIT}


def test_json_model_is_recognised_as_xgboost(read_bytes):
    assert ["xgboost"] in read_bytes(json.dumps(build_xgboost_learner()).encode(), "model.json").formats.values()
