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
        seconds: wall time over the files, and of the imports before the first of them; CPU time and peak of resident
            bytes are those of the whole process.
    """

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0


def make_environment(name: str, folder: Path) -> str | None:
    """The interpreter of scanner ``name``, whose environment is made below ``folder`` if it is not there.

    The versions are those of ``peers/NAME.txt``, which lists all that is installed. ``None``, with a word, where that
    cannot be had.
    """
    if name == "ours":
        # pip compiles what it installs; what runs from its sources is compiled for the same start.
        package = importlib.util.find_spec("modelaudit")
        assert package is not None and package.origin is not None
        compileall.compile_dir(Path(package.origin).parent, quiet=1)
        return sys.executable
    wanted = PEERS / f"{name}.txt"
    place = folder / name
    python, stamp = place / "bin" / "python", place / "installed.txt"
    if not stamp.is_file() or stamp.read_text() != wanted.read_text():
        print(f"Making an environment for {name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
        if subprocess.run([*pip, "-r", str(wanted)], check=False).returncode:
            print(f"{name} cannot be installed; it is left out")
            return None
        stamp.write_text(wanted.read_text())
    return str(python)


def clean_environment(python: str) -> dict[str, str]:
    """The environment variables for a scanner that runs under ``python``.

    One of the peers has our package's name: what leads the search for modules to ours must not reach it. No other
    setting of the interpreter reaches any of them: all run alike.
    """
    kept = ("PYTHONPATH",) if python == sys.executable else ()
    return {key: value for key, value in os.environ.items() if key in kept or not key.startswith("PYTHON")}


def read_version(name: str) -> str:
    """The version that is pinned for a peer; the package's own for ours."""
    if name == "ours":
        import modelaudit

        return modelaudit.__version__
    package = {"promptfoo": "modelaudit", "aisbom": "aisbom-cli"}.get(name, name)
    lines = (PEERS / f"{name}.txt").read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.partition("==")[0] == package)


def run_scanner(name: str, python: str, paths: Sequence[Path]) -> Result:
    """Have one scanner scan every path, in one process unless a file hangs or kills it, which is an outcome as well."""
    result = Result()
    left = [str(path) for path in paths]
    while left:
        left = _run_batch(name, python, left, result)
        if {outcome for outcome, _ in result.outcomes.values()} == {"timeout"}:
            raise RuntimeError(f"{name} scans nothing at all; run {python} {_WORKER} {name} by hand")
    return result


def _run_batch(name: str, python: str, paths: list[str], result: Result) -> list[str]:
    """Scan until the end or until a file takes too long; returns the paths that are still to do."""
    process = subprocess.Popen(
        [python, str(_WORKER), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        cwd=PEERS, env=clean_environment(python), text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    for target, stream in ((_read_results, process.stdout), (_feed_paths, process.stdin)):
        threading.Thread(target=target, args=(stream, lines, paths), daemon=True).start()
    done = 0
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
        done += 1
    process.kill()
    process.wait()
    if done < len(paths):
        result.outcomes[paths[done]] = ("timeout", "")
        result.seconds += _SECONDS_A_FILE
        done += 1
    return paths[done:]


def _read_results(stream: IO[str], lines: queue.Queue[str], paths: list[str]) -> None:
    """Hand on each line, and an empty one at the end."""
    for line in stream:
        lines.put(line)
    lines.put("")


def _feed_paths(stream: IO[str], lines: queue.Queue[str], paths: list[str]) -> None:
    """Write the paths as fast as they are taken."""
    with suppress(BrokenPipeError), stream:
        stream.writelines(f"{path}\n" for path in paths)
