"""Python's own unpicklers, for data that is made here, with a record of what they import, call, construct and set."""

from __future__ import annotations

import _compat_pickle
import io
import pickle
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.formats.pickles.pickle.opcodes import DISPATCH
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, Made, Name, PickleEvent, Unknown
from modelaudit.wire.base import DamagedError

Told = tuple[str, str]
"""An act and the name that it is about, of whatever made the object where it is about an object."""


class BytesWindow:
    """A window over bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``."""
        return self._data[offset : offset + length]


def followed(data: bytes, kind: type[Machine] = Machine) -> Machine:
    """The machine after it has followed ``data`` as far as it could."""
    machine = kind(BytesWindow(data), 0, Limits())
    try:
        machine.run(DISPATCH)
    except DamagedError as error:
        machine.fault = error.offset if machine.fault is None else machine.fault
    return machine


def told(event: PickleEvent) -> Told:
    """What an event of the machine says, as the unpicklers record it."""
    subject = event.subject.by if isinstance(event.subject, Made) else event.subject
    return event.act.value, str(subject) if isinstance(subject, Name) else ""


def first_ones(acts: list[Told]) -> list[Told]:
    """Each act once, in the order of their first times: the machine keeps identical acts once."""
    return list(dict.fromkeys(acts))


@dataclass
class _Names:
    """What objects are called: by the name that they were found under, or that of what made them."""

    by_id: dict[int, str] = field(default_factory=dict)
    globals: set[int] = field(default_factory=set)
    alive: list[object] = field(default_factory=list)

    def give(self, thing: object, name: str) -> None:
        # An object that is shared, such as () or 0, keeps no name; one that dies would leave its id to another.
        if not isinstance(thing, int | str | bytes | tuple | float | None | bool):
            self.by_id.setdefault(id(thing), name)
            self.alive.append(thing)

    def of(self, thing: object) -> str:
        return self.by_id.get(id(thing), "")

    def is_global(self, thing: object) -> bool:
        """Whether a program found it by name; what a result gives when it is called in turn, nobody knows."""
        return id(thing) in self.globals


class Recorder(pickle._Unpickler):  # type: ignore[misc, name-defined]
    """The unpickler that is written in Python, which records each act as it is about to do it."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.names = _Names()
        self.acts: list[Told] = []

    def find_class(self, module: str, name: str) -> object:
        """As in Python, with the name that Python 3 has for it recorded."""
        if self.proto < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            else:
                module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        self.acts.append(("import", f"{module}.{name}"))
        found = self.found(module, name)
        self.names.give(found, f"{module}.{name}")
        self.names.globals.add(id(found))
        return found

    def found(self, module: str, name: str) -> object:
        """The global itself."""
        self.proto, proto = 4, self.proto  # the names are mapped already
        try:
            return super().find_class(module, name)
        finally:
            self.proto = proto

    def record(self, act: Act, subject: object) -> str:
        """Record an act about ``subject``; returns what that is called."""
        name = self.names.of(subject)
        self.acts.append((act.value, name))
        return name

    def load_reduce(self) -> None:
        function, arguments = self.stack[-2], self.stack[-1]
        name = self.record(Act.CALL, function)
        super().load_reduce()
        if self.names.is_global(function):
            self.names.give(self.stack[-1], _maker(name, function, arguments, self.names))

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        name = self.record(Act.CONSTRUCT, self.stack[-2])
        super().load_newobj()
        self.names.give(self.stack[-1], name)

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self) -> None:
        name = self.record(Act.CONSTRUCT, self.stack[-3])
        super().load_newobj_ex()
        self.names.give(self.stack[-1], name)

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def _instantiate(self, klass: object, arguments: object) -> None:
        name = self.record(Act.CALL, klass)
        super()._instantiate(klass, arguments)
        self.names.give(self.stack[-1], name)

    def load_build(self) -> None:
        self.record(Act.SET_STATE, self.stack[-2])
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def _maker(name: str, function: object, arguments: object, names: _Names) -> str:
    """Some functions of ``copyreg`` make an object of the class that they are given; ``getattr`` gives what it names."""
    if not isinstance(arguments, tuple) or not arguments:
        return name
    if name in ("copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"):
        return names.of(arguments[0])
    if function is getattr and len(arguments) == 2 and names.of(arguments[0]):
        return f"{names.of(arguments[0])}.{arguments[1]}"
    return name


__all__ = ["BytesWindow", "Recorder", "Told", "Unknown", "first_ones", "followed", "told"]
