"""Run the command line within the process of the tests."""

from __future__ import annotations

import io
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelaudit.cli.main import main


@dataclass
class CommandResult:
    """The exit code and the output of a command, as ``subprocess.CompletedProcess`` has them."""

    returncode: int
    stdout: str
    stderr: str


def run_command(*arguments: str | Path, **environment: str) -> CommandResult:
    """Run ``modelaudit`` with arguments, in an environment that the keywords extend.

    It runs within this process, because a process of its own would import the package and load the rules each time.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["modelaudit", *map(str, arguments)])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "excepthook", sys.excepthook)  # the command replaces it
        for name, value in {"COLUMNS": "100", **environment}.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code  # an exit with a text instead of a number counts as -1
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return CommandResult(code if isinstance(code, int) else -1, *texts)


def receive_signals() -> None:
    """Let this process receive the stop signals even if its parent ignores them, as a shell does in the background."""
    for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop_signal, signal.SIG_DFL)
