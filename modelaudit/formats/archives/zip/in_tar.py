"""Decide whether a ZIP archive at the end of a tar archive is a whole member, which the tar reader yields anyway.

Without this decision, such an archive would be read twice; with a wrong one, a forged archive would not be read at all.
"""

from __future__ import annotations

from modelaudit.formats.archives.tar.walk import TarMemberWalker
from modelaudit.formats.archives.zip.directory import DirectoryPlace, find_places, read_directory
from modelaudit.formats.archives.zip.records import LOCAL_SIGNATURE, STORED, read_local_header
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.wire.members import DefectLog
from modelaudit.wire.sniff import is_tar
from modelaudit.wire.tar_headers import BLOCK
from modelaudit.wire.windows import SubWindow, get_budget


def is_one_member(window: Window, places: list[DirectoryPlace]) -> bool:
    """Whether the ZIP archive at ``places``, with all its members, lies in the data of one member of a tar archive.

    ZIP loaders find the end record and ignore the tar archive around it. A forged archive may therefore lie in an
    extended header, in padding, or across two members, and the tar reader yields no such range as content. ``window``
    begins with the header of a tar member; nested tar archives are followed as deep as containers are read.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    limits = Limits()
    wanted = {_resolve_extent(window, place, 0, limits) for place in places}
    begin, base = min(place.start for place in places), 0
    for _ in range(limits.depth):
        found = _find_member_around(window, begin - base, limits)
        if found is None:
            return False
        start, size = found
        base += start
        window = SubWindow(window, start, size, get_budget(window, limits))
        head = window.read(0, BLOCK)
        if head.startswith(LOCAL_SIGNATURE):
            reached = {_resolve_extent(window, place, base, limits) for place in find_places(window)}
            return None not in wanted and wanted <= reached
        if not is_tar(head):
            return False
    return False


def _find_member_around(window: Window, offset: int, limits: Limits) -> tuple[int, int] | None:
    """Return the offset and size of the data of the member around ``offset``; ``None`` for a sparse or missing one."""
    for member in TarMemberWalker(window, limits, DefectLog()):
        if member.data_start > offset:
            return None
        if offset < member.data_start + member.stored:
            return (member.data_start, member.stored) if member.pieces is None else None
    return None


def _resolve_extent(
    window: Window, place: DirectoryPlace, base: int, limits: Limits
) -> tuple[int, tuple[int, ...]] | None:
    """Return the offsets of the directory and of its local headers plus ``base``; ``None`` if any data are missing."""
    directory = read_directory(window, place, limits.members)
    if directory.damage is not None or directory.is_full:
        return None
    for entry in directory.entries:
        local = read_local_header(window, entry.offset)
        longest = max(entry.stored_size, entry.size) if entry.method == STORED else entry.stored_size
        if local is None or local.data_start + longest > window.size:
            return None
    return base + place.start, tuple(base + entry.offset for entry in directory.entries)
