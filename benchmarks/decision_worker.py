"""Scan each folder that standard input names, and write its report: ``python decision_worker.py REPORTS``.

The interpreter decides which version scans, so nothing but ``modelaudit`` is imported. After each scan, a line states
the exit code and the folder. A scan that takes more than ``MOST_SECONDS`` of CPU time ends the process.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import modelaudit
from modelaudit.reports import render

MOST_SECONDS = 60
"""Bound of the CPU time of one scan; the largest repository takes a tenth of it."""


def main() -> None:
    """Scan the folders in turn, for the use of ``commercial-saas`` in the EU."""
    reports = Path(sys.argv[1])
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
        report = modelaudit.scan(
            folder, policy="commercial-saas", territories=["EU"], offline=True, second_opinion=False
        )
        (reports / f"{folder.name}.json").write_bytes(render(report, "json"))
        print(report.exit_code, folder, flush=True)


if __name__ == "__main__":
    main()
