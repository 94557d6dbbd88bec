"""The bill of materials in SPDX 3.0.1: read back by the model's own parser, and judged by a checker of others."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reports.conftest import build_fail_report, build_pass_report
from spdx_python_model.bindings import v3_0_1 as spdx
from support.cases import check_each

from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Contradiction, Fact, ModelDescription, Topic
from modelaudit.model.digest import Digest, DigestAlgorithm
from modelaudit.model.license import (
    Basis,
    ClaimKind,
    ConclusionState,
    DatasetClaim,
    LicenseClaim,
    Origin,
    OriginState,
)
from modelaudit.model.report import ArtifactRecord, AuditReport, Coverage, Extent
from modelaudit.model.structure import Location
from modelaudit.model.terms import Relation
from modelaudit.reports import render

Json = dict[str, Any]


def declare(topic: Topic, value: str, **qualifiers: str) -> Fact:
    """Build a fact that line 7 of the card states."""
    return Fact(topic, value, Confidence.DECLARED, "README.md", Location(line=7), tuple(sorted(qualifiers.items())))


FACTS = (
    Fact(Topic.ARCHITECTURE, "LlamaForCausalLM", Confidence.FOUND, "config.json", Location(key="architectures")),
    Fact(Topic.PARAMETERS, "1100048384", Confidence.VERIFIED, "model.safetensors"),
    Fact(Topic.DIMENSION, "2048", Confidence.FOUND, "config.json", Location(key="hidden_size"), (("name", "hidden"),)),
    declare(Topic.AUTHOR, "Acme Research"),
    declare(
        Topic.DATASET, "acme/books", use="training", license="cc-by-4.0", url="https://huggingface.co/datasets/a/b"
    ),
    declare(Topic.DATASET, "glue", use="evaluation", revision="v1"),
    declare(
        Topic.DATASET,
        "Three million sentences, which we collected from the books of our own library in 2024.",
        use="training",
    ),
    declare(Topic.DESCRIPTION, "A small model of language."),
    declare(Topic.ENERGY, "12.5 kWh", activity="training"),
    declare(Topic.ENERGY, "much", activity="training"),
    declare(Topic.HYPERPARAMETER, "1e-4", name="learning rate"),
    declare(Topic.INTENDED_USE, "Research on small models."),
    declare(Topic.LIBRARY, "transformers", version="4.44.0"),
    declare(Topic.LIBRARY, "torch"),
    declare(Topic.LIMITATION, "It knows no medicine."),
    declare(Topic.METRIC, "0.91", name="accuracy", dataset="glue", split="test"),
    declare(Topic.PAPER, "https://arxiv.org/abs/2401.02385"),
    declare(Topic.PAPER, "javascript:alert(1)"),
    declare(Topic.RELEASE_TIME, "2026-01-02T03:04:05.678Z"),
    declare(Topic.SAFETY_RISK, "low"),
    declare(Topic.SENSITIVE_DATA, "no"),
    declare(Topic.STANDARD, "ISO/IEC 42001"),
    declare(Topic.TASK, "text-generation"),
    declare(Topic.TRAINING, "Three epochs on eight devices."),
)


def build_described_report() -> AuditReport:
    """Build a report on a model of the Hub whose card states much, with a base model of a licence of its own."""
    report = build_fail_report()
    base = Origin(
        "acme/base", "", Relation.FINETUNE, 1, OriginState.READ, ConclusionState.CONCLUDED,
        ("LicenseRef-Llama-3.1",), commit="b" * 40,
    )  # fmt: skip
    root = Origin("acme/root", "acme/base", Relation.FINETUNE, 2, OriginState.UNREACHED, ConclusionState.NOT_CHECKED)
    license_ = replace(
        report.license,
        state=ConclusionState.CONCLUDED,
        expression="Apache-2.0 AND LicenseRef-Llama-3.1",
        own=("Apache-2.0",),
        origins=(base, root),
        datasets=(DatasetClaim("acme/books", OriginState.READ, ("CC-BY-4.0",)),),
    )
    wrong = Contradiction(FACTS[0], FACTS[1], "The card states 7B parameters, and the weights have 1.1 billion.")
    return replace(report, license=license_, description=ModelDescription(FACTS, (wrong,)))


def read(content: bytes) -> list[Json]:
    """Parse a document with the model's own parser, which checks classes, properties and values; return its elements."""
    objects = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().read(io.BytesIO(content), objects)
    assert objects.link() == set(), "a reference leads nowhere"
    elements: list[Json] = json.loads(content)["@graph"]
    return elements


