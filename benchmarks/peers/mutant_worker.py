"""Load files with a real loader under an audit hook (PEP 578), and name the first act of each.

The name of a family is the argument, and the paths come on stdin, one a line. The hook forbids the act.
"""

from __future__ import annotations

import gzip
import importlib
import io
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

_LOADER_SECONDS: Final = 3
_LOADER_MEMORY: Final = 6 << 30
_PRELOADED: Final = (
    *("joblib", "numpy", "yaml", "jinja2", "subprocess", "socket", "shutil", "webbrowser", "pty", "pip", "cloudpickle"),
    *("urllib.request", "ctypes", "timeit", "cProfile", "runpy", "code", "pydoc", "asyncio", "multiprocessing", "bdb"),
)
_ACTS: Final = (
    *("os.", "subprocess.", "socket.", "shutil.", "ctypes.dlopen", "pty.", "webbrowser.", "urllib.", "ftplib."),
    "code.__new__",
)
"""The beginnings of the audit events that no honest model causes while it is loaded."""
_HARMLESS_ACTS: Final = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
_WRITE_MODES: Final = frozenset("wax+")


class _Act(BaseException):
    """The act of a mutant, which the audit hook forbids; not an ``Exception``, so that no handler of it goes on."""


def _load_pickle(data: bytes) -> None:
    importlib.import_module("pickle").load(io.BytesIO(data))


def _load_joblib(data: bytes) -> None:
    importlib.import_module("joblib").load(io.BytesIO(data))


def _load_numpy(data: bytes) -> None:
    loaded = importlib.import_module("numpy").load(io.BytesIO(data), allow_pickle=True)
    for name in getattr(loaded, "files", ()):
        loaded[name]


def _load_torch(data: bytes) -> None:
    importlib.import_module("torch").load(io.BytesIO(data), weights_only=False)


def _load_yaml(data: bytes) -> None:
    list(importlib.import_module("yaml").unsafe_load_all(data))


def _render_jinja(data: bytes) -> None:
    jinja2 = importlib.import_module("jinja2")
    environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"])
    # Jinja rewrites the traceback of an error with new code objects, which the hook would take for an act.
    environment.handle_exception = _raise_again
    message = {"role": "user", "content": "hello"}
    environment.from_string(data.decode()).render(messages=[message], bos_token="<s>", add_generation_prompt=True)


def _raise_again(source: str | None = None) -> None:
    raise


def _run_python(data: bytes) -> None:
    exec(compile(data, "<mutant>", "exec"), {"__name__": "mutant"})


def _load_gzipped_pickle(data: bytes) -> None:
    with gzip.open(io.BytesIO(data)) as stream:
        importlib.import_module("pickle").load(stream)


LOADERS: Final[dict[str, Callable[[bytes], None]]] = {
    "pickle": _load_pickle,
    "gzip": _load_gzipped_pickle,
    "joblib": _load_joblib,
    "numpy": _load_numpy,
    "torch": _load_torch,
    "yaml": _load_yaml,
    "jinja": _render_jinja,
    "python": _run_python,
}
"""The real loader of each family."""


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """Forbid an act of a mutant, with the name of its event as the message."""
    if not _State.is_watching:
        return
    writes = event == "open" and bool(_WRITE_MODES & set(str(arguments[1] or "")))
    # The code of a text has no file; modules that a loader imports lazily have one.
    runs_text = event == "exec" and getattr(arguments[0], "co_filename", "").startswith("<string>")
    is_act = writes or runs_text or (event.startswith(_ACTS) and event not in _HARMLESS_ACTS)
    if is_act and not _is_importing():
        _State.act = _State.act or event
        raise _Act(event)


def _is_importing() -> bool:
    """Whether an import is under way: what an installed module does while it is imported is no act of the mutant."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


class _State:
    """The state of the process that runs mutants."""

    is_watching = False
    act = ""


def serve(family: str) -> None:
    """Load each file whose path comes on stdin, and print the first act of it, or ``-``, on a line of stdout."""
    load = LOADERS[family]
    # The import of a library causes the same events as an act, so all that files may import are imported before.
    for module in _PRELOADED:
        importlib.import_module(module)
    buffer = io.BytesIO()
    torch = importlib.import_module("torch")
    torch.save({"a": torch.zeros(2)}, buffer)
    _load_torch(buffer.getvalue())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (_LOADER_MEMORY, _LOADER_MEMORY))
    signal.signal(signal.SIGALRM, _stop)
    sys.addaudithook(_watch)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        data = Path(line.rstrip("\n")).read_bytes()
        _State.act, _State.is_watching = "", True
        signal.alarm(_LOADER_SECONDS)
        try:
            load(data)
        except BaseException:  # noqa: BLE001  a mutant may raise anything, and only its act counts
            pass
        finally:
            signal.alarm(0)
            _State.is_watching = False
        answers.write((_State.act or "-") + "\n")
        answers.flush()


def _stop(number: int, frame: object) -> None:
    raise TimeoutError("the loader takes too long")


if __name__ == "__main__":
    serve(sys.argv[1])
