"""Detect the modules and files that MLflow loads for a model: ``MLmodel`` and the environment files beside it.

Sources: ``mlflow/pyfunc/__init__.py`` (``load_model`` imports ``loader_module`` after it put ``code`` on the path),
``mlflow/models/model.py``; CVE-2023-6909, CVE-2024-37054.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import FORMAT, build_outlines, is_module_name, make_python_mention
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.wire.base import Reading
from modelaudit.wire.requirement_lines import collect_requirement_mentions
from modelaudit.wire.text import get_file_name

_CODE_KEYS: Final = frozenset({"code", "code_path", "code_paths", "code_dir", "model_code_path"})
_DATA_KEYS: Final = frozenset(
    {"data", "model_path", "model_data", "pickled_model", "python_model", "env", "python_env", "conda", "virtualenv"}
)
_MODEL_FILE: Final = "mlmodel"  # in lower case, as names are compared


def read_model(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the loader module, and references to the code and data files of the model."""
    yield from build_outlines(_collect_modules(settings))
    is_model_file = get_file_name(path) == _MODEL_FILE
    if is_model_file or any(setting.key == "loader_module" for setting in settings):
        references = tuple(_collect_files(settings))
        if references:
            yield References(FORMAT, references)


def _collect_modules(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each module that MLflow imports to load the model."""
    for setting in settings:
        if setting.key == "loader_module" and is_module_name(setting.value):
            yield make_python_mention("module", str(setting.value), setting)


def _collect_files(settings: Sequence[Setting]) -> Iterator[Reference]:
    """Yield the files that a model names under ``flavors``: code, and data that the loader module reads."""
    for setting in settings:
        steps_below_flavors = setting.get_steps_below("flavors")
        value = setting.value
        if not steps_below_flavors or not isinstance(value, str) or not value or "\n" in value:
            continue
        if setting.key in _CODE_KEYS:
            yield Reference(ReferenceKind.CODE, value[:1000], setting.where.key or "", where=setting.where)
        elif setting.key in _DATA_KEYS:
            yield Reference(ReferenceKind.DATA, value[:1000], setting.where.key or "", where=setting.where)


def read_environment(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the requirements of a conda or MLflow environment that do not come from the default index."""
    yield from build_outlines(_collect_requirements(path, settings))


def _collect_requirements(path: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield the requirements of a YAML environment that are addresses or options of an installer."""
    is_environment = get_file_name(path).endswith((".yaml", ".yml"))
    for setting in settings:
        if is_environment and setting.key in ("pip", "dependencies", "build_dependencies"):
            yield from collect_requirement_mentions(str(setting.value), setting.where)


MODELS = Interpreter(frozenset({"loader_module", "python_function"}), read_model, frozenset({_MODEL_FILE}))
ENVIRONMENTS = Interpreter(frozenset({"dependencies"}), read_environment)
