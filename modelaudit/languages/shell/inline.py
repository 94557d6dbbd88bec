"""Programs of Python that stand within a shell script: after ``-c``, or in a here-document."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.languages.shell.lexer import commands_of
from modelaudit.languages.shell.words import base_name, unwrapped


def programs_of(script: str) -> Iterator[tuple[int, str]]:
    """The programs with the line of their command."""
    for command in commands_of(script):
        words = unwrapped(command.words)
        if not words or not base_name(words[0]).startswith("python"):
            continue
        at = next((index for index, word in enumerate(words[:-1]) if word == "-c"), None)
        if at is not None:
            yield command.line, words[at + 1]
        elif command.reads is not None:
            yield command.line, command.reads
