"""The package of the model: the fields of the AI profile, from the facts that its files and its card state.

SPDX has no field for who vouches for a value, so that an annotation names the source and the confidence of each fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from spdx_python_model.bindings import v3_0_1 as spdx

from modelaudit.model.description import Fact, ModelDescription, Topic
from modelaudit.model.report import AuditReport
from modelaudit.reports.fact_places import name_place
from modelaudit.reports.named_datasets import list_datasets
from modelaudit.reports.spdx.elements import build_entries, read_moment
from modelaudit.reports.stated_facts import list_energy
from modelaudit.reports.text import escape_unprintable, validate_https_link

_REF: Final = spdx.ExternalRefType
_REFERENCES: Final = {
    Topic.PAPER: _REF.documentation,
    Topic.REPOSITORY: _REF.vcs,
    Topic.HOMEPAGE: _REF.altWebPage,
    Topic.DEMO: _REF.other,
    Topic.DOWNLOAD: _REF.altDownloadLocation,
    Topic.LICENSE_TEXT: _REF.license,
    Topic.CONTACT: _REF.support,
}
_RISKS: Final = {
    "low": spdx.ai_SafetyRiskAssessmentType.low,
    "medium": spdx.ai_SafetyRiskAssessmentType.medium,
    "high": spdx.ai_SafetyRiskAssessmentType.high,
    "serious": spdx.ai_SafetyRiskAssessmentType.serious,
}
_PRESENCE: Final = {"yes": spdx.PresenceType.yes, "no": spdx.PresenceType.no}
_ENERGY: Final = {
    "training": "ai_trainingEnergyConsumption",
    "fine-tuning": "ai_finetuningEnergyConsumption",
    "inference": "ai_inferenceEnergyConsumption",
}
_HYPERPARAMETERS: Final = (Topic.HYPERPARAMETER, Topic.DIMENSION, Topic.PARAMETERS, Topic.PRECISION, Topic.QUANTISATION)


def describe_model(package: spdx.ai_AIPackage, report: AuditReport) -> None:
    """Fill the fields of the AI profile that the description has facts for."""
    description = report.description
    package.ai_typeOfModel = _list_values(description, Topic.ARCHITECTURE, Topic.ARCHITECTURE_FAMILY, Topic.MODEL_TYPE)
    package.ai_domain = _list_values(description, Topic.TASK)
    package.ai_modelDataPreprocessing = _list_values(description, Topic.TOKENIZER)
    package.ai_standardCompliance = _list_values(description, Topic.STANDARD)
    # The strongest source of each comes first; an annotation names the others.
    parameters: dict[str, str] = {}
    for fact in description.list_facts(*_HYPERPARAMETERS):
        parameters.setdefault(_name_fact(fact), fact.value)
    package.ai_hyperparameter = build_entries(parameters.items())
    package.ai_metric = build_entries((_name_fact(fact), fact.value) for fact in description.list_facts(Topic.METRIC))
    _fill_texts(package, report)
    for fact in description.list_facts(Topic.SAFETY_RISK):
        if (risk := _RISKS.get(fact.value.casefold().removesuffix(" risk"))) is not None:
            package.ai_safetyRiskAssessment = risk
            break
    for fact in description.list_facts(Topic.SENSITIVE_DATA):
        if (presence := _PRESENCE.get(fact.value.casefold().strip(" ."))) is not None:
            package.ai_useSensitivePersonalInformation = presence
            break
    energy = _build_energy(description)
    if energy is not None:
        package.ai_energyConsumption = energy
    for fact in description.list_facts(Topic.RELEASE_TIME):
        if (moment := read_moment(fact.value)) is not None:
            package.releaseTime = moment
            break


def _fill_texts(package: spdx.ai_AIPackage, report: AuditReport) -> None:
    """Fill the fields that are one text each, from all facts on their topics."""
    description = report.description
    data = [each.name for each in list_datasets(report) if each.is_prose]
    training = [*_list_values(description, Topic.APPROACH, Topic.TRAINING), *map(escape_unprintable, data)]
    uses = [
        f"{label}: {value}"
        for label, topics in (
            ("intended use", (Topic.INTENDED_USE,)),
            ("users", (Topic.USERS,)),
            ("out of scope", (Topic.OUT_OF_SCOPE,)),
            ("input", (Topic.INPUT,)),
            ("output", (Topic.OUTPUT,)),
            ("hardware", (Topic.HARDWARE,)),
        )
        for value in _list_values(description, *topics)
    ]
    for field, parts in (
        ("description", _list_values(description, Topic.DESCRIPTION)[:1]),
        ("ai_limitation", _list_values(description, Topic.LIMITATION)),
        ("ai_informationAboutTraining", training),
        ("ai_informationAboutApplication", uses),
        ("comment", _list_values(description, Topic.ETHICS)),
    ):
        if parts:
            setattr(package, field, "\n".join(parts))


def _build_energy(description: ModelDescription) -> spdx.ai_EnergyConsumption | None:
    """Build the energy in kilowatt-hours by activity; ``None`` if none of a known activity is stated."""
    consumption = None
    for energy in list_energy(description):
        field = _ENERGY.get(energy.activity)
        if field is None:
            continue
        consumption = consumption or spdx.ai_EnergyConsumption()
        each = spdx.ai_EnergyConsumptionDescription(
            ai_energyQuantity=float(energy.kilowatt_hours), ai_energyUnit=spdx.ai_EnergyUnitType.kilowattHour
        )
        getattr(consumption, field).append(each)
    return consumption


def list_references(description: ModelDescription) -> Iterator[spdx.ExternalRef]:
    """Yield the addresses that the model states: papers, source code, page, download, licence text, contact."""
    seen: set[tuple[str, str]] = set()
    for fact in description.list_facts(*_REFERENCES):
        link = validate_https_link(fact.get("url") or fact.value)
        kind = _REFERENCES[fact.topic]
        if link is not None and (kind, link) not in seen:
            seen.add((kind, link))
            yield spdx.ExternalRef(externalRefType=kind, locator=[link])


def list_sources(description: ModelDescription) -> Iterator[tuple[str, str]]:
    """Yield each topic with its facts, and for each fact its confidence and place."""
    for topic in dict.fromkeys(fact.topic for fact in description.facts):
        yield topic, "; ".join(map(_describe_fact, description.list_facts(topic)))


def _describe_fact(fact: Fact) -> str:
    """Describe a fact with its qualifiers, its confidence and its place."""
    qualifiers = "".join(f", {name} {value}" for name, value in fact.qualifiers if value)
    return f"{fact.value}{qualifiers} ({fact.confidence}, {name_place(fact.artifact, fact.where)})"


def _name_fact(fact: Fact) -> str:
    """Return the key of a fact: its topic, and the qualifiers that make it unique."""
    name = fact.get("name")
    parts = (name or fact.topic, fact.get("dataset"), fact.get("split"))
    prefix = f"{fact.topic}:" if fact.topic in (Topic.DIMENSION, Topic.QUANTISATION) and name else ""
    return prefix + " ".join(part for part in parts if part)


def _list_values(description: ModelDescription, *topics: Topic) -> list[str]:
    """List the values of the facts on the topics, escaped, each once."""
    return list(
        dict.fromkeys(escape_unprintable(fact.value) for topic in topics for fact in description.list_facts(topic))
    )
