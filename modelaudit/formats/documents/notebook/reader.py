"""Read Jupyter notebooks: the code and shell commands of their cells, and the scripts that they show in a browser.

All code cells are analysed as one Python source, because a kernel runs them in one namespace. Shell commands become
mentions and, as a script, a member of their own; so do the files that cells write.
Source: the notebook formats 3 and 4, https://nbformat.readthedocs.io.
"""

from __future__ import annotations

import re
import shlex
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.embedded import DecodedWindow
from modelaudit.languages.document_settings import collect_json_settings
from modelaudit.languages.instructions import read_instructions
from modelaudit.languages.python import attack_texts, uses
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.cells import Cell, split_cell
from modelaudit.languages.python.magic_aliases import MagicAliases
from modelaudit.languages.python.uses import VOCABULARY, format_detail
from modelaudit.languages.settings import Setting
from modelaudit.languages.shell.fetched_places import refer_to_fetched_runs
from modelaudit.languages.shell.joined_commands import JoinedCommands, PlacedText, collect_single_mentions
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline, Reference, ReferenceKind
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading, ReadingStep
from modelaudit.wire.bounds import build_references
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.documents import check_text
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import get_budget, make_opener

_MAX_CELLS: Final = 5000
_MAX_REFERENCES: Final = 2_000
_MAX_SHELL_LINES: Final = 20_000
_MAX_TARGET_CHARACTERS: Final = 300  # of a reference
_MAX_NAME_CHARACTERS: Final = 100  # of a file that a cell writes
# HTML that runs a script, such as ``<script``, ``javascript:`` or ``onload =``.
_HTML_SCRIPT: Final = defer_pattern(r"(?i)<script\b|\bjavascript:|\bon(?:load|error|click|mouseover)\s{0,9}=|<iframe\b")
# The types of outputs that are programs for the browser (RFC 9239).
_SCRIPT_TYPES: Final = frozenset({"application/javascript", "text/javascript", "application/ecmascript"})
# Calls that make the browser run a program, as ``%%javascript`` does.
_RUNS_IN_BROWSER: Final = defer_pattern(r"IPython(?:\.\w+)*\.(?:Javascript|display_javascript)")
_SHOWS_PAGE: Final = defer_pattern(r"IPython(?:\.\w+)*\.(?:HTML|SVG|display_html|display_svg)")
_SOURCE_KEYS: Final = frozenset({"source", "input"})
_CELL_KEYS: Final = _SOURCE_KEYS | {"cell_type", "outputs"}
# Commands not scanned as scripts: they install packages by name (``pip install torch``) or print (``nvidia-smi``).
_ORDINARY_COMMAND: Final = defer_pattern(
    r"(?:(?:python3? -m )?(?:pip3?|uv pip|conda|mamba) (?:install|list|show|freeze|uninstall)(?: [\w.=<>~\[\],'\"!-]+)*"
    r"|(?:nvidia-smi|ls|pwd|whoami|date|lscpu|free|df|cd|mkdir)(?: [\w./-]+)*)\s*\Z"
)
_LANGUAGE_KEYS: Final = (("kernelspec", "language"), ("language_info", "name"))
# Users choose kernel names freely, most after a Python environment. These name kernels of other languages.
_FOREIGN_KERNEL: Final = defer_pattern(
    r"(ir|julia|bash|zsh|deno|javascript|tslab|xcpp|rust|octave|scala|ruby|perl|gophernotes)\b"
)
_MOST_PROSE_CHARACTERS: Final = 200_000  # of a Markdown cell
_REMARK: Final = "This cell runs when a person runs it, and by no import."
_IMPORT: Final = defer_pattern(
    r"^[ \t]*(?:(?:import|from)[ \t]+(?=\w)|%(?:load_ext|reload_ext|aimport)[ \t]+)(\w[\w., ]*)", re.MULTILINE
)
# The last word of ``calysto_bash`` or ``my-zsh``, which is a shell.
_SHELL_KERNEL: Final = defer_pattern(r"(?:.*[\W_])?((?:ba|z|da|k|fi|c|tc)?sh|shell|xonsh|powershell|pwsh)\d*")
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "shell"})


class _RawCell(Struct):
    """The texts of one cell, as read from the file.

    Attributes:
        kind: the value of ``cell_type``, such as ``code``.
        source: its source text, whole or line by line.
        pages: texts in its outputs. A browser may show them as HTML.
        shows_program: whether one of them is a program for the browser.
    """

    kind: str = ""
    source: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    shows_program: bool = False


