"""Parse command lines strictly: no value is lost in silence, and an error names the word that was probably meant."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from modelaudit.cli.overwriting import NamedFile, refuse_inputs

_OUTPUTS: Final = frozenset({"--output", "--ledger", "--pack"})
"""The options that name files to write; every other option and argument may name one to read."""
_FOLDERS: Final = frozenset({"--seal", "--notices"})
"""The options that name folders to write, which their commands check."""


class StrictCommand(click.Command):
    """A command that refuses an empty value, and a second value for an option that takes one.

    Click would keep the last value alone, and drop in silence the policy or the register before it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words after the command. Raises ``click.UsageError``."""
        if not ctx.resilient_parsing:
            # Parsing moves words out of the list that it gets.
            given, _, order = self.make_parser(ctx).parse_args(args=[*args])
            _refuse_repetition(ctx, order)
            _refuse_empty_values(ctx, given)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises ``ConfigurationError`` if it would write over a file that it reads."""
        refuse_inputs(*_list_files(self, ctx.params))
        return super().invoke(ctx)


class SuggestingGroup(click.Group):
    """A group of strict commands that suggests one of them for a misspelt name."""

    command_class = StrictCommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve the subcommand. Raises ``click.UsageError`` if there is none of that name."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}{self.suggest(ctx, args[0])}")
        return super().resolve_command(ctx, args)

    def suggest(self, ctx: click.Context, name: str) -> str:
        """Return the end of the message for an unknown subcommand: the one that resembles it, if any does."""
        return _suggest(name, self.list_commands(ctx))


def _list_files(command: click.Command, values: Mapping[str, object]) -> tuple[list[NamedFile], list[NamedFile]]:
    """List the paths of a command line: those that the command writes, and those that it may read."""
    outputs, inputs = list[NamedFile](), list[NamedFile]()
    for parameter in command.params:
        metavar = parameter.metavar or ""
        is_option = isinstance(parameter, click.Option)
        if _FOLDERS.intersection(parameter.opts):
            continue
        if is_option and not (isinstance(parameter.type, click.Path) or "FILE" in metavar or metavar == "PATH"):
            continue
        value = values.get(parameter.name or "")
        texts = [f"{each}" for each in (value if isinstance(value, list | tuple) else (value,)) if each]
        if not _OUTPUTS.intersection(parameter.opts):
            name = max(parameter.opts, key=len) if is_option else metavar.strip("[].")
            inputs += [NamedFile(name, Path(each)) for each in texts]
            continue
        for text in texts:
            _, equals, file = text.partition("=")
            # A single word in the place of a format is one, or a misspelt one.
            if not metavar.startswith("FORMAT") or not text.isalpha():
                outputs.append(NamedFile(parameter.opts[0], Path(text)))
            if metavar.startswith("FORMAT") and equals and file:
                outputs.append(NamedFile(parameter.opts[0], Path(file)))
    return outputs, inputs


def _refuse_repetition(ctx: click.Context, order: Iterable[click.Parameter]) -> None:
    """Raise ``click.UsageError`` if the command line gives an option twice that takes one value."""
    for parameter, count in Counter(order).items():
        if isinstance(parameter, click.Option) and count > 1 and not (parameter.multiple or parameter.is_flag):
            raise click.UsageError(f"{_name_option(parameter)} is given {count} times; give it once", ctx)


def _refuse_empty_values(ctx: click.Context, given: Mapping[str, object]) -> None:
    """Raise ``click.UsageError`` if an option has an empty value, such as that of a variable that is not set."""
    for parameter in ctx.command.params:
        value = given.get(parameter.name or "")
        if isinstance(parameter, click.Option) and "" in (value if isinstance(value, list | tuple) else (value,)):
            raise click.UsageError(f"{_name_option(parameter)} is empty; give it a value, or leave it out", ctx)


def _name_option(option: click.Option) -> str:
    """Return the long name of an option, or its only one."""
    return max(option.opts, key=len)


def format_usage_error(error: click.ClickException) -> str:
    """Format an error of Click; for an unknown option or choice, suggest only the words that resemble it."""
    if isinstance(error, click.NoSuchOption):
        # Click compares names with their dashes, which make any two short names similar: '--format' and '--mau'.
        names = [each.lstrip("-") for each in error.possibilities or ()]
        similar = difflib.get_close_matches(error.option_name.lstrip("-"), names)
        hint = f" (did you mean {', '.join(f'--{each}' for each in similar)}?)" if similar else ""
        return f"No such option {error.option_name!r}{hint}"
    message = error.format_message()
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.Choice):
        refused = re.match(r"'(.*)' is not one of ", error.message, re.DOTALL)
        return f"{message.rstrip('.')}{_suggest(refused[1], [*map(str, error.param.type.choices)]) if refused else ''}"
    return message


def _suggest(word: str, known: Sequence[str]) -> str:
    """Return "; did you mean X?" for the known word that resembles ``word`` most; else nothing."""
    nearest = difflib.get_close_matches(word.casefold(), known, 1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
