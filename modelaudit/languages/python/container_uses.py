"""Judge each use of a name that may hold a list or mapping: does it only read, or where does the value go from there?

A use is judged by the expressions and statements around it. On the way out from the name a level is counted: its depth
is 0 for the value itself, 1 for an item of it, and -1 for a container that holds it. So ``[m, n][0].reverse()`` changes
``m`` itself, and ``m[0].reverse()`` a list in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from modelaudit.languages.python.name_uses import EXACT, ITSELF, Level, Outcome, SourceTree, is_of_class, list_targets

_MAX_PARTS: Final = 256  # arguments of a call, and items of a mapping, among which one is looked for
_MAX_CLIMB: Final = 64  # expressions around a name; a use that nests deeper counts as a change

# Builtins that keep nothing of what they get.
_READERS: Final = frozenset(
    {"len", "print", "str", "repr", "ascii", "format", "isinstance", "any", "all", "bool", "type",
     "bytes", "bytearray", "range", "hash", "int", "callable", "issubclass"}
)  # fmt: skip
# Builtins that make a new container, or an iterator, of the items.
_COPIERS: Final = frozenset(
    {"list", "tuple", "set", "frozenset", "sorted", "reversed", "iter", "dict", "enumerate", "zip"}
)
_PICKERS: Final = frozenset({"min", "max", "next"})
_CALLERS: Final = frozenset({"map", "filter"})
_TEXT_METHODS: Final = frozenset(each for each in (*dir(str), *dir(bytes)) if not each.startswith("_"))
_READING_METHODS: Final = _TEXT_METHODS | {
    "isdisjoint", "issubset", "issuperset", "keys", "__len__", "__contains__", "__str__", "__repr__", "__eq__",
    "__ne__", "hex",
}  # fmt: skip
_COPYING_METHODS: Final = frozenset(
    {"get", "items", "values", "copy", "__getitem__", "__iter__", "union", "difference", "intersection",
     "symmetric_difference"}
)  # fmt: skip
# Methods that only read their arguments, or copy the items of them into their object.
_READ_ARGUMENTS: Final = _READING_METHODS | {"union", "difference", "intersection"}
# Packages whose functions only read lists of texts and numbers, unless a keyword passes something that they call.
_READING_PACKAGES: Final = frozenset(
    {"subprocess", "json", "base64", "binascii", "codecs", "os", "re", "struct", "math", "shlex"}
)
_CALLBACKS: Final = frozenset({"cls", "default", "object_hook", "preexec_fn"})
_FILLS_ITEMS: Final = frozenset({"extend", "update", "extendleft", "difference_update", "intersection_update"})
_KEEPS_ARGUMENTS: Final = frozenset({"append", "add", "insert", "setdefault", "appendleft"})
_OPERATOR_METHODS: Final = frozenset(
    f"__{prefix}{name}__"
    for prefix in ("", "r", "i")
    for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift",
                 "rshift")
)  # fmt: skip
_COMPARISON_METHODS: Final = frozenset({"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__"})
_READING_NODES: Final = (ast.UnaryOp, ast.FormattedValue, ast.If, ast.While, ast.Expr)
_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Set)


class _Step(NamedTuple):
    """One step out from a use: the node around, with the level that the value has there, or what the use leads to."""

    node: ast.AST | None = None
    level: Level = ITSELF
    outcomes: tuple[Outcome, ...] = ()


_READ: Final = _Step()
"""The step of a use that only reads."""


def judge_use(tree: SourceTree, use: ast.AST) -> Iterator[Outcome]:
    """Yield what a use of a name leads to: nothing for a use that only reads."""
    if isinstance(use, ast.AugAssign):
        # A list that is added to a list is folded, and its items are found behind those before.
        is_sum = isinstance(use.op, ast.Add) and isinstance(use.target, ast.Name)
        is_exact = is_sum and not is_of_class(tree, use)
        yield Outcome(EXACT if is_exact else None, ITSELF)
        return
    node, level = use, ITSELF
    for _ in range(_MAX_CLIMB):
        parent = tree.get_parent(node)
        judge = _JUDGES.get(type(parent))
        step: _Step = judge(tree, parent, node, level) if judge is not None else _change(level)
        yield from step.outcomes
        if step.node is None:
            return
        node, level = step.node, step.level
    yield Outcome(None, level)


def _change(level: Level) -> _Step:
    """Return the step of a use that may change the value at a level, or that lets others change it."""
    return _Step(outcomes=(Outcome(None, level),))


def _judge_item(tree: SourceTree, parent: ast.Subscript, node: ast.AST, level: Level) -> _Step:
    """Judge ``value[key]``."""
    if node is not parent.value:
        return _change(level)
    if type(parent.ctx) is ast.Load:
        is_slice = isinstance(parent.slice, ast.Slice)
        return _Step(parent, level.copy() if is_slice else level.enter())
    statement = tree.get_parent(parent)
    # A store by a statement of the module itself is folded: it certainly runs, and runs once.
    is_known = isinstance(parent.slice, ast.Constant | ast.UnaryOp) and isinstance(node, ast.Name)
    is_plain = isinstance(statement, ast.Assign) and parent in statement.targets and tree.get_parent(statement) is None
    return _Step(outcomes=(Outcome(EXACT if is_known and is_plain else None, level),))


def _judge_attribute(tree: SourceTree, parent: ast.Attribute, _: ast.AST, level: Level) -> _Step:
    """Judge ``value.method(…)``; a method that is not called goes elsewhere with its object."""
    call = tree.get_parent(parent)
    if isinstance(call, ast.Call) and call.func is parent and tree.trusts(parent.attr):
        if parent.attr in _READING_METHODS:
            return _READ
        if parent.attr in ("get", "__getitem__"):
            return _Step(call, level.enter())
        if parent.attr in _COPYING_METHODS:
            return _Step(call, level.pair() if parent.attr == "items" else level.copy())
    return _change(level)


def _judge_argument(tree: SourceTree, parent: ast.Call, node: ast.AST, level: Level) -> _Step:
    """Judge an argument of a call, by the function that gets it."""
    function = parent.func
    if node is function:
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        return _Step(parent, level) if name in tree.decorated_names else _READ
    if len(parent.args) + len(parent.keywords) > _MAX_PARTS:
        return _change(level)
    if _is_reader(tree, parent):
        return _READ
    if isinstance(function, ast.Name):
        return _judge_function_argument(tree, parent, node, level)
    if isinstance(function, ast.Attribute) and tree.trusts(function.attr) and _is_own(tree, function.value):
        if function.attr in _READ_ARGUMENTS:
            return _READ
        if function.attr in _FILLS_ITEMS:
            return _Step(outcomes=tuple(list_targets(function.value, level.copy())))
        if function.attr in _KEEPS_ARGUMENTS:
            # ``setdefault`` returns what it keeps.
            return _Step(parent, level, tuple(list_targets(function.value, level.wrap())))
        if function.attr == "get":
            return _Step(parent, level)
    return _change(level)


def _is_reader(tree: SourceTree, call: ast.Call) -> bool:
    """Whether a call is one of a package whose functions only read their arguments."""
    root: ast.expr = call.func
    while isinstance(root, ast.Attribute) and tree.trusts(root.attr):
        root = root.value
    is_known = isinstance(root, ast.Name) and tree.find_package(root.id) in _READING_PACKAGES
    return is_known and not any(each.arg is None or each.arg in _CALLBACKS for each in call.keywords)


def _is_own(tree: SourceTree, node: ast.expr) -> bool:
    """Whether an expression is a text, or a name or attribute that the source does not import."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Constant | ast.JoinedStr) or (
        isinstance(node, ast.Name) and node.id not in tree.imported_names
    )


