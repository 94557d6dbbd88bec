"""``rules/taxonomy.yaml``: where weaknesses stand in the lists by which auditors sort risks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import Cwe, Shape, Text, Url
from modelaudit.model.catalogue import FindingRule, Standard

_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True)


@dataclass(config=_CONFIG)
class FrameworkFile:
    """One list: the address of an entry, with ``{id}`` in its place where each has one of its own, and the entries."""

    address: Url
    entries: dict[Text, Text]


@dataclass(config=_CONFIG)
class WeaknessFile:
    """One weakness: its title, and the entries of other lists that it belongs to."""

    title: Text
    within: Annotated[list[Text], Field(alias="in", min_length=1)]


@dataclass(config=_CONFIG)
class TaxonomyFile:
    """``rules/taxonomy.yaml``."""

    frameworks: dict[Text, FrameworkFile]
    weaknesses: dict[Cwe, WeaknessFile]


_SHAPE = Shape(TaxonomyFile)


def read_taxonomy(documents: Iterable[Document]) -> Mapping[str, tuple[Standard, ...]]:
    """Read what each weakness stands for: itself first, then the entries of the other lists.

    Raises:
        ConfigurationError: a weakness is listed twice, or belongs to an entry that no list has.
    """
    taxonomy: dict[str, tuple[Standard, ...]] = {}
    for document in documents:
        file = _SHAPE.read(document)
        entries = {entry.id: entry for entry in _entries(file)}
        for cwe, weakness in file.weaknesses.items():
            strange = [id_ for id_ in weakness.within if id_ not in entries]
            if strange:
                raise document.error(f"weaknesses.{cwe}.in: no list has {strange[0]!r}", ("weaknesses", cwe, "in"))
            if cwe in taxonomy:
                raise document.error(f"weaknesses: {cwe} is listed already", ("weaknesses", cwe))
            address = f"https://cwe.mitre.org/data/definitions/{cwe.partition('-')[2]}.html"
            own = Standard("CWE", cwe, weakness.title, address)
            taxonomy[cwe] = (own, *(entries[id_] for id_ in weakness.within))
    return taxonomy


def _entries(file: TaxonomyFile) -> Iterator[Standard]:
    for framework, listed in file.frameworks.items():
        for id_, title in listed.entries.items():
            yield Standard(framework, id_, title, listed.address.replace("{id}", id_))


def standards_of(rule: FindingRule, taxonomy: Mapping[str, tuple[Standard, ...]]) -> tuple[Standard, ...]:
    """What a rule stands for in every list, each entry once; a weakness that no list sorts is left out."""
    found = (standard for cwe in rule.rule.cwe for standard in taxonomy.get(cwe, ()))
    return tuple(sorted(dict.fromkeys(found), key=lambda standard: (standard.framework != "CWE", standard.framework)))
