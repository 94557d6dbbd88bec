"""Convert Dockerfiles and Makefiles to shell text, so that one analyser judges all commands.

Each command keeps its line number: lines without a command become empty lines.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Final

from modelaudit.languages.shell.program_names import INTERPRETERS, normalize_program_name

_INSTRUCTION: Final = re.compile(r"\s*(?:ONBUILD\s+)?([A-Za-z]+)\s+(.*)", re.DOTALL)
_FLAG: Final = re.compile(r"(?:--[\w-]+(?:=\S*)?\s+)+")
_RUNS: Final = frozenset({"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "SHELL"})
_SETS: Final = frozenset({"ENV", "ARG"})
_HERE: Final = re.compile(r"<<-?[\"']?(\w+)[\"']?")
_ESCAPE: Final = re.compile(r"#\s*escape\s*=\s*`", re.IGNORECASE)
_SHELL: Final = re.compile(r"\s*(?:ONBUILD\s+)?SHELL\s", re.IGNORECASE)
_RUN: Final = re.compile(r"\s*(?:ONBUILD\s+)?RUN\s+(?!\[)", re.IGNORECASE)
_MAKE_SETS: Final = re.compile(r"(?:export\s+|override\s+)?([A-Za-z_]\w*)\s*(?:\?|:{1,3}|\+|!)?=\s*(.*)")
_MAKE_RUNS: Final = re.compile(r"(?:export\s+|override\s+)?[A-Za-z_]\w*\s*!=\s*(.*)")
_MAKE_RULE: Final = re.compile(r"[^\t#:=][^#:=]{0,500}:{1,2}(?!=)[^;=]{0,500};\s*(.*)")
_MAKE_PREFIX: Final = re.compile(r"\.RECIPEPREFIX\s*:?=\s*(\S)")
_MAKE_DEFINE: Final = re.compile(r"\s*(?:override\s+|export\s+)?define\s")
_MAKE_SHELL: Final = re.compile(r"\$[({]shell\s")
_MAKE_VARIABLE: Final = re.compile(r"\$[({]([A-Za-z_]\w*)[)}]")


def convert_dockerfile(text: str) -> str:
    """Return the commands of ``RUN`` and its like; ``ENV`` and ``ARG`` become assignments, ``ADD`` a download."""
    out: list[str] = []
    shell = ""
    lines = text.replace("\r\n", "\n").split("\n")
    if _ESCAPE.match(lines[0]):
        lines = [re.sub(r"`\s*$", lambda _: "\\", line) for line in lines]
    at = 0
    while at < len(lines):
        start = at
        gathered = [lines[at]]
        # Docker drops comment lines inside a continued instruction.
        while (
            at + 1 < len(lines)
            and (gathered[-1].rstrip().endswith("\\") or gathered[-1].lstrip().startswith("#"))
            and (len(gathered) > 1 or not gathered[0].lstrip().startswith("#"))
        ):
            at += 1
            gathered.append(lines[at])
        at += 1
        whole = "\n".join(
            "\\" if line.lstrip().startswith("#") and number else line for number, line in enumerate(gathered)
        )
        script, here = _convert_instruction(whole)
        if here is not None:
            end = next((index for index in range(at, len(lines)) if lines[index].strip() == here), len(lines))
            body = lines[at:end]
            at = min(end + 1, len(lines))
            script = "\n".join([script, *body, here if script else ""])
        elif script and _SHELL.match(whole):
            shell, script = (script, "") if _is_interpreter_shell(script) else (shell, script)
        elif script and shell and _RUN.match(whole):
            script = f"{shell} {shlex.quote(script)}"
        out.append(script + "\n" * max(0, at - start - 1 - script.count("\n")))
    return "\n".join(out)


def _convert_instruction(whole: str) -> tuple[str, str | None]:
    match = _INSTRUCTION.fullmatch(whole)
    if match is None or whole.lstrip().startswith("#"):
        return "", None
    name, rest = match[1].upper(), match[2]
    if name == "HEALTHCHECK":
        rest = re.sub(r"^(?:--\S+\s+)*CMD\s+", "", rest)
    if name in _RUNS:
        rest = _FLAG.sub("", rest, count=1) if rest.startswith("--") else rest
        here = _HERE.search(rest)
        if here is not None and name == "RUN":
            # Without a program before or after the mark, the shell runs the here-document itself.
            program = (rest[: here.start()] + rest[here.end() :]).strip()
            return (f"{program} <<'{here[1]}'" if program else ""), here[1]
        return _convert_exec_form(rest), None
    if name in _SETS and "=" in rest:
        return rest, None
    rest = _FLAG.sub("", rest, count=1) if rest.startswith("--") else rest
    here = _HERE.match(rest.lstrip())
    if name in ("COPY", "ADD") and here is not None:
        return f"cat > {rest.split()[-1]} <<'{here[1]}'", here[1]
    if name == "ADD" and "://" in rest:
        source, target = rest.split()[0], rest.split()[-1]
        name = source.partition("?")[0].rpartition("/")[2]
        return f"curl -o {target + name if target.endswith('/') else target or name} {source}", None
    return "", None


def _is_interpreter_shell(script: str) -> bool:
    """Whether ``SHELL`` selects an interpreter such as Python, which takes the text of ``RUN`` as its program."""
    words = script.replace("'", "").split()
    return len(words) > 1 and normalize_program_name(words[0]) in INTERPRETERS


def _convert_exec_form(rest: str) -> str:
    """Convert the exec form ``["sh", "-c", "…"]`` to a shell line; return any other text unchanged."""
    if not rest.lstrip().startswith("["):
        return rest
    try:
        words = json.loads(rest.replace("\\\n", ""))
    except (ValueError, RecursionError):
        return rest
    if not isinstance(words, list):
        return rest
    return " ".join("'" + str(word).replace("'", "'\\''") + "'" for word in words)


def convert_makefile(text: str) -> str:
    """Return the recipes of a Makefile as commands, its variables as assignments."""
    out: list[str] = []
    continued = False
    prefix = "\t"
    defines = False
    for line in text.replace("\r\n", "\n").split("\n"):
        # ``define`` holds recipe text. It counts even if no rule uses it, because another Makefile may.
        defines = (defines or _MAKE_DEFINE.match(line) is not None) and line.strip() != "endef"
        changed = _MAKE_PREFIX.match(line)
        prefix = changed[1] if changed is not None else prefix
        line = "\t" + line[1:] if line.startswith(prefix) else line
        at_once = _MAKE_RUNS.fullmatch(line) or _MAKE_RULE.fullmatch(line)
        if at_once is not None and not continued:
            line = "\t" + at_once[1]
        if line.startswith("\t") or continued or (defines and _MAKE_DEFINE.match(line) is None):
            recipe = line.lstrip("\t ") if not continued else line
            out.append(_convert_make_expansions(recipe if continued else recipe.lstrip("@-+ ")))
            continued = line.endswith("\\")
            continue
        assigned = _MAKE_SETS.fullmatch(line.rstrip())
        if assigned is not None and not line.endswith("\\"):
            value = assigned[2]
            out.append(
                f"{assigned[1]}={_convert_make_expansions(value)}"
                if _MAKE_SHELL.search(value)
                else f"{assigned[1]}={_quote_value(value)}"
            )
        elif _MAKE_SHELL.search(line):
            out.append(_convert_make_expansions(line[line.index("$") :]))
        else:
            out.append("")
    return "\n".join(out)


def _convert_make_expansions(text: str) -> str:
    text = _MAKE_SHELL.sub("$(", text)
    return _MAKE_VARIABLE.sub(r"${\1}", text).replace("$$", "$")


def _quote_value(value: str) -> str:
    return '"' + _convert_make_expansions(value).replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"'
