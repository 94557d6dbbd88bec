"""Views of a report that several outputs share: grouped findings, counts, and sentences for verdict and coverage."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Final

from msgspec import Struct

from modelaudit.model.artifact import RefKind
from modelaudit.model.finding import CheckFamily, Finding, Rule, Severity
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import (
    Basis,
    ClaimKind,
    ConclusionState,
    LicenseClaim,
    LicenseConclusion,
    OriginState,
)
from modelaudit.model.opinion import Opinion, OpinionFinding, OpinionState
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, Extent, Target
from modelaudit.model.restrictions import is_unsearched
from modelaudit.model.structure import READ_REASONS, UnreadReason
from modelaudit.model.terms import Clause, LicenseEntry
from modelaudit.model.verdict import Verdict
from modelaudit.reports.absent_terms import describe_license_link, is_license_link
from modelaudit.reports.inventory import LOCAL_KINDS
from modelaudit.reports.license_view import (
    describe_base_model,
    describe_dataset,
    is_uncompared_file,
    list_unread_base_models,
    names_several_licenses,
)
from modelaudit.reports.wording import (
    DUTIES_HEADING,
    EXTENTS,
    LIMIT_KINDS,
    LIMITS_HEADING,
    NEVER_COVERED,
    NEVER_COVERED_OF_DATA,
    NOTE_KINDS,
    NOTES_HEADING,
    OPINIONS,
    count_noun,
    join_first,
    join_phrases,
)

_UNKNOWN_TEXTS: Final = {Basis.NO_MATCH: "Matches no licence: read it", Basis.TEXT: "Terms beside the licence: read it"}
_EXPRESSION_OPERATORS = defer_pattern(r"\s(?:AND|OR|WITH)\s", re.IGNORECASE)
"""The operators of an SPDX licence expression."""

_OVER_LIMIT: Final = "more texts than the limit of one check"
"""What the detail of a conflict on texts that were not searched at all says."""
_EXAMINED_FILES = defer_pattern(r"\b(\d{1,9}) of (\d{1,9}) files?\b", re.ASCII)
"""The number of examined files and of all files in the detail of an opinion: ``examined 3 of 5 files``."""

_TABLE_ENDINGS: Final = (".arrow", ".csv", ".jsonl", ".parquet", ".tsv")
"""The endings of files that hold rows of data."""
_ENDINGS_BESIDE_TABLES: Final = frozenset({"", ".flac", ".gif", ".jpeg", ".jpg", ".md", ".mp3", ".png", ".txt", ".wav"})
"""The endings of files that lie in a data set too; a file without one may be a licence text."""

SEVERITIES_WORST_FIRST = tuple(reversed(Severity))

FAMILIES_WITHOUT_RULES = frozenset({CheckFamily.TRANSPARENCY})
"""The check families that no rule belongs to. A report does not list the families of the rule set."""


class FindingGroup(Struct, frozen=True):
    """All findings of one rule at one severity. ``rule`` is ``None`` where the report does not explain the rule."""

    rule_id: str
    rule: Rule | None
    severity: Severity
    findings: tuple[Finding, ...]


def group_findings(report: AuditReport, show: Severity = Severity.INFO) -> tuple[FindingGroup, ...]:
    """Group the findings at or above ``show`` by severity, worst first, then by rule; sort each by path and place."""
    rules = {rule.id: rule for rule in report.rules}
    findings_by_group: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in report.findings:
        if finding.severity.rank >= show.rank:
            findings_by_group.setdefault((finding.severity, finding.rule), []).append(finding)
    groups = [
        FindingGroup(rule_id, rules.get(rule_id), severity, tuple(sorted(findings, key=_get_sort_key)))
        for (severity, rule_id), findings in findings_by_group.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.severity.rank, group.rule_id)))


def _get_sort_key(finding: Finding) -> tuple[str, int, int, str]:
    """Return the sort key of a finding of a rule: the artifact and the place in it."""
    where = finding.location
    return (finding.artifact, where.offset or 0, where.line or 0, finding.fingerprint)


def describe_findings(report: AuditReport) -> str:
    """Describe the number of findings of each severity, and how many of them fail if only a part does."""
    failing = sum(finding.acceptance is None and report.policy.rejects(finding) for finding in report.findings)
    words = "1 of them fails" if failing == 1 else f"{failing:,} of them fail"
    note = f"; {words} the policy" if 0 < failing < len(report.findings) else ""
    return f"{describe_severities(report.findings)}{note}"


def count_severities(findings: Iterable[Finding]) -> tuple[tuple[Severity, int], ...]:
    """Count the findings of each severity, worst first, zeros included."""
    severities = [finding.severity for finding in findings]
    return tuple((severity, severities.count(severity)) for severity in SEVERITIES_WORST_FIRST)


def describe_severities(findings: Iterable[Finding]) -> str:
    """Describe the counts as ``1 critical, 2 high`` without zeros, or ``no findings``."""
    counts = [f"{number:,} {severity}" for severity, number in count_severities(findings) if number]
    return ", ".join(counts) or "no findings"


def list_absences(report: AuditReport) -> tuple[tuple[str, Absence], ...]:
    """List (address, absence) of every part that was not read: first those that the policy does not accept."""
    pairs = [pair for record in report.coverage.artifacts for pair in record.absences]

    def get_order(pair: tuple[str, Absence]) -> tuple[bool, str]:
        address, absence = pair
        is_accepted = absence.acceptance is not None
        return is_accepted, address

    return tuple(sorted(pairs, key=get_order))


def name_absences(pairs: Iterable[tuple[str, Absence]]) -> str:
    """Name absences: ``Not verified`` if each is of a part that was read, ``Not examined`` if none is, else both."""
    are_read = {absence.unread.reason in READ_REASONS for _, absence in pairs}
    if are_read == {True, False}:
        return "Not examined or not verified"
    return "Not verified" if are_read == {True} else "Not examined"


def describe_accepted(pairs: Sequence[tuple[str, Absence]]) -> str:
    """Describe how many absences are accepted, as the end of a count: ``, 1 of them accepted``; empty for none."""
    accepted = sum(absence.acceptance is not None for _, absence in pairs)
    if accepted < len(pairs):
        return f", {accepted:,} of them accepted" if accepted else ""
    return ", all of them accepted" if accepted > 1 else ", accepted"


def count_parts(absences: Sequence[tuple[str, Absence]], silent: int = 0) -> str:
    """Count the parts that were not examined, those that were not verified, and those with bytes that no reader parses.

    Args:
        absences: with their addresses.
        silent: the number of parts that were not examined without a recorded reason.
    """
    reasons = [absence.unread.reason for _, absence in absences]
    unclaimed = reasons.count(UnreadReason.UNCLAIMED)
    unverified = sum(each in READ_REASONS for each in reasons)
    counts = (
        (len(reasons) - unclaimed - unverified + silent, "not examined"),
        (unverified, "not verified"),
        (unclaimed, "with bytes that no reader parses"),
    )
    (first, state), *others = [(number, words) for number, words in counts if number]
    return join_phrases([f"{count_noun(first, 'part')} {state}", *(f"{number:,} {words}" for number, words in others)])


def list_unexplained_records(report: AuditReport) -> tuple[ArtifactRecord, ...]:
    """List the artifacts that were not examined completely although no absence explains why."""
    incomplete = (record for record in report.coverage.artifacts if record.extent is not Extent.EXAMINED)
    return tuple(record for record in incomplete if not record.absences)


def list_skipped_checks(report: AuditReport) -> tuple[CheckFamily, ...]:
    """List the check families that have rules and were turned off by an option or the policy."""
    skipped = (family for family in CheckFamily if family not in report.policy.checks)
    return tuple(family for family in skipped if family not in FAMILIES_WITHOUT_RULES)


def get_model_name(target: Target) -> str:
    """Return the name for a report; the prefix ``datasets/`` separates a dataset from a model of the same name."""
    name = f"datasets/{target.name}" if target.kind is RefKind.DATASET else target.name
    return f"{name}, folder {target.folder}" if target.folder else name


def get_heading(target: Target) -> str:
    """Return the heading of a page: the name of a file or folder, or the whole id of a repository."""
    # A report of an older version may hold a whole path.
    is_local = target.kind in (RefKind.FILE, RefKind.FOLDER)
    if not is_local:
        return get_model_name(target)
    name = PurePath(target.name).name or target.name
    return f"{name}, folder {target.folder}" if target.folder else name


def name_subject(report: AuditReport) -> str:
    """Name the subject of the report: ``data set`` or ``model``; ``model`` where nothing shows its kind.

    A folder on disk counts as a data set if it holds tables and nothing but tables, texts and media.
    """
    if report.target.kind is RefKind.DATASET or report.target.name.startswith("datasets/"):
        return "data set"
    if report.target.kind not in LOCAL_KINDS or report.coverage.unopened:
        return "model"
    paths = [record.path for record in report.coverage.artifacts]
    has_table = any(path.lower().endswith(_TABLE_ENDINGS) for path in paths)
    others = {posixpath.splitext(path)[1].lower() for path in paths if has_table} - _ENDINGS_BESIDE_TABLES
    return "data set" if others and others.issubset(_TABLE_ENDINGS) else "model"


def list_never_covered(report: AuditReport) -> tuple[str, ...]:
    """List what no report on a model, or on a data set, covers."""
    return NEVER_COVERED_OF_DATA if name_subject(report) == "data set" else NEVER_COVERED


def are_findings_first(report: AuditReport) -> bool:
    """Whether a page shows findings before licences: an attack or an altered file makes the verdict ``fail``."""
    failing_checks = {finding.check for finding in report.findings if report.policy.rejects(finding)}
    is_about_files = not failing_checks.isdisjoint({CheckFamily.SECURITY, CheckFamily.INTEGRITY})
    return report.decision.verdict is Verdict.FAIL and is_about_files


def group_clauses(entry: LicenseEntry) -> tuple[tuple[str, tuple[Clause, ...]], ...]:
    """Group the clauses of a licence under headings: limits of use, then duties, then notes."""
    limits = tuple(clause for clause in entry.clauses if clause.kind in LIMIT_KINDS)
    notes = tuple(clause for clause in entry.clauses if clause.kind in NOTE_KINDS)
    duties = tuple(clause for clause in entry.clauses if clause.kind not in LIMIT_KINDS | NOTE_KINDS)
    groups = ((LIMITS_HEADING, limits), (DUTIES_HEADING, duties), (NOTES_HEADING, notes))
    return tuple((heading, clauses) for heading, clauses in groups if clauses)


def describe_claimed_license(claim: LicenseClaim, license_: LicenseConclusion) -> tuple[bool, str]:
    """Return whether a claim resolves to a known licence, and a phrase for the result."""
    if claim.kind is ClaimKind.INHERITED:
        return _describe_inherited_claim(claim, license_)
    if claim.entry is None and is_license_link(claim):
        return False, describe_license_link(claim, license_)
    if claim.basis is Basis.VARIANT:
        differences = f": {', '.join(claim.differs)}" if claim.differs else ""
        return False, f"Resembles {claim.entry or 'a licence'}, but differs{differences}"
    if claim.entry is not None:
        return True, claim.entry
    if claim.field == "restriction":
        # Without words, it marks a text that was not searched for restrictions.
        return False, ("A sentence that may limit the use" if claim.quotation else "Not searched")
    is_concluded = license_.state is ConclusionState.CONCLUDED and license_.expression
    if is_concluded and (operator := _EXPRESSION_OPERATORS.search(claim.quotation)):
        # An expression such as "MIT OR Apache-2.0" belongs to no single entry; a sentence may say something else.
        agrees = not claim.is_in_running_text or operator[0].upper() in license_.expression
        return agrees, license_.expression if agrees else "Several licences, not as concluded"
    if claim.kind is ClaimKind.FOUND:
        if is_uncompared_file(claim):
            return False, "Not compared: read it"
        return False, _UNKNOWN_TEXTS.get(claim.basis, "No known licence")
    return False, _describe_unresolved_claim(claim, license_)


def _describe_unresolved_claim(claim: LicenseClaim, license_: LicenseConclusion) -> str:
    """Describe why a declared claim resolves to no known licence."""
    if claim.field == "front-matter":
        return "Could not be read"
    # In a card with "license: other", the field license_name names the licence.
    is_placeholder = claim.field == "license" and claim.quotation.strip().lower() in ("other", "unknown")
    fields_of_card = {each.field for each in license_.claims if each.artifact == claim.artifact}
    if is_placeholder and "license_name" in fields_of_card:
        return "See license_name below"
    # A classifier of PyPI that resolves to no licence, such as "BSD License", names a kind of licences.
    is_kind = license_.state is ConclusionState.VAGUE or claim.field == "Classifier"
    is_kind = is_kind or names_several_licenses(license_, claim.quotation)
    return "No single licence" if is_kind else "Unknown licence"


def _describe_inherited_claim(claim: LicenseClaim, license_: LicenseConclusion) -> tuple[bool, str]:
    """Describe the result of looking up the base model or data set that a claim names."""
    for origin in license_.origins:
        if origin.name == claim.quotation:
            return origin not in list_unread_base_models(license_), describe_base_model(origin)
    for dataset in license_.datasets:
        if dataset.name == claim.quotation:
            return dataset.look is OriginState.READ and bool(dataset.entries), describe_dataset(dataset)
    if claim.entry is not None:
        return True, claim.entry
    return False, "Not looked up: its licence may bind you too"


def states_extent(opinion: Opinion) -> bool:
    """Whether the detail of an opinion states how many of the files it examined."""
    return bool(_EXAMINED_FILES.search(opinion.detail))


def fold_opinion(opinion: Opinion) -> list[tuple[OpinionFinding, int]]:
    """List the findings of another scanner, each with the number of further files with the same finding."""
    counts: dict[tuple[object, ...], list[OpinionFinding]] = {}
    for each in opinion.findings:
        counts.setdefault((each.severity, each.message.replace(each.artifact, ""), each.agrees), []).append(each)
    return [(equals[0], len(equals) - 1) for equals in counts.values()]


def name_extent(extent: Extent, report: AuditReport) -> str:
    """Name how much of a file was examined; without the security check, it was read for other questions alone."""
    if extent is Extent.EXAMINED and CheckFamily.SECURITY not in report.policy.checks:
        return "read, and not checked for attacks"
    return EXTENTS[extent]


def describe_extent(record: ArtifactRecord, report: AuditReport) -> str:
    """Describe how much of a file was examined; a name on no list, or a file that it names, leaves nothing unread."""
    unread = [each.unread for _, each in record.absences]
    if record.is_complete or not all(each.is_beside_read_bytes for each in unread):
        return name_extent(record.extent, report)
    missing = list(dict.fromkeys(each.missing_file for each in unread if each.missing_file))
    notes = ["a name in it is not verified"] if any(each.reason is UnreadReason.UNVERIFIED for each in unread) else []
    notes += [f"it names {join_first(missing, 1)}, which was not delivered"] if missing else []
    return f"read completely; {', and '.join(notes)}" if notes else name_extent(record.extent, report)


def describe_opinion_extent(opinion: Opinion) -> str:
    """Describe how much another scanner examined: ``examined 6 of 15 files``, ``examined the same files``."""
    if counts := _EXAMINED_FILES.search(opinion.detail):
        return f"examined {counts[0]}"
    return OPINIONS[OpinionState.PARTLY if opinion.absences else opinion.state]


def describe_network_use(report: AuditReport) -> str:
    """Describe whether the network was used."""
    if report.target.offline:
        return "offline: nothing was fetched from the network"
    if report.target.kind in LOCAL_KINDS:
        return "no network was needed"
    return "online: files were fetched from the origin"


def describe_inventory(report: AuditReport) -> str:
    """Describe the number of files, how many of them were opened if not all were, and their size."""
    coverage, size = report.coverage, sum(record.size for record in report.coverage.artifacts)
    files = count_noun(coverage.file_count, "file")
    if coverage.unopened:
        files = f"{coverage.file_count:,} of {count_noun(coverage.file_count + coverage.unopened, 'file')} opened"
    if coverage.unopened_files:
        total = size + sum(each.size for each in coverage.unopened_files)
        return f"{files}, {size:,} of {count_noun(total, 'byte')}"
    return f"{files}, {count_noun(size, 'byte')}"


def describe_completeness(report: AuditReport) -> str:
    """Describe in a clause how much was not examined, where there are no absences."""
    coverage = report.coverage
    if coverage.is_complete:
        further = "terms in further texts" if list_unsearched_texts(report) else ""
        if CheckFamily.SECURITY not in report.policy.checks:
            lead = f"{further}, and whether" if further else "whether"
            return f"{lead} the files hold an attack; every file was read for its terms alone"
        return f"{f'{further}; apart from that,' if further else 'nothing;'} every file was examined completely"
    return describe_unopened(report) or "nothing is recorded"


def list_unsearched_texts(report: AuditReport) -> list[str]:
    """List the sentences on texts that were not, or not to their end, searched for terms."""
    return [each.detail for each in report.license.conflicts if is_unsearched(each.location)]


def list_over_limit(report: AuditReport) -> list[str]:
    """List the sentences on texts behind the limit of one check, each of which may stand for several texts."""
    return [each for each in list_unsearched_texts(report) if _OVER_LIMIT in each]


def list_unsearched_paths(report: AuditReport) -> list[str]:
    """List the paths of the texts that were not searched to their end; of those behind the limit, only one is named."""
    own = (each for each in report.license.conflicts if is_unsearched(each.location))
    return [each.artifact for each in own if _OVER_LIMIT not in each.detail]


def describe_unopened(report: AuditReport) -> str:
    """Describe in a clause how many files were left unopened; empty if none were."""
    coverage = report.coverage
    if not coverage.unopened:
        return ""
    opened = count_noun(coverage.file_count, "file was", "files were")
    files = coverage.unopened_files
    sizes = f" ({count_noun(sum(each.size for each in files), 'byte')} in all)" if files else ""
    return f"{count_noun(coverage.unopened, 'file')} left unopened{sizes}; {opened} opened"
