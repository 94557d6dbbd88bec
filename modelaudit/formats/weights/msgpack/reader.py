"""MessagePack. Its decoders make plain values; what else there may be is in extensions and in bytes.

Numbers of arrays are passed over. Bytes that begin as a pickle or an archive are read as what they are:
``msgpack-numpy`` keeps an array of objects as a pickle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.formats.embedded import detect_format
from modelaudit.formats.pickles.pickle.search import find_pickles
from modelaudit.formats.weights.msgpack import MsgpackDefect
from modelaudit.formats.weights.msgpack.arrays import COMPLEX, NDARRAY, SCALAR, TIMESTAMP, judge_array
from modelaudit.formats.weights.msgpack.items import Item, Items, Kind
from modelaudit.model.address import join_range
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import keep_time
from modelaudit.wire.members import DefectLog
from modelaudit.wire.text import file_name
from modelaudit.wire.windows import SubWindow, budget_of, opener

_MAPS: Final = (*range(0x81, 0x90), 0xDE, 0xDF)
_ROOTS: Final = (*range(0x80, 0xA0), *range(0xDC, 0xE0))
_MOST_KEYS: Final = 20
_MOST_INSIDE: Final = 1000
_LOOKED_AT: Final = 512
_SHORTEST: Final = 8
_COMPARED_KEYS: Final = 100_000
_KEY: Final = 256
# Files of spaCy that are a map, the second and third of which may be an empty one.
_SPACY: Final = frozenset({"tokenizer", "key2row", "lookups.bin"})
_EMPTY: Final = 0x80
_LETTERS: Final = 2
_FIRST_ITEMS: Final = 40


def recognises(head: Head) -> bool:
    """A map whose first key is a word and whose first value is a map or an array of Flax; or the name says so.

    The files of spaCy are maps too: what follows the first key is of any kind there, and has to go on as MessagePack.
    """
    if head.content is not None or not head.data:
        return False
    if head.path.lower().endswith(".msgpack") and head.data[0] in _ROOTS:
        return True
    if file_name(head.path) in _SPACY and head.data[0] in (_EMPTY, *_MAPS):
        return True
    if head.data[0] not in _MAPS:
        return False
    items = Items(head.window)
    try:
        top, key, value = items.next(), items.next(), items.next()
    except DamagedError:
        return False
    word = items.payload(key, _KEY)
    is_word = key.kind is Kind.TEXT and 0 < key.size <= _KEY and word.isascii() and word.decode().isprintable()
    is_array = value.kind is Kind.EXTENSION and value.code in (NDARRAY, SCALAR) and value.size > _SHORTEST
    is_map = value.kind is Kind.MAP and 0 < value.size < 10_000
    return top.size > 0 and is_word and (is_array or is_map or (key.size > _LETTERS and _goes_on(head.window)))


def _goes_on(window: Window) -> bool:
    """Whether the first items of the bytes, or all of them up to their end, are items of MessagePack."""
    tree = _Tree(Items(window), replace(Limits(), document_nodes=_FIRST_ITEMS))
    try:
        tree.follow()
    except LimitReachedError:
        return True
    except DamagedError:
        return False
    return tree.items.offset == window.size


@dataclass(slots=True)
class _Open:
    """An open array or map: how many items of it are left, and the keys so far of a map."""

    left: int
    keys: set[bytes] | None = None

    @property
    def awaits_key(self) -> bool:
        return self.keys is not None and self.left % 2 == 0


@dataclass(slots=True)
class _Tree:
    items: Items
    limits: Limits
    log: DefectLog = field(default_factory=DefectLog)
    keys: list[str] = field(default_factory=list)
    arrays: int = 0
    inside: list[Item] = field(default_factory=list)

    def follow(self) -> None:
        """Go through the one value that the file is, without keeping it."""
        frames = [_Open(1)]
        seen = 0
        while frames:
            keep_time()
            frame = frames[-1]
            if not frame.left:
                frames.pop()
                continue
            awaits_key = frame.awaits_key
            frame.left -= 1
            item = self.items.next()
            seen += 1
            if seen > self.limits.document_nodes:
                raise LimitReachedError(f"it holds more than {self.limits.document_nodes} values", item.offset)
            if awaits_key:
                self._key(item, frame, is_top=len(frames) == 2)
            if item.kind in (Kind.ARRAY, Kind.MAP):
                if len(frames) > self.limits.document_depth:
                    raise LimitReachedError(f"it nests deeper than {self.limits.document_depth} levels", item.offset)
                is_map = item.kind is Kind.MAP
                frames.append(_Open(item.size * (2 if is_map else 1), set() if is_map else None))
            else:
                self._value(item)

    def _key(self, item: Item, frame: _Open, is_top: bool) -> None:
        if item.kind not in (Kind.TEXT, Kind.BYTES) or item.size > _KEY:
            return
        word = self.items.payload(item, _KEY)
        if is_top and len(self.keys) < _MOST_KEYS:
            self.keys.append(word.decode("utf-8", "backslashreplace"))
        if frame.keys is not None and len(frame.keys) < _COMPARED_KEYS:
            if word in frame.keys:
                self.log.add(MsgpackDefect.DUPLICATE_KEY, f"the key {word[:80]!r} occurs twice in one map", item.offset)
            frame.keys.add(word)

    def _value(self, item: Item) -> None:
        if item.kind is Kind.EXTENSION:
            if item.code in (NDARRAY, SCALAR):
                self.arrays += 1
                judge_array(self.items, item, self.log)
            elif item.code not in (COMPLEX, TIMESTAMP):
                detail = f"a value of the extension {item.code}, which neither the format nor Flax defines"
                self.log.add(MsgpackDefect.UNKNOWN_EXTENSION, detail, item.offset)
        elif item.kind in (Kind.BYTES, Kind.TEXT) and item.size >= _SHORTEST and len(self.inside) < _MOST_INSIDE:
            start = self.items.payload(item, _LOOKED_AT)
            if detect_format(start) is not None:
                self.inside.append(item)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield its top keys and its faults, then what lies in it as bytes that begin as something, and behind it.

    Raises:
        DamagedError: it breaks off, or a bound is reached.
        WindowError: from the window.
    """
    tree = _Tree(Items(window), limits)
    damage: DamagedError | WindowError | None = None
    try:
        tree.follow()
    except (DamagedError, WindowError) as error:
        damage = error
    end = tree.items.offset
    behind = window.size - end if damage is None else 0
    if behind:
        tree.log.add(MsgpackDefect.TRAILING_DATA, f"{behind} bytes follow the value that it is", end)
    facts = (("keys", ", ".join(tree.keys)[:400]), ("arrays", str(tree.arrays)))
    yield Outline("msgpack", (), facts, tree.log.defects())
    stretches = [(item.start, item.size) for item in tree.inside] + ([(end, behind)] if behind else [])
    for start, size in stretches:
        stretch = SubWindow(window, start, size, budget_of(window, limits))
        yield Artifact(join_range(artifact.path, start, start + size), size, opener(stretch))
    if damage is not None:
        yield from find_pickles(artifact, window, end, limits)
        raise damage
