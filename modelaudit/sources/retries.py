"""Repeat requests after failures that may pass: a rate limit, a failing server, a broken connection.

The transport repeats each request until the head of its answer arrived, and those for a listing until the whole answer
did. The body of a file is resumed by ``modelaudit.sources.transfer``.
"""

from __future__ import annotations

import errno
import random
import socket
import ssl

import httpx2

from modelaudit.sources.budget import RequestBudget
from modelaudit.sources.causes import iterate_causes
from modelaudit.sources.progress import announce_wait

FIRST_WAIT = 1.0
"""Seconds before the first repetition; the wait doubles with each further one."""
_LONGEST_WAIT = 8.0
"""Seconds before a repetition for which the server demands no wait."""

_BROKEN = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError)
# A network that is not there, and an unroutable address, will be the same in a minute.
_LASTING_ERRORS = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN)


class RetriesExhaustedError(Exception):
    """Every repetition of a request failed. Its cause is the last failure.

    The client repeats a request after the failure itself, so that it would repeat the repetitions.
    """


def may_pass(error: BaseException) -> bool:
    """Whether a failure of the network may pass. An unknown name and a refused certificate do not."""
    if not isinstance(error, _BROKEN):
        return False
    causes = list(iterate_causes(error))
    if any(isinstance(cause, (socket.gaierror, ssl.SSLCertVerificationError)) for cause in causes):
        return False
    if isinstance(error, httpx2.ConnectError) and any(isinstance(cause, ssl.SSLError) for cause in causes):
        return False
    return not any(isinstance(cause, OSError) and cause.errno in _LASTING_ERRORS for cause in causes)


def wait_for_retry(failures: int, budget: RequestBudget, host: str, demanded: int | None = None) -> bool:
    """Wait before a request is repeated, and return whether to repeat it.

    Args:
        failures: earlier failures of the request, the one that was just met included.
        budget: bounds the wait and the sum of all waits, and ends it if another thread asks to stop.
        host: that is asked again.
        demanded: seconds that the server demands.

    Raises:
        BoundReachedError: another thread asked to stop.
    """
    if failures > budget.retries:
        return False
    backoff = min(_LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1))
    # The random part keeps many clients, and the threads of this one, from coming back at the same moment.
    seconds = random.uniform(backoff / 2, backoff)
    seconds += demanded or 0
    if seconds >= min(budget.seconds_left, budget.limits.waiting_seconds - budget.waited):
        return False
    budget.waited += seconds
    with announce_wait(host, seconds, failures + 1):
        pause(budget, seconds)
    return True


def pause(budget: RequestBudget, seconds: float) -> None:
    """Wait, unless another thread asks to stop. Raises ``BoundReachedError`` then."""
    if budget.stop.wait(seconds):
        budget.check_time()
