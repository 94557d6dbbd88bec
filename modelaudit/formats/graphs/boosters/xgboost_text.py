"""Models of XGBoost in JSON. Whatever else a JSON text may mean is read too: the name of a key is no proof.

Source: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html and its ``model.schema``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from modelaudit.formats.documents.structured.reader import read_json
from modelaudit.formats.graphs.boosters.trees import Faults, check_learner, check_tree
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.json_text import check_bounds, convert_recursion_error, parse_whole_number
from modelaudit.wire.text import looks_like_text

_START: Final = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*\{\s*(?:"version"\s*:\s*\[[\d,\s]*\]\s*,\s*|"Config"\s*:\s*\{)?"learner"\s*:\s*\{'
)


def recognises(head: Head) -> bool:
    """An object whose first key, but for a version, is the learner."""
    return _START.match(head.data) is not None and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what any JSON yields, then what is wrong with the trees.

    Raises:
        DamagedError: it is not text throughout.
        WindowError: it is over ``document_bytes``, or from the window.
    """
    yield from read_json(artifact, window, limits)
    faults = Faults()
    try:
        text = read_whole_text(window, limits)[0]
        check_bounds(text, limits)
        with convert_recursion_error():
            top = json.JSONDecoder(object_pairs_hook=_Gather(faults), parse_int=parse_whole_number).decode(text)
    except (DamagedError, WindowError, ValueError):
        return  # told above
    learner = top.get("learner") if isinstance(top, dict) else None
    if isinstance(learner, dict):
        mentions, facts = check_learner(learner, faults)
        yield Outline("xgboost", mentions, facts, tuple(faults.found))


class _Gather:
    """Checks each tree as it ends and keeps nothing of it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._count = 0

    def __call__(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if "left_children" not in made:
            return made
        check_tree(made, self._faults, self._count)
        self._count += 1
        return {}
