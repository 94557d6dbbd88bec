"""Values that a library evaluates as Python: of MONAI behind a ``$``, layers of YOLO, ``py/repr`` of jsonpickle.

Sources: ``monai/bundle/config_item.py`` (``ConfigExpression``), ``models/yolo.py`` of YOLOv5 (``parse_model``),
``jsonpickle/unpickler.py`` (``loadrepr``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.code_text import calls_of
from modelaudit.languages.configurations.names import told
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

_LAYERS: Final = frozenset({"backbone", "head"})
_REPR: Final = "py/repr"
_EXPRESSION: Final = re.compile(r"(?:^|[\s\"'\[,:])\$[A-Za-z_@(\[{]", re.MULTILINE)
_HOSTILE: Final = re.compile(
    r"(?:os|posix|nt)\.(?:system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*|kill|remove|unlink)"
    r"|builtins\.(?:exec|eval|compile|__import__|getattr)"
    r"|(?:subprocess|pty|ctypes|runpy|marshal|pickle|importlib|socket|webbrowser|code)\.[\w.]+|shutil\.rmtree"
)
_INSIDES: Final = re.compile(r"__(?:subclasses|globals|builtins|class|bases|base|mro|import|reduce|dict|code)__")
_LONGEST: Final = 20_000
_MOST: Final = 2000


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield every value that is evaluated."""
    yield from told(_evaluated(settings))


def _evaluated(settings: Sequence[Setting]) -> Iterator[Mention]:
    left = _MOST
    for setting in settings:
        code = _code(setting)
        if code and left:
            left -= 1
            hostile = len(code) > _LONGEST or _INSIDES.search(code) or any(map(_HOSTILE.fullmatch, calls_of(code)))
            if hostile or setting.key == _REPR:
                shown = " ".join(code[:200].split())
                yield Mention("resolvers", "evaluated-code", f"{setting.key} {shown}"[:200], setting.where, shown)


def _code(setting: Setting) -> str:
    value = setting.value
    if not isinstance(value, str):
        return ""
    if value.startswith("$") and not value.startswith("${"):
        return value[1:]
    in_layers = bool(setting.path) and setting.path[0] in _LAYERS and "(" in value
    return value if in_layers or setting.key == _REPR else ""


EXPRESSIONS = Interpreter(_LAYERS | {_REPR}, read, marks=_EXPRESSION)
