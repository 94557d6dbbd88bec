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
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB

CHUNK: Final = MIB
"""Bytes that are read and matched at once."""

MARK: Final = ord("(")
STACK_GLOBAL: Final = 0x93
CLOSING: Final = frozenset(b"uteld\x90\x91")
"""Opcodes that take all values above the last mark."""

FRAME_REACH: Final = 128 * 1024
"""Frames that end within this many bytes are plain; the machine checks longer ones against the end of the file."""

# Constants of fewer bytes than these are matched: text, which is frequent, and bytes.
_TEXT_SIZES: Final = 256
_BYTES_SIZES: Final = 64
_SIZES_AT_ONCE: Final = 16  # alternatives behind one lookahead
_NAMED_GROUP: Final = defer_pattern(rb"\(\?P<\w+>")
# Bytes of the length prefix of a constant, by opcode.
_PREFIXES: Final = {
    0x8C: 1, ord("X"): 4, 0x8D: 8, ord("C"): 1, ord("B"): 4, 0x8E: 8, ord("U"): 1, ord("T"): 4,
    0x8A: 1, 0x8B: 4, 0x96: 8,
}  # fmt: skip
# MEMOIZE, BINPUT, or LONG_BINPUT with an index up to 0x2cffff; a higher one makes a loader reserve much memory, so the
# machine must see it.
_MEMO_WRITE: Final = rb"\x94|q.|r..[\x00-\x2c]\x00"
# BINGET or LONG_BINGET.
_MEMO_READ: Final = rb"h.|j.{4}"
# EMPTY_DICT, EMPTY_LIST or EMPTY_SET, and the opcode that writes it to the memo.
_CONTAINER: Final = rb"[}\]\x8f](?:" + _MEMO_WRITE + rb")?+"
# MARK, and the empty container before it.
_OPENING: Final = rb"(?:" + _CONTAINER + rb")?+\("
# NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE, TUPLE1 to TUPLE3, APPEND, SETITEM; BININT1, BINFLOAT, BININT, BININT2.
_FIXED: Final = rb"[N\x88\x89)\x85-\x87as]|K.|G.{8}|J.{4}|M.."
# FRAME with a length below FRAME_REACH, in eight bytes with the lowest first.
_FRAME: Final = rb"\x95..[\x00\x01]\x00{5}"


def _build_sized_pattern(opcode: bytes, padding: int, size_end: int, guard: bytes) -> bytes:
    r"""Return a pattern for the constants of one opcode, with an alternative for each length: ``C(?:\x02.{2}|...)``.

    Args:
        opcode: the opcode as a pattern.
        padding: number of zero bytes that follow the first byte of the length.
        size_end: constants of fewer bytes than this are matched.
        guard: a pattern without width that is put before the length.
    """
    groups = []
    for first in range(0, size_end, _SIZES_AT_ONCE):
        sizes = range(first, min(first + _SIZES_AT_ONCE, size_end))
        alternatives = []
        for size in sizes:
            length = re.escape(bytes((size,))) + rb"\x00" * padding
            alternatives.append(length + b".{%d}" % size)
        # A lookahead on the length, so that a constant is not compared with the sizes of every group.
        smallest, largest = re.escape(bytes((sizes[0],))), re.escape(bytes((sizes[-1],)))
        lookahead = b"(?=[" + smallest + b"-" + largest + b"])"
        groups.append(lookahead + b"(?:" + b"|".join(alternatives) + b")")
    return opcode + guard + b"(?:" + b"|".join(groups) + b")"


def _build_constants_pattern(guarded: bool) -> bytes:
    """Return a pattern for short constants; if ``guarded``, except those that begin like a file."""
    # The names of groups would occur several times in the result, which ``re`` refuses.
    file_starts = _NAMED_GROUP.sub(b"(?:", CONTENT_STARTS.pattern)

    def build_guard(prefix_length: int) -> bytes:
        """Return a lookahead that refuses a file behind a length of so many bytes; empty unless ``guarded``."""
        return b"(?!.{%d}(?:" % prefix_length + file_starts + b"))" if guarded else b""

    kinds = [
        _build_sized_pattern(rb"\x8c", 0, _TEXT_SIZES, build_guard(1)),  # SHORT_BINUNICODE
        _build_sized_pattern(b"X", 3, _TEXT_SIZES, build_guard(4)),  # BINUNICODE
        _build_sized_pattern(b"C", 0, _BYTES_SIZES, build_guard(1)),  # SHORT_BINBYTES
        _build_sized_pattern(b"U", 0, _BYTES_SIZES, build_guard(1)),  # SHORT_BINSTRING
        _build_sized_pattern(rb"\x8a", 0, 9, b""),  # LONG1
    ]
    return b"|".join(kinds)


def _compile(pattern: bytes) -> re.Pattern[bytes]:
    """Compile a pattern whose dot matches any byte."""
    return re.compile(pattern, re.DOTALL)


def _build_memoless_pattern(with_frames: bool = False) -> bytes:
    """Return a pattern for the plain opcodes that do not use the memo, and for FRAME if ``with_frames``."""
    containers_and_marks = rb"[}\]\x8f(uteld\x90\x91]"
    parts = [_build_constants_pattern(guarded=False), _FIXED, containers_and_marks]
    if with_frames:
        parts.append(rb"\x95.{8}")
    return b"|".join(parts)


