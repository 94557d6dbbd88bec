"""Facts about the architecture and the tokenizer of a model, the base models on record, and the kinship between both.

The JSON report contains the names of the fields of ``Kinship`` and ``TemplateDifference``, so they are permanent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct, field

SEGMENT_TOKENS = 8000
"""Tokens in one segment of a vocabulary; added tokens at its end leave all full segments as they are."""


class Dimension(StrEnum):
    """A dimension of an architecture, whatever key a configuration gives it."""

    HIDDEN = "hidden"
    LAYERS = "layers"
    QUERY = "query"
    """Width of all query heads together: heads times the size of a head."""
    KEY = "key"
    """Width of all key heads together; smaller than ``QUERY`` where queries share keys."""
    INTERMEDIATE = "intermediate"
    """Width of the feed-forward layer."""
    VOCABULARY = "vocabulary"
    """Rows of the embedding of tokens, padding included."""
    EXPERTS = "experts"
    CONTEXT = "context"
    """The longest input in tokens. A derived model often changes it, so it only tells versions apart."""


class DimensionFact(Struct, frozen=True):
    """One dimension that a file states.

    Attributes:
        key: the key or the tensor that states it: ``hidden_size``.
    """

    dimension: Dimension
    value: int
    key: str


class VocabularyFact(Struct, frozen=True):
    """The tokens of a tokenizer, in the order of their numbers, as digests.

    Attributes:
        tokens: their number.
        segments: the digest of each full segment of ``SEGMENT_TOKENS`` tokens; of a shorter vocabulary, of all tokens.
        key: the key under which the file lists them; empty if the file is the list.
    """

    tokens: int
    segments: tuple[str, ...]
    key: str = ""


class TemplatePiece(Struct, frozen=True):
    """A piece of a chat template: a line, or a tag and the text behind it.

    Attributes:
        line: from 1.
        text: on one line, bounded.
        digest: of the piece without white space.
    """

    line: int
    text: str
    digest: str


class ModelTraits(Struct, frozen=True):
    """The facts of one file from which the base model of a model can be recognised, whatever the file says about it.

    Attributes:
        part: the key of the part that the facts describe, for a model of several: ``text_config``; empty for the whole.
        architecture: its family, in lower case: ``llama``; empty if the file does not state it.
        dimensions: in the order of the file.
        vocabulary: ``None`` if the file lists no tokens.
        special_tokens: the texts of tokens with a role, such as ``<|begin_of_text|>``.
        template: the pieces of the chat template, bounded; empty if the file has none.
    """

    part: str = ""
    architecture: str = ""
    dimensions: tuple[DimensionFact, ...] = ()
    vocabulary: VocabularyFact | None = None
    special_tokens: tuple[str, ...] = ()
    template: tuple[TemplatePiece, ...] = ()


class VocabularyRecord(Struct, frozen=True):
    """A vocabulary on record.

    Attributes:
        tokens: the number of tokens without added ones.
        segments: as of ``VocabularyFact``; empty if no copy of the vocabulary was at hand.
        special_tokens: tokens with a role that only models of this vocabulary have; empty if there are none.
        source: where the tokens were read.
    """

    id: str
    tokens: int
    segments: tuple[str, ...]
    special_tokens: tuple[str, ...]
    source: str


class BaseModel(Struct, frozen=True):
    """A base model on record.

    Attributes:
        id: its Hub id.
        names: patterns of Hub ids of the same model, such as its copies and its instruction-tuned versions.
        license: id of its licence.
        architecture: its family: ``llama``.
        shape: its dimensions, without ``CONTEXT``.
        vocabulary: ``None`` for models without tokens, and where nothing about them is known.
        context: the longest input in tokens; 0 if it is not on record.
        template: digests of the pieces of its chat template, see ``languages.architectures.templates``.
        source: where the figures were read.
    """

    id: str
    names: tuple[str, ...]
    license: str
    architecture: str
    shape: Mapping[Dimension, int]
    vocabulary: VocabularyRecord | None
    context: int
    template: frozenset[str]
    source: str

    def covers(self, name: str) -> bool:
        """Whether a Hub id is this model or a version of it; the case does not count."""
        folded = name.casefold()
        return folded == self.id.casefold() or any(fnmatchcase(folded, each.casefold()) for each in self.names)


class BaseModels(Struct, frozen=True):
    """All base models on record."""

    models: tuple[BaseModel, ...] = ()
    vocabularies: Mapping[str, VocabularyRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TemplateDifference:
    """A chat template that differs from that of the base model.

    Attributes:
        artifact: the file that holds the template.
        added: pieces that the template of the base model does not have, each as ``line 3: …``, bounded.
        missing: the number of pieces of the base model's template that it does not have.
    """

    artifact: str
    added: tuple[str, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Kinship:
    """Base models on record that have the vocabulary and the shape of the model, or of a part of it.

    Attributes:
        bases: their Hub ids; several if all of them have this vocabulary and shape.
        licenses: ids of their licences, each once.
        artifact: the file that states the shape.
        part: the key of the part in that file, or its folder; empty for the model itself.
        declared: whether the files name one of them, or one of their licences.
        evidence: the facts that agree, each as ``file: key: value``.
        template: the difference of the chat templates; ``None`` if there is none, or if one of the two is not known.
    """

    bases: tuple[str, ...]
    licenses: tuple[str, ...]
    artifact: str
    part: str
    declared: bool
    evidence: tuple[str, ...]
    template: TemplateDifference | None = None
