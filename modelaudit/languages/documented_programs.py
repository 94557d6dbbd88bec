"""Find the programs of a model that a document has people run, whatever starts them.

``python train.py``, ``accelerate launch train.py`` and ``streamlit run app.py`` all name the file, and so does
``python -m src.train`` by its module. A command that only prints a file names it too: the search rather names a file
too many. ``pytest`` runs ``conftest.py``, and other programs run such a file by its name alone. A notebook is opened by
hand, so that its name in the text suffices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Reference, ReferenceKind
from modelaudit.model.structure import locate_line

DOCUMENTED: Final = "documented"
"""The kind of a file that a command in a document names, as a file."""
DOCUMENTED_MODULE: Final = "documented-module"
"""The kind of a file that a command in a document names as a module."""

MOST_PROGRAMS: Final = 500
_LONGEST_LINE: Final = 2_000
# A fenced or indented line, and code between backticks or tags: a word, a blank and the file further on.
_FILE: Final = defer_pattern(
    r"(?<=[\s\"'=(])((?:[\w.~-]{1,80}/){0,12}[\w.-]{1,120}\.(?:pyw?|ipynb|sh|bash))(?![\w./-])"
)
_MODULE: Final = defer_pattern(r"[ \t]-m[ \t]+([\w-]{1,80}(?:\.[\w-]{1,80}){0,10})(?![\w.-])")
# The module of a server: ``uvicorn app.main:app``.
_SERVED: Final = defer_pattern(r"\b(?:uvicorn|gunicorn|hypercorn|granian|flask)\b[^\n]{0,80}?[ \t]([\w.]{1,120}):\w+")
# Programs that run a file of the folder by its name, which the command does not show.
_IMPLIED: Final = (
    (defer_pattern(r"(?<!install)[\s;&|(](?:pytest|py\.test)(?![\w.=-])"), "conftest.py"),
    (defer_pattern(r"[\s;&|(]nox(?![\w.=-])"), "noxfile.py"),
    (defer_pattern(r"[\s;&|(](?:invoke|inv)[ \t]+\w"), "tasks.py"),
    (defer_pattern(r"[\s;&|(]fab[ \t]+\w"), "fabfile.py"),
    (defer_pattern(r"[\s;&|(]locust(?![\w.=-])"), "locustfile.py"),
    (defer_pattern(r"[\s;&|(]pip3?[ \t]+install[ \t]+(?:-\S+[ \t]+)*\.(?![\w/])"), "setup.py"),
)
_NOTEBOOK_ENDING: Final = ".ipynb"
_NOTEBOOK: Final = defer_pattern(r"((?:[\w.~-]{1,80}/){0,12}[\w.-]{1,120}\.ipynb)(?![\w-])")
_FENCE: Final = defer_pattern(r"[ \t>]*(?:`{3,}|~{3,}|<pre\b|</pre\b)")
_INDENTED: Final = defer_pattern(r"(?: {4}|\t)")
_CODE: Final = defer_pattern(r"`([^`\n]{3,500})`|<code\b[^>\n]{0,200}>([^\n<]{3,500})")
# A line outside of a block that is a command: behind a prompt or a mark of a list, with a program that runs others.
_COMMAND_LINE: Final = defer_pattern(
    r"[ \t>]*(?:[-*+$%][ \t]+|\d{1,3}[.)][ \t]+)?(?:[Rr]un:?[ \t]+)?(?:\w{1,60}=\S{0,200}[ \t]+){0,8}"
    r"(?:python[\d.]*|ipython|pytest|bash|sh|zsh|source|torchrun|accelerate|deepspeed|streamlit|gradio|jupyter|uv"
    r"|poetry)[ \t]"
)
_CONTINUED: Final = defer_pattern(r"\\\n")
_LINE: Final = defer_pattern(r"^[^\n]*", re.MULTILINE)


def find_documented_programs(text: str) -> Iterator[Reference]:
    """Yield a reference to each file that a command in a document names as a program, and each notebook in its text."""
    found: dict[tuple[str, str], int] = {}
    for line, command in _list_commands(text):
        for kind, pattern in ((DOCUMENTED, _FILE), (DOCUMENTED_MODULE, _MODULE), (DOCUMENTED_MODULE, _SERVED)):
            for name in pattern.findall(command):
                found.setdefault((kind, name), line)
        for pattern, name in _IMPLIED:
            if pattern.search(command):
                found.setdefault((DOCUMENTED, name), line)
        if len(found) > MOST_PROGRAMS:
            break
    for line, notebook in _find_notebooks(text):
        if len(found) > MOST_PROGRAMS:
            break
        found.setdefault((DOCUMENTED, notebook), line)
    for (kind, name), line in list(found.items())[:MOST_PROGRAMS]:
        target = name.replace(".", "/") + ".py" if kind == DOCUMENTED_MODULE else name
        yield Reference(ReferenceKind.CODE, target, kind, where=locate_line(line))


def _find_notebooks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line, from 1, and the name of each notebook.

    Lines without the ending are left out: the pattern takes 100 steps a character.
    """
    start, line = 0, 1
    while (ending := text.find(_NOTEBOOK_ENDING, start)) >= 0:
        line_start = text.rfind("\n", start, ending) + 1
        line += text.count("\n", start, line_start)
        line_end = text.find("\n", ending)
        line_end = len(text) if line_end < 0 else line_end
        for notebook in _NOTEBOOK.finditer(text[line_start:line_end]):
            yield line, notebook[1]
        start = line_end


def _list_commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line, from 1, and the text of what may be a command, in a block of code or outside of one."""
    is_in_block = False
    # A continued command is one line, so that the lines behind it count from there.
    for number, found in enumerate(_LINE.finditer(_CONTINUED.sub("  ", text)), 1):
        line = found[0]
        if _FENCE.match(line):
            is_in_block = not is_in_block
        elif is_in_block or _INDENTED.match(line) or _COMMAND_LINE.match(line):
            yield number, f" {line[:_LONGEST_LINE]}"
        else:
            for code in _CODE.finditer(line[:_LONGEST_LINE]):
                yield number, code[1] or code[2]
