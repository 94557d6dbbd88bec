"""Evaluate the mappings of a Python source with all of their items, because ``**mapping`` may name a model."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Final

from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.values import Constant, Container, Value, join_values, list_alternatives

_MOST_ITEMS: Final = 256
_Key = object


class MappingEvaluator(Evaluator):
    """The evaluator of one source, which keeps the items that the source merges into, or adds to, a mapping."""

    def visit_Dict(self, node: ast.Dict) -> Value:
        """Return the mapping, with the items of the known mappings that it unpacks."""
        result = super().visit_Dict(node)
        if None not in node.keys or not isinstance(result, Container):
            return result
        parts: list[tuple[_Key, Value]] = []
        for written, key, value in zip(node.keys, result.keys, result.values, strict=False):
            is_known = written is None and isinstance(value, Container) and is_mapping(value)
            parts += list_entries(value) if is_known and isinstance(value, Container) else [(key, value)]
        return build_mapping(parts)

    def _apply_operator(self, kind: type[ast.operator], left: Value, right: Value) -> Value:
        """Apply an operator; ``|`` merges two mappings."""
        parts = [each for each in (left, right) if isinstance(each, Container) and is_mapping(each)]
        if kind is ast.BitOr and len(parts) == 2:
            return build_mapping(entry for each in parts for entry in list_entries(each))
        return super()._apply_operator(kind, left, right)

    def _add_item(self, name: str, old_value: Value, key: Value, value: Value) -> None:
        """Keep any value that is stored in a mapping under a known key."""
        old = next((each for each in list_alternatives(old_value) if isinstance(each, Container)), None)
        if old is not None and is_mapping(old) and isinstance(key, Constant):
            self.scope.names[name] = build_mapping([*list_entries(old), (key.value, value)])
        else:
            super()._add_item(name, old_value, key, value)

    def visit_Call(self, node: ast.Call) -> Value:
        """Evaluate a call, and keep what ``update`` adds to a mapping that has a name."""
        result = super().visit_Call(node)
        target = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "update" else None
        old = self.scope.look_up(target.id) if isinstance(target, ast.Name) else None
        if isinstance(target, ast.Name) and isinstance(old, Container) and is_mapping(old):
            added = [self.evaluate(argument) for argument in node.args]
            entries = [entry for each in added if isinstance(each, Container) for entry in list_entries(each)]
            entries += [(each.arg, self.evaluate(each.value)) for each in node.keywords if each.arg]
            self.scope.names[target.id] = build_mapping([*list_entries(old), *entries])
        return result


def is_mapping(value: Container) -> bool:
    """Whether a container is a mapping, or empty."""
    return len(value.keys) == len(value.values)


def list_entries(value: Container) -> list[tuple[_Key, Value]]:
    """List the keys and values of a mapping; nothing for a sequence."""
    return list(zip(value.keys, value.values, strict=True)) if is_mapping(value) else []


def build_mapping(entries: Iterable[tuple[_Key, Value]]) -> Container:
    """Return the mapping of entries; a later one replaces an earlier one of the same key, and an unknown key none."""
    known: dict[_Key, Value] = {}
    for number, (key, value) in enumerate(entries):
        known[(number,) if key is None else key] = value
    kept = list(known.items())[:_MOST_ITEMS]
    keys = tuple(None if isinstance(key, tuple) and len(key) == 1 else key for key, _ in kept)
    return Container(tuple(value for _, value in kept), keys)  # type: ignore[arg-type]


def join_mappings(value: Value) -> tuple[Mapping[str, Value], bool]:
    """Return the items of every mapping that a value may be, and whether it may hold further ones."""
    joined: dict[str, Value] = {}
    is_open = False
    for each in list_alternatives(value):
        if not isinstance(each, Container) or not is_mapping(each):
            is_open = True
            continue
        for key, item in list_entries(each):
            is_open = is_open or not isinstance(key, str)
            if isinstance(key, str):
                joined[key] = join_values(joined[key], item) if key in joined else item
    return joined, is_open
