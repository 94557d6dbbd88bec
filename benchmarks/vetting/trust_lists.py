"""Write the names that were decided: as lists of the rules, as data with the evidence, and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from derivation import TRUSTED, Decision
from function_calls import UNDECIDED
from reviewed import SUFFIX

CALLABLES = Path("callables")
VOCABULARIES = Path("vocabularies")
# The parser of libyaml where it is installed: the lists have tens of thousands of lines.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HEADER = "# Read by benchmarks/vetting out of the source of {library} {releases}; do not edit by hand."
# The kinds of names, with the reason and the options of their entries.
KINDS = {
    "enumeration": ("an enumeration; finds a member by its value", ["shared: true"]),
    "unpickled": ("its state is only stored; loading runs methods that were read", ["construct-only: true"]),
    "rebuilder": ("makes an object of this library again; the functions that it runs were read", []),
    "referred": (
        "an object may keep it; the functions that it runs were read",
        ["construct-only: true"],
    ),
}
CONSTRUCTED = "makes an object from what it is given; the functions that it runs were read"


class ListedName(NamedTuple):
    """What the present list says of a name: its reason, and the further options of its group."""

    why: str = ""
    options: tuple[str, ...] = ()


Listed = dict[str, ListedName]


@dataclass(slots=True)
class Proposal:
    """What was decided about one name, by release.

    Attributes:
        kind: ``unpickled``, ``enumeration``, ``rebuilder``, ``referred`` or ``constructed``.
        decisions: the decision of each release that has the name.
    """

    name: str
    kind: str
    decisions: dict[str, Decision] = field(default_factory=dict)

    @property
    def is_trusted(self) -> bool:
        """Whether every release that has the name decides for it, and a class that stays apart is inert in each."""
        decisions = self.decisions.values()
        if any(each.is_apart for each in decisions) and not all(each.is_inert for each in decisions):
            return False
        return all(each.standing == TRUSTED for each in decisions)

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
        vocabulary: the folder of the list of names in configurations.
        registry: the folder of the list of bare names, for a library that finds its classes by them; empty otherwise.
        other_definitions: bare names that some release also gives to a function, or to a class that was not read.
    """

    library: str
    releases: list[str] = field(default_factory=list)
    proposals: dict[tuple[str, str], Proposal] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    vocabulary: str = "python-names"
    registry: str = ""
    other_definitions: set[str] = field(default_factory=set)

    def add(self, kind: str, release: str, decision: Decision) -> None:
        """Keep the decision of one release about one name."""
        key = (kind, decision.name)
        self.proposals.setdefault(key, Proposal(decision.name, kind)).decisions[release] = decision

    def refuse_unread(self, refused: Mapping[str, Mapping[str, str]]) -> None:
        """Leave the names undecided that a release may have in a module that was not read.

        Args:
            refused: by release, the modules that were not read, each with the reason.
        """
        for release, modules in refused.items():
            for proposal in self.proposals.values():
                module = proposal.name.rpartition(".")[0]
                if module in modules and release not in proposal.decisions:
                    reason = f"its module was not read: {modules[module]}"
                    proposal.decisions[release] = Decision(proposal.name, UNDECIDED, reason, module)

    def list_trusted(self, *kinds: str) -> list[str]:
        """Return the names of some kinds that are trusted, sorted."""
        return sorted(each.name for each in self.proposals.values() if each.kind in kinds and each.is_trusted)

    def format_trusted(self, taken: frozenset[str], listed: Listed) -> str:
        """Return the file of ``rules/callables/trusted``; empty if it has no name.

        Args:
            taken: names of other lists, which are left out.
            listed: the names of the present file with their reasons. Those of releases that are no longer read stay.
        """
        lines = self._begin(listed, ["alike:"])
        seen = set(taken)
        for kind, (why, options) in KINDS.items():
            names = [name for name in self._list_names(kind, why, listed) if name not in seen]
            seen.update(names)
            by_options: dict[tuple[str, ...], list[str]] = {}
            for name in names:
                by_options.setdefault(self._list_options(kind, name, listed), []).append(name)
            for further, group in sorted(by_options.items()):
                lines += [f"  - why: {why}", *(f"    {each}" for each in (*options, *further))]
                lines += ["    names:", *(f"      - {name}" for name in group)]
        return "\n".join(lines) + "\n" if len(lines) > 3 else ""

    def format_configured(self, taken: frozenset[str], listed: Listed) -> str:
        """Return the file of ``rules/vocabularies/python-names``; as ``format_trusted``."""
        names = [name for name in self._list_names("constructed", CONSTRUCTED, listed) if name not in taken]
        lines = self._begin(listed, ["trusted:", "  alike:", f"    - why: {CONSTRUCTED}", "      names:"])
        return "\n".join([*lines, *(f"        - {name}" for name in names)]) + "\n" if names else ""

    def format_registry(self) -> str:
        """Return the file of bare names: each is trusted if every class of the name is, in every release."""
        by_name: dict[str, bool] = {}
        for proposal in self.proposals.values():
            if proposal.kind == "constructed":
                name = proposal.name.rpartition(".")[2]
                by_name[name] = by_name.get(name, True) and proposal.is_trusted
        trusted = {each for each, is_trusted in by_name.items() if is_trusted}
        names = sorted(trusted - self.other_definitions)
        lines = self._begin({}, ["trusted:", "  alike:", f"    - why: {CONSTRUCTED}", "      names:"])
        return "\n".join([*lines, *(f"        - {name}" for name in names)]) + "\n" if names else ""

    def _list_options(self, kind: str, name: str, listed: Listed) -> tuple[str, ...]:
        """Return the further options of an entry: what its releases decide, or those of the present list."""
        proposal = self.proposals.get((kind, name))
        if proposal is None:
            return listed[name].options
        decisions = list(proposal.decisions.values())
        calls = sorted({each for one in decisions for each in one.hook_calls})
        options = (f"hooks-call: [{', '.join(calls)}]",) if calls else ()
        if any(each.is_apart for each in decisions):
            return (*options, "apart: true")
        # Only beside a class that has to stay apart does it matter.
        is_inert = self._has_apart and all(each.is_inert for each in decisions)
        return (*options, "inert: true") if is_inert else options

    @property
    def _has_apart(self) -> bool:
        """Whether a class of the library is trusted only while no code gets its objects."""
        trusted = (each for each in self.proposals.values() if each.is_trusted)
        return any(decision.is_apart for each in trusted for decision in each.decisions.values())

    def _begin(self, listed: Listed, keys: list[str]) -> list[str]:
        """Return the first lines of a list."""
        return [
            _HEADER.format(library=self.library, releases=", ".join(self.releases)),
            f"library: {self.library}",
            *keys,
        ]

    def _list_names(self, kind: str, why: str, listed: Listed) -> list[str]:
        """Return the trusted names of a kind, and those that are listed and that no release has now, sorted.

        What a function returns may be an object that has to stay apart, so that none is listed beside such a class.
        """
        if kind == "rebuilder" and self._has_apart:
            return []
        kept = {name for name, entry in listed.items() if entry.why == why and (kind, name) not in self.proposals}
        return sorted(kept | set(self.list_trusted(kind)))

    @staticmethod
    def read_evidence(folder: Path, library: str) -> LibraryResult:
        """Return what ``write_evidence`` wrote. Raises ``FileNotFoundError`` if it has not."""
        content = json.loads((folder / f"{library}.json").read_text(encoding="utf-8"))
        result = LibraryResult(library, content["releases"], {}, content["problems"], content["vocabulary"])
        result.registry, result.other_definitions = content["registry"], set(content["other_definitions"])
        for entry in content["names"]:
            for release, decision in entry["releases"].items():
                decision["hook_calls"] = tuple(decision.get("hook_calls", ()))
                result.add(entry["kind"], release, Decision(**decision))
        return result

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
        content = {"library": self.library, "releases": self.releases, "problems": self.problems}
        content |= {"vocabulary": self.vocabulary, "registry": self.registry}
        content |= {"other_definitions": sorted(self.other_definitions), "names": entries}
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.library}.json"
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def format_lists(result: LibraryResult, rules: Path) -> dict[Path, str]:
    """Return the text of each list of a library in a folder of rules; empty for one without names."""
    taken = read_taken(rules / CALLABLES / "trusted") | read_taken(rules / CALLABLES / "dangerous")
    name = f"{result.library}{SUFFIX}.yaml"
    vocabulary = rules / VOCABULARIES / result.vocabulary
    trusted, configured = rules / CALLABLES / "trusted" / name, vocabulary / name
    lists = {
        trusted: result.format_trusted(taken, read_listed(trusted)),
        configured: result.format_configured(read_taken(vocabulary), read_listed(configured)),
    }
    if result.registry:
        lists[rules / VOCABULARIES / result.registry / name] = result.format_registry()
    return lists


