from __future__ import annotations

from dataclasses import replace

import pytest

from modelaudit.model.artifact import RefKind
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.report import AuditReport, Opinion, OpinionFinding, OpinionState
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports import view
from modelaudit.reports.questions import questions


def test_findings_come_first_where_an_attack_or_an_altered_file_fails_the_model(failing: AuditReport) -> None:
    assert view.findings_first(failing)
    licence = tuple(finding for finding in failing.findings if finding.check is CheckFamily.LICENSE)
    assert not view.findings_first(replace(failing, findings=licence))
    assert not view.findings_first(replace(failing, policy=replace(failing.policy, fail_on=None)))


@pytest.mark.parametrize(
    ("name", "origin", "kind", "heading"),
    [
        ("./tiny", "/srv/tiny", RefKind.FOLDER, "tiny"),
        ("/srv/models/tiny/", "/srv/models/tiny", RefKind.FOLDER, "tiny"),
        (".", "/srv/models/here", RefKind.FOLDER, "here"),
        ("a/b.bin", "/srv/a", RefKind.FILE, "b.bin"),
        ("/", "/", RefKind.FOLDER, "/"),
        ("acme/tiny", "https://huggingface.co", RefKind.MODEL, "acme/tiny"),
        ("acme/tiny", "https://huggingface.co", RefKind.DATASET, "datasets/acme/tiny"),
    ],
)
def test_the_heading_is_short(passing: AuditReport, name: str, origin: str, kind: RefKind, heading: str) -> None:
    assert view.heading(replace(passing.target, name=name, origin=origin, kind=kind)) == heading


def test_a_second_opinion_never_sounds_like_more_than_it_is(passing: AuditReport) -> None:
    def tile(*opinions: Opinion) -> tuple[str, str]:
        return view.opinions_tile(replace(passing, opinions=opinions))

    assert tile() == ("None given", "none was asked for")
    assert tile(Opinion("x", "", OpinionState.ABSENT, "gone")) == ("None given", "nobody else looked")
    some = Opinion("x", "1", OpinionState.GIVEN, "x examined 3 of 9 files and reports no finding", (), (), ("a.bin",))
    assert tile(some) == ("Partial", "3 of 9 files, differs on 1")
    every = replace(some, detail="x examined 9 of 9 files", disagreements=())
    assert tile(every) == ("Given", "9 of 9 files, no difference")
    more = replace(every, findings=(OpinionFinding("b.bin", "HIGH", "bad", False),))
    assert tile(more) == ("Given", "9 of 9 files, differs on 1")


def claim(field: str, quotation: str, kind: ClaimKind = ClaimKind.DECLARED, entry: str | None = None) -> LicenseClaim:
    return LicenseClaim(kind, "README.md", field, quotation, entry)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (claim("license", "mit", entry="MIT"), "MIT"),
        (claim("license", "Other"), "See license_name below"),
        (claim("license", "my-own"), "Unknown licence"),
        (claim("license_name", "secret"), "Unknown licence"),
        (claim("license_link", "https://example.org"), "An address, not opened"),
        (claim("front-matter", "damaged"), "Could not be read"),
        (claim("file-name", "LICENSE", ClaimKind.FOUND), "Not compared: read it"),
        (claim("base_model", "a/b", ClaimKind.INHERITED), "Not followed: its licence may bind you too"),
    ],
)
def test_each_claim_says_what_it_was_understood_as(made: LicenseClaim, words: str) -> None:
    beside = (made, claim("license_name", "x"))
    conclusion = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, beside)
    assert view.understood(made, conclusion) == (made.entry is not None, words)


def test_a_family_alone_is_no_single_licence() -> None:
    made = claim("license", "other")
    alone = LicenseConclusion(ConclusionState.VAGUE, LicenseCategory.UNKNOWN, (made,))
    assert view.understood(made, alone) == (False, "No single licence")


def test_a_pass_without_the_security_check_says_so(passing: AuditReport) -> None:
    some = replace(passing, policy=replace(passing.policy, checks=(CheckFamily.LICENSE,)))
    assert "Nobody looked for attacks" in view.verdict_sentence(some)
    assert "Nobody looked" not in view.verdict_sentence(passing)


def test_local_files_need_no_network(passing: AuditReport) -> None:
    online = replace(passing.target, offline=False)
    assert view.mode_sentence(replace(passing, target=online)) == "no network was needed"


def test_the_scan_raises_the_questions(failing: AuditReport, passing: AuditReport, incomplete: AuditReport) -> None:
    asked = " ".join(questions(failing))
    for fact in (
        "What do the files do that were not examined (gguf/",
        "Can the files that fail be removed or replaced (pytorch_model.bin, model.safetensors, training_args.bin)?",
        "Does the licence file match the model card",
        "Does the licence of the base model allow what we do (acme/secret-base)?",
    ):
        assert fact in asked
    assert "Where did these files come from" not in asked
    assert questions(passing)[0].startswith("Where did these files come from")
    assert len(questions(passing)) == 2
    assert len(questions(incomplete)) == 1
