"""JSON text: bounds that hold before anything is built from it, and what it is at its top."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass

from modelaudit.model.limits import Limits
from modelaudit.readers.base import LimitReachedError

# A string that is never closed runs to the end of the text, so that each character is looked at once.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^\[\]{}]++")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def exceeds_depth(text: str, most: int) -> bool:
    """Whether arrays and objects nest deeper than ``most``."""
    if text.count("[") + text.count("{") <= most:
        return False
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > most:
            return True
    return False


def exceeds_nodes(text: str, most: int) -> bool:
    """Whether the text holds more than ``most`` values."""
    if _separators(text) < most:
        return False
    return _separators(_STRING.sub("", text)) >= most


def _separators(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def has_lone_surrogate(text: str) -> bool:
    r"""Whether an escape such as ``\ud800`` stands without its other half, so that it spells no character."""
    if "\\u" not in text:
        return False
    high_end = -1
    for match in _ESCAPE.finditer(text):
        code = int(match[1], 16) if match[1] else 0
        waiting = high_end == match.start()
        if (0xDC00 <= code <= 0xDFFF) != waiting or (high_end >= 0 and not waiting):
            return True
        high_end = match.end() if 0xD800 <= code <= 0xDBFF else -1
    return high_end >= 0


@dataclass(frozen=True, slots=True)
class JsonFacts:
    """What a JSON text is at its top, and the keys that occur twice in one object of it."""

    root: str
    keys: tuple[str, ...]
    duplicates: tuple[str, ...]


def scan_json(text: str, limits: Limits) -> JsonFacts:
    """Parse ``text`` without keeping its values. ``NaN`` and ``Infinity`` pass, as loaders write and read them.

    Raises:
        ValueError: it is not JSON.
        LimitReachedError: it nests too deep or holds too many values.
    """
    if exceeds_depth(text, limits.document_depth):
        raise LimitReachedError(f"it nests deeper than {limits.document_depth} levels")
    if exceeds_nodes(text, limits.document_nodes):
        raise LimitReachedError(f"it holds more than {limits.document_nodes} values")
    duplicates: dict[str, None] = {}
    keys: list[str] = []

    def forget(pairs: list[tuple[str, object]]) -> None:
        # Objects end from the inside out: the last one to end is the top, if the top is an object.
        keys[:] = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            duplicates.update((key, None) for key, count in Counter(keys).items() if count > 1)

    def drop(_: str) -> None:
        return None

    try:
        json.loads(text, parse_int=drop, parse_float=drop, parse_constant=drop, object_pairs_hook=forget)
    except RecursionError:
        raise LimitReachedError("it nests deeper than the parser goes") from None
    root = {"{": "mapping", "[": "sequence"}.get(text.lstrip()[:1], "scalar")
    return JsonFacts(root, tuple(keys) if root == "mapping" else (), tuple(duplicates))
