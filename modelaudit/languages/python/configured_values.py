"""Decide whether the texts that code reads under a key can only be those of the model's configurations.

Code that computes a name from ``config["target"]`` is judged by the values in the configurations. That is right only if
nothing else gives the key a value, and if the code takes texts from nowhere else. Whatever cannot be shown counts as
another source, so that a detour leaves the code judged as before.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from modelaudit.languages.python.closed_texts import ClosedTexts
from modelaudit.languages.python.configured_keys import find_read_key
from modelaudit.languages.python.foreign_texts import is_text, takes_other_texts
from modelaudit.languages.python.library_keys import LIBRARY_KEYS
from modelaudit.languages.python.lookup_texts import settle_texts
from modelaudit.languages.python.plain_models import PlainModel
from modelaudit.languages.python.settled_texts import ImportedValues
from modelaudit.languages.python.written_reads import names_nothing_hidden, reads_plainly
from modelaudit.model.lazy_pattern import defer_pattern

_READING: Final = defer_pattern(r"\b(?:open|read_text|loads?|safe_load|load_yaml|full_load|OmegaConf|from_json_file)\b")
_SEPARATOR: Final = defer_pattern(r"[\s=,]+")
_WORD: Final = defer_pattern(r"\w+")
_MEMBER_GETTERS: Final = frozenset({"getattr", "attrgetter"})
# Ways to get a list of a configuration without its key.
_SHARES_LISTS: Final = defer_pattern(
    r"\b(?:values|items|popitem|itemgetter|getitem|iter|__(?!init__|call__|name__|class__|version__|all__|import__)\w+__)\b"
)


class Source(Struct, frozen=True):
    """A source of a model.

    Attributes:
        tree: its syntax tree.
        text: its text.
        imported: the values that it imports from other files of the model.
    """

    tree: ast.Module
    text: str
    imported: ImportedValues


class ConfiguredValues:
    """The texts that the configurations of a model hold under each key, with those that its code gives these keys."""

    def __init__(
        self,
        settings: Mapping[str, Collection[str]],
        paths: Collection[str],
        read: Mapping[tuple[str, ...], str] = MappingProxyType({}),
        pieces: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        """Keep the configurations.

        Args:
            settings: the texts under each key that holds nothing but texts.
            paths: the names of all files of the model, without folders.
            read: the text at each path of the file from which the library makes the configuration.
            pieces: the joined texts under each key that holds nothing but lists of texts.
        """
        self._values = {key: dict.fromkeys(values) for key, values in settings.items()}
        keys = {*self._values, *pieces}
        # A name that is itself a key would read the list under that key.
        self._keys = frozenset(keys)
        self._read = read
        self._model: PlainModel | None = None
        self._bound: set[str] = set()
        self._pieces = {} if keys & {each for texts in pieces.values() for each in texts} else dict(pieces)
        self._own_modules = frozenset(each.removesuffix(".py") for each in paths if each.endswith(".py"))

    def find_texts(self, node: ast.expr) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the keys by which an expression reads a configuration, and the texts that it may get; none if unknown.

        Before the sources were added, that is the text under the last key anywhere in the configurations.
        """
        if self._model is not None:
            return self._find_read_text(node, self._model)
        key = find_read_key(node)[0]
        return (key,), tuple(self._values.get(key, ()))

    def _find_read_text(self, node: ast.expr, model: PlainModel) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the keys by which an expression reads the configuration of a plain model, and the text there."""
        path = model.find_path(node)
        is_own = any(each in LIBRARY_KEYS or each in self._bound or each.startswith("_") for each in path)
        if not path or is_own:
            return path, ()
        if path[-1] in self._pieces and len(path) == 1:
            return path, tuple(self._pieces[path[-1]])
        return path, (self._read[path],) if path in self._read and path[-1] in self._values else ()

    def add_sources(self, sources: Sequence[Source], keys: Collection[str], classes: Collection[str]) -> bool:
        """Take the values that the sources of the model give its keys; return whether they take no text from elsewhere.

        Args:
            sources: all sources of the model; their trees change.
            keys: the keys that hold anything but numbers.
            classes: those that the configuration makes the library load, ``file.Class``.
        """
        trees = [each.tree for each in sources]
        for tree in trees:
            blank_docstrings(tree)
        model = PlainModel(trees)
        self._bound.update(model.list_bound_keys())
        if not reads_plainly(trees, model.roots) or not model.has_type(self._read.get(("model_type",))):
            return False
        names = {each for texts in self._pieces.values() for each in texts}
        for source in sources:
            _TextWriter(self, model).visit(source.tree)
            is_bound = source.imported.may_be_bound(source.text, ())
            values = {} if is_bound else source.imported.values
            settled = settle_texts(source.tree, ClosedTexts(source.tree, self._own_modules, values), self._pieces)
            if takes_other_texts(source.tree) or _READING.search(source.text):
                return False
            self._add_stores(source.tree)
            names |= settled.names
            for name in settled.names:
                self._values.pop(name, None)
            if self._pieces:
                self._drop_shared_pieces(source.tree, settled.names)
        self._model = PlainModel(trees)
        self._bound.update(self._model.list_bound_keys())
        if not names_nothing_hidden(names, self._model.roots):
            return False
        return self._model.is_plain(self._own_modules, self._keys.union(keys), classes)

    def get_text(self, node: ast.expr, model: PlainModel) -> str | None:
        """Return the text that an expression reads from the configuration of a plain model; ``None`` for others."""
        path, texts = self._find_read_text(node, model)
        return texts[0] if texts and path[-1] not in self._pieces else None

    def follows(self, name: str) -> bool:
        """Whether a class of the model is one of models or configurations, which the library alone makes."""
        return self._model is not None and name in self._model.names

    def _drop_shared_pieces(self, tree: ast.Module, names: Collection[str]) -> None:
        """Drop the lists that a source may reach otherwise than to join them: it may change what they hold.

        Args:
            tree: the source without such joins.
            names: the names that it looks up.
        """
        if _SHARES_LISTS.search(ast.unparse(tree)) or self._takes_unknown_member(tree):
            self._pieces.clear()
        for each in (*names, *_list_words(tree)):
            self._pieces.pop(each, None)

    def _takes_unknown_member(self, tree: ast.Module) -> bool:
        """Whether a source may take a list of a configuration under a name that it does not write out."""
        shown = {
            id(each.func)
            for each in ast.walk(tree)
            if isinstance(each, ast.Call) and all(map(self._is_known_name, _list_member_names(each)))
        }
        return any(
            isinstance(each, ast.Name | ast.Attribute) and _get_key(each) in _MEMBER_GETTERS and id(each) not in shown
            for each in ast.walk(tree)
        )

    def _is_known_name(self, node: ast.expr) -> bool:
        """Whether the name of a member is written out, or read from a configuration that does not name a list."""
        if isinstance(node, ast.Tuple):
            keys = [find_read_key(each)[0] for each in node.elts]
            return all(key in self._values and self._pieces.keys().isdisjoint(self._values[key]) for key in keys)
        return isinstance(node, ast.Constant)

    def _add_stores(self, tree: ast.Module) -> None:
        """Add the constants that a source stores under keys, and drop the keys that get another value."""
        accepted: set[int] = set()
        parameters = frozenset(_list_configured_parameters(tree))
        for node in ast.walk(tree):
            for key, value, target in _list_stores(node):
                accepted.add(id(target))
                self._store(key, value, parameters)
        for node in ast.walk(tree):
            if not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del) or id(node) in accepted:
                continue
            stored = _get_key(node)
            if stored is not None:
                self._values.pop(stored, None)
            elif isinstance(node, ast.Subscript) and not _is_position(node):
                self._values.clear()  # any key may be stored
        for key in (*_list_filled_parameters(tree), *_list_loose_keys(tree)):
            self._values.pop(key, None)

    def _store(self, key: str, value: ast.expr | None, parameters: Collection[int]) -> None:
        """Add one stored value to those of a key, or drop the key.

        Args:
            key: the key.
            value: the value; ``None`` for one that is not shown.
            parameters: the ids of the parameters that the library gives the values of the configuration.
        """
        if key not in self._values:
            return
        if isinstance(value, ast.Constant):
            if isinstance(value.value, str):
                self._values[key][value.value] = None
        elif isinstance(value, ast.Name) and value.id == key and id(value) in parameters:
            pass
        elif value is None or find_read_key(value)[0] != key:
            self._values.pop(key)


class _TextWriter(ast.NodeTransformer):
    """Writes the text in the place of each expression that reads it from the configuration."""

    def __init__(self, configured: ConfiguredValues, model: PlainModel) -> None:
        self._configured = configured
        self._model = model

    def visit(self, node: ast.AST) -> ast.AST:
        """Replace the expression, or go on with its parts."""
        text = self._configured.get_text(node, self._model) if isinstance(node, ast.expr) else None
        if text is not None:
            # A joined text is settled like one that the source spells in pieces.
            return ast.copy_location(ast.parse(f'"".join(({text!r},))', mode="eval").body, node)
        visited: ast.AST = super().visit(node)
        return visited


def blank_docstrings(tree: ast.Module) -> None:
    """Take the docstrings and other constants that are statements out of a source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(None, lineno=node.lineno, col_offset=node.col_offset)


