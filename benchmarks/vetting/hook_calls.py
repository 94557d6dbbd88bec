"""Decide whether a method that loading runs calls anything that a file may have put in its place.

The state of an object is part of the file. An attribute of the object shadows a method of its class, so that
``self.close()`` in ``__del__`` runs the value ``close`` of the state, such as a ``functools.partial`` of a class that a
file may only construct. A value of the state may also be an object of any class that a file may make, with attributes
of its own: its methods and properties are no known code. Three ways remain:

- a call of a method of the object itself: its name is returned, and the scanner reports a callable that a state sets
  under it;
- a call of one of ``FOREIGN_CALLS``, or of a special method, on any value: the scanner reports a callable that a state
  sets under such a name, and each class is followed through its methods of these names, as through its hooks;
- a read of one of ``FOREIGN_READS`` or ``FOREIGN_PROPERTIES``, or of the object's own attributes by names that a
  method of its class lists, which runs the properties of that class.

Operators, ``len``, ``repr``, loops and formats look a method up on the class (https://docs.python.org/3/reference/
datamodel.html#special-method-lookup). Each class is followed through all methods of ``IMPLICIT_HOOKS``, so that these
run known code on any object.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from assigned_values import holds_what_a_state_sets
from class_order import Method
from expression_values import Frame
from module_bindings import External, Found, Module
from value_kinds import OTHER, Bound, Closure, Inner, Kind, Made, Own, Result, Super, Value

FOREIGN_CALLS = frozenset(
    {
        "add",
        "append",
        "astype",
        "clear",
        "copy",
        "discard",
        "endswith",
        "extend",
        "flatten",
        "format",
        "get",
        "items",
        "join",
        "keys",
        "lower",
    }
    | {
        "pop",
        "remove",
        "reshape",
        "setdefault",
        "split",
        "split_params",
        "startswith",
        "strip",
        "to_list",
        "tolist",
        "uncensor",
        "upper",
    }
    | {"get_params", "values", "wrap_output"}
)
"""Methods of containers, texts and arrays, and a few of single libraries, that a hook may call on any value.

The scanner has the same names as ``CALLED_BY_HOOKS`` of ``modelaudit/checks/planted.py``.
"""
FOREIGN_READS = frozenset({"__class__", "__dict__", "__doc__", "__module__", "__name__", "__qualname__"})
"""Attributes that a hook may read of any value, because no class of the sources computes them."""
FOREIGN_PROPERTIES = frozenset(
    {
        "a",
        "b",
        "categories",
        "data",
        "dimensions",
        "dtype",
        "high",
        "indptr",
        "lag",
        "low",
        "maxlen",
        "n",
        "name",
        "named_steps",
    }
    | {"nbytes", "ndim", "number", "nvec", "prior", "prior_", "shape", "size", "spaces", "start", "stop", "transform_"}
    | {"window_size", "x", "y"}
)
"""Attributes that a hook may read of any value, because each class is followed through its properties of these names.

