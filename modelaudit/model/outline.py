"""What a file names that its loader acts on, whatever the format: operators, classes, targets, paths, lines of code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.structure import NOWHERE, Defect, Location

PYTHON_NAMES = "python-names"
"""The vocabulary of names of Python that a loader imports and calls; the lists of callables judge it."""
TORCH_OPERATORS = "torch-operators"
"""The vocabulary of TorchScript, mobile bytecode and exported graphs; the lists in ``rules/torchscript/`` judge it."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One thing that a file names and that its loader, or whoever runs it, acts on.

    Attributes:
        vocabulary: the list in ``rules/vocabularies/`` that judges the name, or ``python-names``.
        use: how the file uses it, a kebab word of the format: ``operator``, ``layer``, ``call``, ``import``.
        name: exact, as the file spells it, bounded.
        detail: what else it says there, such as an argument; one line, bounded. Never a secret.
    """

    vocabulary: str
    use: str
    name: str
    where: Location = NOWHERE
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Outline:
    """One file by what its loader acts on.

    Attributes:
        format: of the bytes: ``onnx``, ``gguf``, ``python``.
        facts: what a person would ask of it first, such as ``("producer", "pytorch 2.9")``; bounded.
    """

    format: str
    mentions: tuple[Mention, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    defects: tuple[Defect, ...] = ()


class ReferenceKind(StrEnum):
    """What a file wants of another file."""

    DATA = "data"
    """Bytes that it maps or reads, such as the external data of a graph."""
    CODE = "code"
    """Source that a loader imports."""
    MODEL = "model"
    """A further model that a loader loads."""
    LIBRARY = "library"
    """Native code that a loader links in."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A file names another one.

    Attributes:
        target: as the file spells it: a path from the folder of the file, an absolute one, an address of the web, or
            ``org/model--file.py`` for code of another repository.
        needs: bytes that the target has to have at least, where the file says so.
        by: what names it, such as ``auto_map.AutoModel``.
    """

    kind: ReferenceKind
    target: str
    by: str = ""
    needs: int = 0
    where: Location = NOWHERE


@dataclass(frozen=True, slots=True)
class Grid:
    """The files of an array in chunks, any of which may be absent: ``c/0/2`` below the folder of the array.

    Attributes:
        folder: of the array, from the folder of the file that describes it.
        prefix: what precedes the positions in the name of a chunk: ``c``, or nothing.
        separator: what stands between positions.
        counts: how many chunks there are along each dimension.
    """

    folder: str
    prefix: str
    separator: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class References:
    """What one file names of other files. Held against the files of the snapshot once all of them were read."""

    format: str
    items: tuple[Reference, ...]
    grids: tuple[Grid, ...] = ()
