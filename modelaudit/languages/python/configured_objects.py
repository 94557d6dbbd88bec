"""Decide which objects of a model's code are its configuration, or a part of it, as the files hold it.

``config.module`` is the text of ``config.json`` only if ``config`` is that configuration, if nothing changed it, and if
no class of the model answers for it. No source shows all of that, so that the rule is closed. The configuration comes
from the library as the parameter of a model's constructor, or from a file that the source names. It goes from there to
variables, to ``self.config`` and to functions whose calls are all written out. If code does anything else with it, or
makes configurations itself, no object of the model counts.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.languages.python.configured_keys import find_base, find_read_key
from modelaudit.languages.python.model_callees import Binding, ModelCallees, get_name, list_bound, pass_arguments
from modelaudit.model.lazy_pattern import defer_pattern

_LOADS: Final = frozenset({"json.load", "yaml.safe_load"})
_OWN_CONFIGURATION: Final = "config"
"""The attribute in which a model keeps the configuration with which its library makes it."""
# Names by which code reads a configuration. A model that binds one of them may answer for it.
_READING: Final = frozenset(
    {"get", "pop", "to_dict", "load", "safe_load", "open", "getattr", "json", "yaml", "__getitem__", "__getattr__",
     "__getattribute__", "__missing__", "__class_getitem__", "attribute_map", "from_dict", "get_config_dict"}
)  # fmt: skip
# Functions that make a configuration, or an object of a class that the source does not name.
_MAKES_OBJECTS: Final = defer_pattern(
    r"\w*Config|from_(?:pretrained|config|dict|json\w*|args|kwargs|text\w*)|_from_config|get_config_dict"
    r"|update_from_string|cls|__class__|__new__|__reduce\w*|make_dataclass|new_class"
)
# Attributes of every configuration of transformers that are no methods.
_PLAIN_ATTRIBUTES: Final = frozenset(
    {"model_type", "return_dict", "use_return_dict", "output_hidden_states", "output_attentions", "torch_dtype",
     "dtype", "use_cache", "is_decoder", "is_encoder_decoder", "add_cross_attention", "tie_word_embeddings",
     "pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "num_labels", "problem_type", "name_or_path",
     "_name_or_path", "_attn_implementation", "chunk_size_feed_forward", "pruned_heads", "architectures",
     "transformers_version"}
)  # fmt: skip
# Methods of mappings, lists and configurations, which change them or hand out what they hold.
_METHODS: Final = frozenset(name for kind in (dict, list) for name in dir(kind)) | {
    *("from_dict", "from_json_file", "from_pretrained", "get_config_dict", "get_text_config", "push_to_hub"),
    *("register_for_auto_class", "save_pretrained", "to_diff_dict", "to_json_file", "to_json_string"),
    *("update_from_string", "dict_dtype_to_str"),
}
_LOOKS_AT: Final = frozenset({"isinstance", "hasattr", "getattr", "len", "bool"})
# Statements and expressions that look at a value, or copy what it holds.
_LOOKS: Final = (ast.Expr, ast.FormattedValue, ast.Compare, ast.If, ast.While, ast.UnaryOp, ast.For, ast.comprehension,
                 ast.Assert, ast.Starred)  # fmt: skip
_HOLDERS: Final = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BoolOp, ast.IfExp)
_OWN_NAMES: Final = frozenset({"self", "cls"})
_MOST_DEPTH: Final = 40  # values that are followed behind each other


class ConfiguredKeys(Struct, frozen=True):
    """The keys and files of the configurations.

    Attributes:
        mappings: the keys that hold mappings.
        texts: the keys that hold texts, which must not choose the file that is read as a configuration.
        files: the names of the configurations, each of one file alone, without folders.
        known: all keys.
    """

    known: Collection[str]
    mappings: Collection[str]
    texts: Collection[str]
    files: Collection[str]


class ConfiguredObjects:
    """The objects of a model's sources that are its configuration."""

    def __init__(self, trees: Sequence[ast.Module], keys: ConfiguredKeys, mentioned: Collection[str]) -> None:
        """Follow the configuration through all sources.

        Args:
            trees: the sources.
            keys: the keys and files of the configurations.
            mentioned: the names that texts mention, by which code may find a function or class.
        """
        self._keys = keys
        self._callees = ModelCallees(trees, mentioned)
        self._variables: defaultdict[str, list[Binding]] = defaultdict(list)
        self._attributes: defaultdict[str, list[Binding]] = defaultdict(list)
        self._parameters = {each.arg for each in self._callees.walk() if isinstance(each, ast.arg)}
        self._own_reads: defaultdict[str, list[ast.ClassDef | None]] = defaultdict(list)
        for node in self._callees.walk():
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                self._own_reads[node.attr].append(self._callees.find_class(node))
        self._pending: set[tuple[str, bool]] = set()
        self._open: set[tuple[str, bool]] = set()
        for node in self._callees.walk():
            is_member = isinstance(self._callees.parents.get(id(node)), ast.ClassDef)
            for target, value in list_bound(node):
                self._bind(target, value, is_member)
        for name, value in self._callees.list_passed():
            self._variables[name].append(value)
        self._is_closed = not self._replaces_reading() and not any(map(self._opens_model, self._callees.walk()))
        self._is_closed = self._is_closed and not any(map(self._lets_escape, self._callees.walk()))

    def holds_configuration(self, node: ast.expr) -> bool:
        """Whether an expression is the configuration of the model or a part of it, which no code changes."""
        return self._is_closed and self._holds_part(node)

    def follows(self, name: str) -> bool:
        """Whether calls of a function or class of the model decide what holds the configuration."""
        return self._callees.is_followed(name)

    def _bind(self, target: ast.expr | str, value: Binding, is_member: bool) -> None:
        """Bind the names in a target; the parts of a tuple get values that are not shown."""
        match target:
            case str(name) | ast.Name(id=name):
                self._variables[name].append(value)
                if is_member:
                    self._attributes[name].append(value)
            case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
                self._attributes[name].append(value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for each in parts:
                    self._bind(each, None, is_member)
            case ast.Starred(value=inner):
                self._bind(inner, None, is_member)

    # ---- what holds the configuration ----

    def _holds_part(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether an expression is the configuration, a part of it or a constant, as far as its names show."""
        if depth > _MOST_DEPTH:
            return False
        match node:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                return name not in _OWN_NAMES and self._is_bound_to_part(name, False, depth)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return self._holds_own_part(name, depth)
            case ast.BoolOp(values=values):
                return all(self._holds_part(each, depth + 1) for each in values)
            case ast.IfExp(body=body, orelse=orelse):
                return self._holds_part(body, depth + 1) and self._holds_part(orelse, depth + 1)
            case ast.Dict(keys=[], values=[]):
                return True
            case ast.Call(func=ast.Attribute(value=base, attr="to_dict"), args=[], keywords=[]):
                return self._holds_part(base, depth + 1)
            case ast.Call(args=[opened], keywords=[]) if ast.unparse(node.func) in _LOADS:
                return self._opens_settings(opened)
        (key, default), inner = find_read_key(node), find_base(node)
        return (
            inner is not None
            and key != ""
            and self._holds_part(inner, depth + 1)
            and (default is None or self._holds_part(default, depth + 1))
            and (key not in self._attributes or self._is_bound_to_part(key, True, depth))
        )

    def _holds_own_part(self, name: str, depth: int) -> bool:
        """Whether an attribute of the object itself is a part of the configuration, in each class that reads it."""
        is_set = name in self._attributes
        for owner in self._own_reads.get(name, (None,)):
            if owner is None or not self._callees.is_constructed_in_sight(owner):
                return False
            is_kept = name == _OWN_CONFIGURATION and self._callees.is_model(owner)
            if not (self._keeps_configuration(owner) if is_kept else is_set):
                return False
        return not is_set or self._is_bound_to_part(name, True, depth)

    def _keeps_configuration(self, owner: ast.ClassDef) -> bool:
        """Whether the constructor of a model hands on the configuration that it gets."""
        for node in ast.walk(owner):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__":
                first = node.args[0] if node.args else None
                is_kept = first is not None and not isinstance(first, ast.Starred) and self._holds_part(first)
                if not is_kept:
                    return False
        return True

    def _is_bound_to_part(self, name: str, is_attribute: bool, depth: int) -> bool:
        """Whether each value that a variable or an attribute gets is a part of the configuration."""
        key = name, is_attribute
        if key in self._open or key in self._pending:
            return key not in self._open  # of a name that is bound to itself the other values decide
        bound: Sequence[Binding] = (self._attributes if is_attribute else self._variables).get(name, [])
        if not bound and not (is_attribute or name in self._parameters):
            bound = [None]
        self._pending.add(key)
        shown = [each for each in bound if each is not None]
        result = len(shown) == len(bound) and all(self._holds_part(each, depth + 1) for each in shown)
        self._pending.discard(key)
        if not result:
            self._open.add(key)
        return result

    def _opens_settings(self, node: ast.expr) -> bool:
        """Whether an expression opens a file whose name the source writes out as that of a configuration."""
        if isinstance(node, ast.Name):
            bound = self._variables.get(node.id, [])
            return bool(bound) and all(isinstance(each, ast.Call) and self._opens_settings(each) for each in bound)
        match node:
            case ast.Call(func=ast.Name(id="open"), args=[path]) | ast.Call(func=ast.Name(id="open"), args=[path, _]):
                return self._names_settings(path)
        return False

    def _names_settings(self, node: ast.expr) -> bool:
        """Whether a path ends with the name of a configuration: a constant, joined to a folder by the usual means."""
        match node:
            case ast.Constant(value=str(name)):
                return name in self._keys.files
            case ast.BinOp(left=folder, op=ast.Div(), right=ast.Constant(value=str(name))):
                pass
            case ast.Call(func=ast.Attribute(attr="join"), args=[folder, ast.Constant(value=str(name))], keywords=[]):
                pass
            case _:
                return False
        read = {get_name(each) for each in ast.walk(folder)} | {find_read_key(each)[0] for each in ast.walk(folder)}
        return name in self._keys.files and read.isdisjoint(self._keys.texts)

    # ---- what opens the model ----

    def _replaces_reading(self) -> bool:
        """Whether the sources bind a name by which code reads a configuration, or mention a map of its keys."""
        bound = {*self._variables, *self._attributes, *self._parameters}
        bound |= {each.asname or "" for each in self._callees.walk() if isinstance(each, ast.alias)}
        texts = {each.value for each in self._callees.walk() if isinstance(each, ast.Constant)}
        return not _READING.isdisjoint(bound) or "attribute_map" in texts

    def _opens_model(self, node: ast.AST) -> bool:
        """Whether code makes configurations or objects of unnamed classes, or defines more than a configuration has."""
        match node:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return True
            case ast.ClassDef(body=body):
                binds_import = any(isinstance(each, ast.Import | ast.ImportFrom) for each in body)
                is_configuration = self._callees.is_configuration(node) or node.name.endswith("Config")
                return binds_import or (is_configuration and not all(map(_is_plain_member, body)))
            case ast.Call(func=function):
                return self._makes_objects(node, function)
            case ast.Attribute(attr="__class__") | ast.Name(id="type"):
                return not self._is_described(node)
        return False

    def _makes_objects(self, call: ast.Call, function: ast.expr) -> bool:
        """Whether a call makes a configuration or an object of an unnamed class, or runs a constructor again."""
        name = get_name(function)
        if name == "__init__":
            return self._callees.find_callees(call) is None
        return _MAKES_OBJECTS.fullmatch(name) is not None or (name == "type" and len(call.args) > 1)

    def _is_described(self, node: ast.AST) -> bool:
        """Whether the class of an object is only named or compared."""
        parent = self._callees.parents.get(id(node))
        if isinstance(node, ast.Name):
            node, parent = parent or node, self._callees.parents.get(id(parent))
        is_named = isinstance(parent, ast.Attribute) and parent.attr in ("__name__", "__module__", "__qualname__")
        return is_named or isinstance(parent, ast.Compare)

    def _lets_escape(self, node: ast.AST) -> bool:
        """Whether code does anything with a configuration but to read its keys and to hand it on in sight."""
        if not isinstance(node, _HOLDERS) or not self._is_mapping(node):
            return False
        parent = self._callees.parents.get(id(node))
        match parent:
            case ast.Attribute(attr=name):
                return not self._is_plain_attribute(name, self._callees.parents.get(id(parent)))
            case ast.Subscript(value=base, slice=key):
                return base is not node or not (isinstance(key, ast.Constant) and isinstance(key.value, str))
            case ast.BoolOp() | ast.IfExp():
                return self._lets_escape(parent)
            case ast.Dict(keys=keys):
                return any(each is not None for each in keys)
        return not isinstance(parent, _LOOKS) and not self._is_kept_in_sight(node, parent)

    def _is_kept_in_sight(self, node: ast.expr, parent: ast.AST | None) -> bool:
        """Whether a statement or call gives a configuration to names that hold nothing else."""
        match parent:
            case ast.Call(func=function):
                return function is node or self._hands_on(parent, node)
            case ast.keyword(arg=name):
                call = self._callees.parents.get(id(parent))
                return name is None or (isinstance(call, ast.Call) and self._hands_on(call, node))
            case ast.Assign(targets=targets):
                return all(map(self._is_tracked, targets))
            case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                return self._is_tracked(target)
        return False

    def _is_plain_attribute(self, name: str, user: ast.AST | None) -> bool:
        """Whether an attribute of a configuration is a value, or a method that reads one key.

        Args:
            name: of the attribute.
            user: the expression or statement that takes it.
        """
        if name in ("get", "pop", "to_dict"):
            return isinstance(user, ast.Call) and all(isinstance(each, ast.Constant) for each in user.args[:1])
        if name in _METHODS or (name.startswith("__") and name.endswith("__")):
            return False
        return name in self._keys.known or name in self._attributes or name in _PLAIN_ATTRIBUTES

    def _is_tracked(self, target: ast.expr) -> bool:
        """Whether a variable or attribute gets nothing but parts of the configuration."""
        is_name = isinstance(target, ast.Name | ast.Attribute)
        return is_name and self._is_bound_to_part(get_name(target), isinstance(target, ast.Attribute), 0)

    def _hands_on(self, call: ast.Call, value: ast.expr) -> bool:
        """Whether a call hands a configuration, its argument ``value``, to code in sight, or only looks at it."""
        function = call.func
        if isinstance(function, ast.Name) and function.id in _LOOKS_AT:
            name = call.args[1] if function.id in ("getattr", "hasattr") and len(call.args) > 1 else None
            return name is None or (isinstance(name, ast.Constant) and self._is_plain_attribute(str(name.value), None))
        callees = self._callees.find_callees(call)
        if callees is None:
            return False
        names = {name for each in callees for name, passed in pass_arguments(call, each) if passed is value}
        return all(self._is_bound_to_part(name, False, 0) for name in names)

    def _is_mapping(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether an expression may be the configuration or a mapping in it, rather than a text, number or list."""
        if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del) or not self._holds_part(node):
            return False
        match node:
            case ast.BoolOp(values=values):
                return any(self._is_mapping(each, depth + 1) for each in values)
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_mapping(body, depth + 1) or self._is_mapping(orelse, depth + 1)
            case ast.Name(id=name):
                return self._may_be_bound_to_mapping(self._variables.get(name, ()), depth)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return self._may_be_bound_to_mapping(self._attributes.get(name, ()), depth)
            case ast.Call(func=ast.Attribute(attr="to_dict")):
                return True
        key = find_read_key(node)[0]
        return not key or key in self._keys.mappings

    def _may_be_bound_to_mapping(self, bound: Iterable[Binding], depth: int) -> bool:
        """Whether a name holds the configuration itself, which the library passes, or gets a mapping."""
        values = [each for each in bound if each is not None and not isinstance(each, ast.Constant)]
        return depth > _MOST_DEPTH or not values or any(self._is_mapping(each, depth + 1) for each in values)


def _is_plain_member(node: ast.stmt) -> bool:
    """Whether a statement in the class of a configuration sets constants, or attributes from parameters."""
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=value):
            return value is None or all(isinstance(each, _PLAIN) for each in ast.walk(value))
        case ast.FunctionDef(name="__init__", decorator_list=[], args=taken, body=body):
            rest = taken.kwarg.arg if taken.kwarg is not None else ""
            return all(_is_plain_statement(each, rest) for each in body)
    return False


_PLAIN: Final = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.expr_context, ast.UnaryOp, ast.USub, ast.Name)


def _is_plain_statement(node: ast.stmt, rest: str) -> bool:
    """Whether a statement of a configuration's constructor leaves the further values as they are.

    Args:
        node: the statement.
        rest: the parameter that holds the further values.
    """
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr | ast.If | ast.Raise | ast.Assert):
        return False
    passed = {id(each.value) for each in ast.walk(node) if isinstance(each, ast.keyword) and each.arg is None}
    taken = {id(_find_taken(each)) for each in ast.walk(node)}
    used = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == rest]
    return all(id(each) in passed or id(each) in taken for each in used)


def _find_taken(node: ast.AST) -> ast.expr | None:
    """Return the mapping from which a call takes the value of a written key; ``None`` for anything else."""
    match node:
        case ast.Call(func=ast.Attribute(value=mapping, attr="get" | "pop"), args=[ast.Constant(), *_]):
            return mapping
    return None
