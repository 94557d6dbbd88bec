"""Test the readers of PaddlePaddle programs and parameter files."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def get_operator_details(reading) -> dict[str, str]:
    """Return the detail of each mentioned operator, by its name."""
    return {mention.name: mention.detail for outline in reading.of(Outline) for mention in outline.mentions}


def test_operator_of_a_paddle_program_is_mentioned_with_the_file_that_it_writes(read_fixture):
    operators = get_operator_details(read_fixture("paddle/malicious/save.pdmodel"))
    assert operators == {"feed": "", "conv2d": "", "softmax": "", "fetch": "", "save": "/tmp/loot"}


def test_paddle_json_operator_is_mentioned_with_its_dialect_name_or_an_unknown_dialect_number(read_fixture, read_bytes):
    operators = set(get_operator_details(read_fixture("paddle/malicious/inference.json")))
    assert operators == {"pd_op.data", "pd_op.save_combine"}
    # A loop whose body has one operator of each dialect, one with a full name, and one of an unknown dialect. A number
    # before the dot stands for the dialect, and "p" for a parameter.
    body = [{"#": name} for name in ("p", "0.combine", "2.yield", "3.mine", "pd_op.save", "9.odd")]
    loop = [{"#": "1.while", "regions": [{"#": "r", "blocks": [{"#": "b", "ops": body}]}]}]
    document = {
        "base_code": {"magic": "pir"},
        "program": {"regions": [{"#": "r", "blocks": [{"#": "b", "ops": loop}]}]},
    }
    assert set(get_operator_details(read_bytes(json.dumps(document).encode(), "a.json"))) == {
        "pd_op.while", "builtin.parameter", "builtin.combine", "cf.yield", "custom_op.mine", "pd_op.save", "9.odd",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "bound", "names"),
    [
        ("save.pdmodel", 4, {"feed", "conv2d", "softmax", "fetch"}),
        ("save.pdmodel", 5, {"feed", "conv2d", "softmax", "fetch", "save"}),
        ("inference.json", 1, {"pd_op.data"}),
        ("inference.json", 2, {"pd_op.data", "pd_op.save_combine"}),
    ],
)
def test_types_of_paddle_operators_over_the_bound_are_reported_as_unread(path, bound, names, read_fixture, monkeypatch):
    monkeypatch.setattr("modelaudit.formats.graphs.paddle.reader._MOST_TYPES", bound)
    reading = read_fixture(f"paddle/malicious/{path}")
    has_all = not {"save", "pd_op.save_combine"}.isdisjoint(names)
    assert set(get_operator_details(reading)) == names
    assert (UnreadReason.LIMIT in reading.reasons()) == (not has_all)


def test_json_with_another_magic_value_is_not_read_as_a_paddle_program(read_bytes):
    document = {"base_code": {"magic": "other"}, "ops": [{"#": "1.save"}]}
    assert read_bytes(json.dumps(document).encode(), "a.json").of(Outline) == []


def test_paddle_parameter_file_states_the_number_of_its_tensors(fixtures, read_bytes):
    reading = read_bytes((fixtures / "paddle/benign/inference.pdiparams").read_bytes(), "a")
    assert [dict(each.facts) for each in reading.of(Outline)] == [{"tensors": "2"}]
    assert reading.unread == []


@pytest.mark.parametrize("path", ["a.pdiparams", "a"])
def test_paddle_parameter_file_with_an_additional_or_a_missing_byte_is_reported_as_damaged(path, fixtures, read_bytes):
    data = (fixtures / "paddle/benign/inference.pdiparams").read_bytes()
    for damaged, detail in (
        (data + b"\0", "a tensor has an unknown version or too many levels"),
        (data[:-1], "a tensor of type 5 and shape [4] does not end within the file"),
    ):
        reading = read_bytes(damaged, path)
        assert reading.formats[path] == ["paddle"]
        assert reading.reasons() == {UnreadReason.DAMAGED}
        assert reading.details == [detail]


@pytest.mark.parametrize("path", ["a.pdiparams", "a"])
def test_paddle_parameter_file_whose_first_tensor_has_an_unknown_type_is_not_recognised(path, fixtures, read_bytes):
    data = (fixtures / "paddle/benign/inference.pdiparams").read_bytes()
    # Byte 21 is the element type in the description of the first tensor.
    reading = read_bytes(data[:21] + b"\x63" + data[22:], path)
    assert reading.formats[path] == []
    assert reading.details == ["no reader for bytes of an unknown format"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x04\x08\0\x12\0",  # the parent of the block is a text
        b"\x0a\x02\x08\0",  # the block has no parent
        b"\x0a\x06\x08\0\x10\0\x2a\0",  # the third field of the block is a text in place of a number
        bytes(64),
    ],
)
def test_bytes_without_the_structure_of_a_program_are_not_recognised_as_paddle(read_bytes, data):
    assert "paddle" not in read_bytes(data, "a.pdmodel").formats.get("a.pdmodel", [])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["malicious/save.pdmodel", "benign/inference.pdiparams"]))
def test_mutated_paddle_file_is_read_without_an_error(fixtures, read_bytes, data, name):
    content = bytearray((fixtures / "paddle" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    # Reading ``unread`` fails the test when a reader raised an unexpected error.
    assert read_bytes(bytes(content), name).unread is not None
