"""Names that a script gives to commands: aliases, and functions whose body fetches something or runs its input."""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.shell.fetched import fetches
from modelaudit.languages.shell.lexer import commands_of
from modelaudit.languages.shell.pipelines import runs_input
from modelaudit.languages.shell.words import unwrapped

_ALIAS: Final = re.compile(r"^[ \t]*alias[ \t]+([\w.-]{1,60})=[\"']?([^\"'\n;]{1,200})", re.MULTILINE)
_FUNCTION: Final = re.compile(
    r"(?:^|;)[ \t]*(?:function[ \t]+([\w-]{1,60})[ \t]*(?:\(\))?|([\w-]{1,60})[ \t]*\([ \t]*\))"
    r"\s{0,20}\{([^}]{1,500})\}",
    re.MULTILINE,
)
_LONGEST: Final = 200_000
_MOST: Final = 200


def aliases_of(text: str) -> dict[str, list[str]]:
    """The words that each name stands for: of an alias all, of a function those of the command that matters."""
    found: dict[str, list[str]] = {}
    for match in _ALIAS.finditer(text, 0, _LONGEST):
        if len(found) < _MOST:
            found[match[1]] = match[2].split()
    for match in _FUNCTION.finditer(text, 0, _LONGEST):
        bodies = [each.words for each in commands_of(match[3])]
        # A body of several commands is followed where it stands; its name only matters where it is one command.
        if len(bodies) == 1 and len(found) < _MOST and (fetches(unwrapped(bodies[0])) or runs_input(bodies[0])):
            found[match[1] or match[2]] = bodies[0]
    return found
