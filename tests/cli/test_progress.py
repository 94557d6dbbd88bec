"""The line of progress: what a person at a terminal sees of a download and of hashing, and that no one else does."""

from __future__ import annotations

import os
import re
import subprocess
import threading

import pytest
from hub.server import LoopbackHub
from support.warm import find_warm_program

WEIGHTS = bytes(600_000)


def scan_at_terminal(*options: str, **environment: str) -> tuple[str, str]:
    """Scan ``acme/tiny`` with a terminal as stderr, and return stdout and all that the terminal received."""
    controller, terminal = os.openpty()
    received: list[bytes] = []

    def receive() -> None:
        try:
            while data := os.read(controller, 65536):
                received.append(data)
        except OSError:  # the last program has closed the terminal
            return

    command = [find_warm_program(), "scan", "acme/tiny", "--no-second-opinion", *options]
    variables = {name: value for name, value in os.environ.items() if name != "CI"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=terminal, env={**variables, "TERM": "xterm", **environment}
    )
    os.close(terminal)
    reader = threading.Thread(target=receive)
    reader.start()
    assert process.stdout is not None
    with process.stdout:
        output = process.stdout.read()
    process.wait()
    reader.join()
    os.close(controller)
    return output.decode(), b"".join(received).decode()


def test_terminal_shows_bytes_rate_and_files_of_the_download_and_of_hashing(hub: LoopbackHub) -> None:
    # The last file is on the last line that a terminal gets; one before it may be read between two lines.
    hub.add_repository("acme/tiny", {"a.txt": "text\n", "weights.bin": WEIGHTS, "z[red]a[/red]\x1b[31m.txt": "text\n"})
    hub.inject_fault("weights.bin", origin="cdn", rate=300_000)
    output, shown = scan_at_terminal(COLUMNS="140")
    assert "downloading" not in output and "reading" not in output
    lines = [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)) if line.strip()]
    download = [line for line in lines if line.startswith("downloading")]
    assert [line for line in download if re.search(r"\d/600\.0 kB +[\d.]+ \w?B/s +[12]/3 files", line)]
    reading = [line for line in lines if line.startswith("reading")]
    assert re.search(r"600\.0/600\.0 kB .*3/3 files z\[red\]a\[/red\]\?\[31m\.txt", reading[-1])
    assert "\x1b[31m.txt" not in shown


def test_terminal_shows_the_host_and_the_attempt_of_a_wait_before_a_repeated_request(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", {"a.txt": "text\n", "weights.bin": WEIGHTS})
    hub.inject_fault("/api/models/acme/tiny/revision", status=429, headers={"Retry-After": "2"}, times=1)
    hub.inject_fault("weights.bin", origin="cdn", status=503, headers={"Retry-After": "2"}, times=1)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", scan_at_terminal(COLUMNS="200")[1])
    lines = [" ".join(line.split()) for line in re.split(r"[\r\n]+", shown)]
    for phase in ("asking", "downloading"):
        waiting = rf"{phase} .* waiting [23] s for (?:127\.0\.0\.1|localhost), then attempt 2"
        assert [line for line in lines if re.fullmatch(waiting, line)], lines


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"TERM": "dumb"}])
def test_no_line_is_shown_in_a_pipeline_or_on_a_terminal_that_overwrites_nothing(
    hub: LoopbackHub, variables: dict[str, str]
) -> None:
    hub.add_repository("acme/tiny", {"a.txt": "text\n"})
    assert scan_at_terminal(**variables)[1] == ""


def test_line_has_no_colour_with_no_color(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", {"a.txt": "text\n"})
    assert not re.search(r"\x1b\[[0-9;]*m", scan_at_terminal(NO_COLOR="1")[1].replace("\x1b[0m", ""))


def test_quiet_scan_shows_no_line(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", {"a.txt": "text\n"})
    assert "reading" not in scan_at_terminal("-q")[1]


def test_line_fits_a_narrow_terminal(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", {"a" * 200 + ".txt": "text\n"})
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", scan_at_terminal(COLUMNS="60")[1])
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.startswith(("reading", "downloading"))]
    assert lines
    assert all(len(line) <= 60 for line in lines)
