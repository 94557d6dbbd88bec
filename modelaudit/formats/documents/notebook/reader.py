"""Read Jupyter notebooks: the code and shell commands of their cells, and the scripts that they show in a browser.

All code cells are analyzed as one Python source, because a kernel runs them in one namespace. Shell commands become
mentions and, as a script, a member of their own; so do the files that cells write.

Source: the notebook formats 3 and 4, https://nbformat.readthedocs.io.
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
from modelaudit.wire.deadline import iterate_in_time
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import get_budget, make_opener

_MAX_CELLS: Final = 5000
_MAX_REFERENCES: Final = 200
_MAX_SHELL_LINES: Final = 20_000
_SCRIPT: Final = re.compile(r"(?i)<script\b|\bjavascript:|\bon(?:load|error|click|mouseover)\s{0,9}=|<iframe\b")
_SOURCE_KEYS: Final = frozenset({"source", "input"})
# Commands that are not scanned as a script: they install packages by name from an index, or only print something.
_ORDINARY_COMMAND: Final = re.compile(
    r"(?:(?:python3? -m )?(?:pip3?|uv pip|conda|mamba) (?:install|list|show|freeze|uninstall)(?: [\w.=<>~\[\],'\"!-]+)*"
    r"|(?:nvidia-smi|ls|pwd|whoami|date|lscpu|free|df|cd|mkdir)(?: [\w./-]+)*)\s*\Z"
)


_LANGUAGE_KEYS: Final = (("kernelspec", "language"), ("language_info", "name"))
# Users choose kernel names freely, most after a Python environment. These name kernels of other languages.
_FOREIGN_KERNEL: Final = re.compile(
    r"(ir|julia|bash|zsh|deno|javascript|tslab|xcpp|rust|octave|scala|ruby|perl|gophernotes)\b"
)
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "shell"})


@dataclass(slots=True)
class _RawCell:
    """The texts of one cell, as read from the file."""

    kind: str = ""
    source: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)


def recognises(head: Head) -> bool:
    """Whether the name is that of a notebook."""
    return get_file_name(head.path).endswith(".ipynb") and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the uses of names in the cells, their shell commands and the files that they write.

    Raises:
        DamagedError: it is not JSON.
        LimitReachedError: the deadline passed, after all structures read so far were yielded.
        WindowError: it is over ``document_bytes``, or the window could not return the requested bytes.
    """
    text, _, _ = read_whole_text(window, limits)
    try:
        settings = parse_json_settings(text, limits)
    except ValueError as error:
        raise DamagedError(f"it is not JSON: {error}") from None
    cells, language = _collect_cells(settings), _find_language(settings)
    mentions: list[Mention] = []
    references: list[Reference] = []
    members: list[Artifact] = []
    whole: list[str] = []
    bound: LimitReachedError | None = None
    lines = 0
    foreign: list[tuple[int, str]] = []
    try:
        for number, raw in iterate_in_time(cells[:_MAX_CELLS], 1):
            cell = _split_in_language("".join(raw.source), language) if raw.kind == "code" else Cell()
            mentions += _mention_browser_script(number, [*raw.pages, *(text for _, text in cell.pages)])
            if raw.kind != "code":
                continue
            whole.append(cell.python)
            references += _reference_runs(number, cell)
            members += _open_members(artifact, window, limits, number, cell)
            mentions.extend(_mention_shell_lines(number, cell, max(0, _MAX_SHELL_LINES - lines)))
            lines += len(cell.shell)
            foreign += ((number, each) for _, each in cell.foreign)
    except LimitReachedError as error:
        bound = error
    found, faults = _analyze_cells(whole, [number for number, raw in cells[:_MAX_CELLS] if raw.kind == "code"])
    yield Outline("notebook", (*found, *mentions), (("cells", str(len(cells))),))
    if references:
        yield References("notebook", tuple(references[:_MAX_REFERENCES]))
    yield from members
    yield from faults
    yield from _report_foreign_cells(foreign)
    if bound is not None:
        raise bound
    if lines > _MAX_SHELL_LINES:
        detail = f"only its first {_MAX_SHELL_LINES} lines for a shell are listed one by one"
        yield Unread(UnreadReason.LIMIT, detail)
    if len(cells) > _MAX_CELLS:
        yield Unread(UnreadReason.LIMIT, f"only its first {_MAX_CELLS} cells were read")
    yield from find_encoded_strings(artifact.path, window, limits)


