"""The opcodes of plain data as regular expressions, which pass over millions of them at the speed of C.

Plain are constants, containers, tuples and the memo: what they leave on the stack can neither import nor call anything.
Sizes of constants are written before them, which a regular expression can only follow by naming every size; longer
constants are left to Python, which is then paid for by their length. All repetition is possessive: nothing is tried
twice, and a run costs time in proportion to its bytes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.pickle.nested import STARTS
from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB

CHUNK: Final = MIB
MARK: Final = ord("(")
STACK_GLOBAL: Final = 0x93
CLOSING: Final = frozenset(b"uteld\x90\x91")
"""What takes all values above the last mark."""

FRAME_REACH: Final = 128 * 1024
"""Frames that end within this many bytes are plain; of longer ones the machine has to see whether they lie."""

_SIZES: Final = 256
_FEW_SIZES: Final = 64
_SIZES_AT_ONCE: Final = 16
_NAMED_GROUP: Final = re.compile(rb"\(\?P<\w+>")
# Bytes that state the length of a constant, by opcode.
_PREFIXES: Final = {
    0x8C: 1, ord("X"): 4, 0x8D: 8, ord("C"): 1, ord("B"): 4, 0x8E: 8, ord("U"): 1, ord("T"): 4,
    0x8A: 1, 0x8B: 4, 0x96: 8,
}  # fmt: skip
# LONG_BINPUT as far as an entry costs a loader little; what is beyond has to be seen.
_MEMO_WRITE: Final = rb"\x94|q.|r..[\x00-\x2c]\x00"
_CONTAINER: Final = rb"[}\]\x8f](?:" + _MEMO_WRITE + rb")?+"
_FIXED: Final = rb"[N\x88\x89)\x85-\x87as]|K.|G.{8}|J.{4}|M.."
_FRAME: Final = rb"\x95..[\x00\x01]\x00{5}"


def _sized(opcode: bytes, padding: int, most: int, guard: bytes) -> bytes:
    """Constants of fewer than ``most`` bytes; ``padding`` zero bytes complete their length."""
    groups = []
    for first in range(0, most, _SIZES_AT_ONCE):
        sizes = range(first, min(first + _SIZES_AT_ONCE, most))
        each = b"|".join(re.escape(bytes((size,))) + rb"\x00" * padding + b".{%d}" % size for size in sizes)
        # Looked at first, so that a long constant is not compared with every shorter size.
        ahead = b"(?=[" + re.escape(bytes((sizes[0],))) + b"-" + re.escape(bytes((sizes[-1],))) + b"])"
        groups.append(ahead + b"(?:" + each + b")")
    return opcode + guard + b"(?:" + b"|".join(groups) + b")"


def _constants(guarded: bool) -> bytes:
    starts = _NAMED_GROUP.sub(b"(?:", STARTS.pattern)

    def guard(length: int) -> bytes:
        return b"(?!.{%d}(?:" % length + starts + b"))" if guarded else b""

    kinds = [
        _sized(rb"\x8c", 0, _SIZES, guard(1)),
        _sized(b"X", 3, _SIZES, guard(4)),
        _sized(b"C", 0, _FEW_SIZES, guard(1)),
        _sized(b"U", 0, _FEW_SIZES, guard(1)),
        _sized(rb"\x8a", 0, 9, b""),
    ]
    return b"|".join(kinds)


def _compile(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


_READ: Final = rb"h.|j.{4}"


class Patterns:
    """The expressions, each compiled when it is first needed; for small files none is.

    Where one asks for a group, the group is empty at the end of the bytes.
    """

    @functools.cached_property
    def run(self) -> re.Pattern[bytes]:
        """Plain opcodes that leave no mark open, containers nested three deep included."""
        plain = b"|".join((_MEMO_WRITE, _constants(guarded=True), _READ, _FIXED, _FRAME, _CONTAINER + rb"(?!\()"))
        level = b"(?:" + plain + b")*+"
        for _ in range(3):
            level = b"(?:" + plain + b"|(?:" + _CONTAINER + rb")?+\(" + level + rb"[uteld\x90\x91])*+"
        return _compile(level)

    @functools.cached_property
    def opening(self) -> re.Pattern[bytes]:
        """An empty container, if there is one, and the mark before what is put into it."""
        return _compile(b"(?:" + _CONTAINER + rb")?+\(")

    @functools.cached_property
    def tokens(self) -> re.Pattern[bytes]:
        """Opcodes one after the other, marks and their ends among them, whatever they nest."""
        return _compile(b"(?:" + b"|".join((_MEMO_WRITE, _READ, _rest(frames=True))) + b")*+")

    @functools.cached_property
    def frames(self) -> re.Pattern[bytes]:
        """Passes over what is no FRAME; the group is a FRAME."""
        return _compile(b"(?:" + b"|".join((_MEMO_WRITE, _READ, _rest())) + rb")*+(?:(\x95.{8})|\Z)")

    @functools.cached_property
    def writes(self) -> re.Pattern[bytes]:
        """Passes over what does not write to the memo; the group is a MEMOIZE or PUT."""
        return _compile(b"(?:" + _READ + b"|" + _rest(frames=True) + b")*+(?:(" + _MEMO_WRITE + rb")|\Z)")

    @functools.cached_property
    def reads(self) -> re.Pattern[bytes]:
        """Passes over what does not read the memo; the group is a GET."""
        return _compile(b"(?:" + _MEMO_WRITE + b"|" + _rest(frames=True) + b")*+(?:(" + _READ + rb")|\Z)")

    @functools.cached_property
    def names(self) -> re.Pattern[bytes]:
        """Two values that spell a name, and STACK_GLOBAL."""
        spelled = b"(?:" + _constants(guarded=False) + b"|" + _READ + b")(?:" + _MEMO_WRITE + b")?+"
        return _compile(spelled + spelled + rb"\x93")


def _rest(frames: bool = False) -> bytes:
    parts = (_constants(guarded=False), _FIXED, rb"[}\]\x8f(uteld\x90\x91]", rb"\x95.{8}")
    return b"|".join(parts if frames else parts[:-1])


@functools.cache
def patterns() -> Patterns:
    """The expressions of the process."""
    return Patterns()


def constant_at(data: bytes, position: int) -> tuple[int, int] | None:
    """Where the content of the constant begins whose opcode stands at ``position``, and its length in bytes.

    ``None`` where there is none, its length is cut off, or is negative.
    """
    prefix = _PREFIXES.get(data[position]) if position < len(data) else None
    if prefix is None or position + 1 + prefix > len(data):
        return None
    signed = data[position] in (ord("T"), 0x8B)
    length = int.from_bytes(data[position + 1 : position + 1 + prefix], "little", signed=signed)
    return (position + 1 + prefix, length) if length >= 0 else None


def tokens_between(window: Window, start: int, end: int) -> Iterator[bytes]:
    """The bytes of plain opcodes from ``start`` to ``end``, cut between opcodes; long constants are left out."""
    return (data for _, data in pieces_between(window, start, end))


def pieces_between(window: Window, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """As ``tokens_between``, each piece with its offset."""
    tokens = patterns().tokens
    position = start
    while position < end:
        data = window.read(position, min(CHUNK, end - position))
        stop = tokens.match(data).end()  # type: ignore[union-attr]
        if stop:
            yield position, data[:stop]
            position += stop
            continue
        constant = constant_at(data, 0)
        if constant is None:
            raise AssertionError(f"byte {position} was plain when it was passed over")
        position += sum(constant)


def number_of(opcode: bytes) -> int:
    """The memo index that a GET or PUT names, and the length that a FRAME does."""
    return int.from_bytes(opcode[1:], "little")
