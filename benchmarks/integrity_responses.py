"""How soon ``verify`` starts, and how soon a scan ends that a person stops."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Final

from costs import MIB, Command, Figure, Section, measure_in_turn, render_costs
from integrity_fetching import build_scan, run_command
from integrity_models import HALF, Service

_VERIFY_CPU_MOST: Final = 0.15
_STOP_MOST: Final = 2.0
_RATE: Final = MIB
_STOPPED: Final = 130


def measure_responses(service: Service, runs: int) -> Section:
    """Measure ``verify`` of a folder with one small file, and the end of scans after SIGINT.

    Raises:
        SystemExit: a command ended with another exit code than expected, or a stopped scan printed more than a line.
    """
    folder, lock = service.folder / "tiny", service.folder / "modelaudit.lock"
    folder.mkdir()
    (folder / "README.md").write_text("# Tiny\n")
    program = [sys.executable, "-m", "modelaudit"]
    run_command([*program, "lock", str(folder), "-o", str(lock), "-q"], service)
    label = "modelaudit verify"
    command = Command(label, [*program, "verify", str(folder), "--lock", str(lock)], service.build_environment())
    costs = measure_in_turn([command], runs)
    seconds = max(_stop_scan(service) for _ in range(runs))
    lines = [
        "## Start and end\n\nVerification of one small file with a lock. A scan is stopped by SIGINT while a Hub sends "
        f"{_RATE // MIB} MiB a second on each connection; it prints one line, and the slowest run counts.\n",
        *render_costs(costs),
    ]
    return lines, [
        Figure.compare("CPU seconds of modelaudit verify", costs[label].cpu, _VERIFY_CPU_MOST),
        Figure.compare("seconds until a scan ends after SIGINT", seconds, _STOP_MOST),
    ]


def _stop_scan(service: Service) -> float:
    """Stop a scan while files arrive, and return the seconds until it ends."""
    service.empty()
    slow = service.hub.inject_fault(".safetensors", origin="cdn", rate=_RATE)
    environment = service.build_environment()
    process = subprocess.Popen(
        build_scan(HALF), env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=_receive_interrupts
    )
    while service.count_sent() < 2 * MIB and process.poll() is None:
        time.sleep(0.005)
    started = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    seconds = time.perf_counter() - started
    slow.times = 0
    if process.returncode != _STOPPED or errors.count("\n") != 1:
        raise SystemExit(f"{errors}the stopped scan: exit code {process.returncode}, expected {_STOPPED} and one line")
    return seconds


def _receive_interrupts() -> None:
    """Let a process receive SIGINT even if its parent ignores it, as a shell does in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
