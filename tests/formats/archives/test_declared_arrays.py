"""Arrays that ``model.json`` of a tar archive declares: a member of the exact size is numbers, and no other is."""

from __future__ import annotations

import json

import pytest
from builders.payloads import EVAL_ONE
from builders.tar_archives import END, build_tar_member
from hypothesis import given, settings
from hypothesis import strategies as st

_ARRAYS = {
    "weight": {"shape": [6, 5], "dtype": "float32", "array": 0},
    "bias": [{"shape": [7], "dtype": "uint8", "array": 1}],
}
_DOCUMENT = json.dumps(_ARRAYS).encode()
_NUMBERS = bytes(range(0x81, 0x81 + 120))


def build_archive(*members: tuple[str, bytes], document: bytes = _DOCUMENT) -> bytes:
    """Return a tar archive with the document and further members."""
    parts = [("model.json", document), *members]
    return b"".join(build_tar_member(name.encode(), data) for name, data in parts) + END


def list_unread(reading) -> list[str]:
    """Return the members with an absence."""
    return [path.rpartition("!")[2] for path, _ in reading.inner.unread]


def test_members_of_the_declared_size_are_numbers(read_bytes):
    reading = read_bytes(build_archive(("arrays/0.bin", _NUMBERS), ("arrays/1.bin", _NUMBERS[:7])), "ner.tar")
    assert list_unread(reading) == []
    assert reading.formats["ner.tar!arrays/0.bin"] == ["tensor-storage"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400).filter(lambda size: size != 120))
def test_member_of_another_size_is_not_examined(read_bytes, size):
    data = (_NUMBERS * 4)[:size]
    expected = ["arrays/0.bin"] if size else []
    assert list_unread(read_bytes(build_archive(("arrays/0.bin", data)), "ner.tar")) == expected


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"{",
        _DOCUMENT.replace(b"float32", b"object"),
        _DOCUMENT.replace(b"[6, 5]", b"[6, true]"),
        _DOCUMENT.replace(b"[6, 5]", b"[-6, -5]"),
        _DOCUMENT.replace(b"[6, 5]", b"30"),
        _DOCUMENT.replace(b'"array": 0', b'"array": "0"'),
        _DOCUMENT.replace(b'"array": 0', b'"array": 3'),
        b"[" * 100_000,
    ],
)
def test_document_that_declares_no_such_array_accounts_for_nothing(read_bytes, document):
    reading = read_bytes(build_archive(("arrays/0.bin", _NUMBERS), document=document), "ner.tar")
    assert "arrays/0.bin" in list_unread(reading)


def test_second_document_accounts_for_nothing(read_bytes):
    data = build_archive(("model.json", _DOCUMENT), ("arrays/0.bin", _NUMBERS))
    assert "arrays/0.bin" in list_unread(read_bytes(data, "ner.tar"))


@pytest.mark.parametrize("data", [b"\x80\x04" + EVAL_ONE, EVAL_ONE, b"\x93NUMPY" + bytes(90)])
def test_member_that_begins_like_another_format_is_read_as_it(read_bytes, data):
    document = json.dumps({"shape": [len(data)], "dtype": "uint8", "array": 0}).encode()
    declared = read_bytes(build_archive(("arrays/0.bin", data), document=document), "ner.tar")
    other = read_bytes(build_archive(("arrays/0.bin", data), document=b"[]"), "ner.tar")
    assert declared.formats["ner.tar!arrays/0.bin"] == other.formats["ner.tar!arrays/0.bin"] != []
