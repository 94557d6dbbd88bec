"""Read the files of an OCDBT store, where Orbax keeps checkpoints: a manifest, B-tree nodes, and chunks of arrays.

A manifest or node has a magic number, a length, a version, a compression, the content and a checksum. Chunks are stored
in data files without a header; the nodes hold their offsets. Nothing in a store makes a loader run code.
Source: https://google.github.io/tensorstore/kvstore/ocdbt/index.html (storage format)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.checksums import compute_crc32c
from modelaudit.wire.ledger import claim_data

_RECORD_KINDS: Final = {
    b"\x0c\xdb\x3a\x2a": "manifest",
    b"\x0c\xdb\x20\xde": "node of a tree",
    b"\x0c\xdb\x12\x34": "node of versions",
}
# Magic number (4 bytes), length (8 bytes) and version (1 byte).
_HEADER_BYTES: Final = 13
_CHECKSUM_BYTES: Final = 4
_MAX_VERIFIED_BYTES: Final = 16 * MIB
"""The largest record whose checksum is verified, which takes some seconds. Records of Orbax have some hundred bytes."""
# A path such as ``model/d/0123456789abcdef0123456789abcdef``, also of a member of such a file.
_DATA_PATH: Final = defer_pattern(r"(?:\A|/)d/[0-9a-f]{32}(?:![^!]*)*\Z")


def recognises(head: Head) -> bool:
    """Whether the bytes begin with the magic number of a record."""
    return head.content is None and head.data[:4] in _RECORD_KINDS


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the kind of the first record, and an absence if it does not match its checksum.

    Raises:
        DamagedError: the record is truncated.
        LimitReachedError: no time is left.
        WindowError: the window could not return the requested bytes.
    """
    header = window.read(0, _HEADER_BYTES)
    kind = _RECORD_KINDS[header[:4]]
    length = int.from_bytes(header[4:12], "little")
    yield Outline("ocdbt", (), (("kind", kind), ("bytes", str(length))))
    if not _HEADER_BYTES + _CHECKSUM_BYTES <= length <= window.size:
        raise DamagedError(f"the {kind} states an invalid length of {length} bytes in a file of {window.size}", 4)
    # Loaders read the content only as keys and arrays.
    claim_data(window, 0, length)
    yield from _verify_checksum(window, kind, length)


def _verify_checksum(window: Window, kind: str, length: int) -> Iterator[Unread]:
    """Yield an absence if the last four bytes of a record are not the CRC-32C of the bytes before, or are too far."""
    if length > _MAX_VERIFIED_BYTES:
        detail = f"the checksum of the {kind} of {length} bytes was not verified, as it has over {_MAX_VERIFIED_BYTES}"
        yield Unread(UnreadReason.LIMIT, detail)
        return
    record = window.read(0, length)
    if compute_crc32c(record[:-_CHECKSUM_BYTES]) != int.from_bytes(record[-_CHECKSUM_BYTES:], "little"):
        detail = f"the {kind} at byte 0 does not match its CRC-32C, so TensorStore refuses it"
        yield Unread(UnreadReason.DAMAGED, detail, Location(offset=0))


def recognises_data(head: Head) -> bool:
    """Whether the path is that of a data file, which has no header: ``d/`` and 32 hexadecimal digits."""
    return head.content is None and _DATA_PATH.search(head.path) is not None


def read_data(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline with the size of the file. The chunks are not read: no number makes a loader run code."""
    claim_data(window)
    yield Outline("ocdbt", (), (("kind", "chunks of arrays"), ("bytes", str(window.size))))
