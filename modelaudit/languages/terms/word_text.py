"""Take the text out of old Office files (``.doc``, ``.xls``, ``.ppt``), as far as it lies in the file as plain runs.

Source: [MS-CFB] section 2.2 for the magic number; [MS-DOC] section 2.4.1: the pieces of a text are UTF-16 or Windows
code page 1252, uncompressed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

OFFICE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WIDE_RUN: Final = defer_pattern(rb"(?:[\t\r\n\x20-\x7e\xa0-\xff]\x00){16,}")
_NARROW_RUN: Final = defer_pattern(rb"[\t\r\n\x20-\x7e\xa0-\xff]{16,}")


def iter_office_texts(data: bytes) -> Iterator[str]:
    """Yield the runs of at least 16 characters in the bytes of a compound file."""
    for run in _WIDE_RUN.finditer(data):
        yield run[0].decode("utf-16-le").replace("\r", "\n")
    for run in _NARROW_RUN.finditer(data):
        yield run[0].decode("cp1252", "replace").replace("\r", "\n")
