"""Compare the scanners: how many attacks each one detects and how often it alarms falsely, over the same files.

``make bench-detection`` runs it. Environments, packages and the benign set are made once, below ``build/benchmarks``.
The table is printed and written to ``results/detection.md``; nothing is loaded, and no file is sent anywhere.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import chain
from pathlib import Path

import yaml
from figures import add_options, describe_machine, publish_report, render_table
from samples import (
    HERE,
    ROOT,
    Sample,
    collect_benign,
    collect_corpus,
    collect_packages,
    collect_routes,
    collect_written,
)
from scanners import NAMES, Result, make_environment, read_version, run_scanner

_OUTCOMES = ("alarm", "unverified", "incomplete", "skipped", "pass", "timeout")
_RESULTS = "detection.md"
_EXCEPTIONS = HERE / "exceptions.yaml"
_PICKLE_BORNE = frozenset({".pkl", ".pickle", ".bin", ".pt", ".zip", ".npy", ".npz", ".7z"})
_EXIT_CODE_BY_OUTCOME = {"alarm": 1, "unverified": 3, "incomplete": 3, "pass": 0}
_MAX_FAMILY_ROWS = 60

_HOW_TO_READ = (
    "All scanners ran in the same run, each with the options that it has by default; `promptfoo` is the package "
    "`modelaudit` of the index, with its engine in Rust. **Alarm** is an exit as unsafe. *Unverified* is any other "
    "exit with a word that something is not known (picklescan: suspicious), *incomplete* an exit with an error or as "
    "inconclusive, *skipped* that the scanner does not read the file, and *pass* the rest.\n\n"
    "Each scanner has one process for all files of a set, which imports it once and then calls it file by file as its "
    "command does, without a cache of results. Times are those of the import and of every call; a file that hangs or "
    "kills the process counts 60 s, and another process goes on behind it.\n"
)

_REAL = "real files: packages and written"
_MOST_TIME_SHARE = 0.1
"""The share of the peer's time over the real files that ours may take."""

Results = dict[tuple[str, str], Result]
"""The result of each scanner for each set, by (set, scanner)."""


def main() -> None:
    """Run every scanner over every set, print the report, and write it with ``--write``."""
    chosen = _parse_options()
    sets = _collect_sets(chosen)
    results: Results = {}
    for name in chosen.scanners:
        python = make_environment(name, chosen.folder / "peers")
        if python is None:
            continue
        for set_, samples in sets.items():
            began = time.perf_counter()
            results[set_, name] = run_scanner(name, python, [sample.path for sample in samples])
            print(f"{name} over {set_}: {len(samples)} files in {time.perf_counter() - began:.1f} s", flush=True)
    publish_report(_render_report(sets, results), _RESULTS, chosen.write)


