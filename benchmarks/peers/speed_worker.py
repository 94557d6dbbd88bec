"""One measurement in a process of its own: ``python speed_worker.py WHAT FILE`` prints CPU seconds and peak bytes."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from process import OFFLINE, exit_code, peak, silenced


def load(path: str) -> Callable[[], object]:
    """What the loader itself takes. The file is our own, written by ``speed.py``."""
    import pickle

    return lambda: pickle.load(Path(path).open("rb"))


def reader(path: str) -> Callable[[], object]:
    """Our reading and judging of one artifact, without report and digest."""
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
        reading.run(artifact, hashing=False)
        subjects = [
            subject
            for address, structure in reading.structures
            for subject in build_subjects(address, structure, catalogue.callables)
        ]
        found = collect_findings(subjects, catalogue.findings, catalogue.policies["default"].checks)
        if found or reading.unread:
            raise RuntimeError(f"the file is ordinary, and this was found: {found} {reading.unread}")
        return None

    return run


def picklescan(path: str) -> Callable[[], object]:
    """As ``picklescan -p FILE``."""
    from picklescan.scanner import scan_file_path

    return lambda: scan_file_path(path).issues_count


def modelscan(path: str) -> Callable[[], object]:
    """As ``modelscan -p FILE``."""
    from modelscan.modelscan import ModelScan
    from modelscan.settings import DEFAULT_SETTINGS

    return lambda: len(ModelScan(settings=DEFAULT_SETTINGS).scan(path)["issues"])


def fickling(path: str) -> Callable[[], object]:
    """As ``fickling --check-safety FILE``."""
    from fickling import cli

    return lambda: cli.main(["fickling", "--check-safety", "--json-output", os.devnull, path])


def promptfoo(path: str) -> Callable[[], object]:
    """As ``modelaudit scan FILE`` of the package of that name."""
    from modelaudit.cli import cli

    command = ["scan", "--format", "json", "--no-cache", path]
    return lambda: exit_code(lambda: cli.main(command, standalone_mode=False))


WHAT = {"load": load, "reader": reader, "picklescan": picklescan, "modelscan": modelscan, "fickling": fickling,
        "promptfoo": promptfoo}  # fmt: skip


def main() -> None:
    """Import first, then measure the work alone; the peak is that of the whole process."""
    os.environ |= OFFLINE
    out = silenced()
    run = WHAT[sys.argv[1]](sys.argv[2])
    began = time.process_time()
    run()
    spent = time.process_time() - began
    out.write(json.dumps({"cpu": spent, "peak": peak()}) + "\n")
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
