"""Scan repositories through a Hub that answers a share of all requests with a failure, and count right verdicts.

``make bench-fetching`` runs it, and it ends with 1 if any verdict is wrong. The share is 5 %, drawn by a seed: status
503, status 429, a connection that is closed within the body, or before it. Of three repositories, one is honest, one
has an altered file, and one lacks a file that it lists. The pauses between repeated requests are a twentieth of those
of a scan. 300 scans take about five minutes on two idle cores; ``--scans N`` makes fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import samples  # noqa: F401 - it makes the modules of the tests importable
from figures import describe_machine
from hub.server import LoopbackHub

import modelaudit
from modelaudit.sources import retries

_SHARE: Final = 0.05
_FILES: Final = 22
_KINDS: Final = {"honest": 0, "altered": 1, "lacking": 3}
"""The kinds of repositories, with the exit code that is right for each."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of all scans.

    Attributes:
        wrong: a line for each wrong verdict.
        kinds: how many repositories of each kind were scanned.
        failures: how many answers failed.
        answers: how many requests were answered.
        seconds: wall time of all scans.
    """

    wrong: Sequence[str]
    kinds: Mapping[str, int]
    failures: int
    answers: int
    seconds: float

    @property
    def right(self) -> int:
        """How many verdicts are right."""
        return sum(self.kinds.values()) - len(self.wrong)

    def describe(self) -> str:
        """Return a line with the counts."""
        counts = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        return (
            f"{self.right} of {sum(self.kinds.values())} verdicts are right ({counts}); {self.failures} of "
            f"{self.answers} answers failed; {self.seconds:.0f} s."
        )


def main() -> int:
    """Make the scans, print the counts, and return 1 if a verdict is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=300)
    verdicts = count_right_verdicts(parser.parse_args().scans)
    print("\n".join(verdicts.wrong))
    print(f"{describe_machine('bench-fetching')}{verdicts.describe()}")
    return 1 if verdicts.wrong else 0


def count_right_verdicts(scans: int) -> Verdicts:
    """Make ``scans`` scans, and compare their exit codes with the right ones."""
    retries.FIRST_WAIT /= 20
    wrong, failures, answers = [], 0, 0
    kinds = [tuple(_KINDS)[seed % len(_KINDS)] for seed in range(scans)]
    started = time.monotonic()
    for seed, kind in enumerate(kinds):
        code, failed, answered = scan_through_unreliable_hub(seed, kind)
        failures, answers = failures + failed, answers + answered
        if code != _KINDS[kind]:
            wrong.append(f"seed {seed}: the {kind} repository exits with {code} in place of {_KINDS[kind]}")
    return Verdicts(wrong, Counter(kinds), failures, answers, time.monotonic() - started)


def scan_through_unreliable_hub(seed: int, kind: str) -> tuple[int, int, int]:
    """Scan a repository of the kind, and return the exit code, the failed answers and all answers."""
    weights = {f"part-{number:02}.safetensors": build_weights(20_000, number) for number in range(_FILES // 2)}
    settings = {f"{number:02}.json": json.dumps({"seed": seed, "n": number}) for number in range(_FILES // 2)}
    with tempfile.TemporaryDirectory() as home, LoopbackHub() as hub:
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": home, "HF_HUB_CACHE": f"{home}/hub"}
        hub.add_repository("acme/parts", {**weights, **settings})
        unreliability = hub.make_unreliable(seed, _SHARE)
        if kind == "altered":
            hub.inject_fault("part-03.safetensors", origin="cdn", tamper=True)
        if kind == "lacking":
            hub.inject_fault("part-03.safetensors", status=404, headers={"X-Error-Code": "EntryNotFound"})
        report = modelaudit.scan("acme/parts", checks=["integrity"], second_opinion=False)
        return report.exit_code, unreliability.failures, len(hub.requests)


def build_weights(size: int, filling: int) -> bytes:
    """Build a safetensors file: the length of its header, the header, and one tensor."""
    count = size - 128
    header = json.dumps({"weight": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}}).encode().ljust(120)
    return struct.pack("<Q", len(header)) + header + bytes([filling]) * count


if __name__ == "__main__":
    sys.exit(main())
