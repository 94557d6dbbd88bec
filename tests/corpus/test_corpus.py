"""Scan labelled samples of two public scanners, if a copy of them is available beside the project.

``MODELAUDIT_CORPUS`` names the folder with ``labels.json``; the default is ``../shared/corpus``. The project's own
fixtures guard its behaviour; these tests check that the behaviour extends to files of other authors.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import modelaudit

CORPUS = Path(os.environ.get("MODELAUDIT_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
LABELS: dict[str, str] = json.loads((CORPUS / "labels.json").read_text()) if (CORPUS / "labels.json").is_file() else {}

EXCEPTIONS = {
    "bad_pytorch.pt": (3, "it is a PNG picture under another name, and breaks off"),
    "benign_password_protected.zip": (3, "its one member is encrypted, so its content cannot be read"),
    "not_a_pickle.bin": (3, "seven bytes of no known format; loading them fails"),
    "simple_nested.pkl": (0, "the pickle inside holds a dictionary of text; neither calls or imports anything"),
}
"""Files whose exit code differs from the one that their label implies, with the reason."""

SAMPLES = sorted(path for path, label in LABELS.items() if label in ("malicious", "benign"))


def test_corpus_has_at_most_five_exceptions_and_each_names_an_existing_sample() -> None:
    if LABELS:
        assert {Path(path).name for path in SAMPLES} >= set(EXCEPTIONS)
    assert len(EXCEPTIONS) <= 5


@pytest.mark.parametrize("path", SAMPLES)
def test_scan_of_a_corpus_sample_ends_with_the_exit_code_of_its_label_or_listed_exception(path: str) -> None:
    report = modelaudit.scan(CORPUS / path, second_opinion=False)
    code_of_label = {"malicious": 1, "benign": 0}[LABELS[path]]
    expected, _ = EXCEPTIONS.get(Path(path).name, (code_of_label, ""))
    findings = [(finding.rule, finding.message) for finding in report.findings]
    assert report.exit_code == expected, (findings, report.decision.reasons)
