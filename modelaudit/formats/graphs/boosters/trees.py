"""Check the parts of decision trees that loaders trust: counts, lengths of lists, and indices of nodes and features.

A loader reads a child with an index out of range from memory outside the model. A node with two parents can form a
cycle, so that a prediction never ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from modelaudit.formats.graphs.boosters import TreeDefect, TreeNumberDefect
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Defect, Location

VOCABULARY: Final = "booster-names"
NAME_LENGTH: Final = 200
"""Characters of a name that are compared with the vocabulary."""
FACT_LENGTH: Final = 80
"""Characters of a name in the outline."""
SHORT_FACT_LENGTH: Final = 20
"""Characters of a number or a version in the outline."""
_MOST_DEFECTS: Final = 20
_MOST_FEATURES: Final = 1 << 30
_MOST_CLASSES: Final = 1 << 20
_NODE_LISTS: Final = ("right_children", "parents", "split_indices", "split_conditions", "default_left")


class TreeDefects:
    """The first 20 defects of one model."""

    def __init__(self) -> None:
        self.defects: list[Defect] = []

    def record_size_mismatch(self, detail: str, where: Location | None = None) -> None:
        """Record that two statements about a size disagree."""
        self._record_defect(Defect(TreeDefect.TREE_SIZE, detail, where or Location()))

    def record_invalid_index(self, detail: str, where: Location | None = None) -> None:
        """Record an index of a node or feature that does not exist, or of a node that occurs twice."""
        self._record_defect(Defect(TreeDefect.TREE_INVALID, detail, where or Location()))

    def record_absurd_number(self, detail: str, where: Location | None = None) -> None:
        """Record a count for which a loader would allocate more memory than any model needs."""
        self._record_defect(Defect(TreeNumberDefect.NUMBER_ABSURD, detail, where or Location()))

    def _record_defect(self, defect: Defect) -> None:
        """Record a defect unless there are 20 already."""
        if len(self.defects) < _MOST_DEFECTS:
            self.defects.append(defect)


def check_children(left: Sequence[int], right: Sequence[int], defects: TreeDefects, label: str) -> None:
    """Record a defect for the first child that does not exist or occurs twice.

    A node without a child has -1 in its place. The root, node 0, is not a valid child.

    Args:
        left: the index of the left child of each node.
        right: the index of the right child of each node.
        defects: receives the defect.
        label: the name of the tree in messages, such as ``tree 3``.
    """
    count = len(left)
    seen = bytearray(count)
    for children in (left, right):
        for child in children:
            if child == -1:
                continue
            if not 0 < child < count:
                fault = f"but there are only {count}" if child >= count else "which cannot be a child"
                return defects.record_invalid_index(f"{label} refers to node {child}, {fault}")
            if seen[child]:
                return defects.record_invalid_index(
                    f"{label} has node {child} twice, so that a prediction may never end"
                )
            seen[child] = 1
    return None


def check_tree(tree: Mapping[str, object], defects: TreeDefects, number: int) -> None:
    """Record the defects of one XGBoost tree: its lists must have one item a node, its features and children exist.

    Args:
        tree: the tree, decoded from JSON or UBJSON; its nodes are parallel lists, one for each property.
        defects: receives the defects.
        number: the index of the tree, for messages.
    """
    label = f"tree {number}"
    left = _get_integers(tree.get("left_children"))
    right = _get_integers(tree.get("right_children"))
    features = _get_integers(tree.get("split_indices"))
    if left is None or right is None or features is None:
        return defects.record_invalid_index(f"{label} lacks a list of integers for its children or features")
    for key in _NODE_LISTS:
        node_list = tree.get(key)
        if isinstance(node_list, Sequence) and len(node_list) != len(left):
            return defects.record_size_mismatch(f"{label} has {len(left)} nodes and {len(node_list)} {key}")
    parameters = tree.get("tree_param")
    if isinstance(parameters, Mapping):
        stated_nodes = _parse_number(parameters.get("num_nodes"))
        feature_count = _parse_number(parameters.get("num_feature"))
        if stated_nodes is not None and stated_nodes != len(left):
            defects.record_size_mismatch(f"{label} states {stated_nodes} nodes and has {len(left)}")
        # A node without a left child is a leaf, and does not split. The highest bit of a feature is a flag.
        features_and_children = zip(features, left, strict=False)
        split_features = (feature & 0x7FFF_FFFF for feature, left_child in features_and_children if left_child != -1)
        if feature_count and any(not 0 <= feature < feature_count for feature in split_features):
            defects.record_invalid_index(f"{label} splits by a feature out of the range of {feature_count}")
    return check_children(left, right, defects, label)


def read_learner(
    learner: Mapping[str, object], defects: TreeDefects
) -> tuple[tuple[Mention, ...], tuple[tuple[str, str], ...]]:
    """Read the ``learner`` of an XGBoost model, and record defects of its counts.

    Returns:
        The objective and the booster as mentions; and the facts of the outline, pairs of a name and a value.
    """
    mentions: list[Mention] = []
    facts: list[tuple[str, str]] = []
    objective, booster = learner.get("objective"), learner.get("gradient_booster")
    for use, part in (("objective", objective), ("booster", booster)):
        name = part.get("name") if isinstance(part, Mapping) else None
        if isinstance(name, str):
            mentions.append(Mention(VOCABULARY, use, name[:NAME_LENGTH], Location(key=f"learner.{use}")))
            facts.append((use, name[:FACT_LENGTH]))
    parameters = learner.get("learner_model_param")
    if isinstance(parameters, Mapping):
        check_feature_and_class_counts(
            _parse_number(parameters.get("num_feature")), _parse_number(parameters.get("num_class")), defects
        )
        facts.append(("features", str(parameters.get("num_feature", ""))[:SHORT_FACT_LENGTH]))
    if isinstance(booster, Mapping):
        _check_tree_count(booster, defects)
    return tuple(mentions), tuple(facts)


def check_feature_and_class_counts(features: int | None, classes: int | None, defects: TreeDefects) -> None:
    """Check the counts of features and classes, for which a loader allocates memory; ``None`` for an unknown count."""
    if features is not None and not 0 <= features <= _MOST_FEATURES:
        defects.record_absurd_number(f"the model states {features} features")
    if classes is not None and not 0 <= classes <= _MOST_CLASSES:
        defects.record_absurd_number(f"the model states {classes} classes")


def _check_tree_count(booster: Mapping[str, object], defects: TreeDefects) -> None:
    """Compare the number of trees in a booster with the number that it states, and with its list of their classes."""
    nested_booster = booster.get("gbtree")  # the booster dart contains a gbtree, which has the trees
    tree_booster = nested_booster if isinstance(nested_booster, Mapping) else booster
    model = tree_booster.get("model")
    if not isinstance(model, Mapping):
        return
    trees, parameters = model.get("trees"), model.get("gbtree_model_param")
    class_of_each_tree = model.get("tree_info")
    if isinstance(trees, Sequence) and isinstance(parameters, Mapping):
        stated = _parse_number(parameters.get("num_trees"))
        if stated is not None and stated != len(trees):
            defects.record_size_mismatch(f"the model states {stated} trees and has {len(trees)}")
        if isinstance(class_of_each_tree, Sequence) and len(class_of_each_tree) != len(trees):
            assigned = len(class_of_each_tree)
            defects.record_size_mismatch(f"the model assigns {assigned} trees to classes and has {len(trees)}")


def _get_integers(value: object) -> Sequence[int] | None:
    """Return ``value`` if it is a list of integers; ``None`` for anything else, booleans included."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return None
    return value if all(type(each) is int for each in value) else None


def _parse_number(value: object) -> int | None:
    """Parse an integer of at most 19 characters; return ``None`` for anything else."""
    try:
        return int(value) if isinstance(value, str | int) and len(str(value)) < 20 else None
    except ValueError:
        return None
