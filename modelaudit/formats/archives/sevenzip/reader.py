"""7z archives: a listing with its contradictions, what was not read, and the members.

Members are read from memory or a spool; no name of a member ever becomes one of a file. Nullifai's models were plain
pickles in such an archive, which other scanners passed over.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.formats.archives.sevenzip import SevenZipDefect
from modelaudit.formats.archives.sevenzip.contents import (
    Content,
    compare_contents,
    compare_expansion,
    compare_files,
    contents_of,
)
from modelaudit.formats.archives.sevenzip.folders import (
    compression_of,
    is_encrypted,
    obstacle_of,
    opened,
    packed_size,
    packed_start,
)
from modelaudit.formats.archives.sevenzip.header import (
    ENCODED_HEADER,
    PLAIN_HEADER,
    File,
    HeaderCursor,
    Streams,
    read_header,
    read_streams,
)
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import ArchiveListing, ArchiveMember, Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.members import DefectLog, MemberPaths, find_gaps
from modelaudit.wire.windows import Budget, SubWindow, get_budget, iterate_chunks, make_opener, read_all_bytes

_START_SIZE = 32
_LARGEST_HEADER = 32 * MIB
_MOST_NESTED = 4


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the header is, and its checksum."""

    start: int
    end: int
    crc: int


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the listing, what could not be read, and every member as an artifact.

    Raises:
        WindowError: from the window.
    """
    budget = get_budget(window, limits)
    log = DefectLog()
    failure: Unread | None = None
    streams = Streams()
    files: list[File] = []
    taken = [(0, _START_SIZE)]
    try:
        place = _find_header(window, log)
        streams, files = _read_header(window, place, limits, budget, log, taken)
    except LimitReachedError as reached:
        failure = Unread(UnreadReason.LIMIT, str(reached))
    except DamagedError as damage:
        log.add(SevenZipDefect.DIRECTORY_DAMAGED, str(damage), damage.offset)
        failure = Unread(UnreadReason.DAMAGED, str(damage), Location(offset=damage.offset))
    except WindowError as error:
        failure = Unread(error.reason, f"the archive's header: {error}")
    held = contents_of(streams, files, log)
    compare_files(files, log)
    for folder in streams.folders:
        compare_expansion(folder, packed_size(folder, streams), limits, log)
    compare_contents(window, streams, held, limits, log)
    leftovers = _leftovers(window, [*taken, *_extents(streams)], log) if failure is None else []
    yield ArchiveListing("7z", "plain", tuple(_listed(streams, files, held)), log.defects())
    if failure is not None:
        yield failure
    yield from _members(artifact, window, streams, held, limits, budget)
    for start, end in leftovers:
        stretch = SubWindow(window, start, end - start, budget)
        yield Artifact(MemberPaths(artifact.path).name_range(start, end), stretch.size, make_opener(stretch))


def _find_header(window: Window, log: DefectLog) -> _Place:
    start = window.read(0, _START_SIZE)
    if len(start) < _START_SIZE:
        raise DamagedError("the archive breaks off in its first 32 bytes", len(start))
    if zlib.crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        log.add(SevenZipDefect.CRC_MISMATCH, "the first 32 bytes do not have the CRC-32 that they state", 8)
    offset, size = int.from_bytes(start[12:20], "little"), int.from_bytes(start[20:28], "little")
    end = _START_SIZE + offset + size
    if end > window.size:
        detail = f"the archive breaks off {end - window.size} bytes before the end of its header"
        raise DamagedError(detail, window.size)
    return _Place(_START_SIZE + offset, end, int.from_bytes(start[28:], "little"))


def _read_header(
    window: Window, place: _Place, limits: Limits, budget: Budget, log: DefectLog, taken: list[tuple[int, int]]
) -> tuple[Streams, list[File]]:
    """The streams and files, through as many packed headers as there are; the bytes of these are added to ``taken``."""
    taken.append((place.start, place.end))
    data = read_all_bytes(SubWindow(window, place.start, place.end - place.start, budget), _LARGEST_HEADER)
    if not data:
        return Streams(), []
    if zlib.crc32(data) != place.crc:
        log.add(SevenZipDefect.CRC_MISMATCH, "the header does not have the CRC-32 that is stated for it", place.start)
    for _ in range(_MOST_NESTED):
        cursor = HeaderCursor(data, limits.members)
        kind = cursor.byte()
        if kind == PLAIN_HEADER:
            return read_header(cursor, _START_SIZE)
        if kind != ENCODED_HEADER:
            break
        streams = read_streams(cursor, _START_SIZE)
        if not streams.folders:
            break
        taken += _extents(streams)
        with opened(window, streams, streams.folders[0], limits, budget) as content:
            data = read_all_bytes(content, _LARGEST_HEADER)
    raise DamagedError("the header is of no known kind", place.start)


def _listed(streams: Streams, files: list[File], held: list[list[Content]]) -> Iterator[ArchiveMember]:
    """Members as stored; what many of them share is counted with the first of a folder."""
    for file in files:
        if not file.has_content and not file.is_folder:
            yield ArchiveMember(file.name, 0, 0, 0, "stored")
    for folder, contents in zip(streams.folders, held, strict=True):
        stored, offset = packed_size(folder, streams), packed_start(folder, streams)
        encrypted = is_encrypted(folder)
        for content in contents:
            method = compression_of(folder)
            name, target = content.file.name, content.link_target
            yield ArchiveMember(name, offset, stored, content.size, method, encrypted, target)
            stored = 0


def _members(
    artifact: Artifact, window: Window, streams: Streams, held: list[list[Content]], limits: Limits, budget: Budget
) -> Iterator[Reading]:
    paths = MemberPaths(artifact.path)
    for folder, contents in zip(streams.folders, held, strict=True):
        obstacle = obstacle_of(folder)
        if obstacle is not None:
            reason, detail = obstacle
            for content in (content for content in contents if content.size):
                where = Location(key=content.file.name)
                absence = Unread(reason, f"{content.file.name!r}: {detail}", where)
                yield Artifact(paths.name_member(content.file.name), content.size, None, obstacle=absence)
            continue
        with opened(window, streams, folder, limits, budget) as plain:
            for content in contents:
                if content.size:
                    stretch = SubWindow(plain, content.start, content.size, budget)
                    yield Artifact(paths.name_member(content.file.name), stretch.size, make_opener(stretch))


def _extents(streams: Streams) -> list[tuple[int, int]]:
    return [(start, start + size) for start, size in streams.packed]


def _leftovers(window: Window, taken: list[tuple[int, int]], log: DefectLog) -> list[tuple[int, int]]:
    """Bytes that belong to nothing of ``taken`` and are not zero."""
    found = []
    for start, end in find_gaps(taken, window.size):
        if all(piece.count(0) == len(piece) for piece in iterate_chunks(window, start, end)):
            continue
        detail = f"{end - start} bytes that belong to no member"
        if end == window.size:
            log.add(SevenZipDefect.TRAILING_DATA, detail, start)
        else:
            log.add(SevenZipDefect.UNLISTED_DATA, detail, start)
        found.append((start, end))
    return found
