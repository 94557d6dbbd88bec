"""Read the keys, certificates and roots that options name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from modelaudit.model.errors import ConfigurationError, SignatureError

_MOST_TRUST_BYTES: Final = 4 * 1024 * 1024


def read_trust_file(path: Path, option: str) -> bytes:
    """Read a file that an option names. Raises ``ConfigurationError`` if it is missing or too large."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_TRUST_BYTES + 1)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{option}: {path} cannot be read: {cause}; check the path") from error
    if len(data) > _MOST_TRUST_BYTES:
        raise ConfigurationError(f"{option}: {path} is larger than {_MOST_TRUST_BYTES:,} bytes")
    return data


def load_trust(path: Path | None, option: str, load: Callable[[bytes], object]) -> object:
    """Load a file of trust, and turn a refusal of its content into an error of the option."""
    assert path is not None
    try:
        return load(read_trust_file(path, option))
    except SignatureError as error:
        raise ConfigurationError(f"{option}: {path} {error}") from error
