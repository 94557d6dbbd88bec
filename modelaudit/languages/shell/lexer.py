"""Split shell text into simple commands: words without quotes, pipes, redirections and here-documents.

The lexer expands only variables that the same text sets to a constant. It never fails: hostile and broken scripts
yield the commands that a shell would most likely see. Each character is read a bounded number of times.
Source: POSIX.1-2024, chapter 2, "Shell Command Language"; arrays, ``((…))`` and ``coproc`` of bash.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.shell.brackets import find_arithmetic_end
from modelaudit.languages.shell.command import DECLARATION_BUILTINS, OUTPUT_MARK, Command
from modelaudit.languages.shell.expansions import (
    COMMAND_VARIABLES,
    POSITIONAL_PARAMETERS,
    assign_array,
    assign_positional_parameters,
    cut_value,
    has_evaluated_command,
    split_expanded_word,
)
from modelaudit.languages.shell.groups import CLOSING_WORDS, GroupTracker
from modelaudit.languages.shell.redirections import HereDocument, read_here_document, read_redirection
from modelaudit.languages.shell.shell_text import ShellText
from modelaudit.languages.shell.word_reader import WordReader
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import check_deadline

# ``name=value``, ``name+=value`` or ``name[index]=value``.
_ASSIGNMENT: Final = defer_pattern(r"([A-Za-z_]\w{0,99})(?:\[[^\]]{0,200}\])?\+?=(.*)", re.DOTALL)
_BLANKS: Final = defer_pattern(r"[ \t\r]++")
# Characters that end a word or begin an operator, a comment or an escape.
_SEPARATING_CHARACTERS: Final = frozenset("\n\\#&<>|;()")
_TOKENS_PER_CHECK: Final = 16  # of the deadline
# Reserved words that stand before or behind a command: ``then curl …`` calls ``curl``.
_RESERVED_WORDS: Final = frozenset(
    {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "esac", "!", "{", "}", "time", "coproc"}
)
MAX_COMMANDS: Final = 50_000
"""How many commands of a text are parsed; more are an absence, which the analysis of the script reports."""
# In ``coproc NAME { commands; }``, the name of the array of its descriptors.
_COPROCESS_NAME: Final = defer_pattern(r"[ \t]+([A-Za-z_]\w{0,99})[ \t]+(?=[{(])")


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
        self.variables = {} if variables is None else variables
        self.commands: list[Command] = []
        self.is_cut = False
        self._in_array = in_array  # the text is the inside of ``name=(…)``
        self._source = ShellText(text, is_posix)
        self._reader = WordReader(self._source, self.variables, Command(1), in_array)
        self.derived_variables = self._reader.derived_variables
        """By the name of a variable, the names of the unknown variables in its values."""
        self._groups = GroupTracker(self.commands)
        self._open_parentheses = 0
        self._waiting_documents: list[HereDocument] = []  # they begin on the next line
        self._lacks_document_end = False  # a here-document is never ended

    @property
    def _current(self) -> Command:
        """The command that is read now."""
        return self._reader.command

    def split_commands(self) -> list[Command]:
        """Return all commands in the order of the text, including those in groups and loop bodies.

        If a POSIX shell such as dash would split the text in other places than bash does, the commands that it would
        run follow: which shell runs the script is not known.
        """
        source = self._source
        length = len(source.text)
        tokens_until_check = 0
        while source.position < length and len(self.commands) < MAX_COMMANDS:
            if not tokens_until_check:
                check_deadline()
                tokens_until_check = _TOKENS_PER_CHECK
            tokens_until_check -= 1
            self._read_token()
        self._finish_command(False)
        self.is_cut = not source.is_at_end or self._groups.is_cut or source.gave_up_search
        if source.depends_on_shell and not source.is_posix:
            posix_lexer = ShellLexer(source.text, self.variables, self._in_array, is_posix=True)
            self.commands += _drop_common_ends(posix_lexer.split_commands(), self.commands)
            self.is_cut = self.is_cut or posix_lexer.is_cut
        return self.commands

    def _read_token(self) -> None:
        """Read one separator, redirection, comment or word, and move behind it."""
        source = self._source
        blanks = _BLANKS.match(source.text, source.position)
        if blanks is not None:
            source.position = blanks.end()
            return
        character = source.text[source.position]
        if character in _SEPARATING_CHARACTERS:
            self._read_separator(character)
        else:
            self._add_word()

    def _read_separator(self, character: str) -> None:
        """Read a separator, redirection or comment, or a word that an escape begins; ``character`` is the first one."""
        source = self._source
        two_characters = source.text[source.position : source.position + 2]
        if character == "\n":
            self._finish_command(False)
            source.position += 1
            source.line += 1
            self._read_here_documents()  # POSIX 2.7.4: their text begins on the line behind the operator
        elif two_characters == "\\\n":
            source.read_escape()
        elif character == "#":
            end = source.text.find("\n", source.position)
            source.position = len(source.text) if end < 0 else end
        # Redirections come before separators: the ``&`` of ``&>`` ends no command.
        elif two_characters in ("&>", ">&", "<<", ">>", "<(", ">(") or character in "<>":
            document = read_redirection(self._reader)
            self._waiting_documents += [document] if document is not None else []
        elif two_characters in ("||", "&&", ";;"):
            self._finish_command(False)
            source.position += 2
        elif character in "()":
            self._read_parenthesis(character == "(")
        elif character in ";&":
            self._finish_command(False)
            source.position += 1
        elif character == "|":
            source.position += 2 if two_characters == "|&" else 1
            self._finish_command(True)
        else:
            self._add_word()

    def _skip_arithmetic(self) -> bool:
        """Move behind ``((arithmetic))`` of bash; return whether it is one. Its ``<<`` begins no here-document."""
        source = self._source
        start = source.position + 2
        end = None if source.is_posix else source.find_end(find_arithmetic_end, start)
        if end is None:
            return False
        # A POSIX shell takes the two parentheses for groups, except behind ``for``, where it reports an error.
        source.depends_on_shell = source.depends_on_shell or self._current.words[:1] != ["for"]
        self._reader.skip_expression(start, end, 2)
        return True

    def _read_parenthesis(self, opens: bool) -> None:
        """Begin or end a group of commands.

        A closing parenthesis without a group ends a pattern of ``case``. The lexer took the alternatives of the
        pattern, ``a | b)``, for a pipeline, so those commands are removed again.
        """
        if opens and self._source.starts_with("((") and self._skip_arithmetic():
            self._finish_command(False)
            return
        if not opens and not self._open_parentheses:
            # Of ``case $(command) in pattern)``, the command stays: the shell runs it.
            words = self._current.words[:2] if self._current.words[:1] == ["case"] else []
            self._reader.command = replace(self._current, words=words)
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
            self._open_parentheses += 1
            self._current.sources = sources
            self._begin_group("(")
        elif self._open_parentheses:
            self._open_parentheses -= 1
            self._end_group(")")
        self._source.position += 1

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
        if current.lost_variables:
            # All variables share one list of names: the copies of n of them would take the square of n.
            for name in {name for name, _ in current.assignments}:
                self.derived_variables.setdefault(name, []).append(current.lost_variables)
        if not current.words:  # in front of a program, ``A=1 program``, an assignment holds for the program alone
            for name, value in current.assignments:
                # The output of a command is unknown, so the variable must stay visible as ``$NAME``.
                if OUTPUT_MARK in value:
                    self.variables.pop(name, None)
                else:
                    self.variables[name] = cut_value(value)
        self._assign_parameters_and_loop_variable(current.words)
        if not current.words:
            self._groups.redirect_ended_group(current)
        # A command without words still counts if it sets a variable that a program executes, or redirects something.
        sets_command_variable = any(
            name in COMMAND_VARIABLES or has_evaluated_command(value, name) for name, value in current.assignments
        )
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
        self._reader.command = Command(self._source.line, sources=self._groups.list_next_sources(is_piped))

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

    def _add_word(self) -> None:
        """Read one word and add it to the current command: as an assignment, as words, or not at all."""
        source = self._source
        start = source.position
        word = self._reader.read_word()
        if source.position == start:
            source.position += 1  # no progress: skip the character, or the loop would never end
            return
        current = self._current
        is_declaration = bool(current.words) and current.words[0] in DECLARATION_BUILTINS
        if not current.words or is_declaration:
            current.line = current.line if is_declaration else source.line
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
        spelling = source.text[start : source.position]
        current.words += split_expanded_word(word, spelling, self.variables, is_program=not current.words)

    def _read_coprocess_name(self) -> None:
        """Record that the output of the command behind ``coproc`` can be read through the array ``COPROC``, or NAME."""
        match = _COPROCESS_NAME.match(self._source.text, self._source.position)
        if match is not None:
            self._source.position = match.end()
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
        if not value and self._source.starts_with("("):
            self._source.position += 1
            inner = self._source.read_to_closing_parenthesis()
            array_lexer = ShellLexer(inner, {}, in_array=True, is_posix=self._source.is_posix)
            commands = [] if self._in_array else array_lexer.split_commands()
            self._current.substitutions += [text for command in commands for text in command.substitutions]
            items = [each for command in commands for each in command.words]
            if "+=" in word:
                items = [*self.variables.get(name + "[@]", "").split(), *items]
            self.variables.update(assign_array(name, items))
            value = items[0] if items else ""  # the name alone is the first item
        # ``name+=value`` appends to the value before.
        value_before = self.variables.get(name, "") if "+=" in word[: len(name) + 2] else ""
        self._current.assignments.append((name, value_before + value))
        if is_declaration:
            if "-n" in self._current.words:  # the name of another variable
                self.derived_variables.setdefault(name, []).append([value])
            self._current.words.append(word)
            if OUTPUT_MARK in value:  # unknown, so that the variable must stay visible as ``$NAME``
                self.variables.pop(name, None)
            else:
                self.variables[name] = cut_value(self.variables.get(name + "[@]", value))
        return True

    def _read_here_documents(self) -> None:
        """Read each waiting here-document as the input text of its command, and record the commands in it."""
        source = self._source
        for document in self._waiting_documents:
            start, first_line = source.position, source.line
            is_ended = read_here_document(source, document)
            text = document.command.input_text or ""
            if not document.is_literal and ("$" in text or "`" in text):
                self._reader.expand_quoted_text(text, document.command)
            if not is_ended and not self._lacks_document_end:
                # Its text is read as commands as well, so that nothing is hidden by a mark that never comes.
                self._lacks_document_end = True
                source.position, source.line = start, first_line
        self._waiting_documents = []


def parse_commands(text: str, variables: dict[str, str] | None = None) -> list[Command]:
    """Return the commands of a shell script.

    Args:
        text: the script.
        variables: known constants by name; assignments of the text are added to it.
    """
    return ShellLexer(text, variables).split_commands()


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
