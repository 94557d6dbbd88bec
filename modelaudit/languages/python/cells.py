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
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines and lines[first].lstrip().startswith("%%"):
        if not _apply_cell_magic(cell, lines[first].strip()[2:], lines[first + 1 :], first + 1):
            return cell
        lines[first] = "pass"
    cell.python = "\n".join(_translate_lines(cell, lines))
    return cell


def _apply_cell_magic(cell: Cell, magic: str, body: list[str], line: int) -> bool:
    """Apply a magic of the whole cell; return whether the rest is Python of this process."""
    name, _, given = magic.partition(" ")
    text = "\n".join(body)
    if name in _SHELLS:
        cell.shell.append((line + 1, f"{given}\n{text}" if name not in ("bash", "sh", "script") else text))
    elif name in _INTERPRETERS:
        cell.python = "\n" * line + text
    elif name in _PAGES:
        cell.pages.append((line + 1, text))
    elif name in _FOREIGN_LANGUAGES:
        cell.foreign.append((line + 1, name))
    elif name in ("writefile", "file"):
        cell.files.append((given.split()[-1] if given.split() else "file", text))
    else:
        return True
    return False


def _translate_lines(cell: Cell, lines: list[str]) -> list[str]:
    rows: list[str] = []
    number = 0
    while number < len(lines):
        check_deadline()
        line = lines[number]
        taken = _ESCAPED.match(line)
        start = number
        if taken is not None and _is_ipython_escape(taken):
            parts = [line]
            # A backslash continues an escape line; the lines that it takes become empty.
            while parts[-1].endswith("\\") and number + 1 < len(lines):
                number += 1
                parts[-1] = parts[-1][:-1]
                parts.append(lines[number].strip())
            line = " ".join(parts)
            taken = _ESCAPED.match(line)
        if taken is not None and _is_ipython_escape(taken):
            rows.append(f"{taken[1]}{_translate_escape(cell, taken[3], taken[4].strip(), start + 1)}")
            rows += [""] * (number - start)
        else:
            rows.append("" if _HELP.match(line) else line)
        number += 1
    return rows


def _is_ipython_escape(taken: re.Match[str]) -> bool:
    """Whether a line is an IPython escape; a ``%`` in the middle of Python is the modulo operator."""
    return taken[2] is None or (taken[3] in ("!", "!!", "%") and bool(re.match(r"[\w!]", taken[4])))


def _translate_escape(cell: Cell, escape: str, rest: str, line: int) -> str:
    """Apply an IPython line; return the Python that takes its place."""
    if escape.startswith("!"):
        cell.shell.append((line, rest))
        return "pass"
    name, _, given = rest.partition(" ")
    if name in _SHELLS:
        cell.shell.append((line, given))
    elif name == "alias" and given:
        cell.shell.append((line, given.partition(" ")[2]))
    elif name in ("pip", "conda", "mamba", "uv"):
        cell.shell.append((line, rest))
    elif name in ("run", "load", "loadpy") and given:
        cell.runs.append((line, given.split()[-1] if given.startswith("-") else given.split()[0]))
    elif name in _CODE_MAGICS:
        return _OPTION.sub("", given.strip()) or "pass"
    elif any(attack_texts.find_attack_texts(given)):
        cell.shell.append((line, given))
    return "pass"
