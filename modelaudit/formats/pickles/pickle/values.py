"""The values on the stack of the pickle machine: constants, names, results of calls, and outlines of containers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelaudit.formats.pickles.pickle.number_runs import are_numbers
from modelaudit.formats.pickles.pickle.special_keys import DECIDING_KEYS, SPECIAL_KEYS
from modelaudit.model.pickle import (
    COMPUTED_KEY,
    UNKNOWN_ARGUMENTS,
    CallResult,
    ContainerValue,
    Embedded,
    Name,
    PlainValue,
    Unknown,
    Value,
)

TEXT_SHOWN: Final = 120
"""Characters of a text or a number that an event shows."""

DEPTH_KEPT: Final = 3
"""Levels of containers that an event shows of an argument."""

_PARTS_OF_ATTRIBUTE: Final = 9  # that are kept of its value
# Of the items of a container: all, those that can do nothing, and those that can act.
_ENTRIES_KEPT: Final = 64
_PLAIN_KEPT: Final = 8
_ACTING_KEPT: Final = 256

FORGOTTEN: Final = Unknown("a value that was dropped to save memory")
"""In place of values that were dropped because all values together reached the bound of memory."""


class Container:
    """The outline of a tuple, list, set or dict: however many items a file adds, few are kept.

    Names are reported when they are imported and calls when they are made. The items of a container matter in two ways
    only: as the arguments of a call, which are few, and as the attributes that a state sets.

    Attributes:
        type: ``tuple``, ``list``, ``set``, ``frozenset`` or ``dict``.
        entries: the first items: values of a sequence, (key, value) pairs of a mapping.
        acting_items: (key, value) pairs of a mapping whose value is a name, a result or unknown, or whose key is
            computed; all of them up to a bound, and an ``Unknown`` in place of those beyond it.
        size: number of items, kept or not.
        unseen: stretches of plain data with more items, which are not executed for this container.
        is_state: whether an object took this mapping as its state, and may hold it by reference.
        is_forgotten: whether its items were dropped to save memory, so that they are unknown.
        is_handed: whether a call or an object has got it, and may hold it by reference.
        has_dropped: whether an item was not kept that is, or may hold, an object.
        sweep: the sweep that reached this container last.
    """

    __slots__ = (
        "acting_items",
        "entries",
        "has_dropped",
        "is_forgotten",
        "is_handed",
        "is_state",
        "size",
        "sweep",
        "type",
        "unseen",
    )

    def __init__(self, type_: str) -> None:
        self.type = type_
        self.entries: Sequence[object] = ()
        self.acting_items: list[tuple[StackValue, StackValue]] | tuple[()] = ()
        self.size = 0
        self.is_state = False
        self.unseen: list[PlainStretch] | tuple[()] = ()
        self.is_forgotten = False
        self.is_handed = False
        self.has_dropped = False
        self.sweep: object = None

    def forget_items(self) -> None:
        """Drop the items. Afterwards, each of them counts as one that may act."""
        self.is_forgotten = True
        if self.type == "dict":
            self.entries = ()
            self.acting_items = [(FORGOTTEN, FORGOTTEN)]
            # An object may hold it as its state, so items that are set from now on are reported.
            self.is_state = True
        else:
            self.entries = (FORGOTTEN,) * min(self.size, _ENTRIES_KEPT)
            self.acting_items = ()

    def set_item(self, key: StackValue, value: StackValue) -> bool:
        """Set an item of a mapping; return whether the item can act when an object takes it as an attribute."""
        self.size += 1
        kind = type(value)
        # A key that is computed may become that of a special attribute when the file is loaded.
        can_act = kind in ACTING_TYPES or (type(key) not in INERT_TYPES and kind not in INERT_TYPES)
        # Plain data count under a special key if they are a mapping or are run as source.
        is_special = type(key) is str and key in SPECIAL_KEYS and (kind is Container or key in DECIDING_KEYS)
        if self.is_forgotten:
            return can_act or is_special
        if can_act or is_special:
            # Few mappings have such an item; the others need no list.
            self.acting_items = self.acting_items or []
            if len(self.acting_items) < _ACTING_KEPT:
                self.acting_items.append((key, value))
            elif len(self.acting_items) == _ACTING_KEPT:
                self.acting_items.append((Unknown("more"), Unknown("more attributes than are kept")))
            return True
        self._keep_entry((key, value), kind in INERT_TYPES and type(key) in INERT_TYPES)
        return False

    def set_numbers(self, pairs: Sequence[StackValue]) -> None:
        """Set items of a mapping, as ``set_item`` does for each; ``pairs`` are keys and values in turn, all numbers."""
        self.size += len(pairs) // 2
        if not self.is_forgotten:
            for entry in zip(pairs[: 2 * _PLAIN_KEPT : 2], pairs[1 : 2 * _PLAIN_KEPT : 2], strict=False):
                self._keep_entry(entry, is_inert=True)

    def extend(self, values: Sequence[StackValue]) -> None:
        """Append ``values`` to a sequence or a set."""
        if self.is_forgotten:
            return
        if are_numbers(values):
            self.size += len(values) - len(values[:_PLAIN_KEPT])
            values = values[:_PLAIN_KEPT]
        for value in values:
            if type(value) is PlainStretch:
                self.add_unseen_items(value)
            else:
                self.size += 1
                self._keep_entry(value, type(value) in INERT_TYPES)

    @property
    def has_unseen_items(self) -> bool:
        """Whether there are more items than the size counts, all of them plain."""
        return bool(self.unseen)

    def add_unseen_items(self, stretch: PlainStretch) -> None:
        """Add the items that a stretch leaves, without executing it."""
        if type(self.unseen) is list:
            self.unseen.append(stretch)
        else:
            self.unseen = [stretch]

    def mark_as_state(self) -> None:
        """Note that an object may hold this state, or containers in it, by reference: a change of one changes it."""
        self.is_state = True
        for _, part in self.iterate_items():
            if isinstance(part, Container):
                part.is_state = True
        for stretch in self.unseen:
            stretch.mark_as_state()

    def fill(self, values: list[StackValue]) -> None:
        """Make this the tuple of ``values``. Few values are all kept, as they may be the arguments of a call."""
        self.entries = tuple(values[:_ENTRIES_KEPT])
        self.size = len(values)
        self.has_dropped = any(type(each) not in INERT_TYPES for each in values[_ENTRIES_KEPT:])

    def _keep_entry(self, entry: object, is_inert: bool) -> None:
        """Keep an item if few are kept so far; of items that can do nothing, which are inert, even fewer are kept."""
        if len(self.entries) < (_PLAIN_KEPT if is_inert else _ENTRIES_KEPT):
            if type(self.entries) is list:
                self.entries.append(entry)
            else:
                # Until now, this container had the empty tuple that all containers share, to save memory.
                self.entries = [*self.entries, entry]
        elif not is_inert:
            self.has_dropped = True

    def iterate_items(self) -> Iterator[tuple[StackValue, StackValue]]:
        """Yield (key, value) of each kept item, those that can act first; sequences have the index as key."""
        yield from self.acting_items
        for index, entry in enumerate(self.entries):
            yield entry if self.type == "dict" else (index, entry)  # type: ignore[misc]


class TruncatedConstant:
    """A constant that is too long to keep: its type, the start of its ``repr``, and the extent of a text in UTF-8.

    Attributes:
        extent: the offset of the first byte and the length; ``None`` if the constant is another.
    """

    __slots__ = ("extent", "start", "type")

    def __init__(self, type_: str, start: str, extent: tuple[int, int] | None = None) -> None:
        self.type = type_
        self.start = start
        self.extent = extent


class PlainStretch:
    """A stretch of plain opcodes after a mark, in place of the values that it leaves there.

    Attributes:
        start: offset of its first opcode in the window.
        end: offset of the first opcode after it.
        first_entry: number of memo entries before it; ``None`` until they are counted.
        values: the values that it leaves on the stack; ``None`` until it is executed.
        frame_end: where the last frame that it opens ends, 0 if it opens none; ``None`` until that is needed.
        reads: indices of the memo entries that it reads; ``None`` until they are needed.
        is_state: whether its values are items of a state, so that an object may hold them by reference.
    """

    __slots__ = ("end", "first_entry", "frame_end", "is_state", "reads", "start", "values")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.first_entry: int | None = None
        self.values: list[StackValue] | None = None
        self.frame_end: int | None = None
        self.reads: Sequence[int] | None = None
        self.is_state = False

    def set_values(self, values: list[StackValue]) -> None:
        """Set the values that executing it has left."""
        self.values = values
        if self.is_state:
            self.mark_as_state()

    def mark_as_state(self) -> None:
        """Note that an object may hold the containers among its values by reference, now or once it is executed."""
        self.is_state = True
        for value in self.values or ():
            if isinstance(value, Container):
                value.is_state = True


StackValue = (
    str
    | bytes
    | int
    | float
    | bool
    | None
    | Name
    | Unknown
    | CallResult
    | Embedded
    | Container
    | TruncatedConstant
    | PlainStretch
)

ACTING_TYPES: Final = frozenset({Name, Unknown, CallResult})
"""Types of values that may do something when an object gets them as an attribute."""

INERT_TYPES: Final = frozenset({str, bytes, int, float, bool, type(None), TruncatedConstant, Embedded})
"""Types of values that can do nothing, wherever they are."""


def freeze_values(values: Iterable[StackValue], most_parts: int) -> tuple[Value, ...]:
    """Return immutable outlines of stack values, of about ``most_parts`` parts in all, for an event."""
    # A list, so that all calls count down the same number.
    budget = [most_parts]
    return tuple(_freeze(value, DEPTH_KEPT, budget) for value in values)


def unpack_tuple(value: StackValue) -> tuple[StackValue, ...]:
    """Return the kept items of a tuple on the stack, in order; one ``Unknown`` for any other value."""
    if isinstance(value, Container) and value.type == "tuple":
        return tuple(value.entries)  # type: ignore[arg-type]
    return (UNKNOWN_ARGUMENTS,)


def freeze_attribute(value: StackValue) -> Value:
    """Return a short immutable outline of the value of an attribute."""
    return _freeze(value, 1, [_PARTS_OF_ATTRIBUTE])


def _freeze(value: StackValue, depth: int, budget: list[int]) -> Value:
    """Return an immutable outline of a value.

    Args:
        value: the value on the stack.
        depth: how many levels of containers are outlined; deeper ones are replaced by their type and size.
        budget: a list of one number, the parts that may still be outlined.
    """
    budget[0] -= 1
    if isinstance(value, Name | Unknown | CallResult | Embedded):
        return value
    if isinstance(value, TruncatedConstant):
        return PlainValue(f"{value.start}…")
    if isinstance(value, PlainStretch):
        return PlainValue("<plain data>")
    if not isinstance(value, Container):
        return PlainValue(_format_int(value) if type(value) is int else _format_constant(value))
    if depth == 0 or budget[0] <= 0:
        return PlainValue(f"<{value.type} of {'more than ' if value.has_unseen_items else ''}{value.size}>")
    entries: list[tuple[str, Value]] = []
    for key, item in value.iterate_items():
        if budget[0] <= 0:
            break
        entries.append((format_key(key), _freeze(item, depth - 1, budget)))
    return ContainerValue(value.type, tuple(entries))


def format_key(key: StackValue) -> str:
    """Return a key as text: an attribute, an index, or ``COMPUTED_KEY`` for any other type."""
    if isinstance(key, str):
        return _shorten(key)
    return _format_int(key) if type(key) is int else COMPUTED_KEY


def _format_constant(constant: str | bytes | float | bool | None) -> str:
    """Return the ``repr`` of a constant, shortened to ``TEXT_SHOWN`` characters."""
    if isinstance(constant, str | bytes):
        # Cut first, because the ``repr`` of long text takes time.
        constant = constant[: TEXT_SHOWN + 1]
    return _shorten(repr(constant))


def _format_int(number: int) -> str:
    """Return a number as decimal text, or its length in bits if it is long."""
    # CPython refuses to convert more than 4300 digits, and a report with fewer is unreadable long before.
    return str(number) if number.bit_length() < 256 else f"<int of {number.bit_length()} bits>"


def _shorten(text: str) -> str:
    """Cut a text to ``TEXT_SHOWN`` characters."""
    return text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"
