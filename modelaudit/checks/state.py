"""Conditions on the state that a class takes, where what it does with that is the danger."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.pickle import Holding, PickleEvent, Plain, Value

_PAIR: Final = 2


def state_holds(event: PickleEvent, conditions: tuple[tuple[str, str], ...]) -> bool:
    """Whether the state is a literal and its attributes, where they stand, match their regular expressions.

    A pair whose first is a mapping of more than two entries is how scipy before 1.6 wrote a distribution. To
    ``dict.update``, which later releases try first, it is no mapping and no pairs, and they raise.
    """
    state = event.arguments[0] if event.arguments else None
    given = dict(conditions)
    if isinstance(state, Holding) and state.type == "dict":
        return all(key not in given or _matches(value, given[key]) for key, value in event.sets)
    return _is_old_state(state) and not any(key in given for key, _ in event.sets)


def _matches(value: Value, pattern: str) -> bool:
    return isinstance(value, Plain) and re.fullmatch(pattern, value.text) is not None


def _is_old_state(state: Value | None) -> bool:
    if not isinstance(state, Holding) or state.type != "tuple" or len(state.entries) != _PAIR:
        return False
    parameters = state.entries[0][1]
    return isinstance(parameters, Holding) and parameters.type == "dict" and len(parameters.entries) > _PAIR
