"""Judge calls of objects that computed names reach by the names that the model's own configurations hold.

``getattr(import_module(config.module), config.name)(…)`` calls whatever ``config.json`` says. Where the code can only
take the names from the configurations, the call is judged by them: the same call is nothing for ``torch.nn.Linear``,
and a command for ``os.system``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from typing import Final

from msgspec import Struct

from modelaudit.checks.mentions import build_outline_subjects
from modelaudit.languages.document_settings import parse_json_settings, parse_yaml_settings
from modelaudit.languages.python import uses, walks
from modelaudit.languages.python.configured_acts import ConfiguredActs, find_configured_acts, may_read_texts
from modelaudit.languages.python.configured_names import PICKED_NAME, parse_module, resolve_configured_calls
from modelaudit.languages.python.configured_values import ConfiguredValues, Source
from modelaudit.languages.python.merged_sources import MergedSource
from modelaudit.languages.python.name_tables import IMPORTERS, POWERFUL_MEMBERS
from modelaudit.languages.python.settled_texts import ImportedValues
from modelaudit.languages.settings import Setting
from modelaudit.model.address import is_member
from modelaudit.model.catalogue import Catalogue, Standing, Subject
from modelaudit.model.copies import replace
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.report import ArtifactRecord
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.wire.base import DamagedError, LimitReachedError
from modelaudit.wire.text import get_file_name

_PYTHON: Final = "python"
_JSON: Final = "json"
_YAML: Final = "yaml"
_MOST_FILES: Final = 200
_MOST_SOURCES: Final = 50
_MOST_SEARCHED_FILES: Final = 1000  # for acts: one that nothing reads names none
_UNPICKLING: Final = frozenset(
    {"torch.load(weights_only=False)", "torch.serialization.load(weights_only=False)", "numpy.load(allow_pickle)"}
)
# The end of the name of such a call whose path leads out of the model.
_ELSEWHERE: Final = "(elsewhere)"
# Keys to which the loader gives the folder of the model, whatever a configuration holds there.
_PLACES: Final = frozenset({"_name_or_path", "name_or_path"})
_FINDING: Final = IMPORTERS | {walks.MEMBER_NAME}
_LONGEST_NAME: Final = 100  # characters of a name that a list holds in pieces
# Data of tokenizers: no code takes names from their keys.
_DATA_FILES: Final = ("tokenizer.json", "vocab.json", "added_tokens.json", ".index.json")
# Uses by which an evaluated source takes a name of another module.
_NAMING_USES: Final = frozenset({"call", "call-at-import", "reference", "hidden"})
_CONFIGURATION: Final = "config.json"
_TYPE: Final = "model_type"
# Keys by which the library reads other values or files than those that the configuration shows.
_REDIRECTING: Final = frozenset({"attribute_map", "configuration_files", "per_layer_config", "sub_configs"})
# Modules of Python whose functions change what they get.
_CHANGING: Final = frozenset({"builtins", "operator", "functools", "importlib", "sys", "types", "gc", "inspect"})
_IMPORTED_BY_NAME: Final = "importlib.*"
_IMPORT: Final = "import"
_CONSTANT: Final = "(constant)"
_CONFIGURED: Final = "named by a configuration"

FindImported = Callable[[Collection[str]], Mapping[str, ImportedValues]]
ReadText = Callable[[str], str]
"""Returns the text of a file of the model by its path; empty if it is large or cannot be read."""


def partition_subjects(
    condition: Callable[[Subject], bool], subjects: Iterable[Subject]
) -> tuple[list[Subject], list[Subject]]:
    """Return the subjects that fulfil a condition, and the others."""
    found: tuple[list[Subject], list[Subject]] = ([], [])
    for each in subjects:
        found[not condition(each)].append(each)
    return found


def calls_computed_name(subject: Subject) -> bool:
    """Whether code calls an object that it reaches by computed names alone, or takes a member by a computed name."""
    return subject.kind == "mention" and (subject.fields["name"] == PICKED_NAME or bool(_find_lookup(subject)))


def imports_computed_name(subject: Subject) -> bool:
    """Whether by a subject code finds a module, an object or a member of a module whose name it computes."""
    return subject.kind == "mention" and subject.fields["name"] in _FINDING


def unpickles_path(subject: Subject) -> bool:
    """Whether by a subject code unpickles a file whose path the source does not show."""
    return subject.kind == "mention" and subject.fields["name"] in _UNPICKLING and not subject.fields.get("file")


class ConfiguredCalls(Struct, frozen=True):
    """Judges the calls of one model, once all of its files were read.

    Attributes:
        records: of all files.
        read_text: reads a small file of the model.
        catalogue: the lists that judge names.
        limits: bounds on reading.
        find_imported: returns the values that files import from others for good, by their paths.
        merge_source: returns a file behind the files that look names up for it, see ``MergedSource``.
    """

    records: Sequence[ArtifactRecord]
    read_text: ReadText
    catalogue: Catalogue
    limits: Limits
    find_imported: FindImported
    merge_source: Callable[[str], MergedSource | None]

    def judge_calls(self, subjects: Sequence[Subject]) -> Iterator[Subject]:
        """Yield ``subjects``, which are computed calls by ``calls_computed_name``, or what their calls resolve to."""
        configured = self._collect_values() if subjects else None
        resolved: dict[str, tuple[Subject, ...] | None] = {}
        for subject in subjects:
            path = subject.artifact
            if path not in resolved:
                resolved[path] = None
                if configured is not None and not is_member(path) and len(resolved) <= _MOST_SOURCES:
                    lookups = frozenset(_find_lookup(each) for each in subjects if each.artifact == path)
                    resolved[path] = self._resolve_file(path, configured, lookups, subject.location)
                yield from resolved[path] or ()
            if resolved[path] is None:
                yield subject

    def find_acts(self, paths: Sequence[str]) -> Iterator[Subject]:
        """Yield what the files do besides, each with the values of the configurations in the place of its keys.

        The code may take other texts too. An act that these values do not cause may still happen with others. Where a
        bound is reached, a call stays open.

        Args:
            paths: of the files that import modules whose names they compute, or whose helpers do.
        """
        if not paths:
            return
        configured, is_whole = self._collect_texts()
        if configured is None:
            return
        for number, path in enumerate(each for each in paths if not is_member(each)):
            merged = self.merge_source(path)
            text = self.read_text(path) if merged is None else merged.text
            if number < _MOST_FILES:
                found = find_configured_acts(text, configured, is_whole)
            else:
                found = ConfiguredActs(is_open=may_read_texts(text, configured))
            # A module alone does nothing; a configuration may name any.
            members = (each for each in found.mentions if not each.name.endswith(".*"))
            # The lines are those of a source that was written anew, with the values in it.
            acts = [replace(each, where=NOWHERE, detail=each.detail or _CONFIGURED) for each in members]
            if found.is_open:
                acts.append(Mention(uses.VOCABULARY, uses.CALL, PICKED_NAME, detail=_CONFIGURED))
            for subject in build_outline_subjects(path, Outline(_PYTHON, tuple(acts)), self.catalogue):
                is_dangerous = subject.fields["standing"] == Standing.DANGEROUS.value
                if is_dangerous or subject.fields["name"] == PICKED_NAME:
                    yield subject

    def find_loads(self, paths: Sequence[str]) -> Iterator[Subject]:
        """Yield the loads that unpickle files outside of the model, which a configuration names.

        Args:
            paths: of the files that unpickle a file whose path the source does not show.
        """
        configured, _ = self._collect_texts(_PLACES) if paths else (None, False)
        if configured is None:
            return
        for path in [each for each in paths if not is_member(each)][:_MOST_FILES]:
            found = find_configured_acts(self.read_text(path), configured, is_whole=True)
            loads = tuple(
                replace(each, detail=each.detail or _CONFIGURED)
                for each in found.mentions
                if each.name.endswith(_ELSEWHERE)
            )
            yield from build_outline_subjects(path, Outline(_PYTHON, loads), self.catalogue)

    def _collect_texts(self, left_out: frozenset[str] = frozenset()) -> tuple[ConfiguredValues | None, bool]:
        """Return the texts of the configurations, if there are any, and whether these are all of them.

        The texts under the keys ``left_out`` are not among them.
        """
        files = [each.path for each in self.records if _is_configuration(each)]
        files.sort(key=lambda path: (path != _CONFIGURATION, path.count("/"), path))
        read = {path: self._read_settings(path) for path in files[:_MOST_SEARCHED_FILES]}
        # Of what does not parse, a library reads only ``config.json``, whose reader may differ.
        is_whole = len(read) == len(files) and all(
            found is not None or (path != _CONFIGURATION and self.read_text(path)) for path, found in read.items()
        )
        settings = chain.from_iterable(filter(None, read.values()))
        texts = _list_texts(_join_lists(each for each in settings if left_out.isdisjoint(each.path[-1:])))
        return ConfiguredValues(texts, ()) if files else None, is_whole

    def _collect_values(self) -> ConfiguredValues | None:
        """Return the values of the configurations; ``None`` if the code of the model takes texts from elsewhere."""
        sources = [each.path for each in self.records if _PYTHON in each.formats]
        others = [each.path for each in self.records if "notebook" in each.formats]
        files = [each.path for each in self.records if _is_configuration(each)]
        if len(files) > _MOST_FILES or len(sources) > _MOST_FILES or others:
            return None
        settings: list[tuple[str, Sequence[Setting]]] = []
        for path in files:
            found = self._read_settings(path)
            if found is None or any(not _REDIRECTING.isdisjoint(each.path) for each in found):
                return None  # the library may read another value under a key than the file shows
            settings.append((path, found))
        made = next((found for path, found in settings if path == _CONFIGURATION), ())
        if any(each.path[1:] and each.path[-1] == _TYPE for each in made):
            return None  # the library may make the configuration of this part of the file
        classes = [str(each.value) for each in made if each.path[:1] == ("auto_map",) and each.value is not None]
        configured = ConfiguredValues(
            _list_texts(setting for _, found in settings for setting in found),
            [get_file_name(each.path) for each in self.records],
            _list_read_texts(made),
            _list_pieces([(_CONFIGURATION, made)]),
        )
        imported = self.find_imported(sources)
        parsed = []
        for path in sources:
            text = self.read_text(path)
            tree = parse_module(text)
            if tree is None:
                return None
            parsed.append(Source(tree, text, imported.get(path, ImportedValues({}))))
        keys = {key for _, found in settings for each in found for key in _list_holders(each)}
        return configured if configured.add_sources(parsed, keys, classes) else None

    def _read_settings(self, path: str) -> Sequence[Setting] | None:
        """Return the settings of a configuration; ``None`` if it cannot be read whole."""
        text = self.read_text(path)
        try:
            if path.endswith(".json"):
                return parse_json_settings(text, self.limits)
            settings, error = parse_yaml_settings((text,), self.limits)
        except (ValueError, LimitReachedError, DamagedError):
            return None
        return settings if error is None and text else None

    def _resolve_file(
        self, path: str, configured: ConfiguredValues, lookups: Collection[str], where: Location
    ) -> tuple[Subject, ...] | None:
        """Return the subjects of what the computed calls of a file resolve to; ``None`` if any remains open.

        Args:
            path: of the file.
            configured: the values under each key.
            lookups: the modules in which the file looks up computed names.
            where: the place of the first such call, which all subjects get.
        """
        text, imported = self.read_text(path), self.find_imported((path,)).get(path)
        resolved = resolve_configured_calls(text, configured, lookups, imported) if imported is not None else None
        resolved = resolve_configured_calls(text, configured, lookups) if resolved is None else resolved
        merged = self.merge_source(path)
        if resolved is not None and merged is not None:
            further = resolve_configured_calls(merged.text, configured, lookups)
            resolved = None if further is None else (*resolved, *further)
        if resolved is None:
            return None
        modules = {each.name for each in resolved if each.use == _IMPORT}
        names = {each.name.removesuffix(".*") for each in resolved if each.use in _NAMING_USES}
        names -= {each for each in names if each.endswith(_CONSTANT)}
        mentions = tuple(replace(each, where=where, detail=each.detail or _CONFIGURED) for each in resolved)
        subjects = tuple(build_outline_subjects(path, Outline(_PYTHON, mentions), self.catalogue))
        is_dangerous = any(each.fields["standing"] == Standing.DANGEROUS.value for each in subjects)
        # A function of the model that the names lead to may get any object.
        is_followed = any(configured.follows(each.rpartition(".")[2]) for each in names)
        is_known = all(map(self._is_known, modules if is_dangerous else modules | names))
        return subjects if is_known and not is_followed else None

    def _is_known(self, name: str) -> bool:
        """Whether a name is one of the model's files, or of a module whose dangerous names the rules list.

        Such a name is judged as where a source writes it out.
        """
        module, _, member = name.rpartition(".")
        package = name.partition(".")[0]
        if package in sys.stdlib_module_names:
            return package not in _CHANGING
        reviewed = [
            key for key, entry in self.catalogue.callables.by_name.items() if entry.standing is Standing.TRUSTED
        ]
        if any(key.startswith(f"{name}.") for key in reviewed) or self._is_own(name):
            return True
        return member not in POWERFUL_MEMBERS and any(key.startswith(f"{module}.") for key in reviewed)

    def _is_own(self, name: str) -> bool:
        """Whether a dotted name begins with a file or folder of the model's own code."""
        root = name.lstrip(".").partition(".")[0]
        paths = (each.path.removesuffix(".py") for each in self.records if each.path.endswith(".py"))
        return any(root in path.split("/") for path in paths)


