"""Find all contents of a ZIP archive: the entries of every directory, their data, and bytes that no entry names.

Loaders may use different directories, and some find members by their local headers alone. This module merges all these
views, so that a member that any loader would read is read here too.
"""

from __future__ import annotations

from msgspec import Struct, field

from modelaudit.formats.archives.zip import ZipDefect
from modelaudit.formats.archives.zip.claims import claim_local_header
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
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.members import DefectLog, find_gaps
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.windows import Budget, iterate_chunks

# Local headers that directories list are read as long as they take at most so many times the bytes of the file. Those
# of an ordinary archive do not overlap. Entries of a forged one may share a header of 128 KiB, or list one in another.
_HEADER_READINGS = 4
_LARGEST_GAP = 64 * MIB  # of the bytes that no directory describes, as far as they are searched


class ArchiveContents(Struct):
    """The contents of an archive, filled step by step, so that entries found before damage are kept.

    Attributes:
        log: the defects.
        entries: the entries of all directories, then members that only their local header names; in order.
        members: those of them whose data were located.
        unread: the absences.
        header_bytes: bytes of the local headers that were read for entries of directories.
        unlocated: number of entries whose data were not looked for, because of the bound on those bytes.
    """

    log: DefectLog = field(default_factory=DefectLog)
    entries: list[DirectoryEntry] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    header_bytes: int = 0
    unlocated: int = 0


