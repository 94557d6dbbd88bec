"""Read 7z archives: yield the listing with its defects, the absences, and the members as artifacts.

Members are decompressed into memory or an anonymous temporary file, so that no name of a member becomes a path on
disk. The nullifAI models on the Hugging Face Hub were pickles in 7z archives, which other scanners did not open.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from modelaudit.formats.archives.sevenzip import SevenZipDefect
from modelaudit.formats.archives.sevenzip.contents import (
    FileContent,
    assign_contents,
    check_contents,
    check_expansion,
    check_names,
)
from modelaudit.formats.archives.sevenzip.folders import (
    count_packed_bytes,
    find_obstacle,
    find_packed_start,
    is_encrypted,
    name_compression,
    open_folder,
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
_MOST_NESTED_HEADERS = 4


@dataclass(frozen=True, slots=True)
class _HeaderPlace:
    """The range of the header in the file, in bytes, and its stated CRC-32."""

    start: int
    end: int
    crc: int


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the listing, the absences, and each member and each unlisted byte range as an artifact.

    Raises:
        WindowError: the window could not return the requested bytes.
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
    # A damaged header leaves the entries before the damage, which are checked and listed too.
    held = assign_contents(streams, files, log)
    check_names(files, log)
    for folder in streams.folders:
        check_expansion(folder, count_packed_bytes(folder, streams), limits, log)
    check_contents(window, streams, held, limits, log)
    leftovers = _find_leftovers(window, [*taken, *_list_packed_ranges(streams)], log) if failure is None else []
    yield ArchiveListing("7z", "plain", tuple(_list_members(streams, files, held)), log.defects())
    if failure is not None:
        yield failure
    yield from _open_members(artifact, window, streams, held, limits, budget)
    for start, end in leftovers:
        stretch = SubWindow(window, start, end - start, budget)
        yield Artifact(MemberPaths(artifact.path).name_range(start, end), stretch.size, make_opener(stretch))


def _find_header(window: Window, log: DefectLog) -> _HeaderPlace:
    """Parse the start header, which states the place of the header.

    Raises:
        DamagedError: the archive is truncated.
    """
    start = window.read(0, _START_SIZE)
    if len(start) < _START_SIZE:
        raise DamagedError("the archive is truncated within its first 32 bytes", len(start))
    if zlib.crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        log.add(SevenZipDefect.CRC_MISMATCH, "the start header does not match the CRC-32 that it states", 8)
    offset, size = int.from_bytes(start[12:20], "little"), int.from_bytes(start[20:28], "little")
    end = _START_SIZE + offset + size
    if end > window.size:
        detail = f"the archive is truncated {end - window.size} bytes before the end of its header"
        raise DamagedError(detail, window.size)
    return _HeaderPlace(_START_SIZE + offset, end, int.from_bytes(start[28:], "little"))


def _read_header(
    window: Window, place: _HeaderPlace, limits: Limits, budget: Budget, log: DefectLog, taken: list[tuple[int, int]]
) -> tuple[Streams, list[File]]:
    """Parse the header, decompressing it first as often as needed; add the byte ranges it uses to ``taken``."""
    taken.append((place.start, place.end))
    data = read_all_bytes(SubWindow(window, place.start, place.end - place.start, budget), _LARGEST_HEADER)
    if not data:
        return Streams(), []
    if zlib.crc32(data) != place.crc:
        log.add(SevenZipDefect.CRC_MISMATCH, "the header does not match its stated CRC-32", place.start)
    # An encoded header is a folder that decompresses to another header.
    for _ in range(_MOST_NESTED_HEADERS):
        cursor = HeaderCursor(data, limits.members)
        kind = cursor.read_byte()
        if kind == PLAIN_HEADER:
            return read_header(cursor, _START_SIZE)
        if kind != ENCODED_HEADER:
            break
        streams = read_streams(cursor, _START_SIZE)
        if not streams.folders:
            break
        taken += _list_packed_ranges(streams)
        with open_folder(window, streams, streams.folders[0], limits, budget) as content:
            data = read_all_bytes(content, _LARGEST_HEADER)
    raise DamagedError("the header is neither plain nor an encoded header that leads to one", place.start)


def _list_members(streams: Streams, files: list[File], held: list[list[FileContent]]) -> Iterator[ArchiveMember]:
    """Yield the members; the packed size of a folder is stated with its first member only."""
    for file in files:
        if not file.has_content and not file.is_folder:
            yield ArchiveMember(file.name, 0, 0, 0, "stored")
    for folder, contents in zip(streams.folders, held, strict=True):
        stored, offset = count_packed_bytes(folder, streams), find_packed_start(folder, streams)
        encrypted = is_encrypted(folder)
        for content in contents:
            method = name_compression(folder)
            name, target = content.file.name, content.link_target
            yield ArchiveMember(name, offset, stored, content.size, method, encrypted, target)
            stored = 0


def _open_members(
    artifact: Artifact, window: Window, streams: Streams, held: list[list[FileContent]], limits: Limits, budget: Budget
) -> Iterator[Reading]:
    """Yield the members as artifacts, with the absence of each that cannot be decompressed."""
    paths = MemberPaths(artifact.path)
    for folder, contents in zip(streams.folders, held, strict=True):
        obstacle = find_obstacle(folder)
        if obstacle is not None:
            reason, detail = obstacle
            for content in (content for content in contents if content.size):
                where = Location(key=content.file.name)
                absence = Unread(reason, f"{content.file.name!r}: {detail}", where)
                yield Artifact(paths.name_member(content.file.name), content.size, None, obstacle=absence)
            continue
        with open_folder(window, streams, folder, limits, budget) as plain:
            for content in contents:
                if content.size:
                    stretch = SubWindow(plain, content.start, content.size, budget)
                    yield Artifact(paths.name_member(content.file.name), stretch.size, make_opener(stretch))


def _list_packed_ranges(streams: Streams) -> list[tuple[int, int]]:
    """Return (start, end) of each packed stream in the file."""
    return [(start, start + size) for start, size in streams.packed]


def _find_leftovers(window: Window, taken: list[tuple[int, int]], log: DefectLog) -> list[tuple[int, int]]:
    """Return the byte ranges outside ``taken`` that are not all zeros, and record them as defects."""
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
