"""ZIP archives inside tar archives: which of them the reader of tar hands on whole, as a member of its own."""

from __future__ import annotations

from modelaudit.formats.archives.tar.walk import TarWalk
from modelaudit.formats.archives.zip.directory import Place, find_places, read_directory
from modelaudit.formats.archives.zip.records import LOCAL_SIGNATURE, STORED, read_local
from modelaudit.model.artifact import Window
from modelaudit.model.limits import Limits
from modelaudit.wire.members import DefectLog
from modelaudit.wire.sniff import is_tar
from modelaudit.wire.tar_headers import BLOCK
from modelaudit.wire.windows import SubWindow, get_budget


def is_one_member(window: Window, places: list[Place]) -> bool:
    """Whether the archive that ``places`` lead to is, in all that they name, the data of one member of a tar archive.

    Loaders of ZIP archives look for the end record and take no notice of a tar archive around it, where the archive may
    as well lie in an extended header, in padding, or across two members, none of which is read as content. ``window``
    begins with the header of a tar member; a tar archive in it is followed as deep as containers are read.

    Raises:
        WindowError: from the window.
    """
    limits = Limits()
    wanted = {_reach(window, place, 0, limits) for place in places}
    begin, base = min(place.start for place in places), 0
    for _ in range(limits.depth):
        found = _member_around(window, begin - base, limits)
        if found is None:
            return False
        start, size = found
        base += start
        window = SubWindow(window, start, size, get_budget(window, limits))
        head = window.read(0, BLOCK)
        if head.startswith(LOCAL_SIGNATURE):
            reached = {_reach(window, place, base, limits) for place in find_places(window)}
            return None not in wanted and wanted <= reached
        if not is_tar(head):
            return False
    return False


def _member_around(window: Window, offset: int, limits: Limits) -> tuple[int, int] | None:
    """Where the data of the member that holds ``offset`` begin, and their size, if they are handed on as they stand."""
    for member in TarWalk(window, limits, DefectLog()):
        if member.data_start > offset:
            return None
        if offset < member.data_start + member.stored:
            return (member.data_start, member.stored) if member.pieces is None else None
    return None


def _reach(window: Window, place: Place, base: int, limits: Limits) -> tuple[int, tuple[int, ...]] | None:
    """Where the directory and the headers it names stand, ``base`` added; ``None`` where any of it is not there."""
    directory = read_directory(window, place, limits.members)
    if directory.damage is not None or directory.full:
        return None
    for entry in directory.entries:
        local = read_local(window, entry.offset)
        longest = max(entry.stored_size, entry.size) if entry.method == STORED else entry.stored_size
        if local is None or local.data_start + longest > window.size:
            return None
    return base + place.start, tuple(base + entry.offset for entry in directory.entries)
