"""``make fuzz ITERATIONS=1000000``: mutated inputs over every reader, by hand and for long.

``--run NAME --first N --only TEXT`` repeat or continue a run: input N of a run is the same each time while the seeds
are. ``--file PATH`` reads one saved input. Ends with 1 if there was a problem.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from fuzz.campaign import Problem, input_of, save, work
from fuzz.inspection import LIMITS, Inspector
from fuzz.seeds import Seed, seeds

_STRETCH = 20_000
_PROBLEMS_MOST = 100
_SECONDS_MOST = 12 * (LIMITS.artifact_seconds + 10)
"""Wall time after which an input counts as a hang; far beyond the deadline, since the machine may be busy."""


@dataclass
class _Worker:
    """One process and the stretch of numbers it is at."""

    process: SpawnProcess
    at: Synchronized[int]
    numbers: range
    seen: tuple[int, float]


@dataclass
class _Run:
    """A run: what is left to do, and what was found."""

    name: str
    pool: Sequence[Seed]
    folder: Path
    stretches: list[range]
    done: int = 0
    found: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def start(self, context: Any, reports: Any, numbers: range) -> _Worker:
        at = context.Value("q", numbers.start - 1)
        process = context.Process(target=work, args=(self.name, numbers, self.pool, at, reports.put), daemon=True)
        process.start()
        return _Worker(process, at, numbers, (numbers.start - 1, time.monotonic()))

    def take(self, report: Problem | Counter[str]) -> None:
        """Count, and tell and save the first input of each problem."""
        if isinstance(report, Counter):
            self.counts += report
            return
        # What is said differs from input to input; the place does not.
        what, _, where = report.text.rpartition(" at ")
        key = (
            f"{where.partition(' < ')[0]}: {' '.join(what.split(': ')[:3])}" if what else report.text.partition(":")[0]
        )
        self.found[key] = self.found.get(key, 0) + 1
        if self.found[key] == 1:
            path = save(self.folder, self.name, report)
            print(
                f"{report.text}\n    input {report.number} of run {self.name}, from {report.seed}: {path}", flush=True
            )

    def lost(self, worker: _Worker, text: str) -> None:
        """A process ended or hung: its input is the problem, and the rest of its stretch is still to do."""
        number = worker.at.value
        if number < worker.numbers.start:
            sys.exit("a worker could not begin; what it says stands above")
        if len(self.found) >= _PROBLEMS_MOST:
            sys.exit(f"stopped after {len(self.found)} problems")
        made = input_of(self.name, number, self.pool)
        self.take(Problem(number, f"{text} at {made.seed}", made.path, made.seed, made.data))
        self.done += number + 1 - worker.numbers.start
        if number + 1 < worker.numbers.stop:
            self.stretches.append(range(number + 1, worker.numbers.stop))


def _go(run: _Run, workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    total = sum(len(numbers) for numbers in run.stretches)
    at_work: list[_Worker] = []
    told = began = time.monotonic()
    while at_work or run.stretches:
        while run.stretches and len(at_work) < workers:
            at_work.append(run.start(context, reports, run.stretches.pop(0)))
        try:
            run.take(reports.get(timeout=0.5))
        except queue.Empty:
            at_work = [worker for worker in at_work if not _ended(run, worker)]
        if time.monotonic() - told > 60:
            told = time.monotonic()
            at = run.done + sum(max(0, worker.at.value - worker.numbers.start) for worker in at_work)
            print(f"{at} of {total} inputs, {at / (told - began):.0f} a second, {len(run.found)} problems", flush=True)
    while not reports.empty():
        run.take(reports.get())


def _ended(run: _Run, worker: _Worker) -> bool:
    if not worker.process.is_alive():
        if worker.process.exitcode == 0 and worker.at.value == worker.numbers.stop:
            run.done += len(worker.numbers)
        else:
            run.lost(worker, f"died: the process ended with {worker.process.exitcode}")
        return True
    number, since = worker.seen
    if worker.at.value != number:
        worker.seen = (worker.at.value, time.monotonic())
    elif time.monotonic() - since > _SECONDS_MOST and number < worker.numbers.stop:
        worker.process.kill()
        worker.process.join()
        run.lost(worker, f"hang: more than {_SECONDS_MOST:.0f} s")
        return True
    return False


def main() -> int:
    """Run, and sum up."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--run", default=time.strftime("%Y%m%d-%H%M%S"), help="its name, from which all chance derives")
    parser.add_argument("--only", default="", help="seeds whose name contains this, such as pickle/ or .zip")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="where inputs with problems are saved")
    parser.add_argument("--file", type=Path, help="read this one file and tell its problems")
    options = parser.parse_args()
    if options.file:
        problems = Inspector().problems(options.file.read_bytes(), options.file.name, every_format=True)
        print(*problems or ["no problem"], sep="\n")
        return bool(problems)
    pool = seeds(options.only)
    if not pool:
        parser.error(f"no seed has {options.only!r} in its name")
    last = options.first + options.iterations
    stretches = [range(start, min(start + _STRETCH, last)) for start in range(options.first, last, _STRETCH)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # an ordinary exit takes the workers along
    run = _Run(options.run, pool, options.folder, stretches)
    print(f"run {run.name}: {options.iterations} inputs from {len(pool)} seeds, {options.workers} workers", flush=True)
    _go(run, options.workers)
    print(f"run {run.name}: {run.done} inputs read; {len(run.found)} problems, inputs with them: {run.found}")
    print("inputs by reader and exit code:", ", ".join(f"{word} {count}" for word, count in sorted(run.counts.items())))
    return bool(run.found)


if __name__ == "__main__":
    sys.exit(main())
