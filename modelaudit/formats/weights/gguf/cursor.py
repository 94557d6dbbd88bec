"""Read numbers and texts of GGUF and GGML forward, through a block of the window that is held in memory."""

from __future__ import annotations

import struct

from modelaudit.formats.weights.gguf.types import VALUE_CODES, VALUE_WIDTHS
from modelaudit.languages.architectures.vocabulary import digest_tokens
from modelaudit.model.artifact import Window
from modelaudit.model.limits import MIB
from modelaudit.model.lineage import SEGMENT_TOKENS, VocabularyFact
from modelaudit.wire.cursor import BLOCK, Cursor
from modelaudit.wire.ledger import SHORT_NAME_BYTES

_MAX_SEGMENT_BYTES = 4 * MIB
"""A segment of a vocabulary takes some hundred kilobytes; a longer one is not read, and has no digest."""


class GgufCursor(Cursor):
    """A forward reader of numbers and texts.

    Attributes:
        is_wide: whether counts and lengths have 64 bits, as from version 2 on, or 32.
    """

    def __init__(self, window: Window, offset: int, order: str, is_wide: bool) -> None:
        """Start at ``offset``; ``order`` is the byte order as ``struct`` spells it, ``<`` or ``>``."""
        super().__init__(window, offset)
        self.is_wide = is_wide
        self._order = order
        self._u32 = struct.Struct(order + "I")
        self._u64 = struct.Struct(order + "Q")

    def read_u32(self, what: str) -> int:
        """Read an unsigned 32-bit number. Raises ``DamagedError`` at the end of the file."""
        index = self._consume_in_buffer(4, what)
        return int(self._u32.unpack_from(self._buffer, index)[0])

    def read_u64(self, what: str) -> int:
        """Read an unsigned 64-bit number. Raises ``DamagedError`` at the end of the file."""
        index = self._consume_in_buffer(8, what)
        return int(self._u64.unpack_from(self._buffer, index)[0])

    def read_length(self, what: str) -> int:
        """Read a count or length of 64 or 32 bits. Raises ``DamagedError`` at the end of the file."""
        return self.read_u64(what) if self.is_wide else self.read_u32(what)

    def read_value(self, kind: int, what: str) -> int | float:
        """Read a number of the value type ``kind``. Raises ``DamagedError`` at the end of the file."""
        index = self._consume_in_buffer(VALUE_WIDTHS[kind], what)
        number: int | float = struct.unpack_from(self._order + VALUE_CODES[kind], self._buffer, index)[0]
        return number

    def read_text(self, what: str, max_bytes: int) -> tuple[bytes, int, int]:
        """Read the first ``max_bytes`` bytes of a text, and skip the rest of it.

        Returns:
            The bytes read, the offset of the text and its whole length in bytes.

        Raises:
            DamagedError: the text is longer than the rest of the file.
            WindowError: the window could not return the requested bytes.
        """
        length = self.read_length(f"the length of {what}")
        start = self.offset
        self.require_bytes(length, what)
        count = min(length, max_bytes)
        # If the block in memory ends before the wanted bytes, they are read directly: they may be longer than a block.
        index = start - self._buffer_start
        is_in_block = index + count <= len(self._buffer)
        data = self._buffer[index : index + count] if is_in_block else self.window.read(start, count)
        self.offset = start + length
        if self.offset > self._buffer_start + len(self._buffer):
            self._buffer, self._buffer_start = b"", self.offset
        return data, start, length

    def hash_texts(self, count: int, what: str, key: str) -> VocabularyFact | None:
        """Skip ``count`` texts, and return their digests; ``None`` for a layout in which lengths are no 64-bit numbers.

        In the usual layout a segment of the file is what ``digest_tokens`` digests, so no text is cut out.

        Raises:
            DamagedError: the file ends before the last text.
            WindowError: the window could not return the requested bytes.
        """
        is_usual = self.is_wide and self._order == "<"
        segments: list[str] = []
        left = count
        while left and is_usual:
            start, size = self.offset, min(left, SEGMENT_TOKENS)
            self.skip_texts(size, what)
            left -= size
            is_hashed = size == SEGMENT_TOKENS or not segments
            if is_hashed and self.offset - start <= _MAX_SEGMENT_BYTES:
                segments.append(digest_tokens(self.window.read(start, self.offset - start)))
        self.skip_texts(left, what)
        return VocabularyFact(count, tuple(segments), key) if segments else None

    def skip_texts(self, count: int, what: str) -> None:
        """Skip ``count`` texts. Raises ``DamagedError`` at the end of the file.

        Vocabularies have hundreds of thousands of texts, so the inner loop steps through the block and calls no method.
        """
        length_width, unpack_length = (8, self._u64.unpack_from) if self.is_wide else (4, self._u32.unpack_from)
        while count:
            index = self.offset - self._buffer_start
            block = self._buffer
            last_index = len(block) - length_width
            long_text_bytes = length_width + SHORT_NAME_BYTES
            while count and index <= last_index:
                end = index + length_width + int(unpack_length(block, index)[0])
                if end > len(block):
                    break
                if end - index > long_text_bytes:
                    self._mark(self._buffer_start + index + length_width, self._buffer_start + end, is_data=True)
                index = end
                count -= 1
            self.offset = self._buffer_start + index
            # The next text reaches beyond the block, so ``read_text`` skips it and compares its length with the file.
            # If no block is in memory after that, the next one is read for the inner loop.
            if count:
                _, _, length = self.read_text(what, max_bytes=0)
                self.mark_data(length)
                count -= 1
                if not self._buffer:
                    self._read_block()

    def _read_block(self) -> None:
        """Read the block at the offset of the cursor into memory; an empty one at the end of the file."""
        self._buffer_start = self.offset
        self._buffer = self.window.read(self.offset, BLOCK) if self.offset < self.window.size else b""
