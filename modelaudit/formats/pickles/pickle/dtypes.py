"""Check the state that a pickle sets on dtypes and arrays of NumPy.

NumPy trusts the state of a dtype. Where its flags deny that it holds objects, the bytes of an array become pointers;
where a field ends behind the end of an item, NumPy reads memory beyond the array. When the content of an array is set a
second time, views of its old content read freed memory. NumPy writes none of this, so a pickle that has it was forged.
Source: ``arraydescr_setstate`` in ``descriptor.c`` and ``array_setstate`` in ``methods.c``, both of
``numpy/_core/src/multiarray``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final, TypeGuard

from msgspec import Struct

from modelaudit.formats.pickles.pickle.values import Container, StackValue
from modelaudit.model.pickle import CallResult, Name
from modelaudit.wire.numpy_types import UNKNOWN_DTYPE, Dtype, count_array_bytes, parse_type_text

DTYPE: Final = Name("numpy", "dtype")
# ``NPY_ITEM_REFCOUNT``, ``NPY_LIST_PICKLE`` and ``NPY_ITEM_IS_POINTER`` of NumPy's ``ndarraytypes.h``.
_REFERENCES_FLAG, _LIST_FLAG, _POINTER_FLAG = 1, 2, 4
# The type of the items of a record array.
_RECORD_TYPES: Final = frozenset(
    {"numpy.record", "numpy.rec.record", "numpy.core.records.record", "numpy._core.records.record"}
)
# Kinds whose items may have any size: bytes, text and structures.
_SIZED_KINDS: Final = frozenset("SUV")
_BYTE_ORDERS: Final = frozenset("<>|=")
# Lengths of the state of a dtype since NumPy 1.0: version, byte order, subarray, names, fields, item size, alignment;
# later the flags; for dates also the metadata with their unit.
_STATE_LENGTHS: Final = (7, 8, 9)
_FIRST_VERSION_WITH_FLAGS: Final = 3  # of the state; ``arraydescr_setstate`` ignores the flags of older ones
_MOST_DEPTH: Final = 3  # of containers that are searched for dtypes
_MOST_TRACKED: Final = 250_000  # dtypes, and as many arrays
_MOST_VALUES_SEARCHED: Final = 200  # for dtypes, at one opcode


class _TrackedDtype(Struct):
    """A dtype that the program made.

    Attributes:
        value: the value on the stack; holding it keeps its identity from being reused.
        dtype: the known part of the dtype.
        is_numpy_style: whether the call that made it is one that NumPy writes.
        has_size: whether the call gives the size of an item; otherwise the state does.
        has_state: whether a state was set.
        is_used: whether something else refers to it.
    """

    value: CallResult
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
        overflow: the bound that was exceeded, in one line, so that not everything was checked; otherwise empty.
    """

    def __init__(self) -> None:
        # All by identity of the value on the stack: all dtypes, and those that nothing else refers to yet.
        self._tracked: dict[int, _TrackedDtype] = {}
        self._unused: dict[int, _TrackedDtype] = {}
        # The mappings that are the fields of a dtype, and the arrays whose state was set.
        self._fields: dict[int, Container] = {}
        self._stated_objects: dict[int, CallResult] = {}
        self.overflow = ""

    def get_dtype(self, value: StackValue) -> Dtype | None:
        """Return the dtype that ``value`` is; ``None`` for anything but a dtype that the program made."""
        tracked = self._tracked.get(id(value)) if isinstance(value, CallResult) else None
        return tracked.dtype if tracked else None

    def record_new(self, result: CallResult, arguments: Sequence[StackValue]) -> None:
        """Record that ``result`` is the result of ``numpy.dtype(*arguments)``."""
        described_type = arguments[0] if arguments else None
        if len(self._tracked) >= _MOST_TRACKED:
            self.overflow = "there are more dtypes than are tracked"
            return
        if isinstance(described_type, str):
            dtype = parse_type_text(described_type)
            tracked = _TrackedDtype(result, dtype, is_numpy_style=dtype != UNKNOWN_DTYPE)
        elif isinstance(described_type, Name) and str(described_type) in _RECORD_TYPES:
            tracked = _TrackedDtype(result, Dtype("V", None, False), is_numpy_style=True, has_size=False)
        else:
            # A type that another package adds. NumPy writes its own types, and those of Python, as text.
            package = described_type.module.partition(".")[0] if isinstance(described_type, Name) else None
            is_from_other_package = package not in (None, "numpy", "builtins")
            tracked = _TrackedDtype(result, UNKNOWN_DTYPE, is_numpy_style=is_from_other_package, has_size=False)
        self._tracked[id(result)] = self._unused[id(result)] = tracked

    def mark_used(self, values: Sequence[StackValue]) -> None:
        """Record that something else refers to the dtypes among ``values`` now, so that their state must not change."""
        if not self._unused:
            return
        for count, value in enumerate(_flatten(values, _MOST_DEPTH), 1):
            tracked = self._unused.pop(id(value), None)
            if tracked is not None:
                tracked.is_used = True
            if count == _MOST_VALUES_SEARCHED:
                # NumPy sets the state of a dtype right after making it; no call with so many arguments comes between.
                self._mark_all_used()
                return

    def _mark_all_used(self) -> None:
        """Record that something else may refer to each dtype made so far."""
        for tracked in self._unused.values():
            tracked.is_used = True
        self._unused.clear()

    def is_used_as_fields(self, container: Container) -> bool:
        """Whether a dtype holds this mapping as its fields."""
        # All forgotten mappings are the same one, which proves nothing.
        return id(container) in self._fields and not container.is_forgotten

    def get_fields(self) -> Collection[Container]:
        """Return the mappings that are the fields of a dtype."""
        return self._fields.values()

    def record_state(self, target: StackValue, state: StackValue) -> None:
        """Record the state that the program sets on ``target``, which may be a dtype, an array or any other object.

        Raises:
            ForgedError: NumPy would not write this state, and reads or frees the wrong memory because of it.
        """
        entries = state.entries if isinstance(state, Container) and state.type == "tuple" else ()
        tracked = self._tracked.get(id(target)) if isinstance(target, CallResult) else None
        if tracked is not None:
            self._unused.pop(id(target), None)
            if tracked.has_state or tracked.is_used:
                raise ForgedError("the state of a dtype is set a second time, or while something refers to it already")
            tracked.has_state = True
            tracked.dtype = self._apply_state(tracked, state, list(entries))  # type: ignore[arg-type]
        elif len(self._tracked) >= _MOST_TRACKED:
            # The target may be a dtype that is not tracked, so its state proves nothing.
            self.mark_used([state])
        elif isinstance(target, CallResult) and isinstance(target.maker, Name) and _is_dtype_maker(target.maker):
            raise ForgedError("state is set on a dtype that was made in a way that NumPy does not write")
        elif _is_dtype_state(entries):
            raise ForgedError("the state of a dtype is set on something else")
        else:
            self.mark_used([state])
            self._check_array(list(entries))  # type: ignore[arg-type]
            if isinstance(target, CallResult) and isinstance(target.maker, Name) and _is_from_numpy(target.maker):
                self._record_array_state(target)

    # -- arrays -----------------------------------------------------------------------------------------------------

    def _check_array(self, entries: list[StackValue]) -> None:
        """Check the state of an array: version, shape, dtype, order and content; the oldest files have no version."""
        # With a version, the dtype is the third entry, otherwise the second. The others have their places around it.
        for dtype_index in (2, 1):
            dtype = self.get_dtype(entries[dtype_index]) if dtype_index < len(entries) else None
            if dtype is None:
                continue
            shape = read_lengths(entries[dtype_index - 1])
            if shape is not None and any(length < 0 for length in shape):
                raise ForgedError(f"an array has the shape {shape}")
            content_index = dtype_index + 2
            content = entries[content_index] if content_index < len(entries) else None
            if dtype.holds_objects and not (isinstance(content, Container) and content.type == "list"):
                raise ForgedError("an array of objects with raw bytes in place of the objects")

    def _record_array_state(self, target: CallResult) -> None:
        """Record that the content of an array was set; raise ``ForgedError`` if it was set before."""
        if id(target) in self._stated_objects:
            raise ForgedError("the content of an array is set twice, which frees memory that views may still use")
        if len(self._stated_objects) < _MOST_TRACKED:
            self._stated_objects[id(target)] = target
        else:
            self.overflow = "there are more arrays than are tracked"

    # -- dtypes -----------------------------------------------------------------------------------------------------

    def _apply_state(self, tracked: _TrackedDtype, state: StackValue, entries: list[StackValue]) -> Dtype:
        """Return the dtype that results from setting ``state``, which has these entries.

        Raises:
            ForgedError: NumPy would not write this state.
        """
        if not tracked.is_numpy_style:
            raise ForgedError("state is set on a dtype that was made in a way that NumPy does not write")
        if not isinstance(state, Container) or len(entries) != state.size or len(entries) not in _STATE_LENGTHS:
            raise ForgedError("the state of a dtype in a form that NumPy does not write")
        version, order, subarray, names, fields, size, alignment = entries[:7]
        flags = entries[7] if len(entries) > 7 else 0
        order = _decode_byte_order(order) if isinstance(order, str | bytes) else order
        # Exact types, because a boolean is an instance of int too.
        has_numbers = type(version) is type(size) is type(alignment) is type(flags) is int
        if not has_numbers or order not in _BYTE_ORDERS:
            raise ForgedError("the state of a dtype in a form that NumPy does not write")
        kind = tracked.dtype.kind
        # The kinds of time spans and dates.
        if kind in ("m", "M") and not _has_unit(entries):
            raise ForgedError("the dtype of dates without their unit")
        item_size = self._check_item_size(tracked, size)  # type: ignore[arg-type]
        in_subarray = self._check_subarray(subarray, item_size)
        in_fields = self._check_fields(names, fields, item_size)
        holds_objects = _any_or_unknown([tracked.dtype.holds_objects, in_subarray, in_fields])
        if version < _FIRST_VERSION_WITH_FLAGS:  # type: ignore[operator]
            # NumPy then derives the flags from the fields. It overlooks objects in a subarray: the flags stay 0, and
            # ``_check_flags`` refuses them.
            flags = _REFERENCES_FLAG | _LIST_FLAG if holds_objects and subarray is None else 0
        may_be_pointers = kind == "O" or subarray is not None
        _check_flags(holds_objects, flags, may_be_pointers)  # type: ignore[arg-type]
        return Dtype(kind, item_size, holds_objects)

    def _check_item_size(self, tracked: _TrackedDtype, size: int) -> int | None:
        """Return the size of an item in bytes, and check the ``size`` that the state gives.

        Only for bytes, text, structures and unknown types does NumPy take the size from the state.
        """
        kind, item_size = tracked.dtype.kind, tracked.dtype.item_size
        if kind and kind not in _SIZED_KINDS:
            return item_size
        if tracked.has_size and size != item_size:
            raise ForgedError(f"a dtype of {item_size} bytes has a state for {size} bytes")
        if size < 0:
            raise ForgedError(f"a dtype has items of the negative size {size}")
        # NumPy stores a character of text in four bytes.
        if kind == "U" and size % 4 != 0:
            raise ForgedError(f"a dtype of text has items of {size} bytes, not a multiple of 4")
        return size

    def _check_subarray(self, subarray: StackValue, size: int | None) -> bool | None:
        """Check the dtype and the shape of the items where each item is an array itself.

        Args:
            subarray: the pair of dtype and shape in the state; ``None`` where the items are not arrays.
            size: bytes of an item.

        Returns:
            Whether the items hold objects; ``None`` if that is unknown.
        """
        if subarray is None:
            return False
        dtype_value, shape = _unpack_pair(subarray)
        dtype, lengths = self._use_dtype_of_part(dtype_value), read_lengths(shape)
        subarray_size = count_array_bytes(lengths, dtype.item_size) if lengths is not None else None
        if lengths is None or (dtype.item_size is not None and subarray_size != size):
            raise ForgedError(f"a dtype of {size} bytes whose parts have an invalid shape or another size")
        return dtype.holds_objects

    def _check_fields(self, names: StackValue, fields: StackValue, size: int | None) -> bool | None:
        """Check the fields of a dtype whose items have ``size`` bytes.

        Returns:
            Whether a field holds objects; ``None`` if that is unknown.
        """
        if fields is None and names is None:
            return False
        if not _is_container(fields, "dict") or not _is_container(names, "tuple"):
            raise ForgedError("a dtype has fields that are not a mapping of names")
        # The machine reports later changes of a mapping with this mark.
        fields.is_state = True
        self._fields[id(fields)] = fields
        pairs = list(fields.iterate_items())
        if fields.has_unseen_items or len(pairs) < fields.size:
            self.overflow = "a dtype has more fields than are checked"
        return _any_or_unknown([self._check_field(field, size) for _, field in pairs])

    def _check_field(self, field: StackValue, size: int | None) -> bool | None:
        """Check one field, a (dtype, offset) pair, of items with ``size`` bytes.

        Returns:
            Whether the field holds objects; ``None`` if that is unknown.
        """
        dtype_value, offset = _unpack_pair(field)
        dtype = self._use_dtype_of_part(dtype_value)
        if not isinstance(offset, int):
            raise ForgedError("a dtype has a field without a number as its offset")
        if isinstance(offset, bool) or offset < 0:
            raise ForgedError(f"a dtype has a field at offset {offset!r}")
        if size is not None and dtype.item_size is not None and offset + dtype.item_size > size:
            end = offset + dtype.item_size
            raise ForgedError(f"a dtype has a field that ends at byte {end} of an item of {size} bytes")
        return dtype.holds_objects

    def _use_dtype_of_part(self, value: StackValue) -> Dtype:
        """Return the dtype that the value of a subarray or a field is, and mark it as used."""
        self.mark_used([value])
        dtype = self.get_dtype(value)
        if dtype is None:
            raise ForgedError("a dtype has a part or a field that is not a dtype")
        return dtype


