"""Detect commands that tools run from JSON and YAML: npm scripts, editor tasks, hooks of containers and commits.

The values of keys made of command words are analysed as shell and Windows command lines. So is a value with the marks
of a command that fetches and runs, whatever its key, unless it reads as prose.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from modelaudit.languages.configurations.targets import resolve_interpolations
from modelaudit.languages.settings import Interpreter, Setting, TextMarks
from modelaudit.languages.shell.fetched_places import refer_to_fetched_runs
from modelaudit.languages.shell.recipes import convert_dockerfile
from modelaudit.languages.shell.windows import collect_windows_mentions
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text import get_file_name

if TYPE_CHECKING:
    from modelaudit.languages.shell.joined_commands import PlacedText

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
_KEY_WORD: Final = defer_pattern(r"[A-Z]{2,}(?![a-z])|[A-Za-z][a-z]*")
_MAX_KEY_LENGTH: Final = 100
# Keys whose values people or models read. No tool runs them.
PROSE_KEYS: Final = frozenset(
    {"content", "text", "prompt", "instruction", "instructions", "input", "output", "question", "answer", "response",
     "completion", "message", "messages", "readme", "description", "help", "query", "comment", "comments", "title",
     "summary", "chosen", "rejected", "doc", "docs", "documentation", "example", "examples", "note", "notes", "usage",
     "details", "body", "caption", "reason", "code", "solution", "source", "docstring", "long_description"}
)  # fmt: skip
# A sentence, a heading or a fence of Markdown at the start of a value.
_PROSE: Final = defer_pattern(r"\s*(?:[A-Z][a-z']*[,:]?\s+[a-z(`'\"]|#{1,6} [A-Z]|[-*] [A-Z])|[^`]*```")
# What loaders expect before a command: ``pipe:`` of WebDataset, ``!`` of Git, ``<!(`` and ``<!@(`` of node-gyp.
_OPENING: Final = defer_pattern(r"\s*(?:(?P<certain>pipe:|<!@?\()|!|\w{1,20}:(?!//))")
# The actions that count under any key. Those of a mere pipe do not: prose before a command has the form of one.
ACTIONS_UNDER_ANY_KEY: Final = frozenset(
    {"download-and-run", "download-then-run", "decode-and-run", "reverse-shell", "unresolved-run", "obfuscated",
     "send-private", "persistence", "disarm", "destroy"}
)  # fmt: skip
# DVC takes values from another file, ``params.yaml``.
_PIPELINE_FILES: Final = frozenset({"dvc.yaml", "dvc.yml"})
_COMPUTED_PROGRAM: Final = defer_pattern(
    r"(?:\A|[|;&({`]|\b(?:python[\d.]*|(?:ba|z|da)?sh|node|perl|ruby|Rscript|source|eval|exec)\b|-c)\s{0,99}\$\{(?!\{)"
    r"|\$\{[\w.\[\]]{1,200}\}\$\{"
)
# Every dangerous command matches one of these, such as ``curl https:…``, ``sh -c``, ``rm -rf`` or ``python -c``. The
# blanks keep tokenizer vocabularies out: their pieces have none. An escape of an ASCII letter may hide any of them.
_FETCHED_ADDRESS: Final = r"(?:\.exe)?(?:[ \t\n]|\\[nt]|\$\{?IFS|[\"'][ \t\n]*,)[^\n]{0,300}?(?:://|[|$])"
# A lookbehind behind the literal is the condition on what precedes it.
COMMAND_MARKS: Final = TextMarks(
    tuple(
        (literal, defer_pattern(pattern))
        for literal, pattern in (
            *((name, name + _FETCHED_ADDRESS) for name in ("curl", "wget", "aria2c", "fetch", "iwr", "irm")),
            ("nvoke-", r"nvoke-(?<=[Ii]nvoke-)\w+" + _FETCHED_ADDRESS),
            ("\\", r"\\(?:x|u00)(?:6[1-9A-Fa-f]|7[0-9Aa])"),
            ("get_url", r"get_url[\"']?[ \t]*:"),
            ("pipe:", r"pipe:(?<=\bpipe:)\s{0,9}\w"),
            ("sh", r"sh(?:(?<=\bsh)|(?<=\bbash)|(?<=\bzsh)|(?<=\bdash))[\"', \t]{1,6}-[a-z]*c\b"),
            ("base64", r"base64[ \t]+-"),
            ("/dev/", r"/dev/(?:tcp|udp)/"),
            ("nc", r"nc(?<=\bnc)(?:at)?[ \t]+-"),
            ("netc", r"netc(?<=\bnetc)(?:at)?[ \t]+-"),
            ("rm", r"rm(?<=\brm)[ \t]+-[rf]"),
            ("authorized_keys", r"authorized_keys"),
            ("", r"[pP](?i:owershell|wsh)(?:\.exe)?[ \t]"),
            ("python", r"python[0-9.]*[\"', \t]{1,6}-c\b"),
            ("socat", r"socat(?<=\bsocat)[ \t]"),
            ("crontab", r"crontab(?<=\bcrontab)[ \t]"),
        )
    )
)
_WINDOWS_MARKS: Final = defer_pattern(
    r"powershell|pwsh|\biex\b|invoke-|downloadstring|certutil|mshta|bitsadmin", re.IGNORECASE
)
# A command with an effect has an argument, behind a space, a tab or a variable such as ``${IFS}``.
_CONTAINER_KEYS: Final = frozenset(
    {"services", "containers", "initContainers", "securityContext", "spec", "hostPath", "runArgs", "mounts", "binds",
     "Binds", "container", "HostConfig", "runners", "driver_opts"}
)  # fmt: skip
_MOUNT_KEYS: Final = frozenset({"volumes", "mounts", "runArgs", "binds", "Binds"})
_FILE_MOUNTS: Final = ("file_mounts", "workdir_mounts", "volumes", "mounts", "binds")
_MOUNT_OPTION: Final = defer_pattern(r"(?:-v|--volume|--mount)[= ]")
_NODE_PROGRAM: Final = defer_pattern(
    r"\b(?:node|nodejs|bun|deno)(?:\.exe)?\s+(?:eval|-e|-p|-pe|--eval|--print)\b.{0,20000}", re.DOTALL
)
_NODE_RUNS: Final = defer_pattern(r"child_process|\beval\s*\(|\bnew\s+Function\b|\bvm\.run|process\.(?:binding|dlopen)")
_NODE_DECODES: Final = defer_pattern(r"Buffer\.from\s*\(|\batob\s*\(|fromCharCode|unescape\s*\(|\\x[0-9a-fA-F]{2}")
_NODE_FETCHES: Final = defer_pattern(r"https?(?:://|['\"]\s*\))|\bfetch\s*\(|\bnet\.connect")
_SEPARATOR: Final = defer_pattern(r"[\s$]")
_ANSIBLE_KEYS: Final = ("url", "dest")
_MAX_COMMAND_LENGTH: Final = 200_000
_MAX_MENTIONS: Final = 20_000


def read_commands(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the dangerous actions of commands, and of the keys whose commands run by themselves.

    Raises:
        LimitReachedError: after the outline, if a bound on the analysis of a command was reached.
    """
    from modelaudit.languages.shell.joined_commands import JoinedCommands

    file = get_file_name(path)
    values = _collect_values(settings)
    distinct_mentions: dict[Mention, None] = {}
    reached_limit: LimitReachedError | None = None
    for setting in settings:
        try:
            for mention in _collect_commands(file, setting, values):
                distinct_mentions[mention] = None
        except LimitReachedError as error:  # the commands behind this one are read nevertheless
            reached_limit = error
    fetched_runs: dict[str, Location] = {}
    try:
        joined = JoinedCommands(list(_list_joined_texts(settings, values)), fetched_runs)
        for mention in joined.collect_mentions(distinct_mentions):
            distinct_mentions[mention] = None
    except LimitReachedError as error:
        reached_limit = error
    yield from refer_to_fetched_runs(fetched_runs)
    mentions, absences = keep_first(distinct_mentions, _MAX_MENTIONS, "actions of commands")
    if mentions:
        yield Outline("shell", mentions)
    yield from absences
    if file in _PIPELINE_FILES:
        yield from _report_computed_programs(settings, values)
    if reached_limit is not None:
        raise reached_limit


