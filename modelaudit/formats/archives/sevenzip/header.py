"""Parse the header of a 7z archive: the packed streams, the folders that decompress them, and the files.

The header is a sequence of properties, each with a one-byte number. Every count is checked against the bytes that
remain, because a few bytes can state billions of entries. Source: ``7zFormat.txt`` of the LZMA SDK.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass

from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.cursor import BytesCursor

_END, _HEADER, _ARCHIVE_PROPERTIES, _ADDITIONAL_STREAMS, _MAIN_STREAMS, _FILES = range(6)
_PACK_INFO, _UNPACK_INFO, _SUBSTREAMS = 6, 7, 8
_SIZE, _CRC, _FOLDER, _UNPACK_SIZES, _UNPACK_STREAM_COUNTS = 9, 10, 11, 12, 13
_EMPTY_STREAM, _EMPTY_FILE, _NAMES, _ATTRIBUTES = 14, 15, 17, 21
ENCODED_HEADER = 23
PLAIN_HEADER = _HEADER

_MOST_CODERS = 32  # the bound of 7-Zip itself
_UNIX_MODE = 0x8000


@dataclass(frozen=True, slots=True)
class Coder:
    """One step of decompression.

    Attributes:
        method: number of the method, 0 to 15 bytes.
        inputs: number of input streams.
        outputs: number of output streams.
        properties: parameters of the method, in its own encoding.
    """

    method: bytes
    inputs: int
    outputs: int
    properties: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """Coders that decompress packed streams into one plain stream, which may hold many files.

    Attributes:
        coders: the steps, in the order of the header.
        bind_pairs: (input, output) pairs of connected streams, each numbered over all coders.
        packed: the inputs that read packed streams, in their order.
        sizes: bytes of each output.
        start: index of its first packed stream, counted over all folders.
        crc: CRC-32 of the plain stream, or ``None``.
        contents: (size, CRC-32 or ``None``) of each file in it, in order.
    """

    coders: tuple[Coder, ...]
    bind_pairs: tuple[tuple[int, int], ...]
    packed: tuple[int, ...]
    sizes: tuple[int, ...] = ()
    start: int = 0
    crc: int | None = None
    contents: tuple[tuple[int, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Streams:
    """The packed streams, as (offset from the start of the file, size) in bytes, and the folders that use them."""

    packed: tuple[tuple[int, int], ...] = ()
    folders: tuple[Folder, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """One entry of the list of files. A file with ``has_content`` takes the next content of the folders."""

    name: str
    has_content: bool
    is_folder: bool = False
    is_link: bool = False


class HeaderCursor(BytesCursor):
    """Reads the number formats of a 7z header, from front to back."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def check_count(self, count: int, what: str) -> None:
        """Check ``count`` against the bytes that remain and the bound on entries.

        Raises:
            DamagedError: the header is too short for so many.
            LimitReachedError: ``count`` is over the bound.
        """
        if count > self.left:
            raise DamagedError(f"the header states {count} {what} and has only {self.left} bytes left", self.at)
        if count > self._most:
            raise LimitReachedError(f"the archive states {count} {what}, more than the {self._most} that are read")

    def read_property(self) -> HeaderCursor:
        """Return a cursor over the bytes of a property, which begins with its length."""
        return HeaderCursor(self.take(self.read_number()), self._most)

    def read_byte(self) -> int:
        """Read one byte."""
        return self.take(1)[0]

    def read_number(self) -> int:
        """Read a number of up to 64 bits. The leading one bits of the first byte count the bytes that follow."""
        first = self.read_byte()
        extra = next((n for n in range(8) if not first & 0x80 >> n), 8)
        low = int.from_bytes(self.take(extra), "little")
        return low | (first & (0x7F >> extra)) << 8 * extra

    def read_count(self) -> int:
        """Read a number of entries that take at least a byte each; raises as ``check_count`` does."""
        found = self.read_number()
        self.check_count(found, "entries")
        return found

    def read_bits(self, count: int) -> list[bool]:
        """Read ``count`` bits, the highest of each byte first."""
        data = self.take(-(-count // 8))
        return [bool(data[n // 8] & 0x80 >> n % 8) for n in range(count)]

    def read_optional_bits(self, count: int) -> list[bool]:
        """Read a byte that is not zero if all bits are set; otherwise the bits follow."""
        return [True] * count if self.read_byte() else self.read_bits(count)

    def read_checksums(self, count: int) -> list[int | None]:
        """Read ``count`` CRC-32 values; ``None`` for each that the header leaves out."""
        return [int.from_bytes(self.take(4), "little") if there else None for there in self.read_optional_bits(count)]

    def expect_byte(self, kind: int) -> None:
        """Read the byte ``kind``.

        Raises:
            DamagedError: the byte has another value.
        """
        found = self.read_byte()
        if found != kind:
            raise DamagedError(f"the header has property {found} instead of {kind}", self.at - 1)


def read_streams(cursor: HeaderCursor, base: int) -> Streams:
    """Parse the packed streams and folders; offsets of packed data count from ``base``.

    Raises:
        DamagedError: the header contradicts itself.
    """
    packed: tuple[tuple[int, int], ...] = ()
    folders: list[Folder] = []
    kind = cursor.read_byte()
    if kind == _PACK_INFO:
        packed = _read_packed(cursor, base)
        kind = cursor.read_byte()
    if kind == _UNPACK_INFO:
        folders = _read_folders(cursor)
        kind = cursor.read_byte()
    contents = [[(_find_main_size(folder), folder.crc)] for folder in folders]
    if kind == _SUBSTREAMS:
        contents = _read_contents(cursor, folders)
        kind = cursor.read_byte()
    if kind != _END:
        raise DamagedError(f"the header has property {kind} after its streams", cursor.at - 1)
    whole = []
    start = 0
    for folder, held in zip(folders, contents, strict=True):
        whole.append(
            Folder(folder.coders, folder.bind_pairs, folder.packed, folder.sizes, start, folder.crc, tuple(held))
        )
        start += len(folder.packed)
    if start > len(packed):
        raise DamagedError(f"the folders use {start} packed streams, the header lists {len(packed)}", cursor.at)
    return Streams(packed, tuple(whole))


def _read_packed(cursor: HeaderCursor, base: int) -> tuple[tuple[int, int], ...]:
    """Read the sizes of the packed streams, which lie one after the other from one offset on."""
    position = base + cursor.read_number()
    count = cursor.read_count()
    sizes: list[int] = []
    while (kind := cursor.read_byte()) != _END:
        if kind == _SIZE:
            sizes = [cursor.read_number() for _ in range(count)]
        elif kind == _CRC:
            cursor.read_checksums(count)
        else:
            raise DamagedError(f"the header has property {kind} among its packed streams", cursor.at - 1)
    places = []
    for size in sizes:
        places.append((position, size))
        position += size
    return tuple(places)


def _read_folders(cursor: HeaderCursor) -> list[Folder]:
    """Read the folders: first the coders of all, then the sizes of all outputs, then the checksums."""
    cursor.expect_byte(_FOLDER)
    count = cursor.read_count()
    if cursor.read_byte():
        # The format allows folders in an additional stream; no known writer uses it.
        raise DamagedError("the header stores its folders in an external stream", cursor.at - 1)
    plain = [_read_folder(cursor) for _ in range(count)]
    cursor.expect_byte(_UNPACK_SIZES)
    sizes = [tuple(cursor.read_number() for coder in folder.coders for _ in range(coder.outputs)) for folder in plain]
    checksums: list[int | None] = [None] * count
    while (kind := cursor.read_byte()) != _END:
        if kind != _CRC:
            raise DamagedError(f"the header has property {kind} among its folders", cursor.at - 1)
        checksums = cursor.read_checksums(count)
    return [
        Folder(folder.coders, folder.bind_pairs, folder.packed, size, crc=crc)
        for folder, size, crc in zip(plain, sizes, checksums, strict=True)
    ]


def _read_folder(cursor: HeaderCursor) -> Folder:
    """Read the coders of one folder and their connections."""
    coders = []
    count = cursor.read_count()
    if not 0 < count <= _MOST_CODERS:
        raise DamagedError(f"a folder has {count} coders", cursor.at)
    for _ in range(count):
        # The low four bits are the length of the method number; 0x10 announces counts, 0x20 properties.
        flags = cursor.read_byte()
        method = cursor.take(flags & 0x0F)
        inputs, outputs = (cursor.read_number(), cursor.read_number()) if flags & 0x10 else (1, 1)
        properties = cursor.take(cursor.read_number()) if flags & 0x20 else b""
        coders.append(Coder(method, inputs, outputs, properties))
    inputs = sum(coder.inputs for coder in coders)
    outputs = sum(coder.outputs for coder in coders)
    if not 0 < outputs <= inputs <= _MOST_CODERS:
        raise DamagedError(f"a folder has {inputs} inputs and {outputs} outputs", cursor.at)
    bonds = tuple((cursor.read_number(), cursor.read_number()) for _ in range(outputs - 1))
    free = inputs - len(bonds)
    # With a single packed stream, the header leaves out the input that it feeds: the one that is not connected.
    bound = {into for into, _ in bonds}
    packed = [cursor.read_number() for _ in range(free)] if free > 1 else [n for n in range(inputs) if n not in bound]
    return Folder(tuple(coders), bonds, tuple(packed))


def _find_main_size(folder: Folder) -> int:
    """Return the size of the output that is not connected to another coder: the plain stream."""
    connected = {output for _, output in folder.bind_pairs}
    return next((size for number, size in enumerate(folder.sizes) if number not in connected), 0)


def _read_contents(cursor: HeaderCursor, folders: Sequence[Folder]) -> list[list[tuple[int, int | None]]]:
    """Read the (size, CRC-32) of the contents of each folder; the last size is the rest of the plain stream."""
    counts = [1] * len(folders)
    kind = cursor.read_byte()
    if kind == _UNPACK_STREAM_COUNTS:
        counts = [cursor.read_number() for _ in folders]
        kind = cursor.read_byte()
    # Each content but the last of its folder states its size, which takes at least a byte.
    cursor.check_count(sum(max(0, count - 1) for count in counts), "contents")
    stated = kind == _SIZE
    sizes: list[list[int]] = []
    for folder, count in zip(folders, counts, strict=True):
        own = [cursor.read_number() if stated else 0 for _ in range(count - 1)]
        sizes.append([*own, max(0, _find_main_size(folder) - sum(own))] if count else [])
    kind = cursor.read_byte() if stated else kind
    # A folder with a single content and a checksum states no second checksum for that content.
    known = [count == 1 and folder.crc is not None for folder, count in zip(folders, counts, strict=True)]
    checksums: list[int | None] = []
    while kind != _END:
        if kind != _CRC:
            raise DamagedError(f"the header has property {kind} among its contents", cursor.at - 1)
        checksums = cursor.read_checksums(sum(count for count, has in zip(counts, known, strict=True) if not has))
        kind = cursor.read_byte()
    rest = iter(checksums)
    return [
        [(size, folder.crc if has else next(rest, None)) for size in own]
        for folder, own, has in zip(folders, sizes, known, strict=True)
    ]


def read_header(cursor: HeaderCursor, base: int) -> tuple[Streams, list[File]]:
    """Parse the streams and files of a plain header, from its second byte on.

    Raises:
        DamagedError: the header contradicts itself.
    """
    streams, files = Streams(), []
    kind = cursor.read_byte()
    if kind == _ARCHIVE_PROPERTIES:
        while cursor.read_byte() != _END:
            cursor.take(cursor.read_number())
        kind = cursor.read_byte()
    if kind == _ADDITIONAL_STREAMS:
        read_streams(cursor, base)
        kind = cursor.read_byte()
    if kind == _MAIN_STREAMS:
        streams = read_streams(cursor, base)
        kind = cursor.read_byte()
    if kind == _FILES:
        files = _read_files(cursor)
        kind = cursor.read_byte()
    if kind != _END:
        raise DamagedError(f"the header ends with property {kind}", cursor.at - 1)
    return streams, files


def _read_files(cursor: HeaderCursor) -> list[File]:
    """Read the list of files. Each property holds one value for all files, and unknown properties are skipped."""
    count = cursor.read_count()
    names = [""] * count
    empty = [False] * count
    is_file: list[bool] = []
    attributes: list[int | None] = [None] * count
    while (kind := cursor.read_byte()) != _END:
        inner = cursor.read_property()
        if kind == _NAMES and not inner.read_byte():
            names = _decode_names(inner.data[1:], count)
        elif kind == _EMPTY_STREAM:
            empty = inner.read_bits(count)
        elif kind == _EMPTY_FILE:
            is_file = inner.read_bits(sum(empty))
        elif kind == _ATTRIBUTES:
            there = inner.read_optional_bits(count)
            attributes = _read_attributes(inner, there) if not inner.read_byte() else attributes
    kinds = iter(is_file)
    files = []
    for name, without, attribute in zip(names, empty, attributes, strict=True):
        # p7zip stores the mode of a Unix system in the high half of the attributes.
        mode = attribute >> 16 if attribute is not None and attribute & _UNIX_MODE else 0
        folder = without and not next(kinds, False)
        files.append(File(name, not without, folder, stat.S_ISLNK(mode)))
    return files


def _read_attributes(inner: HeaderCursor, there: Sequence[bool]) -> list[int | None]:
    """Read the Windows attributes of each file that has some."""
    return [int.from_bytes(inner.take(4), "little") if stated else None for stated in there]


def _decode_names(data: bytes, count: int) -> list[str]:
    """Decode names in UTF-16, each followed by a zero character."""
    names = data.decode("utf-16-le", "replace").split("\0")
    if len(names) <= count:
        raise DamagedError(f"the header has names for only {len(names) - 1} of {count} files")
    return names[:count]
