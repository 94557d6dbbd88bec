"""Read dimensions, special tokens and chat templates from the configurations of models and tokenizers.

Sources: the ``configuration_*.py`` of transformers, ``params.json`` of Meta's releases, ``docs/gguf.md`` of ggml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.languages.architectures.templates import cut_template
from modelaudit.languages.architectures.vocabulary import keep_special_tokens
from modelaudit.languages.settings import Interpreter, Scalar, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.lineage import Dimension, DimensionFact, ModelTraits
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name

_MAX_DIMENSION: Final = 2**40
_CONFIGURATIONS: Final = frozenset({"config.json", "params.json"})
_TOKENIZER_CONFIGURATIONS: Final = frozenset(
    {"tokenizer_config.json", "special_tokens_map.json", "chat_template.json", "processor_config.json"}
)
_PARTS: Final = ("text_config", "language_config", "llm_config", "thinker_config", "decoder")
"""Keys of the language model in the configuration of a larger one."""
_TEMPLATE_KEY: Final = "chat_template"
_ADDED_TOKENS: Final = "added_tokens_decoder"
_TOKEN_SUFFIXES: Final = ("_token", "_tokens")

_KEYS: Final[Mapping[Dimension, tuple[str, ...]]] = {
    Dimension.HIDDEN: ("hidden_size", "n_embd", "n_embed", "d_model", "dim", "model_dim"),
    Dimension.LAYERS: ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    Dimension.INTERMEDIATE: (
        *("intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "d_ff", "moe_intermediate_size"),
        *("encoder_ffn_dim", "hidden_dim"),
    ),
    Dimension.VOCABULARY: ("vocab_size", "padded_vocab_size"),
    Dimension.EXPERTS: ("num_local_experts", "n_routed_experts", "num_experts"),
    Dimension.CONTEXT: ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len", "max_sequence_length"),
}
_HEADS: Final = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_KEY_HEADS: Final = (
    *("num_key_value_heads", "n_kv_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num", "kv_n_heads"),
)
_HEAD_SIZES: Final = ("head_dim", "kv_channels", "attention_head_dim", "d_kv")

# Keys of GGUF behind the name of the architecture.
_GGUF_KEYS: Final[Mapping[str, Dimension]] = {
    "embedding_length": Dimension.HIDDEN,
    "block_count": Dimension.LAYERS,
    "feed_forward_length": Dimension.INTERMEDIATE,
    "vocab_size": Dimension.VOCABULARY,
    "context_length": Dimension.CONTEXT,
    "expert_count": Dimension.EXPERTS,
}


def _read_traits(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the traits that a configuration of a model, or of its tokenizer, states."""
    if get_file_name(path) in _CONFIGURATIONS:
        whole = _build_model_traits(_collect_values(settings, ()), "")
        if whole is not None:
            yield whole
        for part in _PARTS:
            nested = _build_model_traits(_collect_values(settings, (part,)), part)
            if nested is not None:
                yield nested
        return
    special_tokens = keep_special_tokens(_iter_special_tokens(settings))
    template = cut_template(_find_template(settings))
    if special_tokens or template:
        yield ModelTraits(special_tokens=special_tokens, template=template)


def _collect_values(settings: Sequence[Setting], prefix: tuple[str, ...]) -> dict[str, Scalar]:
    """Collect the values of the mapping at ``prefix``, without those of deeper mappings."""
    depth = len(prefix)
    return {each.path[-1]: each.value for each in settings if len(each.path) == depth + 1 and each.path[:-1] == prefix}


def _build_model_traits(values: Mapping[str, Scalar], part: str) -> ModelTraits | None:
    """Build the traits of a model from its configuration; ``None`` if no dimension is stated."""
    facts = [
        DimensionFact(dimension, number, key)
        for dimension, keys in _KEYS.items()
        for key, number in [_find_number(values, keys)]
        if number is not None
    ]
    found = {fact.dimension: fact.value for fact in facts}
    facts += build_head_facts(
        found.get(Dimension.HIDDEN),
        _find_number(values, _HEADS),
        _find_key_heads(values),
        _find_number(values, _HEAD_SIZES),
    )
    architecture = values.get("model_type") or values.get("_class_name") or ""
    return ModelTraits(part, str(architecture).lower()[:100], tuple(facts)) if facts else None


