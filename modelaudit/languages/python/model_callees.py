"""List what the sources of a model bind to names: by statements, and to parameters by calls.

Calls are matched by the last part of a name alone. A function or class that a source takes as a value, rather than to
call it, may be called out of sight, so that its parameters get values that are not shown.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.languages.python.configured_keys import find_read_key
from modelaudit.model.lazy_pattern import defer_pattern

Binding = ast.expr | None
"""A value that a name gets; ``None`` for one that the sources do not show."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_CONSTRUCTORS: Final = frozenset({"__init__", "__new__"})
# Methods with which a class of the model answers other than with what was stored.
_READING: Final = frozenset(
    {"get", "pop", "to_dict", "load", "loads", "safe_load", "read", "read_text", "open", "__getitem__", "__getattr__",
     "__getattribute__", "__missing__", "__iter__", "__or__", "__ror__"}
)  # fmt: skip
# Calls that get a class and make no object of it.
_TAKES_CLASS: Final = frozenset({"isinstance", "issubclass", "super", "register", "register_for_auto_class"})
_NAMES_CLASS: Final = frozenset({"config_class", "_auto_class"})
_DESCRIBING: Final = frozenset({"__name__", "__qualname__", "__module__", "__doc__"})
_LEADS_TO_CLASSES: Final = frozenset({"__subclasses__", "__mro__", "__bases__", "__base__", "mro"})
_MEMBER_GETTERS: Final = frozenset({"getattr", "attrgetter", "methodcaller"})
_IMPORTERS: Final = frozenset({"import_module", "__import__", "resolve_name"})
_LIBRARY_DECORATORS: Final = frozenset({"property", "staticmethod", "classmethod", "dataclass"})
# Functions of libraries that make objects of the model's classes.
_MAKES_MODELS: Final = defer_pattern(r"from_(?:config|pretrained|dict|args|kwargs)|instantiate|\Areplace\Z")
_OWNERS: Final = ("self", "cls")
_MOST_BASES: Final = 20  # levels of classes of the model


class Lookups(Struct, frozen=True):
    """The names that sources may look up without writing them out.

    Attributes:
        names: those that an empty text stands for in a settled source.
        texts: the texts of the configurations by key.
        mentioned: every name in a text of the sources or of the configurations.
    """

    names: Collection[str]
    texts: Mapping[str, Collection[str]]
    mentioned: Collection[str]


class _Callee(Struct, frozen=True):
    """A function, method or constructor.

    Attributes:
        parameters: without that of the object.
        owner: the parameter of the object, which a call on the class passes first; empty without one.
    """

    parameters: ast.arguments
    owner: str = ""

    def list_names(self) -> list[str]:
        """Return the names of all parameters."""
        taken = self.parameters
        extra = filter(None, (taken.vararg, taken.kwarg))
        return [each.arg for each in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, *extra)]


