"""Recognise unpicklers that find the names of a closed table alone, after the example in the documentation of pickle.

The class has no method but ``find_class``, and that raises for each pair of a module and a name that its table does not
hold. The table is written out, nothing changes it, and each of its names builds data. Another file of the model may
change it, or the class: ``may_change`` searches a file that imports the module.

Source: https://docs.python.org/3/library/pickle.html#restricting-globals.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from modelaudit.languages.python.values import ExternalName, Value, list_alternatives

_BASES: Final = frozenset({"pickle.Unpickler", "pickle._Unpickler", "Unpickler"})
_FIND: Final = "find_class"
# Names that change or reach a table or a class without naming it.
_REACHING: Final = frozenset(
    {"setattr", "delattr", "globals", "locals", "vars", "exec", "eval", "__import__", "compile"}
)
_REACHING_ATTRIBUTES: Final = frozenset({"__dict__", "__class__", "__globals__", "__setattr__", "modules", "__bases__"})
# Functions that take a member by its name, and the position of the name among their arguments.
_GETTERS: Final = {"getattr": 1, "attrgetter": 0}
_BUILDING_DATA: Final = {
    "builtins": "dict list set frozenset tuple int float str bytes bytearray complex bool object range slice",
    "__builtin__": "dict list set frozenset tuple int float str unicode bytes bytearray complex bool object slice",
    "collections": "OrderedDict defaultdict deque Counter",
    "copyreg": "_reconstructor",
    "copy_reg": "_reconstructor",
    "_codecs": "encode",
    "datetime": "date time datetime timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID",
    "numpy": "ndarray dtype bool_ int8 int16 int32 int64 uint8 float16 float32 float64",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.core.numeric": "_frombuffer",
    "numpy._core.numeric": "_frombuffer",
    "torch": "FloatStorage HalfStorage BFloat16Storage DoubleStorage LongStorage IntStorage BoolStorage Size",
    "torch._utils": "_rebuild_tensor_v2 _rebuild_parameter",
    "torch.nn.parameter": "Parameter",
}
_NAMES: Final = frozenset(f"{module}.{name}" for module, names in _BUILDING_DATA.items() for name in names.split())


def find_restricted_unpicklers(body: Sequence[ast.stmt]) -> Mapping[str, frozenset[str]]:
    """Return the classes of a source that unpickle the names of closed tables alone, with the names of their tables."""
    candidates = [each for each in body if isinstance(each, ast.ClassDef) and _get_method(each) is not None]
    if not candidates:
        return {}
    nodes = [node for statement in body for node in ast.walk(statement)]
    if _reaches_anything(nodes):
        return {}
    tables = _find_tables(body, nodes)
    restricted = {
        each.name: frozenset(node.id for node in ast.walk(each) if isinstance(node, ast.Name) and node.id in tables)
        for each in candidates
        if _is_restricted(each, tables)
    }
    finding = sum(isinstance(node, ast.Attribute) and node.attr == _FIND for node in nodes)
    returns = sum(_is_lookup(node, "", "") for each in candidates for node in ast.walk(each))
    # A class that is only called is neither changed nor the base of another one.
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    others = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called}
    return {name: held for name, held in restricted.items() if name not in others} if finding == returns else {}


def may_change(text: str, names: Collection[str]) -> bool:
    """Whether another source, which imports the module, may change a restricted unpickler or its tables.

    Args:
        text: the other source.
        names: of the class and of its tables. A call of the class changes nothing.
    """
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    imported = {each.asname: each.name for node in nodes if isinstance(node, ast.ImportFrom) for each in node.names}
    watched = {*names, _FIND, *_REACHING, *(alias for alias, name in imported.items() if alias and name in names)}
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in watched and (id(node) not in called or node.id in _REACHING):
            return True
        if isinstance(node, ast.Attribute) and node.attr in watched | _REACHING_ATTRIBUTES:
            is_call = id(node) in called and (node.attr in names or node.attr in _REACHING)
            if not is_call:
                return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _GETTERS:
            names_member = node.args[_GETTERS[node.func.id] :][:1]
            if not all(isinstance(each, ast.Constant) and each.value not in watched for each in names_member):
                return True
    return False


def may_replace_lookup(node: ast.ClassDef, bases: Iterable[Value]) -> bool:
    """Whether a class with a base from elsewhere, perhaps a restricted unpickler, has a ``find_class`` of its own."""
    is_open = any(not isinstance(each, ExternalName) for base in bases for each in list_alternatives(base))
    return is_open and any(isinstance(each, ast.FunctionDef) and each.name == _FIND for each in node.body)


def _get_method(node: ast.ClassDef) -> ast.FunctionDef | None:
    """Return the ``find_class`` of a plain subclass of ``Unpickler`` that has nothing else; otherwise ``None``."""
    if node.decorator_list or node.keywords or len(node.bases) != 1 or ast.unparse(node.bases[0]) not in _BASES:
        return None
    *others, method = node.body
    if not isinstance(method, ast.FunctionDef) or method.name != _FIND or not all(map(_is_remark, others)):
        return None
    arguments = method.args
    has_three = len(arguments.args) == 3 and not (arguments.posonlyargs or arguments.kwonlyargs or arguments.defaults)
    is_plain = has_three and arguments.vararg is None and arguments.kwarg is None and not method.decorator_list
    return method if is_plain else None


def _is_remark(node: ast.stmt) -> bool:
    """Whether a statement is a text alone, such as a docstring, or ``pass``."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _reaches_anything(nodes: Iterable[ast.AST]) -> bool:
    """Whether a source can change names that it does not write out, or binds ``pickle`` or ``super`` itself."""
    for node in nodes:
        if isinstance(node, ast.Name):
            is_bound = not isinstance(node.ctx, ast.Load) and node.id in ("pickle", "super", "Unpickler")
            if is_bound or node.id in _REACHING:
                return True
        elif isinstance(node, ast.Attribute) and node.attr in _REACHING_ATTRIBUTES:
            return True
        elif isinstance(node, ast.ImportFrom) and (node.module != "pickle" or node.level):
            if {each.asname or each.name for each in node.names} & {"*", "pickle", "super", "Unpickler"}:
                return True
        elif isinstance(node, ast.Import) and any(each.asname in ("pickle", "Unpickler") for each in node.names):
            return True
    return False


