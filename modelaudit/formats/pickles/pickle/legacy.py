"""Locate the storages behind the five pickles of torch's layout before zip.

The fifth pickle lists the keys of the storages. For each key, in this order, eight bytes with the number of elements
follow, and then the elements. Source: ``torch/serialization.py`` (``_legacy_load``) and
``torch/csrc/serialization.cpp`` (``THPStorage_readFileRaw``).
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import Window
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.torch import StorageClaim
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.windows import read_all_bytes

_COUNT_LAYOUT: Final = struct.Struct("<q")  # the number of elements before those of each storage
_LARGEST_LIST: Final = 64 * 1024 * 1024  # bytes of the pickle that lists the keys


class LegacyStorages(Struct, frozen=True):
    """The storages behind the pickles.

    Attributes:
        claims: the claims of the pickle, with the bytes that the file holds for each.
        size: bytes of all storages, with the eight bytes before each.
        end: offset of the byte after the last storage; the bytes from there belong to no storage.
        unread: why the rest was not read; ``None`` if all was.
    """

    claims: tuple[StorageClaim, ...]
    size: int
    end: int
    unread: Unread | None = None


def locate_storages(
    window: Window, keys: Window, start: int, claims: Sequence[StorageClaim], limits: Limits
) -> LegacyStorages:
    """Locate the storages of torch's layout before zip. They follow each other in the order of their keys.

    Damage and unreadable bytes do not raise; the result carries them as ``unread``.

    Args:
        window: the file.
        keys: the bytes of the pickle that lists the keys.
        start: offset of the first storage.
        claims: what the pickle of the objects states about each storage.
        limits: the bound on the size of the list.
    """
    locator = _StorageLocator(window, start, {claim.key: claim for claim in claims})
    unread: Unread | None = None
    try:
        # One more key than there are storages shows that the two differ, so no further one is kept.
        locator.locate_all(_read_keys(keys, limits, len(claims) + 1))
    except LimitReachedError as reached:
        unread = Unread(UnreadReason.LIMIT, str(reached), Location(offset=locator.position))
    except DamagedError as error:
        unread = Unread(UnreadReason.DAMAGED, str(error), Location(offset=error.offset))
    except WindowError as error:
        unread = Unread(error.reason, str(error), Location(offset=locator.position))
    # After damage, any byte may belong to a storage.
    end = locator.position if unread is None else window.size
    return LegacyStorages(tuple(locator.storages.values()), end - start, end, unread)


class _StorageLocator:
    """Steps from storage to storage and completes the ``claims`` with the bytes that the file holds for each."""

    def __init__(self, window: Window, start: int, claims: dict[str, StorageClaim]) -> None:
        self.window = window
        self.position = start
        self.storages = claims

    def locate_all(self, keys: Sequence[str]) -> None:
        """Locate the storages with these keys, in their order.

        Raises:
            DamagedError: the file ends before they do, the keys differ from those that the pickle refers to, or the
                element size of a storage is unknown.
            WindowError: the window could not return the requested bytes.
        """
        if len(keys) != len(self.storages) or set(keys) != self.storages.keys():
            detail = (
                f"the pickles refer to {len(self.storages)} storages, and the {len(keys)} keys that they list first "
                "are not those of these storages"
            )
            raise DamagedError(detail, self.position)
        for key in keys:
            self._locate_storage(key)

    def _locate_storage(self, key: str) -> None:
        """Read the size of the storage at ``position``, record it, and move to the next storage."""
        storage = self.storages[key]
        count_bytes = self.window.read(self.position, _COUNT_LAYOUT.size)
        if len(count_bytes) < _COUNT_LAYOUT.size:
            raise DamagedError(f"the file ends before storage {key!r}", self.position)
        if storage.item_size is None:
            raise DamagedError(f"storage {key!r} has a type whose element size is unknown", self.position)
        (count,) = _COUNT_LAYOUT.unpack(count_bytes)
        size = count * storage.item_size
        bytes_left = self.window.size - self.position - _COUNT_LAYOUT.size
        if not 0 <= size <= bytes_left:
            raise DamagedError(f"storage {key!r} takes {size} bytes where {bytes_left} are left", self.position)
        self.storages[key] = replace(storage, stored_size=size)
        numbers_start = self.position + _COUNT_LAYOUT.size
        claim_parsed(self.window, self.position, numbers_start)
        claim_data(self.window, numbers_start, numbers_start + size)
        self.position += _COUNT_LAYOUT.size + size


def _read_keys(window: Window, limits: Limits, most: int) -> list[str]:
    """Return the first ``most`` texts in the pickle that lists the keys; an empty list where its opcodes are damaged.

    Raises:
        LimitReachedError: the time for the artifact is over.
        WindowError: the pickle is larger than is read at once, or the window could not return the requested bytes.
    """
    data = read_all_bytes(window, min(_LARGEST_LIST, limits.document_bytes))
    try:
        opcodes = iterate_within_deadline(pickletools.genops(data))
        return list(islice((argument for _, argument, _ in opcodes if isinstance(argument, str)), most))
    except ValueError:
        return []
