"""The members of a tar archive one after the other, also behind damage and behind the end that loaders stop at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from modelaudit.formats.archives.tar import TarDefect
from modelaudit.formats.archives.tar.sparse import Pieces, is_sound, map_of_data, map_of_header, map_of_records
from modelaudit.model.artifact import Window
from modelaudit.model.limits import GIB, KIB, MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.members import DefectLog
from modelaudit.wire.tar_headers import (
    BLOCK,
    GNU_LONG_LINK,
    GNU_LONG_NAME,
    GNU_SPARSE,
    PAX_GLOBAL,
    PAX_LOCAL,
    USTAR,
    ZEROS,
    TarHeader,
    is_header,
    parse_header,
    parse_pax_records,
    parse_sparse_size,
    parse_text,
)

_LONGEST_EXTENSION = MIB
_CHUNK = 64 * KIB
_OCTAL_LIMIT = 8 * GIB
_GLOBAL_KEYS = frozenset({"path", "linkpath", "size"})


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member. ``stored`` counts the bytes of its data that are there; ``pieces`` is set where it has holes."""

    header: TarHeader
    name: str
    link: str
    data_start: int
    stored: int
    size: int
    pieces: Pieces | None = None


@dataclass(slots=True)
class _Extension:
    """What headers in front of a member say about it."""

    size: int = 0
    long_name: str | None = None
    long_link: str | None = None
    records: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def value(self, *keys: str) -> str | None:
        """The last value of the first of ``keys`` that there is."""
        return next((self.values[key] for key in keys if key in self.values), None)


