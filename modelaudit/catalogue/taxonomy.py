"""Read ``rules/taxonomy.yaml``: the entries of each CWE weakness in other lists of risks, such as MITRE ATLAS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import Cwe, Shape, Text, Url
from modelaudit.model.catalogue import FindingRule, Standard

_CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


@dataclass(config=_CONFIG)
class FrameworkFile:
    """One list of risks: the address of an entry, where ``{id}`` is replaced, and the title of each entry by its id."""

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
    """Read the standards of each weakness: the CWE itself first, then the entries of the other lists.

    Raises:
        ConfigurationError: a weakness is listed twice, or belongs to an entry that is on no list.
    """
    taxonomy: dict[str, tuple[Standard, ...]] = {}
    for document in documents:
        file = _SHAPE.read(document)
        entries = {entry.id: entry for entry in _list_entries(file)}
        for cwe, weakness in file.weaknesses.items():
            unlisted = next((id_ for id_ in weakness.within if id_ not in entries), None)
            if unlisted is not None:
                raise document.error(
                    f"weaknesses.{cwe}.in: no list under 'frameworks' has the entry {unlisted!r}",
                    ("weaknesses", cwe, "in"),
                )
            if cwe in taxonomy:
                raise document.error(f"weaknesses: {cwe} is listed already", ("weaknesses", cwe))
            address = f"https://cwe.mitre.org/data/definitions/{cwe.partition('-')[2]}.html"
            own = Standard("CWE", cwe, weakness.title, address)
            taxonomy[cwe] = (own, *(entries[id_] for id_ in weakness.within))
    return taxonomy


def _list_entries(file: TaxonomyFile) -> Iterator[Standard]:
    """Yield every entry of every list of risks, with its address."""
    for framework, listed in file.frameworks.items():
        for id_, title in listed.entries.items():
            yield Standard(framework, id_, title, listed.address.replace("{id}", id_))


def find_standards(rule: FindingRule, taxonomy: Mapping[str, tuple[Standard, ...]]) -> tuple[Standard, ...]:
    """Return the entries for a rule from all lists, each once, CWE first; an unlisted weakness has none."""
    standards = dict.fromkeys(standard for cwe in rule.rule.cwe for standard in taxonomy.get(cwe, ()))
    # ``False`` sorts before ``True``, which puts the CWE first.
    return tuple(sorted(standards, key=lambda standard: (standard.framework != "CWE", standard.framework)))
