"""Commands that tools run from JSON and YAML: scripts of npm, tasks of editors, hooks of containers and of commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.readers.base import Reading
from modelaudit.readers.settings import Interpreter, Setting
from modelaudit.readers.shell.meaning import mentions_of_script
from modelaudit.readers.text import file_name

_ON_INSTALL: Final = frozenset(
    {"preinstall", "install", "postinstall", "prepare", "prepublish", "preprepare", "postprepare"}
)
_CONTAINER: Final = frozenset(
    {"initializeCommand", "onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand",
     "postAttachCommand"}
)  # fmt: skip
# GitLab, Task, cloud-init, pre-commit
_STEPS: Final = frozenset({"script", "before_script", "after_script", "cmds", "runcmd", "bootcmd", "entry"})
_KEYS: Final = frozenset(
    {"scripts", "command", "entrypoint", "run", "runOn", "deploy_script", "debug_command", "cmd", *_STEPS}
)
_OUTER: Final = frozenset({"scripts", "command", "entrypoint", "run", "cmd", "args", *_CONTAINER, *_STEPS})
_LONGEST: Final = 20_000
_MOST: Final = 2000


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield what the commands do, and which of them run by themselves."""
    mentions: dict[Mention, None] = {}
    for setting in settings:
        if len(mentions) < _MOST:
            mentions.update((mention, None) for mention in _of(file_name(path), setting))
    if mentions:
        yield Outline("shell", tuple(mentions))


def _of(file: str, setting: Setting) -> Iterator[Mention]:
    value = setting.value
    if not isinstance(value, str):
        return
    if setting.key in _ON_INSTALL and "scripts" in setting.path and file == "package.json":
        yield Mention("shell-commands", "on-install", setting.key, setting.where)
    elif setting.key == "runOn" and value == "folderOpen":
        yield Mention("shell-commands", "on-open", "runOn: folderOpen", setting.where)
    elif setting.key == "initializeCommand":
        yield Mention("shell-commands", "on-open", setting.key, setting.where)
    if (not _OUTER.isdisjoint(setting.path) or setting.key.endswith(("_command", "_script", "_cmd"))) and " " in value:
        for mention in mentions_of_script(value[:_LONGEST]):
            yield Mention(mention.vocabulary, mention.use, mention.name, setting.where, mention.detail)


SCRIPTS = Interpreter(_KEYS | _CONTAINER, read)
