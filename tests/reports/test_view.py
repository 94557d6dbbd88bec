from __future__ import annotations

from dataclasses import replace

import pytest
from reports.license_examples import conflicting_conclusion, plain_conclusion
from support.cases import check_each

from modelaudit.model.artifact import RefKind
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.report import AuditReport, Decision, Opinion, OpinionFinding, OpinionState, Verdict
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports import view
from modelaudit.reports.license_view import build_lineage_tree, describe_lineage_path
from modelaudit.reports.questions import list_license_questions, list_questions


def test_findings_come_first_where_an_attack_or_an_altered_file_fails_the_model(failing: AuditReport) -> None:
    assert view.are_findings_first(failing)
    licence = tuple(finding for finding in failing.findings if finding.check is CheckFamily.LICENSE)
    assert not view.are_findings_first(replace(failing, findings=licence))
    assert not view.are_findings_first(replace(failing, policy=replace(failing.policy, fail_on=None)))


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
    assert view.get_heading(replace(passing.target, name=name, origin=origin, kind=kind)) == heading


def test_a_second_opinion_never_sounds_like_more_than_it_is(passing: AuditReport) -> None:
    def tile(*opinions: Opinion) -> tuple[str, str]:
        return view.describe_opinions(replace(passing, opinions=opinions))

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


@check_each(
    "made, words",
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
    assert view.describe_claimed_license(made, conclusion) == (made.entry is not None, words)


def test_a_family_alone_is_no_single_licence() -> None:
    made = claim("license", "other")
    alone = LicenseConclusion(ConclusionState.VAGUE, LicenseCategory.UNKNOWN, (made,))
    assert view.describe_claimed_license(made, alone) == (False, "No single licence")


def test_a_pass_without_the_security_check_says_so(passing: AuditReport) -> None:
    some = replace(passing, policy=replace(passing.policy, checks=(CheckFamily.LICENSE,)))
    assert "Nobody looked for attacks" in view.describe_verdict(some)
    assert "Nobody looked" not in view.describe_verdict(passing)


def test_a_model_that_only_its_licence_fails_is_told_apart_from_one_that_attacks(
    failing: AuditReport, passing: AuditReport
) -> None:
    made = next(each for each in failing.findings if each.check is CheckFamily.LICENSE)
    licence = (replace(made, severity=Severity.HIGH),)
    alone = replace(
        passing, findings=licence, decision=Decision(Verdict.FAIL, (), passing.coverage), policy=failing.policy
    )
    alone = replace(alone, policy=replace(alone.policy, fail_on=Severity.HIGH, checks=tuple(CheckFamily)))
    assert view.describe_verdict(alone).startswith("Do not ship this model: the policy rejects its licence")
    attack = next(each for each in failing.findings if each.check is CheckFamily.SECURITY)
    low = replace(attack, severity=Severity.LOW)
    assert view.describe_verdict(replace(alone, findings=(*licence, low))).startswith("Do not ship")
    unread = replace(alone, decision=Decision(Verdict.FAIL, (), failing.coverage))
    unasked = replace(alone, policy=replace(alone.policy, checks=(CheckFamily.LICENSE, CheckFamily.INTEGRITY)))
    attacked = replace(alone, findings=(*licence, replace(attack, severity=Severity.HIGH)))
    for each in (unread, unasked, attacked):
        assert view.describe_verdict(each).startswith("Do not load or ship this model")


def test_a_link_to_a_file_of_the_model_is_no_address() -> None:
    link = LicenseClaim(ClaimKind.DECLARED, "README.md", "license_link", "LICENSE", None)
    text = LicenseClaim(ClaimKind.FOUND, "LICENSE", "text", "Permission is granted", None)
    said = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, (link, text))
    assert view.describe_claimed_license(link, said) == (False, "A file of the model, which has its own line")
    assert view.describe_claimed_license(link, replace(said, claims=(link,))) == (False, "An address, not opened")


def test_local_files_need_no_network(passing: AuditReport) -> None:
    online = replace(passing.target, offline=False)
    assert view.describe_network_use(replace(passing, target=online)) == "no network was needed"


