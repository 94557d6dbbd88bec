"""Find the modules that a file imports among the files of the code base, and the texts that they define."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from modelaudit.discovery.text_evaluator import TextEvaluator
from modelaudit.languages.python.budget import limit_steps
from modelaudit.languages.python.source import fits_at_once, split_source
from modelaudit.languages.python.values import Constant, Container, Value, join_values

_MOST_DEPTH: Final = 4
"""How many files an import is followed through."""
_MOST_EXPORTS: Final = 5_000
_LONGEST_SOURCE: Final = 1 << 20


class ModuleIndex:
    """The modules of one code base, each evaluated once, when another file imports it.

    Args:
        paths: of the Python files, below the root.
        read: returns the text of a file; ``None`` if it cannot be read.
    """

    def __init__(self, paths: Sequence[str], read: Callable[[str], str | None]) -> None:
        self._paths = frozenset(paths)
        self._read = read
        self._exports: dict[str, Mapping[str, Value]] = {}
        self._options: dict[str, Mapping[str, Value]] = {}
        self._open: list[str] = []

    def view_from(self, file: str) -> ModuleView:
        """Return the modules as a file sees them."""
        return ModuleView(self, file)

    def find_module(self, module: str, level: int, importer: str) -> str | None:
        """Return the file of a module that ``importer`` imports; ``None`` if it is none of the code base.

        An absolute import may begin in the folder of the importing file, or in any folder around it, because the
        search path of a program is not known.
        """
        folder = importer.rpartition("/")[0]
        steps = module.split(".") if module else []
        if level:
            parts = folder.split("/") if folder else []
            if level - 1 > len(parts):
                return None
            return self._find_file([*parts[: len(parts) - level + 1], *steps])
        while steps:
            start = folder.split("/") if folder else []
            found = self._find_file([*start, *steps]) or self._find_file([*start, "src", *steps])
            if found is not None:
                return found
            if not folder:
                return None
            folder = folder.rpartition("/")[0]
        return None

    def _find_file(self, steps: Sequence[str]) -> str | None:
        """Return the file of a module or package at a path below the root."""
        path = "/".join(steps)
        candidates = (f"{path}.py", f"{path}/__init__.py" if path else "__init__.py")
        return next((each for each in candidates if each in self._paths), None)

    def list_names(self, file: str) -> Mapping[str, Value]:
        """Return the texts that a module defines, by name, and by dotted name for its classes and objects."""
        if file in self._exports:
            return self._exports[file]
        if file in self._open or len(self._open) >= _MOST_DEPTH:
            return {}
        self._open.append(file)
        try:
            exports = self._evaluate_module(file)
        finally:
            self._open.pop()
        self._exports[file] = exports
        return exports

    def list_options(self, file: str) -> Mapping[str, Value]:
        """Return the defaults of the options of a command line that a file declares, by attribute."""
        text = self._read(file) if file not in self._options and file not in self._open else None
        if text is not None and "add_argument" in text and len(text) <= _LONGEST_SOURCE and fits_at_once(text):
            self._open.append(file)
            evaluator = TextEvaluator(limit_steps(text), self.view_from(file))
            for piece in split_source(text):
                if not piece.fault and not evaluator.budget.is_exceeded:
                    evaluator.evaluate_module(piece.body)
            self._open.pop()
            self._options[file] = evaluator.facts.options
        return self._options.get(file, {})

    def _evaluate_module(self, file: str) -> dict[str, Value]:
        """Evaluate the statements of a module, without the bodies of functions that they do not call."""
        text = self._read(file)
        if text is None or len(text) > _LONGEST_SOURCE or not fits_at_once(text):
            return {}
        evaluator = TextEvaluator(limit_steps(text), self.view_from(file))
        for piece in split_source(text):
            if not piece.fault and not evaluator.budget.is_exceeded:
                evaluator.budget.begin_part()
                evaluator.evaluate_statements(piece.body)
        exports: dict[str, Value] = {}
        for name, value in evaluator.list_exports():
            if is_plain(value) and len(exports) < _MOST_EXPORTS:
                exports[name] = join_values(exports[name], value) if name in exports else value
        return exports


class ModuleView:
    """The modules of a code base as one file imports them; see ``ImportedValues``."""

    def __init__(self, index: ModuleIndex, file: str) -> None:
        self._index = index
        self._file = file

    @property
    def file(self) -> str:
        """The path below the root of the file that imports the modules."""
        return self._file

    def find_module(self, module: str, level: int) -> str | None:
        """Return the file of a module that this file imports; ``None`` if it is none of the code base."""
        found = self._index.find_module(module, level, self._file)
        return None if found == self._file else found

    def look_up(self, file: str, path: Sequence[str]) -> Value | None:
        """Return the value of a dotted name in a file; ``None`` if it is not known."""
        return self._index.list_names(file).get(".".join(path)) if path else None

    def list_names(self, file: str) -> Mapping[str, Value]:
        """Return the values of the names of a file that are not of a class or object."""
        return {name: value for name, value in self._index.list_names(file).items() if "." not in name}

    def list_options(self, file: str) -> Mapping[str, Value]:
        """Return the defaults of the options of a command line that a file declares."""
        return self._index.list_options(file)


def is_plain(value: Value, depth: int = 6) -> bool:
    """Whether a value consists of texts, numbers and containers of them, and so means the same in each file."""
    if isinstance(value, Constant):
        return value.value is not None
    return (
        depth > 0
        and isinstance(value, Container)
        and all(isinstance(each, Constant) or is_plain(each, depth - 1) for each in value.values)
    )
