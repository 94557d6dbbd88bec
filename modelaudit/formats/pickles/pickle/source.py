"""The bytes that a pickle machine executes, read from a window in chunks."""

from __future__ import annotations

from collections import deque
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.wire.base import DamagedError

CONSTANT_KEPT: Final = 4096
"""Bytes that are kept of one constant or line; the rest is skipped without reading it."""

LONGEST_FIXED_OPCODE: Final = 16
"""No opcode with an argument of fixed length is longer, in bytes: handlers read those without asking for more."""

_CHUNK: Final = 1 << 18  # bytes that are read at once
_OFFSETS_KEPT: Final = 8  # of the last opcodes


class ByteSource:
    """A cursor over the bytes of a window, for one program.

    Handlers of frequent opcodes read ``buffer`` and move ``position`` themselves: a call per opcode would double the
    time that a large pickle takes.

    Attributes:
        window: where the bytes come from.
        size: bytes in the window.
        base: offset in the window of the first byte of ``buffer``.
        buffer: the chunk at hand.
        position: index into ``buffer`` of the next byte.
        opcode_position: index into ``buffer`` of the opcode that is being executed; negative once the chunk that held
            it has been left.
        trail: offsets of the last opcodes, for the listing of an event.
    """

    __slots__ = ("base", "buffer", "opcode_position", "position", "size", "trail", "window")

    def __init__(self, window: Window, start: int) -> None:
        self.window = window
        self.size = window.size
        self.base = start
        self.buffer = b""
        self.position = 0
        self.opcode_position = 0
        self.trail: deque[int] = deque(maxlen=_OFFSETS_KEPT)

    @property
    def offset(self) -> int:
        """Offset in the window of the next byte."""
        return self.base + self.position

    @property
    def opcode_offset(self) -> int:
        """Offset in the window of the opcode that is being executed."""
        return self.base + self.opcode_position

    def refill(self) -> None:
        """Read the chunk that begins at the next byte.

        Raises:
            DamagedError: no bytes are left.
            WindowError: the window could not return the requested bytes.
        """
        self.base += self.position
        self.position = 0
        self.buffer = self.window.read(self.base, min(_CHUNK, max(0, self.size - self.base)))
        if not self.buffer:
            raise DamagedError("the pickle ends without its STOP opcode", self.base)

    def read_bytes(self, length: int) -> bytes:
        """Read ``length`` bytes, which must fit in one chunk.

        Raises:
            DamagedError: fewer are left.
        """
        position = self.position
        data = self.buffer[position : position + length]
        if len(data) != length:
            start = self.base + position
            data = self.window.read(start, min(length, max(0, self.size - start)))
            if len(data) < length:
                self._refuse_length(length)
        self.position = position + length
        return data

    def read_constant(self, length: int) -> tuple[bytes, bool]:
        """Read a constant of ``length`` bytes; return its first ``CONSTANT_KEPT`` bytes, and whether these are all.

        Raises:
            DamagedError: fewer bytes are left.
        """
        position = self.position
        if length <= CONSTANT_KEPT and position + length <= len(self.buffer):
            self.position = position + length
            return self.buffer[position : position + length], True
        if self.offset + length > self.size:
            self._refuse_length(length)
        kept = self.read_bytes(min(length, CONSTANT_KEPT))
        self.position += length - len(kept)
        if self.position > len(self.buffer):
            # The constant ends beyond the chunk, so the next opcode starts a new one.
            self.skip_to(self.offset)
        return kept, length <= CONSTANT_KEPT

    def read_line(self) -> tuple[bytes, bool, bool] | None:
        """Read up to the next newline.

        Returns:
            The first bytes of the line without the newline, whether these are all, and whether there is a newline.
            ``None`` where no byte is left.
        """
        # Mostly the line ends in the buffer.
        end = self.buffer.find(b"\n", self.position)
        if end >= 0 and end - self.position <= CONSTANT_KEPT:
            line = self.buffer[self.position : end]
            self.position = end + 1
            return line, True, True
        # ``offset`` moves to the byte after the newline, or to the end of the file.
        start = offset = self.offset
        is_ended = False
        while offset < self.size and not is_ended:
            chunk = self.window.read(offset, min(_CHUNK, self.size - offset))
            if not chunk:
                is_ended = True  # the next read reports that the window ends early
                break
            newline = chunk.find(b"\n")
            is_ended = newline >= 0
            offset += newline + 1 if is_ended else len(chunk)
        length = offset - start
        if length == 0:
            return None
        if length - 1 > CONSTANT_KEPT:
            return (*self.read_constant(length), is_ended)
        # The unpickler in Python drops the last byte even where that is not a newline; joblib and dill build on it.
        return self.read_bytes(length)[:-1], True, is_ended

    def skip_to(self, offset: int) -> None:
        """Continue at ``offset``, which is not before the next byte, with an empty buffer."""
        # The offset of the current opcode stays the same, so its index becomes negative.
        self.opcode_position = self.opcode_offset - offset
        self.base, self.position, self.buffer = offset, 0, b""

    def _refuse_length(self, length: int) -> None:
        """Raise ``DamagedError``: an opcode asks for more bytes than are left."""
        bytes_left = max(0, self.size - self.offset)
        raise DamagedError(f"an opcode asks for {length} bytes where {bytes_left} are left", self.opcode_offset)
