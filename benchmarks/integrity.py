"""Measure what it costs to verify the bytes of a model, and what verification finds, beside the real clients.

``make bench-integrity`` runs it, and it ends with 1 if a limit is missed. Each time is the median of five runs
(``--runs``), and a run with another exit code than the expected one ends the benchmark.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

from costs import MIB, Command, Figure, Section, measure_in_turn, render_costs, render_figures
from figures import add_options, describe_machine, publish_report
from integrity_fetching import build_scan, count_requests, find_client, measure_fetching
from integrity_models import FILES, HEADERS, LARGE, Service
from integrity_responses import measure_responses
from integrity_signatures import measure_signatures, sign, write_keys
from samples import ROOT
from scanners import clean_environment, make_environment, read_version
from unreliable import count_right_verdicts

# isort: split
from hub.server import LoopbackHub

_RESULTS: Final = "integrity.md"
_CPU_MOST: Final = 1.12
_WALL_MOST: Final = 1.05
_PEAK_MOST: Final = 150
_CHANGES: Final = {
    "a locked": "tests/cli/test_verify_command.py",
    "a signed": "tests/tampering/test_random_changes.py",
    "an attested": "tests/cli/test_attest_command.py",
    "a sealed": "tests/cli/test_seal.py",
}
"""The suites with random changes."""
_PARTS: Final = ("hashing", "signatures", "fetching", "small-files", "responses", "failures", "tampering")


def main() -> int:
    """Measure the chosen parts, print the tables, and return 1 if a limit is missed."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    parser.add_argument(
        "--mib",
        type=int,
        default=4096,
        help="of the weights; half as many are fetched (default: 4096, for which the limits hold)",
    )
    parser.add_argument("--runs", type=int, default=5, help="of each command that is measured (default: 5)")
    parser.add_argument("--scans", type=int, default=300, help="through a Hub that fails (default: 300)")
    parser.add_argument("--changes", type=int, default=10_000, help="to each kind of folder (default: 10000)")
    parser.add_argument("--part", action="append", choices=_PARTS, help="measure this part alone; repeatable")
    chosen = parser.parse_args()
    if chosen.part and chosen.write:
        parser.error("--write keeps the figures of all parts; leave out --part")
    parts = chosen.part or _PARTS
    sections = _measure_served(chosen.folder.resolve(), parts, chosen.mib * MIB, chosen.runs)
    if "failures" in parts:
        sections.append(_count_verdicts(chosen.scans))
    if "tampering" in parts:
        sections.append(_count_tampering(chosen.changes))
    figures = [figure for _, each in sections for figure in each]
    head = (
        f"# The cost of verified bytes\n\n{describe_machine('bench-integrity')}medians of {chosen.runs} runs, in turn; "
        "every exit code was the expected one.\n"
    )
    lines = [head, *render_figures(figures), *(line for each, _ in sections for line in each)]
    publish_report("\n".join(lines), _RESULTS, chosen.write)
    return 0 if all(figure.is_kept for figure in figures) else 1


def _measure_served(folder: Path, parts: Collection[str], size: int, runs: int) -> list[Section]:
    """Measure the chosen parts that need a Hub; ``size`` is that of the weights in bytes.

    Raises:
        SystemExit: a command ended with another exit code than expected.
    """
    measures = {
        "hashing": lambda: _measure_hashing(service, runs, folder / "peers"),
        "signatures": lambda: measure_signatures(service, runs, folder / "peers"),
        "fetching": lambda: measure_fetching(service, runs),
        "small-files": lambda: count_requests(service),
        "responses": lambda: measure_responses(service, runs),
    }
    chosen = [measure for part, measure in measures.items() if part in parts]
    if not chosen:
        return []
    written = folder / "integrity"
    shutil.rmtree(written, ignore_errors=True)
    try:
        with LoopbackHub() as hub:
            service = Service.start(hub, written, size)
            return [measure() for measure in chosen]
    finally:
        shutil.rmtree(written, ignore_errors=True)