def _find_number(values: Mapping[str, Scalar], keys: Sequence[str]) -> tuple[str, int | None]:
    """Find the first key with a positive whole number, with that number."""
    for key in keys:
        value = values.get(key)
        if type(value) is int and 0 < value < _MAX_DIMENSION:
            return key, value
    return "", None


def _find_key_heads(values: Mapping[str, Scalar]) -> tuple[str, int | None]:
    """Find the number of key heads, which is 1 in some families that state no number."""
    key, number = _find_number(values, _KEY_HEADS)
    # Falcon states a number of key heads that only its newer architecture uses.
    if values.get("multi_query") is True and not values.get("new_decoder_architecture"):
        return "multi_query", 1
    return key, number


def build_head_facts(
    hidden: int | None, heads: tuple[str, int | None], key_heads: tuple[str, int | None], size: tuple[str, int | None]
) -> list[DimensionFact]:
    """Build the widths of queries and keys from numbers of heads and the size of one, each with its key."""
    if heads[1] is None:
        return []
    head_size = size[1] if size[1] is not None else (hidden // heads[1] if hidden else None)
    if head_size is None:
        return []
    facts = [DimensionFact(Dimension.QUERY, heads[1] * head_size, f"{heads[0]} x {head_size}")]
    key, count = key_heads if key_heads[1] is not None else heads
    if count is not None:
        facts.append(DimensionFact(Dimension.KEY, count * head_size, f"{key} x {head_size}"))
    return facts


def _iter_special_tokens(settings: Sequence[Setting]) -> Iterator[str]:
    """Yield the texts of the tokens with a role, of a tokenizer's configuration."""
    for each in settings:
        if not isinstance(each.value, str) or not each.path:
            continue
        last = each.path[-1]
        is_added = last == "content" and each.path[0] == _ADDED_TOKENS
        is_role = each.path[0].endswith(_TOKEN_SUFFIXES) and (last == "content" or last == each.path[0])
        is_listed = each.path[0].endswith("_tokens") and last.isdigit()
        if is_added or is_role or is_listed:
            yield each.value


def _find_template(settings: Sequence[Setting]) -> str:
    """Find the chat template, the default one of several; empty if there is none."""
    named = [each for each in settings if each.path[:1] == (_TEMPLATE_KEY,) and isinstance(each.value, str)]
    defaults = {each.path[1] for each in named if each.value == "default" and len(each.path) == 3}
    for each in named:
        is_chosen = len(each.path) == 1 or (each.path[-1] == "template" and each.path[1] in defaults)
        if is_chosen and isinstance(each.value, str):
            return each.value
    return ""


def read_gguf_traits(architecture: str, scalars: Mapping[str, int | float | bool], template: str) -> ModelTraits:
    """Return the traits that the metadata of a GGUF file state.

    Args:
        architecture: the value of ``general.architecture``.
        scalars: the numbers of the metadata by key.
        template: the chat template, empty if there is none.
    """

    def find(suffix: str) -> tuple[str, int | None]:
        return _find_number(scalars, (f"{architecture}.{suffix}",))

    facts = [
        DimensionFact(dimension, number, key)
        for suffix, dimension in _GGUF_KEYS.items()
        for key, number in [find(suffix)]
        if number is not None
    ]
    facts += build_head_facts(
        find("embedding_length")[1],
        find("attention.head_count"),
        find("attention.head_count_kv"),
        find("attention.key_length"),
    )
    return ModelTraits(
        architecture=architecture.lower()[:100],
        dimensions=tuple(facts),
        template=cut_template(template),
    )


TRAITS: Final = Interpreter(frozenset(), _read_traits, _CONFIGURATIONS | _TOKENIZER_CONFIGURATIONS)
