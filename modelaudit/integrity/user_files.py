"""Read the files that options and policies name: keys, certificates, trusted roots, signatures and attestations."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from modelaudit.model.errors import ConfigurationError, ModelAuditError, SignatureError

_Loaded = TypeVar("_Loaded")
_MOST_BYTES: Final = 4 * 1024 * 1024
"""The largest file of trust: a key, certificates or a trusted root."""


def read_user_file(
    path: Path, origin: str, most_bytes: int, error_type: type[ModelAuditError] = ConfigurationError
) -> bytes:
    """Read a file up to one byte more than ``most_bytes``, so that the caller can refuse a larger one.

    Args:
        path: the file.
        origin: the option or the line of the policy that names it; empty without one. The message begins with it.
        most_bytes: how much of the file may count.
        error_type: of the error, which decides the exit code.

    Raises:
        ModelAuditError: of ``error_type``: the file cannot be read.
    """
    place = f"{origin}: {path}" if origin else f"{path}"
    try:
        # A pipe with a name may never end; that of a shell, <(command), has none but its number.
        if path.is_fifo() and not os.path.realpath(path).startswith("/proc/"):
            raise error_type(f"{place} is a pipe, which may never end; name a regular file")
        with path.open("rb") as file:
            return file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise error_type(f"{place} cannot be read: {cause}; check the path") from error


def read_trust_file(path: Path, origin: str) -> bytes:
    """Read a file of trust.

    Raises:
        ConfigurationError: it is missing or larger than 4 MiB; the message begins with ``origin``.
    """
    data = read_user_file(path, origin, _MOST_BYTES)
    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"{origin}: {path} is larger than {_MOST_BYTES:,} bytes")
    return data


def load_trust(path: Path, origin: str, load: Callable[[bytes], _Loaded]) -> _Loaded:
    """Load the content of a file of trust. Raises ``ConfigurationError``, also where ``load`` refuses its content."""
    try:
        return load(read_trust_file(path, origin))
    except SignatureError as error:
        raise ConfigurationError(f"{origin}: {path} {error}") from error
