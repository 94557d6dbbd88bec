"""Declare the compressed files: one content in gzip, bzip2, xz, LZMA, zlib, LZ4 or Zstandard."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, EmbeddedStart
from modelaudit.model.defect_kind import DefectKind


class CompressedDefect(DefectKind):
    """Defects of a compressed stream, whatever its codec."""

    DAMAGED_CONTENT = "damaged-content"
    EXPANSION_RATIO = "expansion-ratio"
    TRAILING_DATA = "trailing-data"


DECLARATIONS: Final = (
    Declaration(
        "gzip",
        read=f"{__name__}.reader:GZIP_FILE.read",
        recognise=f"{__name__}.reader:GZIP_FILE.recognises",
        embedded=EmbeddedStart(codec="gzip"),
    ),
    Declaration(
        "bzip2",
        read=f"{__name__}.reader:BZIP2_FILE.read",
        recognise=f"{__name__}.reader:BZIP2_FILE.recognises",
        embedded=EmbeddedStart(codec="bzip2"),
    ),
    Declaration(
        "xz",
        read=f"{__name__}.reader:XZ_FILE.read",
        recognise=f"{__name__}.reader:XZ_FILE.recognises",
        embedded=EmbeddedStart(codec="xz"),
    ),
    Declaration(
        "lzma",
        read=f"{__name__}.reader:LZMA_FILE.read",
        recognise=f"{__name__}.reader:LZMA_FILE.recognises",
        embedded=EmbeddedStart(codec="lzma"),
    ),
    Declaration(
        "zlib",
        read=f"{__name__}.reader:ZLIB_FILE.read",
        recognise=f"{__name__}.reader:ZLIB_FILE.recognises",
        embedded=EmbeddedStart(codec="zlib"),
    ),
    Declaration(
        "lz4",
        read=f"{__name__}.reader:LZ4_FILE.read",
        recognise=f"{__name__}.reader:LZ4_FILE.recognises",
        embedded=EmbeddedStart(codec="lz4"),
    ),
    Declaration(
        "zstd",
        read=f"{__name__}.reader:ZSTD_FILE.read",
        recognise=f"{__name__}.reader:ZSTD_FILE.recognises",
        embedded=EmbeddedStart(codec="zstd"),
    ),
    Declaration("compressed", defects=(CompressedDefect,)),
)
