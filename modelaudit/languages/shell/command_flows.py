"""List what the words of one shell command contain, write and execute, as flows of text.

Sources: the manuals of bash, make, awk, sed, Perl, Vim, ed, m4 and the GNU core utilities; https://gtfobins.github.io/
for further programs that execute what they read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from modelaudit.languages.shell.command import OUTPUT_MARK, UNKNOWN_VALUE, Command
from modelaudit.languages.shell.embedded_commands import extract_embedded_commands
from modelaudit.languages.shell.execution import executes_input
from modelaudit.languages.shell.expansions import COMMAND_VARIABLES
from modelaudit.languages.shell.pipelines import is_program_text_option, list_program_words, runs_input
from modelaudit.languages.shell.program_names import (
    EVALUATORS,
    INTERPRETERS,
    RUNNERS,
    SHELLS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.languages.shell.text_graph import (
    ANY_VARIABLE,
    VARIABLE,
    Flow,
    Node,
    NodeKind,
    name_file,
    name_variable,
)
from modelaudit.model.lazy_pattern import defer_pattern

_WORD_OF_PROGRAM: Final = defer_pattern(r"[\w./~*?$-]{2,200}")
_SETTING: Final = defer_pattern(r"-{0,2}[\w-]{1,50}=[^\s=]+\Z")
# Settings of Git whose values are commands, or files that name some: git-config(1).
_GIT_COMMAND: Final = defer_pattern(
    r"(?:core\.(?:pager|editor|sshcommand|fsmonitor|askpass|gitproxy|hookspath)|(?:alias|diff|difftool|merge|mergetool"
    r"|filter|pager|credential|gpg|include|includeif|remote|interactive|uploadpack)\.|sequence\.editor)",
    re.IGNORECASE,
)
_MOST_WORDS_OF_PROGRAM: Final = 200
_FOLDER_OF_VARIABLE: Final = defer_pattern(r"\A\$(?:\w+|\{\w+\}|\(…\))/")
COPIERS: Final = frozenset({"cp", "mv", "ln", "install", "rsync", "scp", "copy"})
"""Programs that copy files under other names."""
_OUTPUT_OPTIONS: Final = frozenset({"-o", "-O", "-out", "--output", "--output-document", "-outfile"})
_PASSES_NAMES: Final = ("xargs", "parallel")
# Programs that pass their arguments to a shell, at once or later.
_COMMAND_TAKERS: Final = frozenset(
    {"trap", "su", "runuser", "watch", "script", "screen", "tmux", "xdotool", "ssh", "xterm"}
)
# Programs that start a shell, which reads their input, unless they are given a command.
_SHELL_STARTERS: Final = frozenset({"su", "ssh", "chroot", "nsenter"})
_MAKES: Final = ("make", "gmake")
_MAKEFILE_OPTION: Final = defer_pattern(r"-[a-zA-Z]*f|--file|--makefile")
_AWKS: Final = frozenset({"awk", "gawk", "mawk", "nawk"})
_SEDS: Final = frozenset({"sed", "gsed"})
# ``system($0)``, ``print | "sh"``, ``"cmd" | getline``, and with a variable in place of the command.
_AWK_EXECUTION: Final = defer_pattern(r"\bsystem\s*\(|\|&?\s*(?:\"|\w|\$)|@include|@load|\|\s*getline")
# The command ``e`` of GNU sed, with an address or without, and the flag ``e`` of ``s``.
_SED_EXECUTION: Final = defer_pattern(
    r"(?:^|[;{}\n!])\s*(?:(?:\d+|\$|/[^/\n]{0,200}/)(?:[,~](?:\d+|\$|/[^/\n]{0,200}/))?\s*!?)?\s*e(?:\s|[;}]|$)"
    r"|(?:^|[;{}\n\d$/]|\s)s([^\w\s\\])(?:(?!\1).){0,200}\1(?:(?!\1).){0,200}\1[gpiImM\d]{0,9}e"
)
_BLANKS: Final = defer_pattern(r"\s+")
_INTERPRETER_EXECUTION: Final = defer_pattern(
    r"\b(?:system|exec|execSync|execFile\w*|eval|popen|spawn\w*|passthru|shell_exec|proc_open|getoutput|check_output"
    r"|getstatusoutput|run|call|dofile|loadstring|load|require|do|instance_eval|include|runpy|compile)\b|`|\bqx\b"
    r"|\bopen\b[^\n]{0,80}\|"
)
# Programs that may run others by a line of their input, or by the script behind an option.
_READS_COMMANDS: Final = frozenset(
    {"su", "ssh", "chroot", "nsenter", "ed", "ex", "red", "m4", "dc", "gnuplot", "expect"}
)
_CALLBACK_BUILTINS: Final = frozenset({"mapfile", "readarray"})
_SQL_PROGRAMS: Final = frozenset({"sqlite3", "psql", "mysql", "duckdb"})
_SQL_EXECUTION: Final = defer_pattern(r"(?:^|\s)(?:[.\\](?:read|shell|system|load|i|!)|source)\s")
_SCRIPT_OPTIONS: Final = {
    "vim": {"-S", "-s", "-u", "-c"}, "vi": {"-S", "-s", "-u"}, "nvim": {"-S", "-s", "-u", "-l"}, "gdb": {"-x"},
    "lldb": {"-s"}, "emacs": {"-l", "--load", "--script", "-script"}, "cmake": {"-P"}, "guile": {"-l", "-s"},
    "screen": {"-c"}, "tmux": {"-f", "source-file", "source"}, "sqlite3": {"-init"}, "psql": {"-f"}, "bc": {"-l"},
    "gimp": {"-b"}, "blender": {"-P", "--python"}, "R": {"-f", "--file"},
}  # fmt: skip


def list_text_flows(command: Command, words: Iterable[str], outer: Command | None) -> list[Flow]:
    """List the variables and substitutions whose text words of a command contain.

    No word names the substitution whose output it contains, so each may contain all of them. The words are read as one
    text, so that a command of n words with n substitutions gives n flows and not their square.

    Args:
        command: contains the words.
        words: some of its words, or values that it assigns.
        outer: the command that executes the text around ``command``, whose substitutions it may contain.
    """
    text = "\n".join(words)
    flows = [Flow(name_variable(name)) for name in VARIABLE.findall(text)]
    if OUTPUT_MARK in text:
        owner = command if command.substitutions or outer is None else outer
        flows += list_outputs(owner.substitutions) or [Flow(ANY_VARIABLE)]
    if UNKNOWN_VALUE in text:
        flows += list_lost_variables(command) or [Flow(ANY_VARIABLE)]
    return flows


def list_outputs(texts: Sequence[str]) -> list[Flow]:
    """List the outputs of substitutions."""
    return [Flow(Node(NodeKind.OUTPUT, text)) for text in texts]


def list_lost_variables(command: Command) -> list[Flow]:
    """List the variables whose values the words of a command need, and that no word shows."""
    return [Flow(name_variable(name)) for name in command.lost_variables]


def list_words_of_program(word: str) -> list[str]:
    """List the words of an inline program, such as that of ``awk``, or the value of ``if=value``: names of files."""
    if _SETTING.match(word):
        return [word.partition("=")[2]]
    is_program = any(mark in word for mark in " (\"'")
    return _WORD_OF_PROGRAM.findall(word)[:_MOST_WORDS_OF_PROGRAM] if is_program else []


def list_written_files(words: list[str]) -> Iterator[str]:
    """Yield the files that a command writes by its arguments: the last of ``cp``, those of ``tee`` and of ``-o``."""
    name = normalize_program_name(words[0]) if words else ""
    arguments = words[1:]
    for index, word in enumerate(arguments):
        if word in _OUTPUT_OPTIONS:
            yield from arguments[index + 1 : index + 2]
        elif word.startswith(("of=", "--output=", "--output-document=")):
            yield word.partition("=")[2]
    operands = [word for word in arguments if not word.startswith("-")]
    if name == "tee":
        yield from operands
    elif name in COPIERS:
        yield from operands[-1:]
        yield from (posixpath.join(operands[-1], posixpath.basename(each)) for each in operands[:-1])


def list_own_folders(path: str) -> Iterator[str]:
    """Yield the folders in a value of ``PATH`` that are relative, or below a folder that a variable names."""
    for part in path.split(":"):
        folder = _FOLDER_OF_VARIABLE.sub("", part)
        if not folder.startswith(("/", "~", "$")) and (folder or not part):
            yield folder or "."


def list_program_texts(command: Command) -> Iterator[str]:
    """Yield the constant texts that a command executes as shell commands."""
    words = unwrap_command(command.words)
    name = normalize_program_name(words[0]) if words else ""
    if name == "eval":
        yield " ".join(words[1:])
    elif name in SHELLS:
        yield from (words[index + 1] for index in range(1, len(words) - 1) if is_program_text_option(words[index]))
        if command.input_text is not None and runs_input(words):
            yield command.input_text
    yield from extract_embedded_commands(command)


def passes_names(command: Command) -> bool:
    """Whether a command passes the words of its input on as arguments, which may be names of files."""
    return any(normalize_program_name(word) in _PASSES_NAMES for word in command.words[:3])


def executes_what_it_reads(command: Command, words: list[str], is_piped_into: bool) -> bool:
    """Whether a command executes its input, or the text of the files that it is given.

    Args:
        command: as it is written.
        words: its words without wrappers such as ``sudo``.
        is_piped_into: whether it reads the output of another command.
    """
    has_input = is_piped_into or bool(command.input_files) or command.input_text is not None
    if not words:  # ``parallel`` without a program runs the lines of its input, ``sudo -s`` starts a shell
        starts_shell = command.words[:1] in (["sudo"], ["doas"]) and not {"-s", "-i", "su"}.isdisjoint(command.words)
        return has_input and (starts_shell or "parallel" in command.words[:2])
    name = normalize_program_name(words[0])
    if name in _SHELL_STARTERS:
        return has_input and len([word for word in words[1:] if not word.startswith("-")]) <= 1
    if runs_input(words) or executes_read_text(name, words):
        return True
    # ``xargs bash`` runs the files that its input names; ``xargs python tool.py`` passes names to a program.
    return passes_names(command) and len(words) == 1 and executes_input(command, words)


def executes_lines(command: Command, words: list[str]) -> bool:
    """Whether a command executes the lines of its input, and no files that they name: ``xargs -I{} sh -c '{}'``."""
    is_shell = len(words) > 1 and normalize_program_name(words[0]) in SHELLS
    return is_shell and passes_names(command) and any(map(is_program_text_option, words[1:]))


def list_executed(command: Command, outer: Command | None) -> Iterator[Flow]:
    """Yield the texts that the words of a command make it execute, and the files that they name for execution.

    ``list_text_flows`` explains ``outer``.
    """
    executed_values = [value for variable, value in command.assignments if variable in COMMAND_VARIABLES]
    yield from list_text_flows(command, executed_values, outer)
    yield from (name_file(value) for variable, value in command.assignments if variable in ("BASH_ENV", "ENV"))
    words = unwrap_command(command.words)
    if words:
        yield from _list_executed_words(command, words, outer)
    elif "@" in command.lost_variables:
        yield Flow(name_variable("@"))


def _list_executed_words(command: Command, words: list[str], outer: Command | None) -> Iterator[Flow]:
    """Yield the texts and files that a command executes; ``words`` are those without wrappers such as ``sudo``."""
    if "/" in words[0]:
        yield name_file(words[0])
    elif "$" in words[0]:
        yield from _list_texts_of_words(command, words[:1], outer)
    # The input of ``coproc sh`` is written to a descriptor that a variable holds.
    if runs_input(words) and any(OUTPUT_MARK in value for _, value in command.assignments):
        yield name_file(UNKNOWN_VALUE)
    name = normalize_program_name(words[0])
    if name in EVALUATORS or name in _COMMAND_TAKERS:
        yield from _list_texts_of_words(command, words[1:], outer)
        yield from list_outputs(command.input_substitutions)
        yield from map(name_file, (*words[1:2], *command.input_files) if name in ("source", ".") else ())
    elif name == "git":
        yield from _list_texts_of_words(command, [word for word in words[1:] if _GIT_COMMAND.match(word)], outer)
    elif name in _MAKES:
        yield from map(name_file, _list_makefiles(words[1:]))
        yield from _list_texts_of_words(command, [word for word in words[1:] if word.startswith("--eval")], outer)
    elif name in RUNNERS:
        is_option = is_program_text_option if name in SHELLS else is_inline_program_option
        if any(map(is_option, words[1:-1])):
            yield from _list_texts_of_words(command, words[1:], outer)
        else:
            yield from map(name_file, list_program_words(words))
            yield from list_outputs(command.input_substitutions)


def _list_makefiles(arguments: list[str]) -> Iterator[str]:
    """Yield the Makefiles that the arguments of make name."""
    for index, word in enumerate(arguments):
        if _MAKEFILE_OPTION.fullmatch(word):
            yield from arguments[index + 1 : index + 2]
        elif word.startswith(("--file=", "--makefile=")):
            yield word.partition("=")[2]
        elif word.startswith("-f"):
            yield word[2:]


def _list_texts_of_words(command: Command, words: list[str], outer: Command | None) -> Iterator[Flow]:
    """Yield the variables and substitutions in words that are executed, and those that no word shows."""
    if not words:
        return
    yield from list_text_flows(command, words, outer)
    yield from list_lost_variables(command)


def is_inline_program_option(word: str) -> bool:
    """Whether the text of a program follows an option of an interpreter: ``-c``, ``-e``, ``-ne``, ``-r``."""
    return re.fullmatch(r"-[a-zA-Z]*[cer]|--eval|--print", word) is not None


def executes_read_text(name: str, words: list[str]) -> bool:
    """Whether a program executes what it reads, as its inline program or its options demand.

    Args:
        name: the program.
        words: the command, without wrappers.
    """
    arguments = words[1:]
    if name in _AWKS:
        return any(_AWK_EXECUTION.search(word) for word in arguments)
    if name in _SEDS:
        return any(_SED_EXECUTION.search(_collapse_blanks(word)) for word in arguments)
    if name in INTERPRETERS:
        return any(
            is_inline_program_option(option) and _INTERPRETER_EXECUTION.search(program) is not None
            for option, program in pairwise(arguments)
        )
    if name in _SQL_PROGRAMS and any(_SQL_EXECUTION.search(word) for word in arguments):
        return True
    if name in _CALLBACK_BUILTINS and "-C" in arguments:
        return True
    return name in _READS_COMMANDS or not _SCRIPT_OPTIONS.get(name, set()).isdisjoint(arguments)


def _collapse_blanks(text: str) -> str:
    """Return a text with one blank, or one line break, in place of several."""
    return _BLANKS.sub(lambda blanks: "\n" if "\n" in blanks[0] else " ", text)
