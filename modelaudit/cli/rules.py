"""``modelaudit rules``: list the rules of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.cli.output import print_text
from modelaudit.formats.registry import FACTS
from modelaudit.model.catalogue import FindingRule
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Severity


@click.command("rules")
@click.argument("families", metavar="[FAMILY]...", nargs=-1)
@click.option("--severity", type=click.Choice([each.value for each in Severity]), help="The lowest severity to list.")
@click.option("--json", "as_json", is_flag=True, help="All fields of each rule, as JSON.")
@click.option("--rules", "folders", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="As for scan.")
def command(families: tuple[str, ...], severity: str | None, as_json: bool, folders: tuple[Path, ...]) -> int:
    """List every rule, or those of the families named (such as pickle): id, severity and title."""
    rules = [rule for _, rule in sorted(load_catalogue(extra=folders, formats=FACTS).findings.items())]
    known = {_get_family(rule) for rule in rules}
    unknown = [family for family in families if family not in known]
    if unknown:
        raise ConfigurationError(f"no family has the name {unknown[0]!r}; the families are {', '.join(sorted(known))}")
    chosen = [rule for rule in rules if _is_wanted(rule, families, severity)]
    if as_json:
        print_text(json.dumps([asdict(rule.rule) for rule in chosen], indent=2))
        return 0
    print_text("\n".join(f"{rule.rule.id:40} {rule.rule.severity:9} {rule.rule.title}" for rule in chosen))
    return 0


def _get_family(rule: FindingRule) -> str:
    return rule.rule.id.partition("/")[0]


def _is_wanted(rule: FindingRule, families: Collection[str], severity: str | None) -> bool:
    """Whether a rule is severe enough and of one of the families; without families, every family counts."""
    is_severe_enough = severity is None or rule.rule.severity.rank >= Severity(severity).rank
    return is_severe_enough and (not families or _get_family(rule) in families)
