"""The data sets of the model as components of the type ``data``, with the part ``data`` that the library lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence

from modelaudit.model.description import Fact, Topic
from modelaudit.model.element_rules import PLACEHOLDERS
from modelaudit.model.license import DatasetClaim, LicenseConclusion, OriginState
from modelaudit.model.report import AuditReport
from modelaudit.model.spelling import shows_text, uncover_text
from modelaudit.reports.cyclonedx.licenses import DECLARED, build_license
from modelaudit.reports.cyclonedx.properties import build_properties, build_ref, describe_fact
from modelaudit.reports.json_report import Json
from modelaudit.reports.package_url import HUB, REPOSITORY_ID
from modelaudit.reports.text import escape_unprintable, validate_https_link
from modelaudit.reports.wording import cut_text, describe_place

_LONGEST_TITLE: Final = 100
_TAG: Final = re.compile(r"<[^<>]{0,500}>")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that the model names.

    Attributes:
        ref: the ``bom-ref`` of its component.
        claim: of the licence conclusion, which looked up its licence; ``None`` if only a fact names it.
        facts: those that name it.
    """

    name: str
    ref: str
    claim: DatasetClaim | None
    facts: tuple[Fact, ...]

    @property
    def title(self) -> str:
        """Its name: of words that describe data, as a card may have them, those before the first colon or the end."""
        head, colon, _ = self.name.partition(": ")
        return cut_text(head if colon else self.name, _LONGEST_TITLE)

    @property
    def address(self) -> str | None:
        """Its address: as a fact states it, else on the Hub, where the ids of a card lead; ``None`` if not known."""
        stated = next((link for fact in self.facts if (link := validate_https_link(fact.get("url")))), None)
        is_on_hub = self.claim is not None and REPOSITORY_ID.fullmatch(self.name) is not None
        return stated or (f"{HUB}/datasets/{self.name}" if is_on_hub else None)


def list_datasets(report: AuditReport) -> list[Dataset]:
    """List the data sets of the licence conclusion, then those that only facts name."""
    facts_by_name: dict[str, list[Fact]] = {}
    for fact in report.description.list_facts(Topic.DATASET):
        facts_by_name.setdefault(_fold_name(fact.value), []).append(fact)
    claims = [claim for claim in report.license.datasets if _names_something(claim.name)]
    # A number makes each reference unique, also if a hostile card names one data set in two ways.
    named: list[tuple[str, DatasetClaim | None, Sequence[Fact]]] = [
        (claim.name, claim, facts_by_name.pop(_fold_name(claim.name), ())) for claim in claims
    ]
    named += ((facts[0].value, None, facts) for facts in facts_by_name.values())
    return [
        Dataset(name, build_ref("dataset", f"{number}/{name}"), claim, tuple(facts))
        for number, (name, claim, facts) in enumerate(named)
    ]


def _fold_name(name: str) -> str:
    """Return the form under which the spellings of one name compare equal: facts have no markup, and claims may."""
    return _TAG.sub("", uncover_text(name)).strip(" []").casefold()


def _names_something(name: str) -> bool:
    """Whether a name is neither invisible nor a placeholder."""
    return shows_text(name) and uncover_text(name).strip(" []").casefold() not in PLACEHOLDERS


def build_datasets(datasets: Sequence[Dataset], conclusion: LicenseConclusion) -> list[Component]:
    """Build the component of each data set, with the licence of its own card or the one that a fact states."""
    return [_build_dataset(dataset, conclusion) for dataset in datasets]


def _build_dataset(dataset: Dataset, conclusion: LicenseConclusion) -> Component:
    """Build the component of a data set."""
    claim = dataset.claim
    entries = dict.fromkeys(claim.entries) if claim else ()
    # Only the card of the data set itself can declare its licence.
    acknowledgement = DECLARED if claim and claim.look is OriginState.READ else None
    licenses = [build_license(each, conclusion, acknowledgement) for each in entries]
    if not licenses:
        words = dict.fromkeys(fact.get("license") for fact in dataset.facts if fact.get("license"))
        licenses = [build_license(each, conclusion, DECLARED) for each in words]
    revision = next((fact.get("revision") for fact in dataset.facts if fact.get("revision")), None)
    address = dataset.address
    distribution = ExternalReferenceType.DISTRIBUTION
    return Component(
        type=ComponentType.DATA,
        name=escape_unprintable(dataset.title),
        description=escape_unprintable(dataset.name) if dataset.title != dataset.name else None,
        version=escape_unprintable(revision) if revision else None,
        bom_ref=dataset.ref,
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
    return {dataset.ref: _build_data_part(dataset) for dataset in datasets}


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
