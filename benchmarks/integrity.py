"""Measure what it costs to verify the bytes of a model, beside ``sha256sum`` and the verifiers of two libraries.

``make bench-integrity`` runs it. Each figure is the median of five runs, and a run with another exit code than the
expected one ends the benchmark.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from figures import add_options, describe_machine, publish_report, render_table
from samples import ROOT
from scanners import clean_environment, make_environment, read_version

_RESULTS: Final = "integrity.md"
_MIB: Final = 1 << 20
_FILES: Final = 40
_FILE_BYTES: Final = 4 * 1024 * _MIB // _FILES
_RUNS: Final = 5
_CPU_MOST: Final = 1.12
_WALL_MOST: Final = 1.05
_PEAK_MOST: Final = 150 * _MIB


@dataclass(frozen=True, slots=True)
class _Cost:
    """Seconds of CPU and of wall time, and the peak of resident memory in bytes."""

    cpu: float
    wall: float
    peak: int


@dataclass(frozen=True, slots=True)
class _Command:
    """A command to measure, with the exit code that a right run has."""

    label: str
    arguments: Sequence[str]
    exit_code: int
    environment: Mapping[str, str]


def main() -> int:
    """Write the folders, measure every command in turn, print the tables; return 1 if a bound is missed."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    chosen = parser.parse_args()
    folder = chosen.folder.resolve() / "integrity"
    shutil.rmtree(folder, ignore_errors=True)
    cache = _write_cache(folder)
    try:
        costs = _measure_in_turn(_list_commands(folder, cache, chosen.folder.resolve() / "peers"))
    finally:
        shutil.rmtree(folder)
    report, is_within = _render(costs)
    publish_report(report, _RESULTS, chosen.write)
    return 0 if is_within else 1


def _write_cache(folder: Path) -> Path:
    """Write a Hub cache with one commit of 40 weights, whole and cut to their headers; return the whole one."""
    block = os.urandom(_MIB)
    for name, is_whole in (("whole", True), ("headers", False)):
        repository = folder / name / "models--acme--large"
        snapshot = repository / "snapshots" / ("a" * 40)
        for part in (snapshot, repository / "blobs", repository / "refs", repository / "trees"):
            part.mkdir(parents=True)
        listed = {}
        for file_name, pieces in _list_files(block, is_whole):
            size, sha256 = _write_blob(repository / "blobs", snapshot / file_name, pieces)
            listed[file_name] = {"size": size, "blob_id": "b" * 40, "lfs_sha256": sha256, "lfs_size": size}
        (repository / "refs" / "main").write_text("a" * 40)
        record = {"format_version": 1, "files": listed}
        (repository / "trees" / f"{'a' * 40}.json").write_text(json.dumps(record))
    return folder / "whole"


