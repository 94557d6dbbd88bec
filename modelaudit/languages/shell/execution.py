"""Decide which words, files and texts a shell command executes, and how suspicious the source of a text is."""

from __future__ import annotations

from typing import Final

from modelaudit.languages.shell.command import UNKNOWN_VALUE, Command
from modelaudit.languages.shell.pipelines import (
    MAX_INLINE_LENGTH,
    check_inline_length,
    list_program_words,
    runs_input,
)
from modelaudit.languages.shell.program_names import (
    EVALUATORS,
    FETCHERS,
    RUNNERS,
    SHELLS,
    WRAPPERS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.model.lazy_pattern import defer_pattern

DECODERS: Final = frozenset({"base64", "base32", "basenc", "xxd", "openssl", "uudecode"})
"""Programs that decode or decrypt a text."""
NOTABLE_PROGRAMS: Final = RUNNERS | EVALUATORS | FETCHERS
"""Programs that matter as the argument of a function, which can run its arguments."""
_PRINTERS: Final = frozenset({"echo", "printf", "cat"})
# A program named by a glob, such as ``/???/c?rl``, hides its name. The glob contains a part of the name or its length;
# a pattern of ``case`` is different, because it begins with a star.
_WILDCARD: Final = defer_pattern(
    r"(?:[^\s*]{0,200}/)?(?=[^/]{0,99}[?*\[])(?:\w[^/\s]{0,99}|\?{2,40}|\[\w\][^/\s]{1,99})"
)
# Functions of Python, Perl, Ruby, PHP and JavaScript that download or decode.
_DOWNLOAD_OR_DECODE: Final = (
    r"(?:b64decode|urlopen|requests\.get|decompress|fromhex|marshal|decode_base64|base64_decode|decode64|pack\s*\(?[\"']"
    r"|file_get_contents|URI\.open|open-uri|Net::HTTP|LWP::|fetch\(|https?[\"']?\)?\.get|Buffer\.from"
    r"|(?:getoutput\(|check_output\(|popen\(|qx\W|`)[^\n]{0,40}?\b(?:curl|wget)\b)"
)
# ``exec(`` before or behind such a function on one line, or ``fetch(…).then(eval)``.
_INLINE_EXECUTION: Final = defer_pattern(
    rf"\b(?:exec|eval|system)\b\s*\(?[^\n]{{0,300}}?{_DOWNLOAD_OR_DECODE}|{_DOWNLOAD_OR_DECODE}[^\n]{{0,300}}?\b(?:exec|eval|system)\b\s*[\s(]"
    r"|\.then\(eval\)"
    # ``source("https://…")`` of R, ``include(download(…))`` of Julia.
    r"|\bsource\(\s*(?:url\(\s*)?[\"'](?:https?|ftp):|\binclude\w*\(\s*(?:\w+\.)?(?:download|String\(HTTP)"
)
# Variables whose value a program runs or loads when it starts, and those that name the folders of its modules.
_PROGRAM_VARIABLES: Final = frozenset(
    {"BASH_ENV", "ENV", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONSTARTUP", "GIT_SSH", "GIT_ASKPASS",
     "SSH_ASKPASS"}
)  # fmt: skip
_SEARCHED_VARIABLES: Final = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH", "PERL5LIB", "NODE_PATH", "RUBYLIB"})
# Programs that start one elsewhere, which reads their input: ``docker exec -i name sh``, ``ssh host sh``.
_STARTERS_ELSEWHERE: Final = frozenset(
    {"ssh", "docker", "podman", "nerdctl", "kubectl", "oc", "lxc", "vagrant", "nsenter", "machinectl", "adb"}
)
_WHOLE_OUTPUT: Final = defer_pattern(r"\s*(?:\$\([^()]*\)|`[^`]*`)\s*")
_PATTERN_OF_NAME: Final = defer_pattern(r"[^A-Z:a-z]*[a-z][^A-Z:a-z]*[a-z][^A-Z:]*")


def names_program_by_pattern(word: str) -> bool:
    """Whether a word is a pattern that hides the name of a program, such as ``/???/c?rl``.

    Names of programs are printable ASCII. Bytes of other data contain question marks too, so that a pattern without a
    folder counts only if it has two small letters, and neither a capital letter nor a colon.
    """
    if _WILDCARD.fullmatch(word) is None or not word.isascii() or not word.isprintable():
        return False
    return "/" in word or ("?" in word and _PATTERN_OF_NAME.fullmatch(word) is not None)


def executes_download_inline(words: list[str]) -> bool:
    """Whether the program text in the words of an interpreter executes what it downloads or decodes.

    Raises:
        LimitReachedError: the text is longer than is searched, and its first part does not.
    """
    program = " ".join(words[1:])
    if _INLINE_EXECUTION.search(program, 0, MAX_INLINE_LENGTH) is not None:
        return True
    check_inline_length(program)
    return False


def list_executed_words(command: Command, words: list[str], name: str) -> list[str]:
    """List the words that can name what a command executes: files, and variables that hold a program.

    Args:
        command: as it is written.
        words: its words without wrappers such as ``sudo``.
        name: its program.
    """
    environment_files = [value for variable, value in command.assignments if variable in _PROGRAM_VARIABLES]
    searched_values = (value for variable, value in command.assignments if variable in _SEARCHED_VARIABLES)
    environment_files += [f"{folder}/" for value in searched_values for folder in value.split(":") if folder]
    lost_words = [f"${variable}" for variable in command.lost_variables]
    if name in EVALUATORS:
        return [*words, *command.input_files, *lost_words]
    if name in RUNNERS:
        descriptors = lost_words if UNKNOWN_VALUE in command.input_files else []  # ``sh <&${COPROC[0]}``
        return [words[0], *list_program_words(words), *command.input_files, *environment_files, *descriptors]
    if name in ("make", "gmake"):  # without an argument, it runs the commands in one of these files
        return ["Makefile", "makefile", "GNUmakefile"]
    if name == "hash" and "-p" in words:  # ``hash -p file name``: the file runs whenever ``name`` is called
        return words
    return [words[0], *environment_files, *(lost_words if "$" in words[0] else ())]


def list_read_words(command: Command) -> list[str]:
    """List the words that can name what a command reads: its arguments and its input."""
    # ``cat <&${COPROC[0]}``: no word shows the variable.
    has_unknown_input = UNKNOWN_VALUE in command.input_files
    lost_words = [f"${variable}" for variable in command.lost_variables] if has_unknown_input else []
    return [*command.words[1:], *command.input_files, *lost_words]


def is_shell_text(text: str) -> bool:
    """Whether a written file is a program of a shell: its first line names a shell, or no interpreter."""
    first_line = text.lstrip().partition("\n")[0]
    return not first_line.startswith("#!") or any(shell in first_line for shell in SHELLS)


def judge_program_names(names: list[str]) -> tuple[str, str]:
    """Return the use, and the name to report, of programs whose unknown output is run; empty texts for printers."""
    if not DECODERS.isdisjoint(names):
        return "decode-and-run", names[-1]
    if any(mark in name for name in names for mark in "$?*"):  # the name of a source is a variable or a glob
        return "unresolved-run", names[0]
    return ("piped-run", names[0]) if names and names[0] not in _PRINTERS else ("", "")


def unwrap_commands(commands: list[Command]) -> list[list[str]]:
    """Return the words of each command without wrappers such as ``sudo``; commands without words are left out."""
    return [words for words in (unwrap_command(each.words) for each in commands) if words]


def is_output_of_one_command(text: str) -> bool:
    """Whether a here-document consists of the output of one command, ``$(command)``."""
    return _WHOLE_OUTPUT.fullmatch(text) is not None


def executes_input(command: Command, words: list[str]) -> bool:
    """Whether the command executes its standard input, or each line of it by ``xargs`` or ``parallel``."""
    if runs_input(words) or _starts_runner_elsewhere(words):
        return True
    names = [normalize_program_name(word) for word in command.words]
    # ``sudo env xargs sh``: at most two wrappers precede.
    if not any(name in ("xargs", "parallel") for name in names[:3]):
        return False
    if words:
        return normalize_program_name(words[0]) in RUNNERS
    # ``parallel`` alone runs the lines of its input; ``xargs`` needs a program that runs them, as ``env`` does.
    return any(name in WRAPPERS and name != "xargs" for name in names)


def _starts_runner_elsewhere(words: list[str]) -> bool:
    """Whether a command starts a shell or an interpreter in a container or on a machine, which executes its input."""
    if not words or normalize_program_name(words[0]) not in _STARTERS_ELSEWHERE:
        return False
    index = next((index for index, word in enumerate(words[1:], 1) if normalize_program_name(word) in RUNNERS), None)
    return index is not None and runs_input(words[index:])


def join_sources(commands: list[Command]) -> list[Command]:
    """Return commands of a pipeline, each behind the commands of the group that is piped into it."""
    return [each for command in commands for each in (*command.sources, command)]
