"""The libraries that code, requirements and configurations of the model name, as components."""

from __future__ import annotations

from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence

from modelaudit.model.description import ModelDescription
from modelaudit.reports.cyclonedx.properties import build_properties, build_ref, describe_fact
from modelaudit.reports.named_libraries import NamedLibrary, list_libraries
from modelaudit.reports.text import escape_unprintable


def build_libraries(description: ModelDescription) -> list[Component]:
    """Build a component for each library, with its package URL and with its version where one is stated."""
    return [_build_library(each) for each in list_libraries(description)]


def _build_library(library: NamedLibrary) -> Component:
    """Build the component of one library, with the places that name it."""
    facts = library.facts
    occurrences = {
        (fact.artifact, fact.where): Occurrence(
            location=escape_unprintable(fact.artifact),
            line=fact.where.line,
            symbol=escape_unprintable(fact.where.key) if fact.where.key else None,
        )
        for fact in facts
        if fact.artifact
    }
    return Component(
        type=ComponentType.LIBRARY,
        name=escape_unprintable(library.name),
        version=library.version,
        bom_ref=build_ref("library", library.name),
        purl=library.purl,
        evidence=ComponentEvidence(occurrences=occurrences.values()) if occurrences else None,
        properties=build_properties(
            *((f"source:{fact.topic}", describe_fact(fact)) for fact in facts),
            *(("library:range", fact.get("range") or None) for fact in facts),
        ),
    )
