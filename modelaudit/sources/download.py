"""Fetch the files of one commit into the Hub cache, in several threads, each file within its bounds."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import httpx2
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError

from modelaudit import __version__
from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.budget import DownloadBudget, RequestBudget, activate_budget
from modelaudit.sources.cache import CachedCommit, is_file
from modelaudit.sources.claims import ListedFile, Listing
from modelaudit.sources.failures import (
    CLIENT_ERRORS,
    FailureExplainer,
    concerns_every_file,
    is_access_denied,
    is_connection_refused,
)
from modelaudit.sources.rejected import RejectedFiles
from modelaudit.sources.session import DETOURS, LIBRARY
from modelaudit.sources.settings import HubSettings

TIMEOUT = 10.0  # seconds, the client's own default for downloads
_FILES_AT_ONCE = 8  # the client's own default


@dataclass(frozen=True, slots=True)
class Download:
    """Fetches the files of one commit, in several threads.

    Attributes:
        progress_bar_class: the class that replaces the client's progress bars.
        shared_budget: the bounds that the files share.
        rejected: the files that are not kept in the cache.
        stop: set when no further bytes are needed.
        turn: held by the thread that takes the next file.
        failures: the absence of each file that was not fetched, by path.
        refusals: the errors of files to which access was denied, or for which no connection came about.
    """

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    cached_commit: CachedCommit
    explainer: FailureExplainer
    progress_bar_class: type
    shared_budget: DownloadBudget
    rejected: RejectedFiles
    stop: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    failures: dict[str, Unread] = field(default_factory=dict)
    refusals: list[BaseException] = field(default_factory=list)

    def fetch_files(self, files: Listing, wanted_names: Collection[str]) -> None:
        """Fetch files into the cache, or record why they were not fetched.

        A file that the server lists and cannot deliver must not prevent the examination of the others.

        Args:
            files: the files to fetch.
            wanted_names: these files, and those that the cache holds already.

        Raises:
            one of ``CLIENT_ERRORS`` that concerns every file: no room, a rate limit, or no access or connection for
                any file.
        """
        with ExitStack() as on_failure:
            on_failure.callback(self.rejected.discard)
            with DETOURS.off(), ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
                # One task for each thread and not for each file, because a task takes more memory than a listed file.
                remaining = iter(files.items())
                fetches = [pool.submit(self._fetch_remaining, remaining) for _ in range(_FILES_AT_ONCE)]
                try:
                    for fetch in as_completed(fetches):
                        fetch.result()
                finally:  # after a failure or an interrupt, the other fetches end at their next read
                    self.stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
            if self.refusals and not any(self._is_available(name) for name in wanted_names):
                raise self.refusals[0]
            on_failure.pop_all()

    def _fetch_remaining(self, remaining: Iterator[tuple[str, ListedFile]]) -> None:
        """Fetch files until none remains, or until the download is stopped.

        Args:
            remaining: the files that no thread has begun to fetch; the threads share it.

        Raises:
            one of ``CLIENT_ERRORS`` that concerns every file.
        """
        while not self.stop.is_set():
            with self.turn:
                following = next(remaining, None)
            if following is None:
                return
            self._fetch_file(*following)

    def _is_available(self, name: str) -> bool:
        """Whether the content of a file was fetched or cached."""
        return name in self.rejected.artifacts or is_file(f"{self.cached_commit.snapshot}/{name}")

    def _fetch_file(self, name: str, file: ListedFile) -> None:
        """Fetch one file into the cache, or record why it was not fetched.

        Raises:
            one of ``CLIENT_ERRORS`` that concerns every file.
        """
        most_failures = self.limits.server.failed_files
        if len(self.failures) >= most_failures:
            self._record_failure(name, f"{most_failures} other files could not be fetched before it")
            return
        endpoint = httpx2.URL(self.settings.request_endpoint)
        commit = self.cached_commit.commit
        budget = RequestBudget(
            endpoint, self.limits.server, name, file.least_size, self.stop, commit, self.shared_budget
        )
        try:
            with activate_budget(budget):
                hf_hub_download(
                    self.ref.name,
                    name,
                    repo_type="dataset" if self.ref.kind is RefKind.DATASET else "model",
                    revision=commit,
                    cache_dir=self.settings.cache,
                    library_name=LIBRARY,
                    library_version=__version__,
                    etag_timeout=TIMEOUT,
                    token=self.settings.token,
                    endpoint=self.settings.request_endpoint,
                    tqdm_class=self.progress_bar_class,
                )
            self.rejected.examine_fetched(name, file)
        except RemoteEntryNotFoundError as error:
            # It stays missing, and does not count as a failed file if the answer costs nothing.
            if budget.is_late:
                self._record_failure(name, str(self.explainer.explain(error)))
        except CLIENT_ERRORS as error:
            if concerns_every_file(error):
                raise
            is_denied = is_access_denied(error)
            if is_denied or is_connection_refused(error):
                self.refusals.append(error)
            reason = UnreadReason.UNREADABLE if is_denied else UnreadReason.CONTENT_ABSENT
            self._record_failure(name, str(replace(self.explainer, is_for_one_file=True).explain(error)), reason)

    def _record_failure(self, name: str, cause: str, reason: UnreadReason = UnreadReason.CONTENT_ABSENT) -> None:
        """Record the absence of a listed file."""
        self.failures[name] = Unread(reason, f"the Hub lists it, but it was not fetched: {cause}")
