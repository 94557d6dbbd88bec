"""Recognise classes of configurations that hold constants and store what their constructors get, and list those keys.

The library hands the values of ``config.json`` to the constructor. They arrive as the attributes of the configuration
unless the class gives an attribute another value, or takes a parameter without storing it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

_PLAIN_VALUES: Final = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.expr_context, ast.UnaryOp, ast.USub)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SELF: Final = "self"


def is_plain_value(node: ast.expr) -> bool:
    """Whether an expression is a constant, or holds nothing but constants."""
    return all(isinstance(part, _PLAIN_VALUES) for part in ast.walk(node))


def is_plain_configuration(node: ast.ClassDef) -> bool:
    """Whether the class of a configuration holds constants, and a constructor that sets attributes from parameters."""
    for each in node.body:
        match each:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name()], value=value) if is_plain_value(value):
                continue
            case ast.FunctionDef(name="__init__", decorator_list=[]) if _is_plain_constructor(each):
                continue
        return False
    return True


def _is_plain_constructor(node: ast.FunctionDef) -> bool:
    """Whether a constructor stores parameters and constants, and hands its other keywords on."""
    taken = node.args
    begins_plainly = bool(taken.args) and taken.args[0].arg == _SELF and not taken.posonlyargs
    rest = taken.kwarg.arg if taken.kwarg is not None else ""
    return (
        begins_plainly
        and all(map(_is_plain_parameter, ast.iter_child_nodes(taken)))
        and all(_is_plain_statement(each, rest) for each in node.body)
    )


def _is_plain_parameter(node: ast.AST) -> bool:
    """Whether a parameter has no annotation but a name, or a default is a constant."""
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name | ast.Constant | None)
    )


def _is_plain_statement(node: ast.stmt, rest: str) -> bool:
    """Whether a statement sets an attribute from the parameter of its name or a constant, or hands the rest on.

    Args:
        node: the statement of a constructor.
        rest: the parameter that holds all other keywords.
    """
    match node:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"))], value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"))]):
            return _find_stored(node) is not None
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(args=[], keywords=[ast.keyword(arg=None, value=ast.Name(id=name))]) as call):
            return name == rest and ast.unparse(call.func) == "super().__init__"
    return False


def _find_stored(node: ast.AST) -> ast.Attribute | None:
    """Return the attribute that a statement sets from the parameter of its name; ``None`` for any other statement."""
    match node:
        case ast.Assign(
            targets=[ast.Attribute(value=ast.Name(id="self"), attr=name) as target], value=ast.Name(id=taken)
        ) if name == taken != _SELF:
            return target
    return None


def list_bound_keys(nodes: Iterable[ast.AST], configurations: Collection[ast.ClassDef]) -> Iterator[str]:
    """Yield the names of attributes that code binds, but those in which a configuration stores what it gets.

    Args:
        nodes: all nodes of the sources.
        configurations: the classes of configurations.
    """
    stored: set[int] = set()
    for owner in configurations:
        for each in owner.body:
            if isinstance(each, ast.FunctionDef):
                targets = list(filter(None, map(_find_stored, each.body)))
                counted = Counter(target.attr for target in targets)
                single = [target for target in targets if counted[target.attr] == 1]
                stored.update(map(id, single))
                yield from _list_parameters(each.args, {target.attr for target in single})
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield from _list_members(node)
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and id(node) not in stored:
            yield node.attr


def _list_parameters(taken: ast.arguments, stored: Collection[str]) -> Iterator[str]:
    """Yield the parameters of a constructor that it keeps from the configuration, or takes otherwise than by name."""
    named = [*taken.args[1:], *taken.kwonlyargs]
    yield from (each.arg for each in named if each.arg not in stored)
    for each in (*taken.args[:1], *taken.posonlyargs, taken.vararg, taken.kwarg):
        if each is not None:
            yield each.arg


def _list_members(node: ast.ClassDef) -> Iterator[str]:
    """Yield the names that the body of a class binds, without those inside of its functions."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.alias):
            yield each.asname or each.name
        elif isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            yield each.id
        if not isinstance(each, (*_FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(each)
