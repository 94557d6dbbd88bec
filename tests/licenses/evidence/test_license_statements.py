"""The licence that a licence file states for the model in a sentence, beside sentences of its author's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.catalogue import load_shipped

import modelaudit
from modelaudit.licenses.evidence.fields import RESTRICTION, STATEMENT, Resolver
from modelaudit.licenses.evidence.license_statements import find_stated_license
from modelaudit.model.license import ConclusionState

NON_COMMERCIAL = (
    "Heron weights\n=============\n\nThe trained Heron checkpoints, which the release page lists by digest, are licensed under the\n"
    "Creative Commons Attribution-NonCommercial 4.0 International License (CC BY-NC 4.0).\n\n"
)
CODE_APART = "The source code in this repository is licensed under the Apache License 2.0, see LICENSE.\n"


@pytest.mark.parametrize(
    "text, expected",
    [
        (f"{NON_COMMERCIAL}{CODE_APART}", "CC-BY-NC-4.0"),
        (f"{CODE_APART}The weights are under CC BY-NC-SA 4.0, because a part of the data is.", "CC-BY-NC-SA-4.0"),
        ("Model Weights License: CC BY-NC 4.0\n\nIt suits the photographs of our friends best.", "CC-BY-NC-4.0"),
        (
            "Heron is provided under and subject to the Databricks Open Model License.",
            "LicenseRef-Databricks-Open-Model",
        ),
        (
            "The weights, which follow the data, are shared alike:\n\n    Creative Commons Attribution-NonCommercial 4.0\n"
            "    International (CC BY-NC 4.0)\n\nThe code (all but the weights) is licensed under the MIT License.",
            "CC-BY-NC-4.0",
        ),
        (
            "Checkpoints are under this one:\n\n- **CC BY-NC 4.0**\n- Notes: cite the paper of the herons.",
            "CC-BY-NC-4.0",
        ),
        ("The weights are under the following license (CreativeML Open RAIL-M).", "LicenseRef-CreativeML-OpenRAIL-M"),
        ("The model weights are subject to the DeepSeek Model License.", "LicenseRef-DeepSeek-1.0"),
        ("The weights are under CC BY-NC-SA 4.0.\n\nNotice of a file:\n\nCC BY-NC 4.0", "CC-BY-NC-SA-4.0"),
        # A permissive name that stands alone, or beside a model of others, may be meant for something else.
        ("Terms of the checkpoints:\n\nMIT License\n\nAsk the keeper.", None),
        (
            "The weights are derived from data shared under Heron Terms. The model is licensed under the MIT License.",
            None,
        ),
        # Only the code has a licence, or the work of others.
        (CODE_APART, None),
        ("The training data are licensed under CC BY-NC 4.0.", None),
        ("The weights are derived from Ibis, which is licensed under CC BY-NC 4.0.", None),
        # Two licences, an unknown one, and terms of its own that name another licence.
        ("The small model is licensed under the MIT License.\n\nThe large model is licensed under CC BY-NC 4.0.", None),
        (f"{NON_COMMERCIAL}The large model is licensed under the Heron Model License.", None),
        (f"{NON_COMMERCIAL}1. The Licensor hereby grants You a right to read.", None),
        (NON_COMMERCIAL + "The heron is a bird. " * 500, None),
    ],
)
def test_statement_of_a_licence_file_names_the_licence_of_the_model(text: str, expected: str | None) -> None:
    licenses = load_shipped().licenses
    found = find_stated_license(text, Resolver.from_rules(licenses, {}), licenses)
    assert (found and found.id) == expected


def _conclude(folder: Path, text: str):
    folder.mkdir()
    (folder / "LICENSE-MODEL").write_text(text)
    return modelaudit.license(folder, policy="commercial-saas", offline=True)


def test_stated_licence_is_concluded_with_its_line_and_that_of_the_code(tmp_path: Path) -> None:
    conclusion = _conclude(tmp_path / "m", NON_COMMERCIAL + CODE_APART).license
    assert (conclusion.state, conclusion.expression) == (ConclusionState.CONCLUDED, "CC-BY-NC-4.0")
    (statement,) = (claim for claim in conclusion.claims if claim.field == STATEMENT)
    assert statement.location.line == 4
    assert "Apache-2.0" in {claim.entry for claim in conclusion.claims}


def test_sentence_beside_a_stated_licence_that_restricts_more_is_quoted(tmp_path: Path) -> None:
    conclusion = _conclude(
        tmp_path / "m", f"{NON_COMMERCIAL}The model must not be used in the European Union.\n"
    ).license
    quoted = [claim.quotation for claim in conclusion.claims if claim.field == RESTRICTION]
    assert "The model must not be used in the European Union." in quoted


@pytest.mark.parametrize("sentence", ["Herons of the marsh alone, please.", "Ask the keeper of the marsh first."])
def test_sentence_beside_a_stated_permissive_licence_is_always_left_to_a_person(tmp_path: Path, sentence: str) -> None:
    report = _conclude(tmp_path / "m", f"The weights are licensed under the MIT License.\n\n{sentence}\n")
    quoted = [claim.quotation for claim in report.license.claims if claim.field == RESTRICTION]
    assert report.license.expression == "MIT"
    assert sentence in quoted
    assert report.decision.use.verdict == "review"
