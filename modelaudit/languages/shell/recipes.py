"""Convert Dockerfiles and Makefiles to shell text, so that one analyser judges all commands.

Each command keeps its line number: lines without a command become empty lines.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.shell.program_names import INTERPRETERS, normalize_program_name

_INSTRUCTION: Final = re.compile(r"\s*(?:ONBUILD\s+)?([A-Za-z]+)\s+(.*)", re.DOTALL)
_FLAG: Final = re.compile(r"(?:--[\w-]+(?:=\S*)?\s+)+")
_RUNNING_INSTRUCTIONS: Final = frozenset({"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "SHELL"})
_ASSIGNING_INSTRUCTIONS: Final = frozenset({"ENV", "ARG"})
_HERE_DOCUMENT: Final = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_BACKTICK_DIRECTIVE: Final = re.compile(r"#\s*escape\s*=\s*`", re.IGNORECASE)
_SHELL_INSTRUCTION: Final = re.compile(r"\s*(?:ONBUILD\s+)?SHELL\s", re.IGNORECASE)
_RUN_OF_SHELL_TEXT: Final = re.compile(r"\s*(?:ONBUILD\s+)?RUN\s+(?!\[)", re.IGNORECASE)
_MAKE_ASSIGNMENT: Final = re.compile(r"(?:export\s+|override\s+)?([A-Za-z_]\w*)\s*(?:\?|:{1,3}|\+|!)?=\s*(.*)")
_MAKE_COMMAND_OUTPUT: Final = re.compile(r"(?:export\s+|override\s+)?[A-Za-z_]\w*\s*!=\s*(.*)")
_MAKE_RULE_WITH_COMMAND: Final = re.compile(r"[^\t#:=][^#:=]{0,500}:{1,2}(?!=)[^;=]{0,500};\s*(.*)")
# ``SHELL := python3`` for all recipes, or ``target: SHELL = python3`` for those of a rule.
_MAKE_SHELL_SETTING: Final = re.compile(
    r"([^\t#:=][^#:=]{0,500}:\s*)?(?:(?:export|override|private)\s+)*SHELL\s*(?:\?|:{1,3})?=\s*(?:\S*/env\s+)?(\S+).*"
)
_MAKE_ONE_SHELL: Final = re.compile(r"^\.ONESHELL\s*:", re.MULTILINE)
_MAKE_PREFIX: Final = re.compile(r"\.RECIPEPREFIX\s*:?=\s*(\S)")
_MAKE_DEFINE: Final = re.compile(r"\s*(?:override\s+|export\s+)?define\s")
# The beginning of a setting, as far as its operator.
_MAKE_SETTING: Final = re.compile(r"(?:export\s+|override\s+)?[A-Za-z_]\w*\s*(?:\?|:{1,3}|\+|!)?=")
_MAKE_SHELL_CALL: Final = re.compile(r"\$[({]shell\s")
_MAKE_VARIABLE: Final = re.compile(r"\$[({]([A-Za-z_]\w*)[)}]")


def convert_dockerfile(text: str) -> str:
    """Return the commands of a Dockerfile as shell text.

    ``RUN`` and its like become commands, ``ENV`` and ``ARG`` assignments, ``ADD`` of an address a download.
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
    if name in _ASSIGNING_INSTRUCTIONS and "=" in arguments:
        return arguments, None
    arguments = _FLAG.sub("", arguments, count=1) if arguments.startswith("--") else arguments
    here_document = _HERE_DOCUMENT.match(arguments.lstrip())
    if name in ("COPY", "ADD") and here_document is not None:
        return f"cat > {arguments.split()[-1]} <<'{here_document[1]}'", here_document[1]
    if name == "ADD" and "://" in arguments:
        source, target = arguments.split()[0], arguments.split()[-1]
        file_name = source.partition("?")[0].rpartition("/")[2]
        return f"curl -o {target + file_name if target.endswith('/') else target or file_name} {source}", None
    return "", None


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