def find_new(result: LibraryResult, rules: Path) -> list[str]:
    """Return the trusted names of a library that its lists do not hold yet, sorted."""
    new: set[str] = set()
    for path, text in format_lists(result, rules).items():
        new |= _read_names(yaml.load(text, _LOADER) if text else {}).keys() - read_listed(path).keys()
    return sorted(new)


def find_lost(result: LibraryResult, rules: Path) -> list[str]:
    """Return the names in the lists of a library that the releases no longer decide for, sorted."""
    lost: set[str] = set()
    for path, text in format_lists(result, rules).items():
        lost |= read_listed(path).keys() - _read_names(yaml.load(text, _LOADER) if text else {}).keys()
    return sorted(lost)


def merge(result: LibraryResult, rules: Path) -> None:
    """Write the lists of a library, and delete one that would be empty."""
    for path, text in format_lists(result, rules).items():
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)


def read_listed(path: Path) -> Listed:
    """Return the names of one list; none if there is no such file."""
    return _read_names(yaml.load(path.read_text(encoding="utf-8"), _LOADER)) if path.exists() else {}


def _read_names(content: dict[str, Any]) -> Listed:
    """Return the names in the content of a list, with what their groups say."""
    dangerous = content.get("dangerous", []) if "trusted" in content else []
    content = content.get("trusted", content)
    names: Listed = dict.fromkeys(content.get("names", {}), ListedName())
    for group in content.get("alike", ()):
        names.update(dict.fromkeys(group["names"], ListedName(group["why"], _read_options(group))))
    for part in dangerous:
        names.update(dict.fromkeys(part.get("names", ()), ListedName()))
        for group in part.get("alike", ()):
            names.update(dict.fromkeys(group["names"], ListedName()))
    return names


