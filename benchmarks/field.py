"""Scan the cases for the field and compare each exit code with its expectation.

``make bench-field`` runs it. ``field_cases/`` holds the cases, whose expectations were committed before the first run;
``--rewrites N`` also scans up to N rewrites of each payload and each benign call. ``--misses`` names the misses alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import add_options, describe_machine, publish_report, render_table
from samples import HERE

_RESULTS = "field.md"
_CASES = HERE / "field_cases"
_FIRST_RUNS = {
    "fresh": (
        "First run of the fresh cases, before any change for them, on cdf63376: 43 of 218 malicious cases end with "
        "exit 0; 149 of 197 certain ones end with exit 1; 15 of 150 benign ones do not pass."
    ),
    "fresh-second": (
        "First run of the second fresh cases, before any change for them, on b22fb7bb: 10 of 120 malicious cases end "
        "with exit 0; 91 of 104 certain ones end with exit 1; 8 of 80 benign ones do not pass, and 2 more by their "
        "licences."
    ),
    "fresh-third": (
        "First run of the third fresh cases, before any change for them, on ab59eb08: 8 of 139 malicious cases end "
        "with exit 0; 114 of 120 certain ones end with exit 1; 9 of 100 benign ones do not pass."
    ),
}
_TITLES = {"fresh": "Fresh", "fresh-second": "Second fresh", "fresh-third": "Third fresh"}
_OFFLINE = {"HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The exit code of one case beside its expectation.

    Attributes:
        id: the id of the case.
        mechanism: the part of the issue that it belongs to, or the payload that was rewritten.
        expect: ``fail``, ``not-pass``, ``review`` or ``pass``.
        allowed: the exit codes that fulfil the expectation.
        code: the exit code of ``modelaudit scan``.
        rules: the rules of the findings, worst first.
    """

    id: str
    mechanism: str
    expect: str
    allowed: tuple[int, ...]
    code: int
    rules: tuple[str, ...]

    @property
    def missed(self) -> bool:
        """Whether the exit code does not fulfil the expectation."""
        return self.code not in self.allowed


def main() -> None:
    """Write and scan the cases, print the report, and write it with ``--write``."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument("--only", default="", help="the beginning of the ids to scan")
    parser.add_argument("--rewrites", type=int, default=0, metavar="N", help="scan N rewrites of each payload too")
    parser.add_argument("--misses", action="store_true", help="print the cases whose exit code differs")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve() / "field"
    _run_writer("write.py", folder, "--only", chosen.only)
    outcomes = _scan(folder / "cases", json.loads((folder / "manifest.json").read_text()))
    lines = [*_render_title(), *_render_cases(outcomes)]
    rewritten: list[_Outcome] = []
    if chosen.rewrites:
        _run_writer("write_rewrites.py", folder, "--each", str(chosen.rewrites))
        rewritten = _scan(folder / "rewrites", json.loads((folder / "rewrites.json").read_text()))
        lines += _render_rewrites(rewritten)
    if chosen.misses:
        for outcome in [*outcomes, *rewritten]:
            if outcome.missed:
                print(outcome.id, outcome.expect, outcome.code, ",".join(outcome.rules))
    publish_report("\n".join(lines) + "\n", _RESULTS, chosen.write)


def _run_writer(program: str, folder: Path, *options: str) -> None:
    """Run a program of ``field_cases`` that writes cases below ``folder``."""
    subprocess.run(
        [sys.executable, str(_CASES / program), str(folder), *options], check=True, stdout=subprocess.DEVNULL
    )


def _scan(folder: Path, rows: Iterable[dict[str, Any]]) -> list[_Outcome]:
    """Return the outcome of each row of a manifest; the processes scan up to 50 each."""
    os.environ.update(_OFFLINE)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["modelaudit.cli.main", "modelaudit.pipeline"])
    tasks = [(str(folder), row) for row in rows]
    with context.Pool(os.cpu_count(), maxtasksperchild=50) as pool:
        return pool.map(_scan_case, tasks, chunksize=1)


def _scan_case(task: tuple[str, dict[str, Any]]) -> _Outcome:
    """Scan the folder of one row with the command, as a user does, and return its outcome."""
    from modelaudit.cli.main import main as run_command

    folder, row = task
    path = Path(folder) / row["id"]
    report = path.parent.parent / "reports" / f"{row['id']}.json"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    sys.argv = ["modelaudit", "scan", str(path), "--offline", "--no-second-opinion", "-q", "-o", f"json={report}"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            run_command()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    findings = json.loads(report.read_text())["findings"] if report.is_file() else []
    rules = dict.fromkeys(f"{finding['rule']}:{finding['severity']}" for finding in findings)
    allowed = tuple(row["exit_codes"])
    return _Outcome(row["id"], row.get("mechanism") or row["payload"], row["expect"], allowed, code, tuple(rules))


def _render_title() -> list[str]:
    return [
        "# Cases for the field",
        "",
        describe_machine("bench-field") + "the exit codes of `modelaudit scan` for the cases of `field_cases/`.",
        "",
    ]


def _render_cases(outcomes: list[_Outcome]) -> list[str]:
    """Return a table with the exit codes of each mechanism and expectation."""
    counts: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    missed: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        key = outcome.mechanism, outcome.expect
        counts[key][outcome.code] += 1
        missed[key] += outcome.missed
    rows = [
        [
            mechanism,
            expect,
            str(found.total()),
            *(str(found[code]) for code in (0, 1, 3)),
            str(missed[mechanism, expect]),
        ]
        for (mechanism, expect), found in sorted(counts.items())
    ]
    head = ("mechanism", "expectation", "cases", "exit 0", "exit 1", "exit 3", "missed")
    lines = [*render_table(head, rows), ""]
    earlier = [outcome for outcome in outcomes if outcome.mechanism.split()[0] not in _FIRST_RUNS]
    if earlier:
        lines += [_summarise(earlier), ""]
    for name, first_run in _FIRST_RUNS.items():
        fresh = [outcome for outcome in outcomes if outcome.mechanism.split()[0] == name]
        if fresh:
            lines += [f"{_TITLES[name]} cases: {_summarise(fresh)}", "", first_run, ""]
    return lines


def _summarise(outcomes: Sequence[_Outcome]) -> str:
    """Return the figures of a set in a sentence."""
    hostile = [outcome for outcome in outcomes if outcome.expect != "pass"]
    certain = [outcome for outcome in outcomes if outcome.expect == "fail"]
    return (
        f"{sum(outcome.code == 0 for outcome in hostile)} of {len(hostile)} malicious cases end with exit 0; "
        f"{sum(outcome.code == 1 for outcome in certain)} of {len(certain)} certain ones end with exit 1; "
        f"{sum(outcome.missed for outcome in outcomes if outcome.expect == 'pass')} of "
        f"{len(outcomes) - len(hostile)} benign ones do not pass."
    )


def _render_rewrites(outcomes: list[_Outcome]) -> list[str]:
    """Return the figures of the rewrites that still run."""
    hostile = [outcome for outcome in outcomes if outcome.expect != "pass"]
    benign = [outcome for outcome in outcomes if outcome.expect == "pass"]
    return [
        "## Rewrites",
        "",
        f"{len(hostile)} rewrites of payloads: {sum(outcome.code == 1 for outcome in hostile)} end with exit 1, "
        f"{sum(outcome.code == 0 for outcome in hostile)} with exit 0. {len(benign)} rewrites of benign calls: "
        f"{sum(outcome.code != 0 for outcome in benign)} do not pass.",
        "",
    ]


if __name__ == "__main__":
    main()
