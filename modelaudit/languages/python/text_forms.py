"""Recognise the expressions that make a text of constants, or of the keys of a configuration.

Such an expression passes what it consists of to no other code: it calls nothing but functions that make texts of texts.
A source that binds one of their names again, or that imports a file of the model under it, does not have them.
"""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, TypeGuard

from modelaudit.languages.python.configured_keys import find_base, find_read_key
from modelaudit.languages.python.settled_texts import is_bound, list_assigned_names
from modelaudit.languages.python.shared_values import SharedValues
from modelaudit.languages.python.values import Constant

CHANGING_METHODS: Final = frozenset(
    {"strip", "lstrip", "rstrip", "lower", "upper", "casefold", "swapcase", "title", "capitalize", "removeprefix",
     "removesuffix", "translate", "join", "format", "format_map", "replace", "encode", "expandtabs", "zfill", "center"}
)  # fmt: skip
"""Methods that make another text of a text."""
_TEXT_METHODS: Final = CHANGING_METHODS | {"decode", "fromhex", "hex", "split", "rsplit"}
TEXT_FUNCTIONS: Final = frozenset(
    f"builtins.{name}" for name in ("bytes", "bytearray", "chr", "list", "map", "ord", "reversed", "str", "tuple")
) | {
    *("base64.b16decode", "base64.b32decode", "base64.b64decode", "base64.b85decode", "base64.a85decode"),
    *("base64.urlsafe_b64decode", "base64.standard_b64decode", "binascii.unhexlify", "binascii.a2b_hex"),
    *("binascii.a2b_base64", "codecs.decode", "codecs.encode"),
}
"""Functions that make a text of their arguments, by full name."""
_MODULES: Final = MappingProxyType({"base64": base64, "binascii": binascii, "codecs": codecs})
_OPERATORS: Final = (ast.Add, ast.Mod, ast.Mult, ast.BitXor, ast.Sub)
_MOST_DEPTH: Final = 30  # levels of an expression that makes a text


