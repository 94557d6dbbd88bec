"""Tables of words with a few control characters: each is a character of a word, and other files keep the absence."""

from __future__ import annotations

import pytest

import modelaudit
from modelaudit.model.structure import UnreadReason

_WORDS = b"".join(b"word%d\tNN\n" % number for number in range(2000))
_AT_THE_HEAD = b"wo\x08rd\tNN\n" + _WORDS
_BEHIND_THE_HEAD = _WORDS + b"wo\x08rd\tNN\nlast\tNN\n"
_INSIDE = (_AT_THE_HEAD, _BEHIND_THE_HEAD)


@pytest.mark.parametrize("data", _INSIDE)
@pytest.mark.parametrize("name", ["table.csv", "words.txt", "jiagu.dict"])
def test_table_with_a_control_character_is_read_to_its_end(read_bytes, name, data):
    reading = read_bytes(data, name)
    assert not reading.reasons()
    assert set(reading.formats) == {name, f"{name}!{name}"}


_BYTES = b"".join(b"%d\t%c\t-1\n" % (number, number) for number in range(32) if number not in (10, 13))


@pytest.mark.parametrize("data", [_BYTES + _WORDS, _WORDS + _BYTES])
@pytest.mark.parametrize("name", ["tokenizer.pt", "tokenizer.model", "words.txt"])
def test_vocabulary_with_each_control_character_in_its_own_column_is_read_to_its_end(read_bytes, name, data):
    assert not read_bytes(data, name).reasons()


@pytest.mark.parametrize("name", ["tokenizer.pt", "words.txt"])
def test_pickle_in_a_vocabulary_of_bytes_is_read(read_bytes, name):
    pickle = b"cbuiltins\neval\n(V1\ntR."
    assert read_bytes(_BYTES + pickle + b"\n" + _WORDS, name).evaluates
    assert read_bytes(pickle + b"\n" + _BYTES + _WORDS, name).evaluates


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *[(name, _BYTES + _WORDS) for name in ("requirements-dev.txt", "run.sh", "model.json", "setup.py")],
        ("tokenizer.pt", _WORDS + b"1\t\0\0\t-1\n"),
        ("tokenizer.pt", _WORDS + b"1\t\0a\t-1\n"),
        ("tokenizer.pt", _WORDS + _BYTES * 3),
        *[(name, data) for name in ("requirements-dev.txt", "run.sh", "model.json", "weights.bin") for data in _INSIDE],
        ("words.txt", _WORDS + b"wo\0rd\n"),
        ("words.txt", _WORDS + b"\x01\x02\x03" * 10),
        ("words.txt", _WORDS + b"wo\x08rd \xff\xfe\n"),
    ],
)
def test_other_file_with_control_characters_is_not_read_to_its_end(read_bytes, name, data):
    assert UnreadReason.DAMAGED in read_bytes(data, name).reasons()


@pytest.mark.parametrize("place", [0, 4096 * 4])
def test_command_in_a_table_is_found_behind_a_control_character(tmp_path, place):
    words = _WORDS * 2
    hostile = b"\nx\x08\n{{ ''.__class__.__mro__[1].__subclasses__() }}\n"
    (tmp_path / "words.txt").write_bytes(words[:place] + hostile + words[place:])
    report = modelaudit.scan(tmp_path, checks=["security"], offline=True, second_opinion=False)
    (tmp_path / "words.txt").write_bytes(words[:place] + hostile.replace(b"\x08", b"") + words[place:])
    plain = modelaudit.scan(tmp_path, checks=["security"], offline=True, second_opinion=False)
    assert {each.rule for each in report.findings} == {each.rule for each in plain.findings}
    assert report.exit_code == plain.exit_code
