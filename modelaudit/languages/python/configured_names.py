"""Put the values of configurations in the place of the keys that a source reads, and evaluate what results.

``getattr(import_module(config.module), config.name)`` becomes ``getattr(import_module("torch.nn"), "Linear")``, which
the evaluator resolves. Each combination of the values is evaluated: which of them meet is not known.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from itertools import product
from math import prod
from typing import Final

from modelaudit.languages.python import uses, walks
from modelaudit.languages.python.analysis import SourceAnalysis, analyze_source
from modelaudit.languages.python.configured_keys import find_read_key
from modelaudit.languages.python.configured_values import ConfiguredValues
from modelaudit.languages.python.name_tables import IMPORTERS, POWERFUL_MEMBERS, WELL_KNOWN_MODULES
from modelaudit.languages.python.settled_texts import ImportedValues
from modelaudit.languages.python.source import parse_code_text
from modelaudit.model.outline import Mention

PICKED_NAME: Final = walks.PICKED_NAME
_MOST_COMBINATIONS: Final = 64
_NOTHING_IMPORTED: Final = ImportedValues({})
_LONGEST_SOURCE: Final = 200_000  # characters
_MOST_CHARACTERS: Final = 2_000_000  # of all combinations of a source
Path = tuple[str, ...]
"""The keys by which code reads a configuration, from the outermost."""
# Keys that would hide how a name is looked up, rather than show which.
RESERVED_KEYS: Final = (
    POWERFUL_MEMBERS
    | frozenset(name.rpartition(".")[2] for name in IMPORTERS)
    | frozenset(part for name in WELL_KNOWN_MODULES.values() for part in name.split("."))
    | frozenset({"getattr", "attrgetter", "modules", "name_or_path"})
)


def parse_module(text: str) -> ast.Module | None:
    """Return the syntax tree of a source; ``None`` if it is long or does not parse."""
    body = parse_code_text(text) if len(text) <= _LONGEST_SOURCE else None
    return None if body is None else ast.Module(body, [])


def resolve_configured_calls(
    text: str,
    configured: ConfiguredValues,
    lookups: Collection[str] = (),
    imported: ImportedValues = _NOTHING_IMPORTED,
) -> tuple[Mention, ...] | None:
    """Return what a source mentions only with the values of the configurations; ``None`` if a call stays unresolved.

    Args:
        text: the source, which calls an object that computed names reach.
        configured: the values under each key.
        lookups: the modules, as ``os.*``, in which it looks up names that it computes, and which have to be resolved.
        imported: the values that it imports from other files of the model.
    """
    tree = parse_module(text)
    values = {} if tree is None else collect_texts(tree, configured)
    if not values or exceeds_combinations(text, values):
        return None
    found: dict[tuple[str, str, str], Mention] = {}
    for chosen in list_combinations(values):
        analysis = analyze_with_texts(text, chosen, configured, imported)
        if analysis is None:
            return None
        is_open = any(_is_unresolved(each, lookups) for each in analysis.mentions)
        if is_open or analysis.damage or analysis.bounds or imported.may_be_bound(text, analysis.mentions):
            return None
        found |= {(each.use, each.name, each.detail): each for each in analysis.mentions}
    for each in analyze_source(text, shared=imported.values).mentions:
        found.pop((each.use, each.name, each.detail), None)
    return tuple(found.values())


def collect_texts(tree: ast.Module, configured: ConfiguredValues) -> dict[Path, tuple[str, ...]]:
    """Return the texts that a source may read under each key."""
    reader = _KeyReader(configured)
    reader.visit(tree)
    return reader.texts


def exceeds_combinations(text: str, values: Mapping[Path, Collection[str]]) -> bool:
    """Whether the texts of a source have more combinations than are analysed."""
    count = prod(map(len, values.values()))
    return count > _MOST_COMBINATIONS or count * len(text) > _MOST_CHARACTERS


def list_combinations(values: Mapping[Path, Collection[str]]) -> Iterator[dict[Path, str]]:
    """Yield each choice of one text for each key."""
    for combination in product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def analyze_with_texts(
    text: str,
    chosen: Mapping[Path, str],
    configured: ConfiguredValues,
    imported: ImportedValues = _NOTHING_IMPORTED,
) -> SourceAnalysis | None:
    """Analyse a source with a text in the place of each key; ``None`` if it does not parse."""
    body = parse_code_text(text)
    if body is None:
        return None
    source = _ValueWriter(chosen, configured).visit(ast.Module(body, []))
    return analyze_source(ast.unparse(ast.fix_missing_locations(source)), shared=imported.values)


def _is_unresolved(mention: Mention, lookups: Collection[str]) -> bool:
    """Whether a source still calls an object by computed names, or looks up a computed name in one of these modules."""
    return mention.name == PICKED_NAME or (mention.use == uses.COMPUTED and mention.name in lookups)


def _list_imported(tree: ast.AST) -> frozenset[str]:
    """Return the names that a source binds by imports."""
    aliases = (
        alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    )
    return frozenset(alias.asname or alias.name.partition(".")[0] for alias in aliases)


def _find_root(node: ast.expr) -> str:
    """Return the name with which a chain of attributes begins; empty without one."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _find_read_key(node: ast.AST, imported: frozenset[str]) -> str:
    """Return the key that an expression reads from an object that is no imported module; empty for anything else."""
    is_of_module = isinstance(node, ast.Attribute) and _find_root(node) in imported
    return "" if is_of_module else find_read_key(node)[0]


class _KeyReader(ast.NodeVisitor):
    """Collects the texts that a source reads, without those under which it finds a function to call.

    Attributes:
        texts: by the keys that lead to them.
    """

    def __init__(self, configured: ConfiguredValues) -> None:
        self.texts: dict[Path, tuple[str, ...]] = {}
        self._configured = configured
        self._imported: frozenset[str] = frozenset()

    def visit_Module(self, node: ast.Module) -> None:
        """Collect the imported names first."""
        self._imported = _list_imported(node)
        self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        """Keep the texts of an expression that reads some."""
        key = _find_read_key(node, self._imported)
        is_set_by_loader = key.startswith("_") and not key.endswith("_")
        if isinstance(node, ast.expr) and key and key not in RESERVED_KEYS and not is_set_by_loader:
            path, texts = self._configured.find_texts(node)
            if texts:
                self.texts[path] = texts
        super().generic_visit(node)


class _ValueWriter(ast.NodeTransformer):
    """Replaces each expression that reads a chosen key by its value."""

    def __init__(self, chosen: Mapping[Path, str], configured: ConfiguredValues) -> None:
        self._chosen = chosen
        self._configured = configured
        self._imported: frozenset[str] = frozenset()
        self._called: set[int] = set()

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Collect the imported names and the called expressions first: a text cannot be called."""
        self._imported = _list_imported(node)
        self._called = {id(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
        return self.generic_visit(node)

    def visit(self, node: ast.AST) -> ast.AST:
        """Replace the expression, or go on with its parts."""
        if isinstance(node, ast.expr) and _find_read_key(node, self._imported) and id(node) not in self._called:
            path, _ = self._configured.find_texts(node)
            if path in self._chosen:
                # A joined text, and no constant: the source does not write the name out.
                return ast.parse(f'"".join(({self._chosen[path]!r},))', mode="eval").body
        visited: ast.AST = super().visit(node)
        return visited
