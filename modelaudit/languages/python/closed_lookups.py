"""Decide whether the text by which code looks a name up can only be the one that the evaluator works out.

Python has no end of ways to give a name another value than the evaluator follows. So a text that was worked out decides
a lookup only if it is made in a listed way: of constants, by operators and methods of texts, by names that the source
binds once, and by classes and functions that hold nothing but constants. Any other text is evidence of what the code
may look up, and stays open (``Constant.is_open``).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.languages.python.function_names import FunctionNames
from modelaudit.languages.python.settled_texts import find_module_key, list_assigned_names
from modelaudit.languages.python.shared_values import SharedValues
from modelaudit.languages.python.text_forms import TextForms
from modelaudit.languages.python.uses import ANY_VALUE

# Ways to bind names of the source without an assignment, or to answer for the attributes of its classes.
_REACHING: Final = frozenset(
    {"exec", "__setattr__", "__delattr__", "__set_name__", "__init_subclass__", "__prepare__", "__mro_entries__",
     "__new__", "__class__", "__defaults__", "__kwdefaults__", "__closure__", "cell_contents", "f_globals", "f_locals",
     "_getframe", "currentframe", "__globals__", "metaclass", "patch", "gc.", "ctypes.",
     "update_wrapper", "getmodule", "encodings", "aliases", "rot13_map"}
)  # fmt: skip
_OWN_NAMESPACES: Final = frozenset({"globals", "locals", "vars"})
_NAMESPACE_CHANGES: Final = frozenset(
    {"update", "setdefault", "pop", "popitem", "clear", "__setitem__", "__delitem__", "__ior__"}
)
_ITERATORS: Final = frozenset(f"builtins.{name}" for name in ("reversed", "map", "iter", "zip", "filter", "enumerate"))
# Functions that read the names of a module, and bind none.
_READERS: Final = ("inspect.", "typing.", "builtins.getattr", "builtins.hasattr", "builtins.dir", "builtins.print")
_KEY_METHODS: Final = frozenset({"get", "pop", "setdefault", "keys", "__contains__", "__getitem__"})
_LONGEST_TEXT: Final = 1 << 12  # characters of a constant
_MOST_DEPTH: Final = 30
_MOST_RELIED: Final = 64  # names


class ClosedLookups:
    """The lookups of one source, whose statements are added as they become known.

    Attributes:
        opened: the names that other files of the model may bind.
    """

    def __init__(self, shared: SharedValues) -> None:
        self.opened: frozenset[str] = frozenset()
        self._shared = shared
        self._body: list[ast.stmt] = []
        self._forms: _LookupForms | None = None
        self._is_reached = False
        self._known: dict[int, tuple[ast.expr, bool]] = {}
        self._relied: set[str] = set()

    def add_body(self, body: Sequence[ast.stmt]) -> None:
        """Add statements of the source."""
        self._body += body
        self._forms = None
        self._known.clear()

    def is_closed(self, node: ast.expr) -> bool:
        """Whether an expression is made in a listed way."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, self._is_made(node)  # kept, so that no other gets its identity
        return known[1]

    def list_relied(self) -> Sequence[str]:
        """List the names by which the source may make the closed texts; ``ANY_VALUE`` for many."""
        names = sorted(self._relied)
        return names if len(names) <= _MOST_RELIED else [ANY_VALUE]

    def _is_made(self, node: ast.expr) -> bool:
        """Work out what ``is_closed`` returns."""
        if self._forms is None:
            tree = ast.Module(self._body, [])
            self._forms = _LookupForms(tree, self._shared, self.opened)
            self._relied = self._forms.relied
            self._is_reached = self._forms.is_reached()
        return not self._is_reached and self._forms.is_text(node, reads=False)


