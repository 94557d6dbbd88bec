"""Keep the first items of a list, and report an absence if there are more.

The effect of an item beyond a bound on a loader is unknown. A reader that keeps a bounded number of names, files or
texts therefore takes them from ``keep_first``, ``keep_first_distinct`` or ``build_references``, counts them with a
``KeptItems``, or raises ``LimitReachedError`` itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from modelaudit.model.address import file_of
from modelaudit.model.outline import Mention, Reference, References
from modelaudit.model.pickle import PickleEvent
from modelaudit.model.reading import Reading, Structure
from modelaudit.model.structure import ArchiveListing, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError

_Item = TypeVar("_Item")
_LATEST_KEPT: Final = 100
# Estimated bytes of memory of an object; those of an event include its operand, its arguments and their offsets.
_OBJECT_MEMORY: Final = 250
_EVENT_MEMORY: Final = 600
_SMALL_MEMORY: Final = 120  # of a structure without its lists, and of a pair of texts
_TEXT_MEMORY: Final = 60


class KeptItems:
    """Counts the items that a reader keeps of one file, and the bytes of their texts, up to a bound on each."""

    __slots__ = ("_bytes_left", "_items_left", "_most_bytes", "_most_items", "_what")

    def __init__(self, what: str, most_items: int, most_bytes: int = 0) -> None:
        """Set the bounds; ``what`` is the items in the plural, for the absence: "objects"."""
        self._what = what
        self._most_items, self._items_left = most_items, most_items
        self._most_bytes, self._bytes_left = most_bytes, most_bytes

    def count(self, offset: int, text_bytes: int = 0) -> None:
        """Count an item of ``text_bytes`` at ``offset``. Raises ``LimitReachedError`` beyond a bound."""
        self._items_left -= 1
        self._bytes_left -= text_bytes
        if self._items_left < 0:
            raise LimitReachedError(f"it has more than {self._most_items} {self._what}", offset)
        if self._bytes_left < 0:
            raise LimitReachedError(
                f"the texts of its {self._what} take more than {self._most_bytes} bytes in all", offset
            )


class AbsenceLog(list[tuple[str, Unread]]):
    """The absences of one file and its members with their addresses: the first ones, and one that counts the others.

    An archive can have 100,000 members that no reader knows. The absence that counts has the reason ``LIMIT``, so that
    a policy that accepts the listed ones does not accept it by their formats.
    """

    def __init__(self, most: int) -> None:
        """Start an empty log that lists ``most`` absences."""
        super().__init__()
        self._most = most
        self._omitted = 0
        self._latest_omitted: deque[tuple[str, Unread]] = deque(maxlen=_LATEST_KEPT)

    def append(self, absence: tuple[str, Unread]) -> None:
        """List an absence, or count it beyond the bound."""
        if len(self) < self._most:
            super().append(absence)
            return
        self._omitted += 1
        self._latest_omitted.append(absence)
        detail = f"{self._omitted} further absences of its parts are not listed"
        self[self._most :] = [(file_of(absence[0]), Unread(UnreadReason.LIMIT, detail))]

    def list_since(self, length: int) -> list[tuple[str, Unread]]:
        """Return the absences since the log had ``length`` entries; beyond the bound, the latest ones."""
        return [*self[length:], *self._latest_omitted]


class StructureLog(list[tuple[str, Structure]]):
    """The structures of one file and its members with their addresses, and an estimate of the memory that they take.

    Each file has bounds of its own, but an archive can have thousands of members that come close to them.
    """

    def __init__(self, most_bytes: int) -> None:
        """Start an empty log; ``most_bytes`` is the memory after which no further member is read."""
        super().__init__()
        self._most_bytes = most_bytes
        self._memory = 0

    @property
    def memory(self) -> int:
        """The estimated bytes of memory of the structures."""
        return self._memory

    def append(self, structure: tuple[str, Structure]) -> None:
        """Keep a structure, and count its memory."""
        super().append(structure)
        self._memory += _estimate_memory(structure[1])

    def check_memory(self) -> None:
        """Raise ``LimitReachedError`` if the structures take too much memory for those of a further member."""
        if self._memory > self._most_bytes:
            raise LimitReachedError(
                f"the facts about its first members take more than {self._most_bytes} bytes of memory; "
                "the other members were not read"
            )


def _estimate_memory(structure: Structure) -> int:
    """Estimate the bytes of memory of a structure by its lists, but for a listing, whose members have a bound."""
    if isinstance(structure, ArchiveListing):
        return 0
    values = (getattr(structure, name) for name in structure.__struct_fields__)
    return _SMALL_MEMORY + sum(_estimate_item(item) for value in values if isinstance(value, tuple) for item in value)


def _estimate_item(item: object) -> int:
    """Estimate the bytes of memory of one item of a structure."""
    match item:
        case str():
            return _TEXT_MEMORY + len(item)
        case Mention():
            return _OBJECT_MEMORY + len(item.name) + len(item.detail)
        case PickleEvent():
            return _EVENT_MEMORY
        case tuple():
            return _SMALL_MEMORY
        case _:
            return _OBJECT_MEMORY


def keep_first(items: Iterable[_Item], bound: int, what: str) -> tuple[tuple[_Item, ...], tuple[Unread, ...]]:
    """Return the first ``bound`` items, and one absence if there are more.

    Args:
        items: in the order of the file.
        bound: how many are kept.
        what: the items in the plural, for the absence: "references".
    """
    remaining = iter(items)
    kept = tuple(islice(remaining, bound))
    has_more = next(remaining, None) is not None
    return kept, (report_bound(bound, what),) if has_more else ()


def keep_first_distinct(items: Iterable[_Item], bound: int, what: str) -> tuple[tuple[_Item, ...], tuple[Unread, ...]]:
    """Return the first ``bound`` different items, and one absence if there are more; see ``keep_first``.

    No more than ``bound`` items are in memory at once.
    """
    kept: dict[_Item, None] = {}
    for item in items:
        if item in kept:
            continue
        if len(kept) == bound:
            return tuple(kept), (report_bound(bound, what),)
        kept[item] = None
    return tuple(kept), ()


def report_bound(bound: int, what: str) -> Unread:
    """Return the absence of the items beyond ``bound``; ``what`` is the items in the plural."""
    return Unread(UnreadReason.LIMIT, f"only the first {bound} {what} were read")


def build_references(format_: str, references: Iterable[Reference], bound: int) -> Iterator[Reading]:
    """Yield the first ``bound`` distinct references, if there are any, and an absence if there are more."""
    kept, beyond = keep_first_distinct(references, bound, "references to other files")
    if kept:
        yield References(format_, kept)
    yield from beyond
