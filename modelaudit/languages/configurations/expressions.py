"""Detect texts of a configuration that a library evaluates as Python.

They are values with ``$`` of MONAI, layers of YOLO, ``py/repr`` of jsonpickle, the metadata of an exported YOLO, and
names of the operators of PaddleOCR. Evaluated layers and MONAI values are ordinary, so only expressions with a hostile
call or a dunder name are reported. ``py/repr`` always is.

The expressions of one MONAI configuration are analysed as one Python program besides. An import in one value counts in
all of them, and ``@a::b`` refers to the value under these keys. So ``$import os as o`` and ``$o.system('x')`` run a
command together, and neither does alone.

Sources: ``monai/bundle/config_item.py`` (``ConfigExpression``), ``monai/bundle/reference_resolver.py``,
``monai/bundle/config_parser.py`` (``resolve_macro_and_relative_ids``),
``models/yolo.py`` of YOLOv5 (``parse_model``), ``jsonpickle/unpickler.py`` (``loadrepr``),
``ultralytics/nn/autobackend.py`` of 8.3.0 (``metadata``), ``ppocr/data/imaug/__init__.py`` (``create_operators``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.code_text import find_python_calls
from modelaudit.languages.configurations.python_names import FORMAT, build_outlines, is_module_name
from modelaudit.languages.python.source import parse_code_text
from modelaudit.languages.settings import Interpreter, Setting, TextMarks
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.bounds import keep_first

LAYER_KEYS: Final = frozenset({"backbone", "neck", "head"})
"""Keys of the lists of layers that YOLO evaluates."""

# A layer is a list: the layers before it, its number, its class and the arguments of that.
_CLASS_INDEX: Final = "2"
_LAYER_DEPTH: Final = 3
_REPR_KEY: Final = "py/repr"
# Texts of the metadata of an exported YOLO, which are literals: ``names: "{0: 'a'}"``.
_LITERAL_KEYS: Final = frozenset({"names", "imgsz", "kpt_shape", "args"})
# Lists of operators of PaddleOCR: the key of each item is evaluated, and called with the value.
_OPERATOR_LISTS: Final = frozenset({"transforms", "transform_ops"})
_STEPS_TO_OPERATOR: Final = 2  # from the key of the list: the index of the item, and the name of the operator
_FILE_CALL: Final = "builtins.open"
# A value that begins with ``$`` and a Python expression, anywhere in the text.
_EXPRESSION: Final = defer_pattern(
    r"(?:^|[\s\"'\[,:])(?:\$(?:[A-Za-z_@(\[{'\"+~.\\-]|\d[^\n]{0,200}\()|\\u0024|\\x24)", re.MULTILINE
)
# ``%other.json::key``, or with ``#`` in place of the colons.
_MACRO: Final = defer_pattern(r"%([^\s%:#]{1,300}\.(?:json|ya?ml))(?:::|#|\Z)")
_MACRO_IN_TEXT: Final = defer_pattern(r"%[^\s%\"']{1,300}\.(?:json|ya?ml)\b")
_MAX_REFERENCES: Final = 1_000
_HOSTILE_CALL: Final = defer_pattern(
    r"(?:\w+\.){0,20}(?:os|posix|nt)\.(?:system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*|kill|remove|unlink)"
    r"|(?:\w+\.){0,20}builtins\.(?:exec|eval|compile|__import__|getattr)"
    r"|(?:subprocess|pty|ctypes|runpy|marshal|pickle|importlib|socket|webbrowser|code)\.[\w.]+|shutil\.rmtree"
)
# Functions of YOLO that install packages, and that download and unpickle weights. Its layers can call them.
_YOLO_CALL: Final = defer_pattern(r"\b(?:check_requirements|attempt_(?:load|download)|DetectMultiBackend)\s*\(")
_DUNDER_ACCESS: Final = defer_pattern(
    r"__(?:subclasses|globals|builtins|class|bases|base|mro|import|reduce|dict|code)__"
)
_MAX_EXPRESSION_LENGTH: Final = 20_000
_MAX_EXPRESSIONS: Final = 2000
# Names that ``ConfigParser`` imports before any expression is evaluated.
_MONAI_PREAMBLE: Final = "import monai, torch, numpy\nimport numpy as np\n"
# Names that the module of ``parse_model`` imports, where it evaluates layers.
_LAYER_PREAMBLE: Final = (
    "import contextlib, json, math, os, platform, subprocess, sys, torch, warnings, zipfile\n"
    "import numpy as np\nimport torch.nn as nn\nimport pandas as pd\nimport requests\nfrom pathlib import Path\n"
)
_ARGUMENTS: Final = "arguments"
_IMPORT_STATEMENT: Final = defer_pattern(r"\s*(?:import|from)\s")
_REFERENCE_TO_VALUE: Final = defer_pattern(r"@(\w+(?:(?:::|#)\w+)*)")
_KEY_SEPARATOR: Final = defer_pattern(r"::|#")
# An expression without any of these reads a name, and nothing else.
_ACTS: Final = defer_pattern(r"[(\[@]")
_MAX_PROGRAM: Final = 200_000  # characters


def read_expressions(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield outlines of the hostile expressions and ``py/repr`` values, and of the uses of names in all expressions."""
    yield from build_outlines(_collect_expressions(settings))
    yield from build_outlines(analyze_expressions(settings))
    yield from build_outlines(_analyze_layers(settings))
    yield from build_outlines(_analyze_texts(list(_list_evaluated_texts(settings))))
    files, absences = keep_first(_refer_to_macros(settings), _MAX_REFERENCES, "files of macros")
    if files:
        yield References(FORMAT, files)
    yield from absences


