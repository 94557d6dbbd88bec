from __future__ import annotations

import pytest
from reports.license_examples import build_conflicting_conclusion, build_plain_conclusion
from support.cases import check_each

from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.finding import CheckFamily
from modelaudit.model.license import Basis, ClaimKind, ConclusionState, Conflict, LicenseClaim, LicenseConclusion
from modelaudit.model.report import AuditReport, Coverage
from modelaudit.model.structure import Location
from modelaudit.model.terms import LicenseCategory
from modelaudit.reports import front_page, view
from modelaudit.reports.license_view import build_lineage_tree, describe_lineage_path
from modelaudit.reports.questions import list_license_questions, list_questions


def test_report_lists_findings_before_the_license_only_if_a_finding_on_security_or_integrity_fails_the_gate(
    failing: AuditReport,
) -> None:
    assert view.are_findings_first(failing)
    for check in (CheckFamily.SECURITY, CheckFamily.INTEGRITY):
        of_check = tuple(finding for finding in failing.findings if finding.check is check)
        assert view.are_findings_first(replace(failing, findings=of_check))
    of_license = tuple(finding for finding in failing.findings if finding.check is CheckFamily.LICENSE)
    assert not view.are_findings_first(replace(failing, findings=of_license))
    assert not view.are_findings_first(replace(failing, policy=replace(failing.policy, gates={})))


@pytest.mark.parametrize(
    ("name", "origin", "kind", "heading"),
    [
        ("./tiny", "/srv/tiny", RefKind.FOLDER, "tiny"),
        ("/srv/models/tiny/", "/srv/models/tiny", RefKind.FOLDER, "tiny"),
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


def build_claim(
    field: str, quotation: str, kind: ClaimKind = ClaimKind.DECLARED, entry: str | None = None
) -> LicenseClaim:
    """Build a claim of the card: its field, the quoted value and the licence to which it resolves."""
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
        (build_claim("restriction", "For research only."), "A sentence that may limit the use"),
        (build_claim("restriction", ""), "Not searched"),
        (replace(build_claim("file-name", "LICENSE", ClaimKind.FOUND), basis=Basis.FILE_NAME), "Not compared: read it"),
        (
            replace(build_claim("file-name", "LICENSE", ClaimKind.FOUND), basis=Basis.NO_MATCH),
            "Matches no licence: read it",
        ),
        (build_claim("base_model", "a/b", ClaimKind.INHERITED), "Not looked up: its licence may bind you too"),
    ],
)
def test_description_of_a_license_claim_states_its_license_or_why_it_has_none(claim: LicenseClaim, words: str) -> None:
    claims = (claim, build_claim("license_name", "x"))
    conclusion = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, claims)
    assert view.describe_claimed_license(claim, conclusion) == (claim.entry is not None, words)


def test_vague_license_claim_is_described_as_naming_no_single_license() -> None:
    claim = build_claim("license", "other")
    vague = LicenseConclusion(ConclusionState.VAGUE, LicenseCategory.UNKNOWN, (claim,))
    assert view.describe_claimed_license(claim, vague) == (False, "No single licence")


def test_license_link_to_a_file_of_the_model_is_not_described_as_an_address() -> None:
    link = LicenseClaim(ClaimKind.DECLARED, "README.md", "license_link", "LICENSE", None)
    text = LicenseClaim(ClaimKind.FOUND, "LICENSE", "text", "Permission is granted", None)
    conclusion = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, (link, text))
    assert view.describe_claimed_license(link, conclusion) == (False, "A file of the model, listed separately")
    assert view.describe_claimed_license(link, replace(conclusion, claims=(link,))) == (False, "A file that is absent")
    page = replace(link, quotation="https://acme.example/terms")
    assert view.describe_claimed_license(page, conclusion) == (False, "An address, not opened")


def test_report_on_local_files_states_that_no_network_was_needed(passing: AuditReport) -> None:
    online = replace(passing.target, offline=False)
    assert view.describe_network_use(replace(passing, target=online)) == "no network was needed"


def test_html_report_lists_only_the_questions_to_engineers_that_its_facts_raise(
    failing: AuditReport, passing: AuditReport, incomplete: AuditReport
) -> None:
    questions = " ".join(list_questions(failing))
    for fact in (
        "Which machines have loaded the files that fail (pytorch_model.bin, model.safetensors, training_args.bin), and who",
    ):
        assert fact in questions
    # A step looks up the licence of the base model.
    own = "Does the licence of the base model allow our planned use (acme/secret-base)?"
    assert own in list_license_questions(failing.license) and own not in questions
    assert "Who fetched these files, where" not in questions
    assert list_questions(passing)[0].startswith("Who fetched these files, where")
    assert len(list_questions(passing)) == 2
    # A step asks about the parts that were not examined.
    assert [each.split()[0] for each in list_questions(incomplete)] == ["Who", "To"]


