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
    """Parse the seconds until a retry: ``RateLimit`` (IETF draft 9, ``t``) or ``Retry-After`` (RFC 9110)."""
    limit = re.search(r";\s*r\s*=\s*0\b.*?;\s*t\s*=\s*(\d{1,9})", headers.get("ratelimit", ""))
    if limit:
        return int(limit.group(1))
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    try:
        return max(0, round((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()))
    except (TypeError, ValueError):
        return None


def _is_own_request(request: httpx2.Request) -> bool:
    return request.headers.get("user-agent", "").startswith(f"{LIBRARY}/")


def _bound_timeouts(request: httpx2.Request) -> None:
    if not _is_own_request(request):
        return
    allowed = max(_LEAST_TIMEOUT, *(_read_seconds(f"HF_HUB_{name}_TIMEOUT") for name in ("DOWNLOAD", "ETAG")))
    given = request.extensions.get("timeout") or {}
    kinds = ("connect", "read", "write", "pool")
    bounds = {kind: allowed if given.get(kind) is None else min(given[kind], allowed) for kind in kinds}
    request.extensions = {**request.extensions, "timeout": bounds}


def _read_seconds(variable: str) -> float:
    text = os.environ.get(variable, "")
    return float(text) if re.fullmatch(r"\d{1,6}", text) else 0.0


def _bound_wait(response: httpx2.Response) -> None:
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
    tag = response.headers.get("x-linked-etag") or response.headers.get("etag")
    if response.request.method == "HEAD" and tag is not None and not _ETAG.fullmatch(tag.lstrip("W/").strip('"')):
        raise RefusedAnswerError(f"it gives a file the ETag {tag!r}")
    if "/tree/" in response.request.url.path and response.status_code == 200:
        _check_listed_digests(response)


def _check_listed_digests(response: httpx2.Response) -> None:
    response.read()
    try:
        entries = response.json()
    except ValueError:
        return
    for entry in entries if isinstance(entries, list) else ():
        large = entry.get("lfs") if isinstance(entry, dict) else None
        tag = large.get("oid") if isinstance(large, dict) else None
        if tag is not None and not (isinstance(tag, str) and _ETAG.fullmatch(tag)):
            raise RefusedAnswerError(f"it lists a file with the digest {tag!r}")
