"""Read XGBoost models in JSON.

The text is read as any JSON too, because a key with the name ``learner`` does not prove that it is a model.

Source: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html and its ``model.schema``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.documents.structured.reader import read_json
from modelaudit.formats.graphs.boosters.trees import TreeDefects, check_tree, read_learner
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.json_text import check_bounds, convert_recursion_error, parse_whole_number
from modelaudit.wire.text import looks_like_text

# {"learner": {…, {"version": [2, 1, 0], "learner": {…, or {"Config": {"learner": {…, after an optional byte order mark.
_START: Final = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*\{\s*(?:"version"\s*:\s*\[[\d,\s]*\]\s*,\s*|"Config"\s*:\s*\{)?"learner"\s*:\s*\{'
)


def recognises(head: Head) -> bool:
    """Whether the text begins with an object with the key ``learner``, first, after ``version`` or in ``Config``."""
    return _START.match(head.data) is not None and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the readings of any JSON, then an outline with the defects of the trees.

    Raises:
        DamagedError: it is not text, or its first value is no valid JSON.
        WindowError: it is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    yield from read_json(artifact, window, limits)
    # The text is decoded a second time, because the lists of a tree are needed together.
    text = read_whole_text(window, limits)[0]
    check_bounds(text, limits)
    defects = TreeDefects()
    decoder = json.JSONDecoder(object_pairs_hook=_TreeHook(defects), parse_int=parse_whole_number)
    try:
        with convert_recursion_error():
            # XGBoost reads the first value and ignores what follows it; ``read_json`` reads further lines too.
            top, _ = decoder.raw_decode(text.lstrip("\ufeff \t\n\r"))
    except ValueError as error:
        raise DamagedError(f"the trees were not checked, because the model is no valid JSON: {error}") from None
    learner = top.get("learner") if isinstance(top, dict) else None
    if isinstance(learner, dict):
        mentions, facts = read_learner(learner, defects)
        yield Outline("xgboost", mentions, facts, tuple(defects.defects))


class _TreeHook:
    """A hook of the JSON decoder that checks each tree when its object ends and replaces it by an empty object."""

    def __init__(self, defects: TreeDefects) -> None:
        self._defects = defects
        self._tree_count = 0

    def __call__(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """Return the decoded object; check a tree, and return an empty object in its place."""
        decoded = dict(pairs)
        if "left_children" not in decoded:
            return decoded
        check_tree(decoded, self._defects, self._tree_count)
        self._tree_count += 1
        return {}
