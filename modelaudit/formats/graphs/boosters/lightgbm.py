"""Read LightGBM models, which are text with one ``key=value`` a line.

The head states the size of each tree in bytes, and the loader jumps from tree to tree by these sizes. Source:
``src/boosting/gbdt_model_text.cpp`` (``LoadModelFromString``) and ``src/io/tree.cpp`` of LightGBM.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.documents.structured.reader import read_text
from modelaudit.formats.graphs.boosters.trees import (
    FACT_LENGTH,
    NAME_LENGTH,
    SHORT_FACT_LENGTH,
    VOCABULARY,
    TreeDefects,
    check_feature_and_class_counts,
)
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.windows import iterate_chunks

# The first line "tree", then at most three other settings before "version=v3", or directly "num_class=".
_START: Final = defer_pattern(
    rb"tree\r?\n(?:[a-z_]+=[^\n]*\n){0,3}?version=v\d|tree\r?\nversion=v\d|tree\r?\nnum_class="
)
_LONGEST_LINE: Final = 64 * MIB
# Keys with one value for each inner node, keys with a single number, and all keys of a tree that are checked.
_INNER_NODE_KEYS: Final = frozenset({b"split_feature", b"threshold", b"decision_type", b"left_child", b"right_child"})
_NUMBER_KEYS: Final = frozenset({b"num_leaves", b"num_cat"})
_TREE_KEYS: Final = _INNER_NODE_KEYS | _NUMBER_KEYS | {b"leaf_value"}


def recognises(head: Head) -> bool:
    """Whether the text begins with the word ``tree`` and a version or number of classes."""
    return head.content is None and _START.match(head.data) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the readings of any text, then an outline with the defects of the trees.

    Raises:
        DamagedError: it is not text, a list holds other text than integers, or the file ends within its trees.
        LimitReachedError: a line is too long.
        WindowError: the window could not return the requested bytes.
    """
    yield from read_text(replace(artifact, may_be_program=False), window, limits)
    model = _ModelReader()
    damage: DamagedError | None = None
    try:
        for offset, line in _iter_lines(window):
            model.read_line(offset, line)
        model.check_sizes()
    except DamagedError as error:
        damage = error
    yield Outline("lightgbm", tuple(model.mentions), tuple(model.facts), tuple(model.defects.defects))
    if damage is not None:
        raise damage


def _iter_lines(window: Window) -> Iterator[tuple[int, bytes]]:
    """Iterate over the lines as (offset, bytes without the line feed).

    Raises:
        LimitReachedError: a line is longer than 64 MiB.
        WindowError: the window could not return the requested bytes.
    """
    unfinished_line, offset = b"", 0
    for chunk in iterate_chunks(window):
        lines = (unfinished_line + chunk).split(b"\n")
        unfinished_line = lines.pop()
        for line in lines:
            yield offset, line
            offset += len(line) + 1
        if len(unfinished_line) > _LONGEST_LINE:
            raise LimitReachedError(f"a line is longer than {_LONGEST_LINE} bytes", offset)
    if unfinished_line:
        yield offset, unfinished_line


class _Tree(Struct):
    """The lines of one tree that were read so far.

    Attributes:
        number: the number of the tree.
        offset: where it begins.
        counts: the length of each list, by key.
        numbers: the single numbers, by key.
        children: the left and right children of all inner nodes.
    """

    number: int
    offset: int
    counts: dict[bytes, int] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    children: list[int] = field(default_factory=list)


