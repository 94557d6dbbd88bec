"""Run rewrites with the real loaders, and list in ``rewrites_lost.yaml`` those that no longer do what they did.

``PYTHON benchmarks/field_cases/prove_rewrites.py --each 100 [--only PREFIX] [--old FOLDER]``. A malicious rewrite has
to leave its mark. A benign one has to load without an error, and to leave none. ``--short`` imports a program as its
loader would, which takes a tenth of the time; pickles and trees always go through their loader.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from case_files import HERE, Case
from prove import try_case, warm_up
from rewrites import Rewrite, list_rewrites

_WARM = (
    "gguf",
    "hydra.utils",
    "jsonargparse",
    "jsonpickle",
    "lm_eval.utils",
    "mlflow.pyfunc",
    "mlserver.settings",
    "mmengine.registry",
    "monai.bundle",
    "onnx",
    "sympy",
    "torchtune.config",
)


def to_case(rewrite: Rewrite, short: bool) -> Case:
    """Return a rewrite as a case."""
    loader = "program" if short and "module" in rewrite.settings else rewrite.loader
    return Case(rewrite.id, "rewrite", rewrite.expect, "", loader, rewrite.settings, "", rewrite.files)


def main() -> None:
    """Run the chosen rewrites and note the lost ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=100, help="rewrites of each payload")
    parser.add_argument("--short", action="store_true", help="import the program itself, not by its loader")
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--only", default="", help="beginnings of the payloads to run, with commas between")
    parser.add_argument("--old", type=Path, help="folder with the older releases")
    parser.add_argument("--out", type=Path, default=HERE / "rewrites_lost.yaml")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    lost: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        warm_up(root)
        if options.old:
            sys.path.insert(0, str(options.old))
        for name in _WARM:
            importlib.import_module(name)
        mark = root / "mark"
        for rewrite in list_rewrites(options.seed, options.each, str(mark), options.only):
            ran, status = try_case(to_case(rewrite, options.short), root, mark, None)
            benign = rewrite.expect == "pass"
            kept = not ran and not status if benign else ran
            counts[f"{rewrite.expect} {'kept' if kept else 'lost'}"] += 1
            if not kept:
                lost.setdefault(rewrite.payload, []).append(rewrite.id)
                log = (root / f"{rewrite.id}.log").read_text(errors="replace").strip().splitlines()[-1:]
                print(rewrite.id, " ".join(rewrite.steps), *log, sep=" | ", flush=True)
            shutil.rmtree(root / "repository", ignore_errors=True)
            (root / f"{rewrite.id}.log").unlink(missing_ok=True)
    noted: dict[str, Any] = {"seed": options.seed, "each": options.each, "counts": dict(counts), "lost": lost}
    head = "# Written by prove_rewrites.py: the rewrites that no longer run, which no measurement counts.\n"
    options.out.write_text(head + yaml.safe_dump(noted, width=110), encoding="utf-8")
    print(dict(counts))


if __name__ == "__main__":
    main()
