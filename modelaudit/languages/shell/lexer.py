"""Command lines as a shell splits them: words without their quotes, pipes, redirections, here-documents.

Nothing is expanded but variables to which the same text gives a constant. Every character is looked at a bounded number
of times. Source: POSIX.1-2024, chapter 2, "Shell Command Language"; ``$'…'`` and ``<(…)`` of bash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.shell.expansions import RUN_LATER, brace_words, expanded, items_of_array, printed_name
from modelaudit.wire.deadline import keep_time

_ENDS_WORD: Final = " \t\n\r;|&<>()"
_SPECIAL: Final = re.compile(r"[^\s\\'\"`$;|&<>(){}#]++")
_VARIABLE: Final = re.compile(r"\{([A-Za-z_]\w{0,99})(?::?[-=]([^}]{0,500}))?\}|([A-Za-z_]\w{0,99})")
_ASSIGNED: Final = re.compile(r"([A-Za-z_]\w{0,99})(?:\[[^\]]{0,200}\])?\+?=(.*)", re.DOTALL)
_ANSI: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_ANSI_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_RESERVED: Final = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "coproc"})
_LONGEST_VALUE: Final = 4096
_MOST_COMMANDS: Final = 50_000
_DECLARES: Final = frozenset({"declare", "local", "export", "readonly", "typeset"})
_IN_QUOTES: Final = re.compile(r"[^\"\\$`]++")
OUTPUT: Final = "$(…)"
"""What stands in a word for the output of a command."""


@dataclass(slots=True)
class Command:
    """One simple command.

    Attributes:
        words: without quotes; what is known of variables is put in, ``$NAME`` stays where it is not known.
        inner: the texts of command substitutions in its words; ``feeds`` those whose output is read as a file.
        reads: the text of a here-document or here-string.
        writes: the files that its output goes to; ``sources`` those that its input comes from.
        assigns: the variables that are set in front of it, or alone.
        piped: whether its output is the input of the next command.
    """

    line: int
    words: list[str] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    feeds: list[str] = field(default_factory=list)
    reads: str | None = None
    writes: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    piped: bool = False
    assigns: list[tuple[str, str]] = field(default_factory=list)


class Lexer:
    """Splits one text. ``variables`` hold the constants that were assigned so far."""

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

    def split(self) -> list[Command]:
        """All commands in the order of the text, those in groups and bodies of loops included."""
        while self._at < len(self.text) and len(self.commands) < _MOST_COMMANDS:
            keep_time()
            self._step()
        self._end(False)
        return self.commands

    def _step(self) -> None:
        character = self.text[self._at]
        two = self.text[self._at : self._at + 2]
        if character == "\n":
            self._end(False)
            self._at += 1
            self._line += 1
            self._here_documents()
        elif character in " \t\r":
            self._at += 1
        elif two == "\\\n":
            self._at += 2
            self._line += 1
        elif character == "#":
            end = self.text.find("\n", self._at)
            self._at = len(self.text) if end < 0 else end
        elif two in ("&>", ">&", "<<", ">>", "<(", ">(") or character in "<>":
            self._redirect(two)
        elif two in ("||", "&&", ";;"):
            self._end(False)
            self._at += 2
        elif character in "()":
            self._parenthesis(character == "(")
        elif character in ";&":
            self._end(False)
            self._at += 1
        elif character == "|":
            self._at += 2 if two == "|&" else 1
            self._end(True)
        else:
            self._word_follows()

    def _parenthesis(self, opens: bool) -> None:
        """A group of commands begins or ends; one that ends nothing stands behind a pattern of ``case``."""
        if not opens and not self._groups:
            self._current = Command(self._line)
            while self.commands and self.commands[-1].piped and len(self.commands[-1].words) == 1:
                self.commands.pop()
            before = self.commands[-1] if self.commands else None
            if before is not None and before.piped and before.words[:1] == ["case"]:
                before.words, before.piped = before.words[:3], False
        self._end(False)
        self._groups += 1 if opens else -(self._groups > 0)
        self._at += 1

    def _end(self, piped: bool) -> None:
        current = self._current
        for name, value in current.assigns if not current.words else ():
            # The output of a command is no constant: its variable stays one by name.
            if OUTPUT in value:
                self.variables.pop(name, None)
            else:
                self.variables[name] = value[:_LONGEST_VALUE]
        if current.words[:2] == ["set", "--"]:
            self.variables["@"] = " ".join(current.words[2:])[:_LONGEST_VALUE]
        runs_later = any(name in RUN_LATER for name, _ in current.assigns)
        if current.words or runs_later or current.inner or current.feeds or current.writes or current.sources:
            current.piped = piped
            self.commands.append(current)
        self._current = Command(self._line)

    def _word_follows(self) -> None:
        at = self._at
        word = self._word()
        if self._at == at:
            self._at += 1
            return
        current = self._current
        declares = bool(current.words) and current.words[0] in _DECLARES
        if not current.words or declares:
            current.line = current.line if declares else self._line
            if self._assigns(word, declares):
                return
        if not current.words and (word in _RESERVED or word in ("fi", "done", "}", "esac")):
            return
        current.words += self._split(word, self.text[at : self._at])

    def _assigns(self, word: str, declares: bool) -> bool:
        """Take ``name=value`` and ``name=(values)``; whether the word is one."""
        assigned = _ASSIGNED.fullmatch(word)
        if assigned is None:
            return False
        name, value = assigned[1], assigned[2]
        if not value and self.text.startswith("(", self._at):
            self._at += 1
            value = self._balanced()
            inner = Lexer(value[:_LONGEST_VALUE], {}, in_array=True).split() if not self._in_array else ()
            items = [each for command in inner for each in command.words]
            self.variables.update(items_of_array(name, items))
        grown = self.variables.get(name, "") if "+=" in word[: len(name) + 2] else ""
        self._current.assigns.append((name, grown + value))
        if declares:
            self._current.words.append(word)
            self.variables[name] = self.variables.get(name + "[@]", value)[:_LONGEST_VALUE]
        return True

    def _split(self, word: str, raw: str) -> list[str]:
        """The words that one stands for: of braces, and of a variable of several words without quotes."""
        braces = brace_words(raw)
        if braces is not None:
            return braces
        if "$" not in raw or (raw[0] in "\"'" and '[@]}"' not in raw and raw != '"$@"'):
            return [word]
        if not word and not self._current.words:
            return []
        separators = self.variables.get("IFS")
        if separators:
            word = re.sub(f"[{re.escape(separators)}]", " ", word)
        return word.split() if " " in word else [word]

    def _word(self) -> str:
        parts: list[str] = []
        while self._at < len(self.text):
            character = self.text[self._at]
            plain = _SPECIAL.match(self.text, self._at)
            if plain is not None:
                parts.append(plain[0])
                self._at = plain.end()
            elif character == "(" and parts and parts[-1][-1:] in ("?", "*", "+", "@"):
                self._at += 1  # a pattern of bash: +([0-9])
                parts.append(f"({self._balanced()})")
            elif character in _ENDS_WORD:
                break
            elif character == "\\":
                parts.append(self._escaped())
            elif character == "'":
                parts.append(self._until("'"))
            elif character == '"':
                parts.append(self._double())
            elif character == "`":
                parts.append(self._backticks())
            elif character == "$":
                parts.append(self._dollar())
            else:
                parts.append(character)
                self._at += 1
        return "".join(parts)

    def _escaped(self) -> str:
        following = self.text[self._at + 1 : self._at + 2]
        self._at += 2
        self._line += following == "\n"
        return "" if following == "\n" else following

    def _until(self, quote: str) -> str:
        """What stands between the quote here and the next one, which is passed."""
        end = self.text.find(quote, self._at + 1)
        end = len(self.text) if end < 0 else end
        value = self.text[self._at + 1 : end]
        self._line += value.count("\n")
        self._at = end + 1
        return value

    def _double(self) -> str:
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
                parts.append(self._dollar())
            elif character == "`":
                parts.append(self._backticks())
            else:
                match = _IN_QUOTES.match(self.text, self._at)
                end = match.end() if match is not None else self._at + 1
                parts.append(self.text[self._at : end])
                self._line += parts[-1].count("\n")
                self._at = end
        return "".join(parts)

    def _backticks(self) -> str:
        return self._output(self._until("`"))

    def _output(self, inner: str) -> str:
        """What stands for the output of ``inner``: the name that it prints, or a mark."""
        if not inner.strip():
            return ""
        name = printed_name(inner)
        if name is None:
            self._current.inner.append(inner)
        return OUTPUT if name is None else name

    def _dollar(self) -> str:
        following = self.text[self._at + 1 : self._at + 2]
        if following == "(":
            self._at += 2
            inner = self._balanced()
            if inner.startswith("("):
                return "0"
            return self._output(inner)
        if following == "'":
            self._at += 1
            return _ANSI.sub(_unescaped, self._ansi())
        if following == '"':
            self._at += 1
            return self._double()
        match = _VARIABLE.match(self.text, self._at + 1)
        if match is None:
            return self._opaque(following)
        self._at = match.end()
        name = match[1] or match[3]
        if name == "IFS":
            return self.variables.get("IFS", " ")
        return self.variables.get(name, match[2] if match[2] is not None else f"${name}")

    def _opaque(self, following: str) -> str:
        """An expansion that is not followed: ``${x:0:1}``, ``$1``."""
        if following == "{":
            end = self.text.find("}", self._at, self._at + _LONGEST_VALUE)
            inner = self.text[self._at + 2 : end] if end >= 0 else ""
            self._at = len(self.text) if end < 0 else end + 1
            value = expanded(inner, self.variables)
            return "${…}" if value is None else value
        self._at += 2
        if following in ("@", "*"):
            return self.variables.get("@", "")
        return "$" + following

    def _ansi(self) -> str:
        start = self._at + 1
        at = start
        while at < len(self.text) and self.text[at] != "'":
            at += 2 if self.text[at] == "\\" else 1
        self._at = at + 1
        return self.text[start:at]

    def _balanced(self) -> str:
        """What stands up to the parenthesis that closes the one before; quotes hide others."""
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

    def _redirect(self, two: str) -> None:
        if self.text.startswith("<<<", self._at):
            self._at += 3
            self._current.reads = self._target()
        elif two == "<<":
            self._at += 2
            tabs = self.text.startswith("-", self._at)
            self._at += tabs
            self._waiting.append((self._target(), tabs, self._current))
        elif two in ("<(", ">("):
            self._at += 2
            (self._current.feeds if two == "<(" else self._current.inner).append(self._balanced())
        else:
            is_input = self.text[self._at] == "<"
            self._at += 2 if two in (">>", "&>", ">&", "<>", ">|", "<&") else 1
            if self.text.startswith("<(", self._at + (self.text[self._at : self._at + 1] == " ")):
                return
            target = self._target()
            if self._current.words and self._current.words[-1].isdecimal():
                self._current.words.pop()
            (self._current.sources if is_input else self._current.writes).append(target)

    def _target(self) -> str:
        while self.text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1
        return self._word()

    def _here_documents(self) -> None:
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
            command.reads = "\n".join(lines)
        self._waiting = []


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2]:
        return chr(int(match[2], 16))
    if match[3]:
        return chr(min(int(match[3], 16), 0x10FFFF))
    if match[4]:
        return chr(int(match[4], 8) & 0xFF)
    return _ANSI_LETTERS.get(match[5], match[5])


def commands_of(text: str, variables: dict[str, str] | None = None) -> list[Command]:
    """The commands of a shell script."""
    return Lexer(text, variables).split()
