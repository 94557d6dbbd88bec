"""Split a notebook cell into Python and the lines that IPython handles itself: magics, shell commands, help.

Source: ``IPython/core/inputtransformer2.py`` (``!``, ``!!``, ``%``, ``%%``, ``?``, assignments from ``!`` and ``%``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.python import attack_texts
from modelaudit.wire.deadline import check_deadline

_ESCAPED: Final = re.compile(r"(\s*)(?:([\w.,\s\[\]'\"]{1,200}?)=\s*)?(!!?|%%?)(?!=)(.*)", re.DOTALL)
_HELP: Final = re.compile(r"\s*(?:\?{1,2}\S.*|[\w.*%]{1,200}\?{1,2}\s*)\Z")
_SHELLS: Final = frozenset({"bash", "sh", "system", "sx", "script", "cmd", "powershell", "!"})
_INTERPRETERS: Final = frozenset({"python", "python2", "python3", "pypy"})
_PAGES: Final = frozenset({"html", "javascript", "js", "svg"})
_FOREIGN_LANGUAGES: Final = frozenset(
    {"R", "perl", "ruby", "julia", "octave", "cpp", "node", "ts", "rust", "cu", "cuda"}
)
_CODE_MAGICS: Final = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "debug"})
_OPTION: Final = re.compile(r"-\w+(?:\s+\d+)?\s+")


@dataclass(slots=True)
class Cell:
    """The parts of one code cell.

    Attributes:
        python: its source, with ``pass`` in place of each IPython line, so that lines keep their numbers.
        shell: shell commands, with their lines from 1.
        pages: HTML and JavaScript that it shows, with their lines.
        files: names and texts of files that it writes.
        runs: files or addresses that it runs, with their lines.
        foreign: languages that run the cell, with their lines.
    """

    python: str = ""
    shell: list[tuple[int, str]] = field(default_factory=list)
    pages: list[tuple[int, str]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    runs: list[tuple[int, str]] = field(default_factory=list)
    foreign: list[tuple[int, str]] = field(default_factory=list)


def split_cell(source: str) -> Cell:
    """Split one cell."""
    cell = Cell()
    lines = source.splitlines()
    first_line = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines and lines[first_line].lstrip().startswith("%%"):
        if not _apply_cell_magic(cell, lines[first_line].strip()[2:], lines[first_line + 1 :], first_line + 1):
            return cell
        lines[first_line] = "pass"
    cell.python = "\n".join(_translate_lines(cell, lines))
    return cell


def _apply_cell_magic(cell: Cell, magic: str, body: list[str], line: int) -> bool:
    """Apply a magic of the whole cell; return whether the rest is Python of this process."""
    name, _, arguments = magic.partition(" ")
    text = "\n".join(body)
    if name in _SHELLS:
        cell.shell.append((line + 1, f"{arguments}\n{text}" if name not in ("bash", "sh", "script") else text))
    elif name in _INTERPRETERS:
        cell.python = "\n" * line + text
    elif name in _PAGES:
        cell.pages.append((line + 1, text))
    elif name in _FOREIGN_LANGUAGES:
        cell.foreign.append((line + 1, name))
    elif name in ("writefile", "file"):
        cell.files.append((arguments.split()[-1] if arguments.split() else "file", text))
    else:
        return True
    return False


def _translate_lines(cell: Cell, lines: list[str]) -> list[str]:
    translated: list[str] = []
    number = 0
    while number < len(lines):
        check_deadline()
        line = lines[number]
        escape = _ESCAPED.match(line)
        start = number
        if escape is not None and _is_ipython_escape(escape):
            parts = [line]
            # A backslash continues an escape line; the lines that it takes become empty.
            while parts[-1].endswith("\\") and number + 1 < len(lines):
                number += 1
                parts[-1] = parts[-1][:-1]
                parts.append(lines[number].strip())
            line = " ".join(parts)
            escape = _ESCAPED.match(line)
        if escape is not None and _is_ipython_escape(escape):
            translated.append(f"{escape[1]}{_translate_escape(cell, escape[3], escape[4].strip(), start + 1)}")
            translated += [""] * (number - start)
        else:
            translated.append("" if _HELP.match(line) else line)
        number += 1
    return translated


def _is_ipython_escape(escape: re.Match[str]) -> bool:
    """Whether a line is an IPython escape; a ``%`` in the middle of Python is the modulo operator."""
    return escape[2] is None or (escape[3] in ("!", "!!", "%") and bool(re.match(r"[\w!]", escape[4])))


def _translate_escape(cell: Cell, escape: str, command: str, line: int) -> str:
    """Apply an IPython line; return the Python that takes its place."""
    if escape.startswith("!"):
        cell.shell.append((line, command))
        return "pass"
    name, _, arguments = command.partition(" ")
    if name in _SHELLS:
        cell.shell.append((line, arguments))
    elif name == "alias" and arguments:
        cell.shell.append((line, arguments.partition(" ")[2]))
    elif name in ("pip", "conda", "mamba", "uv"):
        cell.shell.append((line, command))
    elif name in ("run", "load", "loadpy") and arguments:
        cell.runs.append((line, arguments.split()[-1] if arguments.startswith("-") else arguments.split()[0]))
    elif name in _CODE_MAGICS:
        return _OPTION.sub("", arguments.strip()) or "pass"
    elif any(attack_texts.find_attack_texts(arguments)):
        cell.shell.append((line, arguments))
    return "pass"
