"""Find the end of what a bracket or quote of a shell script opens: comments, quotes and here-documents do not close it.

One scanner keeps a stack of what is open, so that no depth of nesting exhausts the stack of Python.
Source: ``parse_matched_pair`` and ``parse_comsub`` in ``parse.y`` of bash 5.2; POSIX.1-2024, chapter 2.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

# What is open: commands in ``(`` or ``$(``, arithmetic in ``((``, a subscript, ``${`` without and within quotes, ``"``.
_COMMANDS: Final = "("
_ARITHMETIC: Final = "(("
_SUBSCRIPT: Final = "["
_BRACES: Final = "{"
_QUOTED_BRACES: Final = '"{'
_QUOTES: Final = '"'
_CLOSING: Final = {
    _COMMANDS: ")", _ARITHMETIC: ")", _SUBSCRIPT: "]", _BRACES: "}", _QUOTED_BRACES: "}", _QUOTES: '"',
}  # fmt: skip
_TELLING_CHARACTER: Final = defer_pattern(r"[\\'\"`#()\[\]{}$<\n]|\b(?:case(?=[^\n;]{1,500}?\sin\b)|esac)\b")
# What precedes a reserved word such as ``case``: the start of a command.
_COMMAND_START: Final = defer_pattern(r"(?:\A|[;&|(){}\n`!]|\b(?:then|do|else|elif|if|while|until))[ \t]*\Z")
_COMMAND_START_LENGTH: Final = 200  # characters before a word that are looked at
_HERE_DOCUMENT: Final = defer_pattern(r"<<(-?)[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s;|&<>()'\"\\])+)")
_QUOTE_CHARACTER: Final = defer_pattern(r"['\"\\]")
# A search for an end mark that is missing goes through the whole text.
_MAX_MISSING_MARKS: Final = 100


class _BracketScanner:
    """Scans one text from an index on.

    Attributes:
        text: the script.
        index: of the next character.
        start: the index behind the opening bracket.
        open_brackets: what is open, the innermost last.
        end_marks: of the here-documents that begin on the next line, each with whether tabs precede it.
    """

    def __init__(self, text: str, start: int, opening: str) -> None:
        self.text = text
        self.index = self.start = start
        self.open_brackets = [opening]
        self.end_marks: list[tuple[str, bool]] = []
        self._missing_marks = 0
        # The number of ``case`` without ``esac``, by the number of brackets around them.
        self._open_cases: dict[int, int] = {}

    def find_end(self) -> int | None:
        """Return the index of the character that closes the first bracket; ``None`` if none does."""
        while True:
            match = _TELLING_CHARACTER.search(self.text, self.index)
            if match is None:
                return None
            self.index = match.start()
            innermost = self.open_brackets[-1]
            if len(match[0]) > 1:
                self._count_case(match)
            elif match[0] == ")" and innermost == _COMMANDS and self._open_cases.get(len(self.open_brackets)):
                self.index += 1  # it ends a pattern of ``case``
            elif match[0] == _CLOSING[innermost]:
                self._open_cases.pop(len(self.open_brackets), None)
                self.open_brackets.pop()
                if not self.open_brackets:
                    return self.index
                self.index += 1
            else:
                self._skip_character(match[0], innermost)

    def _count_case(self, match: re.Match[str]) -> None:
        """Move behind ``case`` or ``esac``, and count it where a command begins."""
        self.index = match.end()
        depth = len(self.open_brackets)
        start = max(self.start, match.start() - _COMMAND_START_LENGTH)
        if self.open_brackets[-1] == _COMMANDS and _COMMAND_START.search(self.text[start : match.start()]):
            count = self._open_cases.get(depth, 0) + (1 if match[0] == "case" else -1)
            self._open_cases[depth] = max(count, 0)

    def _skip_character(self, character: str, innermost: str) -> None:
        """Move behind one character, and whatever it begins, within the bracket ``innermost``."""
        is_quoted = innermost in (_QUOTES, _QUOTED_BRACES)
        start = self.index
        self.index += 1
        if character == "\\":
            self.index += 1
        elif character == "$":
            self._open_expansion(is_quoted)
        elif character == "`":
            self.index = find_closing_backtick(self.text, start) + 1
        elif character == '"':
            self.open_brackets.append(_QUOTES)
        elif character == "'" and not is_quoted:
            end = self.text.find("'", self.index)
            self.index = len(self.text) if end < 0 else end + 1
        elif innermost == _COMMANDS:
            self._skip_in_commands(character, start)
        elif character == innermost[:1] and innermost in (_ARITHMETIC, _SUBSCRIPT):
            self.open_brackets.append(innermost)

    def _open_expansion(self, is_quoted: bool) -> None:
        """Open what follows a dollar sign; between double quotes, ``$'`` and ``$"`` begin nothing."""
        if self.text.startswith("$", self.index):  # ``$$``, a number: a quote behind it is an ordinary one
            self.index += 1
        elif self.text.startswith("((", self.index):
            self.open_brackets += (_ARITHMETIC, _ARITHMETIC)
            self.index += 2
        elif self.text.startswith("(", self.index):
            self.open_brackets.append(_COMMANDS)
            self.index += 1
        elif self.text.startswith("{", self.index):
            self.open_brackets.append(_QUOTED_BRACES if is_quoted else _BRACES)
            self.index += 1
        elif self.text.startswith("'", self.index) and not is_quoted:
            self.index = find_closing_ansi_quote(self.text, self.index) + 1

    def _skip_in_commands(self, character: str, start: int) -> None:
        """Move behind a bracket, comment or here-document that begins at ``start`` among commands."""
        if character == "(" and self.text.startswith("(", self.index):
            self.open_brackets += (_ARITHMETIC, _ARITHMETIC)
            self.index += 1
        elif character == "(":
            self.open_brackets.append(_COMMANDS)
        elif character == "#" and (start == self.start or self.text[start - 1] in " \t\r\n;|&()<>"):
            end = self.text.find("\n", start)
            self.index = len(self.text) if end < 0 else end
        elif self.text.startswith("<<<", start):
            self.index = start + 3
        elif character == "<":
            match = _HERE_DOCUMENT.match(self.text, start)
            if match is not None:
                self.end_marks.append((_QUOTE_CHARACTER.sub("", match[2]), bool(match[1])))
                self.index = match.end()
        elif character == "\n":
            self._skip_here_documents()

    def _skip_here_documents(self) -> None:
        """Move behind the here-documents that begin on this line; one without an end mark is read as commands."""
        for end_mark, strips_tabs in self.end_marks:
            if self._missing_marks >= _MAX_MISSING_MARKS:
                break
            tabs = r"\t*" if strips_tabs else ""
            end = re.compile(rf"^{tabs}{re.escape(end_mark)}$", re.MULTILINE).search(self.text, self.index)
            if end is None:
                self._missing_marks += 1
            else:
                self.index = min(end.end() + 1, len(self.text))
        self.end_marks = []


