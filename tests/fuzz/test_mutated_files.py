"""Run a short fuzzing campaign; ``make fuzz ITERATIONS=1000000`` is the long one."""

from __future__ import annotations

import multiprocessing
import pickletools
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz import inspection
from fuzz.__main__ import _record_end, _Run
from fuzz.campaign import make_input
from fuzz.inspection import Inspector
from fuzz.mutations import SIZE_MOST, make_opcode, mutate_seed
from fuzz.seeds import FIXTURES, LONGEST_NAME, list_seeds, pack_input, split_input
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelaudit import pipeline
from modelaudit.formats import registry
from modelaudit.formats.registry import READERS
from modelaudit.model.copies import replace
from modelaudit.model.limits import KIB

INPUTS = 1200
# Only seeds below this size in bytes are read, to keep the tests short.
SMALL = 1 << 14
MOST_OF_FOLDER = 5
LOW_LIMITS = replace(inspection.LIMITS, expansion_floor=256 * KIB, pickle_stack=5000, pickle_memo=5000)
"""Bounds that a bomb reaches sooner than those of a campaign, after the same steps."""


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    """Yield an inspector with low limits. Its constructor replaces a class of the pipeline, which the fixture restores."""
    original = pipeline.ArtifactReading
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection, "LIMITS", LOW_LIMITS)
        yield Inspector()
    pipeline.ArtifactReading = original  # type: ignore[misc]


def test_each_format_with_benign_fixtures_has_a_fuzzing_seed() -> None:
    formats = {path.parent.name for path in FIXTURES.glob("*/benign")}
    assert formats
    assert formats <= {seed.name.partition("/")[0] for seed in list_seeds()}


def test_inspector_finds_no_problem_when_readers_read_mutated_files(inspector: Inspector) -> None:
    pool = [seed for seed in list_seeds() if len(seed.data) < SMALL]
    problems = {}
    for number in range(INPUTS):
        input_ = make_input("suite", number, pool)
        is_rendered_in_every_format = number % 400 == 0
        problems[number, input_.seed] = inspector.find_problems(
            input_.data, input_.path, input_.content, is_rendered_in_every_format
        )
    assert {where: texts for where, texts in problems.items() if texts} == {}


def test_small_unchanged_fuzzing_seeds_cause_no_problem_and_reach_all_readers_but_tensor_storage(
    inspector: Inspector,
) -> None:
    in_folder: Counter[str] = Counter()
    for seed in list_seeds():
        *folders, name = seed.name.split("/")
        folder = "/".join(folders[:2])  # of a format and a kind, such as ``pickle/malicious``
        in_folder[folder] += 1
        # Files of one folder differ in details only, and other tests scan each of them.
        if len(seed.data) < SMALL and in_folder[folder] <= MOST_OF_FOLDER:
            assert inspector.find_problems(seed.data, name) == []
    assert {reader.format for reader in READERS} - {"tensor-storage"} <= inspector.formats.keys()


@given(st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_inspector_finds_no_problem_when_the_pickle_reader_reads_random_opcodes(
    source: random.Random, length: int
) -> None:
    program = b"\x80\x04" + b"".join(make_opcode(source) for _ in range(length)) + b"."
    assert Inspector().find_problems(program, "model.pkl") == []


def test_fuzzing_input_is_repeatable_and_differs_between_two_numbers_and_between_two_runs() -> None:
    pool = list_seeds("pickle/")
    assert make_input("x", 5, pool) == make_input("x", 5, pool)
    assert make_input("x", 5, pool) != make_input("x", 6, pool)
    assert make_input("x", 5, pool) != make_input("y", 5, pool)


def test_fuzzing_worker_counts_as_ended_only_after_its_report_is_recorded(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    run = _Run("x", list_seeds("gguf/")[:1], tmp_path, [])
    reports = context.Queue()
    worker = run.start_worker(context, reports, range(3))
    assert not _record_end(run, worker)
    run.record_report(reports.get(timeout=200))
    worker.process.join()
    assert _record_end(run, worker)
    assert (run.done, run.remaining) == (3, [])


def test_mutation_changes_most_files_and_makes_none_larger_than_the_size_bound() -> None:
    pool = list_seeds("pickle/")
    source = random.Random(0)
    mutated = [mutate_seed(source, pool[0].data, pool) for _ in range(200)]
    assert sum(data != pool[0].data for data in mutated) > 180
    assert max(map(len, mutated)) <= SIZE_MOST


def test_generated_opcodes_include_every_opcode_of_pickle() -> None:
    source = random.Random(0)
    known = {each.code.encode("latin-1") for each in pickletools.opcodes}
    assert {make_opcode(source)[:1] for _ in range(2000)} == known


def test_fuzzer_reports_a_failing_reader_as_a_problem(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Iterator[object]:
        """Raise an error in place of reading."""
        raise KeyError("x")
        yield  # makes it a generator, as readers are

    broken = tuple(replace(reader, read=fail) if reader.format == "pickle" else reader for reader in READERS)
    monkeypatch.setattr(registry, "list_candidates", lambda head: broken)
    (problem,) = inspector.find_problems(b"\x80\x04N.", "model.pkl")
    assert problem.startswith("reader-failed: pickle reader: KeyError")


@pytest.mark.parametrize("data", [b"", b"\n", b"a\nb", b"\x80\x04N."])
def test_guided_fuzzer_reads_the_file_name_and_bytes_that_its_corpus_states(data: bytes) -> None:
    assert split_input(pack_input("model.pkl", data)) == ("model.pkl", data)


def test_guided_fuzzer_takes_the_whole_input_as_the_file_where_no_line_of_64_bytes_begins_it() -> None:
    assert split_input(b"\x80\x04N.") == ("model.bin", b"\x80\x04N.")
    long_line = b"x" * (LONGEST_NAME + 1) + b"\nrest"
    assert split_input(long_line) == ("model.bin", long_line)


def test_file_name_that_the_guided_fuzzer_reads_has_no_slash_and_no_control_character() -> None:
    assert split_input(b"../a\x1b\x00.pkl\n")[0] == ".._a.pkl"
