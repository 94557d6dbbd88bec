"""The names of policies, apart from what reads their files, which most commands never do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelaudit.catalogue.known_keys import suggest_word

DEFAULT: Final = "default"
"""The policy that applies without any other, and that every other one extends unless it names another."""


def explain_unknown_policy(name: str, known: Mapping[str, object]) -> str:
    """Explain that the rule set has no policy of this name, and suggest one that resembles it."""
    hint = suggest_word(name, known)
    return f"{name!r} is neither a file nor one of: {', '.join(sorted(known))}{hint}"
