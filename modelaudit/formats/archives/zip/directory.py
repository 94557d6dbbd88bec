"""Find and read the central directory of a ZIP archive at every place where a loader might look for it.

The end record at the end of the file states the size and offset of the directory. If bytes precede the archive, the two
figures lead to different places: ``zipfile`` counts the size back from the end record, torch uses the offset.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from msgspec import Struct

from modelaudit.formats.archives.zip.claims import claim_entry
from modelaudit.formats.archives.zip.records import ENTRY_SIGNATURE, ENTRY_SIZE, DirectoryEntry, parse_entry
from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB
from modelaudit.wire.ledger import claim_parsed, claim_text
from modelaudit.wire.windows import iterate_chunks

_END_SIGNATURE = b"PK\x05\x06"
_END_SIZE = 22
_LONGEST_COMMENT = 0xFFFF
_END64_SIGNATURE = b"PK\x06\x06"
_END64_SIZE = 56
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_LOCATOR_SIZE = 20
# Loaders use the last end record that fits. A forged file may contain any number of them, so the search is bounded.
_MOST_ENDS = 8
# The name, the extra fields and the comment of an entry have lengths of 16 bits.
_LONGEST_ENTRY = ENTRY_SIZE + 3 * 0xFFFF
# The end record (APPNOTE.TXT section 4.3.16): signature, number of this disk, disk of the directory, number of entries
# on this disk, number of entries, size and offset of the directory, length of the comment.
_END_FIELDS = "<4sHHHHIIH"
_LOCATOR_OFFSET_AT = 8  # the field of the ZIP64 locator with the offset of the ZIP64 end record (section 4.3.15)
_END64_COUNT_AT = 32  # the field of the ZIP64 end record with the number of entries; size and offset follow (4.3.14)


class DirectoryPlace(Struct, frozen=True):
    """A place where an end record states a directory to be.

    Attributes:
        start: offset of the first byte of the directory.
        size: its stated size in bytes.
        count: its stated number of entries.
        shift: number of bytes to add to the offsets that its entries state.
        end: offset of the first byte after the end record, comment included.
        end_record: offset of the end record, or of the ZIP64 end record if that one states the place.
        loader: the loader that looks there.
    """

    start: int
    size: int
    count: int
    shift: int
    end: int
    end_record: int
    loader: str


class Directory(Struct, frozen=True):
    """The entries of the directory at one place.

    Attributes:
        place: its place.
        entries: the entries, in order.
        stop: offset of the byte after the last entry that was read.
        damage: why reading ended before the stated size; ``None`` if it did not.
        is_full: whether reading ended because the bound on members was reached.
    """

    place: DirectoryPlace
    entries: tuple[DirectoryEntry, ...]
    stop: int
    damage: str | None = None
    is_full: bool = False


def find_places(window: Window) -> list[DirectoryPlace]:
    """Return every place where a directory begins according to the last end record that leads to one.

    All loaders search the last 64 KiB of the file backwards for an end record. They disagree on how to read its figures
    in a file with bytes before the archive, and on the ZIP64 record to use.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    start = max(0, window.size - _END_SIZE - _LONGEST_COMMENT)
    tail = b"".join(iterate_chunks(window, start))
    places: list[DirectoryPlace] = []
    position = tail.rfind(_END_SIGNATURE)
    for _ in range(_MOST_ENDS):
        if position < 0 or places:
            break
        if position + _END_SIZE <= len(tail):
            record = tail[position : position + _END_SIZE]
            for place in _list_candidates(window, record, start + position):
                key = (place.start, place.size, place.shift)
                is_known = key in [(other.start, other.size, other.shift) for other in places]
                if not is_known and _begins_directory(window, place):
                    places.append(place)
            if places:
                _claim_end_records(window, start + position, tail[position:])
        position = tail.rfind(_END_SIGNATURE, 0, position)
    return places


def _claim_end_records(window: Window, offset: int, data: bytes) -> None:
    """Claim the end record at ``offset``, where ``data`` begin, a comment that is text, and the records of ZIP64."""
    claim_parsed(window, offset, offset + _END_SIZE)
    *_, comment_length = struct.unpack_from(_END_FIELDS, data)
    claim_text(window, offset + _END_SIZE, data[_END_SIZE : _END_SIZE + comment_length])
    offsets64 = _find_zip64_records(window, offset)
    if offsets64:
        claim_parsed(window, offset - _LOCATOR_SIZE, offset)
    for offset64 in offsets64:
        if _is_zip64_record(window, offset64):
            claim_parsed(window, offset64, offset64 + _END64_SIZE)


