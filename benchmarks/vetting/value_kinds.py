"""The values that the derivation knows: the object itself, an argument, a class, a function, and what is computed."""

from __future__ import annotations

from dataclasses import dataclass

from class_order import ClassInfo, Method
from module_bindings import Assigned, External, Found, Module, Undecided


@dataclass(frozen=True, slots=True)
class Own:
    """The object whose method runs, or with ``is_class`` its class."""

    is_class: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """What the caller passes, or a part of it."""


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else: a value that the function computes. With ``is_data`` it is certainly no callable of another."""

    is_data: bool = False


@dataclass(frozen=True, slots=True)
class Computed:
    """Something of a module or class whose name the function computes."""

    place: int


@dataclass(frozen=True, slots=True)
class Made:
    """An object of a class that the function made."""

    info: ClassInfo


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of the sources."""

    info: ClassInfo


@dataclass(frozen=True, slots=True)
class Bound:
    """A method, with the class of the object that it is bound to."""

    method: Method
    concrete: ClassInfo


@dataclass(frozen=True, slots=True)
class Super:
    """``super()`` in a method of a class."""

    owner: ClassInfo


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a value that is not followed."""

    name: str
    is_argument: bool = False


@dataclass(frozen=True, slots=True)
class Inner:
    """A function or class that a function defines in its body; the body is read with it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a function without source returned."""

    name: str


@dataclass(frozen=True, slots=True)
class Closure:
    """A function that another one defines and returns; it is read with that one."""

    maker: Found


Value = (
    Own
    | Argument
    | Other
    | Computed
    | Made
    | Kind
    | Bound
    | Super
    | Member
    | Inner
    | Result
    | Closure
    | External
    | Found
    | Undecided
    | Module
    | Assigned
)
OTHER = Other()
DATA = Other(is_data=True)
