"""A program ``modelaudit`` with real processes that share one start: each is a fork of one that has loaded the rules.

A start loads the package and the rules, which takes a hundred times as long as a small scan. A process of this program
has its own arguments, environment, working directory and streams, and its own end. Tests that need many processes use
it; those of the start itself start the interpreter.
"""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_SERVER: Final = Path(__file__).with_name("warm_server.py")
_PROGRAM: Final = """\
#!{python} -IS
import os, sys, socket
streams = []
for number in range(256):
    try:
        os.fstat(number)
        streams.append(number)
    except OSError:
        pass
with socket.socket(socket.AF_UNIX) as server:
    server.connect({socket!r})
    arguments = [*map(os.fsencode, sys.argv)]
    content = repr((arguments, os.getcwdb(), dict(os.environb), streams)).encode()
    socket.send_fds(server, [len(content).to_bytes(8)], streams)
    server.sendall(content)
    status = int(server.recv(16) or 255)
if status < 0:
    import signal
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
os._exit(status)
"""
"""The program: it hands its streams to the server, waits, and ends as the command did."""


def find_warm_program() -> Path:
    """Return the path of the program; the first call starts the server, which ends with this process."""
    return warm_interpreter(Path(sys.executable)).with_name("modelaudit")


@functools.cache
def warm_interpreter(python: Path) -> Path:
    """Return a program that runs ``-I -m modelaudit ARGUMENTS`` and ``-I SCRIPT ARGUMENTS`` as an interpreter does.

    Args:
        python: the interpreter of an environment in which modelaudit is installed.
    """
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    address = f"{folder.name}/socket"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELAUDIT_"))}
    server = subprocess.Popen(
        [python, "-I", _SERVER, address],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True,
    )  # fmt: skip
    assert server.stdin is not None and server.stdout is not None
    if server.stdout.readline() != b"ready\n":
        raise RuntimeError(f"{_SERVER.name} ended with {server.wait()}")

    @atexit.register
    def stop() -> None:
        server.stdin.close()  # type: ignore[union-attr]
        server.wait()
        folder.cleanup()

    for name in ("modelaudit", "python"):
        program = Path(folder.name) / name
        program.write_text(_PROGRAM.format(python=python, socket=address))
        program.chmod(0o755)
    return program