def test_the_scan_raises_the_questions(failing: AuditReport, passing: AuditReport, incomplete: AuditReport) -> None:
    asked = " ".join(list_questions(failing))
    for fact in (
        "What do the files do that were not examined (gguf/",
        "Can the files that fail be removed or replaced (pytorch_model.bin, model.safetensors, training_args.bin)?",
        "Does the licence file match the model card",
        "Does the licence of the base model allow what we do (acme/secret-base)?",
    ):
        assert fact in asked
    assert "Where did these files come from" not in asked
    assert list_questions(passing)[0].startswith("Where did these files come from")
    assert len(list_questions(passing)) == 2
    assert len(list_questions(incomplete)) == 1


def test_a_variant_is_never_the_licence() -> None:
    variant = conflicting_conclusion().claims[1]
    known, words = view.describe_claimed_license(variant, conflicting_conclusion())
    assert not known
    assert words == "Like LicenseRef-Llama-3.1, and not it: with the exception of section 2"
    assert view.describe_claimed_license(replace(variant, entry=None, differs=()), conflicting_conclusion()) == (
        False,
        "Like a licence, and not it",
    )


def test_what_became_of_an_origin_and_of_a_data_set_stands_beside_its_name() -> None:
    license_ = conflicting_conclusion()
    named, data = license_.claims[2:]
    assert view.describe_claimed_license(named, license_) == (True, "Apache-2.0; read at 5f0b02c75b57")
    missing = view.describe_claimed_license(replace(named, quotation="acme/other"), license_)
    assert missing == (False, "licence not known; not read: there is no such repository")
    assert view.describe_claimed_license(data, license_) == (True, "CC-BY-NC-4.0")
    assert view.describe_claimed_license(replace(data, quotation="acme/more"), license_) == (
        False,
        "not read: it could not be reached",
    )


def test_an_expression_that_was_concluded_is_understood() -> None:
    license_ = replace(plain_conclusion(), expression="MIT OR Apache-2.0")
    made = claim("license", "mit or apache-2.0")
    assert view.describe_claimed_license(made, license_) == (True, "MIT OR Apache-2.0")
    assert not view.describe_claimed_license(made, replace(license_, state=ConclusionState.VAGUE))[0]


def test_what_was_read_raises_no_question() -> None:
    plain = replace(plain_conclusion(), origins=conflicting_conclusion().origins[:1], claims=plain_conclusion().claims)
    asked = " ".join(list_license_questions(plain))
    assert asked == ""
    asked = " ".join(list_license_questions(conflicting_conclusion()))
    for fact in (
        "Does the licence file match the model card (LLAMA 3.1 COMMUNITY LICENSE AGREEMENT)?",
        "Does the licence of the base model allow what we do (acme/tiny-root, acme/other)?",
        "Do the terms of the data sets allow what we do (acme/more)?",
        "Who reads the use policy again, and when, since it may change (LicenseRef-Llama-3.1: https://",
    ):
        assert fact in asked


def test_a_scan_for_licences_alone_does_not_speak_of_loading(conflicting: AuditReport) -> None:
    only = replace(conflicting.policy, checks=(CheckFamily.LICENSE,))
    assert view.describe_verdict(replace(conflicting, policy=only)).startswith("That was not asked: nobody looked")
    whole = replace(conflicting.coverage, artifacts=conflicting.coverage.artifacts[:2])
    left = replace(conflicting, decision=Decision(Verdict.INCOMPLETE, (), whole))
    assert "a person must decide" in view.describe_verdict(left)
    assert "not everything was examined" in view.describe_verdict(
        replace(conflicting, decision=Decision(Verdict.INCOMPLETE, (), conflicting.coverage))
    )


def test_lineage_keeps_every_origin_in_a_tree() -> None:
    license_ = conflicting_conclusion()
    assert [(each.rails, each.origin.name) for each in build_lineage_tree(license_)] == [
        ("└─", "acme/tiny-instruct"),
        ("   ├─", "acme/tiny-root"),
        ("   └─", "acme/other"),
    ]
    ring = tuple(replace(license_.origins[0], name=f"a/{n}", made=f"a/{1 - n}") for n in range(2))
    assert {each.origin.name for each in build_lineage_tree(replace(license_, origins=ring))} == {"a/0", "a/1"}
    assert (
        describe_lineage_path(license_, "acme/tiny-root")
        == "quantized from acme/tiny-instruct, fine-tuned from acme/tiny-root"
    )
    assert describe_lineage_path(replace(license_, origins=ring), "a/0").count("quantized from") == 2
    assert describe_lineage_path(license_, "acme/unheard") == "made from acme/unheard"
