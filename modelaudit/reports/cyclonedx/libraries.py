"""The libraries that code, requirements and configurations of the model name, as components."""

from __future__ import annotations

import re
from typing import Final

from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from packageurl import PackageURL

from modelaudit.model.description import Fact, ModelDescription, Topic
from modelaudit.reports.cyclonedx.properties import build_properties, build_ref, describe_fact
from modelaudit.reports.text import escape_unprintable

_PROJECT_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""The name of a project on PyPI (PEP 508)."""
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+!_-]{0,60}")
_PROJECTS: Final = {"pytorch": "torch", "sklearn": "scikit-learn", "tf": "tensorflow"}
"""Frameworks whose project on PyPI has another name than cards give them."""


def build_libraries(description: ModelDescription) -> list[Component]:
    """Build a component for each library, with its package URL and with its version where one is stated."""
    facts_by_name: dict[str, list[Fact]] = {}
    for fact in description.list_facts(Topic.LIBRARY, Topic.FRAMEWORK):
        facts_by_name.setdefault(_name_project(fact.value), []).append(fact)
    return [_build_library(name, facts) for name, facts in facts_by_name.items()]


def _name_project(name: str) -> str:
    """Return the name of a project as PyPI compares it (PEP 503)."""
    folded = re.sub(r"[-_.]+", "-", name).lower()
    return _PROJECTS.get(folded, folded)


def _build_library(name: str, facts: list[Fact]) -> Component:
    """Build the component of one library from all facts that name it, the strongest first."""
    stated = (fact.get("version") for fact in facts)
    version = next((each for each in stated if _VERSION.fullmatch(each)), None)
    is_project = _PROJECT_NAME.fullmatch(name) is not None
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
        name=escape_unprintable(name),
        version=version,
        bom_ref=build_ref("library", name),
        purl=PackageURL("pypi", None, name, version) if is_project else None,
        evidence=ComponentEvidence(occurrences=occurrences.values()) if occurrences else None,
        properties=build_properties(
            *((f"source:{fact.topic}", describe_fact(fact)) for fact in facts),
            *(("library:range", fact.get("range") or None) for fact in facts),
        ),
    )
