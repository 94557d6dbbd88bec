"""The cost of commands: each is run several times, in turn, and has to end with its right exit code every time."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from figures import render_table
from scanners import PEERS

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds, wall seconds, and the peak of resident memory in bytes."""

    cpu: float
    wall: float
    peak: int


@dataclass(frozen=True, slots=True)
class Command:
    """A command to measure.

    Attributes:
        label: its name in the table.
        arguments: the program and its arguments.
        environment: all variables that it gets.
        exit_code: that of a right run.
        prepare: called before each run.
        check: called after each run.
    """

    label: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    exit_code: int = 0
    prepare: Callable[[], object] | None = None
    check: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the limit that it has to keep."""

    label: str
    measured: str
    limit: str
    is_kept: bool

    @classmethod
    def compare(cls, label: str, measured: float, most: float) -> Figure:
        """Return the figure of a number that may be ``most`` at most; a whole number is shown as one."""
        shown = [f"{number:,}" if isinstance(number, int) else f"{number:.2f}" for number in (measured, most)]
        return cls(label, shown[0], f"at most {shown[1]}", measured <= most)


Section = tuple[list[str], list[Figure]]
"""A part of a report: its lines, and the figures with their limits."""


def measure_in_turn(commands: Sequence[Command], runs: int) -> dict[str, Cost]:
    """Measure every command once, then again, so that a load of the machine meets all alike; return the medians.

    Raises:
        SystemExit: a command ended with another exit code than expected.
    """
    costs: dict[str, list[Cost]] = {command.label: [] for command in commands}
    for _ in range(runs):
        for command in commands:
            costs[command.label].append(_measure(command))
            print(command.label, costs[command.label][-1], flush=True)
    return {label: _take_median(each) for label, each in costs.items()}


def render_costs(costs: Mapping[str, Cost]) -> list[str]:
    """Return the lines of a table with the cost of each command."""
    rows = [[label, f"{each.cpu:.2f}", f"{each.wall:.2f}", f"{each.peak / MIB:.0f}"] for label, each in costs.items()]
    return render_table(["", "CPU s", "wall s", "peak MiB"], rows)


def render_figures(figures: Iterable[Figure]) -> list[str]:
    """Return the lines of a table with each figure beside its limit; a figure that misses it says so."""
    rows = [[each.label, each.measured, each.limit + ("" if each.is_kept else ", missed")] for each in figures]
    return render_table(["figure", "measured", "limit"], rows)


def _measure(command: Command) -> Cost:
    """Run a command once. Raises ``SystemExit`` if it ends with another exit code than expected."""
    if command.prepare is not None:
        command.prepare()
    worker = [sys.executable, "-I", "-S", str(PEERS / "cost_worker.py"), *command.arguments]
    done = subprocess.run(worker, stdout=subprocess.PIPE, env=dict(command.environment), check=True)
    code, *figures = json.loads(done.stdout)
    if code != command.exit_code:
        raise SystemExit(f"{command.label}: exit code {code}, expected {command.exit_code}")
    if command.check is not None:
        command.check()
    return Cost(*figures)


def _take_median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure, and the highest peak."""
    median: Callable[[Iterable[float]], float] = statistics.median
    return Cost(
        median([each.cpu for each in costs]), median([each.wall for each in costs]), max(each.peak for each in costs)
    )
