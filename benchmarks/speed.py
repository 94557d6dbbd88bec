"""Measure the time for an opcode-heavy pickle: ``pickle.load``, the peers and ours, each in a process of its own.

``make bench-speed`` runs it. With ``BEFORE=PYTHON``, the interpreter of an environment that holds an earlier version of
modelaudit, the scans of both versions alternate. The files are written here from a fixed seed: four million opcodes of
dictionaries of text, floats and tuples, in protocol 4 and in protocol 2, and as many mixed with objects. Prints the
figures, and asserts the exit code of every scan.
"""

from __future__ import annotations

import collections
import datetime
import json
import os
import pickle
import pickletools
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from figures import add_options, describe_machine, publish_report, render_table
from samples import HERE
from scanners import PEERS, clean_environment, make_environment, read_version

_RESULTS = "speed.md"
_SCAN: Final = "ours: modelaudit scan"
_EARLIER: Final = "earlier: modelaudit scan"
_PEERS = ("picklescan", "fickling", "modelscan", "promptfoo")
SECONDS_MOST = 180
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Measurement:
    """CPU seconds, peak of resident bytes, and exit code of one process."""

    cpu: float
    peak: int
    code: int


def _build_plain(generator: random.Random) -> object:
    """Return one record of 40 opcodes; in protocol 4 it has about 270 bytes."""
    return {
        "id": generator.randrange(10**9),
        "name": f"layer.{generator.randrange(10**6)}.weight",
        "digest": f"sha256:{generator.getrandbits(512):0128x}",
        "score": generator.random(),
        "span": (generator.random(), generator.randrange(1000), f"token{generator.randrange(10**5)}"),
        "tags": [f"a{generator.randrange(10**6)}", None],
        "inner": {"mean": generator.random(), "best": True, "note": f"n{generator.randrange(10**6)}"},
    }


def _build_mixed(generator: random.Random) -> object:
    """Return one record of data and objects of the standard library."""
    day = datetime.date(2000 + generator.randrange(30), 1 + generator.randrange(12), 1 + generator.randrange(28))
    ordered = collections.OrderedDict((f"k{index}", generator.random()) for index in range(4))
    return {
        "when": day,
        "ordered": ordered,
        "delta": datetime.timedelta(generator.randrange(1000)),
        **_build_record(generator),
    }


def _build_record(generator: random.Random) -> dict[str, object]:
    """Return the plain data that all mixed records have."""
    return {
        "name": f"layer.{generator.randrange(10**6)}.weight",
        "score": generator.random(),
        "set": {generator.randrange(99)},
    }


def _build_arrays(generator: random.Random) -> object:
    """Return one record with a small numpy array, as training logs contain them."""
    import numpy as np

    return {"loss": np.full(4, generator.random()), "last": np.float64(generator.random()), **_build_record(generator)}


_FILES: dict[str, tuple[Callable[[random.Random], object], int, int]] = {
    "data, protocol 4": (_build_plain, 4, 100_000),
    "data, protocol 2": (_build_plain, 2, 100_000),
    "data and objects": (_build_mixed, 4, 78_000),
    "data and arrays": (_build_arrays, 4, 85_000),
}
"""By name of the file: the function that builds a record, the pickle protocol, and the number of records."""
_EXIT_CODES: dict[str, int] = dict.fromkeys(_FILES, 0)
"""By name of the file: the exit code that a scan must end with."""


