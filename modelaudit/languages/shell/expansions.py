"""Expand shell variables and braces to constants: ``${x:2:4}``, ``${x/a/b}``, ``${a[0]}``, ``{a,b}``.

Obfuscated scripts build program names from such pieces, and from the escapes of quoted and printed text, which are
decoded here too. An expansion of an unknown value stays unresolved.

Sources: POSIX.1-2024, 2.6.2; "Shell Parameter Expansion", "Arrays" and "Brace Expansion" of the manual of bash.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

# The inside of ``${name}``: ``!`` for an indirect name, the name, an index such as ``[0]``, and an operation.
_NAME: Final = defer_pattern(r"(!?)([A-Za-z_]\w{0,99})(\[[^\]]{1,100}\])?(.*)", re.DOTALL)
# ``:start`` or ``:start:length``.
_SUBSTRING: Final = defer_pattern(r":\s*(-?\d{1,5})(?::\s*(-?\d{1,5}))?")
# ``front{a,b}back``.
_BRACES: Final = defer_pattern(r"([^{}\s]*+)\{([^{}\s,]*+,[^{}\s]*+)\}([^{}\s]*+)")
# ``[index]=value`` among the words of an array.
_ENTRY: Final = defer_pattern(r"\[([^\]]{1,100})\]=(.*)", re.DOTALL)
# ``which curl``, ``command -v curl`` or ``echo -n curl``.
_PROGRAM: Final = defer_pattern(
    r"\s*(?:(?:which|command\s+-v|type\s+-[pP])\s+|(?:echo|printf)\s+(?:-n\s+)?)[\"']?([\w./-]{1,200})[\"']?\s*"
)
_MAX_VALUE_LENGTH: Final = 4096
CUT_MARK: Final = "\ue001"
"""Ends the value of a variable that was cut: a text of commands that has it is not known to its end."""
_MAX_AFFIX: Final = 500

COMMAND_VARIABLES: Final = frozenset(
    {"PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "LESSOPEN", "SUDO_ASKPASS",
     "SSH_ASKPASS", "GIT_ASKPASS", "BROWSER", "VISUAL", "EDITOR"}
)  # fmt: skip
"""Variables whose value a shell or another program executes as a command."""

PROMPT_VARIABLES: Final = frozenset({"PS0", "PS1", "PS2", "PS4", "PROMPT", "RPROMPT"})
"""Variables in whose values a shell runs substitutions: PS4 before each command behind ``set -x``."""

# A subscript with a command, which arithmetic, ``${!name}`` and ``test -v`` run: ``a[$(command)]``.
_SUBSCRIPT_WITH_COMMAND: Final = defer_pattern(r"\[[^\]\n]{0,200}?(?:\$\((?!…\))|`)")
_COMMAND_IN_CONSTANT: Final = defer_pattern(r"\$\((?!…\))|`")

POSITIONAL_PARAMETERS: Final = ("@", "1", "2", "3", "4", "5", "6", "7", "8", "9")
"""The names of the arguments of a script or function."""

Variables = Mapping[str, str]
# ``\x41``, ``\u0041``, ``\U00000041``, ``\101`` or a letter such as ``\n``.
_ANSI_ESCAPE: Final = defer_pattern(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_ANSI_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
# ``\x41``, ``\101``, ``\0101`` or a letter such as ``\n``.
_PRINTED_ESCAPE: Final = defer_pattern(r"\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|([ntr\\]))")
_PRINTED_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


def has_evaluated_command(value: str, variable: str = "") -> bool:
    """Whether bash may run a substitution in a constant: in a prompt, or in a subscript that arithmetic evaluates.

    Args:
        value: the constant, without quotes.
        variable: the name of the variable that has it; empty for an argument.
    """
    is_prompt = variable in PROMPT_VARIABLES and _COMMAND_IN_CONSTANT.search(value) is not None
    return is_prompt or _SUBSCRIPT_WITH_COMMAND.search(value) is not None


def expand_variable(inner: str, variables: Variables) -> str | None:
    """Return the value of ``${inner}``, or ``None`` if it is unknown."""
    if inner in ("@", "*"):
        return variables.get("@", "")  # empty, as in a script that is called without arguments
    match = _NAME.fullmatch(inner)
    if match is None:
        return None
    value = variables.get(match[2] + _resolve_index(match[3], variables))
    if match[1] and value is not None:  # ``${!name}`` is the value of the variable that ``name`` names
        value = variables.get(value)
    if value is None:
        return None
    return _apply_operation(value, match[4])


def _resolve_index(index: str | None, variables: Variables) -> str:
    """Return the index ``[0]``, ``["name"]``, ``[$variable]`` or ``[*]`` with a constant key; empty for ``None``."""
    if index is None:
        return ""
    key = index[1:-1].strip("\"'")
    if key.startswith("$"):
        key = variables.get(key.lstrip("$"), key)
    elif key == "*":
        key = "@"
    return f"[{key}]"


def _apply_operation(value: str, operation: str) -> str | None:
    """Apply the operation behind a variable name: substring, pattern removal, replacement or change of case.

    Returns:
        The result; ``None`` for an operation that is not modelled.
    """
    # Defaults and error messages do not matter, since the value is known. ``@Q`` and the like quote; the reader of
    # words runs the substitutions that ``@P`` does.
    if operation[:2] in ("", ":-", ":=", ":?") or operation[:1] in ("-", "=", "?", "@"):
        return value
    substring = _SUBSTRING.fullmatch(operation)
    if substring is not None:
        start = int(substring[1])
        suffix = value[max(start, -len(value)) :]
        return suffix if substring[2] is None else suffix[: int(substring[2])]
    change_case = {",": str.lower, "^": str.upper}.get(operation[0])
    if change_case is not None:
        is_whole_value = operation[:2] in (",,", "^^")
        return change_case(value) if is_whole_value else change_case(value[:1]) + value[1:]
    if operation[0] == "/":  # ``/pattern/replacement``, or ``//pattern/replacement`` for all matches
        pattern, _, replacement = operation.lstrip("/").partition("/")
        return re.sub(
            _translate_pattern(pattern), lambda _: replacement, value, count=0 if operation[:2] == "//" else 1
        )
    if operation[0] in "#%":
        is_longest = operation[:2] in ("##", "%%")
        pattern = operation[2:] if is_longest else operation[1:]
        return _trim_pattern(value, pattern, operation[0] == "#", is_longest)
    return None


def _translate_pattern(pattern: str) -> str:
    """Translate the first 60 characters of a shell pattern to a regular expression that may match anywhere.

    An empty pattern matches nothing.
    """
    if not pattern:
        return r"(?!)"
    # ``translate`` ends its pattern with the mark of the end: ``\Z``, since Python 3.14 ``\z``.
    return translate(pattern[:60].replace("\\", "")).removesuffix(r"\Z").removesuffix(r"\z")


def _trim_pattern(value: str, pattern: str, is_prefix: bool, is_longest: bool) -> str:
    """Remove the prefix, or suffix, of at most 500 characters that the shell pattern matches.

    Args:
        value: the text.
        pattern: the shell pattern.
        is_prefix: whether a prefix is removed (``#``), and not a suffix (``%``).
        is_longest: whether the longest such prefix or suffix is removed (``##``, ``%%``), and not the shortest.
    """
    # Try each prefix or suffix in turn: translated patterns have no shortest match of their own.
    sizes = range(1, min(len(value), _MAX_AFFIX) + 1)
    for size in reversed(sizes) if is_longest else sizes:
        affix = value[:size] if is_prefix else value[-size:]
        if re.fullmatch(_translate_pattern(pattern), affix):
            return value[size:] if is_prefix else value[:-size]
    return value


def cut_value(value: str) -> str:
    """Return the value that a variable keeps: all of it, or its first characters and ``CUT_MARK``."""
    return value if len(value) <= _MAX_VALUE_LENGTH else value[:_MAX_VALUE_LENGTH] + CUT_MARK


def assign_array(name: str, words: Iterable[str]) -> dict[str, str]:
    """Return the variables that ``name=(words…)`` sets: one for each item, and ``name[@]`` for all of them."""
    variables: dict[str, str] = {}
    values: list[str] = []
    for number, word in enumerate(words):
        entry = _ENTRY.fullmatch(word)
        index, value = (entry[1], entry[2]) if entry else (str(number), word)
        variables[f"{name}[{index}]"] = value
        values.append(value)
    variables[f"{name}[@]"] = cut_value(" ".join(values))
    variables[name] = values[0] if values else ""
    return variables


def assign_positional_parameters(words: list[str]) -> dict[str, str]:
    """Return the variables that ``set -- words…`` or the call of a function sets: ``$@`` and ``$1`` to ``$9``."""
    joined_words = cut_value(" ".join(words))
    numbered = {str(number): cut_value(word) for number, word in enumerate(words[:9], 1)}
    return {"@": joined_words, **numbered}


def expand_braces(raw: str) -> list[str] | None:
    """Return the words that an unquoted ``{a,b}`` expands to, or ``None`` for any other word."""
    if "$" in raw or "'" in raw or '"' in raw:
        return None
    match = _BRACES.fullmatch(raw)
    return [f"{match[1]}{each}{match[3]}" for each in match[2].split(",")] if match else None


def resolve_printed_name(inner: str) -> str | None:
    """Return the program that ``$(inner)`` prints, as ``$(which curl)`` or ``$(echo curl)`` do, or ``None``."""
    match = _PROGRAM.fullmatch(inner)
    return match[1] if match else None


def split_expanded_word(word: str, raw: str, variables: Variables, is_program: bool) -> list[str]:
    """Split one expanded word: at braces, and at spaces if an unquoted variable gave several words.

    Args:
        word: expanded and without quotes.
        raw: as it is written.
        variables: known constants by name; ``IFS`` is among them if the script sets it.
        is_program: whether no word of the command precedes this one.
    """
    brace_words = expand_braces(raw)
    if brace_words is not None:
        return brace_words
    # Quotes keep a value as one word, except the values of an array or of the positional parameters.
    is_quoted = raw[0] in "\"'" and '[@]}"' not in raw and raw != '"$@"'
    if "$" not in raw or is_quoted:
        return [word]
    if not word and is_program:
        return []  # an empty expansion in front of the program is not a word: ``$empty curl``
    # Scripts set IFS to split an obfuscated word: ``IFS=,; a=curl,-s; $a``.
    separators = variables.get("IFS")
    if separators:
        word = re.sub(f"[{re.escape(separators)}]", " ", word)
    return word.split() if " " in word else [word]


def decode_ansi_text(text: str) -> str:
    """Return the value of ``$'text'``."""
    return _ANSI_ESCAPE.sub(_decode_ansi_escape, text)


def decode_printed_text(text: str) -> str:
    """Return ``text`` as ``echo -e`` or ``printf`` prints it."""
    return _PRINTED_ESCAPE.sub(_decode_printed_escape, text) if "\\" in text else text


def _decode_ansi_escape(match: re.Match[str]) -> str:
    """Return the character of one escape in ``$'…'``; of an unknown escape, the character without its backslash."""
    byte, short_code, long_code, octal, letter = match.groups()
    if byte:
        return chr(int(byte, 16))
    if short_code:
        return chr(int(short_code, 16))
    if long_code:
        return chr(min(int(long_code, 16), sys.maxunicode))
    if octal:
        return chr(int(octal, 8) & 0xFF)  # three octal digits can exceed a byte; bash keeps the low bits
    return _ANSI_LETTERS.get(letter, letter)


def _decode_printed_escape(match: re.Match[str]) -> str:
    """Return the character of one escape in a text that ``echo -e`` or ``printf`` prints."""
    byte, octal, letter = match.groups()
    if byte:
        return chr(int(byte, 16))
    return chr(int(octal, 8) & 0xFF) if octal else _PRINTED_LETTERS[letter]
