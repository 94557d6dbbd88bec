"""Accept absences by the entries of a policy, and the findings that state these absences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase

from modelaudit.model.acceptance import Acceptance, AcceptanceSource
from modelaudit.model.copies import replace
from modelaudit.model.finding import Finding, Severity
from modelaudit.model.policy import Policy
from modelaudit.model.report import Absence, ArtifactRecord
from modelaudit.model.structure import Unread, UnreadReason


def apply_policy(address: str, unread: Unread, policy: Policy) -> Absence:
    """Return the absence ``unread``, accepted by the first entry of the policy that fits.

    An entry fits by reason, path and format; for unclaimed bytes also by their number. An absence that no entry fits
    stays open, and so does the failure of a reader.
    """
    for index, entry in enumerate(policy.allow_unread):
        # An entry without formats fits any format.
        formats = entry.formats or (unread.format,)
        is_too_large = unread.reason is UnreadReason.UNCLAIMED and unread.unclaimed_bytes > entry.most_bytes
        is_at_path = fnmatchcase(address, entry.paths)
        if unread.further_files:
            is_at_path = _fits_whole_folder(entry.paths, address)
        is_listed = unread.reason in entry.reasons and is_at_path and unread.format in formats
        if is_listed and not is_too_large and unread.reason is not UnreadReason.READER_FAILED:
            origin = policy.origins.get(f"allow-unread.{index}", policy.name)
            return Absence(unread, Acceptance(AcceptanceSource.POLICY, origin, entry.why))
    return Absence(unread)


def list_unused_entries(policy: Policy, records: Iterable[ArtifactRecord]) -> list[str]:
    """Describe each ``allow-unread`` of the files of the policy that accepts no absence of the records.

    The entries of ready policies fit most models in nothing, and are left out.
    """
    absences = [absence for record in records for _, absence in record.absences]
    used = {absence.acceptance.origin for absence in absences if absence.acceptance is not None}
    names = tuple(f"{path.name}:" for path in policy.files)
    entries = ((policy.origins.get(f"allow-unread.{n}", ""), each) for n, each in enumerate(policy.allow_unread))
    return [
        f"{origin}: this entry of allow-unread accepts nothing here; its paths are relative "
        f"to the target: {entry.paths}"
        for origin, entry in entries
        if names and origin.rpartition("/")[2].startswith(names) and origin not in used
    ]


def accept_statements(findings: Iterable[Finding], records: Iterable[ArtifactRecord]) -> list[Finding]:
    """Return the findings, each accepted whose absences the policy accepts: both are one thing.

    A critical finding needs a decision of its own.
    """
    absences: defaultdict[str, list[Absence]] = defaultdict(list)
    for record in records:
        for address, absence in record.absences:
            absences[address].append(absence)

    def accept(finding: Finding) -> Finding:
        if finding.acceptance is not None or finding.severity is Severity.CRITICAL:
            return finding
        stated = [each for each in absences.get(finding.artifact, ()) if each.is_stated_by(finding, finding.artifact)]
        if not stated or any(each.acceptance is None for each in stated):
            return finding
        return replace(finding, acceptance=stated[0].acceptance)

    return [accept(each) for each in findings]


def _fits_whole_folder(pattern: str, address: str) -> bool:
    """Whether ``pattern`` fits every file of the folder of ``address``: it is literal text before one final ``*``."""
    start = pattern.removesuffix("*")
    folder = address[: address.rfind("/") + 1]
    return start != pattern and not set("*?[") & set(start) and folder.startswith(start)
