from __future__ import annotations

import os
import signal
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.limits import Limits
from modelaudit.model.report import OpinionState
from modelaudit.opinions import modelscan, process, second_opinion

LIMITS = Limits(second_opinion_seconds=60)

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="modelscan needs Python below 3.13")


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


def test_a_malicious_pickle_is_reported_and_agreed_upon(lay, hostile, grave):
    root = lay({"sub/evil.pkl": hostile})
    opinion = second_opinion(root, ["sub/evil.pkl"], [grave("sub/evil.pkl")], LIMITS)
    assert (opinion.scanner, opinion.version) == ("modelscan", "0.8.8")
    assert opinion.state is OpinionState.GIVEN
    [finding] = opinion.findings
    assert (finding.artifact, finding.severity, finding.agrees) == ("sub/evil.pkl", "critical", True)
    assert "system" in finding.message
    assert opinion.disagreements == ()
    assert opinion.absences == ()


@pytest.mark.parametrize("ours", ["model.pt!archive/data.pkl", "model.pt"])
def test_a_member_has_its_address(lay, hostile, torch_zip, grave, ours):
    root = lay({"model.pt": torch_zip(hostile)})
    [finding] = second_opinion(root, ["model.pt"], [grave(ours)], LIMITS).findings
    assert finding.artifact == "model.pt!archive/data.pkl"
    assert finding.agrees


def test_its_finding_alone_is_no_agreement(lay, hostile, grave):
    root = lay({"evil.pkl": hostile, "other.pkl": hostile})
    others = [
        grave("evil.pkl", Severity.MEDIUM),
        grave("evil.pkl", Severity.CRITICAL, CheckFamily.INTEGRITY),
        grave("other.pkl"),
    ]
    opinion = second_opinion(root, ["evil.pkl", "other.pkl"], others, LIMITS)
    assert {finding.artifact: finding.agrees for finding in opinion.findings} == {"evil.pkl": False, "other.pkl": True}


def test_a_benign_file_is_a_given_opinion_and_our_finding_in_it_a_disagreement(lay, benign, grave):
    root = lay({"weights.pkl": benign})
    ours = [grave("weights.pkl"), grave("weights.pkl", Severity.HIGH), grave("absent.pkl")]
    opinion = second_opinion(root, ["weights.pkl"], ours, LIMITS)
    assert opinion.state is OpinionState.GIVEN
    assert opinion.findings == ()
    assert opinion.disagreements == ("weights.pkl",)


def test_a_lesser_finding_is_no_disagreement(lay, benign, grave):
    root = lay({"weights.pkl": benign})
    ours = [grave("weights.pkl", Severity.MEDIUM), grave("weights.pkl", Severity.CRITICAL, CheckFamily.INTEGRITY)]
    assert second_opinion(root, ["weights.pkl"], ours, LIMITS).disagreements == ()


