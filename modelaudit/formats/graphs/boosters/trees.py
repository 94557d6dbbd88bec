"""What loaders of decision trees believe of them without looking: lengths of lists, numbers and places of nodes.

A child that does not exist is read from memory that is not the model's; one that stands twice makes a walk without end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from modelaudit.formats.graphs.boosters import TreeDefect, TreeNumberDefect
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Defect, Location

NAMES: Final = "booster-names"
_MOST_DEFECTS: Final = 20
_MOST_FEATURES: Final = 1 << 30
_MOST_CLASSES: Final = 1 << 20
_PER_NODE: Final = ("right_children", "parents", "split_indices", "split_conditions", "default_left")


class Faults:
    """Defects of one model, a bounded number of them."""

    def __init__(self) -> None:
        self.found: list[Defect] = []

    def size(self, detail: str, where: Location | None = None) -> None:
        """Two statements about a length disagree."""
        self._keep(Defect(TreeDefect.TREE_SIZE, detail, where or Location()))

    def place(self, detail: str, where: Location | None = None) -> None:
        """A node or feature is named that does not exist, or one twice."""
        self._keep(Defect(TreeDefect.TREE_INVALID, detail, where or Location()))

    def number(self, detail: str, where: Location | None = None) -> None:
        """A number asks for more memory than any model needs."""
        self._keep(Defect(TreeNumberDefect.NUMBER_ABSURD, detail, where or Location()))

    def _keep(self, defect: Defect) -> None:
        if len(self.found) < _MOST_DEFECTS:
            self.found.append(defect)


def check_children(left: Sequence[int], right: Sequence[int], faults: Faults, which: str) -> None:
    """Hold children of inner nodes against the nodes that there are; -1 stands for none."""
    count = len(left)
    met = bytearray(count)
    for children in (left, right):
        for child in children:
            if child == -1:
                continue
            if not 0 < child < count:
                return faults.place(f"{which} names node {child} of {count}")
            if met[child]:
                return faults.place(f"{which} has node {child} twice, so that a walk may never end")
            met[child] = 1
    return None


def check_tree(tree: Mapping[str, object], faults: Faults, number: int) -> None:
    """One tree of XGBoost, as its JSON and UBJSON hold it."""
    which = f"tree {number}"
    lists = {key: _integers(tree.get(key)) for key in ("left_children", "right_children", "split_indices")}
    left, right, features = (lists[key] for key in ("left_children", "right_children", "split_indices"))
    if left is None or right is None or features is None:
        return faults.place(f"{which} has children or features that are no whole numbers")
    for key in _PER_NODE:
        other = tree.get(key)
        if isinstance(other, Sequence) and len(other) != len(left):
            return faults.size(f"{which} has {len(left)} nodes and {len(other)} {key}")
    parameters = tree.get("tree_param")
    if isinstance(parameters, Mapping):
        stated, known = _number(parameters.get("num_nodes")), _number(parameters.get("num_feature"))
        if stated is not None and stated != len(left):
            faults.size(f"{which} states {stated} nodes and has {len(left)}")
        inner = (feature for feature, child in zip(features, left, strict=False) if child != -1)
        if known and any(not 0 <= feature & 0x7FFF_FFFF < known for feature in inner):
            faults.place(f"{which} splits by a feature beyond its {known}")
    return check_children(left, right, faults, which)


def check_learner(
    learner: Mapping[str, object], faults: Faults
) -> tuple[tuple[Mention, ...], tuple[tuple[str, str], ...]]:
    """The head of a model of XGBoost: its objective and booster, and the facts that it states."""
    mentions: list[Mention] = []
    facts: list[tuple[str, str]] = []
    objective, booster = learner.get("objective"), learner.get("gradient_booster")
    for use, part in (("objective", objective), ("booster", booster)):
        name = part.get("name") if isinstance(part, Mapping) else None
        if isinstance(name, str):
            mentions.append(Mention(NAMES, use, name[:200], Location(key=f"learner.{use}")))
            facts.append((use, name[:80]))
    parameters = learner.get("learner_model_param")
    if isinstance(parameters, Mapping):
        check_numbers(_number(parameters.get("num_feature")), _number(parameters.get("num_class")), faults)
        facts.append(("features", str(parameters.get("num_feature", ""))[:20]))
    if isinstance(booster, Mapping):
        _check_count(booster, faults)
    return tuple(mentions), tuple(facts)


def check_numbers(features: int | None, classes: int | None, faults: Faults) -> None:
    """Numbers by which a loader allocates memory."""
    if features is not None and not 0 <= features <= _MOST_FEATURES:
        faults.number(f"it states {features} features")
    if classes is not None and not 0 <= classes <= _MOST_CLASSES:
        faults.number(f"it states {classes} classes")


def _check_count(booster: Mapping[str, object], faults: Faults) -> None:
    inner = booster.get("gbtree")  # dart holds its trees in one
    holder = inner if isinstance(inner, Mapping) else booster
    model = holder.get("model")
    if not isinstance(model, Mapping):
        return
    trees, parameters, groups = model.get("trees"), model.get("gbtree_model_param"), model.get("tree_info")
    if isinstance(trees, Sequence) and isinstance(parameters, Mapping):
        stated = _number(parameters.get("num_trees"))
        if stated is not None and stated != len(trees):
            faults.size(f"it states {stated} trees and has {len(trees)}")
        if isinstance(groups, Sequence) and len(groups) != len(trees):
            faults.size(f"it assigns {len(groups)} trees to classes and has {len(trees)}")


def _integers(value: object) -> Sequence[int] | None:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return None
    return value if all(type(each) is int for each in value) else None


def _number(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, str | int) and len(str(value)) < 20 else None
    except ValueError:
        return None
