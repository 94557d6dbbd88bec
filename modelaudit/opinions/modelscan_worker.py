"""The other side of the fence: runs modelscan over a list of files and writes what it says as lines of JSON.

Started as a script in a process of its own by ``modelaudit.opinions.modelscan``; it imports nothing of this package.
stdin holds one JSON object: ``files`` (absolute paths), ``memory`` (bytes) and ``seconds``. stdout, a pipe, gets the
version of modelscan, then for each file its number and what modelscan said. A file on which modelscan breaks ends the
process; the parent knows which one it was, by the answers it has, and starts another process for the rest.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import stat
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

KEPT_PER_FILE = 200
"""Entries of one kind that are passed on for one file."""


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
    """The part of ``modelscan.modelscan.ModelScan`` (0.8) that is used. Its own report fails on some paths."""

    scanned: Sequence[str]
    issues: _Issues
    errors: Sequence[_Error]
    skipped: Sequence[_Skip]

    def scan(self, path: str) -> object: ...


def main() -> None:
    """Read the order from stdin, carry it out, and write to what was stdout when the process began."""
    order = json.load(sys.stdin)
    out = _take_stdout()
    _bound(order["memory"], order["seconds"])
    sys.excepthook = lambda kind, error, _trace: _write(out, {"broke": f"{kind.__name__}: {error}"[:500].rstrip(": ")})
    logging.disable(logging.CRITICAL)
    try:
        scanner: _Scanner = importlib.import_module("modelscan.modelscan").ModelScan()
        version = importlib.import_module("modelscan._version").__version__
    except ImportError as error:
        _write(out, {"missing": str(error)})
        return
    _write(out, {"version": str(version)})
    for number, path in enumerate(order["files"]):
        _write(out, {"done": number, **_opinion(scanner, path)})


def _opinion(scanner: _Scanner, path: str) -> dict[str, object]:
    """What modelscan says of one file; a member is told by its name in the file, the file itself by an empty one."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return {"failed": [["", "is not a regular file"]]}
        scanner.scan(path)
    except OSError as error:
        return {"failed": [["", error.strerror or type(error).__name__]]}
    found = {_finding(issue, path): None for issue in scanner.issues.all_issues}
    skips = {(_member(skip.source, path), skip.category.name, skip.message): None for skip in scanner.skipped}
    failed = [
        *(_failure(error.to_dict(), path) for error in scanner.errors),
        *((member, text) for member, category, text in skips if category != "SCAN_NOT_SUPPORTED"),
    ]
    # modelscan also skips what it failed on, and forgets a container of which it read no member.
    unsupported = {member for member, category, _ in skips if category == "SCAN_NOT_SUPPORTED"}
    unsupported -= {member for member, _ in failed}
    return {
        "scanned": _kept(dict.fromkeys((_member(source, path),) for source in scanner.scanned)),
        "issues": _kept(found),
        "failed": _kept(dict.fromkeys(failed)),
        "unsupported_itself": "" in unsupported or not (scanner.scanned or failed),
        "unsupported_members": len(unsupported - {""}),
        "cut": sum(max(0, len(entries) - KEPT_PER_FILE) for entries in (found, failed)),
    }


def _finding(issue: _Issue, path: str) -> tuple[str, str, str]:
    details = issue.details
    text = f"unsafe operator {details.operator!r} of module {details.module!r}"
    return _member(details.source, path), issue.severity.name.lower(), text


def _failure(error: dict[str, str], path: str) -> tuple[str, str]:
    return _member(error.get("source", path), path), f"{error['category']}: {error['description']}"


def _member(source: object, path: str) -> str:
    return str(source).removeprefix(path).removeprefix(":")[:1000]


def _kept(entries: Iterable[object]) -> list[object]:
    return list(islice(entries, KEPT_PER_FILE))


def _bound(memory: int, seconds: int) -> None:
    """Bound what this process may take, where the system can. It may write to no file."""
    if sys.platform == "win32":
        return
    resource = importlib.import_module("resource")
    bounds = {"RLIMIT_AS": memory, "RLIMIT_CPU": seconds, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0}
    for name, bound in bounds.items():
        _, hard = resource.getrlimit(getattr(resource, name))
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS knows RLIMIT_AS and refuses it
            resource.setrlimit(getattr(resource, name), (allowed, allowed))


def _take_stdout() -> IO[str]:
    """Keep the way to the parent for ourselves, so that nothing that modelscan prints can pass for our lines."""
    own = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    return os.fdopen(own, "w", encoding="ascii")


def _write(out: IO[str], line: dict[str, object]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