def _find_tables(body: Sequence[ast.stmt], nodes: Sequence[ast.AST]) -> Mapping[str, frozenset[str]]:
    """Return the tables of names that a source writes out once, and in which it only looks names up."""
    tables = {}
    for statement in body:
        if (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            names = _read_table(statement.value)
            if names is not None:
                tables[statement.targets[0].id] = names
    looked_up = {id(node.comparators[0]) for node in nodes if isinstance(node, ast.Compare)}
    uses: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in tables and id(node) not in looked_up:
            uses[node.id] = uses.get(node.id, 0) + 1
    return {name: names for name, names in tables.items() if uses.get(name) == 1}  # its assignment


def _read_table(node: ast.expr) -> frozenset[str] | None:
    """Return the dotted names that a set, list, tuple or mapping of pairs or texts holds; ``None`` for other values."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("frozenset", "set", "tuple") and len(node.args) == 1:
        node = node.args[0]
    keys = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", None)
    if not keys or not isinstance(node, ast.Dict | ast.Set | ast.List | ast.Tuple):
        return None
    names = [_read_key(each) for each in keys]
    return frozenset(each for each in names if each is not None) if None not in names else None


def _read_key(node: ast.expr | None) -> str | None:
    """Return the dotted name that a pair of texts, or one text, stands for; ``None`` for any other expression."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    texts = [each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return ".".join(texts) if len(texts) == len(parts) in (1, 2) else None


def _is_restricted(node: ast.ClassDef, tables: Mapping[str, frozenset[str]]) -> bool:
    """Whether ``find_class`` returns names of a table alone, and each of them builds data."""
    method = _get_method(node)
    if method is None:
        return False
    module, name = (each.arg for each in method.args.args[1:])
    keys = {f"({module}, {name})", f"f'{{{module}}}.{{{name}}}'", f"{module} + '.' + {name}"}
    return _checks_all(method.body, keys, (module, name), tables, is_known=False)


def _checks_all(
    body: Sequence[ast.stmt],
    keys: set[str],
    parameters: tuple[str, str],
    tables: Mapping[str, frozenset[str]],
    is_known: bool,
) -> bool:
    """Whether each return is a look-up of a name that a test found in a table; other statements raise or test.

    Args:
        body: the statements.
        keys: the spellings of the key that is looked up in a table.
        parameters: the names of the module and of the name.
        tables: those of the source.
        is_known: whether a test before found the name in a table.
    """
    for statement in body:
        if _is_remark(statement) or isinstance(statement, ast.Raise):
            continue
        if isinstance(statement, ast.Return):
            if not is_known or statement.value is None or not _is_lookup(statement.value, *parameters):
                return False
        elif isinstance(statement, ast.If):
            is_member = _tests_membership(statement.test, keys, tables)
            if is_member is None:
                return False
            for branch, is_found in ((statement.body, is_member), (statement.orelse, not is_member)):
                if not _checks_all(branch, keys, parameters, tables, is_known or is_found):
                    return False
            is_known = is_known or (not is_member and isinstance(statement.body[-1], ast.Raise))
        else:
            return False
    return True


def _tests_membership(test: ast.expr, keys: set[str], tables: Mapping[str, frozenset[str]]) -> bool | None:
    """Return whether a test holds for the names of a table, or for all others; ``None`` for any other test."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or ast.unparse(test.left) not in keys:
        return None
    table = test.comparators[0]
    names = tables.get(table.id) if isinstance(table, ast.Name) else _read_table(table)
    if not names or not names <= _NAMES or not isinstance(test.ops[0], ast.In | ast.NotIn):
        return None
    return isinstance(test.ops[0], ast.In)


def _is_lookup(node: ast.AST, module: str, name: str) -> bool:
    """Whether an expression is ``super().find_class(module, name)``; without names, any call of that method."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != f"super().{_FIND}":
        return False
    return not module or ([ast.unparse(each) for each in node.args] == [module, name] and not node.keywords)