class _InterpreterRecipes:
    """The recipes of a Makefile that an interpreter such as Python runs in place of a shell, as ``SHELL`` demands.

    Attributes:
        interpreter: empty while a shell runs the recipes.
        is_one_program: ``.ONESHELL`` passes all lines of a recipe together.
    """

    def __init__(self, text: str) -> None:
        self.interpreter = ""
        self.is_one_program = _MAKE_ONE_SHELL.search(text) is not None
        self._is_of_one_rule = False
        self._lines: list[str] = []

    def follow_setting(self, line: str) -> None:
        """Change the interpreter if the line is a setting of ``SHELL``."""
        setting = _MAKE_SHELL_SETTING.fullmatch(line)
        if setting is None:
            return
        if normalize_program_name(setting[2]) in INTERPRETERS:
            self.interpreter, self._is_of_one_rule = setting[2], bool(setting[1])
        elif not setting[1]:
            self.interpreter = ""

    def convert(self, recipe: str, is_continued: bool) -> list[str]:
        """Return lines for the shell in place of all recipe lines since the last one that was not continued."""
        self._lines.append(recipe if self.is_one_program else recipe.removesuffix("\\"))
        return [] if is_continued else self.finish()

    def finish(self) -> list[str]:
        """Return lines for the shell in place of the recipe lines that were kept."""
        lines, self._lines = self._lines, []
        if not lines:
            return []
        program = ("\n" if self.is_one_program else "").join(lines)
        command = f"{self.interpreter} -c {shlex.quote(program)}"
        # The setting of one rule leaves the recipes of the others to the shell: both readings count.
        shell_lines = lines if self._is_of_one_rule else []
        blank_lines = [] if self.is_one_program else [""] * (len(lines) - 1)
        return [*blank_lines, "; ".join((command, *shell_lines))]


def convert_makefile(text: str) -> str:
    """Return the recipes of a Makefile as shell commands, and its variables as assignments."""
    converted: list[str] = []
    is_continued = False
    recipe_prefix = "\t"
    is_in_define = False
    recipes = _InterpreterRecipes(text)
    lines = list(_join_make_settings(text.replace("\r\n", "\n").split("\n")))
    for line, next_line in zip(lines, (*lines[1:], ""), strict=True):
        # ``define`` holds recipe text. It counts even if no rule uses it, because another Makefile may.
        is_in_define = (is_in_define or _MAKE_DEFINE.match(line) is not None) and line.strip() != "endef"
        prefix_setting = _MAKE_PREFIX.match(line)
        recipe_prefix = prefix_setting[1] if prefix_setting is not None else recipe_prefix
        line = "\t" + line[1:] if line.startswith(recipe_prefix) else line
        recipes.follow_setting(line)
        # ``name != command`` and ``target: ; command`` hold a command on the same line.
        immediate_command = _MAKE_COMMAND_OUTPUT.fullmatch(line) or _MAKE_RULE_WITH_COMMAND.fullmatch(line)
        if immediate_command is not None and not is_continued:
            line = "\t" + immediate_command[1]
        if line.startswith("\t") or is_continued or (is_in_define and _MAKE_DEFINE.match(line) is None):
            # The marks before a command (``@`` silent, ``-`` ignore errors, ``+`` always) belong to make.
            recipe = line if is_continued else line.lstrip("\t ").lstrip("@-+ ")
            recipe = _convert_make_expansions(recipe)
            is_continued = line.endswith("\\")
            if recipes.interpreter:
                is_continued = is_continued or (recipes.is_one_program and next_line.startswith(recipe_prefix))
                converted += recipes.convert(recipe.removeprefix("\t"), is_continued)
            else:
                converted.append(recipe)
            continue
        assignment = _MAKE_ASSIGNMENT.fullmatch(line.rstrip())
        if assignment is not None and not line.endswith("\\"):
            value = assignment[2]
            converted.append(
                f"{assignment[1]}={_convert_make_expansions(value)}"
                if _MAKE_SHELL_CALL.search(value)
                else f"{assignment[1]}={_quote_value(value)}"
            )
        elif _MAKE_SHELL_CALL.search(line):
            converted.append(_convert_make_expansions(line[line.index("$") :]))
        else:
            converted.append("")
    return "\n".join((*converted, *recipes.finish()))


def _join_make_settings(lines: list[str]) -> Iterator[str]:
    """Yield the lines of a Makefile, with each setting that backslashes continue on one line.

    Empty lines in place of the joined ones keep the numbers of the others. Recipes are left to the shell, which reads
    the backslashes itself.
    """
    index = 0
    while index < len(lines):
        line = lines[index]
        first_index = index
        index += 1
        if _MAKE_SETTING.match(line):
            parts = [line]
            while parts[-1].endswith("\\") and index < len(lines):
                parts[-1] = parts[-1][:-1].rstrip()
                parts.append(lines[index].strip())
                index += 1
            line = " ".join(parts)
        yield line
        yield from [""] * (index - first_index - 1)


def _convert_make_expansions(text: str) -> str:
    """Convert ``$(shell command)``, ``$(NAME)`` and ``$$`` of make to what the shell calls them."""
    text = _MAKE_SHELL_CALL.sub("$(", text)
    return _MAKE_VARIABLE.sub(r"${\1}", text).replace("$$", "$")


def _quote_value(value: str) -> str:
    """Quote the value of a make variable for the shell, which still expands variables in it."""
    return '"' + _convert_make_expansions(value).replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"'
