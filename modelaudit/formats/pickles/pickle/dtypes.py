"""Check the state that a pickle sets on dtypes and arrays of NumPy.

NumPy trusts the state of a dtype. Where its flags deny that it holds objects, the bytes of an array become pointers;
where a field ends behind the end of an item, NumPy reads memory beyond the array. When the content of an array is set a
second time, views of its old content read freed memory. NumPy writes none of this, so a pickle that has it was forged.
Source: ``arraydescr_setstate`` in ``descriptor.c`` and ``array_setstate`` in ``methods.c``, both of
``numpy/_core/src/multiarray``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from modelaudit.formats.pickles.pickle.values import Container, StackValue
from modelaudit.model.pickle import CallResult, Name
from modelaudit.wire.numpy_types import UNKNOWN_DTYPE, Dtype, count_array_bytes, parse_type_text

DTYPE: Final = Name("numpy", "dtype")
# ``NPY_ITEM_REFCOUNT``, ``NPY_LIST_PICKLE`` and ``NPY_ITEM_IS_POINTER`` of NumPy's ``ndarraytypes.h``.
_REFERENCES, _LIST, _POINTER = 1, 2, 4
_RECORDS: Final = frozenset(
    {"numpy.record", "numpy.rec.record", "numpy.core.records.record", "numpy._core.records.record"}
)
_EXTENDED: Final = frozenset("SUV")
_ORDERS: Final = frozenset("<>|=")
# Lengths of the state since NumPy 1.0; the version comes first.
_LENGTHS: Final = (7, 8, 9)
_DEPTH: Final = 3
_TRACKED: Final = 250_000
_LOOKED_AT: Final = 200


@dataclass(slots=True)
class _TrackedDtype:
    """A dtype that the program made.

    Attributes:
        made: the value on the stack; holding it keeps its identity from being reused.
        dtype: as much as is known of it.
        is_numpy_style: whether the call that made it is one that NumPy writes.
        has_size: whether the call gives the size of an item; otherwise the state does.
        has_state: whether a state was set.
        is_used: whether something else refers to it.
    """

    made: CallResult
    dtype: Dtype
    is_numpy_style: bool
    has_size: bool = True
    has_state: bool = False
    is_used: bool = False


class ForgedError(Exception):
    """NumPy would not write this state; the message is the reason in one line."""


class DtypeTracker:
    """Follows the dtypes of one program, and the arrays that it sets state on.

    Attributes:
        overflow: a line with the bound that was exceeded, so that not everything was checked; empty otherwise.
    """

    def __init__(self) -> None:
        # All by identity of the value on the stack. A dtype is fresh until something else refers to it.
        self._known: dict[int, _TrackedDtype] = {}
        self._fresh: dict[int, _TrackedDtype] = {}
        self._fields: dict[int, Container] = {}
        self._stated_objects: dict[int, CallResult] = {}
        self.overflow = ""

    def get_dtype(self, value: StackValue) -> Dtype | None:
        """Return the dtype that ``value`` is; ``None`` where it is none that the program made."""
        known = self._known.get(id(value)) if isinstance(value, CallResult) else None
        return known.dtype if known else None

    def record_new(self, made: CallResult, arguments: Sequence[StackValue]) -> None:
        """Record that ``made`` is the result of ``numpy.dtype(*arguments)``."""
        first = arguments[0] if arguments else None
        if len(self._known) >= _TRACKED:
            self.overflow = "there are more dtypes than are tracked"
            return
        if isinstance(first, str):
            dtype = parse_type_text(first)
            known = _TrackedDtype(made, dtype, dtype != UNKNOWN_DTYPE)
        elif isinstance(first, Name) and str(first) in _RECORDS:
            known = _TrackedDtype(made, Dtype("V", None, False), is_numpy_style=True, has_size=False)
        else:
            # A type that another package adds. NumPy writes its own types, and those of Python, as text.
            is_foreign = isinstance(first, Name) and first.module.partition(".")[0] not in ("numpy", "builtins")
            known = _TrackedDtype(made, UNKNOWN_DTYPE, is_foreign, has_size=False)
        self._known[id(made)] = self._fresh[id(made)] = known

    def mark_used(self, values: Sequence[StackValue]) -> None:
        """Record that something else refers to the dtypes among ``values`` now, so that their state must not change."""
        if not self._fresh:
            return
        budget = _LOOKED_AT
        for value in _flatten(values, _DEPTH):
            known = self._fresh.pop(id(value), None)
            if known is not None:
                known.is_used = True
            budget -= 1
            if budget == 0:
                self._mark_all_used()
                return

    def _mark_all_used(self) -> None:
        # NumPy sets the state of a dtype right after making it; no call with so many arguments comes between.
        for known in self._fresh.values():
            known.is_used = True
        self._fresh.clear()

    def is_used_as_fields(self, container: Container) -> bool:
        """Whether a dtype holds this mapping as its fields."""
        return id(container) in self._fields

    def record_state(self, target: StackValue, state: StackValue) -> None:
        """Record the state that the program sets on ``target``, whatever that is.

        Raises:
            ForgedError: NumPy would not write this state, and reads or frees the wrong memory because of it.
        """
        entries = state.entries if isinstance(state, Container) and state.type == "tuple" else ()
        known = self._known.get(id(target)) if isinstance(target, CallResult) else None
        if known is not None:
            self._fresh.pop(id(target), None)
            if known.has_state or known.is_used:
                raise ForgedError("the state of a dtype is set while something refers to it already")
            known.has_state = True
            known.dtype = self._apply_state(known, state, list(entries))  # type: ignore[arg-type]
        elif len(self._known) >= _TRACKED:
            self.mark_used([state])
        elif isinstance(target, CallResult) and isinstance(target.by, Name) and _is_dtype_maker(target.by):
            raise ForgedError("state is set on a dtype that was made in a way that NumPy does not write")
        elif _is_dtype_state(entries):
            raise ForgedError("the state of a dtype is set on something else")
        else:
            self.mark_used([state])
            self._check_array(list(entries))  # type: ignore[arg-type]
            if isinstance(target, CallResult) and isinstance(target.by, Name) and _is_from_numpy(target.by):
                self._record_array_state(target)

    # -- arrays -----------------------------------------------------------------------------------------------------

    def _check_array(self, entries: list[StackValue]) -> None:
        """Check the state of an array: version, shape, dtype, order and content; the oldest files have no version."""
        for at in (2, 1):
            dtype = self.get_dtype(entries[at]) if at < len(entries) else None
            if dtype is None:
                continue
            lengths = read_lengths(entries[at - 1])
            if lengths is not None and any(length < 0 for length in lengths):
                raise ForgedError(f"an array has the shape {lengths}")
            content = entries[at + 2] if at + 2 < len(entries) else None
            if dtype.holds_objects and not (isinstance(content, Container) and content.type == "list"):
                raise ForgedError("an array of objects with raw bytes in place of the objects")

    def _record_array_state(self, target: CallResult) -> None:
        if id(target) in self._stated_objects:
            raise ForgedError("the content of an array is set a second time, which frees memory that views still use")
        if len(self._stated_objects) < _TRACKED:
            self._stated_objects[id(target)] = target
        else:
            self.overflow = "there are more arrays than are tracked"

    # -- dtypes -----------------------------------------------------------------------------------------------------

    def _apply_state(self, known: _TrackedDtype, state: StackValue, entries: list[StackValue]) -> Dtype:
        if not known.is_numpy_style:
            raise ForgedError("state is set on a dtype that was made in a way that NumPy does not write")
        if not isinstance(state, Container) or len(entries) != state.size or len(entries) not in _LENGTHS:
            raise ForgedError("the state of a dtype in a form that NumPy does not write")
        version, order, part, names, fields, size, alignment = entries[:7]
        flags = entries[7] if len(entries) > 7 else 0
        order = order.decode("latin-1") if isinstance(order, bytes) else order
        if not (type(version) is type(size) is type(alignment) is type(flags) is int) or order not in _ORDERS:
            raise ForgedError("the state of a dtype in a form that NumPy does not write")
        kind = known.dtype.kind
        if kind in ("m", "M") and not _has_unit(entries):
            raise ForgedError("the dtype of dates without their unit")
        size = self._check_item_size(known, size)
        in_part, in_fields = self._check_part(part, size), self._check_fields(names, fields, size)
        objects = _any_or_unknown([known.dtype.holds_objects, in_part, in_fields])
        if version < 3:
            # NumPy then derives the flags from the fields, and overlooks objects in the items of an array.
            flags = _REFERENCES | _LIST if objects and part is None else 0
        _check_flags(objects, flags, may_point=kind == "O" or part is not None)
        return Dtype(kind, size, objects)

    def _check_item_size(self, known: _TrackedDtype, size: int) -> int | None:
        """Return the size of an item in bytes; types without a size of their own take it from the state."""
        kind, item_size = known.dtype.kind, known.dtype.item_size
        if kind and kind not in _EXTENDED:
            return item_size
        if size < 0 or (known.has_size and size != item_size) or (kind == "U" and size % 4):
            raise ForgedError(f"a dtype of {item_size} bytes has a state for {size} bytes")
        return size

    def _check_part(self, part: StackValue, size: int | None) -> bool | None:
        """Check the dtype of the items where each is an array; returns whether they hold objects, if known."""
        if part is None:
            return False
        base, shape = _unpack_pair(part)
        dtype, lengths = self._use_contained(base), read_lengths(shape)
        taken = count_array_bytes(lengths, dtype.item_size) if lengths is not None else None
        if lengths is None or (dtype.item_size is not None and taken != size):
            raise ForgedError(f"a dtype of {size} bytes whose parts do not take as many")
        return dtype.holds_objects

    def _check_fields(self, names: StackValue, fields: StackValue, size: int | None) -> bool | None:
        """Check the fields of a dtype; returns whether one holds objects, if known."""
        if fields is None and names is None:
            return False
        if (
            not isinstance(fields, Container)
            or fields.type != "dict"
            or not isinstance(names, Container)
            or names.type != "tuple"
        ):
            raise ForgedError("a dtype has fields that are no mapping of names")
        fields.is_state = True
        self._fields[id(fields)] = fields
        pairs = list(fields.iterate_items())
        if fields.has_unseen_items or len(pairs) < fields.size:
            self.overflow = "a dtype has more fields than are checked"
        return _any_or_unknown([self._check_field(field, size) for _, field in pairs])

    def _check_field(self, field: StackValue, size: int | None) -> bool | None:
        base, offset = _unpack_pair(field)
        dtype = self._use_contained(base)
        if type(offset) is not int or offset < 0:
            raise ForgedError(
                f"a dtype has a field at offset {offset!r}"
                if isinstance(offset, int)
                else "a dtype has a field without an offset"
            )
        if size is not None and dtype.item_size is not None and offset + dtype.item_size > size:
            raise ForgedError(
                f"a dtype has a field that ends at byte {offset + dtype.item_size} of an item of {size} bytes"
            )
        return dtype.holds_objects

    def _use_contained(self, base: StackValue) -> Dtype:
        """Return the dtype of a part or a field, and mark it as used."""
        self.mark_used([base])
        dtype = self.get_dtype(base)
        if dtype is None:
            raise ForgedError("a dtype has a part or a field that is no dtype")
        return dtype


def _check_flags(objects: bool | None, flags: int, may_point: bool) -> None:
    """Check the flags of a dtype against its contents; ``may_point`` if its items may be pointers."""
    if -128 <= flags < 0:
        flags += 128  # written as a signed byte before NumPy 2
    if flags < 0:
        raise ForgedError(f"a dtype has the flags {flags}")
    if objects and flags & (_REFERENCES | _LIST) != _REFERENCES | _LIST:
        raise ForgedError("a dtype holds objects, and its flags deny it")
    if objects is False and flags & (_REFERENCES | _LIST | _POINTER):
        raise ForgedError("a dtype holds no objects, and its flags claim some")
    if flags & _POINTER and not may_point:
        raise ForgedError("a dtype has flags that make NumPy take its items for pointers")


def _has_unit(entries: list[StackValue]) -> bool:
    metadata = entries[8] if len(entries) == 9 else None
    return isinstance(metadata, Container) and metadata.size == 2 and isinstance(metadata.entries[1], Container)


def _is_dtype_maker(name: Name) -> bool:
    return name == DTYPE or name.module == "numpy.dtypes"


def _is_from_numpy(name: Name) -> bool:
    return name.module.partition(".")[0] == "numpy"


def _is_dtype_state(entries: Sequence[object]) -> bool:
    """Whether a tuple can only be the state of a dtype."""
    if len(entries) not in _LENGTHS:
        return False
    version, order, part, *_, size, alignment = entries[:7]
    has_numbers = type(version) is type(size) is type(alignment) is int
    return has_numbers and isinstance(order, str) and order in _ORDERS and (part is None or isinstance(part, Container))


def _is_container(value: StackValue, kind: str) -> TypeGuard[Container]:
    return isinstance(value, Container) and value.type == kind


def _unpack_pair(value: StackValue) -> tuple[StackValue, StackValue]:
    if not _is_container(value, "tuple") or value.size not in (2, 3):
        raise ForgedError("a dtype has parts that are not described by pairs")
    return value.entries[0], value.entries[1]  # type: ignore[return-value]


def read_lengths(value: StackValue) -> tuple[int, ...] | None:
    """Return a shape, which is a tuple of numbers or one number; ``None`` for anything else."""
    if isinstance(value, int):
        return (value,)
    entries = value.entries if _is_container(value, "tuple") else None
    numbers = tuple(entry for entry in entries or () if isinstance(entry, int))
    return numbers if entries is not None and len(numbers) == len(entries) else None


def _any_or_unknown(found: Sequence[bool | None]) -> bool | None:
    """Return whether any is true; ``None`` where none is, but some are unknown."""
    if any(found):
        return True
    return None if None in found else False


def _flatten(values: Sequence[StackValue], depth: int) -> Iterator[StackValue]:
    for value in values:
        if isinstance(value, Container) and depth:
            yield from _flatten([item for _, item in value.iterate_items()], depth - 1)
        else:
            yield value
