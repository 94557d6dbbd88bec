"""Split shell text into simple commands: words without quotes, pipes, redirections and here-documents.

The lexer expands only variables that the same text sets to a constant. It never fails: hostile and broken scripts
yield the commands that a shell would most likely see. Each character is read a bounded number of times.
Source: POSIX.1-2024, chapter 2, "Shell Command Language"; ``$'…'`` and ``<(…)`` of bash.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.languages.shell.brackets import (
    find_arithmetic_end,
    find_closing_ansi_quote,
    find_closing_backtick,
    find_closing_brace,
    find_closing_bracket,
    find_closing_parenthesis,
)
from modelaudit.languages.shell.command import OUTPUT_MARK, UNKNOWN_VALUE, Command
from modelaudit.languages.shell.escapes import decode_ansi_text
from modelaudit.languages.shell.expansions import (
    COMMAND_VARIABLES,
    POSITIONAL_PARAMETERS,
    assign_array,
    assign_positional_parameters,
    cut_value,
    expand_variable,
    resolve_printed_name,
    split_expanded_word,
)
from modelaudit.languages.shell.groups import CLOSING_WORDS, GroupTracker
from modelaudit.wire.deadline import check_deadline

_ENDS_WORD: Final = " \t\n\r;|&<>()"
_PLAIN_CHARACTERS: Final = re.compile(r"[^\s\\'\"`$;|&<>(){}#\[]++")
# ``NAME`` behind a dollar sign, and the inside of ``${NAME}`` or ``${NAME:-default}``.
_VARIABLE: Final = re.compile(r"[A-Za-z_]\w{0,99}")
_VARIABLE_IN_BRACES: Final = re.compile(r"([A-Za-z_]\w{0,99})(?::?[-=](.*))?", re.DOTALL)
# ``name=value``, ``name+=value`` or ``name[index]=value``.
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w{0,99})(?:\[[^\]]{0,200}\])?\+?=(.*)", re.DOTALL)
# Reserved words that stand before or behind a command: ``then curl …`` calls ``curl``.
_RESERVED_WORDS: Final = frozenset(
    {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "esac", "!", "{", "}", "time", "coproc"}
)
# The name of a variable at the beginning of the inside of ``${…}``.
_LOST_NAME: Final = re.compile(r"\A[!#]?(\w{1,100}|@)")
MAX_COMMANDS: Final = 50_000
"""How many commands of a text are parsed; more are an absence, which the analysis of the script reports."""
_MAX_EXPANSION_DEPTH: Final = 8
# Each search for a bracket that is missing can go through the whole text.
_MAX_SEARCHED_LENGTH: Final = 3_000_000
# In ``coproc NAME { commands; }``, the name of the array of its descriptors.
_COPROCESS_NAME: Final = re.compile(r"[ \t]+([A-Za-z_]\w{0,99})[ \t]+(?=[{(])")
_DECLARATION_BUILTINS: Final = frozenset({"declare", "local", "export", "readonly", "typeset"})
_ESCAPE_IN_BACKTICKS: Final = re.compile(r"\\([`$\\])")
_PLAIN_IN_QUOTES: Final = re.compile(r"[^\"\\$`]++")


@dataclass(frozen=True, slots=True)
class _HereDocument:
    """A here-document whose text has not begun.

    Attributes:
        end_mark: the line that ends it.
        strips_tabs: whether tabs at the beginning of its lines are dropped.
        is_literal: whether its mark is quoted, so that the shell expands nothing in it.
        command: the command that reads it.
    """

    end_mark: str
    strips_tabs: bool
    is_literal: bool
    command: Command


class ShellLexer:
    """Splits one text into commands.

    Attributes:
        variables: the constants assigned so far, by name; shared with nested texts.
        commands: the commands finished so far.
        is_cut: whether the text has more commands, or groups with more commands, than are read.
    """

    def __init__(
        self, text: str, variables: dict[str, str] | None = None, in_array: bool = False, is_posix: bool = False
    ) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self.variables = {} if variables is None else variables
        self.commands: list[Command] = []
        self.is_cut = False
        self._groups = GroupTracker(self.commands)
        self._in_array = in_array  # the text is the inside of ``name=(…)``
        self._is_posix = is_posix  # read as a shell such as dash does, without the arithmetic and quotes of bash
        self._depends_on_shell = False  # bash and a POSIX shell end something in different places
        self._searched_length = 0  # of the searches for the end of an expression that found none
        self._gave_up_search = False
        self._lacks_quote = False  # a double quote is never closed
        self._lacks_document_end = False  # a here-document is never ended
        self._position = 0
        self._line = 1
        self._current = Command(1)
        self._open_groups = 0
        self._expansion_depth = 0  # of ``${x:-${y:-z}}``
        self._lacks_brace = False  # a ``${`` is never closed
        self._waiting_documents: list[_HereDocument] = []  # they begin on the next line

    def split_commands(self) -> list[Command]:
        """Return all commands in the order of the text, including those in groups and loop bodies.

        If a POSIX shell such as dash would split the text in other places than bash does, the commands that it would
        run follow: which shell runs the script is not known.
        """
        while self._position < len(self.text) and len(self.commands) < MAX_COMMANDS:
            check_deadline()
            self._read_token()
        self._finish_command(False)
        self.is_cut = self._position < len(self.text) or self._groups.is_cut or self._gave_up_search
        if self._depends_on_shell and not self._is_posix:
            posix_lexer = ShellLexer(self.text, self.variables, self._in_array, is_posix=True)
            self.commands += _drop_common_ends(posix_lexer.split_commands(), self.commands)
            self.is_cut = self.is_cut or posix_lexer.is_cut
        return self.commands

    def _read_token(self) -> None:
        """Read one separator, redirection, comment or word, and move behind it."""
        character = self.text[self._position]
        two_characters = self.text[self._position : self._position + 2]
        if character == "\n":
            self._finish_command(False)
            self._position += 1
            self._line += 1
            self._read_here_documents()  # POSIX 2.7.4: their text begins on the line behind the operator
        elif character in " \t\r":
            self._position += 1
        elif two_characters == "\\\n":
            self._position += 2
            self._line += 1
        elif character == "#":
            end = self.text.find("\n", self._position)
            self._position = len(self.text) if end < 0 else end
        # Redirections come before separators: the ``&`` of ``&>`` ends no command.
        elif two_characters in ("&>", ">&", "<<", ">>", "<(", ">(") or character in "<>":
            self._read_redirection(two_characters)
        elif two_characters in ("||", "&&", ";;"):
            self._finish_command(False)
            self._position += 2
        elif character in "()":
            self._read_parenthesis(character == "(")
        elif character in ";&":
            self._finish_command(False)
            self._position += 1
        elif character == "|":
            self._position += 2 if two_characters == "|&" else 1
            self._finish_command(True)
        else:
            self._add_word()

    def _skip_arithmetic(self) -> bool:
        """Move behind ``((arithmetic))`` of bash; return whether it is one. Its ``<<`` begins no here-document."""
        end = None if self._is_posix else self._find_end(find_arithmetic_end, self._position + 2)
        if end is None:
            return False
        # A POSIX shell takes the two parentheses for groups, except behind ``for``, where it reports an error.
        self._depends_on_shell = self._depends_on_shell or self._current.words[:1] != ["for"]
        self._skip_expression(self._position + 2, end, 2)
        return True

    def _find_end(self, find_end: Callable[[str, int], int | None], start: int) -> int | None:
        """Return the index that ``find_end`` gives for ``start``; ``None`` once searches in vain have cost too much."""
        if self._searched_length > _MAX_SEARCHED_LENGTH:
            self._gave_up_search = True
            return None
        end = find_end(self.text, start)
        if end is None:
            self._searched_length += len(self.text) - start
        return end

    def _skip_expression(self, start: int, end: int, closing_length: int) -> str:
        """Return the expression between two indices, record the commands in it and move behind its closing mark."""
        expression = self.text[start:end]
        self._line += expression.count("\n")
        self._position = end + closing_length
        self._expand_quoted_text(expression, self._current)
        return expression

    def _read_parenthesis(self, opens: bool) -> None:
        """Begin or end a group of commands.

        A closing parenthesis without a group ends a pattern of ``case``. The lexer took the alternatives of the
        pattern, ``a | b)``, for a pipeline, so those commands are removed again.
        """
        if opens and self.text.startswith("((", self._position) and self._skip_arithmetic():
            self._finish_command(False)
            return
        if not opens and not self._open_groups:
            # Of ``case $(command) in pattern)``, the command stays: the shell runs it.
            words = self._current.words[:2] if self._current.words[:1] == ["case"] else []
            self._current = replace(self._current, words=words)
            while self.commands and self.commands[-1].is_piped and len(self.commands[-1].words) == 1:
                self.commands.pop()
            previous = self.commands[-1] if self.commands else None
            if previous is not None and previous.is_piped and previous.words[:1] == ["case"]:
                # Of ``case word in a | b)``, the part without the pattern stays.
                previous.words, previous.is_piped = previous.words[:3], False
        # A group in the place of a command reads what that command would read.
        sources = self._current.sources if not self._current.words else self._groups.sources
        self._finish_command(False)
        if opens:
            self._open_groups += 1
            self._current.sources = sources
            self._begin_group("(")
        elif self._open_groups:
            self._open_groups -= 1
            self._end_group(")")
        self._position += 1

    def _begin_group(self, opening_word: str) -> None:
        """Begin a group, whose commands all read what is piped into it."""
        self._groups.begin_group(opening_word, self._current.sources)
        self._current.sources = self._groups.sources

    def _end_group(self, closing_word: str) -> None:
        """End the group that a word closes, if one is open."""
        self._groups.end_group(closing_word)
        self._current.sources = self._groups.sources

    def _finish_command(self, is_piped: bool) -> None:
        """Append the current command to ``commands``, unless it has no effect, and begin the next one.

        Args:
            is_piped: whether a pipe follows the command.
        """
        current = self._current
        if not current.words:  # in front of a program, ``A=1 program``, an assignment holds for the program alone
            for name, value in current.assignments:
                # The output of a command is unknown, so the variable must stay visible as ``$NAME``.
                if OUTPUT_MARK in value:
                    self.variables.pop(name, None)
                else:
                    self.variables[name] = cut_value(value)
        self._assign_parameters_and_loop_variable(current.words)
        if not current.words:
            self._redirect_group(current)
        # A command without words still counts if it sets a variable that a program executes, or redirects something.
        sets_command_variable = any(name in COMMAND_VARIABLES for name, _ in current.assignments)
        if (
            current.words
            or sets_command_variable
            or current.substitutions
            or current.input_substitutions
            or current.output_files
            or current.input_files
            or "@" in current.lost_variables  # ``"$@"`` runs the arguments of the script, which are unknown
        ):
            current.is_piped = is_piped
            self.commands.append(current)
        self._current = Command(self._line, sources=self._groups.list_next_sources(is_piped))

    def _assign_parameters_and_loop_variable(self, words: list[str]) -> None:
        """Assign the variables that ``set -- words`` or ``for name in word`` sets; an unknown one is removed."""
        if words[:2] == ["set", "--"]:  # ``set -- curl; "$@"`` hides a program in the positional parameters
            for name in POSITIONAL_PARAMETERS:
                self.variables.pop(name, None)
            # The output of a command is unknown, and how many words it has.
            if not any(OUTPUT_MARK in word for word in words):
                self.variables.update(assign_positional_parameters(words[2:]))
        elif words[:1] == ["for"] and words[2:3] == ["in"]:
            loop_variable, values = words[1], words[3:]
            self.variables.pop(loop_variable, None)
            # With several values, the variable is not a constant.
            if len(values) == 1 and OUTPUT_MARK not in values[0]:
                self.variables[loop_variable] = values[0]

    def _redirect_group(self, redirection: Command) -> None:
        """Connect the redirections behind a group, ``done < <(curl …)`` or ``} > >(sh)``, with its commands.

        Args:
            redirection: a command without words, which has the redirections.
        """
        is_input = redirection.input_substitutions or redirection.input_files or redirection.input_text is not None
        if not is_input and not redirection.output_substitutions:
            return
        group = self._groups.list_ended_group()
        if redirection.output_substitutions:
            redirection.sources = [*redirection.sources, *group]
        elif is_input:
            for command in group:
                command.sources = [*command.sources, redirection]

    def _add_word(self) -> None:
        """Read one word and add it to the current command: as an assignment, as words, or not at all."""
        start = self._position
        word = self._read_word()
        if self._position == start:
            self._position += 1  # no progress: skip the character, or the loop would never end
            return
        current = self._current
        is_declaration = bool(current.words) and current.words[0] in _DECLARATION_BUILTINS
        if not current.words or is_declaration:
            current.line = current.line if is_declaration else self._line
            if self._record_assignment(word, is_declaration):
                return
        # ``if``, ``{`` and the like begin a group in the place of a command, and behind ``function name``.
        if (not current.words or current.words[0] == "function") and word in CLOSING_WORDS:
            self._begin_group(word)
        # Reserved words are dropped, so that the first word of ``then curl …`` is the program.
        if not current.words and word in _RESERVED_WORDS:
            self._end_group(word)
            if word == "coproc":
                self._read_coprocess_name()
            return
        is_program = not current.words
        current.words += split_expanded_word(word, self.text[start : self._position], self.variables, is_program)

    def _read_coprocess_name(self) -> None:
        """Record that the output of the command behind ``coproc`` can be read through the array ``COPROC``, or NAME."""
        match = _COPROCESS_NAME.match(self.text, self._position)
        if match is not None:
            self._position = match.end()
        self._current.assignments.append((match[1] if match is not None else "COPROC", OUTPUT_MARK))

    def _record_assignment(self, word: str, is_declaration: bool) -> bool:
        """Record ``name=value`` or ``name=(values)``; return whether the word is an assignment.

        Args:
            word: expanded and without quotes.
            is_declaration: whether the word follows a builtin such as ``export``.
        """
        assignment = _ASSIGNMENT.fullmatch(word)
        if assignment is None:
            return False
        name, value = assignment[1], assignment[2]
        # ``a=(b c)``: the nested lexer reads no arrays in turn, or ``a=(a=(a=(…`` would recurse at every level.
        if not value and self.text.startswith("(", self._position):
            self._position += 1
            array_lexer = ShellLexer(self._read_to_closing_parenthesis(), {}, in_array=True, is_posix=self._is_posix)
            commands = [] if self._in_array else array_lexer.split_commands()
            self._current.substitutions += [text for command in commands for text in command.substitutions]
            items = [each for command in commands for each in command.words]
            self.variables.update(assign_array(name, items))
            value = items[0] if items else ""  # the name alone is the first item
        # ``name+=value`` appends to the value before.
        value_before = self.variables.get(name, "") if "+=" in word[: len(name) + 2] else ""
        self._current.assignments.append((name, value_before + value))
        if is_declaration:
            self._current.words.append(word)
            if OUTPUT_MARK in value:  # unknown, so that the variable must stay visible as ``$NAME``
                self.variables.pop(name, None)
            else:
                self.variables[name] = cut_value(self.variables.get(name + "[@]", value))
        return True

    def _read_word(self) -> str:
        """Read a word up to a separator; return it expanded and without quotes."""
        parts: list[str] = []
        word_start = self._position
        while self._position < len(self.text):
            character = self.text[self._position]
            plain_characters = _PLAIN_CHARACTERS.match(self.text, self._position)
            if plain_characters is not None:
                parts.append(plain_characters[0])
                self._position = plain_characters.end()
            elif character == "(" and parts and parts[-1][-1:] in ("?", "*", "+", "@"):
                self._position += 1  # a pattern of bash: +([0-9])
                parts.append(f"({self._read_to_closing_parenthesis()})")
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
            return self._read_bracket(self.text[word_start : self._position])
        if character == "\\":
            return self._read_escape()
        if character == "'":
            return self._read_single_quotes()
        if character == '"':
            return self._read_double_quotes()
        if character == "`":
            return self._substitute_output(self._read_backticks())
        if character == "$":
            return self._read_dollar()
        self._position += 1
        return character

    def _read_escape(self) -> str:
        """Return the character behind a backslash; nothing for a line break, which the backslash removes."""
        following = self.text[self._position + 1 : self._position + 2]
        self._position += 2
        if following == "\n":
            self._line += 1
            return ""
        return following

    def _read_bracket(self, name: str) -> str:
        """Return the bracket here; with its subscript, if ``name`` before it can be an array to assign to.

        bash reads ``name[…`` in the place of a command up to the closing bracket, whatever characters stand between.
        """
        is_item = self._in_array and not name
        words = self._current.words
        can_assign = not words or words[0] in _DECLARATION_BUILTINS
        start = self._position + 1
        self._position = start
        if self._is_posix or not (is_item or (can_assign and _VARIABLE.fullmatch(name))):
            return "["
        end = self._find_end(find_closing_bracket, start)
        if end is None or not any(character in _ENDS_WORD + "'\"\\#" for character in self.text[start:end]):
            return "["
        self._depends_on_shell = True
        return f"[{self._skip_expression(start, end, 1)}]"

    def _read_single_quotes(self) -> str:
        """Return the text between single quotes, and move behind it; nothing for a quote that is never closed."""
        start = self._position + 1
        end = self.text.find("'", start)
        if end < 0:
            self._position = start  # what follows is read like any other text, so that nothing is hidden by it
            return ""
        self._line += self.text.count("\n", start, end)
        self._position = end + 1
        return self.text[start:end]

    def _read_backticks(self) -> str:
        """Return the commands between backticks, and move behind them; a backslash before a backtick is dropped."""
        start = self._position + 1
        end = find_closing_backtick(self.text, self._position)
        self._line += self.text.count("\n", start, end)
        self._position = end + 1
        return _ESCAPE_IN_BACKTICKS.sub(r"\1", self.text[start:end])

    def _read_double_quotes(self) -> str:
        """Return the expanded text between double quotes, and move behind it."""
        self._position += 1
        start, line = self._position, self._line
        expanded = self._read_quoted_text('"')
        if self._position >= len(self.text) and not self._lacks_quote:
            # The quote is never closed: what follows is read like any other text, so that nothing is hidden by it.
            self._lacks_quote = True
            self._position, self._line = start, line
            return ""
        self._position += 1
        return expanded

    def _read_quoted_text(self, end_mark: str) -> str:
        """Return the text up to ``end_mark``, or all of it for an empty one, expanded as between double quotes."""
        parts: list[str] = []
        while self._position < len(self.text):
            character = self.text[self._position]
            if character == end_mark:
                break
            if character == "\\":
                following = self.text[self._position + 1 : self._position + 2]
                if following == "\n":
                    self._line += 1  # the backslash removes the line break
                else:
                    # Before any other character, a backslash between quotes is itself a character.
                    parts.append(following if following in '"\\$`' else "\\" + following)
                self._position += 2
            elif character == "$":
                parts.append(self._read_dollar(in_quotes=True))
            elif character == "`":
                parts.append(self._substitute_output(self._read_backticks()))
            else:
                match = _PLAIN_IN_QUOTES.match(self.text, self._position)
                end = match.end() if match is not None else self._position + 1
                parts.append(self.text[self._position : end])
                self._line += parts[-1].count("\n")
                self._position = end
        return "".join(parts)

    def _substitute_output(self, inner: str) -> str:
        """Return the program name that ``$(inner)`` prints, or record the substitution and return a mark for it."""
        if not inner.strip():
            return ""
        name = resolve_printed_name(inner)
        if name is None:
            self._current.substitutions.append(inner)
        return OUTPUT_MARK if name is None else name

    def _read_dollar(self, in_quotes: bool = False) -> str:
        """Return the value of an expansion that begins with a dollar sign; ``$NAME`` if it is unknown.

        Args:
            in_quotes: whether it is between double quotes.
        """
        following = self.text[self._position + 1 : self._position + 2]
        if following == "(":
            self._position += 2
            # ``$((…))`` is arithmetic. It is not computed, but the shell runs the commands in it.
            is_arithmetic = self.text.startswith("(", self._position)
            end = self._find_end(find_arithmetic_end, self._position + 1) if is_arithmetic else None
            if end is not None:
                self._skip_expression(self._position + 1, end, 2)
                return "0"
            return self._substitute_output(self._read_to_closing_parenthesis())
        if following == "[" and not self._is_posix:  # ``$[…]``, the arithmetic of bash before ``$((…))``
            end = self._find_end(find_closing_bracket, self._position + 2)
            if end is not None:
                self._depends_on_shell = True
                self._skip_expression(self._position + 2, end, 1)
                return "0"
        if following in ("'", '"'):
            return self._read_dollar_quote(following, in_quotes)
        if following == "{":
            return self._read_braces(in_quotes)
        match = _VARIABLE.match(self.text, self._position + 1)
        if match is not None:
            self._position = match.end()
            return self._look_up_variable(match[0], f"${match[0]}")
        self._position += 2
        if following in ("@", "*"):
            if "@" not in self.variables:
                self._current.lost_variables.append("@")
            return self.variables.get("@", "")
        return self.variables.get(following, "$" + following)  # ``$1``, ``$?`` and the like

    def _read_dollar_quote(self, quote: str, in_quotes: bool) -> str:
        """Return the text of ``$'text'`` or ``$"text"``; between double quotes, the dollar sign is a character."""
        self._position += 1
        if in_quotes:
            return "$"
        if quote == '"':
            return self._read_double_quotes()
        start = self._position + 1
        end = find_closing_ansi_quote(self.text, self._position)
        if self._is_posix or end >= len(self.text):
            return "$" + self._read_single_quotes()
        text = self.text[start:end]
        self._depends_on_shell = self._depends_on_shell or "\\'" in text
        self._position = end + 1
        self._line += text.count("\n")
        return decode_ansi_text(text)

    def _look_up_variable(self, name: str, default: str) -> str:
        """Return the value of a variable, or ``default`` if it is not known."""
        # ``IFS`` is a space unless a script sets it: attackers write ``curl${IFS}-s``.
        return self.variables.get(name, " " if name == "IFS" else default)

    def _read_braces(self, in_quotes: bool) -> str:
        """Return the value of ``${x}``, ``${x:-default}``, ``${x:0:1}`` and the like, and move behind the brace."""
        start = self._position + 2
        # Each search for a brace that is missing goes through the whole text, so that there is only one.
        end = None if self._lacks_brace else find_closing_brace(self.text, start, in_quotes)
        if end is None:
            self._lacks_brace = True
            self._position = start  # what follows is read like any other text, so that nothing is hidden by it
            return "${"
        inner = self.text[start:end]
        self._line += inner.count("\n")
        self._position = end + 1
        variable = _VARIABLE_IN_BRACES.fullmatch(inner)
        if variable is not None:
            name, default = variable.groups()  # without a default, ``None``
            if default:
                default = self._expand_operand(default, in_quotes)
            return self._look_up_variable(name, f"${name}" if default is None else default)
        if "$(" in inner or "`" in inner:
            self._expand_operand(inner, in_quotes)  # for its commands: the shell runs them, whatever the operation
        value = expand_variable(inner, self.variables)
        if value is None:
            self._current.lost_variables += _LOST_NAME.findall(inner)[:1]
        return UNKNOWN_VALUE if value is None else value

    def _expand_operand(self, text: str, in_quotes: bool) -> str:
        """Expand the operand of ``${x:-operand}``, which can have quotes and commands of its own."""
        if in_quotes:
            return self._expand_quoted_text(text, self._current)
        nested = self._make_nested_lexer(text, self._current)
        parts: list[str] = []
        while nested is not None and nested._position < len(nested.text):
            start = nested._position
            parts.append(nested._read_word())
            if nested._position == start:  # a space, or another character that ends a word
                parts.append(nested.text[start])
                nested._position += 1
        return "".join(parts)

    def _expand_quoted_text(self, text: str, command: Command) -> str:
        """Expand a text as between double quotes; ``command`` gets the commands that the shell runs for it."""
        nested = self._make_nested_lexer(text, command)
        return nested._read_quoted_text("") if nested is not None else ""

    def _make_nested_lexer(self, text: str, command: Command) -> ShellLexer | None:
        """Make a lexer for a text within an expansion, which records its substitutions with ``command``.

        Returns:
            The lexer; ``None`` if the text nests too deep. It is then recorded as a substitution as a whole, so that
            the analysis of that text reaches its own bound.
        """
        if self._expansion_depth >= _MAX_EXPANSION_DEPTH:
            command.substitutions.append(text)
            return None
        nested = ShellLexer(text, self.variables, is_posix=self._is_posix)
        nested._current.substitutions = command.substitutions
        nested._expansion_depth = self._expansion_depth + 1
        return nested

    def _read_to_closing_parenthesis(self) -> str:
        """Return the text up to the closing parenthesis and move behind it; quoted parentheses do not count."""
        end = find_closing_parenthesis(self.text, self._position)
        inner = self.text[self._position : end]
        self._line += inner.count("\n")
        self._position = end + 1
        return inner

    def _read_redirection(self, operator: str) -> None:
        """Record a redirection, process substitution or here-document of the current command.

        Args:
            operator: the next two characters of the text.
        """
        if self.text.startswith("<<<", self._position):
            self._position += 3
            self._current.input_text = self._read_redirection_target()
        elif operator == "<<":
            self._position += 2
            strips_tabs = self.text.startswith("-", self._position)
            self._position += strips_tabs
            mark_start = self._position
            end_mark = self._read_redirection_target()
            is_literal = any(quote in self.text[mark_start : self._position] for quote in "'\"\\")
            self._waiting_documents.append(_HereDocument(end_mark, strips_tabs, is_literal, self._current))
        elif operator in ("<(", ">("):
            self._position += 2
            inner = self._read_to_closing_parenthesis()
            if operator == ">(":
                self._current.output_substitutions.append(inner)
            (self._current.input_substitutions if operator == "<(" else self._current.substitutions).append(inner)
        else:
            is_input = self.text[self._position] == "<"
            self._position += 2 if operator in (">>", "&>", ">&", "<>", ">|", "<&") else 1
            # ``2>file``: the digit before the operator is a file descriptor and no word of the command.
            if self._current.words and self._current.words[-1].isdecimal():
                self._current.descriptor = self._current.words.pop()
            # ``< <(command)``, ``> >(command)``: the substitution behind the operator is read as the next token.
            has_space = self.text.startswith(" ", self._position)
            if self.text.startswith(("<(", ">("), self._position + has_space):
                return
            target = self._read_redirection_target()
            (self._current.input_files if is_input else self._current.output_files).append(target)

    def _read_redirection_target(self) -> str:
        """Skip spaces, and return the word behind a redirection operator."""
        while self.text[self._position : self._position + 1] in (" ", "\t"):
            self._position += 1
        return self._read_word()

    def _read_here_documents(self) -> None:
        """Read the lines of each waiting here-document up to its end mark, as the input text of its command."""
        for document in self._waiting_documents:
            lines: list[str] = []
            start, first_line, is_ended = self._position, self._line, False
            while self._position < len(self.text):
                end = self.text.find("\n", self._position)
                end = len(self.text) if end < 0 else end
                line = self.text[self._position : end]
                self._position = end + 1
                self._line += 1
                is_ended = (line.lstrip("\t") if document.strips_tabs else line) == document.end_mark
                if is_ended:
                    break
                lines.append(line)
            text = "\n".join(lines)
            document.command.input_text = text
            if not document.is_literal and ("$" in text or "`" in text):
                self._expand_quoted_text(text, document.command)
            if not is_ended and not self._lacks_document_end:
                # Its text is read as commands as well, so that nothing is hidden by a mark that never comes.
                self._lacks_document_end = True
                self._position, self._line = start, first_line
        self._waiting_documents = []


def _drop_common_ends(commands: list[Command], others: list[Command]) -> list[Command]:
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


def parse_commands(text: str, variables: dict[str, str] | None = None) -> list[Command]:
    """Return the commands of a shell script.

    Args:
        text: the script.
        variables: known constants by name; assignments of the text are added to it.
    """
    return ShellLexer(text, variables).split_commands()
