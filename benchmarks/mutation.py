"""Mutate files that a scan fails, run each mutant with its real loader, and look for one that runs and is not failed.

``make bench-mutation`` runs it, and it ends with 1 if a mutant that still runs loses its finding. Each family has a
loader: pickle, joblib, numpy, torch, PyYAML, Jinja2 and Python itself. Its files are those fixtures, and those files of
``mutant_seeds``, whose code the loader runs and which a scan fails. The loaders run in a process with an audit hook
(PEP 578), which reports the first act of a mutant and forbids it, so nothing of a mutant takes effect. The mutations
know nothing of the readers.
"""

from __future__ import annotations

import argparse
import random
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from typing import Final

from figures import render_table
from mutant_seeds import write_seeds
from samples import HERE
from support.fixtures import FIXTURES

import modelaudit

SEED: Final = 2026
MUTANTS: Final = 20_000
MOST_FILES: Final = 40
"""Files of a family."""
_LARGEST: Final = 256 * 1024
_ANSWER_SECONDS: Final = 6
"""An answer takes longer only if the alarm of the process cannot end a call of compiled code."""
_SHOWN: Final = 40
_TASKS_OF_FAMILY: Final = 8
_WORKER: Final = HERE / "peers" / "mutant_worker.py"


_SUFFIXES: Final = {
    "pickle": (".pkl", ".pickle", ".bin", ".joblib", ".p", ".dat"),
    "gzip": (".gz",),
    "joblib": (".joblib", ".gz", ".xz", ".z", ".bz2", ".lzma", ".lz4"),
    "numpy": (".npy", ".npz"),
    "torch": (".pt", ".pth", ".bin", ".ckpt"),
    "yaml": (".yaml", ".yml"),
    "jinja": (".jinja", ".j2"),
    "python": (".py",),
}


