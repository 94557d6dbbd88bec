"""Properties of the document under the names that the OWASP AIBOM generator reads.

Its list of fields looks for the model in the first of ``components``, where it writes it, and for many facts in the
properties of the metadata, by a bare name. Here the model is the root component, as the standard has it, so the same
facts are repeated as such properties. Each value is that of a fact or of the root component; nothing is filled in.

Source: ``src/models/field_registry.json`` and ``registry.py`` of the generator, commits 7ea9a6c and 74cde08.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cyclonedx.model import ExternalReferenceType, Property
from cyclonedx.model.component import Component

from modelaudit.model.description import Fact, ModelDescription, Topic
from modelaudit.reports.cyclonedx.model_card import DIMENSION_NAMES
from modelaudit.reports.text import escape_unprintable

_TOPICS: Final = (
    ("primaryPurpose", Topic.TASK),
    ("suppliedBy", Topic.SUPPLIER),
    ("standardCompliance", Topic.STANDARD),
    ("datasets", Topic.DATASET),
    ("ethicalConsiderations", Topic.ETHICS),
    ("energyConsumption", Topic.ENERGY),
    ("energyQuantity", Topic.ENERGY),
    ("hyperparameter", Topic.HYPERPARAMETER),
    ("technicalLimitations", Topic.LIMITATION),
    ("safetyRiskAssessment", Topic.SAFETY_RISK),
    ("intendedUse", Topic.INTENDED_USE),
    ("typeOfModel", Topic.MODEL_TYPE),
    ("typeOfModel", Topic.ARCHITECTURE),
    ("informationAboutTraining", Topic.TRAINING),
    ("informationAboutApplication", Topic.INTENDED_USE),
    ("informationAboutApplication", Topic.USERS),
    ("metric", Topic.METRIC),
    ("useSensitivePersonalInformation", Topic.SENSITIVE_DATA),
    ("tokenizer_class", Topic.TOKENIZER),
    ("quantization_file_type", Topic.QUANTISATION),
)
_DOMAINS: Final = frozenset(
    {
        *("agriculture", "art", "astronomy", "biology", "chemistry", "climate", "code", "education", "finance"),
        *(
            "geospatial",
            "healthcare",
            "legal",
            "math",
            "medical",
            "music",
            "physics",
            "robotics",
            "science",
            "security",
        ),
    }
)
"""Tags of cards that name a field of use."""
_REFERENCES: Final = (
    ("paper", ExternalReferenceType.DOCUMENTATION),
    ("vcs", ExternalReferenceType.VCS),
    ("website", ExternalReferenceType.WEBSITE),
    ("downloadLocation", ExternalReferenceType.DISTRIBUTION),
)
_MOST_VALUES: Final = 20


def build_generator_properties(root: Component, description: ModelDescription) -> list[Property]:
    """Build one property for each field of the list that has a value; several values are one text."""
    values_by_name: dict[str, dict[str, None]] = {}
    for name, value in (*_list_facts(description), *_list_component(root)):
        if value:
            values_by_name.setdefault(name, {})[value] = None
    return [
        Property(name=name, value=escape_unprintable("; ".join(list(values)[:_MOST_VALUES])))
        for name, values in sorted(values_by_name.items())
    ]


def _list_facts(description: ModelDescription) -> Iterator[tuple[str, str]]:
    """Yield the name of the field and the value of each fact."""
    for name, topic in _TOPICS:
        yield from ((name, _describe_value(fact)) for fact in description.list_facts(topic))
    for fact in description.list_facts(Topic.ENERGY):
        yield "energyUnit", "kWh" if fact.value else ""
    for fact in description.list_facts(Topic.TAG):
        yield "domain", fact.value if fact.value.lower() in _DOMAINS else ""
    for fact in description.list_facts(Topic.DIMENSION):
        _, field = DIMENSION_NAMES.get(fact.get("name"), ("", ""))
        if field:
            yield field, fact.value


def _describe_value(fact: Fact) -> str:
    """Return the value of a fact, with its name where the topic has several."""
    name = fact.get("name")
    return f"{name}={fact.value}" if name else fact.value


def _list_component(root: Component) -> Iterator[tuple[str, str]]:
    """Yield the fields that the root component has."""
    yield "component_version", root.version or ""
    yield "purl", root.purl.to_string() if root.purl else ""
    yield "description", root.description or ""
    for each in root.licenses:
        yield "licenses", getattr(each, "value", "") or getattr(each, "id", "") or getattr(each, "name", "")
    for each in root.external_references:
        yield "external_references", str(each.url)
        yield from ((name, str(each.url)) for name, type_ in _REFERENCES if each.type is type_)
