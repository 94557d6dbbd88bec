"""Follows statements: imports, assignments, definitions, branches and loops."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from modelaudit.languages.python import calls, constant_folding, dunders, name_resolution, trust, uses
from modelaudit.languages.python.expressions import value_of
from modelaudit.languages.python.name_tables import BUILTINS, WELL_KNOWN_MODULES
from modelaudit.languages.python.values import (
    UNKNOWN,
    CallableValue,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    PartialCall,
    Provenance,
    Scope,
    Unknown,
    Value,
    collect_tags,
    join_values,
    list_alternatives,
)

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower

_UNROLLED: Final = 256
_SHORT: Final = 6


def follow(node: ast.stmt, scope: Scope, to: Follower) -> None:
    """Follow one statement.

    Raises:
        TooDeepError: an expression in it nests too deep, or the source takes too many steps.
    """
    worker = _WORKERS.get(type(node))
    if worker is not None:
        worker(node, scope, to)
    else:
        _parts(node, scope, to)


def _parts(node: ast.AST, scope: Scope, to: Follower) -> None:
    """Any other statement: its expressions in order, then the statements below it."""
    for name, part in ast.iter_fields(node):
        if isinstance(part, ast.expr):
            value_of(part, scope, to)
        elif isinstance(part, list) and part and isinstance(part[0], ast.stmt):
            to.statements(part, scope)
        elif isinstance(part, list) and name != "names":
            for each in part:
                if isinstance(each, ast.expr):
                    value_of(each, scope, to)
                elif isinstance(each, ast.AST):
                    _parts(each, scope, to)


def _import(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Import)
    for alias in node.names:
        to.imports.setdefault(alias.name.partition(".")[0])
        first = alias.name if alias.asname else alias.name.partition(".")[0]
        to.log.record(uses.IMPORT, name_resolution.normalize_name(alias.name).name, node.lineno)
        scope.bind(alias.asname or first, name_resolution.normalize_name(first))


def _import_from(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.ImportFrom)
    module = node.module or ""
    if not node.level:
        to.imports.setdefault(module.partition(".")[0])
        to.log.record(uses.IMPORT, name_resolution.normalize_name(module).name, node.lineno)
    for alias in node.names:
        if node.level:
            to.relative.setdefault((node.level, module or alias.name), node.lineno)
            # What another file of the model holds is told as little by this one as what a file of data does.
            found: Value = (
                ExternalName(WELL_KNOWN_MODULES[alias.name])
                if alias.name in WELL_KNOWN_MODULES
                else Unknown(frozenset({"file"}))
            )
            scope.bind(alias.asname or alias.name, found)
        elif alias.name == "*":
            to.stars.append(name_resolution.normalize_name(module).name)
        else:
            known = name_resolution.normalize_name(f"{module}.{alias.name}")
            to.log.record(uses.REFERENCE, known.name, node.lineno)
            scope.bind(alias.asname or alias.name, known)


def assign(target: ast.expr, value: Value, scope: Scope, to: Follower) -> None:
    """Give a target its value; several targets take the items of it."""
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, ast.Starred):
        assign(target.value, Container((value,)), scope, to)
    elif isinstance(target, ast.Tuple | ast.List):
        for index, each in enumerate(target.elts):
            part = (
                constant_folding.fold_item(value, Constant(index))
                if isinstance(value, Constant)
                else name_resolution.resolve_item(value, Constant(index))
            )
            assign(each, part or UNKNOWN, scope, to)
    elif isinstance(target, ast.Attribute):
        _assign_attribute(target, value, scope, to)
    elif isinstance(target, ast.Subscript):
        _assign_item(target, value, scope, to)


def _assign_attribute(target: ast.Attribute, value: Value, scope: Scope, to: Follower) -> None:
    for each in list_alternatives(value_of(target.value, scope, to)):
        if isinstance(each, ExternalName) and not each.is_result:
            calls.overwrite(name_resolution.resolve_attribute(each, target.attr), value, target.lineno, to)
    if target.attr in ("__code__", "func_code"):
        to.log.record(uses.CALL, "*.__code__[=]", target.lineno)
    to.keep_attribute(target.attr, value)


def _assign_item(target: ast.Subscript, value: Value, scope: Scope, to: Follower) -> None:
    base = value_of(target.value, scope, to)
    key = value_of(target.slice, scope, to)
    text = str(key.value) if isinstance(key, Constant) and isinstance(key.value, str) else None
    trust.note_item(key, value, target.lineno, to)
    for each in list_alternatives(base):
        if isinstance(each, ExternalName) and each.name in ("os.environ", "sys.modules"):
            to.log.record(uses.OVERWRITE, f"{each.name}[{text or '…'}]", target.lineno)
        elif isinstance(each, ExternalName) and each.name in ("builtins", "builtins.__dict__", "*.__builtins__"):
            to.log.record(uses.OVERWRITE, f"builtins.{text or '*'}[=]", target.lineno)
        elif isinstance(each, ExternalName) and each.name in ("builtins.globals", "builtins.locals") and text:
            scope.bind(text, value)
    if isinstance(target.value, ast.Name) and not isinstance(base, Constant | ExternalName):
        known = key.value if isinstance(key, Constant) else None
        held = [each for each in list_alternatives(base) if isinstance(each, Container)]
        older = held[0] if held and held[0].keys else Container(())
        if len(older.values) < 64 and any(isinstance(each, CallableValue) for each in list_alternatives(value)):
            scope.bind(target.value.id, Container((*older.values, value), (*older.keys, known)))


def _assign(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Assign)
    value = value_of(node.value, scope, to)
    for target in node.targets:
        assign(target, value, scope, to)


def _assign_one(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.AnnAssign)
    _annotation(node.annotation, scope, to)
    if node.value is not None:
        assign(node.target, value_of(node.value, scope, to), scope, to)


def _assign_more(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.AugAssign)
    if isinstance(node.target, ast.Name):
        read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
        whole = ast.copy_location(ast.BinOp(read, node.op, node.value), node)
        found = value_of(whole, scope, to)
        scope.names.pop(node.target.id, None) if isinstance(found, Constant) else None
        scope.bind(node.target.id, found)
    else:
        value_of(node.value, scope, to)


def _annotation(node: ast.expr, scope: Scope, to: Follower) -> None:
    """A type; what asks for types evaluates one that is a text."""
    found = value_of(node, scope, to)
    if isinstance(found, Constant) and isinstance(found.value, str) and "(" in found.value:
        calls.apply(ExternalName("typing.ForwardRef"), [found], {}, node.lineno, scope, to)


def _function(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    args = node.args
    for part in (*args.defaults, *args.kw_defaults):
        if part is not None:
            value_of(part, scope, to)
    if node.returns is not None:
        _annotation(node.returns, scope, to)
    for parameter in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if parameter is not None and parameter.annotation is not None:
            _annotation(parameter.annotation, scope, to)
    local = to.define(node, scope)
    _decorate(node.decorator_list, local, scope, to)
    scope.bind(node.name, local)


def _decorate(decorators: list[ast.expr], local: LocalDefinition, scope: Scope, to: Follower) -> None:
    for decorator in reversed(decorators):
        found = value_of(decorator, scope, to)
        dunders.mark_property(found, local, to)
        calls.apply(found, [local], {}, decorator.lineno, scope, to)


def _class(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.ClassDef)
    bases = tuple(value_of(each, scope, to) for each in node.bases)
    given = {each.arg or "": value_of(each.value, scope, to) for each in node.keywords}
    members = Scope(scope)
    local = to.define(node, scope, members)
    to.definitions[local.number - 1].bases = bases
    if "metaclass" in given:
        calls.apply(given["metaclass"], [], {}, node.lineno, scope, to)
    to.statements(node.body, members)
    for name, value in members.names.items():
        if any(isinstance(each, ExternalName | PartialCall) for each in list_alternatives(value)):
            to.keep_attribute(name, value)
    is_meta = any(isinstance(each, ExternalName) and each.name == "builtins.type" for each in bases)
    for name in ("__new__", "__init__", "__call__") if is_meta else ():
        for each in list_alternatives(members.names.get(name, UNKNOWN)):
            if isinstance(each, LocalDefinition):
                to.log.record_implied_call(to.log.current_function, each.number)
    _decorate(node.decorator_list, local, scope, to)
    scope.bind(node.name, local)


def _if(node: ast.stmt, scope: Scope, to: Follower) -> None:
    """Branches; a chain of ``elif`` is followed without a level of depth for each."""
    assert isinstance(node, ast.If)
    while True:
        value_of(node.test, scope, to)
        before = to.log.current_function
        if before == uses.MODULE and _is_main(node.test, scope):
            to.log.current_function = uses.MAIN
        _branch(node.body, scope, to)
        to.log.current_function = before
        if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
            break
        node = node.orelse[0]
    _branch(node.orelse, scope, to)


def _branch(body: list[ast.stmt], scope: Scope, to: Follower) -> None:
    """Statements that may be left out: a constant that they change is one of two afterwards."""
    outer, scope.journal = scope.journal, []
    to.statements(body, scope)
    older = dict(reversed(scope.journal))
    for name, value in older.items():
        now = scope.names.get(name)
        if isinstance(value, Constant) and isinstance(now, Constant) and now != value:
            scope.names[name] = join_values(value, now)
        elif value is None and now is not None and name in BUILTINS:
            scope.names[name] = join_values(now, ExternalName(f"builtins.{name}"))
    if outer is not None:
        outer += scope.journal
    scope.journal = outer


def _try(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Try | ast.TryStar)
    _branch(node.body, scope, to)
    for handler in node.handlers:
        if handler.type is not None:
            value_of(handler.type, scope, to)
        _branch(handler.body, scope, to)
    _branch(node.orelse, scope, to)
    to.statements(node.finalbody, scope)


def _delete(node: ast.stmt, scope: Scope, to: Follower) -> None:
    """A builtin that was shadowed shows again."""
    assert isinstance(node, ast.Delete)
    for each in node.targets:
        if not isinstance(each, ast.Name):
            value_of(each, scope, to)
        elif each.id in BUILTINS:
            scope.names.pop(each.id, None)


def _while(node: ast.stmt, scope: Scope, to: Follower) -> None:
    """The body is followed once; what grows in it is not known, before or after."""
    assert isinstance(node, ast.While)
    value_of(node.test, scope, to)
    grown = {
        each.target.id
        for part in node.body if not isinstance(part, ast.FunctionDef | ast.ClassDef)
        for each in ast.walk(part) if isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name)
    }  # fmt: skip
    for name in grown:
        scope.names[name] = UNKNOWN
    _branch(node.body, scope, to)
    _branch(node.orelse, scope, to)


def _is_main(test: ast.expr, scope: Scope) -> bool:
    """Whether it is ``__name__ == "__main__"``, and the file gives ``__name__`` no value of its own."""
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return scope.look_up("__name__") is None
    return False


def _for(node: ast.stmt, scope: Scope, to: Follower) -> None:
    """A short loop over constants is worked out item by item; the body of any other is followed once."""
    assert isinstance(node, ast.For | ast.AsyncFor)
    source = value_of(node.iter, scope, to)
    source = dunders.method_of(source, ("__iter__", "__aiter__"), [], to) or source
    is_short = isinstance(source, Constant) and constant_folding.measure_constant(source) <= _UNROLLED
    parts = constant_folding.iterate_constant(source) if isinstance(source, Constant) and is_short else None
    if parts is not None and isinstance(source, Constant) and len(node.body) <= _SHORT:
        for part in parts:
            assign(node.target, Constant(part, max(source.provenance, Provenance.COMPUTED)), scope, to)
            to.statements(node.body, scope)
    elif isinstance(source, Container) and len(source.values) <= _UNROLLED and not source.keys:
        for value in source.values[:16]:
            assign(node.target, value, scope, to)
            to.statements(node.body, scope)
    else:
        assign(node.target, name_resolution.resolve_item(source, UNKNOWN), scope, to)
        to.statements(node.body, scope)
    to.statements(node.orelse, scope)


def _with(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.With | ast.AsyncWith)
    for each in node.items:
        manager = value_of(each.context_expr, scope, to)
        value = dunders.method_of(manager, ("__enter__", "__aenter__"), [], to) or manager
        if each.optional_vars is not None:
            assign(each.optional_vars, value, scope, to)
    to.statements(node.body, scope)


def _return(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Return)
    if node.value is not None:
        to.returns(value_of(node.value, scope, to))


def _expression(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Expr)
    # A text by itself is a comment.
    if not isinstance(node.value, ast.Constant):
        value_of(node.value, scope, to)


def _global(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Global)
    scope.global_names.update(node.names)


def _nonlocal(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Nonlocal)
    scope.nonlocal_names.update(node.names)


def _match(node: ast.stmt, scope: Scope, to: Follower) -> None:
    assert isinstance(node, ast.Match)
    subject = value_of(node.subject, scope, to)
    for case in node.cases:
        for part in ast.walk(case.pattern):
            if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                taken = (
                    subject
                    if part is case.pattern
                    else join_values(name_resolution.resolve_item(subject, UNKNOWN), Unknown(collect_tags(subject)))
                )
                scope.bind(part.name, taken)
            elif isinstance(part, ast.MatchClass):
                value_of(part.cls, scope, to)
                for name in part.kwd_attrs:
                    calls.refer(subject, name, node.lineno, to)
        if case.guard is not None:
            value_of(case.guard, scope, to)
        _branch(case.body, scope, to)


_WORKERS: Final[dict[type[ast.stmt], Callable[[ast.stmt, Scope, Follower], None]]] = {
    ast.Import: _import, ast.ImportFrom: _import_from, ast.Assign: _assign, ast.AnnAssign: _assign_one,
    ast.AugAssign: _assign_more, ast.FunctionDef: _function, ast.AsyncFunctionDef: _function, ast.ClassDef: _class,
    ast.If: _if, ast.While: _while, ast.For: _for, ast.AsyncFor: _for, ast.With: _with,
    ast.AsyncWith: _with, ast.Return: _return,
    ast.Expr: _expression, ast.Global: _global, ast.Nonlocal: _nonlocal, ast.Match: _match, ast.Try: _try,
    ast.TryStar: _try, ast.Delete: _delete,
}  # fmt: skip