def _find_lookup(subject: Subject) -> str:
    """Return the module, as ``os.*``, in which code looks up a name that it computes; empty for anything else.

    A module with a computed name harms only if code calls one of its members.
    """
    if subject.kind != "mention" or subject.fields["use"] != uses.COMPUTED:
        return ""
    name = subject.fields["name"]
    return name if isinstance(name, str) and name != _IMPORTED_BY_NAME else ""


def is_source(record: ArtifactRecord) -> bool:
    """Whether a file is Python source by its name, or by its content if it is no configuration as well."""
    return record.path.lower().endswith(".py") or (_PYTHON in record.formats and not _is_configuration(record))


def _is_configuration(record: ArtifactRecord) -> bool:
    """Whether a file is a configuration in JSON or YAML."""
    is_settings = _JSON in record.formats or _YAML in record.formats
    return is_settings and not get_file_name(record.path).endswith(_DATA_FILES)


def _join_lists(settings: Iterable[Setting]) -> Iterator[Setting]:
    """Yield the settings; a list of short texts becomes one text, as ``"".join(config.parts)`` makes of it."""
    for path, group in groupby(settings, key=_get_list_path):
        items = list(group)
        texts = [each.value for each in items if isinstance(each.value, str)]
        if path and len(texts) == len(items) and sum(map(len, texts)) <= _LONGEST_NAME:
            yield Setting(path, "".join(texts), items[0].line)
        else:
            yield from items


