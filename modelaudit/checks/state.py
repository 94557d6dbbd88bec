"""Check the state that a file sets on a class, where the class itself is dangerous only with some states."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.pickle import ContainerValue, PickleEvent, PlainValue, Value

StateConditions = tuple[tuple[str, str], ...]
"""A regular expression for each attribute that is listed; an attribute that a state lacks has the empty text."""

_PAIR_LENGTH: Final = 2
"""Entries of a pair. A mapping with more entries makes ``dict.update`` raise where it expects a pair."""


def is_allowed_state(event: PickleEvent, alternatives: tuple[StateConditions, ...]) -> bool:
    """Whether the state is a literal that fulfils one of ``alternatives``."""
    return any(_fulfils_conditions(event, conditions) for conditions in alternatives)


def _fulfils_conditions(event: PickleEvent, conditions: StateConditions) -> bool:
    """Whether the attributes of a literal state match the regular expressions that ``conditions`` give for them.

    An attribute that the state lacks has the empty text.

    SciPy before 1.6 wrote the state of a distribution as a pair, with a mapping of more than two entries first. Later
    releases pass the state to ``dict.update`` first, which raises on such a pair.
    """
    state = event.arguments[0] if event.arguments else None
    patterns = dict(conditions)
    if isinstance(state, ContainerValue) and state.type == "dict":
        lacking = patterns.keys() - {key for key, _ in event.set_attributes}
        given = [(key, value) for key, value in event.set_attributes if key in patterns]
        return all(re.fullmatch(patterns[key], "") for key in lacking) and all(
            _matches_pattern(value, patterns[key]) for key, value in given
        )
    # The values of the old form are not compared, so none of its attributes may have a condition.
    return _is_old_state(state) and not any(key in patterns for key, _ in event.set_attributes)


def _matches_pattern(value: Value, pattern: str) -> bool:
    """Whether a value is a constant that matches the regular expression as a whole."""
    return isinstance(value, PlainValue) and re.fullmatch(pattern, value.text) is not None


def _is_old_state(state: Value | None) -> bool:
    """Whether the state is a pair that begins with a mapping of more than two entries."""
    if not isinstance(state, ContainerValue) or state.type != "tuple" or len(state.entries) != _PAIR_LENGTH:
        return False
    parameters = state.entries[0][1]
    return (
        isinstance(parameters, ContainerValue) and parameters.type == "dict" and len(parameters.entries) > _PAIR_LENGTH
    )
