"""Check the members of any archive: names and links that escape the folder, and bytes that belong to no member."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence

from modelaudit.model.address import join_member, join_range
from modelaudit.model.defect_kind import DefectKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Defect, Location
from modelaudit.wire.defects import MemberDefect

_MOST_OF_A_KIND = 50
_DRIVE = defer_pattern(r"[A-Za-z]:")  # of Windows: "C:"


class DefectLog:
    """Collects defects in order: of each kind a bounded number, and the count of the rest."""

    def __init__(self) -> None:
        self._defects: list[Defect] = []
        self._counts: Counter[DefectKind] = Counter()

    def add(self, kind: DefectKind, detail: str, offset: int | None = None, key: str | None = None) -> None:
        """Record one defect."""
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST_OF_A_KIND:
            self._defects.append(Defect(kind, detail, Location(offset=offset, key=key)))

    def defects(self) -> tuple[Defect, ...]:
        """Return the recorded defects, then for each kind with too many one defect that counts the rest."""
        summaries = (
            Defect(kind, f"{count - _MOST_OF_A_KIND} more defects of this kind")
            for kind, count in self._counts.items()
            if count > _MOST_OF_A_KIND
        )
        return (*self._defects, *summaries)


def escapes_folder(name: str) -> bool:
    """Whether extracting a member called ``name`` could write outside the target folder, on any operating system."""
    path = name.replace("\\", "/")
    return path.startswith("/") or _DRIVE.match(path) is not None or ".." in path.split("/")


def check_name(name: str, offset: int | None, log: DefectLog) -> None:
    """Record in ``log`` a name that escapes the folder, contains a zero byte, or is a path on Windows only."""
    if escapes_folder(name):
        log.add(MemberDefect.PATH_ESCAPE, f"the name {name!r} leads outside the folder of extraction", offset, name)
    elif "\\" in name:
        log.add(MemberDefect.BACKSLASH_NAME, f"the name {name!r} is a path on some systems only", offset, name)
    if "\0" in name:
        log.add(MemberDefect.NUL_IN_NAME, f"some loaders end the name {name!r} at its zero byte", offset, name)


def check_link(name: str, target: str, offset: int | None, log: DefectLog, is_symbolic: bool = True) -> None:
    """Record in ``log`` that the link ``name`` leads outside the folder of extraction, if its ``target`` does.

    The target of a symbolic link is relative to the folder of the link, that of a hard link to the root of the archive.
    """
    target_path = target.replace("\\", "/")
    path_in_archive = posixpath.join(posixpath.dirname(name), target_path) if is_symbolic else target_path
    # ``join`` keeps an absolute target absolute. After ``normpath``, a remaining ".." leads outside.
    # A drive is at the start of the target, and no longer at the start of the joined path.
    if escapes_folder(posixpath.normpath(path_in_archive)) or _DRIVE.match(target_path):
        log.add(
            MemberDefect.PATH_ESCAPE,
            f"the link {name!r} leads outside the folder of extraction: {target!r}",
            offset,
            name,
        )


class MemberPaths:
    """Makes the addresses of members, ``model.pt!archive/data.pkl``; repeated names get an ordinal: ``#2``."""

    def __init__(self, archive: str) -> None:
        self._archive = archive
        self._name_counts: Counter[str] = Counter()

    def name_member(self, name: str) -> str:
        """Return the address of the next member called ``name``."""
        self._name_counts[name] += 1
        ordinal = f"#{self._name_counts[name]}" if self._name_counts[name] > 1 else ""
        return join_member(self._archive, f"{name}{ordinal}")

    def name_range(self, start: int, end: int) -> str:
        """Return the address of bytes that belong to no member."""
        return join_range(self._archive, start, end)


def find_gaps(covered: Sequence[tuple[int, int]], end: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges between 0 and ``end`` that no (start, end) of ``covered`` covers, in order."""
    position = 0
    for start, stop in sorted(covered):
        if start > position:
            yield position, min(start, end)
        position = max(position, stop)
        if position >= end:
            return
    if position < end:
        yield position, end