class TextForms:
    """The names by which one source makes texts, and the constants that it names."""

    def __init__(
        self,
        tree: ast.Module,
        own_modules: Collection[str],
        imported: SharedValues = MappingProxyType({}),
        opened: frozenset[str] = frozenset(),
    ) -> None:
        """Collect the names of a source.

        Args:
            tree: the source.
            own_modules: the names of the files of the model, which can take the place of a module of Python.
            imported: the values that the source imports from them for good.
            opened: the names that other files of the model may bind.
        """
        nodes = self._nodes = list(ast.walk(tree))  # once, for it takes as long as all that follows
        self._modules = _find_imported_modules(nodes, own_modules)
        parameters = (each.arg for each in nodes if isinstance(each, ast.arg))
        bound = Counter((*list_assigned_names(nodes), *parameters, *opened))
        self._bound = frozenset(bound)
        self._set = opened | {each.attr for each in nodes if isinstance(each, ast.Attribute) and is_bound(each)}
        self.constants = {
            name: node for name, node in _list_constants(nodes) if bound[name] == 1 and name not in self._modules
        }
        """The statements that bind a name to a constant, where nothing else binds it."""
        self.imports = [each for each in nodes if isinstance(each, ast.Import | ast.ImportFrom)]
        """The imports of the source."""
        self._imported = frozenset(_list_imported_texts(self.imports, imported)) - self._bound

    def is_text(self, node: ast.expr, reads: bool, names: frozenset[str] = frozenset(), depth: int = 0) -> bool:
        """Whether an expression makes a text, and nothing else gets what it consists of.

        Args:
            node: the expression.
            reads: whether it may read keys of a configuration.
            names: those that comprehensions around it bind.
            depth: the levels around it.
        """
        if depth > _MOST_DEPTH:
            return False
        if (reads and self.is_read(node)) or (isinstance(node, ast.Name) and node.id in names):
            return True
        if isinstance(node, ast.GeneratorExp | ast.ListComp):
            names |= {each.target.id for each in node.generators if isinstance(each.target, ast.Name)}
        parts = self._list_parts(node)
        return parts is not None and all(self.is_text(each, reads, names, depth + 1) for each in parts)

    def _list_parts(self, node: ast.expr) -> list[ast.expr] | None:
        """Return the parts of a text that an expression makes; ``None`` if it does anything else."""
        match node:
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.JoinedStr(values=parts):
                return parts
            case ast.Dict(keys=keys, values=values) if all(isinstance(each, ast.Constant) for each in keys):
                return values
            case ast.FormattedValue(value=part, format_spec=None):
                return [part]
            case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _OPERATORS):
                return [left, right]
            case ast.Subscript(value=base, slice=ast.Slice(lower=lower, upper=upper, step=step)):
                return [base, *filter(None, (lower, upper, step))]
            case ast.Subscript(value=base, slice=index):
                return [base, index]
            case ast.GeneratorExp(elt=part, generators=loops) | ast.ListComp(elt=part, generators=loops):
                return [part, *(each.iter for each in loops)] if all(map(_is_plain, loops)) else None
            case ast.Call(func=function, args=args, keywords=[]) if not self._is_constant(node):
                return self._list_call_parts(function, args)
        return [] if self._is_constant(node) else None

    def _is_constant(self, node: ast.expr) -> bool:
        """Whether an expression is a constant, or the name under which a source keeps one."""
        match node:
            case ast.Constant() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                return True
            case ast.Name(id=name, ctx=ast.Load()):
                return name in self._imported or isinstance(self.constants.get(name), ast.Assign)
            case ast.Attribute(value=ast.Name(id=name), attr=member):
                held = self.constants.get(name)
                return isinstance(held, ast.ClassDef) and member in self.constants
            case ast.Call(func=ast.Name(id=name), args=[], keywords=[]):
                return isinstance(self.constants.get(name), ast.FunctionDef)
        return False

    def _list_call_parts(self, function: ast.expr, args: list[ast.expr]) -> list[ast.expr] | None:
        """Return the arguments of a function that makes a text, with the text on which a method is called."""
        values = [each for each in args if self.find_name(each) not in TEXT_FUNCTIONS]
        if self.find_name(function) in TEXT_FUNCTIONS:
            return values
        if isinstance(function, ast.Attribute) and function.attr in _TEXT_METHODS:
            is_class = self.find_name(function.value) in TEXT_FUNCTIONS
            return values if is_class else [function.value, *values]
        return None

    def is_read(self, node: ast.expr) -> TypeGuard[ast.expr]:
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

    def find_name(self, node: ast.expr) -> str:
        """Return the full name of a builtin, or of a member of a module that the source imports; empty for others."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or not self._bound.isdisjoint((node.id, *path)):
            return ""
        root = self._modules.get(node.id, f"builtins.{node.id}" if not path or node.id == "object" else "")
        full = ".".join((root, *reversed(path))) if root else ""
        return "" if full in TEXT_FUNCTIONS and not self._set.isdisjoint(list_internal_names(full)) else full


@cache
def list_internal_names(function: str) -> frozenset[str]:
    """Return the names of the module of a function that makes texts, which the function may use.

    Args:
        function: the full name, one of ``TEXT_FUNCTIONS``.
    """
    used = _MODULES.get(function.rpartition(".")[0])
    return frozenset() if used is None else frozenset(vars(used))


def _is_plain(loop: ast.comprehension) -> bool:
    """Whether a loop binds one name to each item, without a condition."""
    return isinstance(loop.target, ast.Name) and not loop.ifs and not loop.is_async


def _list_constants(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the names that statements bind to a constant, to a class of constants or to a function that returns one."""
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() | bytes())):
                yield name, node
            case ast.ClassDef(name=name, bases=[], keywords=[], decorator_list=[], body=body):
                if all(isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant) for each in body):
                    yield name, node
            case ast.FunctionDef(name=name, decorator_list=[], body=[ast.Return(value=ast.Constant())]):
                yield name, node
            case ast.FunctionDef(
                name=name, args=taken, decorator_list=[], body=[ast.Return(value=ast.Name(id=result))]
            ):
                if [each.arg for each in taken.args] == [result] and list(map(type, taken.defaults)) == [ast.Constant]:
                    yield name, node


def _list_imported_texts(imports: Iterable[ast.stmt], imported: SharedValues) -> Iterator[str]:
    """Yield the names under which imports bind a text of another file of the model."""
    for node in imports:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = node.module.rpartition(".")[2]
            for each in node.names:
                if isinstance(imported.get((module, each.name)), Constant):
                    yield each.asname or each.name


def _find_imported_modules(nodes: Iterable[ast.AST], own_modules: Collection[str]) -> Mapping[str, str]:
    """Return the full name of each name that a source imports once, without the names of the model's own files."""
    found: dict[str, set[str]] = {}
    for node in nodes:
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
