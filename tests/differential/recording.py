"""Run Python's own unpicklers on data that the tests make, and record what they import, call, construct and set."""

from __future__ import annotations

import _compat_pickle
import io
import pickle
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modelaudit.formats.pickles.pickle.machine import Machine
from modelaudit.model.limits import Limits
from modelaudit.model.pickle import Act, CallResult, Name, PickleEvent, Unknown
from modelaudit.wire.base import DamagedError

NamedAct = tuple[str, str]
"""An act and the name of its subject; for an object, the name of the global that made it."""


class BytesWindow:
    """A window over bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``."""
        return self._data[offset : offset + length]


def execute_symbolically(data: bytes, *, skips_plain_data: bool = False) -> Machine:
    """Return a machine that has executed ``data`` as far as it could; damage is its fault."""
    machine = Machine(BytesWindow(data), 0, Limits(), skips_plain_data=skips_plain_data)
    try:
        machine.execute()
    except DamagedError as error:
        recorder = machine.recorder
        recorder.fault = error.offset if recorder.fault is None else recorder.fault
    return machine


def convert_event(event: PickleEvent) -> NamedAct:
    """Return an event of the pickle machine in the form that the unpicklers record."""
    subject = event.operand.maker if isinstance(event.operand, CallResult) else event.operand
    return event.act.value, str(subject) if isinstance(subject, Name) else ""


def remove_repetitions(acts: list[NamedAct]) -> list[NamedAct]:
    """Return each act once, in the order of first occurrence, as the pickle machine keeps identical acts once."""
    return list(dict.fromkeys(acts))


@dataclass
class _ObjectNames:
    """The names of objects: a global has its own, any other object the name of the global that made it."""

    by_id: dict[int, str] = field(default_factory=dict)
    globals: set[int] = field(default_factory=set)
    alive: list[object] = field(default_factory=list)

    def set_name(self, thing: object, name: str) -> None:
        """Give an object its name, unless it has one."""
        # Objects that Python shares, such as () or 0, get no name. The others are kept alive: no id may be reused.
        if not isinstance(thing, int | str | bytes | tuple | float | None | bool):
            self.by_id.setdefault(id(thing), name)
            self.alive.append(thing)

    def get_name(self, thing: object) -> str:
        """Return the name of an object; an empty text if it has none."""
        return self.by_id.get(id(thing), "")

    def is_global(self, thing: object) -> bool:
        """Whether a program imported the object by its name."""
        return id(thing) in self.globals


class Recorder(pickle._Unpickler):  # type: ignore[misc, name-defined]
    """Python's unpickler in Python, which records each act just before doing it."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.names = _ObjectNames()
        self.acts: list[NamedAct] = []

    def find_class(self, module: str, name: str) -> object:
        """Import a global as ``Unpickler.find_class`` does, and record its name in Python 3."""
        if self.proto < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            else:
                module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        self.acts.append(("import", f"{module}.{name}"))
        found = self.find_global(module, name)
        self.names.set_name(found, f"{module}.{name}")
        self.names.globals.add(id(found))
        return found

    def find_global(self, module: str, name: str) -> object:
        """Return the global with this name of Python 3, without recording the import."""
        # Below protocol 3, the unpickler would map the names from Python 2 once more.
        self.proto, proto = 4, self.proto
        try:
            return super().find_class(module, name)
        finally:
            self.proto = proto

    def record_act(self, act: Act, subject: object) -> str:
        """Record an act on ``subject``; return its name."""
        name = self.names.get_name(subject)
        self.acts.append((act.value, name))
        return name

    def load_reduce(self) -> None:
        """Record the call and perform it; give the result of calling a global a name."""
        function, arguments = self.stack[-2], self.stack[-1]
        name = self.record_act(Act.CALL, function)
        super().load_reduce()
        # The pickle machine knows no name for the result of any other call.
        if self.names.is_global(function):
            self.names.set_name(self.stack[-1], _find_maker(name, function, arguments, self.names))

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        """Record the construction, perform it, and name the object after its class."""
        _arguments, class_ = self.stack[-1], self.stack[-2]
        name = self.record_act(Act.CONSTRUCT, class_)
        super().load_newobj()
        self.names.set_name(self.stack[-1], name)

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self) -> None:
        """Record the construction, perform it, and name the object after its class."""
        _keywords, _arguments, class_ = self.stack[-1], self.stack[-2], self.stack[-3]
        name = self.record_act(Act.CONSTRUCT, class_)
        super().load_newobj_ex()
        self.names.set_name(self.stack[-1], name)

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def _instantiate(self, klass: object, arguments: object) -> None:
        """Record the call of a class by INST or OBJ, perform it, and name the object after its class."""
        name = self.record_act(Act.CALL, klass)
        super()._instantiate(klass, arguments)
        self.names.set_name(self.stack[-1], name)

    def load_build(self) -> None:
        """Record that an object gets a state, and set it."""
        _state, changed_object = self.stack[-1], self.stack[-2]
        self.record_act(Act.SET_STATE, changed_object)
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def _find_maker(name: str, function: object, arguments: object, names: _ObjectNames) -> str:
    """Return the name that the result of a call gets.

    Functions of ``copyreg`` make an object of the class that is their first argument. The result of ``getattr`` is
    itself a global. The name of any other result is that of the function.
    """
    if not isinstance(arguments, tuple) or not arguments:
        return name
    if name in ("copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"):
        return names.get_name(arguments[0])
    if function is getattr and len(arguments) == 2 and names.get_name(arguments[0]):
        return f"{names.get_name(arguments[0])}.{arguments[1]}"
    return name


__all__ = [
    "BytesWindow",
    "NamedAct",
    "Recorder",
    "Unknown",
    "convert_event",
    "execute_symbolically",
    "remove_repetitions",
]
