"""Which names the fixtures hand to loaders: every format, vocabulary and use, with a fixture that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelaudit.model.outline import PYTHON_NAMES, TORCH_OPERATORS, Mention, Outline
from modelaudit.model.reading import Structure
from modelaudit.model.skops import SkopsSchema
from modelaudit.model.torch import TorchProgram

INVENTED = "acme_exec_shell"
"""A name that no vocabulary lists."""


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """How a format hands a name to its loader. For skops, ``use`` is the loader of the node."""

    format: str
    vocabulary: str
    use: str


def places_of(structure: Structure) -> Iterator[Place]:
    """Every place of a structure that names something."""
    match structure:
        case Outline():
            yield from (Place(structure.format, each.vocabulary, each.use) for each in structure.mentions)
        case TorchProgram():
            yield from (Place(structure.format, TORCH_OPERATORS, each.use.value) for each in structure.mentions)
        case SkopsSchema():
            yield from (Place("skops", PYTHON_NAMES, each.loader) for each in structure.nodes if not each.role)
        case _:
            return


def keep_invented(structure: Structure, place: Place) -> Structure:
    """The same structure with one name at ``place`` alone, an invented one, and without defects."""
    match structure:
        case Outline():
            return replace(structure, mentions=(Mention(place.vocabulary, place.use, INVENTED),), defects=())
        case TorchProgram():
            first = next(each for each in structure.mentions if each.use.value == place.use)
            # An attribute that is only read may be a field of the program's own classes.
            invented = replace(first, name=f"acme::{INVENTED}", called=True)
            return replace(structure, mentions=(invented,), defines=(), types=(), fields=())
        case SkopsSchema():
            node = next(each for each in structure.nodes if each.loader == place.use and not each.role)
            invented_node = replace(node, module="acme", name="Runner", bound="acme.Runner")
            return replace(structure, nodes=(invented_node,), defects=())
        case _:
            raise AssertionError(f"{type(structure).__name__} names nothing")
