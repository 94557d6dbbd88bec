"""What the files of a model say of its licence and of its origins: facts, from whatever format they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.structure import NOWHERE, Location


class ProseKind(StrEnum):
    """What the name or the place of a text says that it is."""

    LICENSE = "license"
    """A file that is named as a licence: ``LICENSE``, ``COPYING``, ``LICENSES/…``, ``EULA``, ``TERMS``."""
    NOTICE = "notice"
    POLICY = "use-policy"
    CARD = "card"
    """The text of a model card below its front matter."""
    CODE = "code-head"
    """The comment at the head of a source file."""


@dataclass(frozen=True, slots=True)
class Prose:
    """A text that may hold terms.

    Attributes:
        text: bounded, line breaks kept.
        first_line: number, from 1, of its first line in the artifact.
    """

    kind: ProseKind
    text: str
    first_line: int = 1


class Topic(StrEnum):
    """What a statement is about."""

    LICENSE = "license"
    LICENSE_NAME = "license-name"
    LICENSE_LINK = "license-link"
    BASE_MODEL = "base-model"
    RELATION = "relation"
    """How the model was made from its base models: a word of the Hub, or what follows from the format."""
    DATASET = "dataset"
    MODALITY = "modality"
    """``multimodal`` for a model that handles more than text, ``text`` for one that does not."""
    COMPONENT = "component"
    """A part of a release, as the Model Openness Framework counts them: what an id of its list stands for."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file says, with the field or key that says it.

    Attributes:
        field: as the file spells it: ``general.license``, ``base_model_name_or_path``.
        value: as it stands there, bounded.
    """

    topic: Topic
    field: str
    value: str
    where: Location = NOWHERE


@dataclass(frozen=True, slots=True)
class Statements:
    """What one file states of licence and origin outside of a model card."""

    format: str
    items: tuple[Statement, ...]
