"""Find the texts of a source that come from elsewhere than configurations, or that it makes of other texts."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from modelaudit.languages.python.closed_texts import CHANGING_METHODS
from modelaudit.languages.python.name_tables import POWERFUL_MEMBERS, POWERFUL_MODULES
from modelaudit.model.lazy_pattern import defer_pattern

# Sources of texts that are no configuration, and ways to set an attribute or item without writing its name.
_OTHER_SOURCE: Final = defer_pattern(
    r"\b(?:torch\.(?:load|hub|ops)|(?:np|numpy)\.(?:load|fromfile|memmap|genfromtxt)|joblib|safe_open|load_file|pickle|dill"
    r"|marshal|environb?|getenv|argv|argparse|urlopen|urlretrieve|urllib|requests|httpx|aiohttp|hf_hub_download"
    r"|snapshot_download|cached_file|load_dataset|sockets?|setattr|__setattr__|__dict__|__setitem__|__getattr__"
    r"|__getattribute__|__annotations__|__defaults__|getmembers|ctypes|memoryview|read_bytes|mmap|subprocess|stdin|gc)\b"
    r"|(?<!\.)\b(?:exec|eval|vars|globals|locals|input)\(|\.(?:update\w*|setdefault|decode|metadata|get_vocab)\("
)
# Names that a text has to spell before code that takes names from texts does harm.
_PYTHON_NAMES: Final = (
    POWERFUL_MODULES | POWERFUL_MEMBERS | (frozenset(sys.stdlib_module_names) - {"types", "token", "code"})
)
_LETTERS: Final = defer_pattern(r"[\w.]*")
_LETTER: Final = defer_pattern(r"\w")
_MAKING_FUNCTIONS: Final = frozenset({"chr", "bytes", "bytearray", "format", "reversed", "ascii", "repr"})
_MESSAGE_FUNCTIONS: Final = frozenset(
    {"print", "info", "warn", "warning", "warning_once", "debug", "error", "info_once", "exception"}
)


def list_texts(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the constant texts among nodes."""
    return [each.value for each in nodes if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def takes_other_texts(tree: ast.Module) -> bool:
    """Whether a source takes texts from anything but configurations, or makes texts that may be names."""
    return _OTHER_SOURCE.search(ast.unparse(tree)) is not None or _has_other_names(tree)


def _has_other_names(tree: ast.Module) -> bool:
    """Whether a source writes out the name of a module or function of Python, or makes texts of other texts."""
    nodes = list(walk_outside_messages(tree))
    if any(each.partition(".")[0] in _PYTHON_NAMES for each in list_texts(nodes)):
        return True
    named = {
        target.id if isinstance(target, ast.Name) else target.attr
        for node in nodes
        if isinstance(node, ast.Assign) and is_text(node.value)
        for target in node.targets
        if isinstance(target, ast.Name | ast.Attribute)
    }
    return any(_makes_text(node, named) for node in nodes)


def _makes_text(node: ast.AST, named: Collection[str]) -> bool:
    """Whether an expression makes a text that may be a name; ``named`` are the variables that hold constant texts."""
    match node:
        case ast.JoinedStr(values=parts):
            texts = list_texts(parts)
            return any(map(_LETTER.search, texts)) and all(map(_LETTERS.fullmatch, texts))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod() | ast.Mult(), right=right):
            return any(map(_LETTER.search, list_texts((left, right))))
        case ast.Call(func=ast.Attribute(attr="join"), args=[], keywords=[]):
            return False  # of a thread
        case ast.Call(func=ast.Attribute(attr=method)):
            return method in CHANGING_METHODS
        case ast.Call(func=ast.Name(id=name)):
            return name in _MAKING_FUNCTIONS
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in named
        case ast.Subscript(value=base):
            return is_text(base)
    return False


def walk_outside_messages(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree without those of errors that it raises and of messages, whose texts nothing reads."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise | ast.Assert):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in _MESSAGE_FUNCTIONS:
                continue
        yield node
        waiting += ast.iter_child_nodes(node)


def is_text(node: ast.AST | None) -> bool:
    """Whether a node is a constant text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