def test_claim_of_a_variant_text_is_described_as_a_resemblance_with_the_difference() -> None:
    variant = build_conflicting_conclusion().claims[1]
    is_known, words = view.describe_claimed_license(variant, build_conflicting_conclusion())
    assert not is_known
    assert words == "Resembles LicenseRef-Llama-3.1, but differs: with the exception of section 2"
    assert view.describe_claimed_license(replace(variant, entry=None, differs=()), build_conflicting_conclusion()) == (
        False,
        "Resembles a licence, but differs",
    )


def test_description_of_a_base_model_or_data_set_claim_states_its_lookup_result() -> None:
    license_ = build_conflicting_conclusion()
    base_model, data_set = license_.claims[2:]
    assert view.describe_claimed_license(base_model, license_) == (True, "Apache-2.0; read at 5f0b02c75b57")
    missing = view.describe_claimed_license(replace(base_model, quotation="acme/other"), license_)
    assert missing == (False, "licence not known; not read: there is no such repository")
    assert view.describe_claimed_license(data_set, license_) == (True, "CC-BY-NC-4.0")
    assert view.describe_claimed_license(replace(data_set, quotation="acme/more"), license_) == (
        False,
        "not read: it could not be reached",
    )


def test_claim_with_an_expression_resolves_to_the_concluded_expression() -> None:
    license_ = replace(build_plain_conclusion(), expression="MIT OR Apache-2.0")
    claim = build_claim("license", "mit or apache-2.0")
    assert view.describe_claimed_license(claim, license_) == (True, "MIT OR Apache-2.0")
    assert not view.describe_claimed_license(claim, replace(license_, state=ConclusionState.VAGUE))[0]


def test_base_models_and_data_sets_raise_a_license_question_only_if_they_are_unread() -> None:
    read_base_model = build_conflicting_conclusion().origins[0]
    assert " ".join(list_license_questions(replace(build_plain_conclusion(), origins=(read_base_model,)))) == ""
    questions = " ".join(list_license_questions(build_conflicting_conclusion()))
    for fact in (
        "Is this still the licence of the base model, as on record (acme/tiny-root: LicenseRef-Llama-3.1)?",
        "Does the licence of the base model allow our planned use (acme/other)?",
        "Do the terms of the data sets allow our planned use (acme/more)?",
        "Who checks the use policy for changes, and when (LicenseRef-Llama-3.1: https://",
    ):
        assert fact in questions


def build_cycle(conclusion: LicenseConclusion) -> LicenseConclusion:
    """Return the conclusion with two base models in place of its own, each made from the other."""
    cycle = tuple(replace(conclusion.origins[0], name=f"a/{n}", made=f"a/{1 - n}") for n in range(2))
    return replace(conclusion, origins=cycle)


def test_lineage_tree_contains_every_base_model() -> None:
    license_ = build_conflicting_conclusion()
    assert [(each.rails, each.origin.name) for each in build_lineage_tree(license_)] == [
        ("└─", "acme/tiny-instruct"),
        ("   ├─", "acme/tiny-root"),
        ("   └─", "acme/other"),
    ]
    assert {each.origin.name for each in build_lineage_tree(build_cycle(license_))} == {"a/0", "a/1"}


def test_lineage_path_names_each_base_model_once_with_its_relation() -> None:
    license_ = build_conflicting_conclusion()
    path = describe_lineage_path(license_, "acme/tiny-root")
    assert path == "quantized from acme/tiny-instruct, fine-tuned from acme/tiny-root"
    # Each of the two models of the cycle once.
    assert describe_lineage_path(build_cycle(license_), "a/0").count("quantized from") == 2
    # A model outside the lineage has no relation.
    assert describe_lineage_path(license_, "acme/unheard") == "based on acme/unheard"


def test_text_without_a_search_for_terms_is_no_complete_examination(passing: AuditReport) -> None:
    complete = replace(passing, decision=replace(passing.decision, coverage=Coverage(passing.coverage.artifacts[:1])))
    assert view.describe_completeness(complete) == "nothing; every file was examined completely"
    unsearched = Conflict("declared-prose", "a.txt was not searched for terms.", location=Location(key="not-compared"))
    license_ = replace(complete.license, conflicts=(unsearched,))
    doubtful = replace(complete, license=license_)
    assert (
        view.describe_completeness(doubtful)
        == "terms in further texts; apart from that, every file was examined completely"
    )
    shown = front_page.summarize_unexamined(doubtful)
    assert "a.txt was not searched for terms." in str(shown)


def test_sentence_on_several_licences_is_understood_as_the_conclusion_only_if_it_joins_them_alike() -> None:
    claim = build_claim("text", "Licensed under MIT or Apache-2.0.")
    conclusion = LicenseConclusion(ConclusionState.CONCLUDED, LicenseCategory.PERMISSIVE, (claim,))
    both, either = (replace(conclusion, expression=f"MIT {each} Apache-2.0") for each in ("AND", "OR"))
    assert view.describe_claimed_license(claim, either) == (True, "MIT OR Apache-2.0")
    assert view.describe_claimed_license(claim, both) == (False, "Several licences, not as concluded")
