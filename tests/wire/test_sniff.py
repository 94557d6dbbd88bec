from __future__ import annotations

import io
import random
import tarfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.cases import check_each
from support.fixtures import FIXTURES

from modelaudit.wire.sniff import detect_strong_magic, is_tar, name_format


@check_each(
    "head, path, name",
    [
        (b"GGUF\x03\x00\x00\x00", "m.bin", "GGUF"),
        (b"\x89HDF\r\n\x1a\n", "m.keras", "HDF5"),
        (b"\x1c\x00\x00\x00TFL3", "m", "TFLite"),
        (b"\x7fELF\x02", "lib.so", "ELF executable"),
        (b"\x89PNG\r\n\x1a\n", "x.json", "PNG image"),
        (b"\x00" * 257 + b"ustar", "m.nemo", "tar"),
        (b"\x08\x07\x12\x07pytorch", "m.onnx", "ONNX by its extension"),
        (b"\x08\x07\x12\x07pytorch", "a.zip!b/m.onnx", "ONNX by its extension"),
        (b"\x01\x02", "onnx", None),
        (b"\x01\x02", ".onnx", None),
        (b"", "x", None),
    ],
)
def test_format_is_named_by_magic_or_extension(head, path, name):
    assert name_format(head, path) == name


def _build_tar(name: str, dialect: int) -> bytes:
    """Return an archive of one member in a dialect that ``tarfile`` knows."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=dialect) as archive:
        member = tarfile.TarInfo(name)
        member.size = 5
        archive.addfile(member, io.BytesIO(b"hello"))
    return buffer.getvalue()


def _opens_with_tarfile(data: bytes) -> bool:
    """Whether ``tarfile`` finds a member in ``data``."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            return bool(archive.getmembers())
    except tarfile.TarError:
        return False


CHECKSUM = slice(148, 156)
"""The place of the checksum in a header."""


def _build_v7_header(name: bytes, signed: bool = False) -> bytes:
    """Build a header of the dialect before ustar: no magic number, the rest of the block zero.

    ``signed`` computes the checksum over signed bytes, as some old programs did.
    """
    mode_owner_group, size_and_time = b"0000644\0" + b"0000000\0" * 2, b"00000000000\0" * 2
    # The checksum counts its own field as spaces.
    block = (name.ljust(100, b"\0") + mode_owner_group + size_and_time + b" " * 8 + b"0").ljust(512, b"\0")
    total = sum(block)
    if signed:
        total -= 256 * sum(byte >= 0x80 for byte in block)
    return block[: CHECKSUM.start] + b"%06o\0 " % total + block[CHECKSUM.stop :]


@check_each("name", ["storages", "na\xefve/\u2603", "long/" * 60 + "name"])
@check_each("dialect", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_is_recognised_in_the_ustar_gnu_and_pax_dialects(name, dialect):
    if dialect == tarfile.USTAR_FORMAT and len(name) > 100:
        name = "long/" * 30 + "name"  # ustar has room for 100 bytes of name and 155 of prefix
    data = _build_tar(name, dialect)
    assert is_tar(data[:4096])
    assert name_format(data, "x") == detect_strong_magic(data) == "tar"


@pytest.mark.parametrize("signed", [False, True])
def test_tar_whose_first_member_name_is_a_pickle_is_recognised_as_tar(signed):
    # The name is the start of a torch file before 1.6: the pickle of its magic number, then that of its version.
    data = _build_v7_header(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", signed)
    assert _opens_with_tarfile(data)
    assert is_tar(data)
    assert name_format(data, "x.pt") == "tar"


# The example puts "!" behind its digits, zero byte and space.
@given(offset=st.integers(0, 511) | st.integers(CHECKSUM.start, CHECKSUM.stop - 1), value=st.integers(0, 255))
@example(offset=CHECKSUM.stop - 1, value=ord("!"))
def test_mutated_tar_header_is_recognised_if_and_only_if_tarfile_opens_it(offset, value):
    data = bytearray(_build_v7_header(b"\x80\x02N."))
    data[offset] = value
    assert is_tar(bytes(data)) == _opens_with_tarfile(bytes(data))


@given(st.binary(max_size=8) | st.text("01234567 _+-oO\t\x1c\0", max_size=8).map(str.encode))
def test_tar_with_any_checksum_field_is_recognised_if_and_only_if_tarfile_opens_it(field):
    data = bytearray(_build_v7_header(b"\x80\x02N."))
    data[CHECKSUM] = field.ljust(8, b"\0")
    assert is_tar(bytes(data)) == _opens_with_tarfile(bytes(data))


def test_blocks_that_tarfile_refuses_are_not_recognised_as_tar():
    source = random.Random(0)
    files = [path.read_bytes() for path in FIXTURES.glob("*/benign/*") if path.is_file()]
    samples = [data[:4096] for data in files if not _opens_with_tarfile(data)]
    assert len(samples) < len(files)
    samples += [source.randbytes(4096) for _ in range(2000)]
    samples += [bytes(4096), b"", b" " * 4096, b"\xff" * 512]
    assert [sample[:16] for sample in samples if is_tar(sample)] == []
