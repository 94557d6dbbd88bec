"""Find the classes whose loading stores the state of an object and runs nothing else.

A pickle makes such an object by ``object.__new__`` and puts a mapping into its ``__dict__``. The loader also looks up
``__setstate__``, and Python finalises what is dropped. All other methods run only if some code gets the object, which
``modelaudit/checks/apart.py`` finds out for each file.
"""

from __future__ import annotations

import ast

from class_order import ClassInfo, Method
from hook_calls import FOREIGN_CALLS
from module_bindings import External
from reviewed import Reviewed

_LOADED = ("__new__", "__setstate__", "__getattr__", "__getattribute__", "__del__", "__dict__", "__class__")
_OF_CONTAINERS = frozenset({"builtins.dict", "builtins.list", "builtins.set", "builtins.tuple", "builtins.object"})


def is_inert(info: ClassInfo, reviewed: Reviewed) -> bool:
    """Whether loading an object of a class with a mapping as its state runs no code but what only stores it."""
    for name in _LOADED:
        found = info.find(name)
        if isinstance(found, External):
            # An exception sets each item of its state as an attribute; other classes without source may do so.
            if found.name not in _OF_CONTAINERS or name not in ("__new__", "__getattribute__", "__class__"):
                return False
        elif found is not None and not _is_stored(found, info, reviewed):
            return False
    return all(isinstance(each, ClassInfo) or each.name in _OF_CONTAINERS for each in info.order)


def _is_stored(method: Method, info: ClassInfo, reviewed: Reviewed) -> bool:
    """Whether a method was read, or only assigns items of the state to attributes of its object."""
    name = f"{method.owner.name}.{method.name}"
    is_elsewhere = _name_package(info) != _name_package(method.owner)
    if name in reviewed.stores or (is_elsewhere and name in reviewed.stores_elsewhere):
        return True
    if method.node is None or method.fault is not None or method.node.decorator_list:
        return False
    names = [each.arg for each in method.node.args.args]
    if (
        method.name != "__setstate__"
        or len(names) != 2
        or any(name in info.list_properties() for name in FOREIGN_CALLS)
    ):
        return False
    own, state = names
    return all(_is_store(each, own, state) for each in method.node.body)


def _name_package(info: ClassInfo) -> str:
    """Return the top-level package of a class."""
    return info.module.name.partition(".")[0]


def _is_store(statement: ast.stmt, own: str, state: str) -> bool:
    """Whether a statement is ``self.a = state["a"]``, a constant or a container's method in its place, or a text."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=base))], value=value) if base == own:
            pass
        case _:
            return False
    match value:
        case ast.Constant():
            return True
        case ast.Subscript(value=ast.Name(id=base), slice=ast.Constant()):
            return base == state
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=base)), attr=attribute):
            return base == own and attribute in FOREIGN_CALLS
    return False
