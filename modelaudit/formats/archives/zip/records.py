"""Parse the records of a ZIP archive: directory entries, local headers and data descriptors.

Section numbers refer to PKWARE APPNOTE.TXT 6.3.10.
"""

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
"""The method number of data that are not compressed."""

ENCRYPTED_FLAG = 0x0001
DESCRIPTOR_FLAG = 0x0008
PATCH_FLAG = 0x0020
STRONG_ENCRYPTION_FLAG = 0x0040

_ZIP64_EXTRA = 0x0001
_UNICODE_PATH_EXTRA = 0x7075
_FULL_32 = 0xFFFFFFFF
_UNIX = 3
_HIGHEST_VERSION = 90
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """The facts about a member in the directory, or in its local header if no directory lists it.

    Attributes:
        raw_name: the name as stored.
        flags: the general purpose bit flags.
        method: number of the compression method.
        crc: CRC-32 of the content.
        stored_size: bytes of the stored data.
        size: bytes of the content.
        offset: offset of its local header from the start of the file, in bytes.
        extra_name: the name in an Info-ZIP Unicode Path field, if it has a valid one.
        listed: whether a directory lists it.
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
        """The name of the compression method, or ``method-`` and its number."""
        return METHOD_NAMES.get(self.method, f"method-{self.method}")


@dataclass(frozen=True, slots=True)
class LocalHeader:
    """The header before the data of a member. Offsets count from the start of the file."""

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


def _parse_extra_fields(extra: bytes) -> dict[int, bytes]:
    """Return the extra fields by their number; of equal numbers, the first one counts."""
    fields: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        fields.setdefault(kind, extra[position + 4 : position + 4 + length])
        position += 4 + length
    return fields


def _apply_zip64_sizes(values: list[int], field: bytes | None) -> list[int]:
    """Replace each 32-bit value of all ones by the next 64-bit number of the ZIP64 field (section 4.5.3)."""
    position = 0
    wide = list(values)
    for index, value in enumerate(values):
        if value == _FULL_32 and field is not None and position + 8 <= len(field):
            (wide[index],) = struct.unpack_from("<Q", field, position)
            position += 8
    return wide


def _parse_unicode_name(raw_name: bytes, field: bytes | None) -> bytes | None:
    """Return the name that replaces ``raw_name`` (section 4.6.9), or ``None``.

    The field holds the CRC-32 of the name that it replaces, and is ignored if that does not match.
    """
    if (
        field is None
        or len(field) < 6
        or field[0] != 1
        or struct.unpack_from("<I", field, 1)[0] != zlib.crc32(raw_name)
    ):
        return None
    return field[5:]


def parse_entry(buffer: bytes, at: int, shift: int) -> tuple[DirectoryEntry, int] | None:
    """Parse the directory entry at ``at`` in ``buffer``; ``shift`` is added to the offset of its local header.

    Returns:
        The entry and its length in bytes, or ``None`` if the buffer holds no complete entry there.
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
    fields = _parse_extra_fields(buffer[name_end : name_end + extra_length])
    size, stored_size, offset = _apply_zip64_sizes([size, stored_size, offset], fields.get(_ZIP64_EXTRA))
    link = made_by >> 8 == _UNIX and stat.S_ISLNK(external >> 16)
    extra_name = _parse_unicode_name(raw_name, fields.get(_UNICODE_PATH_EXTRA))
    entry = DirectoryEntry(raw_name, flags, method, crc, stored_size, size, offset + shift, extra_name, link=link)
    return entry, end - at


def read_local_header(window: Window, offset: int) -> LocalHeader | None:
    """Read the local header at ``offset``, or return ``None`` if there is none.

    Raises:
        WindowError: the window could not return the requested bytes.
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
    fields = _parse_extra_fields(tail[name_length:])
    size, stored_size = _apply_zip64_sizes([size, stored_size], fields.get(_ZIP64_EXTRA))
    data_start = offset + LOCAL_SIZE + name_length + extra_length
    return LocalHeader(version, tail[:name_length], flags, method, crc, stored_size, size, offset, data_start)


def may_be_local_header(window: Window, offset: int) -> bool:
    """Whether the fixed part of a local header at ``offset`` passes the tests of ``is_plausible_header``.

    This cheap test avoids reading a name and extra fields of up to 128 KiB after each chance or forged signature.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    record = window.read(offset, LOCAL_SIZE) if offset <= window.size - LOCAL_SIZE else b""
    if len(record) < LOCAL_SIZE or not record.startswith(LOCAL_SIGNATURE):
        return False
    version, _, method = struct.unpack_from("<HHH", record, 4)
    (name_length,) = struct.unpack_from("<H", record, 26)
    return version & 0xFF <= _HIGHEST_VERSION and method in METHOD_NAMES and 0 < name_length <= _LONGEST_NAME


def is_plausible_header(header: LocalHeader) -> bool:
    """Whether the fields after a signature look like a local header; numbers contain the signature by chance too."""
    name = header.raw_name
    return (
        header.version & 0xFF <= _HIGHEST_VERSION
        and header.method in METHOD_NAMES
        and 0 < len(name) <= _LONGEST_NAME
        and min(name) >= 0x20
    )


@dataclass(frozen=True, slots=True)
class Member:
    """An entry with the place of its data.

    Attributes:
        entry: the facts in the directory.
        local: its local header.
        data_start: offset of the data from the start of the file, in bytes.
        stored_size: stored bytes that are present, which the end of the file may truncate.
    """

    entry: DirectoryEntry
    local: LocalHeader
    data_start: int
    stored_size: int

    @property
    def end(self) -> int:
        """The offset of the byte after the data."""
        return self.data_start + self.stored_size


def measure_descriptor(window: Window, member: Member) -> int:
    """Return the length of the data descriptor after the data of a member (section 4.3.9); 0 if there is none.

    The signature of a descriptor is optional, and its sizes have 4 or 8 bytes. The form with the right size counts.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if not (member.entry.flags | member.local.flags) & DESCRIPTOR_FLAG:
        return 0
    record = window.read(member.end, 24) if member.end < window.size else b""
    signed = 4 if record.startswith(DESCRIPTOR_SIGNATURE) else 0
    for width in (8, 4):
        stored = record[signed + 4 : signed + 4 + width]
        if len(stored) == width and int.from_bytes(stored, "little") == member.stored_size:
            return signed + 4 + 2 * width
    return 0