def _list_joined_texts(settings: Sequence[Setting], values: Mapping[tuple[str, ...], object]) -> Iterator[PlacedText]:
    """Yield the commands of a document in their order, to be read as one script.

    A list is one command by its words, or several commands; both readings count. A download that Ansible describes by
    its keys becomes a command.
    """
    from modelaudit.languages.shell.joined_commands import PlacedText

    items: list[Setting] = []  # of the list that has not ended
    for setting, following in iterate_within_deadline(zip_longest(settings, settings[1:]), items_per_check=16):
        yield from _convert_download(setting, values)
        yield from _convert_mount(setting)
        if not isinstance(setting.value, str) or not any(map(is_command_key, setting.path)):
            continue
        text = resolve_interpolations(setting.value, values) if "${" in setting.value else setting.value
        if setting.path[-1].isdigit():
            items.append(setting)
            if following is not None and following.path[:-1] == setting.path[:-1]:
                continue
            if any(_SEPARATOR.search(str(each.value)) is None for each in items):
                yield PlacedText(shlex.join(str(each.value) for each in items), items[0].where)
            yield from (PlacedText(str(each.value), each.where) for each in items)
            items = []
        elif _SEPARATOR.search(text):
            yield PlacedText(text, setting.where)


def _convert_download(setting: Setting, values: Mapping[tuple[str, ...], object]) -> Iterator[PlacedText]:
    """Yield the command of a download for the last key of the module ``get_url`` of Ansible that the command needs."""
    parent = setting.path[:-1]
    if parent and setting.path[-1] in _ANSIBLE_KEYS and parent[-1].rpartition(".")[2] in ("get_url", "win_get_url"):
        from modelaudit.languages.shell.joined_commands import PlacedText

        url, target = (values.get((*parent, each)) for each in _ANSIBLE_KEYS)
        if isinstance(url, str) and isinstance(target, str):
            yield PlacedText(f"curl -o {shlex.quote(target)} {shlex.quote(url)}", setting.where)


