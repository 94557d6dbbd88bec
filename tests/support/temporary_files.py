"""Keep temporary files in memory where there is room: the suite makes half a million files, and a disk takes longer.

Importing this module has that effect on this process and on those that it starts, unless the environment names a folder
for temporary files.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
"""The file system in memory of Linux."""
LEAST_FREE: Final = 6 * 1024**3
"""Six times the size of the files of a whole run, in bytes."""


def has_room(folder: Path = MEMORY, least: int = LEAST_FREE, memory: Path = Path("/proc/meminfo")) -> bool:
    """Whether a file system in memory has room for the files of a run, and lets programs in it run."""
    try:
        system = os.statvfs(folder)
        lines = dict(line.split(":", 1) for line in memory.read_text().splitlines())
        available = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, AttributeError):  # another system than Linux
        return False
    is_usable = not system.f_flag & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(folder, os.W_OK)
    return is_usable and min(system.f_bavail * system.f_frsize, available) >= least


if "TMPDIR" not in os.environ and has_room():
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # a folder that was asked for earlier
