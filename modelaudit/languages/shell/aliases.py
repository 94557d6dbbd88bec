"""Parse the names that a script gives to commands: aliases, and functions of one command.

A function counts only if its single command downloads something or executes its input. Otherwise an attacker could hide
``curl`` or ``sh`` behind an invented name.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.shell.downloads import is_download
from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.pipelines import runs_input
from modelaudit.languages.shell.program_names import unwrap_command
from modelaudit.wire.deadline import iterate_within_deadline

# ``alias name='words'``.
_ALIAS: Final = re.compile(r"^[ \t]*alias[ \t]+([\w.-]{1,60})=[\"']?([^\"'\n;]{1,200})", re.MULTILINE)
# ``function name { body }`` or ``name() { body }``.
_FUNCTION: Final = re.compile(
    r"(?:^|;)[ \t]*(?:function[ \t]+([\w-]{1,60})[ \t]*(?:\(\))?|([\w-]{1,60})[ \t]*\([ \t]*\))"
    r"\s{0,20}\{([^}]{1,500})\}",
    re.MULTILINE,
)


def parse_aliases(text: str) -> dict[str, list[str]]:
    """Return the words that replace each alias or function name; the last definition of a name counts."""
    replacements: dict[str, list[str]] = {}
    for match in iterate_within_deadline(_ALIAS.finditer(text), items_per_check=64):
        replacements[match[1]] = match[2].split()
    for match in iterate_within_deadline(_FUNCTION.finditer(text), items_per_check=64):
        bodies = [each.words for each in parse_commands(match[3])]
        # The analyser judges the body of every function in place. Only a body of one command can replace its name.
        if len(bodies) != 1:
            continue
        if is_download(unwrap_command(bodies[0])) or runs_input(bodies[0]):
            replacements[match[1] or match[2]] = bodies[0]
    return replacements
