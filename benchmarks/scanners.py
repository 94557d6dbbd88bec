"""The scanners that are compared: an environment of its own for each peer, and a process that scans a set of files."""

from __future__ import annotations

import compileall
import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PEERS = Path(__file__).resolve().parent / "peers"
NAMES = ("ours", "picklescan", "fickling", "modelscan", "promptfoo", "aisbom")
"""In the order of the table. ``promptfoo`` is the package that has the name of this project on the index."""

_WORKER = PEERS / "worker.py"
_SECONDS_A_FILE = 60.0


@dataclass(slots=True)
class Result:
    """The results of one scanner for a set of files, with their cost.

    Attributes:
        outcomes: (outcome, detail) by path, as ``peers/worker.py`` writes them; ``timeout`` is one more outcome.
        seconds: wall time of the imports and of all files.
        cpu: CPU seconds of all worker processes.
        peak: the highest peak of resident memory of a worker process, in bytes.
    """

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0


def make_environment(name: str, folder: Path) -> str | None:
    """Return the interpreter of the environment of scanner ``name``; create the environment below ``folder`` if needed.

    ``peers/NAME.txt`` lists all packages with their versions. If they cannot be installed, print a line and return
    ``None``. For ``ours`` it is the running interpreter.
    """
    if name == "ours":
        # pip compiles the modules that it installs. Ours run from their sources, and are compiled for the same start.
        package = importlib.util.find_spec("modelaudit")
        assert package is not None and package.origin is not None
        compileall.compile_dir(Path(package.origin).parent, quiet=1)
        return sys.executable
    requirements = PEERS / f"{name}.txt"
    environment = folder / name
    python, stamp = environment / "bin" / "python", environment / "installed.txt"
    if not stamp.is_file() or stamp.read_text() != requirements.read_text():
        print(f"Making an environment for {name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
        if subprocess.run([*pip, "-r", str(requirements)], check=False).returncode:
            print(f"{name} cannot be installed; it is left out")
            return None
        stamp.write_text(requirements.read_text())
    return str(python)


def clean_environment(python: str) -> dict[str, str]:
    """Return the environment variables for a scanner that runs under the interpreter ``python``.

    Variables of Python are left out, so that all scanners run alike. Only our own interpreter gets ``PYTHONPATH``: one
    of the peers has the name of our package, and would import ours.
    """
    passed = ("PYTHONPATH",) if python == sys.executable else ()
    return {key: value for key, value in os.environ.items() if key in passed or not key.startswith("PYTHON")}


def read_version(name: str) -> str:
    """Return the pinned version of a peer, or our own version for ``ours``."""
    if name == "ours":
        import modelaudit

        return modelaudit.__version__
    package = {"promptfoo": "modelaudit", "aisbom": "aisbom-cli"}.get(name, name)
    lines = (PEERS / f"{name}.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.partition("==")[0] == package)


def run_scanner(name: str, python: str, paths: Sequence[Path]) -> Result:
    """Let one scanner scan every path in one process; after a file that hangs or kills it, continue in a new process.

    Raises:
        RuntimeError: every file so far hung or killed the process, so the scanner itself does not work.
    """
    result = Result()
    remaining = [str(path) for path in paths]
    while remaining:
        remaining = _run_batch(name, python, remaining, result)
        if {outcome for outcome, _ in result.outcomes.values()} == {"timeout"}:
            raise RuntimeError(f"{name} scans nothing at all; run {python} {_WORKER} {name} by hand")
    return result


def _run_batch(name: str, python: str, paths: list[str], result: Result) -> list[str]:
    """Scan the paths in one process, until a file takes too long; add to ``result`` and return the remaining paths."""
    process = subprocess.Popen(
        [python, str(_WORKER), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=PEERS, env=clean_environment(python), text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    for target, stream in ((_read_results, process.stdout), (_feed_paths, process.stdin)):
        threading.Thread(target=target, args=(stream, lines, paths), daemon=True).start()
    scanned = 0
    while True:
        try:
            line = lines.get(timeout=_SECONDS_A_FILE)
        except queue.Empty:
            line = ""
        if not line:
            break
        row = json.loads(line)
        if "imported" in row:
            result.seconds += row["imported"]
            continue
        if "peak" in row:
            result.peak, result.cpu = max(result.peak, row["peak"]), result.cpu + row["cpu"]
            continue
        result.outcomes[row["path"]] = (row["outcome"], row["detail"])
        result.seconds += row["seconds"]
        scanned += 1
    process.kill()
    process.wait()
    if scanned < len(paths):
        # The worker answers in the order of the paths, so this is the file that it did not finish.
        result.outcomes[paths[scanned]] = ("timeout", "")
        result.seconds += _SECONDS_A_FILE
        scanned += 1
    return paths[scanned:]


def _read_results(stream: IO[str], lines: queue.Queue[str], paths: list[str]) -> None:
    """Put each line of ``stream`` into the queue, and an empty one at its end."""
    for line in stream:
        lines.put(line)
    lines.put("")


def _feed_paths(stream: IO[str], lines: queue.Queue[str], paths: list[str]) -> None:
    """Write the paths to the worker, which reads one when it is ready; end quietly if the worker has died."""
    with suppress(BrokenPipeError), stream:
        stream.writelines(f"{path}\n" for path in paths)
