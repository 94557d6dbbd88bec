"""How often the code of libraries, which is what models bring along as their own, is alarmed at. Prints a table.

``make bench-code`` runs it: fetches the wheels of transformers and diffusers without what they depend on, unpacks and
scans them, imports nothing. ``code_judged.yaml`` judges for each alarm whether it is true to the code.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from figures import add_options, describe_machine, publish_report, render_table
from samples import HERE

import modelaudit
from modelaudit.model.finding import Severity

_RESULTS = "code.md"
_JUDGED = HERE / "code_judged.yaml"
_PACKAGES = {"transformers": "4.57.1", "diffusers": "0.35.2"}
# What repositories of models bring as their own code.
_MODELLING = re.compile(
    r"(?:^|/)(?:modeling|modelling|configuration|tokenization|processing|image_processing|video_processing|"
    r"feature_extraction|pipeline|generation|scheduling|autoencoder|unet|transformer|controlnet)\w*\.py$|(?:^|/)pipelines/"
)
_GRAVE = (Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Alarm:
    """One alarm: the file with the package in front, the rule and the line."""

    file: str
    rule: str
    line: int


@dataclass(frozen=True, slots=True)
class _Judgement:
    """The code at the alarms of one rule in one file, and whether they are true to it."""

    file: str
    rule: str
    lines: list[int]
    holds: bool
    why: str

    @property
    def alarms(self) -> list[_Alarm]:
        return [_Alarm(self.file, self.rule, line) for line in self.lines]


def main() -> None:
    """Fetch, scan, print, write."""
    chosen = add_options(__doc__.splitlines()[0], _RESULTS).parse_args()
    lines, alarms = _scan_package(chosen.folder.resolve() / "code")
    judged = [_Judgement(**row) for row in yaml.safe_load(_JUDGED.read_text(encoding="utf-8"))]
    head = "# Alarms at the code of libraries\n\n" + describe_machine("bench-code") + "an alarm is high or critical.\n"
    publish_report("\n".join([head, *lines, *_list_alarms(alarms, judged)]), _RESULTS, chosen.write)


def _unpack_package(name: str, version: str, folder: Path) -> Path:
    """The package's own folder, fetched and unpacked unless it is there."""
    place = folder / f"{name}-{version}"
    if not place.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
        subprocess.run([*pip, "-d", str(folder), f"{name}=={version}"], check=True)
        (wheel,) = folder.glob(f"{name}-{version}-*.whl")
        part = place.with_name(place.name + ".part")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(part)
        part.rename(place)
    return place / name


def _scan_package(folder: Path) -> tuple[list[str], list[_Alarm]]:
    """The table of packages, and every alarm."""
    rows, alarms = [], []
    for name, version in _PACKAGES.items():
        place = _unpack_package(name, version, folder)
        start = time.process_time()
        report = modelaudit.scan(place, second_opinion=False)
        seconds = time.process_time() - start
        files = {record.path for record in report.coverage.artifacts if record.path.endswith(".py") and record.size}
        models = {path for path in files if _MODELLING.search(path)}
        grave = [each for each in report.findings if each.severity in _GRAVE]
        alarmed = {each.artifact for each in grave}
        alarms += [_Alarm(f"{name}/{each.artifact}", each.rule, each.location.line or 0) for each in grave]
        counts = [
            str(len(files)),
            str(len(models)),
            _render_part(alarmed & files, files),
            _render_part(alarmed & models, models),
        ]
        rows.append([f"{name} {version}", *counts, f"{seconds:.0f}"])
    head = ["package", "files", "modelling files", "alarmed, all", "alarmed, modelling", "CPU s"]
    return render_table(head, rows), alarms


def _render_part(some: set[str], whole: set[str]) -> str:
    return f"{len(some)} ({100 * len(some) / len(whole):.2f} %)"


def _list_alarms(alarms: Iterable[_Alarm], judged: Iterable[_Judgement]) -> list[str]:
    """List every alarm with its judgement, and the judged places that alarm no more."""
    known = {alarm: each for each in judged for alarm in each.alarms}
    counted: dict[str, int] = defaultdict(int)
    rows: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for alarm in sorted(alarms, key=lambda each: (each.file, each.rule, each.line)):
        each = known.pop(alarm, None)
        word = "not looked at" if each is None else "yes" if each.holds else "no"
        counted[word] += 1
        rows[alarm.file, alarm.rule, word, each.why if each else ""].append(alarm.line)
    parts = [
        f"Looked at in the source, {counted['yes']} alarms are true to the code and {counted['no']} are not; "
        f"{counted['not looked at']} are not looked at.\n",
        "| file | rule | lines | true | the code there |\n|---|---|---|---|---|",
    ]
    for (file, rule, word, why), lines in rows.items():
        parts.append(f"| `{file}` | {rule} | {', '.join(map(str, lines))} | {word} | {why} |")
    gone = sorted({f"`{alarm.file}` line {alarm.line}, {alarm.rule}" for alarm in known})
    return [*parts, *(["", "Judged, and no alarm any more: " + "; ".join(gone) + "."] if gone else []), ""]


if __name__ == "__main__":
    main()
