"""Detect settings that disable a safeguard of the loader, or that make it download code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.document_settings import expand_json_texts
from modelaudit.languages.settings import (
    Interpreter,
    Scalar,
    Setting,
    compile_keys_in_text,
    list_spellings,
    normalize_key,
)
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

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
KERNEL_KEYS: Final = frozenset({"_attn_implementation", "attn_implementation", "_attn_implementation_internal"})
"""Keys under which Transformers downloads a kernel for attention if the value names a repository."""
# ``owner/name``, with a revision and a function behind it, and without the wrapper before it:
# ``paged|owner/name@main:function``.
_KERNEL_REPOSITORY: Final = re.compile(r"([\w.-]{1,100}/[\w.-]{1,100})(?:@[^:]{0,100})?(?::.{0,200})?", re.DOTALL)
_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})


def read_switches(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the switches in their unsafe position, and of the kernels that come from the Hub."""
    yield from build_outlines(_collect_switches(expand_json_texts(settings, limits)))


def _collect_switches(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each unsafe switch, and of each kernel that is downloaded from the Hub."""
    for setting in settings:
        key = normalize_key(setting.key)
        if key in _UNSAFE_IF_ON and _is_one_of(setting.value, _YES):
            yield Mention("switches", "switch", f"{key}=true", setting.where)
        elif key in _UNSAFE_IF_OFF and _is_one_of(setting.value, _NO):
            yield Mention("switches", "switch", f"{key}=false", setting.where)
        # The value may be a mapping with one kernel for each part of the model.
        elif isinstance(setting.value, str) and any(normalize_key(step) in KERNEL_KEYS for step in setting.path[-3:]):
            match = _KERNEL_REPOSITORY.fullmatch(setting.value.rpartition("|")[2].strip())
            if match is not None:
                yield Mention("switches", "kernel", match[1], setting.where, setting.value[:200])


def _is_one_of(value: Scalar, words: frozenset[str]) -> bool:
    """Whether a value is one of ``words``, whatever its type and case: ``True`` and ``"true"`` are ``true``."""
    return str(value).lower() in words


_KEYS: Final = _UNSAFE_IF_ON | _UNSAFE_IF_OFF | KERNEL_KEYS
SWITCHES = Interpreter(list_spellings(_KEYS), read_switches, marks=compile_keys_in_text(_KEYS))
