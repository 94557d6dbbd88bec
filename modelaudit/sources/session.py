"""Bound the Hub's client: its transport, timeouts, log, and the names of cache files.

``huggingface_hub`` lists files without a timeout, and cache files are named after the ETag of an answer. Its only hook
is the factory of its HTTP client, which serves the whole process; the bounds therefore apply only to requests for which
a budget is active.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants, set_client_factory
from huggingface_hub.utils import _http
from msgspec import Struct

from modelaudit.model.errors import ConfigurationError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.sources.budget import RefusedAnswerError, get_active_budget
from modelaudit.sources.transport import BoundedTransport

LIBRARY = "modelaudit"

_USUAL_TIMEOUT = 10.0  # seconds; the client's own default where it has one
# An ETag that is safe as the name of a file in the cache.
_ETAG = defer_pattern(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_COMMIT = defer_pattern(r"[0-9a-f]{40}")
_LOCK = threading.Lock()


class BoundedFactory(Struct, frozen=True):
    """Adds the bounds to the clients that ``make`` creates."""

    make: Callable[[], httpx2.Client]

    def __call__(self) -> httpx2.Client:
        """Make a client."""
        client = self.make()
        hooks = client.event_hooks
        hooks["request"] = [*hooks.get("request", ()), _bound_timeouts]
        hooks["response"] = [*hooks.get("response", ()), _check_cache_names]
        client.event_hooks = hooks
        # The client has a transport for direct connections, and one for each proxy; it is ``None`` for hosts that no
        # proxy serves.
        client._transport = BoundedTransport(client._transport)
        client._mounts = {
            pattern: None if transport is None else BoundedTransport(transport)
            for pattern, transport in client._mounts.items()
        }
        return client


def bound_session() -> None:
    """Wrap the client factory of the process with the bounds, and keep the client's log out of our output.

    Raises:
        ConfigurationError: ``SSL_CERT_FILE`` names no file.
    """
    certificates = os.environ.get("SSL_CERT_FILE")
    if certificates and not os.path.isfile(certificates):  # noqa: PTH113 - Path.is_file raises for some texts
        raise ConfigurationError(f"SSL_CERT_FILE is {certificates!r}, not a file; name a file of certificates.")
    with _LOCK:
        current = _http._GLOBAL_CLIENT_FACTORY
        if not isinstance(current, BoundedFactory):
            set_client_factory(BoundedFactory(current))
        for handler in logging.getLogger("huggingface_hub").handlers:
            if _is_foreign_record not in handler.filters:
                handler.addFilter(_is_foreign_record)


def _is_foreign_record(_: logging.LogRecord) -> bool:
    """Whether a record of the client's log concerns other requests than ours; it may quote what a server sent."""
    return get_active_budget() is None


class _DetourSwitch:
    """Keeps the client from requests that the scan did not ask for.

    ``hf_xet`` makes requests past the transport and its bounds. The client's telemetry asks the Hub for a list of
    agents, compares variables of the environment with what the Hub names, and puts the result into every request.
    """

    _SETTINGS = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY")

    def __init__(self) -> None:
        self._users = 0
        self._earlier_values: dict[str, bool] = {}

    @contextmanager
    def off(self) -> Iterator[None]:
        """Switch both off within the block, in the whole process."""
        with _LOCK:
            if self._users == 0:
                self._earlier_values = {setting: getattr(constants, setting) for setting in self._SETTINGS}
                vars(constants).update(dict.fromkeys(self._SETTINGS, True))
            self._users += 1
        try:
            yield
        finally:
            with _LOCK:
                self._users -= 1
                if self._users == 0:
                    vars(constants).update(self._earlier_values)


DETOURS = _DetourSwitch()


def _bound_timeouts(request: httpx2.Request) -> None:
    """Bound the timeouts of a request by ten seconds, or by a longer time that the user set for the client."""
    if get_active_budget() is None:
        return
    longest = max(_USUAL_TIMEOUT, *(_read_seconds(f"HF_HUB_{name}_TIMEOUT") for name in ("DOWNLOAD", "ETAG")))
    requested = request.extensions.get("timeout") or {}
    kinds = ("connect", "read", "write", "pool")
    bounds = {kind: longest if requested.get(kind) is None else min(requested[kind], longest) for kind in kinds}
    request.extensions = {**request.extensions, "timeout": bounds}


def _read_seconds(variable: str) -> float:
    """Return the whole seconds in an environment variable; 0 if it is unset or no number."""
    text = os.environ.get(variable, "")
    return float(text) if re.fullmatch(r"\d{1,6}", text) else 0.0


def _check_cache_names(response: httpx2.Response) -> None:
    """Refuse an answer for another commit, or whose ETag or commit would become a path outside of the cache."""
    budget = get_active_budget()
    if budget is None:
        return
    commit = response.headers.get("x-repo-commit")
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise RefusedAnswerError(f"it names {commit[:200]!r} as the commit, which is not a commit id")
    # The client stores a file below the commit that the answer names.
    if commit is not None and budget.commit not in (None, commit):
        raise RefusedAnswerError(f"it is for commit {commit} in place of {budget.commit}")
    # A blob is named after the ETag of the Hub's own answer, without its quotes and the mark of a weak ETag.
    etag = read_etag(response)
    if budget.file is not None and etag and budget.is_own_origin(response.request.url) and not _ETAG.fullmatch(etag):
        raise RefusedAnswerError(f"it gives a file the ETag {etag[:200]!r}, which cannot be the name of a blob")


def read_etag(response: httpx2.Response) -> str:
    """Return the ETag that an answer states for a file, as the client reads it; empty if it states none."""
    etag: str = response.headers.get("x-linked-etag") or response.headers.get("etag") or ""
    return etag.lstrip("W/").strip('"')


def check_digest(digest: object) -> None:
    """Raise ``RefusedAnswerError`` if a listed digest cannot be a file name: the client names blobs after it."""
    if digest is not None and not (isinstance(digest, str) and _ETAG.fullmatch(digest)):
        raise RefusedAnswerError(
            f"it lists a file with the digest {str(digest)[:200]!r}, which cannot be the name of a blob"
        )