def _list_candidates(window: Window, record: bytes, record_offset: int) -> Iterator[DirectoryPlace]:
    """Yield the places that one end record and its ZIP64 end records state, with a directory there or not."""
    *_, count, size, offset, comment_length = struct.unpack(_END_FIELDS, record)
    end = min(record_offset + _END_SIZE + comment_length, window.size)
    offsets64 = _find_zip64_records(window, record_offset)
    for offset64 in offsets64:
        yield from _list_zip64_candidates(window, offset64, end)
    # zipfile ignores the plain record if a ZIP64 record lies directly before its locator, the first of the offsets.
    is_ignored_by_zipfile = bool(offsets64) and _is_zip64_record(window, offsets64[0])
    yield from _resolve_offsets(size, offset, count, record_offset, end, for_zipfile=not is_ignored_by_zipfile)


def _resolve_offsets(
    size: int, offset: int, count: int, end_record: int, end: int, for_zipfile: bool = True
) -> Iterator[DirectoryPlace]:
    """Yield the place that zipfile infers from an end record, and the place at the stated offset that torch uses.

    Args:
        size: stated size of the directory in bytes.
        offset: stated offset of the directory.
        count: stated number of entries.
        end_record: offset of the end record.
        end: offset of the byte after the archive.
        for_zipfile: whether zipfile uses this record.
    """
    # zipfile expects the directory directly before its end record.
    inferred = end_record - size
    if for_zipfile and inferred >= 0:
        yield DirectoryPlace(inferred, size, count, inferred - offset, end, end_record, "zipfile")
    if offset != inferred and offset + size <= end_record:
        yield DirectoryPlace(offset, size, count, 0, end, end_record, "torch")


def _find_zip64_records(window: Window, end_record: int) -> list[int]:
    """Return the offsets where a ZIP64 end record may be: directly before its locator, then the offset in the locator.

    Loaders disagree on the offset to use. Without a locator before the end record at ``end_record``, there is none.
    """
    locator_offset = end_record - _LOCATOR_SIZE
    if locator_offset < _END64_SIZE:
        return []
    locator = window.read(locator_offset, _LOCATOR_SIZE)
    if locator[:4] != _LOCATOR_SIGNATURE or len(locator) < _LOCATOR_SIZE:
        return []
    (stated_offset,) = struct.unpack_from("<Q", locator, _LOCATOR_OFFSET_AT)
    # Mostly both are the same offset, which is returned once.
    return list(dict.fromkeys((locator_offset - _END64_SIZE, stated_offset)))


def _list_zip64_candidates(window: Window, record_offset: int, end: int) -> Iterator[DirectoryPlace]:
    """Yield the places that the ZIP64 end record at ``record_offset`` states, if there is one."""
    if _is_zip64_record(window, record_offset):
        record = window.read(record_offset, _END64_SIZE)
        count, size, offset = struct.unpack_from("<QQQ", record, _END64_COUNT_AT)
        yield from _resolve_offsets(size, offset, count, record_offset, end)


def _is_zip64_record(window: Window, offset: int) -> bool:
    """Whether a ZIP64 end record begins at ``offset``."""
    return offset + _END64_SIZE <= window.size and window.read(offset, 4) == _END64_SIGNATURE


def _begins_directory(window: Window, place: DirectoryPlace) -> bool:
    """Whether a directory begins at the stated place; for an empty one, whether its end record ends the file."""
    # An empty archive has no entry to check, so only an end record at the end of the file counts.
    if place.count == 0 and place.size == 0:
        return place.end == window.size
    return place.size > 0 and window.read(place.start, 4) == ENTRY_SIGNATURE


def read_directory(window: Window, place: DirectoryPlace, most: int) -> Directory:
    """Read the entries at ``place``, at most ``most``; stop at the first damaged one.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    entries: list[DirectoryEntry] = []
    end = min(place.start + place.size, window.size)
    position = place.start
    buffer = b""
    buffer_start = position
    while position < end:
        buffer_end = buffer_start + len(buffer)
        # The buffer is read anew when it might not hold the whole next entry.
        if buffer_end - position < _LONGEST_ENTRY and buffer_end < end:
            buffer_start, buffer = position, window.read(position, min(MIB, end - position))
        start_in_buffer = position - buffer_start
        parsed = parse_entry(buffer, start_in_buffer, place.shift)
        if parsed is None or position + parsed[-1] > end:  # the last number is the length of the entry
            detail = f"entry {len(entries)} of the directory, at byte {position}, is damaged"
            return Directory(place, tuple(entries), position, detail)
        if len(entries) >= most:
            return Directory(place, tuple(entries), position, is_full=True)
        entry, name_end, extra_end, length = parsed
        entries.append(entry)
        record = buffer[start_in_buffer : start_in_buffer + length]
        claim_entry(window, position, record, name_end, extra_end)
        position += length
    damage = "the directory is truncated by the end of the file" if place.start + place.size > window.size else None
    return Directory(place, tuple(entries), position, damage)
