"""Run one writer module inside its environment: ``python fill.py ROOT ENVIRONMENT WRITER ROWS``.

It writes the samples below ROOT and their manifest rows to the file ROWS.
"""

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
    """Write the samples of one writer module, and their rows even if the module fails."""
    root, environment, writer, rows = sys.argv[1:]
    from sample_writer import SampleWriter

    random.seed(0)
    samples = SampleWriter(Path(root), environment)
    module = importlib.import_module("writers." + writer)
    try:
        module.write_samples(samples)
    finally:
        samples.write_manifest(Path(rows))


if __name__ == "__main__":
    main()
