"""Follows expressions: what each is worth, and the names that it refers to and calls."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from modelaudit.languages.python import call_variants, constant_folding, dunders, name_resolution, trust, uses
from modelaudit.languages.python.name_tables import BUILTINS, INTERPRETER_ATTRIBUTES
from modelaudit.languages.python.values import (
    UNKNOWN,
    CallableValue,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    PlainValue,
    Provenance,
    Scope,
    Unknown,
    Value,
    add_tags,
    collect_tags,
    join_values,
    list_alternatives,
)

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower

_DEEPEST: Final = 90
_MOST_ITEMS: Final = 256
_UNROLLED: Final = 4096


class TooDeepError(Exception):
    """An expression nests deeper, or a source takes more steps, than is followed."""


def value_of(node: ast.expr, scope: Scope, to: Follower) -> Value:
    """What an expression is worth; a name of another module that it comes to is noted as referred to."""
    found = look(node, scope, to)
    for each in list_alternatives(found):
        if isinstance(each, ExternalName) and not each.is_result and each.name:
            if ".__dict__" in each.name:
                owner = each.name.partition(".__dict__")[0]
                to.tell_computed(
                    ExternalName(owner), node.lineno
                )  # whoever is given all names of a module takes any of them
            to.log.record(uses.HIDDEN if each.is_hidden else uses.REFERENCE, each.name, node.lineno)
        elif isinstance(each, LocalDefinition):
            to.log.record_local_call(each.number)
    return found


def look(node: ast.expr, scope: Scope, to: Follower) -> Value:
    """The same, without noting the outermost name."""
    worker = _WORKERS.get(type(node))
    to.step()
    if to.depth >= _DEEPEST:
        raise TooDeepError
    to.depth += 1
    try:
        return worker(node, scope, to) if worker is not None else _parts(node, scope, to)
    finally:
        to.depth -= 1


def _parts(node: ast.expr, scope: Scope, to: Follower) -> Value:
    """Any other expression: what flows into its parts flows into it."""
    found = [value_of(part, scope, to) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
    return Unknown(frozenset().union(*map(collect_tags, found))) if found else UNKNOWN


def _constant(node: ast.expr, _: Scope, to: Follower) -> Value:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str | bytes):
        if len(value) > constant_folding.MAX_CONSTANT_SIZE:
            value = value[: constant_folding.MAX_CONSTANT_SIZE]
        constant = Constant(value)
        to.tell_text(constant, node.lineno)
        return constant
    return Constant(value) if isinstance(value, int | float | None) else UNKNOWN


def _name(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Name)
    found = scope.look_up(node.id)
    if found is not None:
        return found
    if node.id == "__builtins__":
        return ExternalName("builtins")
    if node.id == "get_ipython":
        return ExternalName("IPython.get_ipython")
    if node.id == "__doc__":
        return Constant(to.docstring)
    if to.stars and (node.id not in BUILTINS or "os" in to.stars):
        starred = [ExternalName(f"{module}.{node.id}") for module in to.stars]
        return join_values(*starred, *([ExternalName(f"builtins.{node.id}")] if node.id in BUILTINS else []))
    return ExternalName(f"builtins.{node.id}") if node.id in BUILTINS else UNKNOWN


def _attribute(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Attribute)
    base = look(node.value, scope, to)
    return attribute(base, node.attr, node.lineno, to)


def attribute(base: Value, name: str, line: int, to: Follower) -> Value:
    """What ``base.name`` is, definitions of the file included."""
    if name in INTERPRETER_ATTRIBUTES:
        is_root = any(
            isinstance(each, ExternalName) and each.name == "builtins.object" for each in list_alternatives(base)
        )
        to.log.record(uses.REFERENCE, f"builtins.object.{name}" if is_root else f"*.{name}", line)
    found: list[Value] = []
    to.step(len(list_alternatives(base)))
    for each in list_alternatives(base):
        if isinstance(each, LocalDefinition) and name == "__code__":
            found.append(name_resolution.resolve_attribute(UNKNOWN, name))
        elif isinstance(each, LocalDefinition):
            found.append(to.member(each, name))
        elif isinstance(each, Unknown | Constant) and name in to.attributes:
            found += (to.attributes[name], name_resolution.resolve_attribute(each, name))
        else:
            found.append(name_resolution.resolve_attribute(each, name))
    return join_values(*found)


def _subscript(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Subscript)
    base = look(node.value, scope, to)
    if isinstance(node.slice, ast.Slice):
        return _sliced(base, node.slice, scope, to)
    key = value_of(node.slice, scope, to)
    if isinstance(base, Constant) and isinstance(key, Constant):
        return constant_folding.fold_item(base, key) or UNKNOWN
    if isinstance(base, ExternalName) and base.name in ("builtins.globals", "builtins.locals", "builtins.vars"):
        if not isinstance(key, Constant):
            to.tell_computed(base, node.lineno)
        return to.of_namespace(key, scope)
    found = dunders.method_of(base, ("__getitem__", "__class_getitem__"), [key], to)
    return found if found is not None else taken(base, key, node.lineno, to)


def taken(base: Value, key: Value, line: int, to: Follower) -> Value:
    """What ``base[key]`` is; a key that is computed is noted where it chooses out of a module."""
    if isinstance(base, ExternalName | Unknown) and not isinstance(key, Constant):
        to.tell_computed(base, line)
    return name_resolution.resolve_item(base, key)


def _sliced(base: Value, bounds: ast.Slice, scope: Scope, to: Follower) -> Value:
    found = [
        value_of(each, scope, to) if each is not None else None for each in (bounds.lower, bounds.upper, bounds.step)
    ]
    known = [each for each in found if each is None or isinstance(each, Constant)]
    if isinstance(base, Constant) and len(known) == 3:
        return to.tell_made(constant_folding.fold_slice(base, known), bounds.lineno)
    return base if isinstance(base, Container | ExternalName) else Unknown(collect_tags(base))


def _operation(node: ast.expr, scope: Scope, to: Follower) -> Value:
    """A chain of operators from the left, without a level of depth for each."""
    chain: list[tuple[type[ast.operator], ast.expr]] = []
    while isinstance(node, ast.BinOp):
        chain.append((type(node.op), node.right))
        node = node.left
    left = value_of(node, scope, to)
    for kind, operand in reversed(chain):
        right = value_of(operand, scope, to)
        left = _combined(kind, left, right, operand, to)
    return to.tell_made(left, node.lineno)


def _combined(kind: type[ast.operator], left: Value, right: Value, node: ast.expr, to: Follower) -> Value:
    to.step()
    if isinstance(left, Constant) and isinstance(right, Constant):
        to.step((constant_folding.measure_constant(left) + constant_folding.measure_constant(right)) >> 8)
        done = constant_folding.fold_binary(kind, left, right)
        return done or Unknown(collect_tags(left) | collect_tags(right))
    if kind is ast.Add and isinstance(left, Container) and isinstance(right, Container) and not left.keys:
        return Container((left.values + right.values)[:_MOST_ITEMS])
    if isinstance(left, ExternalName) and left.is_result and kind is ast.Div:
        return add_tags(left, call_variants.tag_path(right))  # a path and what lies below it
    found = dunders.operated(kind, left, right, to)
    if found is not None:
        return found
    return Unknown(collect_tags(left) | collect_tags(right) | call_variants.tag_path(right))


def _unary(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.UnaryOp)
    operand = value_of(node.operand, scope, to)
    return (constant_folding.fold_unary(type(node.op), operand) if isinstance(operand, Constant) else None) or Unknown(
        collect_tags(operand)
    )


def _compared(node: ast.expr, scope: Scope, to: Follower) -> Value:
    """A comparison of two constants; of any other, what flows into it."""
    assert isinstance(node, ast.Compare)
    parts = [value_of(each, scope, to) for each in (node.left, *node.comparators)]
    if len(parts) == 2 and isinstance(parts[0], Constant) and isinstance(parts[1], Constant):
        return constant_folding.fold_comparison(type(node.ops[0]), parts[0], parts[1]) or UNKNOWN
    return Unknown(frozenset().union(*map(collect_tags, parts)))


def _either(node: ast.expr, scope: Scope, to: Follower) -> Value:
    if isinstance(node, ast.IfExp):
        value_of(node.test, scope, to)
        return join_values(value_of(node.body, scope, to), value_of(node.orelse, scope, to))
    assert isinstance(node, ast.BoolOp)
    return join_values(*(value_of(each, scope, to) for each in node.values))


def _sequence(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.List | ast.Tuple | ast.Set)
    parts = [value_of(each.value if isinstance(each, ast.Starred) else each, scope, to) for each in node.elts]
    constants = [part for part in parts if isinstance(part, Constant)]
    if len(constants) == len(parts) and len(parts) <= constant_folding.MAX_CONSTANT_SIZE:
        return constant_folding.fold_sequence(constants)
    return Container(tuple(parts[:_MOST_ITEMS]))


def _mapping(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Dict)
    keys: list[PlainValue | tuple[PlainValue, ...]] = []
    values: list[Value] = []
    for key, part in zip(node.keys, node.values, strict=True):
        name = value_of(key, scope, to) if key is not None else UNKNOWN
        values.append(value_of(part, scope, to))
        trust.note_item(name, values[-1], node.lineno, to)
        keys.append(name.value if isinstance(name, Constant) else None)
    return Container(tuple(values[:_MOST_ITEMS]), tuple(keys[:_MOST_ITEMS]))


def _text(node: ast.expr, scope: Scope, to: Follower) -> Value:
    """An f-string."""
    assert isinstance(node, ast.JoinedStr)
    text: Value = Constant("")
    for part in node.values:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        found = value_of(inner, scope, to)
        if isinstance(found, Constant) and isinstance(found.value, int | str) and not isinstance(part, ast.Constant):
            found = Constant(str(found.value), Provenance.COMPUTED) if not _is_huge(found.value) else UNKNOWN
        text = _combined(ast.Add, text, found, inner, to)
    return to.tell_made(text, node.lineno)


def _is_huge(value: object) -> bool:
    return isinstance(value, int) and value.bit_length() > 4096


def _named(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.NamedExpr)
    found = value_of(node.value, scope, to)
    scope.bind(node.target.id, found)
    return found


def _lambda(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Lambda)
    return to.define(node, scope)


def _comprehension(node: ast.expr, scope: Scope, to: Follower) -> Value:
    """A comprehension over constants is worked out item by item; of any other, each part is followed once."""
    assert isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp)
    inner = Scope(scope)
    sources = [value_of(each.iter, scope if number == 0 else inner, to) for number, each in enumerate(node.generators)]
    if not isinstance(node, ast.DictComp) and len(sources) == 1 and isinstance(sources[0], Constant):
        to.step(constant_folding.measure_constant(sources[0]) >> 6)
        parts = constant_folding.iterate_constant(sources[0])
        if parts is not None and len(parts) <= _UNROLLED:
            return _unrolled(node, parts, sources[0].provenance, inner, to)
    for each, source in zip(node.generators, sources, strict=True):
        source = dunders.method_of(source, ("__iter__", "__aiter__"), [], to) or source
        to.assign(each.target, name_resolution.resolve_item(source, UNKNOWN), inner)
        for test in each.ifs:
            value_of(test, inner, to)
    if isinstance(node, ast.DictComp):
        value_of(node.key, inner, to)
        return Container((value_of(node.value, inner, to),))
    element = value_of(node.elt, inner, to)
    return Unknown(collect_tags(element)) if isinstance(element, Unknown | Constant) else Container((element,))


def _unrolled(
    node: ast.ListComp | ast.SetComp | ast.GeneratorExp,
    parts: tuple[PlainValue, ...],
    made: Provenance,
    inner: Scope,
    to: Follower,
) -> Value:
    found: list[Value] = []
    generator = node.generators[0]
    for part in parts:
        if isinstance(generator.target, ast.Name):
            inner.names[generator.target.id] = Constant(part, made)
        else:
            to.assign(generator.target, UNKNOWN, inner)
        for test in generator.ifs:
            value_of(test, inner, to)
        found.append(value_of(node.elt, inner, to))
        if len(found) == 2 and not any(isinstance(each, Constant | CallableValue) for each in found):
            break
    constants = [each for each in found if isinstance(each, Constant)]
    if len(constants) == len(found):
        if generator.ifs:
            return UNKNOWN  # which of them it keeps is not worked out
        done = constant_folding.fold_sequence(constants)
        return Constant(done.value, max(done.provenance, Provenance.COMPUTED))
    return Container(tuple(found[:_MOST_ITEMS]))


def _inner(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Await | ast.Starred | ast.FormattedValue)
    return value_of(node.value, scope, to)


def _yield(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Yield | ast.YieldFrom)
    if node.value is not None:
        to.returns(value_of(node.value, scope, to))
    return UNKNOWN


def _call(node: ast.expr, scope: Scope, to: Follower) -> Value:
    assert isinstance(node, ast.Call)
    return to.call(node, scope)


_Worker = Callable[[ast.expr, Scope, "Follower"], Value]
_WORKERS: Final[dict[type[ast.expr], _Worker]] = {
    ast.Constant: _constant, ast.Name: _name, ast.Attribute: _attribute, ast.Subscript: _subscript,
    ast.BinOp: _operation, ast.UnaryOp: _unary, ast.IfExp: _either, ast.BoolOp: _either, ast.List: _sequence,
    ast.Tuple: _sequence, ast.Set: _sequence, ast.Dict: _mapping, ast.JoinedStr: _text, ast.NamedExpr: _named,
    ast.Lambda: _lambda, ast.ListComp: _comprehension, ast.SetComp: _comprehension, ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension, ast.Await: _inner, ast.Starred: _inner, ast.FormattedValue: _inner, ast.Call: _call,
    ast.Yield: _yield, ast.YieldFrom: _yield, ast.Compare: _compared,
}  # fmt: skip
