"""Parse a number of days on the command line."""

from __future__ import annotations

import re

from modelaudit.model.errors import ConfigurationError


def parse_days(option: str, text: str, *, allows_never: bool = True) -> int | None:
    """Parse a number of days, such as ``30d``; ``None`` for ``never`` where that is allowed.

    Raises:
        ConfigurationError: it is neither.
    """
    if text == "never" and allows_never:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})d", text)
    if match is None:
        raise ConfigurationError(f"{option} {text}: is not a number of days; write it such as 30d")
    return int(match[1])
