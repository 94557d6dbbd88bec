"""Read the dimensions of a model from the names and the shapes of its tensors, weights of adapters among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.lineage import Dimension, DimensionFact, ModelTraits

# Types whose shape is that of the layer; quantised weights are packed into others.
_PLAIN_TYPES: Final = frozenset({"F16", "BF16", "F32", "F64", "F8_E4M3", "F8_E5M2"})
_LAYER: Final = defer_pattern(r"(?:^|\.)(?:layers|h|blocks|layer|block)\.(\d{1,4})\.")
# Parts that are not the language model.
_OTHER_PART: Final = defer_pattern(r"vision|visual|audio|image|vae|unet|projector|resampler")
_MODULE: Final = defer_pattern(
    r"(?:^|\.)(?P<module>embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|lm_head"
    r"|q_proj|wq|k_proj|wk|v_proj|wv|gate_proj|up_proj|w1|w3|down_proj|w2|dense_h_to_4h)"
    r"\.(?P<kind>weight|qweight|weight_packed|lora_A(?:\.[\w-]{1,60})?\.weight|lora_B(?:\.[\w-]{1,60})?\.weight)$"
)
_EMBEDDINGS: Final = frozenset({"embed_tokens", "wte", "word_embeddings", "tok_embeddings", "embed_in"})
_OUTPUTS: Final = {
    **dict.fromkeys(("q_proj", "wq"), Dimension.QUERY),
    # Values are as wide as keys in every base of the table.
    **dict.fromkeys(("k_proj", "wk", "v_proj", "wv"), Dimension.KEY),
    **dict.fromkeys(("gate_proj", "up_proj", "w1", "w3", "dense_h_to_4h"), Dimension.INTERMEDIATE),
}
# Types that hold several numbers of fewer bits in each stored one of 32.
_PACKING_TYPES: Final = frozenset({"I32", "U32"})
_PACKED_BITS: Final = (2, 3, 4, 8)
_AWQ_NUMBERS: Final = 8
_INPUTS: Final = {
    **dict.fromkeys(
        ("q_proj", "wq", "k_proj", "wk", "v_proj", "wv", "gate_proj", "up_proj", "w1", "w3"), Dimension.HIDDEN
    ),
    **dict.fromkeys(("down_proj", "w2"), Dimension.INTERMEDIATE),
}


def read_tensor_traits(tensors: Iterable[tuple[str, str, tuple[int, ...]]]) -> Iterator[ModelTraits]:
    """Yield the traits that tensors state, if they state any.

    The first tensor that states a dimension counts; experts of a mixture are left out, because their weights are many.

    Args:
        tensors: name, type and shape of each; a weight has its outputs first, as torch stores it.
    """
    facts: dict[Dimension, DimensionFact] = {}
    packed: dict[Dimension, tuple[str, tuple[int, ...]]] = {}
    last_layer, last_name = -1, ""
    for name, kind, shape in _iter_language_weights(tensors):
        layer = _LAYER.search(name)
        if layer is not None and int(layer[1]) > last_layer:
            last_layer, last_name = int(layer[1]), name
        if len(shape) != 2 or "expert" in name:
            continue
        if kind in _PLAIN_TYPES:
            for fact in _list_facts(name, shape):
                facts.setdefault(fact.dimension, fact)
        elif kind in _PACKING_TYPES and (match := _MODULE.search(name)) and match["module"] in _OUTPUTS:
            packed.setdefault(_OUTPUTS[match["module"]], (name, shape))
    for fact in _list_packed_facts(packed, facts.get(Dimension.HIDDEN)):
        facts.setdefault(fact.dimension, fact)
    if last_layer >= 0 and facts:
        facts[Dimension.LAYERS] = DimensionFact(Dimension.LAYERS, last_layer + 1, last_name)
    if len(facts) > 1:
        yield ModelTraits(dimensions=tuple(facts.values()))


def _iter_language_weights(
    tensors: Iterable[tuple[str, str, tuple[int, ...]]],
) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the tensors that are weights of a language model."""
    for name, kind, shape in tensors:
        is_weight = kind in _PLAIN_TYPES or name.endswith(("weight", "weight_packed"))
        if is_weight and not _OTHER_PART.search(name):
            yield name, kind, shape


def _list_packed_facts(
    packed: Mapping[Dimension, tuple[str, tuple[int, ...]]], hidden: DimensionFact | None
) -> Iterator[DimensionFact]:
    """Yield the outputs of modules with packed weights, each by its name and stored shape."""
    for dimension, (name, shape) in packed.items():
        outputs = _count_packed_outputs(name, shape, hidden.value if hidden is not None else 0)
        if outputs:
            yield DimensionFact(dimension, outputs, name)


def _count_packed_outputs(name: str, shape: tuple[int, ...], hidden: int) -> int:
    """Return the outputs of a packed weight of a module that reads the hidden state; 0 if its layout is not known.

    GPTQ packs the inputs of a ``qweight``, of shape (inputs x bits / 32, outputs), and AWQ its outputs, of shape
    (inputs, outputs / 8). The hidden size tells the two apart. Other packed weights have whole outputs first, as
    compressed-tensors and MLX store them.
    """
    first, second = shape
    if not name.endswith(".qweight"):
        return first
    if first == hidden:
        return second * _AWQ_NUMBERS
    return second if hidden and any(32 * first == hidden * bits for bits in _PACKED_BITS) else 0


def _list_facts(name: str, shape: tuple[int, ...]) -> list[DimensionFact]:
    """List the dimensions that the weight of one module, or its low-rank update, states."""
    match = _MODULE.search(name)
    if match is None:
        return []
    module, kind = match["module"], match["kind"]
    outputs, inputs = shape[0], shape[1]
    if module in _EMBEDDINGS and kind == "weight":
        return [DimensionFact(Dimension.VOCABULARY, outputs, name), DimensionFact(Dimension.HIDDEN, inputs, name)]
    found = []
    # The update of a weight is B times A: A has the inputs of the weight, and B its outputs.
    if module in _OUTPUTS and not kind.startswith("lora_A"):
        found.append(DimensionFact(_OUTPUTS[module], outputs, name))
    if module in _INPUTS and not kind.startswith("lora_B"):
        found.append(DimensionFact(_INPUTS[module], inputs, name))
    return found
