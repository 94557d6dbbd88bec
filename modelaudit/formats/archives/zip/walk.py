"""Members that no directory names, found by their local headers in one pass, whatever the bytes between them hold."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from modelaudit.formats.archives.zip.records import (
    DESCRIPTOR_FOLLOWS,
    DESCRIPTOR_SIGNATURE,
    ENTRY_SIGNATURE,
    LOCAL_SIGNATURE,
    STORED,
    Entry,
    LocalHeader,
    Member,
    descriptor_length,
    is_plausible,
    may_be_local,
    read_local,
)
from modelaudit.model.artifact import Window
from modelaudit.model.limits import KIB, MIB
from modelaudit.wire.decompression import ZIP_CODECS, measure_content
from modelaudit.wire.windows import Budget, SubWindow

_RECORD = re.compile(b"|".join(map(re.escape, (LOCAL_SIGNATURE, ENTRY_SIGNATURE))))
_DESCRIPTOR = re.compile(re.escape(DESCRIPTOR_SIGNATURE))
_MOST_MEASURED = 64 * MIB
_MEASURED_OF_ALL = 256 * MIB
# Starting a decoder and finding where it fails costs as much as this many bytes do.
_LEAST_COST = 64 * KIB
_SEARCHED_AT_ONCE = 64 * KIB


class _Search:
    """Four-byte signatures up to ``end``. Offsets that are asked for in rising order cost each byte one look."""

    def __init__(self, window: Window, pattern: re.Pattern[bytes], end: int) -> None:
        self._window = window
        self._pattern = pattern
        self._end = end
        self._base = 0
        self._buffer = b""

    def first(self, start: int) -> tuple[int, bytes] | None:
        """The first signature at or after ``start``, with its offset.

        Raises:
            WindowError: from the window.
        """
        while start + 4 <= self._end:
            if not self._base <= start <= self._base + len(self._buffer) - 4:
                self._base = start
                self._buffer = self._window.read(start, min(_SEARCHED_AT_ONCE, self._end - start))
                if len(self._buffer) < 4:
                    return None
            found = self._pattern.search(self._buffer, start - self._base)
            if found is not None:
                return self._base + found.start(), found[0]
            start = self._base + len(self._buffer) - 3
        return None


class Walk:
    """Members whose local headers stand between ``start`` and ``end``, each after the end of the one before.

    Attributes:
        cut: where the search for data descriptors stopped at ``most`` of them; ``None`` where it did not.
    """

    def __init__(self, window: Window, start: int, end: int, budget: Budget, most: int) -> None:
        self._window = window
        self._start = start
        self._end = end
        self._budget = budget
        self._most = most
        self._records = _Search(window, _RECORD, end)
        self._descriptors: dict[int, tuple[int, int]] | None = None
        self._left = _MEASURED_OF_ALL
        self.cut: int | None = None

    def __iter__(self) -> Iterator[Member]:
        """Find the members.

        Raises:
            WindowError: from the window.
        """
        position = self._start
        while position < self._end:
            local = self._next_header(position)
            if local is None:
                return
            member = self._member(local)
            yield member
            position = max(member.end + descriptor_length(self._window, member), member.data_start, local.offset + 4)

    def _next_header(self, start: int) -> LocalHeader | None:
        # Members mostly follow one another without a gap, which spares the search.
        offset = start
        while True:
            if may_be_local(self._window, offset):
                local = read_local(self._window, offset)
                if local is not None and is_plausible(local):
                    return local
            found = self._records.first(offset + 1)
            while found is not None and found[1] != LOCAL_SIGNATURE:
                found = self._records.first(found[0] + 4)
            if found is None:
                return None
            offset = found[0]

    def _member(self, local: LocalHeader) -> Member:
        stored_size, size = local.stored_size, local.size
        if local.flags & DESCRIPTOR_FOLLOWS and stored_size == 0:
            stored_size, size = self._measure(local)
        available = max(0, min(stored_size, self._window.size - local.data_start))
        entry = Entry(
            local.raw_name, local.flags, local.method, local.crc, stored_size, size, local.offset, listed=False
        )
        return Member(entry, local, local.data_start, available)

    def _measure(self, local: LocalHeader) -> tuple[int, int]:
        """The stored and expanded sizes of a member whose header leaves them to a descriptor after the data."""
        start = local.data_start
        if local.method != STORED and local.method in ZIP_CODECS and self._left > 0:
            stretch = SubWindow(self._window, start, self._end - start, self._budget)
            most = min(_MOST_MEASURED, self._left)
            found = measure_content(stretch, ZIP_CODECS[local.method], most, most)
            self._left -= max(found.size, found.consumed) + (0 if found.whole else _LEAST_COST)
            if found.whole:
                return found.consumed, found.size
        if self._descriptors is None:
            self._descriptors = self._find_descriptors(start)
        if start in self._descriptors:
            return self._descriptors[start]
        record = self._records.first(start)
        stop = record[0] if record is not None else max(start, self._end)
        return stop - start, stop - start

    def _find_descriptors(self, start: int) -> dict[int, tuple[int, int]]:
        """Where data would begin by each descriptor from ``start`` on, with the sizes that the first of them states."""
        found: dict[int, tuple[int, int]] = {}
        search = _Search(self._window, _DESCRIPTOR, self._end)
        position = start
        for _ in range(self._most):
            signature = search.first(position)
            if signature is None:
                return found
            offset = signature[0]
            record = self._window.read(offset + 8, 16)
            for form in ("<QQ", "<II"):
                if len(record) >= struct.calcsize(form):
                    stored_size, size = struct.unpack_from(form, record)
                    if start <= offset - stored_size:
                        found.setdefault(offset - stored_size, (stored_size, size))
            position = offset + 4
        self.cut = position
        return found
