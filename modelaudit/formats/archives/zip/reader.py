"""Read ZIP archives: yield the listing with its defects, the absences, and the members as artifacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modelaudit.formats.archives.zip.compare import (
    check_names,
    check_overlaps,
    check_sizes_and_methods,
    compare_headers,
)
from modelaudit.formats.archives.zip.contents import ArchiveContents, find_contents
from modelaudit.formats.archives.zip.layout import Layout, detect_layout
from modelaudit.formats.archives.zip.members import CheckAllowance, MemberData, check_content, check_flags
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import KIB, Limits
from modelaudit.model.structure import ArchiveListing, ArchiveMember, Location, Unread, UnreadReason
from modelaudit.wire.base import Reading
from modelaudit.wire.ledger import claim_data
from modelaudit.wire.members import MemberPaths, check_link
from modelaudit.wire.windows import get_budget, read_available

_LONGEST_LINK = 4 * KIB
_MAX_READINGS_OF_ONE_START = 16
"""Of the members whose data begin at the same byte, at most so many are read.

One would be too few, because the name of a member can decide its format.
"""


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the listing, the absences, and each member as an artifact.

    Several members of one name are separate artifacts.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    budget = get_budget(window, limits)
    contents = find_contents(window, limits, budget)
    layout = _detect_layout(contents)
    allowance = CheckAllowance()
    member_data = [MemberData(window, member, limits, budget, allowance) for member in contents.members]
    _check_contents(contents, member_data, layout, limits)
    allowance.measures.clear()  # of use to the checks alone, and hundreds of bytes for each member
    for item in member_data:
        claim_data(window, item.member.data_start, item.member.data_start + item.used_bytes)
    members = tuple(_list_members(contents, member_data))
    yield ArchiveListing("zip", layout.name, members, contents.log.defects())
    yield from contents.unread
    del contents  # so that the artifacts, which outlive their making, take the place of its records
    yield from _make_artifacts(artifact, member_data, layout)


def _detect_layout(contents: ArchiveContents) -> Layout:
    """Return the layout that the names in the central directory show; loaders find the root folder by them too.

    Members outside the directory count only if it lists none.
    """
    listed = [entry.name for entry in contents.entries if entry.listed]
    return detect_layout(listed or [entry.name for entry in contents.entries])


def _check_contents(contents: ArchiveContents, data: list[MemberData], layout: Layout, limits: Limits) -> None:
    """Record the contradictions between names, headers, flags and contents."""
    log = contents.log
    check_names(contents.entries, log, is_read_by_torch=layout.prefix is not None)
    check_sizes_and_methods(contents.entries, limits, log)
    check_overlaps(contents.members, log)
    for item in data:
        compare_headers(item.member, log)
        check_flags(item, log)
        # torch ignores the checksums of storages, and checking them would mean reading all weights.
        if layout.decide_content_type(item.member.entry.name) is None and item.is_worth_checking():
            check_content(item, log)


def _list_members(contents: ArchiveContents, data: list[MemberData]) -> Iterator[ArchiveMember]:
    """Yield the entries of the listing, with the targets of links; record targets outside the target folder."""
    # The data are in the order of the entries. Equal entries are separate members, so the object itself is compared.
    remaining = iter(data)
    next_item = next(remaining, None)
    for entry in contents.entries:
        item = None  # for an entry without data
        if next_item is not None and next_item.member.entry is entry:
            item, next_item = next_item, next(remaining, None)
        target = None
        if entry.link and item is not None and item.find_obstacle() is None:
            with item.open() as content:
                target = read_available(content, 0, _LONGEST_LINK).decode("utf-8", "surrogateescape")
            check_link(entry.name, target, entry.offset, contents.log)
        encrypted = item is not None and item.is_encrypted
        yield ArchiveMember(
            entry.name, entry.offset, entry.stored_size, entry.size, entry.compression, encrypted, target
        )


def _make_artifacts(artifact: Artifact, data: list[MemberData], layout: Layout) -> Iterator[Artifact | Unread]:
    """Yield the members with content as artifacts, and an absence for members that share the data of many others.

    Each member is removed from ``data`` before it is read, so that its records are freed afterwards.
    """
    paths = MemberPaths(artifact.path)
    members_by_start: Counter[int] = Counter()
    data.reverse()  # only the end of a list is removed at once
    while data:
        item = data.pop()
        entry = item.member.entry
        content_type = layout.decide_content_type(entry.name)
        # A folder, or the storage of a tensor without elements, has nothing to read.
        is_storage = content_type is not None
        if entry.size == entry.stored_size == 0 and (entry.name.endswith("/") or is_storage):
            continue
        members_by_start[item.member.data_start] += 1
        if members_by_start[item.member.data_start] <= _MAX_READINGS_OF_ONE_START:
            yield item.make_artifact(paths.name_member(entry.name), content_type)
    crowded_starts = [start for start, count in members_by_start.items() if count > _MAX_READINGS_OF_ONE_START]
    if crowded_starts:
        count = sum(members_by_start[start] - _MAX_READINGS_OF_ONE_START for start in crowded_starts)
        detail = f"{count} members were not read: more than {_MAX_READINGS_OF_ONE_START} share the data at one byte"
        yield Unread(UnreadReason.LIMIT, detail, Location(offset=crowded_starts[0]))
