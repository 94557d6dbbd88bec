"""Run commands in a network namespace that has no interface but its own loopback, which is down."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

_NAMESPACES: Final = (("unshare", "--net"), ("unshare", "--map-root-user", "--net"))
"""For a process that may make namespaces, and for any other where the system allows namespaces of users."""


def run_without_network(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can reach no network, in an environment that the keywords extend."""
    return subprocess.run(
        [*_choose_namespace(), *map(str, command)],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@cache
def _choose_namespace() -> tuple[str, ...]:
    """Choose a command for namespaces that works on this system; the test fails if none does."""
    faults = []
    for start in _NAMESPACES:
        tried = subprocess.run([*start, "true"], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return start
        faults.append(tried.stderr.strip())
    pytest.fail(f"this system lets no test run without network: {'; '.join(faults)}")