def _refer_to_macros(settings: Sequence[Setting]) -> Iterator[Reference]:
    """Yield a reference to each configuration whose values, which may be expressions, a macro of MONAI inserts."""
    for setting in settings:
        match = _MACRO.match(setting.value) if isinstance(setting.value, str) else None
        if match is not None:
            yield Reference(ReferenceKind.CODE, match[1], setting.key, where=setting.where)


def _collect_expressions(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each hostile expression and each ``py/repr`` value.

    Raises:
        LimitReachedError: there are more than ``_MAX_EXPRESSIONS`` expressions.
    """
    expressions_left = _MAX_EXPRESSIONS
    for setting in settings:
        code = _get_expression(setting)
        if code:
            if not expressions_left:
                raise LimitReachedError(f"only the first {_MAX_EXPRESSIONS} expressions of the document were analysed")
            expressions_left -= 1
            calls_yolo = _is_layer(setting) and _YOLO_CALL.search(code) is not None
            if _is_hostile(code) or calls_yolo or setting.key == _REPR_KEY:
                shown_code = " ".join(code[:200].split())
                yield Mention(
                    "resolvers", "evaluated-code", f"{setting.key} {shown_code}"[:200], setting.where, shown_code
                )


def _is_hostile(code: str) -> bool:
    """Whether an expression reaches out of its configuration, or is too long or too deep to be parsed.

    Ordinary expressions have a line or two.
    """
    if len(code) > _MAX_EXPRESSION_LENGTH or _DUNDER_ACCESS.search(code):
        return True
    try:
        return any(map(_HOSTILE_CALL.fullmatch, find_python_calls(code)))
    except LimitReachedError:
        return True


def _get_expression(setting: Setting) -> str:
    """Return the Python expression in a value that a library evaluates; empty for any other value."""
    value = setting.value
    if not isinstance(value, str):
        return ""
    # ``${name}`` is an interpolation, but ``${f()}`` is the Python set ``{f()}`` behind the mark of MONAI.
    is_interpolation = value.startswith("${") and "(" not in value
    if value.startswith("$") and not is_interpolation:
        return value[1:]
    return value if _is_layer(setting) or setting.key == _REPR_KEY else ""


def _is_layer(setting: Setting) -> bool:
    """Whether the setting is part of a layer of YOLO that calls something."""
    is_text = isinstance(setting.value, str)
    return is_text and bool(setting.path) and setting.path[0] in LAYER_KEYS and "(" in str(setting.value)


def _is_layer_class(setting: Setting) -> bool:
    """Whether the setting is the class of a layer of YOLO: a name that is called with the arguments of the layer."""
    path = setting.path
    is_class = len(path) == _LAYER_DEPTH and path[0] in LAYER_KEYS and path[-1] == _CLASS_INDEX
    return is_class and is_module_name(setting.value)


class _Program(Struct):
    """The program so far, and the setting that each of its lines comes from.

    Attributes:
        values: the settings of the document, by key path joined with dots.
        preamble: the statements before the first expression.
    """

    values: Mapping[str, Setting]
    preamble: str
    text: str = ""
    lines: int = 0
    first_lines: list[int] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin the program with its preamble."""
        self.text = self.preamble
        self.lines = self.preamble.count("\n")

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
        """Return the Python expression for a value; empty if it is not Python."""
        if not isinstance(value, str) or not value.startswith(("$", "@")):
            return repr(value)[:_MAX_EXPRESSION_LENGTH] if isinstance(value, str | int | float) else ""
        code = value.removeprefix("$")
        if len(code) > _MAX_EXPRESSION_LENGTH or _IMPORT_STATEMENT.match(code):
            return ""
        code = _REFERENCE_TO_VALUE.sub(lambda match: self.add_value(_KEY_SEPARATOR.sub(".", match[1])), code)
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
    program = _Program({".".join(each.path): each for each in settings}, _MONAI_PREAMBLE)
    for each in expressions:
        code = str(each.value)[1:].strip()
        if _IMPORT_STATEMENT.match(code) and len(code) <= _MAX_EXPRESSION_LENGTH and parse_code_text(code) is not None:
            program.add_statement(code, each)
    for each in expressions:
        if _ACTS.search(str(each.value)):
            program.add_value(".".join(each.path))
    if program.settings:
        yield from _list_mentions(program)


def _analyze_layers(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield the uses of names in the layers of YOLO, which ``parse_model`` evaluates where ``os`` is imported.

    Raises:
        LimitReachedError: the layers are too long to be analysed as one program.
    """
    program = _Program({}, _LAYER_PREAMBLE)
    for each in settings:
        if not _is_layer(each) and not _is_layer_class(each):
            continue
        code = str(each.value).strip()
        if _is_layer_class(each):
            code += f"(*{_ARGUMENTS})"
        if len(code) <= _MAX_EXPRESSION_LENGTH and parse_code_text(f"({code}\n)") is not None:
            program.add_statement(f"({code}\n)", each)
    if program.settings:
        yield from _list_mentions(program)


def _list_evaluated_texts(settings: Sequence[Setting]) -> Iterator[tuple[str, Setting]]:
    """Yield the code of each literal of YOLO that contains a call, and of each operator of PaddleOCR."""
    operators: set[tuple[str, ...]] = set()
    for setting in settings:
        path = setting.path
        if path and path[-1] in _LITERAL_KEYS and isinstance(setting.value, str) and "(" in setting.value:
            yield setting.value.strip(), setting
        for index in range(len(path) - _STEPS_TO_OPERATOR):
            if path[index] not in _OPERATOR_LISTS or not path[index + 1].isdigit():
                continue
            operator = path[: index + _STEPS_TO_OPERATOR + 1]
            if operator not in operators and (is_module_name(operator[-1]) or "(" in operator[-1]):
                operators.add(operator)
                yield f"({operator[-1].strip()})(*{_ARGUMENTS})", replace(setting, path=operator)


def _analyze_texts(texts: Sequence[tuple[str, Setting]]) -> Iterator[Mention]:
    """Yield a mention of each text that opens a file or is hostile, and the uses of names in all texts.

    Raises:
        LimitReachedError: a text, or all of them, are too long to be analysed.
    """
    program = _Program({}, _LAYER_PREAMBLE)
    for code, setting in texts:
        calls = list(find_python_calls(code))
        if _DUNDER_ACCESS.search(code) or _FILE_CALL in calls or any(map(_HOSTILE_CALL.fullmatch, calls)):
            shown_code = " ".join(code[:200].split())
            name = f"{setting.key} {shown_code}"[:200]
            yield Mention("resolvers", "evaluated-code", name, setting.where, shown_code)
        if parse_code_text(f"({code}\n)") is not None:
            program.add_statement(f"({code}\n)", setting)
    if program.settings:
        yield from _list_mentions(program)


def _list_mentions(program: _Program) -> Iterator[Mention]:
    """Yield the uses of names in a program at the settings that they come from."""
    from modelaudit.languages.python.analysis import analyze_source

    # An expression is evaluated when something asks for its value, and not when the file is read.
    for mention in analyze_source(program.text, is_imported=False).mentions:
        setting = program.find_setting(mention.where.line or 1)
        if mention.where.line and mention.where.line <= program.preamble.count("\n"):
            continue
        shown_code = " ".join(str(setting.value)[:160].split())
        yield replace(mention, where=setting.where, detail=mention.detail or shown_code)


EXPRESSIONS = Interpreter(
    LAYER_KEYS | _LITERAL_KEYS | _OPERATOR_LISTS | {_REPR_KEY},
    read_expressions,
    marks=TextMarks((("$", _EXPRESSION), ("%", _MACRO_IN_TEXT))),
)
