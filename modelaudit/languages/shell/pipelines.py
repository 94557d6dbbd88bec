"""Group commands into pipelines and detect the commands that execute their input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.shell.command import Command
from modelaudit.languages.shell.program_names import (
    EVALUATORS,
    INTERPRETERS,
    SCHEDULERS,
    SHELLS,
    normalize_program_name,
)

_OPTIONS_WITH_VALUE: Final = frozenset({"-o", "-O", "--rcfile", "--init-file", "-W", "-X"})


@dataclass(slots=True)
class Pipeline:
    """Commands joined by pipes: each reads the output of the one before."""

    commands: list[Command] = field(default_factory=list)


def group_into_pipelines(commands: list[Command]) -> Iterator[Pipeline]:
    """Yield the commands by pipeline, in order."""
    pipeline = Pipeline()
    for command in commands:
        pipeline.commands.append(command)
        if not command.is_piped:
            yield pipeline
            pipeline = Pipeline()
    if pipeline.commands:
        yield pipeline


def runs_input(words: list[str]) -> bool:
    """Whether the program executes its standard input: ``sh``, ``bash -s``, ``python3 -``."""
    if not words:
        return False
    name = normalize_program_name(words[0])
    if name in SCHEDULERS:
        return "-f" not in words and "-l" not in words  # ``at -f file`` reads a file, ``at -l`` lists the queue
    if name in EVALUATORS:
        return any(word in ("/dev/stdin", "/proc/self/fd/0", "-") for word in words[1:])
    if name not in SHELLS | INTERPRETERS:
        return False
    return _lacks_program_argument(name, words[1:])


def _lacks_program_argument(name: str, options: list[str]) -> bool:
    """Whether the arguments of a shell or interpreter contain neither a script file nor a program text."""
    is_option_value = False
    for word in options:
        if is_option_value or word in _OPTIONS_WITH_VALUE:
            is_option_value = not is_option_value
        elif word in ("-", "/dev/stdin", "/proc/self/fd/0", "-s"):
            return True
        elif not word.startswith("-"):
            return False
        # Options such as ``-c``, ``-m`` and ``-e`` take the program. ``sh -e`` reads its input, and stops at errors.
        elif word.lstrip("-")[:1] in ("c", "m", "e", "n", "p", "r") and not word.startswith("--"):
            return word == "-e" and name in SHELLS
        # Joined options with ``-c``, as in ``bash -xc``.
        elif name in SHELLS and word.endswith("c") and not word.startswith("--"):
            return False
    return True
