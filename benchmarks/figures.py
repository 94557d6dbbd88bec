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
    """Return a parser of the options that every benchmark has; ``results`` is the name of its file in ``results/``."""
    parser = argparse.ArgumentParser(description=description)
    folder = Path(os.environ.get("BENCHMARKS") or ROOT / "build" / "benchmarks")
    help_ = "for environments and downloads; the variable BENCHMARKS names a folder that several clones share"
    parser.add_argument("--folder", type=Path, default=folder, help=help_)
    written = (RESULTS / results).relative_to(ROOT)
    parser.add_argument("--write", action="store_true", help=f"write the figures to {written}")
    return parser


def describe_machine(target: str) -> str:
    """Return the beginning of a report's first sentence: the day, the ``make`` target and the machine."""
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} by `make {target}` with CPython {platform.python_version()} "
        f"on {os.cpu_count()} cores: "
    )


def render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table and an empty line; all columns except the first contain numbers."""
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def publish_report(text: str, results: str, keep: bool) -> None:
    """Print a report and, with ``keep``, write it to the file ``results`` below ``RESULTS``."""
    print("\n" + text)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / results).write_text(text, encoding="utf-8")
