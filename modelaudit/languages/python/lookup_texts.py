"""Fold the texts that a source spells in pieces, and leave out those that nothing but a lookup of a name gets.

``getattr(import_module(config.module), bytes.fromhex("4c696e656172").decode())`` spells a name as the argument of a
lookup. No other code gets the text, so that it cannot become the value of ``config.module``. Outside of lookups,
``bytes.fromhex(…).decode()`` becomes the constant text. What stays can be searched for texts that come from elsewhere.

A text is left out only if its expression cannot pass it on: constants, reads of a key, and calls of functions that
make texts of texts. Names that the source binds again do not count as these functions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, TypeGuard

from msgspec import Struct, field

from modelaudit.languages.python.budget import TooDeepError, limit_steps
from modelaudit.languages.python.configured_keys import find_base, find_read_key
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.name_tables import IMPORTERS
from modelaudit.languages.python.settled_texts import list_assigned_names
from modelaudit.languages.python.values import Constant

CHANGING_METHODS: Final = frozenset(
    {"strip", "lstrip", "rstrip", "lower", "upper", "casefold", "swapcase", "title", "capitalize", "removeprefix",
     "removesuffix", "translate", "join", "format", "format_map", "replace", "encode", "expandtabs", "zfill", "center"}
)  # fmt: skip
"""Methods that make another text of a text."""
_TEXT_METHODS: Final = CHANGING_METHODS | {"decode", "fromhex", "hex", "split", "rsplit"}
_TEXT_FUNCTIONS: Final = frozenset(
    f"builtins.{name}" for name in ("bytes", "bytearray", "chr", "list", "map", "ord", "reversed", "str", "tuple")
) | {
    *("base64.b16decode", "base64.b32decode", "base64.b64decode", "base64.b85decode", "base64.a85decode"),
    *("base64.urlsafe_b64decode", "base64.standard_b64decode", "binascii.unhexlify", "binascii.a2b_hex"),
    *("binascii.a2b_base64", "codecs.decode", "codecs.encode"),
}
_BY_FIRST_ARGUMENT: Final = IMPORTERS | {"operator.attrgetter"}
_GETATTR: Final = "builtins.getattr"
_NAMESPACES: Final = frozenset({"builtins.vars", "builtins.globals"})
_MOST_DEPTH: Final = 30  # levels of an expression that makes a text


class SettledSource(Struct, frozen=True):
    """A source whose texts are folded.

    Attributes:
        tree: the module, in which an empty text is in the place of each name that only a lookup gets.
        names: these names, as far as they are constant.
        joined_keys: the keys whose values the source does not use but in lookups, as ``"".join(config.parts)``.
    """

    tree: ast.Module
    names: frozenset[str] = field(default_factory=frozenset)
    joined_keys: frozenset[str] = field(default_factory=frozenset)


def settle_texts(tree: ast.Module, own_modules: Collection[str], list_keys: Collection[str]) -> SettledSource:
    """Return the source with its texts folded; the tree itself changes.

    Args:
        tree: the source.
        own_modules: the names of the files of the model, which can take the place of a module of Python.
        list_keys: the keys under which the configurations hold a text in pieces.
    """
    if any(isinstance(each, ast.ImportFrom) and each.names[0].name == "*" for each in ast.walk(tree)):
        return SettledSource(tree)  # it may bind any name
    settler = _Settler(tree, own_modules, list_keys)
    settler.visit(tree)
    return SettledSource(ast.fix_missing_locations(tree), frozenset(settler.names), frozenset(settler.joined_keys))


class _Settler(ast.NodeTransformer):
    """Replaces the texts of one source."""

    def __init__(self, tree: ast.Module, own_modules: Collection[str], list_keys: Collection[str]) -> None:
        self.names: set[str] = set()
        self.joined_keys: set[str] = set()
        self._list_keys = list_keys
        self._modules = _find_imported_modules(tree, own_modules)
        parameters = (each.arg for each in ast.walk(tree) if isinstance(each, ast.arg))
        self._bound = frozenset((*list_assigned_names(tree), *parameters))
        self._fold = _make_folder(tree)

    def visit(self, node: ast.AST) -> ast.AST:
        """Settle a lookup or a text that the source spells in pieces, or go on with the parts of the node."""
        if isinstance(node, ast.Call):
            self._settle_call(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            node = self._settle_item(node)
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant) and self._is_text(node, reads=False):
            text = self._fold(node)
            if isinstance(text, str):
                return ast.copy_location(ast.Constant(text), node)
        visited: ast.AST = super().generic_visit(node)
        return visited

    def _settle_call(self, node: ast.Call) -> None:
        """Leave out the names that a call looks up."""
        name, args = self._find_name(node.func), node.args
        if name == _GETATTR and len(args) > 1 and not isinstance(args[1], ast.Constant):
            args[1] = self._settle_name(args[1])
        elif name in _BY_FIRST_ARGUMENT and args:
            args[0] = self._settle_name(args[0])
        elif name == "functools.reduce" and len(args) > 1 and self._find_name(args[0]) == _GETATTR:
            listed = args[1]
            if isinstance(listed, ast.List | ast.Tuple):
                listed.elts = [self._settle_name(each) for each in listed.elts]
                if all(isinstance(each, ast.Constant) for each in listed.elts):
                    args[0] = ast.copy_location(ast.Constant(None), args[0])

    def _settle_item(self, node: ast.Subscript) -> ast.expr:
        """Leave out the name of an item of ``sys.modules``; an item of a namespace becomes a call of ``getattr``."""
        base = node.value
        if isinstance(base, ast.Attribute) and self._find_name(base) == "sys.modules":
            node.slice = self._settle_name(node.slice)
        elif isinstance(base, ast.Call) and not base.keywords and self._find_name(base.func) in _NAMESPACES:
            owner = base.args[0] if base.args else ast.Constant(None)
            name = node.slice if isinstance(node.slice, ast.Constant) else self._settle_name(node.slice)
            taken = ast.Call(ast.Name("getattr", ast.Load()), [owner, name], [])
            return ast.fix_missing_locations(ast.copy_location(taken, node))
        return node

    def _settle_name(self, node: ast.expr) -> ast.expr:
        """Return what stays of the name of a lookup: the keys that it reads."""
        if not self._is_text(node, reads=True):
            return node
        if self._is_text(node, reads=False):
            text = self._fold(node)
            if not isinstance(text, str):
                return node
            self.names.add(text)
            return ast.copy_location(ast.Constant(""), node)
        if self._takes_joined_key(node):
            return ast.copy_location(ast.Constant(""), node)
        # An object of the source may have a method of this name, so that the other texts stay beside the keys.
        parts = list(self._list_outer_parts(node))
        return node if None in parts else ast.copy_location(ast.Tuple(list(filter(None, parts)), ast.Load()), node)

    def _takes_joined_key(self, node: ast.expr) -> bool:
        """Whether a name is a text that a configuration holds in pieces, ``"".join(config.parts)``; its key is kept."""
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=""), attr="join"), args=[read], keywords=[]):
                key = find_read_key(read)[0]
                if key in self._list_keys and self._is_read(read):
                    self.joined_keys.add(key)
                    return True
        return False

    def _list_outer_parts(self, node: ast.expr) -> Iterator[ast.expr | None]:
        """Yield the reads of keys and the constant texts that make a text; ``None`` for one that is not folded."""
        if self._is_read(node):
            yield node
        elif self._is_text(node, reads=False):
            text = self._fold(node)
            yield None if text is None else ast.copy_location(ast.Constant(text), node)
        else:
            for each in ast.iter_child_nodes(node):
                if isinstance(each, ast.expr) and self._find_name(each) not in _TEXT_FUNCTIONS:
                    yield from self._list_outer_parts(each)

    def _is_text(self, node: ast.expr, reads: bool, depth: int = 0) -> bool:
        """Whether an expression makes a text, and nothing else gets what it consists of.

        Args:
            node: the expression.
            reads: whether it may read keys of a configuration.
            depth: the levels around it.
        """
        if depth > _MOST_DEPTH:
            return False
        if reads and self._is_read(node):
            return True
        parts = self._list_parts(node)
        return parts is not None and all(self._is_text(each, reads, depth + 1) for each in parts)

    def _list_parts(self, node: ast.expr) -> list[ast.expr] | None:
        """Return the parts of a text that an expression makes; ``None`` if it does anything else."""
        match node:
            case ast.Constant():
                return []
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.JoinedStr(values=parts):
                return parts
            case ast.FormattedValue(value=part, format_spec=None):
                return [part]
            case ast.BinOp(left=left, op=ast.Add() | ast.Mod() | ast.Mult(), right=right):
                return [left, right]
            case ast.Subscript(value=base, slice=ast.Slice(lower=lower, upper=upper, step=step)):
                return [base, *filter(None, (lower, upper, step))]
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                return []
            case ast.Call(func=function, args=args, keywords=[]):
                return self._list_call_parts(function, args)
        return None

    def _list_call_parts(self, function: ast.expr, args: list[ast.expr]) -> list[ast.expr] | None:
        """Return the arguments of a function that makes a text, with the text on which a method is called."""
        values = [each for each in args if self._find_name(each) not in _TEXT_FUNCTIONS]
        if self._find_name(function) in _TEXT_FUNCTIONS:
            return values
        if isinstance(function, ast.Attribute) and function.attr in _TEXT_METHODS:
            is_class = self._find_name(function.value) in _TEXT_FUNCTIONS
            return values if is_class else [function.value, *values]
        return None

    def _is_read(self, node: ast.expr) -> TypeGuard[ast.expr]:
        """Whether an expression reads a key of an object, ``config.part`` or ``config.to_dict()["part"]``."""
        key, default = find_read_key(node)
        base = find_base(node)
        if not key or base is None or (default is not None and not isinstance(default, ast.Constant)):
            return False
        match base:
            case ast.Call(func=ast.Attribute(value=inner, attr="to_dict"), args=[], keywords=[]):
                base = inner
        while isinstance(base, ast.Attribute):
            base = base.value
        return isinstance(base, ast.Name) and base.id not in self._modules

    def _find_name(self, node: ast.expr) -> str:
        """Return the full name of a builtin, or of a member of a module that the source imports; empty for others."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or not self._bound.isdisjoint((node.id, *path)):
            return ""
        root = self._modules.get(node.id, "" if path else f"builtins.{node.id}")
        return ".".join((root, *reversed(path))) if root else ""


def _make_folder(tree: ast.Module) -> Callable[[ast.expr], str | bytes | None]:
    """Return a function that folds an expression with the imports of a source; ``None`` for what is no text."""
    evaluator = Evaluator(limit_steps(""))
    evaluator.evaluate_statements([each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)])

    def fold(node: ast.expr) -> str | bytes | None:
        try:
            value = evaluator.evaluate(node)
        except (TooDeepError, RecursionError):
            return None
        return value.value if isinstance(value, Constant) and isinstance(value.value, str | bytes) else None

    return fold


def _find_imported_modules(tree: ast.Module, own_modules: Collection[str]) -> Mapping[str, str]:
    """Return the full name of each name that a source binds by one import, and that is no file of the model."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for each in names:
                    root = each.name.partition(".")[0]
                    found.setdefault(each.asname or root, set()).add(each.name if each.asname else root)
            case ast.ImportFrom(module=module, names=names, level=level):
                for each in names:
                    name = f"{module}.{each.name}" if module and not level else ""
                    found.setdefault(each.asname or each.name, set()).add(name)
    single = {name: next(iter(full)) for name, full in found.items() if len(full) == 1}
    return {name: full for name, full in single.items() if full.partition(".")[0] not in own_modules}
