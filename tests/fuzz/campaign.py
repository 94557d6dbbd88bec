"""Make inputs by number, and read a range of them in a worker process that reports each problem."""

from __future__ import annotations

import faulthandler
import gc
import random
import resource
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final

from fuzz.inspection import Inspector
from fuzz.mutations import mutate_seed
from fuzz.seeds import Seed

MEMORY_MOST: Final = 4 << 30
"""Bytes of address space of a worker: a reader that needs more gets a MemoryError, which is reported as a problem."""

_ENDINGS: Final = ("pkl", "bin", "pt", "zip", "npy", "npz", "joblib", "json", "yaml", "md", "txt", "safetensors", "tar", "gz",
                   "skops", "nemo", "mar", "model", "7z", "xz", "")  # fmt: skip
# Formats that a container declares for its members; most inputs have none.
_CONTENTS: Final = (None,) * 30 + ("tensor-storage", "torchscript")
# A seed of so many bytes is chosen half as often as an empty one.
_HALF_AS_LIKELY: Final = 8192
# One input of this many is rendered in every output format.
_EVERY_FORMAT: Final = 200


@dataclass(frozen=True, slots=True)
class Input:
    """One input.

    Attributes:
        data: the bytes.
        path: the file name.
        content: the format that a container would declare for the bytes, or ``None``.
        seed: the name of the seed that it was made from.
    """

    data: bytes
    path: str
    content: str | None
    seed: str


def make_input(run: str, number: int, pool: Sequence[Seed]) -> Input:
    """Return input ``number`` of the run called ``run``: always the same for the same seeds."""
    source = random.Random(f"{run}:{number}")
    seed = _choose_seed(source, pool)
    name = seed.name.rpartition("/")[2]
    # Some inputs have the name of another format, because readers also go by the name.
    if source.random() < 0.15:
        name = f"model.{source.choice(_ENDINGS)}"
    data, content = mutate_seed(source, seed.data, pool), source.choice(_CONTENTS)
    return Input(data, path=name, content=content, seed=seed.name)


def _choose_seed(source: random.Random, pool: Sequence[Seed]) -> Seed:
    """Return a seed: short files are read faster and are chosen more often."""
    while True:
        seed = source.choice(pool)
        if source.random() < 1 / (1 + len(seed.data) / _HALF_AS_LIKELY):
            return seed


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem that one input caused.

    Attributes:
        number: the number of the input in its run.
        text: the problem in one line, which begins with its kind.
        path: the file name of the input.
        seed: the name of the seed that it was made from.
        data: its bytes.
    """

    number: int
    text: str
    path: str
    seed: str
    data: bytes


def read_inputs(
    run: str,
    numbers: range,
    pool: Sequence[Seed],
    current_number: Synchronized[int],
    report: Callable[[Problem | Counter[str]], None],
) -> None:
    """Read the inputs ``numbers`` of the run called ``run``, and keep the current number in ``current_number``.

    A process that dies or hangs leaves its number there; a number before the first means that it could not start.
    ``report`` receives each problem, and at the end the number of inputs for each format and exit code.
    """
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    inspector = Inspector(measures_time=True)
    gc.freeze()  # the rules and seeds stay until the end, and no collection has to visit them
    for number in numbers:
        current_number.value = number
        input_ = make_input(run, number, pool)
        for text in inspector.find_problems(input_.data, input_.path, input_.content, number % _EVERY_FORMAT == 0):
            report(Problem(number, text, input_.path, input_.seed, input_.data))
    current_number.value = numbers.stop
    report(Counter({**inspector.formats, **{f"exit {code}": count for code, count in inspector.codes.items()}}))


def save_problem(folder: Path, run: str, problem: Problem) -> Path:
    """Write the input and a description of its problem into ``folder``; return the path of the input."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = problem.text.partition(":")[0]
    target = folder / f"{run}-{problem.number}-{kind}"
    target.with_suffix(".bin").write_bytes(problem.data)
    lines = (problem.text, f"run {run}, input {problem.number}, named {problem.path}, made from {problem.seed}")
    target.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target.with_suffix(".bin")
