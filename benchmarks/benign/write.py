"""Write the benign set: model files by the real libraries, in environments that this script makes from pinned lists.

::

    python benchmarks/benign/write.py --out build/benign            # all of it
    python benchmarks/benign/write.py --out build/benign --only scikit-learn --only torch

``environments.yaml`` lists for each environment the version of Python, the modules in ``writers/`` that run in it, and
its requirements. ``--only`` takes a library, a writer or an environment. An environment whose Python is not
available is left out and named in ``omitted.json``, together with the samples that the libraries refused to write.

``manifest.json`` is a list with, for each file, its ``path`` in the folder, ``library``, ``version``, ``python``,
``protocol``, ``writer`` (the expression that wrote it) and ``alarm``: empty for nearly all; else the reason why a
scanner has to alarm although the file is benign, because its format runs code. Objects that dill and cloudpickle
pickle by value are code and not in the set. The files themselves are not committed; this script writes them again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
# The libraries of each writer, for ``--only``.
LIBRARIES = {
    "objects": ("python", "cloudpickle", "dill"),
    "arrays": ("numpy", "scipy"),
    "tables": ("pandas",),
    "estimators": ("scikit-learn",),
    "joblib_files": ("joblib",),
    "boosting": ("lightgbm", "xgboost", "catboost"),
    "statistics": ("imbalanced-learn", "hdbscan", "hmmlearn", "statsmodels"),
    "tensors": ("torch",),
    "layers": ("torch", "torchvision", "timm"),
    "training": ("torch", "transformers", "accelerate", "peft", "trl", "sentence-transformers"),
    "checkpoints": ("pytorch-lightning", "lightning", "omegaconf", "ultralytics"),
    "language": ("spacy", "thinc", "gensim", "nltk"),
}


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of ``environments.yaml``.

    Attributes:
        name: its key in the file.
        requirements: the requirements, one a line.
        python: the version of Python to create the environment with, such as ``3.11``.
        writers: the modules in ``writers/`` that run in it.
        alone: requirements to install without their dependencies.
    """

    name: str
    requirements: str
    python: str
    writers: tuple[str, ...]
    alone: tuple[str, ...]


def read_environments() -> list[Environment]:
    """Return the environments in the order of their names."""
    listed = yaml.safe_load((HERE / "environments.yaml").read_text(encoding="utf-8"))
    return [
        Environment(
            name,
            "".join(f"{each}\n" for each in row["requirements"]),
            row["python"],
            tuple(row["writers"]),
            tuple(row.get("no-deps", ())),
        )
        for name, row in sorted(listed.items())
    ]


def select_environments(only: frozenset[str]) -> Iterator[tuple[Environment, tuple[str, ...]]]:
    """Yield every environment with its writers that ``only`` names by environment, writer or library; all if empty."""
    for environment in read_environments():
        selected = []
        for writer in environment.writers:
            names = {environment.name, writer, *LIBRARIES.get(writer, ())}
            if not only or only & names:
                selected.append(writer)
        if selected:
            yield environment, tuple(selected)


def find_interpreter(version: str) -> str | None:
    """Return the command of Python ``version`` on this machine, if one is available and runs."""
    if sys.version_info[:2] == tuple(int(part) for part in version.split(".")):
        return sys.executable
    roots = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for command in (shutil.which(f"python{version}"), *map(str, roots)):
        if command and subprocess.run([command, "-c", ""], capture_output=True, check=False).returncode == 0:
            return command
    return None


def install_environment(environment: Environment, folder: Path) -> Path | None:
    """Return the interpreter of the environment; create the environment below ``folder`` unless it is complete.

    Return ``None`` if the machine does not have the Python that the environment needs.
    """
    home = folder / environment.name
    python, stamp = home / "bin" / "python", home / "installed.txt"
    if stamp.is_file() and stamp.read_text() == environment.requirements:
        return python
    command = find_interpreter(environment.python)
    if command is None:
        return None
    print(f"{environment.name}: installing", file=sys.stderr)
    subprocess.run([command, "-m", "venv", str(home)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-input"]
    listed = home / "requirements.txt"
    listed.write_text(environment.requirements)
    subprocess.run([*pip, "-r", str(listed)], check=True)
    if environment.alone:
        subprocess.run([*pip, "--no-deps", *environment.alone], check=True)
    # Written last: an environment without this file is incomplete and is installed again.
    stamp.write_text(environment.requirements)
    return python


def run_writer(
    environment: Environment, writer: str, python: Path, out: Path
) -> tuple[list[dict[str, object]], list[str]]:
    """Run one writer in a process of its own; return its rows of the manifest and the omitted samples."""
    rows = out / f".{environment.name}-{writer}.json"
    rows.unlink(missing_ok=True)
    command = [str(python), "-W", "ignore", str(HERE / "fill.py"), str(out), environment.name, writer, str(rows)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=out)
    omitted = []
    if process.returncode:
        last_line = (process.stderr.strip().splitlines() or ["no message"])[-1]
        omitted.append(f"{environment.name}/{writer} stopped: {last_line}")
    if not rows.is_file():
        return [], omitted
    manifest = json.loads(rows.read_text())
    rows.unlink()
    return manifest["files"], omitted + [f"{environment.name}/{reason}" for reason in manifest["omitted"]]


def main() -> None:
    """Write the set, or the selected part of it."""
    parser = argparse.ArgumentParser(description="Write model files by the real libraries.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the files and manifest.json into")
    parser.add_argument("--only", action="append", default=[], help="a library, writer or environment; repeatable")
    parser.add_argument("--environments", type=Path, default=Path(".venv/benign"), help="where the environments lie")
    options = parser.parse_args()
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    files: list[dict[str, object]] = []
    omitted: list[str] = []
    for environment, writers in select_environments(frozenset(options.only)):
        python = install_environment(environment, options.environments.resolve())
        if python is None:
            omitted.append(f"{environment.name}: there is no Python {environment.python} on this machine")
            continue
        for writer in writers:
            rows, refused = run_writer(environment, writer, python, out)
            files += rows
            omitted += refused
            print(f"{environment.name}: {writer}: {len(rows)} files, {len(refused)} left out", file=sys.stderr)
    # A writer may cover more libraries than the one that --only names.
    libraries = frozenset(options.only) & {str(row["library"]) for row in files}
    if libraries:
        files = [row for row in files if row["library"] in libraries]
    files.sort(key=lambda row: str(row["path"]))
    (out / "manifest.json").write_text(json.dumps(files, indent=1) + "\n")
    (out / "omitted.json").write_text(json.dumps(omitted, indent=1) + "\n")
    for library, count in sorted(Counter(str(row["library"]) for row in files).items()):
        print(f"{library:20} {count:5}")
    print(f"{'in all':20} {len(files):5}")


if __name__ == "__main__":
    main()
