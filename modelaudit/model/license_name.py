"""Fold the names of licences for comparison."""

from __future__ import annotations

import re
import string
from functools import lru_cache

from modelaudit.model.lazy_pattern import defer_pattern

NAME_LIMIT = 300
"""Characters beyond which a text is not a licence name."""


# Only ASCII letters are lowered: a look-alike of a known name, with a Cyrillic letter, a Kelvin sign or a zero-width
# space, must not become that name. Only word separators are dropped, because "openrail" and "openrail++", "MIT" and
# "MIT*" are different statements.
_SEPARATORS = string.whitespace + "-_.,:/()[]'\""
_FOLDED_CHARACTERS = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, _SEPARATORS)
_SCHEME = defer_pattern(r"https?://(?:www\.)?", re.IGNORECASE)


def fold_license_name(name: str) -> str:
    """Return ``name`` in lower case without spaces and separators, for comparison; empty if it is too long for a name.

    ``https://`` and ``www.`` at its start are dropped too.
    """
    return _fold_name(name) if len(name) <= NAME_LIMIT else ""


@lru_cache(maxsize=4096)
def _fold_name(name: str) -> str:
    """Fold a name of at most ``NAME_LIMIT`` characters; the names of the rule set are folded for each repository."""
    return _SCHEME.sub("", name.strip(), count=1).translate(_FOLDED_CHARACTERS)
