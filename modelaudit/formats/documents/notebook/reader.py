"""Notebooks of Jupyter: what their cells of code do and hand to a shell, and the script that they show.

Source: the format of notebooks 3 and 4, https://nbformat.readthedocs.io.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from modelaudit.formats.embedded import DecodedWindow, find_encoded_strings
from modelaudit.languages.python import attack_texts, uses
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.cells import Cell, split_cell
from modelaudit.languages.python.uses import VOCABULARY, format_detail
from modelaudit.languages.settings import Setting, parse_json_settings
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import in_time
from modelaudit.wire.documents import whole_text
from modelaudit.wire.text import file_name, looks_like_text
from modelaudit.wire.windows import budget_of, opener

_MOST_CELLS: Final = 5000
_MOST_TOLD: Final = 200
_MOST_LINES: Final = 20_000
_SCRIPT: Final = re.compile(r"(?i)<script\b|\bjavascript:|\bon(?:load|error|click|mouseover)\s{0,9}=|<iframe\b")
_PLAIN: Final = frozenset({"source", "input"})
# Commands without effect beyond what they say; a package by its name comes from an index.
_ORDINARY: Final = re.compile(
    r"(?:(?:python3? -m )?(?:pip3?|uv pip|conda|mamba) (?:install|list|show|freeze|uninstall)(?: [\w.=<>~\[\],'\"!-]+)*"
    r"|(?:nvidia-smi|ls|pwd|whoami|date|lscpu|free|df|cd|mkdir)(?: [\w./-]+)*)\s*\Z"
)


_LANGUAGES: Final = (("kernelspec", "language"), ("language_info", "name"))
# The names of kernels are chosen freely, most after an environment of Python; these are those of other languages.
_KERNELS: Final = re.compile(
    r"(ir|julia|bash|zsh|deno|javascript|tslab|xcpp|rust|octave|scala|ruby|perl|gophernotes)\b"
)
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "shell"})


@dataclass(slots=True)
class _Raw:
    """The texts of one cell as they stand in the file."""

    kind: str = ""
    source: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)


def recognises(head: Head) -> bool:
    """Whether the name is that of a notebook."""
    return file_name(head.path).endswith(".ipynb") and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what the cells do, and their shell commands and written files as artifacts.

    Raises:
        DamagedError: it is not JSON.
        LimitReachedError: it holds more than is followed.
        WindowError: it is over ``document_bytes``, or from the window.
    """
    text, _, _ = whole_text(window, limits)
    try:
        settings = parse_json_settings(text, limits)
    except ValueError as error:
        raise DamagedError(f"it is not JSON: {error}") from None
    cells, language = _cells(settings), _language(settings)
    mentions: list[Mention] = []
    references: list[Reference] = []
    members: list[Artifact] = []
    whole: list[str] = []
    bound: LimitReachedError | None = None
    lines = 0
    foreign: list[tuple[int, str]] = []
    try:
        for number, raw in in_time(cells[:_MOST_CELLS], 1):
            cell = _taken_apart("".join(raw.source), language) if raw.kind == "code" else Cell()
            mentions += _shown_pages(number, [*raw.pages, *(text for _, text in cell.pages)])
            if raw.kind != "code":
                continue
            whole.append(cell.python)
            references += _of_runs(number, cell)
            members += _members(artifact, window, limits, number, cell)
            mentions.extend(_of_shell(number, cell, max(0, _MOST_LINES - lines)))
            lines += len(cell.shell)
            foreign += ((number, each) for _, each in cell.foreign)
    except LimitReachedError as error:
        bound = error
    found, faults = _of_python(whole, [number for number, raw in cells[:_MOST_CELLS] if raw.kind == "code"])
    yield Outline("notebook", (*found, *mentions), (("cells", str(len(cells))),))
    if references:
        yield References("notebook", tuple(references[:_MOST_TOLD]))
    yield from members
    yield from faults
    yield from _of_other_languages(foreign)
    if bound is not None:
        raise bound
    if lines > _MOST_LINES:
        detail = f"only its first {_MOST_LINES} lines for a shell are told one by one"
        yield Unread(UnreadReason.LIMIT, detail)
    if len(cells) > _MOST_CELLS:
        yield Unread(UnreadReason.LIMIT, f"only its first {_MOST_CELLS} cells were followed")
    yield from find_encoded_strings(artifact.path, window, limits)


