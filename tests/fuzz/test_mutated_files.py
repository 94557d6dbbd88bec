"""A short run over mutated files; ``make fuzz ITERATIONS=1000000`` is the long one."""

from __future__ import annotations

import multiprocessing
import pickletools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.__main__ import _ended, _Run
from fuzz.campaign import input_of
from fuzz.inspection import Inspector
from fuzz.mutations import SIZE_MOST, mutate, opcode
from fuzz.seeds import FIXTURES, seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit import pipeline
from modelaudit.formats.registry import READERS

INPUTS = 1200
SMALL = 1 << 14


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    reading = pipeline.ArtifactReading
    yield Inspector()
    pipeline.ArtifactReading = reading  # type: ignore[misc]


def test_every_kind_of_fixture_is_a_seed() -> None:
    formats = {path.parent.name for path in FIXTURES.glob("*/benign")}
    assert formats
    assert formats <= {seed.name.partition("/")[0] for seed in seeds()}


def test_no_mutated_file_breaks_a_reader(inspector: Inspector) -> None:
    pool = [seed for seed in seeds() if len(seed.data) < SMALL]
    problems = {}
    for number in range(INPUTS):
        made = input_of("suite", number, pool)
        problems[number, made.seed] = inspector.problems(made.data, made.path, made.content, number % 400 == 0)
    assert {where: found for where, found in problems.items() if found} == {}


def test_the_run_reaches_every_reader(inspector: Inspector) -> None:
    for seed in seeds():
        if len(seed.data) < SMALL:
            assert inspector.problems(seed.data, seed.name.rpartition("/")[2]) == []
    assert {reader.format for reader in READERS} - {"tensor-storage"} <= inspector.formats.keys()


@given(st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_programs_of_any_opcodes(source: random.Random, length: int) -> None:
    program = b"\x80\x04" + b"".join(opcode(source) for _ in range(length)) + b"."
    assert Inspector().problems(program, "model.pkl") == []


def test_the_same_number_is_the_same_input() -> None:
    pool = seeds("pickle/")
    assert input_of("x", 5, pool) == input_of("x", 5, pool)
    assert input_of("x", 5, pool) != input_of("x", 6, pool)


def test_a_worker_has_its_time_from_when_it_began(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    run = _Run("x", seeds("gguf/")[:1], tmp_path, [])
    reports = context.Queue()
    worker = run.start(context, reports, range(3))
    assert not _ended(run, worker)
    run.take(reports.get(timeout=200))
    worker.process.join()
    assert _ended(run, worker)
    assert (run.done, run.found, run.stretches) == (3, {}, [])


def test_mutations_change_most_files_and_stay_small() -> None:
    pool = seeds("pickle/")
    source = random.Random(0)
    made = [mutate(source, pool[0].data, pool) for _ in range(200)]
    assert sum(data != pool[0].data for data in made) > 180
    assert max(map(len, made)) <= SIZE_MOST


def test_opcodes_are_those_of_the_language() -> None:
    source = random.Random(0)
    known = {each.code.encode("latin-1") for each in pickletools.opcodes}
    assert {opcode(source)[:1] for _ in range(2000)} == known


def test_a_reader_that_fails_is_a_problem(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def fail(*_: object) -> Iterator[object]:
        raise KeyError("x")
        yield

    broken = tuple(replace(reader, read=fail) if reader.format == "pickle" else reader for reader in READERS)
    monkeypatch.setattr(pipeline, "READERS", broken)
    (problem,) = inspector.problems(b"\x80\x04N.", "model.pkl")
    assert problem.startswith("reader-failed: pickle: KeyError")
