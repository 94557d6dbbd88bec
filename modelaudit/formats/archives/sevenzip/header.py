"""The header of a 7z archive: which streams are packed how, and which files they hold.

Source: ``7zFormat.txt`` of the LZMA SDK. Every count is held against the bytes that are left to say it.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass

from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.cursor import BytesCursor

_END, _HEADER, _ARCHIVE_PROPERTIES, _ADDITIONAL_STREAMS, _MAIN_STREAMS, _FILES = range(6)
_PACK_INFO, _UNPACK_INFO, _SUBSTREAMS = 6, 7, 8
_SIZE, _CRC, _FOLDER, _UNPACK_SIZES, _STREAM_COUNTS = 9, 10, 11, 12, 13
_EMPTY_STREAM, _EMPTY_FILE, _NAMES, _ATTRIBUTES = 14, 15, 17, 21
ENCODED_HEADER = 23
PLAIN_HEADER = _HEADER

_MOST_CODERS = 32  # the bound of 7-Zip itself
_UNIX_MODE = 0x8000


@dataclass(frozen=True, slots=True)
class Coder:
    """One step of decompression."""

    method: bytes
    inputs: int
    outputs: int
    properties: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """Steps that lead from packed streams to one plain stream, which may hold many files.

    Attributes:
        bonds: (input, output) pairs of streams that are one, each numbered over all coders.
        packed: the inputs that packed streams feed, in their order.
        sizes: bytes of each output.
        start: the first of its packed streams, counted over all folders.
        contents: (size, CRC-32 or ``None``) of each file in it, in order.
    """

    coders: tuple[Coder, ...]
    bonds: tuple[tuple[int, int], ...]
    packed: tuple[int, ...]
    sizes: tuple[int, ...] = ()
    start: int = 0
    crc: int | None = None
    contents: tuple[tuple[int, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Streams:
    """Packed streams, as (offset from the start of the file, size), and the folders that they feed."""

    packed: tuple[tuple[int, int], ...] = ()
    folders: tuple[Folder, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file as listed. ``has_content`` is whether it takes the next content of the folders."""

    name: str
    has_content: bool
    is_folder: bool = False
    is_link: bool = False


