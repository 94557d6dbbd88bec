"""Formats by their first bytes, so that what has no reader can at least be named."""

from __future__ import annotations

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"PK\x05\x06", "ZIP"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"GGUF", "GGUF"),
    (0, b"tjgg", "GGML"),
    (0, b"lmgg", "GGML"),
    (0, b"fmgg", "GGML"),
    (4, b"TFL3", "TFLite"),
    (4, b"ET12", "ExecuTorch"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (0, b"Rar!\x1a\x07", "RAR"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"\x5d\x00\x00", "LZMA"),
    (0, b"\x04\x22\x4d\x18", "LZ4"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
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
    (0, b"RDX", "R data"),
    (0, b"RDA", "R data"),
    (0, b"X\n\x00\x00\x00", "R data"),
    (0, b"\x80\x02", "pickle"),
    (0, b"\x80\x03", "pickle"),
    (0, b"\x80\x04", "pickle"),
    (0, b"\x80\x05", "pickle"),
)

_STRONG = tuple((offset, magic, name) for offset, magic, name in _MAGIC if len(magic) >= 4)
_LONGEST = max(offset + len(magic) for offset, magic, _ in _MAGIC)
_TAR_BLOCK = 512
_TAR_SUM = slice(148, 156)
_TAR_NUMBERS = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (329, 337), (337, 345))

# Protocol buffers and their like have no magic number; for these the name is all there is to go by.
_EXTENSIONS = {
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


def _tar_number(field: bytes) -> int | None:
    """A number of a tar header as Python's ``tarfile`` reads it: binary after 0x80 or 0xff, else octal digits."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    try:
        return int(field.partition(b"\0")[0].decode("ascii").strip() or "0", 8)
    except ValueError:
        return None


def _is_tar(head: bytes) -> bool:
    """Whether ``head`` begins with the header of a tar member, which nothing but its checksum tells in every dialect.

    The sum is over all 512 bytes with its own field taken for spaces; old writers added the bytes as signed numbers.
    Source: POSIX.1-2017, pax, "ustar Interchange Format", and ``tarfile.TarInfo.frombuf``. A first block of zeros is
    an archive without members, which no loader gets anything from.
    """
    block = head[:_TAR_BLOCK]
    if len(block) < _TAR_BLOCK or not block.rstrip(b"\0"):
        return False
    stated = _tar_number(block[_TAR_SUM])
    if stated is None or any(_tar_number(block[start:end]) is None for start, end in _TAR_NUMBERS):
        return False
    others = block[: _TAR_SUM.start] + b" " * 8 + block[_TAR_SUM.stop :]
    unsigned = sum(others)
    return stated in (unsigned, unsigned - 256 * sum(byte >= 0x80 for byte in others))


def overlooked(head: bytes) -> str | None:
    """A format without a reader that a loader tries before others, so that it counts though a reader knows the bytes.

    ``torch.load`` opens a file as a tar archive before it takes it for a pickle, and the name of a tar's first member,
    which stands at its very start, can be a pickle.
    """
    return "tar" if _is_tar(head) else None


def strong_magic(head: bytes) -> str | None:
    """The format whose magic number of four bytes or more ``head`` begins with; numbers hold shorter ones by chance."""
    return next((name for offset, magic, name in _STRONG if head.startswith(magic, offset)), None) or overlooked(head)


def name_format(head: bytes, path: str) -> str | None:
    """The name of the format that ``head``, an artifact's first bytes, begins; ``None`` where nothing tells.

    Where no magic number fits, the extension of ``path`` may; the name then says that nothing but the extension
    suggests it.
    """
    if _is_tar(head):
        return "tar"
    start = head[:_LONGEST]
    for offset, magic, name in _MAGIC:
        if start.startswith(magic, offset):
            return name
    file_name = path.rpartition("!")[2].rpartition("/")[2].lower()
    stem, dot, extension = file_name.rpartition(".")
    guess = _EXTENSIONS.get(dot + extension) if stem else None
    return f"{guess} by its extension" if guess else None
