"""CycloneDX, SPDX and the lists of elements state the same value for the same fact."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from reports.conftest import COMMIT, HOSTILE, REPORTS, build_fail_report, build_pass_report
from reports.description_examples import build_bare_description, build_full_description, build_hostile_description
from reports.test_cyclonedx_documents import MODELS
from reports.test_spdx import FACTS, build_described_report
from support.catalogue import load_shipped

from modelaudit.elements import judge_elements
from modelaudit.model.artifact import RefKind
from modelaudit.model.copies import replace
from modelaudit.model.description import Confidence, Fact, ModelDescription, Topic
from modelaudit.model.report import AuditReport, Target
from modelaudit.model.signature import Signature, SignatureMethod, SignatureState, Signer
from modelaudit.reports import render
from modelaudit.reports.stated_facts import list_authors, list_energy, list_suppliers
from modelaudit.reports.text import escape_unprintable

_PURPOSES: Final = {"data": "data", "model": "machine-learning-model"}
_KEY: Final = Signer(SignatureMethod.KEY, "ab12" * 16)
_PERSON: Final = Signer(SignatureMethod.SIGSTORE, "release@acme.example", issuer="https://issuer.example")


def state(topic: Topic, value: str, **qualifiers: str) -> Fact:
    """Build a fact of the card."""
    return Fact(topic, value, Confidence.DECLARED, "README.md", qualifiers=tuple(sorted(qualifiers.items())))


def aim(kind: RefKind, name: str, **fields: Any) -> Callable[[], AuditReport]:
    """Return a function that builds a report of a target of this kind, with all facts of a card."""

    def build() -> AuditReport:
        report = build_pass_report()
        target = replace(report.target, kind=kind, name=name, **fields)
        further = (
            state(Topic.AUTHOR, "Sponsor Ltd", role="funding"),
            state(Topic.BASE_MODEL, "acme/other"),
            state(Topic.BASE_MODEL, "/home/ada/base"),
            state(Topic.DATASET, "ACME/Pairs", use="evaluation", revision="v2"),
            state(Topic.DATASET, "Sentences of our library: " + "we collected them in 2024 " * 9),
            state(Topic.ENERGY, "1,250.5 kWh", activity="Pre-training"),
            state(Topic.ENERGY, "7"),
            state(Topic.ENERGY, "8", activity="fine-tuning"),
        )
        description = build_full_description()
        return replace(report, target=target, description=replace(description, facts=(*description.facts, *further)))

    return build


def sign(*signers: Signer) -> dict[str, Any]:
    """Return the field of a target with verified signatures of these signers."""
    return {
        "signatures": tuple(
            Signature(f"{number}.sig", SignatureState.VERIFIED, each.method, signer=each)
            for number, each in enumerate(signers)
        )
    }


EXAMPLES: Final[dict[str, Callable[[], AuditReport]]] = {
    **REPORTS,
    **MODELS,
    "described": build_described_report,
    "bare": lambda: replace(build_fail_report(), description=build_bare_description()),
    "hostile facts": lambda: replace(build_fail_report(), description=build_hostile_description(HOSTILE)),
    "data set": aim(RefKind.DATASET, "acme/pairs", commit=COMMIT, origin="https://huggingface.co"),
    "file": aim(RefKind.FILE, "model.safetensors", commit=None),
    "folder with a key": aim(RefKind.FOLDER, "tiny", commit=None, **sign(_KEY)),
    "folder with a signer": aim(RefKind.FOLDER, "tiny", commit=None, **sign(_KEY, _PERSON)),
    "cached": aim(RefKind.CACHE, "acme/tiny", commit=COMMIT.upper(), origin="Hub cache"),
    "mirror": aim(RefKind.MODEL, "acme/tiny", commit=COMMIT.upper(), origin="http://mirror.example:8080/"),
    "folder in a repository": aim(RefKind.MODEL, "acme/tiny", commit=COMMIT, folder="onnx"),
}


@pytest.fixture(params=list(EXAMPLES))
def example(request: pytest.FixtureRequest) -> AuditReport:
    return EXAMPLES[request.param]()


def read_cyclonedx(report: AuditReport) -> dict[str, Any]:
    """Return the facts that the CycloneDX document states, by name."""
    document = json.loads(render(report, "cyclonedx"))
    root = document["metadata"]["component"]
    card = root.get("modelCard", {})
    consumptions = card.get("considerations", {}).get("environmentalConsiderations", {}).get("energyConsumptions", [])
    data = [each for each in document.get("components", []) if each["type"] == "data"]
    return {
        "type": root["type"],
        "name": root["name"],
        "version": root.get("version"),
        "purl": root.get("purl"),
        "supplier": root.get("supplier", {}).get("name"),
        "authors": [each["name"] for each in root.get("authors", [])],
        "description": root.get("description"),
        "page": next(
            (
                each["url"]
                for each in root.get("externalReferences", [])
                if each["type"] == "website" and each.get("comment") == "the repository on the Hub"
            ),
            None,
        ),
        "base models": {
            each["name"]: (each.get("version"), each.get("purl")) for each in list_ancestors(root.get("pedigree", {}))
        },
        "data sets": [
            (each["name"], each.get("version"), each.get("externalReferences", [{}])[0].get("url")) for each in data
        ],
        "energy": sorted(
            (each["activity"], float(each["activityEnergyCost"]["value"]))
            for each in consumptions
            if each["activity"] in ("training", "fine-tuning", "inference")
        ),
    }


def list_ancestors(pedigree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the components of all ancestors."""
    for each in pedigree.get("ancestors", []):
        yield each
        yield from list_ancestors(each.get("pedigree", {}))


