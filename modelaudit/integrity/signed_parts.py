"""Read files for a signature: the beginning of a bundle, and a file by the ranges of bytes that are signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.integrity.digests import make_hasher
from modelaudit.integrity.signed_manifest import SignedPart
from modelaudit.model.artifact import Artifact, Window, describe_change
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import WindowError
from modelaudit.model.structure import UnreadReason

_CHUNK: Final = 1 << 20


def read_start(artifact: Artifact, most: int) -> bytes:
    """Read the beginning of a file, of at most so many bytes. Raises ``WindowError``."""
    assert artifact.open is not None
    with artifact.open() as window:
        return b"".join(read_range(window, 0, min(window.size, most)))


def hash_parts(artifact: Artifact, parts: Sequence[SignedPart], algorithm: DigestAlgorithm) -> tuple[str, list[str]]:
    """Hash a file as a whole and by its parts, in one pass.

    Returns:
        The SHA-256 of the whole file, and each range that differs from the signed one.

    Raises:
        WindowError: it cannot be read, or changed meanwhile.
    """
    assert artifact.open is not None
    whole = make_hasher(DigestAlgorithm.SHA256, artifact.size)
    differing: list[str] = []
    with artifact.open() as window:
        end = parts[-1].end or 0
        if window.size != end:
            differing.append(f"its {end:,} bytes, and it has {window.size:,}")
        for part in parts:
            stop = min(part.end or 0, window.size)
            hasher = make_hasher(algorithm, stop - part.start)
            for data in read_range(window, part.start, stop):
                hasher.update(data)
                whole.update(data)
            if hasher.hexdigest() != part.value:
                differing.append(f"bytes {part.start:,} to {part.end:,}")
        change = describe_change(window)
    if change:
        raise WindowError(change, UnreadReason.CHANGED)
    return whole.hexdigest(), differing


def read_range(window: Window, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes of a range in order. Raises ``WindowError``."""
    while start < stop:
        data = window.read(start, min(_CHUNK, stop - start))
        if not data:
            raise WindowError(f"the file ends at byte {start}", UnreadReason.CHANGED)
        yield data
        start += len(data)
