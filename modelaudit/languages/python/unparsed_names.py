"""Scan source that does not parse for names: it may be Python 2, a later Python, or damaged on purpose.

A loader with another Python may parse what this one cannot, so that such text is never skipped. The scan finds imports
and dotted names by patterns, and records each as referred to or called; it follows no values.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.python import attack_texts, name_resolution, uses
from modelaudit.languages.python.name_tables import BUILTINS
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import ExternalName, Scope
from modelaudit.wire.deadline import iterate_within_deadline

_LITERAL: Final = re.compile(
    r"""\"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:\"{3}|\\?\Z)|'{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3}|\\?\Z)"""
    r"""|"(?:[^"\\\n]++|\\.)*+(?:"|(?=\n)|\\?\Z)|'(?:[^'\\\n]++|\\.)*+(?:'|(?=\n)|\\?\Z)|\#[^\n]*+""",
    re.DOTALL,
)
_IMPORT: Final = re.compile(r"\bimport[ \t]++([\w.]++)(?:[ \t]++as[ \t]++(\w++))?")
_FROM: Final = re.compile(r"\bfrom[ \t]++([\w.]++)[ \t]++import[ \t(]++([^\n#)]{1,2000}+)")
_ALIAS: Final = re.compile(r"([\w*]++)(?:[ \t]++as[ \t]++(\w++))?")
_DOTTED: Final = re.compile(r"(?<![\w.])([A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)*+)[ \t]*+(\()?")
_EXEC_STATEMENT: Final = re.compile(r"(?m)^[ \t]*exec[ \t]++[\"'\w]")
_MAX_MATCHES: Final = 2_000_000


def scan_names(text: str, line: int, scope: Scope, log: UseLog) -> None:
    """Record the dotted names of ``text``, and the texts in it that show an attack.

    ``line`` is the line of its first character, from 1. Imports that are found bind their names in ``scope``.
    """
    at, counted = line, 0
    for count, literal in enumerate(iterate_within_deadline(_LITERAL.finditer(text))):
        if count >= _MAX_MATCHES:
            break
        at += text.count("\n", counted, literal.start())
        counted = literal.start()
        for name, shown in attack_texts.find_attack_texts(literal[0]):
            log.record(uses.TEXT, name, at, shown)
    if _EXEC_STATEMENT.search(text):
        log.record(uses.CALL, "builtins.exec", line, "as a statement of Python 2")
    # Texts and comments go, line breaks stay: names in them are no names of the code.
    bare = _LITERAL.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, row in iterate_within_deadline(enumerate(bare.split("\n")[:_MAX_MATCHES], line)):
        _scan_imports(row, number, scope, log)
        for match in _DOTTED.finditer(row):
            _record_dotted_name(match[1], bool(match[2]), number, scope, log)


def _scan_imports(row: str, line: int, scope: Scope, log: UseLog) -> None:
    taken = _FROM.search(row)
    if taken is None:
        for match in _IMPORT.finditer(row):
            log.record(uses.IMPORT, match[1], line)
            whole = match[1] if match[2] else match[1].partition(".")[0]
            scope.bind(match[2] or whole, name_resolution.normalize_name(whole))
        return
    log.record(uses.IMPORT, taken[1], line)
    for match in _ALIAS.finditer(taken[2]):
        scope.bind(match[2] or match[1], name_resolution.normalize_name(f"{taken[1]}.{match[1]}"))


def _record_dotted_name(name: str, is_called: bool, line: int, scope: Scope, log: UseLog) -> None:
    first, _, rest = name.partition(".")
    found = scope.look_up(first)
    if found is None and first in BUILTINS and not rest:
        found = ExternalName(f"builtins.{first}")
    if not isinstance(found, ExternalName):
        return
    whole = name_resolution.normalize_name(f"{found.name}.{rest}" if rest else found.name)
    if rest or is_called or "." in whole.name:
        log.record(uses.CALL if is_called else uses.REFERENCE, whole.name, line)
