"""Detect configuration values that a library evaluates as Python: MONAI ``$`` values, YOLO layers, ``py/repr``.

Evaluated layers and MONAI values are ordinary, so only expressions with a hostile call or a dunder name are reported.
The expressions of MONAI are analysed as one program besides (``expression_programs``).
``py/repr`` of jsonpickle always is.

Sources: ``monai/bundle/config_item.py`` (``ConfigExpression``), ``models/yolo.py`` of YOLOv5 (``parse_model``),
``jsonpickle/unpickler.py`` (``loadrepr``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.code_text import find_python_calls
from modelaudit.languages.configurations.expression_programs import analyze_expressions
from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import LimitReachedError, Reading

_LAYER_KEYS: Final = frozenset({"backbone", "head"})
_REPR_KEY: Final = "py/repr"
# A value that begins with ``$``, anywhere in the text.
_EXPRESSION: Final = re.compile(r"(?:^|[\s\"'\[,:])\$[A-Za-z_@(\[{]", re.MULTILINE)
_HOSTILE_CALL: Final = re.compile(
    r"(?:os|posix|nt)\.(?:system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*|kill|remove|unlink)"
    r"|builtins\.(?:exec|eval|compile|__import__|getattr)"
    r"|(?:subprocess|pty|ctypes|runpy|marshal|pickle|importlib|socket|webbrowser|code)\.[\w.]+|shutil\.rmtree"
)
_DUNDER_ACCESS: Final = re.compile(r"__(?:subclasses|globals|builtins|class|bases|base|mro|import|reduce|dict|code)__")
_MAX_EXPRESSION_LENGTH: Final = 20_000
_MAX_EXPRESSIONS: Final = 2000


def read_expressions(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield outlines of the hostile expressions and ``py/repr`` values, and of the uses of names in all expressions."""
    yield from build_outlines(_collect_expressions(settings))
    yield from build_outlines(analyze_expressions(settings))


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
            if _is_hostile(code) or setting.key == _REPR_KEY:
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
    is_layer = bool(setting.path) and setting.path[0] in _LAYER_KEYS and "(" in value
    return value if is_layer or setting.key == _REPR_KEY else ""


EXPRESSIONS = Interpreter(_LAYER_KEYS | {_REPR_KEY}, read_expressions, marks=_EXPRESSION)
