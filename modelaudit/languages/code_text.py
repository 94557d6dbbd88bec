"""Detect texts that are, as a whole, a Python program or a shell command. They are parsed; nothing of them runs.

Values of a configuration, names of operators and texts of other formats are data, unless a program reads them as code.
A text that parses as a program with calls, or begins like a command with operands, is worth a mention wherever it is.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from itertools import dropwhile
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.base import LimitReachedError

_MAX_TEXT: Final = 256 * 1024
_MAX_DEPTH: Final = 60
_MAX_NAMES: Final = 200
# A word before an opening bracket: a text without one holds no call, and is not parsed.
_CALL: Final = defer_pattern(r"(?<=\w)\s{0,4}\(")
_BRACKET: Final = defer_pattern(r"[()\[\]{}]")
_BUILTINS: Final = frozenset({"exec", "eval", "compile", "__import__", "getattr", "open"})

_SEPARATORS: Final = defer_pattern(r"&&|\|\||[;|\n&]")
_WORDS: Final = defer_pattern(r"\S+")
_ASSIGNMENT: Final = defer_pattern(r"[A-Za-z_]\w*=\S*\Z")
_WRAPPERS: Final = frozenset({"sudo", "nohup", "env", "exec", "time", "command"})
# An option (``-x``), a mode of chmod (``755``, ``u+x``), a path, variable, home, glob, address or Windows path, or a
# quote.
_OPERAND: Final = defer_pattern(r"-[A-Za-z0-9-]|[0-7]{3,4}\Z|[ugoa]*[-+=][rwxst]+\Z|.*[/$~*:\\]|['\"]")
_TEXT_OPTIONS: Final = frozenset({"-c", "-e", "-m", "-enc", "-encodedcommand", "-command"})
_INTERPRETERS: Final = frozenset(
    {"bash", "sh", "zsh", "dash", "python", "python3", "perl", "ruby", "node", "powershell"}
)
_DANGEROUS_PROGRAMS: Final = frozenset(
    {"rm", "chmod", "chown", "dd", "mkfs", "curl", "wget", "nc", "ncat", "netcat", "crontab", "eval", "base64", "scp",
     "certutil", "bitsadmin", "mshta", "regsvr32", "rundll32", "iwr", "iex", "kill", "pkill", "shutdown"}
)  # fmt: skip
_HARMLESS_PROGRAMS: Final = frozenset(
    {"cd", "echo", "export", "mkdir", "cp", "mv", "ls", "cat", "tar", "unzip", "git", "pip", "sleep", "touch", "source",
     "set", "printf", "tee", "true"}
)  # fmt: skip


def find_python_calls(text: str) -> Iterator[str]:
    """Yield the full names that a text calls, each once, if the whole text is a Python program.

    Raises:
        LimitReachedError: the text is too long, nests too deep or calls too many names; the first ones were yielded.
    """
    if not _CALL.search(text):
        return
    _check_length(text)
    if _nests_too_deep(text):
        raise LimitReachedError(f"a text with brackets deeper than {_MAX_DEPTH} levels was not parsed as Python")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip())
    except (RecursionError, MemoryError):
        raise LimitReachedError("a text that nests too deep for its parser was not parsed as Python") from None
    except (SyntaxError, ValueError):
        return
    imported_names = dict(_find_imports(tree))
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        name = _resolve_full_name(node.func, imported_names) if isinstance(node, ast.Call) else ""
        if name and name not in names:
            if len(names) >= _MAX_NAMES:
                raise LimitReachedError(f"only the first {_MAX_NAMES} names that a text calls were recorded")
            names[name] = None
            yield name


def _check_length(text: str) -> None:
    """Raise ``LimitReachedError`` if a text is longer than is searched."""
    if len(text) > _MAX_TEXT:
        raise LimitReachedError(f"a text of more than {_MAX_TEXT} characters was not searched for code")


def _nests_too_deep(text: str) -> bool:
    """Whether brackets nest deeper than ``_MAX_DEPTH``: a text as deep costs the parser much time and stack."""
    depth = 0
    for match in _BRACKET.finditer(text):
        # A bracket in a text closes nothing: it must not make room for more levels.
        depth = depth + 1 if match[0] in "([{" else max(depth - 1, 0)
        if depth > _MAX_DEPTH:
            return True
    return False


def _find_imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that an import binds, and the full name that it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package = alias.name.partition(".")[0]  # ``import a.b`` binds ``a``
                yield (alias.asname, alias.name) if alias.asname else (package, package)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _resolve_full_name(node: ast.expr, imported_names: dict[str, str]) -> str:
    """Return the full name of a callee such as ``os.system``; empty if it is not a name or not known."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    # ``__import__("os").system``.
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__" and node.args:
        module = node.args[0]
        if isinstance(module, ast.Constant) and isinstance(module.value, str):
            return ".".join([module.value, *reversed(parts)]) if parts else "builtins.__import__"
    if not isinstance(node, ast.Name):
        return ""
    if node.id not in imported_names:
        if not parts:
            return f"builtins.{node.id}" if node.id in _BUILTINS else ""
        # A setting such as ``layer.Dropout(p=0.1)`` names a class with arguments; a program imports a name before it
        # uses one. A name of the standard library counts anyway.
        if node.id not in sys.stdlib_module_names:
            return ""
    return ".".join([imported_names.get(node.id, node.id), *reversed(parts)])


def find_dangerous_programs(text: str) -> Iterator[str]:
    """Yield, once each, the interpreters given code to run and the dangerous programs given operands in a command.

    Yields nothing for prose: every part of the text must begin with a program name, followed by words that look like
    options or operands.

    Raises:
        LimitReachedError: the text is longer than is searched.
    """
    _check_length(text)
    programs: dict[str, None] = {}
    is_before_pipe = False
    position = 0
    separators = [match.span() for match in _SEPARATORS.finditer(text)]
    for start, end in (*separators, (len(text), len(text))):
        words = _WORDS.findall(text[position:start])
        position = end
        # Whether the separator before this part is a pipe, and whether the one behind it is.
        is_after_pipe, is_before_pipe = is_before_pipe, text[start:end] == "|"
        words = list(dropwhile(lambda word: word in _WRAPPERS or _ASSIGNMENT.match(word), words))
        if not words:
            is_before_pipe = is_before_pipe or is_after_pipe  # a line break behind a pipe does not end it
            continue
        name = words[0].rpartition("/")[2].lower()
        executes_text = is_after_pipe or any(word.lower() in _TEXT_OPTIONS for word in words[1:])
        has_operand = any(_OPERAND.match(word) for word in words[1:])
        if (name in _INTERPRETERS and executes_text) or (name in _DANGEROUS_PROGRAMS and has_operand):
            programs[name] = None
        elif name not in _HARMLESS_PROGRAMS and name not in _INTERPRETERS:
            return  # prose: it begins with another word, or has no operand behind a program (``kill them``)
    yield from programs
