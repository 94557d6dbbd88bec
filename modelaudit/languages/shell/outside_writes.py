"""Find the files outside of the repository that a command writes: in ``/tmp``, in the home folder, anywhere absolute.

A script that a user starts may do so. A command that a tool runs by itself, when it opens the folder or installs a
package, has no reason to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.command_flows import list_program_texts, list_written_files
from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.program_names import normalize_program_name, unwrap_command
from modelaudit.languages.shell.vocabulary import VOCABULARY
from modelaudit.model.outline import Mention

_OUTSIDE: Final = ("/", "~", "$HOME", "${HOME}", "%APPDATA%", "%USERPROFILE%", "%TEMP%")
_DEVICES: Final = ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty")
# Programs that create or change each file or folder in their arguments.
_CHANGERS: Final = frozenset({"touch", "mkdir", "rm", "rmdir", "truncate", "chmod", "chown", "unlink", "shred", "ln"})
_MOST_DEPTH: Final = 3
_LONGEST_TEXT: Final = 20_000


def collect_outside_writes(text: str, depth: int = 0) -> Iterator[Mention]:
    """Yield a mention of each file outside of the current folder that the commands of a text write.

    Raises:
        LimitReachedError: the text has more commands than are parsed.
    """
    for command in parse_commands(text[:_LONGEST_TEXT]):
        for path in _list_written(command):
            if path.startswith(_OUTSIDE) and path not in _DEVICES:
                yield Mention(VOCABULARY, "writes-outside", path[:200], detail=text[:200])
        for inner in (*list_program_texts(command), *command.substitutions) if depth < _MOST_DEPTH else ():
            yield from collect_outside_writes(inner, depth + 1)


def _list_written(command: Command) -> Iterator[str]:
    """Yield the files that a command writes, by its redirections and its arguments."""
    words = unwrap_command(command.words)
    yield from command.output_files
    yield from list_written_files(words)
    if words and normalize_program_name(words[0]) in _CHANGERS:
        yield from (word for word in words[1:] if not word.startswith("-"))
