"""Find the commands that one shell reads in a text and another does not."""

from __future__ import annotations

from modelaudit.languages.shell.command import Command


def drop_common_ends(commands: list[Command], others: list[Command]) -> list[Command]:
    """Return the commands without the first and last pipelines that a second reading of the text has as well."""
    start = _count_common_commands(commands, others)
    while start and commands[start - 1].is_piped:
        start -= 1
    commands = commands[start:]
    end = len(commands) - _count_common_commands(commands[::-1], others[start:][::-1])
    while 0 < end < len(commands) and commands[end - 1].is_piped:
        end += 1
    return commands[:end]


def _count_common_commands(commands: list[Command], others: list[Command]) -> int:
    """Return how many commands at the beginning of two readings of one text are the same, on the same lines."""
    pairs = zip(commands, others, strict=False)
    differing = (
        index
        for index, (one, other) in enumerate(pairs)
        if (one.line, one.words, one.is_piped, one.input_text, one.substitutions, one.output_files)
        != (other.line, other.words, other.is_piped, other.input_text, other.substitutions, other.output_files)
    )
    return next(differing, min(len(commands), len(others)))
