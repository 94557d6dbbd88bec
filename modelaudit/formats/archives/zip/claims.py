"""Claim the bytes of ZIP records, except for content of extra fields and comments that no loader of archives uses.

Section numbers refer to PKWARE APPNOTE.TXT 6.3.10, and ``extrafld.txt`` to the list of extra fields of Info-ZIP.
"""

from __future__ import annotations

import struct
from typing import Final

from modelaudit.formats.archives.zip.records import LOCAL_SIZE, LocalHeader
from modelaudit.model.artifact import Window
from modelaudit.wire.ledger import claim_parsed, claim_text

_HEADER_BYTES: Final = 4  # of an extra field: its number and the length of its content (section 4.5.1)

_KNOWN_EXTRA: Final = {
    0x0001: 28,  # ZIP64: two sizes, an offset and the number of a disk (section 4.5.3)
    0x000A: 32,  # times of NTFS (section 4.5.5)
    0x5455: 13,  # times of Unix; this and the next three: extrafld.txt
    0x5855: 12,  # times and owner of Unix, the old form
    0x7855: 4,  # owner of Unix, 16 bits each
    0x7875: 11,  # owner of Unix, of any width
    0x9901: 7,  # parameters of AES (section 7 of the AE-x specification of WinZip)
    0xCAFE: 0,  # the mark of a JAR file
}
"""For the number of an extra field, the most bytes that its content takes; zero bytes behind them are padding."""

_TEXT_EXTRA: Final = {
    0x6375: 5,  # comment in Unicode (section 4.6.8)
    0x7075: 5,  # name in Unicode (section 4.6.9)
}
"""For the number of an extra field that holds text, the bytes before the text: a version and a CRC-32."""

_PADDING_EXTRA: Final = {
    0x4246: 0,  # "FB", with which torch aligns storages (``caffe2/serialize/inline_container.cc``)
    0xD935: 2,  # the alignment of Android (zipalign), then zero bytes
}
"""For the number of an extra field that aligns data, the bytes before the padding, which is a run of equal bytes."""


def claim_entry(window: Window, offset: int, record: bytes, name_end: int, extra_end: int) -> None:
    """Claim a directory entry: its fields and name, its extra fields, and its comment if that is text.

    Args:
        window: the archive.
        offset: offset of the entry in it.
        record: the bytes of the entry.
        name_end: the index in ``record`` of the byte after the name.
        extra_end: the index in ``record`` of the byte after the extra fields; the comment follows.
    """
    claim_parsed(window, offset, offset + name_end)
    claim_extra_fields(window, offset + name_end, record[name_end:extra_end])
    claim_text(window, offset + extra_end, record[extra_end:])


def claim_local_header(window: Window, header: LocalHeader) -> None:
    """Claim a local header: its fields and name, and its extra fields.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    name_end = header.offset + LOCAL_SIZE + len(header.raw_name)
    claim_parsed(window, header.offset, name_end)
    if name_end < header.data_start:
        claim_extra_fields(window, name_end, window.read(name_end, header.data_start - name_end))


def claim_extra_fields(window: Window, offset: int, extra: bytes) -> None:
    """Claim the known ones among the extra fields ``extra``, which lie at ``offset``; each number once."""
    position = 0
    seen: set[int] = set()
    while position + _HEADER_BYTES <= len(extra):
        number, length = struct.unpack_from("<HH", extra, position)
        start = position + _HEADER_BYTES
        end = start + length
        # A loader uses the first field of a number.
        if number not in seen and end <= len(extra):
            seen.add(number)
            _claim_extra_field(window, offset, extra, number, (start, end))
        position = end


def _claim_extra_field(window: Window, offset: int, extra: bytes, number: int, content: tuple[int, int]) -> None:
    """Claim the extra field ``number`` with its content at the indices ``content`` of ``extra``, if it is known."""
    start, end = content
    if number in _KNOWN_EXTRA:
        claim_parsed(window, offset + start - _HEADER_BYTES, offset + min(end, start + _KNOWN_EXTRA[number]))
    elif number in _TEXT_EXTRA:
        text_start = min(end, start + _TEXT_EXTRA[number])
        claim_parsed(window, offset + start - _HEADER_BYTES, offset + text_start)
        claim_text(window, offset + text_start, extra[text_start:end])
    elif number in _PADDING_EXTRA:
        padding_start = min(end, start + _PADDING_EXTRA[number])
        has_equal_bytes = len(set(extra[padding_start:end])) <= 1
        claim_parsed(window, offset + start - _HEADER_BYTES, offset + (end if has_equal_bytes else padding_start))
