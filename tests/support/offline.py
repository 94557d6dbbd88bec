"""Run commands in a network namespace that has no interface but its own loopback, which is down."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_NAMESPACE: Final = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def run_without_network(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can reach no network, in an environment that the keywords extend."""
    return subprocess.run(
        [*_NAMESPACE, *map(str, command)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
