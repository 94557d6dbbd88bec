"""Find the values in the tables and indexes of an SQLite database, and search them for content.

The pages are read one after the other, without SQL and without the schema, so that pages of deleted tables count too. A
long value continues on overflow pages, which may lie anywhere, and is put together here.

Source: "Database File Format" of SQLite, sections 1.2, 1.6 and 2.1.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.formats.documents.executables.reader import detect_program
from modelaudit.formats.documents.media.content_starts import list_stack_globals, list_starts
from modelaudit.formats.documents.media.sqlite_records import list_record_values, parse_varint
from modelaudit.formats.embedded import decode_content, is_format_on_trial, make_content_artifact
from modelaudit.formats.nested_documents import may_act_on_loaders
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.formats.pickles.pickle.trial import imports_name
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.address import join_embedded
from modelaudit.model.artifact import PICKLE, Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import HEAD_BYTES, LimitReachedError, Reading
from modelaudit.wire.codings import CONTENT_STARTS
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.pickle_start import can_begin_program
from modelaudit.wire.sniff import is_tar
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

_HEADER_BYTES: Final = 100
_SMALLEST_PAGE: Final = 512
_LARGEST_PAGE: Final = 65536
_MOST_CONTENTS: Final = 10_000  # of one database
_SHORTEST_CONTENT: Final = 12  # bytes
_LONGEST_TEXT: Final = 2 * MIB
# A child, a size of one byte, a key of nine bytes, and a payload of at most 127 bytes.
_LARGEST_SMALL_CELL: Final = 4 + 1 + 9 + 127

# The types of pages with cells (section 1.6), with the bytes of a cell before its sizes. Cells of inner pages of tables
# have no values.
_INNER_INDEX_PAGE: Final = 0x02
_INNER_TABLE_PAGE: Final = 0x05
_LEAF_INDEX_PAGE: Final = 0x0A
_LEAF_TABLE_PAGE: Final = 0x0D
_CELL_PAGES: Final = frozenset({_INNER_INDEX_PAGE, _INNER_TABLE_PAGE, _LEAF_INDEX_PAGE, _LEAF_TABLE_PAGE})
_LEAF_HEADER_BYTES: Final = 8
_INNER_HEADER_BYTES: Final = 12
_CHILD_BYTES: Final = 4
_NEXT_PAGE_BYTES: Final = 4  # at the start of an overflow page

_SCRIPT: Final = defer_pattern(rb"#![ \t]*/[!-~]+[^\n]{0,200}\n")
_SHELL_SCRIPT: Final = defer_pattern(rb"#![ \t]*/(?:usr/bin/env +)?[!-~]*?(?:ba|da|z|k|a)?sh\b[^\n]{0,200}\n")


class _Layout(Struct, frozen=True):
    """The sizes of the pages of a database, in bytes.

    Attributes:
        page_size: of each page.
        usable_size: of each page, without the bytes reserved for extensions.
        page_count: the whole pages of the file.
    """

    page_size: int
    usable_size: int
    page_count: int

    def count_local_bytes(self, size: int, kind: int) -> int:
        """Return how many bytes of a payload of ``size`` bytes lie in its cell (section 1.6)."""
        usable = self.usable_size
        most = usable - 35 if kind == _LEAF_TABLE_PAGE else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - _NEXT_PAGE_BYTES)
        return local if local <= most else least


class _PayloadWindow:
    """A window on a payload: its bytes in the cell, and those on overflow pages."""

    def __init__(self, database: Window, local: tuple[int, int], pages: array[int], page_bytes: int) -> None:
        """Join the range ``local`` (offset, length) and ``page_bytes`` bytes from each of the offsets ``pages``."""
        self._database = database
        self._local_start, self._local_length = local
        self._pages = pages
        self._page_bytes = page_bytes

    @property
    def size(self) -> int:
        """The bytes in the cell and on the pages; the record may be shorter."""
        return self._local_length + len(self._pages) * self._page_bytes

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``."""
        pieces = []
        end = min(offset + length, self.size)
        while offset < end:
            if offset < self._local_length:
                start, left = self._local_start + offset, self._local_length - offset
            else:
                index, within = divmod(offset - self._local_length, self._page_bytes)
                start, left = self._pages[index] + within, self._page_bytes - within
            piece = self._database.read(start, min(left, end - offset))
            pieces.append(piece)
            offset += min(left, end - offset)
        return b"".join(pieces)


