"""The libraries that code, requirements and configurations of the model name, one for each project of PyPI."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct
from packageurl import PackageURL

from modelaudit.model.description import Fact, ModelDescription, Topic
from modelaudit.model.lazy_pattern import defer_pattern

_PROJECT_NAME: Final = defer_pattern(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""The name of a project on PyPI (PEP 508)."""
_VERSION: Final = defer_pattern(r"[0-9][0-9A-Za-z.+!_-]{0,60}")
_SPOKEN: Final = defer_pattern(r"(?P<name>[A-Za-z0-9._-]{1,100})\s+v?(?P<version>[0-9][0-9A-Za-z.+!_-]{0,60})")
"""A library with its version, as a card writes it: ``Transformers 4.44.2``."""
_PROJECTS: Final = {"pytorch": "torch", "sklearn": "scikit-learn", "tf": "tensorflow"}
"""Frameworks whose project on PyPI has another name than cards give them."""


class NamedLibrary(Struct, frozen=True):
    """One library.

    Attributes:
        name: as PyPI compares it.
        version: the first that a fact states; ``None`` if none does.
        purl: ``None`` for a name that no project can have.
        facts: all that name it, the strongest first.
    """

    name: str
    version: str | None
    purl: PackageURL | None
    facts: tuple[Fact, ...]


def list_libraries(description: ModelDescription) -> list[NamedLibrary]:
    """List each library with its package URL, and with its version where one is stated."""
    facts_by_name: dict[str, list[Fact]] = {}
    for fact in description.list_facts(Topic.LIBRARY, Topic.FRAMEWORK):
        spoken = _SPOKEN.fullmatch(fact.value)
        facts_by_name.setdefault(_name_project(spoken["name"] if spoken else fact.value), []).append(fact)
    return [_build_library(name, facts) for name, facts in facts_by_name.items()]


def _name_project(name: str) -> str:
    """Return the name of a project as PyPI compares it (PEP 503)."""
    folded = re.sub(r"[-_.]+", "-", name).lower()
    return _PROJECTS.get(folded, folded)


def _build_library(name: str, facts: list[Fact]) -> NamedLibrary:
    """Build one library from all facts that name it, the strongest first."""
    version = next((each for each in map(_find_version, facts) if _VERSION.fullmatch(each)), None)
    is_project = _PROJECT_NAME.fullmatch(name) is not None
    return NamedLibrary(name, version, PackageURL("pypi", None, name, version) if is_project else None, tuple(facts))


def _find_version(fact: Fact) -> str:
    """Find the version that a fact states, apart from the name or behind it; empty without one."""
    spoken = _SPOKEN.fullmatch(fact.value)
    return fact.get("version") or (spoken["version"] if spoken else "")
