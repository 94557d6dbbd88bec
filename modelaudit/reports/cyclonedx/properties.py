"""The properties of a bill of materials, which state facts, and the references between its parts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cyclonedx.model import Property

from modelaudit.model.description import Fact
from modelaudit.reports.canonical_json import Json
from modelaudit.reports.fact_places import describe_source
from modelaudit.reports.text import escape_unprintable

ROOT_REF: Final = "model"
"""The ``bom-ref`` of the root component."""
TOOL_REF: Final = "tool"
"""The ``bom-ref`` of the component that describes this program."""


def build_properties(*pairs: tuple[str, object]) -> list[Property]:
    """Build properties with the prefix ``modelaudit:``; pairs with the value ``None`` are left out."""
    return [Property(name=name, value=value) for name, value in _name_pairs(pairs)]


def build_json_properties(*pairs: tuple[str, object]) -> list[Json]:
    """Build the same properties as JSON, sorted and without repetition, as the library writes them."""
    return [{"name": name, "value": value} for name, value in sorted(set(_name_pairs(pairs)))]


def _name_pairs(pairs: Iterable[tuple[str, object]]) -> Iterable[tuple[str, str]]:
    """Yield name and value of each property that has a value."""
    return ((f"modelaudit:{name}", escape_unprintable(str(value))) for name, value in pairs if value is not None)


def build_ref(kind: str, name: str) -> str:
    """Build a reference from the digest of a name, which may contain any character.

    Two names that look the same when escaped have two references, and no reference contains a percent sign, which some
    tools refuse.
    """
    return f"{kind}:{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def describe_fact(fact: Fact) -> str:
    """Describe a fact with its confidence and its source: ``declared: fill-mask (README.md, line 4)``."""
    further = ", ".join(f"{name} {value}" for name, value in fact.qualifiers if value)
    words = f"{fact.value}; {further}" if further else fact.value
    return f"{fact.confidence}: {words} ({describe_source(fact)})"


def parse_time(words: str) -> datetime | None:
    """Parse an ISO 8601 time; a date alone is its first moment in UTC, and other words are ``None``."""
    try:
        time = datetime.fromisoformat(words)
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
