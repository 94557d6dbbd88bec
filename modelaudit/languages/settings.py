"""Flatten JSON and YAML documents to settings: single values with the path of keys to each.

An *interpreter* knows the meaning of some keys. Because it reads settings instead of a parsed document, it is written
once for all formats. The parsers keep duplicate keys and expand YAML anchors and merge keys, because loaders disagree
about them and an attacker can choose the reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import yaml

from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location
from modelaudit.wire.base import LimitReachedError, Reading, ReadingStep
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.json_text import check_bounds, convert_recursion_error, parse_whole_number, split_json_lines
from modelaudit.wire.yaml_text import MERGE_KEY, YamlError, parse_events, shorten_tag

_MAX_SETTINGS: Final = 300_000
_MAX_STEPS: Final = 10_000_000
_MAX_KEY_LENGTH: Final = 200

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One single value.

    Attributes:
        path: the keys and, in lists, the indices that lead to the value, as text: ``("auto_map", "AutoModel")``.
        value: of JSON as parsed; of YAML the text, or ``None`` for null. An empty mapping is ``None`` too.
        line: from 1, if the format provides it.
        tag: the explicit YAML tag of the value, or of the collection around it; empty if there is none.
    """

    path: tuple[str, ...]
    value: Scalar
    line: int | None = None
    tag: str = ""
    _key: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def key(self) -> str:
        """The last step of the path that is not a list index; empty if there is none.

        It is cached, because twenty interpreters read it for hundreds of thousands of values.
        """
        if self._key is None:
            object.__setattr__(self, "_key", next((step for step in reversed(self.path) if not step.isdigit()), ""))
        return self._key or ""

    @property
    def where(self) -> Location:
        """The location for findings: the line and the joined path, shortened."""
        return Location(line=self.line, key=".".join(self.path)[:_MAX_KEY_LENGTH])

    def get_steps_below(self, key: str) -> tuple[str, ...] | None:
        """Return the steps of the path behind the last ``key``; ``None`` if the path does not contain it."""
        for index in range(len(self.path) - 1, -1, -1):
            if self.path[index] == key:
                return self.path[index + 1 :]
        return None


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A reader of the keys of one library or concern.

    Attributes:
        keys: it reads documents with one of these keys at any depth; ``*`` stands for every document.
        read: takes the path, the settings and the limits; yields structures and absences.
        names: it reads files with these names, in lower case, whatever their keys.
        marks: it reads documents whose text matches this pattern, whatever their keys.
    """

    keys: frozenset[str]
    read: Callable[[str, Sequence[Setting], Limits], Iterator[Reading]]
    names: frozenset[str] = frozenset()
    marks: re.Pattern[str] | None = None

    def wants_document(self, keys: Collection[str], name: str, text: str) -> bool:
        """Whether the interpreter has to read the document.

        Args:
            keys: all keys of the document.
            name: the file name, in lower case.
            text: the whole text.
        """
        is_named = name in self.names or not self.keys.isdisjoint(keys) or "*" in self.keys
        return is_named or (self.marks is not None and bool(self.marks.search(text)))


def interpret_settings(
    interpreters: Iterable[Interpreter], path: str, settings: Sequence[Setting], limits: Limits
) -> Iterator[Reading]:
    """Yield one step for each interpreter, so that a failure of one costs no finding of another.

    Args:
        interpreters: those that want the document.
        path: the path of the artifact.
        settings: the values of the document.
        limits: the bounds of the scan.
    """
    for interpreter in interpreters:
        name = f"{interpreter.read.__module__.removeprefix('modelaudit.')} interpreter"
        yield ReadingStep(name, partial(interpreter.read, path, settings, limits))


def parse_json_settings(text: str, limits: Limits) -> list[Setting]:
    """Return the settings of one JSON text, including those of duplicate keys.

    Raises:
        LimitReachedError: it contains more than ``_MAX_SETTINGS`` values, or nests too deep.
        ValueError: it is not JSON.
    """
    check_bounds(text, replace(limits, document_nodes=min(_MAX_SETTINGS, limits.document_nodes)))
    with convert_recursion_error():
        document = json.JSONDecoder(object_pairs_hook=_ObjectPairs, parse_int=parse_whole_number).decode(text)
    settings: list[Setting] = []
    waiting: list[tuple[tuple[str, ...], object]] = [((), document)]
    steps = 0
    while waiting:
        check_deadline()
        path, value = waiting.pop()
        if isinstance(value, list):
            # Each item or pair copies the path (an object is a list of pairs), so that deep documents cost quadratic
            # memory without this bound.
            steps += len(value) * (len(path) + 1)
            if steps > _MAX_STEPS:
                raise LimitReachedError(f"the key paths of its values exceed {_MAX_STEPS} steps")
        if isinstance(value, _ObjectPairs):
            waiting += [((*path, key), item) for key, item in reversed(value)]
            if not value:
                settings.append(Setting(path, None))
        elif isinstance(value, list):
            waiting += [((*path, str(index)), item) for index, item in reversed(list(enumerate(value)))]
        elif value is None or isinstance(value, str | int | float | bool):
            settings.append(Setting(path, value))
    return settings


def parse_row_settings(text: str, limits: Limits) -> tuple[list[Setting], LimitReachedError | None]:
    """Parse a text with one JSON value on each line.

    Returns:
        The settings, with the number of the row as first step, and the error if a limit was reached.

    Raises:
        ValueError: a line is not JSON.
    """
    settings: list[Setting] = []
    for number, line in enumerate(split_json_lines(text)):
        try:
            row = parse_json_settings(line, limits)
        except LimitReachedError as error:
            return settings, error
        settings += (replace(setting, path=(str(number), *setting.path)) for setting in row)
        if len(settings) > _MAX_SETTINGS:
            return settings, LimitReachedError(
                f"the lines of the file hold more than {_MAX_SETTINGS} values; the rest was not read"
            )
    return settings, None


class _ObjectPairs(list[tuple[str, object]]):
    """A JSON object as pairs: parsers disagree about which value of a duplicate key counts, so all are kept."""


@dataclass(slots=True)
class _OpenCollection:
    """A YAML mapping or sequence that has not ended.

    Attributes:
        path: the steps to it.
        is_mapping: a mapping, not a sequence.
        tag: its explicit tag.
        merges: whether it is the list of a merge key, whose items become part of the enclosing mapping.
        anchor: its anchor; empty if there is none.
        start: the index of its first setting.
        key: the key whose value comes next; ``None`` if a key comes next.
        index: how many keys or items it has had.
    """

    path: tuple[str, ...]
    is_mapping: bool
    tag: str
    merges: bool = False
    anchor: str = ""
    start: int = 0
    key: str | None = None
    index: int = 0

    def get_next_path(self) -> tuple[str, ...]:
        """Return the path of the value that comes next."""
        if self.merges or (self.is_mapping and self.key == MERGE_KEY):
            return self.path
        step = (self.key or "") if self.is_mapping else str(self.index)
        return (*self.path, step)


def parse_yaml_settings(text: str, limits: Limits) -> tuple[list[Setting], LimitReachedError | None]:
    """Parse a YAML text of any number of documents.

    A syntax error ends the settings without an error. Aliases and merge keys are expanded, up to the limit.

    Returns:
        The settings, and the error if a limit was reached.
    """
    collector = _YamlSettingsCollector()
    try:
        for event in parse_events(text, limits):
            if isinstance(event, yaml.CollectionEndEvent):
                collector.close_collection()
            elif isinstance(event, yaml.NodeEvent):
                collector.add_event(event)
            if len(collector.settings) > _MAX_SETTINGS:
                return collector.settings, LimitReachedError(f"it contains more than {_MAX_SETTINGS} values")
    except YamlError:  # the reader of the document reports the syntax error; the part before it still counts
        pass
    except LimitReachedError as error:
        return collector.settings, error
    return collector.settings, None


@dataclass(slots=True)
class _YamlSettingsCollector:
    """Collects the settings of a YAML text from its events.

    Attributes:
        settings: the settings so far.
        frames: the open collections, outermost first.
        scalars: the value of each anchored scalar.
        spans: for each anchored collection that has ended: the length of its path, and the range of its settings.
    """

    settings: list[Setting] = field(default_factory=list)
    frames: list[_OpenCollection] = field(default_factory=list)
    scalars: dict[str, str | None] = field(default_factory=dict)
    spans: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def close_collection(self) -> None:
        """Close the innermost collection."""
        ended = self.frames.pop()
        # An empty collection has no setting of its own, but its tag may be an attack.
        if not ended.index and (ended.tag or ended.is_mapping):
            self.settings.append(Setting(ended.path, None, tag=ended.tag))
        if ended.anchor:
            self.spans[ended.anchor] = (len(ended.path), ended.start, len(self.settings))

    def add_event(self, event: yaml.NodeEvent) -> None:
        """Record the next key, value or start of a collection."""
        tag = getattr(event, "tag", None)
        short_tag = shorten_tag(tag) if isinstance(tag, str) else ""
        value = self._record_and_resolve_scalar(event)
        path: tuple[str, ...] = ()
        merges = False
        if self.frames:
            parent = self.frames[-1]
            if parent.is_mapping and parent.key is None:
                parent.key = value or ""
                parent.index += 1
                if not isinstance(event, yaml.CollectionStartEvent):
                    return
                path = (*parent.path, "")  # a collection that is a key: its value is still to come
            else:
                merges = parent.is_mapping and parent.key == MERGE_KEY
                path = parent.get_next_path()
                parent.index += 1
                parent.key = None
            short_tag = short_tag or parent.tag
        if isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            collection = _OpenCollection(
                path,
                is_mapping,
                short_tag,
                merges=merges and not is_mapping,
                anchor=event.anchor or "",
                start=len(self.settings),
            )
            self.frames.append(collection)
        elif isinstance(event, yaml.AliasEvent) and event.anchor in self.spans:
            self._repeat_anchor(event, path)
        # A scalar, or an alias of one; an alias of an unknown anchor gives no setting.
        elif isinstance(event, yaml.ScalarEvent) or event.anchor in self.scalars:
            self.settings.append(Setting(path, value, _get_line(event), short_tag))

    def _repeat_anchor(self, event: yaml.AliasEvent, path: tuple[str, ...]) -> None:
        """Copy the settings of an anchored collection to ``path``, where an alias refers to it."""
        depth, start, end = self.spans[event.anchor or ""]
        # Aliases of aliases grow exponentially ("billion laughs"): copy no more than one setting above the limit.
        end = min(end, start + _MAX_SETTINGS + 1 - len(self.settings))
        line = _get_line(event)
        self.settings += [
            Setting(path + setting.path[depth:], setting.value, line, setting.tag)
            for setting in self.settings[start:end]
        ]

    def _record_and_resolve_scalar(self, event: yaml.NodeEvent) -> str | None:
        """Return the text of a scalar, or of the scalar that an alias refers to; ``None`` for null or a collection.

        The anchor of a scalar is recorded for the aliases behind it.
        """
        if isinstance(event, yaml.AliasEvent):
            return self.scalars.get(event.anchor or "")
        if event.anchor:
            # YAML 1.2, 3.2.2.2: an anchor can be redefined; an alias refers to the latest definition.
            self.spans.pop(event.anchor, None)
            self.scalars.pop(event.anchor, None)
        if not isinstance(event, yaml.ScalarEvent):
            return None
        # Only a plain scalar can be null: quotes make a text of ``~``.
        is_null = not event.style and event.value in ("", "~", "null", "Null", "NULL")
        value = None if is_null else str(event.value)
        if event.anchor:
            self.scalars[event.anchor] = value
        return value


def _get_line(event: yaml.Event) -> int | None:
    """Return the line on which an event begins, from 1; ``None`` if the parser does not know it."""
    return event.start_mark.line + 1 if event.start_mark is not None else None
