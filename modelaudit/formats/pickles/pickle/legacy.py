"""The numbers behind the five pickles of torch's layout before zip: each storage with its length before it.

The fifth pickle lists the keys of the storages; then, for each in that order, a number of elements as eight bytes and
the elements follow. Source: ``torch/serialization.py`` (``_legacy_load``) and ``torch/csrc/serialization.cpp``
(``THPStorage_readFileRaw``).
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.model.artifact import Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.torch import StorageClaim
from modelaudit.wire.base import DamagedError
from modelaudit.wire.windows import read_whole

_COUNT: Final = struct.Struct("<q")
_LARGEST_LIST: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Trailer:
    """What stands behind the pickles.

    Attributes:
        claims: the storages as the pickle claims them, with the bytes that are there.
        size: bytes of all that was followed.
        end: where it ends; what stands behind belongs to no storage.
        unread: why the rest was not followed, if it was not.
    """

    claims: tuple[StorageClaim, ...]
    size: int
    end: int
    unread: Unread | None = None


def follow(window: Window, keys: Window, start: int, claims: Sequence[StorageClaim], limits: Limits) -> Trailer:
    """Follow the storages from ``start``, whose keys the pickle in ``keys`` lists; damage is told, not raised."""
    walk = _Walk(window, start, {claim.key: claim for claim in claims})
    unread: Unread | None = None
    try:
        walk.follow(_keys(keys, limits))
    except DamagedError as error:
        unread = Unread(UnreadReason.DAMAGED, str(error), Location(offset=error.offset))
    except WindowError as error:
        unread = Unread(error.reason, str(error), Location(offset=walk.position))
    end = walk.position if unread is None else window.size
    return Trailer(tuple(walk.known.values()), end - start, end, unread)


class _Walk:
    """The storages one after the other; ``known`` gains for each the bytes that are there."""

    def __init__(self, window: Window, start: int, known: dict[str, StorageClaim]) -> None:
        self.window = window
        self.position = start
        self.known = known

    def follow(self, listed: Sequence[str]) -> None:
        """Take the storages with these keys.

        Raises:
            DamagedError: they break off, or are not those that the pickle refers to.
            WindowError: from the window.
        """
        if len(listed) != len(self.known) or set(listed) != self.known.keys():
            detail = f"the pickles refer to {len(self.known)} storages and list {len(listed)}, which are not the same"
            raise DamagedError(detail, self.position)
        for key in listed:
            self._take(key)

    def _take(self, key: str) -> None:
        claim = self.known[key]
        stated = self.window.read(self.position, _COUNT.size)
        if len(stated) < _COUNT.size:
            raise DamagedError(f"the storages break off before storage {key!r}", self.position)
        if claim.item_size is None:
            raise DamagedError(f"storage {key!r} is of a type whose elements have no known size", self.position)
        left = self.window.size - self.position - _COUNT.size
        size = _COUNT.unpack(stated)[0] * claim.item_size
        if not 0 <= size <= left:
            raise DamagedError(f"storage {key!r} takes {size} bytes where {left} are left", self.position)
        self.known[key] = replace(claim, stored=size)
        self.position += _COUNT.size + size


def _keys(window: Window, limits: Limits) -> list[str]:
    """The texts of a pickle that holds nothing but a list of them; none where it cannot be followed.

    Raises:
        WindowError: it is larger than is read at once, or from the window.
    """
    data = read_whole(window, min(_LARGEST_LIST, limits.document_bytes))
    try:
        return [argument for _, argument, _ in pickletools.genops(data) if isinstance(argument, str)]
    except ValueError:
        return []
