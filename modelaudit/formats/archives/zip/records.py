"""Parse the records of a ZIP archive: directory entries, local headers and data descriptors.

Section numbers refer to PKWARE APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

import stat
import struct
import zlib

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.decompression import METHOD_NAMES

LOCAL_SIGNATURE = b"PK\x03\x04"
ENTRY_SIGNATURE = b"PK\x01\x02"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
# A signature, a CRC-32, and a stored size and a size of 8 bytes each.
_LONGEST_DESCRIPTOR = 24
# The signatures that may follow a member: a local header, a directory entry, an end record, the two records of ZIP64,
# and an archive extra data record (section 4.3).
_NEXT_RECORD = defer_pattern(rb"PK(?:\x03\x04|\x01\x02|\x05\x06|\x06[\x06-\x08])")
SIGNATURE_BYTES = 4
ENTRY_SIZE = 46
LOCAL_SIZE = 30

STORED = 0
"""The method number of data that are not compressed."""

ENCRYPTED_FLAG = 0x0001
DESCRIPTOR_FLAG = 0x0008
PATCH_FLAG = 0x0020
STRONG_ENCRYPTION_FLAG = 0x0040

_ZIP64_EXTRA = 0x0001  # numbers of extra fields (section 4.5.2)
_UNICODE_PATH_EXTRA = 0x7075
_FULL_32 = 0xFFFFFFFF  # a size or offset of this value is stated in the ZIP64 field instead
_UNIX = 3  # the system in the high byte of "version made by" (section 4.4.2)
_HIGHEST_VERSION = 90  # of "version needed to extract"; section 4.4.3 defines versions up to 63
_LONGEST_NAME = 4096

# A directory entry after its signature (section 4.3.12): version made by, version needed, flags, method, time, date,
# CRC-32, stored size, size, lengths of name, extra fields and comment, disk, internal and external attributes, offset
# of the local header.
_ENTRY_FIELDS = "<HHHHHHIIIHHHHHII"
# A local header after its signature (section 4.3.7): version needed, flags, method, time and date, CRC-32, stored size,
# size, lengths of name and extra fields.
_LOCAL_FIELDS = "<HHHIIIIHH"
_LOCAL_NAME_LENGTH_AT = 26


class DirectoryEntry(Struct, frozen=True):
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


class LocalHeader(Struct, frozen=True):
    """The header before the data of a member.

    Attributes:
        version: the version that is needed to extract, times ten.
        raw_name: the name as stored.
        flags: the general purpose bit flags.
        method: number of the compression method.
        crc: CRC-32 of the content.
        stored_size: bytes of the stored data.
        size: bytes of the content.
        offset: offset of the header from the start of the file, in bytes.
        data_start: offset of the data from the start of the file, in bytes.
    """

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

    def share_values(self, entry: DirectoryEntry) -> LocalHeader:
        """Return an equal header that refers to the objects of ``entry`` where the values are equal.

        Both records mostly have the same values, which otherwise take memory twice for each of many members.
        """
        return replace(
            self,
            raw_name=entry.raw_name if self.raw_name == entry.raw_name else self.raw_name,
            crc=entry.crc if self.crc == entry.crc else self.crc,
            stored_size=entry.stored_size if self.stored_size == entry.stored_size else self.stored_size,
            size=entry.size if self.size == entry.size else self.size,
            offset=entry.offset if self.offset == entry.offset else self.offset,
        )


def _parse_extra_fields(extra: bytes) -> dict[int, bytes]:
    """Return the data of the extra fields by their number (section 4.5.1); of equal numbers, the first one counts."""
    fields: dict[int, bytes] = {}
    position = 0
    # Each field begins with its number and the length of its data, 16 bits each.
    while position + 4 <= len(extra):
        number, length = struct.unpack_from("<HH", extra, position)
        data_start = position + 4
        position = data_start + length
        fields.setdefault(number, extra[data_start:position])
    return fields


def _apply_zip64_field(values: list[int], field: bytes | None) -> list[int]:
    """Replace each 32-bit value of all ones by the next 64-bit number of the ZIP64 field (section 4.5.3).

    ``values`` must be in the order of the field: size, stored size, offset. Without a field, they stay as they are.
    """
    position = 0
    resolved = list(values)
    for index, value in enumerate(values):
        if value == _FULL_32 and field is not None and position + 8 <= len(field):
            (resolved[index],) = struct.unpack_from("<Q", field, position)
            position += 8
    return resolved


def _parse_unicode_name(raw_name: bytes, field: bytes | None) -> bytes | None:
    """Return the name in a Unicode Path field that replaces ``raw_name`` (section 4.6.9), or ``None``.

    The field is a version byte of 1, the CRC-32 of the name that it replaces, and the new name. It is ignored if the
    CRC-32 does not match.
    """
    if field is None or len(field) < 6 or field[0] != 1:
        return None
    (replaced_crc,) = struct.unpack_from("<I", field, 1)
    return field[5:] if replaced_crc == zlib.crc32(raw_name) else None


def parse_entry(buffer: bytes, start: int, shift: int) -> tuple[DirectoryEntry, int, int, int] | None:
    """Parse the directory entry at ``start`` in ``buffer``, and add ``shift`` to the offset that it states.

    Returns:
        The entry, the length of its fields and name, the length with its extra fields too, and its whole length, each
        in bytes; ``None`` if the buffer holds no complete entry there.
    """
    if len(buffer) < start + ENTRY_SIZE or not buffer.startswith(ENTRY_SIGNATURE, start):
        return None
    (
        made_by, _, flags, method, _, _, crc, stored_size, size, name_length, extra_length, comment_length, _, _,
        external, offset,
    ) = struct.unpack_from(_ENTRY_FIELDS, buffer, start + SIGNATURE_BYTES)  # fmt: skip
    name_start = start + ENTRY_SIZE
    name_end = name_start + name_length
    extra_end = name_end + extra_length
    end = extra_end + comment_length
    if len(buffer) < end:
        return None
    raw_name = buffer[name_start:name_end]
    fields = _parse_extra_fields(buffer[name_end:extra_end])
    size, stored_size, offset = _apply_zip64_field([size, stored_size, offset], fields.get(_ZIP64_EXTRA))
    link = made_by >> 8 == _UNIX and stat.S_ISLNK(external >> 16)
    extra_name = _parse_unicode_name(raw_name, fields.get(_UNICODE_PATH_EXTRA))
    entry = DirectoryEntry(raw_name, flags, method, crc, stored_size, size, offset + shift, extra_name, link=link)
    return entry, name_end - start, extra_end - start, end - start


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
        _LOCAL_FIELDS, record, SIGNATURE_BYTES
    )
    variable_size = name_length + extra_length
    name_and_extra = window.read(offset + LOCAL_SIZE, variable_size) if variable_size else b""
    raw_name, extra = name_and_extra[:name_length], name_and_extra[name_length:]
    fields = _parse_extra_fields(extra)
    size, stored_size = _apply_zip64_field([size, stored_size], fields.get(_ZIP64_EXTRA))
    data_start = offset + LOCAL_SIZE + variable_size
    return LocalHeader(version, raw_name, flags, method, crc, stored_size, size, offset, data_start)


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
    (name_length,) = struct.unpack_from("<H", record, _LOCAL_NAME_LENGTH_AT)
    # The low byte is the version; the high byte is reserved or names a system.
    return version & 0xFF <= _HIGHEST_VERSION and method in METHOD_NAMES and 0 < name_length <= _LONGEST_NAME


def is_plausible_header(header: LocalHeader) -> bool:
    """Whether the version, method and name of a header are usual. The signature alone also occurs by chance in data."""
    name = header.raw_name
    return (
        header.version & 0xFF <= _HIGHEST_VERSION
        and header.method in METHOD_NAMES
        and 0 < len(name) <= _LONGEST_NAME
        # Names have no control characters.
        and min(name) >= 0x20
    )


class Member(Struct, frozen=True):
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

    A descriptor is an optional signature, the CRC-32, the stored size and the size. Both sizes have 4 or 8 bytes. Of
    these two forms, the one whose stored size is that of the member is taken.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    if not (member.entry.flags | member.local.flags) & DESCRIPTOR_FLAG:
        return 0
    record = window.read(member.end, _LONGEST_DESCRIPTOR + SIGNATURE_BYTES) if member.end < window.size else b""
    crc_start = len(DESCRIPTOR_SIGNATURE) if record.startswith(DESCRIPTOR_SIGNATURE) else 0
    sizes_start = crc_start + 4
    for width in order_size_widths(record[sizes_start:]):
        end = sizes_start + 2 * width
        stored_size = int.from_bytes(record[sizes_start : sizes_start + width], "little")
        if end <= len(record) and stored_size == member.stored_size:
            return end
    return 0


def order_size_widths(sizes: bytes) -> tuple[int, int]:
    """Return the bytes that each of the two sizes in a data descriptor may have, the more probable number first.

    Sizes of 4 bytes count if another record or the end of the file follows them. Otherwise sizes of 8 bytes are tried
    first, because sizes of 4 bytes fit them too.

    Args:
        sizes: the bytes from the stored size on, with the signature of the record behind the descriptor.
    """
    two_sizes_end = 2 * 4  # if each has 4 bytes
    following = sizes[two_sizes_end : two_sizes_end + SIGNATURE_BYTES]
    return (4, 8) if not following or _NEXT_RECORD.match(following) else (8, 4)
