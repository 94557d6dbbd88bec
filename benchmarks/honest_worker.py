"""Scan each folder that standard input names, and write its report: ``python honest_worker.py MOST_SECONDS``.

A line of input is a folder, a tab and the file for the report. Licences are not judged, and nothing is asked for. After
each scan, a line states the exit code and the folder. A scan that takes more CPU time than allowed ends the process.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import modelaudit
from modelaudit.reports import render


def main() -> None:
    """Scan the folders in turn by the default policy."""
    seconds = float(sys.argv[1])
    for line in sys.stdin:
        folder, _, path = line.rstrip("\n").partition("\t")
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        report = modelaudit.scan(folder, checks=["security", "integrity"], offline=True, second_opinion=False)
        Path(path).write_bytes(render(report, "json"))
        print(report.exit_code, folder, sep="\t", flush=True)


if __name__ == "__main__":
    main()
