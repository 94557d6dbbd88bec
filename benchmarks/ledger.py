"""Check the ledger of bytes: over all fixtures, under insertions, over real files, and its cost in CPU time.

``make bench-ledger`` runs it, and it ends with 1 if a bound is missed. Each byte of each fixture must have exactly one
class. ``INSERTIONS`` times, seeded, a payload is put into a benign fixture: at its end, between two ranges of its
ledger, over padding, or at any place. A loader would execute the payload, which does nothing. No scan may end with exit
code 0 unless the ledger classes each byte of the payload as declared data. At most ``UNCLAIMED_MOST`` of the files
that real libraries write may have unclaimed bytes. The ledger may take ``COST_MOST`` of the CPU time of the scans.
"""

from __future__ import annotations

import argparse
import inspect
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from types import FunctionType
from typing import Final
from unittest import mock

from figures import add_options, describe_machine, publish_report, render_table
from samples import Sample, collect_packages, collect_written
from support.fixtures import FIXTURES, WRITTEN, fixture_name

import modelaudit
from modelaudit.model.artifact import Window
from modelaudit.wire.byte_ranges import ByteClass, Partition
from modelaudit.wire.ledger import ArtifactLedger, ByteLedger, LedgerWindow

_RESULTS: Final = "ledger.md"
_PARTS: Final = ("fixtures", "insertions", "real-files", "cost")
SEED: Final = 2026
INSERTIONS: Final = 10_000
UNCLAIMED_MOST: Final = 0.01
COST_MOST: Final = 0.03
PAYLOAD: Final = b"\x80\x04\x8c\x05posix\x94\x8c\x06getpid\x94\x93)R0N."
"""A pickle that calls ``os.getpid``: code to a scanner, and without effect."""
_LARGEST_HOST: Final = 1 << 20
"""Bytes of the largest fixture that gets payloads."""
_ZEROS: Final = re.compile(rb"\0{%d,}" % len(PAYLOAD))
_COST_ROUNDS: Final = 5
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Insertion:
    """One payload in one fixture.

    Attributes:
        host: the fixture.
        kind: ``append``, ``between`` two ranges of the ledger, ``over zeros``, or ``anywhere``.
        offset: the position of the payload.
        overwrites: whether the payload replaces bytes; otherwise those behind it move.
    """

    host: Path
    kind: str
    offset: int
    overwrites: bool


