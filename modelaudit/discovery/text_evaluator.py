"""Evaluate a Python source for the texts that its expressions may be. Nothing runs.

``TextEvaluator`` is the evaluator of ``languages/python`` with two differences. It keeps constants where the other
keeps callables alone: defaults of parameters, arguments of calls, attributes of objects, options of a command line, and
what other files of the code base define. And it knows which class ``self`` belongs to, since only the attributes of
that class may give the text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any, Final

from modelaudit.discovery.any_of import collect_any, join_any, list_items, merge_items, select_texts
from modelaudit.discovery.declared_values import (
    OPEN,
    REASON,
    ImportedValues,
    TextFacts,
    describe_option,
    explain_variable,
    find_method_kind,
    may_be_arguments,
    split_path,
)
from modelaudit.discovery.path_evaluator import PathEvaluator
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.definitions import DefinitionNode
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.partial_texts import write_text
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    Unknown,
    Value,
    join_values,
    list_alternatives,
)
from modelaudit.model.copies import replace

_ENVIRONMENT: Final = frozenset({"os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault"})
_FIELDS: Final = frozenset(
    {"typer.Option", "typer.Argument", "pydantic.Field", "pydantic.fields.Field", "dataclasses.field", "fastapi.Query",
     "fastapi.Form", "fastapi.Body", "attr.ib", "attrs.field", "decouple.config", "environs.env", "click.Option"}
)  # fmt: skip
"""Functions whose first argument, or ``default``, is the value that a parameter or attribute has by default."""
_PRESERVING: Final = frozenset({"builtins.str", "os.fspath", "os.path.expandvars"})
"""Functions that return the text that they are given."""
_DEFAULT_KEYWORDS: Final = ("default", "default_value")
_DECORATORS: Final = frozenset({"option", "argument"})
_FEW_STATEMENTS: Final = 6
_MOST_ROUNDS: Final = 16
_MOST_BASES: Final = 8


class TextEvaluator(PathEvaluator):
    """The evaluator of one source, which keeps texts.

    Attributes:
        settings: names and values of parameters, attributes and variables, with their lines.
        facts: what this pass finds out for the next one.
    """

    def __init__(self, max_steps: int, imported: ImportedValues, facts: TextFacts | None = None) -> None:
        super().__init__(max_steps, imported)
        self.settings: list[tuple[str, Value, int]] = []
        self.facts = TextFacts() if facts is None else facts
        self._classes: dict[int, int] = {}
        self._modules: dict[str, tuple[str, tuple[str, ...]]] = {}
        """The file and the path in it of each name that an import binds."""
        own_names = [name for name in dir(type(self)) if name.startswith("visit_")]
        self._visits = {
            getattr(ast, name.removeprefix("visit_")): getattr(self, name)
            for name in own_names
            if getattr(type(self), name) is not getattr(Evaluator, name, None)
        }

    def visit(self, node: ast.AST) -> Any:
        """Visit a node by the method of this class, or else of the evaluator, which looks for none of this class."""
        method = self._visits.get(type(node))
        return super().visit(node) if method is None else method(node)

    def list_exports(self) -> Iterator[tuple[str, Value]]:
        """Yield the texts of the module by name, and those of its classes and objects by dotted name."""
        for name, value in self.scope.names.items():
            for each in list_alternatives(value):
                if isinstance(each, LocalDefinition):
                    yield from self._list_members(name, each)
                elif isinstance(each, Constant | Container):
                    yield name, value

    def _list_members(self, name: str, owner: LocalDefinition) -> Iterator[tuple[str, Value]]:
        """Yield the attributes of a class or object of the source under dotted names."""
        members = self._definitions.get_members(owner)
        for member, value in members.names.items() if members is not None else ():
            yield f"{name}.{member}", value
        for (number, member), value in self.facts.own.items():
            if number == owner.number:
                yield f"{name}.{member}", value

    # ---- imports ----

    def visit_Import(self, node: ast.Import) -> None:
        """Bind the modules, and keep the files of those that are in the code base."""
        super().visit_Import(node)
        for alias in node.names:
            file = self._values.find_module(alias.name, 0)
            if file is not None and (alias.asname or "." not in alias.name):
                self._modules[alias.asname or alias.name] = (file, ())

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Bind the names, with the values that the other file of the code base gives them."""
        super().visit_ImportFrom(node)
        file = self._values.find_module(node.module or "", node.level)
        for alias in node.names:
            name = alias.asname or alias.name
            module = ".".join(filter(None, (node.module or "", alias.name)))
            inner = self._values.find_module(module, node.level)
            if alias.name == "*":
                for exported, value in self._values.list_names(file).items() if file is not None else ():
                    self.scope.names.setdefault(exported, value)
            elif inner is not None:
                self._modules[name] = (inner, ())
            elif file is not None:
                self._modules[name] = (file, (alias.name,))
                value_of_name = self._values.look_up(file, (alias.name,))
                if value_of_name is not None:
                    self.scope.names[name] = value_of_name

    def _bind_relative_import(self, node: ast.ImportFrom, alias: ast.alias) -> None:
        """Bind a name of another file to its name there, so that a call of it still shows what it calls."""
        path = ".".join(filter(None, (node.module or "", alias.name)))
        self.scope.bind(alias.asname or alias.name, ExternalName(f".{path}"))

    # ---- values that the other evaluator does not keep ----

    def _assign_target(self, target: ast.expr, value: Value) -> None:
        """Assign a value to a target, and keep what a name or attribute gets as a setting."""
        super()._assign_target(target, value)
        name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
        if name and not isinstance(value, Unknown):
            self.settings.append((name, value, self.log.locate_line(target.lineno)))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Value:
        """Return each text that an f-string may be, if its parts may be one of few texts; else what is known of it."""
        parts = [self.evaluate(each.value if isinstance(each, ast.FormattedValue) else each) for each in node.values]
        value = join_any(parts) or super().visit_JoinedStr(node)
        if isinstance(value, Unknown) and not value.text and parts and isinstance(parts[0], Constant):
            return replace(value, text="".join(map(write_text, parts)))
        return value

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Visit the body of a long loop once, with a target that may be any of the items."""
        items = list_items(self.evaluate(node.iter))
        if items is None or (len(items) <= _MOST_ROUNDS and len(node.body) <= _FEW_STATEMENTS):
            super().visit_For(node)
            return
        self._assign_target(node.target, merge_items(items))
        self.evaluate_statements(node.body)
        self.evaluate_statements(node.orelse)

    visit_AsyncFor = visit_For

    def _resolve_item(self, base: Value, key: Value, line: int) -> Value:
        """Return ``base[key]``; for a key that is not known, a value that may be any of the items."""
        selected = select_texts(base, key)
        if selected is not None:
            return selected
        if isinstance(base, ExternalName) and base.name == "os.environ":
            return explain_variable(key)
        return super()._resolve_item(base, key, line)

    def _apply_operator(self, kind: type[ast.operator], left: Value, right: Value) -> Value:
        """Apply an operator; the sum of texts that may be one of few is one of few texts."""
        joined = join_any((left, right)) if kind is ast.Add else None
        return super()._apply_operator(kind, left, right) if joined is None else joined

    def _call_known_method(self, base: Value, method: str, args: Sequence[Value], line: int) -> Value | None:
        """Call a method of a mapping or text; ``get`` with an unknown key may return any of the items."""
        if method in ("get", "pop") and args:
            selected = select_texts(base, args[0])
            if selected is not None:
                return join_values(selected, *args[1:2])
        if method in ("values", "keys", "items"):
            collected = collect_any(base, method)
            if collected is not None:
                return collected
        return super()._call_known_method(base, method, args, line)

    # ---- functions and classes ----

    def _add_definition(self, node: DefinitionNode, members: Scope | None = None) -> LocalDefinition:
        """Number a definition, and keep the number of a class by its namespace."""
        definition = super()._add_definition(node, members)
        if members is not None:
            self._classes[id(members)] = definition.number
        return definition

    def _bind_parameters(
        self, args: ast.arguments, function: LocalDefinition, scope: Scope, keeps_constants: bool = False
    ) -> None:
        """Bind parameters to their defaults, to the arguments of calls in this source, and to their classes."""
        super()._bind_parameters(args, function, scope, keeps_constants)
        definition = self._definitions.get(function)
        node = definition.node
        positional = [*args.posonlyargs, *args.args]
        defaults = dict(zip([each.arg for each in positional[::-1]], args.defaults[::-1], strict=False))
        defaults |= {each.arg: value for each, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value}
        decorated = dict(self._list_decorated(node, definition.scope))
        for parameter in (*positional, *args.kwonlyargs):
            name = parameter.arg
            values = [self.facts.passed[function.number, name]] if (function.number, name) in self.facts.passed else []
            with self._enter_scope(definition.scope):
                if name in defaults:
                    default = self.evaluate(defaults[name])
                    values.append(default)
                    self.settings.append((name, default, self.log.locate_line(defaults[name].lineno)))
                if parameter.annotation is not None and not values:
                    values += self._find_annotated(parameter.annotation)
            values += [decorated[name]] if name in decorated else []
            if not values or all(isinstance(each, Constant) and each.value is None for each in values):
                owner = getattr(node, "name", "a lambda")
                values.append(Unknown(frozenset({f"{REASON}the parameter {name} of {owner}"})))
            scope.names[name] = join_values(*values, scope.names.get(name, UNKNOWN))
        number = self._classes.get(id(definition.scope))
        kind = find_method_kind(node)
        if number is not None and positional and kind != "static":
            scope.names[positional[0].arg] = LocalDefinition(number, is_result=kind != "class")

    def _find_annotated(self, annotation: ast.expr) -> list[Value]:
        """Return an object of the class of the source that annotates a parameter; none for any other annotation."""
        value = self.evaluate(annotation)
        is_class = isinstance(value, LocalDefinition) and self._definitions.get_members(value) is not None
        return (
            [LocalDefinition(value.number, is_result=True)] if is_class and isinstance(value, LocalDefinition) else []
        )

    def _list_decorated(self, node: DefinitionNode, scope: Scope) -> Iterator[tuple[str, Value]]:
        """Yield the parameters to which decorators such as ``click.option`` give a value."""
        for decorator in () if isinstance(node, ast.Lambda) else node.decorator_list:
            callee = decorator.func if isinstance(decorator, ast.Call) else None
            if isinstance(callee, ast.Attribute) and isinstance(decorator, ast.Call) and callee.attr in _DECORATORS:
                names = [each.value for each in decorator.args if isinstance(each, ast.Constant)]
                keywords = {each.arg: each.value for each in decorator.keywords if each.arg}
                with self._enter_scope(scope):
                    value = self.evaluate(keywords["default"]) if "default" in keywords else None
                yield from describe_option([str(each) for each in names], value)

    def _assign_attribute(self, target: ast.Attribute, value: Value) -> None:
        """Keep the value of an attribute for the class of its object."""
        super()._assign_attribute(target, value)
        for owner in list_alternatives(self.evaluate(target.value)):
            if isinstance(owner, LocalDefinition):
                self._keep_own(owner.number, target.attr, value)

    def _keep_attribute(self, name: str, value: Value) -> None:
        """Keep nothing for objects of unknown classes: an attribute of the same name need not have the same value."""

    def _keep_own(self, number: int, name: str, value: Value) -> None:
        """Keep one more value of an attribute of a class."""
        before = self.facts.own.get((number, name))
        self.facts.own[number, name] = value if before is None else join_values(before, value)

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        """Return the value of an attribute, also of a module or object of another file."""
        root, path = split_path(node)
        if root in self._modules:
            file, start = self._modules[root]
            value = self._values.look_up(file, (*start, *path))
            if value is not None:
                return value
        return super().visit_Attribute(node)

    def _resolve_attribute(self, base: Value, name: str, line: int) -> Value:
        """Return the value of an attribute, also of the arguments of a command line."""
        value = super()._resolve_attribute(base, name, line)
        for each in list_alternatives(base):
            if not may_be_arguments(each):
                continue
            option = self.facts.options.get(name)
            if option is None and isinstance(each, ExternalName):
                file = self._values.find_module(each.name.strip(".").rpartition(".")[0], 0)
                option = self._values.list_options(file).get(name) if file is not None else None
            if option is not None:
                return option
        return value

    def _resolve_member(self, owner: LocalDefinition, name: str) -> Value:
        """Return the value of an attribute of a class of the source, or of a base class of it."""
        waiting, seen = [owner], 0
        while waiting and seen < _MOST_BASES:
            current = waiting.pop(0)
            definition = self._definitions.get(current)
            seen += 1
            if definition.members is None:
                break
            member = definition.members.names.get(name)
            own = self.facts.own.get((current.number, name))
            values = [self._take_member(each, owner) for each in (own, member) if each is not None]
            if values:
                return join_values(*values)
            waiting += [each for each in definition.bases if isinstance(each, LocalDefinition)]
        return super()._resolve_member(owner, name)

    # ---- calls ----

    def call_value(
        self,
        callee: Value,
        args: Sequence[Value],
        keywords: dict[str, Value],
        line: int,
        base: Value = UNKNOWN,
        method: str = "",
    ) -> Value:
        """Call a value, and keep the option of a command line that the call declares."""
        if method == "add_argument":
            names = [each.value for each in args if isinstance(each, Constant) and isinstance(each.value, str)]
            default = keywords.get("default") or keywords.get("choices")
            self.facts.options.update(describe_option(names, default, keywords.get("dest")))
        return super().call_value(callee, args, keywords, line, base, method)

    def _call_external(self, call: Call, callee: ExternalName) -> Value:
        """Call a function of another module; one that reads the environment or declares a default returns that."""
        result = super()._call_external(call, callee)
        if call.name in _ENVIRONMENT and call.args:
            default = call.get_argument(1, "default")
            reason = explain_variable(call.args[0])
            return reason if default is None else join_values(default, reason)
        if call.name in _PRESERVING and len(call.args) == 1:
            return call.args[0]
        if call.name in _FIELDS or call.name.endswith((".Field", ".Option")):
            default = next((call.keywords[each] for each in _DEFAULT_KEYWORDS if each in call.keywords), None)
            first = call.args[1:2] if call.name == "decouple.config" else call.args[:1]
            value = default if default is not None else next(iter(first), None)
            return result if value is None else value
        return result

    def _call_local(
        self, callee: LocalDefinition, args: Sequence[Value], keywords: dict[str, Value], base: Value, method: str
    ) -> Value:
        """Call a function of the source, or make an object, whose attributes the arguments may give."""
        definition = self._definitions.get(callee)
        kind = find_method_kind(definition.node)
        if method and kind:
            owners = [each for each in list_alternatives(base) if isinstance(each, LocalDefinition)]
            first = [LocalDefinition(owners[0].number)] if kind == "class" and owners else []
            return self._call_function(callee, [*first, *args], keywords)
        result = super()._call_local(callee, args, keywords, base, method)
        if definition.members is not None and not callee.is_result:
            made = LocalDefinition(callee.number, is_result=True)
            initializer = self._find_initializer(callee)
            if initializer is not None:
                self._call_function(initializer, [made, *args], keywords)
            else:
                for name, value in keywords.items():
                    self._keep_own(callee.number, name, value)
        return result

    def _find_initializer(self, owner: LocalDefinition) -> LocalDefinition | None:
        """Return the method ``__init__`` that a class of the source has, or inherits from another one."""
        value = self._resolve_member(owner, "__init__")
        return next((each for each in list_alternatives(value) if isinstance(each, LocalDefinition)), None)

    def _call_function(self, function: LocalDefinition, args: Sequence[Value], keywords: dict[str, Value]) -> Value:
        """Call a function of the source, and keep the arguments for the evaluation of its body by itself."""
        definition = self._definitions.get(function)
        if not isinstance(definition.node, ast.ClassDef):
            for name, value in definition.bind_call(args, keywords).items():
                is_nothing = isinstance(value, Unknown) and not value.tags
                reason = f"{OPEN}the argument {name} of a call in this file"
                kept = Unknown(frozenset({reason}), value.text) if is_nothing and isinstance(value, Unknown) else value
                before = self.facts.passed.get((function.number, name))
                self.facts.passed[function.number, name] = kept if before is None else join_values(before, kept)
        return super()._call_function(function, args, keywords)
