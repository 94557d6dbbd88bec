"""Programs in a torch archive beside its pickles: TorchScript sources, tables of operators, exported graphs.

An ``Outline`` is not enough here. A name is judged with the definitions of all programs in the archive: a type or a
method that one source defines is known in every other. Without a call, the name of an operator may be a field.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class NameUse(StrEnum):
    """The way a torch program uses a name."""

    OPERATOR = "operator"
    """An operator by its namespace: ``aten::relu`` for ``torch.relu`` and ``ops.aten.relu``."""
    METHOD = "method"
    """An attribute of a value, which may be a field or method of the archive's own, or an operator of ``aten``."""
    NAME = "name"
    """A bare name that is called."""
    TYPE = "type"
    """A class or function by its path from ``__torch__``."""
    UNRESOLVED = "unresolved"
    """A name that is computed when the program is compiled."""
    IMPORT = "import"
    """A name that loading imports by its path in Python: ``module.name``."""
    EXPRESSION = "expression"
    """A word of a text that loading evaluates as an expression."""
    IDENTIFIER = "identifier"
    """A text that loading writes into Python source as an identifier, although it is not one."""


class TorchMention(Struct, frozen=True):
    """One name in a program, kept once for each use.

    Attributes:
        use: the way the program uses it.
        name: the name.
        line: of its first occurrence, from 1; 0 where the program has no lines.
        called: whether it is called anywhere.
    """

    use: NameUse
    name: str
    line: int = 0
    called: bool = False


class TorchProgram(Struct, frozen=True):
    """The names in a program that torch compiles or runs.

    Attributes:
        format: ``torchscript`` (a source), ``torch-bytecode`` (instructions for phones) or ``torch-export`` (a graph).
        mentions: the names, in the order of their first occurrence.
        path: the path from ``__torch__`` of its definitions; empty where it has none.
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


class StorageClaim(Struct, frozen=True):
    """The claims of a pickle about one storage of numbers, which torch finds by its key in another part of the file.

    Attributes:
        key: the key of the storage.
        types: every type of storage that the pickle gives it, such as ``FloatStorage``; one in an ordinary file.
        counts: every number of elements that it gives it; one in an ordinary file.
        item_size: bytes of one element by the first type; ``None`` where that is unknown.
        tensor_end: bytes from the start of the storage to the furthest end of a tensor in it; 0 without tensors.
        stored_size: bytes of the storage in the file, where the same artifact holds it; ``None`` otherwise.
        offset: of the first reference to it in the pickle, in bytes.
    """

    key: str
    types: tuple[str, ...]
    counts: tuple[int, ...]
    item_size: int | None
    tensor_end: int = 0
    stored_size: int | None = None
    offset: int = 0