def _list_member_names(call: ast.Call) -> list[ast.expr]:
    """Return the arguments of ``getattr`` or ``attrgetter`` that name members; all for any other function."""
    is_getattr = _get_key(call.func) == "getattr" and len(call.args) > 1
    return call.args[1:2] if is_getattr else [*call.args, *(each.value for each in call.keywords)]


def _list_words(tree: ast.Module) -> Iterator[str]:
    """Yield each name that a source writes out, in whatever way, and each word of its texts."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, str | bytes):
                    yield from _WORD.findall(each if isinstance(each, str) else each.decode("latin-1"))


def _list_stores(node: ast.AST) -> Iterator[tuple[str, ast.expr | None, ast.AST]]:
    """Yield the key, the value and the target of each store whose value the source shows."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((key, value, each) for each in targets if (key := _get_key(each)) is not None)
        case ast.AnnAssign(target=target, value=value) if (key := _get_key(target)) is not None:
            # A field of a dataclass has no value; others than the source give it one.
            yield key, value or ast.Constant(None), target
        case ast.keyword(arg=str(key), value=value):
            yield key, value, node
        case ast.Dict(keys=keys, values=values):
            for written, value in zip(keys, values, strict=True):
                if isinstance(written, ast.Constant) and isinstance(written.value, str):
                    yield written.value, value, written
        case ast.FunctionDef(name=key, args=arguments) | ast.AsyncFunctionDef(name=key, args=arguments):
            yield from _list_defaults(arguments)
            yield key, None, node  # a method or property of this name
        case ast.Lambda(args=arguments):
            yield from _list_defaults(arguments)
        case ast.expr() if (read := find_read_key(node))[1] is not None:
            yield read[0], read[1], node  # the default of a key that is read


