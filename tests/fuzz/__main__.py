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

# How many inputs a process reads at most; another process reads the next range.
_INPUTS_PER_WORKER = 20_000
_PROBLEMS_MOST = 100
_SECONDS_MOST = 12 * (LIMITS.artifact_cpu_seconds + 10)
"""Seconds of wall time after which an input counts as a hang; far beyond the deadline, as the machine may be busy."""


@dataclass
class _Worker:
    """One process and the range of input numbers that it reads.

    Attributes:
        process: the process.
        current_number: the number of the input that it reads now, in memory shared with the process.
        numbers: the range.
        last_seen: the last observed number, and when it was first observed, on the monotonic clock in seconds.
    """

    process: SpawnProcess
    current_number: Synchronized[int]
    numbers: range
    last_seen: tuple[int, float]


@dataclass
class _Run:
    """A run: the remaining ranges of input numbers, and the problems found.

    Attributes:
        name: the name of the run, the seed of all chance.
        pool: the seeds.
        folder: where inputs with problems are saved.
        remaining: the ranges that no process reads yet.
        done: how many inputs were read in ranges that have ended.
        problem_counts: number of inputs for each distinct problem.
        counts: number of inputs for each reader and exit code.
    """

    name: str
    pool: Sequence[Seed]
    folder: Path
    remaining: list[range]
    done: int = 0
    problem_counts: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def start_worker(self, context: Any, reports: Any, numbers: range) -> _Worker:
        """Start a process that reads the inputs ``numbers`` and puts its reports into the queue ``reports``."""
        current_number = context.Value("q", numbers.start - 1)
        process = context.Process(
            target=read_inputs, args=(self.name, numbers, self.pool, current_number, reports.put), daemon=True
        )
        process.start()
        return _Worker(process, current_number, numbers, (numbers.start - 1, time.monotonic()))

    def record_report(self, report: Problem | Counter[str]) -> None:
        """Count a report; print and save the first input of each problem."""
        if isinstance(report, Counter):
            self.counts += report
            return
        # Problems count as one if their innermost frame and the first three parts of their description are equal. In
        # "reader-failed: pickle reader: KeyError: 'x' at reader.py:12 < pipeline.py:34" these parts leave out the
        # message of the error, which differs from input to input.
        description, _, frames = report.text.rpartition(" at ")
        if description:
            innermost_frame, kind = frames.partition(" < ")[0], " ".join(description.split(": ")[:3])
            key = f"{innermost_frame}: {kind}"
        else:
            key = report.text.partition(":")[0]
        self.problem_counts[key] = self.problem_counts.get(key, 0) + 1
        if self.problem_counts[key] == 1:
            path = save_problem(self.folder, self.name, report)
            print(
                f"{report.text}\n    input {report.number} of run {self.name}, from {report.seed}: {path}", flush=True
            )

    def record_lost_worker(self, worker: _Worker, text: str) -> None:
        """Record the input of a process that ended or hung as a problem, and queue the rest of its range."""
        number = worker.current_number.value
        if number < worker.numbers.start:
            sys.exit("a worker could not start; see its output above")
        if len(self.problem_counts) >= _PROBLEMS_MOST:
            sys.exit(f"stopped after {len(self.problem_counts)} problems")
        lost_input = make_input(self.name, number, self.pool)
        self.record_report(
            Problem(number, f"{text} at {lost_input.seed}", lost_input.path, lost_input.seed, lost_input.data)
        )
        self.done += number + 1 - worker.numbers.start
        if number + 1 < worker.numbers.stop:
            self.remaining.append(range(number + 1, worker.numbers.stop))


def _run_workers(run: _Run, most_workers: int) -> None:
    """Read all remaining ranges of a run in up to ``most_workers`` processes, and print the progress each minute."""
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    total = sum(len(numbers) for numbers in run.remaining)
    workers: list[_Worker] = []
    last_progress = began = time.monotonic()
    while workers or run.remaining:
        while run.remaining and len(workers) < most_workers:
            workers.append(run.start_worker(context, reports, run.remaining.pop(0)))
        # Look at the processes only when no report waits, so that the report of a process comes before its end.
        try:
            run.record_report(reports.get(timeout=0.5))
        except queue.Empty:
            workers = [worker for worker in workers if not _record_end(run, worker)]
        if time.monotonic() - last_progress > 60:
            last_progress = time.monotonic()
            done = run.done + sum(max(0, each.current_number.value - each.numbers.start) for each in workers)
            rate = done / (last_progress - began)
            print(f"{done} of {total} inputs, {rate:.0f} a second, {len(run.problem_counts)} problems", flush=True)
    while not reports.empty():
        run.record_report(reports.get())


def _record_end(run: _Run, worker: _Worker) -> bool:
    """Record the inputs of a process that has ended, as done or as a problem; kill a process that hangs.

    Returns:
        Whether the process no longer runs.
    """
    if not worker.process.is_alive():
        if worker.process.exitcode == 0 and worker.current_number.value == worker.numbers.stop:
            run.done += len(worker.numbers)
        else:
            run.record_lost_worker(worker, f"died: the process ended with {worker.process.exitcode}")
        return True
    number, since = worker.last_seen
    if worker.current_number.value != number:
        worker.last_seen = (worker.current_number.value, time.monotonic())
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
        problems = Inspector(measures_time=True).find_problems(
            options.file.read_bytes(), options.file.name, every_format=True
        )
        print(*problems or ["no problem"], sep="\n")
        return 1 if problems else 0
    pool = list_seeds(options.only)
    if not pool:
        parser.error(f"no seed has {options.only!r} in its name")
    stop = options.first + options.iterations
    starts = range(options.first, stop, _INPUTS_PER_WORKER)
    ranges = [range(start, min(start + _INPUTS_PER_WORKER, stop)) for start in starts]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # an ordinary exit takes the workers along
    run = _Run(options.run, pool, options.folder, ranges)
    print(f"run {run.name}: {options.iterations} inputs from {len(pool)} seeds, {options.workers} workers", flush=True)
    _run_workers(run, options.workers)
    print(
        f"run {run.name}: {run.done} inputs read; {len(run.problem_counts)} problems, "
        f"inputs with them: {run.problem_counts}"
    )
    print("inputs by reader and exit code:", ", ".join(f"{word} {count}" for word, count in sorted(run.counts.items())))
    return 1 if run.problem_counts else 0


if __name__ == "__main__":
    sys.exit(main())
