"""Name a format by its first bytes, so that reports can name formats that have no reader."""

from __future__ import annotations

from modelaudit.model.address import member_path
from modelaudit.wire.codecs import BZIP2, GZIP, LZ4, LZMA, XZ, ZSTD
from modelaudit.wire.pickle_start import NEWEST_PROTOCOL
from modelaudit.wire.tar_headers import BLOCK, is_header

# Offset of the magic number in bytes, the magic number, the name of the format.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"PK\x05\x06", "ZIP"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"GGUF", "GGUF"),
    (0, b"tjgg", "GGML"),
    (0, b"lmgg", "GGML"),
    (0, b"fmgg", "GGML"),
    (0, b"algg", "GGML"),
    (4, b"TFL3", "TFLite"),
    (4, b"ET12", "ExecuTorch"),
    (4, b"ORTM", "ONNX Runtime model"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (0, b"Rar!\x1a\x07", "RAR"),
    # A stream that has no such number, such as zlib, is recognised by its codec only.
    (0, GZIP.magic, "gzip"),
    (0, BZIP2.magic, "bzip2"),
    (0, XZ.magic, "xz"),
    (0, LZMA.magic, "LZMA"),
    (0, LZ4.magic, "LZ4"),
    (0, ZSTD.magic, "Zstandard"),
    (0, b"\x02\x21\x4c\x18", "LZ4 (legacy frame)"),
    (0, b"LZIP\x01", "lzip"),
    (0, b"\x1f\x9d", "compress"),
    (0, b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (257, b"ustar", "tar"),
    (0, b"\x7fELF", "ELF executable"),
    (0, b"MZ", "Windows executable"),
    (0, b"\xfe\xed\xfa\xce", "Mach-O executable"),
    (0, b"\xfe\xed\xfa\xcf", "Mach-O executable"),
    (0, b"\xce\xfa\xed\xfe", "Mach-O executable"),
    (0, b"\xcf\xfa\xed\xfe", "Mach-O executable"),
    (0, b"\xca\xfe\xba\xbe", "Java class or Mach-O executable"),
    (0, b"\x00asm", "WebAssembly"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG image"),
    (0, b"\xff\xd8\xff", "JPEG image"),
    (0, b"GIF8", "GIF image"),
    (0, b"BM", "BMP image"),
    (8, b"WEBP", "WebP image"),
    (8, b"WAVE", "WAV audio"),
    (0, b"fLaC", "FLAC audio"),
    (0, b"ID3", "MP3 audio"),
    (0, b"OggS", "Ogg media"),
    (4, b"ftyp", "MP4 media"),
    (0, b"%PDF-", "PDF"),
    (0, b"SQLite format 3\x00", "SQLite"),
    (0, b"PAR1", "Parquet"),
    (0, b"ARROW1", "Arrow"),
    (0, b"ftrt", "TensorRT engine"),
    (0, b"ptrt", "TensorRT engine"),
    (0, b"RKNN", "RKNN engine"),
    (0, b"B\0C\0N\0", "CNTK model"),
    (0, b"RDX", "R data"),
    (0, b"RDA", "R data"),
    (0, b"X\n\x00\x00\x00", "R data"),
    # Two bytes suffice here, because no reader has recognised the file; protocols 0 and 1 have no signature.
    *((0, bytes((0x80, protocol)), "pickle") for protocol in range(2, NEWEST_PROTOCOL + 1)),
)

_STRONG_MAGIC = tuple((offset, magic, name) for offset, magic, name in _MAGIC if len(magic) >= 4)
_LONGEST = max(offset + len(magic) for offset, magic, _ in _MAGIC)

# Protocol buffers and similar formats have no magic number; only the extension suggests them.
_FORMATS_BY_EXTENSION = {
    ".onnx": "ONNX",
    ".pb": "protocol buffer",
    ".mlmodel": "Core ML",
    ".msgpack": "MessagePack",
    ".engine": "TensorRT engine",
    ".plan": "TensorRT engine",
    ".spm": "SentencePiece model",
    ".model": "SentencePiece model",
    ".tflite": "TFLite",
    ".gguf": "GGUF",
    ".h5": "HDF5",
    ".safetensors": "safetensors",
    ".npy": "NumPy array",
}


def is_tar(head: bytes) -> bool:
    """Whether ``head`` begins with the header of a tar member; its checksum is as reliable as a magic number."""
    return is_header(head[:BLOCK])


def detect_strong_magic(head: bytes) -> str | None:
    """Return the format that ``head`` shows by a magic number of at least four bytes, or ``None``.

    Shorter magic numbers are ignored, because they occur by chance.
    """
    format_name = next((name for offset, magic, name in _STRONG_MAGIC if head.startswith(magic, offset)), None)
    return format_name or ("tar" if is_tar(head) else None)


def name_format(head: bytes, path: str) -> str | None:
    """Name the format of a file by the magic number in ``head``, its first bytes; ``None`` if unknown.

    If no magic number matches, the extension of ``path`` decides, and the name ends in "by its extension".
    """
    if is_tar(head):
        return "tar"
    magic_bytes = head[:_LONGEST]
    for offset, magic, name in _MAGIC:
        if magic_bytes.startswith(magic, offset):
            return name
    file_name = member_path(path).rpartition("/")[2].lower()
    stem, dot, extension = file_name.rpartition(".")
    # The name ".onnx" has no stem: it is the name of a hidden file and not an extension.
    format_name = _FORMATS_BY_EXTENSION.get(dot + extension) if stem else None
    return f"{format_name} by its extension" if format_name else None
