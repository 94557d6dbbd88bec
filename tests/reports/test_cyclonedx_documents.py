"""Whole bills of materials: of a model of the Hub with a full card, and of a bare folder.

What the standard does not demand, so that no validator checks it, is checked here: references that are unique and lead
somewhere, the same bytes for the same model, and a score by the published list of fields.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reports.conftest import APACHE, build_fail_report, build_pass_report, build_sha256
from reports.description_examples import build_bare_description, build_full_description, build_hostile_description
from reports.license_examples import build_conflicting_conclusion, build_plain_conclusion
from reports.test_cyclonedx import VERSIONS, check_valid, collect_properties, render_bom
from reports.test_golden import GOLDEN, UPDATE
from support.aibom_score import compute_score
from support.bills import validate_with_cdx_validate, validate_with_npm_library
from support.cases import check_each
from support.catalogue import load_shipped
from support.command import run_command
from support.scans import scan_fixture
from support.work import count_lines, find_growth_fault

from modelaudit.elements import judge_elements
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.license import Basis, ClaimKind, LicenseClaim
from modelaudit.model.report import ArtifactRecord, AuditReport, Coverage, Extent, Target
from modelaudit.model.signoff import SignOff, SignOffAnswer, SignOffState
from modelaudit.model.structure import Location
from modelaudit.reports.cyclonedx import render_cyclonedx, render_cyclonedx_17

ROOT: Final = Path(__file__).resolve().parents[2]
HUB_ADDRESS: Final = "https://huggingface.co/acme/tiny-llama"
ACCEPTED_RULES: Final = {
    "SCVS-2.4": "a signature inside the document would change its bytes with each key; modelaudit attest signs them",
    **dict.fromkeys(("SCVS-1.1",), "a library without a version in any file has none here"),
    **dict.fromkeys(
        ("SCVS-2.14", "SCVS-5.12", "CRA-MIN-007"), "a model names its libraries and states none of their licences"
    ),
    "SCVS-2.16": "a model states no copyright of its libraries",
    **dict.fromkeys(("SCVS-2.18", "SCVS-3.18"), "the bytes of the libraries are no part of a model"),
    **dict.fromkeys(("CRA-MIN-001", "CRA-MIN-002"), "nothing in a folder states who supplies it, or whom to write to"),
}
"""The rules of cdx-validate that our bills break, each with the reason."""


def describe(report: AuditReport, description: ModelDescription) -> AuditReport:
    """Return a report with a description, and with the lists of elements judged by it."""
    described = replace(report, description=description)
    return replace(described, elements=judge_elements(described, load_shipped().element_lists))


def build_hub_report() -> AuditReport:
    """Build a failing report on a model of the Hub with a full card."""
    report = replace(build_fail_report(), license=build_conflicting_conclusion())
    return describe(report, build_full_description())


def build_folder_report() -> AuditReport:
    """Build a passing report on a folder without a card, whose licence lies beside its weights."""
    text = LicenseClaim(
        ClaimKind.FOUND, "LICENSE", "text", "Apache License", APACHE.id, Location(line=1), basis=Basis.TEXT
    )
    report = build_pass_report()
    files = tuple(
        replace(report.coverage.artifacts[0], path=path, formats=(format_,), digests=(build_sha256(letter),))
        for path, format_, letter in (
            ("LICENSE", "text", "1"),
            ("config.json", "json", "2"),
            ("model.safetensors", "safetensors", "3"),
            ("tokenizer_config.json", "json", "4"),
        )
    )
    report = replace(
        report,
        decision=replace(report.decision, coverage=Coverage(files)),
        license=replace(report.license, claims=(text,), own=(APACHE.id,), expression=APACHE.id),
    )
    return describe(report, build_bare_description())


MODELS: Final[dict[str, Callable[[], AuditReport]]] = {"hub": build_hub_report, "folder": build_folder_report}


@pytest.mark.parametrize("name", MODELS)
def test_bill_of_materials_of_a_described_model_is_strictly_valid(name: str) -> None:
    check_valid(MODELS[name]())


@pytest.mark.counterpart
@pytest.mark.parametrize("name", [*MODELS, "scanned"])
def test_other_validators_accept_the_bill_of_materials(name: str, tmp_path: Path) -> None:
    report = MODELS[name]() if name in MODELS else scan_fixture("repositories/acme-tiny")
    paths = {number: tmp_path / f"{number}.cdx.json" for number in VERSIONS}
    for number, path in paths.items():
        path.write_bytes(VERSIONS[number](report))
        verdict = validate_with_cdx_validate(path)
        assert (verdict.schema_valid, verdict.deep_valid) == (True, True), verdict.output
        unexplained = {rule: why for rule, why in verdict.failed.items() if rule not in ACCEPTED_RULES}
        assert not unexplained
    assert validate_with_npm_library(*paths.values()) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_bill_of_materials_of_a_described_model_equals_golden_file(version: str) -> None:
    ending = {"1.6": "cdx.json", "1.7": "cdx17.json"}[version]
    file = GOLDEN / f"described.{ending}"
    # The lists of elements change with their publishers, and have tests of their own.
    output = VERSIONS[version](replace(build_hub_report(), elements=()))
    if os.environ.get(UPDATE):
        file.write_bytes(output)
    assert output == file.read_bytes()


def list_definitions(node: Any) -> Iterator[str]:
    """Yield every ``bom-ref`` at any depth."""
    if isinstance(node, dict):
        if "bom-ref" in node:
            yield node["bom-ref"]
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from list_definitions(each)


def list_uses(bom: Any) -> Iterator[str]:
    """Yield every reference of a bill of materials to one of its parts."""
    for each in bom["dependencies"]:
        yield from (each["ref"], *each["dependsOn"])
    for each in bom.get("vulnerabilities", ()):
        yield from (target["ref"] for target in each["affects"])
    for each in bom["compositions"]:
        yield from (*each.get("assemblies", ()), *each.get("dependencies", ()))
    for each in bom["annotations"]:
        yield from each["subjects"]
    card = bom["metadata"]["component"].get("modelCard", {})
    yield from (each["ref"] for each in card.get("modelParameters", {}).get("datasets", ()))
    yield from (each["attributedTo"] for each in bom.get("citations", ()))
    for identity in bom["metadata"]["component"].get("evidence", {}).get("identity", ()):
        yield from identity["tools"]


def check_references(bom: Any) -> None:
    """Fail unless each reference is unique and each use leads to one, and each component is in the graph."""
    counts = Counter(list_definitions(bom))
    assert not {ref: count for ref, count in counts.items() if count > 1}
    assert not set(list_uses(bom)) - counts.keys()
    assert not [ref for ref in counts if re.search("%", ref)], "cdx-validate refuses encoded characters"
    nodes = {each["ref"]: each["dependsOn"] for each in bom["dependencies"]}
    assert set(nodes["model"]) == {each["bom-ref"] for each in bom.get("components", ())} == nodes.keys() - {"model"}


@pytest.mark.parametrize("version", VERSIONS)
def test_references_are_unique_and_lead_to_a_part_of_the_document(
    version: str, examples: dict[str, Callable[[], AuditReport]]
) -> None:
    for build in (*examples.values(), *MODELS.values()):
        check_references(json.loads(VERSIONS[version](build())))
    hostile = examples["hostile"]()
    check_references(
        json.loads(VERSIONS[version](replace(hostile, description=build_hostile_description(hostile.target.name))))
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(text=st.text(alphabet=st.characters(), max_size=60), version=st.sampled_from(list(VERSIONS)))
def test_hostile_facts_keep_the_bill_of_materials_valid(text: str, version: str, failing: AuditReport) -> None:
    signoff = SignOff(text, SignOffAnswer.APPROVE, text, text, text, text, text, text, SignOffState.VALID, text)
    policy = replace(failing.policy, organization=text, reviewer=text, reference=text)
    report = replace(failing, description=build_hostile_description(text), signoffs=(signoff,), policy=policy)
    check_valid(report, version)
    check_references(json.loads(VERSIONS[version](report)))


def test_root_component_names_who_supplies_the_model_and_where_it_is_found() -> None:
    root = render_bom(build_hub_report())["metadata"]["component"]
    commit = build_hub_report().target.commit
    assert (root["version"], root["purl"]) == (commit, f"pkg:huggingface/acme/tiny-llama@{commit}")
    assert root["supplier"] == {
        "name": "acme",
        "url": ["https://huggingface.co/acme"],
        "contact": [{"email": "models@acme.example"}],
    }
    assert root["authors"] == [{"name": "Ada Example"}]
    assert root["description"] == "A tiny model that writes sentences."
    assert root["releaseNotes"]["timestamp"] == "2026-10-01T00:00:00+00:00"
    references = {(each["type"], each["url"]) for each in root["externalReferences"]}
    assert {
        ("website", HUB_ADDRESS),
        ("vcs", HUB_ADDRESS),
        ("distribution", f"{HUB_ADDRESS}/tree/{commit}"),
        ("model-card", f"{HUB_ADDRESS}/blob/{commit}/README.md"),
        ("documentation", "https://arxiv.org/abs/1810.04805"),
        ("vcs", "https://github.com/acme/tiny"),
        ("website", "https://acme.example/tiny"),
        ("license", APACHE.url),
    } <= references


def test_commit_in_a_purl_is_lower_case(failing: AuditReport) -> None:
    root = render_bom(replace(failing, target=replace(failing.target, commit="ABCDEF" + "0" * 34)))["metadata"]
    assert root["component"]["version"] == "abcdef" + "0" * 34
    assert root["component"]["purl"].endswith("@abcdef" + "0" * 34)


def test_version_of_a_folder_is_the_digest_over_its_files_and_its_only_weights_give_the_hash() -> None:
    root = render_bom(build_folder_report())["metadata"]["component"]
    digest = collect_properties(root)["modelaudit:digest:sha256sum-listing"][0]
    assert (root["version"], root["purl"]) == (digest, f"pkg:generic/tiny@{digest}")
    assert root["hashes"] == [{"alg": "SHA-256", "content": "3" * 64}]
    assert {"type": "license", "url": "LICENSE"}.items() <= next(
        each for each in root["externalReferences"] if each["url"] == "LICENSE"
    ).items()


def test_file_has_its_own_digest_as_version_and_a_model_of_several_weights_has_no_hash() -> None:
    report = build_pass_report()
    target = Target("m.safetensors", RefKind.FILE, "m.safetensors", None, None, "local disk", True)
    root = render_bom(replace(report, target=target))["metadata"]["component"]
    assert (root["version"], root["purl"]) == ("a" * 64, f"pkg:generic/m.safetensors@{'a' * 64}")
    record = report.coverage.artifacts[0]
    two = Coverage((record, replace(record, path="second.safetensors")))
    assert (
        "hashes"
        not in render_bom(replace(report, decision=replace(report.decision, coverage=two)))["metadata"]["component"]
    )


def test_identity_is_evident_only_if_a_source_confirms_every_file(failing: AuditReport) -> None:
    record = failing.coverage.artifacts[5]
    whole = replace(record, absences=(), extent=Extent.EXAMINED)

    def find_identity(*records: ArtifactRecord) -> Any:
        decision = replace(failing.decision, coverage=Coverage(records))
        report = replace(failing, decision=decision, findings=())
        check_valid(report)
        return render_bom(report)["metadata"]["component"].get("evidence", {}).get("identity")

    (identity,) = find_identity(whole)
    assert (identity["field"], identity["confidence"]) == ("purl", 1)
    assert identity["concludedValue"] == f"pkg:huggingface/acme/tiny-llama@{failing.target.commit}"
    assert identity["tools"] == ["tool"]
    assert identity["methods"][0]["value"] == "1 of 1 file verified against the Hub."
    assert find_identity(whole, failing.coverage.artifacts[0]) is None, "only SHA-1 confirms the second one"
    assert find_identity(whole, failing.coverage.artifacts[4]) is None, "the Hub states other bytes of the second one"


def test_model_card_holds_the_facts_and_the_source_and_confidence_of_each() -> None:
    card = render_bom(build_hub_report())["metadata"]["component"]["modelCard"]
    parameters = card["modelParameters"]
    assert {key: parameters[key] for key in ("task", "architectureFamily", "modelArchitecture", "approach")} == {
        "task": "text-generation",
        "architectureFamily": "llama",
        "modelArchitecture": "LlamaForCausalLM",
        "approach": {"type": "self-supervised"},
    }
    assert parameters["inputs"] == parameters["outputs"] == [{"format": "text"}]
    (metric,) = card["quantitativeAnalysis"]["performanceMetrics"]
    assert metric == {"type": "accuracy", "value": "0.91", "slice": "text-generation/acme/tests/test"}
    considerations = card["considerations"]
    assert considerations["users"] == ["Researchers"]
    assert considerations["useCases"] == ["Writing sentences about markets."]
    assert considerations["technicalLimitations"] == ["It knows English only."]
    assert considerations["ethicalConsiderations"] == [{"name": "It repeats the bias of its data."}]
    (consumption,) = considerations["environmentalConsiderations"]["energyConsumptions"]
    assert consumption["activityEnergyCost"] == {"value": 1250, "unit": "kWh"}
    assert consumption["co2CostEquivalent"] == {"value": 0.05, "unit": "tCO2eq"}
    assert consumption["energyProviders"][0]["organization"] == {"name": "Example Power"}
    sources = collect_properties(card)
    assert sources["modelaudit:source:task"] == ["declared: text-generation (README.md, line 11)"]
    assert sources["modelaudit:source:architecture"] == ["found: LlamaForCausalLM (config.json, entry architectures)"]
    assert "verified: 125000 (model.safetensors)" in sources["modelaudit:source:parameters"]
    assert sources["modelaudit:contradiction"][0].startswith("README.md states 7,000,000")
    described = {fact.topic for fact in build_full_description().facts}
    assert {f"modelaudit:source:{topic}" for topic in described} <= sources.keys()


@pytest.mark.parametrize(
    ("value", "activity"), [("1250", ""), ("1250", "dreaming"), ("much", "training"), ("1e5", "training")]
)
def test_energy_without_a_number_of_kwh_or_an_activity_is_only_a_property(
    failing: AuditReport, value: str, activity: str
) -> None:
    qualifiers = (("activity", activity),) if activity else ()
    fact = Fact(Topic.ENERGY, value, Confidence.DECLARED, "README.md", Location(line=3), qualifiers)
    report = replace(failing, description=ModelDescription((fact,)))
    check_valid(report)
    environment = render_bom(report)["metadata"]["component"]["modelCard"]["considerations"][
        "environmentalConsiderations"
    ]
    assert environment.keys() == {"properties"}
    assert collect_properties(environment)["modelaudit:energy:kwh"][0].startswith(f"declared: {value}")


def test_report_without_facts_has_no_model_card(failing: AuditReport) -> None:
    assert "modelCard" not in render_bom(failing)["metadata"]["component"]


def test_libraries_and_data_sets_are_components_with_their_places() -> None:
    bom = render_bom(build_hub_report())
    components = {each["name"]: each for each in bom["components"]}
    transformers, torch = components["transformers"], components["torch"]
    assert (transformers["type"], transformers["purl"]) == ("library", "pkg:pypi/transformers@4.40.0")
    assert transformers["evidence"]["occurrences"] == [{"location": "config.json", "symbol": "transformers_version"}]
    assert (torch["purl"], "version" in torch) == ("pkg:pypi/torch", False)
    assert collect_properties(torch)["modelaudit:library:range"] == [">=2.1"]
    pairs, tests = components["acme/pairs"], components["acme/tests"]
    assert pairs["data"][0]["contents"]["url"] == "https://huggingface.co/datasets/acme/pairs"
    assert pairs["purl"] == "pkg:huggingface/datasets/acme/pairs"
    assert "purl" not in tests  # the card gives it an address of its own, and no id of the Hub
    assert pairs["evidence"]["occurrences"] == [{"location": "README.md", "line": 17}]
    assert tests["data"][0]["contents"]["url"] == "https://data.example/tests"
    refs = {each["ref"] for each in bom["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]}
    assert {pairs["bom-ref"], tests["bom-ref"]} <= refs


@pytest.mark.parametrize(
    ("stated", "version"), [("Torch v2.1.0", "2.1.0"), ("torch 2.1.0+cu121", "2.1.0+cu121"), ("Torch", None)]
)
def test_library_that_a_card_names_with_its_version_is_one_component(
    failing: AuditReport, stated: str, version: str | None
) -> None:
    facts = (
        Fact(Topic.LIBRARY, "torch", Confidence.FOUND, "requirements.txt", Location(line=1)),
        Fact(Topic.FRAMEWORK, stated, Confidence.DECLARED, "README.md", Location(line=9)),
    )
    bom = render_bom(replace(failing, description=replace(failing.description, facts=facts)))
    (library,) = (each for each in bom["components"] if each["type"] == "library")
    assert (library["name"], library.get("version")) == ("torch", version)
    assert len(library["evidence"]["occurrences"]) == len(facts)


def test_data_that_a_card_describes_in_words_has_a_short_name(failing: AuditReport) -> None:
    words = "River Logs: 48,000 notes that the institute wrote between 1998 and 2024. A part lies in this repository."
    fact = Fact(Topic.DATASET, words, Confidence.DECLARED, "README.md", Location(line=3))
    (data,) = (
        each
        for each in render_bom(replace(failing, description=ModelDescription((fact,))))["components"]
        if each["type"] == "data"
    )
    assert (data["name"], data["description"], data["data"][0]["name"]) == ("River Logs", words, "River Logs")


def test_base_model_that_only_a_fact_states_is_an_ancestor_with_its_relation(failing: AuditReport) -> None:
    pedigree = render_bom(describe(failing, build_full_description()))["metadata"]["component"]["pedigree"]
    (base,) = pedigree["ancestors"]
    assert (base["name"], base["purl"]) == ("acme/base", "pkg:huggingface/acme/base")
    assert pedigree["notes"] == "finetune of acme/base"
    assert collect_properties(base)["modelaudit:origin:relation"] == ["finetune"]


def test_licenses_in_files_are_evidence_with_file_and_line() -> None:
    evidence = render_bom(build_folder_report())["metadata"]["component"]["evidence"]
    assert evidence["occurrences"] == [
        {
            "location": "LICENSE",
            "line": 1,
            "symbol": "text",
            "additionalContext": "licence by text, read as Apache-2.0: Apache License",
        }
    ]
    (found,) = evidence["licenses"]
    assert (found["license"]["id"], found["license"]["url"]) == ("Apache-2.0", APACHE.url)


def test_version_1_7_states_declared_licenses_beside_an_expression(failing: AuditReport) -> None:
    report = replace(failing, license=replace(build_plain_conclusion(), expression="MIT OR Apache-2.0"))
    check_valid(report)
    licenses = json.loads(render_cyclonedx_17(report))["metadata"]["component"]["licenses"]
    stated = [
        (each.get("license", each).get("acknowledgement"), each.get("expression") or each["license"]["id"])
        for each in licenses
    ]
    assert stated == [("declared", "Apache-2.0"), ("concluded", "MIT OR Apache-2.0")]
    assert licenses[1]["expressionDetails"] == [{"licenseIdentifier": "Apache-2.0", "url": APACHE.url}]


def test_version_1_7_cites_the_file_that_states_a_value() -> None:
    bom = json.loads(render_cyclonedx_17(build_hub_report()))
    files = {each["bom-ref"]: each["name"] for each in bom["components"]}
    cited = {(each["pointers"][0], files.get(each["attributedTo"])) for each in bom["citations"]}
    assert ("/metadata/component/modelCard/modelParameters/task", "README.md") in cited
    for pointer, _ in cited:
        value = bom
        for key in pointer.split("/")[1:]:
            value = value[key]
    assert "citations" not in render_bom(build_hub_report())


def test_compositions_are_complete_only_if_every_file_was_read_whole() -> None:
    failing, passing = (render_bom(MODELS[name]()) for name in ("hub", "folder"))
    files, libraries = passing["compositions"]
    assert (files["aggregate"], files["assemblies"]) == ("complete", ["model"])
    assert libraries["aggregate"] == "incomplete"
    names = {each["bom-ref"]: each["name"] for each in failing["components"]}
    unread = failing["compositions"][0]
    assert unread["aggregate"] == "incomplete"
    assert {names[ref] for ref in unread["assemblies"][1:]} == {
        record.path for record in build_hub_report().coverage.artifacts if record.absences
    }


def test_annotations_state_both_answers_and_the_sign_offs_of_persons(failing: AuditReport) -> None:
    signoff = SignOff(
        "0" * 64, SignOffAnswer.APPROVE, "Reviewed", "Jane Roe", "officer", "Max Muster", "2026-11-25",
        "2027-11-25", SignOffState.VALID, "decisions.yaml:3",
    )  # fmt: skip
    other = replace(signoff, state=SignOffState.OTHER_REPORT)
    load, use, person = render_bom(replace(failing, signoffs=(signoff, other)))["annotations"]
    assert load["text"].startswith("May the model be loaded? fail: 3 findings are at or above the severity high")
    assert use["text"].startswith("May the model be used as planned? review: ")
    assert load["annotator"]["component"]["name"] == "modelaudit"
    assert person["annotator"] == {"individual": {"name": "Jane Roe"}}
    assert person["text"] == "approve: Reviewed. Approved by Max Muster. Until 2027-11-25 (decisions.yaml:3)."
    assert person["timestamp"] == "2026-11-25T00:00:00+00:00"


def test_metadata_names_who_made_the_document_and_in_which_phase() -> None:
    report = build_hub_report()
    policy = replace(report.policy, organization="Example Bank", reviewer="Jane Roe")
    metadata = render_bom(replace(report, policy=policy))["metadata"]
    assert metadata["lifecycles"] == [{"phase": "post-build"}]
    assert (metadata["manufacturer"], metadata["authors"]) == ({"name": "Example Bank"}, [{"name": "Jane Roe"}])
    assert metadata["supplier"]["name"] == "acme"
    without = render_bom(report)["metadata"]
    assert not {"manufacturer", "authors"} & without.keys()


def test_findings_can_be_left_out_and_the_report_is_then_named_by_its_digest() -> None:
    report = build_hub_report()
    for render_version in VERSIONS.values():
        full, brief = (json.loads(render_version(report, bom_findings=choice)) for choice in (True, False))
        assert len(full["vulnerabilities"]) == len(report.findings)
        assert "vulnerabilities" not in brief
        (reference,) = (
            each for each in brief["metadata"]["component"]["externalReferences"] if each["url"].startswith("ni:///")
        )
        assert reference["type"] == "static-analysis-report"
        assert reference["hashes"][0]["content"] == collect_properties(brief["metadata"])["modelaudit:report:sha256"][0]


def test_option_of_scan_and_render_leaves_the_findings_out(tmp_path: Path) -> None:
    model, saved = tmp_path / "m", tmp_path / "r.json"
    model.mkdir()
    (model / "config.json").write_text('{"auto_map": {"AutoModel": "other/repository--m.M"}}')
    for arguments in (
        ("scan", model, "-o", f"json={saved}"),
        ("render", saved),
    ):
        for choice, is_listed in (("yes", True), ("no", False)):
            bill = tmp_path / "b.cdx.json"
            run_command(*arguments, "-q", "-o", f"cyclonedx={bill}", "--bom-findings", choice)
            assert ("vulnerabilities" in json.loads(bill.read_bytes())) is is_listed


# ------------------------------------------------------------------------------------------------ the same bytes


def scan_in(folder: Path, **environment: str) -> tuple[Any, bytes]:
    """Scan a model in a folder with a policy, a register of decisions and a baseline, all by absolute paths."""
    model = folder / "model"
    model.mkdir(parents=True)
    (model / "README.md").write_text("---\nlicense: apache-2.0\npipeline_tag: fill-mask\n---\n# M\n\nA model.\n")
    (model / "config.json").write_text('{"auto_map": {"AutoModel": "other/repository--m.M"}}')
    (model / "notes.bin").write_bytes(bytes(range(256)))
    policy, decisions, earlier = folder / "p.yaml", folder / "decisions.yaml", folder / "old.json"
    policy.write_text("name: ours\nextends: default\n")
    run_command("scan", model, "-q", "-o", f"json={earlier}", SOURCE_DATE_EPOCH="1790000000")
    finding = json.loads(earlier.read_bytes())["findings"][0]["fingerprint"]
    words = ("--answer", "accept", "--reason", "read", "--by", "Jane Roe", "--approved-by", "Max Muster")
    until = ("--expires", "2026-12-01")
    decided = run_command(
        "decide", finding, "--report", earlier, "--decisions", decisions, *words, *until, SOURCE_DATE_EPOCH="1790000000"
    )
    assert decided.returncode == 0, decided.stderr
    bill = folder / "b.cdx.json"
    options = ("--policy", policy, "--decisions", decisions, "--baseline", earlier, "-q", "-o", bill)
    done = run_command("scan", model, *options, **environment)
    assert bill.is_file(), done.stderr
    return json.loads(bill.read_bytes()), bill.read_bytes()


def find_differences(first: Any, second: Any, place: str = "") -> Iterator[str]:
    """Yield the place of each value in which two documents differ; numbers of items are left out."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        for key in first:
            yield from find_differences(first[key], second[key], f"{place}/{key}")
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for one, other in zip(first, second, strict=True):
            yield from find_differences(one, other, place)
    elif first != second:
        yield place


