"""Subjects against rules: findings, in a stable order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.checks.redaction import redacted
from modelaudit.checks.values import escape_unprintable
from modelaudit.model.address import file_of
from modelaudit.model.catalogue import FindingRule, Scalar, Subject
from modelaudit.model.finding import CheckFamily, Finding

_EVIDENCE_KEPT: Final = 20
_FINDINGS_KEPT: Final = 200

_Value = tuple[bool, Scalar]
_LATEST: Final[list[tuple[Mapping[str, FindingRule], tuple[CheckFamily, ...], Dispatch]]] = []
_NO_TABLES: Final[Mapping[str, dict[_Value, list[_Entry]]]] = {}


class Dispatch:
    """The matchers of the rules of some families, laid out by the values that they ask for.

    A subject is held only against matchers that ask for the value that it has: what a rule set costs does not grow with
    the rules of other formats.
    """

    def __init__(self, rules: Mapping[str, FindingRule], families: Collection[CheckFamily]) -> None:
        chosen = [rule for rule in rules.values() if rule.rule.check in families]
        self._tables: dict[str, dict[str, dict[_Value, list[_Entry]]]] = {}
        self._unconditional: dict[str, list[_Entry]] = {}
        telling = _telling_fields(chosen)
        for number, rule in enumerate(chosen):
            for matcher in rule.match:
                asked = {field: frozenset(map(_value, values)) for field, values in matcher.where}
                entry = _Entry(number, rule, tuple(asked.items()))
                if not asked:
                    self._unconditional.setdefault(matcher.on, []).append(entry)
                    continue
                field = max(asked, key=lambda each: telling[matcher.on, each])
                table = self._tables.setdefault(matcher.on, {}).setdefault(field, {})
                for value in asked[field]:
                    table.setdefault(value, []).append(entry)

    def rules_for(self, subject: Subject) -> list[FindingRule]:
        """The rules of which a matcher fits, each once, in the order of the rule set."""
        entries = list(self._unconditional.get(subject.kind, ()))
        for field, table in self._tables.get(subject.kind, _NO_TABLES).items():
            entries += table.get(_value(subject.fields.get(field)), ())
        fitting = {entry.number: entry.rule for entry in entries if entry.fits(subject.fields)}
        return [fitting[number] for number in sorted(fitting)]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One matcher: the number of its rule, the rule, and the values that it asks for by field."""

    number: int
    rule: FindingRule
    where: tuple[tuple[str, frozenset[_Value]], ...]

    def fits(self, fields: Mapping[str, Scalar]) -> bool:
        return all(_value(fields.get(field)) in values for field, values in self.where)


def _value(value: Scalar) -> _Value:
    # 1 == True in Python, but not in a rule.
    return isinstance(value, bool), value


def _telling_fields(rules: Iterable[FindingRule]) -> dict[tuple[str, str], int]:
    """How many values of a kind's field the rules ask for: the more, the fewer matchers share one."""
    asked: dict[tuple[str, str], set[_Value]] = {}
    for rule in rules:
        for matcher in rule.match:
            for field, values in matcher.where:
                asked.setdefault((matcher.on, field), set()).update(map(_value, values))
    return {place: len(values) for place, values in asked.items()}


def check(
    subjects: Iterable[Subject], rules: Mapping[str, FindingRule], families: Collection[CheckFamily]
) -> tuple[Finding, ...]:
    """Every rule of the chosen families that a subject matches; as ``find`` does with rules that are laid out."""
    return find(subjects, Dispatch(rules, families))


def dispatch_of(rules: Mapping[str, FindingRule], families: Collection[CheckFamily]) -> Dispatch:
    """The rules laid out; once for all scans that follow one another with the same rules, as they do in one process."""
    asked = tuple(families)
    latest = _LATEST[-1] if _LATEST else None
    if latest is None or latest[0] is not rules or latest[1] != asked:
        latest = (rules, asked, Dispatch(rules, asked))
        _LATEST[:] = [latest]
    return latest[2]


def find(subjects: Iterable[Subject], dispatch: Dispatch) -> tuple[Finding, ...]:
    """Every rule that a subject matches.

    Subjects that differ only in where they stand make one finding with the evidence of all. Beyond a bound, further
    findings of the same rule in the same artifact are counted in the last one, so that a hostile file cannot bury
    the others.
    """
    found: dict[tuple[str, str, str], tuple[FindingRule, list[Subject]]] = {}
    for subject in subjects:
        for rule in dispatch.rules_for(subject):
            _, same = found.setdefault((rule.rule.id, subject.artifact, subject.key), (rule, []))
            same.append(subject)
    return _bounded([_finding(rule, same) for rule, same in found.values()])


def _finding(rule: FindingRule, same: list[Subject]) -> Finding:
    first = same[0]
    lines = [line for subject in same for line in subject.evidence]
    evidence = lines[:_EVIDENCE_KEPT]
    if len(lines) > len(evidence):
        evidence.append(f"and {len(lines) - len(evidence)} more")
    return Finding(
        rule=rule.rule.id,
        severity=rule.rule.severity,
        check=rule.rule.check,
        artifact=first.artifact,
        message=redacted(_filled(rule.message, first.fields)),
        location=replace(first.location, key=redacted(first.location.key)) if first.location.key else first.location,
        evidence=tuple(redacted(line) for line in (*evidence, *first.listing)),
        key=redacted(first.key),
    )


def _filled(message: str, fields: Mapping[str, Scalar]) -> str:
    # The catalogue allows plain field names only, so that formatting cannot reach into anything.
    return message.format_map({field: escape_unprintable(str(value)) for field, value in fields.items()})


def _bounded(findings: list[Finding]) -> tuple[Finding, ...]:
    kept: dict[tuple[str, str], list[Finding]] = {}
    more: dict[tuple[str, str], int] = {}
    for finding in findings:
        # Members count for the file that holds them: an archive of many does not multiply what a report must carry.
        place = (finding.rule, file_of(finding.artifact))
        same = kept.setdefault(place, [])
        if len(same) < _FINDINGS_KEPT:
            same.append(finding)
        else:
            more[place] = more.get(place, 0) + 1
    for place, count in more.items():
        line = f"{count} further findings of this rule in this file are not listed"
        last = kept[place][-1]
        kept[place][-1] = replace(last, evidence=(*last.evidence, line))
    return tuple(sorted((finding for same in kept.values() for finding in same), key=lambda finding: finding.order))