def main() -> int:
    """Measure the chosen parts, print the report, and return 1 if a bound is missed."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument("--insertions", type=int, default=INSERTIONS)
    parser.add_argument("--only", action="append", help="format of the fixtures that get payloads; repeatable")
    parser.add_argument("--part", action="append", choices=_PARTS, help="check this alone; repeatable (default: all)")
    chosen = parser.parse_args()
    if chosen.write and (chosen.part or chosen.only):
        parser.error("--write needs the figures of all parts and formats")
    parts = chosen.part or _PARTS
    faults: list[str] = []
    sections = [f"# The ledger of bytes\n\n{describe_machine('bench-ledger')}each byte has one of three classes.\n"]
    if "fixtures" in parts:
        sections.append(_check_partitions(faults))
    if "insertions" in parts:
        sections.append(_check_insertions(chosen, faults))
    if "real-files" in parts or "cost" in parts:
        real_files = [*collect_written(), *collect_packages(chosen.folder / "packages")]
        checks = {"real-files": _check_real_files, "cost": _measure_cost}
        sections += [check(real_files, faults) for name, check in checks.items() if name in parts]
    publish_report("\n".join(sections), _RESULTS, chosen.write)
    for fault in faults:
        print(f"missed: {fault}", file=sys.stderr)
    print(f"{len(faults)} bounds missed in {', '.join(parts)}")
    return 1 if faults else 0


def _scan(path: Path) -> tuple[int, list[ArtifactLedger]]:
    """Return the exit code of a scan, and the ledgers of the file and of its members."""
    ledgers: list[ArtifactLedger] = []
    report = modelaudit.scan(
        path, checks=["security"], second_opinion=False, offline=True, record_ledger=ledgers.append
    )
    return report.exit_code, ledgers


def list_fixtures() -> list[Path]:
    """Return every fixture that is a file, built or committed."""
    built = (path for path in FIXTURES.rglob("*") if path.parent != FIXTURES)
    return sorted(path for path in (*built, *WRITTEN.rglob("*")) if path.is_file())


def _check_partition(path: Path) -> tuple[Counter[ByteClass], str]:
    """Return the bytes of one fixture by class, and why its ledger is no partition; an empty string if it is one."""
    _, ledgers = _scan(path)
    outer = next((each for each in ledgers if each.address == path.name), None)
    size = path.stat().st_size
    if outer is None:
        # The scan of an empty file reads nothing, and records that as an absence.
        fault = "" if size == 0 else f"{fixture_name(path)} has no ledger"
        return Counter(), fault
    for ledger in ledgers:
        # Ranges follow one another without a gap, and two neighbours differ in class.
        last_end, last_class = 0, None
        for start, end, class_ in ledger:
            if start != last_end or end <= start or class_ is last_class:
                return Counter(), f"{fixture_name(path)}: {ledger.address} has a wrong range at byte {start}"
            last_end, last_class = end, class_
    if outer.size != size:
        return Counter(), f"{fixture_name(path)} has {size} bytes, and its ledger has {outer.size}"
    return Counter(outer.sum_classes()), ""


def _check_partitions(faults: list[str]) -> str:
    """Check that each byte of each fixture has exactly one class."""
    paths = list_fixtures()
    with Pool(2) as pool:
        results = pool.map(_check_partition, paths, chunksize=20)
    faults += [fault for _, fault in results if fault]
    totals: Counter[ByteClass] = sum((counts for counts, _ in results), Counter())
    shown = ", ".join(f"{totals[each]:,} {each.value}" for each in ByteClass)
    missed = sum(bool(fault) for _, fault in results)
    return f"{len(paths)} fixtures: {shown} bytes; {missed} with a byte in no class or in two.\n"


def _list_hosts(only: Sequence[str] | None) -> dict[str, list[Path]]:
    """Return by format the benign fixtures of one file that a scan passes."""
    paths = [path for path in list_fixtures() if "benign" in path.parts or path.is_relative_to(WRITTEN)]
    paths = [path for path in paths if 0 < path.stat().st_size <= _LARGEST_HOST and path.suffix not in (".md", ".yaml")]
    hosts: dict[str, list[Path]] = defaultdict(list)
    with Pool(2) as pool:
        for path, (code, _) in zip(paths, pool.map(_scan, paths, chunksize=20), strict=True):
            # The folder of a fixture has the name of its format.
            format_ = fixture_name(path).removeprefix("written/").split("/")[0]
            if code == 0 and (not only or format_ in only):
                hosts[format_].append(path)
    return hosts


def _draw_insertions(hosts: dict[str, list[Path]], count: int) -> Iterator[Insertion]:
    """Yield insertions, as many for each format, with places of all kinds."""
    generator = random.Random(SEED)
    ledgers: dict[Path, ArtifactLedger] = {}
    formats = sorted(hosts)
    for number in range(count):
        host = generator.choice(hosts[formats[number % len(formats)]])
        if host not in ledgers:
            ledgers[host] = next(each for each in _scan(host)[1] if each.address == host.name)
        size = ledgers[host].size
        kind = generator.choice(("append", "between", "over zeros", "anywhere"))
        zeros = [match.start() for match in _ZEROS.finditer(host.read_bytes())] if kind == "over zeros" else []
        if kind == "append":
            yield Insertion(host, kind, size, False)
        elif kind == "between":
            yield Insertion(host, kind, generator.choice([start for start, _, _ in ledgers[host]]), False)
        elif zeros:
            yield Insertion(host, kind, generator.choice(zeros), True)
        else:
            yield Insertion(host, "anywhere", generator.randrange(size), generator.random() < 0.5)


def _try_insertion(insertion: Insertion) -> tuple[int, str]:
    """Return the exit code of the changed fixture, and the classes of the payload's bytes joined by a plus sign."""
    data = insertion.host.read_bytes()
    payload_end = insertion.offset + len(PAYLOAD)
    following = data[payload_end:] if insertion.overwrites else data[insertion.offset :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / insertion.host.name
        path.write_bytes(data[: insertion.offset] + PAYLOAD + following)
        code, ledgers = _scan(path)
    outer = next((each for each in ledgers if each.address == path.name), ())
    classes = {class_ for start, end, class_ in outer if start < payload_end and end > insertion.offset}
    return code, "+".join(sorted(classes))


def _check_insertions(chosen: argparse.Namespace, faults: list[str]) -> str:
    """Insert the payload, and check that no scan passes one outside of declared data."""
    hosts = _list_hosts(chosen.only)
    insertions = list(_draw_insertions(hosts, chosen.insertions))
    with Pool(2) as pool:
        results = pool.map(_try_insertion, insertions, chunksize=20)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    passed: Counter[str] = Counter()
    for insertion, (code, classes) in zip(insertions, results, strict=True):
        if code != 0:
            outcome = f"exit {code}"
        elif classes == ByteClass.DATA:
            outcome = "exit 0, declared data"
        else:
            outcome = "exit 0, elsewhere"
            passed[f"{fixture_name(insertion.host)}, {insertion.kind} at {insertion.offset}: {classes}"] += 1
        counts[insertion.kind][outcome] += 1
    faults += [f"exit 0 outside of declared data: {place}" for place in sorted(passed)[:_SHOWN]]
    columns = ("exit 1", "exit 3", "exit 0, declared data", "exit 0, elsewhere")
    totals = {**{kind: counts[kind] for kind in sorted(counts)}, "all": sum(counts.values(), Counter())}
    rows = [[kind, *(f"{totals[kind][column]:,}" for column in columns)] for kind in totals]
    head = f"{len(insertions):,} payloads in {sum(map(len, hosts.values()))} benign fixtures of {len(hosts)} formats:\n"
    return "\n".join([head, *render_table(["place", *columns], rows)])


def _find_unclaimed(path: Path) -> list[str]:
    """Return the addresses, in one file, of the artifacts with unclaimed bytes."""
    return [each.address for each in _scan(path)[1] if each.sum_classes()[ByteClass.UNCLAIMED]]


def _check_real_files(samples: Sequence[Sample], faults: list[str]) -> str:
    """Count the files of real libraries that have unclaimed bytes."""
    with Pool(2) as pool:
        results = pool.map(_find_unclaimed, [sample.path for sample in samples], chunksize=5)
    unclaimed = [sample.shown_path for sample, addresses in zip(samples, results, strict=True) if addresses]
    if len(unclaimed) > UNCLAIMED_MOST * len(samples):
        faults.append(f"{len(unclaimed)} of {len(samples)} real files have unclaimed bytes: {unclaimed[:_SHOWN]}")
    return "\n".join(
        [f"{len(samples)} files of real libraries: {len(unclaimed)} with unclaimed bytes.\n"]
        + [f"- `{path}`" for path in unclaimed]
    )


class _ForgetfulLedger(ByteLedger):
    """A ledger that keeps no claim and classifies no byte: a scan with it is the reference for the cost."""

    def partition(self, window: Window) -> Partition:
        """Return no range."""
        return Partition()


class _UnledgeredWindow(LedgerWindow):
    """A window whose claims have no effect."""

    def claim(self, start: int, end: int, number: int) -> None:
        """Forget the claim."""

    def claim_in_turn(self, start: int, ends: array[int]) -> None:
        """Forget the claims."""


def _list_replacements() -> list[tuple[str, Callable[..., object]]]:
    """Return what a scan without the ledger replaces: its classes, and every function that only makes claims."""
    replaced: list[tuple[str, Callable[..., object]]] = [
        ("modelaudit.pipeline.LedgerWindow", _UnledgeredWindow),
        ("modelaudit.pipeline.ByteLedger", _ForgetfulLedger),
    ]
    for module in [each for name, each in sys.modules.items() if name.startswith("modelaudit.")]:
        for name, value in vars(module).items():
            if inspect.isfunction(value) and _only_claims(value):
                replaced.append((f"{module.__name__}.{name}", _claim_nothing))
    return replaced


def _only_claims(function: FunctionType) -> bool:
    """Whether a reader would parse the same without the calls of ``function``, because it returns nothing."""
    claims = function.__name__.startswith("claim_") and "wire." in function.__module__
    return claims and function.__annotations__.get("return") == "None"


def _claim_nothing(*arguments: object, **options: object) -> None:
    """Replace a function that claims bytes."""


def _measure_cost(samples: Sequence[Sample], faults: list[str]) -> str:
    """Compare the CPU time of scans with the ledger and without, in one process and of whole commands.

    In one process, start-up of the interpreter counts for neither. A command scans all files of one package, as users
    scan one model; its time is bounded.
    """
    with_ledger, without = _time_scans([sample.path for sample in samples])
    cost = with_ledger - without
    commands = _time_commands(samples)
    share = cost / (commands - cost)
    if share > COST_MOST:
        faults.append(f"the ledger takes {share:.1%} of the CPU time of scans")
    return (
        f"\nThe ledger takes {share:.1%} of the CPU time of `modelaudit scan`, one command for each folder: "
        f"{commands:.2f} s with start-up. In one process it takes {cost / without:.1%}: {with_ledger:.2f} s with it "
        f"and {without:.2f} s without, for {len(samples)} files, the sum of the least of {_COST_ROUNDS} rounds for "
        "each.\n"
    )


def _time_scans(paths: Sequence[Path]) -> tuple[float, float]:
    """Return the CPU seconds of the scans of all files with the ledger and without it: for each file the least.

    Rounds over all files alternate. Replacing names before each scan would slow the interpreter, which caches them.
    """
    least: dict[tuple[str, Path], float] = {}
    for number in range(_COST_ROUNDS + 1):
        for label, replacements in (("with", ()), ("without", _list_replacements())):
            with ExitStack() as stack:
                for name, replacement in replacements:
                    stack.enter_context(mock.patch(name, replacement))
                for path in paths:
                    began = time.process_time()
                    modelaudit.scan(path, second_opinion=False, offline=True)
                    seconds = time.process_time() - began
                    # The first round imports the readers.
                    least[label, path] = min(seconds, least.get((label, path), seconds)) if number > 1 else seconds
    return tuple(sum(least[label, path] for path in paths) for label in ("with", "without"))


def _time_commands(samples: Sequence[Sample]) -> float:
    """Return the CPU seconds of the commands that each scan the files of one package: for each the least."""
    files: dict[str, list[Path]] = defaultdict(list)
    for sample in samples:
        # The folder of a package, or of what one library wrote.
        files[sample.shown_path.partition("/")[0]].append(sample.path)
    return sum(min(_time_command(paths) for _ in range(_COST_ROUNDS)) for paths in files.values())


def _time_command(paths: Sequence[Path]) -> float:
    """Return the CPU seconds of one command that scans files.

    Raises:
        RuntimeError: the command could not scan.
    """
    command = [sys.executable, "-I", "-m", "modelaudit", "scan", "--no-second-opinion", "--offline", "--quiet"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = subprocess.run([*command, *map(str, paths)], check=False, stdout=subprocess.DEVNULL).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in (0, 1, 3):
        raise RuntimeError(f"a scan ended with exit code {code}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
