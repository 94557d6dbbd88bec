"""Facts about models: all that a full card, a configuration and weights state, and what a bare folder holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.model.description import Confidence, Contradiction, Fact, ModelDescription, Topic
from modelaudit.model.structure import Location

_CARD: Final = (
    (Topic.DESCRIPTION, "A tiny model that writes sentences.", {}),
    (Topic.SUPPLIER, "acme", {}),
    (Topic.AUTHOR, "Ada Example", {}),
    (Topic.CONTACT, "models@acme.example", {}),
    (Topic.PAPER, "https://arxiv.org/abs/1810.04805", {}),
    (Topic.REPOSITORY, "https://github.com/acme/tiny", {}),
    (Topic.HOMEPAGE, "https://acme.example/tiny", {}),
    (Topic.DOWNLOAD, "https://acme.example/tiny.tar", {}),
    (Topic.TAG, "finance", {}),
    (Topic.TAG, "text-generation", {}),
    (Topic.TASK, "text-generation", {}),
    (Topic.LANGUAGE, "en", {}),
    (Topic.APPROACH, "Self Supervised", {}),
    (Topic.INPUT, "text", {"limit": "2,048 tokens"}),
    (Topic.OUTPUT, "text", {}),
    (Topic.BASE_MODEL, "acme/base", {"relation": "finetune"}),
    (Topic.DATASET, "acme/pairs", {"use": "training", "license": "CC-BY-4.0"}),
    (Topic.DATASET, "acme/tests", {"use": "evaluation", "url": "https://data.example/tests"}),
    (Topic.METRIC, "0.91", {"dataset": "acme/tests", "name": "accuracy", "split": "test", "task": "text-generation"}),
    (Topic.TRAINING, "It was trained for two days.", {}),
    (Topic.INTENDED_USE, "Writing sentences about markets.", {}),
    (Topic.OUT_OF_SCOPE, "Advice to investors.", {}),
    (Topic.USERS, "Researchers", {}),
    (Topic.LIMITATION, "It knows English only.", {}),
    (Topic.ETHICS, "It repeats the bias of its data.", {}),
    (Topic.SAFETY_RISK, "low", {}),
    (Topic.STANDARD, "ISO/IEC 42001", {}),
    (Topic.SENSITIVE_DATA, "The data hold no names of persons.", {}),
    (Topic.HARDWARE, "8 x A100", {}),
    (Topic.ENERGY, "1250", {"activity": "training", "provider": "Example Power", "source": "wind"}),
    (Topic.EMISSIONS, "50000", {"source": "codecarbon"}),
    (Topic.RELEASE_TIME, "2026-10-01", {}),
)
_FILES: Final = (
    (Topic.ARCHITECTURE_FAMILY, "llama", {}, "model_type"),
    (Topic.ARCHITECTURE, "LlamaForCausalLM", {}, "architectures"),
    (Topic.DIMENSION, "32000", {"name": "vocabulary"}, "vocab_size"),
    (Topic.DIMENSION, "2048", {"name": "context"}, "max_position_embeddings"),
    (Topic.DIMENSION, "64", {"name": "hidden"}, "hidden_size"),
    (Topic.DIMENSION, "2", {"name": "layers"}, "num_hidden_layers"),
    (Topic.DIMENSION, "4", {"name": "heads"}, "num_attention_heads"),
    (Topic.DIMENSION, "128", {"name": "feed-forward"}, "intermediate_size"),
    (Topic.TOKENIZER, "LlamaTokenizer", {}, "tokenizer_class"),
    (Topic.HYPERPARAMETER, "0.0001", {"name": "learning_rate"}, "learning_rate"),
    (Topic.FRAMEWORK, "transformers", {"version": "4.40.0"}, "transformers_version"),
    (Topic.LIBRARY, "torch", {"range": ">=2.1"}, None),
)


def build_full_description() -> ModelDescription:
    """Build the facts of a model with a full card."""
    declared = (
        _build_fact(topic, value, Confidence.DECLARED, "README.md", Location(line=number), qualifiers)
        for number, (topic, value, qualifiers) in enumerate(_CARD, 1)
    )
    claimed = Fact(Topic.PARAMETERS, "7000000", Confidence.DECLARED, "README.md", Location(line=50))
    counted = Fact(Topic.PARAMETERS, "125000", Confidence.VERIFIED, "model.safetensors")
    sentence = "README.md states 7,000,000 parameters, and model.safetensors holds 125,000."
    facts = (*declared, *_list_found(), counted, claimed)
    return ModelDescription(_sort(facts), (Contradiction(claimed, counted, sentence),))


def build_bare_description() -> ModelDescription:
    """Build the facts of a folder without a card: those of its configuration and its weights."""
    stated = (
        _build_fact(topic, value, Confidence.FOUND, "config.json", Location(key=key), {})
        for topic, value, key in (
            (Topic.TASK, "text-generation", "architectures"),
            (Topic.SUPPLIER, "acme", "_name_or_path"),
            (Topic.HOMEPAGE, "https://acme.example/tiny", "homepage"),
        )
    )
    return ModelDescription(_sort((*stated, *_list_found())))


def build_hostile_description(text: str) -> ModelDescription:
    """Build a fact on each topic whose value, place and qualifiers are one hostile text."""
    names = ("name", "version", "range", "relation", "license", "url", "activity", "provider", "source", "dataset")
    facts = tuple(
        _build_fact(topic, text, Confidence.DECLARED, text, Location(line=0, key=text), dict.fromkeys(names, text))
        for topic in Topic
    )
    return ModelDescription(facts, (Contradiction(facts[0], facts[1], text),))


def _list_found() -> Iterable[Fact]:
    """List the facts of files on which a program depends."""
    return (
        _build_fact(topic, value, Confidence.FOUND, "config.json", Location(key=key), qualifiers)
        for topic, value, qualifiers, key in _FILES
    )


def _build_fact(
    topic: Topic, value: str, confidence: Confidence, artifact: str, where: Location, qualifiers: dict[str, str]
) -> Fact:
    """Build a fact with its qualifiers in the order of their names."""
    return Fact(topic, value, confidence, artifact, where, tuple(sorted(qualifiers.items())))


def _sort(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Sort facts as a description has them: by topic, then the strongest first."""
    topics, strengths = list(Topic), list(Confidence)
    return tuple(sorted(facts, key=lambda fact: (topics.index(fact.topic), -strengths.index(fact.confidence))))
