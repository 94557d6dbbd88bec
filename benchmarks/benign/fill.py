"""Run one writer inside its environment: ``python fill.py ROOT ENVIRONMENT WRITER ROWS``."""

from __future__ import annotations

import importlib
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
# One thread, no device, no network: the files are small, and the same on every machine.
os.environ.update(
    {
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "WANDB_DISABLED": "true",
        "YOLO_OFFLINE": "true",
    }
)


def main() -> None:
    """Write the samples of one writer."""
    root, environment, writer, rows = sys.argv[1:]
    from shelf import Shelf

    random.seed(0)
    shelf = Shelf(Path(root), environment)
    module = importlib.import_module("writers." + writer)
    try:
        module.write(shelf)
    finally:
        shelf.close(Path(rows))


if __name__ == "__main__":
    main()
