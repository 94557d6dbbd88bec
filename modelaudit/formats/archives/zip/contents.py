"""Find all contents of a ZIP archive: the entries of every directory, their data, and bytes that no entry names.

Loaders may use different directories, and some find members by their local headers alone. This module merges all these
views, so that a member that any loader would read is read here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modelaudit.formats.archives.zip import ZipDefect
from modelaudit.formats.archives.zip.directory import Directory, find_places, read_directory
from modelaudit.formats.archives.zip.records import (
    ENTRY_SIGNATURE,
    LOCAL_SIGNATURE,
    STORED,
    DirectoryEntry,
    Member,
    measure_descriptor,
    read_local_header,
)
from modelaudit.formats.archives.zip.walk import MemberWalker
from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES
from modelaudit.wire.members import DefectLog, find_gaps
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.windows import Budget, iterate_chunks

_LARGEST_GAP = 64 * MIB


@dataclass(slots=True)
class ArchiveContents:
    """The contents of an archive, filled step by step, so that entries found before damage are kept.

    Attributes:
        log: the defects.
        entries: the entries of all directories, then members that only their local header names; in order.
        members: those of them whose data were located.
        unread: the absences.
        leftovers: (start, end) of byte ranges that belong to no member and to no record.
    """

    log: DefectLog = field(default_factory=DefectLog)
    entries: list[DirectoryEntry] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    leftovers: list[tuple[int, int]] = field(default_factory=list)


def find_contents(window: Window, limits: Limits, budget: Budget) -> ArchiveContents:
    """Find every member and leftover that a loader could find in the archive.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    contents = ArchiveContents()
    directories = [read_directory(window, place, limits.members) for place in find_places(window)]
    _check_directories(directories, contents)
    taken: list[tuple[int, int]] = []
    # Directories for different loaders mostly list the same members, which are read once.
    known: set[tuple[bytes, int, int]] = set()
    for directory in directories:
        place = directory.place
        taken += [(place.start, directory.stop), (place.closing, place.end)]
        new = [entry for entry in directory.entries if _identify_entry(entry) not in known]
        known.update(map(_identify_entry, new))
        for entry in new:
            contents.entries.append(entry)
            _locate_data(window, entry, place.shift, contents)
    taken += [(m.local.offset, m.end + measure_descriptor(window, m)) for m in contents.members]
    whole = bool(directories) and all(directory.damage is None for directory in directories)
    # The bytes that no directory accounts for may hold members that a lenient loader finds.
    for start, end in list(find_gaps(taken, window.size)):
        _search_gap(window, start, end, whole, contents, limits, budget)
    return contents


def _identify_entry(entry: DirectoryEntry) -> tuple[bytes, int, int]:
    """Return a key that is equal for entries of two directories that describe the same member."""
    return (entry.raw_name, entry.offset, entry.stored_size)


def _check_directories(directories: list[Directory], contents: ArchiveContents) -> None:
    """Record a missing, damaged or truncated directory, and directories that list different members."""
    log = contents.log
    if not directories:
        log.add(
            ZipDefect.DIRECTORY_MISSING, "the archive has no directory; its members were found by their local headers"
        )
        contents.unread.append(Unread(UnreadReason.DAMAGED, "the archive is truncated before its directory"))
    for directory in directories:
        place = directory.place
        if directory.damage is not None:
            log.add(ZipDefect.DIRECTORY_DAMAGED, directory.damage, directory.stop)
            contents.unread.append(Unread(UnreadReason.DAMAGED, directory.damage, Location(offset=directory.stop)))
        elif directory.is_full:
            detail = f"only the first {len(directory.entries)} of {place.count} members were read"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=directory.stop)))
        # The plain end record has 16 bits for the count; writers without ZIP64 let it wrap around.
        elif place.count & 0xFFFF != len(directory.entries) & 0xFFFF:
            detail = f"the directory states {place.count} members and lists {len(directory.entries)}"
            log.add(ZipDefect.ENTRY_COUNT_MISMATCH, detail, place.start)
    views = {frozenset(map(_identify_entry, directory.entries)) for directory in directories}
    if len(views) > 1:
        seen = " and ".join(f"{d.place.reader} at byte {d.place.start}" for d in directories)
        log.add(ZipDefect.DIRECTORY_AMBIGUOUS, f"loaders see different members: {seen}", directories[0].place.start)


