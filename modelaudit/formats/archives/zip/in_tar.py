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


def is_inside_one_tar_member(window: Window, places: list[DirectoryPlace]) -> bool:
    """Whether the ZIP archive at ``places``, with all its members, lies in the data of one member of a tar archive.

    ZIP loaders find the end record and ignore the tar archive around it. A forged archive may therefore lie in an
    extended header, in padding, or across two members, and the tar reader yields no such range as content. ``window``
    begins with the header of a tar member; nested tar archives are followed as deep as containers are read.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    limits = Limits()
    seen_by_zip_loader = {_list_record_offsets(window, place, 0, limits) for place in places}
    first_directory = min(place.start for place in places)
    window_start = 0  # in the file
    for _ in range(limits.depth):
        found = _find_member_around(window, first_directory - window_start, limits)
        if found is None:
            return False
        start, size = found
        window_start += start
        window = SubWindow(window, start, size, get_budget(window, limits))
        head = window.read(0, BLOCK)
        if head.startswith(LOCAL_SIGNATURE):
            # The member is a ZIP archive. It must show the same records as the whole file shows a ZIP loader.
            seen_in_member = {
                _list_record_offsets(window, place, window_start, limits) for place in find_places(window)
            }
            # ``None`` is a directory whose records cannot be compared.
            return None not in seen_by_zip_loader and seen_by_zip_loader <= seen_in_member
        if not is_tar(head):
            return False
    return False


def _find_member_around(window: Window, offset: int, limits: Limits) -> tuple[int, int] | None:
    """Return the offset and size of the data of the tar member around ``offset``.

    Returns ``None`` if no member holds that byte, or a sparse one does, whose content is not stored in one piece.
    """
    for member in TarMemberWalker(window, limits, DefectLog()):
        if member.data_start > offset:
            return None
        if offset < member.data_start + member.stored:
            return (member.data_start, member.stored) if member.pieces is None else None
    return None


def _list_record_offsets(
    window: Window, place: DirectoryPlace, window_start: int, limits: Limits
) -> tuple[int, tuple[int, ...]] | None:
    """Return the offsets in the file of a directory and of the local headers that it lists.

    Args:
        window: the file or a tar member.
        place: the place of the directory in ``window``.
        window_start: the offset of ``window`` in the file.
        limits: the bound on members.

    Returns:
        ``None`` if the directory is damaged or too long, a local header or data are missing, or local headers overlap.
    """
    directory = read_directory(window, place, limits.members)
    if directory.damage is not None or directory.is_full:
        return None
    header_bytes = 0
    for entry in directory.entries:
        local = read_local_header(window, entry.offset)
        header_bytes += local.data_start - local.offset if local is not None else 0
        longest = max(entry.stored_size, entry.size) if entry.method == STORED else entry.stored_size
        # Headers that take more bytes than there are overlap; reading them all could take very long.
        if local is None or local.data_start + longest > window.size or header_bytes > window.size:
            return None
    return window_start + place.start, tuple(window_start + entry.offset for entry in directory.entries)
