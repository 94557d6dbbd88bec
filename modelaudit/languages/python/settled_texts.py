"""Find the texts that a file of the model gives its names for good, and the files that may change them.

``helper.py`` has ``NAME = "getenv"``, and ``model.py`` has ``from .helper import NAME`` and ``getattr(os, NAME)``. The
call is that of ``os.getenv`` only if no code of the model binds the name again. Whatever cannot be shown counts as a
change.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from msgspec import Struct

from modelaudit.languages.python import uses, walks
from modelaudit.languages.python.shared_values import SharedValues
from modelaudit.languages.python.source import parse_code_text
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention

_LONGEST_SOURCE: Final = 200_000  # characters
# Ways to bind a name of a module without writing the assignment.
_REACHES_NAMES: Final = defer_pattern(
    r"(?:set_?attr|__setattr__|__delattr__|delattr|__dict__|vars|globals|locals|exec|eval|modules|gc|ctypes|patch"
    r"|import_module|__import__|\w*resolve\w*|locate|getattr|attrgetter|methodcaller|__\w*globals__|f_globals|f_locals"
    r"|_getframe|currentframe|getmodule|__builtins__|builtins|runpy|run_path|run_module|spec_from\w*|__module__|reload)"
)
_REACHES_OWN_NAMES: Final = defer_pattern(
    r"__globals__|func_globals|f_globals|f_locals|_getframe|currentframe|getmodule|__module__|__name__|\bgc\b|\bctypes\b"
    r"|\bglobals\(\)(?:\.|\[[^\]\n]*\]\s*=)|\blocals\(|\bvars\(\s*\)|\b__set\w*__|\bupdate\("
)
_OPEN_NAMES: Final = frozenset({walks.PICKED_NAME, walks.MEMBER_NAME})
_CHANGING: Final = frozenset({uses.CALL, uses.AT_IMPORT, uses.HIDDEN, uses.OVERWRITE})


class ImportedValues(Struct, frozen=True):
    """The values that a source imports from other files of the model.

    Attributes:
        values: by the last part of the name of the file and the name in it.
        files: the names of these files as modules, without packages.
    """

    values: SharedValues
    files: frozenset[str] = frozenset()

    def may_be_bound(self, text: str, mentions: Iterable[Mention]) -> bool:
        """Whether the importing source may change the values before it uses them.

        Args:
            text: the source.
            mentions: those of the source with the values.
        """
        if not self.files:
            return False
        tree = parse_module(text)
        if tree is None or _REACHES_OWN_NAMES.search(text):
            return True
        is_open = any(_leaves_open(each, file) for each in mentions for file in self.files)
        return is_open or any(_names_file(each, file) for each in ast.walk(tree) for file in self.files)


def list_settled_names(text: str) -> frozenset[str]:
    """Return the names that a source binds once, at its outermost level, to a constant text or a module."""
    tree = parse_module(text)
    if tree is None or _reaches_names(tree):
        return frozenset()
    bound = list(_list_bound_names(tree))
    if "*" in bound:
        return frozenset()
    return frozenset(each for each in _list_settled(tree) if bound.count(each) == 1)


def _list_settled(tree: ast.Module) -> Iterator[str]:
    """Yield each name that a statement at the outermost level binds to a constant text or a module."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str())):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str())):
                yield name
            case ast.Import(names=names):
                yield from (each.asname or each.name for each in names)


def may_bind(text: str, names: Collection[str]) -> bool:
    """Whether a source of the model may bind one of ``names`` in another file, by any way to reach its namespace."""
    tree = parse_module(text)
    if tree is None or _reaches_names(tree):
        return True
    return any(isinstance(each, ast.Attribute) and is_bound(each) and each.attr in names for each in ast.walk(tree))


def _reaches_names(tree: ast.Module) -> bool:
    """Whether a source writes out a way to bind names of modules without an assignment."""
    return any(map(_REACHES_NAMES.fullmatch, _list_written_names(tree)))


def _list_written_names(tree: ast.Module) -> Iterator[str]:
    """Yield each name that a source writes out, as a variable, an attribute or a part of an import."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.alias(name=name):
                yield from name.split(".")
            case ast.ImportFrom(module=str(module)):
                yield from module.split(".")


def _leaves_open(mention: Mention, file: str) -> bool:
    """Whether a mention shows a name that the source computes, or one that leads to the file."""
    if mention.use == uses.COMPUTED or mention.name in _OPEN_NAMES or mention.name.startswith(("sys.modules", "(")):
        return True
    return mention.use in _CHANGING and (file in mention.name or file in mention.detail)


def _names_file(node: ast.AST, file: str) -> bool:
    """Whether a node leads to the file itself, and not to one of its names."""
    match node:
        case ast.alias(name=name):
            return name.rpartition(".")[2] == file
        case ast.Attribute(attr=name):
            return name == file
        case ast.Constant(value=str(text)):
            return file in text
    return False


def parse_module(text: str) -> ast.Module | None:
    """Return the syntax tree of a source; ``None`` if it is long or does not parse."""
    body = parse_code_text(text) if len(text) <= _LONGEST_SOURCE else None
    return None if body is None else ast.Module(body, [])


def _list_bound_names(tree: ast.Module) -> Iterator[str]:
    """Yield each name at each place that binds or deletes it, also as an attribute; ``*`` for a star import."""
    nodes = list(ast.walk(tree))
    yield from list_assigned_names(nodes)
    for node in nodes:
        if isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]


def list_assigned_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield each name at each node that binds or deletes it by anything but an import, also as an attribute."""
    for node in nodes:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                if is_bound(node):
                    yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.MatchMapping(rest=str(name)):
                yield name


def is_bound(node: ast.AST) -> bool:
    """Whether an expression is the target of an assignment or a deletion."""
    return isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)


def find_module_key(node: ast.AST) -> ast.expr | None:
    """Return the key of an item of ``sys.modules`` that a node reads, or of another mapping of that name."""
    match node:
        case (
            ast.Subscript(value=ast.Attribute(attr="modules") | ast.Name(id="modules"), slice=key, ctx=ast.Load())
            | ast.Call(func=ast.Attribute(value=ast.Attribute(attr="modules"), attr="get" | "pop"), args=[key, *_])
        ):
            return key
    return None
