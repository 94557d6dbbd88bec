"""The union of all structures that readers yield. mypy reports each ``match`` over it that misses a new member."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from modelaudit.model.artifact import Artifact
from modelaudit.model.evidence import Prose, Statements
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.outline import Outline, References
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.skops import SkopsSchema
from modelaudit.model.stated import StatedValues, TensorTable
from modelaudit.model.structure import (
    ArchiveListing,
    Document,
    ModelCard,
    TensorData,
    Unread,
)
from modelaudit.model.torch import TorchProgram

Structure = (
    ArchiveListing
    | Document
    | ModelCard
    | ModelTraits
    | Outline
    | PickleProgram
    | Prose
    | References
    | SkopsSchema
    | StatedValues
    | Statements
    | TensorData
    | TensorTable
    | TorchProgram
)


class ReadingStep(Struct, frozen=True):
    """A part of a reader that fails alone: its exception costs nothing of what the reader yields later.

    Attributes:
        name: of the reader or search, for the absence if it fails.
        read: yields as a reader does.
    """

    name: str
    read: Callable[[], Iterator[Reading]]


Reading = Structure | Unread | Artifact | ReadingStep
"""A reader yields structures, absences, steps and, from containers, child artifacts, in any order and number."""
