"""Budgets of requests: the time, bytes, pages and requests that a server may still take for one purpose.

A purpose is the listing of one repository, or one of its files. The thread that makes the requests activates the
budget; the transport (``modelaudit.sources.transport``) finds it there, however deep in the client a request begins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx2
from msgspec import Struct, field

from modelaudit.model.limits import ServerLimits

_LATE_PART = 10
"""The share of a file's time, as a divisor, after which the answer that there is no such file counts as a failure."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class RefusedAnswerError(Exception):
    """An answer that no Hub gives, and that could lead a client astray. The message names the fault."""


class BoundReachedError(Exception):
    """A server has used up a bound of ``ServerLimits``. The message names the bound with its figure."""


class LongWaitError(Exception):
    """The Hub demands a longer wait than is left. ``seconds`` is the wait that it demands."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class DownloadBudget(Struct):
    """The bounds that all files of one download share. Several threads use it at a time.

    Attributes:
        limits: the bounds.
        files: number of files to fetch.
        received: bytes that have arrived, without repeated ones.
        unstated: those of files without a stated size.
    """

    limits: ServerLimits
    files: int
    received: int = 0
    unstated: int = 0
    _start: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds_left(self) -> float:
        """Seconds until the bound on the time of all files is reached."""
        limits = self.limits
        time_of_files = self.files * limits.seconds_for_each_file
        allowed = limits.file_seconds + time_of_files + self.received / limits.file_rate
        return self._start + allowed - time.monotonic()

    def count_bytes(self, amount: int, is_stated: bool) -> None:
        """Count bytes of a file that have arrived. Raises ``BoundReachedError``."""
        with self._lock:
            self.received += amount
            self.unstated += 0 if is_stated else amount
            if self.unstated > self.limits.unstated_bytes:
                most = self.limits.unstated_bytes
                raise BoundReachedError(f"the files without a listed size have more than {most} bytes in all")


class RequestBudget(Struct):
    """The bounds of one purpose, and the used part of them. One thread uses a budget at a time.

    Attributes:
        endpoint: address of the Hub; only its origin receives the token.
        limits: the bounds.
        file: path of the file that the requests are for; ``None`` for a listing.
        size: bytes that the listing states for the file; ``None`` if it states none.
        stop: set by another thread to end the requests.
        commit: that the requests are for; ``None`` until it is known.
        download: the bounds shared with the other files of a download; ``None`` for a listing.
        retries: repetitions of one request, as many as those of the Hub's client.
        requests: requests so far.
        entries: entries so far on the pages of the listing.
        name_bytes: bytes so far of the names of these entries.
        answer_bytes: bytes so far of the answers of the API.
        answer_values: upper bound on the JSON values so far in the answers of the API.
        progress: bytes of the file from its start that have arrived; a repeated byte counts once.
        head_bytes: bytes that have arrived of the answer's head while it is awaited; ``None`` otherwise.
        has_answer: the head of an answer has arrived.
        waited: seconds so far of the waits before repeated requests.
    """

    endpoint: httpx2.URL
    limits: ServerLimits
    file: str | None = None
    size: int | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    commit: str | None = None
    download: DownloadBudget | None = None
    retries: int = 5
    requests: int = 0
    entries: int = 0
    name_bytes: int = 0
    answer_bytes: int = 0
    answer_values: int = 0
    progress: int = 0
    head_bytes: int | None = None
    has_answer: bool = False
    waited: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    @property
    def max_file_bytes(self) -> int:
        """The most bytes that the body of the file may have."""
        return self.limits.unstated_file_bytes if self.size is None else self.size

    @property
    def seconds_left(self) -> float:
        """Seconds until the bound on time is reached; a file gains time with every byte that arrives."""
        allowed = self.limits.listing_seconds
        if self.file is not None:
            allowed = self.limits.file_seconds + self.progress / self.limits.file_rate
        seconds = self._start + allowed - time.monotonic()
        return seconds if self.download is None else min(seconds, self.download.seconds_left)

    @property
    def is_late(self) -> bool:
        """Whether a good part of a file's time is used up without a byte of it."""
        return time.monotonic() - self._start > self.limits.file_seconds / _LATE_PART

    def restart_time(self) -> None:
        """Begin to count the time of the file anew, because it was spent waiting for another process."""
        self._start = time.monotonic()

    def check_time(self) -> None:
        """Raise ``BoundReachedError`` if the time is used up or another thread asked to stop."""
        if self.stop.is_set():
            raise BoundReachedError("the fetch was stopped")
        if self.seconds_left > 0:
            return
        if self.file is None:
            raise BoundReachedError(f"it took more than {self.limits.listing_seconds:g} s")
        if self.download is not None and self.download.seconds_left <= 0:
            raise BoundReachedError(f"the {self.download.files} files together arrived too slowly")
        raise BoundReachedError(
            f"it arrived with less than {self.limits.file_rate:g} bytes a second after {self.limits.file_seconds:g} s"
        )

    def count_file_bytes(self, end: int) -> None:
        """Count that the file has arrived up to the offset ``end``; a repeated byte counts once.

        Raises:
            BoundReachedError: the files of the download without a stated size are too large together.
        """
        further = max(0, end - self.progress)
        self.progress += further
        if self.download is not None:
            self.download.count_bytes(further, is_stated=self.size is not None)

    def count_request(self) -> None:
        """Count one more request. Raises ``BoundReachedError``."""
        self.check_time()
        self.requests += 1
        most = self.limits.pages if self.file is None else self.limits.file_requests
        if self.requests > most:
            raise BoundReachedError(f"it took more than {most} requests")

    def count_head_bytes(self, amount: int) -> None:
        """Count bytes that arrive before the head of an answer is complete. Raises ``BoundReachedError``."""
        if self.head_bytes is None:
            return
        # The last bytes that arrive with a head may belong to the body, so they are not compared.
        if self.head_bytes > self.limits.head_bytes:
            raise BoundReachedError(f"the head of one answer takes more than {self.limits.head_bytes} bytes")
        self.head_bytes += amount

    def count_answer(self, size: int, values: int) -> None:
        """Count one more answer of the API, of ``size`` bytes and ``values`` values. Raises ``BoundReachedError``."""
        self.answer_bytes += size
        self.answer_values += values
        if self.answer_bytes > self.limits.listing_bytes:
            raise BoundReachedError(f"its answers hold more than {self.limits.listing_bytes} bytes in all")
        if self.answer_values > self.limits.listing_values:
            raise BoundReachedError(f"its answers may hold more than {self.limits.listing_values} values in all")

    def count_entry(self, name_bytes: int) -> None:
        """Count one more entry of the listing, whose name takes ``name_bytes``. Raises ``BoundReachedError``."""
        self.entries += 1
        self.name_bytes += name_bytes
        if self.entries > self.limits.listed_files:
            raise BoundReachedError(f"it lists more than {self.limits.listed_files} entries")
        if self.name_bytes > self.limits.name_bytes:
            raise BoundReachedError(f"it lists names of more than {self.limits.name_bytes} bytes in all")

    def is_own_origin(self, url: httpx2.URL) -> bool:
        """Whether ``url`` has the scheme, host and port of the endpoint, or of the same host after a change to TLS."""
        own_scheme, own_host, own_port = _read_origin(self.endpoint)
        scheme, host, port = _read_origin(url)
        is_upgrade = (own_scheme, own_port) == ("http", 80) and (scheme, port) == ("https", 443)
        is_same = (own_scheme, own_port) == (scheme, port)
        return own_host == host and (is_same or is_upgrade)


def _read_origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    """Return the scheme, the host in lower case, and the port, which follows from the scheme if it is not given."""
    return url.scheme, url.host.lower(), url.port or _DEFAULT_PORTS.get(url.scheme)


_ACTIVE: ContextVar[RequestBudget | None] = ContextVar("active request budget", default=None)


def get_active_budget() -> RequestBudget | None:
    """Return the budget of the requests of this thread; ``None`` if they are not requests of this package."""
    return _ACTIVE.get()


@contextmanager
def activate_budget(budget: RequestBudget) -> Iterator[None]:
    """Apply ``budget`` to every request of the client within the block, in this thread."""
    token = _ACTIVE.set(budget)
    try:
        yield
    finally:
        _ACTIVE.reset(token)
