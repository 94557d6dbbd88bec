"""Check that load of the machine changes no verdict: scan all fixtures alone, then beside processes that keep it busy.

``make bench-load`` runs it, and it ends with 1 if any file differs. Each fixture that is a file, built or committed,
hostile or benign, is scanned twice. Of each scan the exit code, the findings (rule, severity and address) and the
absences count. ``BURNERS`` processes compute without end during the second round. On two idle cores, both rounds take
about ten minutes; ``--only NAME`` scans a part. The last line summarizes the run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pool, Process
from pathlib import Path
from typing import Final

from figures import describe_machine, render_table
from ledger import list_fixtures
from support.fixtures import fixture_name

import modelaudit

BURNERS: Final = 4
_WORKERS: Final = 2
_SHOWN: Final = 40
"""Differing files that are listed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one scan of a file concludes.

    Attributes:
        exit_code: as the command would end.
        findings: rule, severity and address of each finding.
        absences: path, address, reason, detail and location of each part that was not read or verified.
    """

    exit_code: int
    findings: frozenset[tuple[str, str, str]]
    absences: frozenset[tuple[str, str, str, str, str]]


@dataclass(frozen=True, slots=True)
class Round:
    """The scans of all fixtures under one load.

    Attributes:
        label: the load.
        outcomes: in the order of the fixtures.
        seconds: wall time of all scans.
    """

    label: str
    outcomes: Sequence[Outcome]
    seconds: float


def main() -> int:
    """Scan all fixtures without and with load, print the comparison, and return 1 if a file differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--burners", type=int, default=BURNERS, help=f"processes that compute (default: {BURNERS})")
    parser.add_argument(
        "--only", action="append", help="the beginning of a fixture's name, such as pickle/; repeatable"
    )
    chosen = parser.parse_args()
    names = {path: fixture_name(path) for path in list_fixtures()}
    paths = [path for path, name in names.items() if not chosen.only or name.startswith(tuple(chosen.only))]
    if not paths:
        parser.error("no fixture has such a name")
    alone = _scan_all(paths, "alone")
    with _keep_busy(chosen.burners):
        loaded = _scan_all(paths, f"beside {chosen.burners} busy processes")
    differing = {
        names[path]: _list_differing_parts(first, second)
        for path, first, second in zip(paths, alone.outcomes, loaded.outcomes, strict=True)
        if first != second
    }
    print(f"{describe_machine('bench-load')}both rounds have the same {len(paths):,} fixtures.\n")
    print("\n".join(_render_rounds((alone, loaded))))
    for name, parts in list(differing.items())[:_SHOWN]:
        print(f"{name}:", *parts, sep="\n    ")
    seconds = " and ".join(f"{each.seconds:.0f} s {each.label}" for each in (alone, loaded))
    print(f"{len(differing):,} of {len(paths):,} fixtures have another outcome under load; {seconds}")
    return 1 if differing else 0


def _scan(path: Path) -> Outcome:
    """Scan one file with all checks, and return its outcome."""
    report = modelaudit.scan(path, second_opinion=False, offline=True)
    absences = frozenset(
        (record.path, address, absence.unread.reason.value, absence.unread.detail, str(absence.unread.where))
        for record in report.coverage.artifacts
        for address, absence in record.absences
    )
    findings = frozenset((each.rule, each.severity.value, each.artifact) for each in report.findings)
    return Outcome(report.exit_code, findings, absences)


def _scan_all(paths: Sequence[Path], label: str) -> Round:
    """Scan all files in ``_WORKERS`` new processes."""
    began = time.perf_counter()
    with Pool(_WORKERS) as pool:
        # One by one, because a few decompression bombs take most of the time and must not wait for one another.
        outcomes = pool.map(_scan, paths, chunksize=1)
    return Round(label, outcomes, time.perf_counter() - began)


def _burn() -> None:
    """Compute without end."""
    while True:
        sum(range(100_000))


@contextmanager
def _keep_busy(count: int) -> Iterator[None]:
    """Run ``count`` processes that compute, until the end of the ``with`` statement."""
    burners = [Process(target=_burn, daemon=True) for _ in range(count)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _list_differing_parts(alone: Outcome, loaded: Outcome) -> list[str]:
    """Return a line for the exit code, and one for each finding and absence, that only one of both scans has."""
    parts = []
    if alone.exit_code != loaded.exit_code:
        parts.append(f"exit code {alone.exit_code} alone, {loaded.exit_code} under load")
    for label, present, absent in (("alone", alone, loaded), ("under load", loaded, alone)):
        parts += [f"finding only {label}: {finding}" for finding in sorted(present.findings - absent.findings)]
        parts += [f"absence only {label}: {absence}" for absence in sorted(present.absences - absent.absences)]
    return parts


def _render_rounds(rounds: Sequence[Round]) -> list[str]:
    """Return the lines of a table: for each load the files by exit code, the findings, the absences and the time."""
    codes = sorted({outcome.exit_code for each in rounds for outcome in each.outcomes})
    rows = []
    for each in rounds:
        counts = Counter(outcome.exit_code for outcome in each.outcomes)
        findings = sum(len(outcome.findings) for outcome in each.outcomes)
        absences = sum(len(outcome.absences) for outcome in each.outcomes)
        exit_counts = [f"{counts[code]:,}" for code in codes]
        rows.append([each.label, *exit_counts, f"{findings:,}", f"{absences:,}", f"{each.seconds:.0f}"])
    return render_table(["load", *(f"exit {code}" for code in codes), "findings", "absences", "seconds"], rows)


if __name__ == "__main__":
    sys.exit(main())
