"""The files for ``--notices``: the exact words of licences, the texts of the model, and no unescaped text."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

import pytest
from reports.license_examples import (
    LLAMA,
    NOTICE_WORDS,
    build_conflicting_conclusion,
    build_denied_conclusion,
    build_hostile_conclusion,
    build_plain_conclusion,
)
from support.catalogue import load_shipped
from support.decisions import answer_use

from modelaudit.licenses.recognition.standard import find_standard_licenses
from modelaudit.licenses.recognition.words import split_words
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.copies import replace
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.notices import CopyrightLine, FoundText, ModelText, ModelTexts, TextKind
from modelaudit.model.report import AuditReport
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports.notices import build_notices
from modelaudit.reports.standard_texts import find_standard_texts


@pytest.fixture
def rules() -> Catalogue:
    return load_shipped()


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
    assert set(files) == {"ATTRIBUTIONS.md", "CHECKLIST.md", "MANIFEST.json"}
    assert "- [ ] Apache License 2.0: copy the file LICENSE of the model" in files["CHECKLIST.md"]
    assert "- [ ] Give everyone who receives the model a copy of the licence." in files["CHECKLIST.md"]
    assert "The repository holds it: LICENSE." in files["CHECKLIST.md"]


def test_use_policy_is_not_copied_as_the_license_text(failing: AuditReport) -> None:
    license_ = build_plain_conclusion()
    policy = LicenseClaim(ClaimKind.FOUND, "USE_POLICY.md", "use-policy", "w", "Apache-2.0", basis=Basis.TEXT)
    unmet = tuple(replace(duty, met="") for duty in license_.duties)
    files = render_files(failing, replace(license_, claims=(policy,), duties=unmet))
    assert "- [ ] Apache License 2.0: no file holds it: copy it from" in files["CHECKLIST.md"]


def test_checklist_of_a_model_without_a_license_states_that_none_was_found(failing: AuditReport) -> None:
    files = render_files(failing, LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN))
    assert set(files) == {"CHECKLIST.md", "MANIFEST.json"}
    assert "**Use: review**. No planned use is stated" in files["CHECKLIST.md"]
    assert "No known licence requires its text." in files["CHECKLIST.md"]


@pytest.mark.parametrize("size", [1, 500])
def test_notices_escape_hostile_text(size: int, hostile: AuditReport) -> None:
    evil = hostile.target.name
    for name, text in render_files(hostile, build_hostile_conclusion(evil, evil * size)).items():
        assert {each for each in text if unicodedata.category(each)[0] in "CZ"} - {"\n", " "} == set(), name
        # NOTICE is plain text, and so is a string of JSON; Markdown has a bare "<" only in code or before an address.
        outside_code = re.sub(r"`[^`]*`", "", text)
        assert name in ("NOTICE", "MANIFEST.json") or not re.search(r"(?<!\\)<(?!https://)", outside_code), name
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


def build_with(report: AuditReport, license_: LicenseConclusion, texts: ModelTexts, **standard: FoundText):
    """Return the files of a licence conclusion with collected and standard texts, by name."""
    decision = replace(report.decision, use=answer_use(license_))
    found = {id_.replace("_", "-"): text for id_, text in standard.items()}
    return build_notices(replace(report, license=license_, decision=decision), texts, found)


def test_texts_of_the_model_are_copied_unchanged_under_plain_names_and_the_manifest_says_from_where(
    failing: AuditReport,
) -> None:
    contents = {
        "LICENSE": b"\xff\x00 terms\r\n",
        "a/../b/LICENSE": b"x",
        "docs/\u202egnp.NOTICE `x`": b"y",
        "c/...": b"z",
    }
    texts = ModelTexts(
        tuple(ModelText(path, TextKind.LICENSE, content) for path, content in contents.items()),
        (CopyrightLine("LICENSE", 3, "Copyright 2024 Acme \u202e"), CopyrightLine("a.py", 1, "\u00a9 Jane")),
        ("big.txt: it has more than 1,048,576 bytes",),
    )
    files = build_with(failing, build_plain_conclusion(), texts)
    copies = {name: content for name, content in files.items() if name.startswith("texts/")}
    assert list(copies.values()) == list(contents.values())
    assert all(re.fullmatch(r"texts/\d+-[A-Za-z0-9._-]{1,80}", name) for name in copies), copies
    manifest = json.loads(files["MANIFEST.json"])
    assert {each["file"]: each["sha256"] for each in manifest["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "MANIFEST.json"
    }
    assert next(each["path"] for each in manifest["files"] if "path" in each) == "LICENSE"
    assert manifest["copyrights"][0]["line"] == 3
    checklist = files["CHECKLIST.md"].decode()
    assert "- [x] Apache License 2.0: `texts/1-LICENSE`, copied unchanged from LICENSE of the model" in checklist
    assert "- [ ] big.txt: it has more than 1,048,576 bytes" in checklist
    assert files["COPYRIGHT.txt"].decode().startswith("LICENSE:\n  Copyright 2024 Acme")
    assert "\u202e" not in files["COPYRIGHT.txt"].decode() + checklist


@pytest.mark.parametrize("lacks_copyright", [False, True])
def test_standard_text_stands_in_for_a_text_that_no_file_of_the_model_holds(
    failing: AuditReport, lacks_copyright: bool
) -> None:
    license_ = build_plain_conclusion()
    found = FoundText(b"the text\n", "acme 1.0, LICENSE", lacks_copyright)
    met = build_with(failing, license_, ModelTexts(), Apache_2_0=found)
    assert not any(name.startswith("texts/") for name in met)
    unmet = replace(license_, duties=tuple(replace(duty, met="") for duty in license_.duties))
    files = build_notices(replace(failing, license=unmet), ModelTexts(), {"Apache-2.0": found})
    assert files["texts/standard-Apache-2.0.txt"] == b"the text\n"
    line = next(each for each in files["CHECKLIST.md"].decode().splitlines() if "standard-Apache-2.0.txt" in each)
    assert line.startswith("- [ ]" if lacks_copyright else "- [x]")
    assert ("write the copyright line of the author" in line) is lacks_copyright
    assert "acme 1.0, LICENSE" in line


def test_licence_without_words_to_show_still_asks_to_keep_its_notices(failing: AuditReport) -> None:
    license_ = build_plain_conclusion()
    text = build_with(failing, license_, ModelTexts())["ATTRIBUTIONS.md"].decode()
    assert "No attribution is required" not in text
    assert "Apache-2.0 asks to keep the copyright and licence notices" in text
    assert "the copyright lines, which no file of the model states" in text


def test_shipped_standard_texts_are_those_of_their_licences(rules: Catalogue) -> None:
    found = find_standard_texts(rules.standard_texts)
    assert set(found) == {"Apache-2.0", "CC-BY-4.0", "MIT", "BSD-3-Clause"}
    for id_, text in found.items():
        words = split_words(text.content.decode())
        matches = [each.id for each in find_standard_licenses(words, (0, len(words.words)), None)]
        assert id_ in matches or id_ in ("Apache-2.0", "CC-BY-4.0"), id_
        assert ("copyright (c)" in text.content.decode().lower()) is False, id_
    changed = {"MIT": replace(rules.standard_texts["MIT"], sha256="0" * 64)}
    missing = {"MIT": replace(rules.standard_texts["MIT"], package="no-such-package-of-ours")}
    assert find_standard_texts(changed) == find_standard_texts(missing) == {}
