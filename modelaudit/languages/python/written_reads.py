"""Decide whether sources, as they are written, reach a configuration by its written keys alone and call nothing of it.

This looks at the sources before the names of lookups are left out of them: ``getattr(self, "".join(("con", "fig")))``
reaches the configuration as ``self.config`` does.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from typing import Final

from modelaudit.languages.python.configured_keys import find_base, find_read_key
from modelaudit.languages.python.library_keys import LIBRARY_METHODS

_CONFIG: Final = "config"
_CONSTRUCTOR: Final = "__init__"
# The only methods of a configuration that code may call, and of a value that it holds: of a text, none changes it.
_OF_CONFIGURATIONS: Final = frozenset({"get", "to_dict"})
_OF_VALUES: Final = frozenset(dir(str)) | {"get"}
_CHANGING: Final = (frozenset(dir(dict)) | frozenset(dir(list))) - _OF_VALUES
_CHANGING_NAMES: Final = _CHANGING | (LIBRARY_METHODS - _OF_CONFIGURATIONS) | {_CONFIG}


def reads_plainly(trees: Iterable[ast.Module], roots: Collection[str]) -> bool:
    """Whether code calls nothing that it reads from a configuration, and no constructor but that of ``super()``.

    Args:
        trees: the sources.
        roots: the parameters that hold the configuration.
    """
    return all(_is_plain(node, roots) for tree in trees for node in ast.walk(tree))


def names_nothing_hidden(names: Iterable[str], roots: Collection[str]) -> bool:
    """Whether none of the names that lookups may get is that of a configuration, or of a method that may change it.

    Args:
        names: these names, which may be dotted.
        roots: the parameters that hold the configuration.
    """
    parts = {part for each in names for part in each.split(".")}
    return parts.isdisjoint(_CHANGING_NAMES.union(roots)) and not any(each.startswith("__") for each in parts)


def _is_plain(node: ast.AST, roots: Collection[str]) -> bool:
    """Whether a node names no constructor but that of ``super()``, and neither calls nor takes what changes a key."""
    match node:
        case ast.Attribute(value=owner, attr="__init__"):
            return isinstance(owner, ast.Call) and ast.unparse(owner) == "super()"
        case ast.Constant(value=str(text)):
            return _CONSTRUCTOR not in text
        case ast.Call(func=function) if _is_called_read(function, roots):
            return False
        case ast.expr():
            return not _takes_method(node, roots)
    return True


def _is_called_read(function: ast.expr, roots: Collection[str]) -> bool:
    """Whether a called expression reads a configuration, but for the methods that only read."""
    key, base = find_read_key(function)[0], find_base(function)
    if not key or base is None or not _is_of_configuration(base, roots):
        return False
    allowed = _OF_CONFIGURATIONS if _is_configuration(base, roots) else _OF_VALUES
    return not isinstance(function, ast.Attribute) or key not in allowed


def _takes_method(node: ast.expr, roots: Collection[str]) -> bool:
    """Whether an expression takes a method that changes a configuration or a value that it holds."""
    key, base = find_read_key(node)[0], find_base(node)
    if not key or base is None or isinstance(node, ast.Subscript):
        return False
    if _is_configuration(base, roots):
        return key.startswith("__") or key in LIBRARY_METHODS - _OF_CONFIGURATIONS
    return isinstance(node, ast.Attribute) and key in _CHANGING and _is_of_configuration(base, roots)


def _is_configuration(node: ast.expr, roots: Collection[str]) -> bool:
    """Whether an expression is the configuration by its name, or an attribute of that name."""
    match node:
        case ast.Name(id=name):
            return name in roots or name == _CONFIG
        case ast.Attribute(attr=name):
            return name in roots or name == _CONFIG
    return False


def _is_of_configuration(node: ast.expr, roots: Collection[str]) -> bool:
    """Whether an expression is the configuration, or reads keys of it at whatever depth."""
    found: ast.expr | None = node
    while found is not None:
        if _is_configuration(found, roots):
            return True
        match found:
            case ast.Call(func=ast.Attribute(value=base, attr="to_dict"), args=[], keywords=[]):
                found = base
            case _:
                found = find_base(found) if find_read_key(found)[0] else None
    return False
