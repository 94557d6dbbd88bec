"""Parse the header of a 7z archive: the packed streams, the folders that decompress them, and the files.

The header is a sequence of properties, each with a one-byte number. Every count is checked against the bytes that
remain, because a few bytes can state billions of entries. Source: ``7zFormat.txt`` of the LZMA SDK.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.byte_ranges import RangeSet
from modelaudit.wire.cursor import BytesCursor
from modelaudit.wire.deadline import check_deadline

# The property numbers (7zFormat.txt, "Property IDs").
_END, _HEADER, _ARCHIVE_PROPERTIES, _ADDITIONAL_STREAMS, _MAIN_STREAMS, _FILES = range(6)
_PACK_INFO, _UNPACK_INFO, _SUBSTREAMS = 6, 7, 8
_SIZE, _CRC, _FOLDER, _UNPACK_SIZES, _UNPACK_STREAM_COUNTS = 9, 10, 11, 12, 13
_EMPTY_STREAM, _EMPTY_FILE, _NAMES, _ATTRIBUTES = 14, 15, 17, 21
_TIMES: Final = frozenset({18, 19, 20})  # of creation, of access and of change
_BYTES_OF_TIME: Final = 8
ENCODED_HEADER = 23
PLAIN_HEADER = _HEADER

_MOST_CODERS = 32  # the bound of 7-Zip itself
_UNIX_MODE = 0x8000  # the bit of the attributes that marks a Unix mode in their high half (p7zip)
_HAS_STREAM_COUNTS = 0x10  # bits of the byte that begins a coder
_HAS_PROPERTIES = 0x20


class Coder(Struct, frozen=True):
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


class Folder(Struct, frozen=True):
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


class Streams(Struct, frozen=True):
    """The packed streams, as (offset from the start of the file, size) in bytes, and the folders that use them."""

    packed: tuple[tuple[int, int], ...] = ()
    folders: tuple[Folder, ...] = ()


class File(Struct, frozen=True):
    """One entry of the list of files. A file with ``has_content`` takes the next content of the folders."""

    name: str
    has_content: bool
    is_folder: bool = False
    is_link: bool = False


class HeaderCursor(BytesCursor):
    """Reads the number formats of a 7z header, from front to back; ``ignored``: (start, end) of what it skipped."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.ignored = RangeSet()
        self._most = most

    def check_count(self, count: int, what: str) -> None:
        """Check ``count`` against the bytes that remain and the bound on entries.

        ``what`` names the counted entries in the message.

        Raises:
            DamagedError: the header is too short for so many.
            LimitReachedError: ``count`` is over the bound.
        """
        if count > self.left:
            raise DamagedError(f"the header states {count} {what} and has only {self.left} bytes left", self.position)
        if count > self._most:
            raise LimitReachedError(f"the archive states {count} {what}, more than the limit of {self._most}")

    def read_property(self) -> HeaderCursor:
        """Return a cursor over the bytes of a property, which begins with its length."""
        return HeaderCursor(self.take(self.read_number()), self._most)

    def read_byte(self) -> int:
        """Read one byte."""
        return self.take(1)[0]

    def read_number(self) -> int:
        """Read a number of up to 64 bits. The leading one bits of the first byte count the bytes that follow."""
        first = self.read_byte()
        leading_ones = next((n for n in range(8) if not first & 0x80 >> n), 8)
        low = int.from_bytes(self.take(leading_ones), "little")
        # The bits of the first byte after its leading ones are the highest of the number.
        high = first & (0x7F >> leading_ones)
        return low | high << 8 * leading_ones

    def read_count(self) -> int:
        """Read the count of entries that take at least a byte each; raises as ``check_count`` does."""
        count = self.read_number()
        self.check_count(count, "entries")
        return count

    def read_bits(self, count: int) -> list[bool]:
        """Read ``count`` bits, the highest of each byte first, and the padding up to a whole byte."""
        data = self.take((count + 7) // 8)
        return [bool(data[n // 8] & 0x80 >> n % 8) for n in range(count)]

    def read_optional_bits(self, count: int) -> list[bool]:
        """Read ``count`` bits in the short form: a byte that is not zero means all set; after zero, the bits follow."""
        return [True] * count if self.read_byte() else self.read_bits(count)

    def read_checksums(self, count: int) -> list[int | None]:
        """Read ``count`` CRC-32 values; ``None`` for each that the header leaves out."""
        is_stated = self.read_optional_bits(count)
        return [int.from_bytes(self.take(4), "little") if stated else None for stated in is_stated]

    def expect_byte(self, kind: int) -> None:
        """Read the number of a property, which must be ``kind``.

        Raises:
            DamagedError: the byte has another value.
        """
        found = self.read_byte()
        if found != kind:
            raise DamagedError(f"the header has property {found} instead of {kind}", self.position - 1)


def read_streams(cursor: HeaderCursor, origin: int) -> Streams:
    """Parse the packed streams and folders. The header counts offsets from ``origin``, which is an offset in the file.

    Raises:
        DamagedError: the header contradicts itself.
    """
    packed: tuple[tuple[int, int], ...] = ()
    folders: list[Folder] = []
    kind = cursor.read_byte()
    if kind == _PACK_INFO:
        packed = _read_packed(cursor, origin)
        kind = cursor.read_byte()
    if kind == _UNPACK_INFO:
        folders = _read_folders(cursor)
        kind = cursor.read_byte()
    # Without the property of substreams, each folder holds one content.
    contents = [[(_find_main_size(folder), folder.crc)] for folder in folders]
    if kind == _SUBSTREAMS:
        contents = _read_contents(cursor, folders)
        kind = cursor.read_byte()
    if kind != _END:
        raise DamagedError(f"the header has property {kind} after its streams", cursor.position - 1)
    complete_folders = []
    start = 0
    for folder, folder_contents in zip(folders, contents, strict=True):
        complete_folders.append(replace(folder, start=start, contents=tuple(folder_contents)))
        start += len(folder.packed)
    if start > len(packed):
        raise DamagedError(f"the folders use {start} packed streams, the header lists {len(packed)}", cursor.position)
    return Streams(packed, tuple(complete_folders))


def _read_packed(cursor: HeaderCursor, origin: int) -> tuple[tuple[int, int], ...]:
    """Return (offset in the file, size) of each packed stream. They follow each other, so only the first has an offset.

    The header counts that offset from ``origin``. The checksums of packed streams are optional and are not used.
    """
    position = origin + cursor.read_number()
    count = cursor.read_count()
    sizes: list[int] = []
    while (kind := cursor.read_byte()) != _END:
        if kind == _SIZE:
            sizes = [cursor.read_number() for _ in range(count)]
        elif kind == _CRC:
            cursor.read_checksums(count)
        else:
            raise DamagedError(f"the header has property {kind} among its packed streams", cursor.position - 1)
    packed = []
    for size in sizes:
        packed.append((position, size))
        position += size
    return tuple(packed)


def _read_folders(cursor: HeaderCursor) -> list[Folder]:
    """Read the folders: first the coders of all, then the sizes of all outputs, then the checksums."""
    cursor.expect_byte(_FOLDER)
    count = cursor.read_count()
    if cursor.read_byte():
        # The format allows folders in an additional stream; no known writer uses it.
        raise DamagedError("the header stores its folders in an external stream", cursor.position - 1)
    folders = [_read_folder(cursor) for _ in range(count)]
    cursor.expect_byte(_UNPACK_SIZES)
    output_counts = [sum(coder.outputs for coder in folder.coders) for folder in folders]
    sizes = [tuple([cursor.read_number() for _ in range(output_count)]) for output_count in output_counts]
    checksums: list[int | None] = [None] * count
    while (kind := cursor.read_byte()) != _END:
        if kind != _CRC:
            raise DamagedError(f"the header has the unexpected property {kind} among its folders", cursor.position - 1)
        checksums = cursor.read_checksums(count)
    return [
        replace(folder, sizes=folder_sizes, crc=crc)
        for folder, folder_sizes, crc in zip(folders, sizes, checksums, strict=True)
    ]


def _read_folder(cursor: HeaderCursor) -> Folder:
    """Read the coders of one folder and their connections; its sizes, checksum and contents follow later."""
    coders = []
    count = cursor.read_count()
    if not 0 < count <= _MOST_CODERS:
        raise DamagedError(f"a folder states {count} coders, not 1 to {_MOST_CODERS}", cursor.position)
    for _ in range(count):
        # The low four bits are the length of the method number.
        flags = cursor.read_byte()
        method = cursor.take(flags & 0x0F)
        inputs, outputs = (cursor.read_number(), cursor.read_number()) if flags & _HAS_STREAM_COUNTS else (1, 1)
        properties = cursor.take(cursor.read_number()) if flags & _HAS_PROPERTIES else b""
        coders.append(Coder(method, inputs, outputs, properties))
    input_count = sum(coder.inputs for coder in coders)
    output_count = sum(coder.outputs for coder in coders)
    if not 0 < output_count <= input_count <= _MOST_CODERS:
        raise DamagedError(f"a folder cannot have {input_count} inputs and {output_count} outputs", cursor.position)
    # Every output but one, the plain stream, feeds an input; each pair is (input, output).
    bind_pairs = tuple((cursor.read_number(), cursor.read_number()) for _ in range(output_count - 1))
    packed_count = input_count - len(bind_pairs)
    if packed_count > 1:
        packed = [cursor.read_number() for _ in range(packed_count)]
    else:
        # With a single packed stream, the header leaves out the input that it feeds: the one that is not connected.
        connected = {input_number for input_number, _ in bind_pairs}
        packed = [number for number in range(input_count) if number not in connected]
    return Folder(tuple(coders), bind_pairs, tuple(packed))


def _find_main_size(folder: Folder) -> int:
    """Return the size of the output that is not connected to another coder: the plain stream; 0 if there is none."""
    connected = {output for _, output in folder.bind_pairs}
    return next((size for number, size in enumerate(folder.sizes) if number not in connected), 0)


def _read_contents(cursor: HeaderCursor, folders: Sequence[Folder]) -> list[list[tuple[int, int | None]]]:
    """Read the (size, CRC-32) of the contents of each folder.

    The header states no size for the last content of a folder: it takes what remains of the plain stream.
    """
    counts = [1] * len(folders)
    kind = cursor.read_byte()
    if kind == _UNPACK_STREAM_COUNTS:
        counts = [cursor.read_number() for _ in folders]
        kind = cursor.read_byte()
    # Each content but the last of its folder states its size, which takes at least a byte.
    cursor.check_count(sum(max(0, count - 1) for count in counts), "contents")
    has_sizes = kind == _SIZE
    sizes: list[list[int]] = []
    for folder, count in zip(folders, counts, strict=True):
        stated_sizes = [cursor.read_number() if has_sizes else 0 for _ in range(count - 1)]
        last_size = max(0, _find_main_size(folder) - sum(stated_sizes))
        sizes.append([*stated_sizes, last_size] if count else [])
    kind = cursor.read_byte() if has_sizes else kind
    # The checksum of a folder is that of its only content, which then has no second one.
    shares_checksum = [count == 1 and folder.crc is not None for folder, count in zip(folders, counts, strict=True)]
    own_checksums = sum(count for count, shares in zip(counts, shares_checksum, strict=True) if not shares)
    checksums: list[int | None] = []
    while kind != _END:
        if kind != _CRC:
            raise DamagedError(f"the header has property {kind} among its contents", cursor.position - 1)
        checksums = cursor.read_checksums(own_checksums)
        kind = cursor.read_byte()
    next_checksums = iter(checksums)
    contents: list[list[tuple[int, int | None]]] = []
    for folder, folder_sizes, shares in zip(folders, sizes, shares_checksum, strict=True):
        contents.append([(size, folder.crc if shares else next(next_checksums, None)) for size in folder_sizes])
    return contents


def read_header(cursor: HeaderCursor, origin: int) -> tuple[Streams, list[File]]:
    """Parse the streams and files of a plain header. The cursor is after its first byte, the property number.

    ``origin`` is the offset in the file from which the offsets of packed streams count.

    Raises:
        DamagedError: the header contradicts itself.
        LimitReachedError: it has more entries than are read, or the time for the artifact is over.
    """
    streams, files = Streams(), []
    kind = cursor.read_byte()
    if kind == _ARCHIVE_PROPERTIES:
        # They are a list of (number, length, bytes) and state nothing about the contents.
        while cursor.read_byte() != _END:
            skipped = cursor.take(cursor.read_number())
            cursor.ignored.add(cursor.position - len(skipped), cursor.position)
        kind = cursor.read_byte()
    if kind == _ADDITIONAL_STREAMS:
        # These streams may hold parts of the header, which are not read. Parsing them finds the byte after them.
        read_streams(cursor, origin)
        kind = cursor.read_byte()
    if kind == _MAIN_STREAMS:
        streams = read_streams(cursor, origin)
        kind = cursor.read_byte()
    if kind == _FILES:
        files = _read_files(cursor)
        kind = cursor.read_byte()
    if kind != _END:
        raise DamagedError(f"the header has property {kind} in place of its end mark", cursor.position - 1)
    return streams, files


def _read_files(cursor: HeaderCursor) -> list[File]:
    """Read the list of files. A property holds one kind of value for all files; unknown properties are skipped."""
    count = cursor.read_count()
    names = [""] * count
    lacks_content = [False] * count
    empty_files: list[bool] = []
    attributes: list[int | None] = [None] * count
    while (kind := cursor.read_byte()) != _END:
        # A property may repeat, and one of two bytes can state a value for every file.
        check_deadline()
        values = cursor.read_property()
        # In names and attributes, a byte that is not zero means that they lie in an external stream, which is not read.
        if kind == _NAMES and not values.read_byte():
            names = _decode_names(values, count)
        elif kind == _EMPTY_STREAM:
            lacks_content = values.read_bits(count)
        elif kind == _EMPTY_FILE:
            # Only entries without content have a bit here: set for an empty file, clear for a directory.
            empty_files = values.read_bits(sum(lacks_content))
        elif kind == _ATTRIBUTES:
            has_attributes = values.read_optional_bits(count)
            attributes = _read_attributes(values, has_attributes) if not values.read_byte() else attributes
        elif kind in _TIMES:
            _skip_times(values, count)
        # The rest of a property behind its values is ignored, and so is a property of an unknown kind.
        if values.left:
            cursor.ignored.add(cursor.position - values.left, cursor.position)
    next_empty_files = iter(empty_files)
    files = []
    for name, is_empty, attribute in zip(names, lacks_content, attributes, strict=True):
        mode = attribute >> 16 if attribute is not None and attribute & _UNIX_MODE else 0
        is_folder = is_empty and not next(next_empty_files, False)
        files.append(File(name, not is_empty, is_folder, stat.S_ISLNK(mode)))
    return files


def _read_attributes(values: HeaderCursor, has_attributes: Sequence[bool]) -> list[int | None]:
    """Read the Windows attributes of each file that has some; ``None`` for the others."""
    return [int.from_bytes(values.take(4), "little") if stated else None for stated in has_attributes]


def _skip_times(values: HeaderCursor, count: int) -> None:
    """Move past the times of the files, which nothing here uses; a property that breaks off stays unread."""
    with suppress(DamagedError):
        has_time = values.read_optional_bits(count)
        # A byte that is not zero means that the times lie in an external stream.
        if not values.read_byte():
            values.take(_BYTES_OF_TIME * sum(has_time))


def _decode_names(values: HeaderCursor, count: int) -> list[str]:
    """Decode ``count`` names in UTF-16, each followed by a zero character."""
    names = values.data[values.position :].decode("utf-16-le", "replace").split("\0")
    if len(names) <= count:
        raise DamagedError(f"the header has names for only {len(names) - 1} of {count} files")
    # A damaged character may decode to another length; the bytes that count as ignored are then off by the difference.
    length = sum(len(name.encode("utf-16-le", "surrogatepass")) + 2 for name in names[:count])
    values.take(min(length, values.left))
    return names[:count]