def _collect_cells(settings: Sequence[Setting]) -> list[tuple[int, _RawCell]]:
    """Collect the cells in order, by the key path to their texts, such as ``cells.3.source``."""
    found: dict[tuple[str, ...], _RawCell] = defaultdict(_RawCell)
    for setting in settings:
        if "cells" not in setting.path or not isinstance(setting.value, str):
            continue
        at = setting.path.index("cells") + 2
        place, rest = setting.path[:at], setting.path[at:]
        if len(place) < 2 or not rest:
            continue
        if rest[0] == "cell_type":
            found[place].kind = setting.value
        elif rest[0] in _SOURCE_KEYS:
            found[place].source.append(setting.value)
        elif rest[0] == "outputs":
            is_script = "application/javascript" in rest
            found[place].pages.append(f"<script>{setting.value}" if is_script else setting.value)
    return list(enumerate(found.values(), 1))


def _find_language(settings: Sequence[Setting]) -> str:
    """Return the language of the kernel that runs the cells; empty if it is Python or not given."""
    metadata = {setting.path: str(setting.value).lower() for setting in settings if setting.path[:1] == ("metadata",)}
    named = [each for each in (metadata.get(("metadata", *rest), "") for rest in _LANGUAGE_KEYS) if each]
    if not named:
        kernel = _FOREIGN_KERNEL.match(metadata.get(("metadata", "kernelspec", "name"), ""))
        return kernel[1] if kernel is not None else ""
    return "" if any("python" in each for each in named) else named[0]


def _split_in_language(source: str, language: str) -> Cell:
    if not language:
        return split_cell(source)
    if language in _SHELLS:
        return Cell(shell=[(1, source)])
    return Cell(foreign=[(1, language)]) if source.strip() else Cell()


def _report_foreign_cells(cells: list[tuple[int, str]]) -> Iterator[Unread]:
    """Yield an absence for each language other than Python: no reader analyzes it."""
    for language in dict.fromkeys(each for _, each in cells):
        number = next(number for number, each in cells if each == language)
        detail = f"source code of {format_detail(language)}: the text was read, its effects were not analyzed"
        yield Unread(UnreadReason.PROGRAM, detail, Location(key=f"cell {number}"))


def _analyze_cells(sources: list[str], numbers: list[int]) -> tuple[list[Mention], list[Unread]]:
    """Analyze all cells as one source, as a kernel runs them, and map each line back to its cell.

    Returns:
        The mentions, and an absence for each part that could not be evaluated.
    """
    starts: list[int] = []
    line = 1
    for source in sources:
        starts.append(line)
        line += source.count("\n") + 1
    analysis = analyze_source("\n".join(sources))

    def locate_row(row: int | None) -> Location:
        if not starts:
            return Location()
        index = bisect_right(starts, row or 1) - 1
        return Location(key=f"cell {numbers[index]}", line=(row or 1) - starts[index] + 1)

    mentions = [replace(each, where=locate_row(each.where.line)) for each in analysis.mentions]
    faults = [
        Unread(
            UnreadReason.DAMAGED,
            f"{locate_row(row).key} does not parse as Python ({fault}); only the names in it were checked",
            locate_row(row),
        )
        for row, fault in analysis.damage
    ]
    faults += [
        Unread(
            UnreadReason.LIMIT,
            f"{locate_row(row).key}: {fault}; the analysis of the code is incomplete",
            locate_row(row),
        )
        for row, fault in analysis.bounds
    ]
    return mentions, faults


def _mention_shell_lines(number: int, cell: Cell, limit: int) -> Iterator[Mention]:
    """Yield the first ``limit`` shell commands of a cell, and the texts in them that show an attack."""
    for line, command in cell.shell[:limit]:
        where = Location(key=f"cell {number}", line=line)
        yield Mention(VOCABULARY, "shell-line", "shell", where, format_detail(command))
        for name, detail in attack_texts.find_attack_texts(command):
            yield Mention(VOCABULARY, uses.TEXT, name, where, format_detail(detail))


def _mention_browser_script(number: int, pages: list[str]) -> Iterator[Mention]:
    for page in pages:
        found = _SCRIPT.search(page)
        if found is not None:
            yield Mention(
                VOCABULARY, "browser-script", "script", Location(key=f"cell {number}"), format_detail(found[0])
            )
            return


def _reference_runs(number: int, cell: Cell) -> Iterator[Reference]:
    for line, target in cell.runs:
        yield Reference(ReferenceKind.CODE, target[:300], "%run", where=Location(key=f"cell {number}", line=line))


def _open_members(artifact: Artifact, window: Window, limits: Limits, number: int, cell: Cell) -> Iterator[Artifact]:
    """Yield the shell commands of a cell as one script, and the files that it writes."""
    budget = get_budget(window, limits)
    commands = [command for _, command in cell.shell if not _ORDINARY_COMMAND.match(command)]
    parts = [(f"cell-{number}.sh", "\n".join(commands))] if commands else []
    parts += [(f"cell-{number}/{name.rpartition('/')[2][:100]}", text) for name, text in cell.files if text]
    for name, text in parts:
        data = text.encode("utf-8", "surrogatepass")
        inner = DecodedWindow(data, budget)
        yield Artifact(join_member(artifact.path, name), len(data), make_opener(inner))
