"""Count the decisions on security that repositories of publishers need: models with their code, as they are in public.

``make bench-publishers`` writes the repositories of ``honest/publishers.yaml`` into a folder, scans each with the
policy ``commercial-saas``, and prints the decisions on security per 100 repositories, by rule or reason.
``benchmarks/decisions.py`` counts those on licences.
"""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from decision_counts import Subject, count_subjects
from figures import add_options, describe_machine, publish_report, render_table
from samples import HERE

_RESULTS: Final = "publishers.md"
_CARD: Final = "---\nlicense: apache-2.0\n---\n# Acme tiny\n\nA small model. The weights are under Apache 2.0.\n"


def main() -> None:
    """Write and scan the repositories, and print the report."""
    parser = add_options(__doc__.splitlines()[0], _RESULTS)
    chosen = parser.parse_args()
    folder = chosen.folder.resolve() / "publishers"
    shutil.rmtree(folder, ignore_errors=True)
    listed = yaml.safe_load((HERE / "honest" / "publishers.yaml").read_text(encoding="utf-8"))
    for name, repository in listed.items():
        write_repository(folder / name, repository["weights"], repository["files"])
    found = scan_repositories(folder, list(listed))
    publish_report("\n".join(render_report(found)) + "\n", _RESULTS, chosen.write)


def write_repository(folder: Path, weights: str, files: Mapping[str, Any]) -> None:
    """Write the files of a repository; a list of texts becomes a notebook with a cell for each."""
    for path, content in {"README.md": _CARD, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(_write_notebook(content) if isinstance(content, list) else content, encoding="utf-8")
    _WEIGHTS[weights](folder)


def _write_notebook(sources: list[str]) -> str:
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": each.splitlines(True)}
        for each in sources
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def _write_safetensors(folder: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"layer.weight": np.zeros((2, 4), dtype=np.float32)}, folder / "model.safetensors", {"format": "pt"})


def _write_torch(folder: Path) -> None:
    import torch

    torch.save({"layer.weight": torch.zeros(2, 4)}, folder / "pytorch_model.bin")


def _write_joblib(folder: Path) -> None:
    import joblib
    import numpy as np

    joblib.dump({"coef": np.zeros(4), "classes": ["a", "b"]}, folder / "model.joblib")


def _write_pickle(folder: Path) -> None:
    (folder / "labels.pkl").write_bytes(pickle.dumps({"labels": ["a", "b"]}, 4))
    _write_safetensors(folder)


_WEIGHTS: Final[Mapping[str, Callable[[Path], None]]] = {
    "safetensors": _write_safetensors,
    "torch": _write_torch,
    "joblib": _write_joblib,
    "pickle": _write_pickle,
}


def scan_repositories(folder: Path, names: list[str]) -> dict[str, list[Subject]]:
    """Return the decisions on security that each repository needs."""
    reports = folder.parent / "publishers-reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    paths = "".join(f"{folder / name}\n" for name in names)
    subprocess.run(
        [sys.executable, str(HERE / "decision_worker.py"), str(reports)],
        input=paths,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = {}
    for name in names:
        report = json.loads((reports / f"{name}.json").read_text(encoding="utf-8"))
        subjects = count_subjects(0, report).subjects
        found[name] = [each for each in subjects if not each.cause.startswith(("licence", "findings (licence"))]
    return found


def render_report(found: Mapping[str, list[Subject]]) -> list[str]:
    """Return the lines of the report."""
    total = sum(map(len, found.values()))
    needing = sum(bool(each) for each in found.values())
    by_group = Counter(each.group for subjects in found.values() for each in subjects)
    rows = [[f"`{group}`", str(count)] for group, count in by_group.most_common()]
    details = [[name, ", ".join(f"`{each.name}`" for each in subjects)] for name, subjects in found.items() if subjects]
    return [
        "# Decisions on the security of publishers' repositories",
        "",
        describe_machine("bench-publishers") + f"{len(found)} repositories with code beside the model.",
        "",
        f"{total} decisions in {needing} repositories: {100 * total / len(found):.1f} per 100 repositories.",
        "",
        *render_table(("rule or reason", "decisions"), rows),
        "",
        *render_table(("repository", "decisions"), details),
    ]


if __name__ == "__main__":
    main()
