"""Find the calls whose switch ``trust_remote_code`` the configuration of the model chooses, not the caller.

``trust_remote_code=config.t`` is on if the author of ``config.json`` wants it, as is a mapping with a computed
key, ``**{config.a + "_code": True}``, or one of unknown items, ``**config.keywords``. The caller decides the values
that it hands over: a parameter for which the source itself passes nothing, or an item of ``**kwargs``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from modelaudit.languages.python.followed_values import ENVIRONMENT, ITEM_METHODS, FollowedValues, Seen, find_label
from modelaudit.languages.python.open_parameters import Functions

_SWITCH: Final = "trust_remote_code"
# Values of a variable of the environment that turn a switch off.
_OFF: Final = frozenset({"", "0", "false", "no", "off", "n", "f", "none"})
_ADDING: Final = (ast.Add, ast.Sub, ast.BitOr, ast.BitXor, ast.LShift, ast.Pow)
_LISTING_METHODS: Final = frozenset({"items", "keys", "values", "copy"})
# Functions that read a file, which comes with the model.
_READERS: Final = frozenset({"open", "load", "safe_load", "full_load", "read", "read_text", "read_bytes"})


class ChosenSwitches(FollowedValues):
    """The switches of the calls of one source that the configuration of the model chooses."""

    def chooses_switch(self, call: ast.Call, is_loader: bool) -> bool:
        """Whether the configuration chooses ``trust_remote_code`` of a call, or an item of a mapping that it unpacks.

        Args:
            call: the call.
            is_loader: whether it loads a model, so that an unpacked mapping may hold the switch.
        """
        candidates = [each for each in call.keywords if each.arg == _SWITCH or (each.arg is None and is_loader)]
        if not candidates:
            return False
        functions = self._source.places.get(call)
        if functions is None:  # in a text that the source runs
            return False
        return self._answer("switch", call, lambda: any(self._is_on(each, functions) for each in candidates))

    def _is_on(self, keyword: ast.keyword, functions: Functions) -> bool:
        """Whether the configuration chooses a keyword that is the switch, or an item of a mapping that is unpacked."""
        judge = self._has_chosen_item if keyword.arg is None else self._is_chosen
        return judge(keyword.value, functions, frozenset())

    def _is_chosen(self, node: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether a value comes, in part, from an attribute or item of an object that is not ``**kwargs``."""
        if self._is_beyond(seen):
            return True
        match node:
            case ast.Name(id=name):
                return self._is_chosen_name(node, name, functions, seen)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if self._source.list_attribute(name):
                inner = self._goes_on(node, functions, seen)
                values = [*self._source.list_attribute(name), *self._source.list_results(name)]
                return inner is not None and any(self._is_chosen(each, around, inner) for each, around in values)
            case ast.Attribute(attr=name):
                return name not in ENVIRONMENT  # the user who starts the program sets the environment
            case ast.Subscript(value=value, slice=ast.Slice()):  # a part of a text
                return self._is_chosen(value, functions, seen)
            case ast.Subscript(value=value):
                is_kept = isinstance(value, ast.Name) and self._source.hands_over(value.id, functions)
                return not is_kept and (not _is_environment(value) or self._sets_variable(node.slice, functions, seen))
            case ast.Call():
                return self._is_chosen_result(node, functions, seen)
            case ast.Yield():
                return any(self._is_chosen(each, around, seen) for each, around in self._source.list_sent())
            case ast.BinOp() | ast.UnaryOp() | ast.Compare() if _makes_true(node):
                return True
        parts = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
        return any(self._is_chosen(each, functions, seen) for each in parts)

    def _is_chosen_name(self, node: ast.expr, name: str, functions: Functions, seen: Seen) -> bool:
        """Whether a variable has such a value, holds one, or is an object whatever the caller hands over."""
        inner = self._goes_on(node, functions, seen)
        if inner is None:
            return False
        if self._source.is_object(name, functions) or self._source.turns_on(name, functions):
            return True
        items = self._source.list_items(name, functions)
        if any(self._is_chosen(each, around, inner) for each, around in self._source.list_values(name, functions)):
            return True
        return any(_is_true(value) or self._is_chosen(value, around, inner) for _, value, around in items)

    def _sets_variable(self, key: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether the source gives a chosen value to a variable of the environment that it reads."""
        inner = self._goes_on(key, functions, seen)
        if inner is None:
            return False
        for name in ENVIRONMENT:
            for known, value, around in self._source.list_items(name):
                if _may_be_same(known, key) and self._is_set(value, key, around, inner):
                    return True
            if any(self._is_set(each, key, around, inner) for each, around in self._source.list_attribute(name)):
                return True
        return any(
            isinstance(known, ast.Constant) and _may_be_same(known, key) and self._is_set(value, key, around, inner)
            for known, value, around in self._source.list_keyed_items()
        )

    def _is_set(self, value: ast.expr, key: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether a value for a variable of the environment is chosen, or an item for it of a mapping of such."""
        match value:
            case ast.Constant(value=text):
                return isinstance(text, str) and text.lower() not in _OFF
            case ast.Dict(keys=keys, values=values):
                return any(
                    _may_be_same(each, key) and self._is_set(item, key, functions, seen)
                    for each, item in zip(keys, values, strict=True)
                )
            case ast.BinOp(op=ast.BitOr(), left=left, right=right):
                return any(self._is_set(each, key, functions, seen) for each in (left, right))
        return not _is_environment(value) and self._is_chosen(value, functions, seen)

    def _is_chosen_result(self, call: ast.Call, functions: Functions, seen: Seen) -> bool:
        """Whether the result of a call is a member of an object, or made of one; of ``**kwargs`` a default counts."""
        values = [*call.args, *(each.value for each in call.keywords)]
        match call.func:
            case ast.Attribute(value=ast.Name(id=name)) if self._source.hands_over(name, functions):
                values = call.args[1:]
            case ast.Attribute(value=value, attr=method) if method in ITEM_METHODS:
                if not _is_environment(value) or any(self._sets_variable(each, functions, seen) for each in call.args):
                    return True
                values = values[1:]
            case ast.Attribute(attr="getenv" | "getenvb") | ast.Name(id="getenv" | "getenvb"):
                if any(self._sets_variable(each, functions, seen) for each in call.args[:1]):
                    return True
            case ast.Attribute(value=value):
                values.append(value)
            case ast.Name(id="getattr"):
                return True
        inner = self._goes_on(call, functions, seen)
        if inner is None:
            return False
        returned = self._source.list_results(find_label(call.func))
        return any(self._is_chosen(each, functions, inner) for each in values) or any(
            self._is_chosen(each, around, inner) for each, around in returned
        )

    def _has_chosen_item(self, node: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether a mapping that a call unpacks has an item which the configuration chooses, and may be the switch.

        A mapping that comes from the configuration may have any item.
        """
        if self._is_beyond(seen):
            return True
        match node:
            case ast.Name(id=name):
                return self._holds_chosen_item(node, name, self._source.list_values(name, functions), functions, seen)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if self._source.list_attribute(name):
                return self._holds_chosen_item(node, name, self._source.list_attribute(name), functions, seen)
            case ast.Dict(keys=keys, values=values):
                return any(
                    self._has_chosen_item(value, functions, seen)
                    if key is None
                    else self._is_chosen_pair(key, value, functions, seen)
                    for key, value in zip(keys, values, strict=True)
                )
            case ast.DictComp(key=key, value=value, generators=generators):
                if any(self._is_chosen(each, functions, seen) for each in (key, value)):
                    return True
                return any(self._has_chosen_item(each.iter, functions, seen) for each in generators)
            case ast.Call():
                return self._makes_chosen_item(node, functions, seen)
            case ast.BinOp(op=ast.BitOr()) | ast.BoolOp() | ast.IfExp():
                tests = (node.test,) if isinstance(node, ast.IfExp) else ()
                parts = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
                return any(self._has_chosen_item(each, functions, seen) for each in parts if each not in tests)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self._has_chosen_item(value, functions, seen)
        return self._is_chosen(node, functions, seen)

    def _holds_chosen_item(
        self, node: ast.expr, name: str, values: Sequence[tuple[ast.expr, Functions]], functions: Functions, seen: Seen
    ) -> bool:
        """Whether a mapping of this name is made of one with such an item, or gets one later."""
        inner = self._goes_on(node, functions, seen)
        if inner is None:
            return False
        if any(self._has_chosen_item(each, around, inner) for each, around in values):
            return True
        return any(
            self._has_chosen_item(value, around, inner)
            if key is None
            else self._is_chosen_pair(key, value, around, inner)
            for key, value, around in self._source.list_items(name, functions if isinstance(node, ast.Name) else None)
        )

    def _makes_chosen_item(self, call: ast.Call, functions: Functions, seen: Seen) -> bool:
        """Whether a call makes a mapping with an item that the configuration chooses."""
        inner = self._goes_on(call, functions, seen)
        if inner is None:
            return False
        label = find_label(call.func)
        if label in _READERS:
            return True
        values = list(call.args)
        if isinstance(call.func, ast.Attribute):
            is_passed = label in _LISTING_METHODS and not (
                isinstance(call.func.value, ast.Name) and self._source.hands_over(call.func.value.id, functions)
            )
            if is_passed:
                return self._has_chosen_item(call.func.value, functions, inner)
            if label in ITEM_METHODS:
                return self._is_chosen_result(call, functions, inner)
        items = [(each.arg, each.value) for each in call.keywords]
        if any(
            self._has_chosen_item(value, functions, inner)
            if key is None
            else self._is_chosen_pair(ast.Constant(key), value, functions, inner)
            for key, value in items
        ):
            return True
        returned = self._source.list_results(label)
        if any(self._has_chosen_item(each, around, inner) for each, around in returned):
            return True
        if not returned and isinstance(call.func, ast.Attribute):
            values.append(call.func.value)
        return not returned and any(self._has_chosen_item(each, functions, inner) for each in values)

    def _is_chosen_pair(self, key: ast.expr, value: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether the configuration chooses the key of an item, or the value under a key that may be the switch."""
        if isinstance(key, ast.Constant):
            return key.value == _SWITCH and self._is_chosen(value, functions, seen)
        return self._is_chosen(key, functions, seen) or self._is_chosen(value, functions, seen)


def _is_environment(node: ast.expr) -> bool:
    """Whether an expression is the environment of the process."""
    return isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT


def _may_be_same(known: ast.expr | None, key: ast.expr) -> bool:
    """Whether two keys may be the same."""
    return not (isinstance(known, ast.Constant) and isinstance(key, ast.Constant)) or known.value == key.value


def _is_true(node: ast.expr) -> bool:
    """Whether a value is a number, or a truth, that counts as true."""
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and bool(node.value)


def _makes_true(node: ast.BinOp | ast.UnaryOp | ast.Compare) -> bool:
    """Whether an operation turns a switch on that is off, as ``switch += 1`` and ``value == value`` do."""
    match node:
        case ast.BinOp(left=left, op=operation, right=right) if isinstance(operation, _ADDING):
            is_added = isinstance(getattr(left, "ctx", None), ast.Store)
            return _is_true(left) or _is_true(right) or (is_added and _is_filled(right))
        case ast.Compare(left=left, comparators=[right]):
            has_name = any(isinstance(each, ast.Name) for each in ast.walk(left))
            return has_name and ast.dump(left) == ast.dump(right)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert)


def _is_filled(node: ast.expr) -> bool:
    """Whether a value that the source writes out counts as true."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    return isinstance(node, ast.List | ast.Tuple | ast.Set) and bool(node.elts)