class _Value(Struct, frozen=True):
    """A blob or a text.

    Attributes:
        offset: in the file, which identifies the value.
        window: its bytes.
        is_spilled: whether overflow pages hold some of them.
        is_text: whether it is a text.
        may_import: whether it is a blob with the opcode of a pickle that imports what other opcodes name.
    """

    offset: int
    window: Window
    is_spilled: bool = False
    is_text: bool = False
    may_import: bool = False

    def detect_program(self, head: bytes) -> str:
        """Return ``"script"`` or ``"program"`` if the value is one; empty if it is neither.

        Args:
            head: its first bytes.
        """
        # Databases of documents hold source code as texts; a text for a shell is judged by its harmful commands alone.
        script = _SHELL_SCRIPT if self.is_text else _SCRIPT
        if script.match(head):
            return "script"
        return "program" if detect_program(head, self.window) is not None else ""


def search_values(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield programs, archives, scripts and other content in the values of a database as artifacts.

    ``find_pickles`` searches the bytes of the file for pickles. Only those that it cannot find there are yielded here:
    encoded ones, those in values with overflow pages, and those that spell their names with constants that the search
    does not know.

    Raises:
        LimitReachedError: the cells or the chains of overflow pages are longer than the file, or the time is over.
        WindowError: the window could not return the requested bytes.
    """
    reader = _ValueReader.from_header(window, limits)
    if reader is None:
        return
    contents = 0
    tree = ValueTree()
    for value in reader.read_values():
        if value.is_text and value.window.size <= _LONGEST_TEXT:
            text = value.window.read(0, value.window.size).decode("utf-8", "replace")
            tree.add((f"byte {value.offset}",), text)
        for reading in _search_value(artifact, value, limits):
            contents += 1
            if contents > _MOST_CONTENTS:
                detail = f"only the first {_MOST_CONTENTS} contents of its values were read"
                yield Unread(UnreadReason.LIMIT, detail, Location(offset=value.offset))
                return
            yield reading
    yield from tree.interpret(artifact.path, limits)


def _search_value(artifact: Artifact, value: _Value, limits: Limits) -> Iterator[Reading]:
    """Yield the content of one value, or the pickles in a value with overflow pages.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    head = value.window.read(0, HEAD_BYTES)
    program = value.detect_program(head)
    if program:
        address = join_embedded(artifact.path, program, value.offset)
        yield Artifact(address, value.window.size, make_opener(value.window), may_be_program=False)
        return
    content = decode_content(value.window, limits) if CONTENT_STARTS.match(head) or is_tar(head) else None
    if content is not None and (
        content.format != "pickle" or is_format_on_trial(content.format, content.window, limits)
    ):
        if content.format != "pickle" or content.layers or value.is_spilled:
            yield make_content_artifact(artifact.path, value.offset, value.window, limits, content)
    elif value.may_import and not value.is_spilled and imports_name(value.window, limits):
        address = join_embedded(artifact.path, PICKLE, value.offset)
        yield Artifact(address, value.window.size, make_opener(value.window), content=PICKLE)
    elif value.is_spilled:
        value_address = join_embedded(artifact.path, "value", value.offset)
        value_artifact = Artifact(value_address, value.window.size, make_opener(value.window), may_be_program=False)
        yield from find_pickles(value_artifact, value.window, 0, limits)


class _ValueReader:
    """Reads the values of a database page by page."""

    def __init__(self, window: Window, limits: Limits, layout: _Layout) -> None:
        self._window = window
        self._layout = layout
        self._budget = get_budget(window, limits)
        # By page: whether its bytes are cells, or the continuation of a value.
        self._is_known = bytearray(layout.page_count)
        # Chains of overflow pages do not meet, so that together they are no longer than the file.
        self._chained_pages_left = 2 * layout.page_count
        # Cells do not overlap, so that together they are no longer than the file.
        self._cell_bytes_left = window.size

    @classmethod
    def from_header(cls, window: Window, limits: Limits) -> _ValueReader | None:
        """Return the reader of a database; ``None`` if its header states sizes that SQLite rejects (section 1.3)."""
        header = window.read(0, _HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return None
        stated_size = int.from_bytes(header[16:18], "big")
        page_size = _LARGEST_PAGE if stated_size == 1 else stated_size
        usable_size = page_size - header[20]
        if page_size < _SMALLEST_PAGE or page_size & (page_size - 1) or usable_size < 480:
            return None
        return cls(window, limits, _Layout(page_size, usable_size, window.size // page_size))

    def read_values(self) -> Iterator[_Value]:
        """Yield the values that may hold content: first those in cells, then those left in pages of the free list.

        Raises:
            LimitReachedError: the cells or the chains of overflow pages are longer than the file, or the time is over.
            WindowError: the window could not return the requested bytes.
        """
        size = self._layout.page_size
        pages_at_once = max(1, MIB // size)
        for first in range(0, self._layout.page_count, pages_at_once):
            pages = self._window.read(first * size, pages_at_once * size)
            for index in iterate_within_deadline(range(len(pages) // size), items_per_check=1):
                number = first + index
                yield from self._read_cells(number, pages[index * size : (index + 1) * size])
        for number in iterate_within_deadline(range(self._layout.page_count)):
            if not self._is_known[number]:
                yield from self._read_free_page(number * size)

    def _read_free_page(self, start: int) -> Iterator[_Value]:
        """Yield what may be content in a page of the free list, which keeps former cells or a part of a value (1.5)."""
        end = start + self._layout.page_size
        page = self._window.read(start, self._layout.page_size)
        for position in list_starts(page):
            offset = start + position
            yield _Value(offset, SubWindow(self._window, offset, end - offset, self._budget), is_text=True)

    def _read_cells(self, number: int, page: bytes) -> Iterator[_Value]:
        """Yield the values of the cells of a page that may hold content.

        Args:
            number: of the page, from 0.
            page: its bytes.

        Raises:
            LimitReachedError: as ``read_values``.
        """
        header_start = _HEADER_BYTES if number == 0 else 0
        kind = page[header_start]
        if kind not in _CELL_PAGES:
            return
        self._is_known[number] = True
        if kind == _INNER_TABLE_PAGE:
            return
        is_leaf = kind != _INNER_INDEX_PAGE
        pointers_start = header_start + (_LEAF_HEADER_BYTES if is_leaf else _INNER_HEADER_BYTES)
        stated_count = int.from_bytes(page[header_start + 3 : header_start + 5], "big")
        cell_count = min(stated_count, (len(page) - pointers_start) // 2)
        imports = list_stack_globals(page)
        starts = sorted([*list_starts(page), *imports])
        pointers = dict.fromkeys(struct.unpack_from(f">{cell_count}H", page, pointers_start))
        # Few pages have a word on which loaders act; all texts of these are read.
        has_acts = may_act_on_loaders(page)
        small_cells = set(pointers) if has_acts else _find_small_cells(pointers, starts)
        for pointer in iterate_within_deadline(pointers):
            position = pointer if is_leaf else pointer + _CHILD_BYTES
            # A size of one byte is too small for overflow pages.
            if pointer in small_cells or page[position : position + 1] >= b"\x80":
                yield from self._read_cell(number, page, position, kind, starts, imports, has_acts)

    def _read_cell(
        self,
        number: int,
        page: bytes,
        position: int,
        kind: int,
        starts: Sequence[int],
        imports: Sequence[int],
        has_acts: bool,
    ) -> Iterator[_Value]:
        """Yield the blobs and texts of one cell that may hold content.

        Args:
            number: of the page, from 0.
            page: its bytes.
            position: of the size of the cell in the page.
            kind: the type of the page.
            starts: where content or an import may be in the page, in order.
            imports: where the opcode of an import may be, in order.
            has_acts: whether the page has a word on which loaders act.

        Raises:
            LimitReachedError: as ``read_values``.
        """
        size, start = parse_varint(page, position)
        if kind == _LEAF_TABLE_PAGE:
            _, start = parse_varint(page, start)
        local_bytes = self._layout.count_local_bytes(size, kind)
        end = min(start + local_bytes, len(page))
        is_long = local_bytes < size
        acts = has_acts and may_act_on_loaders(page[start:end])
        if not is_long and not acts and bisect_left(starts, start) == bisect_left(starts, end):
            return
        self._cell_bytes_left -= end - start
        if self._cell_bytes_left < 0:
            raise LimitReachedError("its cells overlap: together they are longer than the file")
        pages = array("Q")
        if is_long:
            first_page = int.from_bytes(page[start + local_bytes : start + local_bytes + _NEXT_PAGE_BYTES], "big")
            pages = self._follow_chain(first_page, size - local_bytes)
        page_start = number * self._layout.page_size
        local = (page_start + start, end - start)
        payload = _PayloadWindow(self._window, local, pages, self._layout.usable_size - _NEXT_PAGE_BYTES)
        for value_start, length, is_text in list_record_values(page[start:end], payload, size):
            is_spilled = value_start + length > local[1]
            offset = start + value_start
            value_end = offset + length
            has_import = not is_text and bisect_left(imports, offset) < bisect_left(imports, value_end)
            may_import = has_import and can_begin_program(page, offset)
            may_be_content = may_import or _contains(starts, offset) or CONTENT_STARTS.match(page, offset)
            if is_spilled or may_be_content or (acts and is_text):
                value = SubWindow(payload, value_start, length, self._budget)
                if value.size >= _SHORTEST_CONTENT:
                    yield _Value(page_start + offset, value, is_spilled, is_text, may_import)

    def _follow_chain(self, number: int, size: int) -> array[int]:
        """Return the offsets of the content of the overflow pages for ``size`` bytes, from page ``number`` on.

        Pages have numbers from 1 on (section 1.6.1). The chain ends where the next number is not one of a page.

        Raises:
            LimitReachedError: all chains together are longer than the file.
        """
        layout = self._layout
        offsets = array("Q")
        while size > 0 and 1 <= number <= layout.page_count:
            self._chained_pages_left -= 1
            if self._chained_pages_left < 0:
                raise LimitReachedError("its chains of overflow pages are longer than the file")
            self._is_known[number - 1] = True
            start = (number - 1) * layout.page_size
            offsets.append(start + _NEXT_PAGE_BYTES)
            size -= layout.usable_size - _NEXT_PAGE_BYTES
            number = int.from_bytes(self._window.read(start, _NEXT_PAGE_BYTES), "big")
        return offsets


def _find_small_cells(pointers: Iterable[int], starts: Iterable[int]) -> set[int]:
    """Return the offsets of the cells with a size of one byte in which content may begin.

    Args:
        pointers: the different offsets of all cells of a page; those of a hostile page overlap.
        starts: the offsets at which content may begin.
    """
    in_order = sorted(pointers)
    found: set[int] = set()
    for start in starts:
        found.update(in_order[bisect_left(in_order, start - _LARGEST_SMALL_CELL) : bisect_right(in_order, start)])
    return found


def _contains(offsets: Sequence[int], offset: int) -> bool:
    """Whether ``offset`` is one of the offsets, which are in order."""
    index = bisect_left(offsets, offset)
    return index < len(offsets) and offsets[index] == offset
