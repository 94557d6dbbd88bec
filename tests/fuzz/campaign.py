"""One input by its number, and a worker that goes through a range of numbers and tells each problem once."""

from __future__ import annotations

import faulthandler
import random
import resource
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final

from fuzz.inspection import Inspector
from fuzz.mutations import mutate
from fuzz.seeds import Seed

MEMORY_MOST: Final = 4 << 30
"""Bytes of address space of a worker: what asks for more gets a MemoryError, which is a problem with a name."""

_ENDINGS: Final = ("pkl", "bin", "pt", "zip", "npy", "npz", "joblib", "json", "yaml", "md", "txt", "safetensors", "tar", "gz",
                   "skops", "nemo", "mar", "model", "7z", "xz", "")  # fmt: skip
_CONTENTS: Final = (None,) * 30 + ("tensor-storage", "torchscript")
_EVERY_FORMAT: Final = 200


@dataclass(frozen=True, slots=True)
class Input:
    """One input: the bytes, what they are called, and what a container would say that they are."""

    data: bytes
    path: str
    content: str | None
    seed: str


def input_of(run: str, number: int, pool: Sequence[Seed]) -> Input:
    """Input ``number`` of the run called ``run``: the same one each time, while the seeds are the same."""
    source = random.Random(f"{run}:{number}")
    seed = source.choices(pool, cum_weights=_weights(tuple(pool)))[0]
    name = seed.name.rpartition("/")[2]
    if source.random() < 0.15:
        name = f"model.{source.choice(_ENDINGS)}"
    return Input(mutate(source, seed.data, pool), name, source.choice(_CONTENTS), seed.name)


@cache
def _weights(pool: tuple[Seed, ...]) -> list[float]:
    """Cumulated: short files are read so much faster that they get more of the turns."""
    total, cumulated = 0.0, []
    for seed in pool:
        total += 1 / (1 + len(seed.data) / 8192)
        cumulated.append(total)
    return cumulated


@dataclass(frozen=True, slots=True)
class Problem:
    """What one input brought to light."""

    number: int
    text: str
    path: str
    seed: str
    data: bytes


def work(
    run: str,
    numbers: range,
    pool: Sequence[Seed],
    at: Synchronized[int],
    report: Callable[[Problem | Counter[str]], None],
) -> None:
    """Go through ``numbers``, keeping in ``at`` which one is under way.

    A process that dies or hangs leaves its number there; one before the first means that it could not begin. ``report`` is given each problem, and at the end how many
    inputs each format was read in.
    """
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST, MEMORY_MOST))
    inspector = Inspector()
    for number in numbers:
        at.value = number
        made = input_of(run, number, pool)
        for text in inspector.problems(made.data, made.path, made.content, number % _EVERY_FORMAT == 0):
            report(Problem(number, text, made.path, made.seed, made.data))
    at.value = numbers.stop
    report(Counter({**inspector.formats, **{f"exit {code}": count for code, count in inspector.codes.items()}}))


def save(folder: Path, run: str, problem: Problem) -> Path:
    """Write the input and what it does into ``folder``; returns the path of the input."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = problem.text.partition(":")[0]
    target = folder / f"{run}-{problem.number}-{kind}"
    target.with_suffix(".bin").write_bytes(problem.data)
    lines = (problem.text, f"run {run}, input {problem.number}, named {problem.path}, made from {problem.seed}")
    target.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return target.with_suffix(".bin")
