"""Ask the Hub for the answers of its own scanners about a commit.

``huggingface_hub`` keeps two of the five scanners, and fails where one of these is absent, so the listing is read
itself. It costs one request for each 50 to 100 files: ``/api/models/{id}/tree/{revision}?recursive=true&expand=true``,
https://huggingface.co/docs/hub/api. The description of the revision has a summary, by which a later scan finds out
without a further request whether anything changed.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

import httpx2
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._pagination import paginate
from msgspec import Struct

from modelaudit import __version__
from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.copies import replace
from modelaudit.model.hub_scans import HubScans
from modelaudit.model.limits import Limits
from modelaudit.model.provenance import Provenance
from modelaudit.model.wording import TIME_FORMAT
from modelaudit.sources.budget import BoundReachedError, RequestBudget, activate_budget
from modelaudit.sources.cache import CachedCommit
from modelaudit.sources.causes import iterate_causes
from modelaudit.sources.failures import CLIENT_ERRORS, FailureExplainer
from modelaudit.sources.scan_answers import AnswerCollector, ScanSummary, add_summary
from modelaudit.sources.scan_records import ScansRecord, read_scans_record, write_scans_record
from modelaudit.sources.session import DETOURS, LIBRARY
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.waits import STATUSES_WITH_RETRY

_SILENT_ENTRIES: Final = 50
"""Files without an answer at the begin of a listing, after which the server counts as one that states none."""
_SILENCE: Final = "the Hub's own scanners gave no answer"


class ScansInquiry(Struct, frozen=True):
    """The question for the answers of the Hub's scanners. A scan goes on without an answer.

    Attributes:
        ref: the repository that the user asked for.
        summary: of the revision, in the answer of this scan on it; ``None`` if that has none.
    """

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    cached_commit: CachedCommit
    summary: ScanSummary | None

    def complete(self, provenance: Provenance, names: Collection[str]) -> Provenance:
        """Return the provenance with the answers. Recorded ones hold as long as the summary of the Hub is the same.

        Args:
            provenance: of the repository.
            names: the files of the commit.
        """
        record = read_scans_record(self.cached_commit.repository, self.cached_commit.commit, self.limits)
        if record is not None and (record.scans.origin, record.summary) == (self.settings.endpoint, self.summary):
            # The summary is newer than the record, which another program may have changed.
            scans = add_summary(record.scans, self.summary, names)
        else:
            scans, is_lasting = self._ask(names)
            if is_lasting:
                write_scans_record(self.cached_commit, ScansRecord(scans, self.summary))
            elif record is not None and record.scans.origin == scans.origin:
                remarks = (*record.scans.remarks, *scans.remarks)
                scans = add_summary(replace(record.scans, remarks=remarks), self.summary, names)
        if scans.answers:
            return replace(provenance, scans=scans)
        line = ": ".join((_SILENCE, *scans.remarks[:1]))
        return replace(provenance, unanswered=(*provenance.unanswered, line))

    def _ask(self, names: Collection[str]) -> tuple[HubScans, bool]:
        """Ask the Hub; return its answers, and whether to record them. After a failure that may pass, they are not."""
        collector = AnswerCollector(names)
        remarks, is_lasting = [], True
        try:
            self._collect(collector)
        except CLIENT_ERRORS as error:
            is_lasting = self._is_lasting(error)
            remarks.append(str(FailureExplainer(self.ref, self.settings).explain(error)).rstrip("."))
        unanswered = len(names) - len(collector.answered)
        if collector.answered and unanswered:
            remarks.append(f"the Hub states nothing about {unanswered} of {len(names)} files")
        if collector.refused:
            remarks.append(f"{collector.refused} values have a form that the Hub does not document")
        is_done = self.summary.is_done if self.summary is not None else None
        date = datetime.now(UTC).strftime(TIME_FORMAT)
        scans = HubScans(date, self.settings.endpoint, is_done, collector.list_answers(), tuple(remarks))
        return add_summary(scans, self.summary, names), is_lasting

    def _collect(self, collector: AnswerCollector) -> None:
        """Collect the answers from the expanded listing. Raises one of ``CLIENT_ERRORS``."""
        server = self.limits.server
        seconds = server.scanner_seconds + server.scanner_seconds_for_each_file * len(collector.names)
        bounds = replace(server, listing_seconds=min(seconds, server.listing_seconds))
        endpoint = self.settings.request_endpoint
        # A server without a summary is a mirror, which may know nothing of scanners.
        retries = 0 if self.summary is None else 1
        budget = RequestBudget(httpx2.URL(endpoint), bounds, commit=self.cached_commit.commit, retries=retries)
        kind = "datasets" if self.ref.kind is RefKind.DATASET else "models"
        url = f"{endpoint}/api/{kind}/{self.ref.name}/tree/{self.cached_commit.commit}"
        with DETOURS.off(), activate_budget(budget):
            headers = build_hf_headers(token=self.settings.token, library_name=LIBRARY, library_version=__version__)
            for entry in paginate(url, {"recursive": True, "expand": True}, headers):
                budget.count_entry(0)
                collector.add_entry(entry)
                # A mirror that does not know the expanded form sends the plain listing.
                if collector.entries >= _SILENT_ENTRIES and not collector.answered:
                    return

    def _is_lasting(self, error: BaseException) -> bool:
        """Whether the server would fail in the same way again: it knows no such request, or takes too long for it."""
        for cause in iterate_causes(error):
            if isinstance(cause, BoundReachedError):
                return True
            if isinstance(cause, httpx2.TimeoutException):
                return self.summary is None
            if isinstance(cause, HfHubHTTPError):
                code = cause.response.status_code
                return code not in STATUSES_WITH_RETRY and code not in (401, 403)
        return False
