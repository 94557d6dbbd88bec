"""Keep the facts about small files, because the models that one process reads share many of them.

Structures are frozen and follow from the bytes, the path and the limits alone, so equal files have equal structures.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from functools import lru_cache
from itertools import count
from threading import Lock
from typing import Final

from msgspec import Struct

from modelaudit.catalogue.directory import find_rules_directory
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.reading import Structure
from modelaudit.model.report import ByteCounts
from modelaudit.model.structure import UnreadReason

_LARGEST_FILE: Final = 64 * KIB
_LARGEST_COST: Final = 256 * KIB
"""Bytes of a file and of its structures together."""
_MOST_COST: Final = 4 * MIB


class KeptReading(Struct, frozen=True):
    """The facts about one file, without absences: a file with one is read again each time.

    Attributes:
        structures: with their addresses.
        formats: with their addresses.
        byte_counts: the bytes of the file by class.
        cost: bytes of the file and of its structures, estimated.
    """

    structures: tuple[tuple[str, Structure], ...]
    formats: tuple[tuple[str, str], ...]
    byte_counts: ByteCounts | None
    cost: int


class KeptReadings:
    """The latest readings of small files, up to ``_MOST_COST`` bytes."""

    def __init__(self) -> None:
        self._readings: OrderedDict[Hashable, KeptReading] = OrderedDict()
        self._cost = 0
        self._lock = Lock()

    def find(self, key: Hashable | None) -> KeptReading | None:
        """Return the reading of an equal file; ``None`` if there is none."""
        with self._lock:
            kept = self._readings.get(key)
            if kept is not None:
                self._readings.move_to_end(key)
            return kept

    def drop_all(self) -> None:
        """Drop every reading, for a process in which readers change, such as a test."""
        with self._lock:
            self._readings.clear()
            self._cost = 0

    def keep(self, key: Hashable, reading: KeptReading) -> None:
        """Keep a reading, and drop those that were used longest ago beyond the bound."""
        if reading.cost > _LARGEST_COST:
            return
        with self._lock:
            replaced = self._readings.pop(key, None)
            self._cost += reading.cost - (replaced.cost if replaced is not None else 0)
            self._readings[key] = reading
            while self._cost > _MOST_COST:
                _, dropped = self._readings.popitem(last=False)
                self._cost -= dropped.cost


KEPT_READINGS: Final = KeptReadings()
"""The readings of this process."""


class HeldFile:
    """A window on the bytes of a small file, which were read once.

    Readers, the key of the reading and the digest need the same bytes. A file that changes meanwhile could otherwise
    leave the facts about other bytes for an equal file of another repository.

    Attributes:
        digest: the SHA-256 of the bytes.

    Args:
        data: the bytes.
        read_bytes: the maximum length of one read.
    """

    def __init__(self, data: bytes, read_bytes: int) -> None:
        self._data = data
        self._read_bytes = read_bytes
        self.digest = hashlib.sha256(data).hexdigest()

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``."""
        if length > self._read_bytes:
            raise WindowError(f"a read of {length} bytes exceeds the limit of {self._read_bytes}", UnreadReason.LIMIT)
        if offset < 0 or length < 0:
            raise WindowError(f"a read of {length} bytes at offset {offset} is invalid")
        return self._data[offset : offset + length]


def hold_small_file(artifact: Artifact, window: Window, limits: Limits) -> HeldFile | None:
    """Read a small file whole; return ``None`` if it is too large, empty or unreadable."""
    size = window.size
    if not 0 < size <= min(_LARGEST_FILE, limits.read_bytes) or artifact.obstacle is not None:
        return None
    try:
        return HeldFile(window.read(0, size), limits.read_bytes)
    except WindowError:
        return None  # the reading meets the same error, and reports it


def make_reading_key(artifact: Artifact, digest: str, limits: Limits, reader: str, *, is_terms_only: bool) -> Hashable:
    """Make the key that equal files read alike share.

    Args:
        artifact: the file.
        digest: its SHA-256.
        limits: bounds on reading.
        reader: the format of the only reader; empty if every reader that recognises the bytes reads them.
        is_terms_only: only terms are searched for.
    """
    place = artifact.path, artifact.content, artifact.may_be_program
    return (digest, place, _number_limits(limits), reader, is_terms_only, find_rules_directory())


_NUMBERS: Final = count()


@lru_cache(maxsize=64)
def _number_limits(limits: Limits) -> int:
    """Return the number of equal limits, because hashing all of them at each look-up takes longer than the rest."""
    return next(_NUMBERS)
