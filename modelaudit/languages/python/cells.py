"""Split a notebook cell into Python and the lines that IPython handles itself: magics, shell commands, help.

Source: ``IPython/core/inputtransformer2.py`` (``!``, ``!!``, ``%``, ``%%``, ``?``, assignments from ``!`` and ``%``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from modelaudit.languages.python import attack_texts
from modelaudit.wire.deadline import check_deadline

# Groups: the indentation, the target of ``files = !ls``, the escape (``!``, ``!!``, ``%`` or ``%%``), the command. Not
# ``a != b`` or ``a %= b``.
_ESCAPED: Final = re.compile(r"(\s*)(?:([\w.,\s\[\]'\"]{1,200}?)=\s*)?(!!?|%%?)(?!=)(.*)", re.DOTALL)
# ``?name``, ``??name``, ``name?`` or ``name??`` shows help.
_HELP: Final = re.compile(r"\s*(?:\?{1,2}\S.*|[\w.*%]{1,200}\?{1,2}\s*)\Z")
_SHELLS: Final = frozenset({"bash", "sh", "system", "sx", "script", "cmd", "powershell", "!"})
_INTERPRETERS: Final = frozenset({"python", "python2", "python3", "pypy"})
_PAGES: Final = frozenset({"html", "javascript", "js", "svg"})
_FOREIGN_LANGUAGES: Final = frozenset(
    {"R", "perl", "ruby", "julia", "octave", "cpp", "node", "ts", "rust", "cu", "cuda"}
)
# Magics that run the Python behind them.
_CODE_MAGICS: Final = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "debug"})
# Of these, the magics of a whole cell that run Python on their own line as well.
_SETUP_MAGICS: Final = frozenset({"timeit", "prun", "memit"})
_OPTION: Final = re.compile(r"-\w+(?:\s+\d+)?\s+")  # ``-n 10`` of ``%timeit -n 10 code``
# Options that IPython takes from a magic such as ``%%bash --out text``; the program gets all others.
_SCRIPT_OPTION: Final = re.compile(r"--(?:bg|no-raise-error)\b|--(?:out|err|proc)\s+\S+")
_SCRIPT_MAGICS: Final = frozenset({"bash", "sh", "script"})


@dataclass(slots=True)
class Cell:
    """The parts of one code cell.

    Attributes:
        python: its source, with ``pass`` in place of each IPython line, so that lines keep their numbers.
        shell: shell commands, with their lines from 1.
        pages: HTML and JavaScript that it shows, with their lines.
        files: names and texts of files that it writes.
        runs: files or addresses that it runs, with their lines.
        foreign: languages other than Python in which the cell is written, with their lines.
    """

    python: str = ""
    shell: list[tuple[int, str]] = field(default_factory=list)
    pages: list[tuple[int, str]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    runs: list[tuple[int, str]] = field(default_factory=list)
    foreign: list[tuple[int, str]] = field(default_factory=list)


def split_cell(source: str) -> Cell:
    """Split one code cell of a notebook into Python, shell commands and its other parts."""
    cell = Cell()
    lines = source.splitlines()
    first_index = next((index for index, line in enumerate(lines) if line.strip()), 0)
    first_line = lines[first_index].strip() if lines else ""
    if first_line.startswith("%%"):
        magic = first_line.removeprefix("%%")
        stays_python = _apply_cell_magic(cell, magic, lines[first_index + 1 :], first_index + 1)
        if not stays_python:
            return cell
        lines[first_index] = _extract_setup_code(magic)
    cell.python = "\n".join(_translate_lines(cell, lines))
    return cell


def _extract_setup_code(magic: str) -> str:
    """Return the Python on the line of a magic of the whole cell, such as ``%%timeit -n 10 setup()``, or ``pass``."""
    name, _, arguments = magic.partition(" ")
    setup_code = _OPTION.sub("", arguments.strip()) if name in _SETUP_MAGICS else ""
    return setup_code or "pass"


def _apply_cell_magic(cell: Cell, magic: str, body: list[str], line: int) -> bool:
    """Put the text below a magic of the whole cell, such as ``%%bash``, into the part of the cell that it belongs to.

    Args:
        cell: gets the text.
        magic: the line of the magic without ``%%``.
        body: the lines below.
        line: the line of the magic in the cell, from 1.

    Returns:
        Whether the magic leaves the text to the Python of the notebook, as ``%%time`` does; the cell is unchanged then.
    """
    name, _, arguments = magic.partition(" ")
    text = "\n".join(body)
    program_arguments = _SCRIPT_OPTION.sub("", arguments).strip()
    if name in _SCRIPT_MAGICS:
        # The arguments go to the program: ``%%bash -c "command"``. Those of ``%%script`` begin with the program.
        if program_arguments:
            cell.shell.append((line, program_arguments if name == "script" else f"{name} {program_arguments}"))
        cell.shell.append((line + 1, text))
    elif name in _SHELLS:
        cell.shell.append((line, f"{arguments}\n{text}"))
    elif name in _INTERPRETERS:
        if program_arguments:
            cell.shell.append((line, f"{name} {program_arguments}"))
        # Empty lines in place of the magic and those above it keep the numbers of the others.
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
    """Replace each IPython line by Python, line for line, and put what it runs into ``cell``."""
    translated: list[str] = []
    index = 0
    while index < len(lines):
        check_deadline()
        line = lines[index]
        escape = _ESCAPED.match(line)
        first_index = index
        if escape is not None and _is_ipython_escape(escape):
            parts = [line]
            # A backslash continues an escape line; the lines that it takes become empty.
            while parts[-1].endswith("\\") and index + 1 < len(lines):
                index += 1
                parts[-1] = parts[-1].removesuffix("\\")
                parts.append(lines[index].strip())
            line = " ".join(parts)
            escape = _ESCAPED.match(line)
        if escape is not None and _is_ipython_escape(escape):
            indentation, characters, command = escape[1], escape[3], escape[4].strip()
            translated.append(indentation + _translate_escape(cell, characters, command, first_index + 1))
            translated += [""] * (index - first_index)
        else:
            translated.append("" if _HELP.match(line) else line)
        index += 1
    return translated


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
        # ``%run script.py --verbose``, or ``%load -r 1-5 script.py``.
        words = arguments.split()
        cell.runs.append((line, words[-1] if arguments.startswith("-") else words[0]))
    elif name in _CODE_MAGICS:
        return _OPTION.sub("", arguments.strip()) or "pass"
    elif any(attack_texts.find_attack_texts(arguments)):
        cell.shell.append((line, arguments))
    return "pass"
