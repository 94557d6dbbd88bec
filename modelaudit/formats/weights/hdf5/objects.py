"""Parse object headers, versions 1 and 2: lists of messages that describe a group, a dataset or a named type.

Source: HDF5 File Format Specification 3.0, IV.A.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.formats.weights.hdf5.bodies import claim_body
from modelaudit.formats.weights.hdf5.checksums import CHECKSUM_BYTES
from modelaudit.formats.weights.hdf5.source import Piece, StructureSource
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.ledger import claim_parsed

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

SHARED: Final = 0x02
"""The flag of a message whose body only refers to a message that is stored elsewhere."""
_IN_HEAP: Final = 1
"""The kind of a reference to a message that is stored in the heap of shared messages (IV.A.2, version 3)."""
_MAX_MESSAGES: Final = 100_000
_MAX_BLOCKS: Final = 10_000


class Message(Struct, frozen=True):
    """One message of an object header. ``offset`` is that of its body in the artifact, in bytes."""

    type: int
    flags: int
    body: bytes
    offset: int

    @property
    def is_shared(self) -> bool:
        """Whether the body only refers to a message that is stored elsewhere."""
        return bool(self.flags & SHARED)


def read_messages(source: StructureSource, address: int) -> Iterator[Message]:
    """Yield the messages of the object header at ``address`` and of its continuation blocks.

    Raises:
        DamagedError: there is no header, or it contradicts itself.
        LimitReachedError: it has more than 100,000 messages, or more than 10,000 continuations.
        WindowError: the window could not return the requested bytes.
    """
    # ``has_order`` is ``None`` for version 1 of the header; for version 2, whether messages have a creation order.
    has_order: bool | None = None
    if source.read_piece(address, 4).take(4) == b"OHDR":
        block, size, has_order = _parse_new_header(source, address)
        _claim_checksum(source, address, block + size, "an object header")
    else:
        block, size = _parse_old_header(source, address)
    waiting: deque[tuple[int, int]] = deque([(block, size)])
    seen_blocks = {block}
    message_count = 0
    while waiting:
        start, length = waiting.popleft()
        block_piece = source.read_piece(start, length)
        for message in _read_block(source, block_piece, has_order):
            source.spend()
            message_count += 1
            if message_count > _MAX_MESSAGES:
                raise LimitReachedError(f"an object has more than {_MAX_MESSAGES} messages", message.offset)
            if message.type != _CONTINUATION:
                claim_body(source, message.type, message.flags, Piece(message.body, message.offset, source.widths))
                yield message
                continue
            body = Piece(message.body, message.offset, source.widths)
            next_block, next_size = body.take_address(), body.take_length()
            source.claim(body)
            # Without this check, a continuation that names an earlier block would make the loop endless.
            if next_block is None or next_block in seen_blocks:
                raise DamagedError(
                    "a continuation of an object header has no address or leads to an earlier one", message.offset
                )
            if len(seen_blocks) > _MAX_BLOCKS:
                raise LimitReachedError(f"an object header has more than {_MAX_BLOCKS} continuations", message.offset)
            seen_blocks.add(next_block)
            if has_order is not None:
                signature = source.read_piece(next_block, 4)
                signature.expect_signature(b"OCHK", "continuation of an object header")
                source.claim(signature)
                checksum = next_block + next_size - CHECKSUM_BYTES
                _claim_checksum(source, next_block, checksum, "a continuation of an object header")
                # The signature precedes the messages, a checksum of four bytes follows them.
                next_block, next_size = next_block + 4, next_size - 8
            waiting.append((next_block, next_size))


def _parse_old_header(source: StructureSource, address: int) -> tuple[int, int]:
    """Parse an object header of version 1. Return the address and the size in bytes of its first block of messages."""
    piece = source.read_piece(address, 16)
    version = piece.take_number(1)
    if version != 1:
        raise DamagedError("no object header is at the address where one must be", source.base_address + address)
    # A reserved byte, the number of messages, and the number of references to the object.
    piece.skip(7)
    first_block_bytes = piece.take_number(4)
    # Four bytes of padding before the messages are part of the header.
    piece.skip(4)
    source.claim(piece)
    return address + 16, first_block_bytes


def _parse_new_header(source: StructureSource, address: int) -> tuple[int, int, bool]:
    """Parse an object header of version 2.

    Returns:
        The address and the size in bytes of its first block, and whether its messages have a creation order.
    """
    piece = source.read_piece(address, 34, short=True)
    piece.skip(4)
    if piece.take_number(1) != 2:
        raise DamagedError("an object header has an unknown version", source.base_address + address)
    # The flags state which fields follow: four times, two bounds on attributes, and the width of the size.
    flags = piece.take_number(1)
    times_bytes = 16 if flags & 0x20 else 0
    bounds_bytes = 4 if flags & 0x10 else 0
    piece.skip(times_bytes + bounds_bytes)
    size = piece.take_number(1 << (flags & 3))
    has_order = bool(flags & 4)
    source.claim(piece)
    return address + piece.position, size, has_order


def _claim_checksum(source: StructureSource, block: int, checksum: int, what: str) -> None:
    """Claim and verify the checksum at the address ``checksum``, which ends the structure at the address ``block``."""
    claim_parsed(source.window, source.base_address + checksum, source.base_address + checksum + CHECKSUM_BYTES)
    source.verify_checksum(block, checksum + CHECKSUM_BYTES - block, what)


def _read_block(source: StructureSource, piece: Piece, has_order: bool | None) -> Iterator[Message]:
    """Yield the messages of one block, and claim their heads.

    Args:
        source: the structures of the file.
        piece: the block, without its signature.
        has_order: ``None`` for version 1; for version 2, whether messages have a creation order.
    """
    # After type, size and flags, version 1 has three reserved bytes, and version 2 the creation order if there is one.
    type_width, skipped_bytes = (2, 3) if has_order is None else (1, 2 if has_order else 0)
    header_bytes = type_width + 2 + 1 + skipped_bytes
    while piece.left >= header_bytes:
        type_ = piece.take_number(type_width)
        size = piece.take_number(2)
        flags = piece.take_number(1)
        piece.skip(skipped_bytes)
        offset = piece.offset + piece.position
        claim_parsed(source.window, offset - header_bytes, offset)
        yield Message(type_, flags, piece.take(size), offset)


def resolve_message(source: StructureSource, message: Message) -> Message:
    """Return the message itself, or if it is only a reference, the message of another object that it refers to.

    Raises:
        DamagedError: the other message is missing, or in the heap of shared messages, which is not read.
        WindowError: the window could not return the requested bytes.
    """
    if not message.is_shared:
        return message
    return _read_shared_message(source, message.type, Piece(message.body, message.offset, source.widths))


def _read_shared_message(source: StructureSource, type_: int, piece: Piece) -> Message:
    """Return the message of the type ``type_`` in the object that the reference in ``piece`` addresses.

    Raises:
        DamagedError: the other message is missing, or in the heap of shared messages, which is not read.
    """
    version, kind = piece.take_number(1), piece.take_number(1)
    if version == 1:
        piece.skip(6)  # reserved
    elif version == 3 and kind == _IN_HEAP:
        raise DamagedError("a message is in the heap of shared messages, which is not read", piece.offset)
    address = piece.take_address()
    source.claim(piece)
    if address is not None:
        for other in read_messages(source, address):
            # Do not follow a chain of shared messages, which could be a loop.
            if other.type == type_ and not other.is_shared:
                return other
    raise DamagedError("a shared message is not at its stated place", piece.offset)


def read_shared_body(source: StructureSource, type_: int, body: bytes, offset: int) -> bytes:
    """Return the body of a datatype or dataspace that an attribute shares with another object.

    Args:
        source: the structures of the file.
        type_: the message type, ``DATATYPE`` or ``DATASPACE``.
        body: the reference to the message.
        offset: of the reference in the artifact, in bytes.

    Raises:
        DamagedError: the other message is missing, or in the heap of shared messages, which is not read.
        WindowError: the window could not return the requested bytes.
    """
    return _read_shared_message(source, type_, Piece(body, offset, source.widths)).body
