"""Spell the private names in the bodies of classes as Python does: ``__name`` in a class ``Model`` is ``_Model__name``.

Source: language reference, section 6.2.1 (private name mangling).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_PRIVATE: Final = defer_pattern(r"(?<!\w)__\w*[^\W_]\w*(?<!__)(?!\w)")
# The fields of nodes that hold names; a name with a dot, of a module, stays.
_NAME_FIELDS: Final[dict[type[ast.AST], tuple[str, ...]]] = {
    ast.Name: ("id",),
    ast.Attribute: ("attr",),
    ast.FunctionDef: ("name",),
    ast.AsyncFunctionDef: ("name",),
    ast.ClassDef: ("name",),
    ast.arg: ("arg",),
    ast.keyword: ("arg",),
    ast.ExceptHandler: ("name",),
    ast.MatchAs: ("name",),
    ast.MatchStar: ("name",),
    ast.MatchMapping: ("rest",),
    ast.alias: ("name", "asname"),
}
_LISTS: Final[dict[type[ast.AST], str]] = {ast.Global: "names", ast.Nonlocal: "names", ast.MatchClass: "kwd_attrs"}


def has_private_names(text: str) -> bool:
    """Whether a source may hold a private name of a class."""
    return "__" in text and "class" in text and _PRIVATE.search(text) is not None


def spell_private_names(body: Iterable[ast.stmt]) -> None:
    """Change each private name in the classes of a source to the one that Python looks up."""
    waiting: list[tuple[ast.AST, str]] = [(each, "") for each in body]
    while waiting:
        node, owner = waiting.pop()
        if owner:
            _spell_node(node, owner)
        inner = owner
        if isinstance(node, ast.ClassDef):
            inner = node.name.lstrip("_")  # a class whose name has no other characters changes nothing
            outside = {id(each) for each in (*node.decorator_list, *node.bases, *node.keywords)}
            waiting += ((each, owner if id(each) in outside else inner) for each in ast.iter_child_nodes(node))
        else:
            waiting += ((each, inner) for each in ast.iter_child_nodes(node))


def _spell_node(node: ast.AST, owner: str) -> None:
    """Change the private names of one node in the body of a class."""
    for field in _NAME_FIELDS.get(type(node), ()):
        name = getattr(node, field)
        if name is not None:
            # An import of a private name binds the longer one: an alias has one in any case.
            setattr(node, field, _spell_name(name, owner))
    names = _LISTS.get(type(node))
    if names is not None:
        setattr(node, names, [_spell_name(each, owner) for each in getattr(node, names)])


def _spell_name(name: str, owner: str) -> str:
    """Return the name that Python looks up for a name in a class."""
    is_private = name.startswith("__") and not name.endswith("__") and "." not in name
    return f"_{owner}{name}" if is_private else name
