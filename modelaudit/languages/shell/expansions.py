"""Expand shell variables and braces to constants: ``${x:2:4}``, ``${x/a/b}``, ``${a[0]}``, ``{a,b}``.

Obfuscated scripts build program names from such pieces. An expansion of an unknown value stays unresolved.

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
_MAX_ITEMS: Final = 200
_MAX_VALUE_LENGTH: Final = 4096

COMMAND_VARIABLES: Final = frozenset(
    {"PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "LESSOPEN", "SUDO_ASKPASS",
     "SSH_ASKPASS", "GIT_ASKPASS", "BROWSER", "VISUAL", "EDITOR"}
)  # fmt: skip
"""Variables whose value a shell or another program executes as a command."""

Variables = Mapping[str, str]


def expand_variable(inner: str, variables: Variables) -> str | None:
    """Return the value of ``${inner}``, or ``None`` if it is unknown."""
    if inner in ("@", "*"):
        return variables.get("@", "")
    match = _NAME.fullmatch(inner)
    if match is None:
        return None
    value = variables.get(match[2] + _resolve_index(match[3], variables))
    if match[1] and value is not None:
        value = variables.get(value)
    if value is None:
        return None
    return _apply_operation(value, match[4])


def _resolve_index(index: str | None, variables: Variables) -> str:
    if index is None:
        return ""
    key = index[1:-1].strip("\"'")
    return f"[{variables.get(key.lstrip('$'), key) if key[:1] == '$' else '@' if key == '*' else key}]"


def _apply_operation(value: str, operation: str) -> str | None:
    """Apply the operation behind the variable name: substring, pattern removal, replacement or change of case."""
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
        return re.sub(_translate_pattern(pattern), lambda _: after, value, count=0 if operation[:2] == "//" else 1)
    if operation[0] in "#%":
        return _trim_pattern(value, operation.lstrip(operation[0]), operation[0] == "#")
    return None


def _translate_pattern(pattern: str) -> str:
    """Translate a bounded shell pattern to a regular expression."""
    return translate(pattern[:60].replace("\\", "")).removesuffix(r"\Z").removesuffix(r"\z") if pattern else r"(?!)"


def _trim_pattern(value: str, pattern: str, in_front: bool) -> str:
    # Try each prefix or suffix in turn: translated patterns have no shortest match of their own.
    longest = min(len(value), 500)
    for size in range(1, longest + 1):
        piece = value[:size] if in_front else value[-size:]
        if re.fullmatch(_translate_pattern(pattern), piece):
            return value[size:] if in_front else value[:-size]
    return value


def assign_array(name: str, words: Iterable[str]) -> dict[str, str]:
    """Return the variables that ``name=(words…)`` sets: one for each item, and ``name[@]`` for all of them."""
    found: dict[str, str] = {}
    values: list[str] = []
    for number, word in enumerate(words):
        if number >= _MAX_ITEMS:
            break
        entry = _ENTRY.fullmatch(word)
        found[f"{name}[{entry[1] if entry else number}]"] = value = entry[2] if entry else word
        values.append(value)
    found[f"{name}[@]"] = " ".join(values)[:_MAX_VALUE_LENGTH]
    found[name] = values[0] if values else ""
    return found


def expand_braces(raw: str) -> list[str] | None:
    """Return the words that an unquoted ``{a,b}`` expands to, or ``None`` for any other word."""
    match = _BRACES.fullmatch(raw) if "$" not in raw and "'" not in raw and '"' not in raw else None
    return [f"{match[1]}{each}{match[3]}" for each in match[2].split(",")] if match else None


def resolve_printed_name(inner: str) -> str | None:
    """Return the program that ``$(which curl)``, ``$(command -v sh)`` or ``$(echo curl)`` prints, or ``None``."""
    match = _PROGRAM.fullmatch(inner)
    return match[1] if match else None
