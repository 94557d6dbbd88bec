"""Test the readers of Core ML models and weight files."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason


def list_mentions(reading) -> set[tuple[str, str]]:
    return {(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions}


def test_custom_layers_and_models_are_mentioned(read_fixture):
    assert list_mentions(read_fixture("coreml/malicious/custom-layer.mlmodel")) == {("custom-layer", "AcmeSwishLayer")}
    assert list_mentions(read_fixture("coreml/malicious/custom-model.mlmodel")) == {("custom-model", "AcmeModel")}


def test_program_operators_are_mentioned_and_weights_referenced(read_fixture):
    reading = read_fixture("coreml/benign/program.mlmodel")
    assert list_mentions(reading) == {("operator", "const"), ("operator", "relu")}
    (group,) = reading.of(References)
    assert [(each.target, each.needs) for each in group.items] == [("weights/weight.bin", 128)]


def test_too_deeply_nested_model_is_reported_as_limit(read_fixture):
    assert read_fixture("coreml/bomb/deep.mlmodel").reasons() == {UnreadReason.LIMIT}


def test_weight_entries_outside_the_file_are_damage(fixtures, read_bytes):
    data = (fixtures / "coreml/benign/weight.bin").read_bytes()
    reading = read_bytes(data, "weight.bin")
    assert reading.formats["weight.bin"] == ["coreml"]
    assert [dict(outline.facts) for outline in reading.of(Outline)] == [{"tensors": "2"}]
    more = b"\x03" + data[1:]
    assert read_bytes(more, "weight.bin").reasons() == {UnreadReason.DAMAGED}
    longer = data[:72] + b"\xff" * 8 + data[80:]
    assert read_bytes(longer, "weight.bin").reasons() == {UnreadReason.DAMAGED}


def test_pickle_after_weights_is_found(fixtures, read_bytes):
    data = (fixtures / "coreml/benign/weight.bin").read_bytes()
    evil = (fixtures / "pickle/malicious/os-system.pkl").read_bytes()
    assert read_bytes(data + evil, "weight.bin").called


@pytest.mark.parametrize(
    "data", [b"\x08\x06\x12\x02\x0a\0", b"\x08\x01\x12\x04abcd", b"\x08\x06\xa2\x1f\x01", b"\x12\0"]
)
def test_other_messages_are_not_recognised(read_bytes, data):
    assert read_bytes(data, "a.mlmodel").formats.get("a.mlmodel", []) in ([], ["text"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["benign/program.mlmodel", "malicious/custom-layer.mlmodel", "benign/weight.bin"]))
def test_mutated_file_is_read_without_error(fixtures, read_bytes, data, name):
    content = bytearray((fixtures / "coreml" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(content), name).unread is not None
