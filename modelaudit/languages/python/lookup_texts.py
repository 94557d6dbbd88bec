"""Leave out the texts of a source that nothing but a lookup of a name gets, and fold those that it spells in pieces.

``getattr(import_module(config.module), bytes.fromhex("4c696e656172").decode())`` spells a name as the argument of a
lookup. No other code gets the text, so that it cannot become the value of ``config.module``. Outside of lookups,
``bytes.fromhex(…).decode()`` becomes the constant text. What stays can be searched for texts that come from elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python.closed_texts import TEXT_FUNCTIONS, ClosedTexts
from modelaudit.languages.python.configured_keys import find_read_key
from modelaudit.languages.python.name_tables import IMPORTERS

_BY_FIRST_ARGUMENT: Final = IMPORTERS | {"operator.attrgetter"}
_GETATTR: Final = "builtins.getattr"
_NAMESPACES: Final = frozenset({"builtins.vars", "builtins.globals"})
_TAKE_MEMBER: Final = frozenset({"builtins.object.__getattribute__", "inspect.getattr_static"})
_ITEM_METHODS: Final = frozenset({"get", "__getitem__"})


_Member = tuple[ast.expr, list[ast.expr], list[ast.expr]]
"""An object, the names of the members that are taken from it in turn, and a default."""


class SettledSource(Struct, frozen=True):
    """A source whose texts are folded.

    Attributes:
        tree: the module, in which an empty text is in the place of each name that only a lookup gets.
        names: these names, as far as they are constant.
    """

    tree: ast.Module
    names: frozenset[str] = field(default_factory=frozenset)


def settle_texts(tree: ast.Module, texts: ClosedTexts, pieces: Mapping[str, Collection[str]]) -> SettledSource:
    """Return the source with its texts folded; the tree itself changes.

    Args:
        tree: the source.
        texts: the names by which it makes texts.
        pieces: the texts that the configurations hold in pieces, by key.
    """
    if any(isinstance(each, ast.ImportFrom) and each.names[0].name == "*" for each in ast.walk(tree)):
        return SettledSource(tree)  # it may bind any name
    settler = _Settler(texts, pieces)
    settler.visit(tree)
    settler.blank_constants(tree)
    return SettledSource(ast.fix_missing_locations(tree), frozenset(settler.names))


class _Settler(ast.NodeTransformer):
    """Replaces the texts of one source."""

    def __init__(self, texts: ClosedTexts, pieces: Mapping[str, Collection[str]]) -> None:
        self.names: set[str] = set()
        self._pieces = pieces
        self._texts = texts

    def visit(self, node: ast.AST) -> ast.AST:
        """Settle a lookup or a text that the source spells in pieces, or go on with the parts of the node."""
        if isinstance(node, ast.expr):
            node = self._convert_member(node)
        if isinstance(node, ast.Call):
            self._settle_call(node)
        elif isinstance(node, ast.Subscript) and self._texts.find_name(node.value) == "sys.modules":
            node.slice = self._settle_name(node.slice) if isinstance(node.ctx, ast.Load) else node.slice
        if isinstance(node, ast.Call) and (joined := self._find_joined(node)):
            return ast.copy_location(ast.List([ast.Constant(each) for each in joined], ast.Load()), node)
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant) and self._texts.is_text(node, reads=False):
            text = self._texts.fold(node)
            if isinstance(text, str):
                return ast.copy_location(ast.Constant(text), node)
        visited: ast.AST = super().generic_visit(node)
        return _convert_store(visited)

    def _settle_call(self, node: ast.Call) -> None:
        """Leave out the names that a call looks up."""
        name, args = self._texts.find_name(node.func), node.args
        if name == _GETATTR and len(args) > 1:
            of_module = isinstance(args[0], ast.Constant)  # a global name of the source
            args[1] = self._settle_name(args[1]) if of_module or not isinstance(args[1], ast.Constant) else args[1]
        elif name in _BY_FIRST_ARGUMENT and args:
            args[0] = self._settle_name(args[0])

    def blank_constants(self, tree: ast.Module) -> None:
        """Leave out the constants whose names nothing uses any more, once the source is visited."""
        used = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
        used |= {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}
        for name, statement in self._texts.constants.items():
            if name in used or name in self.names:
                continue
            for each in ast.walk(statement):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    self.names.add(each.value)
                    each.value = ""

    def _convert_member(self, node: ast.expr) -> ast.expr:
        """Return the call of ``getattr`` for an expression that takes a member otherwise, as ``vars(owner)[name]``."""
        taken = self._find_item(node) or self._find_member(node) or self._find_listed_member(node)
        if taken is None:
            return node
        owner, names, rest = taken
        for name in names:
            owner = ast.Call(ast.Name("getattr", ast.Load()), [owner, name, *rest], [])
        return ast.fix_missing_locations(ast.copy_location(owner, node))

    def _find_item(self, node: ast.expr) -> _Member | None:
        """Return the member that an expression takes from a namespace."""
        match node:
            case ast.Subscript(value=space, slice=name, ctx=ast.Load()):
                owner = self._find_owner(space)
                return None if owner is None else (owner, [name], [])
            case ast.Call(func=ast.Attribute(value=space, attr=method), args=[name, *rest], keywords=[]):
                owner = self._find_owner(space) if method in _ITEM_METHODS and len(rest) < 2 else None
                return None if owner is None else (owner, [name], rest)
            case ast.Call(func=ast.Call(func=getter, args=[name], keywords=[]), args=[space], keywords=[]):
                owner = self._find_owner(space) if self._texts.find_name(getter) == "operator.itemgetter" else None
                return None if owner is None else (owner, [name], [])
        return None

    def _find_member(self, node: ast.expr) -> _Member | None:
        """Return the member that a call takes from an object, or the last of the members that it takes in turn."""
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="__getattribute__"), args=[name], keywords=[]):
                return owner, [name], []
            case ast.Call(func=function, args=[getter, ast.List(elts=names) | ast.Tuple(elts=names), owner]) if (
                self._texts.find_name(function) == "functools.reduce" and self._texts.find_name(getter) == _GETATTR
            ):
                return owner, names, []
            case ast.Call(func=function, args=[owner, name, *rest], keywords=[]) if len(rest) < 2:
                return (owner, [name], rest) if self._texts.find_name(function) in _TAKE_MEMBER else None
        return None

    def _find_listed_member(self, node: ast.expr) -> _Member | None:
        """Return the member of ``[getattr(owner, each) for each in dir(owner) if each == name][0]``."""
        match node:
            case ast.Subscript(value=ast.ListComp() as listed) | ast.Call(args=[ast.GeneratorExp() as listed]):
                pass
            case _:
                return None
        match listed.elt, listed.generators:
            case (
                ast.Call(func=getter, args=[owner, ast.Name(id=taken)], keywords=[]),
                [
                    ast.comprehension(
                        iter=ast.Call(func=lister), ifs=[ast.Compare(ast.Name(id=compared), [ast.Eq()], [name])]
                    )
                ],
            ) if taken == compared:
                is_next = isinstance(node, ast.Subscript) or self._texts.find_name(node.func) == "builtins.next"
                names = self._texts.find_name(getter), self._texts.find_name(lister)
                return (owner, [name], []) if is_next and names == (_GETATTR, "builtins.dir") else None
        return None

    def _find_owner(self, space: ast.expr) -> ast.expr | None:
        """Return the object whose namespace an expression is; ``None`` for another expression."""
        match space:
            case ast.Attribute(value=owner, attr="__dict__"):
                return owner
            case ast.Call(func=function, args=args, keywords=[]) if self._texts.find_name(function) in _NAMESPACES:
                return args[0] if args else ast.Constant(None)
        return None

    def _settle_name(self, node: ast.expr) -> ast.expr:
        """Return what stays of the name of a lookup: the keys that it reads."""
        if not self._texts.is_text(node, reads=True):
            return node
        if self._texts.is_text(node, reads=False):
            text = self._texts.fold(node)
            if not isinstance(text, str):
                return node
            self.names.add(text)
            return ast.copy_location(ast.Constant(""), node)
        if self._find_joined(node):
            return ast.copy_location(ast.Constant(""), node)
        # An object of the source may have a method of this name, so that the other texts stay beside the keys.
        parts = list(self._list_outer_parts(node))
        return node if None in parts else ast.copy_location(ast.Tuple(list(filter(None, parts)), ast.Load()), node)

    def _find_joined(self, node: ast.expr) -> Collection[str]:
        """Return the texts that a configuration holds in pieces, of an expression such as ``"".join(config.parts)``."""
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=""), attr="join"), args=[read], keywords=[]):
                return self._pieces.get(find_read_key(read)[0], ()) if self._texts.is_read(read) else ()
        return ()

    def _list_outer_parts(self, node: ast.expr) -> Iterator[ast.expr | None]:
        """Yield the reads of keys and the constant texts that make a text; ``None`` for one that is not folded."""
        if self._texts.is_read(node):
            yield node
        elif self._texts.is_text(node, reads=False):
            text = self._texts.fold(node)
            yield None if text is None else ast.copy_location(ast.Constant(text), node)
        else:
            for each in ast.iter_child_nodes(node):
                if isinstance(each, ast.expr) and self._texts.find_name(each) not in TEXT_FUNCTIONS:
                    yield from self._list_outer_parts(each)


def _convert_store(node: ast.AST) -> ast.AST:
    """Return the assignment for a statement that sets an attribute of a written name by ``setattr``."""
    match node:
        case ast.Expr(ast.Call(ast.Name("setattr"), [owner, ast.Constant(str(name)), value], [])) if (
            name.isidentifier()
        ):
            target = ast.Attribute(owner, name, ast.Store())
            return ast.fix_missing_locations(ast.copy_location(ast.Assign([target], value), node))
    return node