class _ModelReader:
    """Reads and checks a model line by line."""

    def __init__(self) -> None:
        self.mentions: list[Mention] = []
        self.facts: list[tuple[str, str]] = []
        self.defects = TreeDefects()
        self._stated_sizes: list[int] = []
        # The offset of each tree, and at last that of the line "end of trees".
        self._tree_offsets: list[int] = []
        self._greatest_feature = -1  # -1 while the head has not stated it
        self._current_tree: _Tree | None = None
        self._has_ended = False
        # CRLF line breaks show that the text was converted after it was written, so the stated sizes no longer fit.
        self._has_crlf = False

    def read_line(self, offset: int, line: bytes) -> None:
        """Read one line of the head or of a tree; ignore the lines after ``end of trees``."""
        if self._has_ended:
            return
        self._has_crlf |= line.endswith(b"\r")
        key, equals, value = line.rstrip(b"\r").partition(b"=")
        if key == b"Tree" and equals:
            self._check_current_tree()
            self._tree_offsets.append(offset)
            self._current_tree = _Tree(len(self._tree_offsets) - 1, offset)
        elif line.startswith(b"end of trees"):
            self._check_current_tree()
            self._tree_offsets.append(offset)
            self._has_ended = True
        elif self._current_tree is None:
            self._read_head_line(key, value, offset)
        elif equals and key in _TREE_KEYS:
            self._read_tree_line(self._current_tree, key, value)

    def _read_head_line(self, key: bytes, value: bytes, offset: int) -> None:
        """Read one line before the first tree: the objective, the version, the sizes of the trees, or a count."""
        text = value[:NAME_LENGTH].decode("utf-8", "replace")
        if key == b"objective":
            name = text.split(" ", 1)[0]
            self.mentions.append(Mention(VOCABULARY, "objective", name, Location(offset=offset)))
            self.facts.append(("objective", name[:FACT_LENGTH]))
        elif key == b"version":
            self.facts.append(("version", text[:SHORT_FACT_LENGTH]))
        elif key == b"tree_sizes":
            self._stated_sizes = _parse_integers(value, offset)
        elif key == b"max_feature_idx":
            self._greatest_feature = _parse_first_integer(value, offset)
            check_feature_and_class_counts(self._greatest_feature, None, self.defects)
        elif key in (b"num_class", b"num_tree_per_iteration"):
            check_feature_and_class_counts(None, _parse_first_integer(value, offset), self.defects)

    def _read_tree_line(self, tree: _Tree, key: bytes, value: bytes) -> None:
        """Read one line of a tree: check features at once, and keep lengths and children to check at the tree's end."""
        if key in _NUMBER_KEYS:
            tree.numbers[key] = _parse_first_integer(value, tree.offset)
        elif key in (b"left_child", b"right_child", b"split_feature"):
            numbers = _parse_integers(value, tree.offset)
            tree.counts[key] = len(numbers)
            if key != b"split_feature":
                tree.children += numbers
            elif self._greatest_feature >= 0 and any(not 0 <= each <= self._greatest_feature for each in numbers):
                where = Location(offset=tree.offset)
                self.defects.record_invalid_index(
                    f"tree {tree.number} splits by a feature that is not in 0 to {self._greatest_feature}",
                    where,
                )
        else:
            tree.counts[key] = len(value.split())

    def _check_current_tree(self) -> None:
        """End the current tree, and compare its lists with the number of its leaves."""
        tree, self._current_tree = self._current_tree, None
        if tree is None:
            return
        leaves = tree.numbers.get(b"num_leaves", 0)
        where = Location(offset=tree.offset)
        label = f"tree {tree.number}"
        if leaves < 1:
            self.defects.record_size_mismatch(f"{label} states no number of leaves, or one below 1", where)
            return
        if leaves == 1:
            return  # a tree without inner nodes has no children, and its lists are not compared
        for key, count in tree.counts.items():
            expected = leaves if key == b"leaf_value" else leaves - 1
            if count != expected:
                self.defects.record_size_mismatch(f"{label} has {leaves} leaves and {count} of {key.decode()}", where)
                return
        if len(set(tree.children)) != len(tree.children):
            self.defects.record_invalid_index(f"{label} has a node twice, so that a prediction may never end", where)
        # A child is the index of an inner node, or -1 - index of a leaf; the inner node 0 is the root.
        if any(not -leaves <= child < leaves - 1 or child == 0 for child in tree.children):
            self.defects.record_invalid_index(f"{label} refers to a node that does not exist", where)

    def check_sizes(self) -> None:
        """End the last tree, and compare the stated sizes with the offsets of the trees.

        Raises:
            DamagedError: the text ends before its last tree does.
        """
        self._check_current_tree()
        # The last offset is that of "end of trees", where the file has this line.
        tree_count = len(self._tree_offsets) - 1 if self._has_ended else len(self._tree_offsets)
        stated_count = len(self._stated_sizes)
        if tree_count < stated_count and not self._has_ended:
            raise DamagedError(f"the header states {stated_count} trees, the file ends after {tree_count}")
        if stated_count and tree_count != stated_count:
            self.defects.record_size_mismatch(
                f"the header states the sizes of {stated_count} trees, the file has {tree_count}"
            )
        elif stated_count and self._has_ended and not self._has_crlf:
            tree_bounds = pairwise(self._tree_offsets)
            for number, (size, (start, end)) in enumerate(zip(self._stated_sizes, tree_bounds, strict=True)):
                if size != end - start:
                    detail = f"the header states {size} bytes for tree {number}, which has {end - start}"
                    self.defects.record_size_mismatch(detail, Location(offset=start))
        # A file that states no sizes shows that it breaks off only if it is a head without any tree.
        elif not self._has_ended and not tree_count:
            raise DamagedError("the file ends before its first tree")


def _parse_integers(value: bytes, offset: int) -> list[int]:
    """Parse a list of integers; raise ``DamagedError`` for other text."""
    try:
        return [int(each) for each in value.split()]
    except ValueError:
        raise DamagedError("a list of integers holds a value that is not an integer", offset) from None


def _parse_first_integer(value: bytes, offset: int) -> int:
    """Return the first of a list of integers, 0 when the list is empty; raise ``DamagedError`` for other text."""
    return next(iter(_parse_integers(value, offset)), 0)
