"""Run a script in a separate process with a deadline and a reduced environment, and parse its lines of JSON."""

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
"""The maximum output of the process, in bytes; a process that writes more is stopped."""

# Nothing else reaches the process: no token, no proxy, no setting of another scanner.
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")
_CHUNK = 64 * 1024
_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a process.

    Attributes:
        lines: each line that is a JSON object, in order.
        status: exit status; negative for a signal.
        timed_out: the process was stopped because its time was up.
        flooded: the process was stopped because it wrote more than ``OUTPUT_BYTES``.
    """

    lines: tuple[Mapping[str, object], ...]
    status: int
    timed_out: bool
    flooded: bool


def run_script(script: Path, order: Mapping[str, object], seconds: float) -> Run:
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
    reader = threading.Thread(target=_collect_output, args=(process.stdout, taken), daemon=True)
    finished = False
    try:
        reader.start()
        reader.join(seconds)
        finished = not reader.is_alive() and len(taken) <= OUTPUT_BYTES
    finally:
        _end_process(process, patience=_FAREWELL_SECONDS if finished else 0.0)
    reader.join(_FAREWELL_SECONDS)
    flooded = len(taken) > OUTPUT_BYTES
    return Run(_parse_lines(bytes(taken)), process.returncode, not finished and not flooded, flooded)


def _collect_output(stream: IO[bytes], taken: bytearray) -> None:
    with stream:
        while len(taken) <= OUTPUT_BYTES and (chunk := stream.read(_CHUNK)):
            taken += chunk


def _end_process(process: subprocess.Popen[bytes], patience: float) -> None:
    """Wait ``patience`` seconds for the process to end, then kill it with all its children."""
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _parse_lines(data: bytes) -> tuple[Mapping[str, object], ...]:
    """Parse the lines that are JSON objects; other lines, such as a last line that was cut off, are ignored."""
    found = []
    for line in data.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return tuple(found)