class ModelCallees:
    """The functions and classes of the sources of a model.

    Attributes:
        parameters: the names of all parameters of functions.
        replaces_reading: whether a class or function has a name by which code reads a configuration.
    """

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        self._trees = trees
        self._functions: defaultdict[str, list[_Callee]] = defaultdict(list)
        self._classes: dict[str, ast.ClassDef] = {}
        self._parents = {
            id(child): node for tree in trees for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        for node in self._walk():
            if isinstance(node, ast.ClassDef):
                self._classes[node.name] = node
            elif isinstance(node, _Function):
                is_method = isinstance(self._parents.get(id(node)), ast.ClassDef)
                self._functions[node.name].append(_make_callee(node, is_method))
        aliases = (each for each in self._walk() if isinstance(each, ast.alias))
        self._imported = frozenset(each.asname or each.name.partition(".")[0] for each in aliases)
        functions = (each for each in self._walk() if isinstance(each, _Function))
        self.parameters = frozenset(name for each in functions for name in _Callee(each.args).list_names())
        self.replaces_reading = not _READING.isdisjoint(self._functions)

    def list_passed(self, lookups: Lookups) -> Iterator[tuple[str, Binding]]:
        """Yield the values that calls pass to parameters, and their defaults.

        Args:
            lookups: the names that the sources may look up without writing them out.
        """
        yield from self._list_defaults()
        for node in self._walk():
            if isinstance(node, ast.Call):
                yield from self._list_call(node, lookups)
            elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield from self._list_reference(node)

    def _walk(self) -> Iterator[ast.AST]:
        """Yield the nodes of all sources."""
        for tree in self._trees:
            yield from ast.walk(tree)

    def _list_defaults(self) -> Iterator[tuple[str, Binding]]:
        """Yield the defaults of parameters; those of lambdas, and of what a decorator may call, get any value."""
        for node in self._walk():
            if not isinstance(node, _Function | ast.Lambda):
                continue
            taken = node.args
            positional = [*taken.posonlyargs, *taken.args]
            defaults = zip(reversed(positional), reversed(taken.defaults), strict=False)
            keyword_only = zip(taken.kwonlyargs, taken.kw_defaults, strict=True)
            yield from ((each.arg, value) for each, value in (*defaults, *keyword_only) if value is not None)
            if isinstance(node, ast.Lambda) or self._is_called_out_of_sight(node):
                yield from ((each, None) for each in _Callee(taken).list_names() if each not in _OWNERS)

    def list_kept(self) -> Iterator[Binding]:
        """Yield what the constructors of libraries get: a model keeps it as its configuration."""
        for node in self._walk():
            if isinstance(node, ast.Call) and _get_name(node.func) in _CONSTRUCTORS and not self._find_callees(node):
                yield from (*node.args, *(each.value for each in node.keywords))

    def _is_called_out_of_sight(self, node: _Function) -> bool:
        """Whether Python, a library or a decorator may call a function with arguments that no call shows."""
        is_implicit = node.name == "forward" or (node.name.startswith("__") and node.name not in _CONSTRUCTORS)
        return is_implicit or any(map(self._may_replace, node.decorator_list))

    def _may_replace(self, decorator: ast.expr) -> bool:
        """Whether a decorator may call the function with arguments of its own: one of the model, or of any object."""
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = _get_name(function)
        if name in self._functions or name in self._classes or not name:
            return True
        if isinstance(function, ast.Name):
            return name not in _LIBRARY_DECORATORS
        while isinstance(function, ast.Attribute):
            function = function.value
        return not isinstance(function, ast.Name) or function.id not in self._imported

    def _list_call(self, call: ast.Call, lookups: Lookups) -> Iterator[tuple[str, Binding]]:
        """Yield the values that a call passes to the parameters of each function that it may call."""
        function, name = call.func, _get_name(call.func)
        if name in _MEMBER_GETTERS:
            yield from self._list_looked_up(call, lookups)
        elif name in _CONSTRUCTORS:
            yield from self._list_constructor_call(call)
        elif (
            name == "__class__"
            or self._is_own_class(function)
            or _get_name(getattr(function, "func", function)) == "type"
        ):
            yield from self._pass_to(call, self._list_constructors())
        elif isinstance(function, ast.Attribute) and _get_name(function.value) in self._classes:
            found = self._functions.get(name)
            if found is None:
                # An inherited method, such as ``from_pretrained``, may pass its arguments on.
                yield from _pass_any(call, self._find_constructors(_get_name(function.value)))
            yield from self._pass_to(call, found or (), on_class=True)
        elif name not in self._functions and _MAKES_MODELS.search(name):
            yield from _pass_any(call, self._list_constructors())
        else:
            yield from self._pass_to(call, (*self._functions.get(name, ()), *self._find_constructors(name)))

    def _list_constructor_call(self, call: ast.Call) -> Iterator[tuple[str, Binding]]:
        """Yield what a written call of ``__init__`` passes: to those of the bases, of a class, or of any class."""
        assert isinstance(call.func, ast.Attribute)
        base = call.func.value
        if isinstance(base, ast.Call) and _get_name(base.func) == "super":
            yield from self._pass_to(call, self._find_callees(call))
        elif _get_name(base) in self._classes:
            yield from self._pass_to(call, self._find_callees(call), on_class=True)
        else:
            yield from _leave_open(self._list_constructors())

    def _find_callees(self, call: ast.Call) -> list[_Callee]:
        """Return the constructors that a written call of ``__init__`` runs: of bases by ``super``, or of a class."""
        base = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        if not (isinstance(base, ast.Call) and _get_name(base.func) == "super"):
            return self._find_constructors(_get_name(base))
        node: ast.AST | None = call
        while node is not None and not isinstance(node, ast.ClassDef):
            node = self._parents.get(id(node))
        bases = node.bases if isinstance(node, ast.ClassDef) else ()
        return [each for one in bases for each in self._find_constructors(_get_name(one))]

    def _list_looked_up(self, call: ast.Call, lookups: Lookups) -> Iterator[tuple[str, Binding]]:
        """Yield any value for the parameters of what a call may take by its name."""
        is_getattr = _get_name(call.func) == "getattr"
        owner = call.args[0] if is_getattr and call.args else None
        of_module = isinstance(owner, ast.Call) and _get_name(owner.func) in _IMPORTERS
        for each in call.args[1:2] if is_getattr else call.args:
            keys = [find_read_key(part)[0] for part in each.elts] if isinstance(each, ast.Tuple) else []
            match each:
                case ast.Constant(value=""):
                    found: Iterable[str] = lookups.names
                case ast.Constant(value=str(text)):
                    found = [text]
                case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
                    found = [known for known in (*self._functions, *self._classes) if known.startswith(prefix)]
                case ast.Tuple() if keys and lookups.texts.keys() >= set(keys):
                    found = [text for key in keys for text in lookups.texts[key]]
                case _:
                    found = lookups.mentioned if of_module else (*self._functions, *self._classes)
            yield from self._leave_names_open(name.rpartition(".")[2] for name in found)

    def _list_reference(self, node: ast.Name | ast.Attribute) -> Iterator[tuple[str, Binding]]:
        """Yield any value for the parameters of a function or class that a source takes without a call."""
        name, parent = _get_name(node), self._parents.get(id(node))
        is_called = isinstance(parent, ast.Call) and parent.func is node
        if name in _LEADS_TO_CLASSES:
            yield from _leave_open(self._list_constructors())
        elif name == "type" and is_called:
            assert parent is not None
            yield from self._list_class_of(parent)
        elif name == "__class__" or self._is_own_class(node):
            yield from () if is_called or isinstance(parent, ast.Attribute) else self._list_class_of(node)
        elif name in _MEMBER_GETTERS and not is_called:
            yield from self._leave_names_open((*self._functions, *self._classes))
        elif not is_called and name in self._functions and not name.startswith("__"):
            yield from _leave_open(self._functions[name])
        elif not is_called and name in self._classes and not self._is_described(node):
            yield from _leave_open(self._find_constructors(name))

    def _is_own_class(self, node: ast.AST) -> bool:
        """Whether a name is that of the class in a method of it."""
        return isinstance(node, ast.Name) and node.id == "cls" and node.id in self.parameters

    def _list_class_of(self, node: ast.AST) -> Iterator[tuple[str, Binding]]:
        """Yield any value for each constructor, unless the class of an object is only named, compared or called."""
        parent = self._parents.get(id(node))
        is_called = isinstance(parent, ast.Call) and parent.func is node
        is_named = isinstance(parent, ast.Attribute) and parent.attr in _DESCRIBING
        if not (is_called or is_named or isinstance(parent, ast.Compare)):
            yield from _leave_open(self._list_constructors())

    def _is_described(self, node: ast.AST) -> bool:
        """Whether a source names a class without making an object of it: as a base, in a hint or a comparison."""
        child, parent = node, self._parents.get(id(node))
        while isinstance(parent, ast.Tuple | ast.List | ast.BinOp | ast.Subscript):
            child, parent = parent, self._parents.get(id(parent))
        match parent:
            case ast.ClassDef() | ast.Attribute() | ast.Compare() | ast.ExceptHandler():
                return True
            case ast.arg(annotation=hint) | ast.AnnAssign(annotation=hint) | ast.FunctionDef(returns=hint):
                return hint is child
            case ast.Call(func=function):
                return _get_name(function) in _TAKES_CLASS
            case ast.Assign(targets=[ast.Name(id=name)]):
                return name in _NAMES_CLASS
        return False

    def _leave_names_open(self, names: Iterable[str]) -> Iterator[tuple[str, Binding]]:
        """Yield any value for the parameters of the functions and classes with these names."""
        for name in names:
            yield from _leave_open((*self._functions.get(name, ()), *self._find_constructors(name)))

    def _list_constructors(self) -> list[_Callee]:
        """Return the constructors of all classes."""
        return [each for name in self._classes for each in self._find_constructors(name)]

    def _find_constructors(self, name: str, depth: int = 0) -> list[_Callee]:
        """Return the constructors of a class, or those that it inherits from classes of the model."""
        node = self._classes.get(name)
        if node is None or depth > _MOST_BASES:
            return []
        own = [_make_callee(each, True) for each in node.body if _get_defined(each) in _CONSTRUCTORS]
        fields = [_get_name(each.target) for each in node.body if isinstance(each, ast.AnnAssign)]
        if not own and fields:  # those of a dataclass
            own = [_Callee(ast.arguments([], [ast.arg(each) for each in fields], None, [], [], None, []), "self")]
        return own or [each for base in node.bases for each in self._find_constructors(_get_name(base), depth + 1)]

    def _pass_to(
        self, call: ast.Call, callees: Iterable[_Callee], on_class: bool = False
    ) -> Iterator[tuple[str, Binding]]:
        """Yield the values that a call passes to the parameters of callees.

        Args:
            call: the call.
            callees: what it may call.
            on_class: whether the object is its first argument.
        """
        named = {each.arg: each.value for each in call.keywords if each.arg is not None}
        spread = [each.value for each in call.keywords if each.arg is None]
        for callee in callees:
            taken = callee.parameters
            known = callee.list_names()
            if any(isinstance(each, ast.Starred) for each in call.args):
                yield from ((each, None) for each in known)
            yield from ((each, value) for each in known for value in spread)
            positional = [each.arg for each in (*taken.posonlyargs, *taken.args)]
            args = call.args[1:] if on_class and callee.owner else call.args
            yield from zip(positional, args, strict=False)
            if taken.vararg is not None and len(args) > len(positional):
                yield taken.vararg.arg, None
            for name, value in named.items():
                yield name, value
                if taken.kwarg is not None and name not in known:
                    yield taken.kwarg.arg, value


def list_bindings(tree: ast.Module) -> Iterator[tuple[ast.expr | str, Binding, bool]]:
    """Yield each target, its value, and whether it is a member of a class, for all statements of a source."""
    members = {id(each) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for each in node.body}
    for node in ast.walk(tree):
        for target, value in _list_bound(node):
            yield target, value, id(node) in members


def _list_bound(node: ast.AST) -> Iterator[tuple[ast.expr | str, Binding]]:
    """Yield the targets of a statement or expression with their values."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((each, value) for each in targets)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        # An item of a part of the configuration is one too.
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield target, value
        case ast.comprehension(target=target, iter=value):
            yield target, value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield target, value
        case ast.AugAssign(target=target):
            yield target, None
        case _:
            yield from ((name, None) for name in _list_other_names(node))


def _list_other_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that an import, a definition, a handler of errors or a pattern binds."""
    match node:
        case ast.alias(name=name, asname=second):
            yield second or name.partition(".")[0]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _make_callee(node: ast.stmt, is_method: bool) -> _Callee:
    """Return a function or method of the source."""
    assert isinstance(node, _Function)
    taken = node.args
    is_static = any(_get_name(each) == "staticmethod" for each in node.decorator_list)
    if not is_method or is_static:
        return _Callee(taken)
    first = [*taken.posonlyargs, *taken.args][:1]
    rest = ast.arguments(
        taken.posonlyargs[1:],
        taken.args if taken.posonlyargs else taken.args[1:],
        taken.vararg,
        taken.kwonlyargs,
        taken.kw_defaults,
        taken.kwarg,
        taken.defaults,
    )
    return _Callee(rest, first[0].arg if first else "")


def _takes_type(node: ast.expr) -> bool:
    """Whether an expression is a call of ``type``, or the function itself."""
    return _get_name(node.func if isinstance(node, ast.Call) else node) == "type"


def _pass_any(call: ast.Call, callees: Iterable[_Callee]) -> Iterator[tuple[str, Binding]]:
    """Yield each value that a call passes for each parameter of callees."""
    values = [*call.args, *(each.value for each in call.keywords)]
    for callee in callees:
        yield from ((each, value) for each in callee.list_names() for value in values)


def _leave_open(callees: Iterable[_Callee]) -> Iterator[tuple[str, Binding]]:
    """Yield any value for the parameters of callees."""
    yield from ((each, None) for callee in callees for each in callee.list_names())


def _get_name(node: ast.AST) -> str:
    """Return a name or the last part of a dotted one; empty for any other expression."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _get_defined(node: ast.stmt) -> str:
    """Return the name of the function that a statement defines; empty for others."""
    return node.name if isinstance(node, _Function) else ""
