"""Evaluate a Python source symbolically: one visitor, one method for each kind of syntax node.

Nothing of the source runs. The evaluator visits statements in the order of an import, then the bodies of the functions,
and works out a ``Value`` for each expression: a constant, the full name of something in another module, a definition of
the source, or ``Unknown`` with tags for its sources. A ``UseRecorder`` writes the names that expressions refer to and
call into the log (``uses.UseLog``).

The evaluation is one abstract pass, not an interpreter. Both branches of an ``if`` are visited, a name keeps every
callable that it was ever bound to, and attributes are shared by all objects: where the truth depends on a value that
is unknown, the evaluator keeps all answers, so that an attacker gains nothing by a condition or a detour. Constants are
the exception. They follow the latest binding and are folded, because names such as ``"sys" + "tem"`` are found only so.

Each visit pays a step of the budget. Nesting is bounded by ``_MAX_DEPTH``, since visits recurse on the stack of this
process.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from modelaudit.languages.python import (
    arguments,
    call_variants,
    constant_calls,
    constant_folding,
    data_flow,
    name_resolution,
    name_tables,
    remote_code,
    uses,
)
from modelaudit.languages.python.budget import StepBudget, TooDeepError
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.definitions import DefinitionNode, DefinitionTable, FunctionNode
from modelaudit.languages.python.name_tables import BUILTINS, WELL_KNOWN_MODULES
from modelaudit.languages.python.recording import UseRecorder
from modelaudit.languages.python.source import parse_code_text
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import (
    UNKNOWN,
    CallableValue,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    PartialCall,
    PlainValue,
    Provenance,
    Scope,
    Unknown,
    Value,
    add_tags,
    collect_tags,
    join_values,
    list_alternatives,
    merge_binding,
)

# A level of nesting takes four or five frames of the stack of this process, whose limit is 1,000.
_MAX_DEPTH: Final = 90
_MAX_ITEMS: Final = 256
# Loops and comprehensions over constants decode texts, so that they are unrolled, within these bounds.
_MAX_UNROLLED_ELEMENTS: Final = 4096
_MAX_UNROLLED_LOOP: Final = 256
_MAX_LOOP_STATEMENTS: Final = 6
_MAX_LOOP_VALUES: Final = 16
# Inlining multiplies work: three levels of helpers with a dozen statements each cover the decoders seen in attacks.
_MAX_INLINE_DEPTH: Final = 3
_MAX_INLINE_STATEMENTS: Final = 12
_MAX_INLINED_CALLS: Final = 4000
_MAX_CODE_TEXT_DEPTH: Final = 6
_MAX_RESULTS: Final = 64
_MAX_KEYED_ITEMS: Final = 64
_MAX_SKIPPED: Final = 1000
_MAX_INTEGER_BITS: Final = 4096
"""Integers above this size are not written out: the time to do so grows with the square of the size."""

_MUTATING_METHODS: Final = frozenset(
    {"append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "__setitem__"}
)
_ITEM_METHODS: Final = frozenset({"get", "pop", "__getitem__", "setdefault"})
_PROPERTY_DECORATORS: Final = frozenset({"builtins.property", "functools.cached_property"})
_OPERATOR_METHODS: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
}


class Evaluator(ast.NodeVisitor):
    """The visitor over one source, with the values and uses that it has found so far.

    Attributes:
        log: the uses that were recorded.
        docstring: the docstring of the module, which code can reach as ``__doc__``.
        imports: top-level names of the packages that the source imports, in order.
        relative_imports: the line of each relative import, by level and module.
        skipped: first and last lines of statements that nest too deep or exceed the budget.
        scope: the scope of the node that is visited.
    """

    def __init__(self, max_steps: int) -> None:
        self.log = UseLog()
        self.budget = StepBudget(max_steps)
        self.docstring = ""
        self.imports: dict[str, None] = {}
        self.relative_imports: dict[tuple[int, str], int] = {}
        self.skipped: list[tuple[int, int]] = []
        self.scope = Scope()
        self._recorder = UseRecorder(self.log, self.budget, self.imports)
        self._definitions = DefinitionTable()
        self._attributes: dict[str, Value] = {}
        """Values of attributes by name alone, since the object of an assignment is rarely known."""
        self._star_imports: list[str] = []
        self._results: list[Value] = []
        """Values that the function under evaluation has returned so far."""
        self._depth = 0
        self._code_text_depth = 0
        self._inline_depth = 0
        self._inlined_calls = 0

    def create_next_pass(self) -> Evaluator:
        """Create an evaluator with an empty log, and with the attributes and functions that this one has learned."""
        # Definitions keep their numbers, so that results and arguments of the first pass belong to the same functions.
        following = Evaluator(self.budget.max_steps)
        following.docstring = self.docstring
        following._attributes = dict(self._attributes)
        following._definitions = self._definitions.copy_for_next_pass()
        return following

    # ---- statements ----

    def evaluate_module(self, body: Sequence[ast.stmt]) -> None:
        """Evaluate statements of a module in ``scope``, and then the bodies of the functions that they define."""
        self.evaluate_statements(body)
        # Bodies define further functions, and inlined calls define them again: the bounds on inlining end the queue.
        while (local := self._definitions.pop_queued()) is not None:
            self._evaluate_function(local)

    def evaluate_statements(self, body: Sequence[ast.stmt]) -> None:
        """Evaluate statements in order; one that is too deep is kept in ``skipped``, and the next goes on."""
        for statement in body:
            depth = self._depth
            try:
                self.budget.spend()
                self.visit(statement)
            except TooDeepError:
                # The exception left visits unfinished, which would have lowered the depth again.
                self._depth = depth
                # Once the budget is gone every statement fails; those far behind that point are not listed.
                if len(self.skipped) < _MAX_SKIPPED and self.budget.steps <= self.budget.max_steps + 1000:
                    self.skipped.append((statement.lineno, statement.end_lineno or statement.lineno))

    def generic_visit(self, node: ast.AST) -> Value | None:
        """Visit a node whose kind has no method: an expression gets the tags of its parts, a statement no value."""
        if isinstance(node, ast.expr):
            return self._visit_other_expression(node)
        self._visit_other_statement(node)
        return None

    def _visit_other_statement(self, node: ast.AST) -> None:
        """Visit a statement of any other kind: its expressions in order, then the statements below it."""
        for name, part in ast.iter_fields(node):
            if isinstance(part, ast.expr):
                self.evaluate(part)
            elif isinstance(part, list) and part and isinstance(part[0], ast.stmt):
                self.evaluate_statements(part)
            elif isinstance(part, list) and name != "names":
                for each in part:
                    if isinstance(each, ast.expr):
                        self.evaluate(each)
                    elif isinstance(each, ast.AST):
                        self._visit_other_statement(each)

    def visit_Import(self, node: ast.Import) -> None:
        """Bind each imported module; ``import a.b`` binds ``a``."""
        for alias in node.names:
            self.imports.setdefault(alias.name.partition(".")[0])
            bound = alias.name if alias.asname else alias.name.partition(".")[0]
            self.log.record(uses.IMPORT, name_resolution.normalize_name(alias.name).name, node.lineno)
            # Without ``as``, the statement binds the top-level package, and ``a.b`` is an attribute of it.
            self.scope.bind(alias.asname or bound, name_resolution.normalize_name(bound))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Bind each imported name; a name of another file of the model is unknown."""
        module = node.module or ""
        if not node.level:
            self.imports.setdefault(module.partition(".")[0])
            self.log.record(uses.IMPORT, name_resolution.normalize_name(module).name, node.lineno)
        for alias in node.names:
            if node.level:
                self._bind_relative_import(node, alias)
            elif alias.name == "*":
                self._star_imports.append(name_resolution.normalize_name(module).name)
            else:
                imported = name_resolution.normalize_name(f"{module}.{alias.name}")
                self.log.record(uses.REFERENCE, imported.name, node.lineno)
                self.scope.bind(alias.asname or alias.name, imported)

    def _bind_relative_import(self, node: ast.ImportFrom, alias: ast.alias) -> None:
        self.relative_imports.setdefault((node.level, node.module or alias.name), node.lineno)
        # The contents of another file are as unknown to this source as those of a data file. A module such as os is the
        # same, whichever file it is imported from.
        is_well_known = alias.name in WELL_KNOWN_MODULES
        found = ExternalName(WELL_KNOWN_MODULES[alias.name]) if is_well_known else Unknown(frozenset({"file"}))
        self.scope.bind(alias.asname or alias.name, found)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Assign one value to each target."""
        value = self.evaluate(node.value)
        for target in node.targets:
            self._assign_target(target, value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Assign with an annotation, which is evaluated first."""
        self._evaluate_annotation(node.annotation)
        if node.value is not None:
            self._assign_target(node.target, self.evaluate(node.value))
        elif not isinstance(node.target, ast.Name):
            # Without a value Python still evaluates the object and the key: ``items[run()]: int`` calls ``run``.
            self.evaluate(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Assign the result of an operator to a name, as if it were written ``name = name + value``."""
        if isinstance(node.target, ast.Name):
            # A synthetic operator node takes the way of a written one: ``name += "tem"`` folds like ``name + "tem"``.
            read = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
            whole = ast.copy_location(ast.BinOp(read, node.op, node.value), node)
            found = self.evaluate(whole)
            # A constant replaces all earlier values of the name: ``bind`` would keep callables beside it.
            if isinstance(found, Constant):
                self.scope.names.pop(node.target.id, None)
            self.scope.bind(node.target.id, found)
        else:
            # An attribute or item is read before it is assigned: ``items[run()] += 1`` calls ``run``. Its new value is
            # not kept: only callables are followed through attributes, and operators rarely return one.
            self.evaluate(node.target)
            self.evaluate(node.value)

    def _assign_target(self, target: ast.expr, value: Value) -> None:
        """Assign a value to a name, an attribute, an item, or its items to several targets."""
        if isinstance(target, ast.Name):
            self.scope.bind(target.id, value)
        elif isinstance(target, ast.Starred):
            # ``*rest`` gets some of the items; one container with all of them stands for any selection.
            self._assign_target(target.value, Container((value,)))
        elif isinstance(target, ast.Tuple | ast.List):
            for index, each in enumerate(target.elts):
                key = Constant(index)
                part = (
                    constant_folding.fold_item(value, key)
                    if isinstance(value, Constant)
                    else name_resolution.resolve_item(value, key)
                )
                self._assign_target(each, part or UNKNOWN)
        elif isinstance(target, ast.Attribute):
            self._assign_attribute(target, value)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value)

    def _assign_attribute(self, target: ast.Attribute, value: Value) -> None:
        for each in list_alternatives(self.evaluate(target.value)):
            if isinstance(each, ExternalName) and not each.is_result:
                overwritten = name_resolution.resolve_attribute(each, target.attr)
                self._recorder.record_overwrite(overwritten, target.lineno)
        # New bytecode in a function runs at its next call, wherever that is.
        if target.attr in ("__code__", "func_code"):
            self.log.record(uses.CALL, "*.__code__[=]", target.lineno)
        self._keep_attribute(target.attr, value)

    def _keep_attribute(self, name: str, value: Value) -> None:
        """Keep the value of an attribute, if it or an item of it can be called."""
        if any(isinstance(each, CallableValue | Container) for each in list_alternatives(value)):
            self._attributes[name] = merge_binding(self._attributes.get(name), value)

    def _assign_item(self, target: ast.Subscript, value: Value) -> None:
        base = self.evaluate(target.value)
        key = self.evaluate(target.slice)
        text = str(key.value) if isinstance(key, Constant) and isinstance(key.value, str) else None
        self._recorder.record_trust_item(key, value, target.lineno)
        for each in list_alternatives(base):
            if not isinstance(each, ExternalName):
                continue
            if each.name in ("os.environ", "sys.modules"):
                self.log.record(uses.OVERWRITE, f"{each.name}[{text or '…'}]", target.lineno)
            elif each.name in ("builtins", "builtins.__dict__", "*.__builtins__"):
                self.log.record(uses.OVERWRITE, f"builtins.{text or '*'}[=]", target.lineno)
            elif each.name in ("builtins.globals", "builtins.locals") and text:
                # ``globals()["run"] = os.system`` binds the name ``run``.
                self.scope.bind(text, value)
        if isinstance(target.value, ast.Name) and not isinstance(base, Constant | ExternalName):
            self._add_item(target.value.id, base, key, value)

    def _add_item(self, name: str, base: Value, key: Value, value: Value) -> None:
        """Keep a callable that is stored in a mapping, so that a later call of the item is resolved."""
        containers = [each for each in list_alternatives(base) if isinstance(each, Container)]
        older = containers[0] if containers and containers[0].keys else Container(())
        is_callable = any(isinstance(each, CallableValue) for each in list_alternatives(value))
        if len(older.values) < _MAX_KEYED_ITEMS and is_callable:
            known = key.value if isinstance(key, Constant) else None
            self.scope.bind(name, Container((*older.values, value), (*older.keys, known)))

    def visit_Delete(self, node: ast.Delete) -> None:
        """Unbind a name that shadows a builtin; other names keep their values."""
        for each in node.targets:
            if not isinstance(each, ast.Name):
                self.evaluate(each)
            elif each.id in BUILTINS:
                self.scope.names.pop(each.id, None)

    def visit_Global(self, node: ast.Global) -> None:
        """Let later bindings of these names go to the module."""
        self.scope.global_names.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """Let later bindings of these names go to the enclosing function."""
        self.scope.nonlocal_names.update(node.names)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Evaluate an expression statement; a text by itself is a comment, and not recorded."""
        if not isinstance(node.value, ast.Constant):
            self.evaluate(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        """Keep the value as a result of the function."""
        if node.value is not None:
            self._keep_result(self.evaluate(node.value))

    def _keep_result(self, value: Value) -> None:
        if len(self._results) < _MAX_RESULTS:
            self._results.append(value)

    # ---- branches and loops ----

    def visit_If(self, node: ast.If) -> None:
        """Visit both branches; a chain of ``elif`` is a loop, so that it costs no level of depth for each."""
        while True:
            self.evaluate(node.test)
            before = self.log.current_function
            if before == uses.MODULE and self._is_main_test(node.test):
                self.log.current_function = uses.MAIN
            self._evaluate_branch(node.body)
            self.log.current_function = before
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                break
            node = node.orelse[0]
        self._evaluate_branch(node.orelse)

    def _is_main_test(self, test: ast.expr) -> bool:
        """Whether it is ``__name__ == "__main__"``, and the source binds ``__name__`` to no value of its own."""
        match test:
            case ast.Compare(
                left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
            ):
                return self.scope.look_up("__name__") is None
        return False

    def _evaluate_branch(self, body: list[ast.stmt]) -> None:
        """Evaluate statements that may not run: afterwards a constant that they rebind is either of two.

        A constant otherwise follows its latest binding, so that ``if False: name = "harmless"`` would hide the value
        that is really used.
        """
        scope = self.scope
        outer, scope.journal = scope.journal, []
        self.evaluate_statements(body)
        # The oldest entry of each name is its value before the branch.
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

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        """Visit the body, each handler and ``else`` as branches; ``finally`` always runs."""
        self._evaluate_branch(node.body)
        for handler in node.handlers:
            if handler.type is not None:
                self.evaluate(handler.type)
            self._evaluate_branch(handler.body)
        self._evaluate_branch(node.orelse)
        self.evaluate_statements(node.finalbody)

    visit_TryStar = visit_Try

    def visit_While(self, node: ast.While) -> None:
        """Visit the body once; a name that grows in it is unknown, since the number of rounds is."""
        self.evaluate(node.test)
        grown = {
            each.target.id
            for part in node.body
            if not isinstance(part, ast.FunctionDef | ast.ClassDef)
            for each in ast.walk(part)
            if isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name)
        }
        for name in grown:
            self.scope.names[name] = UNKNOWN
        self._evaluate_branch(node.body)
        self._evaluate_branch(node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Unroll a short loop over known items; visit the body of any other once."""
        source = self.evaluate(node.iter)
        source = self._call_method(source, ("__iter__", "__aiter__"), []) or source
        parts = None
        if isinstance(source, Constant) and constant_folding.measure_constant(source) <= _MAX_UNROLLED_LOOP:
            parts = constant_folding.iterate_constant(source)
        # Loops that decode a text character by character have short bodies; a long body costs too much each round.
        # An empty list may be filled under another name, so that its loop is visited like one over unknown items.
        if isinstance(source, Constant) and parts and len(node.body) <= _MAX_LOOP_STATEMENTS:
            for part in parts:
                self._assign_target(node.target, Constant(part, max(source.provenance, Provenance.COMPUTED)))
                self.evaluate_statements(node.body)
        elif isinstance(source, Container) and len(source.values) <= _MAX_UNROLLED_LOOP and not source.keys:
            # ``for run in (os.system, print)``: each callable gets a round of its own.
            for value in source.values[:_MAX_LOOP_VALUES]:
                self._assign_target(node.target, value)
                self.evaluate_statements(node.body)
        else:
            self._assign_target(node.target, name_resolution.resolve_item(source, UNKNOWN))
            self.evaluate_statements(node.body)
        self.evaluate_statements(node.orelse)

    visit_AsyncFor = visit_For

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """Bind the result of ``__enter__``; a manager of another module is assumed to return itself."""
        for each in node.items:
            manager = self.evaluate(each.context_expr)
            value = self._call_method(manager, ("__enter__", "__aenter__"), []) or manager
            if each.optional_vars is not None:
                self._assign_target(each.optional_vars, value)
        self.evaluate_statements(node.body)

    visit_AsyncWith = visit_With

    def visit_Match(self, node: ast.Match) -> None:
        """Visit each case as a branch; a capture pattern is bound to the subject, or to some part of it."""
        subject = self.evaluate(node.subject)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
                    is_whole = part is case.pattern
                    self.scope.bind(part.name, subject if is_whole else self._join_items(subject))
                elif isinstance(part, ast.MatchClass):
                    self.evaluate(part.cls)
                    for name in part.kwd_attrs:
                        # ``case object(system=run)`` reads the attribute ``system`` without a dot.
                        taken = self._resolve_attribute(subject, name, node.lineno)
                        self._recorder.record_attribute_access(taken, node.lineno)
            if case.guard is not None:
                self.evaluate(case.guard)
            self._evaluate_branch(case.body)

    def _join_items(self, value: Value) -> Value:
        return join_values(name_resolution.resolve_item(value, UNKNOWN), Unknown(collect_tags(value)))

    # ---- functions and classes ----

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Define a function: defaults, annotations and decorators run now, the body later."""
        args = node.args
        for part in (*args.defaults, *args.kw_defaults):
            if part is not None:
                self.evaluate(part)
        if node.returns is not None:
            self._evaluate_annotation(node.returns)
        for parameter in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
            if parameter is not None and parameter.annotation is not None:
                self._evaluate_annotation(parameter.annotation)
        local = self._add_definition(node)
        # A decorator is called with the function, so that ``@atexit.register`` and the like count as calls.
        self._apply_decorators(node.decorator_list, local)
        self.scope.bind(node.name, local)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Define a class: its body runs now, in a namespace of its own."""
        bases = tuple(self.evaluate(each) for each in node.bases)
        keywords = {each.arg or "": self.evaluate(each.value) for each in node.keywords}
        members = Scope(self.scope)
        local = self._add_definition(node, members)
        self._definitions.get(local).bases = bases
        # The metaclass is called to make the class: ``class A(metaclass=exec)`` runs something.
        if "metaclass" in keywords:
            self._call_value(keywords["metaclass"], [], {}, node.lineno)
        with self._enter_scope(members):
            self.evaluate_statements(node.body)
        # ``class A: run = os.system`` makes ``run`` callable on objects whose class is unknown where they are used.
        for name, value in members.names.items():
            if any(isinstance(each, ExternalName | PartialCall) for each in list_alternatives(value)):
                self._keep_attribute(name, value)
        self._link_metaclass_hooks(bases, members)
        self._apply_decorators(node.decorator_list, local)
        self.scope.bind(node.name, local)

    def _link_metaclass_hooks(self, bases: Sequence[Value], members: Scope) -> None:
        """Record that the methods of a metaclass run with each class statement that uses it, here or elsewhere."""
        if not any(isinstance(each, ExternalName) and each.name == "builtins.type" for each in bases):
            return
        for name in ("__new__", "__init__", "__call__"):
            for each in list_alternatives(members.names.get(name, UNKNOWN)):
                if isinstance(each, LocalDefinition):
                    self.log.record_implied_call(self.log.current_function, each.number)

    def _add_definition(self, node: DefinitionNode, members: Scope | None = None) -> LocalDefinition:
        local = self._definitions.add(node, self.scope, members)
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        self.log.register_definition(name, local.number)
        # Python calls these by itself: class hooks with a class statement, the others when the module is asked for a
        # name that it does not hold.
        is_module_hook = name in ("__getattr__", "__dir__") and self.scope.parent is None
        if name in name_tables.CLASS_HOOKS or is_module_hook:
            self.log.record_implied_call(self.log.current_function, local.number)
        return local

    def _apply_decorators(self, decorators: list[ast.expr], local: LocalDefinition) -> None:
        """Call each decorator with the definition, the innermost first."""
        for decorator in reversed(decorators):
            found = self.evaluate(decorator)
            for each in list_alternatives(found):
                if isinstance(each, ExternalName) and each.name in _PROPERTY_DECORATORS:
                    self._definitions.get(local).is_property = True
            self._call_value(found, [local], {}, decorator.lineno)

    def _evaluate_annotation(self, node: ast.expr) -> None:
        """Evaluate an annotation; a text in it is code that runs when something resolves the types of the source."""
        found = self.evaluate(node)
        if isinstance(found, Constant) and isinstance(found.value, str) and "(" in found.value:
            self._call_value(ExternalName("typing.ForwardRef"), [found], {}, node.lineno)

    def _evaluate_function(self, local: LocalDefinition) -> None:
        """Evaluate the body of a function once, whether or not the source calls it."""
        definition = self._definitions.get(local)
        node = definition.node
        if isinstance(node, ast.ClassDef):
            return
        scope = Scope(definition.scope)
        self._bind_parameters(node.args, local, scope)
        before, self.log.current_function = self.log.current_function, local.number
        found = self._evaluate_body(node, scope)
        self.log.current_function = before
        definition.result = found if definition.result is None else join_values(definition.result, found)

    def _evaluate_body(self, node: FunctionNode, scope: Scope) -> Value:
        """Evaluate the body of a function in ``scope``, and return its result."""
        with self._enter_scope(scope):
            if isinstance(node, ast.Lambda):
                depth = self._depth
                try:
                    return self.evaluate(node.body)
                except TooDeepError:
                    self._depth = depth
                    self.skipped.append((node.lineno, node.end_lineno or node.lineno))
                    return UNKNOWN
            # Results are collected for one body at a time; an inlined call interrupts the body of its caller.
            outer, self._results = self._results, []
            self.evaluate_statements(node.body)
            found = join_values(*self._results) if self._results else UNKNOWN
            self._results = outer
            return found

    def _bind_parameters(self, args: ast.arguments, local: LocalDefinition, scope: Scope) -> None:
        """Bind parameters to their defaults and to the callables that calls passed so far.

        Constants are left out: a default of ``False`` is no evidence for what a caller passes.
        """
        definition = self._definitions.get(local)
        positional = [*args.posonlyargs, *args.args]
        defaults: dict[str, ast.expr] = {}
        for parameter, default in zip(reversed(positional), reversed(args.defaults), strict=False):
            defaults[parameter.arg] = default
        for parameter, keyword_default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if keyword_default is not None:
                defaults[parameter.arg] = keyword_default
        for parameter in (*positional, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))):
            known = definition.arguments.get(parameter.arg, UNKNOWN)
            if parameter.arg in defaults:
                # Defaults belong to the scope around the function.
                with self._enter_scope(definition.scope):
                    known = join_values(known, self.evaluate(defaults[parameter.arg]))
            scope.names[parameter.arg] = UNKNOWN if isinstance(known, Constant) else known

    @contextmanager
    def _enter_scope(self, scope: Scope) -> Iterator[None]:
        outer, self.scope = self.scope, scope
        try:
            yield
        finally:
            self.scope = outer

    # ---- expressions ----

    def evaluate(self, node: ast.expr) -> Value:
        """Evaluate an expression, and record the name that it refers to.

        Raises:
            TooDeepError: it nests too deep, or the budget is exceeded.
        """
        found = self._evaluate_unrecorded(node)
        if found is not UNKNOWN:  # most values are, and the check saves a call for each
            self._recorder.record_value(found, node.lineno)
        return found

    def _evaluate_unrecorded(self, node: ast.expr) -> Value:
        """Evaluate an expression without a record of its outermost name: ``os`` in ``os.system`` is no reference."""
        self.budget.spend()
        if self._depth >= _MAX_DEPTH:
            raise TooDeepError
        self._depth += 1
        try:
            value: Value = self.visit(node)
        finally:
            self._depth -= 1
        return value

    def _visit_other_expression(self, node: ast.expr) -> Value:
        """Visit an expression of any other kind: its tags are those of its parts."""
        found = [self.evaluate(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        return Unknown(frozenset().union(*map(collect_tags, found))) if found else UNKNOWN

    def visit_Constant(self, node: ast.Constant) -> Value:
        """Return the constant; a text is recorded if it shows an attack by itself."""
        value = node.value
        if isinstance(value, str | bytes):
            if len(value) > constant_folding.MAX_CONSTANT_SIZE:
                value = value[: constant_folding.MAX_CONSTANT_SIZE]
            constant = Constant(value)
            self._recorder.record_text(constant, node.lineno)
            return constant
        return Constant(value) if isinstance(value, int | float | None) else UNKNOWN

    def visit_Name(self, node: ast.Name) -> Value:
        """Resolve a name: bound by the source, special, imported by a star, or a builtin."""
        # The source can shadow any other meaning of a name, so that its own bindings come first.
        found = self.scope.look_up(node.id)
        if found is not None:
            return found
        if node.id == "__builtins__":
            return ExternalName("builtins")
        if node.id == "get_ipython":
            return ExternalName("IPython.get_ipython")
        if node.id == "__doc__":
            return Constant(self.docstring)
        # A star import may replace a builtin. Only ``os`` replaces one that matters, ``open``.
        if self._star_imports and (node.id not in BUILTINS or "os" in self._star_imports):
            starred = [ExternalName(f"{module}.{node.id}") for module in self._star_imports]
            return join_values(*starred, *([ExternalName(f"builtins.{node.id}")] if node.id in BUILTINS else []))
        return ExternalName(f"builtins.{node.id}") if node.id in BUILTINS else UNKNOWN

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        """Resolve an attribute of whatever the base may be."""
        return self._resolve_attribute(self._evaluate_unrecorded(node.value), node.attr, node.lineno)

    def _resolve_attribute(self, base: Value, name: str, line: int) -> Value:
        """Resolve ``base.name`` for values of other modules and for definitions of the source."""
        if name in name_tables.INTERPRETER_ATTRIBUTES:
            alternatives = list_alternatives(base)
            is_root = any(isinstance(each, ExternalName) and each.name == "builtins.object" for each in alternatives)
            self.log.record(uses.REFERENCE, f"builtins.object.{name}" if is_root else f"*.{name}", line)
        found: list[Value] = []
        self.budget.spend(len(list_alternatives(base)))
        for each in list_alternatives(base):
            if isinstance(each, LocalDefinition) and name == "__code__":
                found.append(name_resolution.resolve_attribute(UNKNOWN, name))
            elif isinstance(each, LocalDefinition):
                found.append(self._resolve_member(each, name))
            elif isinstance(each, Unknown | Constant) and name in self._attributes:
                # An unknown object may be one whose attribute the source set elsewhere.
                found += (self._attributes[name], name_resolution.resolve_attribute(each, name))
            else:
                found.append(name_resolution.resolve_attribute(each, name))
        return join_values(*found)

    def _resolve_member(self, local: LocalDefinition, name: str) -> Value:
        """Resolve an attribute of a class of the source, of an object of it, or of a function."""
        definition = self._definitions.get(local)
        if definition.members is None:
            return local if name in ("__call__", "__wrapped__", "__func__") else self._attributes.get(name, UNKNOWN)
        # The class defines the attribute, an assignment to some object overrides it: either may be meant.
        found = [
            self._take_member(value, local)
            for value in (definition.members.names.get(name), self._attributes.get(name))
            if value is not None
        ]
        if found:
            return join_values(*found)
        inherited = [
            name_resolution.resolve_attribute(each, name) for each in definition.bases if isinstance(each, ExternalName)
        ]
        return join_values(*inherited) if inherited else UNKNOWN

    def _take_member(self, member: Value, owner: LocalDefinition) -> Value:
        """Take a member from an object, which calls it if it is a property."""
        if isinstance(member, LocalDefinition) and self._definitions.get(member).is_property:
            self.log.record_local_call(member.number)
            return self._call_function(member, [owner], {})
        return member

    def visit_Subscript(self, node: ast.Subscript) -> Value:
        """Resolve an item or a slice."""
        base = self._evaluate_unrecorded(node.value)
        if isinstance(node.slice, ast.Slice):
            return self._evaluate_slice(base, node.slice)
        key = self.evaluate(node.slice)
        if isinstance(base, Constant) and isinstance(key, Constant):
            return constant_folding.fold_item(base, key) or UNKNOWN
        if isinstance(base, ExternalName) and base.name in ("builtins.globals", "builtins.locals", "builtins.vars"):
            if not isinstance(key, Constant):
                self._recorder.record_computed_name(base, node.lineno)
            return self._resolve_own_name(key)
        found = self._call_method(base, ("__getitem__", "__class_getitem__"), [key])
        return found if found is not None else self._resolve_item(base, key, node.lineno)

    def _resolve_own_name(self, key: Value) -> Value:
        """Resolve an item of ``globals()`` or ``locals()``: a name of the source itself."""
        text = key.value if isinstance(key, Constant) and isinstance(key.value, str) else None
        if text is None:
            return Unknown(frozenset({"module"}))
        found = self.scope.look_up(text)
        if found is not None:
            is_computed = isinstance(key, Constant) and key.provenance > Provenance.LITERAL
            if isinstance(found, ExternalName):
                return ExternalName(found.name, found.is_result, is_computed, found.tags)
            return found
        return ExternalName("builtins") if text == "__builtins__" else UNKNOWN

    def _resolve_item(self, base: Value, key: Value, line: int) -> Value:
        if isinstance(base, ExternalName | Unknown) and not isinstance(key, Constant):
            self._recorder.record_computed_name(base, line)
        return name_resolution.resolve_item(base, key)

    def _evaluate_slice(self, base: Value, bounds: ast.Slice) -> Value:
        parts = (bounds.lower, bounds.upper, bounds.step)
        found = [self.evaluate(each) if each is not None else None for each in parts]
        known = [each for each in found if each is None or isinstance(each, Constant)]
        if isinstance(base, Constant) and len(known) == 3:
            return self._recorder.record_computed_text(constant_folding.fold_slice(base, known), bounds.lineno)
        return base if isinstance(base, Container | ExternalName) else Unknown(collect_tags(base))

    # ---- operators ----

    def visit_BinOp(self, node: ast.BinOp) -> Value:
        """Evaluate a chain of operators from the left, as a loop, so that it costs no level of depth for each."""
        chain: list[tuple[type[ast.operator], ast.expr]] = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp):
            chain.append((type(first.op), first.right))
            first = first.left
        left = self.evaluate(first)
        for kind, operand in reversed(chain):
            left = self._apply_operator(kind, left, self.evaluate(operand))
        return self._recorder.record_computed_text(left, first.lineno)

    def _apply_operator(self, kind: type[ast.operator], left: Value, right: Value) -> Value:
        """Apply an operator to two values."""
        self.budget.spend()
        if isinstance(left, Constant) and isinstance(right, Constant):
            # Concatenation copies both sides: 256 characters cost one step, as a visit does.
            size = constant_folding.measure_constant(left) + constant_folding.measure_constant(right)
            self.budget.spend(size >> 8)
            folded = constant_folding.fold_binary(kind, left, right)
            return folded or Unknown(collect_tags(left) | collect_tags(right))
        if kind is ast.Add and isinstance(left, Container) and isinstance(right, Container) and not left.keys:
            return Container((left.values + right.values)[:_MAX_ITEMS])
        if isinstance(left, ExternalName) and left.is_result and kind is ast.Div:
            return add_tags(left, call_variants.tag_path(right))  # ``path / "name"``
        found = self._call_operator_method(kind, left, right)
        if found is not None:
            return found
        return Unknown(collect_tags(left) | collect_tags(right) | call_variants.tag_path(right))

    def _call_operator_method(self, kind: type[ast.operator], left: Value, right: Value) -> Value | None:
        """Call the method that a class of the source defines for an operator; ``None`` if no operand has one."""
        name = _OPERATOR_METHODS[kind]
        found = self._call_method(left, (f"__{name}__",), [right])
        return found if found is not None else self._call_method(right, (f"__r{name}__",), [left])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Value:
        """Fold a constant; of any other operand the tags stay."""
        operand = self.evaluate(node.operand)
        folded = constant_folding.fold_unary(type(node.op), operand) if isinstance(operand, Constant) else None
        return folded or Unknown(collect_tags(operand))

    def visit_Compare(self, node: ast.Compare) -> Value:
        """Fold a comparison of two constants; of any other the tags stay."""
        parts = [self.evaluate(each) for each in (node.left, *node.comparators)]
        if len(parts) == 2 and isinstance(parts[0], Constant) and isinstance(parts[1], Constant):
            return constant_folding.fold_comparison(type(node.ops[0]), parts[0], parts[1]) or UNKNOWN
        return Unknown(frozenset().union(*map(collect_tags, parts)))

    def visit_IfExp(self, node: ast.IfExp) -> Value:
        """Join both branches, even where the condition is constant."""
        self.evaluate(node.test)
        return join_values(self.evaluate(node.body), self.evaluate(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> Value:
        """Join all operands: ``and`` and ``or`` return one of them."""
        return join_values(*(self.evaluate(each) for each in node.values))

    # ---- collections and texts ----

    def visit_List(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        """Return a constant if all items are, otherwise a container of their values."""
        parts = [self.evaluate(each.value if isinstance(each, ast.Starred) else each) for each in node.elts]
        constants = [part for part in parts if isinstance(part, Constant)]
        if len(constants) == len(parts) and len(parts) <= constant_folding.MAX_CONSTANT_SIZE:
            return constant_folding.fold_sequence(constants)
        return Container(tuple(parts[:_MAX_ITEMS]))

    visit_Tuple = visit_List
    visit_Set = visit_List

    def visit_Dict(self, node: ast.Dict) -> Value:
        """Return a container with keys; a key that is no constant is ``None``."""
        keys: list[PlainValue | tuple[PlainValue, ...]] = []
        values: list[Value] = []
        for key, part in zip(node.keys, node.values, strict=True):
            name = self.evaluate(key) if key is not None else UNKNOWN
            values.append(self.evaluate(part))
            self._recorder.record_trust_item(name, values[-1], node.lineno)
            keys.append(name.value if isinstance(name, Constant) else None)
        return Container(tuple(values[:_MAX_ITEMS]), tuple(keys[:_MAX_ITEMS]))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Value:
        """Concatenate the parts of an f-string."""
        text: Value = Constant("")
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            found = self.evaluate(inner)
            if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                # ``f"{a:{run()}}"`` calls ``run``. The format itself is not applied to the text.
                self.evaluate(part.format_spec)
            if (
                isinstance(found, Constant)
                and isinstance(found.value, int | str)
                and not isinstance(part, ast.Constant)
            ):
                is_huge = isinstance(found.value, int) and found.value.bit_length() > _MAX_INTEGER_BITS
                found = UNKNOWN if is_huge else Constant(str(found.value), Provenance.COMPUTED)
            text = self._apply_operator(ast.Add, text, found)
        return self._recorder.record_computed_text(text, node.lineno)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Value:
        """Bind the name in ``name := value``."""
        found = self.evaluate(node.value)
        self.scope.bind(node.target.id, found)
        return found

    def visit_Lambda(self, node: ast.Lambda) -> Value:
        """Define a function without a name."""
        return self._add_definition(node)

    def visit_Await(self, node: ast.Await | ast.Starred | ast.FormattedValue) -> Value:
        """Evaluate the expression inside."""
        return self.evaluate(node.value)

    visit_Starred = visit_Await
    visit_FormattedValue = visit_Await

    def visit_Yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        """Keep the yielded value as a result of the function; the value sent back is unknown."""
        if node.value is not None:
            self._keep_result(self.evaluate(node.value))
        return UNKNOWN

    visit_YieldFrom = visit_Yield

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        """Work out a comprehension over a constant item by item; visit the parts of any other once."""
        inner = Scope(self.scope)
        # As in Python, the first iterable belongs to the scope outside, the others to the comprehension.
        sources = [self.evaluate(node.generators[0].iter)]
        with self._enter_scope(inner):
            sources += [self.evaluate(each.iter) for each in node.generators[1:]]
            if not isinstance(node, ast.DictComp) and len(sources) == 1 and isinstance(sources[0], Constant):
                self.budget.spend(constant_folding.measure_constant(sources[0]) >> 6)
                parts = constant_folding.iterate_constant(sources[0])
                # An empty list may be filled under another name: the element is visited once all the same.
                if parts and len(parts) <= _MAX_UNROLLED_ELEMENTS:
                    return self._unroll_comprehension(node, parts, sources[0].provenance)
            for each, source in zip(node.generators, sources, strict=True):
                iterated = self._call_method(source, ("__iter__", "__aiter__"), []) or source
                self._assign_target(each.target, name_resolution.resolve_item(iterated, UNKNOWN))
                for test in each.ifs:
                    self.evaluate(test)
            if isinstance(node, ast.DictComp):
                self.evaluate(node.key)
                return Container((self.evaluate(node.value),))
            element = self.evaluate(node.elt)
        return Unknown(collect_tags(element)) if isinstance(element, Unknown | Constant) else Container((element,))

    visit_SetComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp
    visit_DictComp = visit_ListComp

    def _unroll_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, parts: tuple[PlainValue, ...], provenance: Provenance
    ) -> Value:
        """Evaluate the element for each item: ``"".join(chr(ord(c) ^ 7) for c in text)`` becomes a constant."""
        found: list[Value] = []
        generator = node.generators[0]
        for part in parts:
            if isinstance(generator.target, ast.Name):
                self.scope.names[generator.target.id] = Constant(part, provenance)
            else:
                self._assign_target(generator.target, UNKNOWN)
            for test in generator.ifs:
                self.evaluate(test)
            found.append(self.evaluate(node.elt))
            # Elements that are unknown twice stay so; further rounds would only cost steps.
            if len(found) == 2 and not any(isinstance(each, Constant | CallableValue) for each in found):
                break
        constants = [each for each in found if isinstance(each, Constant)]
        if len(constants) == len(found):
            if generator.ifs:
                return UNKNOWN  # the conditions are not applied, so that the kept items are unknown
            folded = constant_folding.fold_sequence(constants)
            return Constant(folded.value, max(folded.provenance, Provenance.COMPUTED))
        return Container(tuple(found[:_MAX_ITEMS]))

    # ---- calls ----

    def visit_Call(self, node: ast.Call) -> Value:
        """Evaluate the callee, then the arguments, then the call."""
        base: Value = UNKNOWN
        method = ""
        if isinstance(node.func, ast.Attribute):
            base, method = self._evaluate_unrecorded(node.func.value), node.func.attr
            # Constants are immutable here. A list of them that is changed in place is not known any more.
            if isinstance(base, Constant) and method in _MUTATING_METHODS and isinstance(node.func.value, ast.Name):
                self.scope.bind(node.func.value.id, UNKNOWN)
            # Resolved before the arguments are evaluated, as in Python: they may rebind the name.
            callee = self._resolve_attribute(base, method, node.lineno)
        else:
            callee = self._evaluate_unrecorded(node.func)
        args, keywords = arguments.bind_arguments(node, self.evaluate)
        self._record_arguments(method or _get_last_name(callee), args, keywords, node.lineno)
        found = self._call_known_method(base, method, args, node.lineno)
        return found if found is not None else self._call_value(callee, args, keywords, node.lineno, base, method)

    def _record_arguments(self, callee: str, args: list[Value], keywords: dict[str, Value], line: int) -> None:
        """Record the effects that arguments alone have, whatever is called."""
        # A function that is passed counts as called: whether the receiver calls it is rarely known.
        for each in (*args, *keywords.values()):
            self._recorder.record_passed_definitions(each)
        for each in arguments.find_passed_getter_targets(args):
            self._recorder.record_computed_name(each, line)
        for name, detail in remote_code.find_remote_code(callee, keywords, args):
            self.log.record(uses.CALL, name, line, detail)
        if "cmdclass" in keywords:
            self._record_install_commands(keywords["cmdclass"])

    def _record_install_commands(self, classes: Value) -> None:
        """Record that an installation calls all methods of the classes in ``setup(cmdclass=...)``."""
        for each in list_alternatives(classes):
            for one in each.values if isinstance(each, Container) else ():
                members = self._definitions.get_members(one)
                for member in members.names.values() if members is not None else ():
                    self._recorder.record_passed_definitions(member)

    def _call_known_method(self, base: Value, method: str, args: Sequence[Value], line: int) -> Value | None:
        """Call a method of a constant, a container or a namespace; ``None`` for any other call."""
        if isinstance(base, Constant) and method:
            known = [each for each in args if isinstance(each, Constant)]
            folded = constant_calls.fold_method(base, method, known) if len(known) == len(args) else None
            if folded is not None:
                return self._recorder.record_computed_text(folded, line)
            # A method that the source assigns to some object may be meant, although the base is a constant.
            tags = collect_tags(base).union(*map(collect_tags, args))
            return Unknown(tags) if method not in self._attributes else None
        if isinstance(base, Container) and method:
            if method in _ITEM_METHODS:
                return name_resolution.resolve_item(base, args[0] if args else UNKNOWN)
            return base if method not in self._attributes else None
        namespaces = [
            each
            for each in list_alternatives(base)
            if isinstance(each, ExternalName) and name_resolution.is_module_namespace(each)
        ]
        if namespaces and method in _ITEM_METHODS:
            return join_values(*(self._resolve_item(each, args[0] if args else UNKNOWN, line) for each in namespaces))
        if namespaces and method in ("items", "values"):
            self._recorder.record_computed_name(namespaces[0], line)
        return None

    def _call_value(
        self,
        callee: Value,
        args: Sequence[Value],
        keywords: dict[str, Value],
        line: int,
        base: Value = UNKNOWN,
        method: str = "",
    ) -> Value:
        """Call every callable that a value may be; ``base`` and ``method`` are the object and name before the call."""
        found: list[Value] = []
        alternatives = list_alternatives(callee)
        # Each alternative of the callee meets each of every argument, and calls nest: pay for the product.
        self.budget.spend(len(alternatives) * (1 + sum(len(list_alternatives(each)) for each in args)))
        for each in alternatives:
            if isinstance(each, ExternalName):
                found.append(
                    self._call_external(Call(each.name, args, keywords, line, each.is_hidden, each.tags), each)
                )
            elif isinstance(each, LocalDefinition):
                found.append(self._call_local(each, args, keywords, base, method))
            elif isinstance(each, PartialCall):
                found.append(self._call_value(each.callee, [*each.args, *args], dict(each.keywords) | keywords, line))
            elif isinstance(each, Container):
                found.append(join_values(*each.values) if each.values else UNKNOWN)
            else:
                found.append(self._call_unknown(each, args, keywords, method, line))
        return join_values(*found)

    def _call_local(
        self, local: LocalDefinition, args: Sequence[Value], keywords: dict[str, Value], base: Value, method: str
    ) -> Value:
        """Call a function of the source, a class (which makes an object) or an object with ``__call__``."""
        self.log.record_local_call(local.number)
        definition = self._definitions.get(local)
        called = self._call_method(local, ("__call__",), args) if local.is_result else None
        if called is not None:
            return called
        if definition.members is not None:
            # An object calls its special methods without their names being written, and a thread calls ``run``.
            is_thread = any(
                isinstance(each, ExternalName) and each.name in name_tables.THREAD_CLASSES for each in definition.bases
            )
            for name, member in definition.members.names.items():
                if (name.startswith("__") and name.endswith("__")) or (is_thread and name == "run"):
                    self._recorder.record_passed_definitions(member)
            return LocalDefinition(local.number, is_result=True)
        # A method of an object of the source gets the object as its first argument.
        is_bound = bool(method) and any(
            isinstance(each, LocalDefinition) and each.is_result for each in list_alternatives(base)
        )
        return self._call_function(local, [base, *args] if is_bound else args, keywords)

    def _call_method(self, base: Value, names: Sequence[str], args: Sequence[Value]) -> Value | None:
        """Call the first of these methods that a class of the source defines; ``None`` if none does."""
        found: list[Value] = []
        for each in list_alternatives(base):
            members = self._definitions.get_members(each)
            if members is None:
                continue
            method = next((members.names[name] for name in names if name in members.names), None)
            for one in list_alternatives(method) if method is not None else ():
                if isinstance(one, LocalDefinition):
                    self.log.record_local_call(one.number)
                    found.append(self._call_function(one, [each, *args], {}))
                else:
                    found.append(one)
        return join_values(*found) if found else None

    def _call_function(self, local: LocalDefinition, args: Sequence[Value], keywords: dict[str, Value]) -> Value:
        """Call a function of the source: inline a short one whose arguments are known, for any other take its result.

        Inlining is what resolves helpers such as ``def decode(text, key): ...``. Each function is evaluated once by
        itself in any case, with unknown arguments, so that a call with nothing known adds nothing.
        """
        definition = self._definitions.get(local)
        node = definition.node
        if isinstance(node, ast.ClassDef):
            return LocalDefinition(local.number, is_result=True)
        bound = definition.bind_call(args, keywords)
        # With unknown arguments alone, the result is that of the body evaluated by itself.
        is_known = any(
            isinstance(each, CallableValue | Constant) for value in bound.values() for each in list_alternatives(value)
        )
        is_short = isinstance(node, ast.Lambda) or len(node.body) <= _MAX_INLINE_STATEMENTS
        if not is_short or not (is_known or not bound) or self._inline_depth >= _MAX_INLINE_DEPTH:
            return definition.result or UNKNOWN
        if self._inlined_calls >= _MAX_INLINED_CALLS:
            return definition.result or UNKNOWN
        scope = Scope(definition.scope)
        self._bind_parameters(node.args, local, scope)
        scope.names.update(bound)
        self._inline_depth += 1
        self._inlined_calls += 1
        try:
            return self._evaluate_body(node, scope)
        finally:
            self._inline_depth -= 1

    def _call_unknown(
        self, callee: Value, args: Sequence[Value], keywords: Mapping[str, Value], method: str, line: int
    ) -> Value:
        """Call something unknown: only the name of the method can show its effect."""
        call = Call(f"*.{method}", args, keywords, line, tags=collect_tags(callee))
        if method:
            self.log.record_method_call(method)
        if method in name_tables.COMMAND_METHODS:
            self._recorder.record_call(call)
        # A module or a name in it that comes from a file is chosen by whoever writes that file.
        if "module" in call.tags and call.tags & {"file", "computed"}:
            is_named = "file" in call.tags
            self.log.record(uses.CALL, f"(function that {'a file names' if is_named else 'is worked out'})", line)
        for each in args:
            self._recorder.record_passed_module(each, line)
        if call.name in name_tables.IMPORTERS:
            return self._call_import(call)
        return Unknown(call.tags | call.argument_tags)

    def _call_external(self, call: Call, callee: ExternalName) -> Value:
        """Call a function of another module: one that is modelled here, one on constants, or any other."""
        special = _find_special_call(call.name)
        if special is not None:
            return special(self, call)
        folded = self._fold_call(call)
        if folded is not None:
            return folded
        # With one argument ``type`` only asks; with three it makes a class.
        if call.name == "builtins.type" and len(call.args) == 1:
            return UNKNOWN
        self._recorder.record_call(call)
        method = call.name.rpartition(".")[2]
        # The object comes from a library and its class is not known: the method may be that of any other class.
        if callee.is_result and method in name_tables.COMMAND_METHODS:
            self.log.record(uses.CALL, f"*.{method}", call.line, call.detail)
        if callee.is_result:
            self.log.record_method_call(method)
        for each in (*call.args, *call.keywords.values()) if method in name_tables.CALLBACK_TAKERS else ():
            self._recorder.record_callback(each, call.line)
        return ExternalName(call.name, True, False, data_flow.tag_result(call))

    def _fold_call(self, call: Call) -> Value | None:
        """Fold a function of the standard library whose arguments are all constants; ``None`` if it is not modelled."""
        known = [each for each in (*call.args, *call.keywords.values()) if isinstance(each, Constant)]
        if not known or len(known) != len(call.args) + len(call.keywords):
            return None
        folded = constant_calls.fold_function(call.name, known)
        return None if folded is None else self._recorder.record_computed_text(folded, call.line)

    # ---- modelled functions: they reach names, run code, or call their arguments ----

    def _call_getattr(self, call: Call) -> Value:
        """Call ``getattr(base, name)``."""
        if len(call.args) < 2:
            return UNKNOWN
        base, name = call.args[0], call.args[1]
        if not isinstance(name, Constant) or not isinstance(name.value, str):
            # Which attribute is read the source does not show; the result keeps the tags of the module.
            for each in list_alternatives(base):
                self._recorder.record_computed_name(each, call.line)
            computed = {"computed"} if "module" in collect_tags(base) else set()
            return Unknown(collect_tags(base) | collect_tags(name) | computed)
        found = name_resolution.resolve_command_method(base, name)
        taken = found or self._resolve_attribute(base, name.value, call.line)
        # ``getattr(os, "system")`` shows its name; ``getattr(os, "sys" + "tem")`` hides it.
        if name.provenance is Provenance.LITERAL:
            return taken
        return join_values(*(_hide_name(each) for each in list_alternatives(taken)))

    def _call_own_getattribute(self, call: Call) -> Value:
        """Call ``os.__getattribute__("system")``."""
        owner = ExternalName(call.name.rpartition(".")[0], is_hidden=call.is_hidden)
        return self._call_getattr(Call("builtins.getattr", [owner, *call.args], {}, call.line))

    def _call_attrgetter(self, call: Call) -> Value:
        """Call ``attrgetter("system")`` or ``methodcaller``: the result is a callable that holds the path.

        The path is kept in the name, ``operator.attrgetter>system``, with ``!`` before it if it was computed.
        """
        first = call.args[0] if call.args else UNKNOWN
        if isinstance(first, Constant) and isinstance(first.value, str):
            mark = "!" if first.provenance > Provenance.LITERAL else ""
            return ExternalName(f"{call.name}>{mark}{first.value}")
        self._recorder.record_call(call)
        return ExternalName(f"{call.name}>*")

    def _call_made_getter(self, call: Call) -> Value:
        """Call the result of ``attrgetter`` or ``methodcaller``."""
        maker, _, path = call.name.partition(">")
        provenance = Provenance.COMPUTED if path.startswith("!") else Provenance.LITERAL
        found: Value = call.args[0] if call.args else UNKNOWN
        if path == "*":
            self._recorder.record_attribute_walk(found, call.line)
            for each in list_alternatives(found):
                self._recorder.record_computed_name(each, call.line)
            return UNKNOWN
        for step in path.removeprefix("!").split("."):
            found = self._call_getattr(Call("builtins.getattr", [found, Constant(step, provenance)], {}, call.line))
        if maker.endswith("methodcaller"):
            return self._call_value(found, [], {}, call.line)
        self._recorder.record_attribute_access(found, call.line)
        return found

    def _call_import(self, call: Call) -> Value:
        """Call a function that imports the module whose name it is given."""
        name = call.get_argument(0, "name")
        if not isinstance(name, Constant) or not isinstance(name.value, str):
            self._recorder.record_call(call)
            return Unknown(frozenset({"module", call.name}) | call.argument_tags)
        text = name.value.replace(":", ".")
        is_hidden = call.is_hidden or name.provenance > Provenance.LITERAL
        module = name_resolution.normalize_name(text).name
        if is_hidden:
            self.log.record(uses.HIDDEN, f"{module}.*", call.line, text)
        self.log.record(uses.CALL, f"{call.name}(constant)", call.line, text)
        self.log.record(uses.IMPORT, module, call.line)
        if text.startswith("."):
            return UNKNOWN
        # Without ``fromlist``, ``__import__("a.b")`` returns ``a``.
        is_top = call.name == "builtins.__import__" and call.get_argument(3, "fromlist") is None
        return name_resolution.normalize_name(text.partition(".")[0] if is_top else text, is_hidden)

    def _call_code_text(self, call: Call) -> Value:
        """Call a function that runs or compiles code in a text; a known text is evaluated in place of the call."""
        text = call.get_argument(0, "source" if call.name.endswith("compile") else "object")
        is_run = call.name not in ("builtins.compile", "ast.parse")
        if isinstance(text, Constant) and isinstance(text.value, str | bytes):
            if text.provenance is Provenance.DECODED:
                self.log.record(uses.OF_DECODED, call.name, call.line, call.detail)
            elif is_run:
                is_plain = text.provenance is Provenance.LITERAL and not call.is_hidden
                name = f"{call.name}(constant)" if is_plain else call.name
                self.log.record(uses.HIDDEN if call.is_hidden else uses.CALL, name, call.line, call.detail)
            return self._evaluate_code_text(text.value, call) if is_run else text
        if not is_run and not call.argument_tags & {"decoded", "network"}:
            self.log.record(uses.CALL, call.name, call.line)
        else:
            self._recorder.record_call(call)
        return Unknown(call.argument_tags)

    def _evaluate_code_text(self, text: str | bytes, call: Call) -> Value:
        """Evaluate code that a call runs, in the scope of the call; all uses in it get the line of the call."""
        if self._code_text_depth >= _MAX_CODE_TEXT_DEPTH:
            return UNKNOWN
        source = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        body = parse_code_text(source.strip() if call.name == "builtins.eval" else source)
        if body is None:
            return UNKNOWN
        # Lines inside the text mean nothing to a reader of the file.
        before = self.log.pin_line(call.line)
        self._code_text_depth += 1
        try:
            # ``eval`` returns the value of its expression, ``exec`` none.
            if len(body) == 1 and isinstance(body[0], ast.Expr):
                return self.evaluate(body[0].value)
            self.evaluate_statements(body)
        finally:
            self._code_text_depth -= 1
            self.log.pin_line(before)
        return UNKNOWN

    def _call_setattr(self, call: Call) -> Value:
        """Call ``setattr(object, name, value)``."""
        if len(call.args) >= 3:
            name = call.args[1]
            text = name.value if isinstance(name, Constant) and isinstance(name.value, str) else ""
            for each in list_alternatives(call.args[0]):
                if isinstance(each, ExternalName) and not each.is_result:
                    overwritten = name_resolution.resolve_attribute(each, text or "*")
                    self._recorder.record_overwrite(overwritten, call.line)
            if text:
                self._keep_attribute(text, call.args[2])
        return UNKNOWN

    def _call_partial(self, call: Call) -> Value:
        """Call ``functools.partial``: keep the callable with the arguments that are bound already."""
        self._recorder.record_call(call)
        if not call.args:
            return UNKNOWN
        is_bound = len(call.args) > 1 or call.keywords
        bound = PartialCall(call.args[0], tuple(call.args[1:]), tuple(call.keywords.items()))
        return bound if is_bound else call.args[0]

    def _call_with_items(self, call: Call) -> Value:
        """Call ``map``, ``filter``, ``reduce`` or ``starmap``, which call their first argument with items."""
        self._recorder.record_call(call)
        if not call.args:
            return UNKNOWN
        if call.name == "builtins.map" and len(call.args) == 2 and isinstance(call.args[1], Constant):
            return self._map_constant(call.args[0], call.args[1], call.line)
        if call.name == "functools.reduce" and len(call.args) > 2:
            return self._call_reduce(call)
        return self._call_value(call.args[0], [_take_first_item(each) for each in call.args[1:]], {}, call.line)

    def _call_through(self, call: Call) -> Value:
        """Call ``operator.call`` and the like, which call their first argument with the others."""
        self._recorder.record_call(call)
        return self._call_value(call.args[0], list(call.args[1:]), {}, call.line) if call.args else UNKNOWN

    def _map_constant(self, function: Value, source: Constant, line: int) -> Value:
        """Call a function with each item of a constant: ``map(chr, [111, 115])`` spells a name."""
        self.budget.spend(constant_folding.measure_constant(source) >> 6)
        parts = constant_folding.iterate_constant(source) or ()
        if not parts:
            # An empty list may be filled under another name: the function is called once with an unknown item.
            return Container((self._call_value(function, [UNKNOWN], {}, line),))
        found = [
            self._call_value(function, [Constant(each, source.provenance)], {}, line)
            for each in parts[:_MAX_UNROLLED_ELEMENTS]
        ]
        constants = [each for each in found if isinstance(each, Constant)]
        if constants and len(constants) == len(found):
            values = tuple(None if isinstance(each.value, tuple) else each.value for each in constants)
            return Constant(values, max(Provenance.COMPUTED, *(each.provenance for each in constants)))
        return Container(tuple(found))

    def _call_reduce(self, call: Call) -> Value:
        """Call ``reduce(getattr, ["path", "join"], os)``, a chain of attributes without a dot."""
        function, source, found = call.args[:3]
        if not isinstance(source, Constant):
            self._recorder.record_attribute_walk(found, call.line)
            return found
        for part in constant_folding.iterate_constant(source) or ():
            found = self._call_value(function, [found, Constant(part, Provenance.COMPUTED)], {}, call.line)
        return found

    def _call_namespace(self, call: Call) -> Value:
        """Call ``vars``, ``globals`` or ``locals``: ``vars(module)`` is its ``__dict__``."""
        if call.args and isinstance(call.args[0], ExternalName) and call.name == "builtins.vars":
            return ExternalName(f"{call.args[0].name}.__dict__")
        if call.args and call.name == "builtins.vars":
            return Unknown(collect_tags(call.args[0]))
        return ExternalName(call.name)

    def _call_getmembers(self, call: Call) -> Value:
        """Call ``inspect.getmembers(module)``: the source takes some name of it, and does not show which."""
        for each in call.args[:1]:
            self._recorder.record_computed_name(each, call.line)
        return Unknown(call.argument_tags)

    def _call_dict(self, call: Call) -> Value:
        """Call ``dict`` with known items, or to copy a mapping."""
        if call.keywords and not call.args and "**" not in call.keywords:
            return arguments.build_mapping(dict(call.keywords))
        is_copy = len(call.args) == 1 and isinstance(call.args[0], Container)
        return call.args[0] if is_copy else ExternalName(call.name, True, tags=call.tags | call.argument_tags)

    def _call_next(self, call: Call) -> Value:
        """Call ``next``: one of the items, or the default."""
        source = call.args[0] if call.args else Unknown()
        found = [
            join_values(*each.values) if isinstance(each, Container) and each.values else each
            for each in list_alternatives(source)
        ]
        return join_values(*found, *call.args[1:])


def _get_last_name(callee: Value) -> str:
    return next(
        (each.name.rpartition(".")[2] for each in list_alternatives(callee) if isinstance(each, ExternalName)), ""
    )


def _hide_name(value: Value) -> Value:
    """Mark a name as one that the source computes."""
    return ExternalName(value.name, value.is_result, True, value.tags) if isinstance(value, ExternalName) else value


def _take_first_item(value: Value) -> Value:
    """Take one item that stands for all: the function that gets them is called once."""
    if isinstance(value, Container):
        return name_resolution.resolve_item(value, Constant(0))
    if isinstance(value, Constant) and isinstance(value.value, tuple | str) and value.value:
        return Constant(value.value[0], value.provenance)
    return value


_SpecialCall = Callable[[Evaluator, Call], Value]
_SPECIAL_CALLS: Final[Mapping[str, _SpecialCall]] = {
    **dict.fromkeys(name_tables.IMPORTERS, Evaluator._call_import),
    **dict.fromkeys(name_tables.EVALUATORS, Evaluator._call_code_text),
    **dict.fromkeys(name_tables.GETTERS, Evaluator._call_getattr),
    **dict.fromkeys(
        ("builtins.map", "builtins.filter", "functools.reduce", "itertools.starmap"), Evaluator._call_with_items
    ),
    **dict.fromkeys(("operator.call", "functools.partialmethod"), Evaluator._call_through),
    **dict.fromkeys(("builtins.vars", "builtins.globals", "builtins.locals"), Evaluator._call_namespace),
    **dict.fromkeys(("inspect.getmembers", "inspect.getmembers_static"), Evaluator._call_getmembers),
    **dict.fromkeys(("operator.attrgetter", "operator.methodcaller"), Evaluator._call_attrgetter),
    **dict.fromkeys(("builtins.setattr", "builtins.object.__setattr__"), Evaluator._call_setattr),
    "functools.partial": Evaluator._call_partial,
    "builtins.dict": Evaluator._call_dict,
    "builtins.next": Evaluator._call_next,
}


def _find_special_call(name: str) -> _SpecialCall | None:
    """Find the method that models calls of this name; ``None`` for ordinary functions."""
    if ">" in name:
        return Evaluator._call_made_getter
    found = _SPECIAL_CALLS.get(name)
    if found is None and name.endswith(".__getattribute__"):
        return Evaluator._call_own_getattribute
    return found
