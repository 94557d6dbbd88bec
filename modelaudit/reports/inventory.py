"""The files of a model as a page lists them: what they were compared with, what binds them, what was not read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from modelaudit.model.address import is_member
from modelaudit.model.artifact import Digest, DigestAlgorithm, RefKind
from modelaudit.model.report import Absence, ArtifactRecord, AuditReport, DigestState
from modelaudit.model.structure import NOWHERE
from modelaudit.reports.wording import count_noun

LOCAL_KINDS = frozenset({RefKind.FILE, RefKind.FOLDER, RefKind.CACHE})

_MIN_GROUP_SIZE = 3


@dataclass(frozen=True, slots=True)
class AbsenceGroup:
    """Absences that differ in the name of the file only. ``name`` says in words what they have in common."""

    name: str
    addresses: tuple[str, ...]
    absence: Absence


def group_absences(pairs: tuple[tuple[str, Absence], ...]) -> tuple[AbsenceGroup, ...]:
    """Return the absences, with three or more alike of one folder and one ending made into one."""
    alike: dict[tuple[str, str, Absence], list[str]] = {}
    for address, absence in pairs:
        path = PurePosixPath(address)
        whole = absence.unread.where == NOWHERE and not is_member(address)
        folder, ending = (str(path.parent), path.suffix) if whole and path.suffix else ("", address)
        alike.setdefault((folder, ending, absence), []).append(address)
    groups: list[AbsenceGroup] = []
    for (folder, ending, absence), addresses in alike.items():
        if len(addresses) < _MIN_GROUP_SIZE or len(set(addresses)) < len(addresses):
            groups += (AbsenceGroup(address, (address,), absence) for address in addresses)
            continue
        where = "the top folder" if folder == "." else f"{folder}/"
        name = f"{len(addresses):,} {ending.lstrip('.').upper()} files in {where}"
        groups.append(AbsenceGroup(name, tuple(addresses), absence))
    return tuple(groups)


def compute_tree_digest(report: AuditReport) -> str | None:
    """Return one SHA-256 for all files together; ``None`` where a file has no SHA-256, or there is no file.

    It is taken over the lines that ``sha256sum`` prints for the files (digest, two spaces, path), sorted by the bytes
    of the path, each ended by a line break.
    """
    lines: list[tuple[bytes, str]] = []
    for record in report.coverage.artifacts:
        value = next((each.value for each in record.digests if each.algorithm is DigestAlgorithm.SHA256), None)
        if value is None:
            return None
        lines.append((record.path.encode("utf-8", "surrogatepass"), value))
    if not lines:
        return None
    joined = b"".join(value.encode() + b"  " + path + b"\n" for path, value in sorted(lines))
    return hashlib.sha256(joined).hexdigest()


def list_shown_digests(record: ArtifactRecord) -> tuple[Digest, ...]:
    """Return the digests worth printing: SHA-256, and git's own where the source states one."""
    stated = {digest.algorithm for digest in record.claimed} | {DigestAlgorithm.SHA256}
    return tuple(digest for digest in record.digests if digest.algorithm in stated)


def has_claimed_digests(report: AuditReport) -> bool:
    """Return whether any file could be held against a digest that its source states."""
    return any(record.claimed for record in report.coverage.artifacts)


def describe_comparison(report: AuditReport) -> str:
    """Return in one sentence what the files were compared with."""
    states = [record.digest_state for record in report.coverage.artifacts]
    if not states:
        return "There was nothing to compare."
    if not has_claimed_digests(report):
        if report.target.kind in LOCAL_KINDS:
            return "Not compared: a local folder has no published reference."
        return "Not compared: the source states no digest for any file."
    same, other = states.count(DigestState.MATCH), states.count(DigestState.MISMATCH)
    parts = [f"{same:,} of {count_noun(len(states), 'file')} verified: equal to what the source states"]
    if other:
        parts.append(f"{other:,} altered: DIFFERENT from what the source states")
    if left := len(states) - same - other:
        parts.append(f"{left:,} not compared")
    return "; ".join(parts) + "."
