"""The line of progress on a terminal: the bytes of a download, then each file; it is gone at the end."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hub.server import LoopbackHub
from support.fixtures import FIXTURES

WEIGHTS = b"\x10\x00\x00\x00\x00\x00\x00\x00{}" + b" " * 14
FILES = {"config.json": b"{}", "weights\x1b[31m.safetensors": WEIGHTS, "data.bin": bytes(3_000_000)}


def run_on_terminal(*arguments: str, columns: int = 60, **environment: str) -> tuple[str, str]:
    """Run a scan whose stderr is a terminal; return what the terminal shows, and stdout."""
    controller, terminal = pty.openpty()
    variables = {**os.environ, "COLUMNS": str(columns), **environment}
    if "CI" not in environment:
        variables.pop("CI", None)
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # Linux reports the end of a terminal in this way
                return
            shown.append(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    command = [sys.executable, "-m", "modelaudit", "scan", "--no-second-opinion", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, env=variables, check=False)
    os.close(terminal)
    reader.join(60)
    os.close(controller)
    return b"".join(shown).decode(errors="replace"), done.stdout.decode()


def test_progress_shows_the_bytes_of_a_download_then_each_file_and_leaves_nothing(hub: LoopbackHub) -> None:
    hub.add_repository("acme/tiny", FILES)
    shown, printed = run_on_terminal("acme/tiny")
    frames = [frame for frame in shown.split("\r\x1b[2K") if frame]
    downloads = [frame for frame in frames if frame.startswith("downloading ")]
    assert downloads and downloads[-1] == "downloading 3 MB of 3 MB"
    assert all(re.fullmatch(r"downloading [\d.]+ (bytes|kB|MB) of 3 MB", each) for each in downloads)
    assert [frame.partition(" ")[0] for frame in frames if frame.startswith("[")] == ["[1/3]", "[2/3]", "[3/3]"]
    # The name of a file sends nothing to the terminal.
    assert "\x1b[31m" not in shown and "weights?[31m.safetensors" in shown
    assert shown.endswith("\r\x1b[2K")
    assert "downloading" not in printed and "[1/3]" not in printed


@pytest.mark.parametrize(("options", "environment"), [(("-q",), {}), ((), {"CI": "true"})])
def test_terminal_shows_no_progress_if_it_is_quiet_or_belongs_to_a_pipeline(
    options: tuple[str, ...], environment: dict[str, str]
) -> None:
    shown, _ = run_on_terminal(str(FIXTURES / "pickle/benign/data-protocol4.pkl"), *options, **environment)
    assert "[1/1]" not in shown and "\x1b[2K" not in shown


def test_long_name_is_cut_to_the_width_of_the_terminal(tmp_path: Path) -> None:
    (tmp_path / ("a" * 200 + ".json")).write_text("{}")
    shown, _ = run_on_terminal(str(tmp_path), columns=40)
    frames = [frame for frame in shown.split("\r\x1b[2K") if frame.startswith("[1/1]")]
    assert frames and all(len(frame) <= 40 and frame.endswith("a.json") for frame in frames)
