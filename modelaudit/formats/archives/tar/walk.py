"""Find the members of a tar archive in order, also after damaged headers and after the end-of-archive blocks.

A tar archive has no directory: each member has a header, and the next header follows its data. Loaders disagree about
the place of the next header if sizes contradict each other, so every such contradiction becomes a defect.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from modelaudit.formats.archives.tar import TarDefect
from modelaudit.formats.archives.tar.claims import claim_extended_header, claim_header, claim_padding, claim_sparse_map
from modelaudit.formats.archives.tar.sparse import (
    SparseMap,
    is_valid_map,
    parse_pax_map,
    read_data_map,
    read_header_map,
)
from modelaudit.model.artifact import Window
from modelaudit.model.limits import GIB, KIB, MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.ledger import claim_parsed
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

_MOST_EXTENDED_BYTES = MIB  # of the extended headers of one member
_CHUNK = 64 * KIB
_LARGEST_OCTAL_SIZE = 8 * GIB
_MOST_DIGITS = 20  # as many as the largest number of 64 bits has
# The keys of a global pax header that change how members are read; others, such as a comment, do not.
_GLOBAL_KEYS = frozenset({"path", "linkpath", "size"})


class TarMember(Struct, frozen=True):
    """One member.

    Attributes:
        header: its own header.
        name: its name, from an extended header if there is one.
        link: the target of a link; empty for others.
        data_start: offset of its data, in bytes.
        stored: bytes of its data that the archive holds.
        size: bytes of its content, with the holes of a sparse file.
        pieces: the map of a sparse file; ``None`` for others.
    """

    header: TarHeader
    name: str
    link: str
    data_start: int
    stored: int
    size: int
    pieces: SparseMap | None = None


class _ExtendedHeader(Struct):
    """The values that GNU and pax headers before a member state for it; ``size`` counts their bytes."""

    size: int = 0
    long_name: str | None = None
    long_link: str | None = None
    records: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def find_value(self, *keys: str) -> str | None:
        """Return the value of the first of ``keys`` that is present; of equal records, the last one counts."""
        return next((self.values[key] for key in keys if key in self.values), None)


class TarMemberWalker:
    """Iterates over the members in order, and fills the attributes meanwhile.

    Attributes:
        unread: absences, such as a truncated member.
    """

    def __init__(self, window: Window, limits: Limits, log: DefectLog) -> None:
        self._window = window
        self._limits = limits
        self._log = log
        # The values of global pax headers, which apply to all later members.
        self._global: dict[str, str] = {}
        self._next_header = 0
        # The offset of the first block of zeros, the end of the archive, until a member follows it.
        self._end_of_archive: int | None = None
        self._chunk = b""
        self._chunk_start = 0
        self.unread: list[Unread] = []

    def __iter__(self) -> Iterator[TarMember]:
        """Find the members.

        Raises:
            WindowError: the window could not return the requested bytes.
        """
        extended = _ExtendedHeader()
        position = count = 0
        while position < self._window.size:
            header = parse_header(self._read_block(position), position)
            # A negative size would move the position backwards.
            if header is None or header.size < 0:
                position = self._find_next_header(position, has_negative_size=header is not None)
                extended = _ExtendedHeader()
                continue
            if count >= self._limits.members:
                self._record_unread(UnreadReason.LIMIT, f"only the first {count} headers were read", position)
                return
            count += 1
            # Each byte of these constants is a kind.
            if header.kind in GNU_LONG_NAME + GNU_LONG_LINK + PAX_LOCAL + PAX_GLOBAL:
                extended.size += header.size
                if extended.size > _MOST_EXTENDED_BYTES:
                    detail = f"the extended headers of one member take {extended.size} bytes, more than are read"
                    self._record_unread(UnreadReason.LIMIT, detail, position)
                    return
                self._read_extended_header(header, extended)
                claim_padding(self._window, position + BLOCK + header.size)
                position += BLOCK + _round_to_blocks(header.size)
                continue
            if self._end_of_archive is not None:
                detail = f"{header.name!r} follows the end of the archive, where some loaders continue to read"
                self._log.add(TarDefect.MEMBER_AFTER_END, detail, position, header.name)
                self._end_of_archive = None
            yield self._build_member(header, extended)
            extended = _ExtendedHeader()
            position = self._next_header

    def _read_block(self, position: int) -> bytes:
        """Return the block at ``position``, from a chunk that serves the next ones as well."""
        last_start = self._chunk_start + len(self._chunk) - BLOCK
        if not self._chunk_start <= position <= last_start:
            self._chunk_start, self._chunk = position, self._window.read(position, _CHUNK)
        start = position - self._chunk_start
        return self._chunk[start : start + BLOCK]

    def _find_next_header(self, start: int, has_negative_size: bool) -> int:
        """Return the offset of the next header from the block at ``start`` on, which is not a valid one.

        Zeros there are the end of the archive. Other bytes are a damaged header and its data, or a leftover: bytes that
        belong to no member.

        Args:
            start: offset of the block.
            has_negative_size: whether the block parses as a header but states a negative size.
        """
        leftover_start: int | None = None
        leftover_end = start
        position = start
        while position < self._window.size:
            block = self._read_block(position)
            if block == ZEROS:
                claim_parsed(self._window, position, position + BLOCK)
                if position == start and self._end_of_archive is None:
                    self._end_of_archive = position
            elif is_header(block) and not (position == start and has_negative_size):
                break
            elif position == start and self._end_of_archive is None:
                self._log.add(TarDefect.HEADER_DAMAGED, "a block that must be a header is not a valid header", start)
                detail = "the header of a member is damaged; the blocks after it were searched for further headers"
                self._record_unread(UnreadReason.DAMAGED, detail, start)
                # With the magic, the block is a header all the same, and is claimed. The bytes after it are a leftover.
                if block[USTAR] == b"ustar":
                    claim_parsed(self._window, start, start + BLOCK)
                else:
                    leftover_start, leftover_end = start, start + len(block.rstrip(b"\0"))
            elif block.strip(b"\0"):
                leftover_start = position if leftover_start is None else leftover_start
                leftover_end = position + len(block.rstrip(b"\0"))
            position += BLOCK
        if leftover_start is not None:
            claim_padding(self._window, leftover_end)
            self._record_leftover(leftover_start, leftover_end, position >= self._window.size)
        return position

    def _record_leftover(self, start: int, end: int, at_end: bool) -> None:
        """Record a byte range that belongs to no member; ``at_end`` if only padding follows it in the file."""
        detail = f"{end - start} bytes belong to no member"
        if at_end:
            self._log.add(TarDefect.TRAILING_DATA, detail, start)
        else:
            self._log.add(TarDefect.UNLISTED_DATA, detail, start)

    def _read_extended_header(self, header: TarHeader, extended: _ExtendedHeader) -> None:
        """Parse a GNU or pax header into ``extended``, or into the values for all later members."""
        data = self._window.read(header.offset + BLOCK, header.size)
        claim_extended_header(self._window, header, data)
        if len(data) < header.size:
            self._log.add(TarDefect.TRUNCATED_MEMBER, "the archive is truncated in an extended header", header.offset)
            self._record_unread(UnreadReason.DAMAGED, "the archive is truncated in an extended header", header.offset)
        if header.kind == GNU_LONG_NAME:
            extended.long_name = parse_text(data)
        elif header.kind == GNU_LONG_LINK:
            extended.long_link = parse_text(data)
        else:
            records, is_well_formed = parse_pax_records(data)
            if not is_well_formed:
                self._log.add(
                    TarDefect.PAX_HEADER_INVALID,
                    "a pax header is malformed, and loaders read it differently",
                    header.offset,
                )
            if header.kind in PAX_GLOBAL:
                self._global |= {key: value for key, value in records if key in _GLOBAL_KEYS}
            else:
                extended.records += records
                extended.values |= dict(records)

    def _build_member(self, header: TarHeader, extended: _ExtendedHeader) -> TarMember:
        """Build the member after its header, and set the position of the next header."""
        claim_header(self._window, header)
        path = extended.find_value("GNU.sparse.name", "path") or self._global.get("path")
        name = extended.long_name or path or header.name
        if extended.long_name and path and extended.long_name != path:
            detail = f"a GNU header names the member {extended.long_name!r}, a pax header names it {path!r}"
            self._log.add(TarDefect.NAMES_CONTRADICT, detail, header.offset, name)
        link = extended.long_link or extended.find_value("linkpath") or self._global.get("linkpath") or header.link
        data_start = self._next_header = header.offset + BLOCK
        if not header.is_file:
            if header.size:
                # ``tarfile`` expects the next header directly after a link or a folder; other tools skip the bytes.
                detail = f"{name!r} is not a file but states {header.size} bytes: loaders disagree on the next member"
                self._log.add(TarDefect.DATA_WITHOUT_FILE, detail, header.offset, name)
            return TarMember(header, name, link, data_start, 0, 0)
        size = self._resolve_size(header, extended, name)
        self._next_header += _round_to_blocks(size)
        stored = max(0, min(size, self._window.size - data_start))
        if stored < size:
            detail = f"{name!r} is truncated: {stored} of {size} bytes are present"
            self._log.add(TarDefect.TRUNCATED_MEMBER, detail, header.offset, name)
            self._record_unread(UnreadReason.DAMAGED, detail, header.offset, name)
        member = self._apply_sparse_map(TarMember(header, name, link, data_start, stored, size), extended)
        # A map in further blocks lies before the data, and has moved both the data and the next header.
        padding = _round_to_blocks(size) - size
        claim_padding(self._window, self._next_header - padding)
        return member

    def _resolve_size(self, header: TarHeader, extended: _ExtendedHeader, name: str) -> int:
        """Return the size of the data; an extended header overrides the member's own.

        The octal field of a header ends at 8 GiB, so larger members need an extended header. Any other difference
        between the two is a defect. An invalid number in an extended header counts as 0.
        """
        own_value = extended.find_value("size")
        value = own_value or self._global.get("size")
        if value is None:
            return header.size
        size = int(value) if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS else 0
        is_large_member = bool(own_value) and size >= _LARGEST_OCTAL_SIZE and header.size == 0
        if size != header.size and not is_large_member:
            detail = f"the header of {name!r} states {header.size} bytes, an extended header {value}"
            self._log.add(TarDefect.PAX_SIZE_MISMATCH, detail, header.offset, name)
        # Loaders disagree about a size in a global header, so it is not used, and a difference is a defect.
        return size if own_value else header.size

    def _apply_sparse_map(self, member: TarMember, extended: _ExtendedHeader) -> TarMember:
        """Return the member with its map if it is a sparse file; otherwise the same member.

        The headers before and of the member decide which of the four encodings the map has (see ``tar.sparse``).
        """
        header, most = member.header, self._limits.members
        stated_size: str | int | None
        if header.kind == GNU_SPARSE:
            found = read_header_map(self._window, header.block, member.data_start, most)
            stated_size = parse_sparse_size(header.block)
        elif extended.find_value("GNU.sparse.major") == "1":
            found = read_data_map(self._window, member.data_start, member.data_start + member.stored, most)
            stated_size = extended.find_value("GNU.sparse.realsize")
        elif extended.find_value("GNU.sparse.map", "GNU.sparse.size") is not None:
            pax_pieces = parse_pax_map(extended.records)
            found = None if pax_pieces is None else (pax_pieces, member.data_start)
            stated_size = extended.find_value("GNU.sparse.size")
        else:
            return member
        pieces, data_start = found or (None, member.data_start)
        # Continuation blocks of a GNU header lie before the data and are not counted in their size. The lines of a
        # pax 1.0 map are counted.
        map_bytes = data_start - member.data_start
        stored = member.stored - map_bytes
        if header.kind == GNU_SPARSE:
            self._next_header += map_bytes
            stored = min(header.size, self._window.size - member.data_start - map_bytes)
        size = _parse_content_size(stated_size)
        if pieces is None or not is_valid_map(pieces, size, stored):
            detail = f"{member.name!r}: the map of the sparse file contradicts itself or is too long"
            self._log.add(TarDefect.SPARSE_MAP_INVALID, detail, header.offset, member.name)
            self._record_unread(UnreadReason.DAMAGED, detail, header.offset, member.name)
            return member
        claim_sparse_map(self._window, header, member.data_start, data_start)
        return TarMember(header, member.name, member.link, data_start, stored, size, pieces)

    def _record_unread(self, reason: UnreadReason, detail: str, offset: int, key: str | None = None) -> None:
        """Record an absence."""
        self.unread.append(Unread(reason, detail, Location(offset=offset, key=key)))


def _parse_content_size(stated_size: str | int | None) -> int:
    """Return the size that a header states as a number or as decimal digits; -1, which no map fits, if invalid."""
    if isinstance(stated_size, str):
        is_number = stated_size.isascii() and stated_size.isdigit() and len(stated_size) <= _MOST_DIGITS
        return int(stated_size) if is_number else -1
    return -1 if stated_size is None else stated_size


def _round_to_blocks(size: int) -> int:
    """Round ``size`` up to whole blocks."""
    return (size + BLOCK - 1) // BLOCK * BLOCK
