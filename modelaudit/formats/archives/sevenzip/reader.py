"""Read 7z archives: yield the listing with its defects, the absences, and the members as artifacts.

Members are decompressed into memory or an anonymous temporary file, so that no name of a member becomes a path on
disk. The nullifAI models on the Hugging Face Hub were pickles in 7z archives, which other scanners did not open.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from modelaudit.formats.archives.sevenzip import SevenZipDefect
from modelaudit.formats.archives.sevenzip.contents import (
    FileContent,
    assign_contents,
    check_contents,
    check_folder,
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
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.members import DefectLog, MemberPaths, find_gaps
from modelaudit.wire.windows import (
    Budget,
    SubWindow,
    UnclaimedWindow,
    get_budget,
    iterate_chunks,
    make_opener,
    read_all_bytes,
)

# The start header (7zFormat.txt, "SignatureHeader"): signature, version, CRC-32 of the fields after it, offset of the
# header from the end of these 32 bytes, size of the header, CRC-32 of the header.
_START_FIELDS = "<6s2sIQQI"
_START_SIZE = struct.calcsize(_START_FIELDS)
_CHECKED_FIELDS_AT = 12  # behind the signature, the version and the CRC-32
_LARGEST_HEADER = 32 * MIB
_MOST_NESTED_HEADERS = 4


class _HeaderPlace(Struct, frozen=True):
    """The range of the header in the file, in bytes, and its stated CRC-32."""

    start: int
    end: int
    crc: int


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the listing, the absences, and each member as an artifact.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    budget = get_budget(window, limits)
    log = DefectLog()
    failure: Unread | None = None
    streams = Streams()
    files: list[File] = []
    used_ranges = [(0, _START_SIZE)]
    try:
        place = _find_header(window, log)
        streams, files = _read_header(window, place, limits, budget, log, used_ranges)
    except LimitReachedError as reached:
        failure = Unread(UnreadReason.LIMIT, str(reached))
    except DamagedError as damage:
        log.add(SevenZipDefect.DIRECTORY_DAMAGED, str(damage), damage.offset)
        failure = Unread(UnreadReason.DAMAGED, str(damage), Location(offset=damage.offset))
    except WindowError as error:
        failure = Unread(error.reason, f"the archive's header: {error}")
    # After a failure there are no streams and no files: the listing then has no member, and ``failure`` states why.
    contents_by_folder = assign_contents(streams, files, log)
    check_names(files, log)
    for folder in streams.folders:
        check_folder(folder, count_packed_bytes(folder, streams), limits, log)
    check_contents(window, streams, contents_by_folder, limits, log)
    # Without a header, any byte may belong to a member, so none is called unlisted.
    if failure is None:
        _record_unlisted_bytes(window, [*used_ranges, *_list_packed_ranges(streams)], log)
    yield ArchiveListing("7z", "plain", tuple(_list_members(streams, files, contents_by_folder)), log.defects())
    if failure is not None:
        yield failure
    yield from _open_members(artifact, window, streams, contents_by_folder, limits, budget)


def _find_header(window: Window, log: DefectLog) -> _HeaderPlace:
    """Return the place of the header, as the first 32 bytes (the start header) state it.

    Raises:
        DamagedError: the archive is truncated.
    """
    start_header = window.read(0, _START_SIZE)
    if len(start_header) < _START_SIZE:
        raise DamagedError("the archive is truncated within its first 32 bytes", len(start_header))
    _, _, own_crc, offset, size, header_crc = struct.unpack(_START_FIELDS, start_header)
    if zlib.crc32(start_header[_CHECKED_FIELDS_AT:]) == own_crc:
        claim_parsed(window, 0, _START_SIZE)
    else:
        log.add(SevenZipDefect.CRC_MISMATCH, "the start header does not match the CRC-32 that it states", 8)
    end = _START_SIZE + offset + size
    if end > window.size:
        # The sizes may be damaged themselves, so that their sum says nothing about the bytes that are missing.
        raise DamagedError("the start header states an end of the archive beyond the end of the file", window.size)
    return _HeaderPlace(_START_SIZE + offset, end, header_crc)


def _read_header(
    window: Window,
    place: _HeaderPlace,
    limits: Limits,
    budget: Budget,
    log: DefectLog,
    used_ranges: list[tuple[int, int]],
) -> tuple[Streams, list[File]]:
    """Parse the header, decompressing it first as often as needed; add the byte ranges it uses to ``used_ranges``."""
    used_ranges.append((place.start, place.end))
    data = read_all_bytes(SubWindow(window, place.start, place.end - place.start, budget), _LARGEST_HEADER)
    if not data:
        # An archive without members has no header.
        return Streams(), []
    if zlib.crc32(data) != place.crc:
        log.add(SevenZipDefect.CRC_MISMATCH, "the header does not match its stated CRC-32", place.start)
        # Programs refuse such a header, so nothing that it lists is claimed.
        window = UnclaimedWindow(window)
    # Only the first header lies in the file; the next ones are decompressed.
    lies_in_file = True
    # An encoded header is a folder that decompresses to another header.
    for _ in range(_MOST_NESTED_HEADERS):
        cursor = HeaderCursor(data, limits.members)
        kind = cursor.read_byte()
        if kind == PLAIN_HEADER:
            streams, files = read_header(cursor, _START_SIZE)
            if lies_in_file:
                _claim_header(window, place, cursor)
            _claim_packed_streams(window, streams)
            return streams, files
        if kind != ENCODED_HEADER:
            break
        streams = read_streams(cursor, _START_SIZE)
        if not streams.folders:
            break
        used_ranges += _list_packed_ranges(streams)
        if lies_in_file:
            _claim_header(window, place, cursor)
            lies_in_file = False
        _claim_packed_streams(window, streams)
        with open_folder(window, streams, streams.folders[0], limits, budget) as content:
            data = read_all_bytes(content, _LARGEST_HEADER)
    raise DamagedError("the header is not plain, and is not an encoded header that decodes to a plain one", place.start)


def _claim_header(window: Window, place: _HeaderPlace, cursor: HeaderCursor) -> None:
    """Claim the header at ``place`` as far as ``cursor`` has parsed it, except for the parts that it skipped."""
    position = 0
    # The last pair closes the range at the position of the cursor.
    for start, end in chain(cursor.ignored, ((cursor.position, cursor.position),)):
        claim_parsed(window, place.start + position, place.start + start)
        position = end


def _claim_packed_streams(window: Window, streams: Streams) -> None:
    """Claim the packed streams, which hold the members or another header."""
    for start, end in _list_packed_ranges(streams):
        claim_data(window, start, end)


def _list_members(
    streams: Streams, files: list[File], contents_by_folder: list[list[FileContent]]
) -> Iterator[ArchiveMember]:
    """Yield empty files, then members with content. Only the first member of a folder states its packed size."""
    for file in files:
        if not file.has_content and not file.is_folder:
            yield ArchiveMember(file.name, 0, 0, 0, "stored")
    for folder, contents in zip(streams.folders, contents_by_folder, strict=True):
        stored, offset = count_packed_bytes(folder, streams), find_packed_start(folder, streams)
        encrypted = is_encrypted(folder)
        for content in contents:
            method = name_compression(folder)
            name, target = content.file.name, content.link_target
            yield ArchiveMember(name, offset, stored, content.size, method, encrypted, target)
            stored = 0


def _open_members(
    artifact: Artifact,
    window: Window,
    streams: Streams,
    contents_by_folder: list[list[FileContent]],
    limits: Limits,
    budget: Budget,
) -> Iterator[Reading]:
    """Yield the members as artifacts, with the absence of each that cannot be decompressed."""
    paths = MemberPaths(artifact.path)
    for folder, contents in zip(streams.folders, contents_by_folder, strict=True):
        obstacle = find_obstacle(folder)
        if obstacle is not None:
            reason, detail = obstacle
            for content in contents:
                if content.size:
                    where = Location(key=content.file.name)
                    absence = Unread(reason, f"{content.file.name!r}: {detail}", where)
                    yield Artifact(paths.name_member(content.file.name), content.size, None, obstacle=absence)
            continue
        with open_folder(window, streams, folder, limits, budget) as plain_stream:
            for content in contents:
                if content.size:
                    member_window = SubWindow(plain_stream, content.start, content.size, budget)
                    yield Artifact(paths.name_member(content.file.name), member_window.size, make_opener(member_window))


def _list_packed_ranges(streams: Streams) -> list[tuple[int, int]]:
    """Return (start, end) of each packed stream in the file."""
    return [(start, start + size) for start, size in streams.packed]


def _record_unlisted_bytes(window: Window, used_ranges: list[tuple[int, int]], log: DefectLog) -> None:
    """Record the byte ranges outside ``used_ranges`` that are not all zeros as defects."""
    for start, end in find_gaps(used_ranges, window.size):
        if all(piece.count(0) == len(piece) for piece in iterate_chunks(window, start, end)):
            continue
        detail = f"{end - start} bytes that belong to no member"
        if end == window.size:
            log.add(SevenZipDefect.TRAILING_DATA, detail, start)
        else:
            log.add(SevenZipDefect.UNLISTED_DATA, detail, start)
