"""Follow the groups of a shell script, ``{ a; b; }``, ``(a; b)``, loops and conditions, through the pipes around them.

All commands of a group read the pipe in front of it, and all of them write to the pipe behind it. A pipeline of single
commands does not show that ``(cd x; curl address) | sh`` runs a download.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from modelaudit.languages.shell.command import Command

CLOSING_WORDS: Final = {
    "(": ")", "{": "}", "if": "fi", "case": "esac", "for": "done", "select": "done", "while": "done", "until": "done",
}  # fmt: skip
"""The words that begin a group, each with the word that ends it."""

_MAX_SOURCES: Final = 100_000  # of all commands of a script together: nested groups repeat their commands


class _Group(Struct, frozen=True):
    """A group that has not ended.

    Attributes:
        closing_word: ends it.
        first_index: the index of its first command among those of the script.
        sources: the commands whose output its commands read.
    """

    closing_word: str
    first_index: int
    sources: list[Command]


class GroupTracker(Struct):
    """The groups of one script around the current place.

    Attributes:
        commands: those of the script so far; the lexer appends to them.
        is_cut: whether groups have more sources than are kept.
    """

    commands: list[Command]
    is_cut: bool = False
    _groups: list[_Group] = field(default_factory=list)
    _sources_left: int = _MAX_SOURCES
    _ended_group_start: int | None = None
    """The index of the first command of a group that has just ended."""

    @property
    def sources(self) -> list[Command]:
        """The commands whose output the commands of the innermost group read."""
        return self._groups[-1].sources if self._groups else []

    def begin_group(self, opening_word: str, sources_before: list[Command]) -> None:
        """Begin a group, which reads the pipe that the last command writes to.

        Args:
            opening_word: begins it.
            sources_before: the commands whose output a command in its place would read, besides those of its pipeline.
        """
        first_piped = len(self.commands)
        while first_piped > 0 and self.commands[first_piped - 1].is_piped and self._reserve_sources(1):
            first_piped -= 1
        piped = self.commands[first_piped:]
        sources = [*sources_before, *piped] if piped and self._reserve_sources(len(sources_before)) else sources_before
        self._groups.append(_Group(CLOSING_WORDS[opening_word], len(self.commands), sources))

    def end_group(self, closing_word: str) -> None:
        """End the innermost group if this word ends it; a parenthesis also ends the groups in it."""
        if closing_word == ")":
            while self._groups and self._groups[-1].closing_word != ")":
                self._groups.pop()
        if self._groups and self._groups[-1].closing_word == closing_word:
            self._ended_group_start = self._groups.pop().first_index

    def _list_ended_group(self) -> list[Command]:
        """List the commands of a group that has just ended; redirections behind it apply to all of them."""
        if self._ended_group_start is None or not self._reserve_sources(len(self.commands) - self._ended_group_start):
            return []
        return self.commands[self._ended_group_start :]

    def redirect_ended_group(self, redirection: Command) -> None:
        """Connect the redirections behind a group, ``done < <(curl …)`` or ``} > >(sh)``, with its commands.

        Args:
            redirection: a command without words, which has the redirections.
        """
        is_input = redirection.input_substitutions or redirection.input_files or redirection.input_text is not None
        if not is_input and not redirection.output_substitutions:
            return
        group = self._list_ended_group()
        if redirection.output_substitutions:
            redirection.sources = [*redirection.sources, *group]
        elif is_input:
            for command in group:
                command.sources = [*command.sources, redirection]

    def list_next_sources(self, is_piped: bool) -> list[Command]:
        """List the commands whose output the next command reads, besides those of its own pipeline.

        Args:
            is_piped: whether the separator in front of it is a pipe.
        """
        ended_group_start, self._ended_group_start = self._ended_group_start, None
        if ended_group_start is None or not is_piped:
            return self.sources
        # All commands of the group in front of the pipe write to it.
        count = len(self.commands) - ended_group_start + len(self.sources)
        return [*self.sources, *self.commands[ended_group_start:]] if self._reserve_sources(count) else self.sources

    def _reserve_sources(self, count: int) -> bool:
        """Count the sources that are about to be kept; return whether the bound allows them."""
        self._sources_left -= count
        self.is_cut = self.is_cut or self._sources_left < 0
        return self._sources_left >= 0
