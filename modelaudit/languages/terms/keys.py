"""The keys that state licence and base models, by file and format. This module is data alone.

Sources: https://huggingface.co/docs/hub/model-cards, ``docs/gguf.md`` of ggml, the configurations that transformers,
diffusers, peft, mergekit, AutoGPTQ and MLflow write, https://github.com/Stability-AI/ModelSpec, the metadata of
sd-scripts (``ss_``), PEP 621 and 639, https://docs.npmjs.com/files/package.json,
https://citation-file-format.github.io.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from modelaudit.model.evidence import Topic


class Key(Struct, frozen=True):
    """One key.

    Attributes:
        topic: the topic of its statement.
        path: the keys that lead to it, without positions in lists; ``*`` matches one key, ``**`` any number of keys.
        implied_value: the statement that the key makes whatever its value; empty if the value is the statement.
    """

    topic: Topic
    path: tuple[str, ...]
    implied_value: str = ""


def _build_keys(topic: Topic, *paths: str, implied_value: str = "") -> tuple[Key, ...]:
    """Build a key for each path, whose steps are joined by ``/``."""
    return tuple(Key(topic, tuple(path.split("/")), implied_value) for path in paths)


_LICENSE: Final = (
    *_build_keys(Topic.LICENSE, "license", "licence", "License", "license/id", "license/name", "license/type"),
    *_build_keys(Topic.LICENSE_NAME, "license_name"),
    *_build_keys(Topic.LICENSE_LINK, "license_link", "license_url", "license/url", "license/link"),
)
_BASE: Final = _build_keys(Topic.BASE_MODEL, "base_model", "base_model_name_or_path", "model_name_or_path")
_QUANTIZED: Final = _build_keys(
    Topic.RELATION, "quantization_config/**", "compression_config/**", "quantization/**", implied_value="quantized"
)
_MULTIMODAL: Final = _build_keys(
    Topic.MODALITY,
    *("vision_config/**", "audio_config/**", "speech_config/**", "video_config/**", "visual/**", "vision_tower"),
    *("mm_vision_tower", "mm_audio_tower", "image_token_id", "image_token_index", "video_token_id", "audio_token_id"),
    *("audio_token_index", "vision_config_name", "image_processor_type", "feature_extractor_type", "embd_layer/**"),
    implied_value="multimodal",
)
_CONFIG: Final = (
    *_LICENSE,
    *_build_keys(Topic.BASE_MODEL, "_name_or_path", "base_model", "base_model_name_or_path"),
    *_QUANTIZED,
    *_MULTIMODAL,
    *_build_keys(Topic.MODALITY, "architectures"),
)
_MERGE: Final = (
    *_build_keys(
        Topic.BASE_MODEL, "base_model", "models/model", "**/sources/model", "**/source_model", "base_model/**/path"
    ),
    *_build_keys(Topic.BASE_MODEL, "**/model/path", "**/model/model/path", "**/model/lora", "**/model/lora/path"),
    *_build_keys(
        Topic.RELATION, "merge_method", "models/**", "slices/**", "experts/**", "gate_mode", implied_value="merge"
    ),
)
_ADAPTER: Final = (
    *_LICENSE,
    *_build_keys(Topic.BASE_MODEL, "base_model_name_or_path"),
    *_build_keys(Topic.RELATION, "peft_type", "base_model_name_or_path", implied_value="adapter"),
)
_QUANTIZE: Final = (*_BASE, *_build_keys(Topic.RELATION, "bits", "w_bit", "quant_method", implied_value="quantized"))
_CARD: Final = (*_LICENSE, *_BASE, *_build_keys(Topic.DATASET, "datasets"))
_TRAINING: Final = (*_BASE, *_build_keys(Topic.DATASET, "datasets/path"))

DOCUMENT_KEYS: Final[Mapping[str, tuple[Key, ...]]] = {
    "config.json": _CONFIG,
    "configuration.json": _LICENSE,
    "params.json": _LICENSE,
    "preprocessor_config.json": _MULTIMODAL,
    "processor_config.json": _MULTIMODAL,
    "generation_config.json": _build_keys(Topic.BASE_MODEL, "_name_or_path", "name_or_path"),
    "tokenizer_config.json": _build_keys(Topic.BASE_MODEL, "name_or_path"),
    "model_index.json": (*_LICENSE, *_build_keys(Topic.BASE_MODEL, "_name_or_path")),
    "adapter_config.json": _ADAPTER,
    "mergekit_config.yml": _MERGE,
    "mergekit_config.yaml": _MERGE,
    "mergekit_moe_config.yml": _MERGE,
    "mergekit_moe_config.yaml": _MERGE,
    **dict.fromkeys(
        ("modelcard.json", "modelcard.yaml", "model_card.json", "model_card.yaml", "model_info.json", "metadata.json"),
        _CARD,
    ),
    "training_args.json": _BASE,
    "reuse.toml": _build_keys(Topic.LICENSE, "annotations/SPDX-License-Identifier"),
    "quantize_config.json": _QUANTIZE,
    "quant_config.json": _QUANTIZE,
    "hf_quant_config.json": _QUANTIZED,
    "axolotl_config.yml": _TRAINING,
    "axolotl_config.yaml": _TRAINING,
    "mlmodel": (
        *_build_keys(Topic.LICENSE, "metadata/license", "license"),
        *_build_keys(Topic.BASE_MODEL, "flavors/transformers/source_model_name", "metadata/base_model"),
        *_build_keys(Topic.RELATION, "flavors/transformers/peft_adaptor", implied_value="adapter"),
    ),
    **dict.fromkeys(
        ("openapi.yaml", "openapi.yml", "openapi.json", "swagger.yaml", "swagger.json"),
        (
            *_build_keys(Topic.LICENSE, "info/license/identifier"),
            *_build_keys(Topic.LICENSE_NAME, "info/license/name"),
            *_build_keys(Topic.LICENSE_LINK, "info/license/url"),
        ),
    ),
    "citation.cff": (*_build_keys(Topic.LICENSE, "license"), *_build_keys(Topic.LICENSE_LINK, "license-url")),
    "codemeta.json": _LICENSE,
    ".zenodo.json": _LICENSE,
    "package.json": (*_LICENSE, *_build_keys(Topic.LICENSE, "licenses", "licenses/type")),
    "pyproject.toml": (
        *_build_keys(Topic.LICENSE, "project/license", "project/license/text", "tool/poetry/license"),
        *_build_keys(Topic.LICENSE_LINK, "project/license/file"),
    ),
    **dict.fromkeys(("meta.yaml", "recipe.yaml"), _build_keys(Topic.LICENSE, "about/license")),
    "setup.cfg": _build_keys(Topic.LICENSE, "metadata/license"),
    "cargo.toml": (
        *_build_keys(Topic.LICENSE, "package/license"),
        *_build_keys(Topic.LICENSE_LINK, "package/license-file"),
    ),
}  # fmt: skip
"""By file name in lower case."""

REVISION_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "adapter_config.json": frozenset({"revision"}),
    **dict.fromkeys(
        ("mergekit_config.yml", "mergekit_config.yaml", "mergekit_moe_config.yml", "mergekit_moe_config.yaml"),
        frozenset({"revision"}),
    ),
    "axolotl_config.yml": frozenset({"revision_of_model"}),
    "axolotl_config.yaml": frozenset({"revision_of_model"}),
    "mlmodel": frozenset({"source_model_revision"}),
    "training_args.json": frozenset({"model_revision"}),
}
"""By file name in lower case: the keys that state the revision of the base model beside them."""

LICENSE_CHOICE_FILES: Final = frozenset({"citation.cff", "package.json"})
"""Files whose list of licences is a choice between them, by the definition of the format."""

METADATA_TOPICS: Final[Mapping[str, Topic]] = {
    "license": Topic.LICENSE,
    "licence": Topic.LICENSE,
    "general.license": Topic.LICENSE,
    "modelspec.license": Topic.LICENSE,
    "license_name": Topic.LICENSE_NAME,
    "general.license.name": Topic.LICENSE_NAME,
    "license_link": Topic.LICENSE_LINK,
    "license_url": Topic.LICENSE_LINK,
    "general.license.link": Topic.LICENSE_LINK,
    "base_model": Topic.BASE_MODEL,
    "base_model_name": Topic.BASE_MODEL,
    "base_model_name_or_path": Topic.BASE_MODEL,
    "general.source.huggingface.repository": Topic.BASE_MODEL,
    "general.source.repo_url": Topic.BASE_MODEL,
    "modelspec.merged_from": Topic.BASE_MODEL,
    "ss_sd_model_name": Topic.BASE_MODEL,
    "ss_base_model": Topic.BASE_MODEL,
    "ss_base_model_version": Topic.BASE_MODEL,
    "datasets": Topic.DATASET,
    "dataset": Topic.DATASET,
    "base_model_relation": Topic.RELATION,
}
"""Keys of the metadata pairs in model files (GGUF, safetensors, ONNX), in lower case."""

NUMBERED_GROUPS: Final = {"general.base_model.": Topic.BASE_MODEL, "general.dataset.": Topic.DATASET}
"""GGUF key groups: a number follows, then a property. Of ``NUMBERED_PROPERTIES`` the first that is present counts."""
NUMBERED_PROPERTIES: Final = ("repo_url", "url", "name")
ORGANIZATION_PROPERTY: Final = "organization"
"""The owner, to be combined with a bare name."""
NUMBERED_LISTS: Final = {"general.datasets.": Topic.DATASET}
"""GGUF lists, whose items become keys with a number."""

IMPLIED_RELATIONS: Final = {
    "ss_network_module": "adapter",
    "ss_network_dim": "adapter",
    "lora_alpha": "adapter",
    "general.quantized_by": "quantized",
    "sd_merge_models": "merge",
    "modelspec.merged_from": "merge",
}
"""Keys whose presence states how the model was made."""
FILE_TYPE_KEY: Final = "general.file_type"
UNQUANTIZED_FILE_TYPES: Final = frozenset({"0", "1", "32"})
"""Values of ``general.file_type`` for weights that are not quantized: F32, F16 and BF16."""

MULTIMODAL_WORDS: Final = (
    "audio", "blip", "clip", "cogvlm", "florence", "fuyu", "idefics", "image", "imagetext", "internvl", "kosmos",
    "llama4", "llava", "minicpmv", "mllama", "multimodal", "omni", "paligemma", "phi4mm", "pixtral", "speech", "video",
    "vision", "vl", "whisper",
)  # fmt: skip
"""Parts of architecture names whose models read or write more than text."""
TEXT_ONLY_ARCHITECTURES: Final = frozenset(
    f"{family}ForCausalLM"
    for family in (
        *("Llama", "Mistral", "Mixtral", "Qwen2", "Qwen2Moe", "Qwen3", "Qwen3Moe", "Gemma", "Gemma2", "Gemma3", "Phi"),
        *("Phi3", "Falcon", "GPTNeoX", "GPTNeo", "GPTJ", "OPT", "Bloom", "MPT", "Cohere", "Cohere2", "Olmo", "Olmo2"),
        *("StableLm", "Starcoder2", "GPTBigCode", "DeepseekV2", "DeepseekV3", "Mamba", "Granite", "Exaone", "Jamba"),
    )
) | {"GPT2LMHeadModel", "BertForMaskedLM", "RobertaForMaskedLM", "T5ForConditionalGeneration"}
"""Architectures that handle text alone."""
