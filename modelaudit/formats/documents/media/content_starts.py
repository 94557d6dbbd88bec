"""Find the places in the pages of a database at which content may begin, without the structure of the pages.

Few pages hold content, and this search takes less time than the values of all cells would take.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

# The starts of content other than pickles, which are found by their bytes within one page: gzip, ZIP, bzip2, xz, LZMA,
# LZ4, Zstandard, 7z, npy, HDF5, scripts, and the programs of ``executables``.
_START: Final = defer_pattern(
    rb"\x1f\x8b\x08|PK\x03|PK\x05|BZh|\xfd7zX|\x5d\x00\x00|\x04\x22\x4d\x18|\x28\xb5\x2f\xfd|7z\xbc\xaf|\x93NUMPY|\x89HDF"
    rb"|#!/|#! /|#!\t/|\x7fELF|MZ|jartsr|\xfe\xed\xfa|\xce\xfa\xed\xfe|\xcf\xfa\xed\xfe|\xca\xfe\xba|dex\n|!<arch>"
    rb"|\xed\xab\xee\xdb|xar!|MSCF|\xd0\xcf\x11\xe0|\x4c\x00\x00\x00\x01\x14\x02"
)
# zlib: the method with each size of its window, and a check byte (RFC 1950, section 2.2).
_ZLIB_START: Final = defer_pattern(
    rb"[\x08\x18\x28\x38\x48\x58\x68\x78]"
    rb"[\x01\x05\x07\x09\x0b\x0d\x0f\x11\x13\x15\x19\x1d\x43\x47\x4b\x4f\x53\x57\x5b\x5e\x81\x85\x89\x8d\x8f\x91\x95\x97\x99"
    rb"\x9c\xc3\xc7\xcb\xcf\xd3\xd7\xda\xde]"
)
_WEB_ASSEMBLY: Final = b"\0asm"  # apart, because zeros are frequent
_TAR_MAGIC: Final = b"ustar"
_TAR_MAGIC_OFFSET: Final = 257
_STACK_GLOBAL: Final = b"\x93"
_DASH_BEFORE_LAST_BYTE: Final = b"\xe2\x80"
# LONG_BINPUT and LONG_BINGET: their argument of four bytes, an index of the memo, can end like a dash.
_LONG_MEMO_OPCODES: Final = b"rj"
_LONG_MEMO_BYTES: Final = 5
# A text that encodes content is one long word: the shortest harmful pickle takes about 46 characters of Base64.
_LONG_WORD_LENGTH: Final = 44
_LETTERS_OF_WORDS: Final = bytes(ord("w") if 0x21 <= code <= 0x7E else ord(" ") for code in range(256))
_LONG_WORD: Final = b"w" * _LONG_WORD_LENGTH


def list_starts(page: bytes) -> list[int]:
    """List the offsets in a page at which content or a long word begins, in order."""
    starts = {match.start() for match in chain(_START.finditer(page), _ZLIB_START.finditer(page))}
    starts.update(_find_all(page, _WEB_ASSEMBLY))
    magics = (offset for offset in _find_all(page, _TAR_MAGIC) if offset >= _TAR_MAGIC_OFFSET)
    starts.update(offset - _TAR_MAGIC_OFFSET for offset in magics)
    letters = page.translate(_LETTERS_OF_WORDS)
    position = letters.find(_LONG_WORD)
    while position >= 0:
        starts.add(position)
        end = letters.find(b" ", position)
        position = letters.find(_LONG_WORD, end) if end >= 0 else -1
    return sorted(starts)


def list_stack_globals(page: bytes) -> list[int]:
    """List the offsets of the opcode that imports what other opcodes of a pickle name, in order.

    The byte also ends the en dash in UTF-8 (E2 80 93). A page of text has many of these, so they are left out. Of the
    opcodes that leave a name on top of the stack, only those with a long index of the memo can end with the first two
    bytes of a dash: a text that ends so is not valid UTF-8.
    """
    return [offset for offset in _find_all(page, _STACK_GLOBAL) if not _ends_dash(page, offset)]


def _ends_dash(page: bytes, offset: int) -> bool:
    """Whether the byte at ``offset`` ends an en dash, and not the argument of an opcode that may precede an import."""
    if page[max(0, offset - len(_DASH_BEFORE_LAST_BYTE)) : offset] != _DASH_BEFORE_LAST_BYTE:
        return False
    return offset < _LONG_MEMO_BYTES or page[offset - _LONG_MEMO_BYTES] not in _LONG_MEMO_OPCODES


def _find_all(page: bytes, pattern: bytes) -> Iterator[int]:
    """Yield each offset of ``pattern``."""
    position = page.find(pattern)
    while position >= 0:
        yield position
        position = page.find(pattern, position + 1)
