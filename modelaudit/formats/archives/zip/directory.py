"""Find and read the central directory of a ZIP archive at every place where a loader might look for it.

The end record at the end of the file states the size and offset of the directory. If bytes precede the archive, the two
figures lead to different places: ``zipfile`` counts the size back from the end record, torch uses the offset.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.formats.archives.zip.records import ENTRY_SIGNATURE, DirectoryEntry, parse_entry
from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB
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
_LONGEST_RECORD = 46 + 3 * 0xFFFF


@dataclass(frozen=True, slots=True)
class DirectoryPlace:
    """A place where an end record states a directory to be.

    Attributes:
        start: its first byte.
        size: its stated size in bytes.
        count: its stated number of entries.
        shift: number of bytes to add to the offsets that its entries state.
        end: the first byte after the end record, comment included.
        closing: offset of the end record, or of the ZIP64 end record if that one states the place.
        reader: the loader that looks there.
    """

    start: int
    size: int
    count: int
    shift: int
    end: int
    closing: int
    reader: str


@dataclass(frozen=True, slots=True)
class Directory:
    """The entries of the directory at one place.

    Attributes:
        place: its place.
        entries: the entries, in order.
        stop: offset of the byte after the last entry that was read.
        damage: why reading ended before the stated size; ``None`` if it did not.
        is_full: whether the bound on members ended the reading.
    """

    place: DirectoryPlace
    entries: tuple[DirectoryEntry, ...]
    stop: int
    damage: str | None = None
    is_full: bool = False


def find_places(window: Window) -> list[DirectoryPlace]:
    """Return every place where a directory begins according to the last end record that leads to one.

    All loaders use the last record. They disagree on how to read its figures in a file with bytes before the archive,
    and on the ZIP64 record to use.

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
            for place in _list_candidates(window, tail[position : position + _END_SIZE], start + position):
                known = any((place.start, place.size, place.shift) == (p.start, p.size, p.shift) for p in places)
                if not known and _begins_directory(window, place):
                    places.append(place)
        position = tail.rfind(_END_SIGNATURE, 0, position)
    return places


def _list_candidates(window: Window, record: bytes, at: int) -> Iterator[DirectoryPlace]:
    """Yield the candidates of one end record and of the ZIP64 records that belong to it."""
    *_, count, size, offset, comment = struct.unpack("<4sHHHHIIH", record)
    end = min(at + _END_SIZE + comment, window.size)
    records = _find_zip64_records(window, at)
    for record64 in records:
        yield from _list_zip64_candidates(window, record64, end)
    # zipfile ignores the plain record if a ZIP64 record lies directly before its locator.
    preceded = any(_is_zip64_record(window, first) for first in records[:1])
    yield from _resolve_offsets(size, offset, count, at, end, back=not preceded)


def _resolve_offsets(
    size: int, offset: int, count: int, closing: int, end: int, back: bool = True
) -> Iterator[DirectoryPlace]:
    """Yield the place that zipfile infers from the end record, and the place at the stated offset that torch uses."""
    inferred = closing - size
    if back and inferred >= 0:
        yield DirectoryPlace(inferred, size, count, inferred - offset, end, closing, "zipfile")
    if offset != inferred and offset + size <= closing:
        yield DirectoryPlace(offset, size, count, 0, end, closing, "torch")


def _find_zip64_records(window: Window, end_record: int) -> list[int]:
    """Return where a ZIP64 end record may be: directly before its locator, and at the offset in the locator.

    Loaders disagree on the place to use.
    """
    locator_at = end_record - _LOCATOR_SIZE
    if locator_at < _END64_SIZE:
        return []
    locator = window.read(locator_at, _LOCATOR_SIZE)
    if locator[:4] != _LOCATOR_SIGNATURE or len(locator) < _LOCATOR_SIZE:
        return []
    (stated,) = struct.unpack_from("<Q", locator, 8)
    return list(dict.fromkeys((locator_at - _END64_SIZE, stated)))


def _list_zip64_candidates(window: Window, at: int, end: int) -> Iterator[DirectoryPlace]:
    """Yield the candidates of the ZIP64 end record at ``at``, if there is one."""
    if _is_zip64_record(window, at):
        count, size, offset = struct.unpack_from("<QQQ", window.read(at, _END64_SIZE), 32)
        yield from _resolve_offsets(size, offset, count, at, end)


def _is_zip64_record(window: Window, at: int) -> bool:
    """Whether a ZIP64 end record begins at ``at``."""
    return at + _END64_SIZE <= window.size and window.read(at, 4) == _END64_SIGNATURE


def _begins_directory(window: Window, place: DirectoryPlace) -> bool:
    """Whether a directory begins at the stated place; an empty one must be at the end of the file."""
    # An empty archive has no entry to check, so only an end record at the end of the file counts.
    if place.count == 0 and place.size == 0:
        return place.end == window.size
    return place.size > 0 and window.read(place.start, 4) == ENTRY_SIGNATURE


def read_directory(window: Window, place: DirectoryPlace, most: int) -> Directory:
    """Read the entries at ``place``, at most ``most``.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    entries: list[DirectoryEntry] = []
    end = min(place.start + place.size, window.size)
    position = place.start
    buffer = b""
    base = position
    while position < end:
        if base + len(buffer) - position < _LONGEST_RECORD and base + len(buffer) < end:
            base, buffer = position, window.read(position, min(MIB, end - position))
        found = parse_entry(buffer, position - base, place.shift)
        if found is None or position + found[1] > end:
            detail = f"entry {len(entries)} of the directory, at byte {position}, is damaged"
            return Directory(place, tuple(entries), position, detail)
        if len(entries) >= most:
            return Directory(place, tuple(entries), position, is_full=True)
        entries.append(found[0])
        position += found[1]
    damage = "the directory is truncated by the end of the file" if place.start + place.size > window.size else None
    return Directory(place, tuple(entries), position, damage)
