"""The cases of ``make bench-documents`` are complete, and the files that they describe can be read whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelaudit
from modelaudit.model.description import Topic

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FILES = sorted(path.name for path in (BENCHMARKS / "document_cases").glob("contradictions*.yaml"))


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in ("contradictions", "samples"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", FILES)
def test_each_planted_contradiction_has_an_honest_twin_and_topics_that_exist(name: str) -> None:
    from contradictions import read_cases

    for case in read_cases(BENCHMARKS / "document_cases" / name):
        assert {*case.topics} <= {*map(str, Topic)}, case.id
        assert bool(case.topics) is bool(case.card) and case.card != case.twin and case.files, case.id


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_each_planted_contradiction_is_named_and_no_honest_card_has_one(name: str) -> None:
    from contradictions import judge_cases, list_faults

    assert not list(list_faults(judge_cases(BENCHMARKS / "document_cases" / name)))


@pytest.mark.slow
def test_weights_of_each_kind_that_the_cases_describe_are_read_whole(tmp_path: Path) -> None:
    from contradictions import read_cases, write_repository

    for name in ("parameters-in-a-list", "parameters-in-a-table", "parameters-of-a-gguf-file", "base-of-an-adapter"):
        (case,) = (each for each in read_cases() if each.id == name)
        write_repository(tmp_path / name, case.files)
        report = modelaudit.scan(tmp_path / name, offline=True, second_opinion=False)
        assert not report.coverage.open_absences, name
        assert any(record.byte_counts.data for record in report.coverage.artifacts), name
