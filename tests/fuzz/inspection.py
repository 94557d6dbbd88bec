"""Read one input as a scan does, and list the violations of rules that hold for every reader and every input."""

from __future__ import annotations

import resource
import time
import traceback
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from support.catalogue import load_shipped

from modelaudit import options, pipeline
from modelaudit.licenses.lineage.traversal import LookupResult
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot, Window
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import WindowError
from modelaudit.model.license import OriginState
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.report import AuditReport, Coverage, Target
from modelaudit.policy.gate import Evidence, decide_verdict
from modelaudit.reports import REPORTS, render
from modelaudit.reports.json_report import parse_report
from modelaudit.scan_audit import ScanAudit

LIMITS: Final = Limits(
    artifact_cpu_seconds=4.0,
    cpu_seconds_per_gib=0.0,
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
"""Low limits: inputs reach them often, and an input that exceeds one is noticed at once."""

SECONDS_OVER: Final = 2.0
"""Seconds of CPU time beyond the deadline after which an input counts as too slow."""

GROWTH_MOST: Final = 96 * MIB
"""Bytes by which one input may raise the peak of resident memory: several times the amount that ``LIMITS`` allows."""


_LONGEST_DETAIL: Final = 4000
"""Characters of the longest detail of an absence that a report may show."""


class BytesWindow:
    """A window over bytes that rejects every read that a window may reject."""

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


class _RecordingReading(pipeline.ArtifactReading):
    """A reading that keeps the traceback of a failed reader, which reports omit."""

    failures: list[str] = []  # noqa: RUF012 - shared on purpose: the pipeline makes the readings itself

    def _record_failure(self, artifact: Artifact, failing: str, bug: Exception) -> None:
        """Keep the error and its four innermost frames, then record the failure as the pipeline does."""
        frames = traceback.extract_tb(bug.__traceback__)
        where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-4:]))
        self.failures.append(f"reader-failed: {failing}: {type(bug).__name__}: {str(bug)[:200]} at {where}")
        super()._record_failure(artifact, failing, bug)


class Inspector:
    """Reads inputs, applies the rules, renders the reports, and counts the formats.

    Args:
        measures_time: whether an input that exceeds its CPU time is a problem. A campaign measures it; a test does not,
            because other load of the machine changes what it measures.

    Attributes:
        formats: how many inputs each reader has read.
        codes: how many inputs led to each exit code.
    """

    def __init__(self, *, measures_time: bool = False) -> None:
        self._measures_time = measures_time
        pipeline.ArtifactReading = _RecordingReading  # type: ignore[misc]
        self._catalogue: Catalogue = load_shipped()
        # A policy with an intended use, so that licences are judged as well.
        self._policy = self._catalogue.policies["commercial-product"]
        self._families = options.list_families(self._catalogue)
        self.formats: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()

    def find_problems(
        self, data: bytes, path: str, content: str | None = None, every_format: bool = False
    ) -> list[str]:
        """Return the problems with ``data`` as a file named ``path``: one line each that begins with its kind.

        Args:
            data: the bytes of the input.
            path: its file name.
            content: the format that a container would declare for the bytes, or ``None``.
            every_format: render the report in every output format, not only in JSON.
        """
        _RecordingReading.failures.clear()
        memory_before = _read_peak_memory()
        began = time.process_time()
        try:
            report = self._make_report(data, path, content)
            renderings = [render(report, format_) for format_ in (REPORTS if every_format else ("json",))]
            if every_format and parse_report(render(report, "json")) != report:
                return ["report-not-restored: parsing the JSON report does not restore the report"]
        except Exception as bug:  # noqa: BLE001 - the campaign searches for exceptions of any type
            frames = traceback.extract_tb(bug.__traceback__)
            where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-4:]))
            return [f"exception: {type(bug).__name__}: {str(bug)[:200]} at {where}"]
        seconds = time.process_time() - began
        problems = list(_RecordingReading.failures)
        problems += _find_report_faults(report, renderings)
        if self._measures_time and seconds > LIMITS.artifact_cpu_seconds + SECONDS_OVER:
            problems.append(f"slow: {seconds:.1f} s of CPU time for {len(data)} bytes")
        # The peak only rises, so growth shows that this input needed more memory than any before it.
        growth = _read_peak_memory() - memory_before
        if growth > GROWTH_MOST:
            problems.append(f"memory: {growth // MIB} MiB more than any input before, for {len(data)} bytes")
        return problems

    def _make_report(self, data: bytes, path: str, content: str | None) -> AuditReport:
        """Return the report of a scan of one file, and count its formats and its exit code."""

        def open_window() -> AbstractContextManager[Window]:
            return nullcontext(BytesWindow(data))

        audit = ScanAudit(self._catalogue, self._policy, LIMITS, pipeline.ArtifactReading)
        artifact = Artifact(path, len(data), open_window, content=content)
        audit.examine(artifact)
        (record,) = audit.records
        self.formats.update(record.formats)
        snapshot = Snapshot(ModelRef(RefKind.FILE, path), None, (artifact,), "/")
        license_ = audit.conclude_license(snapshot, offline=True, wrap_look_up=lambda _: _refuse_lookup)
        findings = sorted(audit.findings, key=lambda finding: finding.order)
        coverage = Coverage(tuple(audit.records))
        decision = decide_verdict(Evidence(coverage, coverage, findings, license_, self._policy, self._families))
        target = Target(path, RefKind.FILE, path, None, None, "/", True, ())
        report = audit.build_report(target, decision, license_, ())
        self.codes[report.exit_code] += 1
        return report


def _refuse_lookup(_name: str, _is_dataset: bool) -> LookupResult:
    """Answer a look-up of a base model with "unreached", so that no input reaches the network."""
    return LookupResult(OriginState.UNREACHED, "no lookup in this test")


def _find_report_faults(report: AuditReport, renderings: list[bytes]) -> list[str]:
    """Return faults that no report may have, whatever the file."""
    faults = []
    for record in report.coverage.artifacts:
        for _, absence in record.absences:
            if "\n" in absence.unread.detail or "\r" in absence.unread.detail:
                faults.append(f"message-of-lines: {absence.unread.reason}: {absence.unread.detail[:200]!r}")
            if len(absence.unread.detail) > _LONGEST_DETAIL:
                faults.append(f"message-too-long: {absence.unread.reason}: {len(absence.unread.detail)} characters")
    if any(b"\x1b" in rendering for rendering in renderings):
        faults.append("escape-in-report: a terminal control character is shown raw")
    if report.exit_code == 0 and report.coverage.open_absences:
        faults.append("pass-with-absences: exit 0 with parts unread")
    return faults


def _read_peak_memory() -> int:
    """Return the peak of resident memory in bytes; ``ru_maxrss`` counts KiB on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
