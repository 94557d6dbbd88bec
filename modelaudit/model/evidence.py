"""Facts about licences and base models that readers yield, from any format."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from modelaudit.model.structure import NOWHERE, Location


class ProseKind(StrEnum):
    """The kind of a text, by the name or the place of its file."""

    LICENSE = "license"
    """A file named as a licence: ``LICENSE``, ``COPYING``, ``LICENSES/…``, ``EULA``, ``TERMS``."""
    NOTICE = "notice"
    POLICY = "use-policy"
    CARD = "card"
    """The text of a model card below its front matter."""
    CODE = "code-head"
    """The comment at the head of a source file."""
    DOCUMENT = "document"
    """A text for people with any other name, which may read like terms."""
    INSTRUCTIONS = "agent-instructions"
    """The prose of a file that agents load by its name, with any other name than those above."""
    STRINGS = "strings"
    """Strings of a structured file, or the text of a PDF, with any other name."""


class Prose(Struct, frozen=True):
    """A text that may hold licence terms.

    Attributes:
        text: bounded, with its line breaks; empty if the file gave none, and then ``unread`` gives the reason.
        first_line: line number, from 1, of its first line in the artifact; 0 in a file without lines.
        unread: the reason why a part of the text, or all of it, was not read, as a clause; empty if all was.
    """

    kind: ProseKind
    text: str
    first_line: int = 1
    unread: str = ""

    def locate_line(self, line: int) -> int | None:
        """Return the line number in the artifact of a line of the text, both from 1; ``None`` without lines."""
        return self.first_line + line - 1 if self.first_line else None


class Topic(StrEnum):
    """The topic of a statement."""

    LICENSE = "license"
    LICENSE_NAME = "license-name"
    LICENSE_LINK = "license-link"
    BASE_MODEL = "base-model"
    TRAINED_FROM = "trained-from"
    """A model that a training setting, script or log names; only one with a licence that restricts counts."""
    RELATION = "relation"
    """How the model was made from its base models: a word of the Hub, or the relation that the format implies."""
    DATASET = "dataset"
    MODALITY = "modality"
    """``multimodal`` for a model that handles more than text, ``text`` for one that does not."""
    COMPONENT = "component"
    """A part of a release, by its id in ``rules/openness.yaml`` (Model Openness Framework)."""


class Statement(Struct, frozen=True):
    """A statement of a file, with the field or key that makes it.

    Attributes:
        field: as spelled in the file: ``general.license``, ``base_model_name_or_path``.
        value: as written there, bounded.
    """

    topic: Topic
    field: str
    value: str
    where: Location = NOWHERE


class Statements(Struct, frozen=True):
    """The statements of one file about licence and base models, outside model cards."""

    format: str
    items: tuple[Statement, ...]
