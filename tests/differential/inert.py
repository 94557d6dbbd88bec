"""Run any pickle program in Python's own unpicklers safely: they can import only a few globals that do nothing."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from typing import Any, NoReturn

from differential.recording import NamedAct

MODULE = "inert"


@dataclass
class InertGlobals:
    """The globals that programs can import, and the recorded acts on them, in order."""

    acts: list[NamedAct] = field(default_factory=list)
    by_name: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name = {
            "Thing": _make_class(self, "Thing"),
            "Other": _make_class(self, "Other"),
            "make": _make_function(self, "make"),
        }

    def record_act(self, act: str, name: str) -> None:
        """Record an act on the global ``name`` or on an object that it made."""
        self.acts.append((act, f"{MODULE}.{name}"))

    def find_global(self, module: str, name: str) -> object:
        """Record the import, and return the global.

        Raises:
            ModuleNotFoundError: it is not one of these globals.
        """
        self.acts.append(("import", f"{module}.{name}"))
        if module != MODULE or name not in self.by_name:
            raise ModuleNotFoundError(module)
        return self.by_name[name]


def _make_class(inert_globals: InertGlobals, name: str) -> type:
    """Return a class that records calls, constructions, states and items, and does nothing else."""

    class RecordingType(type):
        """The class of the returned class, because only its own class can record calls of it."""

        def __call__(cls, *arguments: object, **keywords: object) -> object:
            inert_globals.record_act("call", name)
            return object.__new__(cls)

    def construct(cls: type, *arguments: object, **keywords: object) -> object:
        """Record the construction of an object that NEWOBJ makes, and return an empty one."""
        inert_globals.record_act("construct", name)
        return object.__new__(cls)

    def make_recording_method(act: str) -> Any:
        """Return a method that records ``act``, with any arguments."""

        def record_and_do_nothing(self: object, *arguments: object) -> None:
            inert_globals.record_act(act, name)

        return record_and_do_nothing

    members = {"__new__": construct, "__setstate__": make_recording_method("set-state"), "__hash__": object.__hash__}
    members |= {method: make_recording_method("set-item") for method in ("append", "extend", "add", "__setitem__")}
    return RecordingType(name, (), members)


def _make_function(inert_globals: InertGlobals, name: str) -> object:
    """Return a function that records its calls and returns an object that records the acts on it."""
    result_class = _make_class(inert_globals, name)

    def function(*arguments: object) -> object:
        """Record the call, and return an object without content."""
        inert_globals.record_act("call", name)
        return object.__new__(result_class)

    return function


class _FileWithoutPeek(io.BytesIO):
    """A file without ``peek``, so that the unpickler in C reads no further than necessary."""

    peek = None


def run_program(data: bytes, in_c: bool) -> tuple[list[NamedAct], int | None]:
    """Run a program with globals of its own, in the unpickler in C or in the one in Python.

    Returns:
        The recorded acts, and the number of bytes that it had read when it raised; ``None`` without an error.
    """
    inert_globals, file = InertGlobals(), _FileWithoutPeek(data)
    unpickler: Any = pickle.Unpickler if in_c else pickle._Unpickler  # type: ignore[attr-defined]

    class ConfinedUnpickler(unpickler):  # type: ignore[misc]
        """An unpickler that can import nothing but the inert globals."""

        def find_class(self, module: str, name: str) -> object:
            return inert_globals.find_global(module, name)

        def persistent_load(self, id_: object) -> object:
            inert_globals.acts.append(("persistent-load", ""))
            return object()

        def get_extension(self, code: int) -> NoReturn:
            raise ValueError(f"unregistered extension code {code}")

    try:
        ConfinedUnpickler(file).load()
    except Exception:  # noqa: BLE001 - an unpickler raises nearly anything
        return inert_globals.acts, file.tell()
    return inert_globals.acts, None
