"""Citations of CycloneDX 1.7: the file that states a value, by a JSON pointer to the value.

Version 1.6 has none. There, as in version 1.7, the properties of the model card name the sources in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from modelaudit.model.address import file_of
from modelaudit.model.description import Fact, ModelDescription, Topic
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.cyclonedx.properties import TOOL_REF, describe_fact
from modelaudit.reports.text import escape_unprintable

_ROOT: Final = "metadata", "component"
_PARAMETERS: Final = *_ROOT, "modelCard", "modelParameters"
_CONSIDERATIONS: Final = *_ROOT, "modelCard", "considerations"
_FIELDS: Final[Mapping[Topic, tuple[str, ...]]] = {
    Topic.DESCRIPTION: (*_ROOT, "description"),
    Topic.SUPPLIER: (*_ROOT, "supplier"),
    Topic.AUTHOR: (*_ROOT, "authors"),
    Topic.TAG: (*_ROOT, "tags"),
    Topic.TASK: (*_PARAMETERS, "task"),
    Topic.APPROACH: (*_PARAMETERS, "approach"),
    Topic.ARCHITECTURE_FAMILY: (*_PARAMETERS, "architectureFamily"),
    Topic.ARCHITECTURE: (*_PARAMETERS, "modelArchitecture"),
    Topic.DATASET: (*_PARAMETERS, "datasets"),
    Topic.INPUT: (*_PARAMETERS, "inputs"),
    Topic.OUTPUT: (*_PARAMETERS, "outputs"),
    Topic.METRIC: (*_ROOT, "modelCard", "quantitativeAnalysis", "performanceMetrics"),
    Topic.USERS: (*_CONSIDERATIONS, "users"),
    Topic.INTENDED_USE: (*_CONSIDERATIONS, "useCases"),
    Topic.LIMITATION: (*_CONSIDERATIONS, "technicalLimitations"),
    Topic.ETHICS: (*_CONSIDERATIONS, "ethicalConsiderations"),
    Topic.ENERGY: (*_CONSIDERATIONS, "environmentalConsiderations", "energyConsumptions"),
    Topic.BASE_MODEL: (*_ROOT, "pedigree", "ancestors"),
}
"""The field of the document that holds the values of a topic."""


def build_citations(
    description: ModelDescription, bom: Mapping[str, Json], file_refs: Mapping[str, str], created: str
) -> list[Json]:
    """Build a citation for each fact whose field the document has.

    Args:
        description: the facts about the model.
        bom: the document without citations.
        file_refs: the ``bom-ref`` of each file by path.
        created: the time of the report in ISO 8601, which is when the facts were read.
    """
    return list(_list_citations(description, bom, file_refs, created))


def _list_citations(
    description: ModelDescription, bom: Mapping[str, Json], file_refs: Mapping[str, str], created: str
) -> Iterator[Json]:
    """Yield the citations in the order of the facts."""
    for fact in description.list_facts(*_FIELDS):
        field = _FIELDS[fact.topic]
        source = _find_source(fact, file_refs)
        if source is not None and _has_field(bom, field):
            yield {
                "pointers": [f"/{'/'.join(field)}"],
                "timestamp": created,
                "attributedTo": source,
                "note": escape_unprintable(describe_fact(fact)),
            }


def _find_source(fact: Fact, file_refs: Mapping[str, str]) -> str | None:
    """Return the reference of the file that states a fact; of the tool for a record of the Hub, which it asked."""
    if not fact.artifact:
        return TOOL_REF
    return file_refs.get(fact.artifact) or file_refs.get(file_of(fact.artifact))


def _has_field(bom: Mapping[str, Json], field: tuple[str, ...]) -> bool:
    """Whether a document has a field."""
    value: Json = dict(bom)
    for key in field:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True
