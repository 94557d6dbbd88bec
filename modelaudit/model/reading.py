"""The union of all structures that readers yield. mypy reports each ``match`` over it that misses a new member."""

from __future__ import annotations

from modelaudit.model.artifact import Artifact
from modelaudit.model.evidence import Prose, Statements
from modelaudit.model.outline import Outline, References
from modelaudit.model.pickle import PickleProgram
from modelaudit.model.skops import SkopsSchema
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
    | Outline
    | PickleProgram
    | Prose
    | References
    | SkopsSchema
    | Statements
    | TensorData
    | TorchProgram
)
Reading = Structure | Unread | Artifact
"""A reader yields structures, absences and, from containers, child artifacts, in any order and number."""
