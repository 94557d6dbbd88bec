"""Analyse one Python source: parse it, evaluate it, and list its uses of names and the parts not evaluated.

A source that parses is evaluated twice. The first pass collects the values of attributes and the results and arguments
of functions, wherever in the file they occur. The second pass knows all of them, and only its log counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python import uses, walks
from modelaudit.languages.python.assigned_values import AssignedValues
from modelaudit.languages.python.budget import limit_steps
from modelaudit.languages.python.document_values import ReadFile
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.shared_flows import record_secrets
from modelaudit.languages.python.shared_values import SharedValues, record_texts
from modelaudit.languages.python.source import SourcePiece, fits_at_once, split_source
from modelaudit.languages.python.unparsed_names import scan_names
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.wire.base import LimitReachedError

_MAX_FAULTS: Final = 20
_NAME: Final = defer_pattern(r"[^\W\d]\w*")
# Most sources that take steps by computed names have one of these. In the others, a first pass finds the first step.
_LOOK_UP: Final = defer_pattern(r"getattr|attrgetter|getmembers|get_field|vars\(|__dict__")
_MAX_IMPORTS: Final = 30


class SourceAnalysis(Struct):
    """The uses of names in one source, and the parts that could not be evaluated.

    Attributes:
        facts: pairs of a name and a text that a report shows.
        relative_imports: the line of each relative import, by level and module.
        damage: lines from 1 that do not parse, each with the reason; their names were scanned instead.
        bounds: lines from 1 where a bound was reached, each with the bound.
    """

    mentions: tuple[Mention, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    relative_imports: dict[tuple[int, str], int] = field(default_factory=dict)
    damage: list[tuple[int, str]] = field(default_factory=list)
    bounds: list[tuple[int, str]] = field(default_factory=list)


def analyze_source(
    text: str,
    encoding: str = "",
    is_imported: bool = True,
    shared: SharedValues = MappingProxyType({}),
    read_file: ReadFile | None = None,
    trusts_tables: bool = True,
    opened: frozenset[str] = frozenset(),
) -> SourceAnalysis:
    """Analyse one source.

    Args:
        text: the decoded source.
        encoding: the name of an encoding that hides what the bytes show, such as UTF-7; it is recorded as hidden.
        is_imported: whether something imports the source. If not, no call is one at import.
        shared: values that the source can import from other files of the model.
        read_file: reads a document of the model by the path that the source writes.
        opened: the names that other files of the model bind again; ``*`` stands for any.
        trusts_tables: whether no other file changes a table of names that an unpickler of the source looks up.
    """
    analysis = SourceAnalysis()
    evaluator = Evaluator(limit_steps(text), shared=shared, read_file=read_file, trusts_tables=trusts_tables)
    evaluator.changes.opened = evaluator.lookups.opened = opened
    try:
        evaluator = _evaluate_source(text, evaluator, analysis)
    except LimitReachedError as error:
        # What was logged before the deadline still counts: a part of the evidence is better than none.
        analysis.bounds.append((1, str(error)))
    _record_members_of_modules(evaluator)
    record_texts(evaluator.scope, evaluator.log)
    record_secrets(evaluator)
    for name in evaluator.lookups.list_relied():
        evaluator.log.record(uses.RELIES_ON, name, 1)
    if encoding:
        evaluator.log.record(uses.HIDDEN, "(source encoding)", 1, encoding)
    if evaluator.log.is_full:
        analysis.bounds.append((1, "it has more different uses of names than are kept"))
    if evaluator.budget.is_exceeded:
        analysis.bounds.append((1, f"it takes more than {evaluator.budget.max_steps} steps to evaluate"))
    analysis.mentions = tuple(evaluator.log.build_mentions(is_imported))
    analysis.relative_imports = evaluator.relative_imports
    analysis.facts = _collect_facts(evaluator, text)
    return analysis


def _evaluate_source(text: str, evaluator: Evaluator, analysis: SourceAnalysis) -> Evaluator:
    """Evaluate a source in one or two passes; return the evaluator of the last pass, whose log counts.

    A source that does not parse, or is very long, is evaluated in one pass.
    """
    # A very long source is evaluated piece by piece, so that its whole tree is never in memory.
    pieces = list(split_source(text)) if fits_at_once(text) else None
    if pieces is None:
        evaluator.module_values.keeps_members = True
        evaluator.changes.is_complete = False
        evaluator.changes.is_asked = True
        _evaluate_pieces(split_source(text), evaluator, analysis)
        return evaluator
    for piece in pieces:
        evaluator.changes.add_body(piece.body)
        evaluator.lookups.add_body(piece.body)
        if piece.fault:
            for name in _NAME.findall(piece.text):
                evaluator.changes.mark_changed(name)
    if any(piece.fault for piece in pieces):
        evaluator.module_values.keeps_members = True
        evaluator.changes.is_asked = True
        _evaluate_pieces(pieces, evaluator, analysis)
        return evaluator
    evaluator.docstring = _find_docstring(pieces)
    _survey_source(text, [piece.body for piece in pieces], evaluator)
    # The second pass finds the same faults, so that those of the first go into an analysis that is dropped.
    _evaluate_pieces(pieces, evaluator, SourceAnalysis())
    # After a cheap first pass, the second gets a budget and a log of its own. After an expensive one it goes on with
    # what the budget has left, and adds to the same log.
    if evaluator.budget.steps < evaluator.budget.max_steps // 2:
        evaluator = evaluator.create_next_pass()
    else:
        evaluator.module_values.keeps_members = True
        evaluator.changes.is_asked = True
    was_asked = evaluator.changes.is_asked
    _evaluate_pieces(pieces, evaluator, analysis)
    if evaluator.changes.is_asked and not was_asked:
        # A text that looks up a name became known in the second pass alone.
        evaluator = evaluator.create_next_pass()
        _evaluate_pieces(pieces, evaluator, analysis)
    return evaluator


def _survey_source(text: str, bodies: Sequence[Sequence[ast.stmt]], evaluator: Evaluator) -> None:
    """Find what the evaluator has to know of a whole source before it begins, as far as the text has any of it."""
    evaluator.recorder.follow_source(AssignedValues(bodies))
    if _LOOK_UP.search(text) is not None:
        evaluator.follow_handed_functions()
    if "@" in text:
        evaluator.kept.add_source(bodies)
    # Python reads letters of other forms as those of ASCII in a name.
    if not text.isascii() or "trust_remote_code" in text or "from_pretrained" in text:
        evaluator.own_loads.add_source(bodies)


def _evaluate_pieces(pieces: Iterable[SourcePiece], evaluator: Evaluator, analysis: SourceAnalysis) -> None:
    """Evaluate the pieces that parse, and scan the others for names; faults go into ``analysis``."""
    evaluator.scope = scope = Scope(rebound=evaluator.rebound)
    for piece in pieces:
        if piece.fault or evaluator.budget.is_exceeded:
            scan_names(piece.text, piece.line, scope, evaluator.log)
            faults = analysis.bounds if piece.is_limit else analysis.damage
            if piece.fault and len(faults) < _MAX_FAULTS:
                faults.append((piece.line, piece.fault))
            continue
        # Nodes count their lines from the beginning of the piece, and the log adds the lines before it. ``scan_names``
        # below gets lines of the file, which need no offset.
        evaluator.log.line_offset = piece.line - 1
        evaluator.evaluate_module(piece.body)
        evaluator.log.line_offset = 0
        _scan_skipped(piece, scope, evaluator, analysis)


def _scan_skipped(piece: SourcePiece, scope: Scope, evaluator: Evaluator, analysis: SourceAnalysis) -> None:
    """Scan the statements of a piece that the evaluator skipped for their names, and record where they are."""
    lines = piece.text.split("\n") if evaluator.skipped else []
    for first_line, last_line in evaluator.skipped:
        line_in_file = piece.line + first_line - 1
        scan_names("\n".join(lines[first_line - 1 : last_line]), line_in_file, scope, evaluator.log)
        if len(analysis.bounds) < _MAX_FAULTS:
            analysis.bounds.append((line_in_file, "it nests too deep or takes too many steps to be evaluated"))
    evaluator.skipped.clear()


def _record_members_of_modules(evaluator: Evaluator) -> None:
    """Record each member of an unknown value under its name in each module that the source uses as a value."""
    for name, module, line in evaluator.module_values.list_names():
        if evaluator.log.is_full:
            break
        evaluator.log.record(uses.REFERENCE, name, line, f"taken from a value that may be {module}")
    for module, line in evaluator.module_values.list_held_modules():
        evaluator.log.record(uses.HANDS_ON, module, line)
    if evaluator.module_values.holds_root_class and evaluator.module_values.subclasses_line:
        name = f"{walks.ROOT_CLASS}.{walks.SUBCLASSES}"
        evaluator.log.record(uses.REFERENCE, name, evaluator.module_values.subclasses_line)
    for module in evaluator.module_values.list_passed_modules():
        evaluator.log.record(uses.MODULE_ALIAS, f"{uses.ANY_VALUE}={module}", 1)
    for member, line in evaluator.module_values.list_powerful_members():
        evaluator.log.record(uses.REFERENCE, f".{uses.ANY_VALUE}.{member}", line)


def _find_docstring(pieces: list[SourcePiece]) -> str:
    """Return the docstring of the module, which is its first statement; empty if there is none."""
    match pieces[0].body[:1] if pieces else ():
        case (ast.Expr(value=ast.Constant(value=str(text))),):
            return text
    return ""


def _collect_facts(evaluator: Evaluator, text: str) -> tuple[tuple[str, str], ...]:
    """Return the facts that a report shows of each source: the packages that it imports, and its number of lines."""
    imported = sorted(evaluator.imports)[:_MAX_IMPORTS]
    return (("imports", ", ".join(imported)), ("lines", str(text.count("\n") + 1)))
