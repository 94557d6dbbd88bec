"""Bound the Hub's client: timeouts, requested waits, and the names of cache files.

``huggingface_hub`` lists files without a timeout, sleeps as long as ``Retry-After`` demands, and names cache files
after the ETag of an answer. Its only hook is the factory of its HTTP client, which serves the whole process; the bounds
therefore apply only to requests that carry this package's user agent.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.utils import _http

LIBRARY = "modelaudit"
LONGEST_WAIT = 60
"""The longest wait, in seconds, that a rate limit may demand; beyond it the scan ends with an error."""

_LEAST_TIMEOUT = 10.0  # seconds; the client's own default where it has one
# An ETag that is safe as the name of a file in the cache.
_ETAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_STATUSES_WITH_WAIT = (429, 503)
_LOCK = threading.Lock()


class RefusedAnswerError(Exception):
    """An answer of the Hub that could make a client write outside its cache. The message names the fault."""


class LongWaitError(Exception):
    """The Hub demands a longer wait than ``LONGEST_WAIT``. ``seconds`` is the wait that it demands."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class BoundedFactory:
    """Adds the bounds to the clients that ``make`` creates."""

    make: Callable[[], httpx2.Client]

    def __call__(self) -> httpx2.Client:
        """Make a client."""
        client = self.make()
        hooks = client.event_hooks
        hooks["request"] = [*hooks.get("request", ()), _bound_timeouts]
        hooks["response"] = [*hooks.get("response", ()), _bound_wait, _check_cache_names]
        client.event_hooks = hooks
        return client


def bound_session() -> None:
    """Wrap the client factory of the process with the bounds."""
    with _LOCK:
        current = _http._GLOBAL_CLIENT_FACTORY
        if not isinstance(current, BoundedFactory):
            set_client_factory(BoundedFactory(current))


def parse_wait(headers: httpx2.Headers) -> int | None:
    """Return the seconds that a server asks to wait before a retry; ``None`` if it states none.

    They are in ``RateLimit`` (IETF draft 9: ``r`` requests remain, ``t`` is the time to the reset), or in
    ``Retry-After`` (RFC 9110) as seconds or as a date.
    """
    rate_limit = re.search(r";\s*r\s*=\s*0\b.*?;\s*t\s*=\s*(\d{1,9})", headers.get("ratelimit", ""))
    if rate_limit:
        return int(rate_limit.group(1))
    retry_after = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", retry_after):
        return int(retry_after)
    try:
        return max(0, round((parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()))
    except (TypeError, ValueError):
        return None


def _is_own_request(request: httpx2.Request) -> bool:
    return request.headers.get("user-agent", "").startswith(f"{LIBRARY}/")


def _bound_timeouts(request: httpx2.Request) -> None:
    """Bound the timeouts of a request by ten seconds, or by a longer time that the user set for the client."""
    if not _is_own_request(request):
        return
    longest = max(_LEAST_TIMEOUT, *(_read_seconds(f"HF_HUB_{name}_TIMEOUT") for name in ("DOWNLOAD", "ETAG")))
    requested = request.extensions.get("timeout") or {}
    kinds = ("connect", "read", "write", "pool")
    bounds = {kind: longest if requested.get(kind) is None else min(requested[kind], longest) for kind in kinds}
    request.extensions = {**request.extensions, "timeout": bounds}


def _read_seconds(variable: str) -> float:
    """Return the whole seconds in an environment variable; 0 if it is unset or no number."""
    text = os.environ.get(variable, "")
    return float(text) if re.fullmatch(r"\d{1,6}", text) else 0.0


def _bound_wait(response: httpx2.Response) -> None:
    """Raise ``LongWaitError`` if the answer demands a wait for which the client would sleep too long."""
    if _is_own_request(response.request) and response.status_code in _STATUSES_WITH_WAIT:
        seconds = parse_wait(response.headers)
        if seconds is not None and seconds > LONGEST_WAIT:
            raise LongWaitError(seconds)


def _check_cache_names(response: httpx2.Response) -> None:
    """Refuse an answer whose ETag or commit would become a path outside of the cache."""
    if not _is_own_request(response.request):
        return
    commit = response.headers.get("x-repo-commit")
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise RefusedAnswerError(f"it names {commit!r} as the commit")
    etag = response.headers.get("x-linked-etag") or response.headers.get("etag")
    if response.request.method == "HEAD" and etag is not None and not _ETAG.fullmatch(etag.lstrip("W/").strip('"')):
        raise RefusedAnswerError(f"it gives a file the ETag {etag!r}")
    if "/tree/" in response.request.url.path and response.status_code == 200:
        _check_listed_digests(response)


def _check_listed_digests(response: httpx2.Response) -> None:
    """Refuse a listing with a digest that cannot be a file name, because the client names blobs after it."""
    response.read()
    try:
        entries = response.json()
    except ValueError:
        return
    for entry in entries if isinstance(entries, list) else ():
        lfs_entry = entry.get("lfs") if isinstance(entry, dict) else None
        digest = lfs_entry.get("oid") if isinstance(lfs_entry, dict) else None
        if digest is not None and not (isinstance(digest, str) and _ETAG.fullmatch(digest)):
            raise RefusedAnswerError(f"it lists a file with the digest {digest!r}")
