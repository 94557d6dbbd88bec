"""Write small repositories with current libraries, each with the card that an honest publisher writes.

``benchmarks/decisions.py`` runs it in the environment that ``benchmarks/decisions.yaml`` pins: ``write.py FOLDER``. A
function of ``estimators.py``, ``frameworks.py`` or ``transformer_models.py`` writes the files of each repository; its
decorator states the licence of the card. Weights are random with a fixed seed, so all files are the same again, except
for the times that Keras and skops store, and an address that a vectorizer of scikit-learn stores.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from functools import partial
from pathlib import Path

# No device, no network, no order that differs by thread.
os.environ.update(
    {
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_OFFLINE": "1",
        "KERAS_BACKEND": "torch",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
)

import estimators  # noqa: F401 - registers its repositories
import frameworks  # noqa: F401 - registers its repositories
import numpy as np
import torch
import transformer_models  # noqa: F401 - registers its repositories
from cards import WRITERS, repository, write_card

_SEED = 2026
_FILES = Path(__file__).resolve().parents[2] / "fixtures" / "written"
# Repositories of files that large libraries wrote; fixtures/written/files.yaml lists their versions.
_COPIED: dict[str, tuple[str, str, str, bool, tuple[str, ...]]] = {
    "catboost": ("apache-2.0", "catboost", "tabular-classification", True, ("catboost/cat.cbm",)),
    "coremltools": ("apache-2.0", "coreml", "image-classification", False, ("coremltools/convolution.mlpackage",)),
    "flax": ("apache-2.0", "flax", "feature-extraction", True, ("flax/flax_model.msgpack",)),
    "saved-model": ("apache-2.0", "tf-keras", "image-classification", False, ("tensorflow/simple",)),
    "keras-tensorflow": ("apache-2.0", "keras", "image-classification", True, ("keras/images.keras",)),
    "tflite": ("mit", "tflite", "image-classification", False, ("tflite/conv.tflite", "tflite/int8.tflite")),
    "executorch": ("bsd-3-clause", "executorch", "image-classification", False, ("executorch/conv.pte",)),
    "paddle": ("apache-2.0", "paddlenlp", "image-classification", False, ("paddlepaddle/paddle3",)),
    "torch-onnx": ("mit", "onnx", "image-classification", True, ("onnx/torch-dynamo.onnx",)),
    "onnx-quantized": ("cc-by-4.0", "onnx", "image-classification", False, ("onnx/runtime-quantized.onnx",)),
    "sentencepiece": ("mit", "sentencepiece", "text-generation", False, ("sentencepiece/unigram.model",)),
}


def _copy_files(paths: tuple[str, ...], folder: Path) -> None:
    """Copy files and folders of ``fixtures/written`` into the repository."""
    for path in paths:
        source = _FILES / path
        if source.is_dir():
            shutil.copytree(source, folder / source.name)
        else:
            shutil.copy(source, folder)


def main() -> None:
    """Write all repositories below the folder that the command line names."""
    root = Path(sys.argv[1])
    for name, (license_, library, task, text, paths) in _COPIED.items():
        repository(license_, library, task, text=text, name=name)(partial(_copy_files, paths))
    for name, (card, write) in sorted(WRITERS.items()):
        random.seed(_SEED)
        np.random.seed(_SEED)
        torch.manual_seed(_SEED)
        folder = root / name
        folder.mkdir(parents=True)
        write(folder)
        write_card(folder, card)


if __name__ == "__main__":
    main()
