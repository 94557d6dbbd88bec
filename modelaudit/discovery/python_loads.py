"""Find the calls of a Python source that load models, with the values of their arguments. Nothing runs."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.discovery.declared_values import ImportedValues, TextFacts, split_path
from modelaudit.discovery.mapping_evaluator import join_mappings
from modelaudit.discovery.text_evaluator import TextEvaluator
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    ExternalName,
    LocalDefinition,
    PartialCall,
    Unknown,
    Value,
    list_alternatives,
)
from modelaudit.model.discovery import CallForm, DiscoveryRules

LOADED: Final = "loaded."
"""The beginning of the name of what a call that loads a model returns: an object, and no name."""


class Load(Struct, frozen=True):
    """A call that loads a model.

    Attributes:
        form: of the call, and the name under which it is listed.
        line: in the file, from 1.
        keywords: by name, with those of a mapping behind ``**``.
        has_further_keywords: whether such a mapping may hold more.
    """

    form: CallForm
    callee: str
    line: int
    args: tuple[Value, ...]
    keywords: Mapping[str, Value]
    has_further_keywords: bool = False


class LoadEvaluator(TextEvaluator):
    """The evaluator of one source, which collects the calls that load a model.

    Attributes:
        loads: the calls that load a model, in the order of the evaluation.
        texts: the line of each constant text that an expression uses, which leaves out docstrings.
        commands: the arguments of each call that starts a program, with its line.
    """

    def __init__(
        self, max_steps: int, rules: DiscoveryRules, imported: ImportedValues, facts: TextFacts | None = None
    ) -> None:
        super().__init__(max_steps, imported, facts)
        self.loads: list[Load] = []
        self.texts: dict[tuple[str, int], None] = {}
        self.commands: list[tuple[tuple[Value, ...], int]] = []
        self._rules = rules
        self._forms = rules.calls
        self._spelt: dict[tuple[int, str], str] = {}

    def create_next_pass(self) -> LoadEvaluator:
        """Create an evaluator that knows the attributes, arguments and options of this one."""
        next_pass = LoadEvaluator(self.budget.max_steps, self._rules, self._values, self.facts)
        next_pass.docstring = self.docstring
        next_pass._attributes = dict(self._attributes)
        next_pass._definitions = self._definitions.copy_for_next_pass()
        return next_pass

    def visit_Constant(self, node: ast.Constant) -> Value:
        """Return the constant, and keep the line of a text; truth values are constants too."""
        if isinstance(node.value, str):
            self.texts.setdefault((node.value, self.log.locate_line(node.lineno)))
        return super().visit_Constant(node)

    def visit_Dict(self, node: ast.Dict) -> Value:
        """Return the mapping, and keep the texts under constant keys as settings."""
        for key, item in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(item, ast.Constant):
                self.settings.append((key.value, Constant(item.value) if isinstance(item.value, str) else UNKNOWN,
                                      self.log.locate_line(item.lineno)))  # fmt: skip
        return super().visit_Dict(node)

    def visit_Call(self, node: ast.Call) -> Value:
        """Evaluate a call, and keep how the source spells the name of what it calls."""
        if isinstance(node.func, ast.Attribute):
            root, path = split_path(node.func)
            self._spelt[node.lineno, node.func.attr] = ".".join((root, *path))
        return super().visit_Call(node)

    def call_value(
        self,
        callee: Value,
        args: Sequence[Value],
        keywords: dict[str, Value],
        line: int,
        base: Value = UNKNOWN,
        method: str = "",
    ) -> Value:
        """Call a value, and keep the call if it loads a model."""
        result = super().call_value(callee, args, keywords, line, base, method)
        callees = [each.name for each in list_alternatives(callee) if isinstance(each, ExternalName)]
        if not self._rules.command_calls.isdisjoint(callees):
            self.commands.append((tuple(args or keywords.values()), self.log.locate_line(line)))
        found = self._find_form(callee, method, line)
        if found is not None:
            unpacked, is_open = join_mappings(keywords["**"]) if "**" in keywords else ({}, False)
            known = {**unpacked, **{name: value for name, value in keywords.items() if name != "**"}}
            self.loads.append(Load(found[0], found[1], self.log.locate_line(line), tuple(args), known, is_open))
            return ExternalName(f"{LOADED}{found[1]}()", is_result=True)
        last_names = {name.rpartition(".")[2] for name in callees}
        if self._rules.publishing_calls.isdisjoint({method, *last_names}):
            for name, value in keywords.items():
                if isinstance(value, Constant):
                    self.settings.append((name, value, self.log.locate_line(line)))
        return result

    def _find_form(self, callee: Value, method: str, line: int) -> tuple[CallForm, str] | None:
        """Return the form of a call and the name under which it is listed; ``None`` if it loads no model."""
        for each in list_alternatives(callee):
            name = ""
            # What a call returned may be called in turn: ``self.tokenizer(text)`` loads nothing.
            if isinstance(each, ExternalName) and (not each.is_result or each.name.endswith(f".{method}")):
                if each.name in self._forms:
                    return self._forms[each.name], each.name
                name = each.name
            elif isinstance(each, LocalDefinition | Unknown) and method:
                name = f"*.{method}"
            if isinstance(each, PartialCall) or not name:
                continue
            parts = name.split(".")
            for count in (2, 1):
                listed = "*." + ".".join(parts[-count:])
                if listed in self._forms:
                    return self._forms[listed], listed.removeprefix("*.")
        # A module that the source imports in a way of its own is not known, and has the name that is written.
        spelt = self._spelt.get((line, method), "")
        if method and spelt in self._forms and not any(_is_name(each) for each in list_alternatives(callee)):
            return self._forms[spelt], spelt
        # The source may assign the method, as in ``A.from_pretrained = decorate(B.from_pretrained)``.
        listed = f"*.{method}"
        return (self._forms[listed], method) if listed in self._forms else None


def _is_name(value: Value) -> bool:
    """Whether a value is something of another module, or of the source, and not what a call returned."""
    return isinstance(value, ExternalName | LocalDefinition) and not value.is_result