def _read_options(group: dict[str, Any]) -> tuple[str, ...]:
    """Return the options of a group that its kind does not state, as ``_list_options`` writes them."""
    calls = group.get("hooks-call", ())
    flags = [f"{each}: true" for each in ("apart", "inert") if group.get(each)]
    return (*([f"hooks-call: [{', '.join(calls)}]"] if calls else []), *flags)


@cache
def read_taken(folder: Path) -> frozenset[str]:
    """Return the names that the other lists of a folder hold: those that this derivation does not write."""
    names: set[str] = set()
    for file in sorted(folder.glob("*.yaml")):
        if not file.stem.endswith(SUFFIX):
            names |= read_listed(file).keys()
    return frozenset(names)


def format_table(results: Iterable[LibraryResult], new: dict[str, int]) -> list[str]:
    """Return the lines of a table: a row for each library."""
    lines = ["| library | releases | in pickles: trusted of read | in configurations: trusted of read | new |"]
    lines.append("|---|---|---|---|---|")
    for each in results:
        pickled = [one for one in each.proposals.values() if one.kind != "constructed"]
        configured = [one for one in each.proposals.values() if one.kind == "constructed"]
        cells = [
            f"{sum(one.is_trusted for one in group)} of {len(group)}" if group else ""
            for group in (pickled, configured)
        ]
        lines.append(f"| {each.library} | {', '.join(each.releases)} | {cells[0]} | {cells[1]} | {new[each.library]} |")
    return lines
