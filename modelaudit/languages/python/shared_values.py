"""Values that one file of a model defines and another imports: texts that name something, and modules.

``helper.py`` has ``NAME = "system"``, and ``model.py`` has ``from .helper import NAME`` and ``getattr(os, NAME)``.
Neither file shows the call alone. The second file is analysed again, with the values of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from modelaudit.languages.python import name_resolution, uses
from modelaudit.languages.python.name_tables import COMMAND_METHODS, COMMANDS, EVALUATORS, IMPORTERS, WELL_KNOWN_MODULES
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import (
    Constant,
    Container,
    ExternalName,
    Unknown,
    Value,
    collect_tags,
    list_alternatives,
)
from modelaudit.model.lazy_pattern import defer_pattern

_LAST_NAMES: Final = frozenset(name.rpartition(".")[2] for name in (*COMMANDS, *EVALUATORS, *IMPORTERS))
_NAMES: Final = _LAST_NAMES | COMMAND_METHODS | frozenset(WELL_KNOWN_MODULES) | {"load", "loads", "runctx", "timeit"}
_DOTTED_NAME: Final = defer_pattern(r"[A-Za-z_]\w{0,40}(?:\.[A-Za-z_]\w{0,40}){1,5}")
_MOST_TEXTS: Final = 64
SIBLING_TAG: Final = "sibling:"
"""Begins the tag of a value that comes from another file of the model, before its name in this one."""

SharedValues = Mapping[tuple[str, str], Value]
"""The values that a source can import, by the last part of the name of the file and the name in it."""


def record_texts(scope: Scope, log: UseLog) -> None:
    """Record the texts of a module that may name a module or a function."""
    texts = (
        (name, each.value)
        for name, value in scope.names.items()
        for each in list_alternatives(value)
        if isinstance(each, Constant) and isinstance(each.value, str)
    )
    count = 0
    for name, text in texts:
        if count < _MOST_TEXTS and (text in _NAMES or _DOTTED_NAME.fullmatch(text)):
            log.record(uses.NAMED_TEXT, f"{name}={text}", 1)
            count += 1


def make_secret() -> Value:
    """Return the value of a name that holds a secret; a call of it returns one too."""
    return Unknown(frozenset({"secret"}))


def make_text(text: str) -> Value:
    """Return the value of a name that holds a text."""
    return Constant(text)


def make_module(module: str) -> Value:
    """Return the value of a name that holds a module."""
    return name_resolution.normalize_name(module)


def list_imported(shared: SharedValues, module: str, name: str) -> Iterator[tuple[str, Value]]:
    """Yield the shared values that ``from module import name`` binds, with their names; all of them for ``*``."""
    file = module.rpartition(".")[2]
    for (holder, held), value in shared.items():
        if holder == file and name in (held, "*"):
            yield held, value


def may_be_imported(value: Value, depth: int = 3) -> bool:
    """Whether a value may be, or hold, a text that the source imports from another file of the model."""
    if isinstance(value, Container) and depth:
        return any(may_be_imported(each, depth - 1) for each in value.values)
    alternatives = list_alternatives(value)
    is_name = any(isinstance(each, ExternalName) and not each.name.startswith("builtins.") for each in alternatives)
    return is_name or any(each.startswith(SIBLING_TAG) for each in collect_tags(value))


def find_member(shared: SharedValues, base: Value, name: str) -> Value | None:
    """Return the value of ``base.name`` if ``base`` may be another file of the model, as after ``import helper``.

    Returns:
        The shared value. Without one, a member of another file may be a file itself, as in ``package.helper.NAME``, and
        its value keeps the name as a tag. ``None`` for any other base.
    """
    if isinstance(base, ExternalName) and not base.is_result:
        return shared.get((base.name.rpartition(".")[2], name))
    if not isinstance(base, Unknown):
        return None
    holders = [tag.removeprefix(SIBLING_TAG) for tag in sorted(base.tags) if tag.startswith(SIBLING_TAG)]
    found = next((shared[holder, name] for holder in holders if (holder, name) in shared), None)
    if found is None and any(holder == name for holder, _ in shared):
        return Unknown(base.tags | {f"{SIBLING_TAG}{name}"}) if holders else None
    return found
