"""Derives ``dangerous/network-constants.yaml``: the texts and numbers in modules that open connections.

::

    python rules/callables/derive_constants.py

A settings object that is pickled may refer to such a constant. The program reads the source of the installed packages
and imports nothing. A name counts if every assignment to it in the module gives a text, a number or a truth value; what
it cannot decide stays dangerous. A module of the standard library is left out: ordinary files hold no constant of it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import yaml

MODULES = Path(__file__).resolve().parent / "dangerous" / "network.yaml"
FILE = MODULES.with_name("network-constants.yaml")
_LEFT_OUT = {"tests", "test", "testing"}
_PLAIN = (str, int, float, bool)
# Functions that return a text or a number, whatever their arguments.
_MAKERS = {"os.path.join", "os.path.expanduser", "os.path.expandvars", "os.path.abspath", "os.path.dirname",
           "str", "int", "float", "bool", "len"}  # fmt: skip
# Functions that return a text if their default is one.
_LOOKUPS = {"os.getenv": 1, "os.environ.get": 1, "getenv": 1}
_TEXT_METHODS = {"rstrip", "lstrip", "strip", "lower", "upper", "format", "replace", "removesuffix", "removeprefix"}


def main() -> None:
    """Write the list beside the modules that open connections."""
    content = yaml.safe_load(MODULES.read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for module in content["modules"]:
        if module.partition(".")[0] not in sys.stdlib_module_names:
            found.update(find_constants(module))
    write_list(content["effect"], found)


def write_list(effect: str, found: Mapping[str, Iterable[str]]) -> None:
    """Write the constants by module."""
    lines = ["# Derived by ../derive_constants.py from the installed packages; do not edit by hand."]
    lines += [f"effect: {effect}", "constants:"]
    for module, names in sorted(found.items()):
        lines += [f"  {module}:", *(f'    - "{name}"' for name in sorted(names))]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def find_constants(package: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (module, names) for each module of an installed package that holds constants."""
    spec = find_spec(package) if "." not in package else None
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*.py")):
        if _LEFT_OUT.intersection(path.relative_to(root).parts):
            continue
        module = ".".join((package, *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        names = read_constants(path.read_bytes())
        if names:
            yield module, names


def read_constants(source: bytes) -> list[str]:
    """Return the names in upper case to which the source of a module assigns nothing but texts and numbers."""
    tree = ast.parse(source)
    plain: dict[str, bool] = {}
    answers = {
        statement.name: ast.unparse(statement.returns)
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef) and statement.returns is not None
    }
    for target, value in _list_assignments(tree):
        plain[target] = plain.get(target, True) and value is not None and _is_plain(value, plain, answers)
    for name in _list_other_bindings(tree):
        plain[name] = False
    return sorted(name for name, holds in plain.items() if holds and name.isupper() and name[0] != "_")


def _list_assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield (name, value) of every assignment in the order of the source; a value that is not clear is ``None``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for each in ast.walk(target):
                    if isinstance(each, ast.Name):
                        yield each.id, node.value if each is target else None
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
        elif isinstance(node, (ast.AugAssign, ast.NamedExpr, ast.For)) and isinstance(node.target, ast.Name):
            yield node.target.id, None


def _list_other_bindings(tree: ast.Module) -> Iterator[str]:
    """Yield names that an import, a definition, a ``with`` or a ``global`` statement binds."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            yield from (each.arg for each in ast.walk(node) if isinstance(each, ast.arg))
        elif isinstance(node, ast.Global):
            yield from node.names
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            yield node.optional_vars.id


def _is_plain(value: ast.expr, plain: Mapping[str, bool], answers: Mapping[str, str]) -> bool:
    """Whether an expression certainly gives a text, a number or a truth value."""

    def holds(*parts: ast.expr) -> bool:
        return all(_is_plain(part, plain, answers) for part in parts)

    match value:
        case ast.Constant(value=constant):
            return isinstance(constant, _PLAIN)
        case ast.JoinedStr():
            return True
        case ast.Name(id=name):
            return plain.get(name, False)
        case ast.BinOp(left=left, right=right):
            return holds(left, right)
        case ast.BoolOp(values=values):
            return holds(*values)
        case ast.IfExp(body=body, orelse=other):
            return holds(body, other)
        case ast.Compare(left=left, comparators=others):
            return holds(left, *others)
        case ast.Call(func=function, args=arguments):
            return _makes_plain(function, arguments, plain, answers)
    return False


def _makes_plain(
    function: ast.expr, arguments: list[ast.expr], plain: Mapping[str, bool], answers: Mapping[str, str]
) -> bool:
    """Whether a call certainly returns a text, a number or a truth value."""
    name = ast.unparse(function)
    if name in _MAKERS or answers.get(name) in {"str", "int", "float", "bool"}:
        return True
    if name in _LOOKUPS:
        default = arguments[_LOOKUPS[name] :]
        return bool(default) and _is_plain(default[0], plain, answers)
    if isinstance(function, ast.Attribute) and function.attr in _TEXT_METHODS:
        return _is_plain(function.value, plain, answers)
    return False


if __name__ == "__main__":
    main()
