"""Rebuild the plain values of a pickle as a tree: mappings, lists and texts with the keys that lead to them.

The machine judges what a pickle calls and keeps little of its data. Programs also act on the data: a checkpoint holds
the configuration of its model, whose keys name classes to construct. Only pickles whose bytes contain a word on which a
loader may act are read a second time for that, so that ordinary weights cost one search of their bytes.

Calls and objects become mappings of their arguments and their state. Nothing is imported or constructed.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Final, cast

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.program_bytes import LONGEST_TEXT, ProgramBytes, has_marks
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.artifact import Window
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import check_deadline

_MOST_OPCODES: Final = 2_000_000
# An opcode pushes at most one value, and each container counts once: more values have no opcode.
_MOST_VALUES: Final = _MOST_OPCODES
_MOST_DEPTH: Final = 64
_OPCODES_PER_CHECK: Final = 1_000
_OPCODES: Final = {each.code.encode("latin-1"): each for each in pickletools.opcodes}
_MARK: Final = object()


class _Node:
    """A container or an object: pairs of a key, or an index, and a value."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[tuple[object, object]] = ()) -> None:
        self.items: list[tuple[object, object]] = list(items)

    def extend(self, values: Iterable[object]) -> None:
        """Add the items of a sequence."""
        start = len(self.items)
        self.items += ((start + index, value) for index, value in enumerate(values))

    def update(self, values: list[object]) -> None:
        """Add items of a mapping: keys and values in turn."""
        self.items += zip(values[::2], values[1::2], strict=False)


