"""SentencePiece models are recognised by their bytes, read to their end, and hide no pickle."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


@pytest.mark.parametrize("path", ["tokenizer.model", "spiece.model", "source.spm", "anything"])
def test_sentencepiece_model_is_recognised_under_any_name(fixtures, read_bytes, path):
    reading = read_bytes((fixtures / "sentencepiece/benign/tokenizer.model").read_bytes(), path)
    assert reading.formats[path] == ["sentencepiece"]
    assert [dict(each.facts) for each in reading.of(Outline)] == [{"pieces": "32"}]
    assert reading.unread == []


def test_pickle_in_a_sentencepiece_model_is_read(read_fixture):
    assert read_fixture("sentencepiece/malicious/pickle-within.model").evaluates


def test_sentencepiece_model_with_an_unknown_mistyped_or_incomplete_field_is_reported_as_damaged(fixtures, read_bytes):
    data = (fixtures / "sentencepiece/benign/tokenizer.model").read_bytes()
    # Field 1 as a number, field 10, and a piece without a score.
    for field in (b"\x08\x01", b"\x52\x01a", b"\x0a\x02\x0a\0"):
        reasons = read_bytes(data + field, "a.model").reasons()
        # Of the three, only the field of an unknown number is unclaimed as well.
        assert {UnreadReason.DAMAGED} <= reasons <= {UnreadReason.DAMAGED, UnreadReason.UNCLAIMED}


def build_rules(*texts: bytes) -> bytes:
    """Return rules of normalisation: a trie of one block with a leaf for each text, and the texts."""
    offsets = [sum(len(text) + 1 for text in texts[:index]) for index in range(len(texts))]
    units = [0x344, *(offset | 1 << 31 for offset in offsets)]
    trie = struct.pack(f"<{len(units)}I", *units).ljust(1024, b"\0")
    return struct.pack("<I", len(trie)) + trie + b"".join(text + b"\0" for text in texts)


def test_rules_of_normalisation_are_read_and_any_change_of_size_is_reported(read_bytes):
    data = build_rules(b"a", "é".encode(), b"ffi")
    reading = read_bytes(data, "nfkc.bin")
    assert reading.formats == {"nfkc.bin": ["sentencepiece"]}
    assert reading.unread == []
    for changed in (
        data[:-1],
        data[:-4],
        data + b"\0",
        data + b"b\0",
        struct.pack("<I", 2048) + data[4:],
        data[:-2] + b"\xff\0",
    ):
        assert read_bytes(changed, "nfkc.bin").inner.unread
    # A leaf that leads into the middle of a text, and a size that is nearly that of the file.
    assert read_bytes(data[:12] + struct.pack("<I", 1 << 31 | 3) + data[16:], "nfkc.bin").reasons() >= {
        UnreadReason.DAMAGED
    }
    assert read_bytes(struct.pack("<I", 2**32 - 1024) + data[4:], "nfkc.bin").inner.unread


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_sentencepiece_models_never_crash_the_reader(fixtures, read_bytes, data):
    content = bytearray((fixtures / "sentencepiece/benign/tokenizer.model").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    # Reading ``unread`` fails the test when a reader raised an unexpected error.
    assert read_bytes(bytes(content), "a.model").unread is not None
