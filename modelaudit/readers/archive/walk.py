"""Members that no directory names, found by their local headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB, MIB
from modelaudit.readers.archive.records import (
    DESCRIPTOR_FOLLOWS,
    DESCRIPTOR_SIGNATURE,
    ENTRY_SIGNATURE,
    LOCAL_SIGNATURE,
    Entry,
    LocalHeader,
    Member,
    descriptor_length,
    is_plausible,
    read_local,
)
from modelaudit.readers.decompression import READABLE_METHODS, STORED, measure
from modelaudit.readers.windows import Budget, SubWindow, chunks

_LOCAL = re.compile(re.escape(LOCAL_SIGNATURE))
_DESCRIPTOR = re.compile(re.escape(DESCRIPTOR_SIGNATURE))
_NEXT_RECORD = re.compile(b"|".join(map(re.escape, (LOCAL_SIGNATURE, ENTRY_SIGNATURE))))
_MOST_MEASURED = 64 * MIB
_SEARCHED_AT_ONCE = 64 * KIB


def find(window: Window, pattern: re.Pattern[bytes], start: int, end: int) -> Iterator[int]:
    """Every offset in ``start`` to ``end`` at which the four-byte signatures of ``pattern`` stand.

    Raises:
        WindowError: from the window.
    """
    kept = b""
    position = start
    for piece in chunks(window, start, end, _SEARCHED_AT_ONCE):
        buffer = kept + piece
        base = position - len(kept)
        for match in pattern.finditer(buffer):
            yield base + match.start()
        kept = buffer[-3:]
        position += len(piece)


def walk(window: Window, start: int, end: int, budget: Budget) -> Iterator[Member]:
    """Members whose local headers stand between ``start`` and ``end``, each after the end of the one before.

    Raises:
        WindowError: from the window.
    """
    position = start
    while position < end:
        member = _next_member(window, position, end, budget)
        if member is None:
            return
        yield member
        position = max(member.end + descriptor_length(window, member), member.data_start, position + 4)


def _next_member(window: Window, start: int, end: int, budget: Budget) -> Member | None:
    # Members mostly follow one another without a gap, which spares the search.
    for offset in chain((start,), find(window, _LOCAL, start + 1, end)):
        local = read_local(window, offset)
        if local is not None and is_plausible(local):
            return _member(window, local, end, budget)
    return None


def _member(window: Window, local: LocalHeader, end: int, budget: Budget) -> Member:
    stored_size, size = local.stored_size, local.size
    if local.flags & DESCRIPTOR_FOLLOWS and stored_size == 0:
        stored_size, size = _measure(window, local, end, budget)
    available = max(0, min(stored_size, window.size - local.data_start))
    entry = Entry(local.raw_name, local.flags, local.method, local.crc, stored_size, size, local.offset, listed=False)
    return Member(entry, local, local.data_start, available)


def _measure(window: Window, local: LocalHeader, end: int, budget: Budget) -> tuple[int, int]:
    """The stored and expanded sizes of a member whose header leaves them to a descriptor after the data."""
    start = local.data_start
    if local.method != STORED and local.method in READABLE_METHODS:
        found = measure(SubWindow(window, start, end - start, budget), local.method, _MOST_MEASURED, _MOST_MEASURED)
        if found.whole:
            return found.consumed, found.size
    for offset in find(window, _DESCRIPTOR, start, end):
        record = window.read(offset, 24)
        for width in (8, 4):
            if int.from_bytes(record[8 : 8 + width], "little") == offset - start:
                return offset - start, int.from_bytes(record[8 + width : 8 + 2 * width], "little")
    stop = max(start, next(find(window, _NEXT_RECORD, start, end), end))
    return stop - start, stop - start
