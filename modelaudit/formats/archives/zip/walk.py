"""Find members that no directory lists by their local headers, in one pass over a byte range.

The cost must stay linear in the range even for hostile bytes. Two cases threaten that: many signatures that are not
headers, and members whose size is known only from a descriptor after their data.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from modelaudit.formats.archives.zip.records import (
    DESCRIPTOR_FLAG,
    DESCRIPTOR_SIGNATURE,
    ENTRY_SIGNATURE,
    LOCAL_SIGNATURE,
    SIGNATURE_BYTES,
    STORED,
    DirectoryEntry,
    LocalHeader,
    Member,
    is_plausible_header,
    may_be_local_header,
    measure_descriptor,
    order_size_widths,
    read_local_header,
)
from modelaudit.model.artifact import Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB
from modelaudit.wire.decompression import ZIP_CODECS, measure_content
from modelaudit.wire.windows import Budget, SubWindow

_RECORD_PATTERN = defer_pattern(b"|".join(map(re.escape, (LOCAL_SIGNATURE, ENTRY_SIGNATURE))))
_DESCRIPTOR_PATTERN = defer_pattern(re.escape(DESCRIPTOR_SIGNATURE))
_MAX_MEASURED_PER_MEMBER = 64 * MIB
_MAX_MEASURED_PER_ARCHIVE = 256 * MIB
# Starting a decoder that then fails is charged as this many bytes of decompression.
_COST_OF_FAILURE = 64 * KIB
_SEARCH_CHUNK = 64 * KIB


class _SignatureSearch:
    """Searches a window for a pattern of four-byte signatures up to the offset ``end``.

    Calls with rising offsets read each byte about once, because a chunk is kept between calls.
    """

    def __init__(self, window: Window, pattern: re.Pattern[bytes], end: int) -> None:
        self._window = window
        self._pattern = pattern
        self._end = end
        self._buffer_start = 0
        self._buffer = b""

    def find_first(self, start: int) -> tuple[int, bytes] | None:
        """Return the offset and bytes of the first signature at or after ``start``.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        while start + SIGNATURE_BYTES <= self._end:
            if not self._buffer_start <= start <= self._buffer_start + len(self._buffer) - SIGNATURE_BYTES:
                self._buffer_start = start
                self._buffer = self._window.read(start, min(_SEARCH_CHUNK, self._end - start))
                if len(self._buffer) < SIGNATURE_BYTES:
                    return None
            match = self._pattern.search(self._buffer, start - self._buffer_start)
            if match is not None:
                return self._buffer_start + match.start(), match[0]
            # The last three bytes may begin a signature that continues in the next chunk.
            start = self._buffer_start + len(self._buffer) - (SIGNATURE_BYTES - 1)
        return None