def _convert_mount(setting: Setting) -> Iterator[PlacedText]:
    """Yield the command that copies a private folder of the user to where a task finds it, as its mount does."""
    steps = next((steps for key in _FILE_MOUNTS if (steps := setting.get_steps_below(key)) is not None), None)
    if steps is None:
        return
    from modelaudit.languages.shell.harm import is_private_path
    from modelaudit.languages.shell.joined_commands import PlacedText

    if not is_private_path(str(setting.value)):
        return
    source, _, target = str(setting.value).partition(":")
    target = target.removesuffix(":ro") or next((step for step in steps if not step.isdigit()), "")
    if target:
        yield PlacedText(f"cp -r {shlex.quote(source)} {shlex.quote(target)}", setting.where)


def _collect_values(settings: Sequence[Setting]) -> dict[tuple[str, ...], object]:
    """Return the value at each path; a list ``vars`` of DVC defines its items at the top."""
    values: dict[tuple[str, ...], object] = {setting.path: setting.value for setting in settings}
    for setting in settings:
        if setting.path[:1] == ("vars",):
            values.setdefault(setting.path[2:], setting.value)
    return values


def _report_computed_programs(
    settings: Sequence[Setting], values: Mapping[tuple[str, ...], object]
) -> Iterator[Unread]:
    """Yield an absence for each command of DVC whose program comes from another file."""
    for setting in settings:
        if setting.key in ("cmd", "do") or "cmd" in setting.path:
            command = resolve_interpolations(str(setting.value), values)
            if _COMPUTED_PROGRAM.search(command):
                detail = f"the command {command[:100]} takes its program from another file: it was not analysed"
                yield Unread(UnreadReason.PROGRAM, detail, setting.where)


def _collect_commands(file: str, setting: Setting, values: Mapping[tuple[str, ...], object]) -> Iterator[Mention]:
    """Yield the dangerous actions of one setting, and the setting itself if a tool runs it without being asked to.

    Args:
        file: the file name in lower case.
        setting: the setting.
        values: of all settings of the document, by path.

    Raises:
        LimitReachedError: a bound on the analysis of the command was reached.
    """
    value = setting.value
    if not isinstance(value, str):
        return
    if setting.key in _ON_INSTALL and "scripts" in setting.path and file == "package.json":
        yield Mention("shell-commands", "on-install", setting.key, setting.where)
        from modelaudit.languages.shell.outside_writes import collect_outside_writes

        yield from (replace(each, where=setting.where) for each in collect_outside_writes(value))
    elif setting.key == "runOn" and value == "folderOpen":
        yield Mention("shell-commands", "on-open", "runOn: folderOpen", setting.where)
    elif setting.key == "initializeCommand":
        yield Mention("shell-commands", "on-open", setting.key, setting.where)
    if _SEPARATOR.search(value) is None:
        return
    if not any(is_command_key(step) for step in setting.path):
        yield from _collect_marked_commands(setting, value)
        return
    if setting.key == "dockerfile_inline":
        value = convert_dockerfile(value)
    resolved = resolve_interpolations(value, values) if "${" in value else value
    for text in dict.fromkeys((value, resolved)):
        yield from _analyze_command(text, setting)
    if len(value) > _MAX_COMMAND_LENGTH:
        raise LimitReachedError(f"only the first {_MAX_COMMAND_LENGTH} characters of a command were analysed")


