"""The dtypes and arrays of NumPy that a pickle makes, and the state it sets on them.

NumPy believes the state of a dtype: where its flags deny that it holds objects, the bytes of an array become pointers;
where a field lies behind the end of an item, memory beyond the array is read. When the content of an array is set
anew, what was laid over its old content looks at freed memory. NumPy itself writes none of it, so it was forged.
Source: ``arraydescr_setstate`` in ``descriptor.c`` and ``array_setstate`` in ``methods.c``, both of
``numpy/_core/src/multiarray``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.pickles.pickle.values import Box, Slot
from modelaudit.formats.weights.numpy.dtype import UNKNOWN, Dtype, extent, from_text
from modelaudit.model.pickle import Made, Name

DTYPE: Final = Name("numpy", "dtype")
# Flags of ``NPY_ITEM_*``: items are counted references, are pickled as a list, are pointers.
_REFERENCES, _LIST, _POINTER = 1, 2, 4
_RECORDS: Final = frozenset(
    {"numpy.record", "numpy.rec.record", "numpy.core.records.record", "numpy._core.records.record"}
)
_EXTENDED: Final = frozenset("SUV")
_ORDERS: Final = frozenset("<>|=")
# The forms of state since NumPy 1.0, by their length; the version stands first.
_LENGTHS: Final = (7, 8, 9)
_DEPTH: Final = 3
_TRACKED: Final = 250_000
_LOOKED_AT: Final = 200


@dataclass(slots=True)
class _Known:
    """A dtype that the program made: ``written`` if the way NumPy writes it."""

    made: Made
    dtype: Dtype
    written: bool
    sized: bool = True
    stated: bool = False
    used: bool = False


class ForgedError(Exception):
    """What the state contradicts, in one line."""


class Dtypes:
    """Every dtype of one program, and what else of NumPy it sets state on.

    Attributes:
        unseen: what was more than is looked at; empty where nothing was.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._fresh: dict[int, _Known] = {}
        self._fields: dict[int, Box] = {}
        self._stated_objects: dict[int, Made] = {}
        self.unseen = ""

    def of(self, slot: Slot) -> Dtype | None:
        """What is known of the dtype that ``slot`` is; ``None`` where it is none that the program made."""
        known = self._known.get(id(slot)) if isinstance(slot, Made) else None
        return known.dtype if known else None

    def make(self, made: Made, given: Sequence[Slot]) -> None:
        """Note that ``made`` is the result of ``numpy.dtype(*given)``."""
        first = given[0] if given else None
        if len(self._known) >= _TRACKED:
            self.unseen = "there are more dtypes than are told apart"
            return
        if isinstance(first, str):
            dtype = from_text(first)
            known = _Known(made, dtype, dtype != UNKNOWN)
        elif isinstance(first, Name) and str(first) in _RECORDS:
            known = _Known(made, Dtype("V", None, False), written=True, sized=False)
        else:
            # A type that another package adds. Those that NumPy and Python name themselves it writes as text.
            foreign = isinstance(first, Name) and first.module.partition(".")[0] not in ("numpy", "builtins")
            known = _Known(made, UNKNOWN, foreign, sized=False)
        self._known[id(made)] = self._fresh[id(made)] = known

    def use(self, slots: Sequence[Slot]) -> None:
        """Note that something else now refers to the dtypes among ``slots``, whose state is then no longer free."""
        if not self._fresh:
            return
        budget = _LOOKED_AT
        for slot in _parts(slots, _DEPTH):
            known = self._fresh.pop(id(slot), None)
            if known is not None:
                known.used = True
            budget -= 1
            if budget == 0:
                self._use_all()
                return

    def _use_all(self) -> None:
        # NumPy sets the state of a dtype right after it is made: nothing of this size comes between.
        for known in self._fresh.values():
            known.used = True
        self._fresh.clear()

    def keeps(self, box: Box) -> bool:
        """Whether a dtype took this mapping for its fields and holds on to it."""
        return id(box) in self._fields

    def set_state(self, target: Slot, state: Slot) -> None:
        """Note the state that the program sets on ``target``, whatever that is.

        Raises:
            ForgedError: NumPy would not write it, and it makes NumPy take bytes for what they are not.
        """
        entries = state.entries if isinstance(state, Box) and state.type == "tuple" else ()
        known = self._known.get(id(target)) if isinstance(target, Made) else None
        if known is not None:
            self._fresh.pop(id(target), None)
            if known.stated or known.used:
                raise ForgedError("the state of a dtype is set while something refers to it already")
            known.stated = True
            known.dtype = self._stated(known, state, list(entries))  # type: ignore[arg-type]
        elif len(self._known) >= _TRACKED:
            self.use([state])
        elif isinstance(target, Made) and isinstance(target.by, Name) and _makes_dtypes(target.by):
            raise ForgedError("state is set on a dtype that was made in a way that NumPy does not write")
        elif _is_dtype_state(entries):
            raise ForgedError("the state of a dtype is set on something else")
        else:
            self.use([state])
            self._check_array(list(entries))  # type: ignore[arg-type]
            if isinstance(target, Made) and isinstance(target.by, Name) and _is_numpys(target.by):
                self._state_once(target)

    # -- arrays -----------------------------------------------------------------------------------------------------

    def _check_array(self, entries: list[Slot]) -> None:
        """Arrays have for state a version, shape, dtype, order and content; in oldest files, no version."""
        for at in (2, 1):
            dtype = self.of(entries[at]) if at < len(entries) else None
            if dtype is None:
                continue
            lengths = numbers_of(entries[at - 1])
            if lengths is not None and any(length < 0 for length in lengths):
                raise ForgedError(f"an array of the shape {lengths}")
            content = entries[at + 2] if at + 2 < len(entries) else None
            if dtype.objects and not (isinstance(content, Box) and content.type == "list"):
                raise ForgedError("an array of objects with raw bytes in place of the objects")

    def _state_once(self, target: Made) -> None:
        if id(target) in self._stated_objects:
            raise ForgedError("the content of an array is set a second time, which frees what others look at")
        if len(self._stated_objects) < _TRACKED:
            self._stated_objects[id(target)] = target
        else:
            self.unseen = "there are more arrays than are told apart"

    # -- dtypes -----------------------------------------------------------------------------------------------------

    def _stated(self, known: _Known, state: Slot, entries: list[Slot]) -> Dtype:
        if not known.written:
            raise ForgedError("state is set on a dtype that was made in a way that NumPy does not write")
        if not isinstance(state, Box) or len(entries) != state.size or len(entries) not in _LENGTHS:
            raise ForgedError("the state of a dtype in a form that NumPy does not write")
        version, order, part, names, fields, size, alignment = entries[:7]
        flags = entries[7] if len(entries) > 7 else 0
        order = order.decode("latin-1") if isinstance(order, bytes) else order
        if not (type(version) is type(size) is type(alignment) is type(flags) is int) or order not in _ORDERS:
            raise ForgedError("the state of a dtype in a form that NumPy does not write")
        kind = known.dtype.kind
        if kind in ("m", "M") and not _has_unit(entries):
            raise ForgedError("the dtype of dates without their unit")
        size = self._item_size(known, size)
        objects = _either([known.dtype.objects, self._in_part(part, size), self._in_fields(names, fields, size)])
        if version < 3:
            # NumPy then finds objects in fields by itself, and forgets those in the items of an array.
            flags = _REFERENCES | _LIST if objects and part is None else 0
        _check_flags(objects, flags, may_point=kind == "O" or part is not None)
        return Dtype(kind, size, objects)

    def _item_size(self, known: _Known, size: int) -> int | None:
        """The size of an item: that of the state for types without a size of their own."""
        kind, item_size = known.dtype.kind, known.dtype.item_size
        if kind and kind not in _EXTENDED:
            return item_size
        if size < 0 or (known.sized and size != item_size) or (kind == "U" and size % 4):
            raise ForgedError(f"a dtype for {item_size} bytes whose state says {size}")
        return size

    def _in_part(self, part: Slot, size: int | None) -> bool | None:
        """Whether the items of an array that is an item itself hold objects."""
        if part is None:
            return False
        base, shape = _pair(part)
        dtype, lengths = self._contained(base), numbers_of(shape)
        taken = extent(lengths, dtype.item_size) if lengths is not None else None
        if lengths is None or (dtype.item_size is not None and taken != size):
            raise ForgedError(f"a dtype of {size} bytes whose parts do not take as many")
        return dtype.objects

    def _in_fields(self, names: Slot, fields: Slot, size: int | None) -> bool | None:
        """Whether a field holds objects."""
        if fields is None and names is None:
            return False
        if not isinstance(fields, Box) or fields.type != "dict" or not isinstance(names, Box) or names.type != "tuple":
            raise ForgedError("a dtype whose fields are no mapping of names")
        fields.is_state = True
        self._fields[id(fields)] = fields
        pairs = list(fields.pairs())
        if fields.unseen or len(pairs) < fields.size:
            self.unseen = "a dtype has more fields than are looked at"
        return _either([self._in_field(field, size) for _, field in pairs])

    def _in_field(self, field: Slot, size: int | None) -> bool | None:
        base, offset = _pair(field)
        dtype = self._contained(base)
        if type(offset) is not int or offset < 0:
            raise ForgedError(f"a field at {offset!r}" if isinstance(offset, int) else "a field without an offset")
        if size is not None and dtype.item_size is not None and offset + dtype.item_size > size:
            raise ForgedError(f"a field that ends at byte {offset + dtype.item_size} of an item of {size} bytes")
        return dtype.objects

    def _contained(self, base: Slot) -> Dtype:
        self.use([base])
        dtype = self.of(base)
        if dtype is None:
            raise ForgedError("a dtype with a part or a field that is no dtype")
        return dtype


