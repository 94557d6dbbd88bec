"""The options that name rules; every command that loads the rule set shares them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Final

import click

_PATH: Final = click.Path(path_type=Path, exists=True)
_OPTIONS: Final = (
    click.option(
        "--rules",
        "rules",
        metavar="DIR|FILE",
        multiple=True,
        type=_PATH,
        help="A further rule folder, laid out like rules/; or a signed pack, which replaces the built-in rules.",
    ),
    click.option(
        "--rules-key", metavar="FILE", type=_PATH, help="The public key of the author of the pack of --rules."
    ),
)


def add_rules_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of rules to a command, which takes the folders among them as ``rules``."""

    @wraps(command)
    def with_rules(*arguments: object, rules: tuple[Path, ...], rules_key: Path | None, **options: object) -> int:
        if rules_key is None and all(path.is_dir() for path in rules):
            return command(*arguments, rules=rules, **options)
        from modelaudit.cli.writing import show_notes
        from modelaudit.packs import choose_rules

        with choose_rules(rules, rules_key) as chosen:
            show_notes(chosen.notes)
            return command(*arguments, rules=chosen.folders, **options)

    decorated: Callable[..., int] = with_rules
    # The help lists the option that was added last first.
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
