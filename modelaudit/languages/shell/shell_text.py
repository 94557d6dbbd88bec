"""Hold a shell text with the place up to which it is read, and read its parts other than expansions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from modelaudit.languages.shell.brackets import find_closing_backtick, find_closing_parenthesis
from modelaudit.model.lazy_pattern import defer_pattern

# Each search for a bracket that is missing can go through the whole text.
_MAX_SEARCHED_LENGTH: Final = 3_000_000
_ESCAPE_IN_BACKTICKS: Final = defer_pattern(r"\\([`$\\])")


class ShellText:
    """A shell text and the place up to which it is read.

    Attributes:
        text: with line breaks of Unix.
        is_posix: read as a shell such as dash does, without the arithmetic and quotes of bash.
        position: the index of the next character.
        line: of the next character, from 1.
        depends_on_shell: whether bash and a POSIX shell end something in different places.
        gave_up_search: whether searches in vain have cost too much, so that ends of expressions may be missed.
    """

    def __init__(self, text: str, is_posix: bool) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self.is_posix = is_posix
        self.position = 0
        self.line = 1
        self.depends_on_shell = False
        self.gave_up_search = False
        self._searched_length = 0  # of the searches for the end of an expression that found none

    @property
    def is_at_end(self) -> bool:
        """Whether everything is read."""
        return self.position >= len(self.text)

    def peek(self, count: int = 1, offset: int = 0) -> str:
        """Return the next characters without moving, fewer at the end of the text; ``offset`` skips some of them."""
        start = self.position + offset
        return self.text[start : start + count]

    def starts_with(self, *marks: str, offset: int = 0) -> bool:
        """Return whether one of the marks comes next, ``offset`` characters further on."""
        return self.text.startswith(marks, self.position + offset)

    def find_end(self, find_end: Callable[[str, int], int | None], start: int) -> int | None:
        """Return the index that ``find_end`` gives for ``start``; ``None`` once searches in vain have cost too much."""
        if self._searched_length > _MAX_SEARCHED_LENGTH:
            self.gave_up_search = True
            return None
        end = find_end(self.text, start)
        if end is None:
            self._searched_length += len(self.text) - start
        return end

    def take(self, start: int, end: int, closing_length: int = 1) -> str:
        """Return the text between two indices, count its lines, and move behind the mark that closes it."""
        taken = self.text[start:end]
        self.line += taken.count("\n")
        self.position = end + closing_length
        return taken

    def read_line(self) -> str:
        """Return the text up to the end of the line, and move behind it."""
        end = self.text.find("\n", self.position)
        line = self.text[self.position :] if end < 0 else self.text[self.position : end]
        self.position += len(line) + 1
        self.line += 1
        return line

    def read_escape(self) -> str:
        """Return the character behind a backslash; nothing for a line break, which the backslash removes."""
        following = self.peek(offset=1)
        self.position += 2
        if following == "\n":
            self.line += 1
            return ""
        return following

    def read_single_quotes(self) -> str:
        """Return the text between single quotes, and move behind it; nothing for a quote that is never closed."""
        start = self.position + 1
        end = self.text.find("'", start)
        if end < 0:
            self.position = start  # the rest is read like any other text, so that it hides nothing
            return ""
        return self.take(start, end)

    def read_backticks(self) -> str:
        """Return the commands between backticks, and move behind them; a backslash before a backtick is dropped."""
        commands = self.take(self.position + 1, find_closing_backtick(self.text, self.position))
        return _ESCAPE_IN_BACKTICKS.sub(r"\1", commands)

    def read_to_closing_parenthesis(self) -> str:
        """Return the text up to the closing parenthesis and move behind it; quoted parentheses do not count."""
        return self.take(self.position, find_closing_parenthesis(self.text, self.position))
