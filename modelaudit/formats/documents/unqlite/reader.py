"""Read databases of UnQLite: pages with cells, in each a key and a value, and overflow pages for long ones.

Programs keep pickles as values, so each value is content of its own. Sources: ``src/pager.c`` and ``src/lhash_kv.c`` of
https://github.com/symisc/unqlite
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.embedded import DecodedWindow
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import PICKLE, Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_data, claim_parsed, claim_text, is_plain_text
from modelaudit.wire.pickle_start import HIGHEST_FUTURE_PROTOCOL, begins_with_protocol
from modelaudit.wire.windows import get_budget, make_opener

FORMAT: Final = "unqlite"
# The name, a magic number, the time, the sizes of sectors and pages, and the length of the name of the engine.
_HEAD: Final = struct.Struct(">7s4I H")
_ENGINE: Final = b"hash"
# Of the engine: magic number, hash of a word, free pages, two split buckets, the next page of the map, and its records.
_MAP_HEAD: Final = struct.Struct(">2I4QI")
_MAP_MAGIC: Final = 0xFA782DCB
_MAP_NEXT: Final = struct.Struct(">QI")
_MAP_RECORD: Final = struct.Struct(">2Q")
# The first cell, the first free block, and a page that goes on with this one.
_PAGE_HEAD: Final = struct.Struct(">2HQ")
# The hash and the length of the key, the length of the value, the next cell, and the first overflow page.
_CELL: Final = struct.Struct(">2IQHQ")
_FREE_BLOCK: Final = struct.Struct(">2H")
# The next page; on the first one, the page and the place where the value begins.
_NEXT_PAGE: Final = struct.Struct(">Q")
_OVERFLOW: Final = struct.Struct(">2QH")
_PAGE_SIZES: Final = tuple(1 << power for power in range(9, 17))
_MOST_VALUES: Final = 10_000
_MOST_VALUE_BYTES: Final = 64 * MIB


class _Content(Struct, frozen=True):
    """The value of a cell, with its offset in the file.

    Attributes:
        offset: in the file.
        value: its bytes.
        searched: ``free`` for a free block, which keeps bytes of former cells, and ``key`` for a key in bytes;
            empty for a value.
    """

    offset: int
    value: bytes
    searched: str = ""


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield each value as an artifact, then the outline.

    Raises:
        DamagedError: the pages contradict each other.
        LimitReachedError: there are too many values, one is too long, or the time is over.
        WindowError: the window could not return the requested bytes.
    """
    database = _Database(window)
    budget = get_budget(window, limits)
    damage: DamagedError | None = None
    values = 0
    try:
        for count, cell in enumerate(database.read_cells()):
            values += not cell.searched
            if count >= _MOST_VALUES:
                raise LimitReachedError(f"only the first {_MOST_VALUES} values were read", cell.offset)
            if not cell.value:
                continue
            budget.spend(len(cell.value))
            content = DecodedWindow(cell.value, budget)
            path = join_embedded(artifact.path, cell.searched or "value", cell.offset)
            if cell.searched:
                other = Artifact(path, content.size, make_opener(content), may_be_program=False)
                yield from find_pickles(other, content, 0, limits)
                continue
            is_pickle = begins_with_protocol(cell.value, HIGHEST_FUTURE_PROTOCOL)
            yield Artifact(path, content.size, make_opener(content), content=PICKLE if is_pickle else None)
    except DamagedError as error:
        damage = error
    yield Outline(FORMAT, facts=(("values", str(values)),))
    if damage is not None:
        raise damage


