"""Read the packages that code imports and that lists of requirements name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from modelaudit.model.address import is_member
from modelaudit.model.description import Confidence, Fact, Topic
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Outline
from modelaudit.model.structure import Location

_REQUIREMENT: Final = defer_pattern(
    r"\s*(?:(?P<channel>[\w.-]+)::)?(?P<name>[A-Za-z0-9](?:[\w.-]{0,98}[A-Za-z0-9])?)\s*(?:\[[^\[\]]{0,200}\])?\s*"
    r"(?P<specifier>\(?(?:[<>=!~^]=?=?|\s*@).{0,200})?\Z"
)
_EXACT: Final = defer_pattern(r"\(?={1,3}\s*(?P<version>\d[\w.+!-]{0,60})\)?(?:=[\w.]{1,60})?\Z")
_NOT_PACKAGES: Final = frozenset({"python", "pip", "setuptools", "wheel", "cudatoolkit"})
_NO_LIBRARY_FOLDERS: Final = frozenset({"tests", "test", "docs", "doc"})
_MOST_IMPORTS: Final = 300
_CONDA_NAMES: Final = {"pytorch": "torch"}


def parse_requirements(text: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Yield the name of each package in lines of requirements, with its version or its range.

    Names are in lower case with hyphens (PEP 503). A version in the form of conda is exact too: ``numpy=1.26``.
    """
    for line in text.split("\n"):
        bare = line.partition(" #")[0].partition(";")[0].strip()
        match = _REQUIREMENT.match(bare) if not bare.startswith(("-", "#")) else None
        if match is None:
            continue
        name = match["name"].lower().replace("_", "-")
        specifier = (match["specifier"] or "").strip()
        if name in _NOT_PACKAGES or specifier.startswith("@"):
            continue
        exact = _EXACT.match(specifier)
        if exact is not None:
            yield _CONDA_NAMES.get(name, name), (("version", exact["version"]),)
        else:
            yield _CONDA_NAMES.get(name, name), (("range", specifier.strip("()")),) if specifier else ()


class ImportCollector:
    """Collects the packages that the code of a repository imports, each with its first place."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[str, int | None]] = {}
        self._own: set[str] = set()

    def add(self, outline: Outline, address: str) -> None:
        """Add the imports of one source; tests and documents import packages that a model does not need."""
        path = PurePosixPath(address)
        self._own |= {path.stem, *path.parts[:-1]}
        if is_member(address) or not _NO_LIBRARY_FOLDERS.isdisjoint(path.parts[:-1]):
            return
        for mention in outline.mentions:
            if mention.use == "import" and len(self._places) < _MOST_IMPORTS:
                name = mention.name.partition(".")[0]
                self._places.setdefault(name, (address, mention.where.line))

    def list_facts(self, packages: Mapping[str, str], known: Iterable[Fact]) -> Iterator[Fact]:
        """Yield the packages that are neither of Python nor of the repository.

        Args:
            packages: by the name of an import, the name of its package where both differ.
            known: other facts; a package among them needs no second one without a version.
        """
        stated = {fact.value for fact in known if fact.topic is Topic.LIBRARY}
        for name, (address, line) in sorted(self._places.items()):
            package = packages.get(name, name.lower().replace("_", "-"))
            is_foreign = name not in sys.stdlib_module_names and name not in self._own
            if is_foreign and name.isidentifier() and package not in stated:
                yield Fact(Topic.LIBRARY, package[:100], Confidence.FOUND, address, Location(line=line))