def read_spdx(report: AuditReport) -> dict[str, Any]:
    """Return the same facts of the SPDX document."""
    elements = [each for each in json.loads(render(report, "spdx"))["@graph"] if "spdxId" in each]
    by_id = {each["spdxId"]: each for each in elements}
    (root,) = (each for each in elements if each["spdxId"].endswith("#model"))
    consumption = root.get("ai_energyConsumption", {})
    return {
        "type": _PURPOSES[root["software_primaryPurpose"]],
        "name": root["name"],
        "version": root.get("software_packageVersion"),
        "purl": root.get("software_packageUrl"),
        "supplier": by_id[root["suppliedBy"]]["name"] if "suppliedBy" in root else None,
        "authors": [by_id[each]["name"] for each in root.get("originatedBy", [])],
        "description": root.get("description"),
        "page": root.get("software_homePage"),
        "base models": {
            each["name"]: (each.get("software_packageVersion"), each.get("software_packageUrl"))
            for each in elements
            if "#base-" in each["spdxId"]
        },
        "data sets": [
            (each["name"], each.get("software_packageVersion"), each.get("software_downloadLocation"))
            for each in elements
            if each["type"] == "dataset_DatasetPackage"
        ],
        "energy": sorted(
            (activity, float(each["ai_energyQuantity"]))
            for field, activity in (
                ("ai_trainingEnergyConsumption", "training"),
                ("ai_finetuningEnergyConsumption", "fine-tuning"),
                ("ai_inferenceEnergyConsumption", "inference"),
            )
            for each in consumption.get(field, [])
        ),
    }


def read_list(report: AuditReport) -> dict[str, str | None]:
    """Return the first value of the elements of OWASP's list that ask for the same facts."""
    lists = judge_elements(report, [each for each in load_shipped().element_lists if each.id == "owasp"])
    elements = {each.id: each for each in lists[0].elements}
    names = {"type": "type", "name": "name", "version": "component_version", "purl": "purl", "supplier": "suppliedBy"}
    names["description"] = "description"
    sources = {fact: elements[id_].sources for fact, id_ in names.items()}
    return {fact: found[0].value if found else None for fact, found in sources.items()}


def fold(text: str | None) -> str:
    """Return a text without spaces and escapes: lists state one short line, and documents escape."""
    return re.sub(r"\\(?:x..|u....|U........)|\s", "", escape_unprintable(text or "").replace("…", ""))


def test_three_documents_state_the_same_facts(example: AuditReport) -> None:
    cyclonedx, spdx, listed = read_cyclonedx(example), read_spdx(example), read_list(example)
    if cyclonedx["type"] == "data":
        # A data set has no model card, and CycloneDX has no other place for energy.
        del cyclonedx["energy"]
    for fact in cyclonedx:
        if isinstance(cyclonedx[fact], list):
            assert sorted(spdx[fact], key=repr) == sorted(cyclonedx[fact], key=repr), fact
        else:
            assert spdx[fact] == cyclonedx[fact], fact
    for fact, value in listed.items():
        assert (value is None) == (cyclonedx[fact] is None), fact
        assert fold(cyclonedx[fact]).startswith(fold(value)), fact


def test_supplier_is_the_publisher_or_else_a_signer_and_never_the_fingerprint_of_a_key() -> None:
    def name(*facts: Fact, **fields: Any) -> list[tuple[str, str]]:
        report = replace(aim(RefKind.FOLDER, "tiny", **fields)(), description=ModelDescription(facts))
        return [(each.value, each.confidence) for each in list_suppliers(report)]

    stated = state(Topic.SUPPLIER, "Acme Ltd")
    assert name(stated, **sign(_KEY, _PERSON)) == [("Acme Ltd", "declared")]
    assert name(**sign(_KEY, _PERSON)) == [("release@acme.example", "verified")]
    assert name(**sign(_KEY)) == []


def test_sponsor_is_no_author_and_energy_without_an_activity_is_that_of_none() -> None:
    description = aim(RefKind.FOLDER, "tiny")().description
    assert [each.value for each in list_authors(description)] == ["Ada Example"]
    assert [(each.kilowatt_hours, each.activity) for each in list_energy(description)] == [
        ("1250", "training"),
        ("1250.5", "training"),
        ("8", "fine-tuning"),
    ]
    assert list(list_energy(ModelDescription(tuple(fact for fact in FACTS if fact.topic is Topic.TASK)))) == []


def test_target_of_a_data_set_is_data_in_every_document() -> None:
    report = EXAMPLES["data set"]()
    assert isinstance(report.target, Target)
    assert [read(report)["type"] for read in (read_cyclonedx, read_spdx, read_list)] == ["data"] * 3
