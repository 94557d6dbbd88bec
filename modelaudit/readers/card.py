"""The YAML front matter of a model card, as far as it speaks of licence and lineage.

Source: the metadata that the Hub reads from ``README.md``, https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import CardField, Defect, Location, ModelCard
from modelaudit.readers.base import DamagedError
from modelaudit.readers.yaml_text import Node, YamlError, compose

FIELDS = frozenset(
    {
        "license",
        "license_name",
        "license_link",
        "base_model",
        "base_model_relation",
        "datasets",
        "new_version",
        "language",
        "library_name",
        "pipeline_tag",
        "tags",
    }
)
"""The fields that are kept."""

_FENCE = "---"
_LARGEST_FRONT_MATTER = MIB
_MOST_DUPLICATES = 50


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The lines between the two fences. ``first_line`` is the number, from 1, of the first of them.

    ``closed`` is whether the second fence stands there; without it, ``text`` runs to the end of the file.
    """

    text: str
    first_line: int
    closed: bool

    @property
    def is_too_long(self) -> bool:
        """Whether it is longer than any that is read."""
        return len(self.text) > _LARGEST_FRONT_MATTER


def front_matter(text: str) -> FrontMatter | None:
    """The front matter of a Markdown text, if its first line that is not blank is a fence."""
    lines = text.splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if line.strip()), None)
    if start is None or lines[start].rstrip() != _FENCE:
        return None
    stop = next((number for number in range(start + 1, len(lines)) if lines[number].rstrip() == _FENCE), None)
    return FrontMatter("".join(lines[start + 1 : stop]), start + 2, stop is not None)


def read_card(matter: FrontMatter, limits: Limits) -> ModelCard:
    """The fields of the front matter; what contradicts its form is a defect, and what stands before it is kept."""
    defects: list[Defect] = []
    if not matter.closed:
        where = Location(line=matter.first_line - 1)
        defects.append(Defect("front-matter-invalid", "the front matter is never closed by a line of ---", where))
    if matter.is_too_long:
        detail = f"the front matter is longer than {_LARGEST_FRONT_MATTER} characters"
        return ModelCard((), (*defects, Defect("front-matter-invalid", detail, Location(line=matter.first_line))))
    top, error = compose(matter.text, limits)
    if error is not None and matter.closed:
        defects.append(_invalid(error, matter.first_line))
    if top is not None and top.kind != "mapping" and not (top.kind == "scalar" and top.text is None):
        where = Location(line=matter.first_line)
        defects.append(Defect("front-matter-type", f"the front matter is a {top.kind}, not a mapping", where))
        top = None
    fields = _fields(top, matter.first_line - 1, defects) if top is not None else []
    return ModelCard(tuple(fields), tuple(defects))


def _invalid(error: DamagedError, first_line: int) -> Defect:
    line = first_line - 1 + (error.line if isinstance(error, YamlError) else 1)
    return Defect("front-matter-invalid", f"the front matter is not YAML: {error}", Location(line=line))


def _fields(top: Node, shift: int, defects: list[Defect]) -> list[CardField]:
    fields: list[CardField] = []
    seen: set[str] = set()
    for key, value in zip(top.items[::2], top.items[1::2], strict=False):
        name = key.text
        if key.kind != "scalar" or name is None:
            continue
        line = key.line + shift
        if name in seen and len(defects) < _MOST_DUPLICATES:
            where = Location(line=line, key=name)
            defects.append(Defect("duplicate-key", f"the front matter has the field {name!r} twice", where))
        seen.add(name)
        if name in FIELDS:
            fields.append(CardField(name, _values(name, value, line, defects), line))
    return fields


def _values(name: str, value: Node, line: int, defects: list[Defect]) -> tuple[str, ...]:
    """The text of a scalar, or of the scalars in a sequence; anything else is of the wrong type."""
    items = value.items if value.kind == "sequence" else [value]
    if any(item.kind != "scalar" for item in items):
        where = Location(line=line, key=name)
        defects.append(Defect("front-matter-type", f"the field {name!r} is neither text nor a list of texts", where))
    return tuple(item.text for item in items if item.kind == "scalar" and item.text is not None)
