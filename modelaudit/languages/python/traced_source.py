"""Read the Python source that ``torch.fx`` writes for a traced module: imports, and one function that calls operators.

Loading a traced module runs this source, so the grammar admits only the statements that ``CodeGen._gen_python_code`` of
``torch/fx/graph.py`` writes. Any other statement or expression is a fault. The reader runs nothing.

The arguments of the function are proxies while the source runs: an operation on a proxy computes nothing. An operation
without a proxy runs at once, so it is one that makes a tensor of bounded numbers, or combines two tensors.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Set
from typing import Final

from modelaudit.languages.python.source import find_parser_obstacle
from modelaudit.languages.python.traced_nodes import SourceError, list_operands, list_parts, refuse_node
from modelaudit.languages.python.traced_values import (
    MADE,
    PART,
    PROXY,
    TracedValue,
    combine_values,
    describe_constant,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.traced import TracedSource

_MOST_TOKENS: Final = 100_000
_MOST_NUMBER: Final = 1 << 26
"""The bound on the product of all numbers of an operation that runs while the source does."""
_MOST_PARTS: Final = 2  # of the module, in an operation that runs while the source does
_MOST_DEPTH: Final = 40  # of an expression
# torch writes the regenerated source with this name between double quotes.
_ATTRIBUTE: Final = defer_pattern(r"""[^"\\\x00-\x1f\x7f-\U0010ffff]{1,4000}""")
# Names that the source must not assign, because its functions and values are found by them.
_GLOBALS: Final = frozenset(
    {"torch", "device", "inf", "nan", "NoneType", "fx_pytree", "pytree", "getattr", "slice", "type", "self", "Ellipsis"}
)
_DEVICE: Final = "torch.device"
_WRAP: Final = "torch.fx._symbolic_trace.wrap"
_NO_TYPE: Final = "NoneType = type(None)"