class _RawNotebook(Struct):
    """The cells of a notebook, as read from the file.

    Attributes:
        cells: the first ``_MAX_CELLS`` cells in the order of the file.
        cell_count: the number of all cells.
        languages: those of its kernel, as ``_find_languages`` returns them.
        limit_error: the bound that ended the reading; ``None`` if it was read to its end.
    """

    cells: list[_RawCell]
    cell_count: int
    languages: tuple[str, ...]
    limit_error: LimitReachedError | None


def recognises(head: Head) -> bool:
    """Whether the name is that of a notebook."""
    return get_file_name(head.path).endswith(".ipynb") and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the uses of names and the shell commands in the cells, the files that they run or write, and absences.

    Raises:
        DamagedError: the notebook is not JSON.
        LimitReachedError: the deadline passed, after all structures read so far were yielded.
        WindowError: the notebook is over ``document_bytes``, or the window could not return the requested bytes.
    """
    notebook = _read_notebook(window, limits)
    limit_error = notebook.limit_error
    mentions: list[Mention] = []
    references: list[Reference] = []
    members: list[Artifact] = []
    python_sources: list[str] = []
    texts: list[PlacedText] = []
    shell_line_count = 0
    foreign_languages: list[tuple[int, str]] = []
    aliases = MagicAliases("".join(raw.source) for raw in notebook.cells if raw.kind == "code")
    # The error is raised only after all that was found before it was yielded.
    try:
        for number, raw in iterate_within_deadline(enumerate(notebook.cells, 1), 1):
            source = "".join(raw.source) if raw.kind == "code" else ""
            cell = _split_in_languages(source, notebook.languages, aliases) if raw.kind == "code" else Cell()
            mentions += _mention_browser_script(number, [*raw.pages, *(page for _, page in cell.pages)])
            if raw.shows_program:
                foreign_languages.append((number, "javascript"))
            if raw.kind != "code":
                continue
            python_sources.append(cell.python)
            texts += _list_texts(number, source, cell)
            references += _reference_runs(number, cell)
            members += _open_members(artifact, window, limits, number, cell)
            mentions.extend(_mention_shell_lines(number, cell, max(0, _MAX_SHELL_LINES - shell_line_count)))
            shell_line_count += len(cell.shell)
            foreign_languages += ((number, cell_language) for _, cell_language in cell.foreign)
    except LimitReachedError as error:
        limit_error = error
    code_cell_numbers = [number for number, raw in enumerate(notebook.cells, 1) if raw.kind == "code"]
    python_mentions, absences = _analyze_cells(python_sources, code_cell_numbers)
    mentions += _mention_shown_scripts(python_mentions)
    foreign_languages += _list_browser_programs(python_mentions)
    yield Outline("notebook", (*python_mentions, *mentions), (("cells", str(notebook.cell_count)),))
    yield from build_references("notebook", references, _MAX_REFERENCES)
    yield from members
    yield from _read_flows(texts)
    yield from absences
    yield from _report_foreign_cells(foreign_languages)
    yield from _report_aliases(aliases)
    for number, raw in enumerate(notebook.cells, 1):
        if raw.kind == "markdown":
            yield _search_instructions(number, "".join(raw.source))
    if limit_error is not None:
        raise limit_error
    if shell_line_count > _MAX_SHELL_LINES:
        detail = f"only its first {_MAX_SHELL_LINES} lines for a shell are listed one by one"
        yield Unread(UnreadReason.LIMIT, detail)
    if notebook.cell_count > _MAX_CELLS:
        yield Unread(UnreadReason.LIMIT, f"only its first {_MAX_CELLS} cells were read")


def _read_notebook(window: Window, limits: Limits) -> _RawNotebook:
    """Read the cells. The settings of the document, which take many times their memory, are freed with this function.

    Raises:
        DamagedError: the notebook is not JSON.
        WindowError: it is over ``document_bytes``, or the window could not return the requested bytes.
    """
    try:
        settings, limit_error = collect_json_settings(check_text(window, limits), limits)
    except ValueError as error:
        raise DamagedError(f"it is not JSON: {error}") from None
    cells, cell_count = _collect_cells(settings)
    return _RawNotebook(cells, cell_count, _find_languages(settings), limit_error)


def _collect_cells(settings: Sequence[Setting]) -> tuple[list[_RawCell], int]:
    """Return the first ``_MAX_CELLS`` cells in the order of the file, and the number of all cells.

    A cell is found by the key path of its texts: ``cells.3.source`` or, in format 3, ``worksheets.0.cells.3.input``.
    """
    raw_cells: dict[tuple[str, ...], _RawCell] = {}
    further_cells = 0
    last_further: tuple[str, ...] = ()
    for setting in settings:
        if "cells" not in setting.path or not isinstance(setting.value, str):
            continue
        # The path to the cell ends with its index, which follows ``cells``.
        cell_path_length = setting.path.index("cells") + 2
        cell_path, inner_path = setting.path[:cell_path_length], setting.path[cell_path_length:]
        if not inner_path or inner_path[0] not in _CELL_KEYS:
            continue
        if cell_path not in raw_cells and len(raw_cells) == _MAX_CELLS:
            further_cells += cell_path != last_further
            last_further = cell_path
            continue
        cell = raw_cells.setdefault(cell_path, _RawCell())
        if inner_path[0] == "cell_type":
            cell.kind = setting.value
        elif inner_path[0] in _SOURCE_KEYS:
            cell.source.append(setting.value)
        else:
            is_script = not _SCRIPT_TYPES.isdisjoint(inner_path)
            cell.shows_program = cell.shows_program or is_script
            cell.pages.append(f"<script>{setting.value}" if is_script else setting.value)
    return list(raw_cells.values()), len(raw_cells) + further_cells


def _find_languages(settings: Sequence[Setting]) -> tuple[str, ...]:
    """Return the languages in which the kernel may run the cells; with an empty text for Python.

    Jupyter starts a kernel by its name and ignores the stated language. A cell is judged in both if they differ.
    """
    metadata = {setting.path: str(setting.value).lower() for setting in settings if setting.path[:1] == ("metadata",)}
    stated = [metadata.get(("metadata", *keys), "") for keys in _LANGUAGE_KEYS]
    languages = [language for language in stated if language]
    kernel_name = metadata.get(("metadata", "kernelspec", "name"), "")
    kernel = _FOREIGN_KERNEL.match(kernel_name) or _SHELL_KERNEL.fullmatch(kernel_name)
    if any("python" in language for language in languages):
        return ("", kernel[1]) if kernel is not None else ("",)
    if languages:
        return (languages[0],)
    return (kernel[1],) if kernel is not None else ("",)


def _split_in_languages(source: str, languages: Sequence[str], aliases: MagicAliases) -> Cell:
    """Split a code cell into its parts; ``languages`` are those of the kernel, with an empty text for Python."""
    cell = split_cell(source, aliases) if "" in languages else Cell()
    for language in languages:
        if language in _SHELLS:
            cell.shell.append((1, source))
        elif language and source.strip():
            cell.foreign.append((1, language))
    return cell


def _list_texts(number: int, source: str, cell: Cell) -> list[PlacedText]:
    """Return the commands of a cell in their order: for a shell, and those that run a file or import a module."""
    commands = [(line, command) for line, command in cell.shell if not _ORDINARY_COMMAND.match(command)]
    commands += ((line, f"python {shlex.quote(target)}") for line, target in cell.runs)
    for imported in _IMPORT.finditer(source):
        line = source.count("\n", 0, imported.start()) + 1
        commands.append((line, f"python -c {shlex.quote('import ' + imported[1])}"))
    place = f"cell {number}"
    return [PlacedText(command, Location(key=place, line=line), True) for line, command in sorted(commands)]


def _read_flows(texts: Sequence[PlacedText]) -> Iterator[Reading]:
    """Yield an outline of the flows between the commands of all cells, and references to what they may have fetched.

    Raises:
        LimitReachedError: behind these, if the commands reached a bound of the analysis.
    """
    joined = JoinedCommands(texts)
    mentions: list[Mention] = []
    try:
        mentions.extend(joined.collect_mentions(collect_single_mentions(texts)))
    finally:
        if mentions:
            yield Outline("shell", tuple(mentions))
        yield from refer_to_fetched_runs(joined.fetched_runs)


def _report_aliases(aliases: MagicAliases) -> Iterator[Unread]:
    """Yield an absence if the magic that an alias runs is not known."""
    if aliases.absence:
        yield Unread(UnreadReason.PROGRAM, f"{aliases.absence}: a line may run other code than was analysed")


def _report_foreign_cells(cells: list[tuple[int, str]]) -> Iterator[Unread]:
    """Yield an absence for each language that no reader analyses, at its first cell.

    Args:
        cells: the number and the language of each cell in another language than Python.
    """
    first_cells: dict[str, int] = {}
    for number, language in cells:
        first_cells.setdefault(language, number)
    for language, number in first_cells.items():
        detail = f"source code of {format_detail(language)}: the text was read, its effects were not analysed"
        yield Unread(UnreadReason.PROGRAM, detail, Location(key=f"cell {number}"))


def _analyze_cells(sources: list[str], numbers: list[int]) -> tuple[list[Mention], list[Unread]]:
    """Analyse all cells as one source, as a kernel runs them, and map each line back to its cell.

    Args:
        sources: the Python of each code cell.
        numbers: the number of each code cell in the notebook.

    Returns:
        The mentions, and an absence for each part that could not be evaluated.
    """
    first_lines: list[int] = []
    next_line = 1
    for source in sources:
        first_lines.append(next_line)
        next_line += source.count("\n") + 1
    analysis = analyze_source("\n".join(sources), is_imported=False)

    def locate_line(line: int | None) -> Location:
        """Return the cell, and the line in it, of a line of the joined source."""
        if not first_lines:
            return Location()
        index = bisect_right(first_lines, line or 1) - 1
        return Location(key=f"cell {numbers[index]}", line=(line or 1) - first_lines[index] + 1)

    mentions = [replace(each, where=locate_line(each.where.line), remark=_REMARK) for each in analysis.mentions]
    absences: list[Unread] = []
    for line, fault in analysis.damage:
        where = locate_line(line)
        detail = f"{where.key} does not parse as Python ({fault}); only the names in it were checked"
        absences.append(Unread(UnreadReason.DAMAGED, detail, where))
    for line, fault in analysis.bounds:
        where = locate_line(line)
        detail = f"{where.key}: {fault}; the analysis of the code is incomplete"
        absences.append(Unread(UnreadReason.LIMIT, detail, where))
    return mentions, absences


def _mention_shell_lines(number: int, cell: Cell, limit: int) -> Iterator[Mention]:
    """Yield the first ``limit`` shell commands of a cell, and the attack texts in them and in written paths."""
    for line, command in cell.shell[:limit]:
        where = Location(key=f"cell {number}", line=line)
        yield Mention(VOCABULARY, "shell-line", "shell", where, format_detail(command))
        for name, detail in attack_texts.find_attack_texts(command):
            yield Mention(VOCABULARY, uses.TEXT, name, where, format_detail(detail))
    # A path can show an attack by itself, such as that of a start-up file.
    for path, _ in cell.files:
        for name, detail in attack_texts.find_attack_texts(path):
            yield Mention(VOCABULARY, uses.TEXT, name, Location(key=f"cell {number}"), format_detail(detail))


def _search_instructions(number: int, text: str) -> ReadingStep:
    """Return the search for harmful commands that a Markdown cell tells users to run."""
    return ReadingStep(
        "search for instructions",
        lambda: read_instructions(text[:_MOST_PROSE_CHARACTERS], "notebook", f"cell {number}"),
    )


def _mention_browser_script(number: int, pages: list[str]) -> Iterator[Mention]:
    """Yield one mention if any of the HTML texts of a cell runs a script."""
    for page in pages:
        script = _HTML_SCRIPT.search(page)
        if script is not None:
            where = Location(key=f"cell {number}")
            yield Mention(VOCABULARY, "browser-script", "script", where, format_detail(script[0]))
            return


def _list_browser_programs(mentions: Sequence[Mention]) -> Iterator[tuple[int, str]]:
    """Yield the number of each cell that calls IPython to run a program in the browser, and the language of that."""
    for mention in mentions:
        if mention.use in (uses.CALL, uses.AT_IMPORT) and _RUNS_IN_BROWSER.fullmatch(mention.name):
            yield int((mention.where.key or "cell 1").rpartition(" ")[2]), "javascript"


def _mention_shown_scripts(mentions: Sequence[Mention]) -> Iterator[Mention]:
    """Yield a mention for each call of IPython that shows a constant page with a script."""
    for mention in mentions:
        if mention.use in (uses.CALL, uses.AT_IMPORT) and _SHOWS_PAGE.fullmatch(mention.name):
            script = _HTML_SCRIPT.search(mention.detail)
            if script is not None:
                yield Mention(VOCABULARY, "browser-script", "script", mention.where, format_detail(script[0]))


def _reference_runs(number: int, cell: Cell) -> Iterator[Reference]:
    """Yield a reference for each file or address that the cell runs with ``%run``."""
    for line, target in cell.runs:
        where = Location(key=f"cell {number}", line=line)
        yield Reference(ReferenceKind.CODE, target[:_MAX_TARGET_CHARACTERS], "%run", where=where)


def _open_members(artifact: Artifact, window: Window, limits: Limits, number: int, cell: Cell) -> Iterator[Artifact]:
    """Yield the shell commands of a cell, without ordinary ones, as one script, and the files that it writes."""
    budget = get_budget(window, limits)
    commands = [command for _, command in cell.shell if not _ORDINARY_COMMAND.match(command)]
    members = [(f"cell-{number}.sh", "\n".join(commands))] if commands else []
    # A cell writes at most one file, so its number keeps the addresses apart.
    for path, text in cell.files:
        if text:
            file_name = path.rpartition("/")[2][:_MAX_NAME_CHARACTERS]
            members.append((f"cell-{number}/{file_name}", text))
    for name, text in members:
        data = text.encode("utf-8", "surrogatepass")
        inner = DecodedWindow(data, budget)
        yield Artifact(join_member(artifact.path, name), len(data), make_opener(inner))
