"""Write texts and paths of which only parts are known, with ``…`` for each part that is not.

``Path.home() / ".ssh" / name`` is ``~/.ssh/…``, and ``"https://a.example/?" + token`` is ``https://a.example/?…``. Such
a text is compared with patterns, and never used as a constant: a name is not looked up by it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Alternatives, Constant, Container, ExternalName, Unknown, Value

UNKNOWN_PART: Final = "…"
_MAX_TEXT: Final = 600
_HOME: Final = "~"
# Variables that hold the home folder, or a folder in it.
_HOME_VARIABLES: Final = {"HOME": _HOME, "USERPROFILE": _HOME, "HOMEPATH": _HOME, "XDG_CONFIG_HOME": "~/.config",
                          "APPDATA": "~/AppData/Roaming"}  # fmt: skip
_ENVIRONMENT_READERS: Final = frozenset({"os.getenv", "os.environ.get", "os.environ.__getitem__"})
# Functions that return the text or path that they are given, or another form of it.
_PRESERVING_FUNCTIONS: Final = frozenset(
    {"builtins.str", "os.fspath", "os.fsdecode", "os.path.expanduser", "os.path.expandvars", "os.path.abspath",
     "os.path.realpath", "os.path.normpath"}
)  # fmt: skip
_PRESERVING_METHODS: Final = frozenset(
    {"expanduser", "resolve", "absolute", "as_posix", "strip", "rstrip", "lstrip", "lower", "__str__", "__fspath__"}
)
_JOINING_FUNCTIONS: Final = frozenset(
    {"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"}
)
_PERCENT_FIELD: Final = re.compile(r"%[-+ #0-9.]{0,9}[a-zA-Z]")
_BRACE_FIELD: Final = re.compile(r"\{[^{}]{0,99}\}")


def write_text(value: Value) -> str:
    """Return the text of a value, as far as it is known."""
    if isinstance(value, Constant):
        return value.value[:_MAX_TEXT] if isinstance(value.value, str) else UNKNOWN_PART
    if isinstance(value, Alternatives):
        return next((text for each in value.values if (text := write_text(each)) != UNKNOWN_PART), UNKNOWN_PART)
    if isinstance(value, ExternalName) and value.name in ("os.sep", "os.path.sep"):
        return "/"
    return (value.text if isinstance(value, Unknown | ExternalName) else "") or UNKNOWN_PART


def join_parts(parts: Sequence[Value], separator: str = "") -> str:
    """Return the joined text of parts; empty if nothing of it is known."""
    texts = [write_text(each) for each in parts]
    if all(text == UNKNOWN_PART for text in texts):
        return ""
    return separator.join(texts)[:_MAX_TEXT]


def fill_template(template: Value, fields: Sequence[Value], is_percent: bool) -> str:
    """Return a template with the texts of its fields in their order; empty if the template is not a text."""
    if not isinstance(template, Constant) or not isinstance(template.value, str):
        return ""
    texts = iter([write_text(each) for each in fields])
    pattern = _PERCENT_FIELD if is_percent else _BRACE_FIELD
    # Fields by number or name are taken in their order too: most templates use them so.
    return pattern.sub(lambda _: next(texts, UNKNOWN_PART), template.value[:_MAX_TEXT])[:_MAX_TEXT]


def list_fields(value: Value) -> Sequence[Value]:
    """Return the values that ``template % value`` puts into its fields."""
    return value.values if isinstance(value, Container) and not value.keys else (value,)


def join_list(separator: Constant, args: Sequence[Value]) -> str:
    """Return the text of ``separator.join(parts)``; empty if the parts are not listed."""
    parts = args[0] if len(args) == 1 else None
    if not isinstance(parts, Container) or parts.keys or not isinstance(separator.value, str):
        return ""
    return join_parts(parts.values, separator.value[:_MAX_TEXT])


def join_path(left: Value, right: Value) -> str:
    """Return the text of the path ``left / right``; empty if neither side is known, or the sides are numbers."""
    is_path = isinstance(right, Constant) and isinstance(right.value, str)
    has_text = isinstance(left, Unknown | ExternalName) and bool(left.text)
    return join_parts((left, right), "/") if is_path or has_text else ""


def describe_result(call: Call) -> str:
    """Return what is known of the text or path that a call of a library function returns; empty if nothing is."""
    method = call.name.rpartition(".")[2]
    if call.name == "pathlib.Path.home":
        return _HOME
    if call.name in _ENVIRONMENT_READERS and call.args:
        return describe_variable(write_text(call.args[0]))
    if call.name in _JOINING_FUNCTIONS:
        return join_parts(call.args, "/")
    if call.text and method == "joinpath":
        return "/".join((call.text, *map(write_text, call.args)))[:_MAX_TEXT]
    if call.text and method in _PRESERVING_METHODS:
        return call.text
    return join_parts(call.args[:1]) if call.name in _PRESERVING_FUNCTIONS else ""


def describe_variable(name: str) -> str:
    """Return what is known of the value of an environment variable; empty for most."""
    return _HOME_VARIABLES.get(name, "")
