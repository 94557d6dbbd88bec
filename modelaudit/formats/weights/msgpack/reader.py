"""Read MessagePack files: check extensions, and find content embedded in bytes and texts.

Decoders of MessagePack create plain values, and programs turn extensions into objects. The numbers of arrays are
skipped. Bytes that begin like a pickle or an archive are read as one. ``msgpack-numpy`` pickles arrays of objects, so
that the data of such an array are read as a pickle in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.embedded import detect_format
from modelaudit.formats.value_trees import ValueTree
from modelaudit.formats.weights.msgpack import MsgpackDefect
from modelaudit.formats.weights.msgpack.arrays import COMPLEX, NDARRAY, SCALAR, TIMESTAMP, check_array
from modelaudit.formats.weights.msgpack.items import Item, ItemKind, ItemReader
from modelaudit.model.address import join_range
from modelaudit.model.artifact import PICKLE, Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.members import DefectLog
from modelaudit.wire.text import get_file_name
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

# The keys of the map in which ``msgpack-numpy`` stores an array.
_DATA_KEY: Final = b"data"
_KIND_KEY: Final = b"kind"
_ARRAY_KEYS: Final = frozenset({b"nd", _KIND_KEY, _DATA_KEY})
# First bytes of maps that are not empty, and of all maps and arrays.
_MAP_STARTS: Final = (*range(0x81, 0x90), 0xDE, 0xDF)
_CONTAINER_STARTS: Final = (*range(0x80, 0xA0), *range(0xDC, 0xE0))
_MAX_SHOWN_KEYS: Final = 20
# Shorter payloads count as parsed, with the bytes around them: a file may have millions, and a ledger is bounded.
_MIN_DATA_BYTES: Final = 16
_MAX_EMBEDDED: Final = 1000
_DETECTION_BYTES: Final = 512
_MIN_CONTENT_BYTES: Final = 8
_MAX_COMPARED_KEYS: Final = 100_000
_MAX_KEY_BYTES: Final = 256
# Files of spaCy that are a map or a list, which may be empty.
_SPACY_FILES: Final = frozenset({"tokenizer", "key2row", "lookups.bin", "patterns"})
# A first key of at most two characters occurs by chance in files of other formats.
_SHORT_KEY_BYTES: Final = 2
_MAX_PLAUSIBLE_PAIRS: Final = 10_000
_TRIAL_ITEMS: Final = 40
_LONGEST_TEXT: Final = 2 * MIB


def recognises(head: Head) -> bool:
    """Whether the bytes are a map from a printable key to a map or a Flax array, or the name is one of MessagePack.

    Other programs, such as spaCy, store maps whose first value may be anything. Such a map counts if its first key has
    more than two characters and its first forty items are valid.
    """
    if head.content is not None or not head.data:
        return False
    if head.path.lower().endswith(".msgpack") and head.data[0] in _CONTAINER_STARTS:
        return True
    if get_file_name(head.path) in _SPACY_FILES and head.data[0] in _CONTAINER_STARTS:
        return True
    if head.data[0] not in _MAP_STARTS:
        return False
    items = ItemReader(head.window)
    try:
        top, key, value = items.read_item(), items.read_item(), items.read_item()
    except DamagedError:
        return False
    if top.size == 0 or key.kind not in (ItemKind.TEXT, ItemKind.BYTES) or not 0 < key.size <= _MAX_KEY_BYTES:
        return False
    key_bytes = items.read_payload(key, _MAX_KEY_BYTES)
    if not (key_bytes.isascii() and key_bytes.decode().isprintable()):
        return False
    is_array = value.kind is ItemKind.EXTENSION and value.code in (NDARRAY, SCALAR) and value.size > _MIN_CONTENT_BYTES
    is_map = value.kind is ItemKind.MAP and 0 < value.size < _MAX_PLAUSIBLE_PAIRS
    # Of keys that are bytes, as in spaCy 2, the items have to be valid in any case.
    is_plain = key.kind is ItemKind.TEXT and (is_array or is_map)
    return is_plain or (key.size > _SHORT_KEY_BYTES and _continues_as_msgpack(head.window))


def _continues_as_msgpack(window: Window) -> bool:
    """Whether the first forty items are valid; if the value has fewer, whether it ends where the file ends."""
    walker = _ItemWalker(ItemReader(window), replace(Limits(), document_nodes=_TRIAL_ITEMS))
    try:
        walker.walk_items()
    except LimitReachedError:
        # All items up to the bound were valid.
        return True
    except DamagedError:
        return False
    return walker.items.offset == window.size


class _OpenContainer(Struct):
    """An array or map whose items are being read.

    Attributes:
        left: how many items follow; a pair of a map counts as two.
        keys: the keys so far of a map; ``None`` for an array.
        last_key: of a map, if it is a key of ``msgpack-numpy``.
        array_fields: the items under keys of ``msgpack-numpy``; ``None`` while there is none.
        path: the keys and indices that lead to it.
        step: the last key of a map.
        size: how many items it has; 0 for the file as a whole.
    """

    left: int
    keys: set[bytes] | None = None
    last_key: bytes = b""
    array_fields: dict[bytes, Item] | None = None
    path: tuple[str, ...] = ()
    step: str = ""
    size: int = 0

    def record_value(self, item: Item) -> None:
        """Record the value under a key of ``msgpack-numpy``. Of two with the same key, loaders take the last."""
        if self.last_key:
            self.array_fields = {**(self.array_fields or {}), self.last_key: item}
            self.last_key = b""

    @property
    def next_path(self) -> tuple[str, ...]:
        """The path of the item that was read last: below its key, or below its index in an array."""
        return (*self.path, self.step if self.keys is not None else str(self.size - self.left - 1))

    @property
    def awaits_key(self) -> bool:
        """Whether the next item is a key: in a map, an even number of items is left before each key."""
        return self.keys is not None and self.left % 2 == 0


def _open_container(item: Item, parent: _OpenContainer) -> _OpenContainer:
    """Return the container that an array or a map begins; the outermost one, which is the file, has no path."""
    is_map = item.kind is ItemKind.MAP
    path = parent.next_path if parent.size else ()
    size = item.size * (2 if is_map else 1)
    return _OpenContainer(size, set() if is_map else None, path=path, size=size)


class _ItemWalker(Struct):
    """A traversal of the one value of a file, and the facts found on the way.

    Attributes:
        keys: the first keys of the top map.
        arrays: the number of Flax arrays.
        embedded: texts and bytes that begin like a known format.
        pickled: others that ``msgpack-numpy`` unpickles.
        claimed_end: offset up to which all bytes are claimed.
        tree: the texts and the truth values, by the keys that lead to them.
    """

    items: ItemReader
    limits: Limits
    log: DefectLog = field(default_factory=DefectLog)
    keys: list[str] = field(default_factory=list)
    arrays: int = 0
    embedded: list[Item] = field(default_factory=list)
    pickled: list[Item] = field(default_factory=list)
    claimed_end: int = 0
    tree: ValueTree = field(default_factory=ValueTree)

    def walk_items(self) -> None:
        """Visit every item of the value, without keeping values.

        Raises:
            DamagedError: an item is invalid or truncated.
            LimitReachedError: there are too many items, or they nest too deep.
            WindowError: the window could not return the requested bytes.
        """
        # The innermost container is the last. The outermost is the file, which holds one value.
        containers = [_OpenContainer(1)]
        item_count = 0
        while containers:
            check_deadline()
            container = containers[-1]
            if not container.left:
                containers.pop()
                self._record_array_of_objects(container)
                continue
            is_key = container.awaits_key
            container.left -= 1
            item = self.items.read_item()
            self._claim_item(item)
            item_count += 1
            if item_count > self.limits.document_nodes:
                raise LimitReachedError(f"the file holds more than {self.limits.document_nodes} values", item.offset)
            if is_key:
                # Of the two open containers, the outer one is the file.
                self._record_key(item, container, is_top=len(containers) == 2)
            else:
                container.record_value(item)
            if item.kind in (ItemKind.ARRAY, ItemKind.MAP):
                if len(containers) > self.limits.document_depth:
                    raise LimitReachedError(f"values nest deeper than {self.limits.document_depth} levels", item.offset)
                containers.append(_open_container(item, container))
            else:
                self._check_value(item)
                if not is_key:
                    self._keep_value(item, container)

    def _keep_value(self, item: Item, container: _OpenContainer) -> None:
        """Add a text, bytes that are text, or a truth value to the tree."""
        if item.kind is ItemKind.SCALAR:
            truth = self.items.read_truth_value(item)
            if truth is not None:
                self.tree.add(container.next_path, truth)
        elif item.kind in (ItemKind.TEXT, ItemKind.BYTES) and 0 < item.size <= _LONGEST_TEXT:
            try:
                text = self.items.read_payload(item, item.size).decode("utf-8")
            except UnicodeDecodeError:
                return
            self.tree.add(container.next_path, text)

    def _claim_item(self, item: Item) -> None:
        """Claim a long payload as data, and all bytes since the last claim as parsed; leave other items for later."""
        if item.kind not in (ItemKind.ARRAY, ItemKind.MAP) and item.size >= _MIN_DATA_BYTES:
            claim_parsed(self.items.window, self.claimed_end, item.start)
            claim_data(self.items.window, item.start, item.start + item.size)
            self.claimed_end = item.start + item.size

    def _record_key(self, item: Item, container: _OpenContainer, is_top: bool) -> None:
        """Record a key of a map, and a defect if the map has it already; ``is_top`` if the map is the whole file.

        Raises:
            DamagedError: it is an array or a map, which Python's readers refuse as a key.
        """
        if item.kind in (ItemKind.ARRAY, ItemKind.MAP):
            raise DamagedError("a map has an array or a map as a key", item.offset)
        if item.kind not in (ItemKind.TEXT, ItemKind.BYTES) or item.size > _MAX_KEY_BYTES:
            return
        key = self.items.read_payload(item, _MAX_KEY_BYTES)
        container.step = key.decode("utf-8", "backslashreplace")
        if is_top and len(self.keys) < _MAX_SHOWN_KEYS:
            self.keys.append(key.decode("utf-8", "backslashreplace"))
        container.last_key = key if key in _ARRAY_KEYS else b""
        if container.keys is not None and len(container.keys) < _MAX_COMPARED_KEYS:
            if key in container.keys:
                self.log.add(MsgpackDefect.DUPLICATE_KEY, f"the key {key[:80]!r} occurs twice in one map", item.offset)
            container.keys.add(key)

    def _record_array_of_objects(self, container: _OpenContainer) -> None:
        """Record the data of a map that ``msgpack-numpy`` unpickles (``msgpack_numpy.decode``): its kind is ``O``."""
        fields = container.array_fields
        if fields is None or not _ARRAY_KEYS.issubset(fields):
            return
        data, kind = fields[_DATA_KEY], fields[_KIND_KEY]
        holds_content = data.kind in (ItemKind.BYTES, ItemKind.TEXT)
        if holds_content and self.items.read_payload(kind, 2) == b"O" and data not in self.embedded:
            self._record_embedded(data, self.pickled)

    def _record_embedded(self, item: Item, target: list[Item]) -> None:
        """Add a value to those that are read. Raises ``LimitReachedError`` if there are too many."""
        if len(self.embedded) + len(self.pickled) >= _MAX_EMBEDDED:
            detail = f"more than {_MAX_EMBEDDED} values begin like a file of a known format"
            raise LimitReachedError(detail, item.offset)
        target.append(item)

    def _check_value(self, item: Item) -> None:
        """Check a Flax array, record an unknown extension, and record bytes or text that begin like a known format."""
        if item.kind is ItemKind.EXTENSION:
            if item.code in (NDARRAY, SCALAR):
                self.arrays += 1
                check_array(self.items, item, self.log)
            elif item.code not in (COMPLEX, TIMESTAMP):
                detail = f"a value of the extension {item.code}, which neither MessagePack nor Flax defines"
                self.log.add(MsgpackDefect.UNKNOWN_EXTENSION, detail, item.offset)
        elif item.kind in (ItemKind.BYTES, ItemKind.TEXT) and item.size >= _MIN_CONTENT_BYTES:
            start = self.items.read_payload(item, _DETECTION_BYTES)
            if detect_format(start) is not None:
                self._record_embedded(item, self.embedded)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, then embedded content as artifacts.

    Raises:
        DamagedError: the value is truncated or invalid, or a limit is reached.
        WindowError: the window could not return the requested bytes.
    """
    walker = _ItemWalker(ItemReader(window), limits)
    damage: DamagedError | WindowError | None = None
    try:
        walker.walk_items()
    except (DamagedError, WindowError) as error:
        damage = error
    end = walker.items.offset
    claim_parsed(window, walker.claimed_end, end)
    trailing = window.size - end if damage is None else 0
    if trailing:
        walker.log.add(MsgpackDefect.TRAILING_DATA, f"{trailing} bytes follow the value of the file", end)
    facts = (("keys", ", ".join(walker.keys)[:400]), ("arrays", str(walker.arrays)))
    yield Outline("msgpack", (), facts, walker.log.defects())
    budget = get_budget(window, limits)
    for items, content in ((walker.embedded, None), (walker.pickled, PICKLE)):
        for item in items:
            value = SubWindow(window, item.start, item.size, budget)
            path = join_range(artifact.path, item.start, item.start + item.size)
            yield Artifact(path, item.size, make_opener(value), content=content)
    yield from walker.tree.interpret(artifact.path, limits)
    if damage is not None:
        raise damage
