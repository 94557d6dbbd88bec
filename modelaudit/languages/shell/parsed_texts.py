"""Keep the commands of the texts of one script, so that several analyses of the script parse each text once."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from msgspec import Struct

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.lexer import ShellLexer
from modelaudit.wire.deadline import check_deadline, iterate_within_deadline

# A text is parsed again for other values of variables, and each value costs a comparison.
_MOST_VARIABLES: Final = 1_000
_MOST_PARSES_OF_TEXT: Final = 4
# Characters of all texts, and variables before and behind them, that are kept together.
_MOST_KEPT: Final = 4_000_000


class ParsedText(Struct, frozen=True):
    """The commands of one text.

    Attributes:
        commands: in order.
        derived_variables: by the name of a variable, the names of the unknown variables in its values, one list for
            each command that assigns it.
        is_cut: whether the text has more commands than are read.
    """

    commands: list[Command]
    derived_variables: dict[str, list[list[str]]]
    is_cut: bool

    def copy(self) -> ParsedText:
        """Return a copy whose commands an analysis may change."""
        return ParsedText(_copy_commands(self.commands), self.derived_variables, self.is_cut)


class _Parse(Struct, frozen=True):
    """One parse of a text, with the constants that were known before it and that are known behind it."""

    variables_before: dict[str, str]
    variables_after: dict[str, str]
    result: ParsedText


class ParsedTexts:
    """The texts of one script that were parsed so far."""

    def __init__(self) -> None:
        self._parses: defaultdict[str, list[_Parse]] = defaultdict(list)
        self._left = _MOST_KEPT

    def parse_text(self, text: str, variables: dict[str, str]) -> ParsedText:
        """Return the commands of a text, which the caller may change.

        Args:
            text: the commands.
            variables: the known constants by name; the assignments of the text are added to it.

        Raises:
            LimitReachedError: the deadline has passed, also for a text that was parsed before.
        """
        check_deadline()
        for parse in self._parses.get(text, ()):
            if parse.variables_before == variables:
                variables.clear()
                variables.update(parse.variables_after)
                return parse.result.copy()
        variables_before = dict(variables) if len(variables) <= _MOST_VARIABLES else None
        lexer = ShellLexer(text, variables)
        result = ParsedText(lexer.split_commands(), lexer.derived_variables, lexer.is_cut)
        cost = len(text) + len(variables)
        is_kept = variables_before is not None and cost <= self._left
        if variables_before is not None and is_kept and len(self._parses[text]) < _MOST_PARSES_OF_TEXT:
            self._left -= cost
            self._parses[text].append(_Parse(variables_before, dict(variables), result.copy()))
        return result


def _copy_commands(commands: list[Command]) -> list[Command]:
    """Return copies of commands, which refer to each other as the originals do.

    An analysis replaces the words and the other lists of a command as a whole, so that copies can share them. Commands
    that share a list of sources share its copy: a list for each would take the square of the commands in a pipe.
    """
    copies: dict[int, Command] = {}
    copied_lists: dict[int, list[Command]] = {}

    def copy_list(commands: list[Command]) -> list[Command]:
        copied_list = copied_lists.get(id(commands))
        if copied_list is None:
            copied_list = copied_lists[id(commands)] = []
            copied_list += map(copy, commands)
        return copied_list

    def copy(command: Command) -> Command:
        copied = copies.get(id(command))
        if copied is None:
            copied = copies[id(command)] = command.copy()
            if command.sources:
                copied.sources = copy_list(command.sources)
        return copied

    return [copy(command) for command in iterate_within_deadline(commands)]
