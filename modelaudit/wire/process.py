"""Run a script in a separate process with a deadline and a reduced environment, and parse its lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from msgspec import Struct

OUTPUT_BYTES = 32 * 1024 * 1024
"""The maximum output of the process, in bytes; a process that writes more is stopped."""

# Nothing else reaches the process: no token, no proxy, no setting of another scanner.
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")
_CHUNK_BYTES = 64 * 1024
_EXIT_GRACE_SECONDS = 5.0
"""The time that a process gets to exit after it closed its output, and that the reader of its output gets."""


class Run(Struct, frozen=True):
    """The result of a process.

    Attributes:
        lines: each line that is a JSON object, in order.
        status: exit status; negative for a signal.
        timed_out: the process was stopped because its time was up.
        exceeded_output: the process was stopped because it wrote more than ``OUTPUT_BYTES``.
        cpu_seconds: the CPU time of the process; 0 on Windows, which does not count it.
    """

    lines: tuple[Mapping[str, object], ...]
    status: int
    timed_out: bool
    exceeded_output: bool
    cpu_seconds: float

    @property
    def exceeded_cpu_time(self) -> bool:
        """Whether the process reached the limit of CPU time that it had set itself."""
        return sys.platform != "win32" and self.status in (-signal.SIGPROF, -signal.SIGXCPU)


def run_script(script: Path, request: Mapping[str, object], seconds: float) -> Run:
    """Run ``script`` under this interpreter, and stop it after ``seconds``.

    Its stdin holds one line, ``request`` as JSON, and ends when this process ends.

    Raises:
        OSError: the process could not be started.
    """
    output = bytearray()
    cpu_seconds_before = _measure_children()
    process = subprocess.Popen(
        [sys.executable, "-P", "-B", str(script)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_build_environment(),
        # A process group of its own can be killed with all children.
        start_new_session=True,
    )
    # Both are threads, because a process that neither reads nor writes must not keep this one beyond the deadline.
    writer = threading.Thread(target=_send_request, args=(process.stdin, request), daemon=True)
    reader = threading.Thread(target=_collect_output, args=(process.stdout, output), daemon=True)
    is_finished = False
    try:
        writer.start()
        reader.start()
        # The reader ends when the process closes its output or has written too much.
        reader.join(seconds)
        is_finished = not reader.is_alive() and len(output) <= OUTPUT_BYTES
    finally:
        _end_process(process, patience=_EXIT_GRACE_SECONDS if is_finished else 0.0)
    # After a kill, the reader still takes the rest of the pipe, and the writer notices that nothing reads.
    reader.join(_EXIT_GRACE_SECONDS)
    writer.join(_EXIT_GRACE_SECONDS)
    if process.stdin is not None and not writer.is_alive():
        process.stdin.close()
    exceeded_output = len(output) > OUTPUT_BYTES
    timed_out = not is_finished and not exceeded_output
    cpu_seconds = _measure_children() - cpu_seconds_before
    return Run(_parse_lines(bytes(output)), process.returncode, timed_out, exceeded_output, cpu_seconds)


def _measure_children() -> float:
    """Return the CPU time in seconds of all child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _build_environment() -> dict[str, str]:
    """Return the environment of the process, where no module can come from the working directory."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # An empty entry, as of ``PYTHONPATH=:/folder``, means the working directory.
    folders = [Path(entry) for entry in environment.pop("PYTHONPATH", "").split(os.pathsep) if entry]
    allowed = [str(folder) for folder in folders if folder.is_absolute() and folder != Path.cwd()]
    if allowed:
        environment["PYTHONPATH"] = os.pathsep.join(allowed)
    return {**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _send_request(stream: IO[bytes], request: Mapping[str, object]) -> None:
    """Write the request as one line of JSON, and leave ``stream`` open.

    The system closes it when this process ends, even if that is killed, and the script ends when it sees that.
    """
    line = memoryview(json.dumps(request).encode("ascii") + b"\n")
    with suppress(OSError):  # the process ended before it read all; its output and status show why
        while line:
            line = line[stream.write(line) :]


def _collect_output(stream: IO[bytes], output: bytearray) -> None:
    """Append the bytes of ``stream`` to ``output``, until it ends or more than ``OUTPUT_BYTES`` were read."""
    with stream:
        while len(output) <= OUTPUT_BYTES and (chunk := stream.read(_CHUNK_BYTES)):
            output += chunk


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
    objects = []
    for line in data.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    return tuple(objects)
