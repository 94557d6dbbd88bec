"""Measure the time of ``--version`` beside its peers: median wall time of fresh processes on a warm file cache.

Runs alternate between the commands, so that a busy moment of the machine falls on all of them. Prints; asserts nothing.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

_SCRIPTS = Path(sys.executable).parent
_COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "modelaudit --version": [str(_SCRIPTS / "modelaudit"), "--version"],
    "picklescan --help": [str(_SCRIPTS / "picklescan"), "--help"],
    "modelscan --version": [str(_SCRIPTS / "modelscan"), "--version"],
}
_OURS = "modelaudit --version"


def main() -> None:
    """Measure and print one line for each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=21, help="processes to start for each command (default: 21)")
    runs = parser.parse_args().runs
    commands = {name: command for name, command in _COMMANDS.items() if Path(command[0]).exists()}
    for name in _COMMANDS.keys() - commands.keys():
        print(f"{name}: not installed, not measured")
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            elapsed = _measure_seconds(command)
            if run:  # the first run only warms the file cache
                times[name].append(elapsed)
    ours = statistics.median(times[_OURS])
    print(f"median of {runs} runs each, Python {sys.version.split()[0]}")
    for name, measured in times.items():
        median = statistics.median(measured)
        print(
            f"{name:22} {median * 1000:7.0f} ms   {median / ours:5.2f} x ours   (fastest {min(measured) * 1000:.0f} ms)"
        )


def _measure_seconds(command: list[str]) -> float:
    """Run a command, and return the wall time that it takes."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
