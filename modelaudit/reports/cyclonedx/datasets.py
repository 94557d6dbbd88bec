"""The data sets of the model as components of the type ``data``, with the part ``data`` that the library lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence

from modelaudit.model.license import LicenseConclusion
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.cyclonedx.licenses import DECLARED, build_license
from modelaudit.reports.cyclonedx.properties import build_properties, build_ref, describe_fact
from modelaudit.reports.named_datasets import Dataset
from modelaudit.reports.text import escape_unprintable
from modelaudit.reports.wording import describe_place


def build_dataset_ref(dataset: Dataset) -> str:
    """Build the reference of a data set; its number makes it unique, also if a hostile card names one in two ways."""
    return build_ref("dataset", f"{dataset.number}/{dataset.name}")


def build_datasets(datasets: Sequence[Dataset], conclusion: LicenseConclusion) -> list[Component]:
    """Build the component of each data set, with the licence of its own card or the one that a fact states."""
    return [_build_dataset(dataset, conclusion) for dataset in datasets]


def _build_dataset(dataset: Dataset, conclusion: LicenseConclusion) -> Component:
    """Build the component of a data set."""
    claim = dataset.claim
    acknowledgement = DECLARED if dataset.has_declared_license else None
    licenses = [build_license(each, conclusion, acknowledgement) for each in dataset.licenses]
    revision = dataset.revision
    address = dataset.address
    distribution = ExternalReferenceType.DISTRIBUTION
    return Component(
        type=ComponentType.DATA,
        name=escape_unprintable(dataset.title),
        description=escape_unprintable(dataset.name) if dataset.title != dataset.name else None,
        version=escape_unprintable(revision) if revision else None,
        purl=dataset.purl,
        bom_ref=build_dataset_ref(dataset),
        licenses=licenses,
        external_references=[ExternalReference(type=distribution, url=XsUri(address))] if address else [],
        evidence=_build_evidence(dataset),
        properties=build_properties(
            ("dataset:named-at", (describe_place(claim.location) or None) if claim else None),
            ("dataset:look", claim.look if claim else None),
            ("dataset:detail", (claim.detail or None) if claim else None),
            *(("source:dataset", describe_fact(fact)) for fact in dataset.facts),
        ),
    )


def _build_evidence(dataset: Dataset) -> ComponentEvidence | None:
    """Build the places at which files name the data set."""
    occurrences = {
        (fact.artifact, fact.where): Occurrence(
            location=escape_unprintable(fact.artifact),
            line=fact.where.line,
            symbol=escape_unprintable(fact.where.key) if fact.where.key else None,
        )
        for fact in dataset.facts
        if fact.artifact
    }
    return ComponentEvidence(occurrences=occurrences.values()) if occurrences else None


def build_data_parts(datasets: Sequence[Dataset]) -> Mapping[str, Json]:
    """Build the part ``data`` of each data set, by the ``bom-ref`` of its component."""
    return {build_dataset_ref(dataset): _build_data_part(dataset) for dataset in datasets}


def _build_data_part(dataset: Dataset) -> Json:
    """Build the part ``data`` of one data set: its kind, its name, its address and its use."""
    part: dict[str, Json] = {"type": "dataset", "name": escape_unprintable(dataset.title)}
    contents: dict[str, Json] = {}
    if dataset.address is not None:
        contents["url"] = dataset.address
    pairs = {(name, value) for fact in dataset.facts for name, value in fact.qualifiers if value}
    properties: list[Json] = [
        {"name": f"modelaudit:dataset:{escape_unprintable(name)}", "value": escape_unprintable(value)}
        for name, value in sorted(pairs)
    ]
    if properties:
        contents["properties"] = properties
    return {**part, "contents": contents} if contents else part
