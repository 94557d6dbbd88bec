"""What a torch archive would run beside its pickles: TorchScript sources, tables of operators, exported graphs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NameUse(StrEnum):
    """How a program of torch names something."""

    OPERATOR = "operator"
    """An operator by its namespace: ``aten::relu`` for ``torch.relu`` and ``ops.aten.relu``."""
    METHOD = "method"
    """An attribute of a value, which may be a field or method of the archive's own, or an operator of ``aten``."""
    NAME = "name"
    """A bare name that is called."""
    TYPE = "type"
    """A class or function by its path from ``__torch__``."""
    UNRESOLVED = "unresolved"
    """Something that is only known when the program is compiled."""
    IMPORT = "import"
    """A name that loading imports by its path in Python: ``module.name``."""
    EXPRESSION = "expression"
    """A word of a text that loading evaluates as an expression."""
    IDENTIFIER = "identifier"
    """A text that loading writes into Python source as an identifier, and that is none."""


@dataclass(frozen=True, slots=True)
class TorchMention:
    """One name in a program, told once for each program and way of naming it.

    Attributes:
        line: where it stands first, from 1; 0 where the program has no lines.
        called: whether it is called anywhere.
    """

    use: NameUse
    name: str
    line: int = 0
    called: bool = False


@dataclass(frozen=True, slots=True)
class TorchProgram:
    """A program that torch compiles or runs, by the names in it.

    Attributes:
        format: ``torchscript`` (a source), ``torch-bytecode`` (instructions for phones) or ``torch-export`` (a graph).
        path: the path from ``__torch__`` that its definitions stand under; empty where it has none.
        defines: classes, functions and methods that it defines, by their last name.
        types: classes and functions that it defines, by their whole path, which begins with ``__torch__``.
        fields: fields that its classes declare.
    """

    format: str
    mentions: tuple[TorchMention, ...]
    path: str = ""
    defines: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StorageClaim:
    """What a pickle says of one storage of numbers, which torch finds by its key in another part of the file.

    Attributes:
        key: by which the storage is found.
        types: every type of storage that the pickle gives it, such as ``FloatStorage``; one in an ordinary file.
        counts: every number of elements that it gives it; one in an ordinary file.
        item_size: bytes of one element by the first type; ``None`` where that is not known.
        reach: bytes from the start of the storage to the end of the tensor that reaches furthest; 0 without tensors.
        stored: bytes that are there for it, where the same artifact holds them; ``None`` otherwise.
        offset: where the pickle first names it, in bytes.
    """

    key: str
    types: tuple[str, ...]
    counts: tuple[int, ...]
    item_size: int | None
    reach: int = 0
    stored: int | None = None
    offset: int = 0
