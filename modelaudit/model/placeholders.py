"""Values that state nothing, such as ``unknown`` or ``NOASSERTION``."""

from __future__ import annotations

from typing import Final

from modelaudit.model.spelling import uncover_text

_WORDS: Final = frozenset(
    {
        *("", "-", "--", "?", "...", "default", "n/a", "na", "nil", "none", "null", "tbd", "todo", "tba", "tbc"),
        *("undefined", "unknown", "unspecified", "noassertion", "no assertion", "to be added", "coming soon", "fixme"),
        *("not applicable", "not available", "not specified", "not stated", "more information needed", "undisclosed"),
        *("not provided", "not known", "not disclosed", "not reported", "placeholder", "optional", "empty", "missing"),
    }
)
"""In lower case and without marks around them."""
_MARKS: Final = " \t.[]<>(){}*_\"'"


def states_something(value: str) -> bool:
    """Whether a value shows text and is more than a placeholder."""
    shown = uncover_text(value)
    return any(map(str.isalnum, shown)) and shown.strip(_MARKS).casefold() not in _WORDS
