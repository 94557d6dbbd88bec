"""Detect settings that disable a safeguard of the loader, or that make it download code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.document_settings import expand_json_texts
from modelaudit.languages.kernel_keys import KERNEL_KEYS
from modelaudit.languages.settings import (
    Interpreter,
    Scalar,
    Setting,
    compile_keys_in_text,
    list_spellings,
    normalize_key,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name

_UNSAFE_IF_ON: Final = frozenset(
    {
        "trust_remote_code",
        "allow_pickle",
        "unsafe_load",
        "allow_unsafe_load",
        "enable_unsafe_deserialization",
        "allow_dangerous_deserialization",
        "allow_dangerous_code",
        "allow_dangerous_requests",
        "dangerously_allow_code_execution",
        "install_py_dep_per_model",
    }
)
_UNSAFE_IF_OFF: Final = frozenset({"weights_only", "safe_mode", "use_safetensors", "verify_ssl", "ssl_verify"})
_REPOSITORY: Final = defer_pattern(r"[\w.-]{1,96}/[\w.-]{1,96}")
_REMOTE_CODE: Final = "trust_remote_code"
# The configurations that a loader reads with the model, and their keys for parts from other repositories.
_OWN_FILES: Final = frozenset(
    {"config.json", "adapter_config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json",
     "sentence_bert_config.json", "model_index.json", "generation_config.json", "modules.json"}
)  # fmt: skip
_REPOSITORY_KEYS: Final = frozenset(
    {"backbone", "base_model_name_or_path", "pretrained_model_name_or_path", "model_name_or_path", "tokenizer_name",
     "tokenizer_name_or_path", "base_model", "encoder_name_or_path", "decoder_name_or_path", "vision_tower",
     "text_encoder_name_or_path", "keypoint_detector", "mm_vision_tower", "custom_generate", "repo_id", "model_id"}
)  # fmt: skip
_THIS_MODEL: Final = "this repository"
_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})


def read_switches(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the switches in their unsafe position, and of the kernels that come from the Hub."""
    expanded = expand_json_texts(settings, limits)
    mentions = (
        _collect_switches(expanded),
        _collect_passed_switches(path, expanded),
        _collect_switches_beside_repositories(path, expanded),
    )
    yield from build_outlines(chain.from_iterable(mentions))


def _collect_switches(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each unsafe switch, and of each kernel that is downloaded from the Hub."""
    from modelaudit.languages.python.remote_code import find_kernel_repository

    for setting in settings:
        key = normalize_key(setting.key)
        if key in _UNSAFE_IF_ON and _is_one_of(setting.value, _YES):
            yield Mention("switches", "switch", f"{key}=true", setting.where)
        elif key in _UNSAFE_IF_OFF and _is_one_of(setting.value, _NO):
            yield Mention("switches", "switch", f"{key}=false", setting.where)
        # The value may be a mapping with one kernel for each part of the model.
        elif isinstance(setting.value, str) and any(normalize_key(step) in KERNEL_KEYS for step in setting.path[-3:]):
            repository = find_kernel_repository(setting.value)
            if repository:
                yield Mention("switches", "kernel", repository, setting.where, setting.value[:200])


def _collect_passed_switches(path: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each nested switch that allows code, by the name of the file and the path of its keys.

    A loader that reads the file on its own may pass the values of such a mapping on to another loader. The vocabulary
    lists the paths that are known to be passed on. The detail names the repositories beside the mapping.
    """
    passed = [
        each
        for each in settings
        if len(each.path) > 1 and normalize_key(each.key) in _UNSAFE_IF_ON and _is_one_of(each.value, _YES)
    ]
    mappings = {each.path[:-2] for each in passed}
    repositories: dict[tuple[str, ...], dict[str, None]] = {}
    for setting in settings if mappings else ():
        is_beside = setting.path[:-1] in mappings
        if is_beside and isinstance(setting.value, str) and _REPOSITORY.fullmatch(setting.value):
            repositories.setdefault(setting.path[:-1], {})[setting.value] = None
    for each in passed:
        keys = ".".join(step for step in each.path if not step.isdigit())
        named = ", ".join(repositories.get(each.path[:-2], ())) or _THIS_MODEL
        yield Mention("switches", "passed-switch", f"{get_file_name(path)} {keys}"[:200], each.where, named[:200])


def _collect_switches_beside_repositories(path: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each switch for remote code in a model's own configuration that names another repository.

    No library writes the two together. Loaders that take the arguments of a part from the file obey both
    (CVE-2026-5241, CVE-2026-4372).
    """
    file = get_file_name(path)
    if file not in _OWN_FILES:
        return
    named = next((each.value for each in settings if _names_repository(each)), None)
    for setting in settings if named is not None else ():
        if normalize_key(setting.key) == _REMOTE_CODE and _is_one_of(setting.value, _YES):
            keys = ".".join(step for step in setting.path if not step.isdigit())
            yield Mention("switches", "beside-repository", f"{file} {keys}"[:200], setting.where, str(named)[:200])


def _names_repository(setting: Setting) -> bool:
    """Whether a setting names a repository from which a part of the model is loaded."""
    value = setting.value
    return setting.key in _REPOSITORY_KEYS and isinstance(value, str) and _REPOSITORY.fullmatch(value) is not None


def _is_one_of(value: Scalar, words: frozenset[str]) -> bool:
    """Whether a value is one of ``words``, whatever its type and case: ``True`` and ``"true"`` are ``true``."""
    return str(value).lower() in words


_KEYS: Final = _UNSAFE_IF_ON | _UNSAFE_IF_OFF | KERNEL_KEYS
SWITCHES = Interpreter(list_spellings(_KEYS), read_switches, marks=compile_keys_in_text(_KEYS))
