"""The server of ``support.warm``: it loads the package and the rules, and forks a process for each request."""

from __future__ import annotations

import ast
import contextlib
import gc
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = sys.modules[__name__]


def load_everything() -> None:
    """Load what a scan and an answer on licences use, except the client of the Hub: it reads the environment once."""
    import modelaudit
    import modelaudit.cli.scan

    scanned = ROOT / "build/fixtures/repositories/acme-tiny"
    modelaudit.scan(scanned, second_opinion=False)
    loaded = [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]
    assert not loaded, loaded
    gc.collect()
    gc.freeze()


def serve(address: str) -> None:
    """Answer the requests at an address until stdin ends. It returns in each process that is to run a command."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        os.write(1, b"ready\n")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([listener, 0], [], [])
            if 0 in ready:
                os._exit(0)
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                become_command(client)
                return
            client.close()


def become_command(client: socket.socket) -> None:
    """Fork the process of a command and return in it; the process that forks it sends its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(client, 8, 256)
    size, content = int.from_bytes(head), b""
    while len(content) < size:
        content += client.recv(size - len(content))
    arguments, folder, environment, numbers = ast.literal_eval(content.decode())
    process = os.fork()
    if process != 0:
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(process, 0)
        with contextlib.suppress(OSError):  # a test may have killed the one who waits
            client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    client.close()
    take_streams(dict(zip(streams, numbers, strict=True)))
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(environment)
    sys.argv = [*map(os.fsdecode, arguments)]
    # A process that the command starts would run the program of this one again.
    sys.modules["__main__"] = ModuleType("__main__")


def run_command() -> None:
    """Run the command line of this process: ``modelaudit``, or an interpreter with ``-I -m modelaudit`` or a script."""
    from modelaudit.cli.main import main

    program, *arguments = sys.argv
    if Path(program).name == "modelaudit":
        sys.argv = ["modelaudit", *arguments]
        main()
    sys.executable = program
    if arguments[:3] == ["-I", "-m", "modelaudit"]:
        sys.argv = ["modelaudit", *arguments[3:]]
        main()
    assert arguments[0] == "-I", arguments
    sys.argv = arguments[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


def take_streams(numbers: dict[int, int]) -> None:
    """Give the received streams their numbers, and open those of Python anew; one that is closed is ``None``."""
    above = max([*numbers, *numbers.values(), 2]) + 1
    for offset, (stream, number) in enumerate(list(numbers.items())):
        os.dup2(stream, above + offset)
        numbers[above + offset] = number
        del numbers[stream]
        os.close(stream)
    os.closerange(0, 3)
    for stream, number in numbers.items():
        os.dup2(stream, number)
        os.close(stream)
    taken = numbers.values()
    for number, (name, mode, errors) in enumerate((
        ("stdin", "r", "strict"), ("stdout", "w", "strict"), ("stderr", "w", "backslashreplace")
    )):  # fmt: skip
        opened = os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False) if number in taken else None
        if opened is not None and (name == "stderr" or opened.isatty()):
            opened.reconfigure(line_buffering=True)
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


if __name__ == "__main__":
    load_everything()
    serve(sys.argv[1])
    run_command()
