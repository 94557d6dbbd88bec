"""Convert Makefiles to shell text, so that one analyser judges all commands.

Each command keeps its line number: lines without a command become empty lines.
Source: the manual of GNU make 4.4.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.make_functions import (
    FUNCTION_NAMES,
    MakeExpander,
    MakeRule,
    collect_make_variables,
    read_make_rule,
)
from modelaudit.languages.shell.program_names import INTERPRETERS, normalize_program_name
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError

_MAKE_ASSIGNMENT: Final = defer_pattern(r"(?:export\s+|override\s+)?([A-Za-z_]\w*)\s*(?:\?|:{1,3}|\+|!)?=\s*(.*)")
_MAKE_COMMAND_OUTPUT: Final = defer_pattern(r"(?:export\s+|override\s+)?[A-Za-z_]\w*\s*!=\s*(.*)")
_MAKE_RULE_WITH_COMMAND: Final = defer_pattern(r"[^\t#:=][^#:=]{0,500}:{1,2}(?!=)[^;=]{0,500};\s*(.*)")
# ``SHELL := python3`` for all recipes, or ``target: SHELL = python3`` for those of a rule.
_MAKE_SHELL_SETTING: Final = defer_pattern(
    r"([^\t#:=][^#:=]{0,500}:\s*)?(?:(?:export|override|private)\s+)*SHELL\s*(?:\?|:{1,3})?=\s*(?:\S*/env\s+)?(\S+).*"
)
_MAKE_ONE_SHELL: Final = defer_pattern(r"^\.ONESHELL\s*:", re.MULTILINE)
_MAKE_PREFIX: Final = defer_pattern(r"\.RECIPEPREFIX\s*:?=\s*(\S)")
_MAKE_DEFINE: Final = defer_pattern(r"\s*(?:override\s+|export\s+)?define\s")
# The beginning of a setting, as far as its operator.
_MAKE_SETTING: Final = defer_pattern(r"(?:export\s+|override\s+)?[A-Za-z_]\w*\s*(?:\?|:{1,3}|\+|!)?=")
# ``SHELL = program`` and ``.SHELLFLAGS = options`` of all rules or of one, and ``MAKEFLAGS += --eval=text``.
_MAKE_SHELL_VALUE: Final = defer_pattern(
    r"((?:[^\t#:=][^#:=]{0,500}:\s*)?(?:(?:export|override|private)\s+)*(?:SHELL|\.SHELLFLAGS|(?:GNU)?MAKEFLAGS))"
    r"\s*(?:\?|:{1,3}|\+)?=\s*(.+)"
)
_EVALUATION: Final = defer_pattern(r"(?:--eval[= ]|-E[ ]?)(.+)")
_MAKE_INCLUSION: Final = defer_pattern(r" *[-s]?include\s+(.+)")
# Rounds: each doubles the dollar signs that a text needs, so that none of the length that is read takes more.
_MOST_EVALUATIONS: Final = 30
_FUNCTION: Final = rf"\$[({{](?!shell\b)({'|'.join(FUNCTION_NAMES)})[ \t]"
# A function in the place of a program: at the beginning of a recipe line, and behind an operator or a wrapper.
_COMPUTED_COMMAND: Final = defer_pattern(
    rf"(?:^[\t @+-]*|[;&|(`]\s*|\b(?:then|do|else|exec|sudo|env|eval|time|xargs)\s+|\s-c\s+[\"']?){_FUNCTION}"
)
_COMPUTED_NAME: Final = defer_pattern(r"\$[({](shell|file|guile|call|foreach|subst|patsubst|word|if|or|and)[ \t]")
_SCHEME: Final = defer_pattern(r"\$[({](guile)[ \t]")
_IMPLICIT_PROGRAMS: Final = frozenset({"CC", "CXX", "CPP", "AS", "AR", "FC", "LD", "RM", "LEX", "YACC", "M2C", "PC"})
_OWN_PROGRAM: Final = defer_pattern(r"[\w.-]*/|(?:\w*sh|python\S*|perl)\s")
_CALL_START: Final = defer_pattern(rf"\$[({{](?:{'|'.join(FUNCTION_NAMES)})[ \t]")
_MAKE_SHELL_CALL: Final = defer_pattern(r"\$[({]shell\s")
_MAKE_ITSELF: Final = defer_pattern(r"\$(?:\(MAKE\)|\{MAKE\})")
_MAKE_VARIABLE: Final = defer_pattern(r"\$[({]([A-Za-z_]\w*)[)}]")


def convert_makefile(text: str) -> str:
    """Return the recipes of a Makefile as shell commands, and its variables as assignments.

    Functions of text are evaluated. A file that the Makefile includes, or names as its shell, becomes a command that
    runs it. The texts that ``$(eval text)`` adds follow the lines of the file.

    Raises:
        LimitReachedError: the Makefile evaluates too many texts, or they are too long.
    """
    expander = MakeExpander(collect_make_variables(text))
    converted = [_MakefileConverter(text, expander).convert_lines()]
    read_texts: set[str] = set()
    for number in range(_MOST_EVALUATIONS + 1):  # a text that is evaluated can evaluate others
        new_texts = [each for each in expander.evaluated_texts if each not in read_texts]
        if not new_texts:
            break
        if number == _MOST_EVALUATIONS:
            raise LimitReachedError(f"its $(eval) evaluates texts in more than {_MOST_EVALUATIONS} rounds")
        read_texts.update(new_texts)
        converted += (_MakefileConverter(each, expander).convert_lines() for each in new_texts)
    return "\n".join((*converted, *expander.scheme_commands))


def list_computed_commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line, from 1, and the function for each command or inclusion of a Makefile that a function computes.

    Only functions remain that depend on more than the text of the Makefile, and programs in Scheme.
    """
    expander = MakeExpander(collect_make_variables(text))
    for number, line in enumerate(_join_make_lines(text.replace("\r\n", "\n").split("\n")), 1):
        if "$" not in line:
            continue
        inclusion = _MAKE_INCLUSION.fullmatch(line)
        expanded = expander.expand_functions(line) if inclusion is None else expander.expand_all(inclusion[1])
        pattern = _COMPUTED_COMMAND if inclusion is None else _COMPUTED_NAME
        is_run = line.startswith("\t") or inclusion is not None
        function = (pattern.search(expanded) if is_run else None) or _SCHEME.search(expanded)
        if function is not None:
            yield number, function[1]


