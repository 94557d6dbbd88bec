"""Commands that are joined by pipes, and which of them take what comes through one for a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.shell.lexer import Command
from modelaudit.languages.shell.words import EVALUATORS, INTERPRETERS, READS_COMMANDS, SHELLS, base_name

_TAKES_VALUE: Final = frozenset({"-o", "-O", "--rcfile", "--init-file", "-W", "-X"})


@dataclass(slots=True)
class Pipeline:
    """Commands, each of which reads what the one before writes."""

    commands: list[Command] = field(default_factory=list)


def pipelines_of(commands: list[Command]) -> Iterator[Pipeline]:
    """The commands by pipeline, in order."""
    pipeline = Pipeline()
    for command in commands:
        pipeline.commands.append(command)
        if not command.piped:
            yield pipeline
            pipeline = Pipeline()
    if pipeline.commands:
        yield pipeline


def runs_input(words: list[str]) -> bool:
    """Whether what these words run takes its input for a program: ``sh``, ``bash -s``, ``python3 -``."""
    if not words:
        return False
    name = base_name(words[0])
    if name in READS_COMMANDS:
        return "-f" not in words and "-l" not in words
    if name in EVALUATORS:
        return any(word in ("/dev/stdin", "/proc/self/fd/0", "-") for word in words[1:])
    if name not in SHELLS | INTERPRETERS:
        return False
    return _without_program(name, words[1:])


def _without_program(name: str, options: list[str]) -> bool:
    """Whether the options of a shell or interpreter name neither a file nor a text to run."""
    skip = False
    for word in options:
        if skip or word in _TAKES_VALUE:
            skip = not skip
        elif word in ("-", "/dev/stdin", "/proc/self/fd/0", "-s"):
            return True
        elif not word.startswith("-"):
            return False
        elif word.lstrip("-")[:1] in ("c", "m", "e", "n", "p", "r") and not word.startswith("--"):
            return word == "-e" and name in SHELLS
        elif name in SHELLS and word.endswith("c") and not word.startswith("--"):
            return False
    return True
