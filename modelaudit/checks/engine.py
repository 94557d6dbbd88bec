"""Match subjects against rules: findings and the absences that remain, in a stable order.

A rule turns a subject into a finding. A *fallback* rule fires only on subjects that no other rule matches, whatever its
family. An absence remains in three cases: a matching rule has ``leaves``; the subject has ``leaves``, whichever rules
match; the subject has a ``default`` and no rule matches (each fallback rule has ``leaves`` of its own). Since the
subject carries its own consequence, a missing rule changes the words of a report and never turns the verdict into a
pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from modelaudit.checks.redaction import redact_secrets
from modelaudit.checks.values import escape_unprintable
from modelaudit.model.address import file_of
from modelaudit.model.catalogue import FindingRule, Scalar, Subject
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.structure import Unread

_MOST_EVIDENCE_LINES: Final = 20
_MOST_FINDINGS: Final = 200
_SHOWN_FIELDS: Final = ("format", "use", "kind", "name", "detail")

_ComparableValue = tuple[bool, Scalar]
_LATEST_INDEX: Final[list[tuple[Mapping[str, FindingRule], tuple[CheckFamily, ...], RuleIndex]]] = []
_NO_TABLES: Final[Mapping[str, dict[_ComparableValue, list[_IndexedMatcher]]]] = {}


class RuleIndex:
    """Index the matchers of rules by the values that they ask for.

    A subject is compared only with matchers that ask for a value that it has, so that the cost of a rule set does not
    grow with the rules of other formats.

    Attributes:
        families: those whose findings are wanted. Rules of other families are matched as well, because a subject that
            one of them matches needs no fallback.
    """

    def __init__(self, rules: Mapping[str, FindingRule], families: Collection[CheckFamily]) -> None:
        chosen = list(rules.values())
        self.families = frozenset(families)
        self._tables: dict[str, dict[str, dict[_ComparableValue, list[_IndexedMatcher]]]] = {}
        self._unconditional: dict[str, list[_IndexedMatcher]] = {}
        counts = _count_values(chosen)
        for number, rule in enumerate(chosen):
            for matcher in rule.match:
                asked = {field: frozenset(map(_make_comparable, values)) for field, values in matcher.where}
                entry = _IndexedMatcher(number, rule, tuple(asked.items()))
                if not asked:
                    self._unconditional.setdefault(matcher.subject, []).append(entry)
                    continue
                field = max(asked, key=lambda each: counts[matcher.subject, each])
                table = self._tables.setdefault(matcher.subject, {}).setdefault(field, {})
                for value in asked[field]:
                    table.setdefault(value, []).append(entry)

    def select_rules(self, subject: Subject) -> list[FindingRule]:
        """Return the rules with a matcher that fits, each once, in the order of the rule set."""
        entries = list(self._unconditional.get(subject.kind, ()))
        for field, table in self._tables.get(subject.kind, _NO_TABLES).items():
            entries += table.get(_make_comparable(subject.fields.get(field)), ())
        fitting = {entry.number: entry.rule for entry in entries if entry.fits(subject.fields)}
        rules = [fitting[number] for number in sorted(fitting)]
        return [rule for rule in rules if not rule.is_fallback] or rules


@dataclass(frozen=True, slots=True)
class _IndexedMatcher:
    """One matcher: the number of its rule, the rule, and the values that it asks for by field."""

    number: int
    rule: FindingRule
    where: tuple[tuple[str, frozenset[_ComparableValue]], ...]

    def fits(self, fields: Mapping[str, Scalar]) -> bool:
        return all(_make_comparable(fields.get(field)) in values for field, values in self.where)


def _make_comparable(value: Scalar) -> _ComparableValue:
    # 1 == True in Python, but not in a rule.
    return isinstance(value, bool), value


def _count_values(rules: Iterable[FindingRule]) -> dict[tuple[str, str], int]:
    """Count the values that rules ask for in each field of each kind.

    A matcher is indexed by its field with the most values, because fewest matchers share one of those values.
    """
    asked: dict[tuple[str, str], set[_ComparableValue]] = {}
    for rule in rules:
        for matcher in rule.match:
            for field, values in matcher.where:
                asked.setdefault((matcher.subject, field), set()).update(map(_make_comparable, values))
    return {place: len(values) for place, values in asked.items()}


def collect_findings(
    subjects: Iterable[Subject], rules: Mapping[str, FindingRule], families: Collection[CheckFamily]
) -> tuple[Finding, ...]:
    """Return the findings of the chosen families, as ``judge_subjects`` does with indexed rules."""
    return judge_subjects(subjects, RuleIndex(rules, families)).findings


def index_rules(rules: Mapping[str, FindingRule], families: Collection[CheckFamily]) -> RuleIndex:
    """Return the index of the rules; the latest one is kept for further scans of this process with the same rules."""
    asked = tuple(families)
    latest = _LATEST_INDEX[-1] if _LATEST_INDEX else None
    if latest is None or latest[0] is not rules or latest[1] != asked:
        latest = (rules, asked, RuleIndex(rules, asked))
        _LATEST_INDEX[:] = [latest]
    return latest[2]


@dataclass(frozen=True, slots=True)
class Judgements:
    """The findings on some subjects, worst first, and the absences that remain, with their addresses."""

    findings: tuple[Finding, ...]
    absences: tuple[tuple[str, Unread], ...]


@dataclass(slots=True)
class _Group:
    """Subjects of one artifact and key that one rule matches; they make one finding."""

    rule: FindingRule
    subjects: list[Subject]


def judge_subjects(subjects: Iterable[Subject], dispatch: RuleIndex) -> Judgements:
    """Match subjects against rules.

    Subjects that differ only in their location make one finding with the evidence of all. Beyond a bound, further
    findings of the same rule in the same artifact are counted in the last one, so that a hostile file cannot bury the
    others.
    """
    groups: dict[tuple[str, str, str], _Group] = {}
    ruleless: list[Subject] = []
    for subject in subjects:
        rules = dispatch.select_rules(subject)
        for rule in rules:
            if rule.rule.check in dispatch.families:
                place = (rule.rule.id, subject.artifact, subject.key)
                groups.setdefault(place, _Group(rule, [])).subjects.append(subject)
        if not rules and (subject.absence_always or subject.absence_if_unmatched):
            ruleless.append(subject)
    made = [(_make_finding(group.rule, group.subjects), group) for group in groups.values()]
    group_of = {(finding.rule, finding.artifact, finding.key): group for finding, group in made}
    findings = _bound_findings([finding for finding, _ in made])
    absences: list[tuple[str, Unread]] = []
    if CheckFamily.SECURITY in dispatch.families:
        absences += _list_ruleless_absences(ruleless)
    for finding in findings:
        group = group_of[finding.rule, finding.artifact, finding.key]
        reason = group.rule.leaves or next(
            (each.absence_always for each in group.subjects if each.absence_always), None
        )
        if reason is not None:
            absences.append((finding.artifact, Unread(reason, finding.message.removesuffix("."), finding.location)))
    return Judgements(findings, tuple(dict.fromkeys(absences)))


def _list_ruleless_absences(subjects: Iterable[Subject]) -> Iterator[tuple[str, Unread]]:
    """Yield the absences of subjects that not even a fallback rule matches, bounded as findings are."""
    counts: Counter[str] = Counter()
    for subject in {(each.artifact, each.key): each for each in subjects}.values():
        counts[subject.artifact] += 1
        reason = subject.absence_always or subject.absence_if_unmatched
        if reason is not None and counts[subject.artifact] <= _MOST_FINDINGS:
            shown = [str(subject.fields[field]) for field in _SHOWN_FIELDS if subject.fields.get(field)]
            detail = redact_secrets(f"no rule judges this {subject.kind}: {' '.join(shown)}")
            yield subject.artifact, Unread(reason, detail, subject.location)


def _make_finding(rule: FindingRule, same: list[Subject]) -> Finding:
    first = same[0]
    lines = [line for subject in same for line in subject.evidence]
    evidence = lines[:_MOST_EVIDENCE_LINES]
    if len(lines) > len(evidence):
        evidence.append(f"and {len(lines) - len(evidence)} more")
    return Finding(
        rule=rule.rule.id,
        severity=rule.rule.severity,
        check=rule.rule.check,
        artifact=first.artifact,
        message=redact_secrets(_fill_message(rule.message, first.fields)),
        location=replace(first.location, key=redact_secrets(first.location.key))
        if first.location.key
        else first.location,
        evidence=tuple(redact_secrets(line) for line in (*evidence, *first.listing)),
        key=redact_secrets(first.key),
    )


def _fill_message(message: str, fields: Mapping[str, Scalar]) -> str:
    # The catalogue allows plain field names only, so that formatting cannot reach into anything.
    return message.format_map({field: escape_unprintable(str(value)) for field, value in fields.items()})


def _bound_findings(findings: list[Finding]) -> tuple[Finding, ...]:
    kept: dict[tuple[str, str], list[Finding]] = {}
    more: dict[tuple[str, str], int] = {}
    for finding in findings:
        # Members count for the file that holds them: an archive of many does not multiply what a report must carry.
        place = (finding.rule, file_of(finding.artifact))
        same = kept.setdefault(place, [])
        if len(same) < _MOST_FINDINGS:
            same.append(finding)
        else:
            more[place] = more.get(place, 0) + 1
    for place, count in more.items():
        line = f"{count} further findings of this rule in this file are not listed"
        last = kept[place][-1]
        kept[place][-1] = replace(last, evidence=(*last.evidence, line))
    return tuple(sorted((finding for same in kept.values() for finding in same), key=lambda finding: finding.order))
