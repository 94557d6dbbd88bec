"""Names, options and arguments of IPython's magics, such as ``%run -i script.py``.

Source: ``IPython/core/magics`` and ``IPython/core/alias.py``.
"""

from __future__ import annotations

import ast
import shlex
import string
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

DEFAULT_ALIASES: Final = frozenset({
    "cat", "clear", "copy", "cp", "ddir", "echo", "ff", "ldir", "less", "lf", "lk", "ll", "ls", "lx", "man", "mkdir",
    "more", "mv", "ren", "rm", "rmdir",
})  # fmt: skip
"""Aliases of system commands that IPython defines at its start."""

PLAIN_MAGICS: Final = frozenset({
    # of IPython
    "alias", "alias_magic", "autoawait", "autocall", "autoindent", "automagic", "bookmark", "cd", "code_wrap", "colors",
    "conda", "config", "connect_info", "debug", "dhist", "dirs", "doctest_mode", "edit", "ed", "env", "gui", "hist",
    "history", "killbgscripts", "load", "load_ext", "loadpy", "logoff", "logon", "logstart", "logstate", "logstop",
    "lsmagic", "macro", "magic", "mamba", "matplotlib", "micromamba", "notebook", "page", "pastebin", "pdb", "pdef",
    "pdoc", "pfile", "pinfo", "pinfo2", "pip", "popd", "pprint", "precision", "psearch", "psource", "pushd", "pwd",
    "pycat", "pylab", "qtconsole", "quickref", "recall", "rehashx", "reload_ext", "rep", "rerun", "reset",
    "reset_selective", "run", "save", "set_env", "store", "subshell", "tb", "time", "timeit", "prun", "capture",
    "unalias", "unload_ext", "uv", "who", "who_ls", "whos", "xdel", "xmode", "autosave", "sc",
    # of widespread extensions
    "R", "Rdevice", "Rget", "Rpull", "Rpush", "aimport", "autoreload", "bigquery", "config_sql", "cython", "lprun",
    "memit", "mprun", "nbdev_default_export", "nbdev_export", "sql", "snakeviz", "tensorboard", "tensorflow_version",
    "wandb", "watermark",
})  # fmt: skip
"""Magics that run no system command by their name."""

# Options with a value; all others are flags. In ``%load``, ``-s`` and ``-r`` select parts of the file.
_VALUE_OPTIONS: Final = {"run": "NbDlTm", "load": "rs", "loadpy": "rs"}
_MODULE_OPTION: Final = "m"
_SCRIPT_PYTHON: Final = defer_pattern(r"(?:python|pypy)[\d.]*\Z")
_SCRIPT_SHELL: Final = defer_pattern(r"(?:ba|z|da|k|c|a|fi)?sh\Z|cmd\Z|powershell\Z|pwsh\Z")
_MAX_WORDS: Final = 1000
# A longer text in braces stays as it is; it does not parse within the source of the cell, which leaves an absence.
_MAX_EXPRESSION_LENGTH: Final = 2000
_MAX_EXPRESSIONS: Final = 100


def find_run_target(magic: str, arguments: str) -> str:
    """Return the file that ``%run`` or ``%load`` reads, the module of ``%run -m`` as a path; empty if none is given.

    Args:
        magic: the name of the magic.
        arguments: the text behind it, with options.
    """
    words = _split_words(arguments)
    value_options = _VALUE_OPTIONS.get(magic, "")
    index = 0
    while index < len(words):
        word = words[index]
        if word == "--":
            return words[index + 1] if index + 1 < len(words) else ""
        if not word.startswith("-") or word == "-":
            return word
        index += 1
        # In ``-tN5`` or ``-tN 5``, the rest of the word or the next one is the value of ``N``.
        option_position = next((i for i, letter in enumerate(word[1:], 1) if letter in value_options), None)
        if option_position is None:
            continue
        value = word[option_position + 1 :]
        if not value and index < len(words):
            value = words[index]
            index += 1
        if magic == "run" and word[option_position] == _MODULE_OPTION:
            return value.replace(".", "/") + ".py"
    return ""


def find_script_language(arguments: str) -> str:
    """Return ``shell``, ``python`` or the name of another program that ``%%script`` starts; empty if none is given."""
    for word in _split_words(arguments):
        program = word.rpartition("/")[2]
        if word.startswith("-") or program == "env" or "=" in word:
            continue
        if _SCRIPT_PYTHON.match(program):
            return "python"
        return "shell" if _SCRIPT_SHELL.match(program) else program
    return ""


def list_expanded_expressions(text: str) -> list[str]:
    """Return the Python expressions in braces that IPython evaluates in the text of a magic or shell command.

    Source: ``DollarFormatter`` in ``IPython/utils/text.py``. Text in braces that is not Python, as in a command of awk,
    is left as it is.
    """
    if "{" not in text:
        return []
    expressions: list[str] = []
    try:
        for _, name, format_, _ in string.Formatter().parse(text):
            expression = f"{name}:{format_}" if format_ else name or ""
            if expression.strip() and len(expressions) < _MAX_EXPRESSIONS and _is_expression(expression.strip()):
                expressions.append(expression.strip())
    except ValueError:  # braces that do not match: IPython evaluates what precedes them
        pass
    return expressions


def _is_expression(text: str) -> bool:
    """Whether a text is a Python expression, and more than a name or a constant; also if it is too long to decide."""
    if len(text) > _MAX_EXPRESSION_LENGTH:
        return True
    try:
        expression = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not isinstance(expression, ast.Name | ast.Constant)


def _split_words(text: str) -> list[str]:
    """Split arguments into words, as a shell does; at white space only where quotes do not match."""
    try:
        return shlex.split(text)[:_MAX_WORDS]
    except ValueError:
        return text.split()[:_MAX_WORDS]