class _LookupForms(TextForms):
    """The expressions that make a text in a listed way, with the names that a source binds once."""

    def __init__(self, tree: ast.Module, imported: SharedValues, opened: frozenset[str]) -> None:
        """Collect the names of a source, see ``TextForms``."""
        super().__init__(tree, (), imported, opened)
        self.relied: set[str] = set()
        """The names that were looked at, also those of parts."""
        set_names = frozenset(_list_set_names(self._nodes))
        bound = Counter((*list_assigned_names(self._nodes), *_list_imported_names(self._nodes), *opened))
        members = _list_members(self._nodes, bound)
        self._members = {key: value for key, value in members.items() if key[1] not in set_names}
        self.constants = {name: node for name, node in self.constants.items() if name not in set_names}
        bound += Counter(each.arg for each in self._nodes if isinstance(each, ast.arg))
        singles = _list_single_names(self._nodes, bound)
        self._assigned = {name: node for name, node in singles.items() if name not in set_names}
        self._tree = tree
        self._functions: FunctionNames | None = None
        self._changed = set_names | opened
        self._has_star = "*" in bound
        self._open_names: set[str] = set()
        self._compared: frozenset[int] = frozenset()
        self._compared = frozenset(self._list_compared())

    def is_reached(self) -> bool:
        """Whether the source may bind its names, or answer for attributes, in a way that is not followed."""
        return any(map(_reaches_names, self._nodes)) or _passes_on(self._nodes) or self._passes_module_on()

    def _passes_module_on(self) -> bool:
        """Whether the source passes on a module that may be its own, or the mapping of all modules."""
        own = {id(each) for each in self._nodes if self._may_be_own_module(each)}
        named = {id(each.value): each.targets for each in self._nodes if isinstance(each, ast.Assign)}
        names = set(_list_sibling_names(self._nodes))
        for node in self._nodes:
            match named.get(id(node)):
                case [ast.Name(id=name)] if _imports_own(node):
                    names.add(name)
                    own.discard(id(node))
        own |= {id(each) for each in self._nodes if isinstance(each, ast.Name) and _is_read(each) and each.id in names}
        read = {id(each.value) for each in self._nodes if isinstance(each, ast.Attribute)}
        calls = [each for each in self._nodes if isinstance(each, ast.Call)]
        readers = (each for each in calls if super(_LookupForms, self).find_name(each.func).startswith(_READERS))
        read |= {id(part) for each in readers for part in each.args}
        return not own <= read or _passes_all_modules(self._nodes)

    def _may_be_own_module(self, node: ast.AST) -> bool:
        """Whether an expression may give the module of the source: an item of ``sys.modules``, or a relative import."""
        key = find_module_key(node)
        return _imports_own(node) if key is None else not self.is_text(key, reads=True)

    def _list_compared(self) -> Iterator[int]:
        """Yield the ids of the names that a comprehension over ``dir`` compares with a text before it takes them."""
        for node in self._nodes:
            match node:
                case (
                    ast.ListComp(
                        elt=part, generators=[ast.comprehension(target=ast.Name(id=name), iter=source, ifs=[test])]
                    )
                    | ast.GeneratorExp(
                        elt=part, generators=[ast.comprehension(target=ast.Name(id=name), iter=source, ifs=[test])]
                    )
                ) if isinstance(source, ast.Call) and self.find_name(source.func) == "builtins.dir":
                    if self._compares(test, name):
                        yield from (
                            id(each) for each in _walk_around(part) if isinstance(each, ast.Name) and each.id == name
                        )

    def _compares(self, test: ast.expr, name: str) -> bool:
        """Whether a test holds for one text alone."""
        match test:
            case ast.Compare(left=ast.Name(id=left), ops=[ast.Eq()], comparators=[text]) if left == name:
                return self.is_text(text, reads=False)
        return False

    def _is_constant(self, node: ast.expr) -> bool:
        """Whether an expression is a constant, or a name that the source binds once to a text made in a listed way."""
        if isinstance(node, ast.Constant):
            return not isinstance(node.value, str | bytes) or len(node.value) <= _LONGEST_TEXT
        if id(node) in self._compared:
            return True
        self.relied |= _list_names(node)
        held = self._list_held(node)
        name = f"{id(held[0])} {ast.unparse(node)}" if held else ""
        if held and name not in self._open_names:
            self._open_names.add(name)  # while its values are looked at
            is_made = all(self.is_text(each, reads=False, depth=_MOST_DEPTH // 2) for each in held)
            self._open_names.discard(name)
            return is_made and not any(map(self._is_iterator, held))
        return super()._is_constant(node)

    def find_name(self, node: ast.expr) -> str:
        """Return the full name of a member of a module, see ``TextForms``."""
        self.relied |= _list_names(node)
        return super().find_name(node)

    def _list_held(self, node: ast.expr) -> Sequence[ast.expr]:
        """Return the values that a name, or a member of a plain class, may hold; none if they do not show."""
        match node:
            case ast.Name(id=name) if name not in self._changed and not self._has_star:
                single = self._assigned.get(name)
                if single is not None:
                    return (single,)
                if self._functions is None:  # few sources need it
                    self._functions = FunctionNames(self._tree, self._nodes)
                return self._functions.find_values(node)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in self._members:
                return (self._members[owner, name],)
        return ()

    def _list_parts(self, node: ast.expr) -> list[ast.expr] | None:
        """Return the parts of a text, also of one that a test chooses, or a key of a written mapping."""
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                return [body, orelse]
            case ast.BoolOp(values=values):
                return values
            case ast.Call(func=ast.Attribute(value=ast.Dict() as base, attr="get"), args=[_, *rest], keywords=[]):
                return [base, *rest]
        return super()._list_parts(node)

    def _is_iterator(self, node: ast.expr) -> bool:
        """Whether an expression makes an iterator, whose items go with their first use."""
        return isinstance(node, ast.GeneratorExp) or (
            isinstance(node, ast.Call) and self.find_name(node.func) in _ITERATORS
        )


def _list_names(node: ast.expr) -> frozenset[str]:
    """Return the names in a path of attributes, and of a function without arguments; none for other expressions."""
    names: list[str] = []
    if isinstance(node, ast.Call):
        node = node.func
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return frozenset((node.id, *names)) if isinstance(node, ast.Name) else frozenset()


def _walk_around(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and those in it, without what may bind a name of its own."""
    if not isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp | ast.Lambda | ast.NamedExpr):
        yield node
        for each in ast.iter_child_nodes(node):
            yield from _walk_around(each)


def _reaches_names(node: ast.AST) -> bool:
    """Whether a node binds names without an assignment, or answers for attributes, in a way that is not followed."""
    match node:
        case ast.Name(id=name):
            return name in _REACHING
        case ast.Attribute(value=base, attr=name):
            is_change = name in _NAMESPACE_CHANGES and _is_namespace(base)
            return is_change or name in _REACHING or (isinstance(base, ast.Name) and f"{base.id}." in _REACHING)
        case ast.FunctionDef(name=name):
            return name in _REACHING or name == "__getattribute__"
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, *kinds]) if name == "getmembers":
            # The members of a class, function or module with its namespace, unless only classes or functions are taken.
            return not any(isinstance(each, ast.Name | ast.Attribute) for each in kinds)
        case ast.keyword(arg="metaclass") | ast.Nonlocal():
            return True
        case ast.Subscript(value=base, ctx=ast.Store() | ast.Del()):
            return _is_namespace(base)
        case ast.Assign(targets=[ast.Name(id="__getattribute__")]):
            return True
    return False


def _list_sibling_names(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the names that ``from . import name`` binds, which may be modules."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level and not node.module:
            yield from (each.asname or each.name for each in node.names)


def _is_read(node: ast.Name) -> bool:
    """Whether a name is read, not bound."""
    return isinstance(node.ctx, ast.Load)


def _imports_own(node: ast.AST) -> bool:
    """Whether a call imports a module of the package of the source: ``import_module(".name", __package__)``."""
    match node:
        case ast.Call(func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"), args=[first, *rest]):
            is_relative = isinstance(first, ast.Constant) and str(first.value).startswith(".")
            return is_relative or bool(rest or node.keywords)
    return False


def _passes_all_modules(nodes: Sequence[ast.AST]) -> bool:
    """Whether a source uses ``sys.modules`` but to look for a key or to take an item."""
    used = {id(each.value) for each in nodes if isinstance(each, ast.Subscript)}
    used |= {id(each.value) for each in nodes if isinstance(each, ast.Attribute) and each.attr in _KEY_METHODS}
    used |= {id(part) for each in nodes if isinstance(each, ast.Compare) for part in each.comparators}
    mappings = (
        each
        for each in nodes
        if isinstance(each, ast.Attribute)
        and each.attr == "modules"
        and isinstance(each.value, ast.Name)
        and each.value.id == "sys"
    )
    return any(id(each) not in used for each in mappings)


def _passes_on(nodes: Sequence[ast.AST]) -> bool:
    """Whether a source passes ``setattr`` on, or the namespace of its module but to read a name of it."""
    setters = sum(isinstance(each, ast.Name) and each.id in ("setattr", "delattr") for each in nodes)
    if setters and setters > sum(1 for _ in _list_set_names(nodes)):
        return True
    read = {id(each.value) for each in nodes if isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Load)}
    read |= {id(each.value) for each in nodes if isinstance(each, ast.Attribute) and each.attr == "get"}
    called = {id(each.func) for each in nodes if isinstance(each, ast.Call) and (id(each) in read or each.args)}
    return any(isinstance(each, ast.Name) and each.id in _OWN_NAMESPACES and id(each) not in called for each in nodes)


def _is_namespace(node: ast.expr) -> bool:
    """Whether an expression is ``vars(value)`` or ``value.__dict__``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "vars" and bool(node.args)
    return isinstance(node, ast.Attribute) and node.attr == "__dict__"


def _list_single_names(nodes: Sequence[ast.AST], bound: Mapping[str, int]) -> Mapping[str, ast.expr]:
    """Return the values of the names that a source binds once, by an assignment outside of classes."""
    if "*" in bound:
        return {}
    in_classes = {id(part) for each in nodes if isinstance(each, ast.ClassDef) for part in each.body}
    found: dict[str, ast.expr] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if id(node) not in in_classes:
                found[name] = value
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if id(
                node
            ) not in in_classes and len(targets) == len(values):
                pairs = zip(targets, values, strict=True)
                found |= {target.id: value for target, value in pairs if isinstance(target, ast.Name)}
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value) if id(node) not in in_classes:
                found |= {target.id: value for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if id(node) not in in_classes:
                found[name] = value
    return {name: value for name, value in found.items() if bound[name] == 1}


def _list_members(nodes: Sequence[ast.AST], bound: Mapping[str, int]) -> Mapping[tuple[str, str], ast.expr]:
    """Return the values of the members of classes without bases, which hold nothing but values, by class and name."""
    found: dict[tuple[str, str], ast.expr] = {}
    for node in nodes:
        if isinstance(node, ast.ClassDef) and not (node.bases or node.keywords or node.decorator_list):
            for each in node.body if bound[node.name] == 1 else ():
                match each:
                    case ast.Assign(targets=[ast.Name(id=name)], value=value) if bound[name] == 1:
                        found[node.name, name] = value
    return found


def _list_set_names(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the names of attributes that ``setattr`` sets."""
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[_, ast.Constant(value=str(name)), *_]):
                yield name


def _list_imported_names(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the names that imports bind; ``*`` for any."""
    for node in nodes:
        if isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
