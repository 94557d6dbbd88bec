"""The contents of the folders of a 7z archive, and whether they are what the archive says of them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from modelaudit.formats.archives.sevenzip import SevenZipDefect
from modelaudit.formats.archives.sevenzip.folders import method_name, obstacle_of, opened, size_of, unknown_coder
from modelaudit.formats.archives.sevenzip.header import File, Folder, Streams
from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.members import DefectLog, check_link, check_name
from modelaudit.wire.windows import Budget, iterate_chunks, read_available

_CHECKED_OF_A_FOLDER = 64 * MIB
_CHECKED_OF_ALL = 256 * MIB
_LONGEST_LINK = 4 * KIB


@dataclass(slots=True)
class Content:
    """A file and where in its folder its content is, in bytes. ``link_target`` is set once it was read."""

    file: File
    start: int
    size: int
    crc: int | None
    link_target: str | None = None


def contents_of(streams: Streams, files: list[File], log: DefectLog) -> list[list[Content]]:
    """For each folder its contents with the files that take them; what no file takes is one without a name."""
    named = iter([file for file in files if file.has_content])
    held: list[list[Content]] = []
    for number, folder in enumerate(streams.folders):
        contents: list[Content] = []
        start = 0
        for size, crc in folder.contents:
            file = next(named, None)
            if file is None:
                log.add(
                    SevenZipDefect.ENTRY_COUNT_MISMATCH, f"folder {number} holds a content that no file is named for"
                )
                file = File(f"[content {number}.{len(contents)}]", True)
            contents.append(Content(file, start, size, crc))
            start += size
        held.append(contents)
    for file in named:
        log.add(SevenZipDefect.ENTRY_COUNT_MISMATCH, f"there is no content for {file.name!r}", key=file.name)
    return held


def compare_files(files: list[File], log: DefectLog) -> None:
    """Note names that escape or repeat, and links."""
    seen: set[str] = set()
    for file in files:
        check_name(file.name, None, log)
        if file.is_link:
            log.add(SevenZipDefect.LINK_MEMBER, f"{file.name!r} is a symbolic link", key=file.name)
        if file.name in seen and not file.is_folder:
            log.add(SevenZipDefect.DUPLICATE_MEMBER, f"more than one member is named {file.name!r}", key=file.name)
        seen.add(file.name)


def compare_expansion(folder: Folder, packed: int, limits: Limits, log: DefectLog) -> None:
    """Note what is stated to expand out of proportion, and what cannot be expanded."""
    size = size_of(folder)
    if size > max(limits.expansion_floor, limits.expansion_ratio * packed):
        log.add(SevenZipDefect.EXPANSION_RATIO, f"a folder is stated to expand from {packed} to {size} bytes")
    obstacle = obstacle_of(folder)
    if obstacle is not None and obstacle[0] is UnreadReason.ENCRYPTED:
        log.add(SevenZipDefect.ENCRYPTED_MEMBER, "a folder is encrypted")
    elif (coder := unknown_coder(folder)) is not None:
        log.add(SevenZipDefect.UNKNOWN_COMPRESSION, f"a folder uses {method_name(coder)}")


def compare_contents(
    window: Window, streams: Streams, held: list[list[Content]], limits: Limits, log: DefectLog
) -> None:
    """Note contents that are damaged or not of their checksum, as far as the allowance goes, and links outside.

    Raises:
        WindowError: from the window itself.
    """
    left = _CHECKED_OF_ALL
    for number, (folder, contents) in enumerate(zip(streams.folders, held, strict=True)):
        size = size_of(folder)
        if obstacle_of(folder) is not None or size > min(left, _CHECKED_OF_A_FOLDER):
            continue
        left -= size
        budget = Budget(limits, window.size)
        with opened(window, streams, folder, limits, budget) as plain:
            try:
                for content in contents:
                    _compare_content(plain, content, log)
            except WindowError as error:
                if error.reason is UnreadReason.DAMAGED:
                    log.add(SevenZipDefect.DAMAGED_CONTENT, f"folder {number}: {error}")


def _compare_content(plain: Window, content: Content, log: DefectLog) -> None:
    name = content.file.name
    crc = size = 0
    for piece in iterate_chunks(plain, content.start, content.start + content.size):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
    if size != content.size:
        detail = f"{name!r} holds {size} bytes where {content.size} are stated"
        log.add(SevenZipDefect.SIZE_MISMATCH, detail, key=name)
    elif content.crc is not None and crc != content.crc:
        detail = f"{name!r} has CRC-32 {crc:08x} where {content.crc:08x} is stated"
        log.add(SevenZipDefect.CRC_MISMATCH, detail, key=name)
    if content.file.is_link:
        target = read_available(plain, content.start, min(content.size, _LONGEST_LINK))
        content.link_target = target.decode("utf-8", "surrogateescape")
        check_link(name, content.link_target, None, log)
