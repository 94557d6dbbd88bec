"""Find what gin calls because of a configuration: ``@subprocess.getoutput()`` and the other files that it includes.

With ``from __gin__ import dynamic_registration`` a name is that of any module which the file imports. Without it, gin
looks the last parts of a name up among the functions that programs registered, so that only the name of a function that
runs code counts.

Source: ``gin/config.py`` and ``gin/config_parser.py`` of gin-config 0.5.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.languages.configurations.python_names import (
    FORMAT,
    build_outlines,
    is_code_running_name,
    make_python_mention,
)
from modelaudit.languages.settings import Setting
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind
from modelaudit.wire.base import Head, Reader, Reading
from modelaudit.wire.bounds import build_references
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.text import decode_loosely, get_file_name, looks_like_text

_MOST_CHARACTERS: Final = 2 * MIB
_MOST_INCLUDES: Final = 1_000
_IMPORT: Final = defer_pattern(
    r"[ \t]*(?:from[ \t]+(?P<package>[\w.]{1,200})[ \t]+)?import[ \t]+(?P<name>[\w.]{1,200})"
    r"(?:[ \t]+as[ \t]+(?P<alias>\w{1,100}))?[ \t]*(?:#.*)?"
)
_INCLUDE: Final = defer_pattern(r"[ \t]*include[ \t]+[\"'](?P<path>[^\"'\n]{1,1000})[\"']")
# A reference with its scopes, outside of a text: ``@train/subprocess.run()``.
_REFERENCE: Final = defer_pattern(
    r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#.*|@(?:[\w.]{1,200}/){0,9}(?P<name>[\w.]{1,200})"
)
_DYNAMIC: Final = "__gin__"


def _recognises(head: Head) -> bool:
    """Whether this is a text with the extension of gin, or one that asks gin to resolve names by imports."""
    is_named = get_file_name(head.path).endswith(".gin") or b"from __gin__" in head.data
    return is_named and looks_like_text(head)


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the functions that gin calls or stores, and references to the files that it includes.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    data = window.read(0, min(window.size, _MOST_CHARACTERS, limits.document_bytes))
    lines = decode_loosely(data).splitlines()
    modules: dict[str, str] = {}
    includes: list[Reference] = []
    for number, line in iterate_within_deadline(enumerate(lines, 1), items_per_check=256):
        if imported := _IMPORT.fullmatch(line):
            whole = ".".join(filter(None, (imported["package"], imported["name"])))
            is_whole = imported["package"] is None and imported["alias"] is None
            held = imported["alias"] or (whole.partition(".")[0] if is_whole else imported["name"])
            modules[held] = held if is_whole else whole
        elif included := _INCLUDE.match(line):
            where = Setting(("include",), None, number).where
            includes.append(Reference(ReferenceKind.DATA, included["path"], "include", where=where))
    yield from build_outlines(_collect_calls(lines, modules))
    yield from build_references(FORMAT, includes, _MOST_INCLUDES)


def _collect_calls(lines: list[str], modules: dict[str, str]) -> Iterator[Mention]:
    """Yield each referred function under the name that the imports of the file give it."""
    is_dynamic = any(whole.startswith(_DYNAMIC) for whole in modules.values())
    for number, line in iterate_within_deadline(enumerate(lines, 1), items_per_check=256):
        for reference in _REFERENCE.finditer(line) if "@" in line else ():
            first, dot, rest = (reference["name"] or "").partition(".")
            whole = f"{modules.get(first, first)}{dot}{rest}"
            is_own = first == "__main__"
            if not is_own and ((is_dynamic and first in modules) or is_code_running_name(whole)):
                yield make_python_mention("target", whole, Setting((first,), None, number))


GIN_FILES: Final = Reader("text", _recognises, _read)
"""Searches texts, in addition to the reader of their format; therefore it is not one of ``READERS``."""
