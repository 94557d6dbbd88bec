"""Decide which objects of a model's code are its configuration, or a part of it.

``config.module`` is the text of ``config.json`` only if ``config`` is that configuration, and no
``SimpleNamespace(**pairs)`` that code fills with other texts. A source shows no types, so that this follows names: each
value that any source of the model gives to a variable, parameter or attribute of one name has to be a part of the
configuration. Parameters get what every call of a function of this name passes, and beyond that what the library passes
that loads the model. A function whose calls are not all shown has parameters of unknown values.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from modelaudit.languages.python.configured_keys import find_base, find_read_key
from modelaudit.languages.python.model_callees import Binding, Lookups, ModelCallees, list_bindings
from modelaudit.model.lazy_pattern import defer_pattern

_LOADS: Final = frozenset({"load", "loads", "safe_load", "full_load", "load_yaml"})
_READS: Final = frozenset({"read", "read_text"})
_OWN_OBJECTS: Final = frozenset({"self", "cls"})
_OWN_CONFIGURATION: Final = "config"
"""The attribute in which a model keeps the configuration with which its library makes it."""
_SETTINGS_FILE: Final = defer_pattern(r"[\w./-]{0,200}\.(?:json|ya?ml|toml)")
_MOST_DEPTH: Final = 40  # values that are followed behind each other


class ConfiguredObjects:
    """The names of a model's sources and what is bound to them."""

    def __init__(self, trees: Sequence[ast.Module], lookups: Lookups) -> None:
        """Collect the bindings of all sources.

        Args:
            trees: the sources.
            lookups: the names that the sources may look up without writing them out.
        """
        self._variables: defaultdict[str, list[Binding]] = defaultdict(list)
        self._attributes: defaultdict[str, list[Binding]] = defaultdict(list)
        self._text_keys = lookups.texts.keys()
        self._pending: set[tuple[str, bool]] = set()
        self._open: set[tuple[str, bool]] = set()
        """The names, each with whether it is an attribute, that may be anything."""
        self._callees = ModelCallees(trees)
        for tree in trees:
            for target, value, is_member in list_bindings(tree):
                self._bind_target(target, value, is_member)
        for name, value in self._callees.list_passed(lookups):
            self._variables[name].append(value)
        self._attributes[_OWN_CONFIGURATION] += self._callees.list_kept()

    def holds_configuration(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether an expression is the configuration of the model, a part of it, or a constant."""
        if depth > _MOST_DEPTH or self._callees.replaces_reading:
            return False
        match node:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                return name not in _OWN_OBJECTS and self._is_bound_to_configuration(name, False, depth)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                is_set = name in self._attributes or name == _OWN_CONFIGURATION
                return is_set and self._is_bound_to_configuration(name, True, depth)
            case ast.Call(func=ast.Attribute(attr=name), args=[opened]) if name in _LOADS:
                return self._reads_settings(opened, depth + 1)
        parts = _list_parts(node)
        return self._reads_key(node, depth) if parts is None else self._hold_configuration(parts, depth + 1)

    def _hold_configuration(self, nodes: Iterable[ast.expr], depth: int) -> bool:
        """Whether each expression is a part of the configuration."""
        return all(self.holds_configuration(each, depth) for each in nodes)

    def _reads_key(self, node: ast.expr, depth: int) -> bool:
        """Whether an expression reads a key of the configuration whose value no code replaces."""
        key, default = find_read_key(node)
        base = find_base(node)
        return (
            bool(key)
            and base is not None
            and self.holds_configuration(base, depth + 1)
            and (default is None or self.holds_configuration(default, depth + 1))
            and self._is_bound_to_configuration(key, True, depth)
        )

    def _is_bound_to_configuration(self, name: str, is_attribute: bool, depth: int) -> bool:
        """Whether each value that a variable or an attribute gets is a part of the configuration."""
        key = name, is_attribute
        if key in self._open or key in self._pending:
            return key not in self._open  # of a name that is bound to itself the other values decide
        if is_attribute:
            bound: Sequence[Binding] = self._attributes.get(name, ())
        else:
            bound = self._variables.get(name, () if name in self._callees.parameters else (None,))
        self._pending.add(key)
        shown = [each for each in bound if each is not None]
        result = len(shown) == len(bound) and self._hold_configuration(shown, depth + 1)
        self._pending.discard(key)
        if not result:
            self._open.add(key)
        return result

    def _reads_settings(self, node: ast.expr, depth: int) -> bool:
        """Whether an expression opens, reads or names a file whose name the source writes out as a configuration."""
        if depth > _MOST_DEPTH:
            return False
        match node:
            case ast.Call(func=ast.Attribute(value=base, attr=name), args=[]) if name in _READS:
                return self._reads_settings(base, depth + 1)
            case ast.Name(id=name):
                bound = self._variables.get(name, [None])
                return all(each is not None and self._reads_settings(each, depth + 1) for each in bound)
        parts = list(ast.walk(node))
        texts = [each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        chosen = any(find_read_key(each)[0] in self._text_keys for each in parts)
        # A text of the configuration must not choose the file.
        return not chosen and any(map(_SETTINGS_FILE.fullmatch, texts))

    def _bind_target(self, target: ast.expr | str, value: Binding, is_member: bool) -> None:
        """Bind the names in a target; the parts of a tuple get values that are not shown."""
        match target:
            case str(name) | ast.Name(id=name):
                self._variables[name].append(value)
                if is_member:
                    self._attributes[name].append(value)
            case ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
                self._attributes[name].append(value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for each in parts:
                    self._bind_target(each, None, is_member)
            case ast.Starred(value=inner):
                self._bind_target(inner, None, is_member)


def _list_parts(node: ast.expr) -> list[ast.expr] | None:
    """Return what an expression chooses from, holds under written keys or copies; ``None`` for any other expression."""
    match node:
        case ast.BoolOp(values=values):
            return values
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.Dict(keys=keys, values=values) if all(isinstance(each, ast.Constant) for each in keys):
            return values
        case ast.Subscript(value=base, slice=ast.Constant(value=int())):
            return [base]
        case ast.Call(func=ast.Attribute(value=base, attr="to_dict"), args=[], keywords=[]):
            return [base]
    return None
