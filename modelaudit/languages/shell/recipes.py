"""Convert Dockerfiles to shell text, so that one analyser judges all commands.

Each command keeps its line number: lines without a command become empty lines.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Final

from modelaudit.languages.shell.program_names import INTERPRETERS, normalize_program_name
from modelaudit.model.lazy_pattern import defer_pattern

_INSTRUCTION: Final = defer_pattern(r"\s*(?:ONBUILD\s+)?([A-Za-z]+)\s+(.*)", re.DOTALL)
_FLAG: Final = defer_pattern(r"\A(?:--[\w-]++(?:=\S*+)?\s++)++")
_RUNNING_INSTRUCTIONS: Final = frozenset({"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "SHELL"})
_ASSIGNING_INSTRUCTIONS: Final = frozenset({"ENV", "ARG"})
_HERE_DOCUMENT: Final = defer_pattern(r"<<-?[\"']?(\w+)[\"']?")
_REPOSITORY: Final = defer_pattern(r"\.git(?:#\S*)?\Z")
_BACKTICK_DIRECTIVE: Final = defer_pattern(r"#\s*escape\s*=\s*`", re.IGNORECASE)
_SHELL_INSTRUCTION: Final = defer_pattern(r"\s*(?:ONBUILD\s+)?SHELL\s", re.IGNORECASE)
_RUN_OF_SHELL_TEXT: Final = defer_pattern(r"\s*(?:ONBUILD\s+)?RUN\s+(?!\[)", re.IGNORECASE)

_JUST_ASSIGNMENT: Final = defer_pattern(r"(?:export[ \t]+)?([A-Za-z_]\w{0,99})[ \t]*:=[ \t]*(.{1,4000})")
_JUST_VALUE: Final = defer_pattern(r"\{\{[ \t]*([A-Za-z_]\w{0,99})[ \t]*\}\}")
# A first line of a recipe, or a setting, that names a program; shells are left out.
_JUST_OTHER_SHELL: Final = defer_pattern(
    r"^[ \t]+#!(?!\s*\S*?(?:/|\benv[ \t]+(?:-S[ \t]+)?)(?:ba|z|da|k)?sh\b)"
    r"|^set[ \t]+(?:windows-)?(?:shell|script-interpreter)\b"
    r"|^\[script\b|^(?:import|mod)\b",
    re.MULTILINE,
)


def convert_dockerfile(text: str) -> str:
    """Return the commands of a Dockerfile as shell text.

    ``RUN`` and its like become commands, ``ENV`` and ``ARG`` exports, ``ADD`` of an address a download.
    """
    converted: list[str] = []
    shell = ""  # of a SHELL instruction, if it selects an interpreter
    lines = text.replace("\r\n", "\n").split("\n")
    if _BACKTICK_DIRECTIVE.match(lines[0]):  # the directive makes the backtick continue a line
        lines = [re.sub(r"`\s*$", lambda _: "\\", line) for line in lines]
    next_index = 0
    while next_index < len(lines):
        first_index = next_index
        instruction_lines = _gather_instruction(lines, first_index)
        next_index += len(instruction_lines)
        # Docker drops a comment within an instruction. A backslash in its place continues the instruction.
        instruction = "\n".join(
            "\\" if index > 0 and _is_comment(line) else line for index, line in enumerate(instruction_lines)
        )
        script, end_mark = _convert_instruction(instruction)
        if end_mark is not None:  # the lines of a here-document follow
            end_index = next(
                (index for index in range(next_index, len(lines)) if lines[index].strip() == end_mark), len(lines)
            )
            body = lines[next_index:end_index]
            next_index = min(end_index + 1, len(lines))
            script = "\n".join([script, *body, end_mark if script else ""])
        elif script and _SHELL_INSTRUCTION.match(instruction):
            if _is_interpreter_shell(script):  # it runs the instructions below, and nothing here
                shell, script = script, ""
        elif script and shell and _RUN_OF_SHELL_TEXT.match(instruction):
            script = f"{shell} {shlex.quote(script)}"
        # Empty lines in place of those that the instruction took keep the numbers of the others.
        converted.append(script + "\n" * max(0, next_index - first_index - 1 - script.count("\n")))
    return "\n".join(converted)


def _gather_instruction(lines: list[str], start: int) -> list[str]:
    """Return the lines of the instruction that begins at the index ``start``.

    A backslash continues it. Docker drops comment lines within it, so that a comment continues it as well.
    """
    gathered = [lines[start]]
    if _is_comment(lines[start]):
        return gathered
    # By index: a copy of the other lines for each instruction would cost quadratic time.
    for index in range(start + 1, len(lines)):
        if not gathered[-1].rstrip().endswith("\\") and not _is_comment(gathered[-1]):
            break
        gathered.append(lines[index])
    return gathered


def _is_comment(line: str) -> bool:
    """Whether a line of a Dockerfile is a comment."""
    return line.lstrip().startswith("#")


def _convert_instruction(instruction: str) -> tuple[str, str | None]:
    """Convert one instruction.

    Returns:
        The shell text, empty if the instruction runs nothing, and the end mark of a here-document that follows it.
    """
    match = _INSTRUCTION.fullmatch(instruction)
    if match is None or instruction.lstrip().startswith("#"):
        return "", None
    name, arguments = match[1].upper(), match[2]
    if name == "HEALTHCHECK":  # ``HEALTHCHECK --interval=5m CMD command``
        arguments = re.sub(r"^(?:--\S+\s+)*CMD\s+", "", arguments)
    if name in _RUNNING_INSTRUCTIONS:
        arguments = _FLAG.sub("", arguments, count=1) if arguments.startswith("--") else arguments
        here_document = _HERE_DOCUMENT.search(arguments)
        if here_document is not None and name == "RUN":
            # Without a program before or after the mark, the shell runs the here-document itself.
            program = (arguments[: here_document.start()] + arguments[here_document.end() :]).strip()
            return (f"{program} <<'{here_document[1]}'" if program else ""), here_document[1]
        return _convert_exec_form(arguments), None
    if name in _ASSIGNING_INSTRUCTIONS:
        return _convert_assignment(arguments), None
    arguments = _FLAG.sub("", arguments, count=1) if arguments.startswith("--") else arguments
    here_document = _HERE_DOCUMENT.match(arguments.lstrip())
    if name in ("COPY", "ADD") and here_document is not None:
        return f"cat > {arguments.split()[-1]} <<'{here_document[1]}'", here_document[1]
    if name == "ADD" and "://" in arguments:
        source, target = arguments.split()[0], arguments.split()[-1]
        if _REPOSITORY.search(source):
            return f"git clone {source} {target}", None
        file_name = source.partition("?")[0].rpartition("/")[2]
        return f"curl -o {target + file_name if target.endswith('/') else target or file_name} {source}", None
    return "", None


def _convert_assignment(arguments: str) -> str:
    """Convert ``NAME=value …`` and the older form ``NAME value``; a name alone assigns nothing."""
    variable, _, value = arguments.strip().partition(" ")
    if "=" in variable:
        return f"export {arguments}"
    return f"export {variable}={shlex.quote(value.strip())}" if value and variable.isidentifier() else ""


def _is_interpreter_shell(script: str) -> bool:
    """Whether ``SHELL`` selects an interpreter such as Python, which takes the text of ``RUN`` as its program."""
    words = script.replace("'", "").split()
    return len(words) > 1 and normalize_program_name(words[0]) in INTERPRETERS


def _convert_exec_form(arguments: str) -> str:
    """Convert the exec form ``["sh", "-c", "…"]`` to a shell line; return any other text unchanged."""
    if not arguments.lstrip().startswith("["):
        return arguments
    try:
        words = json.loads(arguments.replace("\\\n", ""))
    except (ValueError, RecursionError):
        return arguments
    if not isinstance(words, list):
        return arguments
    return " ".join("'" + str(word).replace("'", "'\\''") + "'" for word in words)


def convert_justfile(text: str) -> str:
    """Convert the recipes of a ``justfile`` to shell text; each command keeps its line number.

    Source: https://just.systems/man/en, "Recipe parameters", "Quiet recipes" and "Command evaluation using backticks".
    """
    return "\n".join(map(_convert_just_line, text.split("\n")))


def _convert_just_line(line: str) -> str:
    """Return the command of a line in a recipe, or the assignment of a variable; empty for any other line."""
    if line[:1] in (" ", "\t"):
        return _JUST_VALUE.sub(r"${\1}", line.strip().lstrip("@-"))
    assignment = _JUST_ASSIGNMENT.match(line)
    if assignment is None:
        return ""
    name, value = assignment[1], assignment[2].strip()
    return f"{name}=$({value.strip('`')})" if value.startswith("`") else f"{name}={value}"


def has_other_shell(text: str) -> bool:
    """Whether a ``justfile`` has another program than a shell run its recipes."""
    return _JUST_OTHER_SHELL.search(text) is not None