def find(elements: list[Json], type_: str, **wanted: object) -> list[Json]:
    """Find the elements of a type with these values."""
    same_type = [each for each in elements if each["type"] == type_]
    return [each for each in same_type if all(each.get(key) == value for key, value in wanted.items())]


def list_targets(elements: list[Json], kind: str, source: Json) -> list[str]:
    """List the names or expressions of the elements that relationships of a kind lead to from an element."""
    by_id = {each["spdxId"]: each for each in elements if "spdxId" in each}
    targets = [
        target
        for relation in find(elements, "Relationship", relationshipType=kind, **{"from": source["spdxId"]})
        for target in relation["to"]
    ]
    found = [by_id.get(target, {}) for target in targets]
    return [
        each.get("simplelicensing_licenseExpression", each.get("name", target))
        for each, target in zip(found, targets, strict=True)
    ]


def test_parser_of_the_model_reads_every_example_back(any_report: AuditReport) -> None:
    elements = read(render(any_report, "spdx"))
    assert len(find(elements, "SpdxDocument")) == len(find(elements, "software_Sbom")) == 1
    assert len(find(elements, "software_File")) == len(any_report.coverage.artifacts)


def test_document_has_the_bytes_that_the_library_writes(any_report: AuditReport) -> None:
    first, *others = any_report.coverage.artifacts or (ArtifactRecord("a \u202e \\x41.bin", 1, Extent.EXAMINED),)
    lengths = {DigestAlgorithm.GIT_BLOB: 40, DigestAlgorithm.BLAKE2B: 128}
    first = replace(first, digests=tuple(Digest(each, "a" * lengths.get(each, 64)) for each in DigestAlgorithm))
    coverage = replace(any_report.coverage, artifacts=(first, *others))
    content = render(replace(any_report, decision=replace(any_report.decision, coverage=coverage)), "spdx")
    objects, written = spdx.SHACLObjectSet(), io.BytesIO()
    spdx.JSONLDDeserializer().read(io.BytesIO(content), objects)
    spdx.JSONLDSerializer().write(objects, written, force_at_graph=True, indent=1, ensure_ascii=False)
    assert content == written.getvalue() + b"\n"
    assert any("software_contentIdentifier" in each for each in find(read(content), "software_File"))


def test_model_states_what_its_card_and_files_state() -> None:
    elements = read(render(build_described_report(), "spdx"))
    (model,) = find(elements, "ai_AIPackage", name="acme/tiny-llama")
    expected = {
        "ai_typeOfModel": ["LlamaForCausalLM"],
        "ai_domain": ["text-generation"],
        "ai_limitation": "It knows no medicine.",
        "ai_informationAboutApplication": "intended use: Research on small models.",
        "ai_safetyRiskAssessment": "low",
        "ai_standardCompliance": ["ISO/IEC 42001"],
        "ai_useSensitivePersonalInformation": "no",
        "description": "A small model of language.",
        "releaseTime": "2026-01-02T03:04:05Z",
        "software_packageVersion": model["software_packageUrl"].partition("@")[2],
        "software_primaryPurpose": "model",
    }
    assert {key: model.get(key) for key in expected} == expected
    assert "Three million sentences" in model["ai_informationAboutTraining"]
    pairs = {each["key"]: each["value"] for each in (*model["ai_hyperparameter"], *model["ai_metric"])}
    assert pairs == {
        "learning rate": "1e-4", "dimension:hidden": "2048", "parameters": "1100048384", "accuracy glue test": "0.91",
    }  # fmt: skip
    (energy,) = model["ai_energyConsumption"]["ai_trainingEnergyConsumption"]
    assert (float(energy["ai_energyQuantity"]), energy["ai_energyUnit"]) == (12.5, "kilowattHour")
    assert [each["locator"] for each in model["externalRef"]] == [["https://arxiv.org/abs/2401.02385"]]


