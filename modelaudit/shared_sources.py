"""Analyse code again with the texts, modules and secrets that it imports from other files of the model.

``helper.py`` has ``NAME = "system"``, and ``model.py`` has ``from .helper import NAME`` and ``getattr(os, NAME)``. Only
both together show the call. Few files import such a name, so that few are analysed twice.

``model.py`` can also take its names from a document of the model, as by ``json.load``. A file that reads documents and
looks names up or runs texts is analysed with the values of the documents.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Final

from modelaudit.checks.mentions import build_outline_subjects
from modelaudit.checks.read_files import list_named_files
from modelaudit.languages.python import uses
from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.document_values import ReadFile, may_read_document
from modelaudit.languages.python.exported_values import ExportedValues, list_exported_values
from modelaudit.languages.python.merged_sources import MergedSource, merge_source
from modelaudit.languages.python.name_tables import IMPORTERS
from modelaudit.languages.python.rebound_names import ANY, list_reachable_names, list_rebound_names
from modelaudit.languages.python.restricted_unpicklers import may_change
from modelaudit.languages.python.settled_texts import ImportedValues, list_settled_names, may_bind
from modelaudit.languages.python.shared_flows import list_sending_functions, may_send
from modelaudit.languages.python.shared_values import make_module, make_secret, make_text
from modelaudit.languages.python.values import Value
from modelaudit.languages.python.walks import PICKED_NAME, WORKED_OUT_NAME
from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Catalogue, Subject
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Outline
from modelaudit.model.reading import Structure
from modelaudit.model.structure import Location, Unread, UnreadReason

_PYTHON: Final = "python"
_MOST_NAMES: Final = 20_000
_MOST_FILES: Final = 200
_MOST_HELPERS: Final = 4  # files that import each other in a row
_MOST_SETTERS: Final = 2_000  # files whose statements that set attributes are looked at
_MOST_SENDERS: Final = 100
_MOST_READERS: Final = 100
# What a source needs to turn a text of a document into something that it calls or runs.
_USES_TEXTS: Final = defer_pattern(
    r"\b(?:getattr|attrgetter|methodcaller|globals|locals|vars|__dict__|__getattribute__|exec|eval|compile|modules"
    r"|import_module|__import__|resolve\w*|locate|import_\w+|symbol_by_name|namedAny|load_class|query|CDLL|loads?|system"
    r"|popen|subprocess|run_path|run_module|spawn\w*)\b"
)
_IMPORTING: Final = (uses.IMPORT, uses.REFERENCE)
_OPEN_NAMES: Final = IMPORTERS | {PICKED_NAME, WORKED_OUT_NAME, "(function that a file names)"}
_Shared = dict[tuple[str, str], Value]
_Exporters = dict[tuple[str, str], set[str]]


class SharedSources:
    """The texts and modules that Python files name, and what each file imports.

    Attributes:
        helped: the files for which functions of other files look names up, once the subjects were found.
    """

    def __init__(self) -> None:
        self.helped: set[str] = set()
        self._exports: dict[str, dict[str, Value]] = {}
        self._takers: set[str] = set()
        self._files: dict[str, None] = {}
        self._senders: dict[str, None] = {}
        self._readers: dict[str, None] = {}
        self._unpicklers: defaultdict[str, set[str]] = defaultdict(set)
        self._imports: defaultdict[str, set[str]] = defaultdict(set)
        self._relied: defaultdict[str, set[str]] = defaultdict(set)
        self._names_left = _MOST_NAMES
        self._values: dict[str, ExportedValues] = {}
        self._absence: tuple[str, Unread] | None = None

    def collect_names(self, address: str, structure: Structure) -> None:
        """Keep the names that a Python file gives to texts and modules, and the names that it imports."""
        if not isinstance(structure, Outline) or structure.format != _PYTHON or is_member(address):
            return
        self._files[address] = None
        for mention in structure.mentions:
            name, _, value = mention.name.partition("=")
            if mention.use == uses.TAKES_TEXT:
                self._takers.add(address)
            if mention.use == uses.RELIES_ON:
                self._relied[address].add(mention.name)
            self._collect_exports(address, mention.use, name, value)
            if mention.use == uses.MODULE_ALIAS and value.startswith("."):
                self._imports[address].add(value.strip("."))
            elif mention.use in _IMPORTING and "=" not in mention.name:
                self._imports[address].add(mention.name.strip("."))
            if len(self._readers) < _MOST_READERS and may_read_document(mention.name):
                self._readers[address] = None
            if may_send(mention) and len(self._senders) < _MOST_SENDERS:
                self._senders[address] = None

    def _collect_exports(self, address: str, use: str, name: str, value: str) -> None:
        """Keep what a mention ``name=value`` of this use lets other files import or change."""
        if use == uses.NAMED_TEXT:
            self._keep_export(address, name, make_text(value))
        elif use == uses.NAMED_SECRET:
            self._keep_export(address, name, make_secret())
        elif use == uses.CLOSED_UNPICKLER:
            self._unpicklers[address].update((name, *value.split()))
        elif use == uses.MODULE_ALIAS and name.isidentifier() and not value.startswith("."):
            self._keep_export(address, name, make_module(value))

    def _keep_export(self, address: str, name: str, value: Value) -> None:
        self._names_left -= 1
        if self._names_left >= 0:
            self._exports.setdefault(address, {})[name] = value
        elif self._absence is None:
            detail = f"the files give more than {_MOST_NAMES} texts and modules a name; its own are not followed"
            self._absence = (address, Unread(UnreadReason.LIMIT, detail))

    def find_subjects(
        self, read_text: Callable[[str], str], paths: Collection[str], catalogue: Catalogue
    ) -> Iterator[Subject]:
        """Yield the subjects that a file has only with the names that it imports, and the documents that it reads.

        Args:
            read_text: reads a small file of the model.
            paths: of all files of the model.
            catalogue: the rule set.
        """
        yield from self._find_changed_unpicklers(read_text, catalogue)
        self._find_senders(read_text)
        sources: dict[str, Mapping[tuple[str, str], Value]] = {
            each: {} for each in self._readers if _USES_TEXTS.search(read_text(each))
        }
        sources.update((address, shared) for address, shared, _ in self._find_importers(read_text))
        rebound = self._find_rebound(read_text)
        yield from self._find_helped(read_text, paths, catalogue, rebound)
        sources.update((each, {}) for each in rebound if each not in sources)
        for count, (address, shared) in enumerate(sources.items()):
            if count >= _MOST_FILES:
                detail = f"more than {_MOST_FILES} files import names of texts and modules; they are not followed here"
                self._absence = self._absence or (address, Unread(UnreadReason.LIMIT, detail))
                return
            text = read_text(address)
            known = {(each.use, each.name) for each in analyze_source(text).mentions}
            read_file = _make_file_reader(address, paths, read_text)
            opened = rebound.get(address, frozenset())
            mentions = analyze_source(text, shared=shared, read_file=read_file, opened=opened).mentions
            added = tuple(each for each in mentions if (each.use, each.name) not in known)
            yield from build_outline_subjects(address, Outline(_PYTHON, added), catalogue)

    def merge_source(
        self, address: str, read_text: Callable[[str], str], around: frozenset[str] = frozenset()
    ) -> MergedSource | None:
        """Return a file behind the files of the model that look names up for it; ``None`` if there are none.

        Args:
            address: of the file.
            read_text: reads a small file of the model.
            around: the files that get this one as a helper.
        """
        parts = {part for name in self._imports.get(address, ()) for part in name.split(".")}
        around |= {address}
        helpers: dict[str, str] = {}
        inner: dict[str, tuple[str, ...]] = {}
        for each in self._files:
            if each not in around and (module := _get_module(each)) in parts:
                merged = self.merge_source(each, read_text, around) if len(around) < _MOST_HELPERS else None
                helpers[module], inner[module] = (
                    (read_text(each), ()) if merged is None else (merged.text, merged.files)
                )
        found = merge_source(read_text(address), helpers) if helpers else None
        if found is None:
            return None
        return replace(found, files=(*found.files, *(file for each in found.files for file in inner[each])))

    def _find_helped(
        self,
        read_text: Callable[[str], str],
        paths: Collection[str],
        catalogue: Catalogue,
        rebound: Mapping[str, frozenset[str]],
    ) -> Iterator[Subject]:
        """Yield the acts of a file that need functions of other files, which look names up for it.

        ``rebound`` holds the names of each file that other files bind again.
        """
        for address in list(self._imports)[:_MOST_FILES]:
            merged = self.merge_source(address, read_text)
            if merged is None:
                continue
            self.helped.add(address)
            helpers = [each for each in self._files if _get_module(each) in merged.files]
            opened = frozenset().union(*(rebound.get(each, frozenset()) for each in (address, *helpers)))
            known = {
                (each.use, each.name)
                for text in (read_text(address), *map(read_text, helpers))
                for each in analyze_source(text).mentions
            }
            read_file = _make_file_reader(address, paths, read_text)
            added = tuple(
                replace(each, where=_move(each.where, -merged.lines_before))
                for each in analyze_source(merged.text, read_file=read_file, opened=opened).mentions
                if (each.use, each.name) not in known
            )
            yield from build_outline_subjects(address, Outline(_PYTHON, added), catalogue)

    def takes_text(self, subject: Subject) -> bool:
        """Whether a subject is a name that a file leaves open, and that a text of another file may settle."""
        fields = subject.fields
        if subject.artifact not in self._takers or subject.kind != "mention":
            return False
        return fields["use"] == uses.COMPUTED or fields["name"] in _OPEN_NAMES

    def find_open(self, subjects: Collection[Subject], read_text: Callable[[str], str]) -> list[Subject]:
        """Return those of ``subjects`` that the texts of other files leave open.

        Args:
            subjects: names for which ``takes_text`` holds.
            read_text: reads a small file of the model.
        """
        if not subjects:
            return []
        remaining: dict[str, set[tuple[str, str]]] = {}
        for address, imported in self.find_settled_values({each.artifact for each in subjects}, read_text).items():
            text = read_text(address)
            mentions = analyze_source(text, shared=imported.values).mentions
            if not imported.may_be_bound(text, mentions):
                remaining[address] = {(each.use, each.name) for each in mentions}
        return [
            each
            for each in subjects
            if each.artifact not in remaining or (each.fields["use"], each.fields["name"]) in remaining[each.artifact]
        ]

    def find_settled_values(
        self, addresses: Collection[str], read_text: Callable[[str], str]
    ) -> dict[str, ImportedValues]:
        """Return the values that files import from others and that no third file of the model binds again.

        Args:
            addresses: of the files.
            read_text: reads a small file of the model.
        """
        self._takers.update(addresses)
        found: dict[str, ImportedValues] = {}
        for address, shared, exporters in self._find_importers(read_text):
            if address in addresses and len(found) < _MOST_READERS:
                settled = self._find_settled(address, exporters, read_text)
                values = {key: shared[key] for key in settled}
                found[address] = ImportedValues(values, frozenset(map(_get_module, settled.values())))
        return found

    def _find_settled(
        self, importer: str, exporters: _Exporters, read_text: Callable[[str], str]
    ) -> dict[tuple[str, str], str]:
        """Return the imported names that one file binds once, with this file, if no other one may bind them again."""
        settled: dict[tuple[str, str], str] = {}
        for key, files in exporters.items():
            exporter = min(files)
            if (
                len(files) == 1
                and key[0] == _get_module(exporter)
                and key[1] in list_settled_names(read_text(exporter))
            ):
                settled[key] = exporter
        others = [each for each in self._files if each not in (importer, *settled.values())]
        names = {name for _, name in settled}
        is_changed = len(self._files) > _MOST_FILES or any(may_bind(read_text(each), names) for each in others)
        return {} if is_changed else settled

    def _list_held(
        self, exporter: str, importer: str, read_text: Callable[[str], str]
    ) -> Iterator[tuple[tuple[str, str], Value]]:
        """Yield what one file holds for another, by class and name; all its texts if that one takes names by texts."""
        if exporter == importer:
            return
        if importer in self._takers and exporter not in self._values and len(self._values) < _MOST_FILES:
            self._values[exporter] = list_exported_values(read_text(exporter))
        yield from self._values.get(exporter, {}).items() if importer in self._takers else ()
        yield from ((("", name), value) for name, value in self._exports.get(exporter, {}).items())

    def list_absences(self) -> list[tuple[str, Unread]]:
        """Return the absence of the file at which a bound was reached; nothing if there is none."""
        return [] if self._absence is None else [self._absence]

    def _find_senders(self, read_text: Callable[[str], str]) -> None:
        """Keep the functions that send a parameter, of each file that another one may import."""
        parts = {
            (importer, part) for importer, names in self._imports.items() for name in names for part in name.split(".")
        }
        imported = defaultdict(set)
        for importer, part in parts:
            imported[part].add(importer)
        for address in self._senders:
            if imported[_get_module(address)] - {address}:
                for name, value in list_sending_functions(read_text(address)).items():
                    self._keep_export(address, name, value)

    def _find_changed_unpicklers(self, read_text: Callable[[str], str], catalogue: Catalogue) -> Iterator[Subject]:
        """Yield what a file has too if another one may change the closed tables of its unpicklers."""
        for address, names in self._unpicklers.items():
            module = _get_module(address)
            importers = (
                importer
                for importer, imported in self._imports.items()
                if importer != address and any(module in each.split(".") for each in imported)
            )
            if any(may_change(read_text(each), names) for each in islice(importers, _MOST_FILES)):
                text = read_text(address)
                known = {(each.use, each.name) for each in analyze_source(text).mentions}
                mentions = analyze_source(text, trusts_tables=False).mentions
                added = tuple(each for each in mentions if (each.use, each.name) not in known)
                yield from build_outline_subjects(address, Outline(_PYTHON, added), catalogue)

    def _find_rebound(self, read_text: Callable[[str], str]) -> dict[str, frozenset[str]]:
        """Return, for each file that looks names up, those of its names that another file may bind again."""
        if not self._relied or len(self._files) == 1:
            return {}
        rebound = {each: list_rebound_names(read_text(each)) for each in islice(self._files, _MOST_SETTERS)}
        counts = Counter(chain.from_iterable(rebound.values()))
        counts[ANY] += len(self._files) - len(rebound)
        found: dict[str, frozenset[str]] = {}
        for address, relied in self._relied.items():
            own = rebound.get(address, frozenset())
            others = {name for name, count in counts.items() if count > (name in own)}
            reachable = list_reachable_names(read_text(address), relied) if others else frozenset()
            found[address] = reachable if ANY in others else reachable & others
        return {address: names for address, names in found.items() if names}

    def _find_importers(self, read_text: Callable[[str], str]) -> Iterator[tuple[str, _Shared, _Exporters]]:
        """Yield each file that imports names of other files, with their values and the files that hold them."""
        by_module: defaultdict[str, list[str]] = defaultdict(list)
        for address in dict.fromkeys((*self._exports, *(self._files if self._takers else ()))):
            by_module[_get_module(address)].append(address)
        for address, names in self._imports.items():
            shared: _Shared = {}
            exporters: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
            for name in names:
                parts = name.split(".")
                for position in range(max(0, len(parts) - 2), len(parts)):
                    module, imported = parts[position], "".join(parts[position + 1 :])
                    for exporter in by_module.get(module, ()):
                        for key, value in self._list_held(exporter, address, read_text):
                            if imported in ("", "*", key[0] or key[1]):
                                shared[key[0] or module, key[1]] = value
                                exporters[key[0] or module, key[1]].add(exporter)
            if shared:
                yield address, shared, exporters


def _make_file_reader(address: str, paths: Collection[str], read_text: Callable[[str], str]) -> ReadFile:
    """Return a function that reads the file that a path in the source at ``address`` means."""

    def read_file(path: str) -> str:
        files = list_named_files(path, address, paths)
        return read_text(files[0]) if files else ""

    return read_file


def _move(where: Location, lines: int) -> Location:
    """Return a place so many lines further on, or the beginning of the file."""
    return where if where.line is None else replace(where, line=max(1, where.line + lines))


def _get_module(address: str) -> str:
    """Return the last part of the name of the module in a file."""
    path = PurePosixPath(address)
    return path.parent.name if path.stem == "__init__" else path.stem
