"""Compare the records of a ZIP archive: record each contradiction that shows two loaders two archives."""

from __future__ import annotations

from collections.abc import Sequence

from modelaudit.formats.archives.zip import ZipDefect
from modelaudit.formats.archives.zip.records import DESCRIPTOR_FLAG, ENCRYPTED_FLAG, STORED, DirectoryEntry, Member
from modelaudit.model.limits import Limits
from modelaudit.wire.decompression import ZIP_CODECS
from modelaudit.wire.members import DefectLog, check_name

_CIPHER_HEADER_BYTES = 12


def check_names(entries: Sequence[DirectoryEntry], log: DefectLog, is_read_by_torch: bool) -> None:
    """Record links, and names that leave the target folder, contain a zero byte, repeat or have a second spelling.

    Args:
        entries: the members.
        log: receives the defects.
        is_read_by_torch: whether torch reads the archive; it compares names without case.
    """
    seen: set[str] = set()
    seen_in_lower_case: set[str] = set()
    for entry in entries:
        name, offset = entry.name, entry.offset
        check_name(name, offset, log)
        if entry.extra_name is not None and entry.extra_name != entry.raw_name:
            second_name = entry.extra_name.decode("utf-8", "surrogateescape")
            log.add(
                ZipDefect.UNICODE_PATH_MISMATCH, f"{name!r} has a second, different name, {second_name!r}", offset, name
            )
        if entry.link:
            log.add(ZipDefect.LINK_MEMBER, f"{name!r} is a symbolic link", offset, name)
        if name in seen:
            log.add(ZipDefect.DUPLICATE_MEMBER, f"more than one member is named {name!r}", offset, name)
        elif is_read_by_torch and name.lower() in seen_in_lower_case:
            detail = f"torch compares names without case, so {name!r} has the same name as another member"
            log.add(ZipDefect.CASE_DUPLICATE_MEMBER, detail, offset, name)
        seen.add(name)
        seen_in_lower_case.add(name.lower())


def compare_headers(member: Member, log: DefectLog) -> None:
    """Record differences between the directory entry of a member and its local header."""
    entry, local = member.entry, member.local
    name, offset = entry.name, local.offset
    if local.raw_name != entry.raw_name:
        detail = f"the directory names the member {name!r}, its local header names it {local.name!r}"
        log.add(ZipDefect.LOCAL_NAME_MISMATCH, detail, offset, name)
    if local.method != entry.method:
        detail = f"{name!r}: compression method {entry.method} in the directory, {local.method} in its local header"
        log.add(ZipDefect.METHOD_MISMATCH, detail, offset, name)
    if (local.flags ^ entry.flags) & ENCRYPTED_FLAG:
        where = "local header" if local.flags & ENCRYPTED_FLAG else "directory"
        log.add(ZipDefect.ENCRYPTED_FLAG_MISMATCH, f"only the {where} marks {name!r} as encrypted", offset, name)
    if entry.method == STORED and entry.stored_size not in (entry.size, entry.size + _count_cipher_bytes(member)):
        # torch reads as many bytes as the size, others as many as the stored size.
        sizes = f"a stored size of {entry.stored_size} and a size of {entry.size} bytes"
        detail = f"{name!r} is not compressed but has {sizes}: loaders disagree on the one to use"
        log.add(ZipDefect.STORED_SIZE_MISMATCH, detail, offset, name)
    # With the descriptor flag, a local header may leave these fields zero; a descriptor after the data states them.
    has_descriptor = bool((local.flags | entry.flags) & DESCRIPTOR_FLAG)
    for kind, field, in_entry, in_local in (
        (ZipDefect.SIZE_MISMATCH, "stored bytes", entry.stored_size, local.stored_size),
        (ZipDefect.SIZE_MISMATCH, "bytes", entry.size, local.size),
        (ZipDefect.CRC_MISMATCH, "CRC-32", entry.crc, local.crc),
    ):
        is_left_out = has_descriptor and in_local == 0
        if in_entry != in_local and not is_left_out:
            detail = f"{name!r}: {field} {in_entry} in the directory, {in_local} in its local header"
            log.add(kind, detail, offset, name)


def _count_cipher_bytes(member: Member) -> int:
    """Return how many bytes encryption adds to the data (APPNOTE.TXT section 6.1); 0 if no flag claims encryption."""
    return _CIPHER_HEADER_BYTES if (member.entry.flags | member.local.flags) & ENCRYPTED_FLAG else 0


def check_overlaps(members: Sequence[Member], log: DefectLog) -> None:
    """Record members that share bytes. A zip bomb lets many members share one compressed range."""
    # Of the members so far, the one that reaches furthest: a later one may begin inside it.
    furthest: Member | None = None
    for member in sorted(members, key=lambda member: (member.local.offset, member.end)):
        if furthest is not None and member.local.offset < furthest.end:
            detail = f"{member.entry.name!r} begins inside {furthest.entry.name!r}"
            log.add(ZipDefect.OVERLAPPING_MEMBERS, detail, member.local.offset, member.entry.name)
        if furthest is None or member.end > furthest.end:
            furthest = member


def check_sizes_and_methods(entries: Sequence[DirectoryEntry], limits: Limits, log: DefectLog) -> None:
    """Record members that expand beyond the allowed ratio or have an unknown method, and folders with data."""
    for entry in entries:
        largest_size = max(limits.expansion_floor, limits.expansion_ratio * entry.stored_size)
        if entry.size > largest_size:
            detail = f"the archive states that {entry.name!r} expands from {entry.stored_size} to {entry.size} bytes"
            log.add(ZipDefect.EXPANSION_RATIO, detail, entry.offset, entry.name)
        if entry.method not in ZIP_CODECS:
            log.add(
                ZipDefect.UNKNOWN_COMPRESSION,
                f"{entry.name!r} uses a compression that few programs support: {entry.compression}",
                entry.offset,
                entry.name,
            )
        if entry.name.endswith("/") and entry.size:
            log.add(
                ZipDefect.DIRECTORY_WITH_DATA,
                f"{entry.name!r} has the name of a folder, but holds {entry.size} bytes",
                entry.offset,
                entry.name,
            )
