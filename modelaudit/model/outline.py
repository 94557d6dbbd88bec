"""Outlines, mentions and references: the names in a file that its loader acts on, whatever the format.

A *mention* is one such name: an operator, a layer, a class, a target, a command. An *outline* lists the mentions of a
file with facts and defects. *References* list the other files that it needs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from modelaudit.model.structure import NOWHERE, Defect, Location

PYTHON_NAMES = "python-names"
"""The vocabulary of Python names that a loader imports and calls; the lists of callables judge it."""
TORCH_OPERATORS = "torch-operators"
"""The vocabulary of TorchScript, mobile bytecode and exported graphs; the lists in ``rules/torchscript/`` judge it."""


class Mention(Struct, frozen=True):
    """A name in a file that its loader, or the user who runs it, acts on.

    Attributes:
        vocabulary: the list in ``rules/vocabularies/`` that judges the name, or ``python-names``.
        use: the use of the name, a kebab word of the format: ``operator``, ``layer``, ``call``, ``import``.
        name: exactly as the file spells it, bounded.
        detail: further information, such as an argument; one line, bounded. Never a secret.
        remark: a sentence on when the place runs, for the message of a finding; it makes no difference to rules.
        file: the path of the file that a call loads, as far as the source shows it; ``…`` is an unknown folder.
    """

    vocabulary: str
    use: str
    name: str
    where: Location = NOWHERE
    detail: str = ""
    remark: str = ""
    file: str = ""


class Outline(Struct, frozen=True):
    """The mentions, facts and defects of a file.

    Attributes:
        format: of the bytes: ``onnx``, ``gguf``, ``python``.
        facts: name and value of general properties, such as ``("producer", "pytorch 2.9")``; bounded.
    """

    format: str
    mentions: tuple[Mention, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    defects: tuple[Defect, ...] = ()


class ReferenceKind(StrEnum):
    """The purpose of a reference."""

    DATA = "data"
    """Bytes that a loader maps or reads, such as the external data of a graph."""
    CODE = "code"
    """Source that a loader imports."""
    MODEL = "model"
    """A further model that a loader loads."""
    LIBRARY = "library"
    """Native code that a loader links in."""


RUN_FILE: Final = "run-file"
"""The format of references to files that a command runs, whatever file contains the command."""

TOOL: Final = "tool"
"""What names a file of the format ``RUN_FILE`` that an editor runs in the place of a tool."""

DOCUMENTED_PROGRAM: Final = "documented-program"
"""The format of references to programs that a document has people run."""

IMPORTED: Final = "imported by its name"
"""The detail of a reference of Python code by ``from module import name``, which by itself uses nothing."""

TRUSTS_OWN_FOLDER: Final = "(trust_remote_code=True for its own folder)"
TRUSTS_HANDLER_FOLDER: Final = "(trust_remote_code=True for the folder of EndpointHandler)"
TRUSTS_SERVER_FOLDER: Final = "(trust_remote_code=True for the folder of model_fn)"
"""The names under which Python code loads the repository that it belongs to, by a way that shows the folder."""

RECORD_PATH: Final = "record-path"
"""The format of references to records of git or the Hub's client, whatever text contains them."""


class Reference(Struct, frozen=True):
    """A path or address of another file.

    Attributes:
        target: as the file spells it: a path relative to the folder of the file, an absolute path, a web address, or
            ``org/model--file.py`` for code of another repository.
        min_size: the minimum size of the target in bytes, where the file states it.
        named_by: the key or construct that names the target, such as ``auto_map.AutoModel``.
    """

    kind: ReferenceKind
    target: str
    named_by: str = ""
    min_size: int = 0
    where: Location = NOWHERE


class ChunkGrid(Struct, frozen=True):
    """The files of a chunked array, such as ``c/0/2`` below the folder of the array; any chunk may be absent.

    Attributes:
        folder: of the array, relative to the folder of the file that describes it.
        prefix: of a chunk's name: ``c``, or nothing.
        separator: between the positions in a chunk's name.
        counts: number of chunks along each dimension.
    """

    folder: str
    prefix: str
    separator: str
    counts: tuple[int, ...]


class References(Struct, frozen=True):
    """The references of one file. Checks compare them with the snapshot once all its files were read."""

    format: str
    items: tuple[Reference, ...]
    grids: tuple[ChunkGrid, ...] = ()
