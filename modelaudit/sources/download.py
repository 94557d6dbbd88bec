"""Fetch the files of one commit into the Hub cache, in several threads, each file within its bounds."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from contextvars import copy_context
from types import TracebackType
from urllib.parse import quote

import httpx2
from huggingface_hub.errors import FileMetadataError, HfHubHTTPError, RemoteEntryNotFoundError
from huggingface_hub.file_download import hf_hub_url
from huggingface_hub.utils._headers import build_hf_headers
from msgspec import Struct, field

from modelaudit import __version__
from modelaudit.integrity.digests import compare_digests
from modelaudit.model.artifact import Artifact, ModelRef, RefKind
from modelaudit.model.copies import replace
from modelaudit.model.digest import Digest, DigestAlgorithm, DigestState
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.blobs import BlobStore
from modelaudit.sources.budget import BoundReachedError, DownloadBudget, LongWaitError, RequestBudget, activate_budget
from modelaudit.sources.cache import CachedCommit, is_file
from modelaudit.sources.claims import ListedFile, Listing, parse_digest
from modelaudit.sources.failures import (
    CLIENT_ERRORS,
    FailureExplainer,
    concerns_every_file,
    is_access_denied,
    is_unconnected,
)
from modelaudit.sources.partial import PartialFile, remove_abandoned_partials
from modelaudit.sources.progress import DownloadCounter
from modelaudit.sources.rejected import RejectedFiles
from modelaudit.sources.retries import RetriesExhaustedError
from modelaudit.sources.session import DETOURS, LIBRARY
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.transfer import StatedFile, Transfer
from modelaudit.sources.waits import STATUSES_WITH_RETRY
from modelaudit.sources.windows import FileState, LocalFile

_FILES_AT_ONCE = 8  # the client's own default
_SECONDS_TO_STOP = 1.0
_RESUMABLE_ERRORS = (httpx2.TransportError, RetriesExhaustedError, BoundReachedError, LongWaitError)
"""The failures after which the bytes so far are still good."""
_MATCHING = frozenset({DigestState.MATCH, DigestState.MATCH_SHA1})


class _End(Struct, frozen=True):
    """Reports the end of a thread with the error that ended it, because nothing else receives that error."""

    ends: queue.SimpleQueue[BaseException | None]

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, _: object, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.ends.put(error)
        return True


class _FetchedBytes(Struct, frozen=True):
    """The bytes of a file that arrived: the ETag that the Hub states, their digests, and whether they contradict."""

    etag: str
    digests: tuple[Digest, ...]
    is_altered: bool


class Download(Struct):
    """Fetches the files of one commit, in several threads.

    Attributes:
        counter: receives the bytes and files.
        shared_budget: the bounds that the files share.
        rejected: the files that are not kept in the cache.
        stop: set when no further bytes are needed.
        turn: held by the thread that takes the next file.
        failures: the absence of each file that was not fetched, by path.
        refusals: the errors of files to which access was denied, or for which no connection came about.
        digests: of the files that were fetched, by their state in the cache.
    """

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    cached_commit: CachedCommit
    explainer: FailureExplainer
    counter: DownloadCounter
    shared_budget: DownloadBudget
    rejected: RejectedFiles
    stop: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    failures: dict[str, Unread] = field(default_factory=dict)
    refusals: list[BaseException] = field(default_factory=list)
    digests: dict[FileState, tuple[Digest, ...]] = field(default_factory=dict)
    _kept_partials: set[str] = field(default_factory=set)
    _cache_address: str = ""
    _has_no_cache_address: bool = False

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
            if files:
                self._store.prepare()
                with DETOURS.off():
                    self._run_threads(iter(files.items()), min(_FILES_AT_ONCE, len(files)))
                remove_abandoned_partials(self._store.folder, self._kept_partials)
            if self.refusals and not any(self._is_available(name) for name in wanted_names):
                raise self.refusals[0]
            on_failure.pop_all()

    def add_digests(self, artifacts: Iterable[Artifact]) -> tuple[Artifact, ...]:
        """Return artifacts with the digests of what was fetched, unless the files changed since."""
        return tuple(
            replace(each, digests=self.digests.get(each.open.state, ())) if isinstance(each.open, LocalFile) else each
            for each in artifacts
        )

    def _run_threads(self, remaining: Iterator[tuple[str, ListedFile]], count: int) -> None:
        """Fetch the remaining files in ``count`` threads.

        Raises:
            one of ``CLIENT_ERRORS`` that concerns every file.
        """
        ends: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def run() -> None:
            with _End(ends):
                self._fetch_remaining(remaining)

        # Python waits at its end for non-daemon threads, and these may wait for a server.
        # Each thread reports its waits to the listener of this one.
        contexts = [copy_context() for _ in range(count)]
        threads = [
            threading.Thread(target=context.run, args=(run,), name="fetching", daemon=True) for context in contexts
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in threads:
                error = ends.get()
                if error is not None:
                    raise error
        finally:  # after a failure or an interrupt, the other threads end at their next read
            self.stop.set()
            end = time.monotonic() + _SECONDS_TO_STOP
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))

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
            self.counter.add_file()

    @property
    def _store(self) -> BlobStore:
        return BlobStore(self.cached_commit)

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
                self._fetch_blob(name, file, budget)
        except RemoteEntryNotFoundError as error:
            # It stays missing, and does not count as a failed file if the answer costs nothing.
            if budget.is_late:
                self._record_failure(name, str(self.explainer.explain(error)))
        except CLIENT_ERRORS as error:
            if concerns_every_file(error):
                raise
            is_denied = is_access_denied(error)
            if is_denied or is_unconnected(error):
                self.refusals.append(error)
            reason = UnreadReason.UNREADABLE if is_denied else UnreadReason.CONTENT_ABSENT
            self._record_failure(name, str(replace(self.explainer, is_for_one_file=True).explain(error)), reason)

    def _fetch_blob(self, name: str, file: ListedFile, budget: RequestBudget) -> None:
        """Link a file to its blob, which is fetched if the cache lacks it.

        Raises:
            one of ``CLIENT_ERRORS``.
        """
        names = [digest.value for digest in file.claimed]
        if not names:
            self._fetch_bytes(name, file, "", budget)
            return
        # Another process or thread may fetch the same blob, for as long as the file may take.
        limits = self.limits.server
        with self._store.lock(names[0], limits.file_seconds + (file.least_size or 0) / limits.file_rate):
            budget.restart_time()
            blob = self._store.find_blob(names)
            if blob is None:
                self._fetch_bytes(name, file, names[0], budget)
            else:
                self._store.link(name, blob)
                self.counter.add_bytes(file.least_size or 0)

    def _fetch_bytes(self, name: str, file: ListedFile, expected_blob: str, budget: RequestBudget) -> None:
        """Fetch the bytes of a file that the cache lacks, and keep them in it unless they contradict a digest.

        Raises:
            one of ``CLIENT_ERRORS``.
        """
        with PartialFile(self._store.folder, expected_blob) as partial:
            may_be_wrong = partial.has_earlier_bytes or (_is_small(file) and self._cache_address)
            self.counter.add_bytes(partial.size)
            try:
                fetched = self._fetch_and_compare(name, file, partial, budget)
                # Bytes of an earlier run may be wrong, and so may be those at an address that was derived.
                if fetched.is_altered and may_be_wrong:
                    self._cache_address, self._has_no_cache_address = "", True
                    self.counter.add_bytes(-partial.size)
                    partial.restart()
                    fetched = self._fetch_and_compare(name, file, partial, budget)
                # The ETag of a mirror that is not a digest would be a name by which no later download finds the blob.
                blob = fetched.etag if parse_digest(fetched.etag) or not expected_blob else expected_blob
                self._keep(name, partial, blob, fetched)
            except _RESUMABLE_ERRORS:
                partial.remove_if_short()
                self._kept_partials.add(partial.path)
                raise
            finally:
                if partial.path not in self._kept_partials:
                    partial.remove()

    def _fetch_and_compare(
        self, name: str, file: ListedFile, partial: PartialFile, budget: RequestBudget
    ) -> _FetchedBytes:
        """Fetch the bytes into the partial file, and compare their digests. Raises one of ``CLIENT_ERRORS``."""
        stated = self._transfer(name, file, partial, budget)
        digests = partial.compute_digests()
        claims = sorted({*file.claimed, *parse_digest(stated.etag)})
        is_altered = compare_digests(claims, digests) is DigestState.MISMATCH
        # A page of a proxy comes without the name of a commit. It does not have the size of the file as well.
        may_be_other = not file.claimed or (is_altered and partial.size != file.size)
        if not stated.names_commit and may_be_other:
            raise FileMetadataError("the answer names no commit, and its bytes are not those that the Hub lists")
        return _FetchedBytes(stated.etag, digests, is_altered)

    def _keep(self, name: str, partial: PartialFile, blob: str, fetched: _FetchedBytes) -> None:
        """Keep a fetched file in the cache, or out of it if its bytes are altered. Raises ``OSError``."""
        if not fetched.is_altered:
            state = self._store.store(partial, blob, name)
            if state is not None and fetched.digests:
                self.digests[state] = fetched.digests
        elif compare_digests(parse_digest(blob), fetched.digests) in _MATCHING:
            self._store.store(partial, blob, None)
            self.rejected.leave(name, blob)
        else:
            self.rejected.take(name, partial, blob)

    def _transfer(self, name: str, file: ListedFile, partial: PartialFile, budget: RequestBudget) -> StatedFile:
        """Fetch the bytes into the partial file. Raises one of ``CLIENT_ERRORS``."""
        headers = build_hf_headers(token=self.settings.token, library_name=LIBRARY, library_version=__version__)
        algorithms = {digest.algorithm for digest in file.claimed}
        is_small = _is_small(file)
        url = hf_hub_url(
            self.ref.name,
            name,
            repo_type="dataset" if self.ref.kind is RefKind.DATASET else "model",
            revision=self.cached_commit.commit,
            endpoint=self.settings.request_endpoint,
        )
        transfer = Transfer(url, headers, budget, partial, algorithms, file.least_size, self.counter.add_bytes)
        if is_small and self._cache_address:
            try:
                transfer.url = f"{self._cache_address}/{quote(name)}"
                return transfer.fetch()
            except HfHubHTTPError as error:
                if error.response.status_code in STATUSES_WITH_RETRY:
                    raise  # the server fails, and would so at the other address
                self._cache_address, self._has_no_cache_address = "", True
                transfer.url = url
        stated = transfer.fetch()
        if is_small and not self._has_no_cache_address:
            self._cache_address = _find_cache_address(transfer.redirected_url, url, name, self.cached_commit.commit)
        return stated

    def _record_failure(self, name: str, cause: str, reason: UnreadReason = UnreadReason.CONTENT_ABSENT) -> None:
        """Record the absence of a listed file."""
        self.failures[name] = Unread(reason, f"the Hub lists it, but it was not fetched: {cause}")


def _is_small(file: ListedFile) -> bool:
    """Whether a file is one of those that git stores itself, for which the Hub states no other digest."""
    return {digest.algorithm for digest in file.claimed} == {DigestAlgorithm.GIT_BLOB}


def _find_cache_address(address: str, url: str, name: str, commit: str) -> str:
    """Return the address below which the Hub serves the small files of a commit; empty if there is none.

    The Hub redirects each request for a small file to an address that names the commit and ends with the path of the
    file. Requests to such addresses themselves are half as many.

    Args:
        address: to which the request for a file led.
        url: of the request.
        name: of the file.
        commit: of the file.
    """
    path, end = address.partition("?")[0], f"/{quote(name)}"
    has_form = path != url and path.endswith(end) and f"/{commit}/" in path
    return path.removesuffix(end) if has_form else ""
