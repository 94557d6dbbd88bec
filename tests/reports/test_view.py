from __future__ import annotations

from dataclasses import replace

import pytest
from reports.license_examples import build_conflicting_conclusion, build_plain_conclusion
from support.cases import check_each

from modelaudit.model.artifact import RefKind
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.report import AuditReport, Decision, Opinion, OpinionFinding, OpinionState, Verdict
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports import view
from modelaudit.reports.license_view import build_lineage_tree, describe_lineage_path
from modelaudit.reports.questions import list_license_questions, list_questions


def test_report_lists_findings_first_only_if_an_attack_or_an_altered_file_fails_the_gate(failing: AuditReport) -> None:
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
def test_report_heading_is_the_last_part_of_a_local_path_or_the_whole_repository_id(
    passing: AuditReport, name: str, origin: str, kind: RefKind, heading: str
) -> None:
    assert view.get_heading(replace(passing.target, name=name, origin=origin, kind=kind)) == heading


def test_description_of_opinions_states_how_many_files_were_examined_and_how_many_differ(passing: AuditReport) -> None:
    def describe(*opinions: Opinion) -> tuple[str, str]:
        return view.describe_opinions(replace(passing, opinions=opinions))

    assert describe() == ("None given", "no other scanner ran")
    assert describe(Opinion("x", "", OpinionState.ABSENT, "gone")) == ("None given", "no other scanner examined it")
    some = Opinion("x", "1", OpinionState.GIVEN, "x examined 3 of 9 files and reports no finding", (), (), ("a.bin",))
    assert describe(some) == ("Partial", "3 of 9 files, differs on 1")
    every = replace(some, detail="x examined 9 of 9 files", disagreements=())
    assert describe(every) == ("Given", "9 of 9 files, no difference")
    more = replace(every, findings=(OpinionFinding("b.bin", "HIGH", "bad", False),))
    assert describe(more) == ("Given", "9 of 9 files, differs on 1")


def build_claim(
    field: str, quotation: str, kind: ClaimKind = ClaimKind.DECLARED, entry: str | None = None
) -> LicenseClaim:
    return LicenseClaim(kind, "README.md", field, quotation, entry)


@check_each(
    "claim, words",
    [
        (build_claim("license", "mit", entry="MIT"), "MIT"),
        (build_claim("license", "Other"), "See license_name below"),
        (build_claim("license", "my-own"), "Unknown licence"),
        (build_claim("license_name", "secret"), "Unknown licence"),
        (build_claim("license_link", "https://example.org"), "An address, not opened"),
        (build_claim("front-matter", "damaged"), "Could not be read"),
        (build_claim("restriction", "For research only."), "A restriction, not a licence"),
        (build_claim("restriction", ""), "Not searched"),
        (build_claim("file-name", "LICENSE", ClaimKind.FOUND), "Not compared: read it"),
        (build_claim("base_model", "a/b", ClaimKind.INHERITED), "Not looked up: its licence may bind you too"),
    ],
)
def test_description_of_a_license_claim_states_its_license_or_why_it_has_none(claim: LicenseClaim, words: str) -> None:
    claims = (claim, build_claim("license_name", "x"))
    conclusion = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, claims)
    assert view.describe_claimed_license(claim, conclusion) == (claim.entry is not None, words)


def test_claim_of_a_license_family_is_described_as_naming_no_single_license() -> None:
    claim = build_claim("license", "other")
    alone = LicenseConclusion(ConclusionState.VAGUE, LicenseCategory.UNKNOWN, (claim,))
    assert view.describe_claimed_license(claim, alone) == (False, "No single licence")


def test_described_pass_without_the_security_check_states_that_it_did_not_run(passing: AuditReport) -> None:
    some = replace(passing, policy=replace(passing.policy, checks=(CheckFamily.LICENSE,)))
    assert "The security check did not run" in view.describe_verdict(some)
    assert "The security check did not run" not in view.describe_verdict(passing)


def test_verdict_text_of_a_pure_license_failure_forbids_shipping_but_not_loading(
    failing: AuditReport, passing: AuditReport
) -> None:
    claim = next(each for each in failing.findings if each.check is CheckFamily.LICENSE)
    licence = (replace(claim, severity=Severity.HIGH),)
    alone = replace(
        passing, findings=licence, decision=Decision(Verdict.FAIL, (), passing.coverage), policy=failing.policy
    )
    alone = replace(alone, policy=replace(alone.policy, fail_on=Severity.HIGH, checks=tuple(CheckFamily)))
    assert view.describe_verdict(alone).startswith("Do not ship this model: its licence breaks the policy")
    attack = next(each for each in failing.findings if each.check is CheckFamily.SECURITY)
    low = replace(attack, severity=Severity.LOW)
    assert view.describe_verdict(replace(alone, findings=(*licence, low))).startswith("Do not ship")
    unread = replace(alone, decision=Decision(Verdict.FAIL, (), failing.coverage))
    unasked = replace(alone, policy=replace(alone.policy, checks=(CheckFamily.LICENSE, CheckFamily.INTEGRITY)))
    attacked = replace(alone, findings=(*licence, replace(attack, severity=Severity.HIGH)))
    for each in (unread, unasked, attacked):
        assert view.describe_verdict(each).startswith("Do not load or ship this model")


