"""Compute digests while readers read: every byte is hashed once, in the read that also serves the reader."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from modelaudit.model.artifact import Digest, DigestAlgorithm, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.report import DigestState
from modelaudit.model.structure import UnreadReason

_CHUNK: Final = 1 << 20


class DigestingWindow:
    """A window that hashes the bytes it returns, and the remaining bytes on ``finish``.

    It computes two digests: the SHA-256 of the bytes, and the git blob id, which is the SHA-1 over ``blob <size>``, a
    zero byte and the bytes.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % window.size, usedforsecurity=False)
        self._hashed = 0

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._window.size

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``; the bytes are hashed if they continue those hashed so far."""
        data = self._window.read(offset, length)
        # Digests need the bytes in order. Bytes behind a gap are read again when the gap is closed.
        if offset <= self._hashed < offset + len(data):
            self._update(data[self._hashed - offset :])
        return data

    def finish(self) -> tuple[Digest, ...]:
        """Hash the bytes that no reader requested, in order, and return both digests.

        Raises:
            WindowError: the bytes could not be read, or end before the stated size.
        """
        while self._hashed < self.size:
            data = self._window.read(self._hashed, min(_CHUNK, self.size - self._hashed))
            if not data:
                raise WindowError(f"the file ends at byte {self._hashed} of {self.size}", UnreadReason.CHANGED)
            self._update(data)
        return (
            Digest(DigestAlgorithm.SHA256, self._sha256.hexdigest()),
            Digest(DigestAlgorithm.GIT_BLOB, self._git.hexdigest()),
        )

    def _update(self, data: bytes) -> None:
        """Add the next bytes of the file to both digests."""
        self._sha256.update(data)
        self._git.update(data)
        self._hashed += len(data)


def compare_digests(claimed: Sequence[Digest], computed: Sequence[Digest]) -> DigestState:
    """Return the result of comparing digests of the same algorithms; one mismatch outweighs all matches."""
    if not computed:
        return DigestState.NOT_COMPUTED
    computed_values = {digest.algorithm: digest.value for digest in computed}
    comparable = [digest for digest in claimed if digest.algorithm in computed_values]
    if not comparable:
        return DigestState.UNCLAIMED
    all_match = all(computed_values[digest.algorithm] == digest.value for digest in comparable)
    return DigestState.MATCH if all_match else DigestState.MISMATCH