def _check_flags(objects: bool | None, flags: int, may_point: bool) -> None:
    if -128 <= flags < 0:
        flags += 128  # written as a signed byte before NumPy 2
    if flags < 0:
        raise ForgedError(f"a dtype with the flags {flags}")
    if objects and flags & (_REFERENCES | _LIST) != _REFERENCES | _LIST:
        raise ForgedError("a dtype that holds objects, whose flags deny it")
    if objects is False and flags & (_REFERENCES | _LIST | _POINTER):
        raise ForgedError("a dtype without objects, whose flags claim some")
    if flags & _POINTER and not may_point:
        raise ForgedError("a dtype whose flags take its items for pointers")


def _has_unit(entries: list[Slot]) -> bool:
    metadata = entries[8] if len(entries) == 9 else None
    return isinstance(metadata, Box) and metadata.size == 2 and isinstance(metadata.entries[1], Box)


def _makes_dtypes(name: Name) -> bool:
    return name == DTYPE or name.module == "numpy.dtypes"


def _is_numpys(name: Name) -> bool:
    return name.module.partition(".")[0] == "numpy"


def _is_dtype_state(entries: Sequence[object]) -> bool:
    """Whether a tuple is the state of a dtype and of nothing else."""
    if len(entries) not in _LENGTHS:
        return False
    version, order, part, *_, size, alignment = entries[:7]
    numbers = type(version) is type(size) is type(alignment) is int
    return numbers and isinstance(order, str) and order in _ORDERS and (part is None or isinstance(part, Box))


def _pair(slot: Slot) -> tuple[Slot, Slot]:
    if not isinstance(slot, Box) or slot.type != "tuple" or slot.size not in (2, 3):
        raise ForgedError("a dtype whose parts are not described by pairs")
    return slot.entries[0], slot.entries[1]  # type: ignore[return-value]


def numbers_of(slot: Slot) -> tuple[int, ...] | None:
    """A shape: a tuple of numbers, or one number."""
    if isinstance(slot, int):
        return (slot,)
    entries = slot.entries if isinstance(slot, Box) and slot.type == "tuple" else None
    numbers = tuple(entry for entry in entries or () if isinstance(entry, int))
    return numbers if entries is not None and len(numbers) == len(entries) else None


def _either(found: Sequence[bool | None]) -> bool | None:
    if any(found):
        return True
    return None if None in found else False


def _parts(slots: Sequence[Slot], depth: int) -> Iterator[Slot]:
    for slot in slots:
        if isinstance(slot, Box) and depth:
            yield from _parts([value for _, value in slot.pairs()], depth - 1)
        else:
            yield slot
