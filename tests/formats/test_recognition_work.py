"""Recognising a format takes work in proportion to the bytes at the head of a file, whatever they repeat."""

from __future__ import annotations

import pytest
from support.reading import BytesWindow
from support.work import MOST_GROWTH, count_work

from modelaudit.formats.registry import READERS
from modelaudit.wire.base import HEAD_BYTES, Head

_UNITS = (
    b"a: b\r\n", b"a: b\n", b"a:\r\n b\r\n", b"a=b\n", b"# x\n", b"#!x\n", b"<!-- -->", b"<a b='c'>", b"{% x %}\n",
    b"{\n", b"[[", b"(", b'"a":', b"a,b\r\n", b"% x\n", b"// x\r\n", b"/* */", b"-- x\n", b" \t\r\n", b"1\r\n", b"\\\r\n",
    b"tree\n", b"a=\n", b"version ", b"\0", b"\xff\xd8", b"PK\x03\x04", b"\x80\x04", b"a.b.c ", b"aaaa", b"Aa-", b"$(",
)  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.format)
def test_work_of_recognition_grows_in_proportion_to_a_repetitive_head(reader):
    for unit in _UNITS:
        works = []
        for size in (HEAD_BYTES // 2, HEAD_BYTES):
            data = (unit * size)[:size]
            head = Head("a", None, data, BytesWindow(data))
            works.append(count_work(lambda head=head: reader.recognises(head)))
        small, large = works
        assert large <= MOST_GROWTH * small + 20_000, f"{unit!r}: {small} steps for half, {large} for the whole"
