"""Base models that vocabulary and shape show: the built pairs, and the facts that they rest on."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pytest
import yaml

from modelaudit.catalogue.base_models import load_base_models
from modelaudit.languages.architectures.templates import cut_template
from modelaudit.languages.architectures.tensors import read_tensor_traits
from modelaudit.languages.architectures.vocabulary import hash_vocabulary, read_tiktoken, read_tokenizer
from modelaudit.licenses.lineage.kinship import find_kinships
from modelaudit.model.copies import replace
from modelaudit.model.lineage import BaseModel, BaseModels, Dimension, DimensionFact, ModelTraits, VocabularyRecord

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from lineage_models import _build_piece  # noqa: E402
from lineage_pairs import PAIRS, run_pairs  # noqa: E402

TOKENS = [f"token{number}" for number in range(17_000)]
TEMPLATE = "{% for m in messages %}\n{{ m.content }}\n{% endfor %}"
SHAPE = {Dimension.HIDDEN: 64, Dimension.LAYERS: 4, Dimension.INTERMEDIATE: 256, Dimension.QUERY: 64}


def make_base(id_: str = "acme/base", **changes: object) -> BaseModel:
    fact = hash_vocabulary(TOKENS)
    record = VocabularyRecord("acme", fact.tokens, fact.segments, (), "")
    values = {"shape": SHAPE, "vocabulary": record, "context": 0, "template": frozenset(), "source": ""} | changes
    return BaseModel(id_, (), "LicenseRef-Gemma", "llama", **values)


def state_shape(**changes: int) -> ModelTraits:
    values = {str(key): value for key, value in SHAPE.items()} | changes
    return ModelTraits("", "llama", tuple(DimensionFact(Dimension(key), size, key) for key, size in values.items()))


def find(traits: list[tuple[str, ModelTraits]], *bases: BaseModel, names: tuple[str, ...] = ()):
    records = {base.vocabulary.id: base.vocabulary for base in bases if base.vocabulary}
    return find_kinships(traits, BaseModels(bases, records), names, ())


@pytest.mark.parametrize("path", [PAIRS[0], *(pytest.param(each, marks=pytest.mark.slow) for each in PAIRS[1:])])
def test_built_pairs_show_the_base_models_that_they_have(path, tmp_path):
    pairs = yaml.safe_load(path.read_text(encoding="utf-8"))
    faults = [f"{result.pair}: {result.fault}" for result in run_pairs(pairs, tmp_path) if result.fault]
    assert faults == []


def test_shipped_table_lists_sixty_base_models_with_a_licence_and_a_source(rules):
    models = load_base_models().models
    assert len(models) >= 60
    assert [model.id for model in models if model.license not in rules.licenses or not model.source] == []
    assert [model.id for model in models if model.shape[Dimension.HIDDEN] < 512] == []


@pytest.mark.parametrize(
    ("suffix", "kind", "gate", "query"),
    [
        ("weight", "F16", (9216, 2304), (2048, 2304)),
        ("qweight", "I32", (288, 9216), (288, 2048)),  # GPTQ, 4 bits
        ("qweight", "I32", (216, 9216), (216, 2048)),  # GPTQ, 3 bits
        ("qweight", "I32", (2304, 1152), (2304, 256)),  # AWQ
        ("weight_packed", "I32", (9216, 288), (2048, 288)),  # compressed-tensors
        ("weight", "U32", (9216, 288), (2048, 288)),  # MLX
        ("qweight", "I32", (100, 9216), (100, 2048)),  # no layout of a hidden size of 2304
    ],
)
def test_packed_weights_state_the_outputs_of_their_modules(suffix, kind, gate, query):
    layer = "model.layers.25"
    tensors = [
        ("model.embed_tokens.weight", "F16", (256000, 2304)),
        (f"{layer}.mlp.gate_proj.{suffix}", kind, gate),
        (f"{layer}.self_attn.q_proj.{suffix}", kind, query),
    ]
    (traits,) = read_tensor_traits(tensors)
    stated = {fact.dimension: fact.value for fact in traits.dimensions}
    known = {} if gate[0] == 100 else {Dimension.INTERMEDIATE: 9216, Dimension.QUERY: 2048}
    assert stated == {Dimension.VOCABULARY: 256000, Dimension.HIDDEN: 2304, Dimension.LAYERS: 26} | known


def test_every_tokenizer_format_gives_the_same_digests(read_bytes):
    text = json.dumps({"model": {"type": "BPE", "vocab": {token: at for at, token in enumerate(TOKENS)}}})
    pairs = json.dumps({"model": {"type": "Unigram", "vocab": [[token, -1.5] for token in TOKENS]}})
    numbers = json.dumps({token: at for at, token in reversed(list(enumerate(TOKENS)))})
    pieces = b"".join(map(_build_piece, TOKENS))
    files = {"tokenizer.json": text.encode(), "vocab.json": numbers.encode(), "tokenizer.model": pieces}
    expected = hash_vocabulary(TOKENS).segments
    found = {name: read_bytes(data, name).of(ModelTraits) for name, data in files.items()}
    found["unigram"] = read_bytes(pairs.encode(), "tokenizer.json").of(ModelTraits)
    assert all([each.vocabulary.segments for each in traits] == [expected] for traits in found.values())
    assert len(found) == len(files) + 1


def test_added_tokens_keep_the_kinship_and_another_vocabulary_of_the_same_shape_has_none():
    base = make_base()
    for tokens, is_kin in (
        (TOKENS, True),
        ([*TOKENS, *(f"added{number}" for number in range(9000))], True),
        ([f"other{number}" for number in range(17_000)], False),
        (["new", *TOKENS], False),
    ):
        traits = [("config.json", state_shape()), ("tokenizer.json", ModelTraits(vocabulary=hash_vocabulary(tokens)))]
        assert bool(find(traits, base)) is is_kin


def test_copy_under_the_name_of_a_base_model_and_other_terms_declares_nothing(tmp_path):
    pair = {"base": "meta-llama/Llama-2-7b-hf", "card": {"license": "mit"}, "expected": "review"}
    (result,) = run_pairs([pair], tmp_path)
    assert result.fault == ""
    traits = [("config.json", state_shape()), ("tokenizer.json", ModelTraits(vocabulary=hash_vocabulary(TOKENS)))]
    base = replace(make_base(), names=("*/base*",))
    records = {"acme": base.vocabulary}
    for own, declared in (("acme/base", True), ("other/base", False)):
        (kinship,) = find_kinships(traits, BaseModels((base,), records), (), (), own)
        assert kinship.declared is declared


def test_list_of_tiktoken_has_the_digests_of_the_same_tokens():
    text = "".join(f"{base64.b64encode(token.encode()).decode()} {at}\n" for at, token in enumerate(TOKENS))
    (traits,) = read_tiktoken(text)
    assert traits.vocabulary.segments == hash_vocabulary(TOKENS).segments
    assert list(read_tiktoken("not a list of tokens\n")) == []


@pytest.mark.parametrize("change", [{"hidden": 65}, {"layers": 5}, {"intermediate": 255}, {"query": 32}])
def test_one_differing_dimension_is_no_kinship(change):
    vocabulary = ModelTraits(vocabulary=hash_vocabulary(TOKENS))
    assert find([("config.json", state_shape(**change)), ("tokenizer.json", vocabulary)], make_base()) == ()


def test_shape_without_a_vocabulary_is_no_kinship():
    assert find([("config.json", state_shape())], make_base()) == ()


@pytest.mark.parametrize(
    ("architecture", "size", "change", "is_kin"),
    [
        ("llama", 128_256, {}, True),
        ("llama", 128_320, {}, True),
        ("mistral", 128_256, {}, True),
        ("llama", 128_000, {}, False),
        ("llama", 130_000, {}, False),
        ("llama", 128_256, {"layers": 5}, False),
    ],
)
def test_rare_size_of_the_vocabulary_and_all_dimensions_show_a_base_model(architecture, size, change, is_kin):
    base = make_base(shape=SHAPE | {Dimension.VOCABULARY: 128_256})
    traits = replace(state_shape(vocabulary=size, **change), architecture=architecture)
    assert bool(find([("config.json", traits)], base)) is is_kin
    common = make_base(shape=SHAPE | {Dimension.VOCABULARY: 32_000})
    assert find([("config.json", state_shape(vocabulary=32_000))], common) == ()
    other = ("tokenizer.json", ModelTraits(vocabulary=hash_vocabulary([f"other{number}" for number in range(17_000)])))
    assert find([("config.json", traits), other], base) == ()


def test_tensors_show_the_shape_that_the_configuration_hides(read_bytes):
    vocabulary = ModelTraits(vocabulary=hash_vocabulary(TOKENS))
    stored = ModelTraits(dimensions=state_shape().dimensions)
    hidden = state_shape(hidden=128, query=128)
    (kinship,) = find(
        [("config.json", hidden), ("model.safetensors", stored), ("tokenizer.json", vocabulary)], make_base()
    )
    assert kinship.bases == ("acme/base",)
    assert any(line.startswith("model.safetensors: hidden: 64") for line in kinship.evidence)


def test_longest_input_tells_versions_of_one_shape_apart():
    vocabulary = ModelTraits(vocabulary=hash_vocabulary(TOKENS))
    bases = (make_base("acme/one", context=1000), make_base("acme/two", context=2000))
    for context, named in ((1000, ("acme/one",)), (2000, ("acme/two",)), (3000, ("acme/one", "acme/two"))):
        traits = [("config.json", state_shape(context=context)), ("tokenizer.json", vocabulary)]
        (kinship,) = find(traits, *bases)
        assert kinship.bases == named


def test_base_model_that_a_file_names_is_declared():
    traits = [("config.json", state_shape()), ("tokenizer.json", ModelTraits(vocabulary=hash_vocabulary(TOKENS)))]
    assert [each.declared for each in find(traits, make_base(), names=("Acme/Base",))] == [True]
    assert [each.declared for each in find(traits, make_base(), names=("acme/other",))] == [False]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{%- for m in messages -%}\n\n{{m.content}}{% endfor %}", None),
        (f"{TEMPLATE}\nBuy only from ACME.", (("line 4: Buy only from ACME.",), 0)),
        ("{% for m in messages %}{% endfor %}", ((), 1)),
    ],
)
def test_changed_template_is_listed_with_its_lines(template, expected):
    base = make_base(template=frozenset(piece.digest for piece in cut_template(TEMPLATE)))
    tokenizer = ModelTraits(vocabulary=hash_vocabulary(TOKENS), template=cut_template(template))
    (kinship,) = find([("config.json", state_shape()), ("tokenizer_config.json", tokenizer)], base)
    assert (kinship.template and (kinship.template.added, kinship.template.missing)) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"vocab": {"a": 0, "b": 1',
        '{"vocab": {"a": 99999999999999}}',
        '{"vocab": [["a", 1], ["b"]]}',
        '{"added_tokens": [[[[',
        '{"vocab": {' + '"\\' * 1000,
    ],
)
def test_damaged_tokenizer_has_no_vocabulary(text):
    assert [each.vocabulary for each in read_tokenizer(text)] == []