class MemberWalker:
    """Iterates over the members with local headers between ``start`` and ``end``, each after the end of the last one.

    Attributes:
        descriptors_end: offset where the search for data descriptors ended because it had found as many as allowed;
            ``None`` if it reached the end.
    """

    def __init__(self, window: Window, start: int, end: int, budget: Budget, most_descriptors: int) -> None:
        self._window = window
        self._start = start
        self._end = end
        self._budget = budget
        self._most_descriptors = most_descriptors
        self._records = _SignatureSearch(window, _RECORD_PATTERN, end)
        # The (stored size, size) in a descriptor by start of data; ``None`` until a member needs it.
        self._descriptors: dict[int, tuple[int, int]] | None = None
        self._measurable_bytes = _MAX_MEASURED_PER_ARCHIVE
        self.descriptors_end: int | None = None

    def __iter__(self) -> Iterator[Member]:
        """Find the members.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        position = self._start
        while position < self._end:
            local = self._find_next_header(position)
            if local is None:
                return
            member = self._build_member(local)
            yield member
            record_end = member.end + measure_descriptor(self._window, member)
            # Each header advances the position, whatever sizes it states.
            position = max(record_end, member.data_start, local.offset + len(LOCAL_SIGNATURE))

    def _find_next_header(self, start: int) -> LocalHeader | None:
        """Return the first plausible local header at or after ``start``."""
        # Most members follow each other without a gap, so a header is tried before the search starts.
        offset = start
        while True:
            if may_be_local_header(self._window, offset):
                local = read_local_header(self._window, offset)
                if local is not None and is_plausible_header(local):
                    return local
            next_offset = self._find_local_signature(offset + 1)
            if next_offset is None:
                return None
            offset = next_offset

    def _find_local_signature(self, start: int) -> int | None:
        """Return the offset of the first signature of a local header at or after ``start``."""
        # The shared search also finds the signatures of directory entries.
        found = self._records.find_first(start)
        while found is not None:
            offset, signature = found
            if signature == LOCAL_SIGNATURE:
                return offset
            found = self._records.find_first(offset + len(signature))
        return None

    def _build_member(self, local: LocalHeader) -> Member:
        """Build the member of a local header; measure its sizes if the header leaves them to a descriptor."""
        stored_size, size = local.stored_size, local.size
        # Some writers set the flag but know the size; then the header is right.
        if local.flags & DESCRIPTOR_FLAG and stored_size == 0:
            stored_size, size = self._measure_sizes(local)
        available = max(0, min(stored_size, self._window.size - local.data_start))
        entry = DirectoryEntry(
            local.raw_name, local.flags, local.method, local.crc, stored_size, size, local.offset, listed=False
        )
        return Member(entry, local, local.data_start, available)

    def _measure_sizes(self, local: LocalHeader) -> tuple[int, int]:
        """Return the stored and expanded sizes of a member with a local header that leaves them to a descriptor.

        Compressed data mark their own end, so decompression finds it. Otherwise the descriptor is used whose stored
        size is its distance from the start of the data. Without one, the data reach to the next record.
        """
        start = local.data_start
        if local.method != STORED and local.method in ZIP_CODECS and self._measurable_bytes > 0:
            data = SubWindow(self._window, start, self._end - start, self._budget)
            most = min(_MAX_MEASURED_PER_MEMBER, self._measurable_bytes)
            measure = measure_content(data, ZIP_CODECS[local.method], most, most)
            self._measurable_bytes -= max(measure.size, measure.consumed)
            if measure.is_complete:
                return measure.consumed, measure.size
            self._measurable_bytes -= _COST_OF_FAILURE
        # One search serves this member and all later ones.
        if self._descriptors is None:
            self._descriptors = self._find_descriptors(start)
        if start in self._descriptors:
            return self._descriptors[start]
        next_record = self._records.find_first(start)
        end = next_record[0] if next_record is not None else max(start, self._end)
        # Whether the data are compressed is unknown here, so both sizes are the same.
        return end - start, end - start

    def _find_descriptors(self, start: int) -> dict[int, tuple[int, int]]:
        """Return the (stored size, size) in each data descriptor from ``start`` on, by the start of data it implies.

        The data end where the descriptor begins, so its offset minus the stored size is their start. One pass serves
        all members: a search for each would make the cost quadratic.
        """
        sizes_by_start: dict[int, tuple[int, int]] = {}
        search = _SignatureSearch(self._window, _DESCRIPTOR_PATTERN, self._end)
        position = start
        for _ in range(self._most_descriptors):
            signature = search.find_first(position)
            if signature is None:
                return sizes_by_start
            offset = signature[0]
            # The sizes follow the signature and the CRC-32; they have 8 bytes each in ZIP64, otherwise 4.
            sizes = self._window.read(offset + 8, 16 + SIGNATURE_BYTES)
            for width in order_size_widths(sizes):
                if len(sizes) >= 2 * width:
                    stored_size, size = struct.unpack_from("<QQ" if width == 8 else "<II", sizes)
                    data_start = offset - stored_size
                    if data_start >= start:
                        sizes_by_start.setdefault(data_start, (stored_size, size))
            position = offset + len(DESCRIPTOR_SIGNATURE)
        self.descriptors_end = position
        return sizes_by_start
