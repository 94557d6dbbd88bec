"""``make fuzz ITERATIONS=1000000``: run mutated inputs through every reader, started by hand for long runs.

``--run NAME --first N --only TEXT`` repeat or continue a run: input N of a run is always the same as long as the seeds
are. ``--file PATH`` reads one saved input. The exit code is 1 if there was a problem.
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

from fuzz.campaign import Problem, make_input, read_inputs, save_problem
from fuzz.inspection import LIMITS, Inspector
from fuzz.seeds import Seed, list_seeds

_STRETCH = 20_000
_PROBLEMS_MOST = 100
_SECONDS_MOST = 12 * (LIMITS.artifact_seconds + 10)
"""Seconds of wall time after which an input counts as a hang; far beyond the deadline, as the machine may be busy."""


@dataclass
class _Worker:
    """One process and the range of input numbers that it reads.

    Attributes:
        at: number of the current input.
        seen: the last observed number, and when it was first observed.
    """

    process: SpawnProcess
    at: Synchronized[int]
    numbers: range
    seen: tuple[int, float]


@dataclass
class _Run:
    """A run: the remaining ranges of input numbers, and the problems found.

    Attributes:
        found: number of inputs for each distinct problem.
        counts: number of inputs for each reader and exit code.
    """

    name: str
    pool: Sequence[Seed]
    folder: Path
    stretches: list[range]
    done: int = 0
    found: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def start_worker(self, context: Any, reports: Any, numbers: range) -> _Worker:
        at = context.Value("q", numbers.start - 1)
        process = context.Process(
            target=read_inputs, args=(self.name, numbers, self.pool, at, reports.put), daemon=True
        )
        process.start()
        return _Worker(process, at, numbers, (numbers.start - 1, time.monotonic()))

    def record_report(self, report: Problem | Counter[str]) -> None:
        """Count a report; print and save the first input of each problem."""
        if isinstance(report, Counter):
            self.counts += report
            return
        # The text of a problem differs from input to input; the place in the code does not.
        what, _, where = report.text.rpartition(" at ")
        key = (
            f"{where.partition(' < ')[0]}: {' '.join(what.split(': ')[:3])}" if what else report.text.partition(":")[0]
        )
        self.found[key] = self.found.get(key, 0) + 1
        if self.found[key] == 1:
            path = save_problem(self.folder, self.name, report)
            print(
                f"{report.text}\n    input {report.number} of run {self.name}, from {report.seed}: {path}", flush=True
            )

    def record_lost_worker(self, worker: _Worker, text: str) -> None:
        """Record the input of a process that ended or hung as a problem, and queue the rest of its range."""
        number = worker.at.value
        if number < worker.numbers.start:
            sys.exit("a worker could not start; see its output above")
        if len(self.found) >= _PROBLEMS_MOST:
            sys.exit(f"stopped after {len(self.found)} problems")
        made = make_input(self.name, number, self.pool)
        self.record_report(Problem(number, f"{text} at {made.seed}", made.path, made.seed, made.data))
        self.done += number + 1 - worker.numbers.start
        if number + 1 < worker.numbers.stop:
            self.stretches.append(range(number + 1, worker.numbers.stop))


def _run_workers(run: _Run, workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    total = sum(len(numbers) for numbers in run.stretches)
    at_work: list[_Worker] = []
    last_progress = began = time.monotonic()
    while at_work or run.stretches:
        while run.stretches and len(at_work) < workers:
            at_work.append(run.start_worker(context, reports, run.stretches.pop(0)))
        try:
            run.record_report(reports.get(timeout=0.5))
        except queue.Empty:
            at_work = [worker for worker in at_work if not _has_ended(run, worker)]
        if time.monotonic() - last_progress > 60:
            last_progress = time.monotonic()
            at = run.done + sum(max(0, worker.at.value - worker.numbers.start) for worker in at_work)
            print(
                f"{at} of {total} inputs, {at / (last_progress - began):.0f} a second, {len(run.found)} problems",
                flush=True,
            )
    while not reports.empty():
        run.record_report(reports.get())


def _has_ended(run: _Run, worker: _Worker) -> bool:
    if not worker.process.is_alive():
        if worker.process.exitcode == 0 and worker.at.value == worker.numbers.stop:
            run.done += len(worker.numbers)
        else:
            run.record_lost_worker(worker, f"died: the process ended with {worker.process.exitcode}")
        return True
    number, since = worker.seen
    if worker.at.value != number:
        worker.seen = (worker.at.value, time.monotonic())
    elif time.monotonic() - since > _SECONDS_MOST and number < worker.numbers.stop:
        worker.process.kill()
        worker.process.join()
        run.record_lost_worker(worker, f"hang: more than {_SECONDS_MOST:.0f} s")
        return True
    return False


def main() -> int:
    """Run, print a summary, and return the exit code."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--run", default=time.strftime("%Y%m%d-%H%M%S"), help="its name, from which all chance derives")
    parser.add_argument("--only", default="", help="seeds whose name contains this, such as pickle/ or .zip")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="where inputs with problems are saved")
    parser.add_argument("--file", type=Path, help="read this one file and print its problems")
    options = parser.parse_args()
    if options.file:
        problems = Inspector().find_problems(options.file.read_bytes(), options.file.name, every_format=True)
        print(*problems or ["no problem"], sep="\n")
        return bool(problems)
    pool = list_seeds(options.only)
    if not pool:
        parser.error(f"no seed has {options.only!r} in its name")
    last = options.first + options.iterations
    stretches = [range(start, min(start + _STRETCH, last)) for start in range(options.first, last, _STRETCH)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # an ordinary exit takes the workers along
    run = _Run(options.run, pool, options.folder, stretches)
    print(f"run {run.name}: {options.iterations} inputs from {len(pool)} seeds, {options.workers} workers", flush=True)
    _run_workers(run, options.workers)
    print(f"run {run.name}: {run.done} inputs read; {len(run.found)} problems, inputs with them: {run.found}")
    print("inputs by reader and exit code:", ", ".join(f"{word} {count}" for word, count in sorted(run.counts.items())))
    return bool(run.found)


if __name__ == "__main__":
    sys.exit(main())
