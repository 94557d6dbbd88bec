"""What a scan is asked to do, and the policy that follows from it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from modelaudit.catalogue import load_policy
from modelaudit.model.artifact import Snapshot
from modelaudit.model.catalogue import Catalogue, Policy
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.limits import Limits
from modelaudit.model.report import Target
from modelaudit.model.terms import Intent, Use
from modelaudit.sources.settings import HubSettings

_Word = TypeVar("_Word", bound=StrEnum)

Progress = Callable[[str, int, int], None]
"""Called with an artifact's path, its number from 1, and how many there are."""


@dataclass(frozen=True, slots=True)
class IntendedUse:
    """What is meant to be done with the model, as ``modelaudit.scan`` documents it; it overrules the policy."""

    uses: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    territories: Sequence[str] = ()
    monthly_active_users: float | None = None
    annual_revenue_usd: float | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What a scan is asked to do beyond its target; ``modelaudit.scan`` documents each."""

    revision: str | None = None
    checks: Collection[CheckFamily | str] | None = None
    policy: str | Path = "default"
    fail_on: Severity | str | None = None
    offline: bool = False
    second_opinion: bool = True
    rules: Sequence[str | Path] = ()
    limits: Limits = dataclasses.field(default_factory=Limits)
    intended_use: IntendedUse = dataclasses.field(default_factory=IntendedUse)
    progress: Progress | None = None
    download_progress: Callable[[int, int], None] | None = None

    def within(self, limits: Limits) -> Options:
        """The same options under other limits."""
        return replace(self, limits=limits)


def families_of(catalogue: Catalogue) -> frozenset[CheckFamily]:
    """The families that have a rule."""
    return frozenset(rule.rule.check for rule in catalogue.findings.values())


def policy_of(options: Options, catalogue: Catalogue) -> Policy:
    """The policy by name or file, with the options that overrule it."""
    name = str(options.policy)
    if name in catalogue.policies:
        policy = catalogue.policies[name]
    elif Path(name).is_file():
        policy = load_policy(Path(name), catalogue.clauses)
    else:
        known = ", ".join(sorted(catalogue.policies))
        raise ConfigurationError(f"policy {name!r} is neither a file nor one of: {known}")
    if options.checks is not None:
        chosen = {_word(CheckFamily, "check", name) for name in options.checks}
        if not chosen:
            raise ConfigurationError(f"no check is chosen; use one or more of: {', '.join(CheckFamily)}")
        families = families_of(catalogue)
        if not chosen <= families:
            missing, there = ", ".join(sorted(chosen - families)), ", ".join(sorted(families))
            raise ConfigurationError(f"no rule belongs to {missing} yet; there are rules for {there}")
        policy = replace(policy, checks=tuple(family for family in CheckFamily if family in chosen))
    if options.fail_on is not None:
        never = options.fail_on == "never"
        policy = replace(policy, fail_on=None if never else _word(Severity, "severity", options.fail_on))
    return replace(policy, intent=_intent(options.intended_use, policy.intent, catalogue))


def _intent(use: IntendedUse, stated: Intent, catalogue: Catalogue) -> Intent:
    """What the policy states of the use, with what overrules it."""
    known = {use.value: use for use in Use}
    changes: dict[Use, bool] = {}
    for name, is_meant in use.uses.items():
        word = str(name).replace("_", "-")
        if word not in known:
            raise ConfigurationError(f"{name!r} is no use; use one of: {', '.join(known)}")
        changes[known[word]] = is_meant
    places = tuple(code.strip().upper() for code in use.territories)
    field = None if use.field is None else use.field.strip().lower().replace("_", "-")
    wrongs = [catalogue.clauses.explain_invalid_territory(code) for code in places]
    wrongs += [] if field is None else [catalogue.clauses.explain_invalid_field(field)]
    wrong = next(filter(None, wrongs), "")
    if wrong:
        raise ConfigurationError(wrong)
    for noun, number in (("users", use.monthly_active_users), ("revenue", use.annual_revenue_usd)):
        if number is not None and not 0 <= number < float("inf"):
            raise ConfigurationError(f"the number for {noun} is {number}; it must be 0 or more")
    users, revenue = use.monthly_active_users, use.annual_revenue_usd
    return Intent(
        uses={**stated.uses, **changes},
        monthly_active_users=stated.monthly_active_users if users is None else users,
        annual_revenue_usd=stated.annual_revenue_usd if revenue is None else revenue,
        territories=places or stated.territories,
        field=stated.field if field is None else field,
    )


def _word(words: type[_Word], noun: str, text: str) -> _Word:
    try:
        return words(text)
    except ValueError:
        never = ", or never" if words is Severity else ""
        raise ConfigurationError(f"{text!r} is no {noun}; use one of: {', '.join(words)}{never}") from None


def target_of(requested: str, snapshot: Snapshot, options: Options) -> Target:
    """What was looked at, for the report."""
    return Target(
        requested=requested,
        kind=snapshot.ref.kind,
        name=snapshot.ref.name,
        revision=snapshot.ref.revision,
        commit=snapshot.commit,
        origin=snapshot.origin,
        offline=HubSettings.read(offline=options.offline).offline,
        notes=snapshot.notes,
    )


def now() -> str:
    """The time in UTC; ``SOURCE_DATE_EPOCH`` overrules it, so that reports can be rebuilt byte for byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError(f"SOURCE_DATE_EPOCH is {epoch!r}; it must be seconds since 1970") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
