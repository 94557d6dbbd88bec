"""Assign the contents of 7z folders to files, and check them against the sizes and checksums in the header.

A *folder* of 7z is not a directory: it is one compressed stream that may hold many files.
"""

from __future__ import annotations

import zlib

from msgspec import Struct

from modelaudit.formats.archives.sevenzip import SevenZipDefect
from modelaudit.formats.archives.sevenzip.folders import (
    find_obstacle,
    find_stated_size,
    find_unknown_coder,
    name_method,
    open_folder,
)
from modelaudit.formats.archives.sevenzip.header import File, Folder, Streams
from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.members import DefectLog, check_link, check_name
from modelaudit.wire.windows import Budget, iterate_chunks, read_available

_MAX_CHECKED_PER_FOLDER = 64 * MIB
_MAX_CHECKED_PER_ARCHIVE = 256 * MIB
_LONGEST_LINK = 4 * KIB


class FileContent(Struct):
    """The content of one file within the plain stream of its folder.

    Attributes:
        file: the entry of the file in the header.
        start: offset in the plain stream, in bytes.
        size: stated number of bytes.
        crc: stated CRC-32, or ``None``.
        link_target: target of a symbolic link, set when ``check_contents`` has read it.
    """

    file: File
    start: int
    size: int
    crc: int | None
    link_target: str | None = None


def assign_contents(streams: Streams, files: list[File], log: DefectLog) -> list[list[FileContent]]:
    """Return a list of contents for each folder, each content with its file; without a file, it gets a made-up name.

    The header lists files and contents separately: the n-th file with content has the n-th content over all folders.
    A difference between the two counts is recorded as a defect.
    """
    files_with_content = iter([file for file in files if file.has_content])
    contents_by_folder: list[list[FileContent]] = []
    for number, folder in enumerate(streams.folders):
        contents: list[FileContent] = []
        start = 0
        for size, crc in folder.contents:
            file = next(files_with_content, None)
            if file is None:
                log.add(
                    SevenZipDefect.ENTRY_COUNT_MISMATCH,
                    f"folder {number} holds the content of a file that the header does not list",
                )
                file = File(f"[content {number}.{len(contents)}]", True)
            contents.append(FileContent(file, start, size, crc))
            start += size
        contents_by_folder.append(contents)
    for file in files_with_content:
        log.add(SevenZipDefect.ENTRY_COUNT_MISMATCH, f"there is no content for {file.name!r}", key=file.name)
    return contents_by_folder


def check_names(files: list[File], log: DefectLog) -> None:
    """Record links, names that repeat, and names that would be extracted outside the target folder."""
    seen: set[str] = set()
    for file in files:
        check_name(file.name, None, log)
        if file.is_link:
            log.add(SevenZipDefect.LINK_MEMBER, f"{file.name!r} is a symbolic link", key=file.name)
        if file.name in seen and not file.is_folder:
            log.add(SevenZipDefect.DUPLICATE_MEMBER, f"more than one member is named {file.name!r}", key=file.name)
        seen.add(file.name)


def check_folder(folder: Folder, packed: int, limits: Limits, log: DefectLog) -> None:
    """Record a folder that expands beyond the allowed ratio, is encrypted or uses an unknown method.

    ``packed`` is the number of bytes that the folder takes in the file.
    """
    size = find_stated_size(folder)
    if size > max(limits.expansion_floor, limits.expansion_ratio * packed):
        log.add(
            SevenZipDefect.EXPANSION_RATIO, f"the header states that a folder expands from {packed} to {size} bytes"
        )
    obstacle = find_obstacle(folder)
    if obstacle is not None and obstacle[0] is UnreadReason.ENCRYPTED:
        log.add(SevenZipDefect.ENCRYPTED_MEMBER, "a folder is encrypted")
    elif (coder := find_unknown_coder(folder)) is not None:
        log.add(SevenZipDefect.UNKNOWN_COMPRESSION, f"a folder uses {name_method(coder)}")


def check_contents(
    window: Window, streams: Streams, contents_by_folder: list[list[FileContent]], limits: Limits, log: DefectLog
) -> None:
    """Record contents that are damaged or contradict their size or checksum, and links out of the archive.

    Large folders are not checked here, because a check costs a whole decompression. The readers of their members
    decompress them anyway and find damage.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    bytes_left = _MAX_CHECKED_PER_ARCHIVE
    for number, (folder, contents) in enumerate(zip(streams.folders, contents_by_folder, strict=True)):
        size = find_stated_size(folder)
        if find_obstacle(folder) is not None or size > min(bytes_left, _MAX_CHECKED_PER_FOLDER):
            continue
        bytes_left -= size
        budget = Budget(limits, window.size)
        with open_folder(window, streams, folder, limits, budget) as plain_stream:
            try:
                for content in contents:
                    _check_content(plain_stream, content, log)
            except WindowError as error:
                # Any other failure is left to the readers of the members, which meet it again and report it.
                if error.reason is UnreadReason.DAMAGED:
                    log.add(SevenZipDefect.DAMAGED_CONTENT, f"folder {number}: {error}")


def _check_content(plain_stream: Window, content: FileContent, log: DefectLog) -> None:
    """Compare one content with its stated size and checksum, and read the target of a link."""
    name = content.file.name
    crc = size = 0
    for piece in iterate_chunks(plain_stream, content.start, content.start + content.size):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
    if size != content.size:
        detail = f"{name!r} holds {size} bytes, the header states {content.size}"
        log.add(SevenZipDefect.SIZE_MISMATCH, detail, key=name)
    elif content.crc is not None and crc != content.crc:
        detail = f"{name!r} has the CRC-32 {crc:08x}, the header states {content.crc:08x}"
        log.add(SevenZipDefect.CRC_MISMATCH, detail, key=name)
    if content.file.is_link:
        target = read_available(plain_stream, content.start, min(content.size, _LONGEST_LINK))
        content.link_target = target.decode("utf-8", "surrogateescape")
        check_link(name, content.link_target, None, log)
