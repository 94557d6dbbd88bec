"""The words of navec: as many lines as counts, each read as text. Vectors are among the plain data."""

from __future__ import annotations

import struct

import pytest
from builders.plain_tables import build_counted_words

import modelaudit
from modelaudit.model.structure import UnreadReason

_WORDS = [f"word{number}".encode() for number in range(150)]


def test_words_behind_their_counts_are_read_as_text(read_bytes):
    reading = read_bytes(bytes(build_counted_words(*_WORDS).data), "content")
    assert not reading.reasons()
    assert reading.formats == {"content": ["navec"], "content!words": ["text"]}


@pytest.mark.parametrize("count", [149, 151, 100, 2**31])
def test_other_number_of_words_is_reported(read_bytes, count):
    reading = read_bytes(bytes(build_counted_words(*_WORDS).forge(0, "I", count)), "content")
    assert reading.inner.unread


@pytest.mark.parametrize("last", [b"\0", b"\xff\xfe", b"a\nb", b"\x80\x04cos\nsystem\n."])
def test_bytes_that_are_no_word_are_reported(read_bytes, last):
    reading = read_bytes(bytes(build_counted_words(*_WORDS, last).data), "content")
    assert UnreadReason.DAMAGED in reading.reasons()


def test_words_are_judged_as_text(tmp_path):
    words = [*_WORDS, b"{{ ''.__class__.__mro__[1].__subclasses__() }}"]
    (tmp_path / "vocab.bin").write_bytes(bytes(build_counted_words(*words).data))
    report = modelaudit.scan(tmp_path, checks=["security"], offline=True, second_opinion=False)
    (tmp_path / "vocab.bin").unlink()
    (tmp_path / "words").write_bytes(b"\n".join(words))
    plain = modelaudit.scan(tmp_path, checks=["security"], offline=True, second_opinion=False)
    assert {each.rule for each in report.findings} == {each.rule for each in plain.findings}


def test_line_feeds_behind_a_number_are_no_words(read_bytes):
    # Safetensors begins with the length of its header too, and its tensors may be any bytes.
    reading = read_bytes(struct.pack("<I", 120) + bytes(480) + b"\n" * 400, "content")
    assert "navec" not in reading.formats.get("content", [])
