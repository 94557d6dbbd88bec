"""Split a notebook cell into Python and the lines that IPython handles itself: magics, shell commands, help.

Source: ``IPython/core/inputtransformer2.py`` (``!``, ``!!``, ``%``, ``%%``, ``?``, assignments from ``!`` and ``%``).
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python import attack_texts
from modelaudit.languages.python.cell_lines import LineScanner, cut_line, split_lines
from modelaudit.languages.python.magic_aliases import MagicAliases
from modelaudit.languages.python.magics import (
    DEFAULT_ALIASES,
    PLAIN_MAGICS,
    find_run_target,
    find_script_language,
    list_expanded_expressions,
)
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import check_deadline

# Groups: the indentation, the target of ``files = !ls``, the escape (``!``, ``!!``, ``%`` or ``%%``), the command. Not
# ``a != b`` or ``a %= b``.
_ESCAPED: Final = defer_pattern(r"(\s*+)(?:([\w.,\[\]'\"][\w.,\s\[\]'\"]{0,199}?)=\s*+)?(!!?|%%?)(?!=)(.*)", re.DOTALL)
_ASSIGNED_ESCAPE: Final = defer_pattern(r"=\s*[!%]")
# ``?name``, ``??name``, ``name?`` or ``name??`` shows help.
_HELP: Final = defer_pattern(r"\s*(?:\?{1,2}\S.*|[\w.*%]{1,200}\?{1,2}\s*)\Z")
_SHELLS: Final = frozenset({"bash", "sh", "system", "sx", "script", "cmd", "powershell", "!"})
_INTERPRETERS: Final = frozenset({"python", "python2", "python3", "pypy"})
_PAGES: Final = frozenset({"html", "HTML", "svg", "SVG"})
_BROWSER_MAGICS: Final = frozenset({"javascript", "js"})
_FOREIGN_LANGUAGES: Final = frozenset(
    {"R", "perl", "ruby", "julia", "octave", "cpp", "node", "ts", "rust", "cu", "cuda"}
)
# Magics that run the Python behind them.
_CODE_MAGICS: Final = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "debug"})
# Of these, the magics of a whole cell that run Python on their own line as well.
_SETUP_MAGICS: Final = frozenset({"timeit", "prun", "memit"})
# ``-n 10`` of ``%timeit -n 10 code``. Not ``-name (1)``, which may be Python.
_OPTION: Final = defer_pattern(r"(?:-[a-zA-Z]\d*(?:\s+\d+)?\s+|--no-raise-error\s+)*")
_OPTIONLESS_MAGICS: Final = frozenset({"time"})
# A cell of one line such as ``pip install a`` or ``cat b`` becomes a magic. Not ``ls - la`` or ``cat in a``.
_AUTOMAGIC: Final = defer_pattern(r"\s*([A-Za-z]\w*)[ \t]+(?!(?:in|is|if|and|or|not|for)\b)[\w./~$'\"{-]")
# Magics that run a system command of the same name.
_COMMAND_MAGICS: Final = DEFAULT_ALIASES | {"pip", "conda", "mamba", "micromamba", "uv"}
_COMMAND_NAME: Final = defer_pattern(r"[A-Za-z][\w.+-]*\Z")
_MAX_NESTED_MAGICS: Final = 16
# Options that IPython takes from a magic such as ``%%bash --out text``; the program gets all others.
_SCRIPT_OPTION: Final = defer_pattern(r"--(?:bg|no-raise-error)\b|--(?:out|err|proc)\s+\S+")
_SCRIPT_MAGICS: Final = frozenset({"bash", "sh", "script"})
_WRITING_MAGICS: Final = frozenset({"writefile", "file"})
# Magics that take the text below as it is, and do not run it as Python of the notebook.
_TEXT_MAGICS: Final = _SHELLS | _INTERPRETERS | _PAGES | _BROWSER_MAGICS | _FOREIGN_LANGUAGES | _WRITING_MAGICS


class Cell(Struct):
    """The parts of one code cell.

    Attributes:
        python: its source, with ``pass`` in place of each IPython line, so that lines keep their numbers.
        shell: shell commands, with their lines from 1.
        pages: HTML and JavaScript that it shows, with their lines.
        files: names and texts of files that it writes.
        runs: files or addresses that it runs, with their lines.
        foreign: languages other than Python in which the cell is written, with their lines.
        aliases: those of the notebook.
    """

    python: str = ""
    shell: list[tuple[int, str]] = field(default_factory=list)
    pages: list[tuple[int, str]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    runs: list[tuple[int, str]] = field(default_factory=list)
    foreign: list[tuple[int, str]] = field(default_factory=list)
    aliases: MagicAliases = field(default_factory=MagicAliases)


def split_cell(source: str, aliases: MagicAliases | None = None) -> Cell:
    """Split one code cell of a notebook with these aliases into Python, shell commands and its other parts."""
    cell = Cell(aliases=aliases or MagicAliases())
    lines = split_lines(source)
    # A magic such as ``%%capture`` runs the text below as a cell, which may begin with a magic of its own.
    for index, line in enumerate(lines):
        check_deadline()
        if not line.strip():
            continue
        if not line.strip().startswith("%%"):
            break
        magic, rest = cut_line(line.strip().removeprefix("%%"))
        magic = cell.aliases.resolve(magic)
        if rest:
            lines.insert(index + 1, rest)
        if magic.partition(" ")[0] in _TEXT_MAGICS:
            _apply_cell_magic(cell, magic, lines[index + 1 :], index + 1)
            set_up = _translate_lines(cell, lines[:index])
            cell.python = "\n".join([*set_up, *cell.python.split("\n")[index:]])
            return cell
        lines[index] = _extract_setup_code(magic)
    if sum(bool(line.strip()) for line in lines) == 1:
        lines = [_complete_automagic(line, cell.aliases) for line in lines]
    cell.python = "\n".join(_translate_lines(cell, lines))
    return cell


def _complete_automagic(line: str, aliases: MagicAliases) -> str:
    """Put ``%`` before the only line of a cell if it names a magic or an alias, and cannot be Python."""
    automagic = _AUTOMAGIC.match(line)
    if automagic is None:
        return line
    is_magic = automagic[1] in PLAIN_MAGICS | DEFAULT_ALIASES | _SHELLS | _CODE_MAGICS
    if not is_magic and automagic[1] not in aliases:
        return line
    return "%" + line.strip()


def _extract_setup_code(magic: str) -> str:
    """Return the Python on the line of a magic of the whole cell, such as ``%%timeit -n 10 setup()``, or ``pass``."""
    name, _, arguments = magic.partition(" ")
    setup_code = _strip_options(name, arguments) if name in _SETUP_MAGICS else ""
    return setup_code or "pass"


def _strip_options(name: str, arguments: str) -> str:
    """Return the Python behind the options of a magic that runs code."""
    code = arguments.strip()
    if name in _OPTIONLESS_MAGICS:
        return code.removeprefix("--no-raise-error ")
    options = _OPTION.match(code)
    return code[options.end() :] if options is not None else code


def _apply_cell_magic(cell: Cell, magic: str, body: list[str], line: int) -> None:
    """Put the text below a magic of ``_TEXT_MAGICS``, such as ``%%bash``, into the part of the cell that it belongs to.

    Args:
        cell: gets the text.
        magic: the line of the magic without ``%%``.
        body: the lines below.
        line: the line of the magic in the cell, from 1.
    """
    name, _, arguments = magic.partition(" ")
    text = "\n".join(body)
    own_line_python = _join_expressions(arguments, "")
    if name in _SCRIPT_MAGICS | _INTERPRETERS:
        python_body = _apply_script_magic(cell, name, arguments, text, line)
        # Empty lines above keep the numbers of the others.
        cell.python = "\n" * (line - 1) + own_line_python + "\n" + python_body if own_line_python or python_body else ""
        return
    if name in _SHELLS:
        cell.shell.append((line, f"{arguments}\n{text}"))
    elif name in _PAGES:
        cell.pages.append((line + 1, text))
    elif name in _BROWSER_MAGICS:
        # The script can run Python in the kernel of the notebook.
        cell.pages.append((line + 1, f"<script>{text}"))
        cell.foreign.append((line + 1, "javascript"))
    elif name in _FOREIGN_LANGUAGES:
        cell.foreign.append((line + 1, name))
    elif name in _WRITING_MAGICS:
        path = arguments.split()[-1] if arguments.split() else "file"
        cell.files.append((path, text))
    cell.python = "\n" * (line - 1) + own_line_python if own_line_python else ""


def _apply_script_magic(cell: Cell, name: str, arguments: str, text: str, line: int) -> str:
    """Add what a magic of the whole cell runs that starts a program, such as ``%%bash`` or ``%%script perl``.

    Args:
        cell: gets shell commands, and languages that are not analysed.
        name: the magic.
        arguments: the text behind it.
        text: the lines below, which the program reads.
        line: the line of the magic in the cell, from 1.

    Returns:
        The text if the program is Python, else an empty text.
    """
    program_arguments = _SCRIPT_OPTION.sub("", arguments).strip()
    if program_arguments:
        # The arguments go to the program: ``%%bash -c "command"``. Those of ``%%script`` begin with the program.
        cell.shell.append((line, program_arguments if name == "script" else f"{name} {program_arguments}"))
    language = find_script_language(program_arguments if name == "script" else name)
    if language == "python":
        return text
    if language in ("", "shell"):
        cell.shell.append((line + 1, text))
    else:
        cell.foreign.append((line + 1, language))
    return ""


def _translate_lines(cell: Cell, lines: list[str]) -> list[str]:
    """Replace each IPython line by Python, line for line, and put what it runs into ``cell``."""
    translated: list[str] = []
    scanner = LineScanner()
    pending = list(reversed(list(enumerate(lines, 1))))
    while pending:
        check_deadline()
        number, text = pending.pop()
        line, rest = cut_line(text)
        is_help = _HELP.match(line) is not None
        if not scanner.begins_statement or (not is_help and _match_escape(line) is None):
            scanner.scan(text)
            translated.append(text)
            continue
        if is_help and _match_escape(line) is None:
            translated.append("")
            pending += [(number, rest)] if rest else []
            continue
        parts = [line]
        # A backslash continues an escape line; the lines that it takes become empty.
        while parts[-1].endswith("\\") and rest is None and pending:
            part, rest = cut_line(pending.pop()[1])
            parts[-1] = parts[-1].removesuffix("\\")
            parts.append(part.strip())
        escape = _match_escape(" ".join(parts))
        if escape is None:
            translated.append(" ".join(parts))
        else:
            indentation, characters, command = escape
            translated.append(indentation + _translate_escape(cell, characters, command, number))
        translated += [""] * (len(parts) - 1)
        pending += [(number + len(parts) - 1, rest)] if rest else []
    return translated


def _match_escape(line: str) -> tuple[str, str, str] | None:
    """Split a line that begins a statement into its indentation, the escape and the command; ``None`` for Python.

    The target of ``files = !ls`` and the sign ``=`` may not be text of a string, as in ``"a = %s"``.
    """
    escape = _ESCAPED.match(line)
    if (escape is None or escape[2] is not None) and _ASSIGNED_ESCAPE.search(line):
        escape = _ESCAPED.match(LineScanner().scan(line))
    if escape is None or not _is_ipython_escape(escape):
        return None
    return escape[1], line[escape.start(3) : escape.end(3)], line[escape.start(4) :].strip()


def _is_ipython_escape(escape: re.Match[str]) -> bool:
    """Whether a match of ``_ESCAPED`` is an IPython escape, and not the operator ``%`` of Python."""
    target, characters, command = escape[2], escape[3], escape[4]
    # After a target, as in ``files = %ls``, only these escapes are possible, and a word or a command must follow.
    return target is None or (characters in ("!", "!!", "%") and bool(re.match(r"[\w!]", command)))


def _translate_escape(cell: Cell, escape: str, command: str, line: int) -> str:
    """Put what an IPython line runs into ``cell``; return the Python that takes the place of the line.

    Args:
        cell: gets shell commands, and files that are run.
        escape: the characters that begin the line, such as ``!`` or ``%``.
        command: the text behind them.
        line: the line in the cell, from 1.
    """
    for _ in range(_MAX_NESTED_MAGICS):
        if escape.startswith("!"):
            cell.shell.append((line, command))
            return _join_expressions(command, "pass")
        name, _, arguments = cell.aliases.resolve(command).partition(" ")
        if name not in _CODE_MAGICS:
            return _translate_magic(cell, name, arguments, line)
        # The code behind the magic is a cell of its own, as in ``%time !ls``.
        code = _strip_options(name, arguments)
        inner_escape = _match_escape(code)
        if inner_escape is None:
            return code or "pass"
        _, escape, command = inner_escape
    return escape + command  # it does not parse as Python, which leaves an absence


def _translate_magic(cell: Cell, name: str, arguments: str, line: int) -> str:
    """Put what a magic of one line runs into ``cell``; return the Python that takes the place of the line.

    Args:
        cell: gets shell commands, and files that are run.
        name: the magic.
        arguments: the text behind it.
        line: the line in the cell, from 1.
    """
    command = f"{name} {arguments}".strip()
    if name == "config" and "=" in arguments:
        return f"cfg.{arguments.strip()}"  # ``%config A.b = value`` evaluates the value
    if name in _SHELLS:
        cell.shell.append((line, arguments))
    elif name == "alias" and arguments:
        cell.shell.append((line, arguments.partition(" ")[2]))
    elif name in ("run", "load", "loadpy"):
        target = find_run_target(name, arguments)
        cell.runs += [(line, target)] if target else []
    elif name in _COMMAND_MAGICS or (name not in PLAIN_MAGICS and _COMMAND_NAME.match(name)):
        # ``%rehashx`` makes a magic of each program.
        cell.shell.append((line, command))
    elif any(attack_texts.find_attack_texts(arguments)):
        cell.shell.append((line, arguments))
    return _join_expressions(arguments, "pass")


def _join_expressions(text: str, default: str) -> str:
    """Return the Python that IPython evaluates in the text of a magic or command, on one line; or ``default``."""
    return "; ".join(f"({expression})" for expression in list_expanded_expressions(text)) or default
