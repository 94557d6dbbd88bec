"""Claim the bytes of a FlatBuffer that its schema describes.

A schema lists the fields of each table by slot. The walk visits every table, vector and text that is reachable from the
root through fields of the schema, and claims their bytes in the ledger of the window. Bytes that only an unlisted slot
refers to, or that nothing refers to, stay unclaimed.

The schema of a format is a text file in its folder. Its first table is the root. A line begins with the name of a
table; the types of its slots follow from slot 0 on, with ``-`` for an unknown slot. A line that begins with ``union``
names a slot as ``Table.slot`` and the tables for its types from 1 on; type 0 is an empty union. Lines that begin with
``#`` are comments. A type is a word:

=============  =====================================================================
``4``          a number or a structure of 4 bytes, in the table itself
``text``       a text
``4*``         a vector of numbers or structures of 4 bytes each
``data``       a vector of bytes that the format declares as data, such as a tensor
``Name``       the table ``Name``
``text[]``     a vector of texts
``Name[]``     a vector of tables
``union``      a table that the number in the slot before selects
=============  =====================================================================

Source: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.byte_ranges import DATA, PARSED
from modelaudit.wire.flatbuffers import FlatBuffer, Table, VTable
from modelaudit.wire.ledger import ClaimableWindow, claim_parsed

_SHORT_VECTOR_BYTES: Final = 16
"""Bytes of a vector of numbers that counts as parsed: most are shapes, and they hold no other content."""
_OFFSET_BYTES: Final = 4
_LENGTH_BYTES: Final = 4
"""The number of elements, in front of the elements of a vector."""
_ROOT_BYTES: Final = 8
"""The offset of the root table and the identifier of the format."""

_VTABLE_HEAD: Final = 4
"""The length of the vtable and that of the table, two bytes each."""

_MOST_LEVELS: Final = 1000
"""Tables within tables. No schema has a fourth of it without repeating itself."""

_MOST_VISITED_KEPT: Final = 100_000
"""Tables that are remembered, so that a table behind many offsets is claimed once."""

_MOST_LAYOUTS_KEPT: Final = 1000
"""Layouts that are remembered. Writers share them, so that large models have a few hundred."""

_SLOT_BYTES: Final = 2


class FlatSchema(Struct, frozen=True):
    """The tables of a format.

    Attributes:
        root: the name of the root table.
        tables: the type of each slot, by the name of the table. Slots without a type are unknown.
        unions: for a slot of the type ``union``, as ``Table.slot``: the name of the table for each value of its type.
    """

    root: str
    tables: Mapping[str, Mapping[int, str]]
    unions: Mapping[str, Mapping[int, str]]

    @classmethod
    def parse(cls, text: str) -> FlatSchema:
        """Parse a schema.

        Raises:
            ValueError: a field or a union names a table that does not exist, or a union has no list of tables.
        """
        rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
        tables = {name: {slot: type_ for slot, type_ in enumerate(types) if type_ != "-"}
                  for name, *types in rows if name != "union"}  # fmt: skip
        unions = {row[1]: dict(enumerate(row[2:], 1)) for row in rows if row[0] == "union"}
        root = rows[0][0]  # the name of the first table
        schema = cls(root, tables, unions)
        _check_names(schema)
        return schema


@cache
def load_flat_schema(folder: Path, name: str = "schema.txt") -> FlatSchema:
    """Load a schema from the folder of a format."""
    return FlatSchema.parse((folder / name).read_text(encoding="utf-8"))


def claim_flatbuffer(buffer: FlatBuffer, schema: FlatSchema) -> None:
    """Claim every byte of ``buffer`` that ``schema`` describes.

    Raises:
        DamagedError: an offset points outside the buffer.
        LimitReachedError: there are too many tables and elements, they nest too deep, or there are too many separate
            claims.
        WindowError: the window could not return the requested bytes.
    """
    claim_parsed(buffer.window, 0, _ROOT_BYTES)
    walk = SchemaWalk(buffer, schema)
    # The tables of each level that are still to visit. They are read one by one, because a vector can list a million.
    levels = [iter(((buffer.read_root(), schema.root),))]
    while levels:
        following = next(levels[-1], None)
        if following is None:
            levels.pop()
        elif walk.is_first_visit(*following):
            levels.append(walk.claim_table(*following))
            if len(levels) > _MOST_LEVELS:
                raise LimitReachedError(f"its tables nest more than {_MOST_LEVELS} deep", following[0].position)


_Visit = Callable[[int], Iterable[tuple[Table, str]]]
"""Claims the text or the vector to which the offset at a position points.