def test_same_bytes_give_the_same_document_in_any_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "another/folder"
    (first, first_bytes), (_, second_bytes) = (scan_in(each, SOURCE_DATE_EPOCH="1790000000") for each in (one, other))
    assert first_bytes == second_bytes
    assert str(tmp_path).encode() not in first_bytes
    analyses = [each["analysis"] for each in first["vulnerabilities"] if "Jane Roe" in each["analysis"]["detail"]]
    assert [(each["state"], each["response"]) for each in analyses] == [("exploitable", ["will_not_fix"])]
    later, _ = scan_in(tmp_path / "later", SOURCE_DATE_EPOCH="1790086400")
    assert set(find_differences(first, later)) == {
        "/metadata/timestamp",
        "/metadata/properties/value",
        "/metadata/component/externalReferences/url",
        "/metadata/component/externalReferences/hashes/content",
        "/annotations/timestamp",
    }


# ---------------------------------------------------------------------------------------------- ten thousand files


def test_work_grows_in_proportion_to_files_and_findings(failing: AuditReport) -> None:
    record, finding = failing.coverage.artifacts[4], failing.findings[0]

    def count(size: int) -> int:
        records = tuple(replace(record, path=f"part/{number}.bin") for number in range(size))
        findings = tuple(replace(finding, artifact=each.path, key=str(each)) for each in records)
        coverage = replace(failing.decision, coverage=Coverage(records))
        report = replace(failing, decision=coverage, findings=findings)
        return count_lines(lambda: render_cyclonedx(report))

    assert find_growth_fault(count, 320) == ""


