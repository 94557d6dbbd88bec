"""Find the paths that the configuration of the model chooses, and those that lead beside the source itself.

``sys.path.append(config.folder)`` has Python import from wherever the configuration says. A parameter for which the
source itself passes nothing is decided by the caller.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from modelaudit.languages.python.followed_values import ENVIRONMENT, ITEM_METHODS, FollowedValues, Seen, find_label
from modelaudit.languages.python.open_parameters import Functions

_OWN: Final = frozenset({"self", "cls"})
# Attributes of a path, which are parts of it.
_PATH_PARTS: Final = frozenset({"parent", "parents", "name", "stem", "anchor", "drive", "parts", "suffix"})
_PATH_WRITERS: Final = frozenset({"write_text", "write_bytes", "open"})
# Functions and methods whose result ends as their last argument does.
_PATH_MAKERS: Final = frozenset({"join", "joinpath", "Path", "PurePath", "with_name", "with_suffix", "str", "fspath",
                                 "abspath", "realpath", "normpath"})  # fmt: skip
_CODE_ENDINGS: Final = (".py", ".pyc", ".pyi", ".pyw", ".so", ".pyd", ".pth", ".sh", ".zip", ".egg", ".whl", ".")

_OWN_FILES: Final = frozenset({"__file__", "__spec__", "__loader__", "__cached__", "co_filename", "f_code"})
"""Names and attributes that hold the path of a source, or lead to it."""
_FILE_FINDERS: Final = frozenset(
    {"getfile", "getsourcefile", "getabsfile", "getmodule", "find_spec", "extract_stack", "extract_tb", "getframeinfo",
     "getouterframes", "getinnerframes", "walk_stack", "findCaller", "get_filename", "currentframe", "_getframe"}
)  # fmt: skip
"""Functions of ``inspect``, ``traceback`` and the like whose result is, or has, the path of a source."""


class ConfiguredPlaces(FollowedValues):
    """The paths of one source that the configuration of the model chooses."""

    def names_place(self, node: ast.AST) -> bool:
        """Whether an argument of a call, or the value of an assignment, is a text which the configuration chooses."""
        return self._ask(node, "place", self._is_configured)

    def reaches_own_file(self, node: ast.AST) -> bool:
        """Whether an argument of a call is made of the path of the source itself."""
        return self._ask(node, "own", self._is_of_own_file)

    def shows_ending(self, node: ast.AST, is_copy: bool) -> bool:
        """Whether the path that a call gets, or the second of two, ends as the source writes it: ``f"{name}.json"``."""
        functions = self._source.places.get(node)
        if not isinstance(node, ast.Call) or functions is None:
            return False
        paths = node.args[-1:] if is_copy else node.args[:1]
        if isinstance(node.func, ast.Attribute) and node.func.attr in _PATH_WRITERS and not is_copy:
            paths = [node.func.value] if node.func.attr != "open" else [*paths, node.func.value]
        return any(self._ends_as_written(each, functions, frozenset()) for each in paths)

    def _ends_as_written(self, node: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether a path ends in a text with a dot."""
        inner = self._goes_on(node, functions, seen)
        if inner is None or self._is_beyond(seen):
            return False
        match node:
            case ast.Constant(value=str(text)):
                name = text.rpartition("/")[2].lower()
                return "." in name and not name.endswith(_CODE_ENDINGS)
            case ast.JoinedStr(values=[*_, last]) | ast.BinOp(op=ast.Add() | ast.Div(), right=last):
                return self._ends_as_written(last, functions, inner)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[*_, last]) if name in _PATH_MAKERS:
                return self._ends_as_written(last, functions, inner)
            case ast.Name(id=name):
                values = self._source.list_values(name, functions)
                return bool(values) and all(self._ends_as_written(each, around, inner) for each, around in values)
        return False

    def _is_configured(self, node: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether a text, or a part of it, is a member of an object that the source gets from elsewhere."""
        if self._is_beyond(seen):
            return True
        match node:
            case ast.Constant():
                return False
            case ast.Name(id=name):
                return self._is_any(node, self._source.list_values(name, functions), functions, seen, name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if self._source.list_attribute(name):
                return self._is_any(node, self._source.list_attribute(name), functions, seen, name)
            case ast.Attribute(value=value, attr=name):
                if name in _PATH_PARTS:
                    return self._is_configured(value, functions, seen)
                return self._is_object(node, functions, seen)
            case ast.Subscript(value=value):
                return self._is_configured(value, functions, seen) or self._is_object(value, functions, seen)
            case ast.Call():
                return self._is_configured_result(node, functions, seen)
        parts = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr | ast.comprehension))
        values = (each.iter if isinstance(each, ast.comprehension) else each for each in parts)
        return any(self._is_configured(each, functions, seen) for each in values)

    def _is_any(
        self,
        node: ast.expr,
        values: Sequence[tuple[ast.expr, Functions]],
        functions: Functions,
        seen: Seen,
        name: str = "",
    ) -> bool:
        """Whether one of the values that a name may have, or of the items set in it, is configured."""
        inner = self._goes_on(node, functions, seen)
        if inner is None:
            return False
        items = (
            [
                (value, around)
                for _, value, around in self._source.list_items(name, functions if isinstance(node, ast.Name) else None)
            ]
            if name
            else []
        )
        return any(self._is_configured(each, around, inner) for each, around in (*values, *items))

    def _is_configured_result(self, call: ast.Call, functions: Functions, seen: Seen) -> bool:
        """Whether the result of a call is made of a configured text, or one that a function of the source returns."""
        match call:
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, *_]):
                return self._is_object(owner, functions, seen)
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in ITEM_METHODS:
                return self._is_object(owner, functions, seen)
        inner = self._goes_on(call, functions, seen)
        if inner is None:
            return False
        values = [*call.args, *(each.value for each in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            values.append(call.func.value)
        returned = self._source.list_results(find_label(call.func))
        return any(self._is_configured(each, functions, inner) for each in values) or any(
            self._is_configured(each, around, inner) for each, around in returned
        )

    def _is_object(self, node: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether an expression is an object, or a member of one, that the source gets as a parameter or attribute."""
        if self._is_beyond(seen):
            return True
        inner = self._goes_on(node, functions, seen)
        if inner is None:
            return False
        match node:
            case ast.Name(id=name):
                if name in self._source.imported or self._source.hands_over(name, functions) or name in _OWN:
                    return False
                if self._source.is_parameter(name, functions):
                    return True
                return any(
                    self._is_object(each, around, inner) for each, around in self._source.list_values(name, functions)
                )
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                values = self._source.list_attribute(name)
                return not values or any(self._is_object(each, around, inner) for each, around in values)
            case ast.Attribute(attr=name) if name in ENVIRONMENT:
                return False
            case ast.Attribute(value=value) | ast.Subscript(value=value):
                return self._is_object(value, functions, inner)
            case ast.Call(func=func, args=args, keywords=keywords):
                returned = self._source.list_results(find_label(func))
                owners = [func.value] if isinstance(func, ast.Attribute) else []
                given = (*owners, *args, *(each.value for each in keywords))
                return any(self._is_object(each, functions, inner) for each in given) or any(
                    self._is_object(each, around, inner) for each, around in returned
                )
        parts = (each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr))
        return any(self._is_object(each, functions, inner) for each in parts)

    def _is_of_own_file(self, node: ast.expr, functions: Functions, seen: Seen) -> bool:
        """Whether a value is made of the path of the source, as ``__file__`` has it."""
        if self._is_beyond(seen):
            return False
        inner = self._goes_on(node, functions, seen)
        if inner is None:
            return False
        values: list[tuple[ast.expr, Functions]] = []
        match node:
            case ast.Attribute(attr=name) if name in _OWN_FILES | _FILE_FINDERS:
                return True
            case ast.Name(id=name) if self._source.imported.get(name, name) in _OWN_FILES | _FILE_FINDERS:
                return True
            case ast.Attribute(value=ast.Name(id="inspect"), attr="stack" | "trace"):
                return True
            case ast.Name(id=name):
                values = self._source.list_values(name, functions)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                values = self._source.list_attribute(name)
            case ast.Call(func=func):
                values = self._source.list_results(find_label(func))
        parts = (each for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute) and each is not node)
        return any(self._is_of_own_file(each, around, inner) for each, around in values) or any(
            self._is_of_own_file(each, functions, inner) for each in parts
        )
