"""What an archive holds by all accounts: every directory, the headers they lead to, and what none of them names."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelaudit.formats.archives.zip import ZipDefect
from modelaudit.formats.archives.zip.directory import Directory, find_places, read_directory
from modelaudit.formats.archives.zip.records import (
    ENTRY_SIGNATURE,
    LOCAL_SIGNATURE,
    STORED,
    Entry,
    Member,
    descriptor_length,
    read_local,
)
from modelaudit.formats.archives.zip.walk import Walk
from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES
from modelaudit.wire.members import DefectLog, find_gaps
from modelaudit.wire.sniff import detect_strong_magic
from modelaudit.wire.windows import Budget, iterate_chunks

_LARGEST_GAP = 64 * MIB


@dataclass(slots=True)
class Contents:
    """The archive as it was found; filled step by step, so that what was found before damage is kept.

    Attributes:
        entries: every entry of a directory, or, found by walking, of none; in order.
        members: those of them whose data were located.
        leftovers: (start, end) of bytes that belong to nothing.
    """

    log: DefectLog = field(default_factory=DefectLog)
    entries: list[Entry] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    leftovers: list[tuple[int, int]] = field(default_factory=list)


def take_stock(window: Window, limits: Limits, budget: Budget) -> Contents:
    """Find everything that a loader could find in the archive.

    Raises:
        WindowError: from the window.
    """
    contents = Contents()
    directories = [read_directory(window, place, limits.members) for place in find_places(window)]
    _judge_directories(directories, contents)
    taken: list[tuple[int, int]] = []
    known: set[tuple[bytes, int, int]] = set()
    for directory in directories:
        place = directory.place
        taken += [(place.start, directory.stop), (place.closing, place.end)]
        new = [entry for entry in directory.entries if _identity(entry) not in known]
        known.update(map(_identity, new))
        for entry in new:
            contents.entries.append(entry)
            _locate(window, entry, place.shift, contents)
    taken += [(m.local.offset, m.end + descriptor_length(window, m)) for m in contents.members]
    whole = bool(directories) and all(directory.damage is None for directory in directories)
    for start, end in list(find_gaps(taken, window.size)):
        _search_gap(window, start, end, whole, contents, limits, budget)
    return contents


def _identity(entry: Entry) -> tuple[bytes, int, int]:
    return (entry.raw_name, entry.offset, entry.stored_size)


def _judge_directories(directories: list[Directory], contents: Contents) -> None:
    """Note what is wrong with the directories themselves and where they tell different stories."""
    log = contents.log
    if not directories:
        log.add(
            ZipDefect.DIRECTORY_MISSING, "the archive has no directory; its members were found by their own headers"
        )
        contents.unread.append(Unread(UnreadReason.DAMAGED, "the archive breaks off before its directory"))
    for directory in directories:
        place = directory.place
        if directory.damage is not None:
            log.add(ZipDefect.DIRECTORY_DAMAGED, directory.damage, directory.stop)
            contents.unread.append(Unread(UnreadReason.DAMAGED, directory.damage, Location(offset=directory.stop)))
        elif directory.full:
            detail = f"only the first {len(directory.entries)} of {place.count} members were read"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=directory.stop)))
        elif place.count & 0xFFFF != len(directory.entries) & 0xFFFF:
            detail = f"the directory states {place.count} members and lists {len(directory.entries)}"
            log.add(ZipDefect.ENTRY_COUNT_MISMATCH, detail, place.start)
    views = {frozenset(map(_identity, directory.entries)) for directory in directories}
    if len(views) > 1:
        told = " and ".join(f"{d.place.reader} at byte {d.place.start}" for d in directories)
        log.add(ZipDefect.DIRECTORY_AMBIGUOUS, f"loaders see different members: {told}", directories[0].place.start)


def _locate(window: Window, entry: Entry, shift: int, contents: Contents) -> None:
    local = read_local(window, entry.offset)
    if local is None and shift:
        # The directory was found by counting back from the end, yet its offsets may count from the start.
        local = read_local(window, entry.offset - shift)
    if local is None:
        detail = f"no local header for {entry.name!r} at byte {entry.offset}"
        contents.log.add(ZipDefect.LOCAL_HEADER_MISSING, detail, entry.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=entry.offset, key=entry.name)))
        return
    available = max(0, min(entry.stored_size, window.size - local.data_start))
    if available < entry.stored_size:
        detail = f"{entry.name!r} breaks off: {available} of {entry.stored_size} stored bytes are there"
        contents.log.add(ZipDefect.TRUNCATED_MEMBER, detail, local.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=local.offset, key=entry.name)))
    # Of what is not compressed, a loader takes as many bytes as either of the two sizes says: torch the second.
    longest = max(entry.stored_size, entry.size) if entry.method == STORED else entry.stored_size
    extent = max(available, min(longest, window.size - local.data_start))
    contents.members.append(Member(entry, local, local.data_start, extent))


def _search_gap(
    window: Window, start: int, end: int, whole: bool, contents: Contents, limits: Limits, budget: Budget
) -> None:
    """Look for members and other bytes where, by the directory, there is nothing.

    Bytes in front of the archive are left to the readers of whatever they are, unless they are members themselves.
    """
    taken: list[tuple[int, int]] = []
    is_prefix = start == 0 and whole and window.read(0, 4) != LOCAL_SIGNATURE
    stop = end
    if whole and end - start > _LARGEST_GAP:
        stop = start + _LARGEST_GAP
        if not is_prefix:
            detail = f"only the first {_LARGEST_GAP} of {end - start} bytes between members were searched"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=stop)))
    walk = Walk(window, start, stop, budget, limits.members)
    for member in walk if not is_prefix else ():
        if len(contents.entries) >= limits.members:
            detail = f"only the first {limits.members} members were read"
            contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=member.local.offset)))
            return
        _note_found(member, whole, contents)
        taken.append((member.local.offset, member.end + descriptor_length(window, member)))
    if walk.cut is not None:
        detail = f"only the first {limits.members} data descriptors were looked at, so members may be cut elsewhere"
        contents.unread.append(Unread(UnreadReason.LIMIT, detail, Location(offset=walk.cut)))
    for begin, finish in find_gaps([(0, start), *taken], end):
        if window.read(begin, 4) == ENTRY_SIGNATURE or not _holds_content(window, begin, finish):
            continue
        if finish - begin == window.size or not (whole or begin == 0):
            # Without a directory, what stands between members is as likely the rest of one.
            continue
        if begin == 0 and detect_strong_magic(window.read(0, HEAD_BYTES)) == "TFLite":
            # Libraries for tasks put labels into an archive behind a graph, which its own reader reads.
            continue
        contents.leftovers.append((begin, finish))
        kind = (
            ZipDefect.PREFIX_DATA
            if begin == 0
            else ZipDefect.TRAILING_DATA
            if finish == window.size
            else ZipDefect.UNLISTED_DATA
        )
        contents.log.add(kind, f"{finish - begin} bytes that belong to no member", begin)


def _note_found(member: Member, whole: bool, contents: Contents) -> None:
    entry = member.entry
    contents.entries.append(entry)
    contents.members.append(member)
    if whole:
        detail = f"{entry.name!r} stands in the file but not in its directory"
        contents.log.add(ZipDefect.LOCAL_MEMBER_NOT_IN_DIRECTORY, detail, entry.offset, entry.name)
    if member.stored_size < entry.stored_size:
        detail = f"{entry.name!r} breaks off: {member.stored_size} of {entry.stored_size} stored bytes are there"
        contents.log.add(ZipDefect.TRUNCATED_MEMBER, detail, entry.offset, entry.name)
        contents.unread.append(Unread(UnreadReason.DAMAGED, detail, Location(offset=entry.offset, key=entry.name)))


def _holds_content(window: Window, start: int, end: int) -> bool:
    """Whether any byte is not padding. A long stretch counts as content without being read to its end."""
    return end - start > _LARGEST_GAP or any(piece.strip(b"\0") for piece in iterate_chunks(window, start, end))
