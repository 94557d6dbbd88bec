"""Shared parts of benchmark reports: options, the measured machine, tables, and the file to write."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from samples import HERE, ROOT

RESULTS = HERE / "results"


def add_options(description: str, results: str) -> argparse.ArgumentParser:
    """A parser of the options that every benchmark has; ``results`` is the file below ``results/``."""
    parser = argparse.ArgumentParser(description=description)
    place = Path(os.environ.get("BENCHMARKS") or ROOT / "build" / "benchmarks")
    help_ = "for environments and downloads; the variable BENCHMARKS names a folder that several clones share"
    parser.add_argument("--folder", type=Path, default=place, help=help_)
    kept = (RESULTS / results).relative_to(ROOT)
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {kept}")
    return parser


def describe_machine(target: str) -> str:
    """The beginning of a report: the day, the command and the machine."""
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} by `make {target}` with CPython {platform.python_version()} "
        f"on {os.cpu_count()} cores: "
    )


def render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown, and an empty one; all columns but the first hold numbers."""
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def publish_report(text: str, results: str, keep: bool) -> None:
    """Print a report and, with ``keep``, write it to the file ``results``."""
    print("\n" + text)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / results).write_text(text, encoding="utf-8")
