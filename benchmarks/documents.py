"""Measure every limit on the documents: their cost, the page in a browser, and what the bill of materials states.

``make bench-documents`` runs it, and it ends with 1 if a limit is missed. Each command that it measures has to end with
its right exit code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from contradictions import COUNT, Answer, judge_cases, list_faults
from costs import MIB, Command, Figure, Section, measure_in_turn, render_costs, render_figures
from document_elements import count_elements
from document_pages import measure_demo, measure_large_page
from figures import add_options, describe_machine, publish_report
from samples import ROOT
from scanners import PEERS, clean_environment

from modelaudit.reports import REPORTS

_RESULTS: Final = "documents.md"
_PARTS: Final = ("cost", "page", "demo", "elements", "contradictions")
_FILES, _FINDINGS = 10_000, 2_000
_SECONDS_MOST: Final = 12.0
_MIB_MOST: Final = 300


def main() -> int:
    """Measure the chosen parts, print the tables, and return 1 if a limit is missed."""
    parser = add_options((__doc__ or "").splitlines()[0], _RESULTS)
    parser.add_argument("--runs", type=int, default=3, help="of each command that is measured (default: 3)")
    parser.add_argument("--files", type=int, default=_FILES, help=f"of the large model (default: {_FILES})")
    parser.add_argument("--part", action="append", choices=_PARTS, help="measure this part alone; repeatable")
    chosen = parser.parse_args()
    if chosen.part and chosen.write:
        parser.error("--write keeps the figures of all parts; leave out --part")
    parts = chosen.part or _PARTS
    sections: list[Section] = []
    with tempfile.TemporaryDirectory() as folder:
        if {"cost", "page"} & set(parts):
            report = scan_large_model(Path(folder), chosen.files)
            if "cost" in parts:
                sections += [measure_formats(report, chosen.runs), compare_with_library(report, chosen.runs)]
            if "page" in parts:
                sections.append(measure_large_page(report))
        if "demo" in parts:
            sections.append(measure_demo(Path(folder)))
        if "elements" in parts:
            sections.append(count_elements(Path(folder)))
    if "contradictions" in parts:
        sections.append(count_contradictions(judge_cases()))
    figures = [figure for _, each in sections for figure in each]
    head = (
        f"# The documents\n\n{describe_machine('bench-documents')}medians of {chosen.runs} runs where a time is given. "
        f"The large model has {chosen.files:,} files and {chosen.files // 5:,} findings.\n"
    )
    lines = [head, *render_figures(figures), *(line for each, _ in sections for line in each)]
    publish_report("\n".join(lines), _RESULTS, chosen.write)
    return 0 if all(figure.is_kept for figure in figures) else 1


def scan_large_model(folder: Path, files: int) -> Path:
    """Write a model of ``files`` files, a fifth of them pickles with a finding each, and return its JSON report.

    Raises:
        SystemExit: the scan does not end with 1, or finds another number.
    """
    model, report = folder / "large", folder / "large.json"
    for name, content in _list_large_files(files):
        path = model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    command = ["-m", "modelaudit", "scan", str(model), "--offline", "--no-second-opinion", "-q", "-o", f"json={report}"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 1:
        raise SystemExit(f"the scan of the large model ends with {done.returncode}, expected 1")
    found = json.loads(report.read_text(encoding="utf-8"))
    count = sum(finding["rule"] == "pickle/dangerous-call" for finding in found["findings"])
    if count != files // 5:
        raise SystemExit(f"the scan of the large model finds {count} calls, expected {files // 5}")
    return report


def _list_large_files(files: int) -> Iterator[tuple[str, bytes]]:
    """Yield path and content: notes in folders of 100, and pickles that would print a number; a quarter are equal."""
    for number in range(files - files // 5):
        yield f"notes/{number // 100:03}/note-{number:05}.txt", b"Note %d about the weir.\n" % number
    for number in range(files // 5):
        told = b"echo %d" % (number if number % 4 else 0)
        pickled = b"\x80\x04cos\nsystem\nX" + len(told).to_bytes(4, "little") + told + b"\x85R."
        yield f"parts/{number // 100:03}/part-{number:05}.pkl", pickled


def measure_formats(report: Path, runs: int) -> Section:
    """Measure ``modelaudit render`` of one report to every format at once, and to each alone."""
    folder = report.parent / "written"
    folder.mkdir(exist_ok=True)
    targets = {name: f"{name}={folder / ('large' + each.endings[0])}" for name, each in REPORTS.items()}
    commands = [_build_render("all formats", report, list(targets.values()))]
    commands += [_build_render(name, report, [target]) for name, target in targets.items()]
    costs = measure_in_turn(commands, runs)
    whole = costs["all formats"]
    size = sum(path.stat().st_size for path in folder.iterdir())
    lines = [
        "## Cost\n",
        f"`modelaudit render` of the large report of {report.stat().st_size / 1e6:.1f} MB, start and reading "
        f"included; {len(REPORTS)} formats of {size / 1e6:.1f} MB.\n",
        *render_costs(costs),
    ]
    return lines, [
        Figure.compare("all formats of the large model, CPU s", whole.cpu, _SECONDS_MOST),
        Figure.compare("their peak of memory, MiB", round(whole.peak / MIB), _MIB_MOST),
    ]


def _build_render(label: str, report: Path, targets: list[str]) -> Command:
    """Build the command that renders a report."""
    words = [part for target in targets for part in ("-o", target)]
    command = [sys.executable, "-m", "modelaudit", "render", str(report), "-q", *words]
    return Command(label, command, _clean_environment())


def _clean_environment() -> Mapping[str, str]:
    """Return the environment of a command that imports the package of this clone."""
    return clean_environment(sys.executable) | {"PYTHONPATH": str(ROOT)}


def compare_with_library(report: Path, runs: int) -> Section:
    """Measure how cyclonedx-python-lib alone writes a bill with the same files and findings.

    No other scanner writes these documents, so that the library is the one thing to compare with. It is quadratic in
    components, so it gets a fifth of them, and ours as many.
    """
    smaller = report.parent / "smaller"
    smaller.mkdir()
    part = scan_large_model(smaller, 2_000)
    bill = smaller / "large.cdx.json"
    ours = _build_render("modelaudit render, cyclonedx", part, [f"cyclonedx={bill}"])
    library = [sys.executable, str(PEERS / "bill_worker.py"), str(part), str(smaller / "library.cdx.json")]
    costs = measure_in_turn([ours, Command("cyclonedx-python-lib alone", library, _clean_environment())], runs)
    first, second = costs.values()
    lines = [
        "## Beside the library\n",
        "A bill of 2,000 files with their digests and 400 findings: `modelaudit render` with all that it states, and "
        "cyclonedx-python-lib with the files and findings alone. The library checks each bill in a time that grows "
        "with the square of the files; we pass it one file at a time. No other tool writes these documents.\n",
        *render_costs(costs),
        f"Ratio of CPU seconds: {first.cpu / second.cpu:.2f}.\n",
    ]
    return lines, []


def count_contradictions(answers: list[Answer]) -> Section:
    """Count the planted contradictions that are named, and the honest cards without any."""
    planted = [each for each in answers if each.is_planted]
    honest = [each for each in answers if not each.is_planted]
    faults = list(list_faults(answers))
    lines = [
        "## Contradictions between card and files\n",
        f"{len(planted)} cards that contradict their files, and {len(honest)} honest ones over the same files: "
        "[the cases](../document_cases/contradictions.yaml).\n",
        *(f"- {fault}" for fault in faults),
        *([""] if faults else []),
    ]
    named, quiet = sum(each.is_right for each in planted), sum(each.is_right for each in honest)
    return lines, [
        Figure("planted contradictions named", str(named), f"all {COUNT}", named == COUNT),
        Figure("honest cards without one", str(quiet), f"all {COUNT}", quiet == COUNT),
    ]


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
