"""The tags of a function of another file that sends one of its parameters, and the calls that pass a secret there."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python import data_flow
from modelaudit.languages.python.call import Call

_TAG: Final = "sends:"


def make_tag(function: str, position: int, parameter: str, is_method: bool) -> str:
    """Return the tag of a function that sends the parameter at a position, from 0 and without ``self``."""
    return f"{_TAG}{'method' if is_method else 'function'}:{function}:{position}:{parameter}"


def passes_secret_on(call: Call, method: str) -> bool:
    """Whether a call passes a secret to a function that sends it.

    Args:
        call: its tags are those of the callee.
        method: the last name of the callee; empty if an expression without a dot is called.
    """
    for tag in call.tags:
        if not tag.startswith(_TAG):
            continue
        _, kind, function, position, parameter = tag.split(":", 4)
        if method != function and (method or kind == "method"):
            continue
        value = call.get_argument(int(position), parameter)
        if value is not None and data_flow.passes_secret(Call(call.name, (value,), {}, call.line)):
            return True
    return False


def drop_function_tags(tags: frozenset[str]) -> frozenset[str]:
    """Return the tags without those of functions: the result of a sending function sends nothing."""
    return frozenset(tag for tag in tags if not tag.startswith(f"{_TAG}function:"))