def _list_configured_parameters(tree: ast.Module) -> Iterator[int]:
    """Yield the ids of the expressions that take a parameter of the constructor of a configuration."""
    for node in ast.walk(tree):
        for each in node.body if isinstance(node, ast.ClassDef) and _is_configuration_class(node) else ():
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                names = {parameter.arg for parameter in ast.walk(each.args) if isinstance(parameter, ast.arg)}
                stored = {part.id for part in ast.walk(each) if isinstance(part, ast.Name) and not _is_loaded(part)}
                for part in ast.walk(each):
                    if isinstance(part, ast.Name) and part.id in names - stored:
                        yield id(part)


def _is_configuration_class(node: ast.ClassDef) -> bool:
    """Whether a class has a base whose name is that of a configuration."""
    return any((_get_key(each) or "").endswith("Config") for each in node.bases)


def _is_loaded(node: ast.Name) -> bool:
    """Whether a name is taken, and neither bound nor deleted."""
    return isinstance(node.ctx, ast.Load)


def _list_filled_parameters(tree: ast.Module) -> Iterator[str]:
    """Yield the parameters of functions of a source that any code may fill by position, or under another name."""
    owners: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        for each in node.body if isinstance(node, ast.ClassDef | ast.Module) else ():
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                is_constructor = isinstance(node, ast.ClassDef) and each.name in ("__init__", "__new__")
                name = node.name if isinstance(node, ast.ClassDef) and is_constructor else each.name
                owners[name] = [argument.arg for argument in (*each.args.posonlyargs, *each.args.args)]
    called = {id(each.func): each for each in ast.walk(tree) if isinstance(each, ast.Call)}
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in owners and isinstance(getattr(node, "ctx", None), ast.Load):
            call = called.get(id(node))
            arguments = call.args if call is not None else ()
            # A class that is named without a call, as for ``config_class``, is called with keywords by its library.
            if any(not isinstance(each, ast.Name | ast.Attribute | ast.Subscript) for each in arguments):
                yield from owners[name]
            yield from (each.id for each in arguments if isinstance(each, ast.Name) and each.id in owners[name])


def _list_loose_keys(tree: ast.Module) -> Iterator[str]:
    """Yield the texts that a source neither reads or stores by, nor compares: code may store by them elsewhere."""
    bound: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            bound.add(id(node.slice))
        elif isinstance(node, ast.Dict):
            bound.update(map(id, node.keys))
        elif isinstance(node, ast.Compare):
            bound.update(map(id, (node.left, *node.comparators)))
        elif isinstance(node, ast.Call) and (find_read_key(node)[0] or _get_key(node.func) == "hasattr"):
            bound.update(map(id, node.args[:2]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bound:
            yield from (node.value, *_SEPARATOR.split(node.value))


def _list_defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr | None, ast.AST]]:
    """Yield the name, the default and the node of each parameter that has a default."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    for argument, default in (*defaults, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)):
        if default is not None:
            yield argument.arg, default, argument


def _get_key(node: ast.AST) -> str | None:
    """Return the key of an attribute, of an item with a written key or of a variable; ``None`` for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    key = node.slice if isinstance(node, ast.Subscript) else None
    return str(key.value) if isinstance(key, ast.Constant) and is_text(key) else None


def _is_position(node: ast.Subscript) -> bool:
    """Whether an item is one of a sequence or an array: a number, a slice, several of them, or a mask."""
    key = node.slice
    return isinstance(key, ast.Slice | ast.Tuple | ast.UnaryOp | ast.Compare) or (
        isinstance(key, ast.Constant) and not isinstance(key.value, str)
    )
