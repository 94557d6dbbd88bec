"""Scan source that does not parse for names: it may be Python 2, a later Python, or damaged on purpose.

A loader with another Python may parse what this one cannot, so that such text is never skipped. The scan finds imports
and dotted names by patterns, and records each as referred to or called; it follows no values.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from modelaudit.languages.python import attack_texts, name_resolution, uses
from modelaudit.languages.python.name_tables import BUILTINS
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import ExternalName
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import iterate_within_deadline

# A string with three quotes or with one, or a comment. One that is never closed runs to the end of its line, or of the
# text if it has three quotes.
_LITERAL: Final = defer_pattern(
    r"""\"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:\"{3}|\\?\Z)|'{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3}|\\?\Z)"""
    r"""|"(?:[^"\\\n]++|\\.)*+(?:"|(?=\n)|\\?\Z)|'(?:[^'\\\n]++|\\.)*+(?:'|(?=\n)|\\?\Z)|\#[^\n]*+""",
    re.DOTALL,
)
# ``import a.b as c, d``, with all that follows the keyword as one group.
_IMPORT: Final = defer_pattern(
    r"\bimport[ \t]++([\w.]++(?:[ \t]++as[ \t]++\w++)?+(?:[ \t]*+,[ \t]*+[\w.]++(?:[ \t]++as[ \t]++\w++)?+)*+)"
)
# ``from a.b import c, d as e``, with the module and all that follows ``import`` as groups.
_FROM: Final = defer_pattern(r"\bfrom[ \t]++([\w.]++)[ \t]++import[ \t(]++([^\n#);]{1,2000}+)")
# One name of either, such as ``d as e``, with ``d`` and ``e`` as groups.
_ALIAS: Final = defer_pattern(r"([\w.*]++)(?:[ \t]++as[ \t]++(\w++))?")
# An import over several lines, in brackets or with a backslash at the end of each.
_IMPORT_OF_LINES: Final = defer_pattern(
    r"\bfrom[ \t]++[\w.]++[ \t]++import[ \t]*+\([^()]{0,2000}+|\b(?:from|import)\b[^\n\\]*+(?:\\\n[^\n\\]*+)++"
)
_LINE_BREAK: Final = defer_pattern(r"\\?\n")
# ``a.b.c(``, with the dotted name and, if it follows, the bracket as groups.
_DOTTED: Final = defer_pattern(r"(?<![\w.])([A-Za-z_]\w*+(?:\.[A-Za-z_]\w*+)*+)[ \t]*+(\()?")
_EXEC_STATEMENT: Final = defer_pattern(r"(?m)^[ \t\f]*exec[ \t]++[\"'\w]")
# The letters before the quotes of an f-string, and the parts of it that are not kept.
_F_STRING_PREFIX: Final = defer_pattern(r"(?<!\w)(?:[fF][rR]?|[rR][fF])\Z")
_LONGEST_PREFIX: Final = 3  # two letters, and the character before them
_QUOTES: Final = defer_pattern(r"[\"'#\\{}]")
_NAMED_LINE: Final = defer_pattern(r"(?m)^[^A-Za-z_\n]*+[A-Za-z_][^\n]*+")
_MAX_MATCHES: Final = 2_000_000


def scan_names(text: str, line: int, scope: Scope, log: UseLog) -> None:
    """Record the dotted names of ``text``, and the texts in it that show an attack.

    ``line`` is the line of its first character, from 1. Imports that are found bind their names in ``scope``.
    """
    literal_line, counted_end = line, 0
    for count, literal in enumerate(iterate_within_deadline(_LITERAL.finditer(text))):
        if count >= _MAX_MATCHES:
            break
        literal_line += text.count("\n", counted_end, literal.start())
        counted_end = literal.start()
        for name, matched in attack_texts.find_attack_texts(literal[0]):
            log.record(uses.TEXT, name, literal_line, matched)
    if _EXEC_STATEMENT.search(text):
        log.record(uses.CALL, "builtins.exec", line, "as a statement of Python 2")
    code = _IMPORT_OF_LINES.sub(_join_lines, _LITERAL.sub(_keep_code, text))
    line_number, counted_end = line, 0
    # One line at a time: in a list, each line would take 60 bytes even if it is short.
    for code_line in iterate_within_deadline(islice(_NAMED_LINE.finditer(code), _MAX_MATCHES)):
        line_number += code.count("\n", counted_end, code_line.start())
        counted_end = code_line.start()
        _scan_imports(code_line[0], line_number, scope, log)
        for dotted in _DOTTED.finditer(code_line[0]):
            _record_dotted_name(dotted[1], bool(dotted[2]), line_number, scope, log)


def _keep_code(literal: re.Match[str]) -> str:
    """Return what takes the place of a text or comment in the code: an f-string with fields stays, without its quotes.

    Names in other texts and in comments are not names of the code, so that only their line breaks stay. With these the
    lines keep their numbers.
    """
    has_fields = "{" in literal[0] and literal[0][0] != "#"
    start = literal.start()
    if has_fields and _F_STRING_PREFIX.search(literal.string, max(0, start - _LONGEST_PREFIX), start):
        return _QUOTES.sub(" ", literal[0])
    return "\n" * literal[0].count("\n")


def _join_lines(statement: re.Match[str]) -> str:
    """Return a statement of several lines as one line, and as many line breaks behind it, to keep the line numbers."""
    return _LINE_BREAK.sub(" ", statement[0]) + "\n" * statement[0].count("\n")


def _scan_imports(code_line: str, line: int, scope: Scope, log: UseLog) -> None:
    """Record and bind what one line imports; ``line`` is its number in the file, from 1."""
    for from_import in _FROM.finditer(code_line):
        log.record(uses.IMPORT, from_import[1], line)
        for alias in _ALIAS.finditer(from_import[2]):
            scope.bind(alias[2] or alias[1], name_resolution.normalize_name(f"{from_import[1]}.{alias[1]}"))
    # ``_IMPORT`` would match the second half of ``from a import b`` as well.
    for plain_import in _IMPORT.finditer(_FROM.sub("", code_line)):
        for alias in _ALIAS.finditer(plain_import[1]):
            log.record(uses.IMPORT, alias[1], line)
            # ``import a.b`` binds ``a``, and ``import a.b as c`` binds the module itself.
            bound = alias[1] if alias[2] else alias[1].partition(".")[0]
            scope.bind(alias[2] or bound, name_resolution.normalize_name(bound))


def _record_dotted_name(name: str, is_called: bool, line: int, scope: Scope, log: UseLog) -> None:
    """Record a dotted name as called or referred to, if its first part is an import or a builtin."""
    root, _, attributes = name.partition(".")
    value = scope.look_up(root)
    if value is None and root in BUILTINS and not attributes:
        value = ExternalName(f"builtins.{root}")
    if not isinstance(value, ExternalName):
        return
    full_name = name_resolution.normalize_name(f"{value.name}.{attributes}" if attributes else value.name)
    # A module by itself, as in ``x = os``, is not a use of a name in it.
    if attributes or is_called or "." in full_name.name:
        log.record(uses.CALL if is_called else uses.REFERENCE, full_name.name, line)
