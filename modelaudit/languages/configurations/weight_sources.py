"""Detect repositories and addresses from which a loader fetches further weights by default. They are not examined.

Sources: ``vllm/transformers_utils/configs/speculators`` (``verifier``), ``diffusers/modular_pipelines`` (components),
``open_clip/factory.py`` (towers and tokenizer), ``llava/model/multimodal_encoder/builder.py`` (``mm_vision_tower``),
``transformers/utils/backbone_utils.py`` (``backbone``), ``ultralytics/engine/trainer.py`` (``pretrained``, ``model``),
the workflows of ComfyUI (``models``), https://docs.ollama.com/modelfile (``FROM``, ``ADAPTER``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading

# Last steps of the paths of settings that name a repository, without positions in lists.
_REPOSITORY_PATHS: Final = (
    ("verifier", "name_or_path"),
    ("pretrained_model_name_or_path",),
    ("mm_vision_tower",),
    ("mm_audio_tower",),
    ("backbone",),
    ("text_cfg", "hf_model_name"),
    ("text_cfg", "hf_tokenizer_name"),
    ("vision_cfg", "timm_model_name"),
)
# Those of settings that name the address of a file.
_ADDRESS_PATHS: Final = (("pretrained",), ("model",), ("models", "url"))
_CAN_NAME_REPOSITORY: Final = dict.fromkeys(_ADDRESS_PATHS, False) | dict.fromkeys(_REPOSITORY_PATHS, True)
"""By the path of a setting: whether a repository counts there. An address counts under every path."""
_KEYS: Final = frozenset(path[-1] for path in _CAN_NAME_REPOSITORY)
# Keys and files of these loaders. The plain words among the keys above are tokens of many vocabularies as well.
_TRIGGERS: Final = frozenset({"use_pretrained_backbone", "use_timm_backbone", "widgets_values", "close_mosaic"}) | {
    key for key in _KEYS if "_" in key
}
_FILES: Final = frozenset({"args.yaml", "workflow.json"})
_REPOSITORY: Final = defer_pattern(r"(?:hf-hub:|hf_hub:|hf://)?[A-Za-z0-9_][\w.-]{0,95}/[\w.-]{1,96}(?:@.{1,200})?")
_ADDRESS: Final = defer_pattern(r"(?:https?|ftp|s3|gs)://.{1,2000}", re.IGNORECASE)
# Ollama takes a model from another registry if its name begins with a host.
_OLLAMA_SOURCE: Final = defer_pattern(
    r"https?://.{1,2000}|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?::\d{1,5})?/.{1,500}", re.IGNORECASE
)


def read_weight_sources(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the repositories and addresses of further weights."""
    yield from build_outlines(_collect_sources(settings))


def _collect_sources(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each repository or address of further weights."""
    for setting in settings:
        if setting.key not in _KEYS or not isinstance(setting.value, str):
            continue
        steps = tuple(step for step in setting.path if not step.isdigit())
        ends = (steps[-2:], steps[-1:])
        can_be_repository = next((_CAN_NAME_REPOSITORY[end] for end in ends if end in _CAN_NAME_REPOSITORY), None)
        is_address = can_be_repository is not None and _ADDRESS.fullmatch(setting.value)
        if is_address or (can_be_repository and _REPOSITORY.fullmatch(setting.value)):
            yield make_source_mention(setting.value, ".".join(steps), setting.where)


def make_source_mention(source: str, named_by: str, where: Location) -> Mention:
    """Return the mention of a repository or address of further weights.

    Args:
        source: the repository or address.
        named_by: the path of the setting, or the instruction of a Modelfile.
        where: the place of the setting or instruction.
    """
    return Mention("weight-sources", "weights", source[:200], where, named_by[:200])


def is_ollama_source(name: str) -> bool:
    """Whether the name of a model in a Modelfile leads to another registry than that of Ollama, or to an address."""
    return _OLLAMA_SOURCE.fullmatch(name) is not None


WEIGHT_SOURCES = Interpreter(_TRIGGERS, read_weight_sources, _FILES)
