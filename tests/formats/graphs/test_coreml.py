"""What is read of Core ML's models and their weights."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason


def names(reading) -> set[tuple[str, str]]:
    return {(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions}


def test_classes_of_an_app_are_named_at_any_depth(read_fixture):
    assert names(read_fixture("coreml/malicious/custom-layer.mlmodel")) == {("custom-layer", "AcmeSwishLayer")}
    assert names(read_fixture("coreml/malicious/custom-model.mlmodel")) == {("custom-model", "AcmeModel")}


def test_operators_and_weights_of_a_program_are_named(read_fixture):
    reading = read_fixture("coreml/benign/program.mlmodel")
    assert names(reading) == {("operator", "const"), ("operator", "relu")}
    (group,) = reading.of(References)
    assert [(each.target, each.needs) for each in group.items] == [("weights/weight.bin", 128)]


def test_models_that_nest_too_deep_are_a_limit(read_fixture):
    assert read_fixture("coreml/bomb/deep.mlmodel").reasons() == {UnreadReason.LIMIT}


def test_weights_are_held_against_the_file(fixtures, read_bytes):
    data = (fixtures / "coreml/benign/weight.bin").read_bytes()
    reading = read_bytes(data, "weight.bin")
    assert reading.formats["weight.bin"] == ["coreml"]
    assert [dict(outline.facts) for outline in reading.of(Outline)] == [{"tensors": "2"}]
    more = b"\x03" + data[1:]
    assert read_bytes(more, "weight.bin").reasons() == {UnreadReason.DAMAGED}
    longer = data[:72] + b"\xff" * 8 + data[80:]
    assert read_bytes(longer, "weight.bin").reasons() == {UnreadReason.DAMAGED}


def test_a_pickle_amid_weights_is_found(fixtures, read_bytes):
    data = (fixtures / "coreml/benign/weight.bin").read_bytes()
    evil = (fixtures / "pickle/malicious/os-system.pkl").read_bytes()
    assert read_bytes(data + evil, "weight.bin").called


@pytest.mark.parametrize(
    "data", [b"\x08\x06\x12\x02\x0a\0", b"\x08\x01\x12\x04abcd", b"\x08\x06\xa2\x1f\x01", b"\x12\0"]
)
def test_other_messages_are_no_model(read_bytes, data):
    assert read_bytes(data, "a.mlmodel").formats.get("a.mlmodel", []) in ([], ["text"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["benign/program.mlmodel", "malicious/custom-layer.mlmodel", "benign/weight.bin"]))
def test_whatever_the_bytes_reading_ends(fixtures, read_bytes, data, name):
    content = bytearray((fixtures / "coreml" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(content), name).unread is not None
