"""Parse a digest on the command line."""

from __future__ import annotations

import re

from modelaudit.model.errors import ConfigurationError


def parse_digest(option: str, text: str) -> str:
    """Return the hexadecimal part of a SHA-256, with or without ``sha256:``. Raises ``ConfigurationError``."""
    value = text.lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ConfigurationError(f"{option} {text}: is not a SHA-256; write it such as sha256:{'0' * 64}")
    return value
