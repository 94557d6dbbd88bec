"""What a first scan of a model of the Hub costs: time beside the real client, bytes, and requests."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from costs import MIB, Command, Figure, Section, measure_in_turn, render_costs
from integrity_models import FILES, HALF, MANY, Service

_CPU_MOST: Final = 1.1
_CHUNK_BYTES: Final = 10 * MIB
"""The client writes its downloads in chunks of this size (``huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE``)."""
_RATE: Final = 16 * MIB
"""Bytes a second on each connection of the scan that is killed: the system then buffers none between Hub and scan."""
_REQUESTS_MOST: Final = 1100
_WAIT_MOST: Final = 600.0


def measure_fetching(service: Service, runs: int) -> Section:
    """Measure first scans of a model beside a download and ``sha256sum``, and count the bytes that the Hub sends.

    Raises:
        SystemExit: a command ended with another exit code than expected, or did not end.
    """
    size = service.measure_model(HALF)
    environment = service.build_environment()
    counts: list[int] = []
    client = f'"{find_client()}" download {HALF} --quiet && sha256sum "{service.find_snapshot(HALF)}"/*'
    scan, client_label = "modelaudit scan", "hf download, sha256sum"
    costs = measure_in_turn(
        [
            Command(
                scan,
                build_scan(HALF, "--checks", "integrity"),
                environment,
                prepare=service.empty,
                check=lambda: counts.append(service.count_sent()),
            ),
            Command(client_label, ["sh", "-c", client], environment, prepare=service.empty),
        ],
        runs,
    )
    resent = _count_after_kill(service, size) - size
    lines = [
        f"## A first scan\n\nA model of {size / MIB:,.0f} MiB in {FILES // 2} files of weights, fetched from a Hub on "
        "the loopback interface into an empty cache. For the bytes that are sent twice, a scan is killed when the Hub "
        f"has sent half of the model, at {_RATE // MIB} MiB a second on each connection, and a second scan goes on.\n",
        *render_costs(costs),
    ]
    wrong = [count for count in counts if count != size]
    return lines, [
        Figure.compare(
            "CPU of a first scan / (hf download + sha256sum)", costs[scan].cpu / costs[client_label].cpu, _CPU_MOST
        ),
        Figure("bytes that the Hub sends for a first scan", f"{(wrong or counts)[0]:,}", f"{size:,}", not wrong),
        Figure.compare("bytes that it sends twice after SIGKILL half way", resent, _CHUNK_BYTES),
    ]


def count_requests(service: Service) -> Section:
    """Count the requests of a first and of a second scan of 1000 small files, with all checks.

    Raises:
        SystemExit: a scan ended with another exit code than expected.
    """
    service.empty()
    counts = []
    for _ in range(2):
        service.hub.requests.clear()
        run_command(build_scan(MANY), service)
        counts.append(len(service.hub.requests))
    lines = ["## Small files\n\nA model of 1000 small files, scanned with all checks.\n"]
    return lines, [
        Figure.compare("requests of a first scan of 1000 small files", counts[0], _REQUESTS_MOST),
        Figure.compare("requests of the second scan", counts[1], 1),
    ]


def build_scan(target: str, *options: str) -> list[str]:
    """Return the command that scans a target."""
    return [sys.executable, "-m", "modelaudit", "scan", target, *options, "-q"]


def find_client() -> Path:
    """Return the path of the command of the real client."""
    return Path(sys.executable).with_name("hf")


def _count_after_kill(service: Service, size: int) -> int:
    """Kill a scan when half of the bytes are sent, scan again, and return the bytes that both scans were sent."""
    service.empty()
    slow = service.hub.inject_fault(".safetensors", origin="cdn", rate=_RATE)
    command = build_scan(HALF, "--checks", "integrity")
    process = subprocess.Popen(command, env=service.build_environment())
    end = time.monotonic() + _WAIT_MOST
    while service.count_sent() < size // 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    code, sent = process.wait(), service.count_sent()
    if code != -signal.SIGKILL or not size // 2 <= sent < size:
        raise SystemExit(
            f"the scan to kill: exit code {code}, expected {-signal.SIGKILL}, after {sent} of {size} bytes"
        )
    slow.times = 0
    run_command(command, service)
    return service.count_sent()


def run_command(command: list[str], service: Service) -> None:
    """Run a command. Raises ``SystemExit`` if it does not end with the exit code 0."""
    code = subprocess.run(command, env=service.build_environment(), stdout=subprocess.DEVNULL, check=False).returncode
    if code:
        raise SystemExit(f"{' '.join(command)}: exit code {code}, expected 0")