def _measure_hashing(service: Service, runs: int, peers: Path) -> Section:
    """Measure scans of a cache that the real client filled, beside ``sha256sum`` and two verifiers.

    Raises:
        SystemExit: a command ended with another exit code than expected.
    """
    environment = service.build_environment()
    client = str(find_client())
    for repository in (LARGE, HEADERS):
        subprocess.run([client, "download", repository, "--quiet"], env=environment, check=True)
    whole, headers = service.find_snapshot(LARGE), service.find_snapshot(HEADERS)
    scan, cut, single, parallel = "modelaudit scan", "modelaudit scan, headers", "sha256sum", "xargs -P2 sha256sum"
    commands = [
        Command(scan, build_scan(str(whole), "--checks", "integrity", "--offline"), environment),
        Command(cut, build_scan(str(headers), "--checks", "integrity", "--offline"), environment),
        Command(single, ["sh", "-c", f'sha256sum "{whole}"/*'], environment),
        Command(parallel, ["sh", "-c", f'printf "%s\\0" "{whole}"/* | xargs -0 -P2 -n1 sha256sum'], environment),
        Command("hf cache verify", [client, "cache", "verify", LARGE, "--fail-on-missing-files"], environment),
        *_prepare_signed(whole, service.folder, peers),
    ]
    costs = measure_in_turn(commands, runs)
    lines = [
        f"## Hashing\n\nA cache of the Hub with {service.measure_model(LARGE) / MIB:,.0f} MiB in {FILES} files of "
        "weights, and the same with the weights cut to their headers, both filled by the real client. *Hashing* is the "
        "scan of the whole cache less that of the headers.\n",
        *render_costs(costs),
    ]
    cpu, wall = costs[scan].cpu - costs[cut].cpu, costs[scan].wall - costs[cut].wall
    return lines, [
        Figure.compare("CPU of hashing / sha256sum", cpu / costs[single].cpu, _CPU_MOST),
        Figure.compare("wall time of hashing / xargs -P2 sha256sum", wall / costs[parallel].wall, _WALL_MOST),
        Figure.compare("peak of modelaudit scan, MiB", costs[scan].peak // MIB, _PEAK_MOST),
    ]


def _prepare_signed(model: Path, folder: Path, peers: Path) -> list[Command]:
    """Sign a model, and return the command that verifies the signature; none if the peer cannot be installed."""
    python = make_environment("model-signing", peers)
    if python is None:
        return []
    environment, signature = clean_environment(python), folder / "model.sig"
    private, public = write_keys(folder)
    sign(python, model, signature, private, "--allow_symlinks")
    options = ["--allow_symlinks", f"--signature={signature}", f"--public_key={public}"]
    verify = [python, "-m", "model_signing", "verify", "key", str(model), *options]
    return [Command(f"model_signing verify {read_version('model-signing')}", verify, environment)]


def _count_verdicts(scans: int) -> Section:
    """Count the right verdicts of scans through a Hub that fails."""
    verdicts = count_right_verdicts(scans)
    label = f"right verdicts of {scans} scans through a Hub that fails"
    lines = [f"## Failures of the Hub\n\n{verdicts.describe()}\n", *(f"- {each}" for each in verdicts.wrong)]
    return lines, [Figure(label, str(verdicts.right), str(scans), not verdicts.wrong)]


def _count_tampering(changes: int) -> Section:
    """Count the kinds of tampering that the suite finds, and the honest variations that pass.

    Raises:
        SystemExit: a test failed.
    """
    kinds = _count_passed("tests/tampering/test_tampering.py", "-k", "is_named_and_does_not_pass")
    variations = _count_passed("tests/tampering/test_variations.py")
    for suite in _CHANGES.values():
        _count_passed(suite, "-k", "random_change", "--timeout=0", MODELAUDIT_CHANGES=str(changes))
    lines = [
        "## Tampering\n\nThe suites of `tests/tampering`, and random changes to a locked, a signed, an attested and "
        "a sealed folder. A signature covers no modes and no empty folders, so a change of those is none.\n"
    ]
    return lines, [
        Figure("kinds of tampering, each named", str(kinds), "at least 100", kinds >= 100),
        Figure("honest variations without a false alarm", str(variations), "at least 20", variations >= 20),
        *(
            Figure(f"random changes of {changes:,} to {noun} folder that verify does not find", "0", "0", is_kept=True)
            for noun in _CHANGES
        ),
    ]


def _count_passed(*arguments: str, **variables: str) -> int:
    """Run tests, and return how many passed. Raises ``SystemExit`` if one failed."""
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    environment = clean_environment(sys.executable) | variables
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    passed = re.search(r"^(\d+) passed", done.stdout, re.MULTILINE)
    if done.returncode or passed is None:
        raise SystemExit(f"{done.stdout}\n{' '.join(command)}: exit code {done.returncode}, expected 0")
    return int(passed[1])


if __name__ == "__main__":
    sys.exit(main())
