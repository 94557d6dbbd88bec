"""What servers and trainers import by name or from a file: PEFT, vLLM, SGLang, Ray Serve, BentoML, fairseq.

Sources: ``peft/auto.py`` (``auto_mapping``), ``peft/tuners/lora/model.py`` (``megatron_core``),
``vllm/engine/arg_utils.py``, ``ray/serve/schema.py`` (``import_path``, ``runtime_env``), ``fairseq/utils.py``
(``user_dir``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.names import FORMAT, is_dotted, is_module, python_name, told
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.wire.base import Reading

_MODULES: Final = frozenset({"parent_library", "megatron_core"})
_NAMES: Final = frozenset(
    {"worker_cls", "worker_extension_cls", "scheduler_cls", "middleware", "logits_processors", "import_path",
     "custom_sigquit_handler", "custom_weight_loader", "logits_processor_pattern"}
)  # fmt: skip
_CODE: Final = frozenset(
    {"user_dir", "tool_parser_plugin", "reasoning_parser_plugin", "setup_script", "common.user_dir", "plugin_path"}
)
_FETCHED: Final = frozenset({"working_dir", "py_modules", "py_executable"})
_BASE: Final = "base_model_name_or_path"


def read(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the modules, the functions and the files."""
    yield from told(_named(settings))
    found = tuple(_files(settings))
    if found:
        yield References(FORMAT, found)


def _named(settings: Sequence[Setting]) -> Iterator[Mention]:
    for setting in settings:
        value = setting.value
        if setting.key in _MODULES and is_module(value):
            yield python_name("module", str(value), setting)
        elif setting.key in _NAMES and isinstance(value, str) and is_dotted(value.replace(":", ".")):
            yield python_name("target", value, setting)


def _files(settings: Sequence[Setting]) -> Iterator[Reference]:
    for setting in settings:
        value = setting.value
        if not isinstance(value, str) or not value or "\n" in value:
            continue
        where, by = setting.where, setting.key
        if by in _CODE or (by in _FETCHED and ("://" in value)):
            yield Reference(ReferenceKind.CODE, value[:1000], by, where=where)
        elif by == _BASE and value.startswith(("../", "..\\")):
            yield Reference(ReferenceKind.MODEL, value[:1000], by, where=where)


SERVING = Interpreter(_MODULES | _NAMES | _CODE | _FETCHED | {_BASE}, read)