class _InterpreterRecipes:
    """The recipes of a Makefile that an interpreter such as Python runs in place of a shell, as ``SHELL`` demands.

    Attributes:
        interpreter: empty while a shell runs the recipes.
        is_one_program: ``.ONESHELL`` passes all lines of a recipe together.
    """

    def __init__(self, text: str) -> None:
        self.interpreter = ""
        self.is_one_program = _MAKE_ONE_SHELL.search(text) is not None
        self._is_of_one_rule = False
        self._lines: list[str] = []

    def follow_setting(self, line: str) -> None:
        """Change the interpreter if the line is a setting of ``SHELL``."""
        setting = _MAKE_SHELL_SETTING.fullmatch(line)
        if setting is None:
            return
        if normalize_program_name(setting[2]) in INTERPRETERS:
            self.interpreter, self._is_of_one_rule = setting[2], bool(setting[1])
        elif not setting[1]:
            self.interpreter = ""

    def convert(self, recipe: str, is_continued: bool) -> list[str]:
        """Return lines for the shell in place of all recipe lines since the last one that was not continued."""
        self._lines.append(recipe if self.is_one_program else recipe.removesuffix("\\"))
        return [] if is_continued else self.finish()

    def finish(self) -> list[str]:
        """Return lines for the shell in place of the recipe lines that were kept."""
        lines, self._lines = self._lines, []
        if not lines:
            return []
        program = ("\n" if self.is_one_program else "").join(lines)
        command = f"{self.interpreter} -c {shlex.quote(program)}"
        # The setting of one rule leaves the recipes of the others to the shell: both readings count.
        shell_lines = lines if self._is_of_one_rule else []
        blank_lines = [] if self.is_one_program else [""] * (len(lines) - 1)
        return [*blank_lines, "; ".join((command, *shell_lines))]


