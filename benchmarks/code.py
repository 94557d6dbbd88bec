"""Count the alarms at the code of transformers and diffusers, which resembles the code in model repositories.

``make bench-code`` runs it. It downloads the wheels without their dependencies, unpacks and scans them, and imports
nothing. ``code_judged.yaml`` states for each alarm whether it describes the code correctly.
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
# Names like those of the Python files in model repositories, such as ``modeling_llama.py`` or ``pipelines/base.py``.
_MODELLING = re.compile(
    r"(?:^|/)(?:modeling|modelling|configuration|tokenization|processing|image_processing|video_processing|"
    r"feature_extraction|pipeline|generation|scheduling|autoencoder|unet|transformer|controlnet)\w*\.py$|(?:^|/)pipelines/"
)
_GRAVE = (Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Alarm:
    """A finding of high or critical severity.

    Attributes:
        file: the path of the file, with the package in front.
        rule: the id of the rule.
        line: the line in the file, or 0 if unknown.
    """

    file: str
    rule: str
    line: int


@dataclass(frozen=True, slots=True)
class _Judgement:
    """The judgement of a person on the alarms of one rule in one file.

    Attributes:
        file: the path of the file, with the package in front.
        rule: the id of the rule.
        lines: the lines of the alarms.
        holds: whether the alarms describe the code correctly.
        why: the code at these lines, in words.
    """

    file: str
    rule: str
    lines: list[int]
    holds: bool
    why: str

    @property
    def alarms(self) -> list[_Alarm]:
        """One alarm for each line."""
        return [_Alarm(self.file, self.rule, line) for line in self.lines]


def main() -> None:
    """Download and scan the packages, print the report, and write it with ``--write``."""
    chosen = add_options(__doc__.splitlines()[0], _RESULTS).parse_args()
    lines, alarms = _scan_packages(chosen.folder.resolve() / "code")
    judged = [_Judgement(**row) for row in yaml.safe_load(_JUDGED.read_text(encoding="utf-8"))]
    head = "# Alarms at the code of libraries\n\n" + describe_machine("bench-code") + "an alarm is high or critical.\n"
    publish_report("\n".join([head, *lines, *_render_alarms(alarms, judged)]), _RESULTS, chosen.write)


def _unpack_package(name: str, version: str, folder: Path) -> Path:
    """Return the folder of the package's modules; download and unpack its wheel below ``folder`` if needed."""
    unpacked = folder / f"{name}-{version}"
    if not unpacked.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
        subprocess.run([*pip, "-d", str(folder), f"{name}=={version}"], check=True)
        (wheel,) = folder.glob(f"{name}-{version}-*.whl")
        unfinished = unpacked.with_name(unpacked.name + ".part")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unfinished)
        unfinished.rename(unpacked)
    return unpacked / name


def _scan_packages(folder: Path) -> tuple[list[str], list[_Alarm]]:
    """Scan every package; return the lines of the table of packages, and every alarm."""
    rows, alarms = [], []
    for name, version in _PACKAGES.items():
        package = _unpack_package(name, version, folder)
        start = time.process_time()
        report = modelaudit.scan(package, second_opinion=False)
        seconds = time.process_time() - start
        files = {record.path for record in report.coverage.artifacts if record.path.endswith(".py") and record.size}
        models = {path for path in files if _MODELLING.search(path)}
        grave = [each for each in report.findings if each.severity in _GRAVE]
        alarmed = {each.artifact for each in grave}
        alarms += [_Alarm(f"{name}/{each.artifact}", each.rule, each.location.line or 0) for each in grave]
        counts = [
            str(len(files)),
            str(len(models)),
            _format_share(alarmed & files, files),
            _format_share(alarmed & models, models),
        ]
        rows.append([f"{name} {version}", *counts, f"{seconds:.0f}"])
    head = ["package", "files", "modelling files", "alarmed, all", "alarmed, modelling", "CPU s"]
    return render_table(head, rows), alarms


def _format_share(part: set[str], total: set[str]) -> str:
    """Format the size of ``part``, and its share of ``total`` in per cent."""
    return f"{len(part)} ({100 * len(part) / len(total):.2f} %)"


def _render_alarms(alarms: Iterable[_Alarm], judged: Iterable[_Judgement]) -> list[str]:
    """Render a table of the alarms with their judgements, and a line of the judgements without an alarm."""
    judgements = {alarm: judgement for judgement in judged for alarm in judgement.alarms}
    counted: dict[str, int] = defaultdict(int)
    rows: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for alarm in sorted(alarms, key=lambda each: (each.file, each.rule, each.line)):
        judgement = judgements.pop(alarm, None)
        if judgement is None:
            word, why = "not looked at", ""
        else:
            word = "yes" if judgement.holds else "no"
            why = judgement.why
        counted[word] += 1
        rows[alarm.file, alarm.rule, word, why].append(alarm.line)
    parts = [
        f"Looked at in the source, {counted['yes']} alarms are true to the code and {counted['no']} are not; "
        f"{counted['not looked at']} are not looked at.\n",
        "| file | rule | lines | true | the code there |\n|---|---|---|---|---|",
    ]
    for (file, rule, word, why), lines in rows.items():
        parts.append(f"| `{file}` | {rule} | {', '.join(map(str, lines))} | {word} | {why} |")
    # The judgements that no alarm has taken.
    gone = sorted({f"`{alarm.file}` line {alarm.line}, {alarm.rule}" for alarm in judgements})
    if gone:
        parts += ["", "Judged, and no alarm any more: " + "; ".join(gone) + "."]
    return [*parts, ""]


if __name__ == "__main__":
    main()