def test_license_link_to_a_file_of_the_model_is_not_described_as_an_address() -> None:
    link = LicenseClaim(ClaimKind.DECLARED, "README.md", "license_link", "LICENSE", None)
    text = LicenseClaim(ClaimKind.FOUND, "LICENSE", "text", "Permission is granted", None)
    conclusion = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, (link, text))
    assert view.describe_claimed_license(link, conclusion) == (False, "A file of the model, listed separately")
    assert view.describe_claimed_license(link, replace(conclusion, claims=(link,))) == (False, "An address, not opened")


def test_report_on_local_files_states_that_no_network_was_needed(passing: AuditReport) -> None:
    online = replace(passing.target, offline=False)
    assert view.describe_network_use(replace(passing, target=online)) == "no network was needed"


def test_report_asks_only_the_questions_that_its_failures_and_absences_raise(
    failing: AuditReport, passing: AuditReport, incomplete: AuditReport
) -> None:
    asked = " ".join(list_questions(failing))
    for fact in (
        "Do we need the parts that were not examined (gguf/",
        "Can the files that fail be removed or replaced (pytorch_model.bin, model.safetensors, training_args.bin)?",
        "Does the licence file match the model card",
        "Does the licence of the base model allow our planned use (acme/secret-base)?",
    ):
        assert fact in asked
    assert "Where did these files come from" not in asked
    assert list_questions(passing)[0].startswith("Where did these files come from")
    assert len(list_questions(passing)) == 2
    assert len(list_questions(incomplete)) == 1


def test_claim_of_a_variant_text_is_described_as_a_resemblance_with_the_difference() -> None:
    variant = build_conflicting_conclusion().claims[1]
    known, words = view.describe_claimed_license(variant, build_conflicting_conclusion())
    assert not known
    assert words == "Resembles LicenseRef-Llama-3.1, but differs: with the exception of section 2"
    assert view.describe_claimed_license(replace(variant, entry=None, differs=()), build_conflicting_conclusion()) == (
        False,
        "Resembles a licence, but differs",
    )


def test_description_of_a_base_model_claim_states_its_lookup_result() -> None:
    license_ = build_conflicting_conclusion()
    named, data = license_.claims[2:]
    assert view.describe_claimed_license(named, license_) == (True, "Apache-2.0; read at 5f0b02c75b57")
    missing = view.describe_claimed_license(replace(named, quotation="acme/other"), license_)
    assert missing == (False, "licence not known; not read: there is no such repository")
    assert view.describe_claimed_license(data, license_) == (True, "CC-BY-NC-4.0")
    assert view.describe_claimed_license(replace(data, quotation="acme/more"), license_) == (
        False,
        "not read: it could not be reached",
    )


def test_claim_with_an_expression_resolves_to_the_concluded_expression() -> None:
    license_ = replace(build_plain_conclusion(), expression="MIT OR Apache-2.0")
    claim = build_claim("license", "mit or apache-2.0")
    assert view.describe_claimed_license(claim, license_) == (True, "MIT OR Apache-2.0")
    assert not view.describe_claimed_license(claim, replace(license_, state=ConclusionState.VAGUE))[0]


def test_base_models_and_data_sets_raise_a_license_question_only_if_they_are_unread() -> None:
    plain = replace(
        build_plain_conclusion(),
        origins=build_conflicting_conclusion().origins[:1],
        claims=build_plain_conclusion().claims,
    )
    asked = " ".join(list_license_questions(plain))
    assert asked == ""
    asked = " ".join(list_license_questions(build_conflicting_conclusion()))
    for fact in (
        "Does the licence file match the model card (docs/LICENSE.txt)?",
        "Does the licence of the base model allow our planned use (acme/tiny-root, acme/other)?",
        "Do the terms of the data sets allow our planned use (acme/more)?",
        "Who checks the use policy for changes, and when (LicenseRef-Llama-3.1: https://",
    ):
        assert fact in asked


def test_verdict_text_of_a_license_check_alone_states_that_security_is_not_known(conflicting: AuditReport) -> None:
    only = replace(conflicting.policy, checks=(CheckFamily.LICENSE,))
    assert view.describe_verdict(replace(conflicting, policy=only)).startswith(
        "Not known: the security check did not run"
    )
    whole = replace(conflicting.coverage, artifacts=conflicting.coverage.artifacts[:2])
    left = replace(conflicting, decision=Decision(Verdict.INCOMPLETE, (), whole))
    assert "a person must decide" in view.describe_verdict(left)
    assert "some parts were not examined" in view.describe_verdict(
        replace(conflicting, decision=Decision(Verdict.INCOMPLETE, (), conflicting.coverage))
    )


def test_lineage_tree_contains_every_base_model() -> None:
    license_ = build_conflicting_conclusion()
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