@dataclass
class Jail:
    """A process that runs the mutants of one family; it is started again after it ends."""

    family: str
    process: subprocess.Popen[str] | None = field(default=None)

    def run(self, path: Path) -> str:
        """Return the first act of the file when its loader loads it; empty if it has none."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "utf8", str(_WORKER), self.family],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                cwd=tempfile.gettempdir(),
            )  # fmt: skip
            assert self.process.stdout is not None
            self.process.stdout.readline()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        is_answered = select.select([self.process.stdout], [], [], _ANSWER_SECONDS)[0]
        answer = self.process.stdout.readline().strip() if is_answered else ""
        if not answer:
            self.process.kill()
            self.process.wait()
            self.process = None
        return "" if answer in ("", "-") else answer

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def mutate(data: bytes, others: Sequence[bytes], generator: random.Random) -> bytes:
    """Return ``data`` after one to four random edits of its bytes; ``others`` are files of the same family."""
    result = bytearray(data)
    for _ in range(generator.choice((1, 1, 1, 2, 2, 4))):
        size = len(result)
        first = generator.randrange(size + 1)
        last = min(size, first + generator.choice((1, 1, 2, 4, 8, 32, 128)))
        match generator.randrange(9):
            case 0 if size:
                result[min(first, size - 1)] ^= 1 << generator.randrange(8)
            case 1 if size:
                result[min(first, size - 1)] = generator.randrange(256)
            case 2:
                del result[first:last]
            case 3:
                result[first:first] = result[first:last]
            case 4:
                result[first:first] = generator.randbytes(generator.choice((1, 2, 4, 16)))
            case 5:
                other = generator.choice(others)
                start = generator.randrange(len(other) + 1)
                result[first:first] = other[start : start + generator.choice((2, 8, 64))]
            case 6:
                result += generator.choice(
                    (b"\0", b"\n", b" ", b"\x1a", generator.randbytes(16), generator.choice(others))
                )
            case 7:
                # Opcodes of pickle without effect, and characters without effect in text.
                result[first:first] = generator.choice(
                    (b"N0", b"20", b"(1", b"K\x010", b"}q\x000", b" ", b"\n", b"#", b"\t", b"\\\n")
                )
            case _:
                moved = result[first:last]
                del result[first:last]
                place = generator.randrange(len(result) + 1)
                result[place:place] = moved
    return bytes(result)


def _scan(path: Path) -> int:
    """Return the exit code of a scan with the security check alone."""
    return modelaudit.scan(path, checks=["security"], second_opinion=False, offline=True).exit_code


def _collect_files(family: str, folders: Sequence[Path]) -> list[Path]:
    """Return the files of a family whose code its loader runs, and which a scan fails, at most ``MOST_FILES``."""
    candidates = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in _SUFFIXES[family] and path.is_file() and 0 < path.stat().st_size <= _LARGEST
    )
    random.Random(SEED).shuffle(candidates)
    chosen: dict[bytes, Path] = {}
    jail = Jail(family)
    for path in candidates:
        if len(chosen) < MOST_FILES and path.read_bytes() not in chosen and jail.run(path) and _scan(path) == 1:
            chosen[path.read_bytes()] = path
    jail.close()
    return list(chosen.values())


def _try_mutants(task: tuple[str, int, int, list[Path]]) -> tuple[Counter[str], list[tuple[str, str]]]:
    """Run ``count`` mutants of a family, and return the counts and the mutants that escaped, each with its file."""
    family, number, count, files = task
    generator = random.Random(f"{SEED} {family} {number}")
    contents = [path.read_bytes() for path in files]
    counts: Counter[str] = Counter()
    escaped: list[tuple[str, str]] = []
    jail = Jail(family)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(count):
            index = generator.randrange(len(files))
            path = Path(folder) / files[index].name
            mutant = mutate(contents[index], contents, generator)
            path.write_bytes(mutant)
            counts["mutants"] += 1
            if not jail.run(path):
                continue
            counts["runs"] += 1
            code = _scan(path)
            counts[f"exit {code}"] += 1
            if code != 1:
                escaped.append((f"{family}: {files[index].name}, exit {code}", mutant.hex()))
    jail.close()
    return counts, escaped


def main() -> int:
    """Run all families and print a row for each; with ``--keep FOLDER``, write the mutants that escaped there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=MUTANTS, help="of all families together")
    parser.add_argument("--only", action="append", choices=_SUFFIXES, help="family; repeatable")
    parser.add_argument("--more", type=Path, action="append", default=[], help="a further folder of files; repeatable")
    parser.add_argument("--keep", type=Path, help="folder for the mutants that escaped")
    chosen = parser.parse_args()
    families = chosen.only or list(_SUFFIXES)
    rows, missed = [], []
    totals: Counter[str] = Counter()
    columns = ("files", "mutants", "runs", "exit 1", "exit 3", "exit 0")
    with Pool(2) as pool, tempfile.TemporaryDirectory() as written:
        pickles = _collect_files("pickle", [FIXTURES])
        write_seeds(Path(written), (path.read_bytes() for path in pickles))
        for family in families:
            files = _collect_files(family, [FIXTURES, Path(written), *chosen.more])
            if not files:
                print(f"{family}: no file runs here and is failed")
                continue
            count = max(1, chosen.mutants // len(families) // _TASKS_OF_FAMILY)
            tasks = [(family, number, count, files) for number in range(_TASKS_OF_FAMILY)]
            results = pool.map(_try_mutants, tasks, chunksize=1)
            counts = sum((counts for counts, _ in results), Counter({"files": len(files)}))
            totals += counts
            missed += [pair for _, escaped in results for pair in escaped]
            rows.append([family, *(f"{counts[column]:,}" for column in columns)])
            print(rows[-1], flush=True)
    rows.append(["all", *(f"{totals[column]:,}" for column in columns)])
    print("\n".join(render_table(["family", "files", "mutants", "still run", "exit 1", "exit 3", "exit 0"], rows)))
    for place, _ in missed[:_SHOWN]:
        print(f"missed: {place}")
    print(f"{len(missed):,} of {totals['runs']:,} mutants that still run are not failed")
    if chosen.keep:
        chosen.keep.mkdir(parents=True, exist_ok=True)
        for number, (place, mutant) in enumerate(missed):
            (chosen.keep / f"{number:04}-{place.partition(',')[0].replace(': ', '-')}").write_bytes(
                bytes.fromhex(mutant)
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
