"""Describe the answers of the Hub's own scanners, in their words, beside the findings of this report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct

from modelaudit.model.address import file_of
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.hub_scans import STATUSES, HubScans, ScannerAnswer, ScanOutcome
from modelaudit.model.report import AuditReport
from modelaudit.reports.wording import count_noun, join_first

_NAMED_FILES = 3
_GRAVEST_FIRST = list(STATUSES)


def get_scans(report: AuditReport) -> HubScans | None:
    """Return the answers of the Hub's scanners; ``None`` if there are none."""
    provenance = report.target.provenance
    return None if provenance is None else provenance.scans


def describe_scanners(report: AuditReport) -> str:
    """Describe the answers in one line, with their date and the files whose answers differ; empty without answers.

    Example: ``2026-11-28: protectAiScan "unsafe" in 1 of 4; avScan, jFrogScan "caution" in 2 of 4``.
    """
    scans = get_scans(report)
    if scans is None:
        return ""
    scanners: defaultdict[str, list[str]] = defaultdict(list)
    for name, words in summarise_scanners(scans):
        scanners[words].append(name)
    parts = [f"{', '.join(names)} {words}" for words, names in scanners.items()]
    line = f"{scans.date[:10]}: {'; '.join(parts)}"
    files = find_denied_files(report)
    if files:
        line += f"; no alarm about {join_first(files, _NAMED_FILES)}, unlike this report"
    return line


def summarise_scanners(scans: HubScans) -> list[tuple[str, str]]:
    """List each scanner with the gravest status that it states, and for how many files; those with alarms first."""
    answers: defaultdict[str, list[ScannerAnswer]] = defaultdict(list)
    for answer in scans.answers:
        answers[answer.scanner].append(answer)
    total = scans.file_count
    ranked = [(_rank(each), name, _summarise(each, total)) for name, each in answers.items()]
    return [(name, words) for _, name, words in sorted(ranked)]


def find_denied_files(report: AuditReport) -> Sequence[str]:
    """List the files with a security finding of high or critical severity about which no scanner of the Hub warns.

    A scanner has looked at each of them. Its answer does not change the finding.
    """
    scans = get_scans(report)
    if scans is None:
        return ()
    scanned, doubted = set[str](), set[str]()
    for answer in scans.answers:
        if answer.outcome is ScanOutcome.NO_ALARM:
            scanned.update(answer.files)
        elif answer.outcome is not ScanOutcome.NOT_SCANNED:
            doubted.update(answer.files)
    severe = {
        file_of(finding.artifact)
        for finding in report.findings
        if finding.check is CheckFamily.SECURITY and finding.severity.rank >= Severity.HIGH.rank
    }
    return sorted(severe & scanned - doubted)


class AnswerRow(Struct, frozen=True):
    """A row of the table of answers: scanner with its version, status, message, and the files in words."""

    scanner: str
    status: str
    message: str
    files: str
    is_alarm: bool


def list_answer_rows(scans: HubScans) -> list[AnswerRow]:
    """List the answers for a table. Answers of a scanner without a result are the last of it."""
    return [
        AnswerRow(
            f"{each.scanner} {each.version}".strip(),
            each.status,
            each.message,
            _name_files(each.files),
            each.outcome is ScanOutcome.ALARM,
        )
        for each in scans.answers
    ]


def _rank(answers: Sequence[ScannerAnswer]) -> int:
    """Return the place of the gravest status. All scanners without a result share the last one."""
    with_result = (each for each in answers if each.outcome is not ScanOutcome.NOT_SCANNED)
    return min((_GRAVEST_FIRST.index(each.status) for each in with_result), default=len(_GRAVEST_FIRST))


def _summarise(answers: Sequence[ScannerAnswer], total: int) -> str:
    """Return the gravest status of one scanner with the number of its files."""
    rank = _rank(answers)
    if rank == len(_GRAVEST_FIRST):
        return "not scanned"
    status = _GRAVEST_FIRST[rank]
    count = len({path for each in answers if each.status == status for path in each.files})
    return f'"{status}"' if count == total else f'"{status}" in {count:,} of {total:,}'


def _name_files(files: Sequence[str]) -> str:
    """Name some files and count the others."""
    if len(files) <= _NAMED_FILES:
        return ", ".join(files)
    return f"{', '.join(files[:_NAMED_FILES])} and {count_noun(len(files) - _NAMED_FILES, 'more file')}"
