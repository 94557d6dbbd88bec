"""The options that state the intended use of a model; ``scan`` and ``license`` share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Final, TypedDict

import click

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.terms import Use

_ANSWERS: Final = {"yes": True, "true": True, "no": False, "false": False}


def _parse_number(text: str) -> float:
    """Parse a number in any spelling of Python. Raises ``click.BadParameter``."""
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number; write digits, such as 5000000 or 5e6") from None


_OPTIONS: Final = (
    click.option(
        "--use",
        "uses",
        metavar="NAME[=yes|no]",
        multiple=True,
        help=f"Repeatable: an intended use, of {', '.join(Use)}, or research, the purpose of them all. Overrides the "
        "policy.",
    ),
    click.option(
        "--territory",
        "territories",
        metavar="CODE",
        multiple=True,
        help="Repeatable: a territory of the use, as two letters (DE, GB), EU, EEA or WORLD. Overrides the policy.",
    ),
    click.option(
        "--mau",
        metavar="NUMBER",
        type=_parse_number,
        help="Monthly active users of all your products together, such as 5e6.",
    ),
    click.option("--revenue", metavar="USD", type=_parse_number, help="Your annual revenue in USD, such as 2e7."),
    click.option("--field", metavar="FIELD", help="Your field of use, such as general or medical-advice."),
)


class UseArguments(TypedDict):
    """The arguments of ``modelaudit.scan`` and ``modelaudit.license`` that state the intended use."""

    uses: Mapping[str, bool]
    territories: Sequence[str]
    monthly_active_users: float | None
    annual_revenue_usd: float | None
    field: str | None


def add_intent_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of the intended use to a command, which takes them as ``intended_use``."""

    @wraps(command)
    def with_use(
        *arguments: object,
        uses: tuple[str, ...],
        territories: tuple[str, ...],
        mau: float | None,
        revenue: float | None,
        field: str | None,
        **options: object,
    ) -> int:
        stated = UseArguments(
            uses=_parse_uses(uses),
            territories=territories,
            monthly_active_users=mau,
            annual_revenue_usd=revenue,
            field=field,
        )
        return command(*arguments, intended_use=stated, **options)

    decorated: Callable[..., int] = with_use
    # The help lists the option that was added last first.
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _parse_uses(values: Sequence[str]) -> dict[str, bool]:
    """Parse the values of ``--use``: a name alone means yes, and the last value of a name counts.

    Raises:
        ConfigurationError: the word after the equals sign is neither yes nor no.
    """
    uses = {}
    for value in values:
        name, equals, answer = value.partition("=")
        if equals and answer.lower() not in _ANSWERS:
            raise ConfigurationError(f"--use {value}: write yes or no, as in --use {name}=no")
        uses[name.strip()] = _ANSWERS[answer.lower()] if equals else True
    return uses
