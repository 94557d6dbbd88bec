"""Classes and functions that a configuration has imported and called, under whatever key its loader looks for them.

Sources: ``hydra.utils.instantiate`` (``_target_``), ``nemo/core/classes/common.py`` (``target``; CVE-2025-23304),
jsonargparse and LightningCLI (``class_path``), ``instantiate_from_config`` of latent-diffusion (``target`` beside
``params``), torchtune (``_component_``), jsonpickle (``py/object``), ``logging.config.dictConfig`` (``()``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.languages.configurations.names import is_dotted, python_name, runs_code, told
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import file_name

_STRONG: Final = frozenset(
    {"_target_", "__target__", "_component_", "class_path", "()", "py/object", "py/type", "py/function", "py/class"}
)
_ALONE: Final = frozenset({"_target_", "__target__", "_component_"})
_WEAK: Final = "target"
# Of logging's ``dictConfig``, and of much else: told only where what is named runs code.
_WEAKER: Final = "class"
_WHOLE_FILES: Final = frozenset({"model_config.yaml", "model_config.yml"})
_REFERENCE: Final = re.compile(r"\$\{([\w.]++)\}")
_MISSING: Final = "???"
_MOST_STEPS: Final = 8


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield every name that is imported and called."""
    yield from told(_targets(file_name(path) in _WHOLE_FILES, settings))


def _targets(whole: bool, settings: Sequence[Setting]) -> Iterator[Mention]:
    values = {each.path: each.value for each in settings}
    with_params = {each.path[: each.path.index("params")] for each in settings if "params" in each.path}
    for setting in settings:
        last = setting.path[-1] if setting.path else ""
        if last in _STRONG:
            yield from _strong(last, setting, values)
        elif last == _WEAK and is_dotted(setting.value):
            if whole or setting.path[:-1] in with_params:
                yield python_name("target", str(setting.value), setting)
            elif runs_code(str(setting.value)):
                yield python_name("named", str(setting.value), setting)
        elif last == _WEAKER and is_dotted(setting.value) and runs_code(str(setting.value)):
            yield python_name("named", str(setting.value), setting)
        elif setting.key in _ALONE:
            yield python_name("target", f"{setting.key}: …${{}}", setting)


def _strong(key: str, setting: Setting, values: Mapping[tuple[str, ...], object]) -> Iterator[Mention]:
    value = setting.value
    if value is None or value == _MISSING:
        return
    name = resolved(str(value), values)
    if "${" in name:
        yield python_name("target", name, setting, f"{key}: {value}")
    elif key in _ALONE or is_dotted(name.replace(":", ".")):
        yield python_name("target", name, setting, "" if name == value else f"{key}: {value}"[:200])


def resolved(value: str, values: Mapping[tuple[str, ...], object]) -> str:
    """``value`` with every ``${a.b}`` that the same file states put in."""
    for _ in range(_MOST_STEPS):
        if "${" not in value or len(value) > 1000:
            return value
        value = _REFERENCE.sub(lambda match: _looked_up(match, values), value)
    return value


def _looked_up(match: re.Match[str], values: Mapping[tuple[str, ...], object]) -> str:
    found = values.get(tuple(match[1].split(".")))
    return found if isinstance(found, str) else match[0]


# Data sets have the key ``target``, too: it is only followed beside ``params``, and elsewhere found by its text.
TARGETS = Interpreter(_STRONG | {"params", "handlers"}, read, _WHOLE_FILES)