# ------------------------------------------------------------------------------- the score by OWASP's list of fields


@check_each("name, least", [("hub", 85.0), ("folder", 55.0)])
def test_score_of_the_written_document_by_the_list_of_owasp(name: str, least: float) -> None:
    report = MODELS[name]()
    (rules,) = (each for each in load_shipped().element_lists if each.id == "owasp")
    (judged,) = (each.score for each in report.elements if each.id == "owasp")
    for render_version in VERSIONS.values():
        score, _ = compute_score(json.loads(render_version(report)), rules, copies_model=False)
        assert score >= least
        # Neither says more than the other: the score of the report is that of the document.
        assert score == pytest.approx(judged)


def test_bare_properties_hold_values_of_the_model_and_no_words_of_ours() -> None:
    properties = collect_properties(render_bom(build_hub_report())["metadata"])
    root = render_bom(build_hub_report())["metadata"]["component"]
    assert properties["purl"] == [root["purl"]]
    assert properties["component_version"] == [root["version"]]
    assert (properties["energyQuantity"], properties["energyUnit"]) == (["1250"], ["kWh"])
    assert properties["hyperparameter"] == ["learning_rate=0.0001"]
    assert properties["metric"] == ["accuracy=0.91"]
    assert not {"bomFormat", "specVersion", "type"} & properties.keys()
    bare = collect_properties(render_bom(build_folder_report())["metadata"])
    assert not {"energyUnit", "energyQuantity", "metric", "datasets", "intendedUse"} & bare.keys()