def _collect_marked_commands(setting: Setting, value: str) -> Iterator[Mention]:
    """Yield the actions of a value under any key, if it has the marks of a command and does not read as prose.

    Raises:
        LimitReachedError: a bound on the analysis of the command was reached.
    """
    if is_prose_key(setting.key) or not COMMAND_MARKS.search(value) or _PROSE.match(value):
        return
    opening = _OPENING.match(value)
    command = value[opening.end() :].strip() if opening is not None else value
    if opening is not None and opening[0].endswith("("):
        command = command.removesuffix(")")
    for mention in _analyze_command(command, setting):
        if mention.use in ACTIONS_UNDER_ANY_KEY or (opening is not None and opening["certain"]):
            yield mention


def _analyze_command(text: str, setting: Setting) -> Iterator[Mention]:
    """Yield the dangerous actions of a command line, at the place of its setting.

    Raises:
        LimitReachedError: a bound on the analysis of the command was reached.
    """
    for mention in collect_command_mentions(text[:_MAX_COMMAND_LENGTH]):
        yield Mention(mention.vocabulary, mention.use, mention.name, setting.where, mention.detail)


def collect_command_mentions(text: str) -> Iterator[Mention]:
    """Yield the dangerous actions of a command line of a shell, or of Windows if it has a mark of that.

    Raises:
        LimitReachedError: a bound on the analysis of the command was reached.
    """
    from modelaudit.languages.shell.script import collect_script_mentions

    if _WINDOWS_MARKS.search(text):
        yield from collect_windows_mentions(text)
    yield from collect_script_mentions(text)
    yield from _collect_node_mentions(text)


def _collect_node_mentions(text: str) -> Iterator[Mention]:
    """Yield an inline program of Node that starts what it decodes or fetches."""
    for program in _NODE_PROGRAM.finditer(text):
        if _NODE_RUNS.search(program[0]) is None:
            continue
        for use, pattern in (("decode-and-run", _NODE_DECODES), ("download-and-run", _NODE_FETCHES)):
            if pattern.search(program[0]) is not None:
                yield Mention("shell-commands", use, "node", detail=program[0][:200])


@lru_cache(maxsize=10_000)
def is_command_key(key: str) -> bool:
    """Whether a word of the key denotes a command: ``postCreateCommand``, ``commands_pre``, ``runcmd``.

    No tool has a command key of 100 characters or more.
    """
    if len(key) >= _MAX_KEY_LENGTH:
        return False
    return key == "dockerfile_inline" or any(word.lower() in _COMMAND_WORDS for word in _KEY_WORD.findall(key))


def is_prose_key(key: str) -> bool:
    """Whether people or models read the values of the key, so that no tool runs them."""
    return key.lower() in PROSE_KEYS


def read_container_settings(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the settings by which a container governs its host: Compose, Kubernetes, dev containers.

    Sources: https://docs.docker.com/reference/compose-file/services/, the types ``PodSpec`` and ``SecurityContext`` of
    Kubernetes, and https://containers.dev/implementors/json_reference/.
    """
    mentions: dict[Mention, None] = {}
    for setting in settings:
        use = _judge_container_setting(setting)
        if use:
            name = f"{setting.key}: {str(setting.value).lower()}"[:_MAX_KEY_LENGTH]
            mentions[Mention("shell-commands", use, name, setting.where)] = None
    kept, absences = keep_first(mentions, _MAX_MENTIONS, "settings of containers")
    if kept:
        yield Outline("shell", kept)
    yield from absences


def _judge_container_setting(setting: Setting) -> str:
    """Return the use of the mention of a setting of a container; empty if it gives no power over the host."""
    if _CONTAINER_KEYS.isdisjoint(setting.path):
        return ""
    from modelaudit.languages.shell.harm import judge_mount

    value = str(setting.value)
    is_true = setting.value is True or value.lower() == "true"
    if (setting.key in ("privileged", "hostPID") and is_true) or (setting.key == "pid" and value == "host"):
        return "privileged-container"
    if value in ("--privileged", "--pid=host"):
        return "privileged-container"
    is_source = setting.key == "source" and "volumes" in setting.path
    is_device = setting.get_steps_below("driver_opts") == ("device",)  # of a named volume
    if is_source or is_device or setting.get_steps_below("hostPath") == ("path",):
        return judge_mount(f"{value}:/")
    return judge_mount(_MOUNT_OPTION.sub("", value)) if not _MOUNT_KEYS.isdisjoint(setting.path) else ""


CONTAINERS = Interpreter(
    frozenset({"privileged", "hostPID", "hostPath", "volumes", "runArgs", "mounts", "binds", "Binds", "pid"}),
    read_container_settings,
)

COMMANDS = Interpreter(
    frozenset({"scripts", "runOn", "initializeCommand", "dockerfile_inline"}),
    read_commands,
    _PIPELINE_FILES,
    COMMAND_MARKS,
)
