"""Declare the compressed files: one content in gzip, bzip2, xz, LZMA, zlib, LZ4 or Zstandard."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import ANY_CONTENT, Declaration, EmbeddedStart, Sign
from modelaudit.model.defect_kind import DefectKind


class CompressedDefect(DefectKind):
    """Defects of a compressed stream, whatever its codec."""

    DAMAGED_CONTENT = "damaged-content"
    EXPANSION_RATIO = "expansion-ratio"
    TRAILING_DATA = "trailing-data"


# The first two bytes are a number that 31 divides: deflate with a window of up to 32 KiB, and no preset dictionary.
_ZLIB_STARTS: Final = tuple(number.to_bytes(2, "big") for number in range(0, 1 << 16, 31) if number & 0x8F20 == 0x0800)
# Frames that a reader of LZ4 or Zstandard skips may come first.
_SKIPPED_FRAMES: Final = tuple(bytes((kind, 0x2A, 0x4D, 0x18)) for kind in range(0x50, 0x60))


DECLARATIONS: Final = (
    Declaration(
        "gzip",
        read=f"{__name__}.reader:GZIP_FILE.read",
        recognise=f"{__name__}.reader:GZIP_FILE.recognises",
        signs=(Sign((b"\x1f\x8b\x08",), contents=ANY_CONTENT),),
        embedded=EmbeddedStart(codec="gzip"),
    ),
    Declaration(
        "bzip2",
        read=f"{__name__}.reader:BZIP2_FILE.read",
        recognise=f"{__name__}.reader:BZIP2_FILE.recognises",
        signs=(Sign((b"BZh",), contents=ANY_CONTENT),),
        embedded=EmbeddedStart(codec="bzip2"),
    ),
    Declaration(
        "xz",
        read=f"{__name__}.reader:XZ_FILE.read",
        recognise=f"{__name__}.reader:XZ_FILE.recognises",
        signs=(Sign((b"\xfd7zXZ\0",), contents=ANY_CONTENT),),
        embedded=EmbeddedStart(codec="xz"),
    ),
    Declaration(
        "lzma",
        read=f"{__name__}.reader:LZMA_FILE.read",
        recognise=f"{__name__}.reader:LZMA_FILE.recognises",
        signs=(Sign((b"\x5d\0\0",), contents=ANY_CONTENT), Sign((b"\0",), offset=13, contents=ANY_CONTENT)),
        embedded=EmbeddedStart(codec="lzma"),
    ),
    Declaration(
        "zlib",
        read=f"{__name__}.reader:ZLIB_FILE.read",
        recognise=f"{__name__}.reader:ZLIB_FILE.recognises",
        signs=(Sign(_ZLIB_STARTS, contents=ANY_CONTENT),),
        embedded=EmbeddedStart(codec="zlib"),
    ),
    Declaration(
        "lz4",
        read=f"{__name__}.reader:LZ4_FILE.read",
        recognise=f"{__name__}.reader:LZ4_FILE.recognises",
        signs=(Sign((b"\x04\x22\x4d\x18", *_SKIPPED_FRAMES), contents=ANY_CONTENT),),
        embedded=EmbeddedStart(codec="lz4"),
    ),
    Declaration(
        "zstd",
        read=f"{__name__}.reader:ZSTD_FILE.read",
        recognise=f"{__name__}.reader:ZSTD_FILE.recognises",
        signs=(Sign((b"\x28\xb5\x2f\xfd", *_SKIPPED_FRAMES), contents=ANY_CONTENT),),
        embedded=EmbeddedStart(codec="zstd"),
    ),
    Declaration("compressed", defects=(CompressedDefect,)),
)