def _list_pieces(files: Iterable[tuple[str, Sequence[Setting]]]) -> Mapping[str, tuple[str, ...]]:
    """Return the joined texts under each key that holds nothing but lists of short texts, by path and settings.

    In YAML two keys can hold the same list, so that these count in JSON alone.
    """
    pieces: dict[str, dict[str, None]] = {}
    mixed: set[str] = set()
    for file, settings in files:
        for path, group in groupby(settings, key=_get_list_path):
            items = list(group)
            texts = [each.value for each in items if isinstance(each.value, str)]
            is_whole = [each.path[-1] for each in items if each.path] == list(map(str, range(len(items))))
            if path and file.endswith(".json") and is_whole and len(texts) == len(items):
                pieces.setdefault(path[-1], {})["".join(texts)] = None
                mixed.update(path[:-1])
            else:
                mixed.update(step for each in items for step in each.path)
    return {key: tuple(values) for key, values in pieces.items() if key not in mixed}


def _list_holders(setting: Setting) -> Iterator[str]:
    """Yield the keys whose value is, or holds at whatever depth, anything but a number."""
    if not isinstance(setting.value, int | float):
        yield from (each for each in setting.path if not each.isdigit())


def _list_read_texts(settings: Sequence[Setting]) -> Mapping[tuple[str, ...], str]:
    """Return the text at each path of a file that holds one value there."""
    counted = Counter(each.path for each in settings)
    texts = {each.path: each.value for each in settings if isinstance(each.value, str)}
    return {path: text for path, text in texts.items() if counted[path] == 1}


def _get_list_path(setting: Setting) -> tuple[str, ...]:
    """Return the path of the list that holds a value; empty outside of lists."""
    return setting.path[:-1] if setting.path and setting.path[-1].isdigit() else ()


def _list_texts(settings: Iterable[Setting]) -> Mapping[str, tuple[str, ...]]:
    """Return the texts under each key; a key that also holds a mapping, a list or another value is left out."""
    texts: dict[str, dict[str, None]] = {}
    mixed: set[str] = set()
    for setting in settings:
        key = setting.path[-1] if setting.path else ""
        mixed.update(setting.path[:-1])
        if isinstance(setting.value, str) and not key.isdigit():
            texts.setdefault(key, {})[setting.value] = None
        elif setting.value is not None:
            mixed.add(key)
    return {key: tuple(values) for key, values in texts.items() if key not in mixed}
