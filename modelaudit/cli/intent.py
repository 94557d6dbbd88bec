"""The options that say what somebody means to do with a model; ``scan`` and ``license`` share them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import click

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.terms import Use

_YES: Final = {"yes": True, "true": True, "no": False, "false": False}


def _number(text: str) -> float:
    """A number as people write one in a shell. Raises ``click.BadParameter``."""
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no number; write digits, such as 5000000 or 5e6") from None


_OPTIONS: Final = (
    click.option(
        "--use",
        "uses",
        metavar="NAME[=yes|no]",
        multiple=True,
        help=f"Repeatable: what you mean to do, of {', '.join(Use)}. Overrules the policy.",
    ),
    click.option(
        "--territory",
        "territories",
        metavar="CODE",
        multiple=True,
        help="Repeatable: where, as a code of two letters (DE, GB), EU, EEA or WORLD. Overrules the policy.",
    ),
    click.option(
        "--mau",
        metavar="NUMBER",
        type=_number,
        help="Monthly active users of all your products together, such as 5e6.",
    ),
    click.option("--revenue", metavar="USD", type=_number, help="Your revenue a year in US dollars, such as 2e7."),
    click.option("--field", metavar="FIELD", help="Your field of use, such as general or medical-advice."),
)


def intent_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def uses_of(values: Sequence[str]) -> dict[str, bool]:
    """What ``--use`` says: a name alone means yes; the last word on a name counts.

    Raises:
        ConfigurationError: what stands behind the equals sign is neither yes nor no.
    """
    found = {}
    for value in values:
        name, equals, answer = value.partition("=")
        if equals and answer.lower() not in _YES:
            raise ConfigurationError(f"--use {value}: say yes or no, as in --use {name}=no")
        found[name.strip()] = _YES[answer.lower()] if equals else True
    return found
