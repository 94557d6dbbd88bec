"""Put a source together with the files of the model whose functions look names up for it.

``helper.py`` has ``def find(path): ... return getattr(import_module(module), name)``, and ``model.py`` has
``from .helper import find`` and ``find(config.a + config.b)(...)``. Only one source with both shows the call. So the
text of the helper is put before that of the source, and the import gives way to the names themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.languages.python.settled_texts import parse_module

_LOOKUPS: Final = frozenset(
    {"getattr", "import_module", "__import__", "attrgetter", "methodcaller", "resolve_name", "locate", "vars",
     "globals", "__dict__", "__getattribute__", "getattr_static", "modules"}
)  # fmt: skip
_FUNCTIONS: Final = (_LOOKUPS - {"vars", "globals", "__dict__", "modules"}) | {"__globals__", "f_globals"}
_PLACE_METHODS: Final = frozenset({"append", "insert", "extend"})
"""Methods of ``sys.path``."""
_LONGEST_MERGED: Final = 200_000  # characters


class MergedSource(Struct, frozen=True):
    """A source behind the helpers that it imports from.

    Attributes:
        text: the helpers, then the source, line by line as it is, but for its imports of them.
        lines_before: the lines of the helpers.
        files: the names of the helpers as modules, without packages, and of those behind which these were put.
    """

    text: str
    lines_before: int
    files: tuple[str, ...]


def list_lookup_helpers(text: str) -> frozenset[str]:
    """Return the functions and classes of a source that look names up by texts which they do not write.

    One that holds or returns a function which does so is one of them: ``class A: find = importlib.import_module``.

    Args:
        text: the source.
    """
    tree = parse_module(text)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    outer = [] if tree is None else [each for each in tree.body if isinstance(each, definitions)]
    names = {each.name for each in outer if any(map(_looks_up, ast.walk(each))) or _holds_lookup(each)}
    assigned = [each for each in tree.body if isinstance(each, ast.Assign)] if tree is not None else []
    return frozenset(names.union(*(_list_lambdas(each) for each in assigned)))


def merge_source(text: str, helpers: Mapping[str, str]) -> MergedSource | None:
    """Put a source behind the helpers that it imports from.

    Args:
        text: the source.
        helpers: the texts of other files of the model, by their names as modules, without packages.

    Returns:
        The merged source; ``None`` if it imports no function or class of a helper that looks names up, does not parse
        or is long.
    """
    tree = parse_module(text)
    if tree is None:
        return None
    merger = _Merger({name: each for name, each in helpers.items() if list_lookup_helpers(each)})
    edits = [*merger.list_imports(tree), *merger.list_uses(tree)]
    before = "".join(f"{helpers[name].rstrip()}\n" for name in merger.used)
    merged = before + _write_over(text, edits)
    if not merger.used or len(merged) > _LONGEST_MERGED or parse_module(merged) is None:
        return None
    return MergedSource(merged, before.count("\n"), tuple(merger.used))


_Edit = tuple[ast.stmt | ast.expr, str]
"""A node, and the text of one line in its place."""


class _Merger:
    """Replaces the imports of helpers, and the names that they bind.

    Attributes:
        used: the helpers whose names the source imports.
    """

    def __init__(self, helpers: Mapping[str, str]) -> None:
        self.used: dict[str, None] = {}
        self._helpers = helpers
        self._names: dict[str, str] = {}
        self._modules: set[str] = set()

    def list_imports(self, tree: ast.Module) -> Iterator[_Edit]:
        """Yield the imports of helpers with what stays of them; the helpers go into ``used``."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (module := (node.module or "").rpartition(".")[2]) in self._helpers:
                self.used.setdefault(module)
                self._names |= {each.asname: each.name for each in node.names if each.asname}
                yield node, "pass"
            elif isinstance(node, ast.Import | ast.ImportFrom):
                kept = [each for each in node.names if not self._takes_module(node, each)]
                if len(kept) < len(node.names):
                    node.names = kept
                    yield node, ast.unparse(node) if kept else "pass"

    def list_uses(self, tree: ast.Module) -> Iterator[_Edit]:
        """Yield the uses of the replaced imports, each with the name in its helper."""
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=base), attr=name) if base in self._modules:
                    yield node, name
                case ast.Name(id=name) if name in self._names:
                    yield node, self._names[name]

    def _takes_module(self, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> bool:
        """Whether an import binds a helper as a module; the helper goes into ``used``."""
        name = alias.name.rpartition(".")[2]
        if name not in self._helpers or (isinstance(node, ast.Import) and name != alias.name and not alias.asname):
            return False
        self.used.setdefault(name)
        self._modules.add(alias.asname or name)
        return True


def _list_lambdas(statement: ast.Assign) -> set[str]:
    """Return the names that get a value with a function that looks names up: ``find = lambda path: getattr(…)``."""
    has_lookup = any(
        isinstance(each, ast.Lambda) and any(map(_looks_up, ast.walk(each.body))) for each in ast.walk(statement.value)
    )
    return {each.id for each in statement.targets if isinstance(each, ast.Name)} if has_lookup else set()


def _looks_up(node: ast.AST) -> bool:
    """Whether a node looks a name up by a text that it does not write, or has code run from where its caller says."""
    match node:
        case ast.Call(keywords=keywords) if any(_is_open_switch(each) for each in keywords):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="path") | ast.Name(id="path"), attr=method)):
            return method in _PLACE_METHODS
        case ast.Call(func=ast.Name(id="open"), args=[_, ast.Constant(value=str(mode)), *_]):
            return not mode.startswith("r")
        case ast.Call(args=[_, ast.Constant(), *_]) | ast.Call(args=[ast.Constant()]):
            return False
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _LOOKUPS
        case ast.Subscript(value=ast.Attribute(attr=name), slice=key) if not isinstance(key, ast.Constant):
            return name in _LOOKUPS
    return False


def _holds_lookup(definition: ast.AST) -> bool:
    """Whether a definition has a namespace, or a function that looks names up and is not called there, as a value."""
    nodes = list(ast.walk(definition))
    called = {id(each.func) for each in nodes if isinstance(each, ast.Call)}
    values = (each for each in nodes if isinstance(each, ast.Name | ast.Attribute) and id(each) not in called)
    return any((each.id if isinstance(each, ast.Name) else each.attr) in _FUNCTIONS for each in values)


def _is_open_switch(keyword: ast.keyword) -> bool:
    """Whether a keyword argument is the switch ``trust_remote_code`` with a value that a caller decides."""
    return keyword.arg == "trust_remote_code" and not isinstance(keyword.value, ast.Constant)


def _write_over(text: str, edits: Sequence[_Edit]) -> str:
    """Write texts of one line in place of nodes, and keep the number of lines."""
    lines = text.encode().splitlines(keepends=True)
    for node, written in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        rest = lines[last][node.end_col_offset or 0 :]
        lines[first] = lines[first][: node.col_offset] + written.encode() + rest
        for number in range(first + 1, last + 1):
            lines[number] = b"\n"
    return b"".join(lines).decode()
