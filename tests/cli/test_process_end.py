"""How the command ends where something outside of it fails: streams, disks, signals, modules, memory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import receive_signals
from support.fixtures import FIXTURES

BENIGN = FIXTURES / "pickle/benign/data-protocol4.pkl"
MALICIOUS = FIXTURES / "pickle/malicious/os-system.pkl"
MODELAUDIT = [sys.executable, "-I", "-m", "modelaudit"]
SCAN = [*MODELAUDIT, "scan", "--no-second-opinion"]
CONSOLE_SCRIPT = ("-P", "-c", "from modelaudit.__main__ import main; main()")
"""The arguments of Python that do what the installed script does."""
STOP_SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="streams, devices and signals of POSIX systems")


def ignore_hangup() -> None:
    """Let this process ignore SIGHUP and receive the other stop signals, as under ``nohup``."""
    receive_signals()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def run_in_shell(line: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash; ``"$@"`` are the arguments."""
    command = ["bash", "-c", line, "bash", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize("arguments", [(*SCAN, BENIGN), (*MODELAUDIT, "explain"), (*MODELAUDIT, "--version")])
def test_command_with_closed_stdout_prints_one_error_line_and_exits_with_4(arguments: tuple[object, ...]) -> None:
    done = run_in_shell('"$@" >&-', *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "the output cannot be written" in done.stderr


@pytest.mark.parametrize(("target", "code"), [(BENIGN, 0), (MALICIOUS, 1)])
def test_quiet_scan_exits_with_the_code_of_its_verdict_if_all_standard_streams_are_closed(
    target: Path, code: int
) -> None:
    assert run_in_shell('"$@" <&- >&- 2>&-', *SCAN, "-q", target).returncode == code


def test_command_with_closed_stderr_exits_with_its_usual_code(tmp_path: Path) -> None:
    assert run_in_shell('"$@" 2>&-', *SCAN, BENIGN).returncode == 0
    assert run_in_shell('"$@" 2>&-', *SCAN, tmp_path / "absent").returncode == 4


@pytest.fixture(scope="module")
def report_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a report that a scan wrote."""
    path = tmp_path_factory.mktemp("report") / "report.json"
    assert run_in_shell('"$@"', *SCAN, "-q", BENIGN, "-o", f"json={path}").returncode == 0
    return path


def test_command_render_prints_one_error_line_and_exits_with_4_on_a_full_disk(report_path: Path) -> None:
    done = run_in_shell('"$@" >/dev/full', *MODELAUDIT, "render", report_path, "-o", "html")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)


def test_scan_that_cannot_write_its_report_on_a_full_disk_exits_with_4_and_leaves_no_report(tmp_path: Path) -> None:
    device = run_in_shell('"$@"', *SCAN, "-q", BENIGN, "-o", "html=/dev/full")
    assert (device.returncode, device.stderr.count("\n")) == (4, 1)
    assert "No space left on device" in device.stderr

    older = tmp_path / "report.html"
    older.write_bytes(b"older")
    # A limit on the size of files ends the write as a full disk does. It ignores the signal, as Python does by itself.
    limited = run_in_shell('ulimit -f 1; "$@"', *SCAN, "-q", BENIGN, "-o", f"html={older}")
    assert (limited.returncode, limited.stderr.count("\n")) == (4, 1)
    # The report of an earlier run is no report of this one.
    assert list(tmp_path.iterdir()) == []


def test_scan_exits_with_2_if_the_file_name_of_a_report_is_too_long(tmp_path: Path) -> None:
    assert run_in_shell('"$@"', *SCAN, "-q", BENIGN, "-o", f"html={tmp_path / ('n' * 300)}").returncode == 2


@pytest.mark.parametrize(("folder", "code"), [("pickle/benign", 0), ("pickle/malicious", 1)])
def test_scan_exits_with_the_code_of_its_verdict_if_the_pipe_on_stdout_closes_early(folder: str, code: int) -> None:
    # The document is larger than the buffer of a pipe, so the reader is gone before all of it is written.
    line = '"$@" | head -c 1; exit ${PIPESTATUS[0]}'
    done = run_in_shell(line, *SCAN, FIXTURES / folder, "-o", "json", "--fail-on", "high", "--checks", "security")
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("command", [("explain", "--json"), ("explain",), ("render", "report.json", "-o", "json")])
def test_command_without_a_verdict_exits_with_0_if_the_pipe_on_stdout_closes_early(
    command: Sequence[str], report_path: Path
) -> None:
    # The reader has gone before the command writes anything.
    line = f'cd {report_path.parent} && (sleep 0.5; exec "$@") | true; exit ${{PIPESTATUS[0]}}'
    done = run_in_shell(line, *MODELAUDIT, *command)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_prints_one_error_line_and_exits_with_4_if_the_pipe_on_stdout_is_closed() -> None:
    for arguments in (["--help"], ["scan", "--help"]):
        # The reader has gone before the command writes anything.
        done = run_in_shell('(sleep 0.5; exec "$@") | true; exit ${PIPESTATUS[0]}', *MODELAUDIT, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (4, 1)


def test_unexpected_exception_makes_a_command_print_one_error_line_and_exit_with_4(tmp_path: Path) -> None:
    # Python imports sitecustomize before the command; this one breaks the parser of an option.
    (tmp_path / "sitecustomize.py").write_text(
        "import modelaudit.cli.output as output\n"
        "def fail(*_): raise LookupError('first line\\nsecond line')\n"
        "output.parse_destinations = fail\n"
    )
    command = [sys.executable, "-m", "modelaudit", "scan", BENIGN]
    done = run_in_shell('"$@"', *command, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert "LookupError: first line second line" in done.stderr


def test_command_that_runs_out_of_memory_prints_one_error_line_and_exits_with_4(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import modelaudit.cli.output as output\noutput.parse_destinations = lambda *_: bytes(1 << 60)\n"
    )
    command = [sys.executable, "-m", "modelaudit", "scan", BENIGN]
    done = run_in_shell('"$@"', *command, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "memory ran out" in done.stderr


@pytest.mark.parametrize(
    ("start", "python_path"),
    [
        (("-m", "modelaudit"), None),
        (("-m", "modelaudit"), ".:"),
        (("-I", "-m", "modelaudit"), ".:"),
        (CONSOLE_SCRIPT, None),
        (CONSOLE_SCRIPT, ".:"),
    ],
)
def test_command_imports_no_module_from_the_working_directory(
    tmp_path: Path, start: tuple[str, ...], python_path: str | None
) -> None:
    names = ("yaml", "click", "jinja2", "typing", "signal", "modelscan", "tempfile", "rich", "logging")
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"open('imported-{name}', 'w')\nraise SystemExit(99)\n")
    shutil.copy(BENIGN, tmp_path / "model.pkl")
    environment = {**os.environ, "PYTHONSAFEPATH": ""}
    # In PYTHONPATH both a dot and an empty entry name the working directory.
    if python_path is not None:
        # Python itself imports these from any entry of PYTHONPATH, before any code of the command runs.
        for name in ("typing", "signal", "logging", "tempfile"):
            (tmp_path / f"{name}.py").unlink()
        environment["PYTHONPATH"] = python_path
    done = subprocess.run(
        [sys.executable, *start, "scan", "model.pkl"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, list(tmp_path.glob("imported-*"))) == (0, []), done.stderr


@contextmanager
def run_waiting_scan(
    tmp_path: Path, prepare_process: Callable[[], None]
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a scan that waits for its second scanner; yield it with the process id of that scanner.

    ``prepare_process`` runs in the new process before the command.
    """
    package = tmp_path / "stub/modelscan"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "_version.py").write_text("__version__ = '9'")
    # The table of the kinds of files that the other scanner reads.
    (package / "settings.py").write_text(
        "DEFAULT_SETTINGS = {'supported_zip_extensions': [], "
        "'scanners': {'a': {'enabled': True, 'supported_extensions': ['.pkl']}}}"
    )
    # The worker may create files and not write into them, so the process id is in the name.
    (package / "modelscan.py").write_text(
        f"import os, time\nopen(os.path.join({str(tmp_path)!r}, f'worker-{{os.getpid()}}'), 'w')\ntime.sleep(600)\n"
    )
    scan = subprocess.Popen(
        [*MODELAUDIT, "scan", str(BENIGN)],
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare_process,
    )
    try:
        while not (started := list(tmp_path.glob("worker-*"))) and scan.poll() is None:
            time.sleep(0.05)
        yield scan, int(started[0].name.removeprefix("worker-"))
    finally:
        scan.kill()
        scan.communicate()


@pytest.fixture
def waiting_scan(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yield a scan that receives all signals and waits for its second scanner, and the process id of that scanner."""
    with run_waiting_scan(tmp_path, receive_signals) as scan_and_worker:
        yield scan_and_worker


@pytest.mark.parametrize(("stop_signal", "code"), STOP_SIGNALS)
def test_termination_signal_ends_the_scan_and_the_process_of_the_second_scanner(
    waiting_scan: tuple[subprocess.Popen[str], int], stop_signal: signal.Signals, code: int
) -> None:
    scan, worker = waiting_scan
    scan.send_signal(stop_signal)
    stdout, stderr = scan.communicate()
    assert (scan.returncode, stdout, stderr.count("\n")) == (code, "", 1)
    assert stderr.startswith(f"modelaudit: error: stopped by {stop_signal.name}; ")
    wait_until_process_is_gone(worker)


def test_sigint_while_the_command_is_imported_prints_one_error_line_and_exits_with_130(tmp_path: Path) -> None:
    # Python imports sitecustomize before the command; its finder sends the signal at a module that the command imports.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    done = subprocess.run(
        [sys.executable, *CONSOLE_SCRIPT, "scan", BENIGN],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=receive_signals,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (130, "", 1)
    assert done.stderr.startswith("modelaudit: error: stopped by SIGINT; ")


def test_process_of_the_second_scanner_ends_when_the_scan_is_killed(
    waiting_scan: tuple[subprocess.Popen[str], int],
) -> None:
    scan, worker = waiting_scan
    scan.kill()
    wait_until_process_is_gone(worker)


def test_scan_does_not_react_to_sighup_if_it_starts_with_sighup_ignored(tmp_path: Path) -> None:
    with run_waiting_scan(tmp_path, ignore_hangup) as (scan, _):
        scan.send_signal(signal.SIGHUP)
        scan.send_signal(signal.SIGTERM)
        _, stderr = scan.communicate()
        # A reaction to SIGHUP would come first, because it arrives first.
        assert (scan.returncode, stderr.count("\n")) == (143, 1)
        assert "stopped by SIGTERM" in stderr


def wait_until_process_is_gone(process_id: int) -> None:
    """Wait for the end of a process; the time limit of the test ends the wait if it does not come."""
    while is_running(process_id):
        time.sleep(0.05)


def is_running(process_id: int) -> bool:
    """Whether the process runs; one that ended and was not waited for (a zombie) does not."""
    try:
        # The state is the first field after the name of the program, which is in parentheses (proc_pid_stat(5)).
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_end_of_a_command_searches_no_garbage() -> None:
    """The objects of the run are hidden from the collector, whose search at the end of Python takes long."""
    program = (
        "import atexit, gc, sys\n"
        "atexit.register(lambda: print('frozen', gc.get_freeze_count() > 10_000, file=sys.stderr))\n"
        "sys.argv = ['modelaudit', 'explain', 'pickle/dangerous-call']\n"
        "from modelaudit.__main__ import main\n"
        "main()\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr.splitlines()[-1:]) == (0, ["frozen True"])
