"""Detect commands that tools run from JSON and YAML: npm scripts, editor tasks, hooks of containers and commits.

The values of keys made of command words are analysed as shell and Windows command lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.languages.shell.recipes import convert_dockerfile
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.text import get_file_name

_ON_INSTALL: Final = frozenset(
    {"preinstall", "install", "postinstall", "prepare", "prepublish", "preprepare", "postprepare"}
)
# Tools name their command keys in many ways, but with these words: onCreateCommand, commands_pre, before_install.
_COMMAND_WORDS: Final = frozenset(
    {"command", "commands", "cmd", "cmds", "run", "runs", "runcmd", "bootcmd", "script", "scripts", "shell", "bash",
     "sh", "pwsh", "powershell", "exec", "execute", "entry", "entrypoint", "hook", "hooks", "task", "tasks", "init",
     "setup", "install", "before", "after", "pre", "post", "args", "argv", "inline", "build", "start", "launch", "test",
     "healthcheck", "preinstall", "postinstall", "raw", "program", "steps", "callback", "runtime", "profiles"}
)  # fmt: skip
_KEY_WORD: Final = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Za-z][a-z]*")
# Every dangerous command matches one of these, such as ``curl https:…``, ``sh -c``, ``rm -rf`` or ``python -c``. The
# blanks keep tokenizer vocabularies out: their pieces have none.
_COMMAND_MARKS: Final = re.compile(
    r"(?:curl|wget|aria2c|fetch|iwr|irm|[Ii]nvoke-\w+)(?:\.exe)?[ \t][^\n]{0,300}?(?:://|[|$])"
    r"|\b(?:ba|z|da)?sh[\"', \t]{1,6}-[a-z]*c\b|base64[ \t]+-|/dev/(?:tcp|udp)/|\bn(?:et)?c(?:at)?[ \t]+-"
    r"|\brm[ \t]+-[rf]|authorized_keys|(?i:powershell|pwsh)(?:\.exe)?[ \t]"
    r"|python[0-9.]*[\"', \t]{1,6}-c\b|\bsocat[ \t]|\bcrontab[ \t]"
)
_WINDOWS_MARKS: Final = re.compile(
    r"powershell|pwsh|\biex\b|invoke-|downloadstring|certutil|mshta|bitsadmin", re.IGNORECASE
)
_MAX_COMMAND_LENGTH: Final = 20_000
_MAX_MENTIONS: Final = 20_000


def read_commands(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the dangerous actions of commands, and the commands that run by themselves."""
    file = get_file_name(path)
    found = dict.fromkeys(mention for setting in settings for mention in _collect_commands(file, setting))
    mentions, beyond = keep_first(found, _MAX_MENTIONS, "actions of commands")
    if mentions:
        yield Outline("shell", mentions)
    yield from beyond


def _collect_commands(file: str, setting: Setting) -> Iterator[Mention]:
    """Yield the dangerous actions of one setting; ``file`` is the file name in lower case."""
    value = setting.value
    if not isinstance(value, str):
        return
    if setting.key in _ON_INSTALL and "scripts" in setting.path and file == "package.json":
        yield Mention("shell-commands", "on-install", setting.key, setting.where)
    elif setting.key == "runOn" and value == "folderOpen":
        yield Mention("shell-commands", "on-open", "runOn: folderOpen", setting.where)
    elif setting.key == "initializeCommand":
        yield Mention("shell-commands", "on-open", setting.key, setting.where)
    # A command with an effect has an argument, and thus a space.
    if " " not in value or not any(is_command_key(step) for step in setting.path):
        return
    if setting.key == "dockerfile_inline":
        value = convert_dockerfile(value)
    for mention in (
        *collect_script_mentions(value[:_MAX_COMMAND_LENGTH]),
        *_collect_windows_commands(value[:_MAX_COMMAND_LENGTH]),
    ):
        yield Mention(mention.vocabulary, mention.use, mention.name, setting.where, mention.detail)


def _collect_windows_commands(value: str) -> Iterator[Mention]:
    """Yield the dangerous actions of a value that has a mark of PowerShell or of the command prompt."""
    if _WINDOWS_MARKS.search(value):
        yield from collect_windows_mentions(value)


@lru_cache(maxsize=10_000)
def is_command_key(key: str) -> bool:
    """Whether a word of the key denotes a command: ``postCreateCommand``, ``commands_pre``, ``runcmd``."""
    return len(key) < 100 and (
        key == "dockerfile_inline" or any(word.lower() in _COMMAND_WORDS for word in _KEY_WORD.findall(key))
    )


COMMANDS = Interpreter(
    frozenset({"scripts", "runOn", "initializeCommand", "dockerfile_inline"}), read_commands, marks=_COMMAND_MARKS
)
