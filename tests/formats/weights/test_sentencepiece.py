"""Models of SentencePiece are told by their bytes, followed to their end, and hide no pickle."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason


@pytest.mark.parametrize("path", ["tokenizer.model", "spiece.model", "source.spm", "anything"])
def test_a_model_is_told_by_its_bytes(fixtures, read_bytes, path):
    reading = read_bytes((fixtures / "sentencepiece/benign/tokenizer.model").read_bytes(), path)
    assert reading.formats[path] == ["sentencepiece"]
    assert [dict(each.facts) for each in reading.of(Outline)] == [{"pieces": "32"}]
    assert reading.unread == []


def test_a_pickle_within_is_read(read_fixture):
    assert read_fixture("sentencepiece/malicious/pickle-within.model").evaluates


def test_what_is_none_of_its_fields_is_damage(fixtures, read_bytes):
    data = (fixtures / "sentencepiece/benign/tokenizer.model").read_bytes()
    for rest in (b"\x08\x01", b"\x52\x01a", b"\x0a\x02\x0a\0"):
        assert read_bytes(data + rest, "a.model").reasons() == {UnreadReason.DAMAGED}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_the_bytes_reading_ends(fixtures, read_bytes, data):
    content = bytearray((fixtures / "sentencepiece/benign/tokenizer.model").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert read_bytes(bytes(content), "a.model").unread is not None