class Patterns:
    """The regular expressions for runs of opcodes, each compiled when it is first needed; small files need none.

    Those with a group skip opcodes up to the one in the group. At the end of the bytes they match without the group.
    """

    @functools.cached_property
    def plain_run(self) -> re.Pattern[bytes]:
        """A run of plain opcodes that leave no mark open, with containers nested up to three deep."""
        constants = _build_constants_pattern(guarded=True)
        # An empty container with a mark belongs to ``marked``, or to ``opening`` where the nesting is deeper.
        container_without_mark = _CONTAINER + rb"(?!\()"
        plain = b"|".join((_MEMO_WRITE, constants, _MEMO_READ, _FIXED, _FRAME, container_without_mark))
        level = b"(?:" + plain + b")*+"
        for _ in range(3):
            # A mark, the opcodes of the level below, and one of the opcodes in CLOSING.
            marked = b"(?:" + _CONTAINER + rb")?+\(" + level + rb"[uteld\x90\x91]"
            level = b"(?:" + plain + b"|" + marked + b")*+"
        return _compile(level)

    @functools.cached_property
    def opening(self) -> re.Pattern[bytes]:
        """A mark, and the empty container before it, if there is one."""
        return _compile(_OPENING)

    @functools.cached_property
    def deep_openings(self) -> re.Pattern[bytes]:
        """Marks that ``plain_run`` cannot match, because three further marks follow each of them at once."""
        return _compile(b"(?:" + _OPENING + b"(?=" + _OPENING * 3 + b"))++")

    @functools.cached_property
    def tokens(self) -> re.Pattern[bytes]:
        """Plain opcodes one after the other, marks and closing opcodes included, however they nest."""
        opcodes = b"|".join((_MEMO_WRITE, _MEMO_READ, _build_memoless_pattern(with_frames=True)))
        return _compile(b"(?:" + opcodes + b")*+")

    @functools.cached_property
    def frames(self) -> re.Pattern[bytes]:
        """Skip all opcodes up to a FRAME, which is the group."""
        others = b"|".join((_MEMO_WRITE, _MEMO_READ, _build_memoless_pattern()))
        return _compile(b"(?:" + others + rb")*+(?:(\x95.{8})|\Z)")

    @functools.cached_property
    def writes(self) -> re.Pattern[bytes]:
        """Skip all opcodes that do not write to the memo; the group is a MEMOIZE or PUT."""
        others = _MEMO_READ + b"|" + _build_memoless_pattern(with_frames=True)
        return _compile(b"(?:" + others + b")*+(?:(" + _MEMO_WRITE + rb")|\Z)")

    @functools.cached_property
    def reads(self) -> re.Pattern[bytes]:
        """Skip all opcodes that do not read the memo; the group is a GET."""
        others = _MEMO_WRITE + b"|" + _build_memoless_pattern(with_frames=True)
        return _compile(b"(?:" + others + b")*+(?:(" + _MEMO_READ + rb")|\Z)")

    @functools.cached_property
    def names(self) -> re.Pattern[bytes]:
        """Two constants or GETs, the module and the name, and STACK_GLOBAL."""
        constant = b"(?:" + _build_constants_pattern(guarded=False) + b"|" + _MEMO_READ + b")"
        memoized_constant = constant + b"(?:" + _MEMO_WRITE + b")?+"
        return _compile(memoized_constant + memoized_constant + rb"\x93")


@functools.cache
def patterns() -> Patterns:
    """Return the expressions, which the whole process shares."""
    return Patterns()


def locate_constant(data: bytes, position: int) -> tuple[int, int] | None:
    """Return where the content of the constant with its opcode at ``position`` begins, and its length in bytes.

    Returns ``None`` where no constant begins there, or its length is truncated or negative.
    """
    prefix_length = _PREFIXES.get(data[position]) if position < len(data) else None
    if prefix_length is None or position + 1 + prefix_length > len(data):
        return None
    has_signed_length = data[position] in (ord("T"), 0x8B)  # BINSTRING and LONG4
    content_start = position + 1 + prefix_length
    length = int.from_bytes(data[position + 1 : content_start], "little", signed=has_signed_length)
    return (content_start, length) if length >= 0 else None


def iterate_pieces(window: Window, start: int, end: int) -> Iterator[bytes]:
    """Yield the plain opcodes from ``start`` to ``end`` in pieces of whole opcodes; long constants are left out."""
    return (data for _, data in iterate_pieces_with_offsets(window, start, end))


def iterate_pieces_with_offsets(window: Window, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of the pieces that ``iterate_pieces`` yields: plain opcodes, without long constants."""
    tokens = patterns().tokens
    position = start
    while position < end:
        data = window.read(position, min(CHUNK, end - position))
        stop = tokens.match(data).end()  # type: ignore[union-attr]
        if stop:
            yield position, data[:stop]
            position += stop
            continue
        # No short opcode matches here, so this is a long constant.
        constant = locate_constant(data, 0)
        if constant is None:
            raise AssertionError(f"the opcode at {position} was plain when it was skipped")
        content_start, length = constant
        position += content_start + length


def decode_index(opcode: bytes) -> int:
    """Return the memo index in a GET or PUT, or the length in a FRAME."""
    return int.from_bytes(opcode[1:], "little")
