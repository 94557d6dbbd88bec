"""Join the expressions of one MONAI configuration to a Python program, and analyse it as one.

MONAI evaluates each value that begins with ``$``. An import in one value counts in all of them, and ``@a::b`` stands
for the value under these keys. So ``$import os as o`` and ``$o.system('x')`` run a command together, and neither does
alone.

Source: ``monai/bundle/config_item.py`` (``ConfigExpression``) and ``reference_resolver.py`` of MONAI 1.3.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.languages.python import uses
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.source import parse_code_text
from modelaudit.languages.settings import Setting
from modelaudit.model.outline import Mention
from modelaudit.wire.base import LimitReachedError

# Names that ``ConfigParser`` imports before any expression is evaluated.
_PREAMBLE: Final = "import monai, torch, numpy\nimport numpy as np\n"
_IMPORT: Final = re.compile(r"\s*(?:import|from)\s")
_REFERENCE: Final = re.compile(r"@(\w+(?:(?:::|#)\w+)*)")
_SEPARATOR: Final = re.compile(r"::|#")
# An expression without any of these reads a name, and nothing else.
_ACTS: Final = re.compile(r"[(\[@]")
_MAX_PROGRAM: Final = 200_000
_MAX_EXPRESSION: Final = 20_000


@dataclass(slots=True)
class _Program:
    """The program so far, and the setting that each of its lines comes from.

    Attributes:
        values: the settings of the document, by key path joined with dots.
    """

    values: Mapping[str, Setting]
    text: str = _PREAMBLE
    lines: int = _PREAMBLE.count("\n")
    first_lines: list[int] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def add_value(self, path: str) -> str:
        """Return the variable of a value; add the statement that assigns it, behind those that it refers to.

        Raises:
            LimitReachedError: the program is too long.
        """
        if path in self.variables:
            return self.variables[path]
        variable = self.variables[path] = f"value_{len(self.variables)}"
        setting = self.values.get(path)
        if setting is not None:
            code = self._write_value(setting.value)
            if code:
                self.add_statement(f"{variable} = ({code}\n)", setting)
        return variable

    def _write_value(self, value: object) -> str:
        """Return the Python expression for a value; empty if it is no Python."""
        if not isinstance(value, str) or not value.startswith(("$", "@")):
            return repr(value)[:_MAX_EXPRESSION] if isinstance(value, str | int | float) else ""
        code = value.removeprefix("$")
        if len(code) > _MAX_EXPRESSION or _IMPORT.match(code):
            return ""
        code = _REFERENCE.sub(lambda match: self.add_value(_SEPARATOR.sub(".", match[1])), code)
        return code if parse_code_text(f"({code}\n)") is not None else ""

    def add_statement(self, statement: str, setting: Setting) -> None:
        """Add a statement that comes from a setting.

        Raises:
            LimitReachedError: the program is too long.
        """
        if len(self.text) + len(statement) > _MAX_PROGRAM:
            raise LimitReachedError("the expressions of the document are too long to be analysed as one program")
        self.first_lines.append(self.lines + 1)
        self.settings.append(setting)
        self.text += f"{statement}\n"
        self.lines += statement.count("\n") + 1

    def find_setting(self, line: int) -> Setting:
        """Return the setting that a line of the program comes from."""
        return self.settings[max(0, bisect_right(self.first_lines, line) - 1)]


def analyze_expressions(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield the uses of names in all expressions of a document, each at the setting that it comes from.

    Raises:
        LimitReachedError: the expressions are too long to be analysed as one program.
    """
    expressions = [each for each in settings if isinstance(each.value, str) and each.value.startswith("$")]
    if not any(_ACTS.search(str(each.value)) for each in expressions):
        return
    program = _Program({".".join(each.path): each for each in settings})
    for each in expressions:
        code = str(each.value)[1:].strip()
        if _IMPORT.match(code) and len(code) <= _MAX_EXPRESSION and parse_code_text(code) is not None:
            program.add_statement(code, each)
    for each in expressions:
        if _ACTS.search(str(each.value)):
            program.add_value(".".join(each.path))
    if program.settings:
        yield from _list_mentions(program)


def _list_mentions(program: _Program) -> Iterator[Mention]:
    """Yield the uses of names in a program at the settings that they come from."""
    for mention in analyze_source(program.text).mentions:
        setting = program.find_setting(mention.where.line or 1)
        if mention.where.line and mention.where.line <= _PREAMBLE.count("\n"):
            continue
        # MONAI evaluates an expression when something asks for its value, and not when it reads the file.
        use = uses.CALL if mention.use == uses.AT_IMPORT else mention.use
        shown_code = " ".join(str(setting.value)[:160].split())
        yield replace(mention, use=use, where=setting.where, detail=mention.detail or shown_code)