class _Builder:
    """Executes opcodes for the values alone."""

    def __init__(self, source: ProgramBytes, gaps: Iterable[tuple[int, int]]) -> None:
        self._source = source
        self._gaps = dict(gaps)
        self._stack: list[object] = []
        self._dropped: list[object] = []
        # Of each open pickle, the innermost last: joblib keeps arrays of objects as pickles between the opcodes.
        self._memos: list[dict[int, object]] = [{}]

    def run(self, end: int) -> list[object]:
        """Execute the program up to ``end``, and return the values that it leaves or drops.

        Raises:
            LimitReachedError: it has too many opcodes; the values so far are in ``take_roots``.
        """
        count = 0
        while self._source.position < end:
            start = self._source.position
            if start in self._gaps:
                self._source.position = self._gaps[start]
                continue
            count += 1
            if count % _OPCODES_PER_CHECK == 0:
                check_deadline()
            if count > _MOST_OPCODES:
                raise LimitReachedError(f"only the values of the first {_MOST_OPCODES} opcodes were read", start)
            opcode = _OPCODES.get(self._source.read(1))
            if opcode is None:
                break
            if self._skip_long_constant(opcode.name):
                self._stack.append(None)
                continue
            try:
                # ``pickletools`` needs no more of a file than ``ProgramBytes`` has.
                argument = None if opcode.arg is None else opcode.arg.reader(cast("IO[bytes]", self._source))
            except (ValueError, UnicodeError):
                argument = None
                if self._source.position <= start:
                    break
            self._execute(opcode.name, argument)
        return self.take_roots()

    def _skip_long_constant(self, name: str) -> bool:
        """Skip the constant behind an opcode if it is too long for a setting; return whether it is."""
        width = _LENGTHS.get(name, 0)
        if not width:
            return False
        start = self._source.position
        length = int.from_bytes(self._source.read(width), "little")
        self._source.position = start + width + length if length > LONGEST_TEXT else start
        return length > LONGEST_TEXT

    def take_roots(self) -> list[object]:
        """Return the values on the stack, those that were dropped, and those that only the memo holds."""
        memo = [value for memo in self._memos for value in memo.values() if isinstance(value, _Node)]
        return [*self._stack, *self._dropped, *memo]

    def _pop(self) -> object:
        return self._stack.pop() if self._stack and self._stack[-1] is not _MARK else None

    def _pop_mark(self) -> list[object]:
        values: list[object] = []
        while self._stack:
            value = self._stack.pop()
            if value is _MARK:
                break
            values.append(value)
        return values[::-1]

    def _peek(self) -> object:
        return self._stack[-1] if self._stack else None

    def _execute(self, name: str, argument: object) -> None:
        """Execute one opcode; those that change no value do nothing."""
        handle = _HANDLERS.get(name)
        if handle is not None:
            handle(self, name, argument)

    def _push_constant(self, name: str, argument: object) -> None:
        """Push a constant."""
        self._stack.append(_TRUTH_VALUES.get(name, argument))

    def _push_node(self, name: str, argument: object) -> None:
        """Push an empty container, or an object of which nothing is known."""
        self._stack.append(_Node())

    def _push_mark(self, name: str, argument: object) -> None:
        """Push a mark."""
        self._stack.append(_MARK)

    def _write_memo(self, name: str, argument: object) -> None:
        """Write the top value to the memo."""
        memo = self._memos[-1]
        memo[argument if isinstance(argument, int) else len(memo)] = self._peek()

    def _read_memo(self, name: str, argument: object) -> None:
        """Push a value of the memo."""
        self._stack.append(self._memos[-1].get(argument) if isinstance(argument, int) else None)

    def _push_tuple(self, name: str, argument: object) -> None:
        """Push a tuple of up to three values."""
        values = [self._pop() for _ in range(int(name[-1]))]
        self._stack.append(_Node(enumerate(reversed(values))))

    def _open_pickle(self, name: str, argument: object) -> None:
        """Begin the memo of a pickle between the opcodes of another."""
        if self._stack:
            self._memos.append({})

    def _close_pickle(self, name: str, argument: object) -> None:
        """End the memo of such a pickle, whose value stays on the stack."""
        if len(self._memos) > 1:
            self._memos.pop()

    def _drop(self, name: str, argument: object) -> None:
        """Keep the values that the program drops among its roots."""
        self._dropped += self._pop_mark() if name == "POP_MARK" else [self._pop()]

    def _push_again(self, name: str, argument: object) -> None:
        """Push the top value again."""
        self._stack.append(self._peek())

    def _push_container(self, name: str, argument: object) -> None:
        """Push the list, tuple, set or mapping of the values above the mark."""
        values = self._pop_mark()
        node = _Node()
        if name == "DICT":
            node.update(values)
        else:
            node.extend(values)
        self._stack.append(node)

    def _add_items(self, name: str, argument: object) -> None:
        """Add items to the container or the object below them."""
        values = self._pop_mark() if name in ("APPENDS", "SETITEMS", "ADDITEMS") else []
        if name == "SETITEM":
            value = self._pop()
            values = [self._pop(), value]
        elif name == "APPEND":
            values = [self._pop()]
        target = self._peek()
        if not isinstance(target, _Node):
            self._dropped.append(_Node(zip(values[::2], values[1::2], strict=False)))
        elif name in ("SETITEM", "SETITEMS"):
            target.update(values)
        else:
            target.extend(values)

    def _set_state(self, name: str, argument: object) -> None:
        """Add the state to the object below it."""
        state, target = self._pop(), self._peek()
        if isinstance(target, _Node):
            target.items.append(("", state))
        else:
            self._dropped.append(state)

    def _call_with_mark(self, name: str, argument: object) -> None:
        """Push an object with the arguments above the mark."""
        self._stack.append(_Node(enumerate(self._pop_mark())))

    def _call(self, name: str, argument: object) -> None:
        """Push an object with its arguments."""
        values = [self._pop() for _ in range(_TAKEN_VALUES[name])]
        self._stack.append(_Node(("", value) for value in reversed(values) if isinstance(value, _Node)))


