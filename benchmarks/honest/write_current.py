"""Write the repositories of modules with the libraries of this environment: ``write_current.py FOLDER MODULE...``.

A repository that exists is not written again. A library that is not installed, or that refuses, leaves its repository
out; a line on standard error names it with the reason.
"""

from __future__ import annotations

import importlib
import os
import random
import shutil
import sys
from pathlib import Path

os.environ.update({"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"})
os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
from cards import WRITERS, write_card

_SEED = 2026


def main() -> None:
    """Write what the modules register."""
    root = Path(sys.argv[1])
    for name in sys.argv[2:]:
        importlib.import_module(name)
    for name, (card, write) in sorted(WRITERS.items()):
        folder = root / name
        if folder.exists():
            continue
        random.seed(_SEED)
        np.random.seed(_SEED)
        unfinished = root.parent / "unfinished" / name
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            write(unfinished)
        except Exception as error:  # noqa: BLE001 - a library may raise anything, and the others go on
            print(f"{name} is left out: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        write_card(unfinished, card)
        root.mkdir(parents=True, exist_ok=True)
        unfinished.rename(folder)


if __name__ == "__main__":
    main()
