"""Detect keys under which a loader takes a member of torch by the name that the configuration holds.

Transformers stores ``getattr(torch, config.dtype)`` in the configuration of the model. For ``"os"`` that is a module of
Python, ``torch.os``, which the code of the model then reaches without an import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines, is_module_name
from modelaudit.languages.settings import Interpreter, Setting, compile_keys_in_text, list_spellings, normalize_key
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

_VOCABULARY: Final = "torch-members"
_LIBRARY: Final = "torch."
# Source: transformers 5.24, configuration_utils.py, modeling_utils.py, pipelines/__init__.py, training_args.py,
# exporters/, utils/quantization_config.py and the models nllb_moe, switch_transformers, xlstm and nemotron_asr.
_KEYS: Final = frozenset(
    {"dtype", "torch_dtype", "compute_dtype", "buffer_dtype", "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage",
     "router_dtype", "inference_state_dtype", "autocast_kernel_dtype", "mel_filters_dtype", "export_dtype",
     "momentum_dtype", "variance_dtype"}
)  # fmt: skip


def read_data_types(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the members of torch that a loader takes for types of data."""
    yield from build_outlines(_collect_members(settings))


def _collect_members(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each member; a mapping may name one for each part of the model."""
    for setting in settings:
        value = setting.value
        if isinstance(value, str) and is_module_name(value) and _is_data_type(setting):
            name = value.removeprefix(_LIBRARY).partition(".")[0]
            yield Mention(_VOCABULARY, "data-type", _LIBRARY + name, setting.where)


def _is_data_type(setting: Setting) -> bool:
    """Whether a setting, or the mapping that holds it, names a type of data."""
    return any(normalize_key(step) in _KEYS for step in setting.path[-2:])


DATA_TYPES = Interpreter(list_spellings(_KEYS), read_data_types, marks=compile_keys_in_text(_KEYS))
