"""Detect commands that tools run from JSON and YAML: npm scripts, editor tasks, hooks of containers and commits.

The values of keys made of command words are analysed as shell and Windows command lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.languages.shell.recipes import convert_dockerfile
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.wire.base import LimitReachedError, Reading
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
# The words of a key: ``on``, ``Create`` and ``Command`` of ``onCreateCommand``, or ``CMD``.
_KEY_WORD: Final = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Za-z][a-z]*")
_MAX_KEY_LENGTH: Final = 100
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
# A command with an effect has an argument, behind a space, a tab or a variable such as ``${IFS}``.
_SEPARATOR: Final = re.compile(r"[\s$]")
_MAX_COMMAND_LENGTH: Final = 200_000
_MAX_MENTIONS: Final = 20_000


def read_commands(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the dangerous actions of commands, and of the keys whose commands run by themselves.

    Raises:
        LimitReachedError: after the outline, if a bound on the analysis of a command was reached.
    """
    distinct_mentions: dict[Mention, None] = {}
    reached_limit: LimitReachedError | None = None
    for setting in settings:
        try:
            for mention in _collect_commands(get_file_name(path), setting):
                distinct_mentions[mention] = None
        except LimitReachedError as error:  # the commands behind this one are read nevertheless
            reached_limit = error
    mentions, absences = keep_first(distinct_mentions, _MAX_MENTIONS, "actions of commands")
    if mentions:
        yield Outline("shell", mentions)
    yield from absences
    if reached_limit is not None:
        raise reached_limit


def _collect_commands(file: str, setting: Setting) -> Iterator[Mention]:
    """Yield the dangerous actions of one setting, and the setting itself if a tool runs it without being asked to.

    ``file`` is the file name in lower case.

    Raises:
        LimitReachedError: a bound on the analysis of the command was reached.
    """
    value = setting.value
    if not isinstance(value, str):
        return
    if setting.key in _ON_INSTALL and "scripts" in setting.path and file == "package.json":
        yield Mention("shell-commands", "on-install", setting.key, setting.where)
    elif setting.key == "runOn" and value == "folderOpen":
        yield Mention("shell-commands", "on-open", "runOn: folderOpen", setting.where)
    elif setting.key == "initializeCommand":
        yield Mention("shell-commands", "on-open", setting.key, setting.where)
    has_argument = _SEPARATOR.search(value) is not None
    if not has_argument or not any(is_command_key(step) for step in setting.path):
        return
    if setting.key == "dockerfile_inline":
        value = convert_dockerfile(value)
    shortened = value[:_MAX_COMMAND_LENGTH]
    for mention in chain(_collect_windows_commands(shortened), collect_script_mentions(shortened)):
        yield Mention(mention.vocabulary, mention.use, mention.name, setting.where, mention.detail)
    if len(value) > _MAX_COMMAND_LENGTH:
        raise LimitReachedError(f"only the first {_MAX_COMMAND_LENGTH} characters of a command were analysed")


def _collect_windows_commands(value: str) -> Iterator[Mention]:
    """Yield the dangerous actions of a value that has a mark of PowerShell or of the command prompt."""
    if _WINDOWS_MARKS.search(value):
        yield from collect_windows_mentions(value)


@lru_cache(maxsize=10_000)
def is_command_key(key: str) -> bool:
    """Whether a word of the key denotes a command: ``postCreateCommand``, ``commands_pre``, ``runcmd``.

    No tool has a command key of 100 characters or more.
    """
    if len(key) >= _MAX_KEY_LENGTH:
        return False
    return key == "dockerfile_inline" or any(word.lower() in _COMMAND_WORDS for word in _KEY_WORD.findall(key))


COMMANDS = Interpreter(
    frozenset({"scripts", "runOn", "initializeCommand", "dockerfile_inline"}), read_commands, marks=_COMMAND_MARKS
)
