"""Models of RTen: the graph and the numbers take every byte, and every index leads to a node."""

from __future__ import annotations

import struct

import pytest
from builders.payloads import EVAL_ONE
from builders.rten_models import build_model
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline

MODEL = build_model()
GRAPH_END = struct.unpack_from("<Q", MODEL, 24)[0]


def has_fault(reading) -> bool:
    """Whether the reading reports an absence or a defect."""
    assert reading.unread is not None  # fails if a reader raised an unexpected error
    return bool(reading.inner.unread or reading.kinds())


@pytest.mark.parametrize("name", ["model.rten", "data.bin"])
def test_model_is_read_to_its_end_by_its_bytes(name, read_bytes):
    reading = read_bytes(MODEL, name)
    assert reading.formats[name] == ["rten"]
    assert not has_fault(reading), reading.details
    # Those in the branches of the condition count twice, as both branches are one graph.
    assert dict(reading.of(Outline)[0].facts) == {"nodes": "10", "operators": "4"}


def test_constants_without_numbers_and_those_that_share_them_are_read(read_bytes):
    assert not has_fault(read_bytes(build_model((0, 7), numbers=b""), "model.rten"))


@pytest.mark.parametrize(
    "data",
    [
        build_model((2, 3)),
        build_model((2, 1)),
        build_model((2**31, 2**31)),
        build_model(offset=4),
        build_model(offset=2**63),
        build_model(number=145),
        build_model(inputs=(0, 6)),
        build_model(output=6),
        build_model(length=8),
        build_model(length=2**62),
        build_model(numbers=b""),
        build_model(numbers=bytes(15)),
        build_model(numbers=bytes(17)),
        # A text where the numbers of the constant end.
        build_model(numbers=bytes(16) + b"x"),
    ],
)
def test_contradiction_is_damage(data, read_bytes):
    assert has_fault(read_bytes(data, "model.rten"))


def test_every_cut_and_every_appended_byte_is_reported(read_bytes):
    for end in {*range(9, 64), *range(64, GRAPH_END, 29), *range(GRAPH_END, len(MODEL))}:
        assert has_fault(read_bytes(MODEL[:end], "model.rten")), end
    for tail in (b"\0", bytes(4096), b"\xff", b"text", MODEL, EVAL_ONE):
        assert has_fault(read_bytes(MODEL + tail, "model.rten")), tail[:9]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_bytes_never_crash_the_reader(read_bytes, data):
    file = bytearray(MODEL)
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(8, len(file) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(file), "model.rten").unread is not None


@settings(max_examples=100, deadline=None)
@given(st.integers(8, 31), st.integers(1, 255))
def test_changed_header_is_never_silent(read_bytes, offset, change):
    file = bytearray(MODEL)
    file[offset] ^= change
    assert has_fault(read_bytes(bytes(file), "model.rten"))


def test_pickle_behind_the_numbers_is_read(read_bytes):
    assert read_bytes(MODEL + EVAL_ONE, "model.rten").evaluates


def test_text_about_the_model_is_read_as_metadata(read_bytes):
    call = "__import__('os').system('true')"
    mentions = [
        each
        for outline in read_bytes(build_model(description=call), "model.rten").of(Outline)
        for each in outline.mentions
    ]
    assert any(each.name == "os.system" for each in mentions), mentions
