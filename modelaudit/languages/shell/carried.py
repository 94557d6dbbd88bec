"""Commands that stand in arguments and variables of other programs: of ``find -exec``, ``su -c``, ``trap``, ``ssh -o``.

Sources: the manuals of the programs; https://gtfobins.github.io/ for which of them start others.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.expansions import RUN_LATER
from modelaudit.languages.shell.lexer import Command
from modelaudit.languages.shell.words import base_name

# What an argument begins with, or holds, in front of a command line.
_IN_ARGUMENT: Final = {
    names: re.compile(pattern, re.DOTALL)
    for names, pattern in (
        (("ssh", "scp", "sftp", "rsync"), r"(?:-o)?\s*(?:Proxy|Local)Command[=\s](.+)"),
        (("tar", "bsdtar"), r"--(?:checkpoint-action=exec|to-command|use-compress-program|rsh-command)=(.+)"),
        (("vim", "vi", "nvim", "ex", "view"), r"\+?:(?:sil(?:ent)?!?\s+)?!(.+)"),
        (("awk", "gawk", "mawk", "nawk"), r".*?\b(?:system\s*\(\s*|print\s+)\\?\"(.{1,2000}?)\\?\"\s*(?:\)|\|).*"),
        (("osascript",), r".*?do\s+shell\s+script\s+\"(.{1,2000}?)\".*"),
        (("perl", "ruby", "php", "lua", "node", "nodejs"),
         r".*?\b(?:system|exec|execSync|popen|spawn|execute|passthru|shell_exec)\s*\(?\s*[\"'](.{1,2000}?)[\"'].*"),
    )
}  # fmt: skip
_BY_NAME: Final = {name: pattern for names, pattern in _IN_ARGUMENT.items() for name in names}
_BEHIND_OPTION: Final = {
    "su": {"-c", "--command"}, "runuser": {"-c", "--command"}, "script": {"-c", "--command"}, "sg": {"-c"},
    "env": {"-S"}, "xterm": {"-e"}, "gdb": {"-ex"}, "watch": {"-x"}, "tmux": {"new-session", "new"}, "flock": {"-c"},
}  # fmt: skip
_FIRST: Final = frozenset({"trap"})
_FIND: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_MOST: Final = 20


def carried(command: Command) -> Iterator[str]:
    """The texts that a shell is handed because of this command."""
    for name, value in command.assigns:
        if name in RUN_LATER and value:
            yield value
    for at, word in enumerate(command.words[:_MOST]):
        name = base_name(word)
        rest = command.words[at + 1 :]
        if name == "alias":
            yield from (each.partition("=")[2] for each in rest if "=" in each)
            return
        if name in _FIRST:
            yield from (each for each in rest[:1] if " " in each)
            return
        if name in ("find", "fd"):
            yield from _of_find(rest)
        if name in _BEHIND_OPTION:
            yield from (rest[where + 1] for where, each in enumerate(rest[:-1]) if each in _BEHIND_OPTION[name])
        pattern = _BY_NAME.get(name)
        if pattern is not None:
            found = (pattern.fullmatch(each[:10_000]) for each in rest[:_MOST])
            yield from (match[1] for match in found if match is not None)
            return


def _of_find(rest: list[str]) -> Iterator[str]:
    begin = next((where for where, each in enumerate(rest) if each in _FIND), None)
    if begin is not None:
        words = rest[begin + 1 :]
        end = next((where for where, each in enumerate(words) if each in (";", "+")), len(words))
        yield shlex.join(words[:end])
