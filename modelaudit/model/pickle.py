"""What a pickle would do: a program for a small machine, told as the events that its loader would cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelaudit.model.structure import CodeOutline, Defect
from modelaudit.model.torch import StorageClaim


@dataclass(frozen=True, slots=True)
class Name:
    """A global that the loader would import: ``module`` and the possibly dotted ``qualname`` in it."""

    module: str
    qualname: str

    def __str__(self) -> str:
        return f"{self.module}.{self.qualname}"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that cannot be known without running the program; ``why`` says what made it so."""

    why: str


UNKNOWN_ARGUMENTS = Unknown("arguments that are not a plain tuple")
"""Stands for all the arguments of a call where the program does not spell them out."""


STATE_OWNER = Unknown("an object whose state this is")
"""Stands for whatever object kept a mapping as its state, when more is put into that mapping."""


COMPUTED_KEY = "__computed__"
"""Stands for a key that the program computes, which may be any; spelled so that it counts as special."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a call or construction returned: an object known only by what made it."""

    by: Name | Unknown
    called: bool


@dataclass(frozen=True, slots=True)
class Plain:
    """Inert data, told by its type and a bounded, escaped repr."""

    text: str


@dataclass(frozen=True, slots=True)
class Holding:
    """A container of which only the entries that are not inert data are kept.

    Attributes:
        type: ``tuple``, ``list``, ``dict``, ``set`` or ``frozenset``.
        entries: (key, value) pairs; the key is an index for sequences, the repr of the key for mappings.
    """

    type: str
    entries: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A constant that begins like a file of its own: where its ``length`` bytes stand in the artifact."""

    offset: int
    length: int


Value = Name | Unknown | Made | Plain | Holding | Embedded


@dataclass(frozen=True, slots=True)
class Instruction:
    """One opcode as it stands in the artifact.

    Attributes:
        offset: in bytes.
        opcode: its name in ``pickletools``; empty for a stretch that holds nothing but plain data.
        argument: bounded; what follows the opcode in the bytes, or the length of the stretch.
    """

    offset: int
    opcode: str
    argument: str = ""


class Act(StrEnum):
    """What the loader does at one point of the program."""

    IMPORT = "import"
    CALL = "call"
    CONSTRUCT = "construct"
    SET_STATE = "set-state"
    SET_ITEM = "set-item"
    PERSISTENT_LOAD = "persistent-load"
    EXTENSION = "extension"


@dataclass(frozen=True, slots=True)
class PickleEvent:
    """One act of the loader, in the order in which it would happen.

    Attributes:
        act: an import, ``f(*args)`` (REDUCE, OBJ, INST), ``cls.__new__(cls, *args)`` (NEWOBJ, NEWOBJ_EX),
            ``obj.__setstate__`` or ``obj.__dict__.update`` (BUILD), item assignment or appending to something that
            is no plain container, a persistent id, or a code of the extension registry.
        offset: where the opcode stands in the artifact, in bytes.
        opcode: its name in ``pickletools``.
        subject: what is imported, called, constructed or changed.
        arguments: positional arguments, state or items; bounded.
        sets: for ``set-state``, every attribute that the state sets to something that is no inert data, whole.
        listing: the opcodes that lead to it, itself the last; for the first acts of a program.
        stream: which of the pickles that follow one another in the artifact, from 0.
        gives: the global that a call such as ``getattr(module.Class, "name")`` is known to return; of an object, the
            attribute of what made it.
    """

    act: Act
    offset: int
    opcode: str
    subject: Value
    arguments: tuple[Value, ...] = ()
    stream: int = 0
    sets: tuple[tuple[str, Value], ...] = ()
    listing: tuple[Instruction, ...] = ()
    gives: Name | None = None


@dataclass(frozen=True, slots=True)
class PickleStream:
    """The extent of one pickle: first byte, the byte after its STOP (or after the last opcode read), protocol."""

    start: int
    end: int
    protocol: int
    complete: bool


@dataclass(frozen=True, slots=True)
class PickleProgram:
    """All that the pickles in one artifact would do. ``layout`` is ``raw``, ``torch-legacy`` and the like.

    Attributes:
        kept: names that were put on the stack more often than they were called: stored, handed on or dropped.
        codes: code objects that an act makes or loads, each with the offset of that act.
        storages: what it says of the storages of torch.
    """

    layout: str
    streams: tuple[PickleStream, ...]
    events: tuple[PickleEvent, ...]
    opcodes: int
    kept: tuple[Name, ...] = ()
    defects: tuple[Defect, ...] = ()
    codes: tuple[CodeOutline, ...] = ()
    storages: tuple[StorageClaim, ...] = ()
