"""Evaluate a Python source symbolically: one visitor, one method for each kind of syntax node.

Nothing of the source runs. The evaluator visits statements in the order of an import, then the bodies of the functions,
and works out a ``Value`` for each expression: a constant, the full name of something in another module, a definition of
the source, or ``Unknown`` with tags for its sources. A ``UseRecorder`` writes the names that expressions refer to and
call into the log (``uses.UseLog``).

The evaluation is one abstract pass, not an interpreter. Both branches of an ``if`` are visited, a name keeps every
callable that it was ever bound to, and attributes are shared by all objects: where the truth depends on a value that
is unknown, the evaluator keeps all answers, so that an attacker gains nothing by a condition or a detour. Constants are
the exception. They follow the latest binding and are folded, because names such as ``"sys" + "tem"`` are found only so.
A list that the source may change unseen keeps its folded items as evidence, and they are open (``changed_containers``).

Each visit pays a step of the budget. Nesting is bounded by ``_MAX_DEPTH``, since visits recurse on the stack of this
process.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from modelaudit.languages.python import (
    arguments,
    blind_steps,
    call_variants,
    callbacks,
    comparisons,
    constant_calls,
    constant_folding,
    data_flow,
    document_values,
    evaluated_texts,
    formatted_fields,
    getters,
    handed_functions,
    held_steps,
    item_calls,
    loop_names,
    match_patterns,
    model_data,
    name_resolution,
    name_tables,
    partial_texts,
    remote_code,
    restricted_unpicklers,
    sent_parameters,
    sequence_calls,
    served_results,
    uses,
    walks,
)
from modelaudit.languages.python.budget import StepBudget, TooDeepError
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.changed_containers import ChangedContainers
from modelaudit.languages.python.closed_lookups import ClosedLookups
from modelaudit.languages.python.definitions import Definition, DefinitionNode, DefinitionTable, FunctionNode
from modelaudit.languages.python.kept_functions import KeptFunctions
from modelaudit.languages.python.module_values import ANY_NAME, ModuleValues
from modelaudit.languages.python.name_tables import BUILTINS, WELL_KNOWN_MODULES
from modelaudit.languages.python.own_repository import OwnLoads
from modelaudit.languages.python.recording import LOOKUPS, OWN_FINDER, UseRecorder
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.setting_recording import NAMESPACE_SETTERS, list_set_items
from modelaudit.languages.python.shared_values import (
    SIBLING_TAG,
    SharedValues,
    find_member,
    list_imported,
    may_be_imported,
)
from modelaudit.languages.python.source import find_parser_obstacle, parse_code_text
from modelaudit.languages.python.source_encoding import decode_code
from modelaudit.languages.python.unparsed_names import scan_names
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import (
    BLIND,
    STEP,
    UNKNOWN,
    Alternatives,
    CallableValue,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    PartialCall,
    PlainValue,
    Provenance,
    Unknown,
    Value,
    collect_tags,
    holds_text,
    is_found,
    is_sensitive,
    is_text,
    join_choices,
    join_values,
    keep_constants,
    keep_open,
    list_alternatives,
    list_steps,
    may_be_called,
    merge_binding,
    open_constant,
    spread_open,
)
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import IMPORTED

# A level of nesting takes four or five frames of the stack of this process, whose limit is 1,000.
_MAX_DEPTH: Final = 90
# A ``Container`` keeps this many items. The others are evaluated, and are missing in the value alone.
_MAX_ITEMS: Final = 256
# Loops and comprehensions over constants decode texts, so that they are unrolled within these bounds: the elements of
# a comprehension, the rounds of a loop over a constant, the statements in its body, and the rounds of a loop over
# callables.
_MAX_UNROLLED_ELEMENTS: Final = 4096
_MAX_UNROLLED_LOOP: Final = 256
_MAX_LOOP_STATEMENTS: Final = 6
_MAX_LOOP_VALUES: Final = 16
# Inlining multiplies work: three levels of helpers with a dozen statements each cover the decoders seen in attacks.
_MAX_INLINE_DEPTH: Final = 3
_MAX_STEP_ROUNDS: Final = 3  # further rounds of a loop that walks by computed names
_MAX_STEPPING_STATEMENTS: Final = 60  # of a function that gets an object of such a walk
_MAX_INLINE_STATEMENTS: Final = 12
_MAX_INLINED_CALLS: Final = 4000
_MAX_CODE_TEXT_DEPTH: Final = 6  # levels of ``exec`` in the text of another ``exec``
_MAX_CODE_TEXT: Final = 1 << 19  # characters of all such texts
_CHARACTERS_SCANNED_IN_STEP: Final = 64  # a scan of a text for names takes about as long as that many steps
_MAX_RESULTS: Final = 64  # values returned by one function that are joined
_ACCESSES: Final = frozenset({ast.Attribute, ast.Subscript, ast.Call, ast.Await})
"""The expressions that take something from the expression at their beginning."""
_COMPILED: Final = "compiled"
"""The tag of what ``compile`` made of a text that is not known."""
_TREE: Final = Unknown(frozenset({_COMPILED}))
"""The syntax tree of a text, for whoever holds it can change it before it is compiled."""
_INHERITED: Final = "self"
"""The name recorded for objects whose attributes a class of another file sets."""
_MAX_SIBLING_PATH: Final = 6  # attributes recorded behind a name of another file
_MAX_KEYED_ITEMS: Final = 64  # callables kept of one mapping that assignments fill
_MAX_SKIPPED: Final = 1000  # statements that are listed as skipped
_LISTED_STEPS_BEYOND_BUDGET: Final = 1000  # after which statements are no longer listed as skipped
_MAX_EXAMPLES: Final = 500  # examples of docstrings that are evaluated
# Lines of a docstring that ``doctest`` runs: the first, and those that continue it.
_EXAMPLE: Final = defer_pattern(r"^[ \t]*>>> [^\n]*(?:\n[ \t]*\.\.\. [^\n]*)*", re.MULTILINE)

_MUTATING_METHODS: Final = frozenset(
    {"append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear", "__setitem__"}
)
_FILLING_METHODS: Final = frozenset({"append", "extend", "insert", "add", "update", "appendleft", "put"})
# Methods of an object of a library that put what they get into it.
_FILLS_OBJECT: Final = defer_pattern(r"(?:set|add|attach|append|extend|insert|update|put|fill|include|with)(?:_|$)")
_KEPT_TAGS: Final = frozenset(
    {"secret", served_results.ENVIRONMENT, "object", "namespace", "walked", "member", "module"}
)
# Keyword arguments that the receiver calls.
_CALLBACK_KEYWORDS: Final = frozenset(
    {"key", "target", "func", "function", "fn", "callback", "hook", "default_factory", "initializer", "object_hook"}
)
_MEMBER_METHODS: Final = frozenset({"__getattribute__", "__getattr__"})
_ITEM_METHODS: Final = frozenset({"get", "pop", "__getitem__", "setdefault"})
# They name members of a module, which are judged where the source takes them.
_NAMING_FUNCTIONS: Final = frozenset({"builtins.dir", "builtins.vars", "builtins.setattr", "builtins.delattr"})
_OWN_NAMESPACES: Final = frozenset({"builtins.globals", "builtins.locals", "builtins.vars"})
# Namespaces of a function or frame, which may be one of the source itself.
_FOUND_NAMESPACES: Final = frozenset({"*.__globals__", "*.f_globals", "*.f_locals", "*.func_globals"})
_FUNCTION_NAMESPACES: Final = frozenset({"__globals__", "func_globals"})
_FOLLOWED_TAGS: Final = frozenset({"module", "computed", "member", "object", walks.PICKED})
_OWN_MODULE_TAGS: Final = frozenset({"module", walks.OWN_MODULE})
# Functions that read the names of a module, and bind none.
_READERS_OF_MODULES: Final = ("builtins.", "inspect.", "typing.", "logging.", "sys.modules.")
_SWITCHED_LOADERS: Final = frozenset({"torch.load", "numpy.load"})
_PROPERTY_DECORATORS: Final = frozenset({"builtins.property", "functools.cached_property"})
_OPERATOR_METHODS: Final[Mapping[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("__add__", "__radd__"),
    ast.Sub: ("__sub__", "__rsub__"),
    ast.Mult: ("__mul__", "__rmul__"),
    ast.MatMult: ("__matmul__", "__rmatmul__"),
    ast.Div: ("__truediv__", "__rtruediv__"),
    ast.FloorDiv: ("__floordiv__", "__rfloordiv__"),
    ast.Mod: ("__mod__", "__rmod__"),
    ast.Pow: ("__pow__", "__rpow__"),
    ast.LShift: ("__lshift__", "__rlshift__"),
    ast.RShift: ("__rshift__", "__rrshift__"),
    ast.BitOr: ("__or__", "__ror__"),
    ast.BitXor: ("__xor__", "__rxor__"),
    ast.BitAnd: ("__and__", "__rand__"),
}
"""The method of the left operand for each operator, and that of the right operand."""
_COMPARISON_METHODS: Final[Mapping[type[ast.cmpop], str]] = {
    ast.Eq: "__eq__",
    ast.NotEq: "__ne__",
    ast.Lt: "__lt__",
    ast.LtE: "__le__",
    ast.Gt: "__gt__",
    ast.GtE: "__ge__",
}


_VisitState = tuple[int, int, list[Value], Scope, list[tuple[str, Value | None]] | None]
"""Depth, number of the current function, results, scope and its journal, as they were before a visit."""


class Evaluator(ast.NodeVisitor):
    """The visitor over one source, with the values and uses that it has found so far.

    Attributes:
        log: the uses that were recorded.
        docstring: the docstring of the module, which code can reach as ``__doc__``.
        imports: top-level names of the packages that the source imports, in order.
        relative_imports: the line of each relative import, by level and module.
        module_values: the modules that are used as values, and the members that are taken from unknown values.
        skipped: first and last lines of statements that nest too deep or exceed the budget.
        scope: the scope of the node that is visited.
        rebound: see ``Scope.rebound``; the second pass knows what the first has found.
        changes: the names whose lists and mappings the source may change unseen.
    """

    def __init__(
        self,
        max_steps: int,
        module_values: ModuleValues | None = None,
        shared: SharedValues = MappingProxyType({}),
        read_file: document_values.ReadFile | None = None,
        trusts_tables: bool = True,
    ) -> None:
        self.log = UseLog()
        self.budget = StepBudget(max_steps)
        self.docstring = ""
        self.imports: dict[str, None] = {}
        self.relative_imports: dict[tuple[int, str], int] = {}
        self.skipped: list[tuple[int, int]] = []
        self.rebound: dict[str, Value] = {}
        self.changes = ChangedContainers()
        self.scope = Scope()
        self.module_values = ModuleValues() if module_values is None else module_values
        self.recorder = UseRecorder(
            self.log, budget=self.budget, imported=self.imports, module_values=self.module_values
        )
        self._shared = shared
        self._read_file = read_file
        self._definitions = DefinitionTable()
        self._handed = handed_functions.HandedFunctions(self, self._definitions)
        self._attributes: dict[str, Value] = {}
        """Values of attributes by name alone, since the object of an assignment is rarely known."""
        self._stepped_attributes: set[str] = set()
        """Names of attributes that computed names have reached."""
        self._held = held_steps.HeldSteps()
        self._added: dict[str, Value] = {}
        """Functions that libraries get as attributes, by the full name, or after ``*.`` where the object is any."""
        self._loops = loop_names.LoopTable()
        self.lookups = ClosedLookups(shared)
        self.kept = KeptFunctions()
        self.own_loads = OwnLoads()
        self._is_round_open = False
        """Whether an unknown test may have ended a round of the loop under evaluation."""
        self._star_imports: list[str] = []
        self._trusts_tables = trusts_tables
        self._restricted_unpicklers: dict[str, frozenset[str]] = {}
        """The classes that unpickle the names of closed tables alone, with the names of their tables."""
        self._sibling_names: dict[str, str] = {}
        """The names that are bound to something of another file of the model, and their names there; ``*`` for all."""
        self._recorded_accesses: set[ast.Attribute] = set()
        """The attributes that were recorded as members of such names: an inlined call visits them again."""
        self._function_name = ""
        """The name of the function whose body is evaluated by itself."""
        self._configured_packages: set[str] = set()
        """Packages that send to an address set by a call."""
        self._look_up: tuple[ast.expr, Value] | None = None
        """The call or item under evaluation, which may look up a name by a text, with its callee or object."""
        self._results: list[Value] = []
        """Values that the function under evaluation has returned so far."""
        self._yields = False
        """Whether the function under evaluation is a generator."""
        self._depth = 0
        self._code_text_depth = self._code_text_characters = 0
        self._inline_depth = self._inlined_calls = 0

    def create_next_pass(self) -> Evaluator:
        """Create an evaluator with an empty log and budget, and with the attributes and functions known to this one."""
        # Definitions keep their numbers, so that results and arguments of the first pass belong to the same functions.
        next_pass = Evaluator(
            self.budget.max_steps,
            self.module_values.copy_for_next_pass(),
            self._shared,
            self._read_file,
            self._trusts_tables,
        )
        next_pass.docstring = self.docstring
        next_pass._attributes = dict(self._attributes)
        next_pass._stepped_attributes = self._stepped_attributes
        next_pass._added = dict(self._added)
        next_pass._held.raised = self._held.raised
        next_pass.rebound = self.rebound
        next_pass.changes = self.changes
        next_pass._loops = self._loops
        next_pass.lookups = self.lookups
        next_pass.kept = self.kept
        next_pass.own_loads = self.own_loads
        next_pass.recorder.switches, next_pass.recorder.places = self.recorder.switches, self.recorder.places
        next_pass._configured_packages = set(self._configured_packages)
        next_pass._definitions = self._definitions.copy_for_next_pass()
        next_pass._handed = self._handed.copy_for_next_pass(next_pass, next_pass._definitions)
        return next_pass

    # ---- questions about the functions of the source ----

    def get_class_members(self, value: LocalDefinition) -> Scope | None:
        """Return the namespace of a class of the source; ``None`` for a function."""
        return self._definitions.get_members(value)

    def follow_handed_functions(self) -> None:
        """Follow the functions that libraries get from the beginning: the source may take steps by computed names."""
        self._handed.is_asked = True

    def get_function_name(self, function: LocalDefinition) -> str:
        """Return the name of a function of the source; empty for a lambda."""
        node = self._definitions.get(function).node
        return "" if isinstance(node, ast.Lambda) else node.name

    def get_result(self, function: LocalDefinition) -> Value:
        """Return what a function of the source returned where its body was evaluated by itself."""
        return self._definitions.get(function).result or UNKNOWN

    def list_parameters(self, function: LocalDefinition) -> list[str]:
        """Return the names of the parameters of a function, in order."""
        node = self._definitions.get(function).node
        if isinstance(node, ast.ClassDef):
            return []
        return [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]

    def sends_parameter(self, function: LocalDefinition, parameter: str, owner: LocalDefinition | None = None) -> bool:
        """Whether a function sends a secret if one of its parameters is one; the uses go into a log of their own.

        Args:
            function: a function or method of the source.
            parameter: the name of the parameter.
            owner: the class of a method.

        Raises:
            TooDeepError: the budget is spent.
        """
        definition = self._definitions.get(function)
        if isinstance(definition.node, ast.ClassDef):
            return False
        self.log = self.recorder.log = UseLog()
        scope = Scope(definition.scope)
        self._bind_parameters(definition.node.args, function, scope)
        if owner is not None and (parameters := self.list_parameters(function)):
            scope.names[parameters[0]] = replace(owner, is_result=True)
        scope.names[parameter] = Unknown(frozenset({"secret"}))
        self._evaluate_body(definition.node, scope)
        return any(each.use == uses.SENDS_SECRET for each in self.log.iterate_uses())

    # ---- statements ----

    def evaluate_module(self, body: Sequence[ast.stmt]) -> None:
        """Evaluate statements of a module in ``scope``, and then the bodies of the functions that they define."""
        self.changes.add_body(body)
        if self._trusts_tables:
            self._restricted_unpicklers.update(restricted_unpicklers.find_restricted_unpicklers(body))
        for statement in body:
            self.budget.begin_part()
            self.evaluate_statements((statement,))
        # Bodies define further functions, and inlined calls define them again: the bounds on inlining end the queue.
        while (local := self._definitions.pop_queued()) is not None:
            self.budget.begin_part()
            state = self._save_state()
            try:
                self._evaluate_function(local)
            except (TooDeepError, RecursionError):  # raised by the default of a parameter
                self._skip(self._definitions.get(local).node, state)
        self._ask_module_hook()

    def _ask_module_hook(self) -> None:
        """Ask the ``__getattr__`` of the module for each key of its mappings, as a file does that imports the name.

        The hook returns another name of it, which the importing file may call.
        """
        hooks = [
            each
            for each in list_alternatives(self.scope.names.get("__getattr__", UNKNOWN))
            if isinstance(each, LocalDefinition) and self._definitions.get_members(each) is None
        ]
        if not hooks:  # a source of many pieces comes here after each, with all names so far
            return
        tables = [each for each in self.scope.names.values() if isinstance(each, Container) and each.keys]
        keys = dict.fromkeys(key for table in tables for key in table.keys if isinstance(key, str))
        for key in islice(keys, _MAX_ITEMS):
            state = self._save_state()
            try:
                self.budget.spend()
                found = join_values(*(self._call_function(hook, [Constant(key)], {}) for hook in hooks))
            except (TooDeepError, RecursionError):
                self._skip(self._definitions.get(hooks[0]).node, state)
                return
            for each in list_alternatives(found):
                if isinstance(each, ExternalName) and not each.is_result:
                    self.log.record(uses.MODULE_ALIAS, f"{key}={each.name}", 1)

    def evaluate_statements(self, body: Sequence[ast.stmt]) -> None:
        """Evaluate statements in order; list the lines of one that nests too deep in ``skipped``, and go on."""
        for statement in body:
            state = self._save_state()
            try:
                self.budget.spend()
                self.visit(statement)
            except (TooDeepError, RecursionError):
                self._skip(statement, state)

    def _save_state(self) -> _VisitState:
        """Return the state that an exception in the middle of a visit would leave changed."""
        return self._depth, self.log.current_function, self._results, self.scope, self.scope.journal

    def _skip(self, node: ast.stmt | ast.Lambda, state: _VisitState) -> None:
        """Continue behind a node that nests too deep or exceeds the budget, and list its lines in ``skipped``."""
        self._depth, self.log.current_function, self._results, self.scope, self.scope.journal = state
        self._look_up = None
        # Once the budget is spent, every later statement fails as well, and pays a step for it. Only those soon after
        # that point are listed: the list must not grow with the source.
        if self.budget.steps <= self.budget.max_steps + _LISTED_STEPS_BEYOND_BUDGET:
            # Lines inside of code in a text are not lines of the file.
            line = self.log.pinned_line
            self._list_skipped(line or node.lineno, line or node.end_lineno or node.lineno)

    def _list_skipped(self, first_line: int, last_line: int) -> None:
        """List lines that were not evaluated, so that their names are scanned and the bound is reported."""
        if len(self.skipped) < _MAX_SKIPPED:
            self.skipped.append((first_line, last_line))

    def visit(self, node: ast.AST) -> Any:
        """Visit a node by the method for its kind, which ``ast.NodeVisitor`` would look up by name at each visit."""
        return _VISIT_METHODS.get(type(node), Evaluator.generic_visit)(self, node)

    def generic_visit(self, node: ast.AST) -> Value | None:
        """Visit a node whose kind has no method of its own.

        Returns:
            For an expression, an unknown value with the tags of its parts. For a statement, ``None``.
        """
        if isinstance(node, ast.expr):
            return self._visit_other_expression(node)
        self._visit_other_statement(node)
        return None

    def _visit_other_statement(self, node: ast.AST) -> None:
        """Evaluate all expressions and statements in a statement without a method of its own, such as ``raise``."""
        for _, part in ast.iter_fields(node):
            if isinstance(part, ast.expr):
                self.evaluate(part)
            elif isinstance(part, list) and part and isinstance(part[0], ast.stmt):
                self.evaluate_statements(part)
            elif isinstance(part, list):
                for each in part:
                    if isinstance(each, ast.expr):
                        self.evaluate(each)
                    elif isinstance(each, ast.AST):  # a node that is neither, such as a keyword
                        self._visit_other_statement(each)

    def visit_Import(self, node: ast.Import) -> None:
        """Bind each imported module; ``import a.b`` binds ``a``."""
        for alias in node.names:
            package = alias.name.partition(".")[0]
            self.imports.setdefault(package)
            self.recorder.record_parent_packages(alias.name, node.lineno)
            self.log.record(uses.IMPORT, name_resolution.normalize_name(alias.name).name, node.lineno)
            # With ``as``, the name is bound to the module itself. Otherwise the package is bound, and the module is an
            # attribute of it.
            module = name_resolution.normalize_name(alias.name if alias.asname else package)
            self.module_values.known_modules.add(module.name)
            self.scope.bind(alias.asname or package, module)
            # The module is an attribute of this file, or of the class around, under a name that hides it.
            if alias.asname:
                self._record_alias(alias.asname, module, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Bind each imported name; a name of another file of the model is unknown."""
        module = node.module or ""
        if not node.level:
            self.imports.setdefault(module.partition(".")[0])
            self.recorder.record_parent_packages(module, node.lineno)
            self.log.record(uses.IMPORT, name_resolution.normalize_name(module).name, node.lineno)
        if any(alias.name == "*" for alias in node.names):
            self._open_names()
        for alias in node.names:
            if node.level:
                self._bind_relative_import(node, alias)
            elif alias.name == "*":
                # The names are not known here: ``visit_Name`` resolves a name that nothing else binds to each module.
                self._star_imports.append(name_resolution.normalize_name(module).name)
            else:
                imported = name_resolution.normalize_name(f"{module}.{alias.name}")
                self.log.record(uses.REFERENCE, imported.name, node.lineno, IMPORTED)
                self.scope.bind(alias.asname or alias.name, imported)
                self._record_lookup(alias.asname or alias.name, imported, node.lineno)
                if alias.asname and imported.name in self.module_values.known_modules:
                    self._record_alias(alias.asname, imported, node.lineno)
            for name, value in list_imported(self._shared, module, alias.name):
                is_named = alias.name != "*" or (isinstance(value, ExternalName) and not value.name.endswith(name))
                if is_named and isinstance(value, ExternalName) and value.name in LOOKUPS:
                    self.log.record(uses.HANDS_ON, value.name, node.lineno, f"taken from {module or 'a file'}")
                # In place of the unknown name: a text beside it would not be used as a constant.
                self.scope.names[alias.asname or name] = value

    def _open_names(self) -> None:
        """Open each text of the scope, and each name of a known module, which a star import may bind again."""
        for name, value in list(self.scope.names.items()):
            module = WELL_KNOWN_MODULES.get(name)
            again = value if module is None else join_values(value, ExternalName(module))
            self.scope.names[name] = open_constant(again)

    def _bind_relative_import(self, node: ast.ImportFrom, alias: ast.alias) -> None:
        """Bind a name that is imported from another file of the model, and keep the line of the import."""
        self.relative_imports.setdefault((node.level, node.module or alias.name), node.lineno)
        self._sibling_names[alias.asname or alias.name] = alias.name
        path = f"{node.module}.{alias.name}" if node.module else alias.name
        self._record_sibling(path, alias.asname or alias.name, node.lineno)
        # The contents of another file are as unknown to this source as those of a data file. A module such as os is the
        # same, whichever file it is imported from.
        is_well_known = alias.name in WELL_KNOWN_MODULES
        sibling_tags = frozenset({"file", f"{SIBLING_TAG}{alias.name}"})
        value = ExternalName(WELL_KNOWN_MODULES[alias.name]) if is_well_known else Unknown(sibling_tags)
        # The other file may be this one.
        finders = () if is_well_known else self._definitions.list_finders(alias.name)
        self.scope.bind(alias.asname or alias.name, join_values(value, *finders))

    def _record_sibling(self, path: str, name: str, line: int) -> None:
        """Record that a name of this file is one of another file of the model: ``helper.s``, or ``helper`` itself."""
        self.module_values.imports_siblings = True
        self.log.record(uses.MODULE_ALIAS, f"{name}=.{path}", line)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Assign one value to each target."""
        self.recorder.act = node
        values_before = len(self.module_values.latest_values)
        is_name = all(isinstance(target, ast.Name) for target in node.targets)
        value = self._evaluate_followed(node.value) if is_name else self.evaluate(node.value)
        for target in node.targets:
            if evaluated_texts.annotates_script(target, node.value) and self.scope.look_up("__torch__") is None:
                continue
            self._assign_target(target, value)
            if isinstance(target, ast.Name):
                self._record_lookup(target.id, value, node.lineno)
                if target.id == _ANNOTATIONS:
                    self._assign_annotations(node.value, value)
        if len(self.module_values.latest_values) > values_before:
            for target in node.targets:
                self._record_holders(target, values_before)
        if self._sibling_names:
            self._follow_sibling(node)

    def _follow_sibling(self, node: ast.Assign) -> None:
        """Follow ``name = value`` where the value comes from another file of the model."""
        sibling_name = self._find_sibling_name(node.value)
        for target in node.targets:
            if sibling_name and isinstance(target, ast.Name):
                self._sibling_names[target.id] = sibling_name

    def _record_holders(self, holder: ast.expr, values_before: int) -> None:
        """Record that a name or attribute may hold the modules that were used as values since ``values_before``.

        Other files of the model can import the name and take the module from it.
        """
        for module in dict.fromkeys(self.module_values.latest_values[values_before:]):
            root, path = _split_access(holder)
            for name in ([root.id] if isinstance(root, ast.Name) else []) + path:
                self.log.record(uses.MODULE_ALIAS, f"{name}={module}", holder.lineno)

    def _record_lookup(self, name: str, value: Value, line: int) -> None:
        """Record a name of this file for a function that looks names up; other files can import it."""
        if isinstance(value, ExternalName) and value.name in LOOKUPS:
            self.log.record(uses.MODULE_ALIAS, f"{name}={value.name}", line)

    def _record_alias(self, name: str, module: ExternalName, line: int) -> None:
        """Record a second name of a module, under which others reach it as an attribute of this file or of a class."""
        self.log.record(uses.MODULE_ALIAS, f"{name}={module.name}", line)
        if module.name in WELL_KNOWN_MODULES:
            self._keep_attribute(name, module)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Assign with an annotation, which is evaluated first."""
        self.recorder.act = node
        self._evaluate_annotation(node.annotation)
        if node.value is not None:
            self._assign_target(node.target, self.evaluate(node.value))
        elif not isinstance(node.target, ast.Name):
            # Without a value Python still evaluates the object and the key: ``items[run()]: int`` calls ``run``.
            self.evaluate(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Assign the result of an operator to a name, as if it were written ``name = name + value``."""
        self.recorder.act = node
        if isinstance(node.target, ast.Name):
            # A synthetic operator node takes the way of a written one: ``name += "tem"`` folds like ``name + "tem"``.
            current_value = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
            operation = ast.copy_location(ast.BinOp(current_value, node.op, node.value), node)
            result = self.evaluate(operation)
            # A constant replaces all earlier values of the name: ``bind`` would keep callables beside it.
            if isinstance(node.op, ast.BitOr) and self._is_own_namespace(self.scope.look_up(node.target.id) or UNKNOWN):
                self._bind_own_names("update", [self._evaluate_unrecorded(node.value)], {})
            self.scope.bind(node.target.id, result)
            if isinstance(result, Constant) and node.target.id in self.scope.names:
                self.scope.names[node.target.id] = result
        else:
            # An attribute or item is read before it is assigned: ``items[run()] += 1`` calls ``run``. Its new value is
            # not kept: only callables are followed through attributes, and operators rarely return one.
            target, value = self.evaluate(node.target), self.evaluate(node.value)
            self.recorder.record_handed_modules(Call("*.__iadd__", (value,), {}, node.lineno))
            if isinstance(node.target, ast.Subscript) and isinstance(node.op, ast.Add):
                owner = self._evaluate_unrecorded(node.target.value)
                if isinstance(owner, ExternalName) and owner.name in ("os.environ", "os.environb"):
                    key = self._evaluate_unrecorded(node.target.slice)
                    self.recorder.record_variable(_get_text(key) or None, value, node.lineno)
            if isinstance(target, ExternalName):
                self.recorder.record_module_places(target.name, value, node.lineno)
            if isinstance(target, ExternalName) and isinstance(node.op, ast.BitOr):
                # ``os.environ |= {…}`` sets each of the variables.
                call = Call(f"{target.name}.update", (value,), {}, node.lineno)
                self.recorder.record_environment(call)
                self.recorder.record_namespace_call(call)
                self.recorder.record_settings(call)
                if target.name == "sys.modules":
                    self.recorder.record_module_items(call)

    def _assign_target(self, target: ast.expr, value: Value) -> None:
        """Assign a value to a target: a name, an attribute, an item, or a tuple of targets, which get its items."""
        if isinstance(target, ast.Name):
            self._note_outer(target.id, value)
            self.scope.bind(target.id, value)
            self.recorder.record_module_places(target.id, value, target.lineno)
        elif isinstance(target, ast.Starred):
            self._assign_target(target.value, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack_value(target.elts, value)
        elif isinstance(target, ast.Attribute):
            self._assign_attribute(target, value)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value)

    def _note_outer(self, name: str, value: Value) -> None:
        """Note that ``global`` or ``nonlocal`` makes an assignment leave steps of a walk in a scope around."""
        if name in self.scope.nonlocal_names or name in self.scope.global_names:
            self._held.note(name, value)

    def _unpack_value(self, targets: Sequence[ast.expr], value: Value) -> None:
        """Assign the items of a value to several targets; those behind a starred one count from the end."""
        starred = next((at for at, each in enumerate(targets) if isinstance(each, ast.Starred)), None)
        for index, target in enumerate(targets):
            if index == starred:
                items = sequence_calls.list_items(value)
                rest = items[index : len(items) - (len(targets) - index - 1)] if items else (value,)
                # Without known items, one container with all of them is any selection of them.
                self._assign_target(target, Container(tuple(rest), is_open=items is None))
                continue
            key = Constant(index if starred is None or index < starred else index - len(targets))
            item = (
                keep_open(constant_folding.fold_item(value, key), value)
                if isinstance(value, Constant)
                else name_resolution.resolve_item(value, key)
                if not isinstance(value, Container) or not value.keys
                else sequence_calls.take_any(value)
            )
            self._assign_target(target, item or UNKNOWN)

    def _assign_attribute(self, target: ast.Attribute, value: Value) -> None:
        """Keep the value of an attribute, and record the assignment if it changes another module or a function."""
        for each in list_alternatives(self._evaluate_followed(target.value)):
            self._rebind_member(each, target.attr, value)
            self._keep_added(each, target.attr, value)
            if isinstance(each, ExternalName) and not each.is_result:
                overwritten = name_resolution.resolve_attribute(each, target.attr)
                self.recorder.record_overwrite(overwritten, target.lineno, value)
            else:
                self.recorder.record_module_places(f"*.{target.attr}", value, target.lineno)
        self.recorder.record_passed_namespace(value, target.lineno)
        self.recorder.record_kept_namespace(value, target.lineno)
        # New bytecode in a function runs at its next call, wherever that is.
        if target.attr in ("__code__", "func_code"):
            self.log.record(uses.CALL, "*.__code__[=]", target.lineno)
        if target.attr == _ANNOTATIONS:
            self._record_annotations(value, target.lineno)
        self._record_handed_finders(UNKNOWN, (value,), target.lineno)
        self._keep_attribute(target.attr, value)
        self._hold_functions(target.value, (value,))

    def _record_annotations(self, value: Value, line: int) -> None:
        """Record that a class, a function or a module gets annotations, and that some may be texts of code."""
        self.recorder.record_namespace_call(Call(f"*.{_ANNOTATIONS}.update", (value,), {}, line))

    def _assign_annotations(self, node: ast.expr, value: Value) -> None:
        """Record the texts in the annotations that a class or a module assigns as a whole."""
        if not isinstance(node, ast.Dict):
            self._record_annotations(value, node.lineno)
            return
        for each in node.values:
            self._judge_types(each, self._evaluate_unrecorded(each))

    def _keep_attribute(self, name: str, value: Value) -> None:
        """Keep the value of an attribute, if it can be called or has items, which may be called."""
        if any(is_sensitive(each) or may_be_called(each) for each in list_alternatives(value)):
            self._attributes[name] = merge_binding(self._attributes.get(name), value)
            if STEP in collect_tags(value):
                self._stepped_attributes.add(name)
                self._held.note(name, value)

    def _assign_item(self, target: ast.Subscript, value: Value) -> None:
        """Keep a callable that is assigned to an item, and record items of the environment and of namespaces."""
        mapping = self.evaluate(target.value)
        if not isinstance(mapping, Container):
            self._hold_functions(target.value, (value,))
        key = self.evaluate(target.slice)
        self._record_handed_finders(UNKNOWN, (value,), target.lineno)
        if walks.OWN_MODULE in collect_tags(mapping):
            self._bind_own_name(_get_text(key), value)
        key_text = str(key.value) if isinstance(key, Constant) and isinstance(key.value, str) else None
        self.recorder.record_module_places(f"*.{key_text or ''}", value, target.lineno)
        self.recorder.record_trust_item(key, value, target.lineno)
        for each in list_alternatives(mapping):
            if not isinstance(each, ExternalName):
                continue
            self.recorder.record_setting(each.name, key_text, value, target.lineno)
            if each.name in ("os.environ", "os.environb"):
                self.recorder.record_variable(key.value if isinstance(key, Constant) else None, value, target.lineno)
                self._configured_packages |= partial_texts.find_configured_package(key_text or "", value)
            elif each.name.endswith((".__dict__", ".__annotations__")) and each.name != "builtins.__dict__":
                call = Call(f"{each.name}.__setitem__", (key, value), {}, target.lineno)
                self.recorder.record_namespace_call(call)
            elif each.name == "sys.modules":
                self.recorder.record_module_items(Call("sys.modules.__setitem__", (key, value), {}, target.lineno))
            elif each.name in ("builtins", "builtins.__dict__", "*.__builtins__"):
                self.log.record(uses.OVERWRITE, f"builtins.{key_text or '*'}[=]", target.lineno)
            elif each.name in _OWN_NAMESPACES | _FOUND_NAMESPACES:
                self._bind_own_name(key_text, value)
        self.recorder.record_passed_namespace(value, target.lineno)
        self.recorder.record_kept_namespace(value, target.lineno)
        self._taint_owner(target.value, (value,))
        self._keep_item(target.value, mapping, key, value)

    def _keep_item(self, target: ast.expr, old_value: Value, key: Value, value: Value) -> None:
        """Keep the value of a name after the source set an item of it; of an attribute, only walked values."""
        if STEP in collect_tags(value):
            self._fill(target, old_value, (value,))
            if _is_namespace_of_object(target) and (name := _get_text(key)):
                self._keep_attribute(name, value)
        if isinstance(target, ast.Name):
            self._set_item(target.id, old_value, key, value)

    def _set_item(self, name: str, old_value: Value, key: Value, value: Value) -> None:
        """Keep what a variable holds after one of its items was set."""
        replaced = sequence_calls.replace_item(old_value, key, value)
        if replaced is not None:
            self.scope.bind(name, replaced)
        elif isinstance(old_value, Constant):
            self.scope.bind(name, UNKNOWN)
        elif not isinstance(old_value, ExternalName):
            self._add_item(name, old_value, key, value)

    def _bind_own_name(self, name: str | None, value: Value) -> None:
        """Bind a name by the namespace of the module: ``globals()["run"] = os.system``.

        Without a known name, each text of the module may be bound to the value, unless that is a function or a class.
        """
        module = self.scope.find_module()
        if name == _ANNOTATIONS:
            self._record_annotations(value, 1)
        if name:
            self.changes.mark_changed(name)
            self.scope.bind(name, value)
            module.rebind(name, value)
            return
        if isinstance(value, Unknown) and value.tags.isdisjoint({"module", "member"}):
            for held, text in module.names.items():
                if isinstance(text, Constant) and isinstance(text.value, str):
                    module.rebind(held, value)

    def _rebind_member(self, owner: Value, name: str, value: Value) -> None:
        """Keep that a name of the module itself, or a text of one of its classes, gets another value."""
        if isinstance(owner, Unknown) and walks.OWN_MODULE in owner.tags:
            self._bind_own_name(name, value)
        members = self._definitions.get_members(owner) if isinstance(owner, LocalDefinition) else None
        if members is not None and isinstance(members.names.get(name), Constant):
            members.rebind(name, value)

    def _open_own_names(self, call: Call) -> None:
        """Open each text of the module if a function of a library gets the module itself, whose names it may bind."""
        if call.name.startswith(_READERS_OF_MODULES):
            return
        for value in (*call.args, *call.keywords.values()):
            for each in list_alternatives(value):
                held = self._definitions.get(each).result if isinstance(each, LocalDefinition) else each
                tags = collect_tags(held) if isinstance(held, Unknown) else frozenset()
                if tags >= _OWN_MODULE_TAGS or (isinstance(each, ExternalName) and each.name in _OWN_NAMESPACES):
                    self._bind_own_name(None, UNKNOWN)
                    return

    def _bind_own_names(self, method: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> None:
        """Bind names by a method of the namespace of the module: ``globals().update(run=os.system)``."""
        if method in NAMESPACE_SETTERS:
            for key, value in list_set_items(Call(method, args, keywords, 0)):
                self._bind_own_name(key if isinstance(key, str) else None, value)

    def _add_item(self, name: str, old_value: Value, key: Value, value: Value) -> None:
        """Keep a callable that is stored in a mapping, so that a later call of the item is resolved.

        The variable ``name``, whose value was ``old_value``, is bound to a mapping with the item ``key``.
        """
        # Items of a list are not lost: ``bind`` keeps an older container beside the new mapping.
        containers = [each for each in list_alternatives(old_value) if isinstance(each, Container)]
        mapping = containers[0] if containers and containers[0].keys else Container(())
        alternatives = list_alternatives(value)
        is_kept = any(may_be_called(each) and not isinstance(each, Container) for each in alternatives)
        is_kept = is_kept or STEP in collect_tags(value)
        # A text in the place of another one.
        is_kept = is_kept or any(isinstance(each, Constant) and isinstance(each.value, str) for each in mapping.values)
        if len(mapping.values) >= _MAX_KEYED_ITEMS or (containers and not containers[0].keys and containers[0].values):
            self.changes.mark_changed(name)
        if len(mapping.values) < _MAX_KEYED_ITEMS and is_kept:
            known_key = key.value if isinstance(key, Constant) else None
            self.scope.bind(name, Container((*mapping.values, value), (*mapping.keys, known_key)))

    def visit_Delete(self, node: ast.Delete) -> None:
        """Unbind a name that shadows a builtin; other names keep their values."""
        # After ``del open`` the name means the builtin again. Of another name the deletion may never run.
        for each in node.targets:
            if not isinstance(each, ast.Name):
                self.evaluate(each)
            elif each.id in BUILTINS:
                self.scope.names.pop(each.id, None)
            else:
                self._keep_outer_value(each.id)

    def _keep_outer_value(self, name: str) -> None:
        """Keep that a name may mean that of a scope around again: after ``del``, or behind ``except … as``."""
        outer, held = self.scope.look_up_around(name), self.scope.names.get(name)
        if outer is not None and held is not None:
            self.scope.bind(name, join_choices(held, outer))

    def visit_Global(self, node: ast.Global) -> None:
        """Let later bindings of these names go to the module."""
        self.scope.global_names.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        """Let later bindings of these names go to the enclosing function."""
        self.scope.nonlocal_names.update(node.names)

    def visit_Expr(self, node: ast.Expr) -> None:
        """Evaluate an expression statement; a constant by itself, such as a docstring, has no effect."""
        if not isinstance(node.value, ast.Constant):
            values_before = len(self.module_values.latest_values)
            self.evaluate(node.value)
            if len(self.module_values.latest_values) > values_before:
                self._record_holders(node.value, values_before)

    def visit_Return(self, node: ast.Return) -> None:
        """Keep the value as a result of the function."""
        if node.value is not None:
            values_before = len(self.module_values.latest_values)
            self._keep_result(self.evaluate(node.value))
            for module in self.module_values.latest_values[values_before:]:
                self.log.record(uses.MODULE_ALIAS, f"{self._function_name}={module}", node.lineno)

    def _keep_result(self, value: Value) -> None:
        """Keep a value that the function under evaluation returns or yields, up to ``_MAX_RESULTS``."""
        if len(self._results) < _MAX_RESULTS:
            self._results.append(value)

    # ---- branches and loops ----

    def visit_If(self, node: ast.If) -> None:
        """Visit both branches; a chain of ``elif`` is a loop, so that it costs no level of depth for each."""
        while True:
            self._evaluate_followed(node.test)
            outer_function = self.log.current_function
            # An import does not run the code below this test, whose calls are therefore kept apart.
            if outer_function == uses.MODULE and self._is_main_test(node.test):
                self.log.current_function = uses.MAIN
            with self._narrow_names(node.test):
                self._evaluate_branch(node.body)
            self.log.current_function = outer_function
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                break
            node = node.orelse[0]
        self._evaluate_branch(node.orelse)

    @contextmanager
    def _narrow_names(self, test: ast.expr) -> Iterator[None]:
        """Give each unknown name that ``test`` compares with a constant this constant, within the context."""
        narrowed: dict[str, tuple[Constant, Value | None]] = {}
        for name, other in comparisons.find_equated_names(test):
            value = self.scope.look_up(name)
            if not isinstance(value, Unknown) and not (isinstance(value, ExternalName) and value.is_result):
                continue
            constant = self._evaluate_unrecorded(other)
            if isinstance(value, ExternalName) and value.name == "builtins.dir":
                self._record_taken_text(constant, other.lineno)
            if isinstance(constant, Constant) and isinstance(constant.value, str):
                narrowed[name] = constant, self.scope.names.get(name)
                self.scope.names[name] = constant
        scope = self.scope
        yield
        for name, (constant, value_before) in narrowed.items():
            if scope.names.get(name) is not constant:
                continue
            if value_before is None:
                del scope.names[name]
            else:
                scope.names[name] = value_before

    def _is_main_test(self, test: ast.expr) -> bool:
        """Whether ``test`` is ``__name__ == "__main__"``, and the source does not itself bind ``__name__``."""
        match test:
            case ast.Compare(
                left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]
            ):
                return self.scope.look_up("__name__") is None
        return False

    def _evaluate_branch(self, body: list[ast.stmt], may_stop: bool = False) -> None:
        """Evaluate statements that may not run, or, with ``may_stop``, may end after any of them."""
        with self._keep_earlier_values(may_stop):
            self.evaluate_statements(body)

    @contextmanager
    def _keep_earlier_values(self, may_stop: bool = False) -> Iterator[None]:
        """Keep, for each name that the context binds, the earlier constants as alternatives.

        A constant follows its latest binding. So ``if False: name = "harmless"`` would hide the value that is used.

        Args:
            may_stop: whether the statements may end after any of them, by an error or a ``break``, so that the values
                between the first and the last are alternatives too.
        """
        with self._keep_journal() as journal:
            yield
            self._join_earlier_values(journal, may_stop)

    @contextmanager
    def _keep_journal(self) -> Iterator[list[tuple[str, Value | None]]]:
        """Keep a journal of the names that the context binds in the scope."""
        scope = self.scope
        outer_journal, scope.journal = scope.journal, []
        journal = scope.journal
        yield journal
        # A branch around this one has to see these bindings as its own.
        if outer_journal is not None:
            outer_journal += journal
        scope.journal = outer_journal

    def _join_earlier_values(self, journal: Sequence[tuple[str, Value | None]], may_stop: bool) -> None:
        """Give each name of a journal its earlier constants as alternatives, see ``_keep_earlier_values``."""
        names = self.scope.names
        earlier: dict[str, list[Value | None]] = {}
        for name, value in journal:
            values = earlier.setdefault(name, [])
            if may_stop or not values:
                values.append(value)
        for name, values in earlier.items():
            kept = [each for each in values if type(each) in _KEPT and each is not None]
            if kept and name in names:
                names[name] = keep_constants(names[name], kept)
            # The name of a builtin may still mean the builtin.
            if values[0] is None and name in BUILTINS and name in names:
                names[name] = join_values(names[name], ExternalName(f"builtins.{name}"))

    def visit_Raise(self, node: ast.Raise) -> None:
        """Keep the walked values that an error carries to its handler."""
        for part in (node.exc, node.cause):
            raised = [self.evaluate(part)] if part is not None else []
            raised += map(self._evaluate_unrecorded, part.args) if isinstance(part, ast.Call) else ()
            for each in raised:
                self._held.note("(error)", each)
                self._held.raised |= blind_steps.collect_steps(each)

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        """Visit the body, each handler and ``else`` as branches; ``finally`` always runs."""
        self._evaluate_branch(node.body, may_stop=True)
        for handler in node.handlers:
            if handler.type is not None:
                self.evaluate(handler.type)
            with self._keep_earlier_values():
                if handler.name is not None:
                    self.scope.bind(handler.name, Unknown(self._held.raised))
                self.evaluate_statements(handler.body)
                if handler.name is not None:
                    self._keep_outer_value(handler.name)
        self._evaluate_branch(node.orelse)
        self.evaluate_statements(node.finalbody)

    visit_TryStar = visit_Try

    def visit_While(self, node: ast.While) -> None:
        """Visit the body once. A name that grows in it is unknown, because the number of rounds is unknown."""
        left = self.count_left_steps()
        self.evaluate(node.test)
        for name in self._loops.find_names(node.body).augmented:
            self.scope.names[name] = UNKNOWN
        self._forget_carried_texts(node.body)
        before = self._find_carried_values(node.body)
        self._evaluate_branch(node.body, may_stop=True)
        if self._goes_on_walking(self._loops.find_names(node.body).carried) or self._carries_texts(node.body, before):
            self._evaluate_branch(node.body, may_stop=True)
        for _ in self.list_step_rounds(self._loops.find_names(node.body).stepped, left):
            self._evaluate_branch(node.body, may_stop=True)
        self._evaluate_branch(node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Unroll a short loop over known items; visit the body of any other once."""
        left = self.count_left_steps()
        self.recorder.act = node
        iterable = self.evaluate(node.iter)
        iterable = self._call_method(iterable, ("__iter__", "__aiter__"), []) or iterable
        items = None
        if isinstance(iterable, Constant) and constant_folding.measure_constant(iterable) <= _MAX_UNROLLED_LOOP:
            items = constant_folding.iterate_constant(iterable)
        # Loops that decode a text character by character have short bodies. A long body costs too much in each round.
        # An empty list may be filled under another name, so that its loop is visited like one over unknown items.
        if isinstance(iterable, Constant) and items and len(node.body) <= _MAX_LOOP_STATEMENTS:
            self._run_rounds(node, items, iterable)
        elif isinstance(iterable, Container) and len(iterable.values) <= _MAX_UNROLLED_LOOP and not iterable.keys:
            # ``for run in (os.system, print)``: each callable gets a round of its own.
            with self._keep_earlier_values(may_stop=True):
                for value in iterable.values[:_MAX_LOOP_VALUES]:
                    self._assign_target(node.target, open_constant(value) if iterable.is_open else value)
                    self.evaluate_statements(node.body)
                if len(iterable.values) > _MAX_LOOP_VALUES:
                    self._assign_target(node.target, name_resolution.resolve_item(iterable, UNKNOWN))
                    self.evaluate_statements(node.body)
                # One item may stand for several.
                for _ in self.list_step_rounds(self._loops.find_names(node.body).stepped, left):
                    self.evaluate_statements(node.body)
        else:
            # One round with a value that may be any of the items.
            self._forget_carried_texts(node.body)
            before = self._find_carried_values(node.body)
            with self._keep_earlier_values(may_stop=True):
                self._assign_target(node.target, self._take_any(iterable))
                self.evaluate_statements(node.body)
                if self._goes_on_walking(self._loops.find_names(node.body).carried) or self._carries_texts(
                    node.body, before
                ):
                    self.evaluate_statements(node.body)
                for _ in self.list_step_rounds(self._loops.find_names(node.body).stepped, left):
                    # The list may have grown, and an iterator goes on.
                    self._assign_target(node.target, self._take_any(self._evaluate_unrecorded(node.iter)))
                    self.evaluate_statements(node.body)
        self._evaluate_branch(node.orelse)

    visit_AsyncFor = visit_For

    def _take_any(self, iterable: Value) -> Value:
        """Return any item of a value; an iterator of the source is asked for its next one."""
        iterable = self._call_method(iterable, ("__iter__", "__aiter__"), []) or iterable
        return self._call_method(iterable, ("__next__", "__anext__"), []) or sequence_calls.take_any(iterable)

    def _forget_carried_texts(self, body: list[ast.stmt]) -> None:
        """Forget the texts that an unknown number of rounds makes of themselves: ``name = name[1:]``."""
        for name in self._loops.find_names(body).carried:
            if isinstance(self.scope.names.get(name), Constant):
                self.scope.names[name] = UNKNOWN

    def _run_rounds(self, node: ast.For | ast.AsyncFor, items: Sequence[PlainValue], iterable: Constant) -> None:
        """Evaluate the rounds of a loop over known items, up to the one that a known test makes the last."""
        provenance = max(iterable.provenance, Provenance.COMPUTED)
        # Which round is the last is not known where an unknown test, or an error, ends a round.
        self._is_round_open = False
        with self._keep_journal() as journal:
            for item in items:
                self._assign_target(node.target, Constant(item, provenance, iterable.is_open))
                if self._run_round(node.body) is ast.Break:
                    break
            if self._is_round_open or loop_names.may_end_inside(node.body):
                self._join_earlier_values(journal, may_stop=True)

    def _run_round(self, body: Sequence[ast.stmt]) -> type[ast.stmt] | None:
        """Evaluate one round of a loop as far as it runs; return ``ast.Break`` or ``ast.Continue`` if one ends it.

        A branch that the known test of a round excludes is evaluated for its uses, and leaves the names as they were.
        """
        for statement in body:
            if isinstance(statement, ast.Break | ast.Continue):
                return type(statement)
            if not isinstance(statement, ast.If) or not loop_names.ends_round(statement):
                self.evaluate_statements((statement,))
                continue
            test = self.evaluate(statement.test)
            if not isinstance(test, Constant) or test.is_open:
                # Each text of the loop may be one of an earlier or a later round.
                self._is_round_open = True
                self.evaluate_statements((statement,))
                changed = loop_names.find_loop_names(body)
                for name in changed.augmented | changed.carried:
                    self.scope.names[name] = UNKNOWN
                continue
            taken, excluded = statement.body, statement.orelse
            if not test.value:
                taken, excluded = excluded, taken
            names = dict(self.scope.names)
            self.evaluate_statements(excluded)
            self.scope.names.clear()
            self.scope.names.update(names)
            end = self._run_round(taken)
            if end is not None:
                return end
        return None

    def _find_carried_values(self, body: list[ast.stmt]) -> dict[str, Value]:
        """Return the values of the names that a round of a loop reads before it binds them."""
        names = self.scope.names
        return {name: names[name] for name in self._loops.find_names(body).late if name in names}

    def _carries_texts(self, body: list[ast.stmt], before: Mapping[str, Value]) -> bool:
        """Whether a round has changed such a name to, or from, a text, so that the next round reads another value."""
        after = self._find_carried_values(body)
        changed = [
            each for name in after if before.get(name) != after[name] for each in (before.get(name), after[name])
        ]
        return any(is_text(each) for value in changed if value is not None for each in list_alternatives(value))

    def _goes_on_walking(self, carried: Iterable[str]) -> bool:
        """Whether a round of a loop has left a step of a walk in a name from which the next round goes on.

        ``for name in names: found = getattr(found, name)`` takes its second step only in its second round.
        """
        for name in carried:
            values = (self.scope.look_up(name), self._attributes.get(name))
            if any(walks.is_walk(collect_tags(each)) for each in values if each is not None):
                return True
        return False

    def count_left_steps(self) -> int:
        """Count the steps of walks that functions have left around them."""
        return len(self._held.found)

    def list_step_rounds(self, names: Iterable[str], left: int) -> Iterator[None]:
        """Yield once for each further round in which names or attributes may be taken further steps.

        ``for name in names: found = getattr(found, name) if hasattr(found, name) else found[name]`` reaches in the
        third round what no round before shows. So does a function that leaves its step in a name around it.

        Args:
            names: those that the rounds change.
            left: the count of steps that were left around functions before the first round.
        """
        before: frozenset[str] = frozenset()
        for _ in range(_MAX_STEP_ROUNDS):
            values = (each for name in names for each in (self.scope.look_up(name), self._attributes.get(name)))
            steps = frozenset().union(*(blind_steps.collect_steps(each) for each in values if each is not None))
            if steps <= before and len(self._held.found) == left:
                return
            before, left = steps, len(self._held.found)
            yield

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """Bind the result of ``__enter__``; a manager of another module is assumed to return itself."""
        for item in node.items:
            manager = self.evaluate(item.context_expr)
            value = self._call_method(manager, ("__enter__", "__aenter__"), []) or manager
            if isinstance(value, Container) and value.values:  # of ``contextlib.contextmanager``
                value = join_choices(value, *value.values)
            if item.optional_vars is not None:
                self._assign_target(item.optional_vars, value)
        # A manager may end the body: ``contextlib.suppress``.
        self._evaluate_branch(node.body, may_stop=True)

    visit_AsyncWith = visit_With

    def visit_Match(self, node: ast.Match) -> None:
        """Visit each case as a branch; a capture pattern is bound to the subject, or to some part of it."""
        subject = self.evaluate(node.subject)
        for case in node.cases:
            with self._keep_earlier_values(may_stop=case.guard is not None):
                for name, value in match_patterns.list_captured(self, case.pattern, subject, node.lineno):
                    self.scope.bind(name, value)
                if case.guard is not None:
                    self.evaluate(case.guard)
                self.evaluate_statements(case.body)

    def list_matched_names(self, matched_class: Value, line: int) -> Sequence[Value]:
        """List the names in ``__match_args__`` of a class of the source, as far as they are known."""
        members = self._definitions.get_members(matched_class)
        if members is None or not isinstance(matched_class, LocalDefinition):
            return ()
        definition = self._definitions.get(matched_class)
        if "__match_args__" in members.names:
            listed = self._resolve_attribute(matched_class, "__match_args__", line)
            return () if isinstance(listed, Constant) and listed.is_open else sequence_calls.list_items(listed) or ()
        inherited = (names for each in definition.bases if (names := self.list_matched_names(each, line)))
        # A decorator such as ``dataclass`` lists the fields.
        fields = _list_generated_fields(definition.node) if isinstance(definition.node, ast.ClassDef) else []
        return next(inherited, ()) or [Constant(each) for each in fields]

    # ---- functions and classes ----

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Define a function: defaults, annotations and decorators run now, the body later."""
        args = node.args
        defaults = self._evaluate_defaults(args)
        if node.returns is not None:
            self._evaluate_annotation(node.returns)
        for parameter in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
            if parameter is not None and parameter.annotation is not None:
                self._evaluate_annotation(parameter.annotation)
        function = self._add_definition(node)
        self._definitions.get(function).add_defaults(defaults)
        # A decorator is called with the function, so that ``@atexit.register`` and the like count as calls.
        self.scope.bind(node.name, self._apply_decorators(node.decorator_list, function))

    visit_AsyncFunctionDef = visit_FunctionDef

    def _evaluate_defaults(self, args: ast.arguments) -> dict[str, Value]:
        """Evaluate the defaults of parameters, which run with the definition and not with a call."""
        # Defaults belong to the last positional parameters, so that the two lists are paired from their ends.
        positional = zip(reversed((*args.posonlyargs, *args.args)), reversed(args.defaults), strict=False)
        pairs = (*positional, *zip(args.kwonlyargs, args.kw_defaults, strict=True))
        return {parameter.arg: self.evaluate(default) for parameter, default in pairs if default is not None}

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Define a class: its body runs now, in a namespace of its own."""
        is_restricted = self.scope.parent is None and node.name in self._restricted_unpicklers
        bases = (UNKNOWN,) if is_restricted else tuple(map(self._evaluate_base, node.bases))
        keywords = {each.arg or "": self.evaluate(each.value) for each in node.keywords}
        if self._sibling_names:
            self._follow_sibling_bases(node)
        if is_restricted:
            tables = " ".join(sorted(self._restricted_unpicklers[node.name]))
            self.log.record(uses.CLOSED_UNPICKLER, f"{node.name}={tables}", node.lineno)
        elif restricted_unpicklers.may_replace_lookup(node, bases):
            self.log.record(uses.REFERENCE, "pickle.Unpickler", node.lineno, "by its method find_class")
        members = Scope(self.scope, is_class=True)
        class_value = self._add_definition(node, members)
        self._definitions.get(class_value).bases = bases
        # The metaclass is called to make the class: ``class A(metaclass=exec)`` runs something.
        if "metaclass" in keywords:
            self.call_value(keywords["metaclass"], [], {}, node.lineno)
        with self._enter_scope(members):
            self.evaluate_statements(node.body)
        for name in _list_generated_fields(node):
            default = members.names.get(name)
            if isinstance(default, Constant):  # in its place a caller may pass anything
                members.names[name] = replace(default, is_open=True)
        # ``class A: run = os.system`` makes ``run`` callable on objects whose class is unknown where they are used.
        for name, value in members.names.items():
            if any(isinstance(each, ExternalName | PartialCall | Unknown) for each in list_alternatives(value)):
                self._keep_attribute(name, value)
            if name.startswith("__"):  # Python calls it by itself, without its name
                self.recorder.record_callback(value, node.lineno, only_found=True)
        self._record_metaclass_hooks(bases, members)
        self.scope.bind(node.name, self._apply_decorators(node.decorator_list, class_value))

    def _evaluate_base(self, node: ast.expr) -> Value:
        """Evaluate a base of a class; ``object`` is in the class tree of each, and does not count as a use of it."""
        is_root = isinstance(node, ast.Name) and node.id == "object"
        return self._evaluate_unrecorded(node) if is_root else self.evaluate(node)

    def _follow_sibling_bases(self, node: ast.ClassDef) -> None:
        """Follow attributes of ``self`` in a class that inherits them from another file of the model."""
        if not any(map(self._find_sibling_name, node.bases)):
            return
        for method in node.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.args.args:
                self._sibling_names.setdefault(method.args.args[0].arg, _INHERITED)

    def _record_metaclass_hooks(self, bases: Sequence[Value], members: Scope) -> None:
        """Record that the methods of a metaclass run with each class statement that uses it, here or elsewhere."""
        if not any(isinstance(each, ExternalName) and each.name == "builtins.type" for each in bases):
            return
        for name in ("__new__", "__init__", "__call__"):
            for each in list_alternatives(members.names.get(name, UNKNOWN)):
                if isinstance(each, LocalDefinition):
                    self.log.record_implied_call(self.log.current_function, each.number)

    def _add_definition(self, node: DefinitionNode, members: Scope | None = None) -> LocalDefinition:
        """Number a function, lambda or class, and record that Python calls it if it is a hook.

        ``members`` is the namespace of a class, and ``None`` for a function.
        """
        definition = self._definitions.add(node, self.scope, members, self._inline_depth > 0)
        name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        self.log.register_definition(name, definition.number)
        self.log.record_store_reads(definition.number, self.kept.readers.get(node, ()))
        # Python calls these by itself: class hooks with a class statement, the others when the module is asked for a
        # name that it does not hold.
        is_module_hook = name in ("__getattr__", "__dir__") and self.scope.parent is None
        if name in name_tables.CLASS_HOOKS or is_module_hook:
            self.log.record_implied_call(self.log.current_function, definition.number)
        return definition

    def _apply_decorators(self, decorators: list[ast.expr], definition: LocalDefinition) -> Value:
        """Call each decorator with the definition, the innermost first.

        Returns:
            The definition itself, and beside it the callables that the decorators return in its place.
        """
        decorated: Value = definition
        for decorator in reversed(decorators):
            callee = self.evaluate(decorator)
            for each in list_alternatives(callee):
                if isinstance(each, ExternalName) and each.name in _PROPERTY_DECORATORS:
                    self._definitions.get(definition).is_property = True
            if callbacks.is_caller(callee):
                self.log.record_local_call(definition.number)
            result = self.call_value(callee, [decorated], {}, decorator.lineno)
            if type(callee) is Unknown:  # of another file
                self._record_handed_finders(callee, (decorated,), decorator.lineno)
            # The result of a decorator of a library is taken to be the definition.
            replacements = [
                each
                for each in list_alternatives(result)
                if isinstance(each, LocalDefinition | PartialCall)
                or (isinstance(each, ExternalName) and not each.is_result)
                or is_found(each)
            ]
            decorated = join_values(decorated, *replacements)
        return decorated

    def _evaluate_annotation(self, node: ast.expr) -> None:
        """Evaluate an annotation; a text in it is code that runs when something resolves the types of the source."""
        self._judge_types(node, self.evaluate(node))

    def _judge_types(self, node: ast.expr, whole: Value, only_first: bool = False) -> None:
        """Record the texts among the parts of a type; one without a bracket calls nothing."""
        for each in evaluated_texts.list_types(node, only_first):
            value = whole if each is node else self._evaluate_unrecorded(each)
            if isinstance(value, Constant) and isinstance(value.value, str) and "(" in value.value:
                self.call_value(ExternalName("typing.ForwardRef"), [value], {}, each.lineno)
            elif type(value) in _OPEN_TYPES:
                owner = self._evaluate_unrecorded(each.value) if isinstance(each, ast.Subscript) else UNKNOWN
                is_own = type(owner) is not ExternalName and self.scope.is_bound_inside(_find_first_name(each))
                if evaluated_texts.is_open_type(each, value, is_own):
                    self.log.record(uses.CALL, "*.__annotations__[=]", each.lineno)

    def _evaluate_function(self, function: LocalDefinition) -> None:
        """Evaluate the body of a queued function and join its result with earlier ones.

        Every function is queued by its definition, whether or not the source calls it.
        """
        definition = self._definitions.get(function)
        node = definition.node
        # A class is never queued, because its body is evaluated with its statement. The check narrows the type.
        if isinstance(node, ast.ClassDef):
            return
        scope = Scope(definition.scope, is_reused=definition.is_reused)
        self._bind_parameters(node.args, function, scope)
        outer_function, self.log.current_function = self.log.current_function, function.number
        self._function_name = "" if isinstance(node, ast.Lambda) else node.name
        steps, writes = self._collect_kept_steps(), self._held.writes
        result = self._evaluate_body(node, scope)
        for _ in range(_MAX_STEP_ROUNDS):
            before, steps = steps, self._collect_kept_steps()
            known = blind_steps.collect_steps(definition.result) if definition.result is not None else frozenset()
            is_longer = not blind_steps.collect_steps(result) <= known and self._loops.calls_itself(node)
            if steps == before and not is_longer:
                break
            # The next call goes on from the attribute that this one has set, and from the result of an inner one.
            definition.result = result if definition.result is None else join_choices(definition.result, result)
            result = join_choices(result, self._evaluate_body(node, scope))
        definition.leaves_steps |= self._held.writes > writes
        self.log.current_function = outer_function
        # The ``def`` may be evaluated again, as inside an inlined call, and its function return something else.
        definition.result = result if definition.result is None else join_choices(definition.result, result)

    def _collect_kept_steps(self) -> frozenset[str]:
        """Return the tags of attributes that steps leave by computed names."""
        kept = (blind_steps.collect_steps(self._attributes[name]) for name in self._stepped_attributes)
        return frozenset().union(*kept)

    def _evaluate_body(self, node: FunctionNode, scope: Scope) -> Value:
        """Evaluate the body of a function in ``scope``, and return its result."""
        with self._enter_scope(scope):
            if isinstance(node, ast.Lambda):
                # A body that nests too deep is skipped here: no statement is left whose visit could catch it.
                state = self._save_state()
                try:
                    return self.evaluate(node.body)
                except (TooDeepError, RecursionError):
                    self._skip(node, state)
                    return UNKNOWN
            # Results are collected for one body at a time; an inlined call interrupts the body of its caller.
            outer_results, self._results = self._results, []
            outer_yields, self._yields = self._yields, False
            self.evaluate_statements(node.body)
            result = join_choices(*self._results) if self._results else UNKNOWN
            if self._yields and holds_text(result):
                result = Container((result,), is_open=True)  # any number of items
            self._results, self._yields = outer_results, outer_yields
            return result

    def _bind_parameters(
        self, args: ast.arguments, function: LocalDefinition, scope: Scope, keeps_constants: bool = False
    ) -> None:
        """Bind parameters to their defaults and to the callables that calls passed so far.

        Constants are left out, unless ``keeps_constants`` states that one call is evaluated, which leaves arguments to
        their defaults: otherwise a default of ``False`` is not evidence for what a caller passes.
        """
        definition = self._definitions.get(function)
        for parameter in (*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))):
            value = definition.arguments.get(parameter.arg, UNKNOWN)
            default = definition.defaults.get(parameter.arg)
            if default is not None:
                value = default if value == UNKNOWN else join_choices(value, default)
            scope.names[parameter.arg] = UNKNOWN if isinstance(value, Constant) and not keeps_constants else value

    @contextmanager
    def _enter_scope(self, scope: Scope) -> Iterator[None]:
        """Make ``scope`` the scope of the names that are bound and looked up within the context."""
        outer_scope, self.scope = self.scope, scope
        self._held.callers.append(outer_scope)
        try:
            yield
        finally:
            self.scope = outer_scope
            self._held.callers.pop()

    # ---- expressions ----

    def evaluate(self, node: ast.expr) -> Value:
        """Evaluate an expression, and record the name that it refers to.

        Raises:
            TooDeepError: it nests too deep, or the budget is exceeded.
        """
        value = self._evaluate_unrecorded(node)
        if value is not UNKNOWN:  # most values are, and the check saves a call for each
            self._record_value(node, value)
            if self._sibling_names and type(node) is ast.Name:
                self._record_sibling_value(node)
        return value

    def _record_value(self, node: ast.expr, value: Value, is_followed: bool = False) -> None:
        """Record a value; where a decorator only returns or stores it, functions in it are not called."""
        if node not in self.kept.places:
            self.recorder.record_value(value, node.lineno, is_followed=is_followed)
            return
        functions: dict[int, None] = {}
        outer = self.log.enter_arguments(functions)
        self.recorder.record_value(value, node.lineno)
        self.log.enter_arguments(outer)
        if self.kept.places[node]:
            self.log.record_stored(self.kept.places[node], functions)

    def _evaluate_followed(self, node: ast.expr) -> Value:
        """Evaluate an expression and record the name that it refers to, at a place behind which its value is followed.

        A module whose name is hidden is judged there by the members that the source takes from it.
        """
        value = self._evaluate_unrecorded(node)
        if value is not UNKNOWN:
            self._record_value(node, value, is_followed=True)
            if self._sibling_names and type(node) is ast.Name:
                self._record_sibling_value(node)
        return value

    def _record_sibling_value(self, node: ast.expr) -> None:
        """Record that what may be another file of the model is used as a value: the receiver can take every name."""
        name = self._sibling_names.get(node.id, "") if isinstance(node, ast.Name) else ""
        if name and name != _INHERITED:
            self._record_sibling(f"{name}.{uses.ANY_VALUE}", uses.ANY_VALUE, node.lineno)

    def _evaluate_unrecorded(self, node: ast.expr) -> Value:
        """Evaluate an expression without recording a use of it: in ``os.system``, ``os`` alone is not used."""
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
        parts = [self.evaluate(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        return Unknown(frozenset().union(*map(collect_tags, parts))) if parts else UNKNOWN

    def visit_Constant(self, node: ast.Constant) -> Value:
        """Return the constant; a text is recorded if it shows an attack by itself."""
        value = node.value
        if isinstance(value, str | bytes):
            if len(value) > constant_folding.MAX_CONSTANT_SIZE:
                value = value[: constant_folding.MAX_CONSTANT_SIZE]
            constant = Constant(value)
            self.recorder.record_text(constant, node.lineno)
            return constant
        return Constant(value) if isinstance(value, int | float | None) else UNKNOWN

    def visit_Name(self, node: ast.Name) -> Value:
        """Resolve a name that the source binds, that Python or IPython defines, from a star import, or a builtin."""
        # The source can shadow any other meaning of a name, so that its own bindings come first.
        bound_value = self.scope.look_up(node.id)
        if bound_value is not None:
            # Most values are of other kinds, and the check saves a call for each.
            is_followed = self.changes.is_asked and type(bound_value) in _OPENED
            return self.changes.open_value(node.id, bound_value) if is_followed else bound_value
        # Names that Python and IPython define in each module.
        if node.id == "__builtins__":
            self.module_values.holds_builtins = True
            return ExternalName("builtins")
        if node.id == "get_ipython":
            return ExternalName("IPython.get_ipython")
        if node.id == "__name__":
            return Unknown(frozenset({walks.OWN_MODULE}))
        if node.id == "__file__":
            return Unknown(frozenset({walks.OWN_FILE}))
        if node.id == "__doc__":
            return Constant(self.docstring)
        # A star import may replace a builtin. Only ``os`` replaces one that matters, ``open``.
        is_replaced = node.id == "open" and "os" in self._star_imports
        if self._star_imports and (node.id not in BUILTINS or is_replaced):
            meanings = [ExternalName(f"{module}.{node.id}") for module in self._star_imports]
            if node.id in BUILTINS:
                meanings.append(ExternalName(f"builtins.{node.id}"))
            return join_values(*meanings)
        if node.id == _ANNOTATIONS:
            return ExternalName(f"*.{_ANNOTATIONS}", is_result=True)
        return ExternalName(f"builtins.{node.id}") if node.id in BUILTINS else UNKNOWN

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        """Resolve an attribute of each value that the base may be."""
        # The base is not recorded: ``os.system`` refers to ``os.system``, and not to ``os`` as a whole.
        base = self._evaluate_unrecorded(node.value)
        if self._sibling_names and node not in self._recorded_accesses:
            self._record_sibling_member(node, base)
        # Most names of attributes are not kept, or occur more than once and are kept already. A look here saves a call.
        kept = self.module_values
        if (kept.keeps_members or node.attr in kept.kept_names) and (
            node.attr not in kept.members or isinstance(node.value, ast.Attribute)
        ):
            self._keep_member(node, base)
        value = self._resolve_attribute(base, node.attr, node.lineno)
        return self._open_member(node, base, value) if self.changes.is_asked and type(value) in _OPENED else value

    def _open_member(self, node: ast.Attribute, base: Value, value: Value) -> Value:
        """Open the texts among the values of an attribute, if a class of the source may give others."""
        for each in list_alternatives(base):
            owner = self._definitions.get(each).node if isinstance(each, LocalDefinition) else None
            if isinstance(owner, ast.ClassDef):
                value = self.changes.open_member(owner, node.attr, node.value, value)
        return value

    def _keep_member(self, node: ast.Attribute, base: Value) -> bool:
        """Keep the name of an attribute whose module is not known; return whether it was kept."""
        if all(map(self._is_known_module, list_alternatives(base))):
            return False
        if node.attr == "__dict__":
            self.module_values.takes_by_text = True
        line = self.log.locate_line(node.lineno)
        self.module_values.add_member(node.attr, line)
        # A member of an inner module: ``value.hub.load`` is ``torch.hub.load`` if the value is ``torch``.
        if isinstance(node.value, ast.Attribute):
            self.module_values.add_member(f"{node.value.attr}.{node.attr}", line)
        return True

    def keep_named_member(self, base: Value, path: str, line: int) -> None:
        """Keep a member that the source takes without a dot, as by ``getattr``, from a value of unknown module."""
        if self.module_values.keeps_member(path) and not all(map(self._is_known_module, list_alternatives(base))):
            self.module_values.add_member(path, self.log.locate_line(line))

    def _is_known_module(self, value: Value) -> bool:
        """Whether a value is a name of another module that the source neither assigns nor inherits."""
        return (
            isinstance(value, ExternalName)
            and not value.is_result
            and value.name not in self.module_values.inherited_names
            and value.name.rpartition(".")[2] not in self._attributes
        )

    def _record_sibling_member(self, node: ast.Attribute, base: Value) -> None:
        """Record a member of a name that comes from another file of the model; the checks resolve it there."""
        name = self._find_sibling_name(node.value)
        if not name and type(base) is Unknown and type(node.value) is not ast.Name:
            # A container, a copy or a function of the source has returned it.
            for tag in base.tags:
                if tag.startswith(SIBLING_TAG):
                    self.log.record(uses.REFERENCE, f".{tag.removeprefix(SIBLING_TAG)}.{node.attr}", node.lineno)
        # ``self.m.run`` may be that of a module, and ``self.run`` is a method of the object itself.
        if name and (name != _INHERITED or not isinstance(node.value, ast.Name)):
            path = _split_access(node)[1]
            self._recorded_accesses.add(node)
            if node.attr == "__dict__":
                self._record_sibling_value(node.value)
            self.log.record(uses.REFERENCE, f".{name}.{'.'.join(path[-_MAX_SIBLING_PATH:])}", node.lineno)

    def _find_sibling_name(self, node: ast.expr) -> str:
        """Return the name in another file of the model with which an expression begins; empty if there is none."""
        root: Any = node
        while (kind := type(root)) in _ACCESSES:
            root = root.func if kind is ast.Call else root.value
        if kind is not ast.Name:
            return ""
        name: str = root.id
        if name not in self._sibling_names and "*" in self._sibling_names:
            return "" if name in BUILTINS or self.scope.look_up(name) is not None else name
        return self._sibling_names.get(name, "")

    def _resolve_attribute(self, base: Value, name: str, line: int) -> Value:
        """Resolve ``base.name`` for values of other modules and for definitions of the source."""
        # Attributes such as ``__subclasses__`` lead from any object to everything that the interpreter has loaded.
        if name in name_tables.INTERPRETER_ATTRIBUTES:
            alternatives = list_alternatives(base)
            is_root = any(isinstance(each, ExternalName) and each.name == "builtins.object" for each in alternatives)
            self.log.record(uses.REFERENCE, f"builtins.object.{name}" if is_root else f"*.{name}", line)
            is_open = any(isinstance(each, Unknown) or getattr(each, "is_result", False) for each in alternatives)
            if name == walks.SUBCLASSES and is_open:
                self.module_values.subclasses_line = self.log.locate_line(line)
        attributes: list[Value] = []
        self.budget.spend(len(list_alternatives(base)))
        for each in list_alternatives(base):
            shared = find_member(self._shared, each, name) if self._shared else None
            if shared is not None:
                attributes.append(shared)
                continue
            # The bytecode of a function, which can be executed or replaced, is the same danger in each function.
            if isinstance(each, LocalDefinition) and name in ("__code__", "__annotations__"):
                attributes.append(name_resolution.resolve_attribute(UNKNOWN, name))
            elif isinstance(each, LocalDefinition):
                attributes.append(self._resolve_member(each, name))
            elif name in walks.ANCESTORS:
                attributes.append(ExternalName(walks.ROOT_CLASS))
            elif isinstance(each, Unknown | Constant) and name in self._attributes:
                # An unknown object may be one whose attribute the source set elsewhere.
                attributes += (self._attributes[name], name_resolution.resolve_attribute(each, name))
            else:
                attributes.append(name_resolution.resolve_attribute(each, name))
                attributes += self._list_added(each, name) if self._added else ()
                attributes += self._list_stepped(each, name)
        value = blind_steps.take_written_name(join_values(*attributes), name)
        is_followed = self.changes.is_asked and type(value) in _OPENED
        return self.changes.open_value(name, value) if is_followed else value

    def _list_stepped(self, owner: Value, name: str) -> list[Value]:
        """List the walked values that an attribute or property of this name may hold."""
        if isinstance(owner, Unknown):
            read = (self._call_function(each, [owner], {}) for each in self._definitions.list_properties(name))
            found = frozenset[str]().union(*map(blind_steps.collect_steps, read))
        elif name in self._stepped_attributes and getattr(owner, "is_result", False):
            found = blind_steps.collect_steps(self._attributes[name])
        else:
            found = frozenset()
        return [Unknown(found)] if found else []

    def _list_added(self, owner: Value, name: str) -> list[Value]:
        """List the functions that the source gives a module or object of a library as an attribute of this name.

        ``nn.take = getattr`` makes ``nn.take(torch, name)`` a look-up. Of objects, only functions of other modules that
        look names up count: most names of theirs are also names of objects of the source.
        """
        if not isinstance(owner, ExternalName):
            return []
        found = (self._added.get(f"*.{name}"), None if owner.is_result else self._added.get(f"{owner.name}.{name}"))
        added = [each for value in found if value is not None for each in list_alternatives(value)]
        return [each for each in added if not owner.is_result or isinstance(each, ExternalName)]

    def _keep_added(self, owner: Value, name: str, value: Value) -> None:
        """Keep a function that the source gives a module or object of a library as an attribute."""
        if not isinstance(owner, ExternalName) or not name:
            return
        for each in filter(_is_looking_up, list_alternatives(value)):
            is_of_any = owner.is_result or isinstance(each, ExternalName)
            key = f"*.{name}" if is_of_any else f"{owner.name.removesuffix('.__dict__')}.{name}"
            self._added[key] = join_values(each, *list_alternatives(self._added.get(key, each)))

    def _resolve_member(self, owner: LocalDefinition, name: str) -> Value:
        """Resolve an attribute of a class of the source, of an object of it, or of a function."""
        definition = self._definitions.get(owner)
        if definition.members is None and name == "__class__":
            return ExternalName("types.FunctionType")
        if definition.members is None and name in _FUNCTION_NAMESPACES:
            return ExternalName("builtins.globals")
        if definition.members is None:
            if name in ("__name__", "__qualname__") and not isinstance(definition.node, ast.Lambda):
                return Constant(definition.node.name)
            # Attributes of a function are those that the source sets, on whichever object.
            return owner if name in ("__call__", "__wrapped__", "__func__") else self._attributes.get(name, UNKNOWN)
        # The class defines the attribute, an assignment to some object overrides it: either may be meant.
        members = definition.members
        assigned = [
            self._take_member(value, owner)
            for value in (
                self._definitions.find_member(owner, name),
                members.rebound.get(name),
                self._attributes.get(name),
            )
            if value is not None
        ]
        if assigned:
            return join_choices(*assigned)
        if name in walks.ANCESTORS:
            return ExternalName(walks.ROOT_CLASS)
        # Otherwise a base class of another module may define it. Below a class of the source are classes of the source,
        # unless it is a metaclass, which inherits the method of ``type``.
        is_own = name == walks.SUBCLASSES
        inherited = [
            name_resolution.resolve_attribute(each, name)
            for each in definition.bases
            if isinstance(each, ExternalName) and (not is_own or each.name == "builtins.type")
        ]
        if self.module_values.keeps_members or self.module_values.kept_names:
            self.module_values.inherited_names.update(each.name for each in inherited if isinstance(each, ExternalName))
        answer = self._call_method(owner, ("__getattr__",), [Constant(name)]) if name != "__getattr__" else None
        return join_values(*inherited, *([answer] if answer is not None else [])) if inherited or answer else UNKNOWN

    def _take_member(self, member: Value, owner: LocalDefinition) -> Value:
        """Take a member from an object, which calls it if it is a property."""
        if isinstance(member, LocalDefinition) and self._definitions.get(member).is_property:
            self.log.record_local_call(member.number)
            return self._call_function(member, [owner], {})
        return member

    def visit_Subscript(self, node: ast.Subscript) -> Value:
        """Resolve an item or a slice, also of an object whose class defines ``__getitem__``."""
        base = self._evaluate_unrecorded(node.value)
        if isinstance(node.slice, ast.Slice):
            return self._evaluate_slice(base, node.slice)
        key = self.evaluate(node.slice)
        if type(base) is ExternalName and evaluated_texts.takes_types(base):
            self._judge_types(node.slice, key, only_first=base.name.endswith(".Annotated"))
        if type(node.slice) is not ast.Constant and any(map(_is_any_namespace, list_alternatives(base))):
            key = key if self._is_closed(node.slice, key) else open_constant(key)
        outer, self._look_up = self._look_up, (node, base)
        item = self.take_item(base, key, node.lineno)
        self._look_up = outer
        return item

    def take_item(self, base: Value, key: Value, line: int) -> Value:
        """Take the item of a value under a key: of a constant, a namespace, or an object with ``__getitem__``."""
        if isinstance(base, Constant) and isinstance(key, Constant):
            return keep_open(constant_folding.fold_item(base, key), base, key) or UNKNOWN
        if type(key) is not Unknown and not self.changes.is_asked:
            self._ask_for_changes(key, base)
        if isinstance(key, Constant) and key.is_open:
            return self._take_open_item(base, key, line)
        if isinstance(base, ExternalName) and base.name in ("builtins.globals", "builtins.locals", "builtins.vars"):
            if not isinstance(key, Constant):
                for each in (base, *map(ExternalName, self._star_imports)):
                    self.recorder.record_computed_name(each, line)
            return self._resolve_own_name(key)
        name = key.value if isinstance(key, Constant) and isinstance(key.value, str) else ""
        if name in name_tables.POWERFUL_MEMBERS:
            self._record_sibling_item(base, name, line)
        if name in name_tables.INTERPRETER_ATTRIBUTES and isinstance(base, ExternalName):
            # ``type.__dict__["__subclasses__"]`` is the method, which takes the class as its argument.
            self._resolve_attribute(ExternalName(base.name.removesuffix(".__dict__")), name, line)
        # An unknown mapping may be that of the builtins: ``queue.get()["eval"]``.
        self.recorder.record_handed_modules(Call("*.__getitem__", (key,), {}, line))
        is_kept = self.module_values.holds_builtins and isinstance(key, Constant) and isinstance(key.value, str)
        if is_kept and not all(map(self._is_known_module, list_alternatives(base))):
            self.recorder.record_value(ExternalName(f"builtins.{_get_text(key)}"), line)
        item = self._call_method(base, ("__getitem__", "__class_getitem__", "__missing__"), [key], line)
        return item if item is not None else self._resolve_item(base, key, line)

    def _take_open_item(self, base: Value, key: Constant, line: int) -> Value:
        """Take the item under a key that may be any other as well."""
        item = self.take_item(base, replace(key, is_open=False), line)
        if isinstance(item, Constant):
            return open_constant(item)
        return join_values(item, self.take_item(base, UNKNOWN, line))

    def _record_sibling_item(self, base: Value, name: str, line: int) -> None:
        """Record a member of a module that another file of the model passes on, taken as ``vars(module)[name]``."""
        for tag in collect_tags(base):
            if tag.startswith(SIBLING_TAG):
                self.log.record(uses.REFERENCE, f".{tag.removeprefix(SIBLING_TAG)}.{name}", line)

    def _resolve_own_name(self, key: Value) -> Value:
        """Resolve an item of ``globals()`` or ``locals()``, which is a name that the source itself binds."""
        name = key.value if isinstance(key, Constant) and isinstance(key.value, str) else None
        if name is None:
            powerful = self.scope.list_modules() & name_tables.POWERFUL_MODULES
            return Unknown(frozenset({"module", *(f"{name_resolution.BOUND_TAG}{each}" for each in powerful)}))
        value = self.scope.look_up(name)
        if value is not None:
            # The source may go on with the list by another name, which is not known here.
            if isinstance(value, Constant | Container | Alternatives) and not self._writes_text():
                self.changes.mark_changed(name)
            value = self.changes.open_value(name, value)
            is_computed = isinstance(key, Constant) and key.provenance > Provenance.LITERAL
            if isinstance(value, ExternalName):
                return replace(value, is_hidden=is_computed)
            return value
        if name == "__builtins__":
            return ExternalName("builtins")
        is_hidden = isinstance(key, Constant) and key.provenance > Provenance.LITERAL
        # A star import may have bound the name.
        meanings = (name_resolution.normalize_name(f"{module}.{name}", is_hidden) for module in self._star_imports)
        return join_values(*meanings) if self._star_imports else UNKNOWN

    def _resolve_item(self, base: Value, key: Value, line: int) -> Value:
        """Resolve ``base[key]``; an unknown key is recorded if ``base`` is a namespace, or an unknown module."""
        if isinstance(base, ExternalName | Unknown) and not isinstance(key, Constant):
            self.recorder.record_computed_name(base, line)
            self._record_taken_text(key, line)
            if isinstance(base, ExternalName) and base.name.endswith(".__dict__"):
                self.log.record(uses.REFERENCE, walks.MEMBER_NAME, line)
            is_own = walks.OWN_MODULE in collect_tags(key)
            if isinstance(base, ExternalName) and base.name == "sys.modules" and not is_own:
                self.log.record(uses.CALL, "sys.modules.__getitem__", line)
        item = name_resolution.resolve_item(base, key)
        return (
            item
            if isinstance(base, Container | Constant)
            else blind_steps.take_item(base, key, item, self._get_place())
        )

    def _evaluate_slice(self, base: Value, bounds: ast.Slice) -> Value:
        """Return the slice of a constant or list; a slice of a mapping or external name is taken to be the whole."""
        bound_nodes = (bounds.lower, bounds.upper, bounds.step)
        bound_values = [self.evaluate(each) if each is not None else None for each in bound_nodes]
        known_bounds = [each for each in bound_values if each is None or isinstance(each, Constant)]
        if isinstance(base, Constant) and len(known_bounds) == 3:  # each of start, stop and step is known or left out
            folded = constant_folding.fold_slice(base, known_bounds)
            folded = keep_open(folded, base, *filter(None, known_bounds))
            return self.recorder.record_computed_text(folded, bounds.lineno)
        if isinstance(base, Container) and not base.keys:
            return sequence_calls.slice_items(base, bound_values)
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
        return self.recorder.record_computed_text(left, first.lineno)

    def _apply_operator(self, kind: type[ast.operator], left: Value, right: Value) -> Value:
        """Apply an operator: fold constants, join lists, call methods of the source; otherwise only tags remain."""
        self.budget.spend()
        if isinstance(left, Constant) and isinstance(right, Constant):
            # Concatenation copies both sides: 256 characters cost one step, as a visit does.
            size = constant_folding.measure_constant(left) + constant_folding.measure_constant(right)
            self.budget.spend(size >> 8)
            folded = keep_open(constant_folding.fold_binary(kind, left, right), left, right)
            return folded or Unknown(collect_tags(left) | collect_tags(right))
        if kind is ast.BitOr and (_is_any_namespace(left) or _is_any_namespace(right)):
            return left if _is_any_namespace(left) else right
        text = ""
        if kind is ast.Add:
            text = partial_texts.join_parts((left, right))
        elif kind is ast.Div:
            text = partial_texts.join_path(left, right)
        elif kind is ast.Mod:
            text = partial_texts.fill_template(left, partial_texts.list_fields(right), is_percent=True)
        # The sum of two lists. Mappings have keys, and no sum.
        if kind is ast.Add and isinstance(left, Container) and isinstance(right, Container) and not left.keys:
            is_open = left.is_open or right.is_open
            return Container((left.values + right.values)[:_MAX_ITEMS], is_open=is_open)
        if isinstance(left, ExternalName) and left.is_result and kind is ast.Div:
            # ``Path(...) / "name"`` is a path still, tagged if the name ends like code.
            path_tags = call_variants.tag_path(right) | (collect_tags(right) & {"secret"})
            return replace(left, tags=walks.drop_own(left.tags, (right,)) | path_tags, text=text)
        result = self._call_operator_method(kind, left, right)
        if result is not None:
            return result
        tags = walks.drop_own(collect_tags(left) | collect_tags(right), (left, right))
        return Unknown(tags | call_variants.tag_path(right), text)

    def _call_operator_method(self, kind: type[ast.operator], left: Value, right: Value) -> Value | None:
        """Call the method that a class of the source defines for an operator; ``None`` if no operand has one."""
        method, reflected_method = _OPERATOR_METHODS[kind]
        result = self._call_method(left, (method,), [right])
        return result if result is not None else self._call_method(right, (reflected_method,), [left])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Value:
        """Fold the operator on a constant; of any other operand only the tags stay."""
        operand = self.evaluate(node.operand)
        folded = constant_folding.fold_unary(type(node.op), operand) if isinstance(operand, Constant) else None
        return keep_open(folded, operand) or Unknown(collect_tags(operand))

    def visit_Compare(self, node: ast.Compare) -> Value:
        """Fold a comparison of two constants; of any other operands only the tags stay."""
        parts = [self._evaluate_followed(each) for each in (node.left, *node.comparators)]
        if len(parts) == 2 and isinstance(parts[0], Constant) and isinstance(parts[1], Constant):
            return keep_open(constant_folding.fold_comparison(type(node.ops[0]), parts[0], parts[1]), *parts) or UNKNOWN
        method = _COMPARISON_METHODS.get(type(node.ops[0])) if len(parts) == 2 else None
        result = self._call_method(parts[0], (method,), parts[1:]) if method is not None else None
        return result or Unknown(frozenset().union(*map(collect_tags, parts)) - {served_results.ENVIRONMENT})

    def visit_IfExp(self, node: ast.IfExp) -> Value:
        """Join both branches, even where the condition is constant."""
        self._evaluate_followed(node.test)
        return join_choices(self.evaluate(node.body), self.evaluate(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> Value:
        """Join all operands: ``and`` and ``or`` return one of them."""
        return join_choices(*(self.evaluate(each) for each in node.values))

    # ---- collections and texts ----

    def visit_List(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        """Return a constant if all items are and none is a list itself, otherwise a container of their values."""
        parts: list[Value] = []
        # The order of a set is not known.
        is_open = type(node) is ast.Set and len(node.elts) > 1
        for each in node.elts:
            value = self.evaluate(each.value if isinstance(each, ast.Starred) else each)
            items = sequence_calls.list_items(value) if isinstance(each, ast.Starred) else (value,)
            parts += (value,) if items is None else items
            is_open = is_open or items is None  # any number of items lies in the place of this one
        constants = [part for part in parts if isinstance(part, Constant)]
        is_tuple = type(node) is ast.Tuple
        is_flat = len(constants) == len(parts) and not any(isinstance(each.value, tuple) for each in constants)
        if is_flat and len(parts) <= constant_folding.MAX_CONSTANT_SIZE:
            folded = constant_folding.fold_sequence(constants, is_tuple)
            return replace(folded, is_open=True) if is_open else folded
        is_open = is_open or len(parts) > _MAX_ITEMS
        return Container(tuple(parts[:_MAX_ITEMS]), is_open=is_open, is_tuple=is_tuple)

    visit_Tuple = visit_List
    visit_Set = visit_List

    def visit_Dict(self, node: ast.Dict) -> Value:
        """Return a container with keys; a key that is not a constant is ``None``."""
        keys: list[PlainValue | tuple[PlainValue, ...]] = []
        values: list[Value] = []
        for key, part in zip(node.keys, node.values, strict=True):
            # A mapping that ``**`` unpacks has no key in the tree, and becomes one item under an unknown key.
            key_value = self.evaluate(key) if key is not None else UNKNOWN
            value = self.evaluate(part)
            values.append(value if key is not None else walks.take_unpacked(value))
            self.recorder.record_trust_item(key_value, values[-1], node.lineno)
            keys.append(key_value.value if isinstance(key_value, Constant) and not key_value.is_open else None)
        return Container(tuple(values[:_MAX_ITEMS]), tuple(keys[:_MAX_ITEMS]), is_open=len(values) > _MAX_ITEMS)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Value:
        """Concatenate the parts of an f-string."""
        texts: list[Constant] = []
        parts: list[Value] = []
        tags: frozenset[str] = frozenset()
        is_known = True
        for part in node.values:
            expression = part.value if isinstance(part, ast.FormattedValue) else part
            value = self.evaluate(expression)
            specification, conversion = None, -1
            if isinstance(part, ast.FormattedValue):
                # ``f"{a:{run()}}"`` calls ``run``.
                specification = None if part.format_spec is None else self.evaluate(part.format_spec)
                conversion = part.conversion
            tags |= collect_tags(value)
            parts.append(value)
            # Behind an unknown part: ``f"{folder}/x.py"`` is a path of code, by its end.
            if not is_known:
                tags |= call_variants.tag_path(value)
            # A name spelled by an f-string is reported as hidden, whatever its parts are.
            written = formatted_fields.format_field(value, conversion, specification)
            if written is None:
                is_known = False
            else:
                texts.append(written)
        # Joined at the end: a join for each part would copy the text before it each time.
        joined = constant_folding.join_texts(texts) if is_known else None
        value = joined or Unknown(walks.drop_own(tags, parts), partial_texts.join_parts(parts))
        return self.recorder.record_computed_text(value, node.lineno)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Value:
        """Bind the name in ``name := value``."""
        value = self.changes.open_value(node.target.id, self._evaluate_followed(node.value))
        scope = self.scope
        while scope.is_comprehension and scope.parent is not None:  # the name belongs to the scope around
            scope.bind(node.target.id, value)
            scope = scope.parent
        # The expression around it may not get there: ``is_set and (name := value)``.
        before = scope.names.get(node.target.id, value)
        scope.bind(node.target.id, keep_constants(value, (before,)))
        return value

    def visit_Lambda(self, node: ast.Lambda) -> Value:
        """Define a function without a name."""
        defaults = self._evaluate_defaults(node.args)
        function = self._add_definition(node)
        self._definitions.get(function).add_defaults(defaults)
        return function

    def visit_Await(self, node: ast.Await | ast.Starred | ast.FormattedValue) -> Value:
        """Evaluate the expression inside."""
        return self.evaluate(node.value)

    visit_Starred = visit_Await
    visit_FormattedValue = visit_Await

    def visit_Yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        """Keep the yielded value as a result of the function; the value that a caller sends back is unknown."""
        self._yields = True
        if node.value is not None:
            self._keep_result(self.evaluate(node.value))
        return UNKNOWN

    visit_YieldFrom = visit_Yield

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        """Evaluate the element for each item of a constant; in any other comprehension evaluate each part once."""
        comprehension_scope = Scope(self.scope, is_comprehension=True)
        # As in Python, the first iterable belongs to the scope outside, the others to the comprehension.
        source = self.evaluate(node.generators[0].iter)
        with self._enter_scope(comprehension_scope):
            # Texts are decoded by a comprehension with one ``for``; others are not worked out item by item.
            if not isinstance(node, ast.DictComp) and len(node.generators) == 1 and isinstance(source, Constant):
                # Listing the items copies them: 64 of them cost one step.
                self.budget.spend(constant_folding.measure_constant(source) >> 6)
                items = constant_folding.iterate_constant(source)
                # An empty list may be filled under another name: the element is visited once all the same.
                if items and len(items) <= _MAX_UNROLLED_ELEMENTS:
                    return self._unroll_comprehension(node, items, source)
            if not isinstance(node, ast.DictComp) and len(node.generators) == 1 and _lists_few_items(source):
                return self._unroll_items(node, source)
            for position, generator in enumerate(node.generators):
                # A later iterable can use the targets before it: ``for module in modules for name in vars(module)``.
                if position:
                    source = self.evaluate(generator.iter)
                iterated = self._call_method(source, ("__iter__", "__aiter__"), []) or source
                self._assign_target(generator.target, sequence_calls.take_any(iterated))
                for test in generator.ifs:
                    self.evaluate(test)
            tests = [test for generator in node.generators for test in generator.ifs]
            with self._narrow_names(ast.BoolOp(ast.And(), tests)):
                if isinstance(node, ast.DictComp):
                    self.evaluate(node.key)
                    return Container((self._evaluate_element(node.value),))
                element = self._evaluate_element(node.elt)
        # One callable stands for all elements. A constant element reveals nothing about their number or order.
        return Unknown(collect_tags(element)) if isinstance(element, Unknown | Constant) else Container((element,))

    visit_SetComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp
    visit_DictComp = visit_ListComp

    def _evaluate_element(self, node: ast.expr) -> Value:
        """Evaluate the element of a comprehension in as many rounds as lead further."""
        left = self.count_left_steps()
        element = self.evaluate(node)
        names = loop_names.find_loop_names((node,))
        if self._goes_on_walking(names.carried):
            element = self.evaluate(node)
        for _ in self.list_step_rounds(names.stepped, left):
            element = self.evaluate(node)
        return element

    def _unroll_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, items: tuple[PlainValue, ...], source: Constant
    ) -> Value:
        """Evaluate the element for each item: ``"".join(chr(ord(c) ^ 7) for c in text)`` becomes a constant."""
        elements: list[Value] = []
        generator = node.generators[0]
        provenance, is_open = source.provenance, source.is_open
        for item in items:
            if isinstance(generator.target, ast.Name):
                self.scope.names[generator.target.id] = Constant(item, provenance, is_open)
            else:
                self._assign_target(generator.target, UNKNOWN)
            # The conditions are evaluated only for the calls in them: no item is left out.
            for test in generator.ifs:
                self.evaluate(test)
            elements.append(self.evaluate(node.elt))
            # Where the first two elements are unknown, all are assumed to be: further rounds would only cost steps.
            if len(elements) == 2 and not any(isinstance(each, Constant | CallableValue) for each in elements):
                break
        constants = [each for each in elements if isinstance(each, Constant)]
        if len(constants) == len(elements):
            if generator.ifs:
                return UNKNOWN  # since it is not known which items the conditions keep
            folded = constant_folding.fold_sequence(constants)
            # A comprehension computes even where each element is written out.
            is_open = is_open or folded.is_open or isinstance(node, ast.SetComp)
            return Constant(folded.value, max(folded.provenance, Provenance.COMPUTED), is_open)
        return Container(tuple(elements[:_MAX_ITEMS]), is_open=is_open)

    def _unroll_items(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, source: Container) -> Value:
        """Evaluate the element for each item of a short list whose items are no constants, such as pairs of texts."""
        elements: list[Value] = []
        for item in source.values:
            self._assign_target(node.generators[0].target, open_constant(item) if source.is_open else item)
            for test in node.generators[0].ifs:
                self.evaluate(test)
            elements.append(self.evaluate(node.elt))
        # Which items the conditions keep is not known.
        is_filtered = bool(node.generators[0].ifs)
        kept = (join_choices(*elements),) * len(elements) if is_filtered else tuple(elements)
        return Container(kept, is_open=source.is_open or is_filtered)

    # ---- calls ----

    def _choose_evaluation(self, node: ast.Call, callee: Value) -> Callable[[ast.expr], Value]:
        """Return the function that evaluates the arguments of a call of ``callee``."""
        if getters.takes_known_item(callee):
            return self._evaluate_unrecorded
        if self._follows_arguments(node, callee):
            return self._evaluate_followed
        if type(callee) is not ExternalName or callee.name not in name_tables.GETTERS or len(node.args) < 2:
            return self.evaluate
        owner: Value = UNKNOWN

        def evaluate_argument(argument: ast.expr) -> Value:
            nonlocal owner
            if argument is node.args[0]:
                owner = self._evaluate_unrecorded(argument)
                self._record_sibling_value(argument)
                return owner
            value = self.evaluate(argument)
            # In ``hasattr(os, "fork")`` the module does not go on as a value: it is known which member is taken.
            if argument is node.args[1]:
                is_known = isinstance(value, Constant)
                self.recorder.record_value(owner, argument.lineno, is_passed=not is_known, is_followed=True)
            return value

        return evaluate_argument

    def _follows_arguments(self, node: ast.Call, callee: Value) -> bool:
        """Whether the evaluator follows each argument through a call.

        That is so for a function of the source, which is evaluated with them, and for functions that name members.
        """
        if isinstance(callee, LocalDefinition):
            return not callee.is_result and self._definitions.get_members(callee) is None
        if isinstance(callee, ExternalName) and callee.name == "functools.reduce" and node.args:
            function = self._evaluate_unrecorded(node.args[0])
            return isinstance(function, ExternalName) and function.name in name_tables.GETTERS
        if isinstance(callee, ExternalName) and callee.name in _NAMING_FUNCTIONS:
            return True
        return getters.takes_path(callee)

    def visit_Call(self, node: ast.Call) -> Value:
        """Evaluate the callee, then the arguments, then the call."""
        base: Value = UNKNOWN
        method = ""
        is_kept = False
        if isinstance(node.func, ast.Attribute):
            base, method = self._evaluate_unrecorded(node.func.value), node.func.attr
            if self._sibling_names and node.func not in self._recorded_accesses:
                self._record_sibling_member(node.func, base)
            is_kept = self.module_values.keeps_member(method) and self._keep_member(node.func, base)
            # A ``Constant`` object is immutable: once a method changes the list that it describes, the name is unknown.
            if isinstance(base, Constant) and method in _MUTATING_METHODS and isinstance(node.func.value, ast.Name):
                self.scope.bind(node.func.value.id, UNKNOWN)
            # Resolved before the arguments are evaluated, as in Python: they may rebind the name.
            callee = self._resolve_attribute(base, method, node.lineno)
        else:
            callee = self._evaluate_unrecorded(node.func)
        evaluate_argument = self._choose_evaluation(node, callee)
        referred: dict[int, None] = {}
        outer = self.log.enter_arguments(referred)
        try:
            args, keywords = arguments.bind_arguments(node, evaluate_argument)
        finally:
            self.log.enter_arguments(outer)
        if self._looks_names_up(callee, base, method):
            args, keywords = self._look_arguments_up(node, args, keywords)
        self._record_handed(node, callee, (*args, *keywords.values()), referred)
        self._record_handed_finders(callee, (*args, *keywords.values()), node.lineno)
        if is_kept:
            if method in _MEMBER_METHODS and args:
                self.call_getattr(Call("builtins.getattr", [UNKNOWN, args[-1]], {}, node.lineno))
            self.recorder.record_member_call(method, args, keywords, node.lineno)
        self._keep_passed(node, callee, base, (*args, *keywords.values()))
        self.recorder.record_handed_namespaces(callee, args, keywords, node.lineno)
        self._record_arguments(method, callee, args, keywords, node)
        if method in NAMESPACE_SETTERS and isinstance(node.func, ast.Attribute):
            self._set_items(node.func.value, base, Call(method, args, keywords, node.lineno))
        outer_call, self._look_up = self._look_up, (node, callee)
        outer_act = self.recorder.begin_call(node, args)
        result = self._call_known_method(
            base, method, constant_calls.order_arguments(method, args, keywords), node.lineno
        )
        result = result if result is not None else self.call_value(callee, args, keywords, node.lineno, base, method)
        self._look_up, self.recorder.act = outer_call, outer_act
        is_followed = self.changes.is_asked and type(result) in _OPENED
        return self.changes.open_result(node.func, result) if is_followed else result

    def _record_handed(self, node: ast.Call, callee: Value, values: Sequence[Value], referred: Iterable[int]) -> None:
        """Record that a call gets functions of the source, unless a decorator only passes its function on by it."""
        if node not in self.kept.places:
            self.recorder.record_handed_functions(callee, values, referred)

    def _looks_names_up(self, callee: Value, base: Value, method: str) -> bool:
        """Whether a call looks a name up by a text among its arguments."""
        if method in _MEMBER_METHODS or (
            method in _ITEM_METHODS and any(map(_is_any_namespace, list_alternatives(base)))
        ):
            return True
        if type(callee) is ExternalName:
            return callee.name in _LOOKING_UP
        return type(callee) is Alternatives and any(
            isinstance(each, ExternalName) and each.name in _LOOKING_UP for each in callee.values
        )

    def _takes_held_object(self, node: ast.expr) -> bool:
        """Whether an expression takes its value out of a list, a mapping or an object of the source."""
        root, _ = _split_access(node)
        if isinstance(node, ast.Name) or isinstance(root, ast.Call):
            return False
        value = self.scope.look_up(root.id) if isinstance(root, ast.Name) else None
        return value is not None and (not isinstance(value, ExternalName) or value.is_result)

    def _look_arguments_up(
        self, node: ast.Call, args: Sequence[Value], keywords: Mapping[str, Value]
    ) -> tuple[list[Value], dict[str, Value]]:
        """Open the arguments of a call that looks a name up, and record a module that the source held for it."""
        opened, named = self._open_arguments(node, args, keywords)
        if isinstance(node.args[0] if node.args else None, ast.Starred) and isinstance(node.func, ast.Name):
            self.recorder.record_handed_modules(Call("", (ExternalName("builtins.getattr"),), {}, node.lineno))
        elif len(opened) > 1 and self._takes_held_object(node.args[0]) and not _get_text(opened[1]):
            self.recorder.record_handed_modules(Call("builtins.getattr", opened[:1], {}, node.lineno))
        return opened, named

    def _open_arguments(
        self, node: ast.Call, args: Sequence[Value], keywords: Mapping[str, Value]
    ) -> tuple[list[Value], dict[str, Value]]:
        """Open the arguments of a call that the source does not make in a way which shows their values."""
        # An object of an unknown class counts as something else than a module, so that its names matter less.
        if type(args[0] if args else UNKNOWN) is Unknown and not collect_tags(args[0] if args else UNKNOWN):
            return list(args), dict(keywords)
        is_plain = len(args) == len(node.args) and not any(isinstance(each, ast.Starred) for each in node.args)
        opened = [
            value if is_plain and self._is_closed(node.args[index], value) else open_constant(value)
            for index, value in enumerate(args)
        ]
        nodes = {each.arg: each.value for each in node.keywords if each.arg is not None}
        return opened, {
            name: value if name in nodes and self._is_closed(nodes[name], value) else open_constant(value)
            for name, value in keywords.items()
        }

    def _is_closed(self, node: ast.expr, value: Value) -> bool:
        """Whether a value holds no text, or the source makes the text in a listed way."""
        return type(node) is ast.Constant or not holds_text(value) or self.lookups.is_closed(node)

    def _ask_for_changes(self, text: Value | None, base: Value | None = None) -> None:
        """Ask for the changes of lists if a known text, by which a name is looked up, may come from one of them.

        ``base`` is the value that holds the item: only an item of a namespace has the text as its name.
        """
        if text is None or self.changes.is_asked:
            return
        for each in list_alternatives(text):
            if type(each) is Constant and isinstance(each.value, str | bytes) and not self._writes_text():
                self.changes.is_asked = base is None or any(map(_is_any_namespace, list_alternatives(base)))
                return

    def _writes_switches(self) -> bool:
        """Whether the call under evaluation writes out each of its keyword arguments."""
        node = self._look_up[0] if self._look_up is not None else None
        return isinstance(node, ast.Call) and all(isinstance(each.value, ast.Constant) for each in node.keywords)

    def _writes_text(self) -> bool:
        """Whether the call or item under evaluation writes out the text by which it may look up a name."""
        return self._look_up is not None and _writes_text(*self._look_up)

    def _set_items(self, target: ast.expr, base: Value, call: Call) -> None:
        """Keep what a method such as ``update`` sets: names of the module, or items of a mapping under a name."""
        for key, value in list_set_items(call):
            self.recorder.record_module_places(f"*.{key}", value, call.line)
            if STEP in collect_tags(value) and isinstance(key, str) and _is_namespace_of_object(target):
                self._keep_attribute(key, value)
        if self._is_own_namespace(base):
            self._bind_own_names(call.name, call.args, call.keywords)
        if any(isinstance(each, ExternalName) and each.name == "sys.modules" for each in list_alternatives(base)):
            self.recorder.record_module_items(call)
        for each in filter(_is_any_namespace, list_alternatives(base)):
            for key, value in list_set_items(call):
                self._keep_added(each, key if isinstance(key, str) else "", value)
        is_mapping = any(isinstance(each, Container) and each.keys for each in list_alternatives(base))
        if is_mapping and isinstance(target, ast.Name):
            for key, value in list_set_items(call):
                self._add_item(target.id, base, Constant(key) if isinstance(key, str) else UNKNOWN, value)

    def _keep_passed(self, node: ast.Call, callee: Value, base: Value, values: Sequence[Value]) -> None:
        """Keep what a call puts into an object of a library, into a list or into another object."""
        holder = handed_functions.find_getter_of_functions(node, callee)
        if holder is not None:
            self._hold_functions(holder, values)
        if isinstance(node.func, ast.Attribute):
            self._keep_filled(node.func.value, base, node.func.attr, values)
            if _FILLS_OBJECT.match(node.func.attr):
                self._taint_owner(node.func.value, values)

    def _keep_filled(self, target: ast.expr, base: Value, method: str, args: Sequence[Value]) -> None:
        """Keep the tags of secrets, and of what walks find, when a method adds such a value to a list or set."""
        if method == "__setattr__":
            self._keep_set_attribute(args, target.lineno)
        if method not in _FILLING_METHODS and method not in held_steps.FILLING_METHODS:
            return
        tags = frozenset().union(*map(collect_tags, args))
        steps = list_steps(tags)
        tags = (tags & _KEPT_TAGS) | steps
        if tags and isinstance(target, ast.Name) and isinstance(base, Constant | Unknown):
            self.scope.bind(target.id, Unknown(collect_tags(base) | tags))
        if steps:
            self._fill(target, base, args)

    def _keep_set_attribute(self, args: Sequence[Value], line: int) -> None:
        """Keep the attribute that ``value.__setattr__(name, value)`` sets, if computed names have reached it."""
        if STEP in collect_tags(args[-1] if args else UNKNOWN):
            self._call_setattr(Call("builtins.setattr", (UNKNOWN, *args[-2:]), {}, line))

    def _fill(self, target: ast.expr, base: Value, values: Sequence[Value]) -> None:
        """Keep that values which computed names have reached are put into the object of an expression."""
        name = target.id if isinstance(target, ast.Name) else ""
        self._held.fill(held_steps.list_scopes(self.scope, self._held.callers), name, base, values)
        self._definitions.fill_defaults(base, values)
        if isinstance(target, ast.Attribute):
            self._keep_attribute(target.attr, Container(tuple(values), is_open=True))

    def _taint_owner(self, target: ast.expr, values: Sequence[Value]) -> None:
        """Give an object of a library the tags of a secret that one of its methods or items gets.

        The object is the name, or the attribute of another object, at which the path ``a.b.headers["x"]`` begins.
        """
        tags = frozenset(each for value in values for each in collect_tags(value) if partial_texts.is_secret_tag(each))
        while tags and isinstance(target, ast.Attribute | ast.Subscript):
            is_attribute = isinstance(target, ast.Attribute)
            if is_attribute and isinstance(target.value, ast.Name) and target.value.id in ("self", "cls"):
                break
            target = target.value
        if not tags or not isinstance(target, ast.Name | ast.Attribute):
            return
        owner = self._evaluate_unrecorded(target)
        if not isinstance(owner, ExternalName) or not owner.is_result or "network" in collect_tags(owner):
            return
        tainted = replace(owner, tags=owner.tags | tags)
        if isinstance(target, ast.Name):
            self.scope.bind(target.id, tainted)
        else:
            self._attributes[target.attr] = tainted

    def _record_arguments(
        self, method: str, callee: Value, args: list[Value], keywords: dict[str, Value], node: ast.Call
    ) -> None:
        """Record the effects that arguments have by themselves; ``method`` is empty for a function."""
        line, last_name = node.lineno, method or _get_last_name(callee)
        is_known_path = last_name == "reduce" and len(args) > 2 and arguments.lists_known_texts(args[1])
        for each in () if is_known_path else arguments.find_passed_getter_targets(args):
            self.recorder.record_computed_name(each, line)
        for name in _CALLBACK_KEYWORDS & keywords.keys() if keywords else ():
            self.recorder.record_callback(keywords[name], line, only_found=True)
        trust_name = self.own_loads.calls.get(node, remote_code.TRUST_NAME)
        is_loader = bool(node.keywords) and remote_code.loads_models(method, callee, args)
        is_chosen = bool(node.keywords) and self.recorder.switches.chooses_switch(node, is_loader)
        for name, detail in remote_code.find_remote_code(last_name, keywords, args, trust_name, is_chosen):
            self.log.record(uses.CALL, name, line, detail)
        if "cmdclass" in keywords:
            self._record_install_commands(keywords["cmdclass"])

    def _record_install_commands(self, classes: Value) -> None:
        """Record that an installation calls all methods of the classes in ``setup(cmdclass={"install": Class})``."""
        mappings = [each for each in list_alternatives(classes) if isinstance(each, Container)]
        for class_value in (each for mapping in mappings for each in mapping.values):
            members = self._definitions.get_members(class_value)
            if members is not None:
                for member in members.names.values():
                    self.recorder.record_passed_definitions(member)

    def _call_known_method(self, base: Value, method: str, args: Sequence[Value], line: int) -> Value | None:
        """Call a method of a constant, a container or a namespace.

        Returns:
            The result, unknown where the method is not modelled. ``None`` for a base of another kind, and where the
            source itself assigns a method of that name.
        """
        if isinstance(base, Constant) and method:
            known_args = [each for each in args if isinstance(each, Constant)]
            folded = constant_calls.fold_method(base, method, known_args) if len(known_args) == len(args) else None
            if folded is not None:
                return self.recorder.record_computed_text(folded, line)
            # The evaluator keeps attributes without their objects: a method that the source assigns may be meant.
            tags = collect_tags(base).union(*map(collect_tags, args))
            text = ""
            if method == "format":
                text = partial_texts.fill_template(base, args, is_percent=False)
            elif method == "join":
                text = partial_texts.join_list(base, args)
            result = self.recorder.record_computed_text(Unknown(tags, text), line)
            return result if method not in self._attributes else None
        if isinstance(base, Container) and method:
            return self._call_container_method(base, method, args)
        # ``vars(os).get("system")`` takes a name of the module, and ``vars(os).items()`` takes all of them.
        namespaces = [
            each
            for each in list_alternatives(base)
            if isinstance(each, ExternalName) and name_resolution.is_module_namespace(each)
        ]
        if namespaces and method in _ITEM_METHODS:
            return self._take_from_namespaces(namespaces, args[0] if args else UNKNOWN, line)
        if any(isinstance(each, ExternalName) and each.name in _OWN_NAMESPACES for each in list_alternatives(base)):
            return self._take_own_names(base, method, args, line)
        if namespaces and method in ("copy", "__or__", "__ror__"):
            return namespaces[0]
        if namespaces and method in ("items", "values"):
            self.recorder.record_computed_name(namespaces[0], line)
            return Unknown(walks.list_namespace(namespaces[0].name))
        return None

    def _call_container_method(self, base: Container, method: str, args: Sequence[Value]) -> Value | None:
        """Call a method of a list or mapping; ``None`` where the source itself assigns a method of that name."""
        if method in _ITEM_METHODS:
            return name_resolution.resolve_item_or_default(base, args)
        if method == "items" and base.keys:
            return sequence_calls.pair_keys(base)
        # Other methods, such as ``copy`` or ``values``, are taken to return the items again.
        return base if method not in self._attributes else None

    def _take_from_namespaces(self, namespaces: Sequence[Value], key: Value, line: int) -> Value:
        """Take the item under a key of each of several namespaces by a method such as ``get``."""
        self._ask_for_changes(key)
        if isinstance(key, Constant) and key.is_open:
            return join_values(*(self._take_open_item(each, key, line) for each in namespaces))
        return join_values(*(self._resolve_item(each, key, line) for each in namespaces))

    def _is_own_namespace(self, value: Value) -> bool:
        """Whether a value may be the namespace of the module itself."""
        alternatives = list_alternatives(value)
        names = _OWN_NAMESPACES | _FOUND_NAMESPACES
        is_called = any(isinstance(each, ExternalName) and each.name in names for each in alternatives)
        return is_called or walks.OWN_MODULE in collect_tags(value)

    def _take_own_names(self, namespace: Value, method: str, args: Sequence[Value], line: int) -> Value | None:
        """Take one name of ``globals()`` by a method, or all of them; ``None`` for any other method."""
        if method in _ITEM_METHODS:
            return self.take_item(namespace, args[0] if args else UNKNOWN, line)
        return self._walk_own_names(line) if method in ("items", "values") else None

    def _walk_own_names(self, line: int) -> Value:
        """Return a stand-in for each value of ``globals()``: of the source itself, and of what it imports."""
        for module in self._star_imports:
            self.recorder.record_computed_name(ExternalName(module), line)
        # A loop over the values may change each list among them.
        self.changes.is_complete = False
        return Unknown(frozenset({"member"}))

    def call_value(
        self,
        callee: Value,
        args: Sequence[Value],
        keywords: dict[str, Value],
        line: int,
        base: Value = UNKNOWN,
        method: str = "",
    ) -> Value:
        """Call every callable that a value may be, and join the results.

        For a call ``base.method(...)``, ``base`` is the object and ``method`` the name; otherwise ``method`` is empty.
        """
        if self._depth >= _MAX_DEPTH:  # ``partial`` of ``partial``, and callables that call their first argument
            raise TooDeepError
        results: list[Value] = []
        alternatives = list_alternatives(callee)
        # Each alternative of the callee meets each of every argument, and calls nest: pay for the product.
        self.budget.spend(len(alternatives) * (1 + sum(len(list_alternatives(each)) for each in args)))
        self._depth += 1
        for each in alternatives:
            if isinstance(each, ExternalName):
                results.append(
                    self._call_external(
                        Call(each.name, args, keywords, line, each.is_hidden, each.tags, each.text), each
                    )
                )
            elif isinstance(each, LocalDefinition):
                self.recorder.record_handed_modules(Call("(source)", self._list_unbound(each, args), {}, line))
                results.append(self._call_local(each, args, keywords, base, method))
            elif isinstance(each, PartialCall):
                results.append(self.call_value(each.callee, [*each.args, *args], dict(each.keywords) | keywords, line))
            elif isinstance(each, Container):
                # A container cannot be called: the source calls an item of it, and it is not known which.
                results.append(join_values(*each.values) if each.values else UNKNOWN)
            elif method in _MEMBER_METHODS and args:
                # ``type(value).__getattribute__(value, name)``
                owner = args[0] if len(args) > 1 else base
                results.append(self.call_getattr(Call("builtins.getattr", [owner, args[-1]], {}, line)))
            else:
                if is_found(each) and any(isinstance(owner, LocalDefinition) for owner in list_alternatives(base)):
                    # A method of the source itself, whatever its name: ``class A: __getitem__ = found``.
                    self.recorder.record_found_object(Call("", args, keywords, line, tags=collect_tags(each)))
                results.append(self._call_unknown(each, args, keywords, method, line))
            # The object may be one of the source, as ``self`` is.
            if method and (isinstance(each, Unknown) or (isinstance(each, ExternalName) and each.is_result)):
                finders = self._definitions.list_finders(method)
                results += [self._call_function(finder, [UNKNOWN, *args], keywords) for finder in finders]
        self._depth -= 1
        return join_choices(*results, *blind_steps.list_handed_out(base, method, args))

    def _record_handed_finders(self, callee: Value, values: Sequence[Value], line: int) -> None:
        """Record the functions of the source that look names up, which code that is not followed gets."""
        if any(isinstance(each, LocalDefinition | PartialCall) for each in list_alternatives(callee)):
            return
        if isinstance(callee, ExternalName) and _find_special_call(callee.name) is not None:
            return
        if any(map(self._is_finder, values)):
            self.log.record(uses.HANDS_ON, OWN_FINDER, line)

    def _is_finder(self, value: Value) -> bool:
        """Whether a value is a function that looks objects up by computed names, or holds one or a module."""
        if isinstance(value, Container):
            return any(map(self._is_finder, value.values))
        alternatives = [each for each in list_alternatives(value) if isinstance(each, LocalDefinition)]
        return any(self._definitions.finds_objects(each) or self._holds_module(each) for each in alternatives)

    def _holds_module(self, owner: LocalDefinition) -> bool:
        """Whether a class of the source, or an object of it, has a module as a member."""
        members = self._definitions.get_members(owner)
        held = (each for value in members.names.values() for each in list_alternatives(value)) if members else ()
        known = self.module_values.known_modules
        return any(isinstance(each, ExternalName) and not each.is_result and each.name in known for each in held)

    def _list_unbound(self, callee: LocalDefinition, args: Sequence[Value]) -> Sequence[Value]:
        """Return the arguments that a class gets, or a function as items of ``*args``."""
        node = self._definitions.get(callee).node
        if isinstance(node, ast.ClassDef):
            return args
        return args[len(node.args.args) :] if node.args.vararg is not None else ()

    def _call_local(
        self,
        callee: LocalDefinition,
        args: Sequence[Value],
        keywords: dict[str, Value],
        base: Value,
        method: str,
    ) -> Value:
        """Call a function of the source, a class (which makes an object) or an object with ``__call__``."""
        self.log.record_local_call(callee.number)
        definition = self._definitions.get(callee)
        result = self._call_method(callee, ("__call__", "forward"), args) if callee.is_result else None
        if result is not None:
            return result
        if callee.is_result and self._handed.everywhere:
            return Unknown(self._follow_handed(Call("", args, keywords, 0), frozenset(), is_object=True))
        if definition.members is not None:  # a class
            # An object calls its special methods without their names being written, and a thread calls ``run``.
            is_thread = any(
                isinstance(each, ExternalName) and each.name in name_tables.THREAD_CLASSES for each in definition.bases
            )
            for name, member in definition.members.names.items():
                if (name.startswith("__") and name.endswith("__")) or (is_thread and name == "run"):
                    self.recorder.record_passed_definitions(member)
            made = LocalDefinition(callee.number, is_result=True)
            fields = _list_generated_fields(definition.node) if isinstance(definition.node, ast.ClassDef) else []
            self._keep_fields({**dict(zip(fields, args, strict=False)), **keywords} if fields else {})
            for member in list_alternatives(self._definitions.find_member(callee, "__init__") or UNKNOWN):
                if isinstance(member, LocalDefinition) and self._definitions.get_members(member) is None:
                    self._call_function(member, [made, *args], keywords)
            return self._hold_in_object(made, definition, (*args, *keywords.values()))
        # A method of an object of the source gets the object as its first argument, and one of the class the class.
        owners = [each for each in list_alternatives(base) if isinstance(each, LocalDefinition)] if method else []
        bound_to = definition.find_bound()
        is_method_call = bool(owners) and (
            bound_to == "class" or (any(each.is_result for each in owners) and not bound_to)
        )
        return self._call_function(callee, [base, *args] if is_method_call else args, keywords)

    def _hold_in_object(self, made: LocalDefinition, definition: Definition, values: Sequence[Value]) -> Value:
        """Return a new object of a class; a base of a library may hold the functions that the object gets."""
        is_derived = self._handed.is_asked and any(isinstance(each, ExternalName) for each in definition.bases)
        tags = handed_functions.tag_held(values) if is_derived else frozenset()
        return handed_functions.hold(made, tags) if tags else made

    def _hold_functions(self, target: ast.expr, values: Sequence[Value]) -> None:
        """Keep that an object holds the functions of the source which it gets by a method or as an attribute."""
        tags = handed_functions.tag_held(values) if self._handed.is_asked else frozenset()
        if not tags:
            return
        holder = handed_functions.find_holder(target)
        if handed_functions.is_own_object(holder):
            self._handed.everywhere |= tags
        elif isinstance(holder, ast.Name | ast.Attribute):
            owner = self._evaluate_unrecorded(holder)
            if any(isinstance(each, ExternalName) and not each.is_result for each in list_alternatives(owner)):
                return
            if isinstance(holder, ast.Name):
                self.scope.bind(holder.id, handed_functions.hold(owner, tags))
            else:
                self._attributes[holder.attr] = handed_functions.hold(owner, tags)

    def _keep_fields(self, fields: Mapping[str, Value]) -> None:
        """Keep the fields of a new object that computed names have reached."""
        for name, value in fields.items():
            if STEP in collect_tags(value):
                self._keep_attribute(name, value)

    def _call_method(self, base: Value, names: Sequence[str], args: Sequence[Value], line: int = 1) -> Value | None:
        """Call a special method, as Python does by itself: the first of ``names`` that the class of ``base`` has.

        Returns:
            The result; ``None`` if ``base`` is not an object or class of the source, or has none of the methods.
        """
        if not isinstance(base, LocalDefinition | Alternatives):  # a quick test, as most values are neither
            return None
        results: list[Value] = []
        for owner in list_alternatives(base):
            method = self._definitions.find_method(owner, names)
            for member in list_alternatives(method) if method is not None else ():
                if isinstance(member, LocalDefinition):
                    self.log.record_local_call(member.number)
                    results.append(self._call_function(member, [owner, *args], {}))
                elif args and isinstance(member, ExternalName | PartialCall):
                    # ``__getitem__ = staticmethod(import_module)``
                    results.append(self.call_value(member, args, {}, line))
                else:
                    # ``__enter__ = os.system``: the name was recorded where the class binds it.
                    results.append(member)
        return join_choices(*results) if results else None

    def _call_function(self, function: LocalDefinition, args: Sequence[Value], keywords: dict[str, Value]) -> Value:
        """Call a function of the source: inline a short one with known arguments; of any other return the known result.

        Inlining is what resolves helpers such as ``def decode(text, key): ...``. Each function is evaluated once by
        itself in any case, with unknown arguments, so that a call with nothing known adds nothing.
        """
        definition = self._definitions.get(function)
        node = definition.node
        if isinstance(node, ast.ClassDef):  # as a method: ``class A: make = Inner``
            return LocalDefinition(function.number, is_result=True)
        bound_args = definition.bind_call(args, keywords)
        # With unknown arguments alone, the result is that of the body evaluated by itself. A call without arguments is
        # inlined all the same: the body may not have been evaluated yet.
        has_known_args = any(
            isinstance(each, CallableValue | Constant) or is_sensitive(each)
            for value in bound_args.values()
            for each in list_alternatives(value)
        )
        is_stepping = definition.leaves_steps or any(STEP in collect_tags(each) for each in bound_args.values())
        limit = _MAX_STEPPING_STATEMENTS if is_stepping else _MAX_INLINE_STATEMENTS
        is_short = isinstance(node, ast.Lambda) or len(node.body) <= limit
        is_within_bounds = self._inline_depth < _MAX_INLINE_DEPTH and self._inlined_calls < _MAX_INLINED_CALLS
        is_followed = has_known_args or not bound_args or definition.leaves_steps
        is_inlined = is_short and is_within_bounds and is_followed
        if not is_inlined:
            for each in list_alternatives(definition.result or UNKNOWN):
                if isinstance(each, LocalDefinition):  # its scope may be that of another call
                    self._definitions.get(each).is_reused = True
            return definition.result or UNKNOWN if is_within_bounds else self._pass_tags(definition, bound_args)
        scope = Scope(definition.scope, is_reused=definition.is_reused)
        self._bind_parameters(node.args, function, scope, keeps_constants="**" not in keywords)
        scope.names.update(bound_args)
        self._inline_depth += 1
        self._inlined_calls += 1
        outer, writes = self.log.enter_arguments(None), self._held.writes
        try:
            return self._evaluate_body(node, scope)
        finally:
            definition.leaves_steps |= self._held.writes > writes
            self.log.enter_arguments(outer)
            self._inline_depth -= 1

    def _pass_tags(self, definition: Definition, args: Mapping[str, Value]) -> Value:
        """Return the result of a function that calls itself too often to follow: it may be made of its arguments."""
        tags = frozenset().union(*map(collect_tags, args.values()))
        return join_values(definition.result or UNKNOWN, Unknown(tags & _FOLLOWED_TAGS))

    def _call_unknown(
        self, callee: Value, args: Sequence[Value], keywords: Mapping[str, Value], method: str, line: int
    ) -> Value:
        """Call something unknown: only the name of the method, or the tags of the callee, can show its effect."""
        call = Call(f"*.{method}", args, keywords, line, tags=collect_tags(callee))
        if method:
            self.log.record_method_call(method)
        self.recorder.record_sent_secret(call, method)
        if method in name_tables.COMMAND_METHODS:
            self.recorder.record_call(call)
        # A module or a name in it that comes from a file is chosen by whoever writes that file.
        is_command = "module" in call.tags and walks.passes_command(method, args, keywords)
        if walks.PICKED in call.tags or is_command or blind_steps.starts_shell(call.tags, method, keywords):
            self.log.record(uses.CALL, walks.PICKED_NAME, line)
        elif "module" in call.tags and call.tags & {"file", "computed"}:
            is_named = "file" in call.tags
            name = "(function that a file names)" if is_named else walks.WORKED_OUT_NAME
            self.log.record(uses.CALL, name, line)
        if walks.calls_found_object(call, method):
            self.recorder.record_found_object(call)
        self._record_blind_call(call, callee)
        item = self._take_by_method(callee, args, method, line)
        if item is not None:
            return item
        self.recorder.record_handed_modules(call)
        for each in args:
            self.recorder.record_passed_module(each, line)
        if call.name in name_tables.IMPORTERS:
            return self._call_import(call)
        passed_tags = call.tags | call.argument_tags | blind_steps.take_by_method(call.tags, method, call.args)
        passed_tags = self._follow_handed(call, passed_tags, is_object=method in _CALLING_METHODS)
        if passed_tags:
            passed_tags = self._lead(call, passed_tags, method)
            passed_tags = sent_parameters.drop_function_tags(passed_tags - {partial_texts.FOREIGN_TAG, walks.PICKED})
            passed_tags = walks.drop_own(passed_tags, (Unknown(call.tags), *args) if method else args)
        return Unknown(passed_tags | partial_texts.tag_client(call))

    def _follow_handed(
        self, call: Call, tags: frozenset[str], is_object: bool = False, is_made: bool = False
    ) -> frozenset[str]:
        """Return the tags of the result of a call with those from functions of the source that are called in it."""
        if not self._handed.is_asked:
            return tags
        return handed_functions.drop_held(tags) | self._handed.follow_call(call, is_object, is_made)

    def _record_blind_call(self, call: Call, callee: Value) -> None:
        """Record the call of an object that several computed names reach from one of unknown class."""
        if BLIND in call.tags and (type(callee) is Unknown or getattr(callee, "is_returned", False)):
            self.log.record(uses.CALL, walks.PICKED_NAME, call.line)

    def _lead(self, call: Call, tags: frozenset[str], method: str) -> frozenset[str]:
        """Return the tags of the result of a call; what a computed name took may be a function that looks names up."""
        if not self._definitions.has_finders():
            return tags
        if blind_steps.LED in call.tags and not method:
            self.log.record(uses.CALL, walks.PICKED_NAME, call.line)
        return tags - {blind_steps.LED} if method or STEP not in call.tags else tags | {blind_steps.LED}

    def _take_by_method(self, callee: Value, args: Sequence[Value], method: str, line: int) -> Value | None:
        """Take an item as ``get`` does; ``None`` if the value is not known to be a namespace."""
        if method not in _ITEM_METHODS:
            return None
        tags = collect_tags(callee)
        key = args[0] if args else UNKNOWN
        item = self.take_item(Unknown(tags), key, line) if isinstance(key, Constant) else UNKNOWN
        if "namespace" not in tags:
            return None
        return item if isinstance(key, Constant) else name_resolution.resolve_item(Unknown(tags), key)

    def _call_external(self, call: Call, callee: ExternalName) -> Value:
        """Call a function of another module: one that is modelled here, one on constants, or any other."""
        self._record_blind_call(call, callee)
        namespace, _, method = call.name.rpartition(".")
        if method in NAMESPACE_SETTERS and namespace in _OWN_NAMESPACES:
            self._bind_own_names(method, call.args, call.keywords)
        special = _find_special_call(call.name)
        if special is not None:
            return special(self, call)
        return self._call_ordinary(call, callee)

    def _record_callbacks(self, call: Call, callee: ExternalName, method: str) -> None:
        """Record the functions that a call passes to one that calls them, or to an object that hands them to a hook."""
        if method in name_tables.CALLBACK_TAKERS:
            for each in (*call.args, *call.keywords.values()):
                self.recorder.record_callback(each, call.line)
            return
        for each in call.args if call.argument_tags else ():
            tags = collect_tags(each)
            is_function = callbacks.is_caller(callee) and not tags.isdisjoint({walks.PICKED, BLIND})
            if is_function or (callee.is_result and blind_steps.is_far(tags) and self.log.calls_method("_hook")):
                self.recorder.record_callback(each, call.line, only_found=True)

    def _call_ordinary(self, call: Call, callee: ExternalName) -> Value:
        """Call a function of another module that has no model of its own."""
        folded = self._fold_call(call)
        if folded is None and self._read_file is not None:
            folded = document_values.read_document(call, self._read_file)
        if folded is not None:
            return folded
        # Which commands are harmless depends on their words, and which loaders on their switches.
        is_switched = call.name in _SWITCHED_LOADERS and not self._writes_switches()
        self.changes.is_asked |= is_switched or call.name.startswith("subprocess.")
        self.recorder.record_call(call, is_of_result=callee.is_returned)
        self._record_served_results(call)
        self._keep_fields(call.keywords if blind_steps.makes_object(call.name) else {})
        self._follow_configured_package(call)
        self._open_own_names(call)
        self.recorder.record_environment(call)
        self.recorder.record_process_items(call)
        self.recorder.record_namespace_call(call)
        self.recorder.record_settings(call)
        self.recorder.record_handed_modules(call, is_of_result=callee.is_result)
        method = call.name.rpartition(".")[2]
        # The object comes from a library and its class is not known: the method may be that of any class, also of one
        # of the source.
        if callee.is_result:
            self.log.record_method_call(method)
            # The functions of a shell that the source names have names of their own.
            if method in name_tables.COMMAND_METHODS and not call.name.startswith("IPython.get_ipython."):
                self.log.record(uses.CALL, f"*.{method}", call.line, call.detail)
        walk_tags = walks.find_walk_tags(call)
        if walk_tags is not None:
            return Unknown(self._follow_handed(call, walk_tags))
        self._record_callbacks(call, callee, method)
        tags, text = data_flow.tag_result(call), partial_texts.describe_result(call)
        tags |= blind_steps.take_by_method(call.tags, method, call.args)
        tags = blind_steps.pass_steps(callee, tags, len(call.args) + len(call.keywords)) if STEP in tags else tags
        is_object = callee.is_returned or (callee.is_result and method in _CALLING_METHODS)
        tags = self._follow_handed(call, tags, is_object, blind_steps.makes_instance(callee))
        result = ExternalName(call.name, is_result=True, tags=tags, text=text, is_returned=True)
        if result.text != call.text:
            self.recorder.record_computed_text(result, call.line)
        return result

    def _record_served_results(self, call: Call) -> None:
        """Record that a web server answers with the environment: by itself, or by a function that it gets."""
        served = served_results.list_served_functions(call)
        is_served = any(
            served_results.holds_environment(self._definitions.get(each).result or UNKNOWN) for each in served
        )
        if is_served or served_results.shows_environment(call):
            self.log.record(uses.SENDS_SECRET, call.name, call.line, "the environment, to whoever asks")
        elif served_results.shares_files(call):
            self.log.record(
                uses.SENDS_SECRET, call.name, call.line, "all files of the machine or user, to whoever asks"
            )

    def _find_class_of_function(self, value: Value) -> Value:
        """Return the class of a function or of its code, which makes functions of any code; unknown for the rest."""
        for each in list_alternatives(value):
            if isinstance(each, LocalDefinition) and self._definitions.get_members(each) is None:
                return ExternalName("types.FunctionType")
            if isinstance(each, ExternalName) and each.name == "*.__code__":
                return ExternalName("types.CodeType")
        return UNKNOWN

    def _call_type(self, call: Call) -> Value:
        """Call ``type``: with one argument it returns the class of a value, with three it makes one."""
        if len(call.args) < 2:
            return self._find_class_of_function(call.args[0] if call.args else UNKNOWN)
        members = call.args[2] if len(call.args) > 2 else UNKNOWN
        if not isinstance(members, Container):
            return join_values(self._make_class(call), self._call_ordinary(call, ExternalName(call.name)))
        for name, value in zip(members.keys, members.values, strict=False):
            self.recorder.record_passed_definitions(value)
            self._keep_attribute(str(name), value)
            if name == _ANNOTATIONS:
                self._record_annotations(value, call.line)
        return self._make_class(call)

    def _call_new_class(self, call: Call) -> Value:
        """Call ``types.new_class``, whose members are not known."""
        return join_values(self._make_class(call), self._call_ordinary(call, ExternalName(call.name)))

    def _make_class(self, call: Call) -> Value:
        """Return the class that a call makes of bases and members, as a class statement at its place does."""
        place = self._look_up[0] if self._look_up is not None else None
        if place is None:
            return UNKNOWN
        node = self._definitions.made_classes.setdefault(place, handed_functions.write_class(call.line))
        bases = call.get_argument(1, "bases") or UNKNOWN
        members = call.args[2] if len(call.args) > 2 else UNKNOWN
        scope = Scope(self.scope, is_class=True)
        if isinstance(members, Container) and members.keys:
            scope.names |= {str(key): value for key, value in zip(members.keys, members.values, strict=False)}
        made = self._definitions.add(node, self.scope, scope, self._inline_depth > 0)
        self._definitions.get(made).bases = tuple(sequence_calls.list_items(bases) or ())
        self.log.register_definition("(class)", made.number)
        return made

    def _follow_configured_package(self, call: Call) -> None:
        """Record a secret that is passed to a package whose address another call sets: ``mlflow.set_tracking_uri``."""
        package = call.name.partition(".")[0]
        if partial_texts.configures_address(call):
            self._configured_packages.add(package)
        elif package in self._configured_packages and data_flow.passes_secret(call):
            self.log.record(uses.SENDS_SECRET, call.name, call.line, call.detail)

    def _fold_call(self, call: Call) -> Value | None:
        """Fold a call of a library function; ``None`` if it is not modelled, or not all arguments are constants."""
        ordered = constant_calls.order_arguments(call.name, call.args, call.keywords)
        constants = [each for each in ordered if isinstance(each, Constant)]
        if not constants or len(constants) != len(ordered):
            return None
        folded = constant_calls.fold_function(call.name, constants)
        if folded is None:
            return None
        if call.name == "builtins.bytearray":
            self.changes.note_byte_arrays()
        if folded.provenance is Provenance.LITERAL and len(constants) > 1:
            # A path that is joined from its parts counts as written out.
            self.recorder.record_text(folded, call.line)
        return self.recorder.record_computed_text(folded, call.line)

    # ---- modelled functions: they reach names, run code, or call their arguments ----

    def call_getattr(self, call: Call) -> Value:
        """Call ``getattr(base, name)``; an attribute whose name is computed is marked as hidden."""
        if len(call.args) < 2:
            return UNKNOWN
        self._ask_for_changes(call.args[1])
        base, name = call.args[0], spread_open(call.args[1])
        if isinstance(name, Alternatives):
            rest = call.args[2:]
            return join_values(
                *(self.call_getattr(Call(call.name, [base, each, *rest], {}, call.line)) for each in name.values)
            )
        if not isinstance(name, Constant) or not isinstance(name.value, str):
            # The source does not show which attribute is read. The result keeps the tags of the base.
            self._record_taken_text(name, call.line)
            for each in list_alternatives(base):
                self.recorder.record_computed_name(each, call.line)
            # The name may be that of any text, as in a loop over ``dir(value)`` with a comparison.
            if not all(map(self._is_known_module, list_alternatives(base))):
                self.module_values.takes_by_text = True
                self.keep_named_member(base, ANY_NAME, call.line)
            answer = self._call_method(base, ("__getattr__", "__getattribute__"), [name], call.line)
            added_tags = walks.take_computed_attribute(base)
            if "member" in added_tags:
                self.log.record(uses.REFERENCE, walks.MEMBER_NAME, call.line)
            added_tags |= blind_steps.drop_steps(collect_tags(name))
            steps = blind_steps.take_computed_name(base, self._get_place())
            self._handed.note_steps(steps)
            taken = Unknown(collect_tags(base) | added_tags | steps)
            return taken if answer is None else join_values(taken, answer)
        return self._take_attribute(base, name, name.value, call.line)

    def _get_place(self) -> str:
        """Return the place of the call or item under evaluation, as the tags of steps name it."""
        node = self._look_up[0] if self._look_up is not None else None
        return "" if node is None else f"{self.log.locate_line(node.lineno)}:{node.col_offset}"

    def _take_attribute(self, base: Value, name: Constant, text: str, line: int) -> Value:
        """Take the attribute of a known name, whose text is ``text``, as ``getattr`` does."""
        is_own = isinstance(base, LocalDefinition) or walks.OWN_MODULE in collect_tags(base)
        if is_own and not self._writes_text():
            self.changes.mark_changed(text)
        self.keep_named_member(base, text, line)
        command_method = name_resolution.resolve_command_method(base, name)
        attribute = command_method or self._resolve_attribute(base, text, line)
        if any(isinstance(each, Unknown) for each in list_alternatives(base)):
            attribute = join_values(attribute, *self._definitions.list_finders(text))
        if isinstance(base, Alternatives):
            modules = (each for each in base.values if isinstance(each, Unknown) and "module" in each.tags)
            commands = (name_resolution.resolve_command_method(each, name) for each in modules)
            attribute = join_values(attribute, *filter(None, commands))
        # ``getattr(os, "system")`` shows its name; ``getattr(os, "sys" + "tem")`` hides it.
        if name.provenance is Provenance.LITERAL:
            return attribute
        if any(isinstance(each, Unknown) and walks.PICKED in each.tags for each in list_alternatives(base)):
            # Neither the module nor the name is written out. A module that a changed list named before is evidence.
            found = (_hide_name(each) for each in list_alternatives(attribute) if isinstance(each, ExternalName))
            return join_values(Unknown(collect_tags(base) | walks.take_computed_attribute(base)), *found)
        return join_values(*(_hide_name(each) for each in list_alternatives(attribute)))

    def _record_taken_text(self, text: Value | None, line: int) -> None:
        """Record that a name is taken by a text that may be one of another file of the model."""
        if text is not None and may_be_imported(text):
            self.log.record(uses.TAKES_TEXT, uses.ANY_VALUE, line)

    def _call_own_getattribute(self, call: Call) -> Value:
        """Call ``os.__getattribute__("system")``, which is ``getattr(os, "system")``."""
        owner = ExternalName(call.name.rpartition(".")[0], is_hidden=call.is_hidden)
        return self.call_getattr(Call("builtins.getattr", [owner, *call.args], {}, call.line))

    def _call_import(self, call: Call) -> Value:
        """Call a function that imports a module by name, such as ``__import__``, and return the module."""
        argument = call.get_argument(0, "name")
        self._ask_for_changes(argument)
        argument = argument if argument is None else spread_open(argument)
        if isinstance(argument, Alternatives):
            rest = call.args[1:] if call.args else ()
            keywords = {key: value for key, value in call.keywords.items() if key != "name"}
            calls = (Call(call.name, [each, *rest], keywords, call.line, call.is_hidden) for each in argument.values)
            return join_values(*map(self._call_import, calls))
        if not isinstance(argument, Constant) or not isinstance(argument.value, str):
            self.recorder.record_call(call)
            self._record_taken_text(argument, call.line)
            self.module_values.imports_by_text = True
            return Unknown(frozenset({"module", call.name, walks.PICKED}) | call.argument_tags)
        module_path = argument.value.replace(":", ".")
        is_hidden = call.is_hidden or argument.provenance > Provenance.LITERAL
        module = name_resolution.normalize_name(module_path).name
        if is_hidden:
            self.module_values.hidden.setdefault(module, module_path)
        self.log.record(uses.CALL, f"{call.name}(constant)", call.line, module_path)
        self.recorder.record_written_import(call, call.name)
        self.log.record(uses.IMPORT, module, call.line)
        if module_path.startswith("."):  # a file of the model itself, relative to this one
            self._record_sibling(f"{module_path.strip('.')}.{uses.ANY_VALUE}", uses.ANY_VALUE, call.line)
            return UNKNOWN
        # Without ``fromlist``, ``__import__("a.b")`` returns ``a``.
        returns_top_package = call.name == "builtins.__import__" and call.get_argument(3, "fromlist") is None
        return name_resolution.normalize_name(
            module_path.partition(".")[0] if returns_top_package else module_path, is_hidden
        )

    def _call_optional_import(self, call: Call) -> Value:
        """Call ``optional_import("os", name="system")``, which returns the object, and whether it was found."""
        module_name = call.get_argument(0, "module")
        imported = [] if module_name is None else [module_name]
        module = self._call_import(Call("importlib.import_module", imported, {}, call.line, call.is_hidden))
        name = call.get_argument(3, "name")
        if name is None:
            return Container((module, UNKNOWN))
        return Container((self.call_getattr(Call("builtins.getattr", (module, name), {}, call.line)), UNKNOWN))

    def _call_code_text(self, call: Call) -> Value:
        """Call a function that runs or compiles code in a text, such as ``exec``; evaluate the code if it is known."""
        setup = call.get_argument(1, "setup") if call.name in name_tables.TAKERS_OF_SETUP else None
        if setup is not None:
            self._run_code_argument(call, setup)
        written = (call.keywords[each] for each in name_tables.CODE_KEYWORDS if each in call.keywords)
        return self._run_code_argument(call, call.args[0] if call.args else next(written, None))

    def _run_code_argument(self, call: Call, text: Value | None) -> Value:
        """Evaluate one argument of a call that runs or compiles the code in it: each value that it may be."""
        self._ask_for_changes(text)
        text = text if text is None else spread_open(text)
        if isinstance(text, Alternatives):
            self.budget.spend(len(text.values))
            return join_values(*(self._run_code_argument(call, each) for each in text.values))
        is_run = call.name not in ("builtins.compile", "ast.parse")
        if isinstance(text, Constant) and isinstance(text.value, str | bytes):
            if text.provenance is Provenance.DECODED:
                self.log.record(uses.OF_DECODED, call.name, call.line, call.detail)
            elif is_run:
                brings_names = call.name == "pandas.eval" and evaluated_texts.brings_names_into_expression(call)
                is_plain = text.provenance is Provenance.LITERAL and not call.is_hidden and not brings_names
                name = f"{call.name}(constant)" if is_plain else call.name
                self.log.record(uses.HIDDEN if call.is_hidden else uses.CALL, name, call.line, call.detail)
            # The result of ``compile`` is the text itself: a later ``exec`` of it runs the code.
            if not is_run:
                return text if call.name == "builtins.compile" else join_values(text, _TREE)
            return self._evaluate_code_text(text.value, call)
        self._record_taken_text(text, call.line)
        # Code that is compiled from an unknown text is ordinary, unless the text was fetched or decoded.
        if not is_run and not call.argument_tags & {"decoded", "network", model_data.MODEL_DATA}:
            self.log.record(uses.CALL, call.name, call.line)
        else:
            self.recorder.record_call(call)
        return Unknown(call.argument_tags | ({_COMPILED} if not is_run else set()))

    def _call_function_type(self, call: Call) -> Value:
        """Call ``types.FunctionType``; with the code of ``compile``, its result runs the text as ``exec`` does."""
        self.recorder.record_call(call)
        code = call.args[0] if call.args else UNKNOWN
        is_text = isinstance(code, Constant) and isinstance(code.value, str | bytes)
        if is_text or _COMPILED in collect_tags(code):
            return self._run_code_argument(Call("builtins.exec", [code], {}, call.line, call.is_hidden), code)
        return Unknown(call.argument_tags)

    def _evaluate_code_text(self, text: str | bytes, call: Call) -> Value:
        """Evaluate code that a call runs, in the scope of the call; all uses in it get the line of the call."""
        # Definitions keep the trees of such texts, so that all of them together are bounded.
        self._code_text_characters += len(text)
        is_within_bounds = self._code_text_depth < _MAX_CODE_TEXT_DEPTH and self._code_text_characters <= _MAX_CODE_TEXT
        source = decode_code(text) if isinstance(text, bytes) else text
        source = source.strip() if call.name == "builtins.eval" else source
        body = parse_code_text(source) if is_within_bounds else None
        # Lines inside the text mean nothing to a reader of the file: those of the outermost text count.
        line = self.log.pinned_line or call.line
        outer_line = self.log.pin_line(line)
        self._code_text_depth += 1
        try:
            if body is None:
                self._scan_code_text(source, line)
                if not is_within_bounds or find_parser_obstacle(source):
                    self._list_skipped(line, line)
                return UNKNOWN
            self.changes.add_body(body, ast.Interactive([]))
            # ``eval`` returns the value of its expression, ``exec`` none.
            if len(body) == 1 and isinstance(body[0], ast.Expr):
                return self.evaluate(body[0].value)
            self.evaluate_statements(body)
        finally:
            self._code_text_depth -= 1
            self.log.pin_line(outer_line)
        return UNKNOWN

    def _call_examples(self, call: Call) -> Value:
        """Call a function of ``doctest`` that runs the examples in docstrings; evaluate those of this source."""
        holder = call.get_argument(0, "m" if call.name.endswith("testmod") else "f")
        docstrings: list[str] = []
        if holder is None and call.name.endswith("testmod"):
            docstrings = [self.docstring, *self._definitions.list_docstrings()]
        elif isinstance(holder, Constant) and isinstance(holder.value, str):
            docstrings = [holder.value]
        elif isinstance(holder, LocalDefinition):
            docstrings = [self._definitions.get_docstring(holder)]
        elif not isinstance(holder, ExternalName) or holder.is_result:
            self.recorder.record_call(call)
        examples = (example for text in docstrings for example in _EXAMPLE.finditer(text))
        for example in islice(examples, _MAX_EXAMPLES):
            lines = [line.strip()[4:] for line in example[0].strip("\n").split("\n")]
            self._evaluate_code_text("\n".join(lines), call)
        return UNKNOWN

    def _scan_code_text(self, source: str, line: int) -> None:
        """Record the names in a text that a call runs as code, and that is not evaluated; ``line`` is that of the call.

        Raises:
            TooDeepError: the budget is spent.
        """
        self.budget.spend(len(source) // _CHARACTERS_SCANNED_IN_STEP)
        scan_names(source, line, self.scope, self.log)

    def _call_setattr(self, call: Call) -> Value:
        """Call ``setattr(object, name, value)``: an assignment to an attribute, without a dot."""
        if len(call.args) >= 3:
            argument = call.args[1]
            attribute = argument.value if isinstance(argument, Constant) and isinstance(argument.value, str) else ""
            for each in list_alternatives(call.args[0]):
                self._rebind_member(each, attribute, call.args[2])
                self._keep_added(each, attribute, call.args[2])
                if isinstance(each, ExternalName) and not each.is_result:
                    overwritten = name_resolution.resolve_attribute(each, attribute or "*")
                    self.recorder.record_overwrite(overwritten, call.line, call.args[2])
                else:
                    self.recorder.record_module_places(f"*.{attribute}", call.args[2], call.line)
            if attribute == _ANNOTATIONS:
                self._record_annotations(call.args[2], call.line)
            if attribute:
                self.changes.mark_changed(attribute)
                self._keep_attribute(attribute, call.args[2])
        return UNKNOWN

    def _call_setter(self, call: Call) -> Value:
        """Call a function that sets items of its first argument: ``operator.setitem(globals(), "run", os.system)``."""
        self.recorder.record_call(call)
        self.recorder.record_process_items(call)
        for key, value in list_set_items(Call(call.name, call.args[1:], call.keywords, call.line)):
            self.recorder.record_module_places(f"*.{key}", value, call.line)
        if call.args and STEP in call.argument_tags:
            self._fill(ast.Constant(None), call.args[0], [*call.args[1:], *call.keywords.values()])
        if call.args and self._is_own_namespace(call.args[0]):
            is_item = call.name.endswith("setitem__") or call.name.endswith("setitem")
            self._bind_own_names("__setitem__" if is_item else "update", call.args[1:], call.keywords)
        if call.args and isinstance(call.args[0], ExternalName) and call.args[0].name.endswith(".__annotations__"):
            setting = Call(f"{call.args[0].name}.update", call.args[1:], call.keywords, call.line)
            self.recorder.record_namespace_call(setting)
        return Unknown(call.argument_tags)

    def _call_patch(self, call: Call) -> Value:
        """Call ``mock.patch("module.name", new)``."""
        self.recorder.record_patch(call)
        self.recorder.record_call(call)
        return Unknown(call.argument_tags)

    def _call_partial(self, call: Call) -> Value:
        """Call ``functools.partial``: return the callable with the arguments that it binds."""
        self.recorder.record_call(call)
        if not call.args:
            return UNKNOWN
        has_bound_args = len(call.args) > 1 or call.keywords
        partial = PartialCall(call.args[0], tuple(call.args[1:]), tuple(call.keywords.items()))
        return partial if has_bound_args else call.args[0]

    def _call_through(self, call: Call) -> Value:
        """Call ``operator.call`` and the like, which call their first argument with the others."""
        self.recorder.record_call(call)
        if not call.args:
            return UNKNOWN
        return self.call_value(call.args[0], list(call.args[1:]), dict(call.keywords), call.line)

    def _call_namespace(self, call: Call) -> Value:
        """Call ``vars``, ``globals`` or ``locals``: ``vars(module)`` is its ``__dict__``."""
        if call.args and not self._is_known_module(call.args[0]):
            self.module_values.takes_by_text = True
        is_walk = any(walks.is_walk(collect_tags(each)) for each in call.args[:1])
        alternatives = list_alternatives(call.args[0]) if call.args else ()
        owners = [each for each in alternatives if isinstance(each, ExternalName)]
        is_of_argument = call.name not in ("builtins.globals", "builtins.locals")
        if owners and is_of_argument and not is_walk:
            return join_values(
                *(ExternalName(f"{each.name}.__dict__", each.is_result, each.is_hidden, each.tags) for each in owners)
            )
        if call.args and is_of_argument:
            self._handed.note_steps((STEP,))
            return Unknown(blind_steps.open_names(walks.open_namespace(collect_tags(call.args[0]))))
        # The namespace has the name of its function, without ``is_result``: ``visit_Subscript`` looks for that name.
        return ExternalName(call.name)

    def _call_getmembers(self, call: Call) -> Value:
        """Call ``inspect.getmembers(module)``: the source takes some name of the module, and does not show which."""
        for each in call.args[:1]:
            self.recorder.record_computed_name(each, call.line)
        is_of_package = any(isinstance(each, ExternalName) and not each.is_result for each in call.args[:1])
        tags = walks.open_namespace(call.argument_tags) | ({"member"} if is_of_package else set())
        predicate = call.get_argument(1, "predicate")
        if isinstance(predicate, ExternalName) and predicate.name == "inspect.ismodule":
            tags |= walks.EVERY_MODULE
        taken = blind_steps.take_computed_name(call.args[0], self._get_place()) if call.args else frozenset()
        self._handed.note_steps(taken)
        return Unknown(tags | taken)

    def _call_closure_names(self, call: Call) -> Value:
        """Call ``inspect.getclosurevars``: it returns the names that a function sees, with their values."""
        self._handed.note_steps((STEP,))
        return Unknown(blind_steps.open_names(call.argument_tags | {STEP}))

    def _call_dict(self, call: Call) -> Value:
        """Call ``dict`` with keywords, or with one mapping, which it copies; any other result is unknown."""
        if call.keywords and not call.args and "**" not in call.keywords:
            return arguments.build_mapping(dict(call.keywords))
        if len(call.args) == 1 and isinstance(call.args[0], Container):
            return arguments.pair_items(call.args[0]) or call.args[0]
        if call.args and _is_any_namespace(call.args[0]):
            return call.args[0]  # a copy has the same items
        walk_tags = walks.find_walk_tags(call)
        if walk_tags is not None:
            return Unknown(walk_tags)
        return ExternalName(call.name, is_result=True, tags=call.tags | call.argument_tags, is_returned=True)

    def _call_ancestors(self, call: Call) -> Value:
        """Call a function that returns the classes above a class, among them ``object``."""
        self.recorder.record_call(call)
        return ExternalName(walks.ROOT_CLASS)

    def _call_list(self, call: Call) -> Value:
        """Call ``list`` or ``tuple``: of known items they make a list with the same items."""
        first = call.args[0] if len(call.args) == 1 else None
        if isinstance(first, Container) and not first.keys:
            return replace(first, is_tuple=call.name == "builtins.tuple")
        return self._call_ordinary(call, ExternalName(call.name))

    def _call_copy(self, call: Call) -> Value:
        """Call a function that makes an object with the contents of another.

        A copy of a namespace is one again, and a copy of a class or object of the source holds the same members.
        """
        copied = call.args[0] if call.name.startswith("copy.") and call.args else UNKNOWN
        kept = [each for each in list_alternatives(copied) if _keeps_members(each)]
        if kept:
            self.recorder.record_call(call)
            return join_values(*kept)
        namespaces = filter(_is_any_namespace, call.args)
        return next(namespaces, None) or self._call_ordinary(call, ExternalName(call.name))

    def _call_zip(self, call: Call) -> Value:
        """Call ``zip``, whose items are known if those of the arguments are."""
        return sequence_calls.zip_items(call) or self._call_ordinary(call, ExternalName(call.name))

    def _call_next(self, call: Call) -> Value:
        """Call ``next``: the result is any of the items, or the default in the second argument."""
        source = call.args[0] if call.args else Unknown()
        items: list[Value] = []
        for each in list_alternatives(source):
            held = sequence_calls.list_items(each)
            if held and isinstance(each, Constant):
                items.append(open_constant(held[0]))  # earlier calls may have taken it
            elif held and isinstance(each, Container):
                items.append(join_choices(*each.values or held))
            else:
                items.append(each)
        return join_choices(*items, *call.args[1:])


_LOOKING_UP: Final = name_tables.GETTERS | name_tables.IMPORTERS | frozenset(
    {"functools.reduce", "operator.attrgetter", "operator.methodcaller", "operator.itemgetter", "operator.getitem",
     "builtins.map", "itertools.accumulate", "itertools.starmap", "functools.partial", "functools.partialmethod",
     "operator.call", "string.Formatter.get_field", "operator.__getitem__", "builtins.dict.get",
     "builtins.dict.__getitem__"}
)  # fmt: skip
"""Functions that take a name by one of their arguments, or hand it to one that does."""
_CALLING_METHODS: Final = frozenset({"", "__call__", "forward"})
"""Methods that call their object; empty for a call of the object itself."""
_ANNOTATIONS: Final = "__annotations__"
_OPEN_TYPES: Final = frozenset({Unknown, ExternalName, Alternatives})
"""The kinds of values that may be a type in a text."""
_IMPORTING_METHOD: Final = ".import_module"
"""The function of importlib, and the method of every object that imports a module by its name."""
_OPENED: Final = frozenset({Constant, Container, Alternatives})
"""The kinds of values that ``ChangedContainers`` may open."""
_KEPT: Final = frozenset({Constant, Alternatives, Unknown})
"""The kinds of values that a name may still have after a branch which binds it."""


def _is_looking_up(value: Value) -> bool:
    """Whether a value is a function that looks names up, or a function of the source, which may do so."""
    if isinstance(value, ExternalName):
        return not value.is_result and (value.name in _LOOKING_UP or value.name in name_tables.EVALUATORS)
    return isinstance(value, PartialCall) or (isinstance(value, LocalDefinition) and not value.is_result)


def _is_any_namespace(value: Value) -> bool:
    """Whether a value is a mapping from names to modules or to what is in them, or is found by a walk."""
    if isinstance(value, Unknown):
        return "module" in value.tags or walks.is_walk(value.tags)
    return isinstance(value, ExternalName) and (
        value.name == "sys.modules" or value.name in _OWN_NAMESPACES or name_resolution.is_module_namespace(value)
    )


def _keeps_members(value: Value) -> bool:
    """Whether a copy of a value has members that the evaluator knows."""
    if isinstance(value, ExternalName):
        return not value.is_result
    is_of_file = any(tag.startswith(SIBLING_TAG) for tag in collect_tags(value))
    return isinstance(value, LocalDefinition | PartialCall) or (isinstance(value, Unknown) and is_of_file)


def _writes_text(node: ast.expr, callee: Value) -> bool:
    """Whether a call or item writes out its first argument or key, or the name that ``getattr`` takes."""
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
    values = (*node.args, *(each.value for each in node.keywords))
    if all(type(each) is ast.Constant for each in values):
        return True
    name = callee.name if isinstance(callee, ExternalName) else ""
    if name in name_tables.GETTERS:
        return len(node.args) > 1 and type(node.args[1]) is ast.Constant
    # Functions with a model of their own may look up any of their arguments.
    return type(values[0]) is ast.Constant and bool(node.args) and _find_special_call(name) is None


def _split_access(node: ast.expr) -> tuple[ast.expr, list[str]]:
    """Return the expression at the beginning of attributes, items and calls, and the names of the attributes."""
    path: list[str] = []
    root: Any = node
    while (kind := type(root)) in _ACCESSES:
        if kind is ast.Attribute:
            path.append(root.attr)
        root = root.func if kind is ast.Call else root.value
    return root, path[::-1]


def _lists_few_items(source: Value) -> TypeGuard[Container]:
    """Whether a value is a list of a few items that are no constants."""
    return isinstance(source, Container) and not source.keys and 0 < len(source.values) <= _MAX_LOOP_VALUES


def _is_namespace_of_object(node: ast.expr) -> bool:
    """Whether an expression is ``value.__dict__``, or a call such as ``vars(value)``."""
    return isinstance(node, ast.Call) or (isinstance(node, ast.Attribute) and node.attr == "__dict__")


def _find_first_name(node: ast.expr) -> str:
    """Return the name with which a chain of attributes and items begins; empty for any other expression."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _get_last_name(callee: Value) -> str:
    """Return the last part of the full name of a callee, such as ``run`` of ``subprocess.run``; empty if unknown."""
    return next(
        (each.name.rpartition(".")[2] for each in list_alternatives(callee) if isinstance(each, ExternalName)), ""
    )


def _hide_name(value: Value) -> Value:
    """Mark a name of another module as one that the source computes; any other value is returned as it is."""
    return replace(value, is_hidden=True) if isinstance(value, ExternalName) else value


_VISIT_METHODS: Final[Mapping[type[ast.AST], Callable[[Evaluator, ast.AST], Any]]] = {
    getattr(ast, name.removeprefix("visit_")): method
    for name, method in vars(Evaluator).items()
    if name.startswith("visit_")
}
_SpecialCall = Callable[[Evaluator, Call], Value]
_SPECIAL_CALLS: Final[Mapping[str, _SpecialCall]] = {
    **dict.fromkeys(name_tables.IMPORTERS, Evaluator._call_import),
    **dict.fromkeys(name_tables.EVALUATORS, Evaluator._call_code_text),
    **dict.fromkeys(name_tables.GETTERS, Evaluator.call_getattr),
    "types.FunctionType": Evaluator._call_function_type,
    "types.LambdaType": Evaluator._call_function_type,
    **dict.fromkeys(("builtins.map", "builtins.filter", "itertools.starmap"), item_calls.call_with_items),
    "functools.reduce": item_calls.call_reduce,
    "itertools.accumulate": item_calls.call_accumulate,
    **dict.fromkeys(("builtins.sorted", "builtins.min", "builtins.max"), item_calls.call_with_key),
    **dict.fromkeys(("operator.call", "functools.partialmethod"), Evaluator._call_through),
    **dict.fromkeys(("builtins.vars", "builtins.globals", "builtins.locals"), Evaluator._call_namespace),
    **dict.fromkeys(("inspect.getmembers", "inspect.getmembers_static"), Evaluator._call_getmembers),
    **dict.fromkeys(("operator.attrgetter", "operator.methodcaller", "operator.itemgetter"), getters.make_getter),
    "string.Formatter.get_field": getters.call_get_field,
    **dict.fromkeys(
        ("operator.getitem", "operator.__getitem__", "builtins.dict.get", "builtins.dict.__getitem__"),
        getters.take_getitem,
    ),
    **dict.fromkeys(
        ("monai.utils.optional_import", "monai.utils.module.optional_import"), Evaluator._call_optional_import
    ),
    **dict.fromkeys(
        (
            "builtins.setattr",
            "builtins.object.__setattr__",
            "builtins.type.__setattr__",
            "unittest.mock.patch.object",
            "mock.patch.object",
        ),
        Evaluator._call_setattr,
    ),
    **dict.fromkeys(("unittest.mock.patch", "mock.patch"), Evaluator._call_patch),
    **dict.fromkeys(("functools.partial", "types.MethodType"), Evaluator._call_partial),
    # Each returns what calls its callable with the same arguments.
    **dict.fromkeys(("builtins.staticmethod", "functools.cache"), Evaluator._call_partial),
    **dict.fromkeys(("doctest.testmod", "doctest.run_docstring_examples"), Evaluator._call_examples),
    **dict.fromkeys(
        ("operator.setitem", "operator.ior", "builtins.dict.__setitem__", "builtins.dict.update"),
        Evaluator._call_setter,
    ),
    "builtins.type": Evaluator._call_type,
    "types.new_class": Evaluator._call_new_class,
    "inspect.getclosurevars": Evaluator._call_closure_names,
    "builtins.dict": Evaluator._call_dict,
    "builtins.zip": Evaluator._call_zip,
    **dict.fromkeys(
        (
            "collections.OrderedDict",
            "collections.ChainMap",
            "collections.UserDict",
            "types.MappingProxyType",
            "copy.copy",
            "copy.deepcopy",
        ),
        Evaluator._call_copy,
    ),
    **dict.fromkeys(("builtins.list", "builtins.tuple"), Evaluator._call_list),
    **dict.fromkeys(walks.ANCESTOR_FUNCTIONS, Evaluator._call_ancestors),
    "builtins.next": Evaluator._call_next,
}


def _get_text(value: Value | None) -> str:
    """Return the text of a constant; empty for any other value."""
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else ""


def _find_special_call(name: str) -> _SpecialCall | None:
    """Find the method that models calls of this name; ``None`` for ordinary functions."""
    if getters.is_made_getter(name):
        return getters.call_made_getter
    method = _SPECIAL_CALLS.get(name)
    if method is None and name.endswith(_IMPORTING_METHOD):
        return Evaluator._call_import
    if method is None and name.endswith(".__dict__.__get__"):
        return Evaluator._call_namespace
    if method is None and name.endswith(".__getattribute__"):
        return Evaluator._call_own_getattribute
    return method


def _list_generated_fields(node: ast.ClassDef) -> list[str]:
    """Return the fields that a base or decorator of a class may set by a constructor that the source does not write."""
    if not (node.bases or node.decorator_list) or any(getattr(each, "name", "") == "__init__" for each in node.body):
        return []
    fields = (each.target for each in node.body if isinstance(each, ast.AnnAssign))
    return [each.id for each in fields if isinstance(each, ast.Name)]
