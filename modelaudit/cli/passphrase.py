"""The passphrase of a private key of the user."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from modelaudit.model.errors import ConfigurationError

PASSPHRASE: Final = "MODELAUDIT_KEY_PASSPHRASE"


def get_passphrase(key: Path) -> bytes | None:
    """Return the passphrase of an encrypted key: from the environment, or asked for in a terminal."""
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given.encode()
    try:
        if not key.is_file():
            return None  # reading a pipe takes its bytes, which the key needs
        with key.open("rb") as file:
            is_encrypted = b"ENCRYPTED" in file.read(1 << 16)
    except OSError:
        return None  # reading the key names the fault
    if not is_encrypted:
        return None
    if not sys.stdin.isatty():
        raise ConfigurationError(f"--key: {key} is encrypted; set {PASSPHRASE} to its passphrase")
    answer: str = click.prompt(f"Passphrase of {key}", hide_input=True, err=True)
    return answer.encode()