class HeaderCursor(BytesCursor):
    """The header, read from front to back."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def bound(self, count: int, what: str) -> None:
        """Hold ``count`` against the bytes that are left and the bound on entries.

        Raises:
            DamagedError: so many cannot follow.
            LimitReachedError: they are more than are read.
        """
        if count > self.left:
            raise DamagedError(f"the header counts {count} {what} and has {self.left} bytes left", self.at)
        if count > self._most:
            raise LimitReachedError(f"the archive counts {count} {what}, more than the {self._most} that are read")

    def inner(self) -> HeaderCursor:
        """The bytes of a property whose length comes first."""
        return HeaderCursor(self.take(self.number()), self._most)

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A number of up to 64 bits: the leading ones of the first byte count the bytes that follow."""
        first = self.byte()
        extra = next((n for n in range(8) if not first & 0x80 >> n), 8)
        low = int.from_bytes(self.take(extra), "little")
        return low | (first & (0x7F >> extra)) << 8 * extra

    def count(self) -> int:
        """A number of things, each of which takes a byte or more of what is left; raises as ``bound`` does."""
        found = self.number()
        self.bound(found, "entries")
        return found

    def bits(self, count: int) -> list[bool]:
        """``count`` bits, highest first."""
        data = self.take(-(-count // 8))
        return [bool(data[n // 8] & 0x80 >> n % 8) for n in range(count)]

    def optional_bits(self, count: int) -> list[bool]:
        """A byte that says all are set, or that bits follow."""
        return [True] * count if self.byte() else self.bits(count)

    def checksums(self, count: int) -> list[int | None]:
        """``count`` CRC-32, of which some may be missing."""
        return [int.from_bytes(self.take(4), "little") if there else None for there in self.optional_bits(count)]

    def expect(self, kind: int) -> None:
        """Take the byte ``kind``.

        Raises:
            DamagedError: it is another.
        """
        found = self.byte()
        if found != kind:
            raise DamagedError(f"the header has property {found} where {kind} must stand", self.at - 1)


def read_streams(cursor: HeaderCursor, base: int) -> Streams:
    """The streams of an archive whose packed data count from ``base``.

    Raises:
        DamagedError: the header contradicts itself.
    """
    packed: tuple[tuple[int, int], ...] = ()
    folders: list[Folder] = []
    kind = cursor.byte()
    if kind == _PACK_INFO:
        packed = _read_packed(cursor, base)
        kind = cursor.byte()
    if kind == _UNPACK_INFO:
        folders = _read_folders(cursor)
        kind = cursor.byte()
    contents = [[(_main_size(folder), folder.crc)] for folder in folders]
    if kind == _SUBSTREAMS:
        contents = _read_contents(cursor, folders)
        kind = cursor.byte()
    if kind != _END:
        raise DamagedError(f"the header has property {kind} after its streams", cursor.at - 1)
    whole = []
    start = 0
    for folder, held in zip(folders, contents, strict=True):
        whole.append(Folder(folder.coders, folder.bonds, folder.packed, folder.sizes, start, folder.crc, tuple(held)))
        start += len(folder.packed)
    if start > len(packed):
        raise DamagedError(f"{start} packed streams are used and {len(packed)} listed", cursor.at)
    return Streams(packed, tuple(whole))


def _read_packed(cursor: HeaderCursor, base: int) -> tuple[tuple[int, int], ...]:
    position = base + cursor.number()
    count = cursor.count()
    sizes: list[int] = []
    while (kind := cursor.byte()) != _END:
        if kind == _SIZE:
            sizes = [cursor.number() for _ in range(count)]
        elif kind == _CRC:
            cursor.checksums(count)
        else:
            raise DamagedError(f"the header has property {kind} among its packed streams", cursor.at - 1)
    places = []
    for size in sizes:
        places.append((position, size))
        position += size
    return tuple(places)


def _read_folders(cursor: HeaderCursor) -> list[Folder]:
    cursor.expect(_FOLDER)
    count = cursor.count()
    if cursor.byte():
        raise DamagedError("the header keeps its folders elsewhere, which no writer does", cursor.at - 1)
    plain = [_read_folder(cursor) for _ in range(count)]
    cursor.expect(_UNPACK_SIZES)
    sizes = [tuple(cursor.number() for coder in folder.coders for _ in range(coder.outputs)) for folder in plain]
    checksums: list[int | None] = [None] * count
    while (kind := cursor.byte()) != _END:
        if kind != _CRC:
            raise DamagedError(f"the header has property {kind} among its folders", cursor.at - 1)
        checksums = cursor.checksums(count)
    return [
        Folder(folder.coders, folder.bonds, folder.packed, size, crc=crc)
        for folder, size, crc in zip(plain, sizes, checksums, strict=True)
    ]


def _read_folder(cursor: HeaderCursor) -> Folder:
    coders = []
    count = cursor.count()
    if not 0 < count <= _MOST_CODERS:
        raise DamagedError(f"a folder has {count} coders", cursor.at)
    for _ in range(count):
        flags = cursor.byte()
        method = cursor.take(flags & 0x0F)
        inputs, outputs = (cursor.number(), cursor.number()) if flags & 0x10 else (1, 1)
        properties = cursor.take(cursor.number()) if flags & 0x20 else b""
        coders.append(Coder(method, inputs, outputs, properties))
    inputs = sum(coder.inputs for coder in coders)
    outputs = sum(coder.outputs for coder in coders)
    if not 0 < outputs <= inputs <= _MOST_CODERS:
        raise DamagedError(f"a folder has {inputs} inputs and {outputs} outputs", cursor.at)
    bonds = tuple((cursor.number(), cursor.number()) for _ in range(outputs - 1))
    free = inputs - len(bonds)
    bound = {into for into, _ in bonds}
    packed = [cursor.number() for _ in range(free)] if free > 1 else [n for n in range(inputs) if n not in bound]
    return Folder(tuple(coders), bonds, tuple(packed))


def _main_size(folder: Folder) -> int:
    """The bytes of the output that no bond leads on."""
    led = {output for _, output in folder.bonds}
    return next((size for number, size in enumerate(folder.sizes) if number not in led), 0)


def _read_contents(cursor: HeaderCursor, folders: Sequence[Folder]) -> list[list[tuple[int, int | None]]]:
    counts = [1] * len(folders)
    kind = cursor.byte()
    if kind == _STREAM_COUNTS:
        counts = [cursor.number() for _ in folders]
        kind = cursor.byte()
    # All but the last of each folder state a size of at least a byte.
    cursor.bound(sum(max(0, count - 1) for count in counts), "contents")
    stated = kind == _SIZE
    sizes: list[list[int]] = []
    for folder, count in zip(folders, counts, strict=True):
        own = [cursor.number() if stated else 0 for _ in range(count - 1)]
        sizes.append([*own, max(0, _main_size(folder) - sum(own))] if count else [])
    kind = cursor.byte() if stated else kind
    # A folder that holds one content has its checksum already.
    known = [count == 1 and folder.crc is not None for folder, count in zip(folders, counts, strict=True)]
    checksums: list[int | None] = []
    while kind != _END:
        if kind != _CRC:
            raise DamagedError(f"the header has property {kind} among its contents", cursor.at - 1)
        checksums = cursor.checksums(sum(count for count, has in zip(counts, known, strict=True) if not has))
        kind = cursor.byte()
    rest = iter(checksums)
    return [
        [(size, folder.crc if has else next(rest, None)) for size in own]
        for folder, own, has in zip(folders, sizes, known, strict=True)
    ]


def read_header(cursor: HeaderCursor, base: int) -> tuple[Streams, list[File]]:
    """The streams and files of a header that is not packed, behind its first byte.

    Raises:
        DamagedError: the header contradicts itself.
    """
    streams, files = Streams(), []
    kind = cursor.byte()
    if kind == _ARCHIVE_PROPERTIES:
        while cursor.byte() != _END:
            cursor.take(cursor.number())
        kind = cursor.byte()
    if kind == _ADDITIONAL_STREAMS:
        read_streams(cursor, base)
        kind = cursor.byte()
    if kind == _MAIN_STREAMS:
        streams = read_streams(cursor, base)
        kind = cursor.byte()
    if kind == _FILES:
        files = _read_files(cursor)
        kind = cursor.byte()
    if kind != _END:
        raise DamagedError(f"the header ends with property {kind}", cursor.at - 1)
    return streams, files


def _read_files(cursor: HeaderCursor) -> list[File]:
    count = cursor.count()
    names = [""] * count
    empty = [False] * count
    is_file: list[bool] = []
    attributes: list[int | None] = [None] * count
    while (kind := cursor.byte()) != _END:
        inner = cursor.inner()
        if kind == _NAMES and not inner.byte():
            names = _names(inner.data[1:], count)
        elif kind == _EMPTY_STREAM:
            empty = inner.bits(count)
        elif kind == _EMPTY_FILE:
            is_file = inner.bits(sum(empty))
        elif kind == _ATTRIBUTES:
            there = inner.optional_bits(count)
            attributes = _attributes(inner, there) if not inner.byte() else attributes
    kinds = iter(is_file)
    files = []
    for name, without, attribute in zip(names, empty, attributes, strict=True):
        mode = attribute >> 16 if attribute is not None and attribute & _UNIX_MODE else 0
        folder = without and not next(kinds, False)
        files.append(File(name, not without, folder, stat.S_ISLNK(mode)))
    return files


def _attributes(inner: HeaderCursor, there: Sequence[bool]) -> list[int | None]:
    return [int.from_bytes(inner.take(4), "little") if stated else None for stated in there]


def _names(data: bytes, count: int) -> list[str]:
    """Names in UTF-16, each ended by a zero."""
    names = data.decode("utf-16-le", "replace").split("\0")
    if len(names) <= count:
        raise DamagedError(f"the header names {len(names) - 1} of {count} files")
    return names[:count]
