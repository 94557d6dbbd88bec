"""Models of LightGBM: text of one key a line, whose loader jumps from tree to tree by sizes that the text states.

Source: ``src/boosting/gbdt_model_text.cpp`` (``LoadModelFromString``) and ``src/io/tree.cpp`` of LightGBM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.formats.documents.structured.reader import read_text
from modelaudit.formats.graphs.boosters.trees import NAMES, Faults, check_numbers
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.windows import iterate_chunks

_START: Final = re.compile(rb"tree\r?\n(?:[a-z_]+=[^\n]*\n){0,3}?version=v\d|tree\r?\nversion=v\d|tree\r?\nnum_class=")
_LONGEST_LINE: Final = 64 * MIB
_INNER: Final = frozenset({b"split_feature", b"threshold", b"decision_type", b"left_child", b"right_child"})
_NUMBERS: Final = frozenset({b"num_leaves", b"num_cat"})
_KEPT: Final = _INNER | _NUMBERS | {b"leaf_value"}


def recognises(head: Head) -> bool:
    """Text that begins with the word ``tree`` and the version of the format."""
    return head.content is None and _START.match(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text, then what is wrong with its trees.

    Raises:
        DamagedError: it is not text throughout, or ends within its trees.
        LimitReachedError: a line is too long.
        WindowError: from the window.
    """
    yield from read_text(artifact, window, limits)
    model = _Model()
    damage: DamagedError | None = None
    try:
        for offset, line in _lines(window):
            model.take(offset, line)
        model.finish()
    except DamagedError as error:
        damage = error
    yield Outline("lightgbm", tuple(model.mentions), tuple(model.facts), tuple(model.faults.found))
    if damage is not None:
        raise damage


def _lines(window: Window) -> Iterator[tuple[int, bytes]]:
    """Each line with its break, and where it begins."""
    rest, offset = b"", 0
    for chunk in iterate_chunks(window):
        parts = (rest + chunk).split(b"\n")
        rest = parts.pop()
        for part in parts:
            yield offset, part
            offset += len(part) + 1
        if len(rest) > _LONGEST_LINE:
            raise LimitReachedError(f"a line is longer than {_LONGEST_LINE} bytes", offset)
    if rest:
        yield offset, rest


@dataclass(slots=True)
class _Tree:
    number: int
    offset: int
    counts: dict[bytes, int] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    children: list[int] = field(default_factory=list)


class _Model:
    def __init__(self) -> None:
        self.mentions: list[Mention] = []
        self.facts: list[tuple[str, str]] = []
        self.faults = Faults()
        self._sizes: list[int] = []
        self._starts: list[int] = []
        self._features = -1
        self._tree: _Tree | None = None
        self._ended = False
        self._has_returns = False  # somebody rewrote the line breaks, and with them every size

    def take(self, offset: int, line: bytes) -> None:
        if self._ended:
            return
        self._has_returns |= line.endswith(b"\r")
        key, equals, value = line.rstrip(b"\r").partition(b"=")
        if key == b"Tree" and equals:
            self._close()
            self._starts.append(offset)
            self._tree = _Tree(len(self._starts) - 1, offset)
        elif line.startswith(b"end of trees"):
            self._close()
            self._starts.append(offset)
            self._ended = True
        elif self._tree is None:
            self._head(key, value, offset)
        elif equals and key in _KEPT:
            self._in_tree(self._tree, key, value)

    def _head(self, key: bytes, value: bytes, offset: int) -> None:
        text = value[:200].decode("utf-8", "replace")
        if key == b"objective":
            name = text.split(" ", 1)[0]
            self.mentions.append(Mention(NAMES, "objective", name, Location(offset=offset)))
            self.facts.append(("objective", name[:80]))
        elif key == b"version":
            self.facts.append(("version", text[:20]))
        elif key == b"tree_sizes":
            self._sizes = _whole_numbers(value, offset)
        elif key in (b"num_class", b"max_feature_idx", b"num_tree_per_iteration"):
            (number,) = _whole_numbers(value, offset)[:1] or [0]
            if key == b"max_feature_idx":
                self._features = number
            is_feature = key == b"max_feature_idx"
            check_numbers(number if is_feature else None, None if is_feature else number, self.faults)

    def _in_tree(self, tree: _Tree, key: bytes, value: bytes) -> None:
        if key in _NUMBERS:
            (tree.numbers[key],) = _whole_numbers(value, tree.offset)[:1] or [0]
        elif key in (b"left_child", b"right_child", b"split_feature"):
            numbers = _whole_numbers(value, tree.offset)
            tree.counts[key] = len(numbers)
            if key != b"split_feature":
                tree.children += numbers
            elif self._features >= 0 and any(not 0 <= each <= self._features for each in numbers):
                where = Location(offset=tree.offset)
                self.faults.place(f"tree {tree.number} splits by a feature beyond {self._features}", where)
        else:
            tree.counts[key] = len(value.split())

    def _close(self) -> None:
        """Hold the tree that has ended against the number of its leaves."""
        tree, self._tree = self._tree, None
        if tree is None:
            return
        leaves, where, which = tree.numbers.get(b"num_leaves", 0), Location(offset=tree.offset), f"tree {tree.number}"
        if leaves < 1:
            self.faults.size(f"{which} has {leaves} leaves", where)
            return
        for key, count in tree.counts.items():
            wanted = leaves if key == b"leaf_value" else leaves - 1
            if count != wanted and leaves > 1:
                self.faults.size(f"{which} has {leaves} leaves and {count} of {key.decode()}", where)
                return
        if leaves > 1 and len(set(tree.children)) != len(tree.children):
            self.faults.place(f"{which} has a node twice, so that a walk may never end", where)
        if leaves > 1 and any(not -leaves <= child < leaves - 1 or child == 0 for child in tree.children):
            self.faults.place(f"{which} names a node that it does not have", where)

    def finish(self) -> None:
        """Hold the sizes that the loader jumps by against the places of the trees.

        Raises:
            DamagedError: the text ends before its last tree does.
        """
        self._close()
        count = len(self._starts) - self._ended
        if count < len(self._sizes) and not self._ended:
            raise DamagedError(f"it states {len(self._sizes)} trees and breaks off after {count}")
        if self._sizes and count != len(self._sizes):
            self.faults.size(f"it states the sizes of {len(self._sizes)} trees and has {count}")
        elif self._sizes and self._ended and not self._has_returns:
            for number, (size, start, end) in enumerate(zip(self._sizes, self._starts, self._starts[1:], strict=False)):
                if size != end - start:
                    detail = f"tree {number} is said to have {size} bytes and has {end - start}"
                    self.faults.size(detail, Location(offset=start))
        elif not self._ended and not count:
            raise DamagedError("it breaks off before its first tree")


def _whole_numbers(value: bytes, offset: int) -> list[int]:
    try:
        return [int(each) for each in value.split()]
    except ValueError:
        raise DamagedError("something else stands where whole numbers have to", offset) from None
