"""Worker script that runs modelscan over a list of files and writes its results as lines of JSON.

``modelaudit.opinions.modelscan`` starts it in a separate process; it imports nothing of this package. stdin holds one
line, a JSON object: ``files`` (absolute paths), ``memory`` (bytes) and ``seconds`` (of CPU time). When the parent
ends, stdin ends, and so does this process. stdout, a pipe, receives the version of modelscan, then for each file its
number and the result. A crash of modelscan ends the process; the parent infers the file from the number of answers, and
starts another process for the remaining files. modelscan is not imported where its own table lists none of the files,
and the libraries that it imports are left out where none of the files needs them.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import math
import os
import signal
import stat
import sys
import threading
import time
import types
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Protocol, TypedDict

_CHUNK_BYTES = 64 * 1024
_ZIP_START = b"PK\x03\x04"
# The libraries that modelscan 0.8 imports first, and the extensions of the files for which it uses them. Loading them
# takes several times as long as a scan of a small model.
_LIBRARY_EXTENSIONS: Mapping[str, frozenset[str]] = {
    "h5py": frozenset({".h5", ".keras", ".pb"}),
    "numpy": frozenset({".h5", ".keras", ".npy", ".pb"}),
    "tensorflow": frozenset({".h5", ".keras", ".pb"}),
    "tomlkit": frozenset(),
}
_OPTIONAL_LIBRARIES = frozenset({"h5py", "tensorflow"})
KEPT_PER_FILE = 200
"""Entries of one kind that are reported for one file."""


class _Named(Protocol):
    name: str


class _Details(Protocol):
    source: object
    module: str
    operator: str


class _Issue(Protocol):
    severity: _Named
    details: _Details


class _Issues(Protocol):
    all_issues: Sequence[_Issue]


class _Skip(Protocol):
    category: _Named
    message: str
    source: str


class _Error(Protocol):
    def to_dict(self) -> dict[str, str]: ...


class _Scanner(Protocol):
    """The part of ``modelscan.modelscan.ModelScan`` (0.8) in use; its own report function fails on some paths."""

    scanned: Sequence[str]
    issues: _Issues
    errors: Sequence[_Error]
    skipped: Sequence[_Skip]

    def scan(self, path: str) -> object: ...


class _ReaderSettings(TypedDict):
    enabled: bool
    supported_extensions: list[str]


class _Settings(TypedDict):
    """The part of ``modelscan.settings.DEFAULT_SETTINGS`` (0.8) in use: what modelscan reads."""

    supported_zip_extensions: list[str]
    scanners: Mapping[str, _ReaderSettings]


def main() -> None:
    """Read the request from stdin, scan the files, and write the answers to the original stdout."""
    # Read without a buffer of Python, which the thread below could not share.
    request = json.loads(_read_line(0))
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    out = _take_stdout()
    _limit_resources(request["memory"], request["seconds"])
    # The parent quotes this line as the reason of the crash. An error without a text leaves nothing after the colon.
    sys.excepthook = lambda kind, error, _trace: _write_line(
        out, {"broke": f"{kind.__name__}: {error}"[:500].rstrip(": ")}
    )
    logging.disable(logging.CRITICAL)
    paths: list[str] = request["files"]
    _leave_out_libraries(paths)
    scanner: _Scanner | None = None
    try:
        version = importlib.import_module("modelscan._version").__version__
        extensions = _list_extensions(importlib.import_module("modelscan.settings").DEFAULT_SETTINGS)
        supported = [_is_supported(path, extensions) for path in paths]
        if any(supported):
            scanner = importlib.import_module("modelscan.modelscan").ModelScan()
    except ImportError as error:
        _write_line(out, {"missing": str(error)})
        return
    _write_line(out, {"version": str(version)})
    for number, (path, is_supported) in enumerate(zip(paths, supported, strict=True)):
        answer = _scan_file(scanner, path) if scanner is not None and is_supported else {"unsupported_itself": True}
        _write_line(out, {"done": number, **answer})


def _leave_out_libraries(paths: Iterable[str]) -> None:
    """Keep modelscan from importing the libraries that it needs for none of the files or of their members.

    An optional library then counts as not installed. In place of any other, it imports an empty module: to use that is
    an error, which modelscan reports for the file.
    """
    extensions = {extension for path in paths for extension in _iterate_extensions(path)}
    for library, extensions_in_need in _LIBRARY_EXTENSIONS.items():
        if extensions.isdisjoint(extensions_in_need):
            sys.modules[library] = None if library in _OPTIONAL_LIBRARIES else types.ModuleType(library)  # type: ignore[assignment]


def _iterate_extensions(path: str) -> Iterator[str]:
    """Yield the extension of a file, and those of its members if it is an archive."""
    yield Path(path).suffix
    if _begins_like_archive(path):
        # A damaged archive has no members for modelscan either.
        damage = (OSError, RuntimeError, ValueError, zipfile.BadZipFile)
        with contextlib.suppress(*damage), zipfile.ZipFile(path) as archive:
            yield from {Path(name).suffix for name in archive.namelist()}


def _list_extensions(settings: _Settings) -> frozenset[str]:
    """Return the extensions of the files that modelscan reads, by its own table of readers and of archives."""
    readers = [each for each in settings["scanners"].values() if each["enabled"]]
    return frozenset(settings["supported_zip_extensions"]).union(*(each["supported_extensions"] for each in readers))


def _is_supported(path: str, extensions: frozenset[str]) -> bool:
    """Whether modelscan reads the file: by its extension, or as an archive by its first bytes.

    A file that does not open counts as supported, so that its scan reports the error.
    """
    return Path(path).suffix in extensions or _begins_like_archive(path) is not False


def _begins_like_archive(path: str) -> bool | None:
    """Whether the first bytes of a file are those of a zip archive; ``None`` if it cannot be opened."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return None
        with Path(path).open("rb") as file:
            return file.read(len(_ZIP_START)) == _ZIP_START
    except OSError:
        return None


