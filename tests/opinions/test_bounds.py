"""The process in which modelscan runs is bounded in time, memory, output and environment.

Most tests install a stub in place of modelscan, so that they also run where modelscan cannot be installed.
"""

from __future__ import annotations

import signal
import textwrap
import zipfile
from pathlib import Path

import pytest

from modelaudit.model.limits import Limits
from modelaudit.model.opinion import OpinionState
from modelaudit.opinions import get_second_opinion, modelscan
from modelaudit.wire import process

LIMITS = Limits(second_opinion_seconds=60)


@pytest.fixture
def install_stub(tmp_path, monkeypatch):
    """Return a function that writes a package ``modelscan``, which the child process imports in place of the real one.

    Its keywords are the modules of the package with their source.
    """

    def write(**modules):
        package = tmp_path / "stub" / "modelscan"
        package.mkdir(parents=True)
        given = {"__init__": "", "_version": "__version__ = '9'", "settings": SETTINGS_STUB, **modules}
        for name, text in given.items():
            (package / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return write


SETTINGS_STUB = """
    _PICKLES = {"enabled": True, "supported_extensions": [".pkl"]}
    _OTHERS = {"enabled": False, "supported_extensions": [".off"]}
    DEFAULT_SETTINGS = {"supported_zip_extensions": [".zip"], "scanners": {"a": _PICKLES, "b": _OTHERS}}
"""
"""The stub of ``modelscan.settings``: the table of the kinds of files that the other scanner reads."""

SCANNER_STUB = """
    import os, sys, time
    from types import SimpleNamespace as Record
    class _Issues: all_issues = []
    class ModelScan:
        issues, errors, skipped, scanned = _Issues(), [], [], []
        def scan(self, path):
            self.scanned = [path]
            {body}
"""
"""The stub of ``modelscan.modelscan``; ``body`` is the line that runs for each scanned file."""

FIND_ISSUE = (
    "self.issues.all_issues = [Record(severity=Record(name='HIGH'), "
    "details=Record(source=path, module='os', operator='system'))]"
)
"""A statement for ``body`` that finds an issue in the file."""


def test_scan_without_files_on_disk_gets_no_second_opinion():
    assert get_second_opinion(None, ["model.pt"], [], LIMITS).state is OpinionState.ABSENT
    assert get_second_opinion(Path(), [], [], LIMITS).state is OpinionState.ABSENT


def test_other_scanner_that_times_out_without_results_gives_no_opinion(write_files, malicious_pickle):
    root = write_files({"evil.pkl": malicious_pickle})
    opinion = get_second_opinion(root, ["evil.pkl"], [], Limits(second_opinion_seconds=0.01))
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan was stopped after 0.01 seconds; 1 of 1 files were not examined"


def test_results_that_modelscan_gave_before_its_timeout_make_an_opinion_on_part_of_the_files(
    write_files, benign_pickle, install_stub
):
    install_stub(modelscan=SCANNER_STUB.format(body=f"{FIND_ISSUE}; time.sleep(600 if 'slow' in path else 0)"))
    root = write_files({"fast.pkl": benign_pickle, "slow.pkl": benign_pickle})
    opinion = get_second_opinion(root, ["fast.pkl", "slow.pkl"], [], Limits(second_opinion_seconds=3))
    assert opinion.state is OpinionState.PARTLY
    assert [(each.artifact, each.severity) for each in opinion.findings] == [("fast.pkl", "high")]
    assert opinion.absences == ("modelscan was stopped after 3 seconds; 1 of 2 files were not examined",)


def test_modelscan_stopped_at_its_share_of_cpu_time_gives_an_opinion_on_the_files_examined_before(
    write_files, benign_pickle, install_stub, monkeypatch
):
    monkeypatch.setattr(modelscan, "MIN_CPU_SECONDS", 1)
    # Python has no loop after a semicolon, so a sum takes the time.
    install_stub(modelscan=SCANNER_STUB.format(body=f"{FIND_ISSUE}; 'slow' in path and sum(range(10**12))"))
    root = write_files({"fast.pkl": benign_pickle, "slow.pkl": benign_pickle, "z.pkl": benign_pickle})
    opinion = get_second_opinion(root, ["fast.pkl", "slow.pkl", "z.pkl"], [], LIMITS, own_cpu_seconds=0.0)
    assert opinion.state is OpinionState.PARTLY
    assert [each.artifact for each in opinion.findings] == ["fast.pkl"]
    assert opinion.absences == (
        "modelscan was stopped after 1 seconds of CPU time, its share of this scan; 2 of 3 files were not examined",
    )


def test_security_document_states_the_cpu_and_wall_time_of_modelscan():
    document = " ".join((Path(__file__).parents[2] / "SECURITY.md").read_text(encoding="utf-8").split())
    assert (
        f"at most {modelscan.CPU_SHARE:g} of the CPU time of the scan before it "
        f"(at least {modelscan.MIN_CPU_SECONDS:g} seconds), {Limits().second_opinion_seconds:g} seconds of wall time"
    ) in document


def test_processes_after_crashes_of_modelscan_get_only_the_rest_of_its_cpu_time(
    write_files, benign_pickle, install_stub
):
    # Each file uses 0.2 seconds of CPU time, then ends the process.
    work = "while time.process_time() < 0.2: pass\n            os.abort()"
    install_stub(modelscan=SCANNER_STUB.format(body=work))
    names = [f"{number}.pkl" for number in range(9)]
    root = write_files(dict.fromkeys(names, benign_pickle))
    opinion = get_second_opinion(root, names, [], LIMITS, own_cpu_seconds=2.0)
    assert "after 0.6 seconds of CPU time, its share of this scan" in opinion.detail


def test_file_of_more_bytes_than_the_bound_is_not_given_to_modelscan_and_is_named(
    write_files, benign_pickle, install_stub, monkeypatch
):
    install_stub(modelscan=SCANNER_STUB.format(body="if 'large' in path: raise ValueError('opened')"))
    root = write_files({"a.pkl": benign_pickle, "large.pkl": b""})
    with (root / "large.pkl").open("wb") as file:
        file.truncate(8 * 1024**3 + 1)  # a hole, which takes no space on the disk
    opinion = get_second_opinion(root, ["a.pkl", "large.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("1 files are larger than the 8 GiB that modelscan is given: large.pkl",)
    assert "1 of 2 files" in opinion.detail


def test_missing_scanner_gives_no_opinion(write_files, benign_pickle, install_stub):
    install_stub(modelscan="raise ImportError('no such thing')")
    opinion = get_second_opinion(write_files({"a.pkl": benign_pickle}), ["a.pkl"], [], LIMITS)
    assert (opinion.state, opinion.version, opinion.detail) == (
        OpinionState.ABSENT,
        "",
        modelscan._explain_missing_scanner(),
    )


def test_other_scanner_is_not_loaded_for_files_that_its_table_of_extensions_lacks(
    write_files, benign_pickle, install_stub
):
    install_stub(modelscan="raise RuntimeError('loaded')")
    names = ["model.safetensors", "a.off", "README.md"]
    opinion = get_second_opinion(write_files(dict.fromkeys(names, benign_pickle)), names, [], LIMITS)
    assert (opinion.version, opinion.detail) == ("9", "modelscan examined no file")
    assert opinion.absences == (f"3 files are of kinds that modelscan does not read: {', '.join(names)}",)


@pytest.mark.parametrize(
    ("member", "loaded"),
    [("x.h5", "h5py numpy"), ("x.keras", "h5py numpy"), ("x.npy", "numpy"), ("data.pkl", "none")],
)
def test_other_scanner_imports_only_the_libraries_that_members_of_its_files_need(
    write_files, benign_pickle, install_stub, member, loaded
):
    importing = """
        import contextlib
        import numpy, tomlkit
        with contextlib.suppress(ImportError):
            import h5py
    """
    versions = "(name for name in ('h5py', 'numpy', 'tomlkit') if hasattr(sys.modules.get(name), '__version__'))"
    body = f"raise OSError(0, ' '.join{versions} or 'none')"
    install_stub(__init__=importing, modelscan=SCANNER_STUB.format(body=body))
    root = write_files({"a.zip": b""})
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        archive.writestr(member, benign_pickle)
    opinion = get_second_opinion(root, ["a.zip"], [], LIMITS)
    assert opinion.absences == (f"a.zip: {loaded}",)


def test_other_scanner_gets_only_files_of_its_table_of_extensions_and_archives_of_any_name(
    write_files, benign_pickle, install_stub
):
    install_stub(modelscan=SCANNER_STUB.format(body="if path.endswith('.md'): raise ValueError('opened')"))
    files = {"a.pkl": benign_pickle, "README.md": b"text", "b.weights": b"PK\x03\x04" + bytes(30)}
    opinion = get_second_opinion(write_files(files), list(files), [], LIMITS)
    assert opinion.absences == ("1 file is of a kind that modelscan does not read: README.md",)
    assert "2 of 3 files" in opinion.detail


def test_message_about_missing_modelscan_on_python_3_13_states_that_it_needs_an_older_python(monkeypatch):
    monkeypatch.setattr(modelscan.sys, "version_info", (3, 13, 1))
    assert modelscan._explain_missing_scanner().startswith("modelscan is not installed: it needs Python below 3.13")


def test_crash_of_the_other_scanner_on_one_file_keeps_the_results_of_other_files(
    write_files, benign_pickle, install_stub
):
    install_stub(modelscan=SCANNER_STUB.format(body="if 'bad' in path: raise RecursionError('too deep')"))
    root = write_files({"a.pkl": benign_pickle, "bad.pkl": benign_pickle, "c.pkl": benign_pickle})
    opinion = get_second_opinion(root, ["a.pkl", "bad.pkl", "c.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.PARTLY
    assert opinion.absences == ("bad.pkl: modelscan broke on it (RecursionError: too deep)",)
    assert "2 of 3 files" in opinion.detail


def test_file_on_which_the_other_scanner_is_killed_is_reported_with_the_signal(
    write_files, benign_pickle, install_stub
):
    install_stub(modelscan=SCANNER_STUB.format(body="if 'bad' in path: os.kill(os.getpid(), 9)"))
    root = write_files({"bad.pkl": benign_pickle, "c.pkl": benign_pickle})
    opinion = get_second_opinion(root, ["bad.pkl", "c.pkl"], [], LIMITS)
    assert opinion.absences == (f"bad.pkl: modelscan broke on it (signal {int(signal.SIGKILL)})",)


def test_other_scanner_is_not_restarted_after_the_maximum_number_of_crashes(
    write_files, benign_pickle, install_stub, monkeypatch
):
    install_stub(modelscan=SCANNER_STUB.format(body="raise ValueError"))
    monkeypatch.setattr(modelscan, "MAX_RESTARTS", 2)
    files = {f"{number}.pkl": benign_pickle for number in range(6)}
    opinion = get_second_opinion(write_files(files), list(files), [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail == "modelscan broke on more than 2 files; 3 of 6 were not examined"


def test_crash_of_the_other_scanner_at_start_gives_no_opinion(write_files, benign_pickle, install_stub):
    install_stub(modelscan="raise RuntimeError('half installed')")
    opinion = get_second_opinion(write_files({"a.pkl": benign_pickle}), ["a.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT
    assert opinion.detail.startswith("modelscan broke when it was started (RuntimeError: half installed)")


def test_text_that_the_other_scanner_prints_is_not_parsed_as_a_result(write_files, benign_pickle, install_stub):
    line = '{"done": 0, "scanned": [["forged"]], "issues": [], "failed": []}'
    install_stub(modelscan=SCANNER_STUB.format(body=f"print('{line}'); os.write(1, b'{line}'); self.scanned = []"))
    opinion = get_second_opinion(write_files({"a.pkl": benign_pickle}), ["a.pkl"], [], LIMITS)
    assert opinion.state is OpinionState.ABSENT


def test_other_scanner_whose_output_exceeds_the_byte_limit_is_stopped(
    write_files, benign_pickle, install_stub, monkeypatch
):
    install_stub(modelscan=SCANNER_STUB.format(body="self.scanned = []"))
    monkeypatch.setattr(process, "OUTPUT_BYTES", 1000)
    # A chunk of the usual size can hold the answers for all files, and then nothing is missing.
    monkeypatch.setattr(process, "_CHUNK_BYTES", 1000)
    files = {f"{number}.pkl": benign_pickle for number in range(200)}
    opinion = get_second_opinion(write_files(files), list(files), [], LIMITS)
    assert any("wrote too much" in line for line in (opinion.detail, *opinion.absences))


def test_file_on_which_the_other_scanner_exceeds_its_memory_limit_is_reported_as_failed(
    write_files, benign_pickle, install_stub, monkeypatch
):
    install_stub(modelscan=SCANNER_STUB.format(body="bytearray(1 << 30)"))
    monkeypatch.setattr(modelscan, "MEMORY_BYTES", 512 << 20)
    opinion = get_second_opinion(write_files({"a.pkl": benign_pickle}), ["a.pkl"], [], LIMITS)
    assert opinion.absences == ("a.pkl: modelscan broke on it (MemoryError)",)


def test_token_in_the_environment_is_not_passed_to_the_other_scanner(
    write_files, benign_pickle, install_stub, monkeypatch, tmp_path
):
    monkeypatch.setenv("HF_TOKEN", "secret")
    # The message of the crash is quoted in the opinion: here it lists the variables that the child has.
    install_stub(modelscan=SCANNER_STUB.format(body="raise ValueError(sorted(os.environ))"))
    opinion = get_second_opinion(write_files({"a.pkl": benign_pickle}), ["a.pkl"], [], LIMITS)
    assert "PYTHONPATH" in opinion.absences[0]
    assert "HF_TOKEN" not in opinion.absences[0]


def test_other_scanner_cannot_write_bytes_into_a_file(write_files, benign_pickle, install_stub, tmp_path):
    written_file = tmp_path / "written"
    install_stub(
        modelscan=SCANNER_STUB.format(body=f"os.write(os.open({str(written_file)!r}, os.O_CREAT | os.O_WRONLY), b'x')")
    )
    opinion = get_second_opinion(write_files({"a.pkl": benign_pickle}), ["a.pkl"], [], LIMITS)
    assert opinion.absences == ("a.pkl: File too large",)
    assert written_file.read_bytes() == b""
