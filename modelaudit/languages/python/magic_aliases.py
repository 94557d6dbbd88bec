"""Resolve the names that a notebook gives to magics and commands: ``%alias_magic r run`` and ``%alias go python3``.

Source: ``alias_magic`` in ``IPython/core/magics/basic.py``, ``MagicAlias`` in ``IPython/core/magic.py``, and
``IPython/core/alias.py``.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable
from typing import Final, NoReturn

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import iterate_within_deadline

_CONTINUATION: Final = defer_pattern(r"\\\r?\n")
# Behind ``%`` at any place of a line, as in ``%time %alias_magic r run``; alone on a line, IPython completes the ``%``.
_DEFINITION: Final = defer_pattern(
    r"(?:%|^[ \t]*+(?=alias(?:_magic)?[ \t]+[\w%]+[ \t]+[\w%\"'-]))(alias|alias_magic)[ \t]+([^\n]+)", re.MULTILINE
)
_COMPUTED: Final = defer_pattern(r"[{$]")
_SHELL_MAGIC: Final = "system"
_MAX_ALIASES: Final = 1_000  # of a notebook
_MAX_PARAMETERS_LENGTH: Final = 2_000


class _Parser(argparse.ArgumentParser):
    """The options of ``%alias_magic``; its line may have them at any place."""

    def __init__(self) -> None:
        super().__init__(add_help=False)
        for flags in (("-l", "--line"), ("-c", "--cell")):
            self.add_argument(*flags, action="store_true")
        self.add_argument("-p", "--params")
        self.add_argument("name")
        self.add_argument("target")

    def error(self, message: str) -> NoReturn:
        """Refuse a line that IPython refuses too.

        Raises:
            ValueError: always.
        """
        raise ValueError(message)


class _Alias(Struct, frozen=True):
    """The magic that an alias names, with the parameters that precede those of a call.

    Attributes:
        command: the command of a shell alias, in which ``%l`` and ``%s`` take the arguments; ``None`` for a magic.
    """

    target: str
    parameters: str = ""
    command: str | None = None


class MagicAliases:
    """The aliases of one notebook.

    Attributes:
        absence: why a line of the notebook may run something else than it shows; empty if none does.
    """

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self.absence = ""
        self._aliases: dict[str, _Alias] = {}
        self._resolved: dict[str, _Alias] = {}
        parser = _Parser()
        for source in sources:
            joined = _CONTINUATION.sub(" ", source) if "alias" in source else ""
            for definition in iterate_within_deadline(_DEFINITION.finditer(joined), 1):
                if len(self._aliases) >= _MAX_ALIASES:
                    self.absence = f"only its first {_MAX_ALIASES} aliases of magics are followed"
                    return
                self._define(parser, definition[1], definition[2].strip())

    def __contains__(self, name: str) -> bool:
        return name in self._aliases

    def resolve(self, line: str) -> str:
        """Replace an alias at the start of the line of a magic, which comes without its ``%``, by its target."""
        name, _, arguments = line.partition(" ")
        if name not in self._aliases:
            return line
        alias = self._follow(name)
        text = f"{alias.parameters} {arguments}".strip()
        if alias.command is not None:
            text = _complete_command(alias.command, text)
        return f"{alias.target} {text}".strip()

    def _define(self, parser: _Parser, magic: str, line: str) -> None:
        """Record the alias that a line of ``%alias`` or ``%alias_magic`` defines."""
        if magic == "alias":
            name, _, command = line.partition(" ")
            alias = _Alias(_SHELL_MAGIC, command=command.strip())
        else:
            if _COMPUTED.search(line):
                self.absence = "it gives a magic an alias that is computed"
            try:
                options = parser.parse_args(_split_arguments(line))
            except (ValueError, argparse.ArgumentError):
                return
            parameters = options.params or ""
            if parameters[:1] in ("'", '"') and parameters[-1:] == parameters[:1]:
                parameters = parameters[1:-1]
            name, alias = options.name.lstrip("%!"), _Alias(options.target.lstrip("%!"), parameters)
        if self._aliases.setdefault(name, alias) != alias:
            self.absence = f"it gives the alias {name[:100]} to different magics"
            self._aliases[name] = alias

    def _follow(self, name: str) -> _Alias:
        """Return the magic or command at the end of a chain of aliases, and keep it for each alias of the chain."""
        chain: dict[str, _Alias] = {}
        while name in self._aliases and name not in self._resolved and name not in chain:
            chain[name] = self._aliases[name]
            name = chain[name].target if chain[name].command is None else ""
        end = self._resolved.get(name)
        for each, alias in reversed(chain.items()):
            if end is not None and alias.command is None:
                parameters = f"{end.parameters} {alias.parameters}".strip()
                if len(parameters) > _MAX_PARAMETERS_LENGTH:
                    self.absence = "an alias of a magic has longer parameters than are followed"
                    parameters = parameters[:_MAX_PARAMETERS_LENGTH]
                alias = _Alias(end.target, parameters, end.command)
            self._resolved[each] = end = alias
        return end or _Alias(name)


def _split_arguments(line: str) -> list[str]:
    """Split arguments as IPython does: quotes stay around their text.

    Raises:
        ValueError: quotes do not match.
    """
    lexer = shlex.shlex(line, posix=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def _complete_command(command: str, arguments: str) -> str:
    """Return the command of a shell alias with the arguments of a call."""
    if "%l" in command:
        return command.replace("%l", arguments)
    words = arguments.split()
    while "%s" in command and words:
        command = command.replace("%s", words.pop(0), 1)
    return f"{command} {' '.join(words)}"
