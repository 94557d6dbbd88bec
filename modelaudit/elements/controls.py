"""Judge controls of published catalogues: the sentences of a report that are evidence for each, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.elements.report_facts import list_sources
from modelaudit.model.controls import Control, Controls, EvidenceLine, FactName
from modelaudit.model.description import Topic
from modelaudit.model.element_rules import ReportFact
from modelaudit.model.placeholders import states_something
from modelaudit.model.report import AuditReport
from modelaudit.model.signoff import ControlEvidence

_MOST_NAMED: Final = 3
_MOST_CHARACTERS: Final = 300

_Facts = Mapping[FactName, tuple[str, ...]]
"""The values of each fact that the report holds, without repetition; a fact that it lacks has no entry."""

_Clauses = Mapping[str, str]
"""The clauses of each kind of evidence that holds; a kind that does not hold has no entry."""


def judge_controls(report: AuditReport, controls: Controls) -> tuple[ControlEvidence, ...]:
    """Return every control with the sentences that derive from the report; without one it is "not evidenced".

    Args:
        report: complete apart from its controls.
        controls: of the rule set.
    """
    if not _LATEST_TABLE or _LATEST_TABLE[-1].controls is not controls:
        _LATEST_TABLE[:] = [_ControlTable(controls)]
    table = _LATEST_TABLE[-1]
    facts = _collect_facts(report, controls)
    unsigned, signed = _write_clauses(table.unsigned, facts), _write_clauses(table.signed, facts)
    judged = list(table.gaps)
    for number in {number for kind in (*unsigned, *signed) for number in table.supported.get(kind, ())}:
        judged[number] = _judge(controls.controls[number], judged[number].gap, unsigned, signed)
    return tuple(judged)


class _ControlTable:
    """What is the same for every report.

    Attributes:
        controls: of the rule set.
        gaps: each control without evidence.
        supported: by the kind of evidence, the numbers of the controls that it supports.
        unsigned: the lines of each kind without a signature.
        signed: likewise, with one.
    """

    def __init__(self, controls: Controls) -> None:
        self.controls = controls
        self.gaps = [_describe_gap(each) for each in controls.controls]
        self.supported: dict[str, list[int]] = {}
        for number, control in enumerate(controls.controls):
            for kind in control.supports:
                self.supported.setdefault(kind, []).append(number)
        self.unsigned, self.signed = _select_lines(controls, is_signed=False), _select_lines(controls, is_signed=True)


_LATEST_TABLE: Final[list[_ControlTable]] = []
"""The table of the controls that were judged last, because one rule set is in use throughout a scan."""


def _select_lines(controls: Controls, *, is_signed: bool) -> Mapping[str, Sequence[EvidenceLine]]:
    """Select the lines of each kind of evidence with a signature, or without one."""
    chosen = {
        kind: [line for line in lines if line.is_signed is is_signed] for kind, lines in controls.evidence.items()
    }
    return {kind: lines for kind, lines in chosen.items() if lines}


def _describe_gap(control: Control) -> ControlEvidence:
    """Describe what every report lacks for a control, without evidence."""
    gap = f"Not shown by this report: {'; '.join(control.open)}."
    return ControlEvidence(control.framework, control.id, control.title, gap=gap)


def _collect_facts(report: AuditReport, controls: Controls) -> _Facts:
    """Collect the facts that the lines of evidence cite."""
    described: dict[Topic, list[str]] = {}
    for fact in report.description.facts:
        described.setdefault(fact.topic, []).append(fact.value)
    collected = {}
    for name in controls.cited:
        if isinstance(name, ReportFact):
            given = [each.value for each in list_sources(report, name)]
        else:
            given = described.get(name, [])
        # Of most facts, a report has none.
        values = tuple(dict.fromkeys([_bound(value) for value in given if states_something(value)])) if given else ()
        if values:
            collected[name] = values
    return collected


def _bound(value: str) -> str:
    """Put a value on one line, and shorten a long one."""
    text = " ".join(value.split())
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _judge(control: Control, gap: str, unsigned: _Clauses, signed: _Clauses) -> ControlEvidence:
    """Judge a control by the clauses without a signature, and those with one; ``gap`` is what every report lacks."""
    sentences, of_signers = _list_sentences(control.supports, unsigned), _list_sentences(control.supports, signed)
    if sentences:
        sentences += _list_sentences(control.adds, unsigned)
    if sentences or of_signers:
        of_signers += _list_sentences(control.adds, signed)
    return ControlEvidence(control.framework, control.id, control.title, tuple(sentences), gap, tuple(of_signers))


def _write_clauses(evidence: Mapping[str, Sequence[EvidenceLine]], facts: _Facts) -> _Clauses:
    """Write the clauses of the lines that hold, by the kind of evidence."""
    clauses = {}
    for kind, lines in evidence.items():
        held = [line for line in lines if _holds(line, facts)]
        if held:
            clauses[kind] = "; ".join(_write_clause(line, facts) for line in held)
    return clauses


def _list_sentences(contributions: Mapping[str, str], clauses: _Clauses) -> list[str]:
    """List a sentence for each kind of evidence that holds: what it contributes, and the facts."""
    return [_write_sentence(what, clauses[kind]) for kind, what in contributions.items() if kind in clauses]


def _write_sentence(what: str, clauses: str) -> str:
    """Write what the evidence contributes, then the facts, which may begin with the same words."""
    text = clauses if clauses.startswith(f"{what}: ") else f"{what}; {clauses}"
    return f"{text[:1].upper()}{text[1:]}."


def _holds(line: EvidenceLine, facts: _Facts) -> bool:
    return all(map(facts.__contains__, line.needs)) and not any(map(facts.__contains__, line.lacks))


def _write_clause(line: EvidenceLine, facts: _Facts) -> str:
    """Write the clause of a line. Values are arguments of ``format_map``, so that braces in them have no effect."""
    return line.says.format_map({str(name): ", ".join(_name_first(facts[name])) for name in line.needs})


def _name_first(values: Sequence[str]) -> Iterator[str]:
    """Yield the first values of a fact, and how many more there are."""
    yield from values[:_MOST_NAMED]
    if len(values) > _MOST_NAMED:
        yield f"and {len(values) - _MOST_NAMED} more"
