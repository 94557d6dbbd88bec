"""Measure one scanner in a process of its own: ``python speed_worker.py NAME FILE`` prints CPU seconds and peak bytes.

Each ``prepare_...`` function imports what NAME needs and returns the function to measure.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from process import OFFLINE, capture_exit_code, read_peak_memory, silence_output


def prepare_load(path: str) -> Callable[[], object]:
    """Return a function that unpickles the file; it is harmless, because ``speed.py`` wrote it."""
    import pickle

    return lambda: pickle.load(Path(path).open("rb"))


def prepare_reader(path: str) -> Callable[[], object]:
    """Return a function that reads the file and applies our rules, without report and digest."""
    from modelaudit.catalogue import load_catalogue
    from modelaudit.checks.engine import collect_findings
    from modelaudit.checks.subjects import build_subjects
    from modelaudit.model.limits import Limits
    from modelaudit.pipeline import ArtifactReading
    from modelaudit.sources import resolve_target

    catalogue = load_catalogue()
    limits = Limits()
    (artifact,) = resolve_target(path, revision=None, offline=True, progress=None, limits=limits).artifacts

    def run() -> object:
        reading = ArtifactReading(limits)
        reading.run(artifact)
        subjects = build_subjects(reading.structures, reading.unread, catalogue)
        findings = collect_findings(subjects, catalogue.findings, catalogue.policies["default"].checks)
        if findings or reading.unread:
            raise RuntimeError(f"the file is ordinary, but has findings or absences: {findings} {reading.unread}")
        return None

    return run


def prepare_picklescan(path: str) -> Callable[[], object]:
    """Return a function that scans the file as ``picklescan -p FILE``."""
    from picklescan.scanner import scan_file_path

    return lambda: scan_file_path(path).issues_count


def prepare_modelscan(path: str) -> Callable[[], object]:
    """Return a function that scans the file as ``modelscan -p FILE``."""
    from modelscan.modelscan import ModelScan
    from modelscan.settings import DEFAULT_SETTINGS

    return lambda: len(ModelScan(settings=DEFAULT_SETTINGS).scan(path)["issues"])


def prepare_fickling(path: str) -> Callable[[], object]:
    """Return a function that scans the file as ``fickling --check-safety FILE``."""
    from fickling import cli

    return lambda: cli.main(["fickling", "--check-safety", "--json-output", os.devnull, path])


def prepare_promptfoo(path: str) -> Callable[[], object]:
    """Return a function that scans the file as ``modelaudit scan FILE`` of the package of that name on the index."""
    from modelaudit.cli import cli

    command = ["scan", "--format", "json", "--no-cache", path]
    return lambda: capture_exit_code(lambda: cli.main(command, standalone_mode=False))


MEASURED = {
    "load": prepare_load,
    "reader": prepare_reader,
    "picklescan": prepare_picklescan,
    "modelscan": prepare_modelscan,
    "fickling": prepare_fickling,
    "promptfoo": prepare_promptfoo,
}


def main() -> None:
    """Import first, then measure the CPU time of the work alone; the peak of memory is that of the whole process."""
    os.environ |= OFFLINE
    out = silence_output()
    run = MEASURED[sys.argv[1]](sys.argv[2])
    began = time.process_time()
    run()
    spent = time.process_time() - began
    out.write(json.dumps({"cpu": spent, "peak": read_peak_memory()}) + "\n")
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
