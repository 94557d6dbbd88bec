"""Read XGBoost models in the deprecated binary format, which XGBoost wrote before JSON and could write until version 3.

The format is C++ structures as they are in memory: a header of 136 bytes, two names, then trees with their nodes.
Source, in release 2.1: ``LearnerModelParamLegacy`` in ``src/learner.cc``, ``src/gbm/gbtree_model.cc``,
``src/tree/tree_model.cc``.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.formats.graphs.boosters.trees import (
    VOCABULARY,
    TreeDefects,
    check_children,
    check_feature_and_class_counts,
)
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.ledger import claim_data, claim_parsed

_MAGIC: Final = b"binf"
# Sizes of the structures in bytes.
_HEADER_BYTES: Final = 136
_TREE_BYTES: Final = 148
_FOREST_BYTES: Final = 160
_NODE_BYTES: Final = 20
_STATISTICS_BYTES: Final = 16
_LINEAR_BYTES: Final = 136
_NUMBER_BYTES: Final = 4
# The linear model has two numbers. Here and in other structures, reserved ones follow, which XGBoost writes as zeros.
_LINEAR_FIELD_BYTES: Final = 8
_MOST_VERSION: Final = 1000
"""The largest number that any part of a version of XGBoost can have."""
_MOST_TARGETS: Final = 1 << 20
_NO_NODE: Final = -1
# In the 32 bits of a parent, the highest one marks a left child; in those of a feature, the way of missing values.
_HIGHEST_BIT: Final = 1 << 31
_DELETED_FEATURE: Final = (1 << 32) - 1
"""The feature of a node that was deleted (``RegTree::Node::MarkDelete``)."""
_LONGEST_NAME: Final = 256
_MOST_NODES: Final = 4_000_000
# The length of the name in 8 bytes, of which only the lowest is used, and a name such as "binary:logistic".
_OBJECTIVE: Final = defer_pattern(rb".\x00{7}(?:binary|reg|multi|rank|count|survival|gpu):[a-z_]+", re.DOTALL)


def recognises(head: Head) -> bool:
    """Whether the name of a known kind of objective follows the header."""
    start = len(_MAGIC) if head.data.startswith(_MAGIC) else 0
    return head.content is None and _OBJECTIVE.match(head.data, start + _HEADER_BYTES) is not None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the model.

    Raises:
        DamagedError: the model breaks off.
        WindowError: the window could not return the requested bytes.
    """
    model = _ModelReader(window, limits)
    damage: DamagedError | None = None
    try:
        model.read_model()
    except DamagedError as error:
        damage = error
    yield Outline("xgboost-binary", tuple(model.mentions), tuple(model.facts), tuple(model.defects.defects))
    if model.has_unchecked_tree:
        damage = damage or LimitReachedError(f"a tree has more than {_MOST_NODES} nodes, and was not checked")
    if damage is not None:
        raise damage


