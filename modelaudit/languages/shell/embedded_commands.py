"""Extract command lines from the arguments and variables of other programs.

Examples are ``find -exec``, ``su -c``, ``trap`` and ``ssh -o ProxyCommand=``. Sources: the manuals of the programs;
https://gtfobins.github.io/ for the programs that start others.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.expansions import COMMAND_VARIABLES, has_evaluated_command
from modelaudit.languages.shell.parsed_texts import ParsedTexts
from modelaudit.languages.shell.program_names import normalize_program_name, unwrap_command
from modelaudit.languages.shell.startup_files import list_startup_texts
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError

# For each program, the argument that contains a command line; group 1 is that command line.
_ARGUMENT_PATTERNS: Final = {
    names: defer_pattern(pattern, re.DOTALL)
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
_PATTERN_BY_PROGRAM: Final = {name: pattern for names, pattern in _ARGUMENT_PATTERNS.items() for name in names}
_COMMAND_OPTIONS: Final = {
    "su": {"-c", "--command"}, "runuser": {"-c", "--command"}, "script": {"-c", "--command"}, "sg": {"-c"},
    "env": {"-S"}, "xterm": {"-e"}, "gdb": {"-ex"}, "watch": {"-x"}, "tmux": {"new-session", "new"}, "flock": {"-c"},
}  # fmt: skip
_COMMAND_FIRST: Final = frozenset({"trap"})  # ``trap 'command' EXIT``
_FIND_ACTIONS: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_JOINED_OPTION: Final = defer_pattern(r"-[a-zA-Z]{1,5}c")  # ``-qc command``
_SUBSCRIPT_EVALUATORS: Final = frozenset(
    {"let", "test", "[", "[[", "printf", "read", "unset", "declare", "typeset", "local"}
)
_PROGRAMS: Final = frozenset(
    {"alias", "find", "fd", *_COMMAND_FIRST, *_SUBSCRIPT_EVALUATORS, *_COMMAND_OPTIONS, *_PATTERN_BY_PROGRAM}
)
_MOST_PROGRAMS: Final = 20  # among the words of one command


def extract_embedded_commands(command: Command) -> Iterator[str]:
    """Yield the texts that another program passes to a shell because of this command.

    Raises:
        LimitReachedError: too many of its words can name the program.
    """
    yield from _list_assigned_texts(command)
    yield from list_startup_texts(command)
    # The program may follow wrappers, so that each word is taken for a program name.
    program_indexes = [index for index, word in enumerate(command.words) if normalize_program_name(word) in _PROGRAMS]
    if len(program_indexes) > _MOST_PROGRAMS:
        raise LimitReachedError(f"a command has more than {_MOST_PROGRAMS} words that can name its program")
    for index in program_indexes:
        name = normalize_program_name(command.words[index])
        arguments = command.words[index + 1 :]
        if name == "alias":
            yield from (argument.partition("=")[2] for argument in arguments if "=" in argument)
            return
        if name in _COMMAND_FIRST:
            # A single word is the name of a function, whose body is judged in its place.
            yield from (argument for argument in arguments[:1] if " " in argument)
            return
        if name in _SUBSCRIPT_EVALUATORS and not index:
            # ``let 'a[$(command)]'`` runs the command in the subscript, as ``echo "a[$(command)]"`` does.
            yield from (f'echo "{argument}"' for argument in arguments if has_evaluated_command(argument))
        if name in ("find", "fd"):
            yield from _extract_find_command(arguments)
        if name in _COMMAND_OPTIONS:
            yield from (
                arguments[position + 1]
                for position, argument in enumerate(arguments[:-1])
                if argument in _COMMAND_OPTIONS[name]
                or ("-c" in _COMMAND_OPTIONS[name] and _JOINED_OPTION.fullmatch(argument))
            )
        pattern = _PATTERN_BY_PROGRAM.get(name)
        if pattern is not None:
            matches = (pattern.fullmatch(argument) for argument in arguments)
            yield from (match[1] for match in matches if match is not None)
            return


def _list_assigned_texts(command: Command) -> Iterator[str]:
    """Yield the commands in the values of variables: of those that programs execute, and of those that bash evaluates.

    bash runs the substitutions in a prompt, and in a subscript when arithmetic, ``${!name}`` or a test evaluates it.
    """
    for name, value in command.assignments:
        if name in COMMAND_VARIABLES and value:
            yield value
        if has_evaluated_command(value, name):
            yield f'echo "{value}"'


def _extract_find_command(arguments: list[str]) -> Iterator[str]:
    """Yield the command of each action such as ``-exec command ;`` among the arguments of ``find``.

    ``{}`` is replaced by the pattern of the names that are searched for.
    """
    name_index = next(
        (index for index, word in enumerate(arguments[:-1]) if word in ("-name", "-iname", "-path")), None
    )
    found_name = arguments[name_index + 1] if name_index is not None else "{}"
    if name_index is not None and not arguments[0].startswith(("-", ".")):
        found_name = posixpath.join(arguments[0], found_name)
    command: list[str] | None = None  # of the action that has not ended
    for word in (*arguments, ";"):
        if command is None:
            command = [] if word in _FIND_ACTIONS else None
        elif word in (";", "+"):
            yield shlex.join(command)
            command = None
        else:
            command.append(word.replace("{}", found_name))


def extract_python_programs(script: str, texts: ParsedTexts) -> Iterator[tuple[int, str]]:
    """Yield each Python program of a script: the line of its command, from 1, and the text of the program.

    Args:
        script: the commands.
        texts: those of the script that another analysis has parsed.
    """
    for command in texts.parse_text(script, {}).commands:
        words = unwrap_command(command.words)
        if not words or not normalize_program_name(words[0]).startswith("python"):
            continue
        option_index = next((index for index, word in enumerate(words[:-1]) if word == "-c"), None)
        if option_index is not None:
            yield command.line, words[option_index + 1]
        elif command.input_text is not None:
            yield command.line, command.input_text
