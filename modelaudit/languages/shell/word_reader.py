"""Read the words of a shell text: their quotes are removed, and their expansions replaced by the values.

Only variables that the same text sets to a constant are expanded.
Source: POSIX.1-2024, 2.2 "Quoting" and 2.6 "Word Expansions"; ``$'…'`` and ``$[…]`` of bash.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.shell.brackets import (
    find_arithmetic_end,
    find_closing_ansi_quote,
    find_closing_brace,
    find_closing_bracket,
)
from modelaudit.languages.shell.command import DECLARATION_BUILTINS, OUTPUT_MARK, UNKNOWN_VALUE, Command
from modelaudit.languages.shell.expansions import decode_ansi_text, expand_variable, resolve_printed_name
from modelaudit.languages.shell.shell_text import ShellText
from modelaudit.model.lazy_pattern import defer_pattern

_ENDS_WORD: Final = " \t\n\r;|&<>()"
_PLAIN_CHARACTERS: Final = defer_pattern(r"[^\s\\'\"`$;|&<>(){}#\[]++")
_PLAIN_IN_QUOTES: Final = defer_pattern(r"[^\"\\$`]++")
# ``NAME`` behind a dollar sign, and the inside of ``${NAME}`` or ``${NAME:-default}``.
_VARIABLE: Final = defer_pattern(r"[A-Za-z_]\w{0,99}")
_VARIABLE_IN_BRACES: Final = defer_pattern(r"([A-Za-z_]\w{0,99})(?::?[-=](.*))?", re.DOTALL)
# The name of a variable at the beginning of the inside of ``${…}``.
_LOST_NAME: Final = defer_pattern(r"\A[!#]?(\w{1,100}|@)")
_MAX_EXPANSION_DEPTH: Final = 8


class WordReader:
    """Reads the words of one text.

    Attributes:
        source: the text, and the place up to which it is read.
        variables: the constants assigned so far, by name; shared with nested texts.
        command: the one to which the next word belongs. Its substitutions and lost variables are recorded with it.
        derived_variables: by the name of a variable with a known value in place of an unknown one, such as a default:
            the names of the unknown variables, one list for each command that assigns it.
    """

    def __init__(
        self, source: ShellText, variables: dict[str, str], command: Command, in_array: bool = False, depth: int = 0
    ) -> None:
        self.source = source
        self.variables = variables
        self.command = command
        self.derived_variables: dict[str, list[list[str]]] = {}
        self._in_array = in_array  # the text is the inside of ``name=(…)``
        self._depth = depth  # of ``${x:-${y:-z}}``
        self._lacks_quote = False  # a double quote is never closed
        self._lacks_brace = False  # a ``${`` is never closed

    def read_word(self) -> str:
        """Read a word up to a separator; return it expanded and without quotes."""
        source = self.source
        parts: list[str] = []
        word_start = source.position
        while not source.is_at_end:
            character = source.text[source.position]
            plain_characters = _PLAIN_CHARACTERS.match(source.text, source.position)
            if plain_characters is not None:
                parts.append(plain_characters[0])
                source.position = plain_characters.end()
            elif character == "(" and parts and parts[-1][-1:] in ("?", "*", "+", "@"):
                source.position += 1  # a pattern of bash: +([0-9])
                parts.append(f"({source.read_to_closing_parenthesis()})")
            elif character in _ENDS_WORD:
                break
            else:
                parts.append(self._read_quoting(character, word_start))
        return "".join(parts)

    def _read_quoting(self, character: str, word_start: int) -> str:
        """Return the text of a quote, escape, expansion or other character of a word, and move behind it.

        Args:
            character: the next one of the text.
            word_start: the index of the first character of the word.
        """
        if character == "[":
            return self._read_bracket(self.source.text[word_start : self.source.position])
        if character == "\\":
            return self.source.read_escape()
        if character == "'":
            return self.source.read_single_quotes()
        if character == '"':
            return self._read_double_quotes()
        if character == "`":
            return self._substitute_output(self.source.read_backticks())
        if character == "$":
            return self._read_dollar()
        self.source.position += 1
        return character

    def skip_expression(self, start: int, end: int, closing_length: int) -> str:
        """Return the expression between two indices, record the commands in it and move behind its closing mark."""
        expression = self.source.take(start, end, closing_length)
        self.expand_quoted_text(expression, self.command)
        return expression

    def _read_bracket(self, name: str) -> str:
        """Return the bracket here; with its subscript, if ``name`` before it can be an array to assign to.

        bash reads ``name[…`` in the place of a command up to the closing bracket, whatever characters stand between.
        """
        source, words = self.source, self.command.words
        is_item = self._in_array and not name
        can_assign = not words or words[0] in DECLARATION_BUILTINS
        start = source.position + 1
        source.position = start
        if source.is_posix or not (is_item or (can_assign and _VARIABLE.fullmatch(name))):
            return "["
        end = source.find_end(find_closing_bracket, start)
        if end is None or not any(character in _ENDS_WORD + "'\"\\#" for character in source.text[start:end]):
            return "["
        source.depends_on_shell = True
        return f"[{self.skip_expression(start, end, 1)}]"

    def _read_double_quotes(self) -> str:
        """Return the expanded text between double quotes, and move behind it."""
        source = self.source
        source.position += 1
        start, line = source.position, source.line
        expanded = self._read_quoted_text('"')
        if source.is_at_end and not self._lacks_quote:
            # The quote is never closed. The rest is read like any other text, so that the quote hides nothing.
            self._lacks_quote = True
            source.position, source.line = start, line
            return ""
        source.position += 1
        return expanded

    def _read_quoted_text(self, end_mark: str) -> str:
        """Return the text up to ``end_mark``, or all of it for an empty one, expanded as between double quotes."""
        source = self.source
        parts: list[str] = []
        while not source.is_at_end:
            character = source.text[source.position]
            if character == end_mark:
                break
            if character == "\\":
                escaped = source.read_escape()
                # Before any other character, a backslash between quotes is itself a character.
                parts.append(escaped if escaped in '"\\$`' else "\\" + escaped)
            elif character == "$":
                parts.append(self._read_dollar(in_quotes=True))
            elif character == "`":
                parts.append(self._substitute_output(source.read_backticks()))
            else:
                match = _PLAIN_IN_QUOTES.match(source.text, source.position)
                end = match.end() if match is not None else source.position + 1
                parts.append(source.take(source.position, end, closing_length=0))
        return "".join(parts)

    def _substitute_output(self, inner: str) -> str:
        """Return the program name that ``$(inner)`` prints, or record the substitution and return a mark for it."""
        if not inner.strip():
            return ""
        name = resolve_printed_name(inner)
        if name is None:
            self.command.substitutions.append(inner)
        return OUTPUT_MARK if name is None else name

    def _read_dollar(self, in_quotes: bool = False) -> str:
        """Return the value of an expansion that begins with a dollar sign; ``$NAME`` if it is unknown.

        Args:
            in_quotes: whether it is between double quotes.
        """
        source = self.source
        following = source.peek(offset=1)
        if following == "(":
            return self._read_dollar_parenthesis()
        if following == "[" and not source.is_posix:  # ``$[…]``, the arithmetic of bash before ``$((…))``
            end = source.find_end(find_closing_bracket, source.position + 2)
            if end is not None:
                source.depends_on_shell = True
                self.skip_expression(source.position + 2, end, 1)
                return "0"
        if following in ("'", '"'):
            return self._read_dollar_quote(following, in_quotes)
        if following == "{":
            return self._read_braces(in_quotes)
        match = _VARIABLE.match(source.text, source.position + 1)
        if match is not None:
            source.position = match.end()
            return self._look_up_variable(match[0], f"${match[0]}")
        source.position += 2
        if following in ("@", "*"):
            if "@" not in self.variables:
                self.command.lost_variables.append("@")
            return self.variables.get("@", "")
        return self.variables.get(following, "$" + following)  # ``$1``, ``$?`` and the like

    def _read_dollar_parenthesis(self) -> str:
        """Return the text that replaces ``$(commands)`` or ``$((arithmetic))``, and move behind it."""
        source = self.source
        source.position += 2
        # Arithmetic is not computed, but the shell runs the commands in it.
        is_arithmetic = source.starts_with("(")
        end = source.find_end(find_arithmetic_end, source.position + 1) if is_arithmetic else None
        if end is not None:
            self.skip_expression(source.position + 1, end, 2)
            return "0"
        return self._substitute_output(source.read_to_closing_parenthesis())

    def _read_dollar_quote(self, quote: str, in_quotes: bool) -> str:
        """Return the text of ``$'text'`` or ``$"text"``; between double quotes, the dollar sign is a character."""
        source = self.source
        source.position += 1
        if in_quotes:
            return "$"
        if quote == '"':
            return self._read_double_quotes()
        end = find_closing_ansi_quote(source.text, source.position)
        if source.is_posix or end >= len(source.text):
            return "$" + source.read_single_quotes()
        text = source.take(source.position + 1, end)
        source.depends_on_shell = source.depends_on_shell or "\\'" in text
        return decode_ansi_text(text)

    def _look_up_variable(self, name: str, default: str) -> str:
        """Return the value of a variable, or ``default`` if it is not known."""
        if name in self.derived_variables:
            self.command.lost_variables.append(name)
        # ``IFS`` is a space unless a script sets it: attackers write ``curl${IFS}-s``.
        return self.variables.get(name, " " if name == "IFS" else default)

    def _read_braces(self, in_quotes: bool) -> str:
        """Return the value of ``${x}``, ``${x:-default}``, ``${x:0:1}`` and the like, and move behind the brace."""
        source = self.source
        start = source.position + 2
        # Each search for a brace that is missing goes through the whole text, so that there is only one.
        end = None if self._lacks_brace else find_closing_brace(source.text, start, in_quotes)
        if end is None:
            self._lacks_brace = True
            source.position = start  # the rest is read like any other text, so that it hides nothing
            return "${"
        inner = source.take(start, end)
        variable = _VARIABLE_IN_BRACES.fullmatch(inner)
        if variable is not None:
            name, default = variable.groups()  # without a default, ``None``
            if default:
                default = self._expand_operand(default, in_quotes)
                if name not in self.variables:
                    self.command.lost_variables.append(name)
            return self._look_up_variable(name, f"${name}" if default is None else default)
        if "$(" in inner or "`" in inner:
            self._expand_operand(inner, in_quotes)  # for its commands: the shell runs them, whatever the operation
        value = expand_variable(inner, self.variables)
        if value is not None and inner.endswith("@P"):  # the shell expands the value as a prompt
            return self.expand_quoted_text(value, self.command)
        if value is None:
            self.command.lost_variables += _LOST_NAME.findall(inner)[:1]
        return UNKNOWN_VALUE if value is None else value

    def _expand_operand(self, text: str, in_quotes: bool) -> str:
        """Expand the operand of ``${x:-operand}``, which can have quotes and commands of its own."""
        if in_quotes:
            return self.expand_quoted_text(text, self.command)
        nested = self._make_nested_reader(text, self.command)
        parts: list[str] = []
        while nested is not None and not nested.source.is_at_end:
            start = nested.source.position
            parts.append(nested.read_word())
            if nested.source.position == start:  # a space, or another character that ends a word
                parts.append(nested.source.text[start])
                nested.source.position += 1
        return "".join(parts)

    def expand_quoted_text(self, text: str, command: Command) -> str:
        """Expand a text as between double quotes; ``command`` gets the commands that the shell runs for it."""
        nested = self._make_nested_reader(text, command)
        return nested._read_quoted_text("") if nested is not None else ""

    def _make_nested_reader(self, text: str, command: Command) -> WordReader | None:
        """Make a reader for a text within an expansion, which records its substitutions with ``command``.

        Returns:
            The reader; ``None`` if the text nests too deep. It is then recorded as a substitution as a whole, so that
            the analysis of that text reaches its own bound.
        """
        if self._depth >= _MAX_EXPANSION_DEPTH:
            command.substitutions.append(text)
            return None
        nested_command = Command(1, substitutions=command.substitutions)
        source = ShellText(text, self.source.is_posix)
        nested = WordReader(source, self.variables, nested_command, depth=self._depth + 1)
        nested.derived_variables = self.derived_variables
        return nested
