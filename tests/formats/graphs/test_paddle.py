"""Test the readers of PaddlePaddle programs and parameter files."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def list_operators(reading) -> dict[str, str]:
    return {mention.name: mention.detail for outline in reading.of(Outline) for mention in outline.mentions}


def test_program_operators_are_mentioned_with_their_file(read_fixture):
    found = list_operators(read_fixture("paddle/malicious/save.pdmodel"))
    assert found == {"feed": "", "conv2d": "", "softmax": "", "fetch": "", "save": "/tmp/loot"}


def test_json_program_operators_are_mentioned_with_dialect(read_fixture, read_bytes):
    found = set(list_operators(read_fixture("paddle/malicious/inference.json")))
    assert found == {"pd_op.data", "pd_op.save_combine"}
    ops = [{"#": name} for name in ("p", "0.combine", "2.yield", "3.mine", "pd_op.save", "9.odd")]
    inner = [{"#": "1.while", "regions": [{"#": "r", "blocks": [{"#": "b", "ops": ops}]}]}]
    document = {
        "base_code": {"magic": "pir"},
        "program": {"regions": [{"#": "r", "blocks": [{"#": "b", "ops": inner}]}]},
    }
    assert set(list_operators(read_bytes(json.dumps(document).encode(), "a.json"))) == {
        "pd_op.while", "builtin.parameter", "builtin.combine", "cf.yield", "custom_op.mine", "pd_op.save", "9.odd",
    }  # fmt: skip


def test_json_with_other_magic_is_not_a_program(read_bytes):
    document = {"base_code": {"magic": "other"}, "ops": [{"#": "1.save"}]}
    assert read_bytes(json.dumps(document).encode(), "a.json").of(Outline) == []


def test_all_parameters_are_counted(fixtures, read_bytes):
    data = (fixtures / "paddle/benign/inference.pdiparams").read_bytes()
    assert [dict(each.facts) for each in read_bytes(data, "a").of(Outline)] == [{"tensors": "2"}]
    for bad in (data + b"\0", data[:-1], data[:21] + b"\x63" + data[22:]):
        assert read_bytes(bad, "a.pdiparams").unread or not read_bytes(bad, "a.pdiparams").of(Outline)
    assert read_bytes(data[:-1], "a").reasons() == {UnreadReason.DAMAGED}


@pytest.mark.parametrize("data", [b"\x0a\x04\x08\0\x12\0", b"\x0a\x02\x08\0", b"\x0a\x06\x08\0\x10\0\x2a\0", bytes(64)])
def test_other_bytes_are_not_recognised(read_bytes, data):
    assert "paddle" not in read_bytes(data, "a.pdmodel").formats.get("a.pdmodel", [])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["malicious/save.pdmodel", "benign/inference.pdiparams"]))
def test_mutated_file_is_read_without_error(fixtures, read_bytes, data, name):
    content = bytearray((fixtures / "paddle" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(content), name).unread is not None
