"""Repositories of honest publishers, in the manner of public cards: an ordinary licence is allowed in spite of its prose."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import modelaudit
from modelaudit.model.terms import Answer, Use

CASES = Path(__file__).resolve().parents[2] / "benchmarks/license_cases/honest.yaml"
REPOSITORIES = {each["id"]: each for each in yaml.safe_load(CASES.read_text("utf-8"))["repositories"]}
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


@pytest.mark.parametrize("id_", REPOSITORIES)
def test_honest_repository_is_allowed(id_: str, tmp_path: Path) -> None:
    for name, content in {"config.json": "{}", **REPOSITORIES[id_]["files"]}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    report = modelaudit.license(tmp_path, offline=True, uses=USES, territories=["US"], field="general")
    expected = Answer.REVIEW if id_ in LEFT_TO_A_PERSON else Answer.ALLOW
    assert report.license.permission is expected, [each.detail for each in report.license.conflicts]