def _judge_function_argument(tree: SourceTree, call: ast.Call, node: ast.AST, level: Level) -> _Step:
    """Judge an argument of a function that is called by its name: a builtin, or a function of the source."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    parameter = _find_parameter(tree.find_function(name), call, node)
    if parameter:
        return _Step(outcomes=(Outcome(parameter, level),))
    if not tree.trusts(name):
        return _change(level)
    if name in _READERS:
        # ``isinstance`` passes the value on to a metaclass that asks for it.
        return _change(level) if "__instancecheck__" in tree.bound_names else _READ
    has_key = any(each.arg == "key" for each in call.keywords)
    if name in _CALLERS or (has_key and name in _COPIERS | _PICKERS):
        return _change(level.enter())
    is_first = call.args[:1] == [node]
    if name in _PICKERS:
        is_item = is_first and (name == "next" or len(call.args) == 1)
        return _Step(call, level.enter() if is_item else level)
    if name == "sum" and is_first:
        return _Step(call, level.enter().copy())
    if name == "dict" and isinstance(node, ast.keyword):
        return _Step(call, level.wrap())
    if name in _COPIERS:
        return _Step(call, level.pair() if name in ("zip", "enumerate") else level.copy())
    return _change(level)


def _find_parameter(function: ast.FunctionDef | ast.Lambda | None, call: ast.Call, node: ast.AST) -> str:
    """Return the parameter of a function of the source that gets an argument; empty if it is not known."""
    if function is None or any(isinstance(each, ast.Starred) for each in call.args):
        return ""
    parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    if isinstance(node, ast.keyword):
        named = {*parameters, *(each.arg for each in function.args.kwonlyargs)}
        return node.arg if node.arg is not None and node.arg in named else ""
    position = next((at for at, each in enumerate(call.args) if each is node), len(parameters))
    return parameters[position] if position < len(parameters) else ""


def _judge_keyword(tree: SourceTree, parent: ast.keyword, _: ast.AST, level: Level) -> _Step:
    """Judge ``name=value`` and ``**value`` in a call."""
    call = tree.get_parent(parent)
    if not isinstance(call, ast.Call) or len(call.args) + len(call.keywords) > _MAX_PARTS:
        return _change(level)
    if parent.arg is None:
        return _change(level.copy())
    if _is_reader(tree, call):
        return _READ
    return _judge_function_argument(tree, call, parent, level) if isinstance(call.func, ast.Name) else _change(level)


def _judge_starred(tree: SourceTree, parent: ast.Starred, _: ast.AST, level: Level) -> _Step:
    """Judge ``*value`` in a call or a display."""
    around = tree.get_parent(parent)
    if isinstance(around, _DISPLAYS):
        return _Step(around, level.copy())
    if isinstance(around, ast.Call):
        return _judge_argument(tree, around, parent, level.enter())
    return _change(level.enter())


def _judge_display(_tree: SourceTree, parent: ast.AST, _: ast.AST, level: Level) -> _Step:
    """Judge an item of a list, tuple or set, and a branch of an expression that chooses."""
    return _Step(parent, level.wrap())


def _judge_mapping(_: SourceTree, parent: ast.Dict, node: ast.AST, level: Level) -> _Step:
    """Judge a key or value in ``{key: value, **others}``."""
    if len(parent.values) > _MAX_PARTS:
        return _Step(parent, level.wrap())
    position = next((at for at, each in enumerate(parent.values) if each is node), None)
    if position is None:
        return _READ
    return _Step(parent, level.copy() if parent.keys[position] is None else level.wrap())


def _judge_choice(_: SourceTree, parent: ast.AST, node: ast.AST, level: Level) -> _Step:
    """Judge an operand of ``and`` and ``or``, and a part of ``a if b else c``."""
    return _READ if isinstance(parent, ast.IfExp) and node is parent.test else _Step(parent, level)


def _judge_assertion(_: SourceTree, parent: ast.Assert, node: ast.AST, level: Level) -> _Step:
    """Judge what a statement asserts; its message goes into an exception."""
    return _READ if node is parent.test else _change(level)


def _judge_operand(tree: SourceTree, parent: ast.BinOp, _: ast.AST, level: Level) -> _Step:
    """Judge an operand: the result is a new list, unless a class of the source defines operators."""
    return _change(level) if tree.bound_names & _OPERATOR_METHODS else _Step(parent, level.copy())


def _judge_comparison(tree: SourceTree, _parent: ast.Compare, _: ast.AST, level: Level) -> _Step:
    """Judge an operand of a comparison, which only reads it unless a class of the source defines comparisons."""
    return _change(level) if tree.bound_names & _COMPARISON_METHODS else _READ


def _judge_reading(_tree: SourceTree, _parent: ast.AST, _: ast.AST, _level: Level) -> _Step:
    """Judge a use in an expression or statement that only reads it."""
    return _READ


def _judge_loop(_tree: SourceTree, parent: ast.For | ast.comprehension, node: ast.AST, level: Level) -> _Step:
    """Judge what a loop iterates over: each target gets an item."""
    return _Step(outcomes=tuple(list_targets(parent.target, level.enter()))) if node is parent.iter else _READ


def _judge_element(_tree: SourceTree, parent: ast.ListComp | ast.DictComp, node: ast.AST, level: Level) -> _Step:
    """Judge the element of a comprehension."""
    is_element = node is (parent.value if isinstance(parent, ast.DictComp) else parent.elt)
    return _Step(parent, level.wrap()) if is_element else _READ


def _judge_assignment(_tree: SourceTree, parent: ast.Assign, _: ast.AST, level: Level) -> _Step:
    """Judge a value that is assigned."""
    return _Step(outcomes=tuple(each for target in parent.targets for each in list_targets(target, level)))


def _judge_annotated(_tree: SourceTree, parent: ast.AnnAssign, node: ast.AST, level: Level) -> _Step:
    """Judge a value that is assigned with an annotation."""
    return _Step(outcomes=tuple(list_targets(parent.target, level))) if node is parent.value else _READ


def _judge_augmented(tree: SourceTree, parent: ast.AugAssign, _: ast.AST, level: Level) -> _Step:
    """Judge ``name += value``, by which a list gets the items of another one."""
    if tree.bound_names & _OPERATOR_METHODS:
        return _change(level)
    return _Step(outcomes=tuple(list_targets(parent.target, level.copy())))


def _judge_named(_tree: SourceTree, parent: ast.NamedExpr, _: ast.AST, level: Level) -> _Step:
    """Judge ``name := value``, which binds the name and goes on as a value."""
    return _Step(parent, level, (Outcome(parent.target.id, level),))


_JUDGES: Final[dict[type[Any], Any]] = {
    ast.Subscript: _judge_item,
    ast.Attribute: _judge_attribute,
    ast.Call: _judge_argument,
    ast.keyword: _judge_keyword,
    ast.Starred: _judge_starred,
    **dict.fromkeys((ast.List, ast.Tuple, ast.Set), _judge_display),
    ast.Dict: _judge_mapping,
    **dict.fromkeys((ast.BoolOp, ast.IfExp), _judge_choice),
    ast.Assert: _judge_assertion,
    ast.BinOp: _judge_operand,
    ast.Compare: _judge_comparison,
    **dict.fromkeys(_READING_NODES, _judge_reading),
    **dict.fromkeys((ast.For, ast.AsyncFor, ast.comprehension), _judge_loop),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), _judge_element),
    ast.Assign: _judge_assignment,
    ast.AnnAssign: _judge_annotated,
    ast.AugAssign: _judge_augmented,
    ast.NamedExpr: _judge_named,
}
