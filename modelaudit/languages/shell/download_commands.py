"""Recognise the commands that download content, and the files that a copy from another machine writes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.program_names import (
    FETCHERS,
    FETCHERS_BY_SUBCOMMAND,
    INTERPRETERS,
    normalize_program_name,
    unwrap_command,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text_addresses import find_address

_RENAMING: Final = defer_pattern(r"s(\W)((?:(?!\1).){1,200})\1((?:(?!\1).){0,200})\1")
_LONGEST_NAME: Final = 255  # of a file, in bytes: NAME_MAX of Linux
_OUTPUT_OPTIONS: Final = frozenset({"-o", "-O", "--output", "--output-document"})
_MODEL_DOWNLOADERS: Final = frozenset({"hf", "huggingface-cli"})
_REMOTE_COPIERS: Final = frozenset({"scp", "rsync"})
# ``user@host:file``, ``host::module/file`` or ``rsync://host/module/file``.
_REMOTE_FILE: Final = defer_pattern(r"[\w.@-]{1,200}::?|rsync://[^/]{1,200}/")
_REMOTE_SHELLS: Final = frozenset({"ssh", "mosh", "plink", "autossh"})
_SSH_OPTIONS_WITH_VALUE: Final = "BbcDEeFIiJLlmOopQRSWw"  # ssh(1)
_MAX_SUBSTITUTION: Final = 200_000


def is_download(words: list[str]) -> bool:
    """Whether the command prints or stores content from another machine."""
    if not words:
        return False
    name = normalize_program_name(words[0])
    if name in FETCHERS or not FETCHERS_BY_SUBCOMMAND.get(name, frozenset()).isdisjoint(words[1:]):
        return True
    if name in ("nc", "ncat", "netcat"):
        # With a host and a port it connects; with ``-l`` it listens.
        return len(words) > 2 and not any(word.startswith("-") and "l" in word for word in words[1:])
    if name == "openssl":
        return "s_client" in words
    if name in _REMOTE_SHELLS:
        return _runs_remote_command(words[1:])
    if name == "git":
        return words[1:2] == ["archive"] and any(word.startswith("--remote") for word in words)
    if name == "rsync":
        return bool(list_remote_copies(words))
    if name in INTERPRETERS and words[1:3] == ["-m", "wget"]:
        return True
    return name in INTERPRETERS and any(
        mark in word for word in words[1:] for mark in ("urlopen", "requests.get", "LWP::")
    )


def _runs_remote_command(arguments: list[str]) -> bool:
    """Whether the arguments of ssh have a host and a command, whose output ssh prints here."""
    operands = 0
    is_option_value = False
    for word in arguments:
        if is_option_value:
            is_option_value = False
        elif operands or not word.startswith("-"):  # behind the host, all words are the command
            operands += 1
        else:
            is_option_value = len(word) == 2 and word[1] in _SSH_OPTIONS_WITH_VALUE
    return operands > 1


def find_download_address(commands: Iterable[Command]) -> str | None:
    """Return the address of the first download among the commands, or its program name if it has no address.

    Raises:
        LimitReachedError: a substitution among them is longer than is parsed.
    """
    for command in commands:
        if is_download(unwrap_command(command.words)):
            return find_address(command.words) or command.words[0]
        if not command.words:  # the redirection of a group: ``done < <(curl …)``
            texts = (*command.input_substitutions, *command.substitutions)
            if any(len(text) > _MAX_SUBSTITUTION for text in texts):
                raise LimitReachedError(f"a substitution of more than {_MAX_SUBSTITUTION} characters was not parsed")
            nested_commands = [each for text in texts for each in parse_commands(text) if each.words]
            address = find_download_address(nested_commands)
            if address is not None:
                return address
    return None


def list_remote_files(words: list[str], name: str) -> list[str]:
    """List the files that ``hf download repository file`` or a copy from another machine writes."""
    if name in _MODEL_DOWNLOADERS:
        return [each for each in words[3:] if not each.startswith("-")]
    return list_remote_copies(words) if name in _REMOTE_COPIERS else []


def list_remote_copies(words: list[str]) -> list[str]:
    """List the files that ``scp host:file target`` or ``rsync host::file target`` can write."""
    *sources, target = [word for word in words[1:] if not word.startswith("-")] or [""]
    file_names = [posixpath.basename(each[match.end() :]) for each in sources if (match := _REMOTE_FILE.match(each))]
    in_folder = [posixpath.normpath(posixpath.join(target, each)) for each in file_names if each]
    return in_folder if target in ("", ".") or target.endswith("/") or not file_names else [*in_folder, target]


def is_output_option(program: str, option: str) -> bool:
    """Whether the option takes an output file: ``-o`` of curl, ``-qO`` of wget."""
    if option in _OUTPUT_OPTIONS:
        return program != "curl" or option != "-O"
    # Of joined options, curl takes a file for ``o``, wget for ``O``.
    return re.fullmatch(r"-[a-zA-Z]*[oO]", option) is not None and (program == "curl") == option.endswith("o")


def list_new_names(arguments: list[str]) -> Iterator[str]:
    """Yield the names that ``rename 's/old/new/' files`` or ``rename old new files`` can give to its files."""
    operands = [word for word in arguments if not word.startswith("-")]
    expression = _RENAMING.match(operands[0]) if operands else None
    pairs = [(expression[2], expression[3])] if expression is not None else [tuple(operands[:2])]
    for old, new in (pair for pair in pairs if len(pair) == 2 and pair[0]):
        for file in iterate_within_deadline(arguments, items_per_check=16):
            growth = file.count(old) * (len(new) - len(old))  # as a plain text: few patterns have more than that
            if old in file and growth <= _LONGEST_NAME:
                yield file.replace(old, new)
