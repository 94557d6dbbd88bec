"""Mutate files but keep most of their structure: a reader rejects entirely random bytes at once."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import pickletools
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Final

from fuzz.seeds import Seed, build_tar, build_zip

SIZE_MOST: Final = 1 << 20
"""Bytes of the largest input that is made."""

_LZMA_MOST: Final = 32 << 20
"""Bytes of memory that the decoder of LZMA may take."""

# Takes the source of chance, the data, and the seeds to splice from; returns the mutated data.
Mutation = Callable[[random.Random, bytes, Sequence[Seed]], bytes]

# Numbers at the bounds of integer types, which lengths and indices seldom expect.
_NUMBERS: Final = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 4095, 4096, 32767, 65535, 65536, 2**20, 2**24, 2**31 - 1, 2**31,
                   2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
# The code of an unsigned number for ``struct``, by its width in bytes.
_WIDTHS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
# Signatures of formats, or the first bytes of their files.
_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00", b"\x1f\x8b\x08\x00", b"BZh9", b"\xfd7zXZ\x00",
                 b"7z\xbc\xaf\x27\x1c\x00\x04", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"\x5d\x00\x00\x80\x00",
                 b"\x80\x02", b"\x80\x04\x95", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", b"{", b"---\n", b"ZF\x01",
                 b"\x89HDF\r\n\x1a\n", b"GGUF\x03\x00\x00\x00")  # fmt: skip
# The offset and width of each number in a local header, a central entry, the end of the directory and both records of
# zip64.
_ZIP_FIELDS: Final = {
    b"PK\x03\x04": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\x01\x02": ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2), (38, 4), (42, 4)),
    b"PK\x05\x06": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
    b"PK\x06\x06": ((4, 8), (12, 2), (16, 4), (20, 4), (24, 8), (32, 8), (40, 8), (48, 8)),
    b"PK\x06\x07": ((4, 4), (8, 8), (16, 4)),
}  # fmt: skip
_ZIP_RECORD: Final = re.compile(b"|".join(re.escape(magic) for magic in _ZIP_FIELDS))
# The offset and width of the fields of a tar header: name, mode, size, time, checksum, kind, link, magic and prefix.
_TAR_FIELDS: Final = ((0, 100), (100, 8), (124, 12), (136, 12), (148, 8), (156, 1), (157, 100), (257, 8), (345, 155))
_TAR_WORDS: Final = (b"", b"7" * 11, b"\x80" + b"\xff" * 10, b"-1", b"\x80" + bytes(10), b"../../x", b"/etc/x", b"L", b"x", b"g",
                     b"K", b"S", b"1", b"2", b"5", b"00000000010")  # fmt: skip
_DIGITS: Final = re.compile(rb"-?\d+")
_NUMERALS: Final = (
    b"0",
    b"-1",
    b"1e999",
    b"2147483647",
    b"4294967296",
    b"4611686018427387904",
    b"9" * 30,
    b"9" * 5000,
    b"0x10",
    b"",
)


def mutate_seed(source: random.Random, seed: bytes, pool: Sequence[Seed]) -> bytes:
    """Apply one to six mutations, chosen by ``source``, to ``seed``; sometimes wrap the result in a container."""
    data = seed
    mutation_count = 1 + int(source.expovariate(0.9)) % 6  # mostly one or two
    for _ in range(mutation_count):
        data = source.choices(_MUTATIONS, _WEIGHTS)[0](source, data, pool)[:SIZE_MOST]
    if source.random() < 0.08:
        data = _wrap_in_container(source, data)[:SIZE_MOST]
    return data


def _choose_offset(source: random.Random, data: bytes) -> int:
    """Choose an offset, often near one of the ends, where headers and directories are."""
    distance = source.randrange(min(len(data), 64) + 1)
    place = source.choices(("near the start", "near the end", "anywhere"), (30, 15, 55))[0]
    if place == "near the start":
        return distance
    if place == "near the end":
        return len(data) - distance
    return source.randrange(len(data) + 1)


def _choose_range(source: random.Random, data: bytes, max_length: int) -> tuple[int, int]:
    """Choose the start and end of a range of at most ``max_length`` bytes."""
    start = _choose_offset(source, data)
    return start, min(len(data), start + source.randint(1, max_length))


def flip_bits(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Flip up to eight bits."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 8) if data else 0):
        changed[min(len(data) - 1, _choose_offset(source, data))] ^= 1 << source.randrange(8)
    return bytes(changed)


def set_bytes(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Replace a few bytes by random ones."""
    start, end = _choose_range(source, data, 4)
    return data[:start] + source.randbytes(end - start) + data[end:]