def _check_flags(holds_objects: bool | None, flags: int, may_be_pointers: bool) -> None:
    """Raise ``ForgedError`` if the flags of a dtype contradict its contents.

    Args:
        holds_objects: whether its items hold objects; ``None`` if that is unknown.
        flags: the flags in its state.
        may_be_pointers: whether its items may be pointers.
    """
    if -128 <= flags < 0:
        flags += 256  # written as a signed byte before NumPy 2
    if flags < 0:
        raise ForgedError(f"a dtype has the invalid flags {flags}")
    object_flags = _REFERENCES_FLAG | _LIST_FLAG
    if holds_objects and (flags & object_flags) != object_flags:
        raise ForgedError("a dtype holds objects, and its flags deny it")
    if holds_objects is False and flags & (object_flags | _POINTER_FLAG):
        raise ForgedError("a dtype holds no objects, and its flags claim some")
    if flags & _POINTER_FLAG and not may_be_pointers:
        raise ForgedError("a dtype has flags that make NumPy take its items for pointers")


def _has_unit(entries: list[StackValue]) -> bool:
    """Whether the state of a dtype for dates has, as the ninth entry, the pair of metadata and unit."""
    metadata_and_unit = entries[8] if len(entries) == 9 else None
    if not isinstance(metadata_and_unit, Container) or metadata_and_unit.size != 2:
        return False
    return isinstance(metadata_and_unit.entries[1], Container)


