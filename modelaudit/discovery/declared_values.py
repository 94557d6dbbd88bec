"""Values that a source declares away from where it uses them: in other files, by options, in the environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct, field

from modelaudit.languages.python.definitions import DefinitionNode
from modelaudit.languages.python.values import Constant, ExternalName, Unknown, Value, join_values

REASON: Final = "reason:"
"""The beginning of the tag of an unknown value that says why it is not known."""
OPEN: Final = "open:"
"""The same, for a value that is not known in one call although it is in others."""


class ImportedValues(Protocol):
    """The values that other files of the code base give their names."""

    @property
    def file(self) -> str:
        """The path below the root of the file that imports them."""

    def find_module(self, module: str, level: int) -> str | None:
        """Return the file of a module that this file imports; ``None`` if it is none of the code base."""

    def look_up(self, file: str, path: Sequence[str]) -> Value | None:
        """Return the value of a dotted name in a file; ``None`` if it is not known."""

    def list_names(self, file: str) -> Mapping[str, Value]:
        """Return the values of all names of a file."""

    def list_options(self, file: str) -> Mapping[str, Value]:
        """Return the defaults of the options of a command line that a file declares."""


class TextFacts(Struct):
    """What a first pass finds out for the second one.

    Attributes:
        own: values of attributes, by the number of the class and the name.
        passed: values of arguments, by the number of the function and the parameter.
        options: values of the options of a command line, by the attribute that gets them.
    """

    own: dict[tuple[int, str], Value] = field(default_factory=dict)
    passed: dict[tuple[int, str], Value] = field(default_factory=dict)
    options: dict[str, Value] = field(default_factory=dict)


def explain_variable(key: Value) -> Unknown:
    """Return the value of a variable of the environment, which is not known."""
    name = key.value if isinstance(key, Constant) and isinstance(key.value, str) else "…"
    return Unknown(frozenset({f"{REASON}the variable {name} of the environment"}))


def find_method_kind(node: DefinitionNode) -> str:
    """Return ``static`` or ``class`` for a function that is decorated so; empty for any other."""
    names = () if isinstance(node, ast.Lambda) else [ast.unparse(each) for each in node.decorator_list]
    return "static" if "staticmethod" in names else "class" if "classmethod" in names else ""


def describe_option(
    names: Sequence[str], default: Value | None, dest: Value | None = None
) -> Iterator[tuple[str, Value]]:
    """Yield the attribute or parameter that an option of a command line sets, with its default."""
    if not names:
        return
    long_names = [each for each in names if each.startswith("--")]
    plain = [each for each in names if not each.startswith("-")]
    name = (plain or [each.lstrip("-") for each in long_names or names])[0].replace("-", "_")
    if isinstance(dest, Constant) and isinstance(dest.value, str):
        name = dest.value
    reason = Unknown(frozenset({f"{REASON}the option {(long_names or list(names))[0]} of the command line"}))
    is_known = default is not None and not (isinstance(default, Constant) and default.value is None)
    yield name, join_values(default, reason) if is_known and default is not None else reason


def may_be_arguments(value: Value) -> bool:
    """Whether a value may hold the arguments of a command line."""
    if isinstance(value, ExternalName):
        return value.is_result and "parse" in value.name
    return isinstance(value, Unknown)


def split_path(node: ast.Attribute) -> tuple[str, tuple[str, ...]]:
    """Return the name at the beginning of an expression such as ``a.b.c``, and the attributes; empty if it has none."""
    path: list[str] = []
    current: ast.expr = node
    while isinstance(current, ast.Attribute):
        path.append(current.attr)
        current = current.value
    return (current.id, tuple(path[::-1])) if isinstance(current, ast.Name) else ("", ())