def truncate_bytes(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Cut the data at any offset."""
    return data[: _choose_offset(source, data)]


def remove_range(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Remove a range."""
    start, end = _choose_range(source, data, 64)
    return data[:start] + data[end:]


def repeat_range(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Repeat a range, sometimes thousands of times."""
    start, end = _choose_range(source, data, 64)
    times = source.choice((1, 1, 2, 3, 100, 5000 if len(data) < 20_000 else 50))
    return data[:end] + data[start:end] * times + data[end:]


def insert_bytes(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Insert random bytes."""
    offset = _choose_offset(source, data)
    return data[:offset] + source.randbytes(source.randint(1, 16)) + data[offset:]


def splice_seed(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Insert a range of another seed, or replace the rest of the data by it."""
    other = source.choice(pool).data
    start, end = _choose_range(source, other, 1024)
    offset = _choose_offset(source, data)
    return data[:offset] + other[start:end] + (data[offset:] if source.random() < 0.6 else b"")


def append_seed(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Append or prepend another seed."""
    other = source.choice(pool).data[:65536]
    return data + other if source.random() < 0.6 else other + data


def set_number(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Overwrite one to eight bytes with a number that is critical for lengths and indices."""
    width = source.choice(tuple(_WIDTHS))
    offset = _choose_offset(source, data)
    return data[:offset] + _pack_odd_number(source, width, len(data)) + data[offset + width :]


def _pack_odd_number(source: random.Random, width: int, size: int) -> bytes:
    """Pack a number at a bound, or close to the ``size`` of the data, into ``width`` bytes of either order."""
    value = source.choice((*_NUMBERS, size, size - 1, size + 1, size // 2)) % (1 << 8 * width)
    byte_order = source.choice("<<>")  # two of three are little-endian, as in most formats
    return struct.pack(byte_order + _WIDTHS[width], value)


def set_numeral(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Replace a decimal number by another."""
    numerals = list(_DIGITS.finditer(data[:65536]))
    if not numerals:
        return data
    match = source.choice(numerals)
    return data[: match.start()] + source.choice(_NUMERALS) + data[match.end() :]


def set_magic(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Prepend the signature of another format, or overwrite the start with it."""
    magic = source.choice(_MAGIC)
    return magic + (data if source.random() < 0.5 else data[len(magic) :])


def insert_opcodes(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Insert pickle opcodes with arguments between two opcodes of the program, or replace some by them."""
    offsets = _find_opcode_offsets(data)
    start = source.choice(offsets)
    end = start if source.random() < 0.6 else source.choice(offsets)
    opcodes = b"".join(make_opcode(source) for _ in range(source.randint(1, 6)))
    return data[: min(start, end)] + opcodes + data[max(start, end) :]


def _find_opcode_offsets(data: bytes) -> list[int]:
    """Return 0 and the offsets of the opcodes in the first 8,192 bytes of a pickle; where they are damaged, the end too.

    A pickle may begin within the first 4,096 bytes of other data, with its opcode PROTO (0x80).
    """
    offsets = [0]
    start = max(0, data.find(b"\x80", 0, 4096))
    try:
        for _, _, offset in pickletools.genops(data[start : start + 8192]):
            offsets.append(start + (offset or 0))
    except (ValueError, IndexError, UnicodeError, OverflowError):
        offsets.append(len(data))
    return offsets


def make_opcode(source: random.Random) -> bytes:
    """Make one opcode with an argument of its type, whose length or index may be invalid."""
    chosen = source.choice(pickletools.opcodes)
    code = chosen.code.encode("latin-1")
    if chosen.arg is None:
        return code
    width = chosen.arg.n
    if width >= 0:  # a negative number stands for an argument of variable length
        is_small = source.random() < 0.6
        value = source.randrange(8).to_bytes(width, "little") if is_small else _pack_boundary_value(source, width)
        return code + value
    if width == pickletools.UP_TO_NEWLINE:
        line_count = 2 if chosen.name in ("GLOBAL", "INST") else 1  # a module and a name, or one text
        return code + b"".join(source.choice(_LINES) + b"\n" for _ in range(line_count))
    # Any other argument is bytes after their length, which takes one, four or eight bytes.
    length_width = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT8U: 8}.get(width, 4)
    body = source.choice((b"", b"os", b"system", source.randbytes(source.randrange(20)), b"\x80\x04N."))
    if source.random() < 0.8:
        return code + len(body).to_bytes(length_width, "little") + body
    return code + _pack_boundary_value(source, length_width) + body


# Arguments of opcodes that take a line: numbers, texts and names, valid and invalid.
_LINES: Final = (b"", b"0", b"1", b"01", b"-1", b"99999999999", b"os", b"posix", b"system", b"'x'", b"'", b"\xff\xfe", b"I00", b"1e5",
                 b"builtins", b"getattr", b"collections", b"OrderedDict", b"a.b.c", b"0x1fL")  # fmt: skip


def _pack_boundary_value(source: random.Random, width: int) -> bytes:
    """Pack a number at a bound into ``width`` bytes, little-endian."""
    return (source.choice(_NUMBERS) % (1 << 8 * width)).to_bytes(width, "little")


def set_zip_field(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Overwrite one number of a ZIP record."""
    records = list(_ZIP_RECORD.finditer(data))
    if not records:
        return set_number(source, data, pool)
    match = source.choice(records)
    offset, width = source.choice(_ZIP_FIELDS[match[0]])
    start = match.start() + offset
    return data[:start] + _pack_odd_number(source, width, len(data)) + data[start + width :]


def set_tar_field(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Overwrite one field of a tar header, and correct the checksum in most cases."""
    # A header is a block of 512 bytes with the magic bytes "ustar" at byte 257.
    blocks = range(0, min(len(data) - 511, 1 << 16), 512)
    headers = [block for block in blocks if data[block + 257 : block + 262] == b"ustar"]
    if not headers:
        return set_numeral(source, data, pool)
    start = source.choice(headers)
    offset, width = source.choice(_TAR_FIELDS)
    header = bytearray(data[start : start + 512])
    header[offset : offset + width] = source.choice((*_TAR_WORDS, source.randbytes(width)))[:width].ljust(width, b"\0")
    if source.random() < 0.8:
        # The checksum is the sum of all bytes, with blanks in place of the checksum itself.
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header):06o}\0 ".encode()
    return data[:start] + bytes(header) + data[start + 512 :]


def mutate_member(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Mutate a member of a ZIP archive, and write the archive again with correct checksums."""
    if data[:2] != b"PK" or len(data) > 100_000:
        return flip_bits(source, data, pool)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()[:50]
            if sum(entry.file_size for entry in entries) > SIZE_MOST:
                return data
            members = {entry.filename: archive.read(entry) for entry in entries}
    except Exception:  # noqa: BLE001 - zipfile raises most things on bytes like these, and the file stays as it is
        return data
    if not members:
        return data
    name = source.choice(list(members))
    mutate = source.choice((flip_bits, truncate_bytes, set_number, insert_opcodes, splice_seed, repeat_range))
    members[name] = mutate(source, members[name], pool)[:SIZE_MOST]
    return build_zip(members, source.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def mutate_unpacked(source: random.Random, data: bytes, pool: Sequence[Seed]) -> bytes:
    """Mutate the content of a compressed file, and compress it again."""
    for magic, unpack, pack in _CODECS:
        if data.startswith(magic):
            try:
                inner = unpack(data)
            except Exception:  # noqa: BLE001 - codecs raise most things on bytes like these, and the file stays as it is
                return data
            if len(inner) >= SIZE_MOST:
                return data
            mutate = source.choice((flip_bits, truncate_bytes, set_number, insert_opcodes, splice_seed, repeat_range))
            return pack(mutate(source, inner, pool)[:SIZE_MOST])
    return insert_opcodes(source, data, pool)


_GZIP_WBITS: Final = 31  # tells zlib that the stream has the header and trailer of gzip

_CODECS: Final[tuple[tuple[bytes, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...]] = (
    (
        b"\x1f\x8b",
        lambda data: zlib.decompressobj(_GZIP_WBITS).decompress(data, SIZE_MOST),
        lambda data: gzip.compress(data, 1, mtime=0),
    ),
    (b"BZh", lambda data: bz2.BZ2Decompressor().decompress(data, SIZE_MOST), lambda data: bz2.compress(data, 1)),
    (
        b"\xfd7zXZ",
        lambda data: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MOST).decompress(data, SIZE_MOST),
        lambda data: lzma.compress(data, preset=0),
    ),
    (
        b"\x5d\x00\x00",
        lambda data: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MOST).decompress(data, SIZE_MOST),
        lambda data: lzma.compress(data, lzma.FORMAT_ALONE, preset=0),
    ),
    (b"\x78", lambda data: zlib.decompressobj().decompress(data, SIZE_MOST), lambda data: zlib.compress(data, 1)),
)
"""Signature, a function that decompresses at most ``SIZE_MOST`` bytes, and one that compresses them again."""


def _wrap_in_container(source: random.Random, data: bytes) -> bytes:
    """Wrap ``data`` in a valid container."""
    return source.choice(_WRAPPERS)(data)


_WRAPPERS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: build_zip({"archive/data.pkl": data, "archive/version": b"3\n"}, zipfile.ZIP_STORED),
    lambda data: build_zip({"x/weights.bin": data}),
    lambda data: build_zip({"object.npy": data}),
    lambda data: build_tar({"model.pkl": data}),
    lambda data: gzip.compress(data, 1, mtime=0),
    lambda data: zlib.compress(data, 1),
    lambda data: bz2.compress(data, 1),
    lambda data: lzma.compress(data, preset=0),
    lambda data: pickle.dumps(data, 4),
    lambda data: pickle.dumps([b"x", data.hex()], 2),
    # A NumPy file with an array of objects, whose header takes 118 (0x76) bytes.
    lambda data: (
        b"\x93NUMPY\x01\x00\x76\x00"
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117)
        + b"\n"
        + data
    ),
)

_WEIGHTED: Final[dict[Mutation, int]] = {
    flip_bits: 10, set_bytes: 8, truncate_bytes: 4, remove_range: 6, repeat_range: 4, insert_bytes: 6, splice_seed: 8, append_seed: 2, set_number: 12,
    set_numeral: 4, set_magic: 1, insert_opcodes: 16, set_zip_field: 8, set_tar_field: 6, mutate_member: 8,
    mutate_unpacked: 8,
}  # fmt: skip
_MUTATIONS: Final = tuple(_WEIGHTED)
_WEIGHTS: Final = tuple(_WEIGHTED.values())
