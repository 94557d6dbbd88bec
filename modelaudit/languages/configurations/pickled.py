"""Select the settings in pickled mappings by which a loader imports, evaluates or downloads code, and judge them.

A checkpoint holds the configuration of its model: the arguments that Lightning passes on, or the layers that
Ultralytics builds. They count as they do in a document. Mappings of ordinary data have some of the keys too, so under
these only a value that can act is kept.

Sources: ``lightning/pytorch/core/saving.py`` (``_instantiator``), ``ultralytics/nn/tasks.py`` (``parse_model``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations import expressions, switches, targets, tool_settings
from modelaudit.languages.configurations.python_names import is_code_running_name, is_dotted_name
from modelaudit.languages.configurations.switches import KERNEL_KEYS
from modelaudit.languages.settings import Setting
from modelaudit.model.limits import Limits
from modelaudit.wire.base import Reading

_CALL: Final = "("
_EVALUATED_KEY: Final = "activation"
PARAMETERS_KEY: Final = "params"
"""A key whose presence beside a shared key means that a loader imports the name there."""

RARE_KEYS: Final = KERNEL_KEYS | targets.PICKLED_KEYS | {_EVALUATED_KEY, "backbone"}
"""Keys that ordinary data hardly have, so that stretches of plain data with one of them are executed."""

SETTING_KEYS: Final = RARE_KEYS | expressions.LAYER_KEYS | targets.SHARED_KEYS
"""Keys whose items may be settings by which a loader runs code."""


def may_act(key: str, value: object, has_parameters: bool) -> bool:
    """Whether a loader may run code by an item of a mapping; a ``value`` other than a text may hold one that acts.

    Args:
        key: one of ``SETTING_KEYS``.
        value: of the item.
        has_parameters: ``PARAMETERS_KEY`` is beside it.
    """
    if not isinstance(value, str):
        return key not in targets.SHARED_KEYS and key != _EVALUATED_KEY
    if key == _EVALUATED_KEY:
        return _CALL in value
    if key in targets.SHARED_KEYS:
        return is_dotted_name(value) and (has_parameters or is_code_running_name(value))
    return key not in expressions.LAYER_KEYS


def read_pickled_settings(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield outlines of the names that settings of pickled mappings make a loader import, evaluate or download.

    Raises:
        LimitReachedError: a bound on the analysis of a setting was reached.
    """
    if settings:
        for interpreter in (switches.SWITCHES, targets.TARGETS, expressions.EXPRESSIONS, tool_settings.TOOL_SETTINGS):
            yield from interpreter.read(path, settings, limits)
