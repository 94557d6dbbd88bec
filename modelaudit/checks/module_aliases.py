"""Resolve members of modules that one file of a model imports and another file uses under a second name.

``helper.py`` has ``import subprocess as s``, and ``model.py`` has ``from .helper import s`` and ``s.run(...)``. Neither
file shows by itself that the model calls ``subprocess.run``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct, field

from modelaudit.checks.callables import Judgement
from modelaudit.checks.mentions import build_mention_subject
from modelaudit.model.address import file_of
from modelaudit.model.catalogue import CallableEntry, Catalogue, Standing, Subject
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location, Unread, UnreadReason

_VOCABULARY: Final = "python-code"
_ALIAS: Final = "module-alias"
_REFERENCE: Final = "reference"
_IMPORT: Final = "import"
_COMMAND: Final = "command"
_COMPUTED: Final = "computed-name"
_USES: Final = frozenset({_REFERENCE, "call", "call-at-import"})
_MOST_MEMBERS: Final = 100_000
_MOST_ALIASES: Final = 10_000
_MOST_MATCHES: Final = 10_000
_LONGEST_PATH: Final = 5
"""Parts of a member behind the alias: ``load``, or ``hub.load`` where the alias stands for a package. No dangerous name
has more parts."""

_MOST_LINKS: Final = 100_000
_MOST_FLOW_STEPS: Final = 2_000_000
_ANY_VALUE: Final = "*"

_Place = tuple[str, str, Location]
"""Address and format of a file, and a location in it."""
_Match = tuple[str, str, str, _Place]
"""A module, a dangerous member of it, the name that stands for the module, and the place of the member."""
_SIBLING: Final = ""
"""What a name begins with, before its first dot, if the source imports it relative to its own folder."""
_SIBLING_DOT: Final = f"{_SIBLING}."
_ANY_MEMBER: Final = f"{_SIBLING}.{_ANY_VALUE}."
"""The start of the name of a member that is taken from a value of any name."""


class _SourceValues(Struct):
    """The modules that may be values in one source, and what it takes from values.

    Attributes:
        modules: the modules that the source uses as values, or may get from the files that it imports.
        aliases: the modules that the source only gives a second name, by that name.
        links: the files that it imports from, by the last part of their names, with the imported name.
        members: the members that it takes from values of any name, each with the first place.
    """

    modules: set[str] = field(default_factory=set)
    aliases: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    links: set[tuple[str, str]] = field(default_factory=set)
    members: dict[str, _Place] = field(default_factory=dict)


class ModuleAliases:
    """The second names of modules in all files so far, and the members that may belong to one of them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        # For each alias its modules, each with the names of the files that define it: ``helper`` for helper.py.
        self._modules: dict[str, dict[str, set[str]]] = {}
        # For each alias, the members with the parts before the alias, and the first place of each in each file.
        self._members: defaultdict[str, dict[tuple[str, tuple[str, ...], str], _Place]] = defaultdict(dict)
        self._members_left = _MOST_MEMBERS
        self._aliases_left = _MOST_ALIASES
        self._links_left = _MOST_LINKS
        self._sources: defaultdict[str, _SourceValues] = defaultdict(_SourceValues)
        # For each dangerous module, the names of the files that import it under its own name: nearly every file of a
        # large folder does, so this takes no object for each.
        self._importing_files: defaultdict[str, set[str]] = defaultdict(set)
        self._dropped_in = ""

    @cached_property
    def _entries(self) -> Mapping[str, CallableEntry]:
        """The listed names."""
        return self._catalogue.vocabularies.get(_VOCABULARY, {})

    @cached_property
    def _dangerous_members(self) -> frozenset[str]:
        """The last parts of all dangerous names; many models have no Python code and need no list of them."""
        return frozenset(path for path in self._dangerous_names if "." not in path)

    @cached_property
    def _dangerous_modules(self) -> frozenset[str]:
        """The modules, without packages around them, that have dangerous members."""
        modules = chain.from_iterable(self._dangerous_names.values())
        return frozenset(module for module in modules if "." not in module)

    @cached_property
    def _dangerous_names(self) -> dict[str, dict[str, CallableEntry]]:
        """For the last part or parts of dangerous names, the modules before them with the entry of each."""
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
            if module.startswith(_SIBLING_DOT):
                self._keep_link(module.rstrip("."), subject.artifact)
            else:
                self._keep_alias(alias, module, subject.artifact)
        elif use == _IMPORT and name in self._dangerous_modules:
            self._importing_files[name].add(_name_module_of_file(subject.artifact))
        elif use == _REFERENCE and name.startswith(_ANY_MEMBER):
            place = (subject.artifact, str(subject.fields["format"]), subject.location)
            self._sources[subject.artifact].members.setdefault(name.removeprefix(_ANY_MEMBER), place)
        elif use in _USES and name.rpartition(".")[2] in self._dangerous_members:
            place = (subject.artifact, str(subject.fields["format"]), subject.location)
            parts = name.split(".")
            for length in range(1, min(_LONGEST_PATH, len(parts) - 2) + 1):
                path = ".".join(parts[-length:])
                if path not in self._dangerous_names:
                    continue
                # Any part may hold the module: ``registry.items.run``.
                for position in range(1, len(parts) - length):
                    self._keep_member(parts[position], path, tuple(parts[:position]), place)

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
            source = self._sources[address]
            (source.modules if alias == _ANY_VALUE else source.aliases[alias]).add(module)
            modules[module].add(_name_module_of_file(address))

    def _keep_link(self, path: str, address: str) -> None:
        """Keep that a source imports ``.file.name``, or the file ``.file`` itself, unless there are too many."""
        file, _, name = path.removeprefix(_SIBLING_DOT).rpartition(".")
        link = (file.rpartition(".")[2] or name, name if file else "")
        links = self._sources[address].links
        if link not in links:
            self._links_left -= 1
            if self._links_left < 0:
                self._dropped_in = self._dropped_in or address
            else:
                links.add(link)

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
        matches = chain(self._match_aliases(), self._match_imports(), self._match_values())
        for count, (module, path, name, place) in enumerate(matches):
            if count >= _MOST_MATCHES:
                self._dropped_in = self._dropped_in or place[0]
                return
            address, format_, where = place
            entry = self._dangerous_names[path][module]
            use = _COMPUTED if path == _ANY_VALUE else _REFERENCE
            mention = Mention(_VOCABULARY, use, f"{module}.{path}", where, f"as {name}.{path}")
            judgement = Judgement(entry.standing, entry.effect, entry.why, entry)
            yield build_mention_subject(address, format_, mention, judgement, self._catalogue.declarations)

    def _match_aliases(self) -> Iterator[_Match]:
        """Yield each dangerous member of a second name that the file of the member imports."""
        for alias, modules in self._modules.items():
            for (path, origin, _), place in self._members.get(alias, {}).items():
                # Few modules have a dangerous member of this name, and an alias may stand for thousands of modules.
                for module in self._dangerous_names.get(path, {}):
                    files = modules.get(module)
                    # An absolute import may be one of another package, unless it names the file.
                    if files is not None and (origin[0] == _SIBLING or not files.isdisjoint(origin)):
                        yield module, path, alias, place

    def _match_imports(self) -> Iterator[_Match]:
        """Yield each dangerous member of a module that a file takes from another one, where it has its own name."""
        for module, files in self._importing_files.items():
            for (path, origin, address), place in self._members.get(module, {}).items():
                links = self._sources[address].links if address in self._sources else ()
                is_linked = origin == (_SIBLING,) and any(name == module and file in files for file, name in links)
                if is_linked and module in self._dangerous_names.get(path, {}):
                    yield module, path, module, place

    def _match_values(self) -> Iterator[_Match]:
        """Yield each dangerous member of a value that may be a module of another file."""
        own_modules = {address: frozenset(source.modules) for address, source in self._sources.items()}
        self._pass_modules_on()
        for address, source in self._sources.items():
            for path, place in source.members.items():
                for module in self._dangerous_names.get(path, {}):
                    # The evaluator has joined the members with the modules of the file itself.
                    if module in source.modules and module not in own_modules[address]:
                        yield module, path, "(value of another file)", place

    def _pass_modules_on(self) -> None:
        """Give each source the modules that it may get from the files that it imports, through any number of files.

        The flow ends at a bound on its steps. Then the source at which it ended is recorded as the dropped one.
        """
        effects = self._collect_effects()
        # After a star import, any member may be that of a passed module, and many classes have a method such as
        # ``load``. So only the modules that run commands are passed on. These are few.
        commanding = {module for module, kinds in effects.items() if _COMMAND in kinds}
        # By the name of a file: the imported name and the importing source.
        importers: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for address, source in self._sources.items():
            for file, name in source.links:
                importers[file].append((name, address))
        waiting = list(self._sources)
        steps_left = _MOST_FLOW_STEPS
        while waiting:
            address = waiting.pop()
            source = self._sources[address]
            for name, importer in importers.get(_name_module_of_file(address), ()):
                if name == _ANY_VALUE:
                    passed = commanding.intersection(source.modules.union(*source.aliases.values()))
                else:
                    passed = effects.keys() & (source.modules | source.aliases.get(name, set()))
                steps_left -= 1 + len(passed) + len(source.modules)
                if steps_left < 0:
                    self._dropped_in = self._dropped_in or address
                    return
                if not passed <= self._sources[importer].modules:
                    self._sources[importer].modules |= passed
                    waiting.append(importer)

    def _collect_effects(self) -> dict[str, set[str]]:
        """Return the effects that each module has through a member that some source takes from a value of any name."""
        effects: defaultdict[str, set[str]] = defaultdict(set)
        for path in {path for source in self._sources.values() for path in source.members}:
            for module, entry in self._dangerous_names.get(path, {}).items():
                effects[module].add(entry.effect)
        return effects

    def list_absences(self) -> Iterator[tuple[str, Unread]]:
        """Yield an absence in the first file whose names were too many to keep."""
        if self._dropped_in:
            detail = (
                f"the files use more than {_MOST_MEMBERS} members or {_MOST_ALIASES} second names of modules, or more "
                f"than {_MOST_MATCHES} dangerous members, or import more than {_MOST_LINKS} names from each other"
            )
            yield self._dropped_in, Unread(UnreadReason.LIMIT, f"{detail}; its own are not compared")


def _name_module_of_file(address: str) -> str:
    """Return the name by which Python imports a file, without packages: that of the folder for ``__init__.py``."""
    path = PurePosixPath(file_of(address))
    return path.parent.name if path.stem == "__init__" else path.stem
