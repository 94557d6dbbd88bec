"""The benchmark of decisions counts what the register of decisions lists as open."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.catalogue import load_shipped
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.register import judge_entries
from modelaudit.reports import render

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
POLICY = load_shipped().policies["commercial-saas"]
REPOSITORIES = sorted(entry.name for entry in os.scandir(FIXTURES / "repositories") if entry.is_dir())


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    sys.modules.pop("decision_counts", None)


@pytest.mark.parametrize("name", REPOSITORIES)
def test_count_equals_the_open_subjects_of_the_register(name: str) -> None:
    from decision_counts import count_subjects

    report = modelaudit.scan(
        FIXTURES / "repositories" / name,
        policy="commercial-saas",
        territories=["EU"],
        offline=True,
        second_opinion=False,
    )
    outcome = count_subjects(report.exit_code, json.loads(render(report, "json")))
    # The decision on a licence settles the finding on its answer, which the register lists beside it.
    about_licenses = {each.fingerprint for each in report.findings if each.key.startswith(("review:", "deny:"))}
    opened = {each.subject for each in judge_entries((), report, POLICY).open or ()} - about_licenses
    assert {each.name.rpartition(" ")[2] for each in outcome.subjects} == opened
    assert not outcome.fault
