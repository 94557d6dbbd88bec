"""Write archives that are the worst of their size for their readers: many unknown members, damaged headers or names."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hostile_files import INCOMPLETE, INCOMPLETE_OR_FAIL, HostileFile, Writer, write_numbered
from hostile_models import make_onnx_model

_BLOCK: Final = 512  # bytes of a header of tar
_MEMBERS: Final = 100_000
"""Members of an archive that ``Limits.members`` admits."""


def _write_members(
    name: str, make_data: Callable[[int], bytes], count: int = _MEMBERS, method: int = zipfile.ZIP_STORED
) -> Writer:
    """Return a writer of a zip archive of ``count`` members; name and data are made from the number of each."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(count):
                archive.writestr(zipfile.ZipInfo(name.format(number)), make_data(number), method)

    return write


def _make_unknown_bytes(number: int) -> bytes:
    """Return bytes in an unknown format."""
    return b"\1\2%d" % number


def _make_array(number: int) -> bytes:
    """Return an array of NumPy with one byte, in version 1.0 of the NPY format."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes((number % 256,))


def _make_inner_zip(number: int) -> bytes:
    """Return a zip archive of three members in an unknown format."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("0.bin", "1.bin", "2.bin"):
            archive.writestr(zipfile.ZipInfo(name), _make_unknown_bytes(number))
    return buffer.getvalue()


def _make_license(number: int) -> bytes:
    """Return a licence text that names a holder of its own."""
    return (Path(__file__).parents[1] / "LICENSE").read_bytes() + b"\nCopyright holder %d\n" % number


def _make_damaged_member(number: int) -> bytes:
    """Return a header of tar (POSIX ustar) for an empty file, and a block that must be a header and is none."""
    block = bytearray(_BLOCK)
    block[:10] = b"%06d.txt" % number
    block[100:148] = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % 0 + b"%011o\0" % 0
    block[148:157] = b" " * 8 + b"0"
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + (b"\1%06d" % number).ljust(_BLOCK, b"\0")


def _encode_number(value: int) -> bytes:
    """Return a number of 7z in its longest form."""
    return b"\xff" + struct.pack("<Q", value)


def _write_many_names(path: Path) -> None:
    """Write a 7z archive of one file whose compressed header has 30 million empty names."""
    _write_7z(path, b"\x11" + _encode_number(60_000_001) + bytes(60_000_001))


def _write_many_properties(path: Path) -> None:
    """Write a 7z archive of one file whose compressed header has five million properties that are skipped."""
    _write_7z(path, b"\x19\1\0" * 5_000_000)


def _write_7z(path: Path, properties: bytes) -> None:
    """Write a 7z archive of one file with these properties, in a compressed header."""
    header = b"\1\5" + _encode_number(1) + properties + b"\0\0"
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 24, "preset": 1}]
    packed = lzma.compress(header, lzma.FORMAT_RAW, filters=filters)
    # A packed header (0x17): one packed stream, and a folder of one coder.
    packed_header = (
        b"\x17\6\0\1\x09" + _encode_number(len(packed)) + b"\0"
        b"\7\x0b\1\0\1\x21\x21\1\x18\x0c" + _encode_number(len(header)) + b"\0\0"
    )
    place = struct.pack("<QQI", len(packed), len(packed_header), zlib.crc32(packed_header))
    start = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(place)) + place
    path.write_bytes(start + packed + packed_header)


ARCHIVES: Final[dict[str, HostileFile]] = {
    "zip-unknown-members": HostileFile("a.zip", _write_members("{:06}.bin", _make_unknown_bytes), INCOMPLETE),
    "zip-onnx-models": HostileFile("a.zip", _write_members("{:06}.onnx", make_onnx_model, 50_000), INCOMPLETE),
    "zip-zips": HostileFile("a.zip", _write_members("{:06}.zip", _make_inner_zip, 40_000), INCOMPLETE),
    "zip-licenses": HostileFile(
        "a.zip", _write_members("{:05}/LICENSE", _make_license, 20_000, zipfile.ZIP_DEFLATED), INCOMPLETE
    ),
    "npz-arrays": HostileFile("a.npz", _write_members("{:06}.npy", _make_array), INCOMPLETE),
    "tar-damaged-headers": HostileFile(
        "a.tar", write_numbered(b"", _make_damaged_member, _MEMBERS - 1), INCOMPLETE_OR_FAIL
    ),
    "7z-many-names": HostileFile("a.7z", _write_many_names, INCOMPLETE_OR_FAIL),
    "7z-many-properties": HostileFile("a.7z", _write_many_properties, INCOMPLETE_OR_FAIL),
}
