"""Resolve members of modules that one file of a model imports and another file uses under a second name.

``helper.py`` has ``import subprocess as s``, and ``model.py`` has ``from .helper import s`` and ``s.run(...)``. Neither
file shows by itself that the model calls ``subprocess.run``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from modelaudit.checks.callables import Judgement
from modelaudit.checks.mentions import build_mention_subject
from modelaudit.model.address import file_of
from modelaudit.model.catalogue import CallableEntry, Catalogue, Standing, Subject
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location, Unread, UnreadReason

_VOCABULARY: Final = "python-code"
_ALIAS: Final = "module-alias"
_REFERENCE: Final = "reference"
_USES: Final = frozenset({_REFERENCE, "call", "call-at-import"})
_MOST_MEMBERS: Final = 100_000
_MOST_ALIASES: Final = 10_000
_MOST_MATCHES: Final = 10_000
_LONGEST_PATH: Final = 2
"""Parts of a member behind the alias: ``load``, or ``hub.load`` where the alias stands for a package."""

_Place = tuple[str, str, Location]
"""Address and format of a file, and a location in it."""
_SIBLING: Final = ""
"""What a name begins with, before its first dot, if the source imports it relative to its own folder."""


class ModuleAliases:
    """The second names of modules in all files so far, and the members that may belong to one of them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._entries = catalogue.vocabularies.get(_VOCABULARY, {})
        # For each alias its modules, each with the names of the files that define it: ``helper`` for helper.py.
        self._modules: dict[str, dict[str, set[str]]] = {}
        # For each alias, the members with the parts before the alias, and the first place of each in each file.
        self._members: defaultdict[str, dict[tuple[str, tuple[str, ...], str], _Place]] = defaultdict(dict)
        self._members_left = _MOST_MEMBERS
        self._aliases_left = _MOST_ALIASES
        self._dropped_in = ""

    @cached_property
    def _dangerous_members(self) -> frozenset[str]:
        """The last parts of all dangerous names; many models have no Python code and need no list of them."""
        return frozenset(path for path in self._dangerous_names if "." not in path)

    @cached_property
    def _dangerous_names(self) -> dict[str, dict[str, CallableEntry]]:
        """For each last part of dangerous names, of one or two parts, the modules before it with the entry of each."""
        dangerous_names: defaultdict[str, dict[str, CallableEntry]] = defaultdict(dict)
        for name, entry in self._entries.items():
            parts = name.split(".")
            if entry.standing is Standing.DANGEROUS:
                for length in range(1, min(_LONGEST_PATH, len(parts) - 1) + 1):
                    dangerous_names[".".join(parts[-length:])][".".join(parts[:-length])] = entry
        return dict(dangerous_names)

    def collect_names(self, subject: Subject) -> None:
        """Keep the alias, or the member of something in another file, that a subject of Python code mentions."""
        if subject.kind != "mention" or subject.fields["vocabulary"] != _VOCABULARY:
            return
        name, use = str(subject.fields["name"]), subject.fields["use"]
        if use == _ALIAS:
            alias, _, module = name.partition("=")
            self._keep_alias(alias, module, subject.artifact)
        elif use in _USES and name.rpartition(".")[2] in self._dangerous_members:
            place = (subject.artifact, str(subject.fields["format"]), subject.location)
            parts = name.split(".")
            for length in range(1, min(_LONGEST_PATH, len(parts) - 2) + 1):
                # Any part may hold the module: ``registry.items.run``.
                for position in range(1, len(parts) - length):
                    self._keep_member(parts[position], ".".join(parts[-length:]), tuple(parts[:position]), place)

    def _keep_alias(self, alias: str, module: str, address: str) -> None:
        """Keep one alias of a module, unless there are too many."""
        modules = self._modules.setdefault(alias, {})
        if module not in modules:
            self._aliases_left -= 1
            if self._aliases_left < 0:
                self._dropped_in = self._dropped_in or address
            else:
                modules[module] = set()
        if module in modules:
            modules[module].add(_name_module_of_file(address))

    def _keep_member(self, alias: str, path: str, origin: tuple[str, ...], place: _Place) -> None:
        """Keep the first place of a member in each file, unless there are too many; ``origin`` is before the alias."""
        members = self._members[alias]
        if (path, origin, place[0]) not in members:
            self._members_left -= 1
            if self._members_left < 0:
                self._dropped_in = self._dropped_in or place[0]
            else:
                members[path, origin, place[0]] = place

    def build_subjects(self) -> Iterator[Subject]:
        """Yield a subject for each member whose name in the module of an alias is dangerous, up to a bound."""
        matches_left = _MOST_MATCHES
        for alias, modules in self._modules.items():
            for (path, origin, _), (address, format_, where) in self._members.get(alias, {}).items():
                # Few modules have a dangerous member of this name, and an alias may stand for thousands of modules.
                for module, entry in self._dangerous_names.get(path, {}).items():
                    files = modules.get(module)
                    # An absolute import may be one of another package, unless it names the file.
                    if files is None or (origin[0] != _SIBLING and files.isdisjoint(origin)):
                        continue
                    matches_left -= 1
                    if matches_left < 0:
                        self._dropped_in = self._dropped_in or address
                        return
                    mention = Mention(_VOCABULARY, _REFERENCE, f"{module}.{path}", where, f"as {alias}.{path}")
                    judgement = Judgement(entry.standing, entry.effect, entry.why, entry)
                    yield build_mention_subject(address, format_, mention, judgement, self._catalogue.declarations)

    def list_absences(self) -> Iterator[tuple[str, Unread]]:
        """Yield an absence in the first file whose names were too many to keep."""
        if self._dropped_in:
            detail = (
                f"the files use more than {_MOST_MEMBERS} members or {_MOST_ALIASES} second names of modules, or more "
                f"than {_MOST_MATCHES} members of modules are dangerous"
            )
            yield self._dropped_in, Unread(UnreadReason.LIMIT, f"{detail}; its own are not compared")


def _name_module_of_file(address: str) -> str:
    """Return the name by which Python imports a file, without packages: that of the folder for ``__init__.py``."""
    path = PurePosixPath(file_of(address))
    return path.parent.name if path.stem == "__init__" else path.stem
