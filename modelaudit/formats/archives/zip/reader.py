"""The reader of ZIP archives: a listing with its contradictions, what was not read, and the members."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.formats.archives.zip.compare import compare_expansion, compare_extents, compare_headers, compare_names
from modelaudit.formats.archives.zip.contents import Contents, take_stock
from modelaudit.formats.archives.zip.directory import find_places
from modelaudit.formats.archives.zip.in_tar import is_one_member
from modelaudit.formats.archives.zip.layout import Layout, layout_of
from modelaudit.formats.archives.zip.members import Allowance, MemberData, compare_content, compare_flags
from modelaudit.model.artifact import TENSOR_STORAGE, Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB, Limits
from modelaudit.model.structure import ArchiveListing, ArchiveMember
from modelaudit.wire.base import Head, Reading
from modelaudit.wire.members import MemberPaths, check_link
from modelaudit.wire.sniff import is_tar
from modelaudit.wire.windows import SubWindow, get_budget, make_opener, read_available

_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK\x03\x04", b"PK00PK\x03\x04")
_LONGEST_LINK = 4 * KIB


def recognises(head: Head) -> bool:
    """An archive begins with a local header, or ends with an end record that leads to a directory.

    In the storage of a tensor only the beginning counts: looking at the end of each would cost a read. An archive that
    is the data of one member of a tar archive is read as that member.
    """
    if head.data.startswith(_STARTS):
        return True
    if head.content == TENSOR_STORAGE:
        return False
    try:
        places = find_places(head.window)
        return bool(places) and not (is_tar(head.data) and is_one_member(head.window, places))
    except WindowError:
        return False


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the listing, what could not be read, and every member as an artifact.

    Members of one name, and bytes that belong to no member, are artifacts of their own.

    Raises:
        WindowError: from the window.
    """
    budget = get_budget(window, limits)
    contents = take_stock(window, limits, budget)
    listed = [entry.name for entry in contents.entries if entry.listed]
    layout = layout_of(listed or [entry.name for entry in contents.entries])
    allowance = Allowance()
    data = [MemberData(window, member, limits, budget, allowance) for member in contents.members]
    _compare(contents, data, layout, limits)
    members = tuple(_listing_members(contents, data))
    yield ArchiveListing("zip", layout.name, members, contents.log.defects())
    yield from contents.unread
    yield from _member_artifacts(artifact, data, layout)
    for start, end in contents.leftovers:
        stretch = SubWindow(window, start, end - start, budget)
        yield Artifact(MemberPaths(artifact.path).name_range(start, end), stretch.size, make_opener(stretch))


def _compare(contents: Contents, data: list[MemberData], layout: Layout, limits: Limits) -> None:
    log = contents.log
    compare_names(contents.entries, log, torch=layout.prefix is not None)
    compare_expansion(contents.entries, limits, log)
    compare_extents(contents.members, log)
    for item in data:
        compare_headers(item.member, log)
        compare_flags(item, log)
        # torch checks no checksum of a storage, and reading all weights for theirs is not this reader's business.
        if layout.content_of(item.member.entry.name) is None and item.is_worth_checking():
            compare_content(item, log)


def _listing_members(contents: Contents, data: list[MemberData]) -> Iterator[ArchiveMember]:
    found = {id(item.member.entry): item for item in data}
    for entry in contents.entries:
        item = found.get(id(entry))
        target = None
        if entry.link and item is not None and item.obstacle() is None:
            with item.open() as content:
                target = read_available(content, 0, _LONGEST_LINK).decode("utf-8", "surrogateescape")
            check_link(entry.name, target, entry.offset, contents.log)
        encrypted = item is not None and item.is_encrypted
        yield ArchiveMember(
            entry.name, entry.offset, entry.stored_size, entry.size, entry.compression, encrypted, target
        )


def _member_artifacts(artifact: Artifact, data: list[MemberData], layout: Layout) -> Iterator[Artifact]:
    paths = MemberPaths(artifact.path)
    for item in data:
        entry = item.member.entry
        content = layout.content_of(entry.name)
        # A folder, or the storage of a tensor without elements: the listing says all there is to say.
        if entry.size == entry.stored_size == 0 and (entry.name.endswith("/") or content is not None):
            continue
        yield item.artifact(paths.name_member(entry.name), content)
