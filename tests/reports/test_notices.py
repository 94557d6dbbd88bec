"""The files for ``--notices``: they contain the exact words of licences, no licence text, and no unescaped text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from reports.license_examples import (
    LLAMA,
    NOTICE_WORDS,
    build_conflicting_conclusion,
    build_denied_conclusion,
    build_hostile_conclusion,
    build_plain_conclusion,
)
from support.decisions import answer_use

from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports.notices import build_notices


def render_files(report: AuditReport, license_: LicenseConclusion) -> dict[str, str]:
    """Render the files of a report with another licence conclusion, by name."""
    decision = replace(report.decision, use=answer_use(license_))
    answered = replace(report, license=license_, decision=decision)
    return {name: text.decode() for name, text in build_notices(answered).items()}


def test_notice_file_contains_only_the_words_that_licenses_prescribe_each_once(failing: AuditReport) -> None:
    assert render_files(failing, build_conflicting_conclusion())["NOTICE"] == NOTICE_WORDS + "\n"
    keep_notices = build_conflicting_conclusion().duties[2]
    # A second duty shares a part of its words with the first one.
    of_other_model = replace(keep_notices, via="acme/other", words=(NOTICE_WORDS, "More."))
    conclusion = replace(build_conflicting_conclusion(), duties=(keep_notices, of_other_model))
    assert render_files(failing, conclusion)["NOTICE"] == f"{NOTICE_WORDS}\n\nMore.\n"


def test_attributions_file_lists_duties_with_the_exact_words(failing: AuditReport) -> None:
    text = render_files(failing, build_conflicting_conclusion())["ATTRIBUTIONS.md"]
    assert "- Show it. (LicenseRef-Llama-3.1, 1.b.i)" in text
    assert "  - Exact words: `Built with Llama`" in text
    assert "  - Exact words: `Llama`" in text
    assert NOTICE_WORDS not in text
    assert "  - quantized from acme/tiny-instruct: Apache-2.0; read at 5f0b02c75b57" in text
    assert f"- Llama 3.1 Community License Agreement (`LicenseRef-Llama-3.1`): <{LLAMA.url}>" in text


def test_restrictions_file_lists_forbidden_uses_with_their_source(failing: AuditReport) -> None:
    text = render_files(failing, build_conflicting_conclusion())["USE-RESTRICTIONS.md"]
    assert "- Pass the use policy on. (LicenseRef-Llama-3.1, 1.b.iv)" in text
    assert f"The text: <{LLAMA.policy_url}>, read on 2026-11-24; read it again, it may have changed." in text
    assert "- military\n- malware\n" in text
    clauses = tuple(replace(clause, fields=()) for clause in LLAMA.clauses)
    unlisted = replace(build_conflicting_conclusion(), entries=(replace(LLAMA, clauses=clauses, read=""),))
    text = render_files(failing, unlisted)["USE-RESTRICTIONS.md"]
    assert "not verified" in text and "This tool has no list of the forbidden uses" in text


def test_checklist_begins_with_the_answer_and_lists_all_duties_and_open_points(failing: AuditReport) -> None:
    license_ = build_conflicting_conclusion()
    text = render_files(failing, license_)["CHECKLIST.md"]
    assert text.index("**Use: review**") < text.index("## To resolve first") < text.index("## Licence texts to copy")
    for duty in license_.duties:
        assert f"- [ ] {duty.text.rstrip('.')}." in text
        assert all(f"`{words}`" in text for words in duty.words)
    assert "The card grants more than the base model does: The card says Apache-2.0" in text
    assert "- [ ] acme/other: not read: there is no such repository." in text
    assert f"no file holds it: copy it from <{LLAMA.url}>; and its use policy from <{LLAMA.policy_url}>" in text
    assert (
        "**Use: fail**. Your planned use is commercial"
        in render_files(failing, build_denied_conclusion())["CHECKLIST.md"]
    )


def test_checklist_names_the_license_file_and_ticks_the_duty_that_this_file_meets(failing: AuditReport) -> None:
    files = render_files(failing, build_plain_conclusion())
    assert set(files) == {"ATTRIBUTIONS.md", "CHECKLIST.md"}
    assert "- [ ] Apache License 2.0: copy the file LICENSE of the model" in files["CHECKLIST.md"]
    assert "- [x] Give everyone who receives the model a copy of the licence." in files["CHECKLIST.md"]
    assert "Met by LICENSE." in files["CHECKLIST.md"]


def test_use_policy_is_not_copied_as_the_license_text(failing: AuditReport) -> None:
    license_ = build_plain_conclusion()
    policy = LicenseClaim(ClaimKind.FOUND, "USE_POLICY.md", "use-policy", "w", "Apache-2.0", basis=Basis.TEXT)
    unmet = tuple(replace(duty, met="") for duty in license_.duties)
    files = render_files(failing, replace(license_, claims=(policy,), duties=unmet))
    assert "- [ ] Apache License 2.0: no file holds it: copy it from" in files["CHECKLIST.md"]


def test_checklist_of_a_model_without_a_license_states_that_none_was_found(failing: AuditReport) -> None:
    files = render_files(failing, LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN))
    assert set(files) == {"CHECKLIST.md"}
    assert "**Use: review**. No planned use is stated" in files["CHECKLIST.md"]
    assert "No known licence requires its text." in files["CHECKLIST.md"]


@pytest.mark.parametrize("size", [1, 500])
def test_notices_escape_hostile_text(size: int, hostile: AuditReport) -> None:
    evil = hostile.target.name
    for name, text in render_files(hostile, build_hostile_conclusion(evil, evil * size)).items():
        assert {each for each in text if unicodedata.category(each)[0] in "CZ"} - {"\n", " "} == set(), name
        # NOTICE is plain text; Markdown has a bare "<" only in code or before an address.
        outside_code = re.sub(r"`[^`]*`", "", text)
        assert name == "NOTICE" or not re.search(r"(?<!\\)<(?!https://)", outside_code), name
        assert not re.search(r"\b(safe|clean)\b", text, re.IGNORECASE)


def test_backticks_in_a_prescribed_text_cannot_end_its_markdown_code_span(failing: AuditReport) -> None:
    duty = replace(build_conflicting_conclusion().duties[3], words=("a` <script> `b",))
    text = render_files(failing, replace(build_conflicting_conclusion(), duties=(duty,)))["ATTRIBUTIONS.md"]
    assert "`a\\x60 <script> \\x60b`" in text


def test_checklist_asks_for_a_copy_of_each_notice_and_policy_file_of_the_model(failing: AuditReport) -> None:
    names = ("NOTICE", "USE_POLICY.md", "legal/third-party-notices.txt", "noticeable.bin", "LICENSE")
    records = tuple(replace(failing.coverage.artifacts[0], path=name) for name in names)
    coverage = replace(failing.coverage, artifacts=records)
    report = replace(failing, decision=replace(failing.decision, coverage=coverage))
    text = render_files(report, build_plain_conclusion())["CHECKLIST.md"]
    assert "- [ ] NOTICE: copy this file of the model unchanged" in text
    # The first three files; the licence text is copied for another point of the list.
    assert text.count("copy this file of the model unchanged") == 3
