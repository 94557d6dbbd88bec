"""Dates as the Hub writes them."""

from __future__ import annotations

import re

from modelaudit.model.lazy_pattern import defer_pattern

# Dates are compared as texts, so that no other form may pass.
_DATE = defer_pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)


def read_date(value: object) -> str | None:
    """Return a date as the Hub writes it, ``2022-03-02T23:29:04.000Z``; ``None`` for anything else."""
    return value if isinstance(value, str) and _DATE.fullmatch(value) else None
