"""Subjects against rules: findings, in a stable order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from modelaudit.checks.redaction import redacted
from modelaudit.checks.values import on_one_line
from modelaudit.model.catalogue import FindingRule, Matcher, Scalar, Subject
from modelaudit.model.finding import CheckFamily, Finding

_EVIDENCE_KEPT: Final = 20
_FINDINGS_KEPT: Final = 200


def check(
    subjects: Iterable[Subject], rules: Mapping[str, FindingRule], families: Collection[CheckFamily]
) -> tuple[Finding, ...]:
    """Every rule of the chosen families that a subject matches.

    Subjects that differ only in where they stand make one finding with the evidence of all. Beyond a bound, further
    findings of the same rule in the same artifact are counted in the last one, so that a hostile file cannot bury
    the others.
    """
    chosen = [rule for rule in rules.values() if rule.rule.check in families]
    by_kind: dict[str, list[FindingRule]] = {}
    for rule in chosen:
        for kind in {matcher.on for matcher in rule.match}:
            by_kind.setdefault(kind, []).append(rule)
    found: dict[tuple[str, str, str], tuple[FindingRule, list[Subject]]] = {}
    for subject in subjects:
        for rule in by_kind.get(subject.kind, ()):
            if any(_matches(matcher, subject) for matcher in rule.match):
                _, same = found.setdefault((rule.rule.id, subject.artifact, subject.key), (rule, []))
                same.append(subject)
    return _bounded([_finding(rule, same) for rule, same in found.values()])


def _matches(matcher: Matcher, subject: Subject) -> bool:
    return matcher.on == subject.kind and all(
        _has(subject.fields.get(field), values) for field, values in matcher.where
    )


def _has(value: Scalar, values: tuple[Scalar, ...]) -> bool:
    # 1 == True in Python, but not in a rule.
    return any(value == wanted and isinstance(value, bool) == isinstance(wanted, bool) for wanted in values)


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
    return message.format_map({field: on_one_line(str(value)) for field, value in fields.items()})


def _bounded(findings: list[Finding]) -> tuple[Finding, ...]:
    kept: dict[tuple[str, str], list[Finding]] = {}
    more: dict[tuple[str, str], int] = {}
    for finding in findings:
        # Members count for the file that holds them: an archive of many does not multiply what a report must carry.
        place = (finding.rule, finding.artifact.partition("!")[0])
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
