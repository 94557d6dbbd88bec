"""Run one scanner over a list of files inside the scanner's own environment: ``python worker.py SCANNER``.

Standard input has one path a line. The output is one JSON object a line: ``imported``, the seconds that the import of
the scanner took; for each file ``path``, ``outcome``, ``detail`` and ``seconds``; and at last ``peak`` (resident bytes)
and ``cpu`` (seconds). Each scanner is called as its own command calls it, file by file. Its exit code
becomes an outcome:

``alarm``       it exits as unsafe
``unverified``  it exits otherwise, and reports that it does not know the content
``incomplete``  it exits with an error, or reports that it could not read
``pass``        it exits as in order
``skipped``     it reports that it does not read such files

No scanner here loads a model, and none reaches the network: its access is disabled at the start.

Each ``prepare_...`` function imports a scanner and returns the function that scans one file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from process import OFFLINE, capture_exit_code, read_peak_memory, silence_output

os.environ |= OFFLINE

Scan = Callable[[str], tuple[str, str]]
"""A function of a path that returns (outcome, detail)."""


def prepare_ours() -> Scan:
    """Return a function that scans a file by this project, without the opinion of another scanner."""
    import modelaudit

    def scan(path: str) -> tuple[str, str]:
        report = modelaudit.scan(path, second_opinion=False, offline=True)
        security = [finding.rule for finding in report.findings if finding.check == "security"]
        reasons = {str(absence.unread.reason) for _, absence in report.coverage.open_absences}
        if report.exit_code == 1:
            return "alarm", " ".join(sorted(set(security)))
        if report.exit_code == 3:
            outcome = "unverified" if reasons == {"unverified-type"} else "incomplete"
            return outcome, " ".join(sorted(reasons))
        return "pass", ""

    return scan


def prepare_picklescan() -> Scan:
    """Return a function that scans as ``picklescan -p FILE``; its "suspicious" globals do not change its exit code."""
    from picklescan.scanner import scan_file_path

    def scan(path: str) -> tuple[str, str]:
        result = scan_file_path(path)
        if result.scan_err:
            return "incomplete", "error"
        if result.issues_count:
            return "alarm", f"{result.issues_count} dangerous"
        if result.suspicious_count:
            return "unverified", f"{result.suspicious_count} suspicious"
        return ("pass", "") if result.scanned_files else ("skipped", "")

    return scan


def prepare_modelscan() -> Scan:
    """Return a function that scans as ``modelscan -p FILE``."""
    from modelscan.modelscan import ModelScan
    from modelscan.settings import DEFAULT_SETTINGS

    def scan(path: str) -> tuple[str, str]:
        scanner = ModelScan(settings=DEFAULT_SETTINGS)
        scanner.scan(path)
        if not scanner.scanned:
            return ("incomplete", "error") if scanner.errors else ("skipped", "")
        if scanner.errors:
            return "incomplete", "error"
        issues = scanner.issues.all_issues
        return ("alarm", f"{len(issues)} issues") if issues else ("pass", "")

    return scan


def prepare_fickling() -> Scan:
    """Return a function that scans as ``fickling --check-safety FILE``, or a ZIP archive as its scan of the Hub."""
    from fickling import cli
    from fickling.loader import scan_zip_archive

    def scan(path: str) -> tuple[str, str]:
        if zipfile.is_zipfile(path):
            members = scan_zip_archive(path, graceful=True).values()
            if not members:
                return "skipped", ""
            if any(member.severity > cli.Severity.LIKELY_SAFE and member.results for member in members):
                return "alarm", ""
            return ("incomplete", "error") if any(member.errors for member in members) else ("pass", "")
        if Path(path).suffix not in _PICKLES:
            return "skipped", ""
        code = cli.main(["fickling", "--check-safety", "--json-output", os.devnull, path])
        return {cli.EXIT_CLEAN: "pass", cli.EXIT_UNSAFE: "alarm"}.get(code, "incomplete"), f"exit {code}"

    return scan


# fickling reads raw pickles and never reports that a file is none. It gets no files with other extensions.
_PICKLES = {".pkl", ".pickle", ".p", ".bin", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".dat", ".data", ""}


def prepare_promptfoo() -> Scan:
    """Return a function that scans as ``modelaudit scan FILE`` of the package of that name on the index."""
    from modelaudit.cli import cli

    def scan(path: str) -> tuple[str, str]:
        code = capture_exit_code(
            lambda: cli.main(["scan", "--format", "json", "--no-cache", path], standalone_mode=False)
        )
        return {0: "pass", 1: "alarm"}.get(code, "incomplete"), f"exit {code}"

    return scan


def prepare_aisbom() -> Scan:
    """Return a function that scans as ``aisbom scan --offline FOLDER``; the class behind it accepts a file too."""
    from aisbom.scanner import DeepScanner

    def scan(path: str) -> tuple[str, str]:
        result = DeepScanner(path).scan()
        levels = [str(artifact.get("risk_level", "")) for artifact in result["artifacts"]]
        if any(re.search("CRITICAL", level, re.IGNORECASE) for level in levels):
            return "alarm", " ".join(levels)[:80]
        if result["errors"]:
            kinds = {error.get("target_error_type") for error in result["errors"]}
            return ("skipped", "") if kinds == {"UnsupportedFileType"} else ("incomplete", "error")
        return ("pass", " ".join(levels)[:80]) if levels else ("skipped", "")

    return scan


SCANNERS: dict[str, Callable[[], Scan]] = {
    "ours": prepare_ours,
    "picklescan": prepare_picklescan,
    "modelscan": prepare_modelscan,
    "fickling": prepare_fickling,
    "promptfoo": prepare_promptfoo,
    "aisbom": prepare_aisbom,
}


def main() -> None:
    """Scan each path on standard input and write its outcome; discard what the scanner itself prints."""
    out = silence_output()
    began = time.perf_counter()
    scan = SCANNERS[sys.argv[1]]()
    out.write(json.dumps({"imported": time.perf_counter() - began}) + "\n")
    for line in sys.stdin:
        path = line.rstrip("\n")
        began = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                outcome, detail = scan(path)
        except BaseException as failure:  # noqa: BLE001 - a command that ends with a traceback exits with an error
            outcome, detail = "incomplete", f"{type(failure).__name__}: {failure}"[:120]
        row = {"path": path, "outcome": outcome, "detail": detail, "seconds": time.perf_counter() - began}
        out.write(json.dumps(row) + "\n")
        out.flush()
    out.write(json.dumps({"peak": read_peak_memory(), "cpu": time.process_time()}) + "\n")
    out.flush()
    os._exit(0)  # some scanners have threads that wait for the network and would keep the process alive


if __name__ == "__main__":
    main()