def find_closing_parenthesis(text: str, start: int) -> int:
    """Return the index of the parenthesis that closes the one before ``start``, which encloses commands.

    If none closes it, the index lies at the end of the text.
    """
    end = _BracketScanner(text, start, _COMMANDS).find_end()
    return len(text) if end is None else end


def find_arithmetic_end(text: str, start: int) -> int | None:
    """Return the index of the ``))`` that closes the ``((`` before ``start``; ``None`` if it begins two groups.

    bash reads ``((a) | b)`` as two groups, because other characters stand between the closing parentheses.
    """
    end = _BracketScanner(text, start, _ARITHMETIC).find_end()
    return end if end is not None and text.startswith("))", end) else None


def find_closing_bracket(text: str, start: int) -> int | None:
    """Return the index of the bracket that closes ``[`` before ``start``; ``None`` if none does."""
    return _BracketScanner(text, start, _SUBSCRIPT).find_end()


def find_closing_brace(text: str, start: int, in_quotes: bool) -> int | None:
    """Return the index of the brace that closes ``${`` before ``start``; ``None`` if none does.

    Args:
        text: the script.
        start: the index behind the opening brace.
        in_quotes: whether the expansion is between double quotes, where a single quote is a character like any other.
    """
    return _BracketScanner(text, start, _QUOTED_BRACES if in_quotes else _BRACES).find_end()


def find_closing_backtick(text: str, start: int) -> int:
    """Return the index of the backtick that closes the one at ``start``; at the end of the text if none does."""
    return _find_unescaped(text, start, "`")


def find_closing_ansi_quote(text: str, start: int) -> int:
    """Return the index of the quote that ends ``$'text'``, whose first quote is at ``start``."""
    return _find_unescaped(text, start, "'")


def _find_unescaped(text: str, start: int, character: str) -> int:
    """Return the index of the next ``character`` behind ``start`` that no backslash escapes, or the text's end."""
    index = start + 1
    while index < len(text) and text[index] != character:
        index += 2 if text[index] == "\\" else 1
    return min(index, len(text))