def _is_dtype_maker(name: Name) -> bool:
    """Whether a call of ``name`` makes a dtype."""
    return name == DTYPE or name.module == "numpy.dtypes"


def _is_from_numpy(name: Name) -> bool:
    """Whether a name is of NumPy or one of its modules."""
    return name.module.partition(".")[0] == "numpy"


def _is_dtype_state(entries: Sequence[object]) -> bool:
    """Whether the entries of a tuple have the types and the byte order of the state of a dtype."""
    if len(entries) not in _STATE_LENGTHS:
        return False
    version, order, subarray, _, _, size, alignment = entries[:7]
    has_numbers = type(version) is type(size) is type(alignment) is int
    has_byte_order = isinstance(order, str | bytes) and _decode_byte_order(order) in _BYTE_ORDERS
    return has_numbers and has_byte_order and (subarray is None or isinstance(subarray, Container))


def _decode_byte_order(order: str | bytes) -> str:
    """Return a byte order as text; NumPy takes it as bytes too."""
    return order.decode("latin-1") if isinstance(order, bytes) else order


def _is_container(value: StackValue, kind: str) -> TypeGuard[Container]:
    """Whether a value is a container of the type ``kind``, such as ``tuple``."""
    return isinstance(value, Container) and value.type == kind


def _unpack_pair(value: StackValue) -> tuple[StackValue, StackValue]:
    """Return the dtype and its shape or offset; a field may have a title as a third entry, which has no effect."""
    if not _is_container(value, "tuple") or value.size not in (2, 3):
        raise ForgedError("a dtype has parts that are not described by pairs")
    return value.entries[0], value.entries[1]  # type: ignore[return-value]


def read_lengths(value: StackValue) -> tuple[int, ...] | None:
    """Return a shape, which is a tuple of numbers or one number; ``None`` for anything else.

    A tuple with more items than are kept is unknown too.
    """
    if isinstance(value, int):
        return (value,)
    if not _is_container(value, "tuple") or value.size > len(value.entries):
        return None
    numbers = tuple(entry for entry in value.entries if isinstance(entry, int))
    return numbers if len(numbers) == len(value.entries) else None


def _any_or_unknown(answers: Sequence[bool | None]) -> bool | None:
    """Return whether any answer is true; ``None`` where none is true and some are ``None``, which means unknown."""
    if any(answers):
        return True
    return None if None in answers else False


def _flatten(values: Sequence[StackValue], depth: int) -> Iterator[StackValue]:
    """Yield the values, with the kept items of containers in place of the containers, to ``depth`` levels."""
    for value in values:
        if isinstance(value, Container) and depth:
            yield from _flatten([item for _, item in value.iterate_items()], depth - 1)
        else:
            yield value