def _read_line(descriptor: int) -> bytes:
    """Read up to the first line break, or to the end, from a pipe."""
    chunks = []
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        chunks.append(chunk)
        if chunk.endswith(b"\n"):
            break
    return b"".join(chunks)


def _exit_with_parent() -> None:
    """End this process when stdin ends: the parent holds it open, and the system closes it when the parent ends."""
    while os.read(0, _CHUNK_BYTES):
        pass
    os._exit(1)


def _scan_file(scanner: _Scanner, path: str) -> dict[str, object]:
    """Scan one file, and return the parts of its answer.

    Each part of the answer names a member by its path in the file, and the file itself by an empty name:
    ``scanned`` lists (member), ``issues`` (member, severity, message) and ``failed`` (member, reason).
    ``unsupported_itself`` is whether modelscan has no reader for the file, ``unsupported_members`` counts such
    members, and ``cut`` is the number of issues and failures beyond ``KEPT_PER_FILE``.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return {"failed": [["", "is not a regular file"]]}
        scanner.scan(path)
    except OSError as error:
        return {"failed": [["", error.strerror or type(error).__name__]]}
    # modelscan repeats entries; the keys of a mapping are unique and keep their order.
    scanned = dict.fromkeys((_extract_member_name(source, path),) for source in scanner.scanned)
    issues = dict.fromkeys(_describe_issue(issue, path) for issue in scanner.issues.all_issues)
    skips = dict.fromkeys(
        (_extract_member_name(skip.source, path), skip.category.name, skip.message) for skip in scanner.skipped
    )
    failed = [
        *(_describe_error(error.to_dict(), path) for error in scanner.errors),
        *((member, text) for member, category, text in skips if category != "SCAN_NOT_SUPPORTED"),
    ]
    # modelscan also lists failed files as skipped, and omits a container when it read none of its members.
    unsupported = {member for member, category, _ in skips if category == "SCAN_NOT_SUPPORTED"}
    unsupported -= {member for member, _ in failed}
    return {
        "scanned": _bound_entries(scanned),
        "issues": _bound_entries(issues),
        "failed": _bound_entries(dict.fromkeys(failed)),
        "unsupported_itself": "" in unsupported or not (scanner.scanned or failed),
        "unsupported_members": len(unsupported - {""}),
        "cut": sum(max(0, len(entries) - KEPT_PER_FILE) for entries in (issues, failed)),
    }


def _describe_issue(issue: _Issue, path: str) -> tuple[str, str, str]:
    """Return the member, the severity and the message of an issue."""
    details = issue.details
    text = f"unsafe operator {details.operator!r} of module {details.module!r}"
    return _extract_member_name(details.source, path), issue.severity.name.lower(), text


def _describe_error(error: dict[str, str], path: str) -> tuple[str, str]:
    """Return the member and the reason of an error."""
    return _extract_member_name(error.get("source", path), path), f"{error['category']}: {error['description']}"


def _extract_member_name(source: object, path: str) -> str:
    """Return the part of a source ``PATH:MEMBER`` after the path; empty for the file itself."""
    return str(source).removeprefix(path).removeprefix(":")[:1000]


def _bound_entries(entries: Iterable[object]) -> list[object]:
    """Return the first ``KEPT_PER_FILE`` entries."""
    return list(islice(entries, KEPT_PER_FILE))


def _limit_resources(memory: int, seconds: float) -> None:
    """Limit the memory, CPU time and file size of this process, where the system supports limits."""
    if sys.platform == "win32":
        return
    # The timer counts fractions of a second and ends this process by SIGPROF; the limit below counts whole seconds.
    signal.setitimer(signal.ITIMER_PROF, max(0.001, seconds - time.process_time()))
    resource = importlib.import_module("resource")
    bounds = {"RLIMIT_AS": memory, "RLIMIT_CPU": math.ceil(seconds) + 1, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0}
    for name, bound in bounds.items():
        _, hard = resource.getrlimit(getattr(resource, name))
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        # The soft limit of CPU time sends SIGXCPU, which shows the parent the cause. The hard limit sends SIGKILL,
        # which looks like any other end, so it is one second later if the system allows that.
        is_later_allowed = name == "RLIMIT_CPU" and allowed != hard
        new_hard = allowed + 1 if is_later_allowed else allowed
        with contextlib.suppress(OSError, ValueError):  # macOS knows RLIMIT_AS and refuses it
            resource.setrlimit(getattr(resource, name), (allowed, new_hard))


def _take_stdout() -> IO[str]:
    """Duplicate stdout for the answers and redirect the original, so that output of modelscan cannot forge answers."""
    stdout_copy = os.dup(1)
    with Path(os.devnull).open("w") as null_device:
        os.dup2(null_device.fileno(), 1)
    return os.fdopen(stdout_copy, "w", encoding="ascii")


def _write_line(out: IO[str], line: dict[str, object]) -> None:
    """Write one line of JSON at once, so that it is not lost in a crash."""
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