class _Database:
    """The pages of a database. All methods raise as ``read``."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._size = 0
        self._used: set[int] = set()

    def read_cells(self) -> Iterator[_Content]:
        """Yield the cells of all pages, and claim their bytes."""
        for number in list(self._read_map()):
            while number:
                page = self._take_page(number)
                yield from self._read_page(number * self._size, page)
                _, _, number = _PAGE_HEAD.unpack_from(page)

    def _take_page(self, number: int) -> bytes:
        """Return a page that nothing else used before."""
        check_deadline()
        start = number * self._size
        if number in self._used or not 0 < start <= self._window.size - self._size:
            raise DamagedError(f"page {number} does not exist, or is used twice", None)
        self._used.add(number)
        return self._window.read(start, self._size)

    def _read_map(self) -> Iterator[int]:
        """Read the head of the file and the map of buckets, and yield the first page of each bucket."""
        head = self._window.read(0, _HEAD.size + len(_ENGINE))
        if len(head) < _HEAD.size + len(_ENGINE):
            raise DamagedError("the head is truncated", len(head))
        *_, self._size, length = _HEAD.unpack_from(head)
        if self._size not in _PAGE_SIZES or length != len(_ENGINE) or head[_HEAD.size :] != _ENGINE:
            raise DamagedError("the head has an unknown size of pages, or names an unknown engine", _HEAD.size)
        if self._window.size % self._size:
            raise DamagedError(f"{self._window.size} bytes are no whole pages of {self._size}", self._window.size)
        claim_parsed(self._window, 0, len(head))
        number, place, is_first = 1, _MAP_HEAD.size, True
        while number:
            page = self._take_page(number)
            if is_first:
                magic, *_, following, count = _MAP_HEAD.unpack_from(page)
            else:
                following, count = _MAP_NEXT.unpack_from(page)
                place = _MAP_NEXT.size
            if is_first and magic != _MAP_MAGIC:
                raise DamagedError("the map has another magic number", self._size)
            end = place + count * _MAP_RECORD.size
            if end > self._size:
                raise DamagedError(f"the map counts {count} records on one page", number * self._size)
            claim_parsed(self._window, number * self._size, number * self._size + end)
            yield from (real for _, real in _MAP_RECORD.iter_unpack(page[place:end]))
            number, is_first = following, False

    def _read_page(self, start: int, page: bytes) -> Iterator[_Content]:
        """Yield the cells of a page at ``start``, and claim its cells and the heads of its free blocks."""
        position, free, _ = _PAGE_HEAD.unpack_from(page)
        claim_parsed(self._window, start, start + _PAGE_HEAD.size)
        taken: list[tuple[int, int]] = [(0, _PAGE_HEAD.size)]
        while position:
            if position + _CELL.size > self._size:
                raise DamagedError("a cell ends behind its page", start + position)
            _, key_length, length, following, overflow = _CELL.unpack_from(page, position)
            end = position + _CELL.size + (0 if overflow else key_length + length)
            if end > self._size or len(taken) > self._size // _CELL.size:
                raise DamagedError("a cell ends behind its page, or the cells form a circle", start + position)
            taken.append((position, end))
            body = start + position + _CELL.size
            claim_parsed(self._window, start + position, body)
            if overflow:
                key, value = self._read_overflow(overflow, key_length, length)
                if not is_plain_text(key):
                    yield _Content(start + position, key, "key")
            else:
                value = page[end - length : end]
                # Other bytes stay unclaimed, and are searched.
                claim_text(self._window, body, page[position + _CELL.size : end - length])
                claim_data(self._window, body + key_length, start + end)
            yield _Content(start + position, value)
            position = following
        blocks = 0
        while free:
            blocks += 1
            if free + _FREE_BLOCK.size > self._size or blocks > self._size // _FREE_BLOCK.size:
                raise DamagedError("a free block ends behind its page, or the blocks form a circle", start + free)
            following, length = _FREE_BLOCK.unpack_from(page, free)
            body, end = free + _FREE_BLOCK.size, free + length
            taken.append((free, max(body, end)))
            claim_parsed(self._window, start + free, start + body)
            claim_data(self._window, start + body, start + min(end, self._size))
            yield _Content(start + body, page[body:end].rstrip(b"\0"), "free")
            free = following
        _require_order(sorted(taken), start, self._size)

    def _read_overflow(self, number: int, key_length: int, length: int) -> tuple[bytes, bytes]:
        """Return the key and the value on a chain of overflow pages, and claim both."""
        if key_length + length > _MOST_VALUE_BYTES:
            raise LimitReachedError(f"a value is longer than {_MOST_VALUE_BYTES} bytes", number * self._size)
        parts: list[bytes] = []
        left, place = key_length + length, _OVERFLOW.size
        while number:
            page = self._take_page(number)
            start = number * self._size
            part = page[place : place + left]
            claim_parsed(self._window, start, start + place)
            claim_data(self._window, start + place, start + place + len(part))
            parts.append(part)
            left -= len(part)
            (number,) = _NEXT_PAGE.unpack_from(page)
            place = _NEXT_PAGE.size
        if left:
            raise DamagedError(f"{left} bytes of a value are missing", number * self._size)
        content = b"".join(parts)
        return content[:key_length], content[key_length:]


def _require_order(ranges: list[tuple[int, int]], start: int, size: int) -> None:
    """Raise ``DamagedError`` if two parts of a page share bytes, or one ends behind the page."""
    last = 0
    for first, end in ranges:
        if first < last or end > size:
            raise DamagedError("two parts of a page share bytes, or one ends behind it", start + first)
        last = end
