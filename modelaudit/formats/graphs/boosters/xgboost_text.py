"""Read XGBoost models in JSON.

The text is read as any JSON too, because a key with the name ``learner`` does not prove that it is a model. Only
the values that are checked are kept, and a tree only until it ends.

Source: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html and its ``model.schema``.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.documents.structured.reader import read_json
from modelaudit.formats.graphs.boosters.trees import NAME_LENGTH, TreeDefects, check_tree, read_learner
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.documents import check_text
from modelaudit.wire.json_stream import JsonStream
from modelaudit.wire.json_text import convert_recursion_error, parse_whole_number
from modelaudit.wire.text import looks_like_text

# {"learner": {…, {"version": [2, 1, 0], "learner": {…, or {"Config": {"learner": {…, after an optional byte order mark.
_START: Final = defer_pattern(
    rb'(?:\xef\xbb\xbf)?\s*\{\s*(?:"version"\s*:\s*\[[\d,\s]*\]\s*,\s*|"Config"\s*:\s*\{)?"learner"\s*:\s*\{'
)
# The lists of a tree whose items are checked, and its other parts.
_INTEGER_LISTS: Final = frozenset({"left_children", "right_children", "split_indices"})
_TREE_KEYS: Final = frozenset({"parents", "split_conditions", "default_left", "tree_param", "num_nodes", "num_feature"})
_LEARNER_KEYS: Final = frozenset(
    {"learner", "objective", "gradient_booster", "name", "gbtree", "model", "trees", "tree_info", "gbtree_model_param"}
    | {"num_trees", "learner_model_param", "num_class"}
)
_KEPT_KEYS: Final = _INTEGER_LISTS | _TREE_KEYS | _LEARNER_KEYS
_LEAST_INTEGER: Final = -(1 << 63)
_GREATEST_INTEGER: Final = (1 << 63) - 1


def recognises(head: Head) -> bool:
    """Whether the text begins with an object with the key ``learner``, first, after ``version`` or in ``Config``."""
    return _START.match(head.data) is not None and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the readings of any JSON, then an outline with the defects of the trees.

    Raises:
        DamagedError: it is not text, or its first value is not valid JSON.
        WindowError: it is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    yield from read_json(replace(artifact, may_be_program=False), window, limits)
    defects = TreeDefects()
    collector = _ModelCollector(defects)
    # The text is parsed a second time, because the lists of a tree are needed together.
    try:
        with convert_recursion_error():
            JsonStream(check_text(window, limits), collector, limits).parse_document()
    except ValueError as error:
        # XGBoost reads the first value and ignores what follows it; ``read_json`` reads further lines too.
        if not collector.has_ended:
            raise DamagedError(f"the trees were not checked, because the model is not valid JSON: {error}") from None
    learner = collector.top.get("learner") if isinstance(collector.top, dict) else None
    if isinstance(learner, dict):
        mentions, facts = read_learner(learner, defects)
        yield Outline("xgboost", mentions, facts, tuple(defects.defects))


class _Pairs(list[tuple[str, object]]):
    """A JSON object as the decoder returns it."""


class _OpenContainer(Struct):
    """An array or object that has not ended.

    Attributes:
        is_object: an object, not an array.
        integers: the items of an array in ``_INTEGER_LISTS``; ``None`` for any other container.
        has_other_items: whether that array has an item that is not an integer.
        count: the number of items of any other array.
        fields: the values of an object that are kept, by key.
        key: the key of the value that comes next in an object.
    """

    is_object: bool
    integers: array[int] | None
    has_other_items: bool = False
    count: int = 0
    fields: dict[str, object] = field(default_factory=dict)
    key: str = ""

    def add_item(self, value: object) -> None:
        """Keep what is checked of the next value."""
        if self.is_object:
            if self.key in _KEPT_KEYS:
                self.fields[self.key] = value
        elif self.integers is None:
            self.count += 1
        elif type(value) is int:
            # No number beyond 64 bits is the index of a node.
            self.integers.append(min(max(value, _LEAST_INTEGER), _GREATEST_INTEGER))
        else:
            self.has_other_items = True


class _ModelCollector:
    """Receives the values of a model, checks each tree when it ends, and puts an empty object in its place.

    Attributes:
        decoder: keeps objects as pairs, because it may decode a piece of text twice, in two divisions.
        top: the whole model, without the values that nothing checks. In place of an array there is its length.
        has_ended: whether the whole model was parsed.
    """

    def __init__(self, defects: TreeDefects) -> None:
        self.decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=parse_whole_number)
        self.top: object = None
        self.has_ended = False
        self._defects = defects
        self._tree_count = 0
        self._open: list[_OpenContainer] = []

    def begin_row(self, number: int) -> None:
        """Do nothing: a model is one value."""

    def begin_container(self, is_object: bool) -> None:
        """Open an array or object."""
        is_integer_list = not is_object and bool(self._open) and self._open[-1].key in _INTEGER_LISTS
        self._open.append(_OpenContainer(is_object, array("q") if is_integer_list else None))

    def end_container(self) -> None:
        """Close the innermost array or object, and add it to the one around it."""
        ended = self._open.pop()
        if ended.is_object:
            self._put(self._end_object(ended.fields))
        elif ended.integers is None:
            self._put(range(ended.count))
        else:
            self._put([None] if ended.has_other_items else ended.integers)

    def add_key(self, key: str) -> None:
        """Keep a key for the value behind it."""
        self._open[-1].key = key

    def discard_ended_object(self) -> None:
        """Do nothing: no tree is checked before its whole text arrives."""

    def add_value(self, value: object) -> None:
        """Add a value to the innermost array or object."""
        key = self._open[-1].key if self._open else ""
        self._put(self._reduce(value, key in _INTEGER_LISTS))

    def add_batch(self, value: object) -> None:
        """Add several items or pairs to the innermost array or object."""
        if isinstance(value, _Pairs):
            for key, item in value:
                self.add_key(key)
                self.add_value(item)
        elif isinstance(value, list):
            for item in value:
                self._put(self._reduce(item))

    def _put(self, value: object) -> None:
        """Add a reduced value to the innermost array or object; outside of any, it is the model."""
        if self._open:
            self._open[-1].add_item(value)
        else:
            self.top, self.has_ended = value, True

    def _reduce(self, value: object, keeps_items: bool = False) -> object:
        """Return what is checked of a value, and check the trees in it.

        Args:
            value: as decoded.
            keeps_items: whether the items of an array are checked. Otherwise its length is returned, as a range.
        """
        if isinstance(value, _Pairs):
            return self._end_object(dict(self._reduce_pairs(value)))
        if isinstance(value, list):
            for item in value:
                if isinstance(item, list):  # or pairs
                    self._reduce(item)
            return value if keeps_items else range(len(value))
        return value[:NAME_LENGTH] if isinstance(value, str) else value

    def _reduce_pairs(self, pairs: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
        """Yield the pairs that are kept, reduced; check the trees in the others too."""
        for key, value in pairs:
            reduced = self._reduce(value, key in _INTEGER_LISTS)
            if key in _KEPT_KEYS:
                yield key, reduced

    def _end_object(self, fields: dict[str, object]) -> dict[str, object]:
        """Return an object that ended; check a tree, and return an empty object in its place."""
        if "left_children" not in fields:
            return fields
        check_tree(fields, self._defects, self._tree_count)
        self._tree_count += 1
        return {}
