"""Detect names and files that servers and trainers import: PEFT, vLLM, SGLang, Ray Serve, BentoML, fairseq, MLC.

Sources: ``peft/auto.py`` (``auto_mapping``), ``peft/tuners/lora/model.py`` (``megatron_core``),
``vllm/engine/arg_utils.py``, ``vllm/distributed/kv_transfer/kv_connector/factory.py``, ``ray/serve/schema.py``
(``import_path``, ``runtime_env``), ``fairseq/utils.py`` (``user_dir``), ``mlc_llm/serve/engine_base.py``
(``model_lib``), the execution providers of ONNX Runtime (``backend_path``, ``trt_extra_plugin_lib_paths``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import (
    FORMAT,
    build_outlines,
    is_dotted_name,
    is_module_name,
    make_python_mention,
)
from modelaudit.languages.document_settings import expand_json_texts
from modelaudit.languages.settings import Interpreter, Setting, compile_keys_in_text, list_spellings, normalize_key
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.wire.base import Reading

_MODULE_KEYS: Final = frozenset({"parent_library", "megatron_core", "kv_connector_module_path"})
NAME_KEYS: Final = frozenset(
    {"worker_cls", "worker_extension_cls", "scheduler_cls", "middleware", "logits_processors", "import_path",
     "custom_sigquit_handler", "custom_weight_loader", "logits_processor_pattern",
     "distributed_executor_backend"}
)  # fmt: skip
_CODE_KEYS: Final = frozenset(
    {"user_dir", "tool_parser_plugin", "reasoning_parser_plugin", "setup_script", "plugin_path", "entryPoint"}
)
# Native libraries that a runtime loads into its process: ONNX Runtime GenAI (``genai_config.json``) and MLC.
_LIBRARY_KEYS: Final = frozenset({"custom_ops_library"})
# Of these, the keys whose value is usually a mere name, which is looked up among the libraries of the machine.
_NAMED_LIBRARY_KEYS: Final = frozenset(
    {
        "backend_path",
        "trt_extra_plugin_lib_paths",
        "ep_library_path",
        "library_path",
        "shared_lib_path",
        "model_lib",
        "model_lib_path",
    }
)
_LIBRARY_SEPARATOR: Final = ";"  # of TensorRT
# Keys of Ray and TorchServe whose value may be an address; the path of a local folder does not count as a reference.
_ADDRESS_KEYS: Final = frozenset({"working_dir", "py_modules", "py_executable", "load_models"})
_BASE_MODEL_KEY: Final = "base_model_name_or_path"


def read_serving(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the modules and functions that a server imports, and references to the files that it reads."""
    settings = expand_json_texts(settings, limits)
    yield from build_outlines(_collect_names(settings))
    references = tuple(_collect_files(settings))
    if references:
        yield References(FORMAT, references)


def _collect_names(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each module and function that a server imports by a setting."""
    for setting in settings:
        value = setting.value
        key = normalize_key(setting.key)
        if key in _MODULE_KEYS and is_module_name(value):
            yield make_python_mention("module", str(value), setting)
        elif key in NAME_KEYS and isinstance(value, str) and is_dotted_name(value.replace(":", ".")):
            yield make_python_mention("target", value, setting)


def _collect_files(settings: Sequence[Setting]) -> Iterator[Reference]:
    """Yield a reference to each code file, address or library that a server loads, and to a base model that is a file.

    The name of a base model is usually a repository. Only a path that leads out of the folder is a file.
    """
    for setting in settings:
        value = setting.value
        if not isinstance(value, str) or not value or "\n" in value:
            continue
        where, key = setting.where, normalize_key(setting.key)
        if key in _CODE_KEYS or (key in _ADDRESS_KEYS and "://" in value):
            yield Reference(ReferenceKind.CODE, value[:1000], setting.key, where=where)
        elif key in _LIBRARY_KEYS:
            yield Reference(ReferenceKind.LIBRARY, value[:1000], setting.key, where=where)
        elif key in _NAMED_LIBRARY_KEYS:
            for library in value.split(_LIBRARY_SEPARATOR):
                if "/" in library or "\\" in library:
                    yield Reference(ReferenceKind.LIBRARY, library.strip()[:1000], setting.key, where=where)
        elif key == _BASE_MODEL_KEY and value.startswith(("../", "..\\")):
            yield Reference(ReferenceKind.MODEL, value[:1000], setting.key, where=where)


_KEYS: Final = (
    _MODULE_KEYS | NAME_KEYS | _CODE_KEYS | _LIBRARY_KEYS | _NAMED_LIBRARY_KEYS | _ADDRESS_KEYS | {_BASE_MODEL_KEY}
)
SERVING = Interpreter(list_spellings(_KEYS), read_serving, marks=compile_keys_in_text(_KEYS))
