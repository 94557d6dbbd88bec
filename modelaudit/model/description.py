"""The description of a model: facts from its card, its configuration, its weights and its code, each with its source.

The JSON report contains the words of ``Topic`` and ``Confidence``, so they are permanent. An absent fact has no entry:
no value here is empty, a placeholder or a sentence of modelaudit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.structure import NOWHERE, Location


class Topic(StrEnum):
    """The topic of a fact."""

    NAME = "name"
    DESCRIPTION = "description"
    VERSION = "version"
    """A version that the model states of itself, beside its commit or digest."""
    RELEASE_TIME = "release-time"
    SUPPLIER = "supplier"
    """The owner of the repository, or the organisation that publishes the model."""
    AUTHOR = "author"
    """A person or an organisation that developed the model."""
    CONTACT = "contact"
    PAPER = "paper"
    REPOSITORY = "repository"
    """The address of the source code."""
    HOMEPAGE = "homepage"
    DEMO = "demo"
    DOWNLOAD = "download"
    CITATION = "citation"
    TAG = "tag"
    TASK = "task"
    LANGUAGE = "language"
    FRAMEWORK = "framework"
    """The library that loads the model; qualifier ``version``."""
    LIBRARY = "library"
    """A package that code, requirements or a configuration name; qualifiers ``version`` and ``range``."""
    MODEL_TYPE = "model-type"
    """The kind of the model in words: ``decoder-only transformer``."""
    ARCHITECTURE_FAMILY = "architecture-family"
    """``llama``."""
    ARCHITECTURE = "architecture"
    """The class or graph that the weights fill: ``LlamaForCausalLM``."""
    APPROACH = "approach"
    """How the model learned, as the card states it: ``supervised``, ``self-supervised``."""
    PARAMETERS = "parameters"
    """The number of parameters, in decimal digits; qualifiers ``embeddings``, how many of them are in embeddings, and
    ``part``: ``adapter`` if the weights are one."""
    PRECISION = "precision"
    """The type of the weights: ``bfloat16``."""
    QUANTISATION = "quantisation"
    DIMENSION = "dimension"
    """Qualifier ``name``: ``hidden``, ``layers``, ``context``, ``vocabulary``."""
    TOKENIZER = "tokenizer"
    INPUT = "input"
    """A kind of input: ``text``, ``image``; qualifier ``limit`` in the words of the source."""
    OUTPUT = "output"
    BASE_MODEL = "base-model"
    """Qualifier ``relation``: ``finetune``, ``adapter``, ``quantized``, ``merge``."""
    DATASET = "dataset"
    """Qualifiers ``use`` (``training``, ``evaluation``), ``license``, ``url``, ``config``, ``split``, ``revision``."""
    METRIC = "metric"
    """Its value; qualifiers ``name``, ``dataset``, ``task``, ``split``."""
    HYPERPARAMETER = "hyperparameter"
    """Its value; qualifier ``name``."""
    TRAINING = "training"
    """Words on how the model was trained."""
    INSTRUCTIONS = "instructions"
    """How to load and run the model."""
    INTENDED_USE = "intended-use"
    OUT_OF_SCOPE = "out-of-scope"
    USERS = "users"
    LIMITATION = "limitation"
    ETHICS = "ethics"
    """Words on bias, risks and ethical considerations."""
    SAFETY_RISK = "safety-risk"
    """The class of risk that the card states: ``high``."""
    STANDARD = "standard"
    """A standard or a law that the card claims to follow, in its own words."""
    SENSITIVE_DATA = "sensitive-data"
    HARDWARE = "hardware"
    ENERGY = "energy"
    """In kWh; qualifiers ``activity``, ``provider``, ``source``."""
    EMISSIONS = "emissions"
    """In grams of CO2 equivalents; qualifier ``source``."""
    LICENSE_TEXT = "license-text"
    """The path or address of a licence text."""


class Confidence(StrEnum):
    """Who vouches for a fact, the weakest first."""

    DECLARED = "declared"
    """The publisher states it in prose or in a field that nothing else depends on."""
    FOUND = "found"
    """It was read from a file that a program depends on: a configuration, a tensor table, code."""
    VERIFIED = "verified"
    """It was computed from bytes, or checked against an independent source."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact about the model.

    Attributes:
        value: bounded, one line, as the source writes it; numbers in decimal digits.
        artifact: the address of the file; empty for a record of the Hub.
        where: the place in that file: its line or its key.
        qualifiers: name and value of further parts, sorted by name; ``Topic`` lists the names.
    """

    topic: Topic
    value: str
    confidence: Confidence
    artifact: str = ""
    where: Location = NOWHERE
    qualifiers: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return the value of a qualifier; empty if the fact has none of this name."""
        return dict(self.qualifiers).get(name, "") if self.qualifiers else ""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A declared fact that the files contradict."""

    declared: Fact
    found: Fact
    sentence: str


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """All facts about the model, sorted by topic, then by confidence with the strongest first, then by source."""

    facts: tuple[Fact, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    def list_facts(self, *topics: Topic) -> tuple[Fact, ...]:
        """Return the facts on the topics, in the order of the description."""
        return tuple(fact for fact in self.facts if fact.topic in topics)

    def find_value(self, topic: Topic) -> str:
        """Return the value of the best fact on a topic; empty if there is none."""
        return next((fact.value for fact in self.facts if fact.topic is topic), "")


NO_DESCRIPTION = ModelDescription()
"""A description without facts."""
