"""One bounded run of another scanner: a process of its own, a deadline, a scrubbed environment, lines of JSON back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

OUTPUT_BYTES = 32 * 1024 * 1024
"""The most that is taken from the process; one that writes more is stopped."""

# Nothing else reaches the process: no token, no proxy, no setting of another scanner.
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")
_CHUNK = 64 * 1024
_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """What came back. ``timed_out`` and ``flooded`` say that the process was stopped, and why.

    Attributes:
        lines: each line that was a JSON object, in order.
        status: exit status; negative for a signal.
    """

    lines: tuple[Mapping[str, object], ...]
    status: int
    timed_out: bool
    flooded: bool


def run(script: Path, order: Mapping[str, object], seconds: float) -> Run:
    """Run ``script`` under this interpreter with ``order`` on its stdin, and stop it when ``seconds`` are over.

    Raises:
        OSError: the process could not be started.
    """
    taken = bytearray()
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    with tempfile.TemporaryFile() as stdin:
        stdin.write(json.dumps(order).encode("ascii"))
        stdin.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-P", "-B", str(script)],
            bufsize=0,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    reader = threading.Thread(target=_take, args=(process.stdout, taken), daemon=True)
    finished = False
    try:
        reader.start()
        reader.join(seconds)
        finished = not reader.is_alive() and len(taken) <= OUTPUT_BYTES
    finally:
        _end(process, patience=_FAREWELL_SECONDS if finished else 0.0)
    reader.join(_FAREWELL_SECONDS)
    flooded = len(taken) > OUTPUT_BYTES
    return Run(_objects(bytes(taken)), process.returncode, not finished and not flooded, flooded)


def _take(stream: IO[bytes], taken: bytearray) -> None:
    with stream:
        while len(taken) <= OUTPUT_BYTES and (chunk := stream.read(_CHUNK)):
            taken += chunk


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Reap the process, and end it with all that it started if it does not go by itself within ``patience`` seconds."""
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _objects(data: bytes) -> tuple[Mapping[str, object], ...]:
    """The lines that are JSON objects; the last one may have been cut off, and whatever else it is tells us nothing."""
    found = []
    for line in data.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return tuple(found)
