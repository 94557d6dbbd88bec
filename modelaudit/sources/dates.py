"""Dates as the Hub writes them."""

from __future__ import annotations

import re

_DATE = re.compile(r"[0-9TZ:.+-]{10,40}")


def read_date(value: object) -> str | None:
    """Return a date as the Hub writes it, ``2022-03-02T23:29:04.000Z``; ``None`` for anything else."""
    return value if isinstance(value, str) and _DATE.fullmatch(value) else None