def _cells(settings: Sequence[Setting]) -> list[tuple[int, _Raw]]:
    """The cells in order, each told by the way to its texts: ``cells.3.source``, ``worksheets.0.cells.3.input``."""
    found: dict[tuple[str, ...], _Raw] = defaultdict(_Raw)
    for setting in settings:
        if "cells" not in setting.path or not isinstance(setting.value, str):
            continue
        at = setting.path.index("cells") + 2
        place, rest = setting.path[:at], setting.path[at:]
        if len(place) < 2 or not rest:
            continue
        if rest[0] == "cell_type":
            found[place].kind = setting.value
        elif rest[0] in _PLAIN:
            found[place].source.append(setting.value)
        elif rest[0] == "outputs":
            is_script = "application/javascript" in rest
            found[place].pages.append(f"<script>{setting.value}" if is_script else setting.value)
    return list(enumerate(found.values(), 1))


def _language(settings: Sequence[Setting]) -> str:
    """The language of the kernel that runs the cells; empty where it is Python, or nobody says."""
    told = {setting.path: str(setting.value).lower() for setting in settings if setting.path[:1] == ("metadata",)}
    named = [each for each in (told.get(("metadata", *rest), "") for rest in _LANGUAGES) if each]
    if not named:
        kernel = _KERNELS.match(told.get(("metadata", "kernelspec", "name"), ""))
        return kernel[1] if kernel is not None else ""
    return "" if any("python" in each for each in named) else named[0]


def _taken_apart(source: str, language: str) -> Cell:
    if not language:
        return split_cell(source)
    if language in _SHELLS:
        return Cell(shell=[(1, source)])
    return Cell(foreign=[(1, language)]) if source.strip() else Cell()


def _of_other_languages(cells: list[tuple[int, str]]) -> Iterator[Unread]:
    """The absences that cells are programs of languages that no reader follows."""
    for language in dict.fromkeys(each for _, each in cells):
        number = next(number for number, each in cells if each == language)
        detail = f"source code of {format_detail(language)}: the text was read, what it does was not judged"
        yield Unread(UnreadReason.PROGRAM, detail, Location(key=f"cell {number}"))


def _of_python(sources: list[str], numbers: list[int]) -> tuple[list[Mention], list[Unread]]:
    """Judge all cells as one source, as a kernel runs them, and put each find back into its cell."""
    starts: list[int] = []
    line = 1
    for source in sources:
        starts.append(line)
        line += source.count("\n") + 1
    found = analyze_source("\n".join(sources))

    def place(row: int | None) -> Location:
        if not starts:
            return Location()
        index = bisect_right(starts, row or 1) - 1
        return Location(key=f"cell {numbers[index]}", line=(row or 1) - starts[index] + 1)

    mentions = [replace(each, where=place(each.where.line)) for each in found.mentions]
    faults = [
        Unread(reason, f"{place(row).key} does not parse as Python ({fault}); its names were judged", place(row))
        for reason, told in ((UnreadReason.DAMAGED, found.damage), (UnreadReason.LIMIT, found.bounds))
        for row, fault in told
    ]
    return mentions, faults


def _of_shell(number: int, cell: Cell, most: int) -> Iterator[Mention]:
    """What the first ``most`` of its lines for a shell say."""
    for line, command in cell.shell[:most]:
        where = Location(key=f"cell {number}", line=line)
        yield Mention(VOCABULARY, "shell-line", "shell", where, format_detail(command))
        for name, detail in attack_texts.find_attack_texts(command):
            yield Mention(VOCABULARY, uses.TEXT, name, where, format_detail(detail))


def _shown_pages(number: int, pages: list[str]) -> Iterator[Mention]:
    for page in pages:
        found = _SCRIPT.search(page)
        if found is not None:
            yield Mention(
                VOCABULARY, "browser-script", "script", Location(key=f"cell {number}"), format_detail(found[0])
            )
            return


def _of_runs(number: int, cell: Cell) -> Iterator[Reference]:
    for line, target in cell.runs:
        yield Reference(ReferenceKind.CODE, target[:300], "%run", where=Location(key=f"cell {number}", line=line))


def _members(artifact: Artifact, window: Window, limits: Limits, number: int, cell: Cell) -> Iterator[Artifact]:
    """The commands of a cell as a script, and the files that it writes."""
    budget = budget_of(window, limits)
    told = [command for _, command in cell.shell if not _ORDINARY.match(command)]
    parts = [(f"cell-{number}.sh", "\n".join(told))] if told else []
    parts += [(f"cell-{number}/{name.rpartition('/')[2][:100]}", text) for name, text in cell.files if text]
    for name, text in parts:
        data = text.encode("utf-8", "surrogatepass")
        inner = DecodedWindow(data, budget)
        yield Artifact(join_member(artifact.path, name), len(data), opener(inner))