class _ModelReader:
    """Reads a model from its start. All methods raise ``DamagedError`` and ``WindowError``."""

    def __init__(self, window: Window, limits: Limits) -> None:
        self.mentions: list[Mention] = []
        self.facts: list[tuple[str, str]] = []
        self.defects = TreeDefects()
        self.has_unchecked_tree = False
        self._window = window
        self._limits = limits
        self.position = len(_MAGIC) if window.read(0, len(_MAGIC)) == _MAGIC else 0
        claim_parsed(window, 0, self.position)

    def _read_bytes(self, length: int, claimed: int | None = None) -> bytes:
        """Read the next ``length`` bytes, and claim all of them, or only the first ``claimed`` bytes."""
        self._require_bytes(length)
        piece = self._window.read(self.position, length)
        claim_parsed(self._window, self.position, self.position + (length if claimed is None else claimed))
        self.position += len(piece)
        return piece

    def _read_numbers(self, length: int, claimed: int, *most: int) -> tuple[int, ...]:
        """Read a structure of ``length`` bytes and return the signed numbers that it begins with.

        The first ``claimed`` numbers are claimed, and the caller checks them. Each number after them has its largest
        plausible value in ``most``. A number beyond it, and the reserved rest, stay unclaimed: loaders ignore them.
        """
        start = self.position
        piece = self._read_bytes(length, claimed * _NUMBER_BYTES)
        numbers = struct.unpack_from(f"<{claimed + len(most)}i", piece)
        for index, largest in enumerate(most, claimed):
            if 0 <= numbers[index] <= largest:
                place = start + index * _NUMBER_BYTES
                claim_parsed(self._window, place, place + _NUMBER_BYTES)
        return numbers

    def _require_bytes(self, length: int) -> None:
        """Raise ``DamagedError`` if fewer than ``length`` bytes follow, or the length is negative."""
        bytes_left = self._window.size - self.position
        if not 0 <= length <= bytes_left:
            raise DamagedError(f"a length of {length} bytes is stated where {bytes_left} are left", self.position)

    def _read_count(self) -> int:
        """Read a count or length, an unsigned integer of eight bytes."""
        return int.from_bytes(self._read_bytes(8), "little")

    def _read_name(self, use: str) -> str:
        """Read a name and record it as a mention and a fact."""
        length = self._read_count()
        if length > _LONGEST_NAME:
            detail = f"the name of the {use} states {length} characters, more than {_LONGEST_NAME}"
            raise DamagedError(detail, self.position)
        name = self._read_bytes(length).decode("utf-8", "replace")
        self.mentions.append(Mention(VOCABULARY, use, name))
        self.facts.append((use, name))
        return name

    def read_model(self) -> None:
        """Read the header, the names, the trees or the linear model, and the attributes after them."""
        # base_score, a float; num_feature, num_class, contain_extra_attrs, contain_eval_metrics, the two numbers of
        # the version, num_target, boost_from_average.
        numbers = self._read_numbers(_HEADER_BYTES, 3, 1, 1, _MOST_VERSION, _MOST_VERSION, _MOST_TARGETS, 1)
        _, feature_count, class_count, has_attributes, has_metrics, *_ = numbers
        feature_count %= 1 << 32  # unsigned
        check_feature_and_class_counts(feature_count, class_count, self.defects)
        self._read_name("objective")
        booster = self._read_name("booster")
        if booster == "gblinear":
            self._read_bytes(_LINEAR_BYTES, _LINEAR_FIELD_BYTES)
            self._skip_items(4)  # the coefficients
        else:
            tree_count = self._read_trees(feature_count, class_count)
            # ``Dart::Load`` reads weights only if the model has trees.
            if booster == "dart" and tree_count:
                self._skip_items(4)  # the weight of each tree
        if has_attributes:
            for _ in range(self._read_item_count()):
                self._skip_items(1)  # the key
                self._skip_items(1)  # the value
        if has_metrics:
            for _ in range(self._read_item_count()):
                self._skip_items(1)  # the name of an evaluation metric

    def _read_item_count(self) -> int:
        """Read the number of items that follow; each needs at least the eight bytes of its length."""
        count = self._read_count()
        self._require_bytes(count * 8)
        return count

    def _skip_items(self, width: int) -> None:
        """Skip a list, which begins with its length; each item has ``width`` bytes. A text is a list of bytes."""
        length = self._read_count() * width
        self._skip_data(length)

    def _skip_data(self, length: int) -> None:
        """Skip ``length`` bytes of numbers or text, and claim them as data."""
        self._require_bytes(length)
        claim_data(self._window, self.position, self.position + length)
        self.position += length

    def _read_trees(self, feature_count: int, class_count: int) -> int:
        """Read and check the trees of a model, and return their number.

        The class of each tree, four bytes, follows the trees and is skipped.
        """
        # The number of trees and of parallel ones. Before release 2, the number of features came next, a gap, a size of
        # a buffer in eight bytes, the number of output groups, and the size of the vector in each leaf.
        most_groups = max(1, class_count)
        count, *_ = self._read_numbers(
            _FOREST_BYTES, 1, _MOST_TARGETS, feature_count, 0, 0, 0, most_groups, most_groups
        )
        # Each tree has one node at least.
        self._require_bytes(count * (_TREE_BYTES + _NODE_BYTES + _STATISTICS_BYTES))
        for number in range(count):
            self._check_tree(number, feature_count)
        self._skip_data(count * 4)
        return count

    def _check_tree(self, number: int, feature_count: int) -> None:
        """Check the children and features of tree ``number``; skip its statistics."""
        # TreeParam: roots, num_nodes, deleted nodes, depth, features, size_leaf_vector; the rest is reserved.
        most_nodes = self._window.size // _NODE_BYTES
        numbers = self._read_numbers(_TREE_BYTES, 2, most_nodes, most_nodes, feature_count, _MOST_TARGETS)
        _, count, _, _, _, leaf_vector_size = numbers
        if count <= 0:
            raise DamagedError(f"tree {number} states {count} nodes, but needs at least one", self.position)
        self._require_bytes(count * (_NODE_BYTES + _STATISTICS_BYTES))
        # A tree this large is not checked, to bound memory.
        if count > _MOST_NODES:
            self.has_unchecked_tree = True
            self._skip_data(count * (_NODE_BYTES + _STATISTICS_BYTES))
            return
        # Lists would take ten times the memory.
        left, right, parents = array("i"), array("i"), array("i")
        has_feature_out_of_range = has_odd_leaf = False
        nodes_a_piece = self._limits.read_bytes // _NODE_BYTES
        for done in range(0, count, nodes_a_piece):
            length = min(nodes_a_piece, count - done) * _NODE_BYTES
            is_last = done + nodes_a_piece >= count
            nodes = self._read_bytes(length, length - _NUMBER_BYTES if is_last else length)
            for parent, left_child, right_child, split_index, _value in struct.iter_unpack("<3iIf", nodes):
                parents.append(parent)
                left.append(left_child)
                right.append(right_child)
                if feature_count and split_index & ~_HIGHEST_BIT >= feature_count and split_index != _DELETED_FEATURE:
                    # A leaf has the feature by which it split before it was pruned, or 0; loaders ignore it.
                    has_feature_out_of_range |= left_child != _NO_NODE
                    has_odd_leaf |= left_child == _NO_NODE
        # The value of the last node and the statistics are numbers in a row. Four bytes between fields of nodes are
        # few enough to count as parsed.
        self.position -= _NUMBER_BYTES
        self._skip_data(_NUMBER_BYTES + count * _STATISTICS_BYTES)
        if has_feature_out_of_range:
            self.defects.record_invalid_index(f"tree {number} splits by a feature out of the range of {feature_count}")
        check_children(left, right, self.defects, f"tree {number}")
        if has_odd_leaf or not _agree_parents(parents, left, right):
            raise DamagedError(
                f"tree {number} has a leaf with an invalid feature, or nodes that contradict one another", self.position
            )
        if leaf_vector_size > 1:
            self._skip_items(4)


def _agree_parents(parents: Sequence[int], left: Sequence[int], right: Sequence[int]) -> bool:
    """Whether the root has no parent, and each child names the node that lists it; children out of range are skipped.

    Args:
        parents: the parent of each node; its highest bit, which is the sign, marks a left child.
        left: the left child of each node.
        right: the right child of each node.
    """
    count = len(parents)
    if parents[0] != _NO_NODE:
        return False
    for parent, (left_child, right_child) in enumerate(zip(left, right, strict=True)):
        if 0 < left_child < count and parents[left_child] != parent - _HIGHEST_BIT:
            return False
        if 0 < right_child < count and parents[right_child] != parent:
            return False
    return True