def find_contents(window: Window, limits: Limits, budget: Budget) -> ArchiveContents:
    """Find every member that a loader could find in the archive.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    contents = ArchiveContents()
    directories = [read_directory(window, place, limits.members) for place in find_places(window)]
    _check_directories(directories, contents)
    used_ranges: list[tuple[int, int]] = []
    # Directories for different loaders mostly list the same members, which are read once.
    known: set[DirectoryEntry] = set()
    for directory in directories:
        place = directory.place
        used_ranges += [(place.start, directory.stop), (place.end_record, place.end)]
        # All entries of one directory count, even if two are equal: that is a defect of its own.
        new_entries = [entry for entry in directory.entries if entry not in known]
        if directory is not directories[-1]:
            known.update(new_entries)
        for entry in new_entries:
            contents.entries.append(entry)
            _locate_data(window, entry, place.shift, contents)
    if contents.unlocated:
        detail = f"{contents.unlocated} members were not read: the local headers of the members before them overlap"
        contents.unread.append(Unread(UnreadReason.LIMIT, detail))
    for member in contents.members:
        used_ranges.append(_claim_records(window, member))
    # Only then should all members be in a directory.
    has_whole_directories = bool(directories) and all(directory.damage is None for directory in directories)
    # The bytes that no directory accounts for may hold members that a lenient loader finds.
    for start, end in find_gaps(used_ranges, window.size):
        _search_gap(window, start, end, has_whole_directories, contents, limits, budget)
    return contents


def _claim_records(window: Window, member: Member) -> tuple[int, int]:
    """Claim the local header and the data descriptor of a member, and return the range from the one to the other."""
    claim_local_header(window, member.local)
    end = member.end + measure_descriptor(window, member)
    claim_parsed(window, member.end, end)
    return member.local.offset, end


def _check_directories(directories: list[Directory], contents: ArchiveContents) -> None:
    """Record a missing, damaged or truncated directory, and directories that list different members."""
    log = contents.log
    if not directories:
        log.add(
            ZipDefect.DIRECTORY_MISSING, "the archive has no directory; its members were found by their local headers"
        )
        contents.unread.append(Unread(UnreadReason.DAMAGED, "the archive has no directory, so it may be truncated"))
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
    member_sets = {frozenset(directory.entries) for directory in directories}
    if len(member_sets) > 1:
        places = [directory.place for directory in directories]
        views = " and ".join(f"{place.loader} at byte {place.start}" for place in places)
        log.add(
            ZipDefect.DIRECTORY_AMBIGUOUS,
            f"loaders use different directories, which list different members: {views}",
            places[0].start,
        )


def _locate_data(window: Window, entry: DirectoryEntry, shift: int, contents: ArchiveContents) -> None:
    """Find the local header and the data of an entry, and add the member; record a missing header or truncated data.

    ``shift`` is the number of bytes that was added to the offset that the entry states.
    """
    if contents.header_bytes > _HEADER_READINGS * window.size:
        contents.unlocated += 1
        return
    local = read_local_header(window, entry.offset)
    if local is None and shift:
        # The directory was found by counting back from its end record, but its offsets may still be absolute.
        local = read_local_header(window, entry.offset - shift)
    if local is None:
        detail = f"no local header for {entry.name!r} at byte {entry.offset}"
        contents.log.add(ZipDefect.LOCAL_HEADER_MISSING, detail, entry.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=entry.offset, key=entry.name)))
        return
    local = local.share_values(entry)
    contents.header_bytes += local.data_start - local.offset
    available = max(0, min(entry.stored_size, window.size - local.data_start))
    if available < entry.stored_size:
        detail = f"{entry.name!r} is truncated: {available} of {entry.stored_size} stored bytes are present"
        contents.log.add(ZipDefect.TRUNCATED_MEMBER, detail, local.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=local.offset, key=entry.name)))
    # For data that are not compressed, torch uses the size and others the stored size. The longer of both is read.
    longest = max(entry.stored_size, entry.size) if entry.method == STORED else entry.stored_size
    data_size = max(available, min(longest, window.size - local.data_start))
    contents.members.append(Member(entry, local, local.data_start, data_size))


def _search_gap(
    window: Window,
    start: int,
    end: int,
    has_whole_directories: bool,
    contents: ArchiveContents,
    limits: Limits,
    budget: Budget,
) -> None:
    """Search a byte range that no directory describes for members, and record other content as a defect.

    Bytes before the archive are not searched for members unless they begin with one: another reader parses them.

    Args:
        window: the archive.
        start: the first byte of the range.
        end: the byte after it.
        has_whole_directories: whether there are directories and all were read without damage.
        contents: receives members, defects and absences.
        limits: the bound on members.
        budget: the bytes that may be expanded to measure members of unknown size.
    """
    used_ranges: list[tuple[int, int]] = []
    is_prefix = start == 0 and has_whole_directories and window.read(0, 4) != LOCAL_SIGNATURE
    search_end = end
    if has_whole_directories and end - start > _LARGEST_GAP:
        search_end = start + _LARGEST_GAP
        if not is_prefix:
            detail = f"only the first {_LARGEST_GAP} of {end - start} bytes outside of members were searched"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=search_end)))
    walker = MemberWalker(window, start, search_end, budget, limits.members)
    members = () if is_prefix else walker
    for member in members:
        if len(contents.entries) >= limits.members:
            detail = f"only the first {limits.members} members were read"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=member.local.offset)))
            return
        _record_found_member(member, has_whole_directories, contents)
        used_ranges.append(_claim_records(window, member))
    if walker.descriptors_end is not None:
        detail = (
            f"only the first {limits.members} data descriptors were read, so the sizes of later members may be wrong"
        )
        contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=walker.descriptors_end)))
    for gap_start, gap_end in find_gaps([(0, start), *used_ranges], end):
        _record_unlisted_bytes(window, gap_start, gap_end, has_whole_directories, contents)


def _record_unlisted_bytes(
    window: Window, start: int, end: int, has_whole_directories: bool, contents: ArchiveContents
) -> None:
    """Record a byte range without members as a defect, unless its place or content explains it."""
    # A range that begins with a directory entry is the rest of a directory.
    if window.read(start, 4) == ENTRY_SIGNATURE or not _holds_content(window, start, end):
        return
    is_prefix = start == 0
    if end - start == window.size or not (has_whole_directories or is_prefix):
        # A file that is one gap holds no archive. Without a directory, bytes between members may as well be the rest of
        # a member of unknown size.
        return
    if is_prefix and detect_strong_magic(window.read(0, HEAD_BYTES)) == "TFLite":
        # A TFLite model with metadata has a ZIP archive of labels appended; the graph has its own reader.
        return
    if is_prefix:
        kind = ZipDefect.PREFIX_DATA
    elif end == window.size:
        kind = ZipDefect.TRAILING_DATA
    else:
        kind = ZipDefect.UNLISTED_DATA
    contents.log.add(kind, f"{end - start} bytes belong to no member", start)


def _record_found_member(member: Member, has_whole_directories: bool, contents: ArchiveContents) -> None:
    """Add a member that was found by its local header alone, and record why that is a defect.

    ``has_whole_directories`` is whether there are directories and all were read without damage. They should list the
    member.
    """
    entry = member.entry
    contents.entries.append(entry)
    contents.members.append(member)
    if has_whole_directories:
        detail = f"{entry.name!r} is in the file but not in its directory"
        contents.log.add(ZipDefect.LOCAL_MEMBER_NOT_IN_DIRECTORY, detail, entry.offset, entry.name)
    if member.stored_size < entry.stored_size:
        detail = f"{entry.name!r} is truncated: {member.stored_size} of {entry.stored_size} stored bytes are present"
        contents.log.add(ZipDefect.TRUNCATED_MEMBER, detail, entry.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=entry.offset, key=entry.name)))


def _holds_content(window: Window, start: int, end: int) -> bool:
    """Whether any byte of the range is not zero. A range over ``_LARGEST_GAP`` is not read and counts as content."""
    return end - start > _LARGEST_GAP or any(piece.strip(b"\0") for piece in iterate_chunks(window, start, end))
