"""Accept the results of an earlier report, so that the gate fails only on new ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from modelaudit.model.acceptance import Acceptance, AcceptanceSource, DecisionState
from modelaudit.model.address import file_of
from modelaudit.model.copies import replace
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Finding, Severity, drop_context
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.register import DecisionAnswer, SubjectKind
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport

_LINE_NUMBER: Final = defer_pattern(r"\Aline \d+: ")
_COUNTED_EVIDENCE: Final = defer_pattern(r"\A(?:and )?\d+ more\b")
"""Evidence that is counted and not shown, such as ``and 3 more``."""


def refuse_other_model(
    baseline: AuditReport, name: str, version: str, label: str, checks: Collection[CheckFamily] = ()
) -> None:
    """Refuse a baseline that cannot be compared with this scan.

    Args:
        baseline: the earlier report.
        name: the short name of the scanned target.
        version: the version of this modelaudit.
        label: the name of the baseline in the message.
        checks: the families that this scan checks.

    Raises:
        ConfigurationError: it is a report on another model, of a newer version, or on the licence alone.
    """
    if _parse_version(baseline.tool.version) > _parse_version(version):
        raise ConfigurationError(
            f"{label}: written by modelaudit {baseline.tool.version}, newer than this {version}; upgrade modelaudit, "
            "or write the baseline again with this version"
        )
    if baseline.target.short_name != name:
        raise ConfigurationError(
            f"{label}: a report on {baseline.target.short_name!r}, not on {name!r}; name a baseline of the same model"
        )
    if CheckFamily.SECURITY in checks and CheckFamily.SECURITY not in baseline.policy.checks:
        raise ConfigurationError(
            f"{label}: a report without the check security, so it knows nothing of this scan; write the baseline with "
            "modelaudit scan"
        )


def _parse_version(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, such as (0, 1, 0); a part that is not a number ends it."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


class Baseline:
    """The findings and absences of an earlier report.

    What a decision accepted there is not known from it, because that decision ends by its own terms. Neither is what a
    decision refused, whether it was still in force or not.

    Args:
        report: the earlier report.
        name: the name of its file, which the acceptances show.
    """

    def __init__(self, report: AuditReport, name: str) -> None:
        self.name = name
        self._acceptance = Acceptance(AcceptanceSource.BASELINE, name, "an earlier report holds it")
        refused = _list_refused(report)
        is_model_refused = any(each.startswith(f"{SubjectKind.MODEL} ") for each in refused)
        findings = () if is_model_refused else report.findings
        records = () if is_model_refused else report.coverage.artifacts
        self._findings = {
            each.fingerprint: each for each in findings if not _is_decided(each) and each.fingerprint not in refused
        }
        self._absences = {
            (address, absence.unread)
            for record in records
            for address, absence in record.absences
            if not _is_decided(absence) and absence.name_at(address) not in refused
        }
        self._digests = {each.path: _list_digests(each) for each in report.coverage.artifacts}

    def accept_findings(self, findings: Iterable[Finding], records: Iterable[ArtifactRecord]) -> list[Finding]:
        """Return the findings, accepted where the earlier report has them with this severity or a higher one.

        In the same bytes the fingerprint identifies a finding. New bytes may hold another attack under the same name,
        so there its message and its evidence must be the same too and complete; a critical finding, and one that
        states an open absence, is never known in new bytes.
        """
        records_by_path = {each.path: each for each in records}

        def is_known(finding: Finding) -> bool:
            earlier = self._findings.get(finding.fingerprint)
            if earlier is None or finding.severity.rank > earlier.severity.rank:
                return False
            record = records_by_path.get(file_of(finding.artifact))
            if record is not None and self._has_same_bytes(record):
                return True
            absences = record.absences if record is not None else ()
            states_absence = any(
                each.acceptance is None and each.is_stated_by(finding, address) for address, each in absences
            )
            is_critical = finding.severity is Severity.CRITICAL
            return not is_critical and not states_absence and _shows_same(finding, earlier)

        return [
            replace(each, acceptance=self._acceptance) if each.acceptance is None and is_known(each) else each
            for each in findings
        ]

    def accept_absences(self, records: Iterable[ArtifactRecord]) -> list[ArtifactRecord]:
        """Return the records, each absence accepted that the earlier report has of the same bytes.

        An absence says nothing about the bytes that it concerns, so nothing but their digest shows that they are the
        same. Files that it counts without a record have none.
        """

        def accept(address: str, absence: Absence) -> Absence:
            is_open = absence.acceptance is None and not absence.unread.further_files
            is_known = is_open and (address, absence.unread) in self._absences
            return replace(absence, acceptance=self._acceptance) if is_known else absence

        return [
            replace(record, absences=tuple((address, accept(address, each)) for address, each in record.absences))
            if self._has_same_bytes(record)
            else record
            for record in records
        ]

    def _has_same_bytes(self, record: ArtifactRecord) -> bool:
        """Whether the earlier report has the file with the same digest: computed, or stated where it was not read."""
        earlier, digests = self._digests.get(record.path), _list_digests(record)
        return bool(digests) and digests == earlier


def _shows_same(finding: Finding, earlier: Finding) -> bool:
    """Whether both findings show the same words, and all that they are about.

    A line may have moved, and the lines beside it may be others. Evidence that is cut, and a finding in a file without
    evidence, show only a part.
    """
    shown = [_LINE_NUMBER.sub("", each) for each in drop_context(finding.evidence)]
    is_complete = not any("…" in each or _COUNTED_EVIDENCE.search(each) for each in (finding.message, *shown))
    is_shown = bool(shown) or not finding.artifact
    earlier_shown = [_LINE_NUMBER.sub("", each) for each in drop_context(earlier.evidence)]
    return is_complete and is_shown and (finding.message, shown) == (earlier.message, earlier_shown)


def _list_refused(report: AuditReport) -> set[str]:
    """List the findings, absences and subjects that a person refused, also where the refusal ended since."""
    return {
        key
        for each in report.decisions
        if each.answer == DecisionAnswer.REFUSE and each.state is not DecisionState.UNUSED
        for key in (*each.fingerprints, *each.absences, each.subject)
    }


def _is_decided(subject: Finding | Absence) -> bool:
    """Whether a decision of a person accepted it."""
    return subject.acceptance is not None and subject.acceptance.source is AcceptanceSource.DECISION


def _list_digests(record: ArtifactRecord) -> frozenset[Digest]:
    """Return the SHA-256 of a file; of one that was not read, the digests that its source states."""
    computed = frozenset(each for each in record.digests if each.algorithm is DigestAlgorithm.SHA256)
    return computed or frozenset(record.claimed)
