"""Accept what an earlier report holds already, so that the gate fails only on what is new."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.address import file_of
from modelaudit.model.digest import DigestAlgorithm
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport


def refuse_other_model(baseline: AuditReport, name: str, version: str, label: str) -> None:
    """Refuse a baseline that cannot be compared with this scan.

    Args:
        baseline: the earlier report.
        name: the short name of the scanned target.
        version: the version of this modelaudit.
        label: the name of the baseline in the message.

    Raises:
        ConfigurationError: it is a report on another model, or of a newer version.
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

    What a decision accepted there is not known from it, because that decision ends by its own terms.

    Args:
        report: the earlier report.
        name: the name of its file, which the acceptances show.
    """

    def __init__(self, report: AuditReport, name: str) -> None:
        self.name = name
        self._acceptance = Acceptance(AcceptanceSource.BASELINE, name, "an earlier report holds it")
        self._severities = {each.fingerprint: each.severity for each in report.findings if not _is_decided(each)}
        self._absences = {
            (address, absence.unread.reason)
            for record in report.coverage.artifacts
            for address, absence in record.absences
            if not _is_decided(absence)
        }
        self._digests = dict(_list_digests(report.coverage.artifacts))

    def accept_findings(self, findings: Iterable[Finding], records: Iterable[ArtifactRecord]) -> list[Finding]:
        """Return the findings, accepted where the earlier report has them with this severity or a higher one.

        A critical finding is known only in the same bytes: new bytes may hold another attack with its fingerprint.
        """
        digests = dict(_list_digests(records))

        def is_known(finding: Finding) -> bool:
            earlier = self._severities.get(finding.fingerprint)
            if earlier is None or finding.severity.rank > earlier.rank:
                return False
            path = file_of(finding.artifact)
            is_same = path in digests and digests[path] == self._digests.get(path)
            return finding.severity is not Severity.CRITICAL or is_same

        return [
            replace(each, acceptance=self._acceptance) if each.acceptance is None and is_known(each) else each
            for each in findings
        ]

    def accept_absences(self, records: Iterable[ArtifactRecord]) -> list[ArtifactRecord]:
        """Return the records, each absence accepted that the earlier report has with its address and reason."""
        return [
            replace(record, absences=tuple((address, self._accept(address, each)) for address, each in record.absences))
            for record in records
        ]

    def _accept(self, address: str, absence: Absence) -> Absence:
        is_known = absence.acceptance is None and (address, absence.unread.reason) in self._absences
        return replace(absence, acceptance=self._acceptance) if is_known else absence


def _is_decided(subject: Finding | Absence) -> bool:
    """Whether a decision of a person accepted it."""
    return subject.acceptance is not None and subject.acceptance.source is AcceptanceSource.DECISION


def _list_digests(records: Iterable[ArtifactRecord]) -> Iterable[tuple[str, str]]:
    """Yield (address, SHA-256) of each file whose digest is known."""
    for record in records:
        for digest in record.digests:
            if digest.algorithm is DigestAlgorithm.SHA256:
                yield record.path, digest.value