def read_traced_source(text: str, parameters: Set[str]) -> TracedSource:
    """Return the names that a source uses, or why it is more than a plain graph of operators.

    Args:
        text: imports and the function.
        parameters: the names of tensors of the module that tracing replaces by proxies.
    """
    if not text.isascii():
        return TracedSource("the source is not ASCII")
    obstacle = find_parser_obstacle(text, _MOST_TOKENS)
    if obstacle:
        return TracedSource(f"the source is not read: {obstacle}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return TracedSource("the source does not parse")
    reader = _GraphReader(parameters)
    try:
        reader.read_module(tree)
    except SourceError as fault:
        return TracedSource(str(fault))
    return reader.build()


class _GraphReader:
    """Walks the tree of one source, and keeps the names that it uses."""

    def __init__(self, parameters: Set[str]) -> None:
        self._parameters = parameters
        self._imports: dict[str, None] = {}
        self._imported: dict[str, None] = {}
        self._functions: dict[str, None] = {}
        self._making: dict[str, None] = {}
        self._values: dict[str, None] = {}
        self._types: dict[str, None] = {}
        self._methods: dict[str, None] = {}
        self._attributes: dict[str, None] = {}
        self._called_paths: dict[tuple[str, ...], None] = {}
        self._read_paths: dict[tuple[str, ...], None] = {}
        self._aliases: dict[str, str] = {}
        self._variables: dict[str, TracedValue] = {}
        self._combines_parts = False

    def build(self) -> TracedSource:
        """Return the names that were found."""
        return TracedSource(
            "",
            tuple(self._imports),
            tuple(self._imported),
            tuple(self._functions),
            tuple(self._making),
            tuple(self._values),
            tuple(self._types),
            tuple(self._methods),
            tuple(self._attributes),
            tuple(self._called_paths),
            tuple(self._read_paths),
            self._combines_parts,
        )

    # -- statements ---------------------------------------------------------------------------------------------------

    def read_module(self, tree: ast.Module) -> None:
        """Read imports, then the one function. Raises ``SourceError``."""
        *before, function = tree.body or [ast.Pass()]
        for statement in before:
            self._read_import(statement)
        if not isinstance(function, ast.FunctionDef) or function.name != "forward":
            refuse_node(function, "is not a function named forward")
        self._read_function(function)

    def _read_import(self, statement: ast.stmt) -> None:
        """Read a statement before the function."""
        match statement:
            case ast.Import(names=[ast.alias(name=name, asname=alias)]):
                self._imports[f"import {name}" + (f" as {alias}" if alias else "")] = None
            case ast.ImportFrom(module=str(module), names=[ast.alias(name=name, asname=alias)], level=0):
                self._read_imported_name(module, name, alias)
            case ast.Assign(targets=[ast.Name(id="NoneType")]) if ast.unparse(statement) == _NO_TYPE:
                self._imports[_NO_TYPE] = None
            case ast.Expr(value=ast.Call(func=function, args=[ast.Constant(value=str(alias))], keywords=[])):
                # The call makes tracing record the function of this name, and has no other effect.
                if alias not in self._aliases or ast.unparse(function) != _WRAP:
                    refuse_node(statement, "wraps a function that it does not import")
            case _:
                refuse_node(statement, "has a statement outside of the function")

    def _read_imported_name(self, module: str, name: str, alias: str | None) -> None:
        """Read ``from module import name as alias``; torch makes the alias of an unusual function from its path."""
        dotted = f"{module}.{name}"
        if alias is not None and alias == dotted.replace(".", "_") and alias not in _GLOBALS:
            self._aliases[alias] = dotted
            self._imported[dotted] = None
        else:
            self._imports[f"from {module} import {name}" + (f" as {alias}" if alias else "")] = None

    def _read_function(self, function: ast.FunctionDef) -> None:
        """Read the head and the body of the function."""
        if function.decorator_list:
            refuse_node(function, "has a decorator")
        self._read_parameters(function)
        if function.returns is not None:
            self._read_type(function.returns)
        *body, last = function.body
        for statement in body:
            self._read_statement(statement)
        if isinstance(last, ast.Return):
            if last.value is not None:
                self._evaluate(last.value)
        elif not isinstance(last, ast.Pass):
            refuse_node(last, "does not end with a return")

    def _read_parameters(self, function: ast.FunctionDef) -> None:
        """Define the parameters, whose defaults have to be constants."""
        arguments = function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        if not positional or positional[0].arg != "self" or positional[0].annotation is not None:
            refuse_node(function, "has no parameter self")
        stars = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        for parameter in (*positional[1:], *arguments.kwonlyargs, *stars):
            self._define(parameter, parameter.arg, PROXY)
            if parameter.annotation is not None:
                self._read_type(parameter.annotation)
        if len(arguments.defaults) >= len(positional):
            refuse_node(function, "has a default of self")
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None and not self._evaluate_plain(default):
                refuse_node(default, "computes a default")

    def _read_type(self, node: ast.expr) -> None:
        """Read an annotation: a dotted name, or one with others in brackets."""
        match node:
            case ast.Constant(value=None):
                return
            case ast.Name(id=name):
                self._types[self._aliases.get(name, name)] = None
            case ast.Attribute():
                self._types[self._read_dotted(node)] = None
            case ast.Subscript(value=value, slice=ast.Tuple(elts=parts)):
                for part in (value, *parts):
                    self._read_type(part)
            case ast.Subscript(value=value, slice=part):
                self._read_type(value)
                self._read_type(part)
            case _:
                refuse_node(node, "computes a type")

    def _read_statement(self, statement: ast.stmt) -> None:
        """Read a statement of the function that is not the last."""
        match statement:
            case ast.Assign(targets=targets, value=value):
                result = self._evaluate(value)
                if len(targets) > 1 and not result.is_constant:
                    refuse_node(statement, "assigns a value to several names")
                for target in targets:
                    self._assign(target, result)
            case ast.AnnAssign(target=target, annotation=annotation, value=ast.expr() as value, simple=1):
                self._read_type(annotation)
                self._assign(target, self._evaluate(value))
            case ast.AugAssign(target=ast.Name(id=name) as target, value=value):
                if name not in self._variables:
                    refuse_node(statement, f"changes {name}, which it does not define")
                self._assign(target, self._operate(statement, [self._variables[name], self._evaluate(value)]))
            case _:
                refuse_node(statement, f"has a statement of the kind {type(statement).__name__}")

    def _assign(self, target: ast.expr, value: TracedValue) -> None:
        """Assign a value to the one name that ``target`` has to be."""
        if not isinstance(target, ast.Name):
            refuse_node(target, "assigns to something other than a name")
        self._define(target, target.id, value)

    def _define(self, node: ast.AST, name: str, value: TracedValue) -> None:
        """Define a variable, whose name must not hide a global."""
        if name in _GLOBALS or name in self._aliases or name.startswith("__"):
            refuse_node(node, f"assigns {name}")
        self._variables[name] = value

    # -- expressions --------------------------------------------------------------------------------------------------

    def _evaluate_plain(self, node: ast.expr) -> bool:
        """Whether an expression is a constant that computing nothing gives."""
        if any(isinstance(part, ast.Call) for part in ast.walk(node)):
            return False
        return self._evaluate(node).is_constant

    def _evaluate(self, node: ast.expr, depth: int = 0) -> TracedValue:
        """Return the value of an expression. Raises ``SourceError``."""
        if depth > _MOST_DEPTH:
            refuse_node(node, f"nests expressions deeper than {_MOST_DEPTH}")
        depth += 1
        match node:
            case ast.Constant(value=constant):
                value = describe_constant(constant)
                return value if value is not None else refuse_node(node, "has an unusual constant")
            case ast.Name(id=name):
                return self._evaluate_name(node, name)
            case ast.Attribute():
                return self._evaluate_attribute(node, depth)
            case ast.Call():
                return self._evaluate_call(node, depth)
            case ast.Tuple() | ast.List() | ast.Dict() | ast.Slice():
                return combine_values([self._evaluate(part, depth) for part in list_parts(node)])
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float()) as operand):
                return self._evaluate(operand, depth)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Name(id="inf" | "nan") as operand):
                return self._evaluate(operand, depth)
        return self._operate(node, [self._evaluate(operand, depth) for operand in list_operands(node)])

    def _evaluate_name(self, node: ast.expr, name: str) -> TracedValue:
        """Return the value of a variable, or of one of the numbers that torch imports."""
        if name in self._variables:
            return self._variables[name]
        if name in ("inf", "nan") and f"from math import {name}" in self._imports:
            return TracedValue()
        if name == "Ellipsis":
            return TracedValue()
        return refuse_node(node, f"uses {name}, which it does not define")

    def _evaluate_attribute(self, node: ast.Attribute, depth: int) -> TracedValue:
        """Return the value of an attribute that is not called."""
        path = self._find_own_path(node)
        if path is not None:
            return self._read_part(path)
        if self._has_global_root(node):
            self._values[self._read_dotted(node)] = None
            return TracedValue()
        value = self._evaluate(node.value, depth)
        self._attributes[node.attr] = None
        return self._operate(node, [value])

    def _read_part(self, path: tuple[str, ...]) -> TracedValue:
        """Return the value of a tensor of the module."""
        self._read_paths[path] = None
        return PROXY if path[-1] in self._parameters else PART

    def _evaluate_call(self, node: ast.Call, depth: int) -> TracedValue:
        """Return the result of a call: of an operator, a method of a value, or a submodule."""
        path = self._find_own_path(node)
        if path is not None:
            return self._read_part(path)
        operands = self._evaluate_arguments(node, depth)
        function = node.func
        path = self._find_own_path(function)
        if path is not None:
            self._called_paths[path] = None
            # Tracing records the call of a submodule, whatever its arguments are.
            return PROXY
        match function:
            case ast.Name(id="slice"):
                return combine_values(operands)
            case ast.Name(id="device") if "from torch import device" in self._imports:
                return self._make(node, _DEVICE, operands)
            case ast.Name(id=name) if name in self._aliases:
                return self._make(node, self._aliases[name], operands)
            case ast.Attribute() if self._has_global_root(function):
                return self._make(node, self._read_dotted(function), operands)
            case ast.Attribute(value=value, attr=method):
                if not self._evaluate(value, depth).is_proxy:
                    refuse_node(node, f"calls the method {method} of a value that is not an input")
                self._methods[method] = None
                return PROXY
            case ast.Name(id=name):
                refuse_node(node, f"calls {name}")
        return refuse_node(node, "calls the result of an expression")

    def _evaluate_arguments(self, node: ast.Call, depth: int) -> list[TracedValue]:
        """Return the values of the arguments of a call."""
        operands = [self._evaluate(argument, depth) for argument in node.args]
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg.startswith("__"):
                refuse_node(node, "passes arguments by computed names")
            operands.append(self._evaluate(keyword.value, depth))
        return operands

    def _operate(self, node: ast.AST, operands: list[TracedValue]) -> TracedValue:
        """Return the result of an operator of Python, or of an attribute. Raises ``SourceError``.

        An operator without a proxy runs at once. It may combine two tensors of the module; its result may not be
        combined further, so that the source cannot make much of little.
        """
        combined = combine_values(operands)
        # Only a proxy or a tensor itself makes Python call its method; containers and texts are computed at once.
        has_owner = any(operand.is_proxy or operand.is_part or operand.is_made for operand in operands)
        if combined.holds_text or not has_owner:
            refuse_node(node, "computes with constants")
        if any(operand.is_proxy for operand in operands):
            return PROXY
        # Python repeats a container by a tensor of one number.
        repeats = not isinstance(node, ast.Subscript) and any(operand.is_container for operand in operands)
        is_further = combined.holds_made or combined.holds_proxy or combined.parts > _MOST_PARTS
        if isinstance(node, ast.Attribute) or repeats or is_further:
            refuse_node(node, "computes several values while it is loaded")
        self._combines_parts = True
        return MADE

    def _make(self, node: ast.Call, name: str, operands: list[TracedValue]) -> TracedValue:
        """Return the result of a function of torch. Raises ``SourceError`` if it takes tensors and no proxy."""
        combined = combine_values(operands)
        if combined.holds_proxy:
            self._functions[name] = None
            return PROXY
        # It runs at once, on constants.
        self._making[name] = None
        if name == _DEVICE and combined.is_constant:
            return combined  # a name, which takes no memory
        if combined.holds_made or combined.parts or combined.number > _MOST_NUMBER:
            refuse_node(node, "computes large or several values while it is loaded")
        return MADE

    # -- names --------------------------------------------------------------------------------------------------------

    def _find_own_path(self, node: ast.expr) -> tuple[str, ...] | None:
        """Return the attributes from ``self`` to a part of the module; ``None`` for other expressions."""
        parts: list[str] = []
        while True:
            match node:
                case ast.Attribute(value=inner, attr=name):
                    pass
                case ast.Call(func=ast.Name(id="getattr"), args=[inner, ast.Constant(value=str(name))], keywords=[]):
                    pass
                case ast.Name(id="self") if parts:
                    return self._check_path(node, parts[::-1])
                case _:
                    return None
            parts.append(name)
            node = inner

    def _check_path(self, node: ast.AST, parts: list[str]) -> tuple[str, ...]:
        """Return a path, none of whose parts can end the quotes that torch writes around it."""
        if len(parts) > _MOST_DEPTH:
            refuse_node(node, "reads a long path")
        for part in parts:
            if not _ATTRIBUTE.fullmatch(part) or part.startswith("__"):
                refuse_node(node, "reads an attribute of an unusual name")
        return tuple(parts)

    def _has_global_root(self, node: ast.Attribute) -> bool:
        """Whether a dotted name begins at the package torch."""
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        return isinstance(root, ast.Name) and root.id == "torch"

    def _read_dotted(self, node: ast.expr) -> str:
        """Return a dotted name that begins at the package torch, as text."""
        if not isinstance(node, ast.Attribute) or not self._has_global_root(node):
            refuse_node(node, "uses a name outside of torch")
        return ast.unparse(node)
