"""Texts that are, as a whole, a program in Python or a line for a shell. They are parsed; nothing of them is run."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Final

_LONGEST: Final = 256 * 1024
_DEEPEST: Final = 60
_MOST_NAMES: Final = 200
_CALL: Final = re.compile(r"(?<=\w)\s{0,4}\(")
_BRACKET: Final = re.compile(r"[()\[\]{}]")
_BUILTINS: Final = frozenset({"exec", "eval", "compile", "__import__", "getattr", "open"})

_SEPARATORS: Final = re.compile(r"&&|\|\||[;|\n&]")
_WORDS: Final = re.compile(r"\S+")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=\S*\Z")
_WRAPPERS: Final = frozenset({"sudo", "nohup", "env", "exec", "time", "command"})
_OPERAND: Final = re.compile(r"-[A-Za-z-]|[0-7]{3,4}\Z|[ugoa]*[+-=][rwxst]+\Z|.*[/$~*:\\]|['\"]")
_RUNS_TEXT: Final = frozenset({"-c", "-e", "-m", "-enc", "-encodedcommand", "-command"})
_INTERPRETERS: Final = frozenset(
    {"bash", "sh", "zsh", "dash", "python", "python3", "perl", "ruby", "node", "powershell"}
)
_PROGRAMS: Final = frozenset(
    {"rm", "chmod", "chown", "dd", "mkfs", "curl", "wget", "nc", "ncat", "netcat", "crontab", "eval", "base64", "scp",
     "certutil", "bitsadmin", "mshta", "regsvr32", "rundll32", "iwr", "iex", "kill", "pkill", "shutdown"}
)  # fmt: skip
_HARMLESS: Final = frozenset(
    {"cd", "echo", "export", "mkdir", "cp", "mv", "ls", "cat", "tar", "unzip", "git", "pip", "sleep", "touch", "source",
     "set", "printf", "tee", "true"}
)  # fmt: skip


def calls_of(text: str) -> Iterator[str]:
    """The full names that a text calls, if it is a program in Python as a whole; each once, bounded."""
    if len(text) > _LONGEST or not _CALL.search(text) or _nests(text):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    known = dict(_imported(tree))
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(names) < _MOST_NAMES:
            name = _full_name(node.func, known)
            if name:
                names[name] = None
    yield from names


def _nests(text: str) -> bool:
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += 1 if match[0] in "([{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, known: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__" and node.args:
        module = node.args[0]
        if isinstance(module, ast.Constant) and isinstance(module.value, str):
            return ".".join([module.value, *reversed(parts)]) if parts else "builtins.__import__"
    if not isinstance(node, ast.Name):
        return ""
    if node.id not in known:
        if not parts:
            return f"builtins.{node.id}" if node.id in _BUILTINS else ""
        # Settings name classes so, with their arguments; a program says first where it has them from.
        if node.id not in sys.stdlib_module_names:
            return ""
    return ".".join([known.get(node.id, node.id), *reversed(parts)])


def commands_of(text: str) -> Iterator[str]:
    """The programs that a text starts, if it is a line for a shell as a whole; each once.

    Prose begins with the name of a program at most by chance: each part has to begin with one, and is followed by what
    only an operand looks like.
    """
    if len(text) > _LONGEST:
        return
    found: dict[str, None] = {}
    piped = False
    position = 0
    pieces = [match.span() for match in _SEPARATORS.finditer(text)]
    for start, end in (*pieces, (len(text), len(text))):
        words = _WORDS.findall(text[position:start])[:20]
        position = end
        after_pipe, piped = piped, text[start:end] == "|"
        while words and (words[0] in _WRAPPERS or _ASSIGNMENT.match(words[0])):
            words = words[1:]
        if not words:
            continue
        name = words[0].rpartition("/")[2].lower()
        runs_text = after_pipe or any(word.lower() in _RUNS_TEXT for word in words[1:])
        acts = any(_OPERAND.match(word) for word in words[1:])
        if (name in _INTERPRETERS and runs_text) or (name in _PROGRAMS and acts):
            found[name] = None
        elif name not in _HARMLESS and name not in _INTERPRETERS:
            return
    yield from found
