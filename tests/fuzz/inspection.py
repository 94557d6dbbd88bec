"""Reads one input as a scan does and says what a reader must never do with it."""

from __future__ import annotations

import resource
import time
import traceback
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from modelaudit import options, pipeline
from modelaudit.audit import Audit
from modelaudit.catalogue import load_catalogue
from modelaudit.licenses.lineage.traversal import LookupResult
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot, Window
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import WindowError
from modelaudit.model.license import OriginState
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.report import AuditReport, Coverage, Target
from modelaudit.policy.gate import decide
from modelaudit.reports import REPORTS, render_report
from modelaudit.reports.json_report import parse_report
from modelaudit.wire.base import Reader

LIMITS: Final = Limits(
    artifact_seconds=4.0,
    seconds_per_gib=0.0,
    depth=4,
    members=300,
    members_total=600,
    expanded_bytes=8 * MIB,
    expansion_floor=2 * MIB,
    document_bytes=2 * MIB,
    document_nodes=50_000,
    header_bytes=MIB,
    pickle_stack=50_000,
    pickle_memo=50_000,
    pickle_events=2_000,
    pickle_streams=200,
)
"""Small bounds: they are reached often, and an input that passes over one shows at once."""

SECONDS_OVER: Final = 2.0
"""CPU time beyond the deadline until an input counts as one that does not keep it."""

GROWTH_MOST: Final = 96 * MIB
"""Bytes by which one input may raise the peak of resident memory: some times what ``LIMITS`` lets it keep."""


class BytesWindow:
    """A window that refuses what a window may refuse."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """As ``Window.read``."""
        if offset < 0 or length < 0:
            raise ValueError(f"a read of {length} bytes at {offset}")
        if length > LIMITS.read_bytes:
            raise WindowError(f"a read of {length} bytes is over the bound")
        return self._data[offset : offset + length]


class _Watched(pipeline.ArtifactReading):
    """A reading that keeps the traceback of a reader that fails, which a report has no use for."""

    failures: list[str] = []  # noqa: RUF012 - shared on purpose: the pipeline makes the readings itself

    def _failed(self, artifact: Artifact, reader: Reader, bug: Exception) -> None:
        frames = traceback.extract_tb(bug.__traceback__)
        where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-4:]))
        self.failures.append(f"reader-failed: {reader.format}: {type(bug).__name__}: {str(bug)[:200]} at {where}")
        super()._failed(artifact, reader, bug)


class Inspector:
    """Reads, judges and reports inputs, and counts which formats they were read as.

    Attributes:
        formats: how many inputs each reader has read.
        codes: how many inputs each exit code was for.
    """

    def __init__(self) -> None:
        pipeline.ArtifactReading = _Watched  # type: ignore[misc]
        self._catalogue: Catalogue = load_catalogue()
        # One that says what is meant, so that licences answer too.
        self._policy = self._catalogue.policies["commercial-product"]
        self.formats: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()

    def problems(self, data: bytes, path: str, content: str | None = None, every_format: bool = False) -> list[str]:
        """What went wrong with ``data`` as a file named ``path``: one line each, the kind of problem first."""
        _Watched.failures.clear()
        before = _peak()
        began = time.process_time()
        try:
            report = self._report(data, path, content)
            renderings = [render_report(report, format_) for format_ in (REPORTS if every_format else ("json",))]
            if every_format and parse_report(render_report(report, "json")) != report:
                return ["report-not-restored: the report is not what its own JSON says"]
        except Exception as bug:  # noqa: BLE001 - any exception is what is looked for
            frames = traceback.extract_tb(bug.__traceback__)
            where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-4:]))
            return [f"exception: {type(bug).__name__}: {str(bug)[:200]} at {where}"]
        spent = time.process_time() - began
        found = list(_Watched.failures)
        found += _slips(report, renderings)
        if spent > LIMITS.artifact_seconds + SECONDS_OVER:
            found.append(f"slow: {spent:.1f} s of CPU time for {len(data)} bytes")
        if _peak() - before > GROWTH_MOST:
            found.append(f"memory: {(_peak() - before) // MIB} MiB more than any input before, for {len(data)} bytes")
        return found

    def _report(self, data: bytes, path: str, content: str | None) -> AuditReport:
        def opened() -> AbstractContextManager[Window]:
            return nullcontext(BytesWindow(data))

        audit = Audit(self._catalogue, self._policy, LIMITS, pipeline.ArtifactReading)
        artifact = Artifact(path, len(data), opened, content=content)
        audit.examine(artifact)
        (record,) = audit.records
        self.formats.update(record.formats)
        snapshot = Snapshot(ModelRef(RefKind.FILE, path), None, (artifact,), "/")
        license_ = audit.conclude_license(snapshot, True, lambda _: _unreached)
        findings = sorted(audit.findings, key=lambda finding: finding.order)
        families = options.list_families(self._catalogue)
        decision = decide(
            Coverage(tuple(audit.records)), findings, self._policy, families, permission=license_.permission
        )
        target = Target(path, RefKind.FILE, path, None, None, "/", True, ())
        report = audit.report(target, decision, license_, ())
        self.codes[report.exit_code] += 1
        return report


def _unreached(_name: str, _is_dataset: bool) -> LookupResult:
    return LookupResult(OriginState.UNREACHED, "nobody is asked")


def _slips(report: AuditReport, renderings: list[bytes]) -> list[str]:
    """What a report must not hold, whatever the file."""
    found = []
    for record in report.coverage.artifacts:
        for _, absence in record.absences:
            if "\n" in absence.unread.detail or "\r" in absence.unread.detail:
                found.append(f"message-of-lines: {absence.unread.reason}: {absence.unread.detail[:200]!r}")
            if len(absence.unread.detail) > 4000:
                found.append(f"message-too-long: {absence.unread.reason}: {len(absence.unread.detail)} characters")
    if any(b"\x1b" in rendering for rendering in renderings):
        found.append("escape-in-report: a terminal control character is shown raw")
    if report.exit_code == 0 and report.coverage.open_absences:
        found.append("pass-with-absences: exit 0 with parts unread")
    return found


def _peak() -> int:
    """Peak of resident memory in bytes; ``ru_maxrss`` counts KiB, on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
