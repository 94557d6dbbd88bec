"""Measure the depth and the number of values of JSON text without parsing it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelaudit.model.lazy_pattern import defer_pattern

# A string with its quotes. An unclosed string matches to the end of the text, so that each character is scanned once.
_STRING = defer_pattern(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
# A piece of text that ends with a string: up to 20,000 times other characters and then a closed string.
_TEXT_WITH_WHOLE_STRINGS = defer_pattern(r'(?:[^"]*+"[^"\\]*+(?:\\.[^"\\]*+)*+"){1,20000}+', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def remove_strings(text: str) -> Iterator[str]:
    """Yield the text without its strings, in large pieces, so that a million strings do not become a million pieces."""
    position = 0
    while position < len(text):
        block = _TEXT_WITH_WHOLE_STRINGS.match(text, position)
        end = block.end() if block is not None else len(text)
        yield _STRING.sub("", text[position:end])
        position = end


def exceeds_depth(text: str, most_levels: int) -> bool:
    """Whether arrays and objects in ``text`` nest deeper than ``most_levels`` levels, whether it is JSON or not."""
    # Brackets within strings count here too; if even so there are few, the strings need not be removed.
    if text.count("[") + text.count("{") <= most_levels:
        return False
    depth = 0
    for piece in remove_strings(text):
        # ``translate`` deletes everything but brackets, much faster than a loop over all characters.
        for bracket in piece.encode("utf-8", "replace").translate(None, _NOT_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > most_levels:
                return True
    return False


def exceeds_nodes(text: str, most_values: int, roots: int = 1) -> bool:
    """Whether the text holds more than ``most_values`` values; ``roots`` values lie at the top level.

    Each comma and each opening bracket counts as one value, so an empty array or object counts twice.
    """
    # Separators within strings count here too; if even so there are few, the strings need not be removed.
    if count_separators(text) <= most_values - roots:
        return False
    count = roots
    for piece in remove_strings(text):
        count += count_separators(piece)
        if count > most_values:
            return True
    return False


def count_separators(text: str) -> int:
    """Return how many commas and opening brackets a text has, within strings as well."""
    return text.count(",") + text.count("[") + text.count("{")
