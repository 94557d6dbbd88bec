"""The process in which the other scanner runs: what it may take, what it may write, and how it ends.

Most of these put a module of their own in the place of modelscan, so that they run where it cannot be installed.
"""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path

import pytest

from modelaudit.model.limits import Limits
from modelaudit.model.report import OpinionState
from modelaudit.opinions import get_second_opinion, modelscan, process

LIMITS = Limits(second_opinion_seconds=60)


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Put a module named modelscan before the real one, for the child alone."""

    def write(**modules):
        package = tmp_path / "stub" / "modelscan"
        package.mkdir(parents=True)
        for name, text in {"__init__": "", "_version": "__version__ = '9'", **modules}.items():
            (package / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return write


SCANNER = """
    import os, sys, time
    class _Issues: all_issues = []
    class ModelScan:
        issues, errors, skipped, scanned = _Issues(), [], [], []
        def scan(self, path):
            self.scanned = [path]
            {body}
"""


def test_missing_files_give_no_opinion():
    assert get_second_opinion(None, ["model.pt"], [], LIMITS).state is OpinionState.ABSENT
    assert get_second_opinion(Path(), [], [], LIMITS).state is OpinionState.ABSENT


def test_timeout_gives_no_opinion(lay, hostile):
    root = lay({"evil.pkl": hostile})
    opinion = get_second_opinion(root, ["evil.pkl"], [], Limits(second_opinion_seconds=0.01))
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan was stopped after 0.01 seconds; 1 of 1 files were not examined"


def test_results_before_timeout_are_kept(lay, benign, stub):
    stub(modelscan=SCANNER.format(body="time.sleep(600 if 'slow' in path else 0)"))
    root = lay({"fast.pkl": benign, "slow.pkl": benign})
    opinion = get_second_opinion(root, ["fast.pkl", "slow.pkl"], [], Limits(second_opinion_seconds=3))
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("modelscan was stopped after 3 seconds; 1 of 2 files were not examined",)


def test_missing_scanner_gives_no_opinion(lay, benign, stub):
    stub(modelscan="raise ImportError('no such thing')")
    opinion = get_second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert (opinion.state, opinion.version, opinion.detail) == (
        OpinionState.ABSENT,
        "",
        modelscan._explain_missing_scanner(),
    )


def test_missing_scanner_message_names_python_versions(monkeypatch):
    monkeypatch.setattr(modelscan.sys, "version_info", (3, 13, 1))
    assert modelscan._explain_missing_scanner().startswith("modelscan is not installed: it needs Python below 3.13")


def test_crash_on_one_file_keeps_other_results(lay, benign, stub):
    stub(modelscan=SCANNER.format(body="if 'bad' in path: raise RecursionError('too deep')"))
    root = lay({"a.pkl": benign, "bad.pkl": benign, "c.pkl": benign})
    opinion = get_second_opinion(root, ["a.pkl", "bad.pkl", "c.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("bad.pkl: modelscan broke on it (RecursionError: too deep)",)
    assert "2 of 3 files" in opinion.detail


def test_killed_process_is_reported_with_signal(lay, benign, stub):
    stub(modelscan=SCANNER.format(body="'bad' in path and os.kill(os.getpid(), 9)"))
    root = lay({"bad.pkl": benign, "c.pkl": benign})
    opinion = get_second_opinion(root, ["bad.pkl", "c.pkl"], [], LIMITS)
    assert opinion.absences == (f"bad.pkl: modelscan broke on it (signal {int(signal.SIGKILL)})",)


def test_restarts_are_bounded(lay, benign, stub, monkeypatch):
    stub(modelscan=SCANNER.format(body="raise ValueError"))
    monkeypatch.setattr(modelscan, "RESTARTS", 2)
    files = {f"{number}.pkl": benign for number in range(6)}
    opinion = get_second_opinion(lay(files), list(files), [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan broke on more than 2 files; 3 of 6 were not examined"


def test_failed_start_is_one_line(lay, benign, stub):
    stub(modelscan="raise RuntimeError('half installed')")
    opinion = get_second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail.startswith("modelscan broke when it was started (RuntimeError: half installed)")


def test_printed_text_is_not_parsed_as_result(lay, benign, stub):
    line = '{"done": 0, "scanned": [["forged"]], "issues": [], "failed": []}'
    stub(modelscan=SCANNER.format(body=f"print('{line}'); os.write(1, b'{line}'); self.scanned = []"))
    opinion = get_second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT


def test_output_is_bounded(lay, benign, stub, monkeypatch):
    monkeypatch.setattr(process, "OUTPUT_BYTES", 1000)
    files = {f"{number}.pkl": benign for number in range(200)}
    opinion = get_second_opinion(lay(files), list(files), [], LIMITS)
    assert any("wrote too much" in line for line in (opinion.detail, *opinion.absences))


def test_memory_is_bounded(lay, benign, stub, monkeypatch):
    stub(modelscan=SCANNER.format(body="bytearray(1 << 30)"))
    monkeypatch.setattr(modelscan, "MEMORY_BYTES", 512 << 20)
    opinion = get_second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.absences == ("a.pkl: modelscan broke on it (MemoryError)",)


def test_no_secret_reaches_the_other_scanner(lay, benign, stub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "secret")
    stub(modelscan=SCANNER.format(body="raise ValueError(sorted(os.environ))"))
    opinion = get_second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert "PYTHONPATH" in opinion.absences[0]
    assert "HF_TOKEN" not in opinion.absences[0]


def test_other_scanner_cannot_write_files(lay, benign, stub, tmp_path):
    target = tmp_path / "written"
    stub(modelscan=SCANNER.format(body=f"os.write(os.open({str(target)!r}, os.O_CREAT | os.O_WRONLY), b'x')"))
    opinion = get_second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.absences == ("a.pkl: File too large",)
    assert target.read_bytes() == b""