Of the classes that are listed by hand, arrays, tables and ranges compute some of them, out of their own sizes.
"""
_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "matmul", "and", "or", "xor", "lshift")
IMPLICIT_HOOKS = (
    *("__repr__", "__str__", "__format__", "__bytes__", "__lt__", "__le__", "__gt__", "__ge__", "__ne__", "__iter__"),
    *("__next__", "__reversed__", "__contains__", "__getitem__", "__delitem__", "__missing__", "__length_hint__"),
    *("__enter__", "__exit__", "__get__", "__set_name__", "__instancecheck__", "__index__", "__int__", "__float__"),
    *("__complex__", "__neg__", "__pos__", "__abs__", "__invert__", "__round__", "__trunc__", "__floor__", "__ceil__"),
    *(
        "__array__",
        "__array_ufunc__",
        "__array_function__",
        "__array_wrap__",
        "__array_finalize__",
        "__torch_function__",
    ),
    *("__copy__", "__deepcopy__", "__fspath__", "__iadd__", "__rshift__", "__rrshift__", "__ior__", "__iand__"),
    *(f"__{prefix}{name}__" for prefix in ("", "r", "i") for name in _BINARY),
)
"""Methods that operators, loops, formats, copies and arrays run on a value, whatever its class."""
_CALLING = frozenset(
    {"map", "filter", "reduce", "partial", "starmap", "accumulate", "groupby", "takewhile", "dropwhile", "defaultdict"}
    | {"MethodType", "ref", "finalize", "register", "Thread", "Timer", "submit", "sub", "subn", "apply", "proxy"}
)
"""Functions that call one of their first two arguments, or keep it to call it."""
_CALLING_FIRST = frozenset({"map", "filter", "reduce", "partial", "starmap", "takewhile", "dropwhile", "defaultdict"})
"""Those of them that call the first alone: the arguments behind it are data."""
_CALLING_SECOND = frozenset({"ref", "proxy", "finalize"})
"""Those of them that keep the first, and call the second."""
SINGLE_ARGUMENT = frozenset({"add", "append", "discard", "extend", "remove"})
"""Methods that a loader or a hook calls with one argument: one that needs more of them only raises an error."""
_NEW_CONTAINERS = frozenset({"builtins.dict", "builtins.list", "builtins.set", "builtins.tuple", "builtins.str"})
"""Calls that make a new container of Python, or a text, whatever they get."""
_OF_SIGNATURES = frozenset(
    {"parameters", "name", "kind", "POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY"}
    | {"VAR_KEYWORD"}
)
"""Attributes of signatures and of their parameters that are no objects of a program."""
_FUNCTION_KEYWORDS = frozenset({"key", "default_factory", "target", "func", "fn", "function", "callback", "default"})
_ATTRIBUTE_READERS = frozenset({"builtins.getattr", "builtins.hasattr"})


class HostileFrame(Frame):
    """One function whose object has any attributes: a method that a class defines, or else anything."""

    def take_member(self, value: Value, name: str, depth: int = 0) -> Iterator[Value]:
        """Yield what ``value.name`` may be."""
        info = self.concrete if value == Own() else value.info if isinstance(value, Made) else None
        if info is None:
            yield from super().take_member(value, name, depth)
            return
        method = info.find(name)
        if name == "__class__":
            yield Own(is_class=True) if value == Own() else Kind(info)
        elif isinstance(method, Method) and method.node is not None and method.kind in ("method", "static", "class"):
            yield Bound(method, info)
        else:
            yield OTHER


@dataclass(slots=True)
class HookCalls:
    """What one function calls that a file may replace.

    Attributes:
        own: the names of the methods of its own object, and of the attributes that it calls.
        attributes: the names of these attributes; only a state sets them, and none may set them to a callable.
        faults: (reason, line) of each call or read that decides against the function.
        properties: of the class of its object, which it may run by names that it computes.
    """

    own: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    faults: list[tuple[str, int]] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)


def read_hook_calls(frame: Frame) -> HookCalls:
    """Return what a function calls that a file may replace; functions in its body are read with it."""
    frame = HostileFrame(frame.module, frame.node, frame.order, frame.owner, frame.concrete, frame.kind)
    found = HookCalls()
    body = frame.node.body if isinstance(frame.node.body, list) else [frame.node.body]
    called: set[int] = set()
    for node in (part for statement in body for part in ast.walk(statement)):
        if isinstance(node, ast.Call):
            called.add(id(node.func))
            _read_callee(frame, node, found)
            _read_functions_passed(frame, node, found)
        elif isinstance(node, ast.Match):
            found.faults.append(("it matches patterns, which read attributes of any value", node.lineno))
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and id(node) not in called:
            _read_attribute(frame, node.value, node.attr, node.lineno, found)
    return found


def _read_callee(frame: Frame, node: ast.Call, found: HookCalls) -> None:
    """Add what a call runs that a file may replace."""
    callee = node.func
    if isinstance(callee, ast.Attribute):
        if not _has_fixed_members(frame, callee.value):
            _read_called_member(frame, node, callee, found)
        return
    for value in frame.evaluate(callee):
        if isinstance(value, Bound) and not value.method.kind.startswith(("static", "class")):
            found.own.add(value.method.name)
        elif not _is_code(value):
            text = ast.unparse(callee)[:80]
            found.faults.append((f"it calls {text}, which the state may replace", node.lineno))
            return


def _read_called_member(frame: Frame, node: ast.Call, callee: ast.Attribute, found: HookCalls) -> None:
    """Add what a call of a member of a value runs."""
    text = ast.unparse(callee)[:80]
    values = frame.evaluate(callee.value)
    own = [each for each in values if each == Own()]
    if own and _is_method(frame, callee.attr):
        found.own.add(callee.attr)
    if callee.attr == "__class__" and len(own) == len(values):
        return  # the class itself is constructed, which ``FunctionReader`` follows
    if len(own) < len(values) and callee.attr in SINGLE_ARGUMENT and not _has_one_argument(node):
        found.faults.append((f"it calls {text}() with more than one argument", node.lineno))
    is_followed = callee.attr in FOREIGN_CALLS or callee.attr in (*IMPLICIT_HOOKS, "__setitem__")
    if values == own and frame.concrete is not None and holds_what_a_state_sets(frame.concrete, callee.attr):
        found.own.add(callee.attr)
        found.attributes.add(callee.attr)
    if (len(own) < len(values) or callee.attr not in found.own) and not is_followed:
        found.faults.append((f"it calls {text}() on a value that the state may replace", node.lineno))


def _has_one_argument(node: ast.Call) -> bool:
    """Whether a call passes at most one argument."""
    return len(node.args) + len(node.keywords) <= 1 and not any(isinstance(each, ast.Starred) for each in node.args)


def needs_arguments(method: Method) -> bool:
    """Whether a method needs more than one argument beside its object."""
    node = method.node
    if node is None or method.kind != "method":
        return False
    positional = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults)
    return positional > 2 or any(default is None for default in node.args.kw_defaults)


def _read_functions_passed(frame: Frame, node: ast.Call, found: HookCalls) -> None:
    """Add the faults of a call that calls one of its arguments, or that reads an attribute by its name."""
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    is_calling = name in _CALLING or (name == "iter" and len(node.args) > 1)
    first, last = int(name in _CALLING_SECOND), 1 if name in _CALLING_FIRST else 2
    passed = list(node.args[first:last]) if is_calling else []
    passed += [each.value for each in node.keywords if each.arg in _FUNCTION_KEYWORDS or each.arg is None]
    for argument in passed:
        is_data = isinstance(argument, ast.Constant | ast.JoinedStr) or (
            isinstance(argument, ast.Dict) and all(isinstance(each, ast.Constant) for each in argument.values)
        )
        if not is_data and not all(_is_code(each) for each in frame.evaluate(argument)):
            reason = f"it passes {ast.unparse(argument)[:60]} to a function that calls it"
            found.faults.append((reason, node.lineno))
    callees = frame.evaluate(node.func) if isinstance(node.func, ast.Name) else []
    if any(isinstance(each, External) and each.name in _ATTRIBUTE_READERS for each in callees) and len(node.args) > 1:
        attribute = node.args[1]
        if isinstance(attribute, ast.Constant) and isinstance(attribute.value, str):
            _read_attribute(frame, node.args[0], attribute.value, node.lineno, found)
        elif _is_named_by_class(frame, node.args[0], attribute):
            found.properties += frame.concrete.list_properties() if frame.concrete is not None else []
        elif not _has_fixed_members(frame, node.args[0]):
            found.faults.append(("it reads an attribute by a computed name", node.lineno))


def _is_named_by_class(frame: Frame, base: ast.expr, attribute: ast.expr) -> bool:
    """Whether an attribute of the object itself is read by a name that its class lists, or by one of its own keys.

    Such a method gets the class without the state: ``getattr(self, each) for each in self.list_names()``. A key of
    ``self.__dict__`` gives what the object holds, or a property of the same name.
    """
    if not isinstance(attribute, ast.Name) or set(frame.evaluate(base)) != {Own()}:
        return False
    bound = frame.local_values.get(attribute.id, ()) if attribute.id not in frame.parameters else ()
    for value in bound:
        call = value.value if isinstance(value, ast.Subscript) else None
        if isinstance(call, ast.Attribute) and call.attr == "__dict__" and set(frame.evaluate(call.value)) == {Own()}:
            continue
        if not isinstance(call, ast.Call) or call.args or call.keywords:
            return False
        makers = frame.evaluate(call.func)
        if not all(isinstance(each, Bound) and each.method.kind == "class" for each in makers):
            return False
    return bool(bound)


def _read_attribute(frame: Frame, base: ast.expr, name: str, line: int, found: HookCalls) -> None:
    """Add the fault of a read of an attribute that runs a property of any class."""
    if name in FOREIGN_READS | FOREIGN_PROPERTIES | FOREIGN_CALLS or _has_fixed_members(frame, base):
        return
    if not all(_is_fixed(each) or each == Own() for each in frame.evaluate(base)):
        found.faults.append((f"it reads {name} of a value that the state may replace", line))


def _has_fixed_members(frame: Frame, node: ast.expr) -> bool:
    """Whether no file sets attributes on the value of an expression: it belongs to a module, or is of Python itself."""
    if isinstance(node, ast.Constant | ast.JoinedStr | ast.List | ast.Dict | ast.Set | ast.Tuple | ast.ListComp):
        return True
    if isinstance(node, ast.Attribute) and node.attr == "__dict__":
        return True
    if isinstance(node, ast.Attribute) and all(_is_class(each) for each in frame.evaluate(node.value)):
        return all(
            isinstance(each, Bound) for each in frame.evaluate(node)
        )  # a function of the class, not of the state
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name) and root.id not in frame.local_values and root.id not in frame.parameters:
        return True
    return all(_is_fixed(each) for each in frame.evaluate(node)) or _is_of_signature(frame, node)


def _is_of_signature(frame: Frame, node: ast.expr | Value, seen: frozenset[str] = frozenset()) -> bool:
    """Whether an expression takes ``inspect.signature`` of a function, or its parameters, by any local names.

    What a parameter holds beside its name and kind is no part of the signature.
    """
    match node:
        case ast.Call(func=ast.Attribute(value=base)):
            return _is_of_signature(frame, base, seen)
        case ast.Call(func=ast.Name() as callee):
            return frame.evaluate(callee) == [External("inspect.signature")]
        case ast.Attribute(value=base, attr=name):
            return name in _OF_SIGNATURES and _is_of_signature(frame, base, seen)
        case ast.Subscript(value=base) | ast.ListComp(elt=base):
            return _is_of_signature(frame, base, seen)
        case ast.Name(id=name) if name not in frame.parameters:
            bound = frame.local_values.get(name, ()) if name not in seen else ()
            return name in seen or (bool(bound) and all(_is_of_signature(frame, each, seen | {name}) for each in bound))
    return False


def _is_method(frame: Frame, name: str) -> bool:
    """Whether the class of the object defines a method of this name, which is followed."""
    method = frame.concrete.find(name) if frame.concrete is not None else None
    return isinstance(method, Method) and method.node is not None


def _is_class(value: Value) -> bool:
    """Whether a value is a class of the sources."""
    return isinstance(value, Kind) or value == Own(is_class=True)


def _is_fixed(value: Value) -> bool:
    """Whether the members of a value are those of the sources, or of Python: no file sets attributes on it."""
    if isinstance(value, Result):
        return value.name in _NEW_CONTAINERS
    return isinstance(value, Module | External | Found | Kind | Super | Made) or value == Own(is_class=True)


def _is_code(value: Value) -> bool:
    """Whether a value is a function or class of the sources, or of a library that the lists know."""
    return isinstance(value, External | Found | Kind | Inner | Closure) or value == Own(is_class=True)
