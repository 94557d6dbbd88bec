"""Expansions of variables and braces whose result is a constant: ``${x:2:4}``, ``${x/a/b}``, ``${a[0]}``, ``{a,b}``.

Sources: POSIX.1-2024, 2.6.2; "Shell Parameter Expansion", "Arrays" and "Brace Expansion" of the manual of bash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Final

_NAME: Final = re.compile(r"(!?)([A-Za-z_]\w{0,99})(\[[^\]]{1,100}\])?(.*)", re.DOTALL)
_SUBSTRING: Final = re.compile(r":\s*(-?\d{1,5})(?::\s*(-?\d{1,5}))?")
_BRACES: Final = re.compile(r"([^{}\s]*)\{([^{}\s]*,[^{}\s]*)\}([^{}\s]*)")
_ENTRY: Final = re.compile(r"\[([^\]]{1,100})\]=(.*)", re.DOTALL)
_PROGRAM: Final = re.compile(
    r"\s*(?:(?:which|command\s+-v|type\s+-[pP])\s+|(?:echo|printf)\s+(?:-n\s+)?)[\"']?([\w./-]{1,200})[\"']?\s*"
)
_MOST: Final = 200
_LONGEST: Final = 4096

RUN_LATER: Final = frozenset(
    {"PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "LESSOPEN", "SUDO_ASKPASS",
     "SSH_ASKPASS", "GIT_ASKPASS", "BROWSER", "VISUAL", "EDITOR"}
)  # fmt: skip
"""Variables whose value a shell or another program runs as a command."""

Variables = Mapping[str, str]


def expanded(inner: str, variables: Variables) -> str | None:
    """What ``${inner}`` stands for; ``None`` where the text does not tell."""
    if inner in ("@", "*"):
        return variables.get("@", "")
    match = _NAME.fullmatch(inner)
    if match is None:
        return None
    value = variables.get(match[2] + _index(match[3], variables))
    if match[1] and value is not None:
        value = variables.get(value)
    if value is None:
        return None
    return _operated(value, match[4])


def _index(index: str | None, variables: Variables) -> str:
    if index is None:
        return ""
    key = index[1:-1].strip("\"'")
    return f"[{variables.get(key.lstrip('$'), key) if key[:1] == '$' else '@' if key == '*' else key}]"


def _operated(value: str, operation: str) -> str | None:
    """``value`` after what stands behind the name: a piece of it, without a pattern, in another case."""
    if operation[:2] in ("", ":-", ":=", ":?") or operation[:1] in ("-", "=", "?", "@"):
        return value
    piece = _SUBSTRING.fullmatch(operation)
    if piece is not None:
        start = int(piece[1])
        rest = value[max(start, -len(value)) :]
        return rest if piece[2] is None else rest[: int(piece[2])]
    case = {",": str.lower, "^": str.upper}.get(operation[0])
    if case is not None:
        return case(value) if operation[:2] in (",,", "^^") else case(value[:1]) + value[1:]
    if operation[0] == "/":
        pattern, _, after = operation.lstrip("/").partition("/")
        return re.sub(_pattern(pattern), lambda _: after, value, count=0 if operation[:2] == "//" else 1)
    if operation[0] in "#%":
        return _trimmed(value, operation.lstrip(operation[0]), operation[0] == "#")
    return None


def _pattern(pattern: str) -> str:
    """A pattern of the shell as a regular expression; a star stands for a bounded number of characters."""
    return translate(pattern[:60].replace("\\", "")).removesuffix(r"\Z").removesuffix(r"\z") if pattern else r"(?!)"


def _trimmed(value: str, pattern: str, in_front: bool) -> str:
    longest = min(len(value), 500)
    for size in range(1, longest + 1):
        piece = value[:size] if in_front else value[-size:]
        if re.fullmatch(_pattern(pattern), piece):
            return value[size:] if in_front else value[:-size]
    return value


def items_of_array(name: str, words: Iterable[str]) -> dict[str, str]:
    """The variables that ``name=(words…)`` sets: each item by its key, and ``name[@]`` for all of them."""
    found: dict[str, str] = {}
    values: list[str] = []
    for number, word in enumerate(words):
        if number >= _MOST:
            break
        entry = _ENTRY.fullmatch(word)
        found[f"{name}[{entry[1] if entry else number}]"] = value = entry[2] if entry else word
        values.append(value)
    found[f"{name}[@]"] = " ".join(values)[:_LONGEST]
    found[name] = values[0] if values else ""
    return found


def brace_words(raw: str) -> list[str] | None:
    """The words that ``{a,b}`` without quotes stands for; ``None`` where it is no such word."""
    match = _BRACES.fullmatch(raw) if "$" not in raw and "'" not in raw and '"' not in raw else None
    return [f"{match[1]}{each}{match[3]}" for each in match[2].split(",")] if match else None


def printed_name(inner: str) -> str | None:
    """The name that ``$(which curl)``, ``$(command -v sh)`` or ``$(echo curl)`` gives; ``None`` for anything else."""
    match = _PROGRAM.fullmatch(inner)
    return match[1] if match else None