def _locate_data(window: Window, entry: DirectoryEntry, shift: int, contents: ArchiveContents) -> None:
    """Find the local header and the data of an entry, and record missing ones."""
    local = read_local_header(window, entry.offset)
    if local is None and shift:
        # The directory was found by counting back from its end record, but its offsets may still be absolute.
        local = read_local_header(window, entry.offset - shift)
    if local is None:
        detail = f"no local header for {entry.name!r} at byte {entry.offset}"
        contents.log.add(ZipDefect.LOCAL_HEADER_MISSING, detail, entry.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=entry.offset, key=entry.name)))
        return
    available = max(0, min(entry.stored_size, window.size - local.data_start))
    if available < entry.stored_size:
        detail = f"{entry.name!r} is truncated: {available} of {entry.stored_size} stored bytes are present"
        contents.log.add(ZipDefect.TRUNCATED_MEMBER, detail, local.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=local.offset, key=entry.name)))
    # For data that are not compressed, torch uses the size and others the stored size. The longer of both is read.
    longest = max(entry.stored_size, entry.size) if entry.method == STORED else entry.stored_size
    extent = max(available, min(longest, window.size - local.data_start))
    contents.members.append(Member(entry, local, local.data_start, extent))


def _search_gap(
    window: Window, start: int, end: int, whole: bool, contents: ArchiveContents, limits: Limits, budget: Budget
) -> None:
    """Search a byte range that no directory describes for members and other content.

    Bytes before the archive are not searched for members unless they begin with one: another reader parses them.
    ``whole`` is whether there are directories and all were read without damage.
    """
    taken: list[tuple[int, int]] = []
    is_prefix = start == 0 and whole and window.read(0, 4) != LOCAL_SIGNATURE
    stop = end
    if whole and end - start > _LARGEST_GAP:
        stop = start + _LARGEST_GAP
        if not is_prefix:
            detail = f"only the first {_LARGEST_GAP} of {end - start} bytes between members were searched"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=stop)))
    walk = MemberWalker(window, start, stop, budget, limits.members)
    for member in walk if not is_prefix else ():
        if len(contents.entries) >= limits.members:
            detail = f"only the first {limits.members} members were read"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=member.local.offset)))
            return
        _record_found_member(member, whole, contents)
        taken.append((member.local.offset, member.end + measure_descriptor(window, member)))
    if walk.stopped_at is not None:
        detail = (
            f"only the first {limits.members} data descriptors were read, so the sizes of later members may be wrong"
        )
        contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=walk.stopped_at)))
    for begin, finish in find_gaps([(0, start), *taken], end):
        if window.read(begin, 4) == ENTRY_SIGNATURE or not _holds_content(window, begin, finish):
            continue
        if finish - begin == window.size or not (whole or begin == 0):
            # Without a directory, bytes between members may as well be the rest of a member of unknown size.
            continue
        if begin == 0 and detect_strong_magic(window.read(0, HEAD_BYTES)) == "TFLite":
            # A TFLite model with metadata has a ZIP archive of labels appended; the graph has its own reader.
            continue
        contents.leftovers.append((begin, finish))
        kind = (
            ZipDefect.PREFIX_DATA
            if begin == 0
            else ZipDefect.TRAILING_DATA
            if finish == window.size
            else ZipDefect.UNLISTED_DATA
        )
        contents.log.add(kind, f"{finish - begin} bytes belong to no member", begin)


def _record_found_member(member: Member, whole: bool, contents: ArchiveContents) -> None:
    """Record a member that was found by its local header."""
    entry = member.entry
    contents.entries.append(entry)
    contents.members.append(member)
    if whole:
        detail = f"{entry.name!r} is in the file but not in its directory"
        contents.log.add(ZipDefect.LOCAL_MEMBER_NOT_IN_DIRECTORY, detail, entry.offset, entry.name)
    if member.stored_size < entry.stored_size:
        detail = f"{entry.name!r} is truncated: {member.stored_size} of {entry.stored_size} stored bytes are present"
        contents.log.add(ZipDefect.TRUNCATED_MEMBER, detail, entry.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=entry.offset, key=entry.name)))


def _holds_content(window: Window, start: int, end: int) -> bool:
    """Whether any byte of the range is not zero. A range over ``_LARGEST_GAP`` counts as content unread."""
    return end - start > _LARGEST_GAP or any(piece.strip(b"\0") for piece in iterate_chunks(window, start, end))