def main() -> None:
    """Write the missing files, measure every command on each, and print the report; write it with ``--write``."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument("--runs", type=int, default=3, help="runs of each command; the least CPU time counts")
    parser.add_argument("--only", action="append", help="a file whose name contains this; repeatable")
    parser.add_argument("--ours", action="store_true", help="pickle.load, picklescan and ours alone")
    help_ = "interpreter of an environment that holds an earlier version of modelaudit"
    parser.add_argument("--before", metavar="PYTHON", help=help_)
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    peers = {name: make_environment(name, folder / "peers") for name in (_PEERS[:1] if chosen.ours else _PEERS)}
    versions = ", ".join(f"{name} {read_version(name)}" for name in peers)
    parts = [
        f"# An opcode-heavy pickle\n\n{describe_machine('bench-speed')}CPU seconds of the work alone "
        "and peak of resident "
        f"memory of its process, the least of {chosen.runs} runs; `modelaudit scan` with all that the command does. "
        f"{versions}; no answer within {SECONDS_MOST} s is a dash.\n"
    ]
    files = [name for name in _FILES if not chosen.only or any(word in name for word in chosen.only)]
    parts += [
        _render_file_section(name, _write_missing_file(name, folder / "speed"), peers, chosen.before, chosen.runs)
        for name in files
    ]
    publish_report("\n".join(parts), _RESULTS, chosen.write)


def _write_missing_file(name: str, folder: Path) -> Path:
    """Return the path of the file; write it if it is missing, in a process of its own to keep this one small."""
    path = folder / f"{name.replace(', ', '-').replace(' ', '-')}.pkl"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        code = f"import speed; speed.write_pickle({name!r}, {str(path)!r})"
        subprocess.run([sys.executable, "-c", code], cwd=HERE, check=True)
    return path


def write_pickle(name: str, path: str) -> None:
    """Write the file ``name`` of ``_FILES`` to ``path``, and the number of its opcodes beside it."""
    build_record, protocol, count = _FILES[name]
    generator = random.Random(2026)
    data = pickle.dumps([build_record(generator) for _ in range(count)], protocol)
    opcodes = sum(1 for _ in pickletools.genops(data))
    Path(path).with_suffix(".opcodes").write_text(str(opcodes))
    Path(path).write_bytes(data)


def _render_file_section(name: str, path: Path, peers: dict[str, str | None], before: str | None, runs: int) -> str:
    """Measure every command on one file, and render the table of the results.

    Raises:
        RuntimeError: the earlier version, or the scan of this one, ends with another exit code than expected.
    """
    measurements: dict[str, Measurement | None] = {}
    for label, command in _list_commands(path, peers):
        measurement = _measure_repeatedly(command, runs)
        measurements[label] = measurement
        figure = f"{measurement.cpu:.2f} s" if measurement else "no answer"
        print(f"{name}: {label} {figure}", flush=True)
    if before:
        measurements |= _measure_alternately({_EARLIER: before, _SCAN: sys.executable}, path, runs)
    codes = {label: each.code if each else None for label, each in measurements.items() if label in (_EARLIER, _SCAN)}
    if set(codes.values()) != {_EXIT_CODES[name]}:
        raise RuntimeError(f"{name}: the exit code must be {_EXIT_CODES[name]}, and it is {codes}")
    loader, peer = measurements["pickle.load"], measurements.get("picklescan")
    rows = []
    for label, measurement in measurements.items():
        if measurement is None:
            rows.append([label, "-", "-", "-", "-"])
            continue
        ratios = [_format_ratio(measurement, loader), _format_ratio(measurement, peer)]
        rows.append([label, f"{measurement.cpu:.2f}", *ratios, f"{measurement.peak / MIB:.0f}"])
    opcodes = int(path.with_suffix(".opcodes").read_text())
    lines = [f"## {name}: {path.stat().st_size / 1e6:.1f} MB, {opcodes:,} opcodes\n"]
    return "\n".join(lines + render_table(["", "CPU s", "times pickle.load", "of picklescan", "peak MiB"], rows))


def _format_ratio(measurement: Measurement, reference: Measurement | None) -> str:
    """Format the CPU time as a multiple of that of ``reference``; a dash if ``reference`` gave no answer."""
    return f"{measurement.cpu / reference.cpu:.2f}" if reference else "-"


def _list_commands(path: Path, peers: dict[str, str | None]) -> Iterator[tuple[str, list[str]]]:
    """Yield (label, command) of each measurement; ``peers`` maps a name to its interpreter."""
    worker = str(PEERS / "speed_worker.py")
    yield "pickle.load", [sys.executable, worker, "load", str(path)]
    yield "ours: reader and checks", [sys.executable, worker, "reader", str(path)]
    yield _SCAN, _make_scan_command(sys.executable, path)
    for name, python in peers.items():
        if python is not None:
            yield name, [python, worker, name, str(path)]


def _make_scan_command(python: str, path: Path) -> list[str]:
    return [python, "-I", "-m", "modelaudit", "scan", str(path), "--no-second-opinion", "--offline", "-q"]


def _measure_alternately(pythons: dict[str, str], path: Path, runs: int) -> dict[str, Measurement | None]:
    """Return by label the least of ``runs`` scans with each interpreter; a load of the machine then slows all alike."""
    least: dict[str, Measurement | None] = dict.fromkeys(pythons)
    for _ in range(runs):
        for label, python in pythons.items():
            measurement = measure_process(_make_scan_command(python, path))
            least_so_far = least[label]
            if measurement and (least_so_far is None or measurement.cpu < least_so_far.cpu):
                least[label] = measurement
    return least


def _measure_repeatedly(command: list[str], runs: int) -> Measurement | None:
    """Return the measurement with the least CPU time of ``runs`` runs; ``None`` if a run gave no answer."""
    measurements: list[Measurement] = []
    for _ in range(runs):
        measurement = measure_process(command)
        if measurement is None:
            return None
        measurements.append(measurement)
        if measurement.cpu > 20:
            break  # a second run of such a slow command would not change the comparison
    return min(measurements, key=lambda each: each.cpu)


def measure_process(command: list[str]) -> Measurement | None:
    """Run a command and return its figures; ``None`` if it exceeds ``SECONDS_MOST`` or fails.

    ``peers/speed_worker.py`` prints its own figures. Any other command is measured by the operating system.
    """
    environment = clean_environment(command[0])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    assert process.stdout is not None
    deadline = time.monotonic() + SECONDS_MOST
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            return None
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    line = process.stdout.read().strip()
    if line.startswith("{"):
        figures = json.loads(line)
        return Measurement(figures["cpu"], figures["peak"], process.returncode)
    if process.returncode not in (0, 1, 3):  # the exit codes of a scan that ended
        return None
    return Measurement(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, process.returncode)


if __name__ == "__main__":
    main()