def test_silence_over_nothing_examined_is_no_opinion(lay, grave):
    root = lay({"README.md": b"# hello", "model.safetensors": b"\0" * 8})
    opinion = second_opinion(root, ["README.md", "model.safetensors"], [grave("model.safetensors")], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan examined none of the 2 files"
    assert opinion.absences == ("2 files are of kinds that modelscan does not read: README.md, model.safetensors",)
    assert opinion.disagreements == ()


def test_an_archive_of_which_no_member_is_read_is_an_absence(lay, tmp_path):
    root = lay({"model.pt": b""})
    with zipfile.ZipFile(root / "model.pt", "w") as archive:
        archive.writestr("archive/data.txt", b"text")
    opinion = second_opinion(root, ["model.pt"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert "model.pt" in opinion.absences[0]


def test_what_it_fails_on_makes_the_opinion_partial(lay, benign, hostile):
    root = lay({"good.pkl": benign, "bad.pkl": hostile[:12], "junk.bin": b"junk"})
    opinion = second_opinion(root, ["bad.pkl", "good.pkl", "junk.bin"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert [line.partition(":")[0] for line in opinion.absences] == ["bad.pkl", "junk.bin"]


def test_a_failure_is_neither_agreement_nor_disagreement(lay, benign, hostile, grave):
    root = lay({"good.pkl": benign, "bad.pkl": hostile[:12]})
    opinion = second_opinion(root, ["bad.pkl", "good.pkl"], [grave("bad.pkl")], LIMITS)
    assert opinion.disagreements == ()
    assert opinion.findings == ()


def test_many_absences_are_counted_and_not_all_listed(lay, benign):
    files = {f"junk-{number:03}.bin": b"junk" for number in range(70)}
    root = lay({"good.pkl": benign, **files})
    opinion = second_opinion(root, ["good.pkl", *files], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences[-1] == "+20 more"
    assert len(opinion.absences) == 51


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who may not read everything")
def test_an_unreadable_file_is_an_absence(lay, benign):
    root = lay({"good.pkl": benign, "locked.pkl": benign})
    (root / "locked.pkl").chmod(0)
    opinion = second_opinion(root, ["good.pkl", "locked.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("locked.pkl: Permission denied",)


@pytest.mark.skipif(os.name != "posix", reason="FIFOs and links")
def test_what_is_no_regular_file_is_not_opened(lay, benign):
    root = lay({"good.pkl": benign})
    os.mkfifo(root / "pipe.pkl")
    (root / "dangling.pkl").symlink_to("nowhere")
    opinion = second_opinion(root, ["dangling.pkl", "good.pkl", "pipe.pkl"], [], LIMITS)
    assert opinion.absences == ("dangling.pkl: No such file or directory", "pipe.pkl: is not a regular file")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_hub_cache_is_read_under_its_snapshot_names(tmp_path, hostile):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "0123").write_bytes(hostile)
    (snapshot / "evil.pkl").symlink_to("../../blobs/0123")
    [finding] = second_opinion(snapshot, ["evil.pkl"], [], LIMITS).findings
    assert finding.artifact == "evil.pkl"


def test_the_root_may_be_the_file_itself(lay, hostile):
    root = lay({"evil.pkl": hostile})
    [finding] = second_opinion(root / "evil.pkl", ["evil.pkl"], [], LIMITS).findings
    assert finding.artifact == "evil.pkl"


@pytest.mark.skipif(os.name != "posix", reason="names that other systems refuse")
@pytest.mark.parametrize(
    "name", ["a:b.pkl", "new\nline.pkl", "\x1b[31m.pkl", "a b'\".pkl", os.fsdecode(b"\xff\xfe.pkl")]
)
def test_hostile_names_come_back_as_they_were(lay, hostile, name, grave):
    root = lay({name: hostile})
    [finding] = second_opinion(root, [name], [grave(name)], LIMITS).findings
    assert finding.artifact == name
    assert finding.agrees


def test_hostile_member_names_are_addresses_and_nothing_else(lay, hostile, tmp_path):
    root = lay({"model.pt": b""})
    with zipfile.ZipFile(root / "model.pt", "w") as archive:
        archive.writestr("../../escape.pkl", hostile)
        archive.writestr("/etc/absolute.pkl", hostile)
    opinion = second_opinion(root, ["model.pt"], [], LIMITS)
    assert {finding.artifact for finding in opinion.findings} == {
        "model.pt!../../escape.pkl",
        "model.pt!/etc/absolute.pkl",
    }


def test_members_among_the_paths_are_left_to_modelscan(lay, benign):
    root = lay({"good.pkl": benign})
    opinion = second_opinion(root, ["good.pkl", "good.pkl!inner"], [], LIMITS)
    assert opinion.detail == "modelscan examined 1 of 1 files and reports no finding"


def test_nothing_on_disk_is_no_opinion():
    assert second_opinion(None, ["model.pt"], [], LIMITS).state is OpinionState.ABSENT
    assert second_opinion(Path(), [], [], LIMITS).state is OpinionState.ABSENT


def test_out_of_time_is_no_opinion(lay, hostile):
    root = lay({"evil.pkl": hostile})
    opinion = second_opinion(root, ["evil.pkl"], [], Limits(second_opinion_seconds=0.01))
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan was stopped after 0.01 seconds; 1 of 1 files were not examined"


def test_what_was_said_before_time_ran_out_stands(lay, benign, stub):
    stub(modelscan=SCANNER.format(body="time.sleep(600 if 'slow' in path else 0)"))
    root = lay({"fast.pkl": benign, "slow.pkl": benign})
    opinion = second_opinion(root, ["fast.pkl", "slow.pkl"], [], Limits(second_opinion_seconds=3))
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("modelscan was stopped after 3 seconds; 1 of 2 files were not examined",)


def test_not_installed(lay, benign, stub):
    stub(modelscan="raise ImportError('no such thing')")
    opinion = second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert (opinion.state, opinion.version, opinion.detail) == (OpinionState.ABSENT, "", "modelscan is not installed")


def test_not_installed_says_which_python_it_needs(monkeypatch):
    monkeypatch.setattr(modelscan.sys, "version_info", (3, 13, 1))
    assert modelscan._missing().startswith("modelscan is not installed: it needs Python below 3.13")


def test_a_file_that_breaks_it_costs_only_itself(lay, benign, stub):
    stub(modelscan=SCANNER.format(body="if 'bad' in path: raise RecursionError('too deep')"))
    root = lay({"a.pkl": benign, "bad.pkl": benign, "c.pkl": benign})
    opinion = second_opinion(root, ["a.pkl", "bad.pkl", "c.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("bad.pkl: modelscan broke on it (RecursionError: too deep)",)
    assert "2 of 3 files" in opinion.detail


def test_a_killed_process_names_its_signal(lay, benign, stub):
    stub(modelscan=SCANNER.format(body="'bad' in path and os.kill(os.getpid(), 9)"))
    root = lay({"bad.pkl": benign, "c.pkl": benign})
    opinion = second_opinion(root, ["bad.pkl", "c.pkl"], [], LIMITS)
    assert opinion.absences == (f"bad.pkl: modelscan broke on it (signal {int(signal.SIGKILL)})",)


def test_it_is_not_started_again_and_again(lay, benign, stub, monkeypatch):
    stub(modelscan=SCANNER.format(body="raise ValueError"))
    monkeypatch.setattr(modelscan, "RESTARTS", 2)
    files = {f"{number}.pkl": benign for number in range(6)}
    opinion = second_opinion(lay(files), list(files), [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan broke on more than 2 files; 3 of 6 were not examined"


def test_a_broken_start_is_one_line(lay, benign, stub):
    stub(modelscan="raise RuntimeError('half installed')")
    opinion = second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail.startswith("modelscan broke when it was started (RuntimeError: half installed)")


def test_what_it_prints_cannot_pass_for_an_answer(lay, benign, stub):
    line = '{"done": 0, "scanned": [["forged"]], "issues": [], "failed": []}'
    stub(modelscan=SCANNER.format(body=f"print('{line}'); os.write(1, b'{line}'); self.scanned = []"))
    opinion = second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT


def test_a_flood_is_stopped(lay, benign, stub, monkeypatch):
    monkeypatch.setattr(process, "OUTPUT_BYTES", 1000)
    files = {f"{number}.pkl": benign for number in range(200)}
    opinion = second_opinion(lay(files), list(files), [], LIMITS)
    assert any("wrote too much" in line for line in (opinion.detail, *opinion.absences))


def test_memory_is_bounded(lay, benign, stub, monkeypatch):
    stub(modelscan=SCANNER.format(body="bytearray(1 << 30)"))
    monkeypatch.setattr(modelscan, "MEMORY_BYTES", 512 << 20)
    opinion = second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.absences == ("a.pkl: modelscan broke on it (MemoryError)",)


def test_no_secret_reaches_the_other_scanner(lay, benign, stub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "secret")
    stub(modelscan=SCANNER.format(body="raise ValueError(sorted(os.environ))"))
    opinion = second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert "PYTHONPATH" in opinion.absences[0]
    assert "HF_TOKEN" not in opinion.absences[0]


def test_the_other_scanner_may_write_to_no_file(lay, benign, stub, tmp_path):
    target = tmp_path / "written"
    stub(modelscan=SCANNER.format(body=f"os.write(os.open({str(target)!r}, os.O_CREAT | os.O_WRONLY), b'x')"))
    opinion = second_opinion(lay({"a.pkl": benign}), ["a.pkl"], [], LIMITS)
    assert opinion.absences == ("a.pkl: File too large",)
    assert target.read_bytes() == b""


def test_nothing_of_it_is_imported_here(lay, hostile):
    second_opinion(lay({"evil.pkl": hostile}), ["evil.pkl"], [], LIMITS)
    assert "modelscan" not in sys.modules