def test_packages_around_the_model_have_their_relation_and_their_licences() -> None:
    elements = read(render(build_described_report(), "spdx"))
    (model,) = find(elements, "ai_AIPackage", name="acme/tiny-llama")
    (base,) = find(elements, "ai_AIPackage", name="acme/base")
    assert base["software_packageUrl"] == f"pkg:huggingface/acme/base@{'b' * 40}"
    assert list_targets(elements, "descendantOf", model) == ["acme/base"]
    assert list_targets(elements, "descendantOf", base) == ["acme/root"]
    in_words = next(fact.value for fact in FACTS if fact.value.startswith("Three million"))
    assert list_targets(elements, "trainedOn", model) == ["acme/books", in_words]
    assert list_targets(elements, "testedOn", model) == ["glue"]
    assert sorted(list_targets(elements, "hasRequirement", model)) == ["torch", "transformers"]
    (library,) = find(elements, "software_Package", name="transformers")
    assert library["software_packageUrl"] == "pkg:pypi/transformers@4.44.0"
    assert list_targets(elements, "hasConcludedLicense", model) == ["Apache-2.0 AND LicenseRef-Llama-3.1"]
    assert list_targets(elements, "hasDeclaredLicense", model) == ["Apache-2.0 AND LicenseRef-Llama-3.1"]
    (data,) = find(elements, "dataset_DatasetPackage", name="acme/books")
    assert data["software_packageUrl"] == "pkg:huggingface/datasets/acme/books"
    assert list_targets(elements, "hasDeclaredLicense", data) == ["CC-BY-4.0"]
    # The AI and the Dataset profile ask for exactly one relationship of each kind.
    packages = [*find(elements, "ai_AIPackage"), *find(elements, "dataset_DatasetPackage")]
    for package in packages:
        for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
            assert len(list_targets(elements, kind, package)) == 1, (package["name"], kind)


def test_license_without_spdx_id_has_its_text_or_the_place_of_it() -> None:
    elements = read(render(build_described_report(), "spdx"))
    (expression,) = find(
        elements, "simplelicensing_LicenseExpression", simplelicensing_licenseExpression="LicenseRef-Llama-3.1"
    )
    (entry,) = expression["simplelicensing_customIdToUri"]
    (text,) = find(elements, "simplelicensing_SimpleLicensingText", spdxId=entry["value"])
    assert entry["key"] == "LicenseRef-Llama-3.1"
    assert "https://www.llama.com/llama3_1/license/" in text["simplelicensing_licenseText"]


@check_each("words", ["Do what you like", "MIT* (see below)", "…", "MIT OR", "a" * 500])
def test_words_that_name_no_license_become_a_reference_with_these_words(words: str) -> None:
    report = build_pass_report()
    claim = LicenseClaim(ClaimKind.DECLARED, "README.md", "license", words, None, Location(line=2), Basis.NAME)
    license_ = replace(report.license, claims=(claim,), state=ConclusionState.UNRECOGNISED, expression="")
    elements = read(render(replace(report, license=license_), "spdx"))
    (model,) = find(elements, "ai_AIPackage")
    (declared,) = list_targets(elements, "hasDeclaredLicense", model)
    assert declared.startswith("LicenseRef-")
    texts = [each["simplelicensing_licenseText"] for each in find(elements, "simplelicensing_SimpleLicensingText")]
    assert words in texts
    assert list_targets(elements, "hasConcludedLicense", model) == ["expandedlicensing_NoAssertionLicense"]


