"""Visit every object that the root group reaches, each once, and gather datasets, attributes and links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.weights.hdf5.attributes import Attribute, read_attributes
from modelaudit.formats.weights.hdf5.datasets import Dataset
from modelaudit.formats.weights.hdf5.groups import HARD, Link, read_links, read_symbol_links
from modelaudit.formats.weights.hdf5.heaps import GlobalHeaps
from modelaudit.formats.weights.hdf5.objects import Message, read_messages
from modelaudit.formats.weights.hdf5.source import StructureSource
from modelaudit.formats.weights.hdf5.storage import claim_attribute_values, claim_elements
from modelaudit.formats.weights.hdf5.superblock import Superblock
from modelaudit.model.copies import replace
from modelaudit.model.limits import MIB
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.bounds import KeptItems
from modelaudit.wire.deadline import check_deadline

_MAX_ATTRIBUTES: Final = 200_000
_MAX_DAMAGES: Final = 20
_MAX_PATH_LENGTH: Final = 300
_MAX_LINK_CHARACTERS: Final = 16 * MIB  # of all paths and targets of links
LONGEST_TARGET: Final = 1000
"""Characters of the target of a link that are kept; the format allows 64 KiB."""


class FoundObjects(Struct):
    """The parts of a file, completed object by object.

    Attributes:
        datasets: each with its path.
        attributes: each with the path of its object.
        links: soft, external and application-defined links, each with its path.
        unread: parts that could not be read, at most twenty.
        object_count: the number of objects visited.
        extension_types: the types of the messages in the extension of the superblock.
        damage_count: the number of damaged parts, also of those beyond the twenty.
    """

    datasets: list[tuple[str, Dataset]] = field(default_factory=list)
    attributes: list[tuple[str, Attribute]] = field(default_factory=list)
    links: list[tuple[str, Link]] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    object_count: int = 0
    extension_types: set[int] = field(default_factory=set)
    damage_count: int = 0

    def record_damage(self, error: DamagedError, path: str) -> None:
        """Count a part that could not be read, and add an absence for it if it is among the first twenty."""
        self.damage_count += 1
        if self.damage_count <= _MAX_DAMAGES:
            reason = UnreadReason.LIMIT if isinstance(error, LimitReachedError) else UnreadReason.DAMAGED
            self.unread.append(Unread(reason, f"{path}: {error}", Location(offset=error.offset, key=path)))


class ObjectWalker:
    """A traversal of the objects of a file. Damage to one object does not prevent reading the others."""

    def __init__(self, superblock: Superblock, max_objects: int) -> None:
        self.found = FoundObjects()
        self.source: StructureSource = superblock.source
        self.heaps = GlobalHeaps(self.source)
        self._superblock = superblock
        self._max_objects = max_objects
        self._kept_links = KeptItems("soft and external links", max_objects, _MAX_LINK_CHARACTERS)
        self._waiting: list[tuple[str, int]] = []
        self._seen: set[int] = set()

    def run(self) -> None:
        """Visit all objects and fill ``found``.

        Raises:
            LimitReachedError: there are too many objects, attributes or links.
            WindowError: the window could not return the requested bytes.
        """
        self._read_extension()
        self._queue_object("/", self._superblock.root)
        if self._superblock.tables is not None:
            tree, heap = self._superblock.tables
            with self._record_damage("/"):
                for link in read_symbol_links(self.source, tree, heap):
                    self._follow_link("/", link)
        while self._waiting:
            check_deadline()
            path, address = self._waiting.pop()
            self.found.object_count += 1
            if self.found.object_count > self._max_objects:
                raise LimitReachedError(f"only the first {self._max_objects} objects were read")
            dataset = Dataset()
            with self._record_damage(path):
                self._read_object(path, address, dataset)
            if dataset.layout is not None or dataset.external_files:
                self.found.datasets.append((path, dataset))
                with self._record_damage(path):
                    claim_elements(self.source, self.heaps, dataset)

    def _read_extension(self) -> None:
        """Record the types of the messages in the extension of the superblock."""
        address = self._superblock.extension
        if address is not None:
            with self._record_damage("superblock"):
                self.found.extension_types.update(message.type for message in read_messages(self.source, address))

    @contextmanager
    def _record_damage(self, path: str) -> Iterator[None]:
        """Record the damage that the ``with`` block raises as one of the object at ``path``, and go on."""
        try:
            yield
        except LimitReachedError:
            # A subclass of ``DamagedError``, but a bound holds for the whole file.
            raise
        except DamagedError as error:
            self.found.record_damage(error, path)

    def _queue_object(self, path: str, address: int | None) -> None:
        """Queue the object with the header at ``address`` for a visit, unless it was queued before."""
        if address is not None and address not in self._seen:
            self._seen.add(address)
            self._waiting.append((path[:_MAX_PATH_LENGTH], address))

    def _read_object(self, path: str, address: int, dataset: Dataset) -> None:
        """Read the messages in the header at ``address``; those that describe a dataset complete ``dataset``."""
        for message in read_messages(self.source, address):
            with self._record_damage(path):
                self._read_message(path, dataset, message)

    def _read_message(self, path: str, dataset: Dataset, message: Message) -> None:
        """Follow the links, record the attributes, and complete the dataset from one message."""
        for link in read_links(self.source, message):
            self._follow_link(path, link)
        for attribute in read_attributes(self.source, message):
            if isinstance(attribute, DamagedError):
                self.found.record_damage(attribute, path)
                continue
            if len(self.found.attributes) >= _MAX_ATTRIBUTES:
                raise LimitReachedError(f"only the first {_MAX_ATTRIBUTES} attributes were read")
            self.found.attributes.append((path, attribute))
            claim_attribute_values(self.source, self.heaps, attribute)
        dataset.record_message(self.source, self.heaps, message)

    def _follow_link(self, path: str, link: Link) -> None:
        """Queue the object of a hard link, or record a link of another kind; ``path`` is the path of the group."""
        link_path = f"{path.rstrip('/')}/{link.name}"[:_MAX_PATH_LENGTH]
        if link.kind == HARD:
            self._queue_object(link_path, link.address)
        else:
            # The path ends with the name.
            link = replace(link, name="", target=link.target[:LONGEST_TARGET])
            self._kept_links.count(link.offset, len(link_path) + len(link.target))
            self.found.links.append((link_path, link))
