"""Read the files that options and policies name for trusted signers: keys, certificates, and trusted roots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from modelaudit.model.errors import ConfigurationError, SignatureError

_Loaded = TypeVar("_Loaded")
_MOST_BYTES: Final = 4 * 1024 * 1024


def read_trust_file(path: Path, origin: str) -> bytes:
    """Read a file that an option or a policy names.

    Raises:
        ConfigurationError: it is missing or larger than 4 MiB; the message begins with ``origin``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{origin}: {path} cannot be read: {cause}; check the path") from error
    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"{origin}: {path} is larger than {_MOST_BYTES:,} bytes")
    return data


def load_trust(path: Path, origin: str, load: Callable[[bytes], _Loaded]) -> _Loaded:
    """Load what a file of trust holds. Raises ``ConfigurationError``, also where ``load`` refuses its content."""
    try:
        return load(read_trust_file(path, origin))
    except SignatureError as error:
        raise ConfigurationError(f"{origin}: {path} {error}") from error
