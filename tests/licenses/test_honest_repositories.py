"""Repositories in the manner of public ones: honest prose is allowed, and a restriction in any place is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import modelaudit
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.terms import Answer, Use

CASES = Path(__file__).resolve().parents[2] / "benchmarks/license_cases"


def load_repositories(name: str) -> dict[str, Mapping[str, Any]]:
    """Load the repositories of a file of cases, by their ids."""
    return {each["id"]: each for each in yaml.safe_load((CASES / f"{name}.yaml").read_text("utf-8"))["repositories"]}


HONEST = load_repositories("honest") | load_repositories("honest_second")
HIDDEN = load_repositories("hidden")
LEFT_TO_A_PERSON = {
    "honest-asr-de": "who needs consent under the law of a country is no term of the model, but reads like one",
    "honest-code-model-isc": "a licence that may apply to a part of the output is a question for a person",
    "honest-multi-license-note": "a question about a commercial licence has an answer in two sentences",
    "honest-sentiment-en": "terms in a relative clause may be those of the model",
}
"""The cases that a person still has to read, with the reason."""
USES = {
    **dict.fromkeys(map(str, Use), False),
    **{str(each): True for each in (Use.COMMERCIAL, Use.REDISTRIBUTE, Use.FINE_TUNE)},
}


def answer_for(files: Mapping[str, str], folder: Path) -> LicenseConclusion:
    """Conclude the licence of a repository for sale in the United States."""
    for name, content in {"config.json": "{}", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8"))
    return modelaudit.license(folder, offline=True, uses=USES, territories=["US"], field="general").license


@pytest.mark.parametrize("id_", HONEST)
def test_honest_repository_is_allowed(id_: str, tmp_path: Path) -> None:
    conclusion = answer_for(HONEST[id_]["files"], tmp_path)
    expected = Answer.REVIEW if id_ in LEFT_TO_A_PERSON else Answer.ALLOW
    assert conclusion.permission is expected, [each.detail for each in conclusion.conflicts]


@pytest.mark.parametrize("id_", HIDDEN)
def test_hidden_restriction_is_never_allowed(id_: str, tmp_path: Path) -> None:
    assert answer_for(HIDDEN[id_]["files"], tmp_path).permission in (Answer.REVIEW, Answer.DENY)
