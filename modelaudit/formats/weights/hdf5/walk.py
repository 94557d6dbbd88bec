"""Every object that can be reached from the root group, each once, whatever its links lead to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.weights.hdf5.attributes import Attribute, attributes_of
from modelaudit.formats.weights.hdf5.datasets import Dataset
from modelaudit.formats.weights.hdf5.groups import HARD, Link, links_of, symbols_of
from modelaudit.formats.weights.hdf5.heaps import GlobalHeaps
from modelaudit.formats.weights.hdf5.objects import Message, messages_of
from modelaudit.formats.weights.hdf5.source import Source
from modelaudit.formats.weights.hdf5.superblock import Superblock
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.deadline import keep_time

_MOST_ATTRIBUTES: Final = 200_000
_MOST_DAMAGES: Final = 20
_PATH: Final = 300


@dataclass(slots=True)
class Stock:
    """What was found, filled object by object.

    Attributes:
        datasets: each with its path.
        attributes: each with the path of the object that has it.
        links: those that are not hard, each with its path.
        unread: what could not be read, bounded.
        messages: of what kinds the superblock's extension has messages.
    """

    datasets: list[tuple[str, Dataset]] = field(default_factory=list)
    attributes: list[tuple[str, Attribute]] = field(default_factory=list)
    links: list[tuple[str, Link]] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    objects: int = 0
    extension: set[int] = field(default_factory=set)
    damages: Counter[str] = field(default_factory=Counter)

    def miss(self, error: DamagedError, path: str) -> None:
        """Note that something could not be read."""
        self.damages["all"] += 1
        if self.damages["all"] <= _MOST_DAMAGES:
            reason = UnreadReason.LIMIT if isinstance(error, LimitReachedError) else UnreadReason.DAMAGED
            self.unread.append(Unread(reason, f"{path}: {error}", Location(offset=error.offset, key=path)))


class Walk:
    """Goes through a file object by object; damage to one leaves the others."""

    def __init__(self, superblock: Superblock, most: int) -> None:
        self.stock = Stock()
        self.source: Source = superblock.source
        self.heaps = GlobalHeaps(self.source)
        self._superblock = superblock
        self._most = most
        self._waiting: list[tuple[str, int]] = []
        self._seen: set[int] = set()

    def run(self) -> None:
        """Fill ``stock``.

        Raises:
            LimitReachedError: there is more than is gone through.
            WindowError: from the window.
        """
        self._extension()
        self._reach("/", self._superblock.root)
        if self._superblock.tables is not None:
            tree, heap = self._superblock.tables
            with self._guarded("/"):
                for link in symbols_of(self.source, tree, heap):
                    self._follow("/", link)
        while self._waiting:
            keep_time()
            path, address = self._waiting.pop()
            self.stock.objects += 1
            if self.stock.objects > self._most:
                raise LimitReachedError(f"only the first {self._most} objects were gone through")
            dataset = Dataset()
            with self._guarded(path):
                self._object(path, address, dataset)
            if dataset.layout is not None or dataset.elsewhere:
                self.stock.datasets.append((path, dataset))

    def _extension(self) -> None:
        address = self._superblock.extension
        if address is not None:
            with self._guarded("superblock"):
                self.stock.extension.update(message.type for message in messages_of(self.source, address))

    @contextmanager
    def _guarded(self, path: str) -> Iterator[None]:
        try:
            yield
        except LimitReachedError:
            raise
        except DamagedError as error:
            self.stock.miss(error, path)

    def _reach(self, path: str, address: int | None) -> None:
        if address is not None and address not in self._seen:
            self._seen.add(address)
            self._waiting.append((path[:_PATH], address))

    def _object(self, path: str, address: int, dataset: Dataset) -> None:
        for message in messages_of(self.source, address):
            with self._guarded(path):
                self._message(path, dataset, message)

    def _message(self, path: str, dataset: Dataset, message: Message) -> None:
        for link in links_of(self.source, message):
            self._follow(path, link)
        for attribute in attributes_of(self.source, message):
            if isinstance(attribute, DamagedError):
                self.stock.miss(attribute, path)
                continue
            if len(self.stock.attributes) >= _MOST_ATTRIBUTES:
                raise LimitReachedError(f"only the first {_MOST_ATTRIBUTES} attributes were read")
            self.stock.attributes.append((path, attribute))
        dataset.take_in(self.source, self.heaps, message)

    def _follow(self, path: str, link: Link) -> None:
        full = f"{path.rstrip('/')}/{link.name}"[:_PATH]
        if link.kind == HARD:
            self._reach(full, link.address)
        elif len(self.stock.links) < self._most:
            self.stock.links.append((full, link))
        else:
            raise LimitReachedError(f"only the first {self._most} links were kept")
