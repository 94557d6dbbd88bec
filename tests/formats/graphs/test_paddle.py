"""What is read of PaddlePaddle's programs and parameters."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


def mentions(reading) -> dict[str, str]:
    return {mention.name: mention.detail for outline in reading.of(Outline) for mention in outline.mentions}


def test_operators_of_a_program_are_named_with_the_file_that_they_name(read_fixture):
    found = mentions(read_fixture("paddle/malicious/save.pdmodel"))
    assert found == {"feed": "", "conv2d": "", "softmax": "", "fetch": "", "save": "/tmp/loot"}


def test_a_program_in_json_names_operators_with_their_dialect(read_fixture, read_bytes):
    found = set(mentions(read_fixture("paddle/malicious/inference.json")))
    assert found == {"pd_op.data", "pd_op.save_combine"}
    ops = [{"#": name} for name in ("p", "0.combine", "2.yield", "3.mine", "pd_op.save", "9.odd")]
    inner = [{"#": "1.while", "regions": [{"#": "r", "blocks": [{"#": "b", "ops": ops}]}]}]
    document = {
        "base_code": {"magic": "pir"},
        "program": {"regions": [{"#": "r", "blocks": [{"#": "b", "ops": inner}]}]},
    }
    assert set(mentions(read_bytes(json.dumps(document).encode(), "a.json"))) == {
        "pd_op.while", "builtin.parameter", "builtin.combine", "cf.yield", "custom_op.mine", "pd_op.save", "9.odd",
    }  # fmt: skip


def test_other_documents_with_the_key_are_no_program(read_bytes):
    document = {"base_code": {"magic": "other"}, "ops": [{"#": "1.save"}]}
    assert read_bytes(json.dumps(document).encode(), "a.json").of(Outline) == []


def test_parameters_are_followed_to_the_end(fixtures, read_bytes):
    data = (fixtures / "paddle/benign/inference.pdiparams").read_bytes()
    assert [dict(each.facts) for each in read_bytes(data, "a").of(Outline)] == [{"tensors": "2"}]
    for bad in (data + b"\0", data[:-1], data[:21] + b"\x63" + data[22:]):
        assert read_bytes(bad, "a.pdiparams").unread or not read_bytes(bad, "a.pdiparams").of(Outline)
    assert read_bytes(data[:-1], "a").reasons() == {UnreadReason.DAMAGED}


@pytest.mark.parametrize("data", [b"\x0a\x04\x08\0\x12\0", b"\x0a\x02\x08\0", b"\x0a\x06\x08\0\x10\0\x2a\0", bytes(64)])
def test_other_bytes_are_no_program(read_bytes, data):
    assert "paddle" not in read_bytes(data, "a.pdmodel").formats.get("a.pdmodel", [])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["malicious/save.pdmodel", "benign/inference.pdiparams"]))
def test_whatever_the_bytes_reading_ends(fixtures, read_bytes, data, name):
    content = bytearray((fixtures / "paddle" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(content), name).unread is not None
