"""Sentences that agree, tables that compare models, sentences of a licence itself, and how many more are quoted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.evidence.fields import Resolver
from modelaudit.licenses.evidence.named_licenses import find_named_license
from modelaudit.licenses.evidence.restriction_sentences import find_restrictions
from modelaudit.licenses.evidence.sentences import split_sentences
from modelaudit.licenses.evidence.text_references import resolve_reference
from modelaudit.licenses.recognition import find_references
from modelaudit.licenses.recognition.known_sentences import is_known_sentence

SENTENCES: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("agreeing.yaml").read_text("utf-8"))
TABLE = "# Heron\n\n| Model | Licence | Score |\n|---|---|---|\n| Llama | non-commercial | 85 |\n"


def find_quotations(text: str) -> list[str]:
    return [each.quotation for each in find_restrictions(text, 1, "README.md", load_shipped().restrictions)]


def test_sentences_that_agree_are_quiet() -> None:
    """They are never taught, and nothing else measures sentences about an ordinary licence itself."""
    alarms = [each for each in SENTENCES["quiet"] if find_quotations(each)]
    assert len(alarms) / len(SENTENCES["quiet"]) <= 0.25, alarms


def test_sentences_that_go_on_to_a_restriction_are_noticed() -> None:
    missed = [each for each in SENTENCES["noticed"] if not find_quotations(each)]
    assert len(missed) / len(SENTENCES["noticed"]) <= 0.05, missed


def test_rows_on_other_models_count_only_in_a_table_that_marks_no_row_as_the_own_one() -> None:
    assert find_quotations(TABLE)
    assert find_quotations(f"{TABLE}| Heron (ours) | MIT | 93 |\n") == []
    assert find_quotations(f"{TABLE}| Heron (ours) | MIT | 93 |\n| Weights | non-commercial | 93 |\n") == [
        "| Weights | non-commercial | 93 |"
    ]
    assert find_quotations(f"{TABLE}| Heron (ours) | non-commercial | 93 |\n") == [
        "| Heron (ours) | non-commercial | 93 |"
    ]


def test_full_stop_of_an_abbreviation_ends_no_sentence() -> None:
    text = "Approved by the U.S. Department of Energy, e.g. for No. 12. It is free."
    assert [sentence.strip() for _, sentence in split_sentences(text)] == [text[:-12].strip(), "It is free."]


def test_sentence_of_a_permissive_licence_is_known_only_word_for_word() -> None:
    known = "The above copyright notice and this permission notice shall be included in all copies"
    fingerprints = load_fingerprints()
    assert is_known_sentence(known, fingerprints, frozenset({"MIT"}))
    assert not is_known_sentence(known, fingerprints, frozenset({"ISC"}))
    assert not is_known_sentence(known.replace("all copies", "all sold copies"), fingerprints, frozenset({"MIT"}))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The recordings are licensed under CC BY-NC 4.0.", 0),
        ("The samples in `data/` are licensed under CC BY-NC 4.0.", 0),
        ("Versions before 2.0 were released under CC BY-NC 4.0.", 0),
        ("The model and the data are licensed under CC BY-NC 4.0.", 1),
        ("The recordings are free. The model is licensed under CC BY-NC 4.0.", 1),
    ],
)
def test_names_of_licences_of_data_and_of_past_versions_are_no_references(text: str, number: int) -> None:
    assert len(find_references(text)) == number


CC_SUMMARY = """You are free to:
- Share: copy and redistribute the model in any medium or format

Under the following terms:
- Attribution: You must give appropriate credit, provide a link to the license, and indicate if changes were made."""


@check_each(
    "text, expected",
    [
        ("MIT", "MIT"),
        ("Apache-2.0\n", "Apache-2.0"),
        ("Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("See https://www.apache.org/licenses/LICENSE-2.0\n", "Apache-2.0"),
        ("This work is licensed under the Creative Commons Attribution 4.0 International License.", "CC-BY-4.0"),
        ("MIT License. For students only.", None),
        ("The code is licensed under MIT", None),
        ("MIT License\n\nhttps://acme.example/terms", None),
        ("CC BY 4.0 http://creativecommons.org/licenses/by-nc/4.0/", None),
        ("CC-BY-NC-4.0", "CC-BY-NC-4.0"),
        (
            "NVIDIA Open Model License\n\nThe weights in this repository are licensed under the\nNVIDIA Open Model License.\n\n"
            "For a custom license, contact sales@acme.example.",
            "LicenseRef-NVIDIA-Open-Model",
        ),
        (
            "The Heron model weights are licensed under the Creative Commons\nAttribution-NonCommercial 4.0 International"
            f" License (CC BY-NC 4.0).\n\n{CC_SUMMARY}\n- NonCommercial: You may not use the model for commercial purposes.",
            "CC-BY-NC-4.0",
        ),
        # The summary limits what the named licence allows.
        (
            f"The weights are licensed under CC BY 4.0.\n\n{CC_SUMMARY}\n- NonCommercial: You may not use the model for"
            " commercial purposes.",
            None,
        ),
        (
            "The weights are released under CC BY-NC 4.0.\n\nThe code is licensed separately under the MIT License.",
            "CC-BY-NC-4.0",
        ),
        ("The weights are released under the MIT License.\n\nFor members of the club.", None),
        ("The weights for students are licensed under the MIT License.", None),
        ("The weights are licensed under the MIT License (CC BY-NC 4.0).", None),
        (
            "Heron, Copyright (c) 2025-present Acme Corporation, is licensed under the CC BY-NC-SA 4.0 license.\n\nThe CC"
            " BY-NC-SA 4.0 license is located here:\n  https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode",
            "CC-BY-NC-SA-4.0",
        ),
    ],
)
def test_licence_file_that_only_names_a_licence_is_that_licence(text: str, expected: str | None) -> None:
    assert find_named_license(text, Resolver.from_rules(load_shipped().licenses, {})) == expected


@check_each(
    "name, expected",
    [
        ("Creative Commons Attribution-NonCommercial 4.0\nInternational License (CC BY-NC 4.0)", "CC-BY-NC-4.0"),
        ("Apache License 2.0 (LICENSE)", "Apache-2.0"),
        ("MIT License (CC BY-NC 4.0)", None),
    ],
)
def test_abbreviation_behind_the_name_of_a_licence_must_mean_the_same(name: str, expected: str | None) -> None:
    (reference,) = find_references(f"The weights are licensed under the {name}.")
    assert resolve_reference(reference, Resolver.from_rules(load_shipped().licenses, {})) == expected
