"""Find programs in a Dockerfile that are not shell: here-documents for another interpreter, and frontends.

Source: documentation of the Dockerfile (here-documents, parser directives) and of BuildKit (custom frontends).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.deadline import check_deadline

# ``RUN <<EOF`` without a program: BuildKit runs the text by the interpreter of its first line.
_INTERPRETER_LINE: Final = defer_pattern(r"\n[ \t]*+#![ \t]*+([^\n]*+)\n")
_HERE_DOCUMENT: Final = defer_pattern(r"<<-?[\"']?(\w++)")
_RUN_INSTRUCTION: Final = defer_pattern(r"[ \t]*+(?:ONBUILD[ \t]++)?RUN[ \t]", re.IGNORECASE)
_MOST_CONTINUED_CHARACTERS: Final = 10_000  # of an instruction before the line of its here-document
_SHELL: Final = defer_pattern(r"\b(?:ba|da|a|k|z)?sh\b")
# Parser directives come first, one a line. A frontend is an image that BuildKit runs to parse the file.
_DIRECTIVE: Final = defer_pattern(r"\s*(?:#|//)\s*(\w+)\s*=\s*(\S+)[^\n]*(?:\n|\Z)")
_KNOWN_FRONTEND: Final = defer_pattern(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@]\S*)?\Z")
_LONGEST_NAME_SHOWN: Final = 100  # characters


class DockerProgram(NamedTuple):
    """A program in a here-document: its first line in the file, from 1, and its text."""

    line: int
    text: str


def find_python_programs(text: str) -> Iterator[DockerProgram]:
    """Yield each program in a here-document that Python runs because of its first line."""
    for line, interpreter, program in _find_programs(text):
        if "python" in interpreter:
            yield DockerProgram(line, program)


def find_unread_programs(text: str) -> Iterator[Unread]:
    """Yield an absence for a foreign frontend, and for each program that neither a shell nor Python runs."""
    offset = 0
    while directive := _DIRECTIVE.match(text, offset):
        if directive[1].lower() == "syntax" and not _KNOWN_FRONTEND.match(directive[2]):
            frontend = directive[2][:_LONGEST_NAME_SHOWN]
            detail = f"the frontend {frontend!r} parses the Dockerfile: its program was not analysed"
            yield Unread(UnreadReason.PROGRAM, detail, Location(line=text.count("\n", 0, directive.start(1)) + 1))
        offset = directive.end()
    for line, interpreter, _ in _find_programs(text):
        if "python" not in interpreter and _SHELL.search(interpreter) is None:
            detail = f"{interpreter[:_LONGEST_NAME_SHOWN]!r} runs a here-document: its code was not analysed"
            yield Unread(UnreadReason.PROGRAM, detail, Location(line=line))


def _find_programs(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the first line, the interpreter and the text of each here-document that names an interpreter."""
    text = text.replace("\r\n", "\n")
    offset, line = 0, 1
    while start := _INTERPRETER_LINE.search(text, offset):
        check_deadline()
        line += text.count("\n", offset, start.end() - 1)
        offset = start.end() - 1  # the line break may precede the next interpreter
        delimiter = _find_delimiter(text, start.start())
        if not delimiter:
            continue
        end = re.compile(rf"^[ \t]*+{delimiter}[ \t]*+$", re.MULTILINE).search(text, start.end())
        program_end = end.start() if end is not None else len(text)
        yield line, start[1].strip(), text[start.end() : program_end]
        line += text.count("\n", offset, program_end)
        offset = program_end


def _find_delimiter(text: str, line_end: int) -> str:
    """Return the delimiter of the here-document that begins on the line before ``line_end``; empty if none does."""
    start = text.rfind("\n", 0, line_end) + 1
    first_start = max(start - _MOST_CONTINUED_CHARACTERS, 0)
    here_document = _HERE_DOCUMENT.search(text[start:line_end])
    mark_offset = start + here_document.start() if here_document is not None else start
    # Backslashes continue the lines of the instruction before the one with the here-document.
    while here_document is not None:
        instruction = _RUN_INSTRUCTION.match(text, start)
        if instruction is not None and instruction.end() <= mark_offset:
            return here_document[1]
        if start <= first_start or text[start - 2 : start] != "\\\n":
            break
        start = text.rfind("\n", 0, start - 1) + 1
    return ""