def _list_files(block: bytes, is_whole: bool) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the name of each file, and its pieces."""
    names = [f"model-{number + 1:05}-of-{_FILES:05}.safetensors" for number in range(_FILES)]
    index = {"metadata": {}, "weight_map": {f"w{number}": name for number, name in enumerate(names)}}
    yield "model.safetensors.index.json", iter([json.dumps(index).encode()])
    yield "README.md", iter([b"---\nlicense: mit\n---\n# Large\n"])
    for number, name in enumerate(names):
        # The sizes differ, so that no two files have the same digest.
        size = (_FILE_BYTES if is_whole else 0) + number
        yield name, _build_weights(f"w{number}", size, block)


def _build_weights(tensor: str, size: int, block: bytes) -> Iterator[bytes]:
    """Yield the pieces of a safetensors file with one tensor of ``size`` bytes."""
    header = json.dumps({tensor: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    yield struct.pack("<Q", len(header)) + header
    for start in range(0, size, len(block)):
        yield block[: size - start]


def _write_blob(blobs: Path, pointer: Path, pieces: Iterator[bytes]) -> tuple[int, str]:
    """Write a blob under its SHA-256, and the link to it; return its size and digest."""
    digest, size, partial = hashlib.sha256(), 0, blobs / "partial"
    with partial.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
    blob = partial.rename(blobs / digest.hexdigest())
    pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    return size, digest.hexdigest()


def _list_commands(folder: Path, cache: Path, peers: Path) -> list[_Command]:
    """List the commands; those of a peer that cannot be installed are left out."""
    below = Path("models--acme--large", "snapshots", "a" * 40)
    whole, headers = cache / below, folder / "headers" / below
    own = clean_environment(sys.executable) | {"PYTHONPATH": str(ROOT)}
    scan = [sys.executable, "-m", "modelaudit", "scan", "--checks", "integrity", "--offline", "-q"]
    listed = [
        _Command("modelaudit scan", [*scan, str(whole)], 0, own),
        _Command("modelaudit scan, headers", [*scan, str(headers)], 0, own),
        _Command("sha256sum", ["sh", "-c", f"sha256sum {whole}/*"], 0, own),
        _Command("xargs -P2 sha256sum", ["sh", "-c", f"ls {whole}/* | xargs -P2 -n1 sha256sum"], 0, own),
    ]
    python = make_environment("model-signing", peers)
    if python is not None:
        paths = [f"--ignore-paths={folder / 'model.sig'}", "--allow_symlinks", f"--signature={folder / 'model.sig'}"]
        keys = _write_keys(folder)
        program = [python, "-m", "model_signing"]
        sign = [*program, "sign", "key", str(whole), *paths, f"--private_key={keys[0]}"]
        subprocess.run(sign, check=True, env=clean_environment(python), stdout=subprocess.DEVNULL)
        verify = [*program, "verify", "key", str(whole), *paths, f"--public_key={keys[1]}"]
        listed.append(_Command(f"model_signing verify {read_version('model-signing')}", verify, 0, {}))
    return listed


def _write_keys(folder: Path) -> tuple[Path, Path]:
    """Write a private and a public key on the curve P-256."""
    private, public = folder / "key.pem", folder / "key.pub"
    openssl = ["openssl", "ec", "-in", str(private), "-pubout", "-out", str(public)]
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private)], check=True)
    subprocess.run(openssl, check=True, stderr=subprocess.DEVNULL)
    return private, public


def _measure_in_turn(commands: list[_Command]) -> dict[str, _Cost]:
    """Measure every command once, then again, so that a load of the machine meets all alike; return the medians."""
    runs: dict[str, list[_Cost]] = {command.label: [] for command in commands}
    for _ in range(_RUNS):
        for command in commands:
            runs[command.label].append(_measure(command))
            print(command.label, runs[command.label][-1], flush=True)
    return {label: _take_median(costs) for label, costs in runs.items()}


def _measure(command: _Command) -> _Cost:
    """Run a command. Raises ``SystemExit`` if it ends with another exit code than expected."""
    begun = time.perf_counter()
    process = subprocess.Popen(command.arguments, stdout=subprocess.DEVNULL, env=command.environment or None)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != command.exit_code:
        raise SystemExit(f"{command.label}: exit code {process.returncode}, expected {command.exit_code}")
    return _Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def _take_median(costs: list[_Cost]) -> _Cost:
    """Return the median of each figure, and the highest peak."""
    median: Callable[[list[float]], float] = statistics.median
    return _Cost(
        median([each.cpu for each in costs]), median([each.wall for each in costs]), max(each.peak for each in costs)
    )


def _render(costs: dict[str, _Cost]) -> tuple[str, bool]:
    """Return the report, and whether every bound is kept."""
    whole, headers = costs["modelaudit scan"], costs["modelaudit scan, headers"]
    cpu = (whole.cpu - headers.cpu) / costs["sha256sum"].cpu
    wall = (whole.wall - headers.wall) / costs["xargs -P2 sha256sum"].wall
    rows = [[label, f"{each.cpu:.2f}", f"{each.wall:.2f}", f"{each.peak / _MIB:.0f}"] for label, each in costs.items()]
    bounds = [
        ["CPU of hashing / sha256sum", f"{cpu:.2f}", f"{_CPU_MOST}"],
        ["wall time of hashing / xargs -P2 sha256sum", f"{wall:.2f}", f"{_WALL_MOST}"],
        ["peak of modelaudit scan, MiB", f"{whole.peak / _MIB:.0f}", f"{_PEAK_MOST // _MIB}"],
    ]
    lines = [
        "# The cost of verified bytes\n",
        f"{describe_machine('bench-integrity')}a Hub cache with 4 GiB of weights in {_FILES} files, and the same with "
        f"the weights cut to their headers. Medians of {_RUNS} runs, in turn; every exit code was the expected one. "
        "*Hashing* is the scan of the whole cache less that of the headers.\n",
        *render_table(["", "CPU s", "wall s", "peak MiB"], rows),
        *render_table(["figure", "measured", "at most"], bounds),
    ]
    return "\n".join(lines), cpu <= _CPU_MOST and wall <= _WALL_MOST and whole.peak <= _PEAK_MOST


if __name__ == "__main__":
    sys.exit(main())
