"""Judge the command lines that a mapping divides into a program, its arguments and its variables.

Editors and agents start servers of the Model Context Protocol from such mappings, editors their tasks and debuggers,
and containers their processes. Each line is put together and analysed as a line of a shell with the same words.

Sources: https://modelcontextprotocol.io (``mcpServers``), ``.vscode/mcp.json``, ``tasks.json`` and ``launch.json`` of
Visual Studio Code, ``context_servers`` of Zed, ``config.toml`` of Codex, Compose, and ``Container`` of Kubernetes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.configurations.commands import collect_command_mentions
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.deadline import iterate_within_deadline

_PROGRAM_KEYS: Final = frozenset(
    {"command", "cmd", "program", "executable", "exe", "path", "bin", "entrypoint", "notify", "runtimeExecutable"}
)
# ``command`` of Compose holds arguments of ``entrypoint``, and ``program`` of an editor one of ``runtimeExecutable``.
_ARGUMENT_KEYS: Final = frozenset({"args", "argv", "arguments", "runtimeArgs", "command", "cmd", "program"})
_VARIABLE_KEYS: Final = frozenset({"env", "environment", "envs"})
# Tools start a program below these keys, even if one text is its whole command line.
_STARTING_KEYS: Final = frozenset({"mcpServers", "mcp_servers", "context_servers", "servers", "tasks", "hooks"})
# Steps between a mapping and a part of its line: ``options`` of a task, and the index or ``value`` of an argument.
_OPTIONS: Final = "options"
_VALUE: Final = "value"
_VARIABLE: Final = defer_pattern(r"[A-Za-z_]\w{0,99}")
_SEPARATOR: Final = defer_pattern(r"\s")
# ``cmd /c npx …`` of Windows starts the words behind it.
_WINDOWS_SHELL: Final = defer_pattern(r"(?:.*[\\/])?cmd(?:\.exe)?", re.IGNORECASE)
_MOST_LINES: Final = 2_000
_LONGEST_LINE: Final = 20_000  # characters
_MOST_CHARACTERS: Final = 400_000  # of all lines
_MAX_MENTIONS: Final = 20_000


class _Words(Struct):
    """The value of one key of a mapping: one text, or a list of words.

    Attributes:
        key: of the value.
        is_list: whether the words were items of a list.
        words: in order.
        where: the place of the first one.
    """

    key: str
    is_list: bool
    words: list[str]
    where: Location

    def quote(self, first: int = 0) -> str:
        """Return the words from ``first`` on as a shell takes them; a text with blanks is a part of a line already.

        A result that is longer than a line is cut.
        """
        if self.is_list or _SEPARATOR.search(self.words[0]) is None:
            return shlex.join(self.words[first : _LONGEST_LINE + 1])[: _LONGEST_LINE + 1]
        return self.words[0][: _LONGEST_LINE + 1]


class _Mapping(Struct):
    """The parts of the command lines of one mapping.

    A document may repeat a key, and tools disagree about the value that counts. All are kept.

    Attributes:
        values: those of the keys of programs and of arguments.
        variables: the assignments before the program.
        is_started: whether a tool starts the program, even if it has no arguments.
    """

    values: list[_Words] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    is_started: bool = False

    def add_word(self, key: str, index: str, setting: Setting) -> None:
        """Add one word; ``index`` is empty for a text outside of a list."""
        last = self.values[-1] if self.values else None
        if index and index != "0" and last is not None and last.is_list and last.key == key:
            last.words.append(str(setting.value))
        else:
            self.values.append(_Words(key, bool(index), [str(setting.value)], setting.where))

    def list_lines(self) -> Iterator[tuple[str, Location]]:
        """Yield each command line with the place of its program."""
        prefix = " ".join(self.variables)[:_LONGEST_LINE]
        texts = [(value, value.quote()) for value in self.values]
        for program, program_text in texts:
            if program.key not in _PROGRAM_KEYS:
                continue
            start = f"{prefix} {program_text}".strip()
            if program.is_list or self.is_started or prefix:
                yield start, program.where
            starts_words = _WINDOWS_SHELL.fullmatch(program.words[0]) is not None
            if program.is_list and starts_words:
                yield program.quote(2), program.where
            for arguments, argument_text in texts:
                if arguments.key in _ARGUMENT_KEYS and arguments is not program:
                    yield f"{start} {argument_text}", program.where
                    if arguments.is_list and starts_words:
                        yield arguments.quote(1), program.where


def read_command_lines(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the dangerous actions of the command lines that mappings divide into their parts.

    Raises:
        LimitReachedError: after the outline, if a bound on the lines or on the analysis of one was reached.
    """
    reached_limit: LimitReachedError | None = None
    lines: dict[str, Location] = {}
    characters = 0
    for line, where in chain.from_iterable(mapping.list_lines() for mapping in _group_by_mapping(settings)):
        if line not in lines:
            characters += len(line)
            lines[line] = where
        if characters > _MOST_CHARACTERS or len(lines) > _MOST_LINES:
            reached_limit = LimitReachedError("only the first command lines of the document were analysed")
            break
    distinct_mentions: dict[Mention, None] = {}
    for line, where in iterate_within_deadline(islice(lines.items(), _MOST_LINES), items_per_check=16):
        if len(line) > _LONGEST_LINE:
            reached_limit = LimitReachedError(f"only the first {_LONGEST_LINE} characters of a command were analysed")
        try:
            for mention in collect_command_mentions(line[:_LONGEST_LINE]):
                distinct_mentions[replace(mention, where=where)] = None
        except LimitReachedError as error:  # the lines behind this one are still read
            reached_limit = error
    mentions, absences = keep_first(distinct_mentions, _MAX_MENTIONS, "actions of command lines")
    if mentions:
        yield Outline("shell", mentions)
    yield from absences
    if reached_limit is not None:
        raise reached_limit


def _group_by_mapping(settings: Sequence[Setting]) -> Iterable[_Mapping]:
    """Return the mappings that name a program, in the order of the document.

    Raises:
        LimitReachedError: no time is left.
    """
    mappings: dict[tuple[str, ...], _Mapping] = {}
    for setting in iterate_within_deadline(settings, items_per_check=256):
        path = setting.path
        if not isinstance(setting.value, str) or not path:
            continue
        if path[-1] == _VALUE and len(path) > 2 and path[-2].isdigit():  # ``{"value": …, "quoting": …}`` of a task
            path = path[:-1]
        index = path[-1] if path[-1].isdigit() and len(path) > 1 else ""
        parent, key = (path[:-2], path[-2]) if index else (path[:-1], path[-1])
        if key in _PROGRAM_KEYS or key in _ARGUMENT_KEYS:
            mappings.setdefault(parent, _Mapping()).add_word(key, index, setting)
        elif parent and parent[-1] in _VARIABLE_KEYS and _VARIABLE.fullmatch(key):
            owner = parent[:-2] if parent[-2:-1] == (_OPTIONS,) else parent[:-1]
            mapping = mappings.setdefault(owner, _Mapping())
            mapping.variables.append(f"{key}={shlex.quote(setting.value[:_LONGEST_LINE])}")
    for path, mapping in mappings.items():
        mapping.is_started = not _STARTING_KEYS.isdisjoint(path)
    return (each for each in mappings.values() if any(value.key in _PROGRAM_KEYS for value in each.values))


COMMAND_LINES = Interpreter(
    _STARTING_KEYS | _PROGRAM_KEYS - {"path", "bin"} | {"args", "argv", "runtimeArgs"}, read_command_lines
)
