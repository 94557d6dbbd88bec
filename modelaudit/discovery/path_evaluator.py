"""Evaluate the paths of a Python source as texts: ``os.path``, ``pathlib``, ``__file__``, and opened files.

A path that begins at the file itself begins with ``CODE_BASE``. A path of ``pathlib`` begins with ``./`` where it is
relative, so that it is never taken for the name of a repository. An opened file is the path that was opened.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Sequence
from typing import Final

from modelaudit.discovery.declared_values import ImportedValues
from modelaudit.discovery.mapping_evaluator import MappingEvaluator
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Constant, ExternalName, Value
from modelaudit.model.discovery import CODE_BASE

_PATHS: Final = frozenset(
    {"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.Path.joinpath"}
)
_OPENED: Final = frozenset(
    {"builtins.open", "io.open", "gzip.open", "bz2.open", "lzma.open", "io.FileIO", "pathlib.Path.open",
     "pathlib.Path.read_bytes", "smart_open.open", "fsspec.open", "io.BytesIO", "io.BufferedReader"}
)  # fmt: skip
_UNCHANGED: Final = frozenset({"os.path.realpath", "os.path.normcase", "os.fspath"})
_WORKING_FOLDER: Final = frozenset({"os.getcwd", "pathlib.Path.cwd"})
_SAME: Final = frozenset({"resolve", "absolute", "expanduser", "as_posix", "open", "read", "read_bytes", "__fspath__"})
"""Methods that return the path itself, or the file at it."""
_MOST_PARENTS: Final = 12


class PathEvaluator(MappingEvaluator):
    """The evaluator of one source, which keeps paths as texts."""

    def __init__(self, max_steps: int, imported: ImportedValues) -> None:
        super().__init__(max_steps)
        self._values = imported

    def visit_Name(self, node: ast.Name) -> Value:
        """Return the value of a name; that of ``__file__`` is the path of the source in the code base."""
        if node.id == "__file__" and self.scope.look_up(node.id) is None:
            return Constant(f"{CODE_BASE}{self._values.file}")
        return super().visit_Name(node)

    def _apply_operator(self, kind: type[ast.operator], left: Value, right: Value) -> Value:
        """Apply an operator; two texts are only divided as parts of a path."""
        if kind is ast.Div and isinstance(left, Constant) and isinstance(right, Constant):
            texts = _list_texts((left, right))
            if texts is not None:
                return _make_path(posixpath.join(*texts))
        return super()._apply_operator(kind, left, right)

    def _resolve_attribute(self, base: Value, name: str, line: int) -> Value:
        """Return the value of an attribute, also of a path; no other text has these."""
        if name in ("parent", "parents") and isinstance(base, Constant) and isinstance(base.value, str):
            parents = _list_parents(base.value)
            return Constant(parents[0]) if name == "parent" else Constant(tuple(parents))
        if name == "sep" and isinstance(base, ExternalName) and base.name in ("os", "os.path"):
            return Constant("/")
        return super()._resolve_attribute(base, name, line)

    def _call_known_method(self, base: Value, method: str, args: Sequence[Value], line: int) -> Value | None:
        """Call a method, also of a path or of an opened file; no other text has these."""
        if isinstance(base, Constant) and isinstance(base.value, str):
            texts = _list_texts(args)
            if method in _SAME:
                return base
            if method == "joinpath" and texts is not None:
                return _make_path(posixpath.join(base.value, *texts))
            if method in ("with_name", "with_suffix") and texts is not None and len(texts) == 1:
                folder, name = posixpath.split(base.value)
                new_name = texts[0] if method == "with_name" else posixpath.splitext(name)[0] + texts[0]
                return _make_path(posixpath.join(folder, new_name))
        return super()._call_known_method(base, method, args, line)

    def _call_external(self, call: Call, callee: ExternalName) -> Value:
        """Call a function of another module; one that makes, joins or opens a path returns its text."""
        result = super()._call_external(call, callee)
        if call.name in _WORKING_FOLDER:
            return Constant("./")
        texts = _list_texts(call.args)
        if not texts:
            return result
        if call.name in _PATHS:
            return _make_path(posixpath.join(*texts))
        if call.name in _OPENED:
            return _make_path(texts[0])
        if call.name in _UNCHANGED:
            return Constant(texts[0])
        return Constant(_list_parents(texts[0])[0]) if call.name == "os.path.dirname" else result


def _list_texts(values: Sequence[Value]) -> list[str] | None:
    """List the texts that values are; ``None`` if one of them is something else."""
    texts = [each.value for each in values if isinstance(each, Constant) and isinstance(each.value, str)]
    return texts if len(texts) == len(values) else None


def _make_path(text: str) -> Constant:
    """Return a path as a text that cannot be the name of a repository; one with a scheme is an address."""
    is_plain = not text.startswith(("/", ".", "~")) and "://" not in text
    return Constant(f"./{text}" if is_plain else text)


def _list_parents(path: str) -> list[str]:
    """List the folders around a path, the nearest first; the last one has none around it in the code."""
    parents: list[str] = []
    current = path.rstrip("/") or path
    while len(parents) < _MOST_PARENTS:
        if current == CODE_BASE.rstrip("/"):
            # What lies around the code base is not part of it.
            current = f"{current}/.."
        elif current.startswith(CODE_BASE):
            current = posixpath.dirname(current)
        else:
            current = posixpath.dirname(current) or "."
        parents.append(current)
    return parents
