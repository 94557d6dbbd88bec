"""Parse a number of days on the command line."""

from __future__ import annotations

import re

from modelaudit.model.errors import ConfigurationError


def parse_days(option: str, text: str) -> int | None:
    """Parse a number of days, such as ``30d``; ``None`` for ``never``. Raises ``ConfigurationError``."""
    if text == "never":
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})d", text)
    if match is None:
        raise ConfigurationError(f"{option} {text}: is not a number of days; write it such as 30d")
    return int(match[1])
