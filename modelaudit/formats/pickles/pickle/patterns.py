"""Regular expressions for the opcodes of plain data, which skip millions of them at the speed of C.

Opcodes are plain if they push constants, build containers and tuples, or use the memo: the values that they leave can
neither import nor call anything. A constant has its length before it, and a regular expression can only follow that by
an alternative for every length. It covers the short lengths; Python skips longer constants, where a step is cheap
compared with their bytes. All repetition is possessive, so that nothing is tried twice and the time is linear.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.pickles.pickle.nested import CONTENT_STARTS
from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB

CHUNK: Final = MIB
MARK: Final = ord("(")
STACK_GLOBAL: Final = 0x93
CLOSING: Final = frozenset(b"uteld\x90\x91")
"""Opcodes that take all values above the last mark."""

FRAME_REACH: Final = 128 * 1024
"""Frames that end within this many bytes are plain; the machine checks longer ones against the end of the file."""

_SIZES: Final = 256
_FEW_SIZES: Final = 64
_SIZES_AT_ONCE: Final = 16
_NAMED_GROUP: Final = re.compile(rb"\(\?P<\w+>")
# Bytes of the length prefix of a constant, by opcode.
_PREFIXES: Final = {
    0x8C: 1, ord("X"): 4, 0x8D: 8, ord("C"): 1, ord("B"): 4, 0x8E: 8, ord("U"): 1, ord("T"): 4,
    0x8A: 1, 0x8B: 4, 0x96: 8,
}  # fmt: skip
# LONG_BINPUT with an index up to 0x2cffff; a higher one makes a loader reserve much memory, so the machine must see it.
_MEMO_WRITE: Final = rb"\x94|q.|r..[\x00-\x2c]\x00"
_CONTAINER: Final = rb"[}\]\x8f](?:" + _MEMO_WRITE + rb")?+"
_FIXED: Final = rb"[N\x88\x89)\x85-\x87as]|K.|G.{8}|J.{4}|M.."
_FRAME: Final = rb"\x95..[\x00\x01]\x00{5}"


def _match_sized(opcode: bytes, padding: int, most: int, guard: bytes) -> bytes:
    """Return a pattern for constants of fewer than ``most`` bytes; ``padding`` zero bytes complete their length."""
    groups = []
    for first in range(0, most, _SIZES_AT_ONCE):
        sizes = range(first, min(first + _SIZES_AT_ONCE, most))
        each = b"|".join(re.escape(bytes((size,))) + rb"\x00" * padding + b".{%d}" % size for size in sizes)
        # A lookahead on the length, so that a constant is not compared with the sizes of every group.
        ahead = b"(?=[" + re.escape(bytes((sizes[0],))) + b"-" + re.escape(bytes((sizes[-1],))) + b"])"
        groups.append(ahead + b"(?:" + each + b")")
    return opcode + guard + b"(?:" + b"|".join(groups) + b")"


def _match_constants(guarded: bool) -> bytes:
    """Return a pattern for short constants; if ``guarded``, for none that begins like a file of its own."""
    starts = _NAMED_GROUP.sub(b"(?:", CONTENT_STARTS.pattern)

    def guard(length: int) -> bytes:
        return b"(?!.{%d}(?:" % length + starts + b"))" if guarded else b""

    kinds = [
        _match_sized(rb"\x8c", 0, _SIZES, guard(1)),
        _match_sized(b"X", 3, _SIZES, guard(4)),
        _match_sized(b"C", 0, _FEW_SIZES, guard(1)),
        _match_sized(b"U", 0, _FEW_SIZES, guard(1)),
        _match_sized(rb"\x8a", 0, 9, b""),
    ]
    return b"|".join(kinds)


def _compile(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


_READ: Final = rb"h.|j.{4}"


class Patterns:
    """The expressions, each compiled when it is first needed; small files need none.

    Those with a group also match the empty rest at the end of the bytes, and the group is ``None`` there.
    """

    @functools.cached_property
    def run(self) -> re.Pattern[bytes]:
        """Match plain opcodes that leave no mark open, with containers nested up to three deep."""
        plain = b"|".join((_MEMO_WRITE, _match_constants(guarded=True), _READ, _FIXED, _FRAME, _CONTAINER + rb"(?!\()"))
        level = b"(?:" + plain + b")*+"
        for _ in range(3):
            level = b"(?:" + plain + b"|(?:" + _CONTAINER + rb")?+\(" + level + rb"[uteld\x90\x91])*+"
        return _compile(level)

    @functools.cached_property
    def opening(self) -> re.Pattern[bytes]:
        """Match a mark, and the empty container before it, if there is one."""
        return _compile(b"(?:" + _CONTAINER + rb")?+\(")

    @functools.cached_property
    def tokens(self) -> re.Pattern[bytes]:
        """Match plain opcodes one after the other, marks and closing opcodes included, however they nest."""
        return _compile(b"(?:" + b"|".join((_MEMO_WRITE, _READ, _match_rest(frames=True))) + b")*+")

    @functools.cached_property
    def frames(self) -> re.Pattern[bytes]:
        """Skip all opcodes up to a FRAME, which is the group."""
        return _compile(b"(?:" + b"|".join((_MEMO_WRITE, _READ, _match_rest())) + rb")*+(?:(\x95.{8})|\Z)")

    @functools.cached_property
    def writes(self) -> re.Pattern[bytes]:
        """Skip all opcodes that do not write to the memo; the group is a MEMOIZE or PUT."""
        return _compile(b"(?:" + _READ + b"|" + _match_rest(frames=True) + b")*+(?:(" + _MEMO_WRITE + rb")|\Z)")

    @functools.cached_property
    def reads(self) -> re.Pattern[bytes]:
        """Skip all opcodes that do not read the memo; the group is a GET."""
        return _compile(b"(?:" + _MEMO_WRITE + b"|" + _match_rest(frames=True) + b")*+(?:(" + _READ + rb")|\Z)")

    @functools.cached_property
    def names(self) -> re.Pattern[bytes]:
        """Match two constants or GETs, the module and the name, and STACK_GLOBAL."""
        spelled = b"(?:" + _match_constants(guarded=False) + b"|" + _READ + b")(?:" + _MEMO_WRITE + b")?+"
        return _compile(spelled + spelled + rb"\x93")


def _match_rest(frames: bool = False) -> bytes:
    """Return a pattern for the plain opcodes that do not use the memo."""
    parts = (_match_constants(guarded=False), _FIXED, rb"[}\]\x8f(uteld\x90\x91]", rb"\x95.{8}")
    return b"|".join(parts if frames else parts[:-1])


@functools.cache
def patterns() -> Patterns:
    """Return the expressions, which the whole process shares."""
    return Patterns()


def locate_constant(data: bytes, position: int) -> tuple[int, int] | None:
    """Return where the content of the constant with its opcode at ``position`` begins, and its length in bytes.

    ``None`` where no constant begins there, or its length is cut off or negative.
    """
    prefix = _PREFIXES.get(data[position]) if position < len(data) else None
    if prefix is None or position + 1 + prefix > len(data):
        return None
    signed = data[position] in (ord("T"), 0x8B)
    length = int.from_bytes(data[position + 1 : position + 1 + prefix], "little", signed=signed)
    return (position + 1 + prefix, length) if length >= 0 else None


def iterate_pieces(window: Window, start: int, end: int) -> Iterator[bytes]:
    """Yield the plain opcodes from ``start`` to ``end`` in pieces of whole opcodes, without long constants."""
    return (data for _, data in iterate_pieces_with_offsets(window, start, end))


def iterate_pieces_with_offsets(window: Window, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """As ``iterate_pieces``, with the offset of each piece."""
    tokens = patterns().tokens
    position = start
    while position < end:
        data = window.read(position, min(CHUNK, end - position))
        stop = tokens.match(data).end()  # type: ignore[union-attr]
        if stop:
            yield position, data[:stop]
            position += stop
            continue
        constant = locate_constant(data, 0)
        if constant is None:
            raise AssertionError(f"the opcode at {position} was plain when it was skipped")
        position += sum(constant)


def decode_index(opcode: bytes) -> int:
    """Return the memo index in a GET or PUT, or the length in a FRAME."""
    return int.from_bytes(opcode[1:], "little")
