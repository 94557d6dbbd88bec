"""Finding and reading the central directory, wherever a loader might look for it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.formats.archives.zip.records import ENTRY_SIGNATURE, Entry, parse_entry
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
# Loaders take the last record that fits; a forger may plant more of them, but not without bound.
_MOST_ENDS = 8
_LONGEST_RECORD = 46 + 3 * 0xFFFF


@dataclass(frozen=True, slots=True)
class Place:
    """Where a directory is said to be.

    Attributes:
        start: its first byte.
        size: its stated size in bytes.
        count: its stated number of entries.
        shift: what to add to the offsets that its entries state.
        end: the first byte after the record that named it, comment included.
        closing: where that record, or the ZIP64 record before it, begins.
        reader: which loaders look there.
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
    """The entries read at one place. ``damage`` says why reading stopped before its stated size, if it did.

    ``stop`` is the byte after the last entry read; ``full`` whether the bound on members cut it short.
    """

    place: Place
    entries: tuple[Entry, ...]
    stop: int
    damage: str | None = None
    full: bool = False


def find_places(window: Window) -> list[Place]:
    """Every place at which a directory begins according to the last end record that leads to one.

    Loaders all take the last record. They disagree about what its figures mean in a file that has bytes before the
    archive, and about which of its ZIP64 records counts.

    Raises:
        WindowError: from the window.
    """
    start = max(0, window.size - _END_SIZE - _LONGEST_COMMENT)
    tail = b"".join(iterate_chunks(window, start))
    places: list[Place] = []
    position = tail.rfind(_END_SIGNATURE)
    for _ in range(_MOST_ENDS):
        if position < 0 or places:
            break
        if position + _END_SIZE <= len(tail):
            for place in _places_of(window, tail[position : position + _END_SIZE], start + position):
                known = any((place.start, place.size, place.shift) == (p.start, p.size, p.shift) for p in places)
                if not known and _begins_directory(window, place):
                    places.append(place)
        position = tail.rfind(_END_SIGNATURE, 0, position)
    return places


def _places_of(window: Window, record: bytes, at: int) -> Iterator[Place]:
    """The candidates of one end record: as Python computes it from the end, and as stated from the start."""
    *_, count, size, offset, comment = struct.unpack("<4sHHHHIIH", record)
    end = min(at + _END_SIZE + comment, window.size)
    records = _end64_records(window, at)
    for record64 in records:
        yield from _places64(window, record64, end)
    # Python counts back from the plain record only where no ZIP64 record stands right before its locator.
    preceded = any(_is_record64(window, first) for first in records[:1])
    yield from _both(size, offset, count, at, end, back=not preceded)


def _both(size: int, offset: int, count: int, closing: int, end: int, back: bool = True) -> Iterator[Place]:
    inferred = closing - size
    if back and inferred >= 0:
        yield Place(inferred, size, count, inferred - offset, end, closing, "zipfile")
    if offset != inferred and offset + size <= closing:
        yield Place(offset, size, count, 0, end, closing, "torch")


def _end64_records(window: Window, end_record: int) -> list[int]:
    """Where the ZIP64 end record is: directly before its locator, and where the locator says."""
    locator_at = end_record - _LOCATOR_SIZE
    if locator_at < _END64_SIZE:
        return []
    locator = window.read(locator_at, _LOCATOR_SIZE)
    if locator[:4] != _LOCATOR_SIGNATURE or len(locator) < _LOCATOR_SIZE:
        return []
    (stated,) = struct.unpack_from("<Q", locator, 8)
    return list(dict.fromkeys((locator_at - _END64_SIZE, stated)))


def _places64(window: Window, at: int, end: int) -> Iterator[Place]:
    """The candidates of the ZIP64 end record at ``at``, if one stands there."""
    if _is_record64(window, at):
        count, size, offset = struct.unpack_from("<QQQ", window.read(at, _END64_SIZE), 32)
        yield from _both(size, offset, count, at, end)


def _is_record64(window: Window, at: int) -> bool:
    return at + _END64_SIZE <= window.size and window.read(at, 4) == _END64_SIGNATURE


def _begins_directory(window: Window, place: Place) -> bool:
    if place.count == 0 and place.size == 0:
        return place.end == window.size
    return place.size > 0 and window.read(place.start, 4) == ENTRY_SIGNATURE


def read_directory(window: Window, place: Place, most: int) -> Directory:
    """The entries at ``place``, at most ``most``.

    Raises:
        WindowError: from the window.
    """
    entries: list[Entry] = []
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
            return Directory(place, tuple(entries), position, full=True)
        entries.append(found[0])
        position += found[1]
    damage = "the directory breaks off at the end of the file" if place.start + place.size > window.size else None
    return Directory(place, tuple(entries), position, damage)
