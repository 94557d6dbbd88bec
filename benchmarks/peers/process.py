"""Shared behaviour of worker processes: print figures only, send nothing, measure the peak of memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

OFFLINE = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "NO_ANALYTICS": "1",
    "AISBOM_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}
"""Environment variables that disable all network access of the scanners."""


def silence_output() -> TextIO:
    """Discard all that the process prints from now on; return a stream to the original standard output for figures."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    return out


def read_peak_memory() -> int:
    """Return the peak of resident memory in bytes, or 0 if unknown.

    It comes from ``/proc``, because ``ru_maxrss`` of a child process begins with that of its parent on Linux.
    """
    match = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(match[1]) * 1024 if match else 0


def capture_exit_code(run: Callable[[], object]) -> int:
    """Call ``run``, the main function of a command, and return the exit code that it ends with."""
    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
