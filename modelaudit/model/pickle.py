"""The program in a pickle, as the events that its loader would cause, and the costs of the calls in it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from modelaudit.model.structure import CodeOutline, Defect
from modelaudit.model.torch import StorageClaim
from modelaudit.model.traced import TracedSource


class Name(Struct, frozen=True):
    """A global that the loader would import: ``module`` and the possibly dotted ``qualname`` in it."""

    module: str
    qualname: str

    def __str__(self) -> str:
        return f"{self.module}.{self.qualname}"


class Unknown(Struct, frozen=True):
    """A value that is unknown without running the program; ``why`` gives the reason. Fingerprints contain ``why``."""

    why: str


UNKNOWN_ARGUMENTS = Unknown("arguments that are not a plain tuple")
"""Represents all arguments of a call where the program does not spell them out."""


STATE_OWNER = Unknown("an object whose state this is")
"""Represents the object that holds a mapping as its state, when items are added to that mapping."""


ITEMS_RECORDED = 64
"""The most values that an event keeps of the items that one opcode sets on an object."""

LARGE_NUMBER = 1 << 26
"""The number above which it matters what a callable makes of it: so many objects take gigabytes, and some seconds."""


COMPUTED_KEY = "__computed__"
"""Represents a key that the program computes; it has the form of a special name because it may be one."""


class CallResult(Struct, frozen=True):
    """The object that a call or construction returned, known only by its maker.

    Attributes:
        maker: the function or class that made it.
        called: whether it was called; otherwise ``cls.__new__`` was.
    """

    maker: Name | Unknown
    called: bool


class PlainValue(Struct, frozen=True):
    """Inert data, as a bounded and escaped repr."""

    text: str


class ContainerValue(Struct, frozen=True):
    """A container, as the entries that the machine keeps of it.

    Attributes:
        type: ``tuple``, ``list``, ``dict``, ``set`` or ``frozenset``.
        entries: (key, value) pairs; the key is an index for sequences, the repr of the key for mappings.
    """

    type: str
    entries: tuple[tuple[str, Value], ...]


class Embedded(Struct, frozen=True):
    """A constant that begins like a file: its ``length`` bytes are at ``offset`` in the artifact.

    Attributes:
        form: how a loader gets the content. ``bytes`` if it gets bytes, which are these or the characters of this text;
            ``characters`` if it gets a text whose characters represent bytes; empty if that is not certain.
    """

    offset: int
    length: int
    form: str = ""


Value = Name | Unknown | CallResult | PlainValue | ContainerValue | Embedded


class Instruction(Struct, frozen=True):
    """One opcode of the artifact.

    Attributes:
        offset: in bytes.
        opcode: its name in ``pickletools``; empty for a stretch of plain data.
        argument: the argument in the bytes, shortened, or the length of the stretch.
    """

    offset: int
    opcode: str
    argument: str = ""


class Magnitudes(Struct, frozen=True):
    """The magnitudes of the arguments of a call, or of a state; each attribute has one entry for each argument.

    Attributes:
        numbers: the absolute product of the integers in it, up to a bound; 1 without any.
        long_numbers: whether a text in it may state a large number.
        long_exponents: whether a text in it is a number with a long exponent, such as "1e1000000000".
    """

    numbers: tuple[int, ...]
    long_numbers: tuple[bool, ...]
    long_exponents: tuple[bool, ...]


class Act(StrEnum):
    """The kind of an event."""

    IMPORT = "import"
    CALL = "call"
    CONSTRUCT = "construct"
    SET_STATE = "set-state"
    SET_ITEM = "set-item"
    PERSISTENT_LOAD = "persistent-load"
    EXTENSION = "extension"


class PickleEvent(Struct, frozen=True):
    """One act of the loader, in the order of the loader.

    Attributes:
        act: an import, ``f(*args)`` (REDUCE, OBJ, INST), ``cls.__new__(cls, *args)`` (NEWOBJ, NEWOBJ_EX),
            ``obj.__setstate__`` or ``obj.__dict__.update`` (BUILD), item assignment or appending to something that
            is no plain container, a persistent id, or a code of the extension registry.
        offset: of the opcode in the artifact, in bytes.
        opcode: its name in ``pickletools``.
        operand: the value that is imported, called, constructed or changed.
        arguments: positional arguments, state or items; bounded.
        set_attributes: for ``set-state``, every attribute that the state sets to a value that is not inert data.
        listing: the opcodes that lead to it and its own; only for the first events of a program.
        stream: number of the pickle among those that follow one another in the artifact, from 0.
        returned_global: the global that a call such as ``getattr(module.Class, "name")`` returns; for an attribute of
            an object, that attribute of its maker.
        magnitudes: of the arguments; ``None`` where none of them is large.
    """

    act: Act
    offset: int
    opcode: str
    operand: Value
    arguments: tuple[Value, ...] = ()
    stream: int = 0
    set_attributes: tuple[tuple[str, Value], ...] = ()
    listing: tuple[Instruction, ...] = ()
    returned_global: Name | None = None
    magnitudes: Magnitudes | None = None


class Handing(Struct, frozen=True):
    """An object of the file that code gets while the file is loaded.

    Attributes:
        act: ``call`` or ``construct`` for arguments, ``set-state`` for a state that is a mapping, ``call`` for one that
            is none, else ``set-item``.
        receiver: the function or class that is called, the object that is changed, or what else gets it.
        maker: of the object, at any depth of what is passed; unknown where it was not kept.
    """

    act: Act
    receiver: Value
    maker: Name | Unknown


class TracedModule(Struct, frozen=True):
    """One call that rebuilds a traced module from its source.

    Attributes:
        offset: of the call in the artifact, in bytes.
        source: of the module.
    """

    offset: int
    source: TracedSource


class TracedModules(Struct, frozen=True):
    """The traced modules that the pickles of one artifact rebuild.

    Attributes:
        modules: in order.
        objects: (key, value) of each object that the pickles set under a text in any mapping, each pair once; empty
            without modules.
        stated: the makers of objects whose state is not a mapping and may hold keys all the same.
        obstacle: why ``objects`` may be incomplete; empty if it is not.
        positions: (maker, value) of each object in a state whose parts have positions and no keys.
        plain: the attributes that sources read and that may be numbers, texts or containers; "" if any may be.
    """

    modules: tuple[TracedModule, ...] = ()
    objects: tuple[tuple[str, Name | CallResult | Unknown], ...] = ()
    stated: tuple[Name | Unknown, ...] = ()
    obstacle: str = ""
    positions: tuple[tuple[Name | Unknown, Name | CallResult | Unknown], ...] = ()
    plain: tuple[str, ...] = ()


class UnpickledFile(Struct, frozen=True):
    """A constant in a mapping that a class may unpickle, such as the graph of a module.

    Attributes:
        key: under which an object has the mapping in its state.
        kind: the text beside the constant, by which the class selects a loader.
        format: of the file that the constant is, from its first byte to its last; empty if it is none.
    """

    key: str
    kind: str
    format: str


class UnpickledFiles(Struct, frozen=True):
    """The items that the pickles of one artifact set under keys of the form ``__name__``, as a class may unpickle them.

    Attributes:
        files: each combination once.
        obstacles: (key, reason) where a mapping under a key is not read in full; an empty key is for all keys.
        states: (maker, reason) of objects that get a state which may hold such a key without being read.
    """

    files: tuple[UnpickledFile, ...] = ()
    obstacles: tuple[tuple[str, str], ...] = ()
    states: tuple[tuple[Name | Unknown, str], ...] = ()


FILES_NOT_FOLLOWED = UnpickledFiles(obstacles=(("", "the file was read without following its constants"),))
"""Of a program that was recorded without them, so that no class that unpickles constants is trusted."""


class PickleStream(Struct, frozen=True):
    """The extent of one pickle.

    Attributes:
        start: offset of its first byte.
        end: offset behind its STOP, or behind the last opcode that was executed.
        protocol: 0 to 5.
        complete: whether it was executed to its STOP.
    """

    start: int
    end: int
    protocol: int
    complete: bool


class PickleProgram(Struct, frozen=True):
    """The events of all pickles in one artifact.

    Attributes:
        layout: ``raw``, ``torch-legacy``, or the layout of the archive around them.
        streams: the extents of the pickles.
        events: in the order of the opcodes.
        opcodes: how many were executed.
        kept_names: names that are put on the stack more often than called: stored, passed on or dropped.
        defects: contradictions in the opcodes.
        code_objects: code objects that an event builds or unmarshals, each with the offset of that event.
        storages: the claims about storages of torch.
        handings: the objects that code gets while the file is loaded, each combination once.
        traced: the modules of torch that are rebuilt from Python source.
        unpickled: the constants that a class may unpickle.
    """

    layout: str
    streams: tuple[PickleStream, ...]
    events: tuple[PickleEvent, ...]
    opcodes: int
    kept_names: tuple[Name, ...] = ()
    defects: tuple[Defect, ...] = ()
    code_objects: tuple[CodeOutline, ...] = ()
    storages: tuple[StorageClaim, ...] = ()
    handings: tuple[Handing, ...] = ()
    traced: TracedModules = TracedModules()
    unpickled: UnpickledFiles = FILES_NOT_FOLLOWED


class Reading(StrEnum):
    """How far a trusted callable goes through an argument that yields items, while it is called."""

    DEEPLY = "deeply"
    ITEMS = "items"
    """Through the argument and through each of its items, as ``dict`` goes through pairs."""
    ITSELF = "itself"
    """Through the argument; its items stay as they are."""
    NOTHING = "nothing"


class Result(StrEnum):
    """The result of a trusted callable that costs little to make and may cost any amount to use."""

    ENDLESS = "endless"
    """It yields items without end."""
    COUNTED = "counted"
    """A number among the sized arguments sets how many items it yields."""
    WRAPPED = "wrapped"
    """It yields as many items as its first argument; without end if that is a function to call."""
    SHORTEST = "shortest"
    """It yields as many items as the shortest of its arguments."""
    EXPONENT = "exponent"
    """It is a number with the exponent that a text states; its digits are made only when it is converted."""
    NUMBER = "number"
    """It is a number, or numbers, that the arguments state; unknown where they are not constants."""
    PARSED = "parsed"
    """It is a number that the arguments state, or a text in any base."""


class Cost(Struct, frozen=True):
    """What a call of a trusted callable can cost in memory and time.

    Attributes:
        reads: how far it goes through its arguments.
        sizes: positions of the arguments that are a number; all of them multiplied are the memory that it takes. Those
            of a result that is ``COUNTED`` are how many items that yields.
        shapes: positions of the arguments that are a size, or a tuple of them.
        exponents: positions of the texts whose exponent is written out in digits.
        result: what kind of costly object it makes.
    """

    reads: Reading = Reading.DEEPLY
    sizes: tuple[int, ...] = ()
    shapes: tuple[int, ...] = ()
    exponents: tuple[int, ...] = ()
    result: Result | None = None


ORDINARY_COST = Cost()
"""The cost of a callable that the lists say nothing about: it goes through all its arguments."""
