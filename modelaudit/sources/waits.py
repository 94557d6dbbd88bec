"""Read the waits that a server demands, and let the Hub's client see no other.

The client sleeps as long as ``RateLimit`` or ``Retry-After`` demands, without a bound, and its own expressions for
these headers take quadratic time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.sources.budget import LongWaitError, RequestBudget

STATUSES_WITH_RETRY = frozenset({408, 429, *range(500, 600)} - {501, 505})
"""The statuses after which a request is repeated: too slow, too often, and failures of a server but "not supported"."""
_WAIT_HEADERS = ("retry-after", "ratelimit", "ratelimit-policy")
_LONGEST_NUMBER = 18
"""Digits of a wait that are read; a longer number is a wait beyond every bound, and costs time to parse."""
_READ_CHARACTERS = 200
"""The part of a header that is read. A Hub needs less, and the time to search a longer one grows with its square."""
_EXHAUSTED_POLICY = defer_pattern(r";\s*r\s*=\s*0+\b[^,]*?;\s*t\s*=\s*(\d+)", re.ASCII)


def parse_wait(headers: httpx2.Headers) -> int | None:
    """Return the longest time in seconds that a server asks to wait before a retry; ``None`` if it states none.

    Sources: ``RateLimit`` of the IETF draft ``ratelimit-headers``, version 9: for each policy, ``r`` requests remain
    and ``t`` seconds are left to the reset. ``Retry-After`` of RFC 9110, section 10.2.3: seconds or a date.
    """
    policies = headers.get("ratelimit", "")[:_READ_CHARACTERS]
    waits = [int(seconds[:_LONGEST_NUMBER]) for seconds in _EXHAUSTED_POLICY.findall(policies)]
    retry_after = _parse_retry_after(headers.get("retry-after", "")[:_READ_CHARACTERS].strip())
    return max(waits if retry_after is None else [*waits, retry_after], default=None)


def _parse_retry_after(text: str) -> int | None:
    """Return the seconds of a ``Retry-After``; ``None`` if it holds neither seconds nor a date."""
    if text.isdecimal():
        return int(text[:_LONGEST_NUMBER])
    try:
        return max(0, round((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()))
    # A zone of many digits is beyond the numbers of ``timedelta``.
    except (TypeError, ValueError, OverflowError):
        return None


def bound_wait(response: httpx2.Response, budget: RequestBudget) -> None:
    """Leave one header of the answer that demands a wait, with the whole seconds that were read within the bounds.

    Raises:
        LongWaitError: the answer demands a wait that is too long.
    """
    seconds = parse_wait(response.headers)
    for name in _WAIT_HEADERS:
        response.headers.pop(name, None)
    if seconds is None or response.status_code not in STATUSES_WITH_RETRY:
        return
    if seconds > min(budget.limits.longest_wait, budget.seconds_left):
        raise LongWaitError(seconds)
    response.headers["retry-after"] = str(seconds)
