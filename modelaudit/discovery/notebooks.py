"""Read Jupyter notebooks: the code cells as one Python source, because a kernel runs them in one namespace."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from modelaudit.discovery.code_file import CodeFile
from modelaudit.discovery.commands import CommandReader
from modelaudit.discovery.names import NameReader
from modelaudit.discovery.python_uses import PythonReader
from modelaudit.languages.python.cells import split_cell
from modelaudit.languages.python.magic_aliases import MagicAliases
from modelaudit.model.copies import replace
from modelaudit.model.discovery import DiscoveryRules, ModelUse
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.yaml_text import Node, compose_document

_PYTHON_VALUE: Final = defer_pattern(r"(?P<before>^|[^$\\{])\{(?P<name>[A-Za-z_]\w{0,60})\}")
"""``{name}`` in a command of a notebook, where IPython puts the value of a variable of Python."""
_MAGIC: Final = defer_pattern(r"[ \t]*%(?:(?P<run>run)|set_env|env)[ \t]+(?P<rest>[^\n]+)")
_ENVIRONMENT: Final = defer_pattern(r"(?P<name>[A-Za-z_]\w*)[ \t=]+(?P<value>.+)")


class NotebookReader:
    """Reads the notebooks of one code base."""

    def __init__(self, rules: DiscoveryRules, names: NameReader, python: PythonReader, limits: Limits) -> None:
        self._rules = rules
        self._names = names
        self._python = python
        self._limits = limits

    def read_notebook(self, text: str, path: str, file: str) -> Iterator[ModelUse | Unread]:
        """Yield the uses in the code cells, with lines of the file, and the absences of what was not read."""
        try:
            document, error = compose_document(text, self._limits)
        except LimitReachedError as limit:
            yield Unread(UnreadReason.LIMIT, str(limit))
            return
        cells = list(_list_cells(document)) if document is not None else []
        aliases = MagicAliases("".join(source for source, _ in cells))
        commands = CommandReader(CodeFile(file, path.rpartition("/")[0], self._names, self._rules))
        python_lines: list[str] = []
        numbers: list[int] = []
        for source, lines in cells:
            cell = split_cell(source, aliases)
            for number, command in (*cell.shell, *_list_magic_commands(source)):
                place = lines[min(number, len(lines)) - 1]
                script = _PYTHON_VALUE.sub(r"\g<before>$\g<name>", command)
                yield from (replace(use, line=place) for use in commands.read_script(script))
            parts = cell.python.split("\n")
            python_lines += parts
            numbers += [lines[min(index, len(lines) - 1)] for index in range(len(parts))]
        result = self._python.read_source("\n".join(python_lines), path, file)
        for use in result.uses:
            yield replace(use, line=numbers[min(use.line, len(numbers)) - 1])
        for absence in result.absences:
            line = numbers[min(absence.where.line or 1, len(numbers)) - 1]
            detail = absence.detail.partition(": ")[2] or absence.detail
            yield replace(absence, detail=f"line {line}: {detail}", where=Location(line=line))
        if error is not None:
            yield Unread(UnreadReason.DAMAGED, _describe(error))


def _list_magic_commands(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the command of a shell that means the same as ``%run`` or ``%env``."""
    for number, line in enumerate(source.split("\n"), 1):
        match = _MAGIC.match(line)
        if match is not None and match["run"]:
            yield number, f"python {match['rest']}"
        elif match is not None and (setting := _ENVIRONMENT.match(match["rest"])) is not None:
            yield number, f"{setting['name']}={shlex.quote(setting['value'].strip())} true"


def _describe(error: DamagedError) -> str:
    """Return the message of a fault in the JSON of a notebook."""
    return f"it is not a notebook: {error}"


def _get(node: Node, key: str) -> Node | None:
    """Return the value of a key; ``None`` if the node is not a mapping or has no such key."""
    if node.kind != "mapping":
        return None
    return next(
        (value for name, value in zip(node.items[::2], node.items[1::2], strict=False) if name.text == key), None
    )


def _list_cells(document: Node) -> Iterator[tuple[str, list[int]]]:
    """Yield the source of each code cell, and the line of the file for each line of it; formats 3 and 4."""
    sheets = _get(document, "worksheets")
    holders = sheets.items if sheets is not None else [document]
    for holder in holders:
        cells = _get(holder, "cells")
        for cell in cells.items if cells is not None else ():
            kind, source = _get(cell, "cell_type"), _get(cell, "source") or _get(cell, "input")
            if kind is None or kind.text != "code" or source is None:
                continue
            parts = source.items if source.kind == "sequence" else [source]
            lines: list[int] = []
            text = ""
            for part in parts:
                written = part.text or ""
                if not text or text.endswith("\n"):
                    lines.append(part.line)
                lines += [part.line] * max(0, written.count("\n") - written.endswith("\n"))
                text += written
            if text.strip():
                yield text, lines
