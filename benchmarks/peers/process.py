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
"""What switches off all that the scanners would send or fetch."""


def silenced() -> TextIO:
    """Standard output for figures alone; whatever else the process prints is dropped from here on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    return out


def peak() -> int:
    """Peak of resident memory in bytes. Not ``ru_maxrss``: a child's begins with its parent's on Linux."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def exit_code(run: Callable[[], object]) -> int:
    """Return the exit code of a command."""
    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
