"""Decide whether the code of a model is so plain that its configuration is what ``config.json`` holds.

``config.module`` is the text of the file only if ``config`` is the configuration that the library makes, if no class
answers for it, and if nothing changes it. Python has no end of ways to break each of these, so that the rule lists the
allowed ones. One class of configurations has ``PretrainedConfig`` as its only base and sets attributes from parameters.
Models have ``PreTrainedModel`` as their only base, and nothing but the library makes their objects. The configuration
is the parameter of their constructors; code reads written keys of it and hands it to ``super().__init__``. Other code
may do anything with other objects, as long as it neither takes texts from elsewhere nor gets hold of a configuration.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from modelaudit.languages.python.configured_keys import find_base, find_read_key
from modelaudit.languages.python.plain_configurations import is_plain_configuration, is_plain_value, list_bound_keys
from modelaudit.languages.python.settled_texts import list_assigned_names
from modelaudit.model.lazy_pattern import defer_pattern

_LIBRARY: Final = "transformers"
_CONFIGURATIONS: Final = frozenset({"PretrainedConfig", "PreTrainedConfig"})
_MODELS: Final = frozenset({"PreTrainedModel"})
_MODULES: Final = frozenset({"nn.Module", "torch.nn.Module"})
_BASES: Final = _CONFIGURATIONS | _MODELS | {"Module"}
# Names that a source may bind in no way, for code or the library calls them to read a configuration or to find a name.
_RESERVED: Final = (
    frozenset(dir(builtins))
    | sys.stdlib_module_names
    | {
        *(
            "from_pretrained",
            "from_dict",
            "get_config_dict",
            "_from_config",
            "attribute_map",
            "to_dict",
            "torch",
            _LIBRARY,
        )
    }
)
_LOOKUPS: Final = frozenset({"getattr", "attrgetter", "import_module", "__import__", "resolve_name", "locate"})
_SPECIAL_METHODS: Final = frozenset(
    {"__init__", "__call__", "__enter__", "__exit__", "__iter__", "__next__", "__len__", "__bool__"}
)
# Words with which code reaches classes, namespaces, files, names or a configuration that it does not write out.
_REACHES_MORE: Final = defer_pattern(
    r"\b(?:open|type|cls|base_config\w*|sub_configs\w*|extra_\w*files|from_\w+|_from_\w+|named_\w+|state_dict|children|keys|items|values"
    r"|popitem|getsource\w*|getclosurevars|getmembers\w*|signature|wraps|update_wrapper|patch|linecache|listdir|scandir"
    r"|walk|glob|read\w*|load\w*|get_data|copy|deepcopy|replace|setattr|delattr|_\w+_(?:state|mapping)|_extra_content"
    r"|tree_\w+|builtins|meta_path|path_hooks|path_importer_cache|find_spec|ModuleSpec|sys\.path)\b|\b(?:modules|parameters|buffers)\(|\bsuper\((?!\)\.__init__\()|\.__(?!init__|call__)\w+__"
    r"|(?<![.\w])__(?:class|dict|builtins|spec|loader)__"
)


class PlainModel:
    """The sources of one model.

    Attributes:
        roots: the parameters that hold the configuration.
        names: the names of the classes of models and configurations.
    """

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        """Find the classes of the sources."""
        self._trees = trees
        self._parents = {id(child): node for node in self._walk() for child in ast.iter_child_nodes(node)}
        self._classes = [node for node in self._walk() if isinstance(node, ast.ClassDef)]
        self._imported, self._modules = self._list_imported(), self._list_modules()
        self._library = frozenset(self._list_library_names())
        self._parameters = list(self._list_roots())
        self.roots = frozenset(each.arg for each in self._parameters)
        self.names = frozenset(each.name for each in self._classes if self._has_base(each, _MODELS | _CONFIGURATIONS))

    def is_plain(self, own_modules: Collection[str], keys: Collection[str], classes: Collection[str]) -> bool:
        """Whether code can do nothing with a configuration but to read the values that its file holds.

        Args:
            own_modules: the names of the files of the model.
            keys: the keys that hold anything but numbers.
            classes: those that the configuration makes the library load, ``file.Class``.
        """
        named = {each.rpartition(".")[2] for each in classes}
        return (
            named == self.names
            and self._imports_plainly(own_modules)
            and self._defines_plainly()
            and self._uses_plainly(keys)
        )

    def find_path(self, node: ast.expr) -> tuple[str, ...]:
        """Return the keys by which an expression reads the configuration, from the outermost; empty for any other."""
        key, default = find_read_key(node)
        base = find_base(node)
        match base:
            case ast.Call(func=ast.Attribute(value=inner, attr="to_dict"), args=[], keywords=[]):
                base = inner
        if key == "" or default is not None or base is None:
            return ()
        if isinstance(base, ast.Name) and base.id in self.roots:
            return (key,)
        path = self.find_path(base)
        return (*path, key) if path else ()

    def list_bound_keys(self) -> Iterator[str]:
        """Yield the keys to which code gives a value, but that of the file."""
        configurations = [each for each in self._classes if self._has_base(each, _CONFIGURATIONS)]
        yield from list_bound_keys(self._walk(), configurations)
        for node in self._walk():
            if isinstance(node, ast.keyword) and node.arg is not None and self.find_path(node.value) != (node.arg,):
                yield node.arg

    def has_type(self, model_type: str | None) -> bool:
        """Whether the library makes the configuration of the whole file, whose ``model_type`` is given if it has one.

        If the class has another, the library looks for a part of the file that has it.
        """
        for owner in self._classes if model_type is not None else ():
            for each in owner.body if self._has_base(owner, _CONFIGURATIONS) else ():
                match each:
                    case ast.Assign(targets=[ast.Name(id="model_type")], value=value):
                        if not isinstance(value, ast.Constant) or value.value != model_type:
                            return False
        return True

    def _walk(self) -> Iterator[ast.AST]:
        """Yield the nodes of all sources."""
        for tree in self._trees:
            yield from ast.walk(tree)

    def _list_library_names(self) -> Iterator[str]:
        """Yield the names that sources import from the library under their own names."""
        for node in self._walk():
            if isinstance(node, ast.ImportFrom) and node.module == _LIBRARY and node.level == 0:
                yield from (each.name for each in node.names if each.asname is None)

    def _list_roots(self) -> Iterator[ast.arg]:
        """Yield the parameter that holds the configuration, of the constructor of each model."""
        for node in self._classes:
            for each in node.body if self._has_base(node, _MODELS) else ():
                if isinstance(each, ast.FunctionDef) and each.name == "__init__" and not each.args.posonlyargs:
                    args = each.args.args
                    if len(args) > 1 and len(each.args.defaults) < len(args) - 1:
                        yield args[1]

    def _has_base(self, node: ast.ClassDef, names: Collection[str]) -> bool:
        """Whether a class has one of these classes of the library as its only base."""
        match node:
            case ast.ClassDef(bases=[ast.Name(id=name)], keywords=[], decorator_list=[]):
                return name in names and name in self._library
        return False

    # ---- imports and definitions ----

    def _imports_plainly(self, own_modules: Collection[str]) -> bool:
        """Whether each import of a reserved name binds the module or class that the name denotes."""
        for node in self._walk():
            if isinstance(node, ast.Import | ast.ImportFrom) and not self._is_plain_import(node, own_modules):
                return False
        return self.roots.isdisjoint(self._list_imported())

    def _is_plain_import(self, node: ast.Import | ast.ImportFrom, own_modules: Collection[str]) -> bool:
        """Whether an import binds no reserved name but to that very class or module."""
        if isinstance(self._parents.get(id(node)), ast.ClassDef):
            return False
        if isinstance(node, ast.Import):
            roots = {each.name.partition(".")[0] for each in node.names}
            second = {each.asname for each in node.names if each.asname}
            return roots.isdisjoint(own_modules) and second.isdisjoint(_RESERVED | _BASES)
        names = {each.asname or each.name for each in node.names}
        is_own = node.level > 0 or (node.module or "").partition(".")[0] in own_modules
        if "*" in names or (is_own and node.level == 0):
            return False
        if is_own or any(each.asname for each in node.names):
            return names.isdisjoint(_RESERVED | _BASES)
        return names.isdisjoint(_BASES) or node.module == _LIBRARY

    def _defines_plainly(self) -> bool:
        """Whether each class is one that the rule knows, and no definition takes a reserved name or that of another."""
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        defined = [node for node in self._walk() if isinstance(node, kinds)]
        names = Counter(each.name for each in defined if not self._is_method(each))
        configurations = [each for each in self._classes if self._has_base(each, _CONFIGURATIONS)]
        models = [each for each in self._classes if self._has_base(each, _MODELS)]
        others = [each for each in self._classes if each not in configurations and each not in models]
        return (
            max(names.values(), default=0) <= 1
            and len(configurations) == 1
            and all(map(is_plain_configuration, configurations))
            and all(map(_is_plain_model, models))
            and all(map(self._is_plain_class, others))
            and _RESERVED.isdisjoint(self._list_bound())
        )

    def _is_method(self, node: ast.AST) -> bool:
        """Whether a definition is a method of a class."""
        return not isinstance(node, ast.ClassDef) and isinstance(self._parents.get(id(node)), ast.ClassDef)

    def _list_bound(self) -> Iterator[str]:
        """Yield each name that the sources bind by anything but an import, but the special methods of classes."""
        for tree in self._trees:
            yield from (each for each in list_assigned_names(ast.walk(tree)) if each not in _SPECIAL_METHODS)
        allowed = set(map(id, self._parameters))
        for node in self._walk():
            if isinstance(node, ast.arg) and id(node) not in allowed:
                yield node.arg

    def _is_plain_class(self, node: ast.ClassDef) -> bool:
        """Whether a class that is neither a model nor a configuration has no base, or that of the parts of models."""
        is_known = all(ast.unparse(each) in _MODULES for each in node.bases)
        return is_known and not node.keywords and not node.decorator_list

    # ---- uses ----

    def _uses_plainly(self, keys: Collection[str]) -> bool:
        """Whether the sources read no other object by such keys, make no model themselves and reach nothing hidden."""
        bound = {each for tree in self._trees for each in list_assigned_names(ast.walk(tree))}
        known = set(map(id, self._parameters))
        parameters = (each for each in self._walk() if isinstance(each, ast.arg))
        shadowed = any(each.arg in self.roots and id(each) not in known for each in parameters)
        words = {word for node in self._walk() if isinstance(node, ast.Constant) for word in str(node.value).split()}
        return (
            not shadowed
            and self.roots.isdisjoint(bound)
            and words.isdisjoint(self.roots | {"config"})
            and not any(_REACHES_MORE.search(ast.unparse(tree)) for tree in self._trees)
            and all(self._is_plain_use(node, keys) and self._is_plain_store(node, keys) for node in self._walk())
        )

    def _is_plain_store(self, node: ast.AST, keys: Collection[str]) -> bool:
        """Whether a node sets no attribute that is also a key, and passes no module on as a value."""
        match node:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Del()) | ast.Match():
                return False
            case ast.Attribute(value=base, attr=name, ctx=ast.Store()):
                is_local = isinstance(base, ast.Name) and base.id not in self._imported
                return is_local and (name not in keys or self._is_in_configuration(node))
            case ast.AugAssign(target=target):
                return isinstance(target, ast.Name)
            case ast.Name(id=name, ctx=ast.Load()) if name in self._modules:
                return self._is_plain_module(node, self._parents.get(id(node)))
            case ast.Attribute(attr="modules") if ast.unparse(node) == "sys.modules":
                parent = self._parents.get(id(node))
                return isinstance(parent, ast.Subscript) and parent.value is node
        return True

    def _is_in_configuration(self, node: ast.AST | None) -> bool:
        """Whether a node lies in the class of the configuration, whose statements are looked at one by one."""
        while node is not None and not isinstance(node, ast.ClassDef):
            node = self._parents.get(id(node))
        return node is not None and self._has_base(node, _CONFIGURATIONS)

    def _is_plain_module(self, node: ast.AST, parent: ast.AST | None) -> bool:
        """Whether code takes a member of a module, by a dot or in a lookup."""
        if isinstance(parent, ast.Attribute):
            return True
        if not isinstance(parent, ast.Call) or node not in parent.args:
            return False
        called = parent.func.func if isinstance(parent.func, ast.Call) else parent.func
        return isinstance(called, ast.Lambda) or _get_last(called) in _LOOKUPS

    def _is_plain_use(self, node: ast.AST, keys: Collection[str]) -> bool:
        """Whether a node names no model but to announce it, and uses a configuration by its written keys alone."""
        parent = self._parents.get(id(node))
        match node:
            case ast.Name(id=name) if name in self.names:
                return isinstance(parent, ast.Assign) and getattr(parent.targets[0], "id", "") == "config_class"
            case ast.Name(id=name) if name in self.roots:
                return self._is_read(node, parent) or _is_handed_on(node, parent)
            case ast.Attribute(attr=name, ctx=ast.Load()) if name in self.roots or name == "config":
                return self._is_read(node, parent)
            case ast.Attribute(attr="config_class") | ast.Name(id="config_class", ctx=ast.Load()):
                return False
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name.endswith("Config"):
                return False
            case ast.expr() if find_read_key(node)[0] in keys:
                return bool(self.find_path(node)) and (self._is_read(node, parent) or self._is_argument(parent))
        return True

    def _is_argument(self, parent: ast.AST | None) -> bool:
        """Whether a node is a part of the name of a lookup in a settled source, or starred in the call behind it."""
        is_part = isinstance(parent, ast.Tuple | ast.Starred)
        user = self._parents.get(id(parent)) if is_part else None
        if not isinstance(user, ast.Call):
            return False
        found = isinstance(parent, ast.Starred)
        called = user.func.func if found and isinstance(user.func, ast.Call) else user.func
        return _get_last(called) in _LOOKUPS and found is isinstance(user.func, ast.Call)

    def _is_read(self, node: ast.AST, parent: ast.AST | None) -> bool:
        """Whether code reads a written key of an object, or takes it as a mapping to do so."""
        if isinstance(parent, ast.Attribute) and parent.attr in ("to_dict", "get"):
            user = self._parents.get(id(parent))
            return isinstance(user, ast.Call) and user.func is parent and self._is_read_by_call(user, parent.attr)
        return isinstance(parent, ast.expr) and find_base(parent) is node and find_read_key(parent)[0] != ""

    def _is_read_by_call(self, call: ast.Call, method: str) -> bool:
        """Whether a call of ``get`` names a written key, or the result of ``to_dict`` is read by one."""
        if method == "get":
            return find_read_key(call)[0] != ""
        return not call.args and not call.keywords and self._is_read(call, self._parents.get(id(call)))

    def _list_imported(self) -> frozenset[str]:
        """Return the names that the sources import."""
        aliases = (node for node in self._walk() if isinstance(node, ast.alias))
        return frozenset(each.asname or each.name.partition(".")[0] for each in aliases)

    def _list_modules(self) -> frozenset[str]:
        """Return the names under which the sources import modules."""
        imports = (node for node in self._walk() if isinstance(node, ast.Import))
        return frozenset(each.asname or each.name.partition(".")[0] for node in imports for each in node.names)


def _is_handed_on(node: ast.AST, parent: ast.AST | None) -> bool:
    """Whether a configuration is an argument of the constructor of the library."""
    return isinstance(parent, ast.Call) and node in parent.args and ast.unparse(parent.func) == "super().__init__"


def _is_plain_model(node: ast.ClassDef) -> bool:
    """Whether the class of a model holds constants, its constructor and ``forward``."""
    for each in node.body:
        match each:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name(id="config_class")], value=ast.Name()):
                continue
            case ast.Assign(targets=[ast.Name()], value=value) if is_plain_value(value):
                continue
            case ast.FunctionDef(name="__init__" | "forward", decorator_list=[]):
                continue
        return False
    return True


def _get_last(node: ast.AST) -> str:
    """Return a name or the last part of a dotted one; empty for any other expression."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
