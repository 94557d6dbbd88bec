"""Bound the connections of the Hub's client: no read outlasts the active budget, or the wish to stop."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2

from modelaudit.sources.budget import get_active_budget

_SECONDS_UNTIL_STOP = 0.25
"""The longest wait for a silent server after which a thread sees that it is asked to stop."""


class BoundedNetwork(httpcore2.NetworkBackend):
    """Makes connections that read within the active budget."""

    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to a host and port."""
        seconds = _shorten_timeout(timeout)
        return BoundedConnection(self._inner.connect_tcp(host, port, seconds, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        """Connect to a Unix socket."""
        return BoundedConnection(self._inner.connect_unix_socket(path, _shorten_timeout(timeout), socket_options))

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts to connect."""
        self._inner.sleep(seconds)


class BoundedConnection(httpcore2.NetworkStream):
    """A connection whose reads never outlast the active budget, whichever part of an answer it reads."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has arrived. Raises ``BoundReachedError`` if the time of the budget is used up."""
        budget = get_active_budget()
        if budget is None:
            return self._inner.read(max_bytes, timeout)
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            budget.check_time()
            seconds = _SECONDS_UNTIL_STOP if end is None else min(_SECONDS_UNTIL_STOP, end - time.monotonic())
            try:
                data = self._inner.read(max_bytes, _shorten_timeout(max(0.01, seconds)))
            except httpcore2.ReadTimeout:
                budget.check_time()
                if end is not None and time.monotonic() >= end:
                    raise
            else:
                budget.count_head_bytes(len(data))
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._inner.write(buffer, _shorten_timeout(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Return the connection with TLS."""
        return BoundedConnection(self._inner.start_tls(ssl_context, server_hostname, _shorten_timeout(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows about itself, such as its socket."""
        return self._inner.get_extra_info(info)


def _shorten_timeout(timeout: float | None) -> float | None:
    """Return the timeout, or the seconds that are left of the active budget if they are fewer."""
    budget = get_active_budget()
    if budget is None:
        return timeout
    # With a timeout of 0, a socket does not wait at all.
    seconds = max(0.01, budget.seconds_left)
    return seconds if timeout is None else min(timeout, seconds)
