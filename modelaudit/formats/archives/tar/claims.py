"""Claim the bytes of tar headers, except those that a header has room for and no loader reads.

A text field ends at its first zero byte, and the field goes on. Every dialect also leaves a part of the 512 bytes of a
header unused. Sources: POSIX.1-2017, pax, "ustar Interchange Format"; the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.ledger import claim_parsed, claim_text, is_plain_text
from modelaudit.wire.tar_headers import BLOCK, GNU_SPARSE, USTAR, TarHeader

# The (start, end) of fields of a header: texts that end at a zero byte, and numbers.
_TEXTS: Final = ((0, 100), (157, 257))  # name, target of a link
_NUMBERS: Final = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (148, 156))
_USTAR_TEXTS: Final = ((265, 297), (297, 329))  # names of the user and the group
_USTAR_NUMBERS: Final = ((329, 337), (337, 345))  # major and minor number of a device
_POSIX_TEXTS: Final = ((345, 500),)  # the prefix of the name
_GNU_NUMBERS: Final = ((345, 357), (357, 369))  # times of access and of change
_GNU_SPARSE_MAP: Final = (386, 495)
# star: a shorter prefix, and the two times before the mark "tar\\0".
_STAR_TEXTS: Final = ((345, 476),)
_STAR_NUMBERS: Final = ((476, 488), (488, 500))
_STAR_MARK: Final = slice(508, 512)
_GNU_MAGIC: Final = b"ustar  \0"
_MAGIC_AND_VERSION: Final = slice(257, 265)
_KIND: Final = (156, 157)
_PATHS: Final = frozenset({(0, 100), *_POSIX_TEXTS, *_STAR_TEXTS})
# A number in octal digits, or in binary behind a byte with the highest bit.
_NUMBER: Final = defer_pattern(rb"[ 0-7\0]*|[\x80-\xff].*", re.DOTALL)
_DECIMAL_LINES: Final = defer_pattern(rb"[\d\n]*")
_SPARSE_BLOCK_BYTES: Final = 21 * 24 + 1
"""The entries of a block that continues the map of a sparse file, and the flag whether another follows."""


def claim_header(window: Window, header: TarHeader) -> None:
    """Claim the block of ``header``, apart from the content that a loader of tar archives ignores."""
    block, offset = header.block, header.offset
    used = sorted(_find_used_ranges(header))
    position = 0
    has_hidden_content = False
    for start, end in used:
        has_hidden_content = has_hidden_content or any(block[position:start])
        position = end
    if not has_hidden_content and not any(block[position:]):
        # One claim instead of a dozen: an archive may have a hundred thousand headers.
        claim_parsed(window, offset, offset + BLOCK)
        return
    for start, end in used:
        claim_parsed(window, offset + start, offset + end)


def _find_used_ranges(header: TarHeader) -> Iterator[tuple[int, int]]:
    """Yield the (start, end) of the parts of a header that its dialect reads."""
    block = header.block
    texts, numbers = [*_TEXTS], [*_NUMBERS]
    yield _KIND
    if block[USTAR] == b"ustar":
        yield _MAGIC_AND_VERSION.start, _MAGIC_AND_VERSION.stop
        texts += _USTAR_TEXTS
        numbers += _USTAR_NUMBERS
        if block[_MAGIC_AND_VERSION] == _GNU_MAGIC:
            numbers += _GNU_NUMBERS
            if header.kind == GNU_SPARSE:
                yield _GNU_SPARSE_MAP
        elif block[_STAR_MARK] == b"tar\0":
            texts += _STAR_TEXTS
            numbers += _STAR_NUMBERS
            yield _STAR_MARK.start, _STAR_MARK.stop
        else:
            texts += _POSIX_TEXTS
    for start, end in texts:
        zero_byte = block.find(b"\0", start, end)
        text_end = end if zero_byte < 0 else zero_byte
        # Names become paths. Loaders ignore the names of users, and the target of a member that is not a link.
        if (start, end) in _PATHS or is_plain_text(block[start:text_end]):
            yield start, text_end
    for start, end in numbers:
        if _NUMBER.fullmatch(block, start, end):
            yield start, end


def claim_extended_header(window: Window, header: TarHeader, data: bytes) -> None:
    """Claim a GNU or pax header with ``data``: a name up to its zero byte, or the text of pax records."""
    claim_header(window, header)
    claim_text(window, header.offset + BLOCK, data.partition(b"\0")[0])


def claim_padding(window: Window, start: int) -> None:
    """Claim the zero bytes that fill the block of a member from ``start`` on, the end of its data.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    end = min((start + BLOCK - 1) // BLOCK * BLOCK, window.size)
    if start < end and not any(window.read(start, end - start)):
        claim_parsed(window, start, end)


def claim_sparse_map(window: Window, header: TarHeader, start: int, end: int) -> None:
    """Claim the map of a sparse file in the blocks from ``start`` to ``end``, which lie before its data.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    for block_start in range(start, end, BLOCK):
        used = _SPARSE_BLOCK_BYTES
        if header.kind != GNU_SPARSE:
            # The map of pax 1.0 consists of decimal lines; zero bytes fill its last block.
            lines = _DECIMAL_LINES.match(window.read(block_start, BLOCK))
            used = lines.end() if lines else 0
        claim_parsed(window, block_start, block_start + used)
