"""Parse object headers, versions 1 and 2: lists of messages that describe a group, a dataset or a named type.

Source: HDF5 File Format Specification 3.0, IV.A.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError, LimitReachedError

DATASPACE: Final = 0x01
LINK_INFO: Final = 0x02
DATATYPE: Final = 0x03
LINK: Final = 0x06
EXTERNAL: Final = 0x07
LAYOUT: Final = 0x08
FILTERS: Final = 0x0B
ATTRIBUTE: Final = 0x0C
SHARED_TABLE: Final = 0x0F
_CONTINUATION: Final = 0x10
SYMBOL_TABLE: Final = 0x11
DRIVER: Final = 0x14
ATTRIBUTE_INFO: Final = 0x15

_SHARED: Final = 0x02
_IN_HEAP: Final = 1
_MAX_MESSAGES: Final = 100_000
_MAX_BLOCKS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an object header. ``offset`` is that of its body in the artifact, in bytes."""

    type: int
    flags: int
    body: bytes
    offset: int

    @property
    def is_shared(self) -> bool:
        """Whether the body is only a reference to the message."""
        return bool(self.flags & _SHARED)


def read_messages(source: StructureSource, address: int) -> Iterator[Message]:
    """Yield the messages of the object header at ``address`` and of its continuation blocks.

    Raises:
        DamagedError: there is no header, or it contradicts itself.
        LimitReachedError: it has more than 100,000 messages.
        WindowError: the window could not return the requested bytes.
    """
    if source.read_piece(address, 4).take(4) == b"OHDR":
        block, size, order = _parse_new_header(source, address)
    else:
        block, size = _parse_old_header(source, address)
        order = None
    waiting: deque[tuple[int, int]] = deque([(block, size)])
    seen = {block}
    count = 0
    while waiting:
        start, length = waiting.popleft()
        for message in _read_block(source.read_piece(start, length), order):
            source.spend()
            count += 1
            if count > _MAX_MESSAGES:
                raise LimitReachedError(f"an object has more than {_MAX_MESSAGES} messages", message.offset)
            if message.type != _CONTINUATION:
                yield message
                continue
            where = Piece(message.body, message.offset, source.sizes)
            next_, more = where.take_address(), where.take_length()
            # A continuation may name a block that was read before. Without this check the loop would never end.
            if next_ is None or next_ in seen or len(seen) > _MAX_BLOCKS:
                raise DamagedError("the continuations of an object header form a loop", message.offset)
            seen.add(next_)
            if order is not None:
                source.read_piece(next_, 4).expect_signature(b"OCHK", "continuation of an object header")
                next_, more = next_ + 4, more - 8
            waiting.append((next_, more))


def _parse_old_header(source: StructureSource, address: int) -> tuple[int, int]:
    piece = source.read_piece(address, 16)
    version = piece.take_number(1)
    if version != 1:
        raise DamagedError("there is no object header at an address that names one", source.base + address)
    piece.skip(7)
    return address + 16, piece.take_number(4)


def _parse_new_header(source: StructureSource, address: int) -> tuple[int, int, bool]:
    piece = source.read_piece(address, 34, short=True)
    piece.skip(4)
    if piece.take_number(1) != 2:
        raise DamagedError("an object header has an unknown version", source.base + address)
    flags = piece.take_number(1)
    piece.skip((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
    size = piece.take_number(1 << (flags & 3))
    return address + piece.position, size, bool(flags & 4)


def _read_block(piece: Piece, order: bool | None) -> Iterator[Message]:
    """Yield the messages of one block.

    Args:
        piece: the block, without its signature.
        order: ``None`` for version 1; for version 2, whether messages have a creation order.
    """
    head = 8 if order is None else 6 if order else 4
    while piece.left >= head:
        type_ = piece.take_number(2 if order is None else 1)
        size = piece.take_number(2)
        flags = piece.take_number(1)
        piece.skip(3 if order is None else 2 if order else 0)
        offset = piece.offset + piece.position
        yield Message(type_, flags, piece.take(size), offset)


def resolve_message(source: StructureSource, message: Message) -> Message:
    """Return the message, or the one of another object that it refers to.

    Raises:
        DamagedError: the other message is missing, or in the heap of shared messages, which is not read.
        WindowError: the window could not return the requested bytes.
    """
    if not message.is_shared:
        return message
    return _read_shared_message(source, message.type, Piece(message.body, message.offset, source.sizes))


def _read_shared_message(source: StructureSource, type_: int, piece: Piece) -> Message:
    version, kind = piece.take_number(1), piece.take_number(1)
    if version == 1:
        piece.skip(6)
    elif version == 3 and kind == _IN_HEAP:
        raise DamagedError("a message is in the heap of shared messages, which is not read", piece.offset)
    address = piece.take_address()
    if address is not None:
        for other in read_messages(source, address):
            # Do not follow a chain of shared messages, which could be a loop.
            if other.type == type_ and not other.is_shared:
                return other
    raise DamagedError("a shared message is not at its stated place", piece.offset)


def read_shared_body(source: StructureSource, type_: int, body: bytes, offset: int) -> bytes:
    """Return the body of a message that an attribute shares with another object.

    Raises:
        DamagedError: the other message is missing, or in the heap of shared messages, which is not read.
        WindowError: the window could not return the requested bytes.
    """
    return _read_shared_message(source, type_, Piece(body, offset, source.sizes)).body
