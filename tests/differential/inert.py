"""A world of a few inert names, in which both of Python's unpicklers may run any program: nothing in it acts."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from typing import Any, NoReturn

from differential.recording import NamedAct

MODULE = "inert"


@dataclass
class World:
    """The names that programs can reach, and the acts on them, in order."""

    acts: list[NamedAct] = field(default_factory=list)
    things: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.things = {"Thing": _class(self, "Thing"), "Other": _class(self, "Other"), "make": _function(self, "make")}

    def record(self, act: str, name: str) -> None:
        """Record an act about the global ``name`` or about an object that it made."""
        self.acts.append((act, f"{MODULE}.{name}"))

    def find(self, module: str, name: str) -> object:
        """The global of that name; anything else is not to be had.

        Raises:
            ModuleNotFoundError: the program asks for what is not in this world.
        """
        self.acts.append(("import", f"{module}.{name}"))
        if module != MODULE or name not in self.things:
            raise ModuleNotFoundError(module)
        return self.things[name]


def _class(world: World, name: str) -> type:
    class Kind(type):
        def __call__(cls, *arguments: object, **keywords: object) -> object:
            world.record("call", name)
            return object.__new__(cls)

    def new(cls: type, *arguments: object, **keywords: object) -> object:
        world.record("construct", name)
        return object.__new__(cls)

    def told(act: str) -> Any:
        def method(self: object, *arguments: object) -> None:
            world.record(act, name)

        return method

    body = {"__new__": new, "__setstate__": told("set-state"), "__hash__": object.__hash__}
    body |= {method: told("set-item") for method in ("append", "extend", "add", "__setitem__")}
    return Kind(name, (), body)


def _function(world: World, name: str) -> object:
    made = _class(world, name)

    def function(*arguments: object) -> object:
        world.record("call", name)
        return object.__new__(made)

    return function


class _Bytes(io.BytesIO):
    """Bytes without ``peek``, so that the unpickler in C reads no further than it has to."""

    peek = None


def run(data: bytes, in_c: bool) -> tuple[list[NamedAct], int | None]:
    """Run a program in a world of its own.

    Returns:
        What it did, and how far it had read when it raised; ``None`` where it did not.
    """
    world, file = World(), _Bytes(data)
    base: Any = pickle.Unpickler if in_c else pickle._Unpickler  # type: ignore[attr-defined]

    class Confined(base):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> object:
            return world.find(module, name)

        def persistent_load(self, id_: object) -> object:
            world.acts.append(("persistent-load", ""))
            return object()

        def get_extension(self, code: int) -> NoReturn:
            raise ValueError(f"unregistered extension code {code}")

    try:
        Confined(file).load()
    except Exception:  # noqa: BLE001 - an unpickler raises nearly anything
        return world.acts, file.tell()
    return world.acts, None
