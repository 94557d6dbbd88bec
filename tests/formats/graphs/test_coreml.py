"""Test the readers of Core ML models and weight files."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline, References
from modelaudit.model.structure import UnreadReason


def list_mentions(reading) -> set[tuple[str, str]]:
    """Return the use and name of each mention."""
    return {(mention.use, mention.name) for outline in reading.of(Outline) for mention in outline.mentions}


def test_custom_layer_or_model_of_a_coreml_file_is_mentioned_by_its_class(read_fixture):
    assert list_mentions(read_fixture("coreml/malicious/custom-layer.mlmodel")) == {("custom-layer", "AcmeSwishLayer")}
    assert list_mentions(read_fixture("coreml/malicious/custom-model.mlmodel")) == {("custom-model", "AcmeModel")}


def test_coreml_program_mentions_its_operators_and_references_its_weight_file(read_fixture):
    reading = read_fixture("coreml/benign/program.mlmodel")
    assert list_mentions(reading) == {("operator", "const"), ("operator", "relu")}
    (group,) = reading.of(References)
    assert [(each.target, each.min_size) for each in group.items] == [("weights/weight.bin", 128)]


@pytest.mark.parametrize(
    ("path", "bound", "is_limit_reached"),
    [
        ("benign/program.mlmodel", 2, False),  # two operators
        ("benign/program.mlmodel", 1, True),
        ("malicious/custom-layer.mlmodel", 0, True),
        ("malicious/linked-outside.mlmodel", 1, False),
        ("malicious/linked-outside.mlmodel", 0, True),
    ],
)
def test_names_in_a_coreml_model_over_the_bound_are_reported_as_unread(
    path, bound, is_limit_reached, read_fixture, monkeypatch
):
    monkeypatch.setattr("modelaudit.formats.graphs.coreml.reader._MOST_NAMES", bound)
    assert (UnreadReason.LIMIT in read_fixture(f"coreml/{path}").reasons()) == is_limit_reached


def test_too_deeply_nested_coreml_model_is_reported_as_unread(read_fixture):
    assert read_fixture("coreml/bomb/deep.mlmodel").reasons() == {UnreadReason.LIMIT, UnreadReason.UNCLAIMED}


def test_coreml_weight_file_is_reported_as_damaged_if_an_entry_lies_outside_it(fixtures, read_bytes):
    data = (fixtures / "coreml/benign/weight.bin").read_bytes()
    reading = read_bytes(data, "weight.bin")
    assert reading.formats["weight.bin"] == ["coreml"]
    assert [dict(outline.facts) for outline in reading.of(Outline)] == [{"tensors": "2"}]
    # The file begins with the number of its tensors, two.
    with_third_tensor_counted = b"\x03" + data[1:]
    assert read_bytes(with_third_tensor_counted, "weight.bin").reasons() == {UnreadReason.DAMAGED}
    # The size of the first tensor is at byte 8 of its entry, which begins at byte 64.
    with_huge_tensor = data[:72] + b"\xff" * 8 + data[80:]
    assert read_bytes(with_huge_tensor, "weight.bin").reasons() == {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


def test_pickle_after_the_weights_of_a_coreml_file_is_read(fixtures, read_bytes):
    data = (fixtures / "coreml/benign/weight.bin").read_bytes()
    evil = (fixtures / "pickle/malicious/os-system.pkl").read_bytes()
    assert read_bytes(data + evil, "weight.bin").called


@pytest.mark.parametrize(
    "data",
    [
        b"\x08\x06\x12\x02\x0a\0",  # a version and a description, but no model
        b"\x08\x01\x12\x04abcd",  # the same with another description
        b"\x08\x06\xa2\x1f\x01",  # a network (500) that breaks off
        b"\x12\0",  # a description alone
    ],
)
def test_messages_without_version_or_model_are_not_recognised_as_coreml(read_bytes, data):
    assert "coreml" not in read_bytes(data, "a.mlmodel").formats.get("a.mlmodel", [])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["benign/program.mlmodel", "malicious/custom-layer.mlmodel", "benign/weight.bin"]))
def test_mutated_coreml_file_is_read_without_an_error(fixtures, read_bytes, data, name):
    content = bytearray((fixtures / "coreml" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    # Reading ``unread`` fails the test when a reader raised an unexpected error.
    assert read_bytes(bytes(content), name).unread is not None
