"""Extract Python programs from a shell script: after ``python -c``, or in a here-document."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.languages.shell.lexer import parse_commands
from modelaudit.languages.shell.program_names import normalize_program_name, unwrap_command


def extract_python_programs(script: str) -> Iterator[tuple[int, str]]:
    """Yield each Python program of a script: the line of its command, from 1, and the text of the program."""
    for command in parse_commands(script):
        words = unwrap_command(command.words)
        if not words or not normalize_program_name(words[0]).startswith("python"):
            continue
        option_index = next((index for index, word in enumerate(words[:-1]) if word == "-c"), None)
        if option_index is not None:
            yield command.line, words[option_index + 1]
        elif command.input_text is not None:
            yield command.line, command.input_text
