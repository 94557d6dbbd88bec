"""Asks one tool for the licences of model folders, inside its own environment: ``python license_worker.py TOOL``.

Reads one folder a line from standard input, each with a licence file ``LICENSE`` beside a tiny model; writes one JSON
object a line: ``path``, ``licenses`` (the names from the tool, in its spelling) and ``seconds``; and at last ``peak``
(resident bytes). Each tool is called as its own command calls it, and only its answer for the folder counts.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from process import OFFLINE, exit_code, peak, silenced

os.environ |= OFFLINE

Ask = Callable[[str], list[str]]


def promptfoo() -> Ask:
    """As ``modelaudit scan --format json FOLDER`` of the package of that name."""
    from modelaudit.cli import cli

    def ask(path: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "report.json"
            arguments = ["scan", "--format", "json", "--no-cache", "--output", str(out), path]
            exit_code(lambda: cli.main(arguments, standalone_mode=False))
            report = json.loads(out.read_text())
        named = [entry.get("spdx_id") or entry.get("name") for entry in _under(report, "license_info")]
        return sorted({str(name) for name in (*named, *_under(report, "license")) if name and isinstance(name, str)})

    return ask


def aisbom() -> Ask:
    """As ``aisbom scan --offline FOLDER``."""
    from aisbom.scanner import DeepScanner

    def ask(path: str) -> list[str]:
        artifacts = DeepScanner(path).scan()["artifacts"]
        named = {str(artifact.get("license") or "") for artifact in artifacts}
        return sorted(name for name in named if name and name.lower() not in ("unknown", "none"))

    return ask


def licenseclassifier() -> Ask:
    """The library alone, on the text of the licence file."""
    from licenseclassifier import identify_license

    def ask(path: str) -> list[str]:
        text = (Path(path) / "LICENSE").read_text(encoding="utf-8", errors="replace")
        return sorted({found.id for found in identify_license(text)})

    return ask


def _under(value: object, key: str) -> Iterator[dict[str, str] | str]:
    """Yield every value of a document below a key of this name."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            for name, inner in each.items():
                if name == key:
                    yield from inner if isinstance(inner, list) else [inner]
                else:
                    waiting.append(inner)
        elif isinstance(each, list):
            waiting += each


TOOLS = {tool.__name__: tool for tool in (promptfoo, aisbom, licenseclassifier)}


def main() -> None:
    """Ask the tool and write its answers; everything that it prints itself is dropped."""
    out = silenced()
    ask = TOOLS[sys.argv[1]]()
    for line in sys.stdin:
        path = line.rstrip("\n")
        began = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                licenses = ask(path)
        except BaseException as failure:  # noqa: BLE001 - a tool that fails has named nothing
            licenses = [f"failed: {type(failure).__name__}"]
        out.write(json.dumps({"path": path, "licenses": licenses, "seconds": time.perf_counter() - began}) + "\n")
        out.flush()
    out.write(json.dumps({"peak": peak()}) + "\n")
    out.flush()
    os._exit(0)  # some keep threads that wait for a network that is not there


if __name__ == "__main__":
    main()
