"""Compute digests while readers read: every byte is hashed once, in the read that also serves the reader."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Event
from typing import Final, Protocol

from modelaudit.model.artifact import Artifact, Window, describe_change
from modelaudit.model.copies import replace
from modelaudit.model.digest import Digest, DigestAlgorithm, DigestState
from modelaudit.model.errors import WindowError
from modelaudit.model.structure import UnreadReason

_CHUNK: Final = 1 << 20


class Hasher(Protocol):
    """A digest under computation, as ``hashlib`` gives it."""

    def update(self, data: bytes, /) -> object:
        """Add the next bytes."""

    def hexdigest(self) -> str:
        """Return the digest in lower-case hexadecimal."""


_HASHERS: Final[Mapping[DigestAlgorithm, Callable[[int], Hasher]]] = {
    DigestAlgorithm.SHA256: lambda size: hashlib.sha256(),
    DigestAlgorithm.GIT_BLOB: lambda size: hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False),
    DigestAlgorithm.BLAKE2B: lambda size: hashlib.blake2b(),
    DigestAlgorithm.BLAKE3: lambda size: _make_blake3(),
}


def _make_blake3() -> Hasher:
    """Begin a BLAKE3 digest, with a package that only signatures with such digests need."""
    from blake3 import blake3

    hasher: Hasher = blake3()
    return hasher


def can_compute(algorithm: DigestAlgorithm) -> bool:
    """Whether the environment can compute a digest: BLAKE3 needs the package ``blake3``."""
    if algorithm is DigestAlgorithm.BLAKE3:
        try:
            _make_blake3()
        except ImportError:
            return False
    return True


def make_hasher(algorithm: DigestAlgorithm, size: int) -> Hasher:
    """Begin the digest of ``size`` bytes.

    The git blob id is the SHA-1 over ``blob <size>``, a zero byte and the bytes.
    """
    return _HASHERS[algorithm](size)


class Hashers:
    """The digests of one file under computation.

    Args:
        algorithms: those of them that can be computed are computed.
        size: of the file, in bytes.
    """

    def __init__(self, algorithms: Collection[DigestAlgorithm], size: int) -> None:
        needed = (each for each in DigestAlgorithm if each in algorithms and can_compute(each))
        self._hashers = {each: make_hasher(each, size) for each in needed}

    def update(self, data: bytes) -> None:
        """Add the next bytes of the file to each digest."""
        for hasher in self._hashers.values():
            hasher.update(data)

    def conclude(self) -> tuple[Digest, ...]:
        """Return the digests, in the order of ``DigestAlgorithm``."""
        return tuple(Digest(algorithm, hasher.hexdigest()) for algorithm, hasher in self._hashers.items())


class DigestingWindow:
    """A window that hashes the bytes it returns, and the remaining bytes on ``finish``.

    It computes the SHA-256 of the bytes, and each other digest that a claim needs.

    Args:
        window: the bytes.
        claimed: the digests that the source claims for them.
        known: digests of the same bytes that were computed before. If no claim needs another, nothing is hashed.
    """

    def __init__(self, window: Window, claimed: Sequence[Digest] = (), known: Sequence[Digest] = ()) -> None:
        self._window = window
        needed = {DigestAlgorithm.SHA256, *(digest.algorithm for digest in claimed)}
        known = tuple(digest for digest in known if digest.algorithm in needed)
        self._known = known if needed == {digest.algorithm for digest in known} else ()
        self._hashers = Hashers(needed, window.size)
        self._hashed = 0

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._window.size

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``; the bytes are hashed if they continue those hashed so far."""
        data = self._window.read(offset, length)
        # Digests need the bytes in order. Bytes behind a gap are read again when the gap is closed.
        if not self._known and offset <= self._hashed < offset + len(data):
            self._update(data[self._hashed - offset :])
        return data

    @property
    def remaining(self) -> int:
        """The number of bytes that ``finish`` has to read."""
        return 0 if self._known else max(0, self.size - self._hashed)

    def finish(self, stop: Event | None = None, count: Callable[[int], None] | None = None) -> tuple[Digest, ...]:
        """Hash the bytes that no reader requested, in order, and return the digests.

        Args:
            stop: ends the work early once it is set.
            count: called with the number of bytes that were hashed.

        Raises:
            WindowError: the bytes could not be read, or end before the stated size, or ``stop`` was set.
        """
        if self._known:
            return self._known
        while self._hashed < self.size:
            if stop is not None and stop.is_set():
                raise WindowError("the scan was stopped")
            data = self._window.read(self._hashed, min(_CHUNK, self.size - self._hashed))
            if not data:
                raise WindowError(f"the file ends at byte {self._hashed} of {self.size}", UnreadReason.CHANGED)
            self._update(data)
            if count is not None:
                count(len(data))
        return self._hashers.conclude()

    def _update(self, data: bytes) -> None:
        """Add the next bytes of the file to each digest."""
        self._hashers.update(data)
        self._hashed += len(data)


def compare_digests(claimed: Sequence[Digest], computed: Sequence[Digest]) -> DigestState:
    """Return the result of comparing digests of the same algorithms; one mismatch outweighs all matches."""
    if not computed:
        return DigestState.NOT_COMPUTED
    if not claimed:
        return DigestState.UNCLAIMED
    computed_values = {digest.algorithm: digest.value for digest in computed}
    comparable = [digest for digest in claimed if digest.algorithm in computed_values]
    if not comparable:
        return DigestState.NOT_COMPARED
    if any(computed_values[digest.algorithm] != digest.value for digest in comparable):
        return DigestState.MISMATCH
    is_strong = any(digest.algorithm.is_collision_resistant for digest in comparable)
    return DigestState.MATCH if is_strong else DigestState.MATCH_SHA1


def hash_artifact(artifact: Artifact) -> str | None:
    """Compute the SHA-256 of a file without reading it in any other way; ``None`` if its bytes cannot be read."""
    if artifact.open is None:
        return None
    try:
        return hash_bytes(replace(artifact, claims=()))[0].value
    except WindowError:
        return None


def hash_bytes(artifact: Artifact) -> tuple[Digest, ...]:
    """Compute the SHA-256 of a file that opens, and each other digest that a claim needs.

    Raises:
        WindowError: the bytes cannot be read, or changed meanwhile.
    """
    assert artifact.open is not None
    with artifact.open() as window:
        digests = DigestingWindow(window, artifact.claimed).finish()
        change = describe_change(window)
    if change:
        raise WindowError(change, UnreadReason.CHANGED)
    return digests
