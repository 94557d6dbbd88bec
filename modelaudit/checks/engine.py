"""Match subjects against rules: findings and the absences that remain, in a stable order.

A rule turns a subject into a finding. A *fallback* rule fires only on subjects that no other rule matches, whatever its
family. An absence remains in three cases: a matching rule has ``leaves``; the subject has ``absence_always``, whichever
rules match; the subject has ``absence_if_unmatched`` and no rule matches. Each fallback rule has ``leaves`` of its own.
Since the subject carries its own consequence, a missing rule changes the words of a report and never turns the verdict
into a pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.checks.redaction import redact_secrets
from modelaudit.checks.values import escape_unprintable
from modelaudit.model.address import file_of
from modelaudit.model.catalogue import FindingRule, Scalar, Subject
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.structure import Unread, UnreadReason

_DIGITS_OF_KEY: Final = 32
_MOST_UNREPORTED: Final = 200
"""Absences of subjects without a finding, of one artifact."""
_SHOWN_FIELDS: Final = ("format", "use", "kind", "name", "detail")

_ComparableValue = tuple[bool, Scalar]
"""A value of a field, and whether it is a boolean, see ``_make_comparable``."""
# The index of the latest scan in this process, with the rules and families that it was built from; empty before.
_LATEST_INDEX: Final[list[tuple[Mapping[str, FindingRule], tuple[CheckFamily, ...], RuleIndex]]] = []
_NO_TABLES: Final[Mapping[str, dict[_ComparableValue, list[_IndexedMatcher]]]] = {}


class FindingBounds(Struct, frozen=True):
    """The bounds on what is listed.

    Attributes:
        findings: of one rule in one file; the last one counts the others.
        evidence_lines: of one finding; one further line counts the others.
        has_listing: whether the bytes around the place are shown.
    """

    findings: int
    evidence_lines: int
    has_listing: bool


DETAILED: Final = FindingBounds(findings=200, evidence_lines=20, has_listing=True)
BRIEF: Final = FindingBounds(findings=1, evidence_lines=2, has_listing=False)
"""For the files after those whose findings fill the report."""


class RuleIndex:
    """The matchers of rules, indexed by the values that they ask for.

    A subject is compared only with matchers that ask for a value that it has, so that the cost of a rule set does not
    grow with the rules of other formats.

    Attributes:
        families: those whose findings are wanted. Rules of other families are matched as well, because a subject that
            one of them matches needs no fallback.
        wanted_kinds: the kinds of subjects that rules of these families match; no other subject makes a finding.
    """

    def __init__(self, rules: Mapping[str, FindingRule], families: Collection[CheckFamily]) -> None:
        rule_list = list(rules.values())
        self.families = frozenset(families)
        wanted = (rule for rule in rule_list if rule.rule.check in self.families)
        self.wanted_kinds = frozenset(matcher.subject for rule in wanted for matcher in rule.match)
        # Subject kind -> field -> wanted value -> matchers.
        self._tables: dict[str, dict[str, dict[_ComparableValue, list[_IndexedMatcher]]]] = {}
        self._unconditional: dict[str, list[_IndexedMatcher]] = {}
        counts = _count_values(rule_list)
        for rule_number, rule in enumerate(rule_list):
            for matcher in rule.match:
                wanted_values = {field: frozenset(map(_make_comparable, values)) for field, values in matcher.where}
                entry = _IndexedMatcher(rule_number, rule, tuple(wanted_values.items()))
                if not wanted_values:
                    self._unconditional.setdefault(matcher.subject, []).append(entry)
                    continue
                # Of a field with many different values, few matchers share each value.
                field = max(wanted_values, key=lambda name: counts[matcher.subject, name])
                table = self._tables.setdefault(matcher.subject, {}).setdefault(field, {})
                for value in wanted_values[field]:
                    table.setdefault(value, []).append(entry)

    def select_rules(self, subject: Subject) -> list[FindingRule]:
        """Return the rules with a matcher that fits ``subject``, each once, in the order of the rule set.

        Fallback rules are returned only if no other rule fits.
        """
        entries = list(self._unconditional.get(subject.kind, ()))
        for field, table in self._tables.get(subject.kind, _NO_TABLES).items():
            entries += table.get(_make_comparable(subject.fields.get(field)), ())
        rules_by_number = {entry.number: entry.rule for entry in entries if entry.fits(subject.fields)}
        rules = [rules_by_number[number] for number in sorted(rules_by_number)]
        return [rule for rule in rules if not rule.is_fallback] or rules


class _IndexedMatcher(Struct, frozen=True):
    """One matcher: the number of its rule, the rule, and the values that it asks for by field."""

    number: int
    rule: FindingRule
    where: tuple[tuple[str, frozenset[_ComparableValue]], ...]

    def fits(self, fields: Mapping[str, Scalar]) -> bool:
        """Whether each field that the matcher asks for has one of the wanted values."""
        return all(_make_comparable(fields.get(field)) in values for field, values in self.where)


def _make_comparable(value: Scalar) -> _ComparableValue:
    """Return a form of ``value`` in which a boolean differs from a number."""
    # 1 == True in Python, but not in a rule.
    return isinstance(value, bool), value


def _count_values(rules: Iterable[FindingRule]) -> dict[tuple[str, str], int]:
    """Count the different values that rules ask for, by (subject kind, field)."""
    wanted_values: dict[tuple[str, str], set[_ComparableValue]] = {}
    for rule in rules:
        for matcher in rule.match:
            for field, values in matcher.where:
                wanted_values.setdefault((matcher.subject, field), set()).update(map(_make_comparable, values))
    return {kind_and_field: len(values) for kind_and_field, values in wanted_values.items()}


def collect_findings(
    subjects: Iterable[Subject], rules: Mapping[str, FindingRule], families: Collection[CheckFamily]
) -> tuple[Finding, ...]:
    """Return the findings of the chosen families, as ``judge_subjects`` does with indexed rules."""
    return judge_subjects(subjects, RuleIndex(rules, families)).findings


def index_rules(rules: Mapping[str, FindingRule], families: Collection[CheckFamily]) -> RuleIndex:
    """Return the index of the rules; the latest one is kept for further scans of this process with the same rules."""
    family_tuple = tuple(families)
    latest = _LATEST_INDEX[-1] if _LATEST_INDEX else None
    if latest is None or latest[0] is not rules or latest[1] != family_tuple:
        latest = (rules, family_tuple, RuleIndex(rules, family_tuple))
        _LATEST_INDEX[:] = [latest]
    return latest[2]


class Judgements(Struct, frozen=True):
    """The findings on some subjects, worst first, and the absences that remain, with their addresses."""

    findings: tuple[Finding, ...]
    absences: tuple[tuple[str, Unread], ...]


_NOTHING_FOUND: Final = Judgements((), ())


class _Group(Struct):
    """Subjects of one artifact and key that one rule matches; they make one finding.

    Attributes:
        rule: the rule.
        first: the first subject, which gives the finding its location and message.
        evidence: the first lines of evidence of all subjects, because a file can have millions of equal subjects.
        lines: the number of lines of evidence of all subjects.
        absence_always: the absence of the first subject that has one.
    """

    rule: FindingRule
    first: Subject
    evidence: list[str]
    lines: int = 0
    absence_always: UnreadReason | None = None

    def add(self, subject: Subject, most_lines: int) -> None:
        """Add a subject; ``most_lines`` of evidence are kept."""
        self.evidence += subject.evidence[: max(0, most_lines - self.lines)]
        self.lines += len(subject.evidence)
        self.absence_always = self.absence_always or subject.absence_always


def judge_subjects(subjects: Iterable[Subject], rule_index: RuleIndex, bounds: FindingBounds = DETAILED) -> Judgements:
    """Match subjects against rules.

    Subjects that differ only in their location make one finding with the evidence of all. Beyond ``bounds``, further
    findings of the same rule in the same file are counted in the last one, so that a hostile file cannot bury the
    others.
    """
    grouped = _Groups(bounds)
    unreported = _UnreportedSubjects()
    for subject in subjects:
        rules = rule_index.select_rules(subject)
        for rule in rules:
            if rule.rule.check in rule_index.families:
                grouped.add(rule, subject)
        is_reported = any(rule.rule.check in rule_index.families for rule in rules)
        has_silent_absence = subject.absence_always is not None and not is_reported
        is_unmatched = subject.absence_if_unmatched is not None and not rules
        if has_silent_absence or is_unmatched:
            unreported.add(subject)
    if not grouped.groups and not unreported:
        return _NOTHING_FOUND
    findings_with_groups = [(_make_finding(group, bounds), group) for group in grouped.groups.values()]
    group_of = {(finding.rule, finding.artifact, finding.key): group for finding, group in findings_with_groups}
    counts = {rule_and_file: len(hashes) for rule_and_file, hashes in grouped.unlisted.items()}
    findings = _count_unlisted([finding for finding, _ in findings_with_groups], counts)
    absences: list[tuple[str, Unread]] = []
    if CheckFamily.SECURITY in rule_index.families:
        absences += unreported.list_absences()
    for finding in findings:
        group = group_of[finding.rule, finding.artifact, finding.key]
        reason = group.rule.leaves or group.absence_always
        if reason is not None:
            missing = redact_secrets(group.first.missing_file) if reason is UnreadReason.CONTENT_ABSENT else ""
            detail = finding.message.removesuffix(".")
            absences.append((finding.artifact, Unread(reason, detail, finding.location, missing_file=missing)))
    return Judgements(findings, tuple(dict.fromkeys(absences)))


class _Groups:
    """The groups of the subjects of all files, within bounds.

    Attributes:
        groups: by rule, artifact and key.
        unlisted: the hashes of the keys of groups beyond the bound, by rule and file. Nothing else of them is kept,
            because a file can have millions of subjects.
    """

    def __init__(self, bounds: FindingBounds) -> None:
        self.groups: dict[tuple[str, str, str], _Group] = {}
        self.unlisted: dict[tuple[str, str], set[int]] = {}
        self._bounds = bounds
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, rule: FindingRule, subject: Subject) -> None:
        """Add a subject that a rule matches to its group."""
        key = (rule.rule.id, subject.artifact, subject.key)
        if key not in self.groups:
            # A subject in a member counts for the outer file, so that an archive of many members fills no report.
            rule_and_file = (rule.rule.id, file_of(subject.artifact))
            count = self._counts.get(rule_and_file, 0)
            if count == self._bounds.findings:
                self.unlisted.setdefault(rule_and_file, set()).add(hash(key))
                return
            self._counts[rule_and_file] = count + 1
            self.groups[key] = _Group(rule, subject, [])
        self.groups[key].add(subject, self._bounds.evidence_lines)


class _UnreportedSubjects:
    """The subjects with an absence that no finding reports, bounded as findings are: the first ones of each artifact.

    Subjects that differ only in their location leave one absence, as they make one finding.
    """

    def __init__(self) -> None:
        self._subjects: dict[tuple[str, str], Subject] = {}
        self._counts: dict[str, int] = {}

    def add(self, subject: Subject) -> None:
        """Keep a subject if its artifact has room for it, or in place of one that differs only in its location."""
        artifact_and_key = (subject.artifact, subject.key)
        if artifact_and_key not in self._subjects:
            count = self._counts.get(subject.artifact, 0)
            if count == _MOST_UNREPORTED:
                return
            self._counts[subject.artifact] = count + 1
        self._subjects[artifact_and_key] = subject

    def __len__(self) -> int:
        return len(self._subjects)

    def list_absences(self) -> Iterator[tuple[str, Unread]]:
        """Yield an absence for each subject."""
        for subject in self._subjects.values():
            reason = subject.absence_always or subject.absence_if_unmatched
            if reason is not None:
                shown = [str(subject.fields[field]) for field in _SHOWN_FIELDS if subject.fields.get(field)]
                detail = redact_secrets(f"no rule judges this {subject.kind}: {' '.join(shown)}")
                missing = redact_secrets(subject.missing_file) if reason is UnreadReason.CONTENT_ABSENT else ""
                yield subject.artifact, Unread(reason, detail, subject.location, missing_file=missing)


def _make_finding(group: _Group, bounds: FindingBounds) -> Finding:
    """Return the finding on equal subjects: the evidence of all, and the location of the first."""
    rule, first = group.rule, group.first
    location = first.location
    if location.key and (key := redact_secrets(location.key)) != location.key:
        location = replace(location, key=key)
    evidence = list(group.evidence)
    if group.lines > len(evidence):
        evidence.append(f"and {group.lines - len(evidence)} more")
    if bounds.has_listing:
        evidence += first.listing
    return Finding(
        rule=rule.rule.id,
        severity=rule.rule.severity,
        check=rule.rule.check,
        artifact=first.artifact,
        message=redact_secrets(_fill_message(rule.message, first.fields)),
        location=location,
        evidence=tuple(redact_secrets(line) for line in evidence),
        key=_hide_key(first.key),
    )


def _hide_key(key: str) -> str:
    """Return a key without secrets. A digest keeps two keys apart that differ in a secret alone."""
    shown = redact_secrets(key)
    if shown == key:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{shown} sha256:{digest[:_DIGITS_OF_KEY]}"


def _fill_message(message: str, fields: Mapping[str, Scalar]) -> str:
    """Replace each ``{field}`` in the message of a rule by the value of the subject, and append its remark."""
    # The catalogue allows plain field names only, so that formatting cannot reach into anything.
    shown = {field: escape_unprintable(str(value)) for field, value in fields.items()}
    return " ".join(filter(None, (message.format_map(shown), shown.get("remark"))))


def _count_unlisted(findings: Sequence[Finding], unlisted_counts: Mapping[tuple[str, str], int]) -> tuple[Finding, ...]:
    """Return the findings sorted; the last one of a rule in a file counts those that are not listed."""
    if not unlisted_counts:
        return tuple(sorted(findings, key=lambda finding: finding.order))
    last_by_rule_and_file = {(finding.rule, file_of(finding.artifact)): finding for finding in findings}
    counted = {id(last_by_rule_and_file[key]): count for key, count in unlisted_counts.items()}
    listed = []
    for finding in findings:
        if count := counted.get(id(finding)):
            line = f"{count} further findings of this rule in this file are not listed"
            finding = replace(finding, evidence=(*finding.evidence, line))
        listed.append(finding)
    return tuple(sorted(listed, key=lambda finding: finding.order))
