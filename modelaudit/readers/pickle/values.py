"""What lies on the machine's stack: inert Python constants, names, results, and containers kept only in outline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.model.pickle import UNKNOWN_ARGUMENTS, Holding, Made, Name, Plain, Unknown, Value

TEXT_SHOWN: Final = 120
_DEPTH_SHOWN: Final = 3
_NODES_SHOWN: Final = 200
_ENTRIES_KEPT: Final = 64
_PLAIN_KEPT: Final = 2
_HOOKS_KEPT: Final = 32
_INERT: Final = frozenset({str, bytes, int, float, bool, type(None)})


class Box:
    """A mutable container, in outline: however much a file puts into it, little is kept.

    Names are reported when they are imported and calls when they are made, so what lies in a container matters in two
    ways only: as the arguments of a call, which are few, and as special attributes of a state, which are kept apart.

    Attributes:
        entries: the first (key, value) pairs, most of them such as are not inert.
        hooks: pairs whose key is a special attribute (``__name__``) and whose value is not inert.
        size: how many entries there are in truth.
    """

    __slots__ = ("entries", "hooks", "size", "type")

    def __init__(self, type_: str) -> None:
        self.type = type_
        self.entries: list[tuple[Slot, Slot]] = []
        self.hooks: list[tuple[Slot, Slot]] = []
        self.size = 0

    def add(self, key: Slot, value: Slot) -> None:
        """Put ``value`` under ``key``; sequences use their index."""
        self.size += 1
        kept = len(self.entries)
        if type(value) in _INERT:
            if kept < _PLAIN_KEPT:
                self.entries.append((key, value))
            return
        if type(key) is str and key[:2] == "__" and len(self.hooks) < _HOOKS_KEPT:
            self.hooks.append((key, value))
        elif kept < _ENTRIES_KEPT:
            self.entries.append((key, value))

    def extend(self, values: Iterable[Slot]) -> None:
        """Append ``values`` to a sequence or a set."""
        for value in values:
            self.add(self.size, value)

    def fill(self, values: list[Slot]) -> None:
        """Make this the tuple of ``values``, of which every one may matter while there are few."""
        self.entries = list(enumerate(values[:_ENTRIES_KEPT]))
        self.size = len(values)


class Truncated:
    """A constant too long to keep: its type and its beginning."""

    __slots__ = ("start", "type")

    def __init__(self, type_: str, start: str) -> None:
        self.type = type_
        self.start = start


Slot = str | bytes | int | float | bool | None | Name | Unknown | Made | Box | Truncated


def shown(slots: Iterable[Slot], nodes: int = _NODES_SHOWN) -> tuple[Value, ...]:
    """Slots as frozen values of at most ``nodes`` parts in all; entries that a loader could act on come first."""
    budget = [nodes]
    return tuple(_shown(slot, _DEPTH_SHOWN, budget) for slot in slots)


def _shown(slot: Slot, depth: int, budget: list[int]) -> Value:
    budget[0] -= 1
    if isinstance(slot, Name | Unknown | Made):
        return slot
    if isinstance(slot, Truncated):
        return Plain(f"{slot.start}…")
    if not isinstance(slot, Box):
        return Plain(_int_text(slot) if type(slot) is int else _constant_text(slot))
    if depth == 0 or (budget[0] <= 0 and not slot.hooks):
        return Plain(f"<{slot.type} of {slot.size}>")
    entries: list[tuple[str, Value]] = []
    for key, value in (*slot.hooks, *slot.entries):
        # Special attributes are shown whatever the budget says: they decide.
        if budget[0] <= 0 and len(entries) >= len(slot.hooks):
            break
        entries.append((_key_text(key), _shown(value, depth - 1, budget)))
    return Holding(slot.type, tuple(entries))


def items_of(slot: Slot) -> tuple[Slot, ...]:
    """The entries kept of a tuple of arguments, in order."""
    if isinstance(slot, Box) and slot.type == "tuple":
        return tuple(value for _, value in slot.entries)
    return (UNKNOWN_ARGUMENTS,)


def _key_text(key: Slot) -> str:
    if isinstance(key, str):
        return _bounded(key)
    return _int_text(key) if type(key) is int else f"<{type(key).__name__.lower()}>"


def _constant_text(constant: str | bytes | float | bool | None) -> str:
    if isinstance(constant, str | bytes):
        constant = constant[: TEXT_SHOWN + 1]
    return _bounded(repr(constant))


def _int_text(number: int) -> str:
    # Beyond 4300 digits CPython refuses the conversion, and nobody reads a number that long.
    return str(number) if number.bit_length() < 256 else f"<int of {number.bit_length()} bits>"


def _bounded(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"
