"""Define a simple command: the unit that the shell lexer produces and all other modules of this package judge."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

DECLARATION_BUILTINS: Final = frozenset({"declare", "local", "export", "readonly", "typeset"})
"""The builtins that assign variables in their arguments."""
UNKNOWN_VALUE: Final = "${…}"
"""Stands for an expansion whose value is unknown."""
OUTPUT_MARK: Final = "$(…)"
"""Replaces the unknown output of a command substitution in a word."""


class Command(Struct):
    """One simple command.

    Attributes:
        line: of its first word, from 1 in the text.
        words: without quotes; known variables are replaced, ``$NAME`` stays if its value is unknown.
        substitutions: the texts of command substitutions ``$(…)`` and ``>(…)`` in its words.
        input_substitutions: the texts of process substitutions ``<(…)``, whose output is read as a file.
        input_text: the text of a here-document or here-string.
        output_substitutions: those of ``substitutions`` that are ``>(…)``, which read what it writes.
        lost_variables: the names of the variables whose values its words would need, and that no word shows.
        output_files: the files that its output is redirected to.
        input_files: the files that its input is redirected from.
        descriptor: the number in front of its last redirection, as in ``exec 3<file``; empty if there is none.
        is_piped: its output is the input of the next command.
        sources: commands of other pipelines whose output it can read, because a group of commands is piped.
        piped_input: the commands whose output it reads, as far as the analysis of its pipeline follows them.
        assignments: names and values of the variables that it sets, before its words or alone.
    """

    line: int
    words: list[str] = field(default_factory=list)
    substitutions: list[str] = field(default_factory=list)
    input_substitutions: list[str] = field(default_factory=list)
    input_text: str | None = None
    output_substitutions: list[str] = field(default_factory=list)
    lost_variables: list[str] = field(default_factory=list)
    output_files: list[str] = field(default_factory=list)
    input_files: list[str] = field(default_factory=list)
    descriptor: str = ""
    is_piped: bool = False
    sources: list[Command] = field(default_factory=list)
    piped_input: list[Command] = field(default_factory=list)
    assignments: list[tuple[str, str]] = field(default_factory=list)

    def copy(self) -> Command:
        """Return a command with the same values; it shares the lists."""
        return Command(
            self.line, self.words, self.substitutions, self.input_substitutions, self.input_text,
            self.output_substitutions, self.lost_variables, self.output_files, self.input_files, self.descriptor,
            self.is_piped, self.sources, self.piped_input, self.assignments,
        )  # fmt: skip
