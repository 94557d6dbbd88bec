"""The conditions of an attested verdict on the command line, for ``modelaudit verify`` and the verifier in one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from msgspec import Struct

from modelaudit.cli.days import parse_days
from modelaudit.cli.digests import parse_digest
from modelaudit.integrity.conditions import Conditions


class ConditionOption(Struct, frozen=True):
    """An option that states a condition.

    Attributes:
        option: its name, such as ``--resource``.
        metavar: the kind of its value, for the help.
        help: one sentence.
        field: of ``Conditions``.
        parse: takes the option and its value, and raises ``ConfigurationError`` for a wrong one.
    """

    option: str
    metavar: str
    help: str
    field: str
    parse: Callable[[str, str], Any]


def _parse_age(option: str, text: str) -> timedelta:
    """Parse the most days since a verdict. Raises ``ConfigurationError``."""
    days = parse_days(option, text, allows_never=False)
    assert days is not None
    return timedelta(days=days)


CONDITION_OPTIONS: Final = (
    ConditionOption("--verifier-id", "URI", "Who has to answer for the verdict.", "verifier", lambda _, text: text),
    ConditionOption(
        "--policy-digest", "SHA256", "The policy that the verdict has to rest on.", "policy_digest", parse_digest
    ),
    ConditionOption(
        "--resource", "URI", "The model that the verdict has to be about.", "resource", lambda _, text: text
    ),
    ConditionOption(
        "--not-older-than", "DAYS", "The most days since the verdict, such as 30d.", "not_older_than", _parse_age
    ),
)
"""Every condition; both fronts build their options from it."""


def parse_conditions(given: Mapping[str, str | None]) -> Conditions:
    """Parse the values of condition options.

    Args:
        given: the value of each option by its field; ``None`` where the option is not given.

    Raises:
        ConfigurationError: a value is wrong, such as a digest or days that are none.
    """
    stated = {each.field: (each, value) for each in CONDITION_OPTIONS if (value := given[each.field]) is not None}
    return Conditions(**{field: each.parse(each.option, value) for field, (each, value) in stated.items()})
