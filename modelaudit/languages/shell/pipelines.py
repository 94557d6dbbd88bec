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
        elif word.startswith("--"):
            continue
        elif name in SHELLS:
            # Of the joined options of a shell, as in ``bash -xc``, only ``c`` takes the program: ``bash -eux`` reads
            # its input. The name of a setting follows ``o``, as in ``-euo pipefail``.
            if "c" in word:
                return False
            is_option_value = word.endswith(("o", "O"))
        # The options ``-c``, ``-m`` and ``-e`` of interpreters take the program.
        elif word[1:2] in ("c", "m", "e", "n", "p", "r"):
            return False
    return True
