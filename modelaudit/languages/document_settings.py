"""Flatten JSON and YAML documents to settings.

The parsers keep duplicate keys and expand YAML anchors and merge keys, because loaders disagree about them and an
attacker can choose the reading.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import yaml
from msgspec import Struct, field

from modelaudit.languages.settings import Setting, normalize_key
from modelaudit.model.copies import replace
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.json_stream import JsonStream
from modelaudit.wire.json_text import check_bounds, convert_recursion_error, parse_whole_number
from modelaudit.wire.yaml_text import MERGE_KEY, YamlError, parse_events, shorten_tag

_MAX_SETTINGS: Final = 600_000
# Behind this number of settings, numbers in lists and under keys that no interpreter reads are not kept: they are rows
# of data, such as the numbers of words in a vocabulary, and name and call nothing.
_MOST_BEFORE_DATA: Final = 100_000
_MAX_JSON_TEXTS: Final = MIB  # characters of all JSON objects that are texts
# Bytes of memory that the settings of one document may take, estimated from their texts.
_MAX_MEMORY: Final = 128 * MIB
# Bytes of one setting without the steps of its path and its value.
_SETTING_MEMORY: Final = 112
_POINTER_SIZE: Final = 8
_MAX_STEPS: Final = 10_000_000


def parse_json_settings(text: str, limits: Limits) -> list[Setting]:
    """Return the settings of one JSON text, including those of duplicate keys.

    Raises:
        LimitReachedError: it contains more than ``_MAX_SETTINGS`` values or than ``limits`` allow, or nests too deep.
        ValueError: it is not JSON.
    """
    check_bounds(text, replace(limits, document_nodes=min(_MAX_SETTINGS, limits.document_nodes)))
    settings, error = collect_json_settings((text,), limits)
    if error is not None:
        raise error
    return settings


def expand_json_texts(settings: Sequence[Setting], limits: Limits) -> list[Setting]:
    """Return the settings, and behind them those of the JSON objects that are texts, as options of vLLM may be."""
    expanded = list(settings)
    characters_left = _MAX_JSON_TEXTS
    for setting in settings:
        text = setting.value.strip() if isinstance(setting.value, str) else ""
        if not text.startswith("{") or not text.endswith("}") or len(text) > characters_left:
            continue
        characters_left -= len(text)
        with suppress(ValueError, LimitReachedError):
            inner_settings = parse_json_settings(text, limits)
            expanded += (Setting((*setting.path, *each.path), each.value, setting.line) for each in inner_settings)
    return expanded


def collect_json_settings(
    pieces: Iterable[str], limits: Limits, has_rows: bool = False, keys: frozenset[str] | None = None
) -> tuple[list[Setting], LimitReachedError | None]:
    """Parse a JSON text that arrives in pieces.

    Args:
        pieces: the text.
        limits: the bounds of the scan.
        has_rows: it has one JSON value on each line; the number of the row is the first step of each path.
        keys: those that interpreters read; ``None`` keeps the numbers under all keys.

    Returns:
        The settings, and the error if a limit was reached.

    Raises:
        ValueError: it is not JSON.
    """
    collector = _JsonSettingsCollector(keys)
    stream = JsonStream(pieces, collector, limits)
    try:
        with convert_recursion_error():
            if has_rows:
                stream.parse_rows()
            else:
                stream.parse_document()
    except LimitReachedError as error:
        return collector.settings, error
    return collector.settings, None


class _SettingsStore(Struct):
    """Keeps settings up to a bound on their number and on the memory that they take.

    Attributes:
        settings: so far.
    """

    settings: list[Setting] = field(default_factory=list)
    _memory: int = 0

    def add(self, setting: Setting) -> None:
        """Keep a setting. Raises ``LimitReachedError`` beyond a bound."""
        if len(self.settings) >= _MAX_SETTINGS:
            raise LimitReachedError(f"it holds more than {_MAX_SETTINGS} values; the rest was not read")
        path = setting.path
        # The steps before the last one are shared with other settings.
        self._memory += _SETTING_MEMORY + _POINTER_SIZE * len(path) + sys.getsizeof(path[-1] if path else "")
        self._memory += sys.getsizeof(setting.value)
        if self._memory > _MAX_MEMORY:
            raise LimitReachedError(f"its values take more than {_MAX_MEMORY} bytes of memory")
        self.settings.append(setting)


class _JsonSettingsCollector:
    """Receives the values of a JSON text, and collects its settings.

    Attributes:
        decoder: keeps duplicate keys.
    """

    def __init__(self, keys: frozenset[str] | None = None) -> None:
        self.decoder = json.JSONDecoder(object_pairs_hook=_ObjectPairs, parse_int=parse_whole_number)
        self._keys = None if keys is None else frozenset(map(normalize_key, keys))
        self._store = _SettingsStore()
        # Of each open array or object: its path, and the number of its items so far.
        self._paths: list[tuple[str, ...]] = []
        self._counts: list[int] = []
        self._is_object: list[bool] = []
        self._key: str | None = None
        self._row: tuple[str, ...] = ()
        self._steps = 0

    @property
    def settings(self) -> list[Setting]:
        """The settings so far."""
        return self._store.settings

    def begin_row(self, number: int) -> None:
        """Begin the paths of the values that follow with the number of their row."""
        self._row = (str(number),)

    def begin_container(self, is_object: bool) -> None:
        """Open an array or object."""
        self._paths.append(self._take_next_path())
        self._counts.append(0)
        self._is_object.append(is_object)

    def end_container(self) -> None:
        """Close the innermost array or object."""
        path, is_object = self._paths.pop(), self._is_object.pop()
        if not self._counts.pop() and is_object:  # an empty object counts as one value
            self._store.add(Setting(path, None))

    def add_key(self, key: str) -> None:
        """Keep a key for the value behind it."""
        self._key = key

    def discard_ended_object(self) -> None:
        """Do nothing: no setting of a value is kept before the whole value arrives."""

    def add_value(self, value: object) -> None:
        """Collect the settings of a value."""
        self._add_tree(self._take_next_path(), value)

    def add_batch(self, value: object) -> None:
        """Collect the settings of several items or pairs."""
        if isinstance(value, _ObjectPairs):
            for key, item in value:
                self._key = key
                self._add_tree(self._take_next_path(), item)
        elif isinstance(value, list):
            for item in value:
                self._add_tree(self._take_next_path(), item)

    def _take_next_path(self) -> tuple[str, ...]:
        """Return the path of the value that comes next, and count that value as an item of its container."""
        if not self._paths:
            return self._row
        step = str(self._counts[-1]) if self._key is None else self._key
        self._counts[-1] += 1
        self._key = None
        return (*self._paths[-1], step)

    def _add_tree(self, path: tuple[str, ...], tree: object) -> None:
        """Collect the single values of a value at ``path``."""
        if not isinstance(tree, list):
            self._add_scalar(path, tree)
            return
        waiting: list[tuple[tuple[str, ...], object]] = [(path, tree)]
        while waiting:
            check_deadline()
            path, value = waiting.pop()
            if isinstance(value, list):
                # Each item or pair copies the path (an object is a list of pairs), so that deep documents cost
                # quadratic memory without this bound.
                self._steps += len(value) * (len(path) + 1)
                if self._steps > _MAX_STEPS:
                    raise LimitReachedError(f"the key paths of its values exceed {_MAX_STEPS} steps")
            if isinstance(value, _ObjectPairs):
                waiting += [((*path, key), item) for key, item in reversed(value)]
                if not value:
                    self._store.add(Setting(path, None))
            elif isinstance(value, list):
                items = list(enumerate(value))
                if len(self.settings) >= _MOST_BEFORE_DATA:
                    items = [(index, item) for index, item in items if type(item) not in (int, float)]
                waiting += [((*path, str(index)), item) for index, item in reversed(items)]
            else:
                self._add_scalar(path, value)

    def _add_scalar(self, path: tuple[str, ...], value: object) -> None:
        """Keep a value that is neither an array nor an object."""
        if type(value) in (int, float) and len(self.settings) >= _MOST_BEFORE_DATA and self._is_data(path):
            return
        if value is None or isinstance(value, str | int | float | bool):
            self._store.add(Setting(path, value))

    def _is_data(self, path: tuple[str, ...]) -> bool:
        """Whether no interpreter reads a number at this place, in whichever spelling of its keys."""
        key = next((step for step in reversed(path) if not step.isdigit()), "")
        return self._keys is not None and normalize_key(key) not in self._keys


class _ObjectPairs(list[tuple[str, object]]):
    """A JSON object as pairs: parsers disagree about which value of a duplicate key counts, so all are kept."""


class _OpenCollection(Struct):
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


def parse_yaml_settings(pieces: Iterable[str], limits: Limits) -> tuple[list[Setting], LimitReachedError | None]:
    """Parse a YAML text of any number of documents that arrives in pieces.

    A syntax error ends the settings without an error. Aliases and merge keys are expanded, up to the limit.

    Returns:
        The settings, and the error if a limit was reached.
    """
    collector = _YamlSettingsCollector()
    try:
        for event in parse_events(pieces, limits):
            if isinstance(event, yaml.CollectionEndEvent):
                collector.close_collection()
            elif isinstance(event, yaml.NodeEvent):
                collector.add_event(event)
    except YamlError:  # the reader of the document reports the syntax error; the part before it still counts
        pass
    except LimitReachedError as error:
        return collector.settings, error
    return collector.settings, None


class _YamlSettingsCollector(Struct):
    """Collects the settings of a YAML text from its events.

    Attributes:
        store: the settings so far.
        frames: the open collections, outermost first.
        scalars: the value of each anchored scalar.
        spans: for each anchored collection that has ended: the length of its path, and the range of its settings.
    """

    store: _SettingsStore = field(default_factory=_SettingsStore)
    frames: list[_OpenCollection] = field(default_factory=list)
    scalars: dict[str, str | None] = field(default_factory=dict)
    spans: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def settings(self) -> list[Setting]:
        """The settings so far."""
        return self.store.settings

    def close_collection(self) -> None:
        """Close the innermost collection."""
        ended = self.frames.pop()
        # An empty collection has no setting of its own, but its tag may be an attack.
        if not ended.index and (ended.tag or ended.is_mapping):
            self.store.add(Setting(ended.path, None, tag=ended.tag))
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
            short_tag = short_tag or parent.tag  # the tag of a collection holds for its values as well
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
            self.store.add(Setting(path, value, _get_line(event), short_tag))

    def _repeat_anchor(self, event: yaml.AliasEvent, path: tuple[str, ...]) -> None:
        """Copy the settings of an anchored collection to ``path``, where an alias refers to it."""
        depth, start, end = self.spans[event.anchor or ""]
        line = _get_line(event)
        # Aliases of aliases grow exponentially ("billion laughs"), up to the bound of the store. The range has ended,
        # so it does not grow with the settings that are added.
        for setting in islice(self.settings, start, end):
            self.store.add(Setting(path + setting.path[depth:], setting.value, line, setting.tag))

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
    """Return the line where an event begins, from 1; ``None`` if the parser does not know it."""
    return event.start_mark.line + 1 if event.start_mark is not None else None
