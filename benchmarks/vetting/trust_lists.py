"""Write the names that were decided: as lists of the rules, as data with the evidence, and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

from derivation import TRUSTED, Decision
from reviewed import CALLABLES, SUFFIX

VOCABULARY = CALLABLES.parent / "vocabularies" / "python-names"
_HEADER = "# Read by benchmarks/vetting out of the source of {library} {releases}; do not edit by hand."
# The kinds of names, with the reason and the options of their entries.
KINDS = {
    "enumeration": ("an enumeration; finds a member by its value", ["shared: true"]),
    "unpickled": ("its state is only stored; loading runs methods that were read", ["construct-only: true"]),
    "rebuilder": ("makes an object of this library again; the functions that it runs were read", []),
}
CONSTRUCTED = "makes an object from what it is given; the functions that it runs were read"


@dataclass(slots=True)
class Proposal:
    """What was decided about one name, by release.

    Attributes:
        kind: ``unpickled``, ``enumeration``, ``rebuilder`` or ``constructed``.
        decisions: the decision of each release that has the name.
    """

    name: str
    kind: str
    decisions: dict[str, Decision] = field(default_factory=dict)

    @property
    def is_trusted(self) -> bool:
        """Whether every release that has the name decides for it."""
        return all(each.standing == TRUSTED for each in self.decisions.values())

    @property
    def blocking(self) -> Decision:
        """The first decision that is not for it; the newest one if all are."""
        against = [each for each in self.decisions.values() if each.standing != TRUSTED]
        return (against or list(self.decisions.values()))[0]


@dataclass(slots=True)
class LibraryResult:
    """What one library's releases gave.

    Attributes:
        releases: newest first.
        problems: releases and modules that were not read, each with the reason.
    """

    library: str
    releases: list[str] = field(default_factory=list)
    proposals: dict[tuple[str, str], Proposal] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, kind: str, release: str, decision: Decision) -> None:
        """Keep the decision of one release about one name."""
        key = (kind, decision.name)
        self.proposals.setdefault(key, Proposal(decision.name, kind)).decisions[release] = decision

    def list_trusted(self, *kinds: str) -> list[str]:
        """Return the names of some kinds that are trusted, sorted."""
        return sorted(each.name for each in self.proposals.values() if each.kind in kinds and each.is_trusted)

    def format_trusted(self, taken: frozenset[str]) -> str:
        """Return the file of ``rules/callables/trusted`` without the names in ``taken``; empty if none remains."""
        lines = [_HEADER.format(library=self.library, releases=", ".join(self.releases))]
        lines += [f"library: {self.library}", "alike:"]
        seen = set(taken)
        for kind, (why, options) in KINDS.items():
            names = [name for name in self.list_trusted(kind) if name not in seen]
            seen.update(names)
            if names:
                lines += [f"  - why: {why}", *(f"    {each}" for each in options)]
                lines += ["    names:", *(f"      - {name}" for name in names)]
        return "\n".join(lines) + "\n" if len(lines) > 3 else ""

    def format_configured(self, taken: frozenset[str]) -> str:
        """Return the file of ``rules/vocabularies/python-names``; empty if there is no name."""
        names = [name for name in self.list_trusted("constructed") if name not in taken]
        lines = [_HEADER.format(library=self.library, releases=", ".join(self.releases))]
        lines += [f"library: {self.library}", "trusted:", "  alike:", f"    - why: {CONSTRUCTED}", "      names:"]
        return "\n".join([*lines, *(f"        - {name}" for name in names)]) + "\n" if names else ""

    def write_evidence(self, folder: Path) -> None:
        """Write every decision with its evidence, as JSON."""
        entries = [
            {
                "name": each.name,
                "kind": each.kind,
                "trusted": each.is_trusted,
                "releases": {release: asdict(decision) for release, decision in each.decisions.items()},
            }
            for _, each in sorted(self.proposals.items())
        ]
        content = {"library": self.library, "releases": self.releases, "problems": self.problems, "names": entries}
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.library}.json"
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def path_of_trusted(library: str) -> Path:
    """Return the list of the names that pickles of a library may use."""
    return CALLABLES / "trusted" / f"{library}{SUFFIX}.yaml"


def path_of_configured(library: str) -> Path:
    """Return the list of the names that configurations of a library may use."""
    return VOCABULARY / f"{library}{SUFFIX}.yaml"


def read_listed(path: Path) -> set[str]:
    """Return the names of one list; none if there is no such file."""
    if not path.exists():
        return set()
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content = content.get("trusted", content) if isinstance(content, dict) else {}
    names = set(content.get("names", {}))
    names.update(name for group in content.get("alike", ()) for name in group["names"])
    return names


def read_taken(folder: Path) -> frozenset[str]:
    """Return the names that the other lists of a folder hold: those that this derivation does not write."""
    names: set[str] = set()
    for file in sorted(folder.glob("*.yaml")):
        if not file.stem.endswith(SUFFIX):
            names |= read_listed(file)
    return frozenset(names)


def format_table(results: Iterable[LibraryResult], new: dict[str, int]) -> list[str]:
    """Return the lines of a table: a row for each library."""
    lines = ["| library | releases | in pickles: trusted of read | in configurations: trusted of read | new |"]
    lines.append("|---|---|---|---|---|")
    for each in results:
        pickled = [one for one in each.proposals.values() if one.kind != "constructed"]
        configured = [one for one in each.proposals.values() if one.kind == "constructed"]
        cells = [
            f"{sum(one.is_trusted for one in group)} of {len(group)}" if group else "" for group in (pickled, configured)
        ]
        lines.append(f"| {each.library} | {', '.join(each.releases)} | {cells[0]} | {cells[1]} | {new[each.library]} |")
    return lines