It returns the tables to which it points, directly or through a vector, each with the name of its type.
"""


class _Layout(Struct, frozen=True):
    """The parts of all tables of one type that share a list of fields (vtable).

    Attributes:
        ranges: the start and the end of the parts of the table itself, counted from its position.
        references: the place of each offset, counted from the table's position, and the visit of its target.
    """

    ranges: tuple[tuple[int, int], ...]
    references: tuple[tuple[int, _Visit], ...]


class SchemaWalk:
    """Claims one table of a buffer after the other, and remembers tables and layouts in bounded memory.

    A bound that is reached costs work and no claim: a table that is not remembered is claimed again. ``FlatBuffer``
    bounds that work. Thousands of tables share a layout, so all that depends on the schema is decided once for each.
    """

    def __init__(self, buffer: FlatBuffer, schema: FlatSchema) -> None:
        self._buffer = buffer
        self._schema = schema
        self._claim = buffer.window.claim if isinstance(buffer.window, ClaimableWindow) else _forget_claim
        self._visited: set[tuple[int, str]] = set()
        self._layouts: dict[tuple[VTable, str], _Layout] = {}

    @property
    def remembered_count(self) -> int:
        """The number of tables and layouts in memory."""
        return len(self._visited) + len(self._layouts)

    def is_first_visit(self, table: Table, name: str) -> bool:
        """Whether the table was not claimed as ``name`` before, as far as is remembered.

        Tables may share a target. The same bytes as another type are visited again: they may have other fields.
        """
        if (table.position, name) in self._visited:
            return False
        if len(self._visited) < _MOST_VISITED_KEPT:
            self._visited.add((table.position, name))
        return True

    def claim_table(self, table: Table, name: str) -> Iterator[tuple[Table, str]]:
        """Claim a table, and its texts and vectors; yield each table that it refers to, with the name of its type."""
        claim, start_of_table = self._claim, table.position
        layout = self._get_layout(table.vtable, name)
        for start, end in layout.ranges:
            claim(start_of_table + start, start_of_table + end, PARSED)
        for distance, visit in layout.references:
            yield from visit(start_of_table + distance)

    def _get_layout(self, vtable: VTable, name: str) -> _Layout:
        """Return the layout of a table of the type ``name``, which most tables of that type share."""
        layout = self._layouts.get((vtable, name))
        if layout is None:
            if len(self._layouts) >= _MOST_LAYOUTS_KEPT:
                self._layouts.clear()
            layout = self._layouts[vtable, name] = self._lay_out_table(vtable, name)
        return layout

    def _lay_out_table(self, vtable: VTable, name: str) -> _Layout:
        """Claim a list of fields, and return the layout that it gives to the fields of the tables of this type."""
        fields = self._schema.tables[name]
        # Entries for slots behind the known ones stay unclaimed.
        known_slots = max(fields, default=-1) + 1
        known_bytes = min(vtable.length, _VTABLE_HEAD + _SLOT_BYTES * known_slots)
        self._claim(vtable.position, vtable.position + known_bytes, PARSED)
        ranges: list[tuple[int, int]] = [(0, _OFFSET_BYTES)]
        references: list[tuple[int, _Visit]] = []
        for slot, type_ in fields.items():
            distance = self._buffer.find_slot(vtable, slot)
            if not distance:
                continue
            is_in_table = type_.isdigit()  # a number or a structure in the table itself, of so many bytes
            ranges.append((distance, distance + (int(type_) if is_in_table else _OFFSET_BYTES)))
            if type_ == "union":
                number_distance = self._buffer.find_slot(vtable, slot - 1)
                number_place = number_distance - distance if number_distance else None
                visit: _Visit = partial(self._visit_union, self._schema.unions[f"{name}.{slot}"], number_place)
                references.append((distance, visit))
            elif not is_in_table:
                references.append((distance, self._choose_visit(type_)))
        return _Layout(_join_ranges(ranges), tuple(references))

    def _choose_visit(self, type_: str) -> _Visit:
        """Return the visit of the target of an offset with this type; unions have a visit of their own."""
        if type_ == "text":
            return self._visit_text
        if type_ == "data":
            return self._visit_data
        if type_.endswith("*"):  # "4*" is a vector of numbers of four bytes
            return partial(self._visit_numbers, int(type_[:-1]))
        if type_ == "text[]":
            return self._visit_texts
        if type_.endswith("[]"):
            return partial(self._visit_tables, type_[:-2])
        return partial(self._visit_table, type_)

    def _visit_table(self, type_: str, place: int) -> Iterable[tuple[Table, str]]:
        return ((Table(self._buffer, self._buffer.follow_offset(place)), type_),)

    def _visit_tables(self, type_: str, place: int) -> Iterable[tuple[Table, str]]:
        for position in self._visit_offsets(place):
            yield Table(self._buffer, position), type_

    def _visit_union(
        self, types: Mapping[int, str], number_place: int | None, place: int
    ) -> Iterable[tuple[Table, str]]:
        """Return the table of a union.

        Args:
            types: the type of the table by the number that selects it.
            number_place: the place of that number, counted from the offset; ``None`` if the writer omitted it.
            place: the position of the offset.
        """
        position = self._buffer.follow_offset(place)
        number = 0 if number_place is None else self._buffer.read_number(place + number_place, "B")
        selected_type = types.get(number)
        return () if selected_type is None else ((Table(self._buffer, position), selected_type),)

    def _visit_text(self, place: int) -> Iterable[tuple[Table, str]]:
        self._claim_text(self._buffer.follow_offset(place))
        return ()

    def _visit_texts(self, place: int) -> Iterable[tuple[Table, str]]:
        for position in self._visit_offsets(place):
            self._buffer.spend()
            self._claim_text(position)
        return ()

    def _claim_text(self, position: int) -> None:
        """Claim a text: its length, its bytes and the zero byte after them."""
        start = position + _LENGTH_BYTES
        end = start + self._buffer.read_count(position, 1) + 1
        self._claim(position, start, PARSED)
        self._claim(start, end, DATA)

    def _visit_data(self, place: int) -> Iterable[tuple[Table, str]]:
        position = self._buffer.follow_offset(place)
        start = position + _LENGTH_BYTES
        end = start + self._buffer.read_count(position, 1)
        self._claim(position, start, PARSED)
        self._claim(start, end, DATA)
        return ()

    def _visit_numbers(self, width: int, place: int) -> Iterable[tuple[Table, str]]:
        """Claim a vector of numbers. Many in a row, such as the leaves of trees, are data as a tensor is."""
        position = self._buffer.follow_offset(place)
        start = position + _LENGTH_BYTES
        end = start + self._buffer.read_count(position, width) * width
        if end - start <= _SHORT_VECTOR_BYTES:
            self._claim(position, end, PARSED)
        else:
            self._claim(position, start, PARSED)
            self._claim(start, end, DATA)
        return ()

    def _visit_offsets(self, place: int) -> Iterator[int]:
        """Claim a vector of offsets, and return the positions that they point to."""
        position = self._buffer.follow_offset(place)
        start = position + _LENGTH_BYTES
        count = self._buffer.read_count(position, _OFFSET_BYTES)
        self._claim(position, start + count * _OFFSET_BYTES, PARSED)
        return self._buffer.follow_offsets(start, count)


def _forget_claim(start: int, end: int, number: int) -> None:
    """Forget a claim on a window without a ledger."""


def _join_ranges(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the ranges in order, with one in place of those that overlap or touch."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def _check_names(schema: FlatSchema) -> None:
    """Raise ``ValueError`` if a field or union names a table that does not exist, or a union has no list of tables."""
    named = {name for union in schema.unions.values() for name in union.values()}
    for table, fields in schema.tables.items():
        for slot, type_ in fields.items():
            element_type = type_.removesuffix("[]")
            if type_ == "union" and f"{table}.{slot}" not in schema.unions:
                raise ValueError(f"the union {table}.{slot} has no list of tables")
            is_number = element_type.rstrip("*").isdigit()
            if element_type not in ("text", "data", "union") and not is_number:
                named.add(element_type)
    if missing := named - schema.tables.keys():
        raise ValueError(f"a field names the unknown table {min(missing)}")