class TarWalk:
    """Members in order. Iterating fills the other attributes.

    Attributes:
        unread: what was not read, and why.
        leftovers: (start, end) of bytes that belong to no member and are not padding.
    """

    def __init__(self, window: Window, limits: Limits, log: DefectLog) -> None:
        self._window = window
        self._limits = limits
        self._log = log
        self._global: dict[str, str] = {}
        self._next = 0
        self._ended: int | None = None
        self._chunk = b""
        self._base = 0
        self.unread: list[Unread] = []
        self.leftovers: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[TarMember]:
        """Find the members.

        Raises:
            WindowError: from the window.
        """
        extension = _Extension()
        position = count = 0
        while position < self._window.size:
            header = parse_header(self._block(position), position)
            if header is None or header.size < 0:
                position = self._to_next_header(position, damaged=header is not None)
                extension = _Extension()
                continue
            if count >= self._limits.members:
                self._miss(UnreadReason.LIMIT, f"only the first {count} members were read", position)
                return
            count += 1
            if header.kind in GNU_LONG_NAME + GNU_LONG_LINK + PAX_LOCAL + PAX_GLOBAL:
                extension.size += header.size
                if extension.size > _LONGEST_EXTENSION:
                    detail = f"headers of {extension.size} bytes for one member are over the bound"
                    self._miss(UnreadReason.LIMIT, detail, position)
                    return
                self._extend(header, extension)
                position += BLOCK + _whole(header.size)
                continue
            if self._ended is not None:
                detail = f"{header.name!r} stands behind the end of the archive, where some loaders go on"
                self._log.add(TarDefect.MEMBER_AFTER_END, detail, position, header.name)
                self._ended = None
            yield self._member(header, extension)
            extension = _Extension()
            position = self._next

    def _block(self, position: int) -> bytes:
        if not self._base <= position <= self._base + len(self._chunk) - BLOCK:
            self._base, self._chunk = position, self._window.read(position, _CHUNK)
        return self._chunk[position - self._base : position - self._base + BLOCK]

    def _to_next_header(self, position: int, damaged: bool) -> int:
        """Where the next header is, past blocks that are none; the first of them may look like one."""
        start = position
        first: int | None = None
        last: int | None = None
        while position < self._window.size:
            block = self._block(position)
            if block == ZEROS:
                if first is None and self._ended is None and position == start:
                    self._ended = position
            elif not damaged and is_header(block):
                break
            elif position == start and self._ended is None:
                self._log.add(TarDefect.HEADER_DAMAGED, "what should be the header of a member is none", start)
                detail = "a member's header is damaged, and what followed it was searched for others"
                self._miss(UnreadReason.DAMAGED, detail, start)
                # What follows a header that still looks like one is the content of its member.
                first, last = (None, None) if block[USTAR] == b"ustar" else (start, start + len(block.rstrip(b"\0")))
            elif block.strip(b"\0"):
                first, last = position if first is None else first, position + len(block.rstrip(b"\0"))
            damaged = False
            position += BLOCK
        if first is not None and last is not None:
            self._leave(first, last, position >= self._window.size)
        return position

    def _leave(self, start: int, end: int, at_end: bool) -> None:
        detail = f"{end - start} bytes that belong to no member"
        if at_end:
            self._log.add(TarDefect.TRAILING_DATA, detail, start)
        else:
            self._log.add(TarDefect.UNLISTED_DATA, detail, start)
        self.leftovers.append((start, end))

    def _extend(self, header: TarHeader, extension: _Extension) -> None:
        data = self._window.read(header.offset + BLOCK, header.size)
        if len(data) < header.size:
            self._log.add(TarDefect.TRUNCATED_MEMBER, "the archive breaks off in an extended header", header.offset)
            self._miss(UnreadReason.DAMAGED, "the archive breaks off in an extended header", header.offset)
        if header.kind == GNU_LONG_NAME:
            extension.long_name = parse_text(data)
        elif header.kind == GNU_LONG_LINK:
            extension.long_link = parse_text(data)
        else:
            records, sound = parse_pax_records(data)
            if not sound:
                self._log.add(
                    TarDefect.PAX_HEADER_INVALID, "loaders disagree about a malformed pax header", header.offset
                )
            if header.kind in PAX_GLOBAL:
                self._global |= {key: value for key, value in records if key in _GLOBAL_KEYS}
            else:
                extension.records += records
                extension.values |= dict(records)

    def _member(self, header: TarHeader, extension: _Extension) -> TarMember:
        path = extension.value("GNU.sparse.name", "path") or self._global.get("path")
        name = extension.long_name or path or header.name
        if extension.long_name and path and extension.long_name != path:
            detail = f"one header names a member {extension.long_name!r}, another {path!r}"
            self._log.add(TarDefect.NAMES_CONTRADICT, detail, header.offset, name)
        link = extension.long_link or extension.value("linkpath") or self._global.get("linkpath") or header.link
        data_start = self._next = header.offset + BLOCK
        if not header.is_file:
            if header.size:
                detail = f"{name!r} is no file and has {header.size} bytes: loaders differ on where the next member is"
                self._log.add(TarDefect.DATA_WITHOUT_FILE, detail, header.offset, name)
            return TarMember(header, name, link, data_start, 0, 0)
        size = self._size(header, extension, name)
        self._next += _whole(size)
        stored = max(0, min(size, self._window.size - data_start))
        if stored < size:
            detail = f"{name!r} breaks off: {stored} of {size} bytes are there"
            self._log.add(TarDefect.TRUNCATED_MEMBER, detail, header.offset, name)
            self._miss(UnreadReason.DAMAGED, detail, header.offset, name)
        return self._sparse(TarMember(header, name, link, data_start, stored, size), extension)

    def _size(self, header: TarHeader, extension: _Extension, name: str) -> int:
        """The bytes of data that follow: an extended header overrules the member's own, which it needs from 8 GiB."""
        known = extension.value("size")
        stated = known or self._global.get("size")
        if stated is None:
            return header.size
        size = int(stated) if stated.isascii() and stated.isdigit() and len(stated) <= 20 else 0
        if size != header.size and not (size >= _OCTAL_LIMIT and header.size == 0 and known):
            detail = f"{name!r}: {header.size} bytes in its header, {stated} in an extended header"
            self._log.add(TarDefect.PAX_SIZE_MISMATCH, detail, header.offset, name)
        return size if known else header.size

    def _sparse(self, member: TarMember, extension: _Extension) -> TarMember:
        """The same member with its holes, if it has any."""
        header, most = member.header, self._limits.members
        size: str | int | None
        if header.kind == GNU_SPARSE:
            found = map_of_header(self._window, header.block, member.data_start, most)
            size = parse_sparse_size(header.block)
        elif extension.value("GNU.sparse.major") == "1":
            found = map_of_data(self._window, member.data_start, most)
            size = extension.value("GNU.sparse.realsize")
        elif extension.value("GNU.sparse.map", "GNU.sparse.size") is not None:
            pieces = map_of_records(extension.records)
            found = None if pieces is None else (pieces, member.data_start)
            size = extension.value("GNU.sparse.size")
        else:
            return member
        real = int(size) if isinstance(size, int) or (size and size.isascii() and size.isdigit()) else -1
        # Blocks that continue a map in a header stand before the data, lines of a map are part of them.
        moved = found[1] - member.data_start if found else 0
        stored = member.stored - moved
        if header.kind == GNU_SPARSE:
            self._next += moved
            stored = min(header.size, self._window.size - member.data_start - moved)
        if found is None or not is_sound(found[0], real, stored):
            detail = f"{member.name!r}: the map of its holes contradicts itself or is too long"
            self._log.add(TarDefect.SPARSE_MAP_INVALID, detail, header.offset, member.name)
            self._miss(UnreadReason.DAMAGED, detail, header.offset, member.name)
            return member
        return TarMember(header, member.name, member.link, found[1], stored, real, found[0])

    def _miss(self, reason: UnreadReason, detail: str, offset: int, key: str | None = None) -> None:
        self.unread.append(Unread(reason, detail, Location(offset=offset, key=key)))


def _whole(size: int) -> int:
    """``size`` rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK
