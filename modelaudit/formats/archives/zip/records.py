"""The records of a ZIP archive as they stand in the bytes: directory entries and local headers."""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass

from modelaudit.model.artifact import Window
from modelaudit.wire.decompression import METHOD_NAMES

LOCAL_SIGNATURE = b"PK\x03\x04"
ENTRY_SIGNATURE = b"PK\x01\x02"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
ENTRY_SIZE = 46
LOCAL_SIZE = 30

STORED = 0
"""The method of what is not compressed."""

ENCRYPTED = 0x0001
DESCRIPTOR_FOLLOWS = 0x0008
PATCHED = 0x0020
STRONG_ENCRYPTION = 0x0040

_ZIP64_EXTRA = 0x0001
_UNICODE_PATH_EXTRA = 0x7075
_FULL_32 = 0xFFFFFFFF
_UNIX = 3
_HIGHEST_VERSION = 90
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as the directory, or in its absence the local header, states it.

    Attributes:
        offset: of its local header, from the start of the file.
        extra_name: the name in an Info-ZIP Unicode Path field, where it has one that applies.
        listed: whether a directory names it.
        link: whether it is marked as a symbolic link of a Unix system.
    """

    raw_name: bytes
    flags: int
    method: int
    crc: int
    stored_size: int
    size: int
    offset: int
    extra_name: bytes | None = None
    listed: bool = True
    link: bool = False

    @property
    def name(self) -> str:
        """The name as text; bytes that are not UTF-8 become surrogate escapes."""
        return self.raw_name.decode("utf-8", "surrogateescape")

    @property
    def compression(self) -> str:
        """The method by name."""
        return METHOD_NAMES.get(self.method, f"method-{self.method}")


@dataclass(frozen=True, slots=True)
class LocalHeader:
    """The header that stands before a member's data. ``data_start`` is an offset from the start of the file."""

    version: int
    raw_name: bytes
    flags: int
    method: int
    crc: int
    stored_size: int
    size: int
    offset: int
    data_start: int

    @property
    def name(self) -> str:
        """The name as text; bytes that are not UTF-8 become surrogate escapes."""
        return self.raw_name.decode("utf-8", "surrogateescape")


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        fields.setdefault(kind, extra[position + 4 : position + 4 + length])
        position += 4 + length
    return fields


def _widen(values: list[int], field: bytes | None) -> list[int]:
    """Replace each value that is all ones in 32 bits by the next 64-bit number of the ZIP64 field (section 4.5.3)."""
    position = 0
    wide = list(values)
    for index, value in enumerate(values):
        if value == _FULL_32 and field is not None and position + 8 <= len(field):
            (wide[index],) = struct.unpack_from("<Q", field, position)
            position += 8
    return wide


def _unicode_name(raw_name: bytes, field: bytes | None) -> bytes | None:
    """The name that section 4.6.9 would put in place of ``raw_name``; it applies only if it carries its CRC-32."""
    if (
        field is None
        or len(field) < 6
        or field[0] != 1
        or struct.unpack_from("<I", field, 1)[0] != zlib.crc32(raw_name)
    ):
        return None
    return field[5:]


def parse_entry(buffer: bytes, at: int, shift: int) -> tuple[Entry, int] | None:
    """The directory entry at ``at`` in ``buffer`` and its length, or ``None`` if there is no whole one.

    ``shift`` is added to the stated offset of the local header.
    """
    if len(buffer) < at + ENTRY_SIZE or not buffer.startswith(ENTRY_SIGNATURE, at):
        return None
    (
        made_by, _, flags, method, _, _, crc, stored_size, size, name_length, extra_length, comment_length, _, _,
        external, offset,
    ) = struct.unpack_from("<HHHHHHIIIHHHHHII", buffer, at + 4)  # fmt: skip
    name_end = at + ENTRY_SIZE + name_length
    end = name_end + extra_length + comment_length
    if len(buffer) < end:
        return None
    raw_name = buffer[at + ENTRY_SIZE : name_end]
    fields = _extra_fields(buffer[name_end : name_end + extra_length])
    size, stored_size, offset = _widen([size, stored_size, offset], fields.get(_ZIP64_EXTRA))
    link = made_by >> 8 == _UNIX and stat.S_ISLNK(external >> 16)
    extra_name = _unicode_name(raw_name, fields.get(_UNICODE_PATH_EXTRA))
    entry = Entry(raw_name, flags, method, crc, stored_size, size, offset + shift, extra_name, link=link)
    return entry, end - at


def read_local(window: Window, offset: int) -> LocalHeader | None:
    """The local header at ``offset``, or ``None`` if none stands there.

    Raises:
        WindowError: from the window.
    """
    if not 0 <= offset <= window.size - LOCAL_SIZE:
        return None
    record = window.read(offset, LOCAL_SIZE)
    if len(record) < LOCAL_SIZE or record[:4] != LOCAL_SIGNATURE:
        return None
    version, flags, method, _, crc, stored_size, size, name_length, extra_length = struct.unpack_from(
        "<HHHIIIIHH", record, 4
    )
    tail = window.read(offset + LOCAL_SIZE, name_length + extra_length) if name_length + extra_length else b""
    fields = _extra_fields(tail[name_length:])
    size, stored_size = _widen([size, stored_size], fields.get(_ZIP64_EXTRA))
    data_start = offset + LOCAL_SIZE + name_length + extra_length
    return LocalHeader(version, tail[:name_length], flags, method, crc, stored_size, size, offset, data_start)


def may_be_local(window: Window, offset: int) -> bool:
    """Whether the fixed part of a local header at ``offset`` is one that ``is_plausible`` may hold for.

    It spares reading names and extra fields of up to 128 KiB behind four bytes that stand there by chance or by intent.

    Raises:
        WindowError: from the window.
    """
    record = window.read(offset, LOCAL_SIZE) if offset <= window.size - LOCAL_SIZE else b""
    if len(record) < LOCAL_SIZE or not record.startswith(LOCAL_SIGNATURE):
        return False
    version, _, method = struct.unpack_from("<HHH", record, 4)
    (name_length,) = struct.unpack_from("<H", record, 26)
    return version & 0xFF <= _HIGHEST_VERSION and method in METHOD_NAMES and 0 < name_length <= _LONGEST_NAME


def is_plausible(header: LocalHeader) -> bool:
    """Whether four bytes that look like a local header are one: numbers hold ``PK`` by chance too."""
    name = header.raw_name
    return (
        header.version & 0xFF <= _HIGHEST_VERSION
        and header.method in METHOD_NAMES
        and 0 < len(name) <= _LONGEST_NAME
        and min(name) >= 0x20
    )


@dataclass(frozen=True, slots=True)
class Member:
    """An entry together with where its data are.

    Attributes:
        data_start: offset from the start of the file.
        stored_size: the stored bytes that are there, which the end of the file may have cut.
    """

    entry: Entry
    local: LocalHeader
    data_start: int
    stored_size: int

    @property
    def end(self) -> int:
        """The byte after the data."""
        return self.data_start + self.stored_size


def descriptor_length(window: Window, member: Member) -> int:
    """The length of the data descriptor after a member's data (section 4.3.9); 0 where none stands.

    Raises:
        WindowError: from the window.
    """
    if not (member.entry.flags | member.local.flags) & DESCRIPTOR_FOLLOWS:
        return 0
    record = window.read(member.end, 24) if member.end < window.size else b""
    signed = 4 if record.startswith(DESCRIPTOR_SIGNATURE) else 0
    for width in (8, 4):
        stored = record[signed + 4 : signed + 4 + width]
        if len(stored) == width and int.from_bytes(stored, "little") == member.stored_size:
            return signed + 4 + 2 * width
    return 0