def _parse_options() -> argparse.Namespace:
    """Parse the options. Without ``--scanners``, all are chosen; ``folder`` is made absolute."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    corpus = Path(os.environ.get("CORPUS") or ROOT.parent / "shared" / "corpus")
    parser.add_argument("--corpus", type=Path, default=corpus)
    parser.add_argument("--benign", type=Path, help="the benign set, where it is written already")
    parser.add_argument("--each", type=int, default=12, help="files of a library in the benign set; 0 for all")
    parser.add_argument("--only", action="append", help="routes, corpus, benign or real; repeatable")
    parser.add_argument("--scanners", action="append", choices=NAMES, help="repeatable; default: all")
    chosen = parser.parse_args()
    chosen.folder = chosen.folder.resolve()
    chosen.scanners = chosen.scanners or list(NAMES)
    return chosen


def _collect_sets(chosen: argparse.Namespace) -> dict[str, list[Sample]]:
    """Return the samples of each selected set by its name, without sets that have none."""
    # The values are generators: a set that --only leaves out is neither written nor downloaded.
    sets = {
        "routes": collect_routes(),
        "corpus": collect_corpus(chosen.corpus.resolve()),
        "benign": collect_benign((chosen.benign or chosen.folder / "benign").resolve(), sys.executable, chosen.each),
        _REAL: chain(collect_packages(chosen.folder / "packages"), collect_written()),
    }
    selected = {}
    for name, samples in sets.items():
        if not chosen.only or name.partition(" ")[0] in chosen.only:  # "real" selects ``_REAL``
            selected[name] = list(samples)
    return {name: samples for name, samples in selected.items() if samples}


# -- the report -------------------------------------------------------------------------------------------------------


def _render_report(sets: dict[str, list[Sample]], results: Results) -> str:
    """Render a table for every set and label, the costs, and the deviations of modelaudit."""
    names = [name for name in NAMES if any(scanner == name for _, scanner in results)]
    tools = ", ".join(f"{name} {read_version(name)}" for name in names)
    parts = [
        "# Detection, side by side\n",
        f"{describe_machine('bench-detection')}{tools}.\n",
        _HOW_TO_READ,
    ]
    parts += _render_goals(sets, results)
    for set_, samples in sets.items():
        for label in ("malicious", "benign", "unlabelled"):
            chosen = [sample for sample in samples if sample.label == label]
            if chosen:
                parts += _render_outcome_table(set_, label, chosen, results, names)
    parts += _render_costs(sets, results, names)
    parts += _render_deviations(sets, results)
    return "\n".join(parts)


def _render_outcome_table(
    set_: str, label: str, samples: Sequence[Sample], results: Results, names: Sequence[str]
) -> list[str]:
    """Render the outcomes of every scanner for the samples of one label, and the alarms for each family of samples."""
    meaning = {"malicious": "hits are alarms", "benign": "alarms are false", "unlabelled": "no judgement"}[label]
    lines = [f"## {set_}: {len(samples)} files, {label} ({meaning})\n"]
    lines += render_table(
        ["scanner", *_OUTCOMES], [[name, *_count_outcomes(samples, results[set_, name])] for name in names]
    )
    families = sorted({sample.family for sample in samples})
    if 1 < len(families) <= _MAX_FAMILY_ROWS and label != "unlabelled":
        lines += [f"Alarms by {'library' if set_ == 'benign' else 'part'}:\n"]
        rows = []
        for family in families:
            members = [sample for sample in samples if sample.family == family]
            # The first count is that of alarms.
            alarms = [_count_outcomes(members, results[set_, name])[0] for name in names]
            rows.append([family, str(len(members)), *alarms])
        lines += render_table(["", "files", *names], rows)
    return lines


def _count_outcomes(samples: Iterable[Sample], result: Result) -> list[str]:
    """Return the count of each outcome, in the order of ``_OUTCOMES``; a file without an answer is a timeout."""
    counted = Counter(result.outcomes.get(str(sample.path), ("timeout", ""))[0] for sample in samples)
    return [str(counted[outcome]) for outcome in _OUTCOMES]


def _render_costs(sets: dict[str, list[Sample]], results: Results, names: Sequence[str]) -> list[str]:
    """Render the time and the peak of memory of every scanner for every set."""
    rows = []
    for set_, samples in sets.items():
        size = sum(sample.path.stat().st_size for sample in samples if sample.path.is_file()) / 2**20
        for name in names:
            result = results[set_, name]
            costs = [f"{result.seconds:.1f}", f"{result.cpu:.1f}", f"{result.peak / 2**20:.0f}"]
            rows.append([f"{set_} ({size:.1f} MiB)", name, *costs])
    return ["## Costs\n", *render_table(["set", "scanner", "wall s", "CPU s", "peak RSS MiB"], rows)]


@dataclass(frozen=True, slots=True)
class _KnownDeviation:
    """A known outcome that contradicts the label of a file.

    Attributes:
        path: a pattern of ``fnmatch`` for the path in the set.
        outcome: the outcome.
        reason: why the outcome is accepted.
    """

    path: str
    outcome: str
    reason: str


def _render_deviations(sets: dict[str, list[Sample]], results: Results) -> list[str]:
    """List each file whose outcome differs from its label, with the reason if one is known."""
    known = [_KnownDeviation(**row) for row in yaml.safe_load(_EXCEPTIONS.read_text(encoding="utf-8"))]
    lines: dict[str, list[str]] = defaultdict(list)
    for set_, sample, outcome, detail in _iterate_own_outcomes(sets, results):
        # A sample with a reason must end with another exit code than its label asks for.
        if sample.reason and _meets_label(sample, outcome):
            lines[f"{set_}, {sample.label}"].append(f"- `{sample.shown_path}`: {outcome} ({detail}). {sample.reason}")
        elif not _meets_label(sample, outcome):
            matching = (each for each in known if each.outcome == outcome and fnmatch(sample.shown_path, each.path))
            reason = next((each.reason for each in matching), "**No reason is known: a fault.**")
            explained = f" ({detail})" if detail else ""
            lines[f"{set_}, {sample.label}"].append(f"- `{sample.shown_path}`: {outcome}{explained}. {reason}")
    parts = ["## Ours, by name: what came out otherwise than its label asks for\n"]
    for head, deviations in sorted(lines.items()):
        parts += [f"### {head}: {len(deviations)}\n", *deviations, ""]
    return parts if lines else [*parts, "Nothing.\n"]


def _render_goals(sets: dict[str, list[Sample]], results: Results) -> list[str]:
    """Render how many files meet each goal, and the time of modelaudit beside that of the peer."""
    met_by_goal: dict[str, list[bool]] = defaultdict(list)
    for set_, sample, outcome, _ in _iterate_own_outcomes(sets, results):
        if set_ == "routes":
            met_by_goal["published routes that end as their table states, never with a pass"].append(
                _meets_label(sample, outcome)
            )
        if set_ == "corpus" and sample.label == "malicious" and sample.path.suffix in _PICKLE_BORNE:
            met_by_goal["corpus, malicious pickles, zip, numpy and torch: alarm"].append(outcome == "alarm")
        if sample.label == "benign":
            met_by_goal[f"{set_}, benign: no alarm"].append(outcome not in ("alarm", "timeout"))
            met_by_goal[f"{set_}, benign: no alarm, except those that its manifest explains"].append(
                _meets_label(sample, outcome)
            )
        if set_ == "corpus" and sample.label == "malicious":
            met_by_goal["corpus, malicious, all formats: alarm"].append(outcome == "alarm")
        if sample.label == "benign" and set_ == _REAL:
            met_by_goal[f"{set_}, benign: read whole, nothing unverified"].append(outcome == "pass")
        are_written_by_libraries = set_ == "benign" or sample.family == "pickle family"
        if sample.label == "benign" and are_written_by_libraries:
            origin = f"{set_}, benign, written by the real libraries"
            met_by_goal[f"{origin}: not unverified"].append(outcome != "unverified")
            met_by_goal[f"{origin}: read whole"].append(outcome != "incomplete")
    rows = [
        [goal, str(sum(met)), str(len(met)), f"{100 * sum(met) / len(met):.1f} %"] for goal, met in met_by_goal.items()
    ]
    parts = ["## Ours against its goals\n", *render_table(["goal", "kept", "files", "share"], rows)]
    ours, peer = results.get((_REAL, "ours")), results.get((_REAL, "promptfoo"))
    if ours and peer and peer.seconds and peer.cpu:
        share = ours.seconds / peer.seconds
        parts.append(
            f"Time over {_REAL}: {ours.seconds:.1f} s of ours to {peer.seconds:.1f} s of promptfoo's, "
            f"{share:.3f} of it; the goal is {_MOST_TIME_SHARE} at most, "
            f"{'kept' if share <= _MOST_TIME_SHARE else 'missed'}. "
            f"CPU time, which other work on the machine distorts less: {ours.cpu:.1f} s to {peer.cpu:.1f} s, "
            f"{ours.cpu / peer.cpu:.3f}.\n"
        )
    return parts


def _iterate_own_outcomes(sets: dict[str, list[Sample]], results: Results) -> Iterator[tuple[str, Sample, str, str]]:
    """Yield set, sample, outcome and detail of each file as modelaudit reports them."""
    for (set_, name), result in results.items():
        if name == "ours":
            for sample in sets[set_]:
                yield set_, sample, *result.outcomes.get(str(sample.path), ("timeout", ""))


def _meets_label(sample: Sample, outcome: str) -> bool:
    """Whether the outcome of modelaudit is the one that the sample's label, or its expected exit code, asks for."""
    if sample.expected is not None:
        return _EXIT_CODE_BY_OUTCOME.get(outcome) == sample.expected
    if sample.set == "routes":
        return outcome in ("alarm", "unverified", "incomplete")
    if sample.label == "malicious":
        return outcome == "alarm"
    # A file that is not judged is no false alarm; the tables count formats without a reader.
    return sample.label == "unlabelled" or outcome not in ("alarm", "timeout")


if __name__ == "__main__":
    main()
