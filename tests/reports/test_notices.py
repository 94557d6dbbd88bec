"""The files for ``--notices``: exact words where a licence fixes them, never a licence text, nothing raw from a model."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from reports.license_examples import (
    LLAMA,
    NOTICE_WORDS,
    conflicting_conclusion,
    denied_conclusion,
    hostile_conclusion,
    plain_conclusion,
)

from modelaudit.model.license import ConclusionState, LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports.notices import build_notices


def files(report: AuditReport, license_: LicenseConclusion) -> dict[str, str]:
    return {name: text.decode() for name, text in build_notices(replace(report, license=license_)).items()}


def test_the_notice_holds_the_exact_words_and_nothing_else(failing: AuditReport) -> None:
    assert files(failing, conflicting_conclusion())["NOTICE"] == NOTICE_WORDS + "\n"
    duty = conflicting_conclusion().duties[2]
    twice = replace(
        conflicting_conclusion(), duties=(duty, replace(duty, via="acme/other", words=(NOTICE_WORDS, "More.")))
    )
    assert files(failing, twice)["NOTICE"] == f"{NOTICE_WORDS}\n\nMore.\n"


def test_what_has_to_be_shown_and_named_is_told_with_its_words(failing: AuditReport) -> None:
    text = files(failing, conflicting_conclusion())["ATTRIBUTIONS.md"]
    assert "- Show it. (LicenseRef-Llama-3.1, 1.b.i)" in text
    assert "  - Exact words: `Built with Llama`" in text
    assert "  - Exact words: `Llama`" in text
    assert NOTICE_WORDS not in text
    assert "  - quantized from acme/tiny-instruct: Apache-2.0; read at 5f0b02c75b57" in text
    assert f"- Llama 3.1 Community License Agreement (`LicenseRef-Llama-3.1`): <{LLAMA.url}>" in text


def test_limits_are_passed_on_with_the_list_and_where_it_stands(failing: AuditReport) -> None:
    text = files(failing, conflicting_conclusion())["USE-RESTRICTIONS.md"]
    assert "- Pass the use policy on. (LicenseRef-Llama-3.1, 1.b.iv)" in text
    assert f"The text: <{LLAMA.policy_url}>, read on 2026-11-24; read it again, it may have changed." in text
    assert "- military\n- malware\n" in text
    clauses = tuple(replace(clause, fields=()) for clause in LLAMA.clauses)
    unlisted = replace(conflicting_conclusion(), entries=(replace(LLAMA, clauses=clauses, read=""),))
    text = files(failing, unlisted)["USE-RESTRICTIONS.md"]
    assert "not verified" in text and "The list of forbidden uses is not on record here" in text


def test_the_checklist_begins_with_the_answer_and_leaves_nothing_out(failing: AuditReport) -> None:
    license_ = conflicting_conclusion()
    text = files(failing, license_)["CHECKLIST.md"]
    assert text.index("**FOR REVIEW**") < text.index("## To settle first") < text.index("## Licence texts to copy")
    for duty in license_.duties:
        assert f"- [ ] {duty.text.rstrip('.')}." in text
        assert all(f"`{words}`" in text for words in duty.words)
    assert "The card grants more than the base model does: The card says Apache-2.0" in text
    assert "- [ ] acme/other: not read: there is no such repository." in text
    assert f"no file holds it: copy it from <{LLAMA.url}>; and its use policy from <{LLAMA.policy_url}>" in text
    assert (
        "**DENIED**: 1 reason stands against what you mean to do" in files(failing, denied_conclusion())["CHECKLIST.md"]
    )


def test_a_text_that_the_model_holds_is_named_and_a_met_duty_is_ticked(failing: AuditReport) -> None:
    made = files(failing, plain_conclusion())
    assert set(made) == {"ATTRIBUTIONS.md", "CHECKLIST.md"}
    assert "- [ ] Apache License 2.0: copy the file LICENSE of the model" in made["CHECKLIST.md"]
    assert "- [x] Give everyone who receives the model a copy of the licence." in made["CHECKLIST.md"]
    assert "Met by LICENSE." in made["CHECKLIST.md"]


def test_nothing_on_record_is_said_and_not_left_empty(failing: AuditReport) -> None:
    made = files(failing, LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN))
    assert set(made) == {"CHECKLIST.md"}
    assert (
        "**No use is stated**: No licence was found: no permission to ship this can be shown." in made["CHECKLIST.md"]
    )
    assert "No licence on record asks for its text." in made["CHECKLIST.md"]


@pytest.mark.parametrize("size", [1, 500])
def test_nothing_that_a_model_says_stands_there_raw(size: int, hostile: AuditReport) -> None:
    evil = hostile.target.name
    for name, text in files(hostile, hostile_conclusion(evil, evil * size)).items():
        assert {each for each in text if unicodedata.category(each)[0] in "CZ"} - {"\n", " "} == set(), name
        assert not re.search(r"(?<!\\)<(?!https://)", re.sub(r"`[^`]*`", "", text)) or name == "NOTICE", name
        assert not re.search(r"\b(safe|clean)\b", text, re.IGNORECASE)


def test_no_code_span_can_be_left(failing: AuditReport) -> None:
    duty = replace(conflicting_conclusion().duties[3], words=("a` <script> `b",))
    text = files(failing, replace(conflicting_conclusion(), duties=(duty,)))["ATTRIBUTIONS.md"]
    assert "`a\\x60 <script> \\x60b`" in text


def test_notices_that_lie_in_the_model_go_along(failing: AuditReport) -> None:
    names = ("NOTICE", "USE_POLICY.md", "legal/third-party-notices.txt", "noticeable.bin", "LICENSE")
    records = tuple(replace(failing.coverage.artifacts[0], path=name) for name in names)
    coverage = replace(failing.coverage, artifacts=records)
    report = replace(failing, decision=replace(failing.decision, coverage=coverage))
    text = files(report, plain_conclusion())["CHECKLIST.md"]
    assert "- [ ] NOTICE: copy this file of the model as it is" in text
    assert text.count("copy this file of the model as it is") == 3
