"""Split shell text into simple commands: words without quotes, pipes, redirections and here-documents.

The lexer expands only variables that the same text sets to a constant. It never fails: hostile and broken scripts
yield the commands that a shell would most likely see. Each character is read a bounded number of times.
Source: POSIX.1-2024, chapter 2, "Shell Command Language"; ``$'…'`` and ``<(…)`` of bash.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.shell.command import OUTPUT_MARK, Command
from modelaudit.languages.shell.escapes import decode_ansi_text
from modelaudit.languages.shell.expansions import (
    COMMAND_VARIABLES,
    assign_array,
    expand_braces,
    expand_variable,
    resolve_printed_name,
)
from modelaudit.wire.deadline import check_deadline

_ENDS_WORD: Final = " \t\n\r;|&<>()"
_PLAIN_CHARACTERS: Final = re.compile(r"[^\s\\'\"`$;|&<>(){}#]++")
_VARIABLE: Final = re.compile(r"\{([A-Za-z_]\w{0,99})(?::?[-=]([^}]{0,500}))?\}|([A-Za-z_]\w{0,99})")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w{0,99})(?:\[[^\]]{0,200}\])?\+?=(.*)", re.DOTALL)
_RESERVED_WORDS: Final = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "coproc"})
_MAX_VALUE_LENGTH: Final = 4096
_MAX_COMMANDS: Final = 50_000
_DECLARATION_BUILTINS: Final = frozenset({"declare", "local", "export", "readonly", "typeset"})
_PLAIN_IN_QUOTES: Final = re.compile(r"[^\"\\$`]++")


class ShellLexer:
    """Splits one text into commands.

    Attributes:
        variables: the constants assigned so far, by name; shared with nested texts.
        commands: the commands finished so far.
    """

    def __init__(self, text: str, variables: dict[str, str] | None = None, in_array: bool = False) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self.variables = {} if variables is None else variables
        self.commands: list[Command] = []
        self._in_array = in_array
        self._at = 0
        self._line = 1
        self._current = Command(1)
        self._groups = 0
        self._waiting: list[tuple[str, bool, Command]] = []

    def split_commands(self) -> list[Command]:
        """Return all commands in the order of the text, including those in groups and loop bodies."""
        while self._at < len(self.text) and len(self.commands) < _MAX_COMMANDS:
            check_deadline()
            self._read_token()
        self._finish_command(False)
        return self.commands

    def _read_token(self) -> None:
        character = self.text[self._at]
        two = self.text[self._at : self._at + 2]
        if character == "\n":
            self._finish_command(False)
            self._at += 1
            self._line += 1
            self._read_here_documents()  # POSIX 2.7.4: their text begins on the line behind the operator
        elif character in " \t\r":
            self._at += 1
        elif two == "\\\n":
            self._at += 2
            self._line += 1
        elif character == "#":
            end = self.text.find("\n", self._at)
            self._at = len(self.text) if end < 0 else end
        # Redirections come before separators: the ``&`` of ``&>`` ends no command.
        elif two in ("&>", ">&", "<<", ">>", "<(", ">(") or character in "<>":
            self._read_redirection(two)
        elif two in ("||", "&&", ";;"):
            self._finish_command(False)
            self._at += 2
        elif character in "()":
            self._read_parenthesis(character == "(")
        elif character in ";&":
            self._finish_command(False)
            self._at += 1
        elif character == "|":
            self._at += 2 if two == "|&" else 1
            self._finish_command(True)
        else:
            self._add_word()

    def _read_parenthesis(self, opens: bool) -> None:
        """Begin or end a group of commands.

        A closing parenthesis without a group ends a pattern of ``case``. The lexer took the alternatives of the
        pattern, ``a | b)``, for a pipeline, so those commands are removed again.
        """
        if not opens and not self._groups:
            self._current = Command(self._line)
            while self.commands and self.commands[-1].is_piped and len(self.commands[-1].words) == 1:
                self.commands.pop()
            before = self.commands[-1] if self.commands else None
            if before is not None and before.is_piped and before.words[:1] == ["case"]:
                before.words, before.is_piped = before.words[:3], False
        self._finish_command(False)
        self._groups += 1 if opens else -(self._groups > 0)
        self._at += 1

    def _finish_command(self, piped: bool) -> None:
        current = self._current
        for name, value in current.assignments if not current.words else ():
            # The output of a command is unknown, so the variable must stay visible as ``$NAME``.
            if OUTPUT_MARK in value:
                self.variables.pop(name, None)
            else:
                self.variables[name] = value[:_MAX_VALUE_LENGTH]
        # ``set -- curl; "$@"`` hides a program in the positional parameters.
        if current.words[:2] == ["set", "--"]:
            self.variables["@"] = " ".join(current.words[2:])[:_MAX_VALUE_LENGTH]
        # A command without words still counts if it sets a variable that a program executes, or redirects something.
        runs_later = any(name in COMMAND_VARIABLES for name, _ in current.assignments)
        if (
            current.words
            or runs_later
            or current.substitutions
            or current.input_substitutions
            or current.output_files
            or current.input_files
        ):
            current.is_piped = piped
            self.commands.append(current)
        self._current = Command(self._line)

    def _add_word(self) -> None:
        at = self._at
        word = self._read_word()
        if self._at == at:
            self._at += 1  # no progress: skip the character, or the loop would never end
            return
        current = self._current
        declares = bool(current.words) and current.words[0] in _DECLARATION_BUILTINS
        if not current.words or declares:
            current.line = current.line if declares else self._line
            if self._record_assignment(word, declares):
                return
        # Reserved words are dropped, so that the first word of ``then curl …`` is the program.
        if not current.words and (word in _RESERVED_WORDS or word in ("fi", "done", "}", "esac")):
            return
        current.words += self._split_word(word, self.text[at : self._at])

    def _record_assignment(self, word: str, declares: bool) -> bool:
        """Record ``name=value`` or ``name=(values)``; return whether the word is an assignment."""
        assigned = _ASSIGNMENT.fullmatch(word)
        if assigned is None:
            return False
        name, value = assigned[1], assigned[2]
        # ``a=(b c)``: the nested lexer reads no arrays in turn, or ``a=(a=(a=(…`` would recurse at every level.
        if not value and self.text.startswith("(", self._at):
            self._at += 1
            value = self._read_to_closing_parenthesis()
            inner = (
                ShellLexer(value[:_MAX_VALUE_LENGTH], {}, in_array=True).split_commands() if not self._in_array else ()
            )
            items = [each for command in inner for each in command.words]
            self.variables.update(assign_array(name, items))
        grown = self.variables.get(name, "") if "+=" in word[: len(name) + 2] else ""
        self._current.assignments.append((name, grown + value))
        if declares:
            self._current.words.append(word)
            self.variables[name] = self.variables.get(name + "[@]", value)[:_MAX_VALUE_LENGTH]
        return True

    def _split_word(self, word: str, raw: str) -> list[str]:
        """Split one expanded word: at braces, and at spaces if an unquoted variable gave several words.

        Args:
            word: expanded and without quotes.
            raw: as it is written.
        """
        braces = expand_braces(raw)
        if braces is not None:
            return braces
        if "$" not in raw or (raw[0] in "\"'" and '[@]}"' not in raw and raw != '"$@"'):
            return [word]
        if not word and not self._current.words:
            return []  # an empty expansion in front of the program is no word: ``$empty curl``
        # Scripts set IFS to split an obfuscated word: ``IFS=,; a=curl,-s; $a``.
        separators = self.variables.get("IFS")
        if separators:
            word = re.sub(f"[{re.escape(separators)}]", " ", word)
        return word.split() if " " in word else [word]

    def _read_word(self) -> str:
        parts: list[str] = []
        while self._at < len(self.text):
            character = self.text[self._at]
            plain = _PLAIN_CHARACTERS.match(self.text, self._at)
            if plain is not None:
                parts.append(plain[0])
                self._at = plain.end()
            elif character == "(" and parts and parts[-1][-1:] in ("?", "*", "+", "@"):
                self._at += 1  # a pattern of bash: +([0-9])
                parts.append(f"({self._read_to_closing_parenthesis()})")
            elif character in _ENDS_WORD:
                break
            elif character == "\\":
                parts.append(self._read_escape())
            elif character == "'":
                parts.append(self._read_until_quote("'"))
            elif character == '"':
                parts.append(self._read_double_quotes())
            elif character == "`":
                parts.append(self._read_backticks())
            elif character == "$":
                parts.append(self._read_dollar())
            else:
                parts.append(character)
                self._at += 1
        return "".join(parts)

    def _read_escape(self) -> str:
        following = self.text[self._at + 1 : self._at + 2]
        self._at += 2
        self._line += following == "\n"
        return "" if following == "\n" else following

    def _read_until_quote(self, quote: str) -> str:
        """Return the text between the quote here and the next one; move behind that one."""
        end = self.text.find(quote, self._at + 1)
        end = len(self.text) if end < 0 else end
        value = self.text[self._at + 1 : end]
        self._line += value.count("\n")
        self._at = end + 1
        return value

    def _read_double_quotes(self) -> str:
        parts: list[str] = []
        self._at += 1
        while self._at < len(self.text):
            character = self.text[self._at]
            if character == '"':
                self._at += 1
                break
            if character == "\\":
                following = self.text[self._at + 1 : self._at + 2]
                parts.append(following if following in '"\\$`' else "" if following == "\n" else "\\" + following)
                self._line += following == "\n"
                self._at += 2
            elif character == "$":
                parts.append(self._read_dollar())
            elif character == "`":
                parts.append(self._read_backticks())
            else:
                match = _PLAIN_IN_QUOTES.match(self.text, self._at)
                end = match.end() if match is not None else self._at + 1
                parts.append(self.text[self._at : end])
                self._line += parts[-1].count("\n")
                self._at = end
        return "".join(parts)

    def _read_backticks(self) -> str:
        return self._substitute_output(self._read_until_quote("`"))

    def _substitute_output(self, inner: str) -> str:
        """Return the program name that ``inner`` prints, or record the substitution and return a mark for it."""
        if not inner.strip():
            return ""
        name = resolve_printed_name(inner)
        if name is None:
            self._current.substitutions.append(inner)
        return OUTPUT_MARK if name is None else name

    def _read_dollar(self) -> str:
        following = self.text[self._at + 1 : self._at + 2]
        if following == "(":
            self._at += 2
            inner = self._read_to_closing_parenthesis()
            if inner.startswith("("):
                return "0"  # arithmetic ``$((…))`` is not computed
            return self._substitute_output(inner)
        if following == "'":
            self._at += 1
            return decode_ansi_text(self._read_ansi_quotes())
        if following == '"':
            self._at += 1
            return self._read_double_quotes()
        match = _VARIABLE.match(self.text, self._at + 1)
        if match is None:
            return self._read_expansion(following)
        self._at = match.end()
        name = match[1] or match[3]
        if name == "IFS":
            return self.variables.get("IFS", " ")
        return self.variables.get(name, match[2] if match[2] is not None else f"${name}")

    def _read_expansion(self, following: str) -> str:
        """Return the value of an expansion other than a plain name, such as ``${x:0:1}`` or ``$@``."""
        if following == "{":
            end = self.text.find("}", self._at, self._at + _MAX_VALUE_LENGTH)
            inner = self.text[self._at + 2 : end] if end >= 0 else ""
            self._at = len(self.text) if end < 0 else end + 1
            value = expand_variable(inner, self.variables)
            return "${…}" if value is None else value
        self._at += 2
        if following in ("@", "*"):
            return self.variables.get("@", "")
        return "$" + following

    def _read_ansi_quotes(self) -> str:
        start = self._at + 1
        at = start
        while at < len(self.text) and self.text[at] != "'":
            at += 2 if self.text[at] == "\\" else 1
        self._at = at + 1
        return self.text[start:at]

    def _read_to_closing_parenthesis(self) -> str:
        """Return the text up to the closing parenthesis and move behind it; quoted parentheses do not count."""
        start = self._at
        depth = 1
        while self._at < len(self.text):
            character = self.text[self._at]
            if character == "\\":
                self._at += 1
            elif character in "'\"":
                end = self._at + 1
                while end < len(self.text) and self.text[end] != character:
                    end += 2 if character == '"' and self.text[end] == "\\" else 1
                self._at = end
            elif character == "(":
                depth += 1
            elif character == ")":
                depth -= 1
                if not depth:
                    break
            self._at += 1
        inner = self.text[start : self._at]
        self._line += inner.count("\n")
        self._at += 1
        return inner

    def _read_redirection(self, two: str) -> None:
        if self.text.startswith("<<<", self._at):
            self._at += 3
            self._current.input_text = self._read_redirection_target()
        elif two == "<<":
            self._at += 2
            tabs = self.text.startswith("-", self._at)
            self._at += tabs
            self._waiting.append((self._read_redirection_target(), tabs, self._current))
        elif two in ("<(", ">("):
            self._at += 2
            (self._current.input_substitutions if two == "<(" else self._current.substitutions).append(
                self._read_to_closing_parenthesis()
            )
        else:
            is_input = self.text[self._at] == "<"
            self._at += 2 if two in (">>", "&>", ">&", "<>", ">|", "<&") else 1
            if self.text.startswith("<(", self._at + (self.text[self._at : self._at + 1] == " ")):
                return
            target = self._read_redirection_target()
            # ``2>file``: the digit before the operator is a file descriptor and no word of the command.
            if self._current.words and self._current.words[-1].isdecimal():
                self._current.words.pop()
            (self._current.input_files if is_input else self._current.output_files).append(target)

    def _read_redirection_target(self) -> str:
        while self.text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1
        return self._read_word()

    def _read_here_documents(self) -> None:
        for mark, tabs, command in self._waiting:
            lines: list[str] = []
            while self._at < len(self.text):
                end = self.text.find("\n", self._at)
                end = len(self.text) if end < 0 else end
                line = self.text[self._at : end]
                self._at = end + 1
                self._line += 1
                if (line.lstrip("\t") if tabs else line) == mark:
                    break
                lines.append(line)
            command.input_text = "\n".join(lines)
        self._waiting = []


def parse_commands(text: str, variables: dict[str, str] | None = None) -> list[Command]:
    """Return the commands of a shell script.

    Args:
        text: the script.
        variables: known constants by name; assignments of the text are added to it.
    """
    return ShellLexer(text, variables).split_commands()