_TRUTH_VALUES: Final = {"NEWTRUE": True, "NEWFALSE": False}
# How many values a call takes from the stack.
_TAKEN_VALUES: Final = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3, "STACK_GLOBAL": 2, "BINPERSID": 1}
# Opcodes of constants, with the bytes of the length before them.
_LENGTHS: Final = {"BINBYTES": 4, "BINBYTES8": 8, "BYTEARRAY8": 8, "BINUNICODE": 4, "BINUNICODE8": 8, "BINSTRING": 4}
_Handler = Callable[[_Builder, str, object], None]
_HANDLERS: Final[dict[str, _Handler]] = {
    name: handle
    for names, handle in (
        ("INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT NONE NEWTRUE NEWFALSE", _Builder._push_constant),
        ("STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8", _Builder._push_constant),
        ("BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 NEXT_BUFFER", _Builder._push_constant),
        ("EMPTY_DICT EMPTY_LIST EMPTY_SET EMPTY_TUPLE GLOBAL PERSID EXT1 EXT2 EXT4", _Builder._push_node),
        ("MARK", _Builder._push_mark),
        ("PUT BINPUT LONG_BINPUT MEMOIZE", _Builder._write_memo),
        ("GET BINGET LONG_BINGET", _Builder._read_memo),
        ("DICT LIST TUPLE FROZENSET", _Builder._push_container),
        ("TUPLE1 TUPLE2 TUPLE3", _Builder._push_tuple),
        ("APPEND APPENDS SETITEM SETITEMS ADDITEMS", _Builder._add_items),
        ("REDUCE NEWOBJ NEWOBJ_EX STACK_GLOBAL BINPERSID", _Builder._call),
        ("INST OBJ", _Builder._call_with_mark),
        ("BUILD", _Builder._set_state),
        ("PROTO", _Builder._open_pickle),
        ("STOP", _Builder._close_pickle),
        ("POP POP_MARK", _Builder._drop),
        ("DUP", _Builder._push_again),
    )
    for name in names.split()
}


def read_values(window: Window, start: int, machine: Machine, tree: ValueTree) -> Unread | None:
    """Add the plain values of a program to ``tree``, if it has one on which a loader may act.

    Args:
        window: the bytes.
        start: offset of the program.
        machine: has executed the program.
        tree: gets the values.

    Returns:
        The absence that a bound leaves.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    end = machine.source.offset
    gaps = [(payload_start, numbers_end) for payload_start, _, numbers_end in machine.arrays.payloads]
    if not has_marks(window, start, end, sorted([*gaps, *machine.list_long_constants()])):
        return None
    error = _collect_values(window, start, end, gaps, tree)
    return None if error is None else Unread(UnreadReason.LIMIT, str(error), Location(offset=start))


def _collect_values(
    window: Window, start: int, end: int, gaps: Iterable[tuple[int, int]], tree: ValueTree
) -> LimitReachedError | None:
    """Add the plain values of a program to ``tree``; return the error if a bound left some of them out.

    Args:
        window: the bytes.
        start: offset of the program.
        end: offset behind the last opcode that the machine executed.
        gaps: (start, end) of the arrays between its opcodes.
        tree: gets the values.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    builder = _Builder(ProgramBytes(window, start, end), gaps)
    reached_limit = None
    try:
        roots = builder.run(end)
    except LimitReachedError as error:
        reached_limit, roots = error, builder.take_roots()
    for count, (path, value) in enumerate(_iterate_values(roots)):
        if count >= _MOST_VALUES:
            return LimitReachedError(f"only the first {_MOST_VALUES} plain values of the pickle were read", start)
        if isinstance(value, bytes | bytearray):
            value = _decode_text(bytes(value))
        if isinstance(value, str | bool | int | float) and (not isinstance(value, str) or len(value) <= LONGEST_TEXT):
            tree.add(path, value)
    return reached_limit


def _decode_text(data: bytes) -> str | None:
    """Return bytes that are text in UTF-8 without control characters; ``None`` for others."""
    if len(data) > LONGEST_TEXT or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _iterate_values(roots: Iterable[object]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield each single value below ``roots`` with the keys that lead to it; each container counts once."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[str, ...], object]] = [((), root) for root in reversed(list(roots))]
    while waiting:
        path, value = waiting.pop()
        if not isinstance(value, _Node):
            yield path, value
        elif id(value) not in seen and len(path) <= _MOST_DEPTH:
            seen.add(id(value))
            waiting += [(_extend_path(path, key), item) for key, item in reversed(value.items)]


def _extend_path(path: tuple[str, ...], key: object) -> tuple[str, ...]:
    """Return the path of an item; the state and the arguments of an object have no key of their own."""
    if key == "":
        return path
    step = key if isinstance(key, str) else str(key) if isinstance(key, int) else "…"
    return (*path, step[:200])
