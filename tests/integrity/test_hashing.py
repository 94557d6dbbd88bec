from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import modelaudit
from modelaudit.integrity.digests import DigestingWindow
from modelaudit.integrity.hashing import HashingThreads, OpenedFile
from modelaudit.model.errors import InternalError, WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import UnreadReason
from modelaudit.sources import resolve_target
from modelaudit.sources.hashed import hash_model

LARGE = 8 << 20  # bytes; readers read small files whole


def build_weights(number: int) -> bytes:
    """Build a safetensors file with one tensor of ``LARGE + number`` bytes."""
    size = LARGE + number
    header = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes([number]) * size


def write_large_files(folder: Path, count: int) -> dict[str, str]:
    """Write files that are hashed in threads; return the SHA-256 of each by its name."""
    digests = {}
    for number in range(count):
        name, data = f"{number:02}.safetensors", build_weights(number)
        (folder / name).write_bytes(data)
        digests[name] = hashlib.sha256(data).hexdigest()
    return digests


def test_records_of_files_that_threads_hash_keep_their_order_and_have_right_digests(tmp_path: Path) -> None:
    expected = write_large_files(tmp_path, 25)
    report = modelaudit.scan(tmp_path, checks=["integrity"])
    computed = {record.path: record.digests[0].value for record in report.coverage.artifacts}
    assert list(computed.items()) == list(expected.items())


@pytest.mark.parametrize("command", ["scan", "lock and verify"])
def test_large_files_are_hashed_by_more_than_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    write_large_files(tmp_path, 8)
    names = set()
    both_run = threading.Barrier(2, timeout=30)
    finish = DigestingWindow.finish

    def finish_together(window: DigestingWindow, *arguments: Any) -> object:
        both_run.wait()
        names.add(threading.current_thread().name)
        return finish(window, *arguments)

    monkeypatch.setattr(DigestingWindow, "finish", finish_together)
    if command == "scan":
        modelaudit.scan(tmp_path, checks=["integrity"])
    else:
        hashed = hash_model(resolve_target(str(tmp_path), offline=True), Limits())
        assert (len(hashed.entries), hashed.unread) == (8, ())
    assert len(names) == 2


def test_change_of_a_file_while_a_thread_hashes_it_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_large_files(tmp_path, 4)
    finish = DigestingWindow.finish

    def finish_and_change(window: DigestingWindow, *arguments: Any) -> object:
        digests = finish(window, *arguments)
        if window.size == len(build_weights(2)):
            with (tmp_path / "02.safetensors").open("r+b") as file:
                file.write(b"changed")
        return digests

    monkeypatch.setattr(DigestingWindow, "finish", finish_and_change)
    report = modelaudit.scan(tmp_path, checks=["integrity"])
    changed = [path for path, absence in report.coverage.open_absences if absence.unread.reason is UnreadReason.CHANGED]
    assert (report.exit_code, changed) == (1, ["02.safetensors"])


def test_failure_of_a_thread_is_an_error_of_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_large_files(tmp_path, 3)

    def fail(window: DigestingWindow, *arguments: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(DigestingWindow, "finish", fail)
    with pytest.raises(InternalError, match="a defect"):
        modelaudit.scan(tmp_path, checks=["integrity"])


class EndlessWindow:
    """A window whose bytes never end within the test."""

    size = 1 << 60

    def __init__(self) -> None:
        self.is_read = threading.Event()

    def read(self, offset: int, length: int) -> bytes:
        self.is_read.set()
        return bytes(min(length, 4096))


def test_leaving_the_threads_stops_what_they_hash() -> None:
    window, opened, closed = EndlessWindow(), ExitStack(), threading.Event()
    opened.callback(closed.set)
    with HashingThreads() as threads:
        pending = threads.begin(OpenedFile(opened, window, DigestingWindow(window)))
        window.is_read.wait(30)
    assert closed.is_set()
    hashed = pending()
    assert (hashed.digests, hashed.absence is not None) == ((), True)


def test_stopped_window_raises() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(WindowError, match="stopped"):
        DigestingWindow(EndlessWindow()).finish(stop)
