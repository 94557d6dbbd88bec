"""Ask one tool for the licences of model folders, inside its own environment: ``python license_worker.py TOOL``.

Standard input has one folder a line, each with a licence file ``LICENSE`` beside a tiny model. The output is one JSON
object a line: ``path``, ``licenses`` (the names from the tool, in its spelling) and ``seconds``; and at last ``peak``
(resident bytes). Each tool is called as its own command calls it, and only its answer for the folder counts.

Each ``prepare_...`` function imports a tool and returns the function that asks it.
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

from process import OFFLINE, capture_exit_code, read_peak_memory, silence_output

os.environ |= OFFLINE

Ask = Callable[[str], list[str]]
"""A function of a folder that returns the licence names a tool reports for it."""


def prepare_promptfoo() -> Ask:
    """Return a function that asks the package ``modelaudit`` of the index, as ``modelaudit scan --format json``."""
    from modelaudit.cli import cli

    def ask(path: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "report.json"
            arguments = ["scan", "--format", "json", "--no-cache", "--output", str(out), path]
            capture_exit_code(lambda: cli.main(arguments, standalone_mode=False))
            report = json.loads(out.read_text())
        names = [entry.get("spdx_id") or entry.get("name") for entry in _find_values(report, "license_info")]
        names += _find_values(report, "license")
        return sorted({name for name in names if name and isinstance(name, str)})

    return ask


def prepare_aisbom() -> Ask:
    """Return a function that asks aisbom, as ``aisbom scan --offline FOLDER``."""
    from aisbom.scanner import DeepScanner

    def ask(path: str) -> list[str]:
        artifacts = DeepScanner(path).scan()["artifacts"]
        names = {str(artifact.get("license") or "") for artifact in artifacts}
        return sorted(name for name in names if name and name.lower() not in ("unknown", "none"))

    return ask


def prepare_licenseclassifier() -> Ask:
    """Return a function that asks the library licenseclassifier about the text of the licence file."""
    from licenseclassifier import identify_license

    def ask(path: str) -> list[str]:
        text = (Path(path) / "LICENSE").read_text(encoding="utf-8", errors="replace")
        return sorted({found.id for found in identify_license(text)})

    return ask


def _find_values(value: object, key: str) -> Iterator[dict[str, str] | str]:
    """Yield the value of every ``key`` in a JSON document, or the items of the value if it is a list."""
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


TOOLS: dict[str, Callable[[], Ask]] = {
    "promptfoo": prepare_promptfoo,
    "aisbom": prepare_aisbom,
    "licenseclassifier": prepare_licenseclassifier,
}


def main() -> None:
    """Ask the tool and write its answers; everything that it prints itself is dropped."""
    out = silence_output()
    ask = TOOLS[sys.argv[1]]()
    for line in sys.stdin:
        path = line.rstrip("\n")
        began = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                licenses = ask(path)
        except BaseException as failure:  # noqa: BLE001 - a tool that fails reports no licence
            licenses = [f"failed: {type(failure).__name__}"]
        out.write(json.dumps({"path": path, "licenses": licenses, "seconds": time.perf_counter() - began}) + "\n")
        out.flush()
    out.write(json.dumps({"peak": read_peak_memory()}) + "\n")
    out.flush()
    os._exit(0)  # some tools have threads that wait for the network and would keep the process alive


if __name__ == "__main__":
    main()
