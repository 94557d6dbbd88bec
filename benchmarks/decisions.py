"""Count the decisions that people have to take until honest repositories pass, by cause.

``make bench-decisions`` runs it; ``BEFORE=PYTHON`` counts the same with an earlier version, from the JSON of its
scans. Each repository is scanned for ``commercial-saas`` in the EU, without network. A decision is one subject: a
finding that breaks a gate, an absence (by its reason and file), or a licence that leaves the use open or denies it.
``decisions.yaml`` lists packages that ship models, and ``honest/write.py`` writes the other repositories with current
libraries.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Final

import yaml
from decision_counts import ENDLESS, Outcome, count_subjects
from decision_tables import render_report
from figures import add_options, publish_report
from samples import HERE

_RESULTS: Final = "decisions.md"
LEAST_REPOSITORIES: Final = 60
_OPTIONS: Final = "--policy commercial-saas --territory EU --offline --no-second-opinion"
"""The options of ``modelaudit scan`` that are equal to the arguments in ``decision_worker.py``."""


def main() -> int:
    """Collect and scan the repositories, print the report; return 1 if a count contradicts the exit code."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument("--before", metavar="PYTHON", help="interpreter of an environment with an earlier version")
    parser.add_argument("--before-name", metavar="NAME", default="an earlier version", help="its name in the report")
    chosen = parser.parse_args()
    listed = yaml.safe_load((HERE / "decisions.yaml").read_text(encoding="utf-8"))
    folder = chosen.folder.resolve() / "decisions"
    repositories = {
        **_collect_packages(folder, listed["packages"]),
        **_collect_written(folder, listed["requirements"]),
    }
    if len(repositories) < LEAST_REPOSITORIES:
        parser.error(f"{len(repositories)} repositories are too few; {LEAST_REPOSITORIES} are needed")
    versions = {"before": chosen.before, "now": sys.executable} if chosen.before else {"now": sys.executable}
    with ThreadPool(len(versions)) as pool:
        jobs = [(python, repositories, folder / "reports" / name) for name, python in versions.items()]
        outcomes = dict(zip(versions, pool.starmap(_scan_all, jobs), strict=True))
    publish_report(
        "\n".join(render_report(outcomes, len(listed["packages"]), _OPTIONS, chosen.before_name)),
        _RESULTS,
        chosen.write,
    )
    faults = [
        f"{version}, {name}: {each.fault}"
        for version, row in outcomes.items()
        for name, each in row.items()
        if each.fault
    ]
    print(*faults, sep="\n", file=sys.stderr)
    return 1 if faults else 0


def _collect_packages(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each package by its name; download and unpack the wheels that are missing."""
    repositories = {}
    for name in names:
        unpacked = folder / "packages" / name
        if not unpacked.is_dir():
            with tempfile.TemporaryDirectory() as download:
                pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
                wanted = ["--only-binary", ":all:", "--platform", "any", "--python-version", "3.11"]
                subprocess.run([*pip, *wanted, "-d", download, name], check=True)
                (wheel,) = Path(download).glob("*.whl")
                unfinished = unpacked.with_name(unpacked.name + ".part")
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(unfinished)
            unfinished.rename(unpacked)
        repositories[name] = unpacked
    return repositories


def _collect_written(folder: Path, requirements: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each written repository by its name; write them if the requirements or writer changed."""
    writer = HERE / "honest" / "write.py"
    python = folder / "environment" / "bin" / "python"
    installed, written = folder / "environment" / "installed.txt", folder / "written"
    lines = "".join(f"{each}\n" for each in requirements)
    if not installed.is_file() or installed.read_text() != lines:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder / "environment")], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-input"]
        subprocess.run([*pip, *requirements], check=True)
        installed.write_text(lines)
    stamp = folder / "written.txt"
    state = lines + "".join(each.read_text(encoding="utf-8") for each in sorted(writer.parent.glob("*.py")))
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != state:
        shutil.rmtree(written, ignore_errors=True)
        command = [str(python), "-W", "ignore", str(writer), str(written)]
        # Sets are pickled in the order of their hashes.
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "0"})
        stamp.write_text(state, encoding="utf-8")
    return {each.name: each for each in sorted(written.iterdir())}


def _scan_all(python: str, repositories: Mapping[str, Path], reports: Path) -> dict[str, Outcome]:
    """Scan every repository with the version that ``python`` imports; keep the reports in a folder."""
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    outcomes: dict[str, Outcome] = {}
    while len(outcomes) < len(repositories):
        remaining = {name: folder for name, folder in repositories.items() if name not in outcomes}
        with tempfile.TemporaryDirectory() as empty:  # where no register of decisions lies
            process = subprocess.run(
                [python, str(HERE / "decision_worker.py"), str(reports)],
                input="".join(f"{folder}\n" for folder in remaining.values()),
                stdout=subprocess.PIPE,
                text=True,
                check=False,
                cwd=empty,
            )
        exit_codes = [int(line.partition(" ")[0]) for line in process.stdout.splitlines()]
        for (name, folder), exit_code in zip(remaining.items(), exit_codes, strict=False):
            report = json.loads((reports / f"{folder.name}.json").read_text(encoding="utf-8"))
            outcomes[name] = count_subjects(exit_code, report)
        if len(exit_codes) < len(remaining):
            if process.returncode != -signal.SIGVTALRM:
                raise SystemExit(f"{python}: the worker ended with {process.returncode}")
            outcomes[list(remaining)[len(exit_codes)]] = ENDLESS
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