def test_nothing_is_claimed_that_the_description_does_not_state() -> None:
    elements = read(render(build_pass_report(), "spdx"))
    (model,) = find(elements, "ai_AIPackage")
    assert not {key for key in model if key.startswith("ai_")}
    assert not find(elements, "dataset_DatasetPackage")
    assert "dataset" not in find(elements, "SpdxDocument")[0]["profileConformance"]


def test_sources_and_contradictions_are_annotations_of_the_model() -> None:
    statements = [each["statement"] for each in find(read(render(build_described_report(), "spdx")), "Annotation")]
    assert "architecture: LlamaForCausalLM (found, config.json, architectures)" in statements
    assert "limitation: It knows no medicine. (declared, README.md:7)" in statements
    assert "The card states 7B parameters, and the weights have 1.1 billion." in statements


def test_identifiers_derive_from_the_model_and_the_rules_alone() -> None:
    report = build_described_report()
    first = render(report, "spdx")
    later = replace(report, created="2027-01-01T00:00:00Z")
    assert render(later, "spdx").replace(b"2027-01-01T00:00:00Z", report.created.encode()) == first
    other_rules = replace(report, tool=replace(report.tool, rules_digest="8" * 64))
    ids = [
        {each.get("spdxId") for each in json.loads(render(each, "spdx"))["@graph"]} for each in (report, other_rules)
    ]
    assert ids[0] & ids[1] == {None}


def test_author_of_the_bill_is_whom_the_policy_names() -> None:
    report = build_pass_report()
    policy = replace(report.policy, organization="Acme Ltd", reviewer="Jo Doe")
    elements = read(render(replace(report, policy=policy), "spdx"))
    (creation,) = find(elements, "CreationInfo")
    names = {each["spdxId"]: each["name"] for each in elements if each["type"] in ("Organization", "Person")}
    assert sorted(names[each] for each in creation["createdBy"]) == ["Acme Ltd", "Jo Doe"]


def test_work_grows_in_proportion_to_the_files() -> None:
    def count(files: int) -> int:
        records = tuple(ArtifactRecord(f"part-{number}.txt", 1, Extent.EXAMINED) for number in range(files))
        report = build_pass_report()
        return len(render(replace(report, decision=replace(report.decision, coverage=Coverage(records))), "spdx"))

    ten, more, most = count(10), count(110), count(210)
    assert most - more == pytest.approx(more - ten, rel=0.02)


@pytest.mark.counterpart
@pytest.mark.parametrize(
    ("build", "missing"),
    [
        (build_described_report, []),
        (build_fail_report, []),
        # A folder has no owner: nothing in it states who supplies the model.
        (lambda: build_folder_report(), ["supplier"]),
    ],
    ids=["described model of the Hub", "model of the Hub", "bare folder"],
)
def test_checker_of_ntia_elements_accepts_the_bill(
    build: Callable[[], AuditReport], missing: list[str], tmp_path: Path
) -> None:
    import ntia_conformance_checker as ntia

    file = tmp_path / "bom.spdx.json"
    file.write_bytes(render(build(), "spdx"))
    checker = ntia.SbomChecker(str(file), sbom_spec="spdx3")
    assert not checker.parsing_errors
    without = {"supplier": checker.components_without_suppliers, "version": checker.components_without_versions}
    assert [name for name, components in without.items() if components] == missing
    assert checker.compliant is not bool(missing)


def build_folder_report() -> AuditReport:
    """Build a report on a folder without any statement of its publisher."""
    report = build_fail_report()
    target = replace(
        report.target, kind=RefKind.FOLDER, name="tiny", requested="tiny", commit=None, provenance=None, signatures=()
    )
    records = (each for each in report.coverage.artifacts if each.digests and "gguf" not in each.path)
    hashed = tuple(each for each in records if any(digest.algorithm == "sha256" for digest in each.digests))
    return replace(report, target=target, decision=replace(report.decision, coverage=Coverage(hashed)))