class _MakefileConverter:
    """Converts the lines of one Makefile, or of a text that it evaluates."""

    def __init__(self, text: str, expander: MakeExpander) -> None:
        self._text = text
        self._expander = expander
        self._recipes = _InterpreterRecipes(text)
        self._rule = MakeRule("", "")
        self._recipe_prefix = "\t"
        self._is_in_define = False
        self._is_continued = False

    def convert_lines(self) -> str:
        """Return the lines as shell commands."""
        converted: list[str] = []
        lines = list(_join_make_lines(self._text.replace("\r\n", "\n").split("\n")))
        for line, next_line in zip(lines, (*lines[1:], ""), strict=True):
            converted += self._convert_line(line, next_line)
        return "\n".join((*converted, *self._recipes.finish()))

    def _convert_line(self, line: str, next_line: str) -> list[str]:
        """Return the shell text of a line; no text if the lines of an interpreter are gathered."""
        # ``define`` holds recipe text. It counts even if no rule uses it, because another Makefile may.
        is_begin = _MAKE_DEFINE.match(line) is not None
        self._is_in_define = (self._is_in_define or is_begin) and line.strip() != "endef"
        prefix_setting = _MAKE_PREFIX.match(line)
        self._recipe_prefix = prefix_setting[1] if prefix_setting is not None else self._recipe_prefix
        line = "\t" + line[1:] if line.startswith(self._recipe_prefix) else line
        self._recipes.follow_setting(line)
        # ``name != command`` and ``target: ; command`` hold a command on the same line.
        if not self._is_continued:
            self._rule = read_make_rule(line, self._expander) or self._rule
            immediate_command = _MAKE_COMMAND_OUTPUT.fullmatch(line) or _MAKE_RULE_WITH_COMMAND.fullmatch(line)
            line = "\t" + immediate_command[1] if immediate_command is not None else line
        if line.startswith("\t") or self._is_continued or (self._is_in_define and not is_begin):
            return self._convert_recipe(line, next_line)
        return [self._convert_setting(line)]

    def _convert_recipe(self, line: str, next_line: str) -> list[str]:
        """Return the shell text of a line of a recipe."""
        # The marks before a command (``@`` silent, ``-`` ignore errors, ``+`` always) belong to make.
        recipe = line if self._is_continued else line.lstrip("\t ").lstrip("@-+ ")
        recipe = self._rule.expand_recipe(self._expander.expand_functions(recipe))
        # The result of a function can have such marks, and several lines.
        recipe = _convert_make_expansions(recipe if self._is_continued else recipe.lstrip("@-+ "))
        self._is_continued = line.endswith("\\")
        if not self._recipes.interpreter:
            return [recipe]
        is_one_program = self._recipes.is_one_program and next_line.startswith(self._recipe_prefix)
        self._is_continued = self._is_continued or is_one_program
        return self._recipes.convert(recipe.removeprefix("\t"), self._is_continued)

    def _convert_setting(self, line: str) -> str:
        """Return the shell text of a line outside of recipes: of an inclusion, of a variable or of a command in it."""
        expander = self._expander
        inclusion = _MAKE_INCLUSION.fullmatch(line)
        setting = _MAKE_SHELL_VALUE.fullmatch(line)
        if inclusion is not None:
            included = expander.expand_all(inclusion[1]).partition("#")[0]
            names = [included] if _COMPUTED_NAME.search(included) else included.split()
            return "; ".join(f". {_convert_make_expansions(name)}" for name in names)
        if setting is not None and setting[1].rstrip().endswith("MAKEFLAGS"):
            options = expander.expand_all(setting[2]).replace("\\ ", " ")
            expander.evaluated_texts.update((each.replace("$$", "$"), None) for each in _EVALUATION.findall(options))
        elif setting is not None:
            # The shell of the recipes is a program as well, and a file behind its options is its script.
            value = _convert_make_expansions(expander.expand_all(setting[2]))
            return f"sh {value} true" if setting[1].endswith("FLAGS") else f"{value} -c true"
        assignment = _MAKE_ASSIGNMENT.fullmatch(line.rstrip())
        if assignment is not None and not line.endswith("\\"):
            value = expander.expand_functions(assignment[2])
            is_output = _MAKE_SHELL_CALL.search(value) is not None
            converted = f"{assignment[1]}={_convert_make_expansions(value) if is_output else _quote_value(value)}"
            # A rule that make has by itself runs the program.
            is_own_program = assignment[1] in _IMPLICIT_PROGRAMS and _OWN_PROGRAM.match(value) is not None
            return f"{converted}; {_convert_make_expansions(value)}" if is_own_program else converted
        expanded = expander.expand_functions(line)
        is_run = _MAKE_SHELL_CALL.search(expanded) is not None
        return _convert_make_expansions(expanded[expanded.index("$") :]) if is_run else ""


def _join_make_lines(lines: list[str]) -> Iterator[str]:
    """Yield the lines of a Makefile; a setting, or a call of a function, that backslashes continue is one line.

    Empty lines in place of the joined ones keep the numbers of the others. Other recipes are left to the shell, which
    reads the backslashes itself.
    """
    index = 0
    while index < len(lines):
        line = lines[index]
        first_index = index
        index += 1
        is_continued = line.endswith("\\")
        has_open_call = is_continued and line.count("(") != line.count(")") and _CALL_START.search(line) is not None
        if has_open_call or _MAKE_SETTING.match(line):
            parts = [line]
            while parts[-1].endswith("\\") and index < len(lines):
                parts[-1] = parts[-1][:-1].rstrip()
                parts.append(lines[index].strip())
                index += 1
            line = " ".join(parts)
        yield line
        yield from [""] * (index - first_index - 1)


def _convert_make_expansions(text: str) -> str:
    """Convert ``$(shell command)``, ``$(NAME)`` and ``$$`` of make to what the shell calls them."""
    text = _MAKE_ITSELF.sub("make", text)
    # Variables first: of ``$(shell id)``, a command of one word remains, not a variable.
    text = _MAKE_VARIABLE.sub(r"${\1}", text)
    return _MAKE_SHELL_CALL.sub("$(", text).replace("$$", "$")


def _quote_value(value: str) -> str:
    """Quote the value of a make variable for the shell, which still expands variables in it."""
    return '"' + _convert_make_expansions(value).replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"'
